"""“Sort out…” with real folders and the real engine: what is shown, what is done, and that nothing is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QPixmap, QWheelEvent
from PySide6.QtWidgets import QApplication, QComboBox, QLabel
from pytestqt.qtbot import QtBot

from lennonnet_gui.jobs import Jobs
from lennonnet_gui.settings import Settings
from lennonnet_gui.sort_choose import About
from lennonnet_gui.sort_desk import SortDesk
from lennonnet_gui.sort_dialog import SortDialog
from lennonnet_gui.sort_faces import tick_words
from lennonnet_gui.sort_plan_model import PlanModel, Planned
from lennonnet_gui.sort_plan_view import PlanTable
from lennonnet_gui.sort_remembered import Doing, Goes, How, Targets
from lennonnet_gui.sort_run import Tick
from training import photos, sorting, xmp_tags
from training.evaluate import measure
from training.photos import PhotoFile
from training.sorting import Action, Fate, Item, Rules
from training.sorting_disk import Acts
from training.sorting_journal import Journal, RunState
from training.verdicts import Verdict
from training.xmp_tags import Naming
from training.zones import Zone

FIGURES = measure([0.9] * 100 + [0.1] * 200, [True] * 95 + [False] * 205, ["john"] * 300)
SCORES = {"0.jpg": 0.9, "1.jpg": 0.8, "2.jpg": 0.5, "3.jpg": 0.1, "4.jpg": 0.2, "5.jpg": 0.95}


@pytest.fixture
def holidays(tmp_path: Path) -> Path:
    """Six photos, one with a sidecar; three are John, one is not sure, two are not John."""
    made = tmp_path / "Holidays"
    made.mkdir()
    for name in SCORES:
        (made / name).write_bytes(f"photo {name}".encode())
    (made / "0.xmp").write_bytes(b"sidecar")
    return made


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.stop()


def items_of(folder: Path) -> list[Item]:
    return [
        Item(
            file,
            photos.digest(file.path),
            SCORES.get(Path(file.path).name, 0.9),
            None,
            "2024-07-21T10:00:00",
        )
        for batch in photos.scan(folder, recursive=False)
        for file in batch
    ]


def no_picture(file: PhotoFile) -> QPixmap | None:
    return None


@pytest.fixture
def dialog(qtbot: QtBot, jobs: Jobs, holidays: Path) -> SortDialog:
    made = SortDialog(
        jobs, no_picture, lambda: items_of(holidays), lambda: About("john", str(holidays), figures=FIGURES)
    )
    qtbot.addWidget(made)
    made.show()
    return made


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def texts(widget: object) -> str:
    return "\n".join(
        label.text()
        for label in widget.findChildren(QLabel)  # type: ignore[attr-defined]
        if not label.isHidden()
    )


def plan(qtbot: QtBot, dialog: SortDialog) -> Planned:
    dialog.choose.plan_button.click()
    qtbot.waitUntil(lambda: dialog._planned is not None and not dialog.plan._rest.isActive())
    assert dialog._planned is not None
    return dialog._planned


def finish(qtbot: QtBot, dialog: SortDialog, begin: Callable[[], object]) -> str:
    with qtbot.waitSignal(dialog.run.ended):
        begin()
    assert dialog._pages.currentWidget() is dialog.after
    return texts(dialog.after)


# -- choosing


def test_each_target_has_a_live_example(dialog: SortDialog) -> None:
    john = dialog.choose.targets[Zone.SUBJECT]
    assert "john/IMG_0412.jpg" in john.words.text()
    john.field.setText("{subject}/{year}/{month} {name}")
    assert "→ john/2024/07 IMG_0412.jpg" in john.words.text()
    assert dialog.choose.targets[Zone.UNSURE].words.text() == "They stay where they are."
    assert "not_john/IMG_0412.jpg" in dialog.choose.targets[Zone.NOT_SUBJECT].words.text()


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("{subjekt}", "“{subjekt}” in “{subjekt}” means nothing."),
        ("{subject", "a brace is left over"),
        ("../john", "can’t hold “.” or “..”"),
        ("", "Please name a folder, or choose “stay”."),
    ],
)
def test_a_bad_target_is_said_at_its_field(dialog: SortDialog, pattern: str, words: str) -> None:
    target = dialog.choose.targets[Zone.NOT_SUBJECT]
    target.field.setText(pattern)
    assert words in target.words.text()
    assert "For example" in dialog.choose.targets[Zone.SUBJECT].words.text()
    assert not dialog.choose.plan_button.isEnabled()
    target.goes.setCurrentIndex(1)
    assert dialog.choose.plan_button.isEnabled()


def test_there_has_to_be_somewhere_to_go(dialog: SortDialog) -> None:
    for target in dialog.choose.targets.values():
        target.goes.setCurrentIndex(1)
    assert not dialog.choose.plan_button.isEnabled()
    assert "All photos would stay where they are." in texts(dialog.choose)


def test_a_folder_that_can_not_be_used_is_said_at_once(
    qtbot: QtBot, dialog: SortDialog, holidays: Path
) -> None:
    dialog.choose.use_root(str(holidays / "0.jpg"))
    qtbot.waitUntil(lambda: "is a file. Choose another folder." in texts(dialog.choose))
    assert not dialog.choose.plan_button.isEnabled()
    dialog.choose._beside.click()
    assert dialog.choose.plan_button.isEnabled()
    assert "Choose another folder" not in texts(dialog.choose)


def test_a_click_puts_a_field_into_the_pattern(qtbot: QtBot, dialog: SortDialog) -> None:
    target = dialog.choose.targets[Zone.NOT_SUBJECT]
    target.field.setText("others/")
    dialog.choose._entered(target.field)
    dialog.choose._put_in("{year}")
    assert target.pattern() == "others/{year}"


# -- the plan


def test_the_plan_is_told_before_anything_happens(qtbot: QtBot, dialog: SortDialog, holidays: Path) -> None:
    before = tree(holidays)
    plan(qtbot, dialog)
    words = texts(dialog.plan)
    assert "3 to “john/”, 2 to “not_john/”, 1 stays." in words
    assert "Expect about" in words
    assert "wrong of the 3 John (" in words
    assert "1 sidecar goes along." in words
    model = dialog.plan.table.plan_model
    shown = [[model.index(at, column).data() for column in range(3)] for at in range(model.rowCount())]
    assert shown[0] == ["0.jpg", "To john/ (and 1 file along)", "90 % John"]
    assert shown[2] == ["2.jpg", "Stays", "50 % John"]
    assert dialog.plan.start.text() == "Move 5 photos"
    assert dialog.focusWidget() is dialog.plan.table  # a second Enter moves nothing
    assert tree(holidays) == before


def test_a_double_click_asks_for_the_plan_and_does_not_start_it(
    qtbot: QtBot, dialog: SortDialog, holidays: Path
) -> None:
    before = tree(holidays)
    qtbot.mouseClick(dialog.choose.plan_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog._planned is not None)
    qtbot.mouseClick(dialog.plan.start, Qt.MouseButton.LeftButton)
    assert not dialog.running
    qtbot.waitUntil(dialog.plan.start.isEnabled)
    assert tree(holidays) == before
    dialog.plan.table.plan_model.leave_out([0], True)
    assert dialog.plan.start.isEnabled()


def test_chips_show_the_photos_of_one_fate(qtbot: QtBot, dialog: SortDialog, holidays: Path) -> None:
    (holidays / "john").mkdir()
    (holidays / "john" / "1.jpg").write_bytes(b"photo 1.jpg")
    (holidays / "john" / "5.jpg").write_bytes(b"another")
    plan(qtbot, dialog)
    model, chips = dialog.plan.table.plan_model, dialog.plan.chips
    assert {fate for fate, chip in chips.items() if not chip.isHidden()} == {None, *Fate} - {
        Fate.THERE,
        Fate.PROBLEM,
    }
    chips[Fate.SAME].click()
    assert [model.row(at).file.path for at in range(model.rowCount())] == [str(holidays / "1.jpg")]
    assert model.index(0, 1).data() == f"Skipped: same as john{os.sep}1.jpg"
    chips[None].click()
    assert model.rowCount() == 6
    assert model.index(5, 1).data() == f"To john{os.sep}5 (2).jpg"


def test_chips_follow_what_is_left_out(qtbot: QtBot, dialog: SortDialog) -> None:
    plan(qtbot, dialog)
    model, chips = dialog.plan.table.plan_model, dialog.plan.chips

    def shown(fate: Fate | None) -> list[str]:
        chips[fate].click()
        return [Path(model.row(at).file.path).name for at in range(model.rowCount())]

    model.leave_out([0, 3], True)
    assert [chips[fate].text() for fate in (None, Fate.GOES, Fate.STAYS)] == ["All  6", "Go  3", "Stay  3"]
    assert shown(Fate.STAYS) == ["0.jpg", "2.jpg", "3.jpg"]
    assert shown(Fate.GOES) == ["1.jpg", "4.jpg", "5.jpg"]
    model.leave_out([0], True)  # still in sight, to be taken along again
    assert model.rowCount() == 3
    model.leave_out([0, 1, 2], True)
    assert chips[Fate.GOES].text() == "Go  0"
    assert not chips[Fate.GOES].isHidden()
    assert shown(None) == sorted(SCORES)
    assert chips[Fate.GOES].isHidden()
    assert not dialog.plan.start.isEnabled()
    model.leave_out(range(6), False)
    assert chips[Fate.GOES].text() == "Go  5"


def test_that_nothing_is_known_of_mistakes_is_said_quietly(qtbot: QtBot, dialog: SortDialog) -> None:
    plan(qtbot, dialog)
    assert dialog.plan._wrong.text().startswith("Expect about")
    assert "can’t be told" not in texts(dialog.plan)
    known, dialog._planned = dialog._about, None
    dialog._about_of = lambda: replace(known, figures=None)
    plan(qtbot, dialog)
    assert dialog.plan._wrong.isHidden()
    assert "How many of the 5 that were only guessed are wrong can’t be told" in dialog.plan._others.text()
    assert dialog.plan._others.text().count("can’t be told") == 1


def test_a_photo_that_can_not_go_says_why(
    qtbot: QtBot, jobs: Jobs, dialog: SortDialog, holidays: Path
) -> None:
    gone = Item(PhotoFile(str(holidays / "gone.jpg"), 3, 3), None, 0.99)
    dialog._items_of = lambda: [*items_of(holidays), gone]
    plan(qtbot, dialog)
    dialog.plan.chips[Fate.PROBLEM].click()
    model = dialog.plan.table.plan_model
    assert [model.index(0, column).data() for column in (0, 1)] == [
        "gone.jpg",
        "Can’t go: isn’t there any more",
    ]


def test_a_row_that_is_unticked_stays(qtbot: QtBot, dialog: SortDialog, holidays: Path) -> None:
    plan(qtbot, dialog)
    table = dialog.plan.table
    first = table.visualRect(table.plan_model.index(0, 0))
    qtbot.mouseClick(
        table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(first.x() + 16, first.center().y())
    )
    assert dialog.plan.start.text() == "Move 4 photos"
    qtbot.waitUntil(lambda: "2 to “john/”, 2 to “not_john/”, 2 stay." in texts(dialog.plan))
    table.selectRow(3)
    qtbot.keyClick(table, Qt.Key.Key_Space)
    assert dialog.plan.start.text() == "Move 3 photos"
    qtbot.keyClick(table, Qt.Key.Key_Space)
    assert dialog.plan.start.text() == "Move 4 photos"
    finish(qtbot, dialog, dialog.plan.start.click)
    assert (holidays / "0.jpg").exists()
    assert (holidays / "0.xmp").exists()
    assert {name for name in tree(holidays) if "/" in name} == {
        "john/1.jpg",
        "john/5.jpg",
        "not_john/3.jpg",
        "not_john/4.jpg",
    }


def test_a_verdict_is_corrected_on_the_spot(qtbot: QtBot, dialog: SortDialog) -> None:
    plan(qtbot, dialog)
    table = dialog.plan.table
    table.plan_model.leave_out([1], True)
    table.selectRow(2)
    with qtbot.waitSignal(dialog.corrected) as corrected:
        table._is_subject()
    files, verdict = corrected.args
    assert ([os.path.basename(file.path) for file in files], verdict) == (["2.jpg"], Verdict.SUBJECT)  # noqa: PTH119
    qtbot.waitUntil(lambda: table.plan_model.index(2, 2).data() == "You said John")
    assert table.plan_model.row(2).fate is Fate.GOES
    assert table.plan_model.index(1, 1).data() == "Stays: you left it out"


def test_a_hundred_thousand_rows_are_shown_at_once(qtbot: QtBot) -> None:
    rules = Rules(Action.MOVE, "john", "/photos")
    some = sorting.plan([], rules)
    row = sorting.Row(PhotoFile("/photos/a.jpg", 1, 1), Fate.GOES, "/photos/john/a.jpg", "90 % John", Zone.SUBJECT,
                      False, 0.9, None)  # fmt: skip
    planned = Planned.of(replace(some, rows=(row,) * 100_000))
    table = PlanTable(no_picture)
    qtbot.addWidget(table)
    table.resize(800, 600)
    table.show()
    qtbot.waitExposed(table)
    asked = [0]
    whole = PlanModel.data

    def counted(self: PlanModel, *arguments: object) -> object:
        asked[0] += 1
        return whole(self, *arguments)  # type: ignore[arg-type]

    PlanModel.data = counted  # type: ignore[method-assign,assignment]
    try:
        table.plan_model.set_planned(planned)
        table.scrollToBottom()
        table.grab()
    finally:
        PlanModel.data = whole  # type: ignore[method-assign]
    assert table.plan_model.rowCount() == 100_000
    assert 0 < asked[0] < 2_000
    assert len(table.wanted()) < 30


# -- the run


@pytest.mark.parametrize("doing", [Doing.MOVE, Doing.COPY, Doing.LINK])
def test_nothing_is_lost_and_undo_restores_all(
    qtbot: QtBot, dialog: SortDialog, holidays: Path, doing: Doing
) -> None:
    before = tree(holidays)
    dialog.choose.choices[doing].click()
    plan(qtbot, dialog)
    with qtbot.waitSignal(dialog.sorted) as told:
        words = finish(qtbot, dialog, dialog.plan.start.click)
    done = {Doing.MOVE: "moved", Doing.COPY: "copied", Doing.LINK: "linked"}[doing]
    assert f"5 photos {done}" in words
    now = tree(holidays)
    assert {now[f"john/{name}"] for name in ("0.jpg", "1.jpg", "5.jpg", "0.xmp")} == {
        before[name] for name in ("0.jpg", "1.jpg", "5.jpg", "0.xmp")
    }
    assert sorted(set(now.values())) == sorted(set(before.values()))
    (places,) = told.args
    assert (
        str(holidays / "3.jpg"),
        str(holidays / "not_john" / "3.jpg"),
        photos.digest(str(holidays / "not_john" / "3.jpg")),
    ) in places
    assert len(places) == 6
    with qtbot.waitSignal(dialog.sorted) as told:
        finish(qtbot, dialog, dialog.after._undo.click)
    assert tree(holidays) == before
    assert not (holidays / "john").exists()
    (places,) = told.args
    assert [(new, digest is not None) for old, new, digest in places if old.endswith("3.jpg")] == [
        (str(holidays / "3.jpg"), True)
    ]


def test_what_changed_since_is_named_with_the_reason(
    qtbot: QtBot, dialog: SortDialog, holidays: Path
) -> None:
    plan(qtbot, dialog)
    (holidays / "1.jpg").write_bytes(b"edited meanwhile")
    words = finish(qtbot, dialog, dialog.plan.start.click)
    assert "1 photo was left as it was, and why" in words
    assert dialog.after.failures == ["1.jpg has changed since the plan was made"]
    assert (holidays / "1.jpg").read_bytes() == b"edited meanwhile"


def cancel_after(monkeypatch: pytest.MonkeyPatch, dialog: SortDialog, files: int) -> None:
    """Have the user cancel once so many files were renamed."""
    renamed: list[str] = []
    real = Acts.rename

    def rename(self: Acts, source: str, target: str) -> None:
        real(self, source, target)
        renamed.append(target)
        if len(renamed) == files:
            dialog.run.stop()

    monkeypatch.setattr(Acts, "rename", rename)


def many(folder: Path) -> None:
    for number in range(1000):
        name = f"IMG_{number}.jpg"
        (folder / name).write_bytes(name.encode())


def test_cancel_leaves_a_state_that_can_be_gone_on_with(
    qtbot: QtBot, dialog: SortDialog, holidays: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(holidays)
    before = tree(holidays)
    plan(qtbot, dialog)
    with monkeypatch.context() as patched:
        cancel_after(patched, dialog, 40)
        words = finish(qtbot, dialog, dialog.plan.start.click)
    assert "still to do" in words
    assert "You can go on now or later." in words
    now = tree(holidays)
    assert sorted(now.values()) == sorted(before.values())
    assert 0 < len([name for name in now if "/" in name]) < 1000
    with Journal() as journal:
        (run,) = journal.runs()
    assert run.can_resume
    assert run.can_undo
    finish(qtbot, dialog, dialog.after._resume.click)
    assert sorted(tree(holidays).values()) == sorted(before.values())
    assert len([name for name in tree(holidays) if "/" in name]) == 1006
    assert not dialog.after._resume.isVisible()


def test_closing_asks_first_and_then_stops_cleanly(
    qtbot: QtBot, dialog: SortDialog, holidays: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(holidays)
    before = tree(holidays)
    plan(qtbot, dialog)
    dialog.plan.start.click()
    dialog._pause()
    dialog.close()
    assert dialog.isVisible()
    box = dialog._question.box
    assert box is not None
    next(button for button in box.buttons() if button.text() == "Keep sorting").click()
    assert dialog.running
    assert dialog.isVisible()
    dialog.close()
    box = dialog._question.box
    assert box is not None
    stop = next(button for button in box.buttons() if button.text() == "Stop")
    with qtbot.waitSignal(dialog.run.ended):
        stop.click()
    qtbot.waitUntil(lambda: not dialog.isVisible())
    assert sorted(tree(holidays).values()) == sorted(before.values())


def test_a_pause_rests_and_goes_on(qtbot: QtBot, dialog: SortDialog, holidays: Path) -> None:
    many(holidays)
    plan(qtbot, dialog)
    dialog.plan.start.click()
    dialog.during._pause.click()
    qtbot.waitUntil(lambda: dialog.during._tick.paused)
    assert "paused" in texts(dialog.during)
    with qtbot.waitSignal(dialog.run.ended):
        dialog.during._pause.click()
    assert len([name for name in tree(holidays) if "/" in name]) == 1006


def test_another_sorting_is_waited_for_in_words(qtbot: QtBot, dialog: SortDialog, holidays: Path) -> None:
    before = tree(holidays)
    plan(qtbot, dialog)
    with Journal() as journal, journal.alone():
        words = finish(qtbot, dialog, dialog.plan.start.click)
    assert "Another window or command is sorting photos." in words
    assert tree(holidays) == before


def test_the_program_ends_in_the_midst_of_it(
    qtbot: QtBot, dialog: SortDialog, jobs: Jobs, holidays: Path
) -> None:
    many(holidays)
    before = tree(holidays)
    plan(qtbot, dialog)
    dialog.plan.start.click()
    dialog._pause()
    qtbot.waitUntil(lambda: dialog.during._tick.paused)
    dialog.shut()
    jobs.stop()
    assert sorted(tree(holidays).values()) == sorted(before.values())
    with Journal() as journal:
        (run,) = journal.runs()
    assert (run.state, run.can_resume) == (RunState.STOPPED, True)


# -- a table


@pytest.mark.parametrize("name", ["photos.csv", "photos.json"])
def test_a_table_names_every_photo_and_moves_none(
    qtbot: QtBot, dialog: SortDialog, holidays: Path, tmp_path: Path, name: str
) -> None:
    before = tree(holidays)
    dialog.choose.choices[Doing.TABLE].click()
    assert not dialog.choose.plan_button.isEnabled()
    dialog.choose.use_table(str(tmp_path / name))
    plan(qtbot, dialog)
    assert "6 photos: 3 John, 1 not sure, 2 not John." in texts(dialog.plan)
    dialog.plan.start.click()
    qtbot.waitUntil(lambda: dialog._pages.currentWidget() is dialog.after)
    assert f"6 photos written to “{name}”" in texts(dialog.after)
    assert tree(holidays) == before
    text = (tmp_path / name).read_text("utf-8")
    if name.endswith(".json"):
        lines = json.loads(text)
        assert [line["verdict"] for line in lines] == [
            "john",
            "john",
            "not_sure",
            "not_john",
            "not_john",
            "john",
        ]
        assert {line["outcome"] for line in lines} == {"stays"}
    else:
        assert len(text.splitlines()) == 7


def test_a_table_that_can_not_be_written_says_so(qtbot: QtBot, dialog: SortDialog, tmp_path: Path) -> None:
    dialog.choose.choices[Doing.TABLE].click()
    dialog.choose.use_table(str(tmp_path / "nowhere" / "photos.csv"))
    plan(qtbot, dialog)
    dialog.plan.start.click()
    qtbot.waitUntil(lambda: "can’t be written" in texts(dialog.choose))


# -- tags


def tagged(folder: Path) -> dict[str, set[str]]:
    return {path.name: xmp_tags.read(path.read_bytes()) for path in folder.glob("*.xmp")}


@pytest.fixture
def sidecars(holidays: Path) -> dict[str, bytes]:
    """0.jpg has a sidecar of somebody else's; returns the tree."""
    (holidays / "0.xmp").write_bytes(xmp_tags.merge(None, xmp_tags.Tags(("Holidays",))))
    return tree(holidays)


