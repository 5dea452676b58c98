"""Walks through the real window with a real mouse: run by test_mouse under a virtual screen of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QProcess, Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QMenu, QTableView, QWidget
from pytestqt.qtbot import QtBot

from lennonnet_gui import app
from lennonnet_gui.folder_session import Phase
from lennonnet_gui.main_window import MainWindow
from lennonnet_gui.people_rows import Part
from lennonnet_gui.photo_model import FaceCountRole, VerdictRole
from lennonnet_gui.sort_remembered import Doing
from tests.fake_faces import Faces
from tests.program import probability_of, row_of, wait_until_learned
from training.sorting import Fate
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

    def click(self, widget: QWidget, at: QPoint | None = None, button: int = 1) -> None:
        """A click, by default in the middle of a widget, once it can be seen."""
        self._qtbot.waitUntil(widget.isVisible)
        self.do(widget, at or widget.rect().center(), f"click {button}")

    def choose(self, menu: QMenu, words: str) -> None:
        """Click what a menu offers that is open."""
        self._qtbot.waitUntil(menu.isVisible)
        action = next(action for action in menu.actions() if action.text().replace("&", "") == words)
        self.click(menu, menu.actionGeometry(action).center())

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
    kept, subject = window._settings, window.teaching.subject_id
    qtbot.waitUntil(lambda: kept.zones(subject, window.session.subject.zones) == window.model.zones())


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


# -- out of the window


class Another:
    """A window of another process beside ours, that takes the files that are dropped on it into a folder."""

    def __init__(self, qtbot: QtBot, folder: Path) -> None:
        self._qtbot = qtbot
        self._process = QProcess()
        program = [str(Path(__file__).with_name("drop_target.py")), str(folder), "1210", "100", "180", "300"]
        self._process.start(sys.executable, program)
        assert self.told() == {"ready": True}

    def told(self) -> dict[str, Any]:
        """What it says next; our window works meanwhile, for it is asked for what is dragged."""
        self._qtbot.waitUntil(self._process.canReadLine)
        told: dict[str, Any] = json.loads(bytes(self._process.readLine().data()))
        return told

    def end(self) -> None:
        self._process.kill()
        assert self._process.waitForFinished()


@pytest.fixture
def another(qtbot: QtBot, tmp_path: Path) -> Iterator[Another]:
    (tmp_path / "got").mkdir()
    made = Another(qtbot, tmp_path / "got")
    yield made
    made.end()


def drag_out(mouse: Mouse, window: MainWindow, row: int, key: str) -> None:
    """Drag what is selected, by the photo of a row, onto the other window, with a key held at the end."""
    grid = window.grid.viewport()
    start = window.grid.visualRect(window.model.index(row)).center()
    there = grid.mapFromGlobal(QPoint(1300, 250))
    way: list[str | QPoint] = [start, "mousedown 1 sleep .1", start + QPoint(15, 15), there]
    held = [f"keydown {key} sleep .1"] if key else []
    free = [f"keyup {key}"] if key else []
    mouse.do(grid, *way, *held, there + QPoint(2, 0), "mouseup 1 sleep .1", *free)


@pytest.mark.parametrize("key", ["", "shift", "ctrl"])
def test_photos_dragged_onto_a_file_manager_are_copied_and_never_moved(
    qtbot: QtBot,
    window: MainWindow,
    mouse: Mouse,
    another: Another,
    folder: Path,
    tmp_path: Path,
    key: str,
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    rows = [row_of(window, name) for name in ("coffee.jpg", "rocket mirrored.png")]
    centres = [window.grid.visualRect(window.model.index(row)).center() for row in rows]
    mouse.do(window.grid.viewport(), centres[0], "click 1 keydown ctrl", centres[1], "click 1 keyup ctrl")
    qtbot.waitUntil(lambda: len(window.grid.selectionModel().selectedRows()) == 2)
    drag_out(mouse, window, rows[0], key)
    told = another.told()
    assert told["proposed"] == "CopyAction"
    assert told["possible"] == Qt.DropAction.CopyAction.value
    assert sorted(told["paths"]) == sorted(window.model.file_at(row).path for row in rows)
    got = {path.name: path.read_bytes() for path in (tmp_path / "got").iterdir()}
    assert got == {name: (folder / name).read_bytes() for name in ("coffee.jpg", "rocket mirrored.png")}
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert window.teaching.counts()[Zone.SUBJECT, ""] == 0  # it is no label


# -- sorting out


def open_by_menu(mouse: Mouse, window: MainWindow, words: str) -> None:
    bar = window.menuBar()
    file = next(action for action in bar.actions() if action.text().replace("&", "") == "File")
    mouse.click(bar, bar.actionGeometry(file).center())
    menu = file.menu()
    assert isinstance(menu, QMenu)
    mouse.choose(menu, words)


def place_in(table: QTableView, name: str, column: int = 0) -> QPoint:
    """The middle of a cell of the row of a photo."""
    model = table.model()
    row = next(at for at in range(model.rowCount()) if model.index(at, 0).data() == name)
    return table.visualRect(model.index(row, column)).center()


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_photos_are_copied_by_mouse_corrected_on_the_way_and_taken_away_in_part(
    qtbot: QtBot, window: MainWindow, mouse: Mouse, folder: Path
) -> None:
    before = files(folder)
    open_by_menu(mouse, window, "Sort out…")
    qtbot.waitUntil(lambda: window.sorting._made and window.sorting.sorting.dialog.isVisible())
    dialog = window.sorting.sorting.dialog
    mouse.click(dialog.choose.choices[Doing.COPY])
    assert dialog.choose.doing is Doing.COPY
    button = dialog.choose.plan_button
    mouse.do(button, button.rect().center(), "click --repeat 2 --delay 120 1")  # nothing is copied by that
    qtbot.waitUntil(dialog.plan.start.isEnabled)
    assert dialog._pages.currentWidget() is dialog.plan
    assert dialog.plan.start.text() == "Copy 8 photos"
    table = dialog.plan.table
    tick = place_in(table, "coffee.jpg")
    tick.setX(16)
    mouse.click(table.viewport(), tick)
    qtbot.waitUntil(lambda: dialog.plan.start.text() == "Copy 7 photos")
    mouse.click(dialog.plan.chips[Fate.STAYS])
    qtbot.waitUntil(lambda: table.plan_model.rowCount() == 1)
    mouse.click(dialog.plan.chips[None])
    qtbot.waitUntil(lambda: table.plan_model.rowCount() == 8)

    mouse.click(table.viewport(), place_in(table, "rocket.jpg", 1), 3)  # the cell is asked for its menu
    qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    mouse.choose(menu, "This is John")
    qtbot.waitUntil(lambda: "You said John" in [table.plan_model.index(at, 2).data() for at in range(8)])
    qtbot.waitUntil(lambda: dialog._plan_job is None)
    qtbot.waitUntil(lambda: verdict(window, "rocket.jpg") is Zone.SUBJECT)
    assert dialog.plan.start.text() == "Copy 7 photos"

    mouse.click(dialog.plan.start)
    qtbot.waitUntil(lambda: dialog._pages.currentWidget() is dialog.after)
    copied = {name.rpartition("/")[2] for name in files(folder) if name.startswith("john/")}
    assert copied == {"chelsea.jpg", "chelsea mirrored.png", "rocket.jpg"}
    assert not any(name.endswith("john/coffee.jpg") for name in files(folder))
    assert {name: files(folder)[name] for name in before} == before
    mouse.click(dialog.after._close)
    qtbot.waitUntil(lambda: not dialog.isVisible())

    open_by_menu(mouse, window, "Sorted before…")
    history = window.sorting.sorting.history
    qtbot.waitUntil(lambda: history.photos_model.rowCount() == 7)
    mouse.click(history.table.viewport(), place_in(history.table, "rocket.jpg"))
    qtbot.waitUntil(lambda: history.undo_some.text() == "Undo 1 chosen")
    take_away(qtbot, mouse, window, history.undo_some)
    assert "john/rocket.jpg" not in files(folder)
    assert "john/chelsea.jpg" in files(folder)
    take_away(qtbot, mouse, window, history.undo_all)
    assert files(folder) == before
    history.close()


def take_away(qtbot: QtBot, mouse: Mouse, window: MainWindow, button: QWidget) -> None:
    history = window.sorting.sorting.history
    qtbot.waitUntil(lambda: button.isEnabled() and not history._jobs.busy())
    mouse.click(button)
    qtbot.waitUntil(lambda: history._box is not None and history._yes is not None)
    assert history._yes is not None
    with qtbot.waitSignal(history.run.ended):
        mouse.click(history._yes)
    qtbot.waitUntil(lambda: history._pages.currentWidget() is history._history and not history._jobs.busy())


def test_tags_are_written_by_mouse_and_undone_at_once(
    qtbot: QtBot, window: MainWindow, mouse: Mouse, folder: Path
) -> None:
    before = files(folder)
    open_by_menu(mouse, window, "Sort out…")
    qtbot.waitUntil(lambda: window.sorting._made and window.sorting.sorting.dialog.isVisible())
    dialog = window.sorting.sorting.dialog
    mouse.click(dialog.choose.choices[Doing.TAG])
    mouse.click(dialog.choose.only_confirmed_tags)
    qtbot.waitUntil(lambda: not dialog.choose.rules().only_confirmed)
    mouse.click(dialog.choose.plan_button)
    qtbot.waitUntil(dialog.plan.start.isEnabled)
    assert dialog.plan.start.text() == "Tag 2 photos"
    mouse.click(dialog.plan.start)
    qtbot.waitUntil(lambda: dialog._pages.currentWidget() is dialog.after)
    assert set(files(folder)) - set(before) == {"chelsea.jpg.xmp", "inner/chelsea mirrored.png.xmp"}
    assert files(folder).items() >= before.items()
    mouse.click(dialog.after._undo)
    qtbot.waitUntil(lambda: files(folder) == before)
    qtbot.waitUntil(lambda: not dialog.running)
    mouse.click(dialog.after._close)
    qtbot.waitUntil(lambda: not dialog.isVisible())
