"""Walks through the real window with a real mouse: run by test_mouse under a virtual screen of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget
from pytestqt.qtbot import QtBot

from lennonnet_gui import app
from lennonnet_gui.folder_session import Phase
from lennonnet_gui.main_window import MainWindow
from lennonnet_gui.people_rows import Part
from lennonnet_gui.photo_model import FaceCountRole, VerdictRole
from tests.fake_faces import Faces
from tests.program import probability_of, row_of, wait_until_learned
from training.verdicts import FaceSaid, FaceVerdict, Ledger
from training.zones import Zone, Zones


class Mouse:
    """Moves the pointer of the X server, with the event loop running between the steps."""

    def __init__(self, qtbot: QtBot) -> None:
        self._qtbot = qtbot

    def do(self, widget: QWidget, *steps: str | QPoint) -> None:
        """xdotool's words, and points in `widget` to move to."""
        words: list[str] = []
        for step in steps:
            if isinstance(step, QPoint):
                at = widget.mapToGlobal(step)
                words += ["mousemove", str(at.x()), str(at.y()), "sleep", ".1"]
            else:
                words += step.split()
        running = subprocess.Popen(["xdotool", *words])
        self._qtbot.waitUntil(lambda: running.poll() is not None, timeout=10_000)
        assert running.returncode == 0

    def drag(self, widget: QWidget, start: QPoint, end: QPoint) -> None:
        nearly = QPoint((start.x() + end.x()) // 2, (start.y() + end.y()) // 2)
        self.do(widget, start, "mousedown 1", nearly, end, "mouseup 1")

    def drag_into(
        self, widget: QWidget, start: QPoint, other: QWidget, end: QPoint, *last: str | QPoint
    ) -> None:
        """Drag and drop, in small steps as by hand; all of it at once, as Qt returns only after a drop."""
        there = widget.mapFromGlobal(other.mapToGlobal(end))
        way = (start + QPoint(15, 15), there, there + QPoint(2, 0))
        self.do(widget, start, "mousedown 1 sleep .1", *way, *(last or ("mouseup 1",)))


@pytest.fixture
def mouse(qtbot: QtBot) -> Mouse:
    return Mouse(qtbot)


@pytest.fixture
def window(qtbot: QtBot, subject_file: Path, folder: Path) -> Iterator[MainWindow]:
    yield from opened(qtbot, subject_file, folder)


@pytest.fixture
def looked(qtbot: QtBot, knows_john: Path, party: Path, fakes: Faces) -> Iterator[MainWindow]:
    """A window in which faces were looked for."""
    for made in opened(qtbot, knows_john, party):
        qtbot.waitUntil(lambda made=made: len(fakes.asked) == 8 and not made.jobs.busy())  # type: ignore[misc]
        wait_until_learned(qtbot, made)
        yield made


def opened(qtbot: QtBot, subject: Path, folder: Path) -> Iterator[MainWindow]:
    assert QApplication.platformName() == "xcb"
    made = app.start(["--subject", str(subject), str(folder)])
    made.move(0, 0)
    made.resize(1200, 800)
    qtbot.waitExposed(made)
    qtbot.waitUntil(lambda: made.session.status.phase is Phase.DONE, timeout=60_000)
    made.activateWindow()
    yield made
    app.finish(made)


def test_dragging_a_handle_moves_the_zones_live(qtbot: QtBot, window: MainWindow, mouse: Mouse) -> None:
    handle = window.histogram._low
    seen: list[Zones] = []
    window.histogram.zones_changed.connect(seen.append)
    start = handle.geometry().center()
    start.setX(round(window.histogram.x_of(0.35)) - 2)
    mouse.drag(
        window.histogram,
        start,
        start - QPoint(round(window.histogram.x_of(0.35) - window.histogram.x_of(0.05)), 0),
    )
    qtbot.waitUntil(lambda: window.model.zones().low < 0.1)
    assert len(seen) >= 2 and window.model.zones().high == 0.65
    assert (
        window._settings.zones(window.teaching.subject_id, window.session.subject.zones)
        == window.model.zones()
    )


def test_double_click_opens_the_photo_and_the_wheel_zooms(
    qtbot: QtBot, window: MainWindow, mouse: Mouse
) -> None:
    grid = window.grid.viewport()
    where = window.grid.visualRect(window.model.index(2)).center()
    mouse.do(grid, where, "click --repeat 2 --delay 60 1")
    qtbot.waitUntil(lambda: window._pages.currentWidget() is window.viewer)
    assert window.viewer.row() == 2
    canvas = window.viewer._canvas
    qtbot.waitUntil(lambda: not canvas.photo_rect().isEmpty())
    before = canvas.zoom()
    mouse.do(canvas, canvas.rect().center(), "click 4 click 4 click 4")
    qtbot.waitUntil(lambda: canvas.zoom() > before)


def test_a_click_on_a_count_shows_only_that_zone(qtbot: QtBot, window: MainWindow, mouse: Mouse) -> None:
    button = window.histogram._buttons[Zone.SUBJECT]
    mouse.do(button, button.rect().center(), "click 1")
    qtbot.waitUntil(lambda: window.model.rowCount() == 2)
    mouse.do(button, "sleep .5 click 1")
    qtbot.waitUntil(lambda: window.model.rowCount() == 8)


def test_a_rubber_band_selects(qtbot: QtBot, window: MainWindow, mouse: Mouse) -> None:
    grid = window.grid.viewport()
    last = window.grid.visualRect(window.model.index(1)).bottomRight()
    mouse.drag(grid, QPoint(2, 2), last)
    qtbot.waitUntil(lambda: len(window.grid.selectionModel().selectedRows()) == 2)


def test_photos_dragged_into_the_bins_are_labelled_and_the_rest_is_scored_anew(
    qtbot: QtBot, window: MainWindow, mouse: Mouse
) -> None:
    grid = window.grid.viewport()
    low = probability_of(window, "rocket mirrored.png")

    def drop(zone: Zone, *names: str) -> None:
        rows = [row_of(window, name) for name in names]
        centres = [window.grid.visualRect(window.model.index(row)).center() for row in rows]
        if len(names) > 1:  # a click and at once a drag from the same photo would be a double click
            mouse.do(grid, centres[0], "click 1")
        for centre in centres[1:]:
            mouse.do(grid, "keydown ctrl", centre, "click 1 keyup ctrl")
        target = window.bins.bin_of(zone)
        mouse.drag_into(grid, centres[0], target, target.rect().center())
        qtbot.waitUntil(lambda: all(verdict(window, name) is zone for name in names))

    drop(Zone.SUBJECT, "rocket.jpg")
    drop(Zone.NOT_SUBJECT, "chelsea.jpg", "coffee.jpg", "astronaut.jpg")
    wait_until_learned(qtbot, window)
    assert window.teaching.counts() == {(Zone.SUBJECT, ""): 1, (Zone.NOT_SUBJECT, ""): 3}
    assert probability_of(window, "rocket mirrored.png") > low + 0.1
    assert all(os.path.exists(window.model.file_at(row).path) for row in range(8))  # noqa: PTH110
    with Ledger() as ledger:
        assert len(ledger.photos(window.teaching.subject_id)) == 4


def verdict(window: MainWindow, name: str) -> object:
    return window.model.index(row_of(window, name)).data(VerdictRole)


def test_a_drag_given_up_labels_nothing_and_keeps_the_selection(
    qtbot: QtBot, window: MainWindow, mouse: Mouse
) -> None:
    told: list[tuple[object, ...]] = []
    window.bins.dropped.connect(lambda *said: told.append(said))
    window.grid.selectAll()
    target = window.bins.bin_of(Zone.SUBJECT)
    dark = target.grab().toImage()
    start = window.grid.visualRect(window.model.index(1)).center()
    given_up = ("key Escape sleep .1", start + QPoint(40, 40), start + QPoint(20, 20), "mouseup 1")
    mouse.drag_into(window.grid.viewport(), start, target, target.rect().center(), *given_up)
    assert target.grab().toImage() == dark
    mouse.drag_into(window.grid.viewport(), start, window.bar, QPoint(5, 5))
    assert told == []
    assert len(window.grid.selectionModel().selectedRows()) == 8
    mouse.do(window.grid.viewport(), start, "click 1")
    qtbot.waitUntil(lambda: len(window.grid.selectionModel().selectedRows()) == 1)


def test_a_group_of_faces_dragged_into_a_bin_is_labelled_as_one_gesture(
    qtbot: QtBot, looked: MainWindow, mouse: Mouse
) -> None:
    looked.desk.add_look_alike("George")
    (george,) = looked.desk.entry.look_alikes
    looked.faces.people_action.trigger()
    page, view = looked.faces.page, looked.faces.page._view
    qtbot.waitUntil(lambda: page.is_grouped() and not looked.faces.people.is_busy())
    shown = [{Path(page.faces()[at].file.path).stem for at in group.faces} for group in page.groups()]
    row = shown.index({"george", "george again", "all", "others"})
    heading = view.rect_of(row, Part.HEADER)
    target = looked.bins.bin_of(Zone.NOT_SUBJECT, george.id)
    start = QPoint(heading.left() + 60, heading.center().y())
    mouse.drag_into(view.viewport(), start, target, target.rect().center())
    qtbot.waitUntil(lambda: looked.teaching.face_counts()[Zone.NOT_SUBJECT, george.id] == 4)
    wait_until_learned(qtbot, looked)
    assert looked.teaching.counts()[Zone.NOT_SUBJECT, george.id] == 2
    assert verdict(looked, "george.png") is Zone.NOT_SUBJECT and verdict(looked, "others.png") is None
    with Ledger() as ledger:
        (entry,) = ledger.history(looked.teaching.subject_id, 10)
    assert (entry.count, entry.faces, entry.source, entry.group) == (2, 4, "drag", george.id)
    page.close_page()
    looked.labels.undo_action.trigger()
    qtbot.waitUntil(lambda: looked.teaching.face_counts()[Zone.NOT_SUBJECT, george.id] == 0)
    assert verdict(looked, "george.png") is None


def test_a_click_on_a_face_and_one_on_its_button_label_it(
    qtbot: QtBot, looked: MainWindow, mouse: Mouse
) -> None:
    row = row_of(looked, "others.png")
    assert looked.model.index(row).data(FaceCountRole) == 2
    mouse.do(
        looked.grid.viewport(),
        looked.grid.visualRect(looked.model.index(row)).center(),
        "click --repeat 2 --delay 60 1",
    )
    qtbot.waitUntil(lambda: not looked.viewer._faces.place_of(1).isEmpty())
    canvas, layer = looked.viewer._canvas, looked.viewer._faces
    mouse.do(canvas, layer.place_of(1).center().toPoint(), "click 1")
    qtbot.waitUntil(layer.bar.isVisible)
    button = next(one for one in layer.bar.findChildren(QAbstractButton) if "John" in one.accessibleName())
    mouse.do(button, button.rect().center(), "click 1")
    file = looked.viewer.file()
    assert file is not None
    qtbot.waitUntil(lambda: looked.teaching.face_counts()[Zone.SUBJECT, ""] == 1)
    said = [face.said for face in looked.faces.labels.faces_of(file)]
    assert said == [None, FaceSaid(FaceVerdict.SUBJECT)]
    assert looked.teaching.counts()[Zone.SUBJECT, ""] == 1