def test_a_tag_has_a_live_example(dialog: SortDialog) -> None:
    dialog.choose.choices[Doing.TAG].click()
    tag = dialog.choose.tags[Zone.SUBJECT]
    assert tag.words.text() == "For example: IMG_0412.jpg gets “john”, in IMG_0412.jpg.xmp"
    tag.field.setText("People/{subject}/{year}")
    dialog.choose.naming.setCurrentIndex(1)
    assert tag.words.text() == "For example: IMG_0412.jpg gets “People/john/2024”, in IMG_0412.xmp"
    tag.field.setText(" ")
    assert tag.words.text() == "Please name a tag, or choose “get no tag”."
    assert not dialog.choose.plan_button.isEnabled()
    tag.goes.setCurrentIndex(1)
    assert "No photo would get a tag." in texts(dialog.choose)


def test_only_what_one_said_oneself_is_tagged_unless_one_wants_more(
    qtbot: QtBot, dialog: SortDialog, holidays: Path, sidecars: dict[str, bytes]
) -> None:
    dialog.choose.choices[Doing.TAG].click()
    assert dialog.choose.rules().only_confirmed
    assert plan(qtbot, dialog).words == "6 stay as they are."
    assert not dialog.plan.start.isEnabled()
    table = dialog.plan.table
    table.selectRow(0)
    table._is_subject()
    qtbot.waitUntil(lambda: dialog.plan.start.text() == "Tag 1 photo")
    dialog._go_back()
    dialog.choose.choices[Doing.MOVE].click()
    assert not dialog.choose.rules().only_confirmed  # each has its own


