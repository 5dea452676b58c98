"""“Sorted before…” with real folders and the real engine: what was sorted is shown, gone on with and brought back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QMessageBox
from pytestqt.qtbot import QtBot

from lennonnet_gui.jobs import Jobs
from lennonnet_gui.pages import Step, StepButton
from lennonnet_gui.sort_history import SortHistory
from lennonnet_gui.sort_past import about_words, look_back, unfinished_words
from tests.test_sort_dialog import own_trash
from training import photos, sorting, sorting_run, xmp_tags
from training.sorting import TRASH, Action, Item, Rules
from training.sorting_journal import Journal, Run, RunState
from training.sorting_run import Command

NAMES = ("a.jpg", "b.jpg", "c.jpg", "d.jpg")


@pytest.fixture
def holidays(tmp_path: Path) -> Path:
    """Four photos of John, one with a sidecar."""
    made = tmp_path / "Holidays"
    made.mkdir()
    for name in NAMES:
        (made / name).write_bytes(f"photo {name}".encode())
    (made / "b.xmp").write_bytes(b"sidecar")
    return made


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.stop()


@pytest.fixture
def history(qtbot: QtBot, jobs: Jobs) -> SortHistory:
    made = SortHistory(jobs)
    qtbot.addWidget(made)
    return made


def sort(folder: Path, action: Action = Action.MOVE, *, most: int = 99, to: str = "{subject}") -> None:
    """Sort the photos into john/; stops after so many."""
    items = [
        Item(file, photos.digest(file.path), 0.9)
        for batch in photos.scan(folder, recursive=False)
        for file in batch
    ]
    done = [0]

    def control() -> Command:
        done[0] += 1
        return "stop" if done[0] > most else "go"

    with Journal() as journal:
        list(
            sorting_run.run(
                sorting.plan(items, Rules(action, "john", str(folder), to, None)), journal, control
            )
        )


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


def opened(qtbot: QtBot, history: SortHistory) -> None:
    history.show()
    qtbot.waitUntil(lambda: history.photos_model.rowCount() > 0)


def became(history: SortHistory) -> dict[str, str]:
    model = history.photos_model
    return {model.index(at, 0).data(): model.index(at, 2).data() for at in range(model.rowCount())}


def asked(qtbot: QtBot, history: SortHistory, begin: Callable[[], object]) -> QMessageBox:
    begin()
    qtbot.waitUntil(lambda: history._box is not None)
    assert history._box is not None
    return history._box


def answer(qtbot: QtBot, history: SortHistory, box: QMessageBox, words: str) -> None:
    button = next(button for button in box.buttons() if button.text() == words)
    with qtbot.waitSignal(history.run.ended):
        button.click()
    # What is shown is read anew.
    qtbot.waitUntil(lambda: history._pages.currentWidget() is history._history)
    qtbot.waitUntil(lambda: not history._jobs.busy())


def test_where_nothing_was_sorted_it_says_so(qtbot: QtBot, history: SortHistory, home: Path) -> None:
    history.show()
    qtbot.waitUntil(lambda: not history._jobs.busy())
    assert "Nothing was sorted yet" in texts(history._empty)
    assert history._pages.currentWidget() is history._empty
    assert not list(home.rglob("sorting.sqlite3"))


def test_runs_stand_newest_first_with_their_counts(
    qtbot: QtBot, history: SortHistory, holidays: Path
) -> None:
    sort(holidays, Action.COPY)
    (holidays / "e.jpg").write_bytes(b"photo e.jpg")
    sort(holidays, Action.MOVE)
    opened(qtbot, history)
    model = history.runs_model
    lines = [model.index(at).data() for at in range(model.rowCount())]
    assert lines == ["1 to “john/”.", "4 copied to “john/”."]
    runs = [model.run(model.index(at)) for at in range(2)]
    about = [about_words(run, run.when) for run in runs if run is not None]
    assert about == ["just now  ·  1 moved  ·  4 skipped", "just now  ·  4 copied"]
    assert history.undo_all.isEnabled()
    assert not history.go_on.isVisible()
    history.list.setCurrentIndex(model.index(1))
    qtbot.waitUntil(lambda: set(became(history)) == set(NAMES))
    assert set(became(history).values()) == {"Copied"}


@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY, Action.LINK])
def test_undo_restores_all(qtbot: QtBot, history: SortHistory, holidays: Path, action: Action) -> None:
    before = tree(holidays)
    sort(holidays, action)
    assert tree(holidays) != before
    opened(qtbot, history)
    box = asked(qtbot, history, history.undo_all.click)
    assert "4 photos" in box.text()
    assert "Left alone" not in box.informativeText()
    with qtbot.waitSignal(history.sorted) as told:
        answer(qtbot, history, box, "Bring back" if action is Action.MOVE else "Take away")
    assert tree(holidays) == before
    assert not (holidays / "john").exists()
    assert {new for _, new, _ in told.args[0]} == {str(holidays / name) for name in before}
    assert not history.undo_all.isEnabled()
    assert set(became(history).values()) == {"Brought back" if action is Action.MOVE else "Taken away again"}


def test_tags_are_taken_away_again(qtbot: QtBot, history: SortHistory, holidays: Path) -> None:
    (holidays / "b.xmp").write_bytes(xmp_tags.merge(None, xmp_tags.Tags(("Holidays",))))
    before = tree(holidays)
    sort(holidays, Action.TAG)
    assert xmp_tags.read((holidays / "b.xmp").read_bytes()) == {"Holidays", "john"}
    (holidays / "c.jpg.xmp").write_bytes(b"written by somebody since")
    opened(qtbot, history)
    model = history.photos_model
    assert model.headerData(1, Qt.Orientation.Horizontal) == "Sidecar"
    assert [model.index(at, 1).data() for at in range(2)] == ["a.jpg.xmp", "b.xmp"]
    assert "tags in sidecars" in texts(history)
    box = asked(qtbot, history, history.undo_all.click)
    assert box.text() == "Take the tags of 3 photos away again?"
    assert "c.jpg" in box.informativeText().partition("Left alone: 1 photo.")[2]
    with qtbot.assertNotEmitted(history.sorted):
        answer(qtbot, history, box, "Take away")
    after = tree(holidays)
    assert after.pop("c.jpg.xmp") == b"written by somebody since"
    assert after == before
    now = became(history)
    assert now["a.jpg"] == now["b.jpg"] == "As it was before"
    assert now["c.jpg"].startswith("Left alone: ")


def test_chosen_photos_come_out_of_the_trash(
    qtbot: QtBot, history: SortHistory, holidays: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trash = own_trash(tmp_path, monkeypatch)
    sort(holidays, Action.MOVE, to=TRASH)
    assert sorted(path.name for path in trash.iterdir()) == ["a.jpg", "b.jpg", "b.xmp", "c.jpg", "d.jpg"]
    assert tree(holidays) == {}
    opened(qtbot, history)
    assert set(became(history).values()) == {"Moved to the trash"}
    assert history.photos_model.index(0, 1).data() == "The trash"
    (trash / "a.jpg").unlink()  # the trash was emptied, in part
    history.table.selectAll()
    box = asked(qtbot, history, history.undo_some.click)
    assert box.text() == "Bring 3 photos back?"
    assert "a.jpg isn’t in the trash any more" in box.informativeText()
    box.reject()
    history.table.selectRow(list(became(history)).index("b.jpg"))
    answer(qtbot, history, asked(qtbot, history, history.undo_some.click), "Bring back")
    assert tree(holidays) == {"b.jpg": b"photo b.jpg", "b.xmp": b"sidecar"}
    assert became(history)["b.jpg"] == "Brought back"


def test_chosen_photos_alone_go_back(qtbot: QtBot, history: SortHistory, holidays: Path) -> None:
    sort(holidays)
    opened(qtbot, history)
    assert not history.undo_some.isEnabled()
    history.table.selectRow(list(became(history)).index("b.jpg"))
    assert history.undo_some.text() == "Undo 1 chosen"
    answer(qtbot, history, asked(qtbot, history, history.undo_some.click), "Bring back")
    assert set(tree(holidays)) == {"b.jpg", "b.xmp", "john/a.jpg", "john/c.jpg", "john/d.jpg"}
    assert became(history) == {"a.jpg": "Moved", "b.jpg": "Brought back", "c.jpg": "Moved", "d.jpg": "Moved"}


def test_what_is_left_alone_is_named_beforehand_and_afterwards(
    qtbot: QtBot, history: SortHistory, holidays: Path
) -> None:
    sort(holidays)
    (holidays / "john" / "a.jpg").write_bytes(b"edited since")
    (holidays / "john" / "c.jpg").unlink()
    (holidays / "d.jpg").write_bytes(b"a new one")
    opened(qtbot, history)
    box = asked(qtbot, history, history.undo_all.click)
    assert box.text() == "Bring 1 photo back?"
    words = box.informativeText()
    assert "Left alone: 3 photos." in words
    assert "a.jpg has changed since it was put there" in words
    assert "c.jpg isn’t where it was put any more" in words
    assert "d.jpg can’t go back: another file has its old name by now" in words
    answer(qtbot, history, box, "Bring back")
    assert (holidays / "b.jpg").exists()
    assert (holidays / "john" / "a.jpg").read_bytes() == b"edited since"
    assert (holidays / "d.jpg").read_bytes() == b"a new one"
    assert (holidays / "john" / "d.jpg").read_bytes() == b"photo d.jpg"
    now = became(history)
    assert now["b.jpg"] == "Brought back"
    assert now["a.jpg"] == "Left alone: has changed since it was put there"
    assert now["d.jpg"].startswith("Left alone: can’t go back")


def test_a_look_at_what_can_go_back_finds_what_the_undo_will(holidays: Path) -> None:
    items = [Item(file, photos.digest(file.path), 0.9) for batch in photos.scan(holidays) for file in batch]
    plan = sorting.plan(items, Rules(Action.MOVE, "john", str(holidays), "{subject}", None))
    (holidays / "b.xmp").unlink()  # so that its photo goes without it
    with Journal() as journal:
        list(sorting_run.run(plan, journal))
        for photo in (holidays / "john").iterdir():
            os.utime(photo, ns=(1, 1))  # as a program does that copies photos there and back
        (run,) = journal.runs()
    (*_, look) = look_back(run, None)
    assert look is not None and (look.count, look.left) == (len(items), ())
    with Journal() as journal:
        list(sorting_run.undo(run.id, journal))
        assert journal.runs()[0].undone == len(items)


def test_where_nothing_can_go_back_nothing_is_begun(
    qtbot: QtBot, history: SortHistory, holidays: Path
) -> None:
    sort(holidays)
    for name in NAMES:
        (holidays / name).write_bytes(b"in the way")
    opened(qtbot, history)
    box = asked(qtbot, history, history.undo_all.click)
    assert box.text() == "Nothing can be brought back"
    assert [button.text() for button in box.buttons()] == ["Close"]
    box.buttons()[0].click()
    assert not history.running


def test_a_no_leaves_all_as_it_is(qtbot: QtBot, history: SortHistory, holidays: Path) -> None:
    sort(holidays)
    after = tree(holidays)
    opened(qtbot, history)
    box = asked(qtbot, history, history.undo_all.click)
    next(button for button in box.buttons() if button.text() == "Cancel").click()
    assert not history.running
    assert tree(holidays) == after


def test_what_was_interrupted_is_gone_on_with(qtbot: QtBot, history: SortHistory, holidays: Path) -> None:
    before = tree(holidays)
    sort(holidays, most=1)
    left = [name for name in NAMES if (holidays / name).exists()]
    assert left
    opened(qtbot, history)
    assert history.go_on.isVisible()
    assert "Not done yet" in became(history).values()
    with qtbot.waitSignal(history.run.ended):
        history.go_on.click()
    qtbot.waitUntil(lambda: set(became(history).values()) == {"Moved"})
    assert sorted(tree(holidays).values()) == sorted(before.values())
    assert not any((holidays / name).exists() for name in NAMES)
    assert not history.go_on.isVisible()


def test_a_history_that_can_not_be_read_says_why(qtbot: QtBot, history: SortHistory, holidays: Path) -> None:
    sort(holidays)
    with Journal() as journal:
        file = journal.file
    for one in file.parent.glob("sorting.sqlite3*"):
        one.unlink()
    file.write_bytes(b"this is no journal" * 100)
    history.show()
    qtbot.waitUntil(lambda: "The history can’t be read" in texts(history._empty))
    assert "is damaged" in texts(history._empty)
    file.unlink()
    again = next(one for one in history._empty.findChildren(StepButton) if one.text() == Step.TRY_AGAIN)
    again.click()
    qtbot.waitUntil(lambda: "Nothing was sorted yet" in texts(history._empty))


def test_unfinished_runs_in_words() -> None:
    done = Run(1, 0, 1, RunState.FINISHED, Action.MOVE, "john", "/p", "w", done=3)
    some = Run(2, 0, 1, RunState.STOPPED, Action.MOVE, "john", "/p", "w", planned=1, done=3)
    assert unfinished_words([done]) == ""
    assert unfinished_words([some, done]).startswith("A sorting was not finished: 1 photo still to do.")
    assert unfinished_words([some, some]).startswith("2 sortings were not finished: 2 photos still to do.")
