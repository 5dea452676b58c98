"""When faces are looked for, in which photos, and what ends it."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from lennonnet_gui.face_desk import FaceDesk, Looking
from lennonnet_gui.main_window import MainWindow
from lennonnet_gui.photo_model import FaceCountRole
from lennonnet_gui.settings import Settings
from tests import fake_faces
from tests.fake_faces import Faces
from tests.program import Start, probability_of, row_of, shown_names, wait_until_learned, wait_until_scored
from training import faces
from training.faces import Look
from training.zones import Zone


class Seen:
    """All that a desk told."""

    def __init__(self, desk: FaceDesk) -> None:
        self.states: list[Looking] = []
        self.found: list[str] = []
        desk.changed.connect(self._changed)
        desk.found.connect(self._found)

    def _changed(self, state: Looking) -> None:
        self.states.append(state)

    def _found(self, paths: tuple[str, ...]) -> None:
        self.found += [Path(path).name for path in paths]


def ready(qtbot: QtBot, window: MainWindow) -> FaceDesk:
    wait_until_scored(qtbot, window)
    wait_until_learned(qtbot, window)
    return window.faces.desk


def held(qtbot: QtBot, window: MainWindow, fakes: Faces) -> FaceDesk:
    """The desk, while its search waits at the gate."""
    wait_until_scored(qtbot, window)
    desk = window.faces.desk
    qtbot.waitUntil(lambda: desk.state.running)
    return desk


def done(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not (window.faces.desk.state.running or window.jobs.busy()))
    wait_until_learned(qtbot, window)


def test_it_tells_how_far_it_has_come_and_names_each_photo_once(
    qtbot: QtBot, start: Start, party: Path, knows_john: Path, fakes: Faces
) -> None:
    fakes.gate.clear()
    window = start(party, subject=knows_john)
    desk = held(qtbot, window, fakes)
    seen = Seen(desk)
    assert desk.state == Looking(True, 0, 8)
    fakes.gate.set()
    done(qtbot, window)
    assert sorted(seen.found) == sorted(shown_names(window))
    looked = [state.looked for state in seen.states if state.running]
    assert looked == sorted(looked) and looked[-1] == 8
    assert seen.states[-1] == Looking()


def test_for_a_page_that_was_closed_nobody_looks_on_and_what_was_found_is_kept(
    qtbot: QtBot, start: Start, party: Path, fakes: Faces
) -> None:
    window = start(party)
    desk = ready(qtbot, window)

    def stop_at_three(_file: Any) -> None:
        if len(fakes.asked) == 3:
            fakes.gate.clear()

    fakes.before = stop_at_three
    desk.want_all(True)
    qtbot.waitUntil(lambda: not fakes.gate.is_set())
    desk.want_all(False)
    assert desk.state == Looking()
    fakes.gate.set()
    done(qtbot, window)
    before = len(fakes.asked)
    assert before < 8
    fakes.before = None
    desk.want_all(True)
    done(qtbot, window)
    assert sorted(fakes.names()) == sorted(set(fakes.names())) == sorted(shown_names(window))


def test_new_photos_are_scored_first_and_looked_at_then(
    qtbot: QtBot,
    start: Start,
    party: Path,
    knows_john: Path,
    fakes: Faces,
    pictures: dict[str, np.ndarray],
) -> None:
    fakes.gate.clear()
    window = start(party, subject=knows_john)
    desk = held(qtbot, window, fakes)
    seen = Seen(desk)
    fake_faces.compose(pictures["rocket"], "john", variant=11).save(party / "late.png")
    window.reload_action.trigger()
    qtbot.waitUntil(lambda: "late.png" in shown_names(window))
    qtbot.waitUntil(lambda: Looking() in seen.states)  # it made way
    wait_until_scored(qtbot, window)
    fakes.gate.set()
    qtbot.waitUntil(lambda: window.model.index(row_of(window, "late.png")).data(FaceCountRole) == 1)
    done(qtbot, window)
    assert all(
        window.model.index(row).data(FaceCountRole) is not None for row in range(window.model.rowCount())
    )
    assert probability_of(window, "late.png") > 0.9


def test_a_photo_that_cannot_be_looked_at_is_not_tried_for_ever(
    qtbot: QtBot, start: Start, party: Path, knows_john: Path, fakes: Faces
) -> None:
    def spoil(file: Any) -> None:
        if file.path.endswith("george.png"):
            Path(file.path).write_bytes(Path(file.path).read_bytes()[:200])

    fakes.before = spoil
    window = start(party, subject=knows_john)
    desk = ready(qtbot, window)
    qtbot.waitUntil(lambda: len(fakes.asked) >= 8)
    done(qtbot, window)
    assert fakes.names().count("george.png") == 1 and not desk.state.trouble
    assert window.model.index(row_of(window, "all.png")).data(FaceCountRole) == 3


def test_an_error_ends_the_search_with_a_sentence_and_scores_stand(
    qtbot: QtBot,
    start: Start,
    party: Path,
    knows_john: Path,
    fakes: Faces,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def extract(*_: Any, **__: Any) -> Generator[list[Any], None, None]:
        raise RuntimeError("out of luck")
        yield []

    monkeypatch.setattr(faces, "extract", extract)
    window = start(party, subject=knows_john)
    crashes: list[str] = []
    window.faces.desk.crashed.disconnect()
    window.faces.desk.crashed.connect(crashes.append)
    qtbot.waitUntil(lambda: bool(window.faces.desk.state.trouble))
    assert window.faces.desk.state.trouble == "The search for faces stopped because of an error in Lennonnet."
    assert len(crashes) == 1 and "out of luck" in crashes[0]
    wait_until_learned(qtbot, window)
    assert len(crashes) == 1 and probability_of(window, "cat.png") > 0.5
    fakes.install(monkeypatch)
    off, quick = (
        next(one for one in window.faces._look_actions if one.data() == key) for key in ("off", "quick")
    )
    off.trigger()
    quick.trigger()
    qtbot.waitUntil(lambda: probability_of(window, "john.png") > 0.9)
    done(qtbot, window)
    assert not window.faces.desk.state.trouble


def test_labelled_photos_that_lie_elsewhere_are_looked_at_too(
    qtbot: QtBot, start: Start, party: Path, fakes: Faces, tmp_path: Path
) -> None:
    Settings().set("faces/look", "off")
    window = start(party)
    ready(qtbot, window)
    for name, key in (
        ("john.png", Qt.Key.Key_J),
        ("john again.png", Qt.Key.Key_J),
        ("others.png", Qt.Key.Key_N),
    ):
        window.grid.setCurrentIndex(window.model.index(row_of(window, name)))
        window.grid.setFocus()
        qtbot.keyClick(window.grid, key)
    qtbot.waitUntil(lambda: window.teaching.counts()[Zone.SUBJECT, ""] == 2)
    wait_until_learned(qtbot, window)
    other = tmp_path / "other"
    other.mkdir()
    for name in ("all.png", "george.png", "nobody.png"):
        shutil.move(party / name, other / name)
    window.open_folder(str(other))
    qtbot.waitUntil(lambda: len(shown_names(window)) == 3)
    ready(qtbot, window)
    assert not fakes.asked
    next(one for one in window.faces._look_actions if one.data() == "quick").trigger()
    qtbot.waitUntil(lambda: {"john.png", "john again.png", "others.png"} <= set(fakes.names(Look.QUICK)))
    qtbot.waitUntil(lambda: probability_of(window, "all.png") > 0.65)
    done(qtbot, window)
    assert probability_of(window, "george.png") < 0.35
    assert sorted(fakes.names()) == sorted([*shown_names(window), "john.png", "john again.png", "others.png"])