@pytest.mark.parametrize("naming", list(Naming))
def test_tags_are_written_and_taken_away_again(
    qtbot: QtBot, dialog: SortDialog, holidays: Path, sidecars: dict[str, bytes], naming: Naming
) -> None:
    choose = dialog.choose
    choose.choices[Doing.TAG].click()
    choose.only_confirmed_tags.setChecked(False)
    choose.tags[Zone.SUBJECT].field.setText("People/{subject}")
    choose.naming.setCurrentIndex(choose.naming.findData(naming))
    plan(qtbot, dialog)
    assert "3 get the tag “People/john”: 2 new sidecars, 1 merged; 3 stay as they are." in texts(dialog.plan)
    model = dialog.plan.table.plan_model
    whats = [model.index(at, 1).data() for at in range(3)]
    assert whats == [
        "Gets “People/john”, into its sidecar",
        "Gets “People/john”, new sidecar",
        "Stays as it is",
    ]
    assert dialog.plan.chips[Fate.GOES].text() == "Get tags  3"
    assert dialog.plan.start.text() == "Tag 3 photos"
    with qtbot.assertNotEmitted(dialog.sorted):  # no photo is elsewhere
        words = finish(qtbot, dialog, dialog.plan.start.click)
    assert "3 photos tagged" in words
    assert not dialog.after._folder.isVisible()
    one, five = ("1.jpg.xmp", "5.jpg.xmp") if naming is Naming.FULL else ("1.xmp", "5.xmp")
    assert tagged(holidays) == {
        "0.xmp": {"Holidays", "People/john"},
        one: {"People/john"},
        five: {"People/john"},
    }
    assert {name: held for name, held in tree(holidays).items() if name.endswith(".jpg")} == {
        name: held for name, held in sidecars.items() if name.endswith(".jpg")
    }
    finish(qtbot, dialog, dialog.after._undo.click)
    assert tree(holidays) == sidecars


