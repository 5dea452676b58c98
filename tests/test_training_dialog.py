from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QPixmap, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDoubleSpinBox, QMessageBox, QPushButton, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from lennonnet_gui import photo_drag, theme, training_dialog
from lennonnet_gui.jobs import Jobs
from lennonnet_gui.photo_list_dialog import PhotoListDialog
from lennonnet_gui.theme import Scheme
from lennonnet_gui.training_after import Comparison
from lennonnet_gui.training_before import Advanced, Choice, Conflict
from lennonnet_gui.training_dialog import TrainingDialog
from lennonnet_gui.training_during import MistakesStrip, Wrong
from lennonnet_gui.training_parts import duration
from tests import fake_trainer
from training import finetune
from training.evaluate import Figures, measure
from training.finetune import (
    Baseline,
    Batch,
    Checkpoint,
    Epoch,
    Estimated,
    Finished,
    Found,
    FoundGroup,
    Mistake,
    Mistakes,
    Paused,
    Preparing,
    Resumed,
    Settings,
    Stopped,
)
from training.photos import PhotoFile
from training.subject import Subject
from training.subjects import Subjects

FOUND = Found(
    (
        FoundGroup("John", True, 87, 17),
        FoundGroup("not_John", False, 100, 20),
        FoundGroup("George", False, 42, 9),
    ),
    twins=12,
    repeated=3,
    unreadable=(("/photos/torn.jpg", "is cut off"),),
    learned=140,
    checked=43,
    held_out=46,
    words=("There are few photos of John.",),
)
BATCH = Batch(30, 120, 3, 0.5, 0.75, 85.0, 190.0)
GREEN = QColor("#00ff00")  # no token is


def figures(john: int, others: int) -> Figures:
    """How many of 20 Johns and of 30 others are right."""
    p = [0.9 if i < john else 0.1 for i in range(20)] + [0.1 if i < others else 0.9 for i in range(30)]
    return measure(p, [True] * 20 + [False] * 30, ["John"] * 20 + ["not_John"] * 30)


