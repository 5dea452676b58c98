"""Training from the real window: started, asked about on closing, put to use and given up again."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from lennonnet_gui import training_run
from lennonnet_gui.main_window import MainWindow
from lennonnet_gui.settings import Settings
from lennonnet_gui.training_dialog import TrainingDialog
from tests import fake_trainer
from tests.program import (
    Start,
    probability_of,
    row_of,
    shown_names,
    wait_until_learned,
    wait_until_scored,
)
from training import scoring
from training.events import Batch, Estimated, Finished, Found, FoundGroup, Paused, Stopped
from training.head import Head
from training.scoring import Scored
from training.subject import Subject
from training.subjects import Subjects
from training.verdicts import Ledger, Verdict

FOUND = Found(
    (FoundGroup("John", True, 40, 8), FoundGroup("not_John", False, 60, 12)), 0, 0, (), 60, 20, 20, ()
)
BATCH = Batch(30, 120, 1, 0.5, 0.75, 85.0, 190.0)


class Trainer:
    """What the trainer's stand-in will say, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.command = [sys.executable, "-S", "-E", fake_trainer.__file__, str(folder)]
        self.plays("look", FOUND, Estimated(250.0))

    def plays(self, name: str, *lines: str | Found | Estimated | Batch | Paused | Stopped | Finished) -> None:
        words = [line if isinstance(line, str) else f"say {line.to_json()}" for line in lines]
        (self._folder / name).write_text("\n".join(words) + "\n")

    def plays_until_stopped(self) -> None:
        self.plays("train", FOUND, BATCH, "hear stop", Stopped("Stopped.", True))

    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in (self._folder / "calls").read_text().splitlines()]


@pytest.fixture
def trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trainer:
    """Stands in for the trainer."""
    made = Trainer(tmp_path / "trainer")
    monkeypatch.setattr(training_run, "trainer_command", lambda: made.command)
    return made


@pytest.fixture
def window(qtbot: QtBot, start: Start, folder: Path) -> Iterator[MainWindow]:
    """With the John that comes with the program, all photos scored."""
    Settings().set(
        "faces/look", "off"
    )  # here the whole picture decides, as a version may say the contrary of it
    made = start(folder, subject=None)
    wait_until_scored(qtbot, made)
    wait_until_learned(qtbot, made)
    yield made
    for dialog in made.findChildren(TrainingDialog):
        dialog.shut()  # where a test failed, lest nobody be there to answer whether to stop


def opposite() -> int:
    """Make a version of John that says the contrary of the one in the box, and is not in use; its number."""
    subjects = Subjects()
    starter = subjects.load(subjects.get("john"))
    assert starter is not None
    contrary = dataclasses.replace(starter, head=Head(-starter.head.weight, -starter.head.bias))
    return subjects.add_version("john", contrary, method="deep", adopt=False).number


def open_training(qtbot: QtBot, window: MainWindow) -> TrainingDialog:
    window.parts.train_action.trigger()
    (dialog,) = window.findChildren(TrainingDialog)
    assert dialog.isVisible()
    qtbot.waitUntil(dialog.before.start.isEnabled, timeout=60_000)
    return dialog


def start_training(qtbot: QtBot, window: MainWindow) -> TrainingDialog:
    dialog = open_training(qtbot, window)
    with qtbot.waitSignal(dialog.started):
        dialog.before.start.click()
    assert window.parts.is_training
    return dialog


def until_heard_of(qtbot: QtBot, dialog: TrainingDialog) -> None:
    """Until the trainer has said something: from then on it listens."""
    qtbot.waitUntil(lambda: dialog._found is not None and dialog.during._bar.value() > 0, timeout=20_000)


def question(window: MainWindow) -> QMessageBox | None:
    """What the window asks right now."""
    asked = [box for box in window.findChildren(QMessageBox) if box.isVisible()]
    assert len(asked) <= 1
    return asked[0] if asked else None


def answer(qtbot: QtBot, window: MainWindow, words: str) -> None:
    asked = question(window)
    assert asked is not None
    (button,) = [button for button in asked.buttons() if button.text() == words]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def scores(window: MainWindow) -> dict[str, float]:
    return {name: probability_of(window, name) for name in shown_names(window)}