# -- the trash


def own_trash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is thrown away from now on, as freedesktop systems keep it, in a folder of the test's own."""
    plain = pytest.importorskip("send2trash.plat_other")
    home = tmp_path / "share"
    home.mkdir()
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    monkeypatch.setattr(plain, "XDG_DATA_HOME", os.fsencode(home))
    monkeypatch.setattr(plain, "HOMETRASH_B", os.fsencode(home / "Trash"))
    monkeypatch.setattr("send2trash.send2trash", plain.send2trash)
    return home / "Trash" / "files"


@pytest.fixture
def trash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return own_trash(tmp_path, monkeypatch)


def throw_away(dialog: SortDialog, zone: Zone) -> None:
    goes = dialog.choose.targets[zone].goes
    goes.setCurrentIndex(goes.findData(Goes.TRASH))


def test_photos_go_to_the_trash_and_come_back(
    qtbot: QtBot, dialog: SortDialog, holidays: Path, trash: Path
) -> None:
    before = tree(holidays)
    throw_away(dialog, Zone.NOT_SUBJECT)
    assert "To the trash of this computer." in dialog.choose.targets[Zone.NOT_SUBJECT].words.text()
    plan(qtbot, dialog)
    assert "3 to “john/”, 2 to the trash, 1 stays." in texts(dialog.plan)
    assert dialog.plan.table.plan_model.index(3, 1).data() == "To the trash"
    assert dialog.plan.start.text() == "Move 3 photos, 2 to the trash"
    assert "can be brought back" in texts(dialog.plan)
    dialog.plan.table.plan_model.leave_out([0, 1, 5], True)
    assert dialog.plan.start.text() == "Move 2 photos to the trash"
    with qtbot.waitSignal(dialog.sorted) as told:
        finish(qtbot, dialog, dialog.plan.start.click)
    assert told.args == [[]]  # they are nowhere that could be shown, but the folder has to be looked at
    assert sorted(path.name for path in trash.iterdir()) == ["3.jpg", "4.jpg"]
    assert set(tree(holidays)) == set(before) - {"3.jpg", "4.jpg"}
    with qtbot.waitSignal(dialog.sorted) as told:
        finish(qtbot, dialog, dialog.after._undo.click)
    assert tree(holidays) == before
    assert {new for _, new, _ in told.args[0]} == {str(holidays / name) for name in ("3.jpg", "4.jpg")}