class Trainer:
    """What the trainer will say, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.command = [sys.executable, "-S", "-E", fake_trainer.__file__, str(folder)]
        self.plays("look", FOUND, Estimated(250.0))

    def plays(self, name: str, *lines: object) -> None:
        words = [line if isinstance(line, str) else f"say {line.to_json()}" for line in lines]  # type: ignore[attr-defined]
        (self._folder / name).write_text("\n".join(words) + "\n")

    def calls(self) -> list[list[str]]:
        file = self._folder / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    folder = tmp_path / "trainer"
    folder.mkdir()
    return Trainer(folder)


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.stop()


@pytest.fixture
def subjects() -> Subjects:
    return Subjects()


def green(file: PhotoFile) -> QPixmap:
    made = QPixmap(40, 60)
    made.fill(GREEN)
    return made


@pytest.fixture
def closed(
    qtbot: QtBot, subjects: Subjects, jobs: Jobs, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TrainingDialog]:
    monkeypatch.setattr(training_dialog, "LOOK_AGAIN_MS", 10)
    made = TrainingDialog(subjects, jobs, green, command=trainer.command, patience_ms=60_000)
    qtbot.addWidget(made, before_close_func=TrainingDialog.shut)
    made.set_subject(subjects.get("john"))
    yield made
    made.shut()


@pytest.fixture
def dialog(qtbot: QtBot, closed: TrainingDialog) -> TrainingDialog:
    """Open, and done with looking."""
    closed.show()
    qtbot.waitUntil(lambda: looked(closed), timeout=20_000)
    return closed


def looked(dialog: TrainingDialog) -> bool:
    return dialog._look is None and not dialog._look_soon.isActive()


def texts(widget: QWidget) -> str:
    """All words in sight, a line each."""
    return "\n".join(
        child.text()
        for child in widget.findChildren(QWidget)
        if hasattr(child, "text") and child.isVisible() and child.text()
    )


def start(qtbot: QtBot, dialog: TrainingDialog) -> None:
    with qtbot.waitSignal(dialog.started):
        dialog.before.start.click()
    assert dialog.training


def until_ended(qtbot: QtBot, dialog: TrainingDialog) -> None:
    qtbot.waitUntil(lambda: not dialog.training, timeout=20_000)


def train(qtbot: QtBot, dialog: TrainingDialog) -> None:
    start(qtbot, dialog)
    until_ended(qtbot, dialog)


# -- before


def test_it_says_what_it_found_before_the_start(dialog: TrainingDialog, trainer: Trainer) -> None:
    assert trainer.calls() == [
        ["fit", "--events", "--adopt", "never", "--labels-of", "john", "--deep", "--look"]
    ]
    said = texts(dialog.before)
    for words in (
        "Train John",
        "140 are learned from, 43 check each round, and 46 are held out",
        "12 show the same shot",
        "3 are exact copies",
        "1 photo can’t be read",
        "There are few photos of John.",
    ):
        assert words in said
    assert (
        dialog.before._amounts.accessibleName() == "John: 87 photos, not John: 100 photos, George: 42 photos"
    )
    assert dialog.before._deep.words().startswith("Teaches the network itself. Takes about 4 minutes")
    assert dialog.before.start.isEnabled()


def test_too_few_for_deep_are_still_enough_for_quick(
    qtbot: QtBot, closed: TrainingDialog, trainer: Trainer
) -> None:
    few = dataclasses.replace(FOUND, held_out=0, learned=0, checked=0, words=("Deep needs more photos.",))
    trainer.plays("look", few)
    closed.show()
    qtbot.waitUntil(lambda: looked(closed), timeout=20_000)
    assert not closed.before._deep.isEnabled()
    assert not closed.before.deep
    assert "Deep needs more photos." in texts(closed.before)
    assert closed.before.start.isEnabled()
    trainer.plays("look", FOUND, Estimated(1.0))
    closed.labels_changed()
    qtbot.waitUntil(lambda: looked(closed) and closed.before._deep.isEnabled(), timeout=20_000)


def test_of_few_photos_the_quick_way_is_proposed_and_the_users_choice_stays(
    qtbot: QtBot, closed: TrainingDialog, trainer: Trainer
) -> None:
    few = (FoundGroup("John", True, 29, 6), FoundGroup("not_John", False, 100, 20))
    trainer.plays("look", dataclasses.replace(FOUND, groups=few), Estimated(60.0))
    closed.show()
    qtbot.waitUntil(lambda: looked(closed), timeout=20_000)
    assert not closed.before.deep and closed.before._deep.isEnabled()
    closed.before._deep.click()
    closed.labels_changed()
    qtbot.waitUntil(lambda: looked(closed), timeout=20_000)
    assert closed.before.deep


def test_looking_is_shown_and_start_waits_for_it(
    qtbot: QtBot, closed: TrainingDialog, trainer: Trainer
) -> None:
    trainer.plays("look", Preparing("Looking at the photos", 100, 229), "wait")
    closed.show()
    qtbot.waitUntil(lambda: closed.before._looking_bar.value() == 100, timeout=20_000)
    assert closed.before._looking_bar.maximum() == 229
    assert not closed.before.start.isEnabled()


@pytest.mark.parametrize(
    "sentence",
    ["There are no photos of others. Label some as not John first.", "None of the photos can be opened."],
)
def test_bad_input_is_a_sentence_in_place(
    qtbot: QtBot, closed: TrainingDialog, trainer: Trainer, sentence: str
) -> None:
    trainer.plays("look", f"complain {sentence}", "exit 2")
    closed.show()
    qtbot.waitUntil(lambda: sentence in texts(closed.before), timeout=20_000)
    assert not closed.before.start.isEnabled()
    assert sentence in closed.before.start.toolTip()


def test_a_crash_while_looking_is_a_sentence(qtbot: QtBot, closed: TrainingDialog, trainer: Trainer) -> None:
    trainer.plays("look", "die")
    closed.show()
    qtbot.waitUntil(lambda: "could not be looked at" in texts(closed.before), timeout=20_000)
    assert not closed.before.start.isEnabled()


def test_the_list_of_unreadable_photos_opens(dialog: TrainingDialog) -> None:
    dialog.before._unreadable.click()
    (shown,) = dialog.findChildren(PhotoListDialog)
    assert shown.isVisible()
    assert shown._model.row(0) == ("/photos/torn.jpg", "is cut off")


def test_other_labels_are_looked_at_again(qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer) -> None:
    more = dataclasses.replace(FOUND, held_out=99)
    trainer.plays("look", more, Estimated(1.0))
    dialog.labels_changed()
    qtbot.waitUntil(lambda: "99 are held out" in texts(dialog.before), timeout=20_000)
    qtbot.waitUntil(lambda: "a few seconds" in dialog.before._deep.words(), timeout=20_000)


def test_a_closed_dialog_looks_at_nothing(qtbot: QtBot, closed: TrainingDialog, trainer: Trainer) -> None:
    closed.labels_changed()
    qtbot.wait(50)
    assert trainer.calls() == []


def test_another_subject_is_looked_at(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer, subjects: Subjects
) -> None:
    mila = subjects.create("Mila")
    dialog.set_subject(mila)
    qtbot.waitUntil(lambda: looked(dialog) and len(trainer.calls()) == 2, timeout=20_000)
    assert trainer.calls()[1][4:6] == ["--labels-of", mila.id]
    assert dialog.windowTitle() == "Train Mila"


def test_a_photo_on_both_sides_is_the_users_to_settle(
    qtbot: QtBot, closed: TrainingDialog, trainer: Trainer
) -> None:
    pairs = (("/john/a.jpg", "/not_john/b.jpg"), ("/john/c.jpg", "/not_john/d.jpg"))
    trainer.plays("look", dataclasses.replace(FOUND, conflicts=pairs), Estimated(1.0))
    closed.show()
    qtbot.waitUntil(lambda: looked(closed), timeout=20_000)
    assert "2 photos are both among John and not John" in texts(closed.before)
    assert "john/a.jpg = not_john/b.jpg" in texts(closed.before)
    trainer.plays("look", FOUND, Estimated(1.0))  # as what is settled is no conflict any more
    first = next(iter(closed.before.conflicts._boxes.values()))
    assert first.currentText() == "Leave it out"
    first.setCurrentIndex(first.findData("not"))
    qtbot.waitUntil(lambda: looked(closed) and len(trainer.calls()) == 2, timeout=20_000)
    call = trainer.calls()[1]
    settled = json.loads(Path(call[call.index("--settle") + 1]).read_text())
    assert settled == {
        "/john/a.jpg": "not",
        "/not_john/b.jpg": "not",
        "/john/c.jpg": "out",
        "/not_john/d.jpg": "out",
    }
    assert next(iter(closed.before.conflicts._boxes.values())).currentText() == "It is not John"  # and stays
    assert closed.before.start.isEnabled()


def test_photos_on_both_sides_show_their_pictures(
    qtbot: QtBot, closed: TrainingDialog, trainer: Trainer, tmp_path: Path
) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"x")
    pairs = ((str(photo), "/not_john/b.jpg"),)
    trainer.plays("look", dataclasses.replace(FOUND, conflicts=pairs), Estimated(1.0))
    closed.show()
    qtbot.waitUntil(lambda: [file.path for file in closed.wanted()] == [str(photo)], timeout=20_000)
    (thumb,) = closed.before.conflicts._thumbs.values()
    image = thumb.grab().toImage()
    assert image.pixelColor(image.rect().center()) == GREEN


def test_all_photos_on_both_sides_can_be_settled_at_once(dialog: TrainingDialog) -> None:
    conflicts = dialog.before.conflicts
    conflicts.set_conflicts([Conflict((f"/a/{i}", f"/b/{i}")) for i in range(60)], "John")
    conflicts._all.setCurrentIndex(1)
    conflicts._all.activated.emit(1)
    assert list(conflicts.choices().values()) == ["subject"] * 60  # those that are not listed, too
    assert "And 20 more" in texts(dialog.before)


# -- settings


def put(advanced: Advanced, name: str, value: float) -> None:
    box = advanced._numbers[name]
    if isinstance(box, QSpinBox):
        box.setValue(int(value))
    else:
        assert isinstance(box, QDoubleSpinBox)
        box.setValue(value)


@pytest.mark.parametrize("name", ["epochs", "size", "batch", "rate"])
def test_settings_stay_within_their_bounds(dialog: TrainingDialog, name: str) -> None:
    advanced = dialog.before.advanced
    field = {field.name: field for field in finetune.bounds()}[name]
    put(advanced, name, field.low)
    assert getattr(advanced.settings(), name) == field.low
    put(advanced, name, 10**9)
    assert getattr(advanced.settings(), name) == field.high
    put(advanced, name, 0)
    assert getattr(advanced.settings(), name) == (field.default if field.default < field.low else field.low)
    assert advanced.problem() == ""


def test_only_changed_settings_are_passed_on_and_reset_takes_them_back(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer
) -> None:
    advanced = dialog.before.advanced
    assert advanced.settings() == Settings()
    assert not advanced._reset.isEnabled()
    advanced._network.setCurrentText("resnet50d")
    put(advanced, "epochs", 3)
    put(advanced, "size", 192)
    put(advanced, "rate", 0.002)
    advanced._log.setCurrentIndex(advanced._log.findData("csv"))
    changed = Settings(backbone="resnet50d", epochs=3, size=192, rate=0.002, log="csv")
    assert advanced.settings() == changed
    qtbot.waitUntil(lambda: looked(dialog), timeout=20_000)
    trainer.plays("train", FOUND)
    train(qtbot, dialog)
    call = trainer.calls()[-1]
    assert call[call.index("--deep") + 1 :] == (
        ["--backbone", "resnet50d", "--epochs", "3", "--size", "192", "--rate", "0.002", "--log", "csv"]
    )
    advanced._reset.click()
    assert advanced.settings() == Settings()


def test_the_estimate_goes_with_the_rounds_without_another_look(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer
) -> None:
    advanced = dialog.before.advanced
    put(advanced, "epochs", 2 * Settings().epochs)
    assert "about 8 minutes" in dialog.before._deep.words()
    put(advanced, "size", 192)  # now the photos have to be looked at again
    qtbot.waitUntil(lambda: looked(dialog) and len(trainer.calls()) == 2, timeout=20_000)
    assert trainer.calls()[1][-5:] == ["--epochs", str(2 * Settings().epochs), "--size", "192", "--look"]


def test_a_senseless_network_stops_the_start_with_a_reason(dialog: TrainingDialog) -> None:
    dialog.before.advanced._network.setCurrentText("rm -rf *")
    assert not dialog.before.start.isEnabled()
    assert "network’s name" in texts(dialog.before)
    dialog.before.choose(deep=False)
    assert dialog.before.start.isEnabled()  # Quick has no settings


def test_a_rate_is_typed_in_any_way(qtbot: QtBot) -> None:
    advanced = Advanced()
    qtbot.addWidget(advanced)
    rate = advanced._numbers["rate"]
    for typed, value in (("3e-4", 3e-4), ("0.01", 0.01), ("0,002", 0.002)):
        rate.lineEdit().selectAll()
        QTest.keyClicks(rate, typed)
        rate.interpretText()
        assert advanced.settings().rate == pytest.approx(value)
    rate.stepBy(1)
    assert advanced.settings().rate == pytest.approx(0.004)


def test_the_wheel_scrolls_and_changes_no_setting(dialog: TrainingDialog) -> None:
    dialog.before.toggle_advanced()
    advanced = dialog.before.advanced
    for field in (advanced._network, *advanced._numbers.values(), advanced._device, advanced._log):
        middle = QPointF(field.rect().center())
        wheel = QWheelEvent(
            middle,
            QPointF(field.mapToGlobal(middle)),
            QPoint(),
            QPoint(0, -120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(field, wheel)
    assert advanced.settings() == Settings()


def test_advanced_is_folded_away_until_asked_for(dialog: TrainingDialog) -> None:
    assert not dialog.before.advanced.isVisible()
    dialog.before.choose(deep=False)
    dialog.before._fold.click()
    assert dialog.before.advanced.isVisible()
    assert dialog.before.deep  # what is set there is for the deep way
    dialog.before._fold.click()
    assert not dialog.before.advanced.isVisible()


# -- a labelled folder


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    for name in ("mila", "not_mila"):
        (tmp_path / "dogs" / name).mkdir(parents=True)
    return tmp_path / "dogs"


def drop(dialog: TrainingDialog, carried: QMimeData) -> bool:
    offered, where = Qt.DropAction.CopyAction | Qt.DropAction.MoveAction, dialog.rect().center()
    none, left = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    entering = QDragEnterEvent(where, offered, carried, left, none)
    QApplication.sendEvent(dialog, entering)
    if not entering.isAccepted():
        return False
    dropped = QDropEvent(QPointF(where), offered, carried, left, none)
    QApplication.sendEvent(dialog, dropped)
    assert dropped.dropAction() == Qt.DropAction.CopyAction
    return dropped.isAccepted()


def url_of(path: Path) -> QMimeData:
    made = QMimeData()
    made.setUrls([QUrl.fromLocalFile(str(path))])
    return made


def test_a_labelled_folder_can_be_dropped(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer, labelled: Path, subjects: Subjects
) -> None:
    assert drop(dialog, url_of(labelled))
    qtbot.waitUntil(lambda: len(trainer.calls()) == 2 and looked(dialog), timeout=20_000)
    call = trainer.calls()[1]
    assert call[4:7] == [str(labelled), "--subject", "mila"]
    assert dialog.windowTitle() == "Train Mila"
    made = Path(call[call.index("--out") + 1])
    assert made.parent.is_dir()

    Subject.load(subjects.versions("john")[-1].path).save(made)
    trainer.plays("train", Finished(str(made), figures(19, 29), figures(15, 28), True, "It is better."))
    train(qtbot, dialog)
    with qtbot.waitSignal(dialog.adopted) as adopted:
        dialog.after.use.click()
    id, number = adopted.args
    assert subjects.get(id).name == "mila"
    assert subjects.get(id).version == number == 1
    assert [version.method for version in subjects.versions(id)] == ["deep"]


def test_a_folder_of_a_known_subject_gives_it_a_version(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer, labelled: Path, subjects: Subjects
) -> None:
    known = subjects.create("Mila")
    dialog.use_folder(str(labelled))
    qtbot.waitUntil(lambda: len(trainer.calls()) == 2 and looked(dialog), timeout=20_000)
    file = subjects.versions("john")[-1].path
    trainer.plays("train", Finished(str(file), figures(19, 29), None, True, "It is good."))
    dialog.before.choose(deep=False)
    train(qtbot, dialog)
    with qtbot.waitSignal(dialog.adopted) as adopted:
        dialog.after.use.click()
    assert adopted.args == [known.id, 1]
    assert subjects.versions(known.id)[0].method == "quick"


def test_what_is_no_labelled_folder_is_told_so(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer, tmp_path: Path
) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "file.txt").write_text("x")
    for name, words in (("holiday", "is not a labelled folder"), ("file.txt", "is not a folder")):
        assert drop(dialog, url_of(tmp_path / name))
        qtbot.waitUntil(lambda words=words: words in texts(dialog.before), timeout=20_000)  # type: ignore[misc]
        assert not dialog.before.start.isEnabled()
    assert len(trainer.calls()) == 1


def test_a_drag_of_photos_from_the_grid_is_not_for_it(dialog: TrainingDialog) -> None:
    assert not drop(dialog, photo_drag.pack(["/photos/a.jpg"]))


def test_back_from_a_folder_to_the_labels(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer, labelled: Path
) -> None:
    dialog.use_folder(str(labelled))
    qtbot.waitUntil(lambda: len(trainer.calls()) == 2 and looked(dialog), timeout=20_000)
    dialog.before._labels.click()
    qtbot.waitUntil(lambda: len(trainer.calls()) == 3 and looked(dialog), timeout=20_000)
    assert trainer.calls()[2][4:6] == ["--labels-of", "john"]
    assert dialog.windowTitle() == "Train John"


# -- during


def test_a_deep_training_is_shown_as_it_goes(qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer) -> None:
    epoch = Epoch(3, Settings().epochs, 0.4, 0.5, 0.9, 0.8, 10.0)
    trainer.plays("train", Preparing("Waking up"), Baseline(0.5, 0.86, 43), BATCH, epoch, "hear stop")
    start(qtbot, dialog)
    curves = dialog.during.curves
    qtbot.waitUntil(lambda: len(curves._right.held_out.y) == 1, timeout=20_000)
    assert (curves._right.batches.x, curves._error.batches.y) == ([30 * Settings().epochs / 120], [0.5])
    assert curves._right.levels == {"always": 0.5, "quick": 0.86}
    assert "80\N{NARROW NO-BREAK SPACE}% right" in curves.accessibleDescription()
    qtbot.waitUntil(lambda: f"Round 3 of {Settings().epochs}" in texts(dialog.during))
    assert "85 photos/s  ·  about 3 minutes left" in texts(dialog.during)
    assert (dialog.during._bar.value(), dialog.during._bar.maximum()) == (30, 120)
    qtbot.waitUntil(lambda: len(curves._plots) == 2, timeout=20_000)


def test_a_quick_training_has_progress_and_no_curves(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer
) -> None:
    trainer.plays("train", Batch(50, 229, 0, float("nan"), float("nan"), 85.0, 2.0), "hear stop")
    dialog.before.choose(deep=False)
    start(qtbot, dialog)
    qtbot.waitUntil(lambda: "50 of 229 photos" in texts(dialog.during), timeout=20_000)
    assert not dialog.during.curves.isVisible()
    assert "--deep" not in trainer.calls()[-1]


def test_the_worst_mistakes_are_shown(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer, tmp_path: Path
) -> None:
    photo = tmp_path / "ringo.jpg"
    photo.write_bytes(b"x")
    told = Mistakes((Mistake(str(photo), 0.97, False), Mistake(str(tmp_path / "gone.jpg"), 0.1, True)))
    trainer.plays("train", told, "hear stop")
    with qtbot.waitSignal(dialog.wanted_changed, timeout=20_000):
        start(qtbot, dialog)
    assert [file.path for file in dialog.wanted()] == [str(photo)]
    strip = dialog.during.mistakes
    assert "ringo.jpg is not John, but it says John" in strip.accessibleName()
    image = strip.grab().toImage()
    assert image.pixelColor(MistakesStrip.EDGE // 2, MistakesStrip.EDGE // 3) == GREEN


def test_a_picture_that_comes_late_is_drawn(qtbot: QtBot) -> None:
    there: list[QPixmap] = []
    strip = MistakesStrip(lambda file: there[0] if there else None)
    qtbot.addWidget(strip)
    strip.resize(strip.sizeHint())
    strip.show()
    strip.set_wrong([Wrong(PhotoFile("/a.jpg", 1, 1), 0.9, False)])
    before = strip.grab().toImage()
    there.append(green(PhotoFile("/a.jpg", 1, 1)))
    strip.picture_came("/a.jpg")
    assert strip.grab().toImage() != before


def test_pause_and_go_on(qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer) -> None:
    trainer.plays("train", BATCH, "hear pause", Paused(), "hear go", Resumed(), "hear stop")
    start(qtbot, dialog)
    button = dialog.during._pause
    qtbot.waitUntil(lambda: "Round 3" in texts(dialog.during), timeout=20_000)
    button.click()
    qtbot.waitUntil(lambda: button.text() == "Go on", timeout=20_000)
    assert "paused" in texts(dialog.during)
    button.click()
    qtbot.waitUntil(lambda: button.text() == "Pause", timeout=20_000)


def test_cancel_asks_nothing_and_keeps_the_old_one(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer, subjects: Subjects
) -> None:
    trainer.plays("train", BATCH, Checkpoint(2), "hear stop", Stopped("Stopped.", True))
    trainer.plays("resume", BATCH, "hear stop")
    start(qtbot, dialog)
    qtbot.waitUntil(lambda: dialog._kept_rounds == 2, timeout=20_000)
    dialog.during._cancel.click()
    assert not dialog.during._cancel.isEnabled()
    until_ended(qtbot, dialog)
    assert dialog.after.title == "Training was cancelled"
    assert dialog.after.text == "John stays as it was. 2 rounds are kept."
    assert subjects.get("john").version == 0

    dialog.after.resume.click()
    assert dialog.training
    qtbot.waitUntil(lambda: len(trainer.calls()) == 3, timeout=20_000)
    assert trainer.calls()[2][-1] == "--resume"


def test_photos_go_on_being_usable(qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer) -> None:
    assert not dialog.isModal()
    trainer.plays("train", "hear stop")
    start(qtbot, dialog)
    assert dialog.windowModality() == Qt.WindowModality.NonModal


def question(dialog: TrainingDialog) -> QMessageBox:
    (box,) = [box for box in dialog.findChildren(QMessageBox) if box.isVisible()]
    return box


def answer(dialog: TrainingDialog, words: str) -> None:
    box = question(dialog)
    next(button for button in box.findChildren(QPushButton) if button.text() == words).click()


def test_closing_while_training_asks(qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer) -> None:
    trainer.plays("train", BATCH, "hear stop")
    start(qtbot, dialog)
    qtbot.waitUntil(lambda: dialog.during._batch is not None, timeout=20_000)
    dialog.close()
    assert dialog.isVisible()
    assert question(dialog).text() == "Stop training?"
    assert question(dialog).informativeText() == "What was finished is kept and can be resumed."
    answer(dialog, "Keep training")
    assert dialog.training
    assert dialog.isVisible()

    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    answer(dialog, "Stop")
    qtbot.waitUntil(lambda: not dialog.isVisible(), timeout=20_000)
    assert not dialog.training


def test_the_window_may_ask_before_it_closes(qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer) -> None:
    called: list[str] = []
    dialog.ask_to_stop(lambda: called.append("at once"))
    assert called == ["at once"]
    trainer.plays("train", BATCH, "hear stop")
    start(qtbot, dialog)
    qtbot.waitUntil(lambda: dialog.during._batch is not None, timeout=20_000)
    dialog.ask_to_stop(lambda: called.append("after"))
    answer(dialog, "Keep training")
    dialog.ask_to_stop(lambda: called.append("after all"))
    answer(dialog, "Stop")
    until_ended(qtbot, dialog)
    assert called == ["at once", "after all"]


def test_a_training_that_ends_by_itself_takes_the_question_away(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer
) -> None:
    trainer.plays("train", BATCH, "hear pause", "exit 0")
    start(qtbot, dialog)
    dialog.close()
    question(dialog)
    dialog._pause()
    until_ended(qtbot, dialog)
    qtbot.waitUntil(lambda: not dialog.findChildren(QMessageBox))
    assert dialog.isVisible()


def test_the_end_of_the_program_ends_the_training(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer
) -> None:
    trainer.plays("train", BATCH, "wait")
    start(qtbot, dialog)
    qtbot.waitUntil(lambda: dialog.during._batch is not None, timeout=20_000)
    with qtbot.assertNotEmitted(dialog.ended):
        dialog.shut()
    assert not dialog.training


# -- after


def add_version(subjects: Subjects) -> int:
    return subjects.add_version(
        "john", Subject.load(subjects.versions("john")[-1].path), method="deep", adopt=False
    ).number


def test_a_better_one_is_used_by_default(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer, subjects: Subjects
) -> None:
    number = add_version(subjects)
    new, old = figures(19, 29), figures(15, 28)
    trainer.plays("train", Finished("x", new, old, True, "Right on 48 of 50, not 43.", number))
    train(qtbot, dialog)
    assert dialog.after.title == "The new John is better"
    assert dialog.after.use.isDefault()
    assert dialog.after.keep_quiet.isVisible()
    said = texts(dialog.after)
    assert "Right on 48 of 50, not 43." in said
    assert "How many are told right, of 50 photos that neither has learned from" in said
    per_cent = "\N{NARROW NO-BREAK SPACE}%"
    assert dialog.after.comparison.lines() == [
        f"John: old 75{per_cent}, 15 of 20, new 95{per_cent}, 19 of 20",
        f"not John: old 93{per_cent}, 28 of 30, new 97{per_cent}, 29 of 30",
    ]
    assert subjects.get("john").version == 0  # until the user says so
    with qtbot.waitSignal(dialog.adopted) as adopted:
        dialog.after.use.click()
    assert adopted.args == ["john", number]
    assert subjects.get("john").version == number
    assert not dialog.isVisible()


def test_another_subject_meanwhile_changes_nothing_about_what_is_trained(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer, subjects: Subjects
) -> None:
    number, mila = add_version(subjects), subjects.create("Mila")
    trainer.plays("train", BATCH, "hear pause", Finished("x", None, None, True, "It is good.", number))
    start(qtbot, dialog)
    dialog.set_subject(mila)
    dialog.labels_changed()
    assert dialog.training
    dialog._pause()
    until_ended(qtbot, dialog)
    dialog.set_subject(mila)
    assert dialog.after.title == "The new John is ready"
    with qtbot.waitSignal(dialog.adopted) as adopted:
        dialog.after.use.click()
    assert adopted.args == ["john", number]
    dialog.show()
    qtbot.waitUntil(lambda: looked(dialog) and len(trainer.calls()) == 3, timeout=20_000)
    assert trainer.calls()[2][4:6] == ["--labels-of", mila.id]
    assert dialog.windowTitle() == "Train Mila"


def test_one_that_is_not_better_is_not_used_by_default(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer, subjects: Subjects
) -> None:
    number = add_version(subjects)
    worse = Finished("x", figures(10, 20), figures(15, 28), False, "It is worse.", number)
    trainer.plays("train", worse)
    train(qtbot, dialog)
    assert dialog.after.title == "The new John is not better"
    assert dialog.after.keep.isDefault()
    assert not dialog.after.use.isVisible()
    with qtbot.assertNotEmitted(dialog.adopted):
        dialog.after.keep.click()
    assert not dialog.isVisible()
    assert subjects.get("john").version == 0

    dialog.show()
    qtbot.waitUntil(lambda: looked(dialog), timeout=20_000)
    train(qtbot, dialog)
    with qtbot.waitSignal(dialog.adopted) as adopted:
        dialog.after.use_quiet.click()
    assert adopted.args == ["john", number]


def test_figures_may_be_missing(qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer) -> None:
    trainer.plays("train", Finished("x", None, None, True, "There were too few to measure.", 1))
    train(qtbot, dialog)
    assert "There were too few to measure." in texts(dialog.after)
    assert not dialog.after.comparison.isVisible()


def test_a_version_that_can_not_be_put_to_use_says_so(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer
) -> None:
    trainer.plays(
        "train", Finished("x", None, None, True, "It is good.", 7)
    )  # the library has no such version
    train(qtbot, dialog)
    dialog.after.use.click()
    qtbot.waitUntil(lambda: "could not be put to use" in texts(dialog.after), timeout=20_000)
    assert dialog.after.use.isEnabled()
    assert dialog.isVisible()


def test_a_training_that_came_to_nothing_says_why(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer
) -> None:
    words = "Its numbers grew beyond all bounds. Try a lower learning rate. The subject is as it was."
    trainer.plays("train", BATCH, Stopped(words))
    train(qtbot, dialog)
    assert dialog.after.text == words
    assert dialog.after.again.isVisible()
    assert not dialog.after.resume.isVisible()


def test_a_crash_offers_to_go_on(qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer) -> None:
    first, second = (Epoch(number, 12, 0.4, 0.5, 0.9, 0.8, 10.0) for number in (1, 2))
    trainer.plays("train", BATCH, first, Checkpoint(1), "complain MemoryError", "die")
    trainer.plays("resume", second, "hear stop")
    train(qtbot, dialog)
    assert dialog.after.title == "Training ended too early"
    assert "memory" in dialog.after.text
    assert "MemoryError" in texts(dialog.after)
    assert not dialog.after.again.isVisible()
    dialog.after.resume.click()
    assert dialog.training
    qtbot.waitUntil(lambda: dialog.during.curves._right.held_out.x == [1, 2], timeout=20_000)


def test_a_crash_before_the_first_round_offers_to_try_again(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer
) -> None:
    trainer.plays("train", BATCH, "die")
    train(qtbot, dialog)
    assert dialog.after.again.isVisible()
    assert not dialog.after.resume.isVisible()


def test_what_the_trainer_refuses_leads_back(qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer) -> None:
    trainer.plays("train", "complain There is no network “abc”.", "exit 2")
    train(qtbot, dialog)
    assert dialog.after.text == "There is no network “abc”. John stays as it was."
    dialog.after.back.click()
    qtbot.waitUntil(lambda: looked(dialog), timeout=20_000)
    assert dialog.before.isVisible()


def test_a_full_disk_at_a_checkpoint_is_told(qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer) -> None:
    trainer.plays("train", Checkpoint(1, "The disk is full."), "hear stop")
    start(qtbot, dialog)
    qtbot.waitUntil(lambda: "The disk is full." in texts(dialog.during), timeout=20_000)
    assert dialog._kept_rounds == 0


def test_an_interrupted_training_can_go_on(qtbot: QtBot, closed: TrainingDialog, trainer: Trainer) -> None:
    trainer.plays("look", FOUND, Checkpoint(3), Estimated(60.0))
    trainer.plays("resume", BATCH, "hear stop")
    trainer.plays("train", BATCH, "hear stop")
    closed.show()
    qtbot.waitUntil(lambda: looked(closed), timeout=20_000)
    assert closed.before.start.text() == "Go on from round 4"
    assert "3 rounds are kept from a training that was interrupted." in texts(closed.before)
    assert closed.before._over.isVisible()
    put(closed.before.advanced, "epochs", 5)  # that would be another training
    assert closed.before.start.text() == "Start"
    closed.before.advanced.reset()
    assert closed.before.start.text() == "Go on from round 4"
    closed.before.choose(deep=False)
    assert closed.before.start.text() == "Start"
    closed.before.choose(deep=True)
    start(qtbot, closed)
    qtbot.waitUntil(lambda: len(trainer.calls()) == 2, timeout=20_000)
    assert trainer.calls()[1][-1] == "--resume"


def test_a_result_that_was_not_chosen_is_declined_by_closing(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer, subjects: Subjects
) -> None:
    trainer.plays("train", Finished("x", None, None, True, "It is good.", add_version(subjects)))
    train(qtbot, dialog)
    dialog.close()
    dialog.show()
    assert dialog.before.isVisible()
    assert subjects.get("john").version == 0


# -- how it looks


@pytest.mark.parametrize("scheme", [Scheme.LIGHT, Scheme.DARK])
def test_every_face_follows_the_scheme(
    qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer, scheme: Scheme
) -> None:
    before = QApplication.palette()
    try:
        trainer.plays("train", BATCH, Finished("x", figures(19, 29), figures(15, 28), True, "Good.", 1))
        train(qtbot, dialog)
        theme.choose(scheme)
        for face in (dialog.before, dialog.during, dialog.after):
            dialog._faces.setCurrentWidget(face)
            QApplication.processEvents()
            corner = dialog.grab().toImage().pixelColor(3, 3)
            assert corner == QColor(theme.tokens().panel)
    finally:
        theme.choose(Scheme.SYSTEM)
        QApplication.setPalette(before)


def test_choices_are_as_high_as_each_other_and_hold_their_words(dialog: TrainingDialog) -> None:
    quick, deep = dialog.before._quick, dialog.before._deep
    for width in (700, 1100):
        dialog.resize(width, 700)
        QApplication.processEvents()
        assert (
            quick.height()
            == deep.height()
            >= max(choice.heightForWidth(choice.width()) for choice in (quick, deep))
        )


def test_enter_in_a_field_closes_and_starts_nothing(dialog: TrainingDialog) -> None:
    dialog.before.toggle_advanced()
    for field in dialog.before.advanced._numbers.values():
        field.setFocus()
        QTest.keyClick(field, Qt.Key.Key_Return)
    assert dialog.isVisible()
    assert not dialog.training


def test_enter_on_a_button_presses_it(qtbot: QtBot, dialog: TrainingDialog, trainer: Trainer) -> None:
    trainer.plays("train", "hear stop")
    dialog.before.start.setFocus()
    QTest.keyClick(dialog.before.start, Qt.Key.Key_Return)
    assert dialog.training


def test_a_choice_is_made_by_key(dialog: TrainingDialog) -> None:
    quick = dialog.before._quick
    quick.setFocus()
    QTest.keyClick(quick, Qt.Key.Key_Space)
    assert not dialog.before.deep
    assert isinstance(quick, Choice)
    assert quick.accessibleDescription()


def test_a_comparison_never_rounds_up_to_all(qtbot: QtBot) -> None:
    shown = Comparison()
    qtbot.addWidget(shown)
    p = [0.9] * 999 + [0.1]
    shown.set_figures(measure(p, [True] * 1000, ["John"] * 1000), None, "John")
    assert shown.lines() == ["John: new 99\N{NARROW NO-BREAK SPACE}%, 999 of 1,000"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3, "a few seconds"),
        (42, "about 40 seconds"),
        (70, "about a minute"),
        (250, "about 4 minutes"),
        (3600, "about an hour"),
        (9000, "about 2.5 hours"),
        (7200, "about 2 hours"),
    ],
)
def test_times_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words