def label(qtbot: QtBot, window: MainWindow, key: str, name: str) -> None:
    before = window.teaching.state.labels
    window.activateWindow()  # as a click on it would, with the dialog still open
    qtbot.waitUntil(window.isActiveWindow)
    window.grid.setFocus()
    window.grid.setCurrentIndex(window.model.index(row_of(window, name)))
    qtbot.keyClicks(window.grid, key)
    qtbot.waitUntil(lambda: window.teaching.state.labels == before + 1, timeout=30_000)
    wait_until_learned(qtbot, window)


def click(qtbot: QtBot, button: QWidget) -> None:
    assert button.isVisible() and button.isEnabled()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


# -- closing the window


def test_closing_the_window_asks_and_nothing_is_lost_by_keeping_on(
    qtbot: QtBot, window: MainWindow, trainer: Trainer
) -> None:
    trainer.plays_until_stopped()
    dialog = start_training(qtbot, window)
    until_heard_of(qtbot, dialog)
    assert not window.close()
    asked = question(window)
    assert asked is not None
    assert asked.text() == "Stop training?"
    assert window.isVisible()
    answer(qtbot, window, "Keep training")
    assert question(window) is None
    assert window.isVisible()
    assert dialog.training
    label(qtbot, window, "j", "rocket.jpg")  # and the window still works
    assert not window.close()
    answer(qtbot, window, "Stop")
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)


def test_a_training_is_stopped_before_the_window_closes(
    qtbot: QtBot, window: MainWindow, trainer: Trainer
) -> None:
    trainer.plays_until_stopped()
    dialog = start_training(qtbot, window)
    until_heard_of(qtbot, dialog)
    window.quit_action.trigger()
    with qtbot.waitSignal(dialog.ended, timeout=20_000):
        answer(qtbot, window, "Stop")
        assert window.isVisible()  # the trainer is given the time to put its things in order
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)
    assert dialog._stopped == Stopped("Stopped.", True)  # it was asked, not killed
    assert not window.parts.is_training
    assert window.at_rest


def test_without_a_training_the_window_closes_at_once(
    qtbot: QtBot, window: MainWindow, trainer: Trainer
) -> None:
    dialog = open_training(qtbot, window)
    assert window.close()
    assert question(window) is None
    assert not dialog.training


def test_a_training_that_is_over_is_not_asked_about(
    qtbot: QtBot, window: MainWindow, trainer: Trainer
) -> None:
    trainer.plays("train", FOUND, BATCH, Stopped("There is not enough memory.", False))
    dialog = start_training(qtbot, window)
    qtbot.waitUntil(lambda: not dialog.training, timeout=20_000)
    assert window.close()
    assert question(window) is None


# -- while it runs, and after it


def test_photos_are_labelled_while_a_training_runs(
    qtbot: QtBot, window: MainWindow, trainer: Trainer
) -> None:
    version = opposite()
    done = Finished("", None, None, True, "It is better.", version)
    trainer.plays("train", FOUND, BATCH, "hear pause", Paused(), done)
    dialog = start_training(qtbot, window)
    until_heard_of(qtbot, dialog)
    before = scores(window)
    label(qtbot, window, "j", "rocket.jpg")
    label(qtbot, window, "n", "chelsea.jpg")
    assert dialog.training
    assert scores(window) != before
    with Ledger() as ledger:
        assert ledger.counts("john") == {(Verdict.SUBJECT, ""): 1, (Verdict.NOT_SUBJECT, ""): 1}
    dialog.during.pause_clicked.emit()
    qtbot.waitUntil(lambda: not dialog.training, timeout=20_000)
    click(qtbot, dialog.after.use)
    qtbot.waitUntil(lambda: window.desk.entry.version == version, timeout=20_000)
    wait_until_scored(qtbot, window)
    qtbot.waitUntil(lambda: window.teaching.state.labels == 2, timeout=30_000)  # they correct it
    assert sum(window.teaching.counts().values()) == 2