def test_only_what_is_moved_can_go_to_the_trash(dialog: SortDialog) -> None:
    throw_away(dialog, Zone.NOT_SUBJECT)
    dialog.choose.choices[Doing.COPY].click()
    target = dialog.choose.targets[Zone.NOT_SUBJECT]
    assert [target.goes.itemText(at) for at in range(target.goes.count())] == ["go to", "stay"]
    assert target.pattern() is None
    dialog.choose.choices[Doing.MOVE].click()
    assert target.goes.count() == 3
    assert target.pattern() is None  # not thrown away by the way


@pytest.mark.parametrize("doing", [Doing.MOVE, Doing.TAG])
def test_the_wheel_chooses_nothing(qtbot: QtBot, dialog: SortDialog, doing: Doing) -> None:
    dialog.choose.choices[doing].click()
    rules = dialog.choose.rules()
    for offer in dialog.choose.findChildren(QComboBox):
        middle = QPointF(offer.rect().center())
        turned = QWheelEvent(middle, offer.mapToGlobal(middle), QPoint(), QPoint(0, -120),
                             Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
                             Qt.ScrollPhase.NoScrollPhase, False)  # fmt: skip
        QApplication.sendEvent(offer, turned)
    assert dialog.choose.rules() == rules


def test_folders_are_shown_from_the_users_own_on(dialog: SortDialog) -> None:
    home = str(Path.home())
    dialog.choose.use_root(os.path.join(home, "Pictures", "2024"))  # noqa: PTH118
    assert f"~{os.sep}Pictures{os.sep}2024" in texts(dialog.choose)
    dialog.choose.use_root(home)
    assert home in texts(dialog.choose)