def test_a_new_version_is_used_and_the_old_one_again(
    qtbot: QtBot, window: MainWindow, trainer: Trainer
) -> None:
    version = opposite()
    trainer.plays("train", FOUND, BATCH, Finished("", None, None, True, "It is better.", version))
    old = scores(window)
    dialog = start_training(qtbot, window)
    qtbot.waitUntil(dialog.after.use.isVisible, timeout=20_000)
    told = ["fit", "--events", "--adopt", "never", "--labels-of", "john", "--no-faces", "--deep"]
    assert trainer.calls()[-1] == told
    assert window.desk.entry.version == 0
    assert scores(window) == old  # nothing changes unasked
    click(qtbot, dialog.after.use)
    qtbot.waitUntil(lambda: window.desk.entry.version == version, timeout=20_000)
    wait_until_scored(qtbot, window)
    wait_until_learned(qtbot, window)
    assert scores(window) == pytest.approx({name: 1 - old[name] for name in old}, abs=1e-4)
    assert not dialog.isVisible()

    window.parts.subject_menu.versions_action.trigger()
    versions = window.parts._versions
    assert versions is not None
    qtbot.waitUntil(lambda: [row.number for row in versions._rows] == [version, 0], timeout=20_000)
    (use,) = versions._rows[1].findChildren(QPushButton)
    click(qtbot, use)
    qtbot.waitUntil(lambda: window.desk.entry.version == 0, timeout=20_000)
    wait_until_scored(qtbot, window)
    wait_until_learned(qtbot, window)
    assert scores(window) == pytest.approx(old, abs=1e-6)
    assert {one.number for one in Subjects().versions("john")} == {0, version}  # and none was thrown away


def test_a_new_version_that_is_declined_changes_nothing(
    qtbot: QtBot, window: MainWindow, trainer: Trainer
) -> None:
    worse = Finished("", None, None, False, "It is not better.", opposite())
    trainer.plays("train", FOUND, BATCH, worse)
    old = scores(window)
    dialog = start_training(qtbot, window)
    qtbot.waitUntil(dialog.after.keep.isVisible, timeout=20_000)
    click(qtbot, dialog.after.keep)
    qtbot.waitUntil(lambda: not dialog.isVisible())
    wait_until_learned(qtbot, window)
    assert Subjects().get("john").version == window.desk.entry.version == 0
    assert scores(window) == old


# -- with the real trainer


def test_the_real_trainer_teaches_a_version_that_scores_the_grid(qtbot: QtBot, scored: MainWindow) -> None:
    window = scored
    window.desk.create("Rocket")
    wait_until_learned(qtbot, window)
    names = shown_names(window)
    for name in names:
        label(qtbot, window, "j" if "rocket" in name else "n", name)
    dialog = open_training(qtbot, window)
    dialog.before.choose(deep=False)
    with qtbot.waitSignal(dialog.ended, timeout=60_000):
        dialog.before.start.click()
    qtbot.waitUntil(dialog.after.use.isVisible)
    assert window.desk.entry.version == 0
    click(qtbot, dialog.after.use)
    qtbot.waitUntil(lambda: window.desk.entry.version == 1, timeout=20_000)
    wait_until_scored(qtbot, window)
    wait_until_learned(qtbot, window)
    for _ in names:  # then no label corrects it any more
        window.labels.undo_action.trigger()
    qtbot.waitUntil(lambda: not any(window.teaching.counts().values()), timeout=20_000)
    wait_until_learned(qtbot, window)

    (version,) = Subjects().versions(window.desk.entry.id)
    assert (version.method, version.current) == ("quick", True)
    assert dict(version.counts) == {"Rocket": 2, "not_Rocket": 6}
    expected: dict[str, float] = {}
    files = [window.model.file_at(row) for row in range(window.model.rowCount())]
    for event in scoring.score(files, Subject.load(version.path)):
        if isinstance(event, Scored):
            said = zip(event.paths, event.probabilities.tolist(), strict=True)
            expected |= {Path(path).name: probability for path, probability in said}
    found = scores(window)
    assert found == pytest.approx(expected, abs=1e-5)
    rockets = [found[name] for name in names if "rocket" in name]
    assert min(rockets) > 0.5 > np.max([found[name] for name in names if "rocket" not in name])