# -- what is remembered


@pytest.fixture
def opened(qtbot: QtBot, jobs: Jobs, holidays: Path) -> Iterator[Callable[..., SortDialog]]:
    """“Sort out…” of a program that was started anew, with the settings file that all of them share."""
    kept = []  # windows that nobody holds would be cleared away in whichever thread comes to it

    def made(subject_id: str = "john", folder: Path = holidays) -> SortDialog:
        about = About("john", str(folder), figures=FIGURES, subject_id=subject_id)
        settings = Settings()
        dialog = SortDialog(jobs, no_picture, lambda: items_of(folder), lambda: about, settings=settings)
        kept.append(dialog)
        qtbot.addWidget(dialog)
        dialog.show()
        qtbot.waitUntil(lambda: not jobs.busy())
        return dialog

    yield made


def test_what_was_chosen_is_there_the_next_time(
    qtbot: QtBot, opened: Callable[..., SortDialog], tmp_path: Path
) -> None:
    (tmp_path / "archive").mkdir()
    first = opened()
    first.choose.choices[Doing.COPY].click()
    first.choose.along.setChecked(False)
    first.choose.only_confirmed.setChecked(True)
    first.choose.only_confirmed_tags.setChecked(False)
    first.choose.naming.setCurrentIndex(1)
    first.choose.targets[Zone.SUBJECT].field.setText("{subject}/{year}")
    first.choose.targets[Zone.UNSURE].goes.setCurrentIndex(0)
    first.choose.tags[Zone.SUBJECT].field.setText("People/{subject}")
    first.choose.use_root(str(tmp_path / "archive"))
    assert opened().choose.doing is Doing.MOVE  # a plan was not asked for
    plan(qtbot, first)
    again = opened()
    qtbot.waitUntil(lambda: again.choose.root == str(tmp_path / "archive"))
    assert again.choose.rules() == first.choose.rules()
    assert again.choose.how() == first.choose.how()
    assert again.choose.chosen_targets() == first.choose.chosen_targets()
    other = opened("ringo")  # how it is done is the same for all; where they go is each subject's own
    assert other.choose.doing is Doing.COPY
    assert other.choose.targets[Zone.SUBJECT].pattern() == "{subject}"


@pytest.mark.parametrize("typed", ["{}/elsewhere", " {}/elsewhere", "trash:"])
def test_what_would_surprise_is_not_remembered(
    qtbot: QtBot, opened: Callable[..., SortDialog], tmp_path: Path, holidays: Path, typed: str
) -> None:
    (tmp_path / "archive").mkdir()
    first = opened()
    throw_away(first, Zone.NOT_SUBJECT)
    first.choose.targets[Zone.UNSURE].goes.setCurrentIndex(0)
    first.choose.targets[Zone.UNSURE].field.setText(typed.format(tmp_path))
    first.choose.use_root(str(tmp_path / "archive"))
    plan(qtbot, first)
    (tmp_path / "archive").rmdir()
    again = opened()
    assert again.choose.targets[Zone.NOT_SUBJECT].pattern() is None
    assert again.choose.targets[Zone.UNSURE].pattern() is None
    assert again.choose.root == str(holidays)
    assert "“archive”, where they went before, isn’t there any more." in texts(again.choose)
    assert again.choose.plan_button.isEnabled()
    (tmp_path / "archive").mkdir()
    (tmp_path / "other").mkdir()
    assert opened(folder=tmp_path / "other").choose.root == str(tmp_path / "other")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"doing": 3, "along": "no"}', '{"folders": {"subject": ["to"]}, "tags": 4}',
     '{"of": "zz", "root": 4}', '{"folders": {"subject": ["fly", 7], "unsure": ["to", ""]}}'],
)  # fmt: skip
def test_what_makes_no_sense_in_the_settings_is_the_default(
    opened: Callable[..., SortDialog], text: str
) -> None:
    for name in ("sort/how", "sort/targets/john", "sort/root"):
        Settings().set(name, text)
    choose = opened().choose
    assert choose.how() == How()
    assert choose.chosen_targets() == Targets()


def test_another_folder_that_was_opened_meanwhile_is_not_sorted_unseen(
    qtbot: QtBot, dialog: SortDialog, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "0.jpg").write_bytes(b"another photo")
    dialog._about_of = lambda: About("john", str(tmp_path / "other"))
    dialog._items_of = lambda: items_of(tmp_path / "other")
    dialog.choose.plan_button.click()
    assert dialog._pages.currentWidget() is dialog.choose
    assert "Something else is open by now." in texts(dialog.choose)
    assert dialog.choose.root == str(tmp_path / "other")
    assert len(plan(qtbot, dialog).plan.rows) == 1


# -- words, and the desk


def test_how_far_it_is_in_words() -> None:
    tick = Tick(12, 412, 1_200_000_000, 3_100_000_000, 85.0, 240.0)
    assert tick_words(tick, paused=False, stopping=False) == (
        "12 of 412 photos  ·  1.2 GB of 3.1 GB  ·  85 photos/s  ·  about 4 minutes left"
    )
    assert tick_words(tick, paused=True, stopping=False).endswith("  ·  paused")
    assert "stopping" in tick_words(tick, paused=True, stopping=True)


def test_what_a_crash_left_is_told_at_the_start(
    qtbot: QtBot, jobs: Jobs, holidays: Path, dialog: SortDialog
) -> None:
    desk = SortDesk(
        jobs, no_picture, lambda: items_of(holidays), lambda: About("john", str(holidays)), dialog
    )
    made = sorting.plan(items_of(holidays), Rules(Action.MOVE, "john", str(holidays)))
    with Journal() as journal:
        list(journal.begin(made, "5 to john"))  # and then the power went
    with qtbot.waitSignal(desk.notice) as told:
        desk.settle()
    assert told.args == [
        "A sorting was not finished: 5 photos still to do. “Sorted before…” goes on with it or undoes it."
    ]


def test_where_nothing_was_sorted_nothing_is_told_or_made(
    qtbot: QtBot, jobs: Jobs, holidays: Path, dialog: SortDialog, home: Path
) -> None:
    desk = SortDesk(jobs, no_picture, lambda: [], lambda: About("john", str(holidays)), dialog)
    with qtbot.assertNotEmitted(desk.notice, wait=1):
        desk.settle()
        qtbot.waitUntil(lambda: not jobs.busy())
    assert not list(home.rglob("sorting.sqlite3"))


def test_the_desk_passes_on_what_was_sorted(
    qtbot: QtBot, jobs: Jobs, holidays: Path, dialog: SortDialog
) -> None:
    desk = SortDesk(
        jobs, no_picture, lambda: items_of(holidays), lambda: About("john", str(holidays)), dialog
    )
    desk.sort_action.trigger()
    plan(qtbot, desk.dialog)
    with qtbot.waitSignal(desk.sorted) as told:
        desk.dialog.plan.start.click()
    assert len(told.args[0]) == 6
    qtbot.waitUntil(lambda: not desk.running)
    done: list[int] = []
    desk.ask_to_stop(lambda: done.append(1))
    assert done == [1]
