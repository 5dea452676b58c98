from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPoint,
    QPointF,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QAccessible,
    QColor,
    QGuiApplication,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPixmap,
    QWheelEvent,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from lennonnet_gui import photo_cell, photo_drag, theme, thumbnails
from lennonnet_gui.photo_cell import FaceStyle, PhotoDelegate, paint_pill
from lennonnet_gui.photo_grid import PhotoGrid
from lennonnet_gui.photo_model import FaceFacts, PhotoModel, SortKey
from training.photos import PhotoFile
from training.zones import Zone

GREEN = QColor("#00ff00")  # no token is


class Pictures(QObject):
    """Thumbnails that are there when the test says so."""

    arrived = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.size: tuple[int, int] | None = (256, 128)
        self.asked: list[tuple[str, int]] = []
        self.edges: list[int] = []
        self._made: dict[tuple[int, int], QPixmap] = {}  # by size

    def pixmap(self, file: PhotoFile, edge: int) -> QPixmap | None:
        self.asked.append((file.path, edge))
        if self.size is None:
            return None
        if self.size not in self._made:
            self._made[self.size] = QPixmap(*self.size)
            self._made[self.size].fill(GREEN)
        return self._made[self.size]


def file(number: int) -> PhotoFile:
    return PhotoFile(f"{os.sep}pictures{os.sep}IMG_{number}.jpg", 1000, 0)


@pytest.fixture
def pictures(qapp: QApplication) -> Pictures:
    return Pictures()


@pytest.fixture
def model(qapp: QApplication) -> PhotoModel:
    model = PhotoModel()
    model.set_subject("john")
    model.add(map(file, range(1000)))
    return model


@pytest.fixture
def grid(qtbot: QtBot, pictures: Pictures, model: PhotoModel) -> Iterator[PhotoGrid]:
    grid = PhotoGrid(pictures)
    qtbot.addWidget(grid)
    grid.setModel(model)
    grid.resize(800, 600)
    with qtbot.waitSignal(grid.visible_changed):
        grid.show()
    grid.activateWindow()
    grid.setFocus()
    qtbot.waitUntil(grid.hasFocus)
    yield grid


def cell(grid: PhotoGrid, row: int) -> QRect:
    return grid.visualRect(grid.model().index(row, 0))


def selected(grid: PhotoGrid) -> list[int]:
    return sorted(index.row() for index in grid.selectedIndexes())


def columns(grid: PhotoGrid) -> int:
    return sum(cell(grid, row).top() == cell(grid, 0).top() for row in range(50))


def image(grid: PhotoGrid) -> QImage:
    return grid.viewport().grab().toImage()


def choose(grid: PhotoGrid, row: int) -> None:
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=cell(grid, row).center())


# ------------------------------------------------------------------------------------------------- layout


@pytest.mark.parametrize("width", [300, 640, 801, 1600])
@pytest.mark.parametrize("size", [96, 160, 320])
def test_cells_fill_the_width_evenly(grid: PhotoGrid, width: int, size: int) -> None:
    grid.resize(width, 600)
    grid.set_cell_size(size)
    across, viewport = columns(grid), grid.viewport().width()
    gaps = [cell(grid, 0).left()]
    gaps += [cell(grid, row + 1).left() - cell(grid, row).right() - 1 for row in range(across - 1)]
    gaps += [viewport - cell(grid, across - 1).right() - 1]
    assert max(gaps) - min(gaps) <= 1
    assert min(gaps) >= 0
    assert across == 1 or max(gaps) < size  # another column would not have fitted
    assert cell(grid, 0).width() == min(size, viewport)


def test_every_point_finds_the_photo_that_is_drawn_there(grid: PhotoGrid) -> None:
    grid.verticalScrollBar().setValue(12_345)
    for row in grid._visible_rows():
        rect = cell(grid, row)
        for corner in (rect.topLeft(), rect.topRight(), rect.bottomLeft(), rect.bottomRight(), rect.center()):
            assert grid.indexAt(corner).row() == row
        assert grid.indexAt(rect.topLeft() - QPoint(1, 0)).row() != row
        assert not grid.indexAt(rect.topLeft() - QPoint(0, 1)).isValid()
    assert not grid.indexAt(QPoint(grid.viewport().width() - 1, 100)).isValid()


def test_the_end_can_be_scrolled_to(grid: PhotoGrid) -> None:
    grid.scrollToBottom()
    last = cell(grid, 999)
    assert 0 <= grid.viewport().height() - last.bottom() <= 24
    grid.scrollToTop()
    assert 0 < cell(grid, 0).top() <= 8


def test_the_top_photo_stays_when_the_window_changes_its_width(grid: PhotoGrid) -> None:
    grid.scrollTo(grid.model().index(501, 0), PhotoGrid.ScrollHint.PositionAtTop)
    top = grid._visible_rows()[0]
    place = cell(grid, top).top()
    for width in (500, 333, 1200, 800):
        grid.resize(width, 600)
        assert -grid._layout.line < cell(grid, top).top() - place < 8
    assert cell(grid, top).top() == place  # and it has not crept


def test_the_top_photo_stays_when_cells_change_their_size(grid: PhotoGrid) -> None:
    grid.scrollTo(grid.model().index(501, 0), PhotoGrid.ScrollHint.PositionAtTop)
    top = grid._visible_rows()[0]
    for size in (96, 320, 177, 176):
        grid.set_cell_size(size)
        assert top in grid._visible_rows()
        assert cell(grid, top).top() < grid._layout.line
    assert grid.cell_size() == 176


def test_the_view_stays_where_it_is_while_photos_come(
    grid: PhotoGrid, model: PhotoModel, qtbot: QtBot
) -> None:
    grid.verticalScrollBar().setValue(5000)
    before = grid.verticalScrollBar().maximum()
    model.add(map(file, range(1000, 1512)))
    qtbot.waitUntil(lambda: grid.verticalScrollBar().maximum() > before)
    assert grid.verticalScrollBar().value() == 5000


def test_the_scroll_bar_follows_the_filter(grid: PhotoGrid, model: PhotoModel, qtbot: QtBot) -> None:
    grid.scrollToBottom()
    model.set_filter(text="IMG_7.jpg")
    qtbot.waitUntil(lambda: grid.verticalScrollBar().maximum() == 0)
    assert cell(grid, 0).top() == 8
    model.clear()
    assert grid.verticalScrollBar().maximum() == 0
    assert not grid.indexAt(QPoint(100, 100)).isValid()


# ------------------------------------------------------------------------------------------ keys and mouse


def test_arrow_keys(grid: PhotoGrid) -> None:
    choose(grid, 0)
    across = columns(grid)
    walk = [
        (Qt.Key.Key_Right, 1),
        (Qt.Key.Key_Down, across + 1),
        (Qt.Key.Key_Left, across),
        (Qt.Key.Key_Left, across - 1),  # on from line to line
        (Qt.Key.Key_Up, across - 1),  # there is no line above
        (Qt.Key.Key_End, 999),
        (Qt.Key.Key_Right, 999),
        (Qt.Key.Key_Home, 0),
        (Qt.Key.Key_Left, 0),
    ]
    for key, row in walk:
        QTest.keyClick(grid, key)
        assert grid.currentIndex().row() == row
        assert selected(grid) == [row]
        assert grid.viewport().rect().contains(cell(grid, row))


def test_down_from_the_last_but_one_line_reaches_the_last_photo(grid: PhotoGrid, model: PhotoModel) -> None:
    across = columns(grid)
    model.remove([file(number).path for number in range(across + 1, 1000)])
    choose(grid, across - 1)
    QTest.keyClick(grid, Qt.Key.Key_Down)
    assert grid.currentIndex().row() == across
    QTest.keyClick(grid, Qt.Key.Key_Down)
    assert grid.currentIndex().row() == across


def test_page_keys_go_by_whole_lines_and_keep_the_column(grid: PhotoGrid) -> None:
    choose(grid, 1)
    across = columns(grid)
    QTest.keyClick(grid, Qt.Key.Key_PageDown)
    row = grid.currentIndex().row()
    assert row > across
    assert row % across == 1
    QTest.keyClick(grid, Qt.Key.Key_PageUp)
    assert grid.currentIndex().row() == 1
    QTest.keyClick(grid, Qt.Key.Key_PageUp)
    assert grid.currentIndex().row() == 1


def test_enter_and_double_click_open(grid: PhotoGrid, qtbot: QtBot) -> None:
    choose(grid, 3)
    opened: list[int] = []
    grid.opened.connect(lambda index: opened.append(index.row()))
    QTest.keyClick(grid, Qt.Key.Key_Return)
    QTest.keyClick(grid, Qt.Key.Key_Enter, Qt.KeyboardModifier.KeypadModifier)
    place = cell(grid, 2).center()
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseDClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseDClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(1, 1))
    assert opened == [3, 3, 2]


def test_space_peeks(grid: PhotoGrid, qtbot: QtBot) -> None:
    choose(grid, 3)
    with qtbot.waitSignal(grid.peeked, check_params_cb=lambda index: index.row() == 3):
        QTest.keyClick(grid, Qt.Key.Key_Space)
    assert selected(grid) == [3]


def test_letters_are_left_to_the_window(grid: PhotoGrid) -> None:
    choose(grid, 3)
    for key in (Qt.Key.Key_P, Qt.Key.Key_I, Qt.Key.Key_Question, Qt.Key.Key_1):
        event = QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier, chr(key).lower())
        QApplication.sendEvent(grid, event)
        assert not event.isAccepted()
    assert grid.currentIndex().row() == 3


def test_shift_selects_in_reading_order(grid: PhotoGrid) -> None:
    across = columns(grid)
    choose(grid, 1)
    QTest.keyClick(grid, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert selected(grid) == list(range(1, across + 2))
    QTest.keyClick(grid, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert selected(grid) == list(range(1, across + 1))
    choose(grid, across + 1)
    click = (Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, cell(grid, 0).center())
    QTest.mouseClick(grid.viewport(), *click)  # backwards
    assert selected(grid) == list(range(across + 2))


def test_shift_end_selects_also_what_is_far_away(grid: PhotoGrid) -> None:
    choose(grid, 1)
    QTest.keyClick(grid, Qt.Key.Key_End, Qt.KeyboardModifier.ShiftModifier)
    assert selected(grid) == list(range(1, 1000))


def test_control_click_toggles(grid: PhotoGrid) -> None:
    choose(grid, 1)
    for row in (4, 2, 4):
        place = cell(grid, row).center()
        QTest.mouseClick(
            grid.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, place
        )
    assert selected(grid) == [1, 2]


def test_a_click_beside_the_photos_selects_nothing(grid: PhotoGrid) -> None:
    choose(grid, 1)
    QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(1, 1))
    assert selected(grid) == []


def test_a_rubber_band_selects_what_it_touches(grid: PhotoGrid) -> None:
    across, viewport = columns(grid), grid.viewport()
    start, end = cell(grid, 1).topLeft() - QPoint(2, 2), cell(grid, across + 2).center()
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=start)
    QTest.mouseMove(viewport, (start + end) / 2)
    QTest.mouseMove(viewport, end)
    assert selected(grid) == [1, 2, across + 1, across + 2]
    with_band = image(grid)
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=end)
    assert selected(grid) == [1, 2, across + 1, across + 2]
    assert image(grid).pixelColor(start) != with_band.pixelColor(start)


def test_all_can_be_selected_and_stay_so_through_a_sort(grid: PhotoGrid, model: PhotoModel) -> None:
    QTest.keyClick(grid, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(selected(grid)) == 1000
    model.sort_by(SortKey.NAME, descending=True)
    assert len(selected(grid)) == 1000


def wheel(grid: PhotoGrid, turn: int, modifiers: Qt.KeyboardModifier) -> None:
    middle = QPointF(grid.viewport().rect().center())
    event = QWheelEvent(
        middle,
        grid.viewport().mapToGlobal(middle),
        QPoint(),
        QPoint(0, turn),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(grid.viewport(), event)


def test_the_wheel_scrolls_a_line_and_with_control_it_zooms(grid: PhotoGrid, qtbot: QtBot) -> None:
    wheel(grid, -120, Qt.KeyboardModifier.NoModifier)
    assert abs(grid.verticalOffset() - grid._layout.line) <= 3
    sizes: list[int] = []
    grid.cell_size_changed.connect(sizes.append)
    wheel(grid, 120, Qt.KeyboardModifier.ControlModifier)
    assert sizes == [192]
    for _ in range(8):  # a touchpad's small turns add up
        wheel(grid, -15, Qt.KeyboardModifier.ControlModifier)
    assert grid.cell_size() == 176
    wheel(grid, 12_000, Qt.KeyboardModifier.ControlModifier)
    assert grid.cell_size() == 320
    wheel(grid, -12_000, Qt.KeyboardModifier.ControlModifier)
    assert grid.cell_size() == 96
    sizes.clear()
    grid.set_cell_size(1)
    assert sizes == []


# ------------------------------------------------------------------------------------ what is visible


def test_visible_photos_come_first_then_a_page_ahead(grid: PhotoGrid, qtbot: QtBot) -> None:
    bar = grid.verticalScrollBar()
    with qtbot.waitSignal(grid.visible_changed) as down:
        bar.setValue(3000)
    seen = [file(row) for row in grid._visible_rows()]
    told = down.args[0]
    assert told[: len(seen)] == seen
    assert told[len(seen)] == file(grid._visible_rows().stop)
    assert len(told) > 1.5 * len(seen)
    with qtbot.waitSignal(grid.visible_changed) as up:
        bar.setValue(2500)
    seen = [file(row) for row in grid._visible_rows()]
    told = up.args[0]
    assert told[: len(seen)] == seen
    assert told[len(seen)] == file(grid._visible_rows().start - 1)
    assert len(set(told)) == len(told)


def test_visible_photos_are_told_once_for_many_changes(
    grid: PhotoGrid, model: PhotoModel, qtbot: QtBot
) -> None:
    told: list[list[PhotoFile]] = []
    grid.visible_changed.connect(told.append)
    model.sort_by(SortKey.NAME, descending=True)
    grid.verticalScrollBar().setValue(50)
    grid.verticalScrollBar().setValue(0)
    qtbot.waitUntil(lambda: bool(told))
    assert told[0][0] == file(999)
    with qtbot.waitSignal(grid.visible_changed):
        model.clear()
    assert told[1:] == [[]]


def test_a_changed_file_is_told_again(grid: PhotoGrid, model: PhotoModel, qtbot: QtBot) -> None:
    new = PhotoFile(file(0).path, 2000, 1)
    told: list[list[PhotoFile]] = []
    grid.visible_changed.connect(told.append)
    model.change([new])
    qtbot.waitUntil(lambda: bool(told))
    assert told[0][0] is new


# ------------------------------------------------------------------------------------------------- drawing


def test_the_photo_is_fitted_into_its_cell_and_framed_in_its_zone(grid: PhotoGrid, model: PhotoModel) -> None:
    model.set_scores([file(0).path, file(1).path, file(2).path], [0.1, 0.5, 0.9])
    drawn = image(grid)
    for row, zone in enumerate(Zone):
        square = QRect(cell(grid, row).topLeft() + QPoint(8, 8), cell(grid, row).topLeft() + QPoint(167, 167))
        middle = square.center()
        assert drawn.pixelColor(middle) == GREEN
        assert drawn.pixelColor(square.left(), middle.y()) == GREEN
        assert drawn.pixelColor(square.left() - 1, middle.y()) == theme.zone_colour(zone)
        assert drawn.pixelColor(middle.x(), square.top() + 39) == theme.zone_colour(zone)  # 2 : 1, so 80 high
        assert drawn.pixelColor(middle.x(), square.top() + 40) == GREEN
        assert drawn.pixelColor(middle.x(), square.top() + 119) == GREEN
    unscored = cell(grid, 3)
    assert drawn.pixelColor(unscored.left() + 7, unscored.top() + 87) == QColor(theme.tokens().canvas)


def test_pictures_are_asked_for_in_device_pixels(grid: PhotoGrid, pictures: Pictures) -> None:
    pictures.asked.clear()
    grid.viewport().repaint()
    ratio = grid.devicePixelRatioF()
    assert {edge for _, edge in pictures.asked} == {round((176 - 16) * ratio)}
    assert [path for path, _ in pictures.asked] == [file(row).path for row in grid._visible_rows()]


def test_selection_leaves_the_zone_visible(grid: PhotoGrid, model: PhotoModel) -> None:
    model.set_scores([file(0).path], [0.9])
    choose(grid, 0)
    drawn = image(grid)
    left, y = cell(grid, 0).left() + 8, cell(grid, 0).top() + 87
    assert drawn.pixelColor(left - 1, y) == theme.zone_colour(Zone.SUBJECT)
    assert drawn.pixelColor(left - 2, y) == theme.zone_colour(Zone.SUBJECT)
    assert drawn.pixelColor(left - 4, y) not in (
        theme.zone_colour(Zone.SUBJECT),
        QColor(theme.tokens().focus),
    )
    assert drawn.pixelColor(left - 7, y) == QColor(theme.tokens().focus)


def test_the_cell_below_the_pointer_is_tinted(grid: PhotoGrid) -> None:
    corner = cell(grid, 1).topLeft() + QPoint(4, 4)
    plain = image(grid).pixelColor(corner)
    QTest.mouseMove(grid.viewport(), cell(grid, 1).center())
    tinted = image(grid).pixelColor(corner)
    assert tinted != plain
    assert abs(tinted.lightness() - plain.lightness()) < 40
    QTest.mouseMove(grid.viewport(), QPoint(1, 1))
    assert image(grid).pixelColor(corner) == plain


def test_an_unreadable_photo_is_grey_and_never_asked_for(
    grid: PhotoGrid, model: PhotoModel, pictures: Pictures
) -> None:
    model.set_failed({file(0).path: "is cut off"})
    pictures.asked.clear()
    drawn = image(grid)
    assert file(0).path not in {path for path, _ in pictures.asked}
    inside = cell(grid, 0).adjusted(8, 8, -8, -30)
    colours = {
        drawn.pixelColor(x, y).hsvSaturation()
        for x in range(inside.left(), inside.right(), 3)
        for y in range(inside.top(), inside.bottom(), 3)
    }
    assert max(colours) < 10  # no saturation
    assert drawn.copy(inside) != drawn.copy(cell(grid, 1).adjusted(8, 8, -8, -30))


def test_the_name_stands_below_from_160_pixels_on(grid: PhotoGrid) -> None:
    grid.set_cell_size(159)
    assert cell(grid, 0).height() == 159
    grid.set_cell_size(160)
    below = image(grid).copy(cell(grid, 0).adjusted(0, 160, 0, 0))
    assert below.height() > 10
    assert (
        len({below.pixelColor(x, y).name() for x in range(below.width()) for y in range(below.height())}) > 1
    )


@pytest.mark.parametrize("size", [(1, 1), (3000, 10), (10, 3000), (64, 64)])
def test_pictures_of_any_shape_are_fitted(grid: PhotoGrid, pictures: Pictures, size: tuple[int, int]) -> None:
    pictures.size = size
    drawn = image(grid)
    middle = QPoint(cell(grid, 0).left() + 88, cell(grid, 0).top() + 88)
    assert drawn.pixelColor(middle) == GREEN
    assert drawn.pixelColor(cell(grid, 0).topLeft() + QPoint(7, 7)) == QColor(theme.tokens().canvas)


def test_a_picture_that_comes_late_fades_in(
    grid: PhotoGrid, pictures: Pictures, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures.size = None
    middle = QPoint(cell(grid, 0).left() + 88, cell(grid, 0).top() + 88)
    assert image(grid).pixelColor(middle) == QColor(theme.tokens().placeholder)
    pictures.size = (256, 128)
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    pictures.arrived.emit(file(0).path)
    clock[0] += 0.075
    half = image(grid).pixelColor(middle)
    assert half not in (GREEN, QColor(theme.tokens().placeholder))
    assert half.green() > half.red()
    clock[0] += 0.2
    assert image(grid).pixelColor(middle) == GREEN
    qtbot.waitUntil(lambda: not grid._fade_timer.isActive())


def test_no_fade_for_a_cell_that_was_not_seen_empty_or_while_racing(
    grid: PhotoGrid, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures.arrived.emit(file(0).path)
    assert not grid._fade_timer.isActive()
    pictures.arrived.emit("gone")
    pictures.size = None
    grid.verticalScrollBar().setValue(20_000)
    grid.viewport().repaint()
    pictures.size = (256, 128)
    pictures.arrived.emit(file(grid._visible_rows()[0]).path)
    assert not grid._fade_timer.isActive()
    middle = cell(grid, grid._visible_rows()[0]).center()
    assert image(grid).pixelColor(middle.x(), max(middle.y(), 0)) in (GREEN, QColor(theme.tokens().canvas))


def test_the_scheme_is_followed(grid: PhotoGrid, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    assert image(grid).pixelColor(1, 1) == QColor(theme.tokens().canvas)
    other = not theme.is_dark()
    monkeypatch.setattr(theme, "is_dark", lambda: other)
    before = QGuiApplication.palette()
    QApplication.setPalette(theme.palette())
    try:
        canvas = QColor((theme.DARK if other else theme.LIGHT).canvas)
        qtbot.waitUntil(lambda: image(grid).pixelColor(1, 1) == canvas)
    finally:
        monkeypatch.undo()
        QApplication.setPalette(before)


@pytest.mark.parametrize("zone", list(Zone))
@pytest.mark.parametrize("probability", [0.0, 0.07, 0.42, 1.0])
@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
def test_the_pill_stands_on_its_corner(
    qapp: QApplication, zone: Zone, probability: float, ratio: float
) -> None:
    canvas = QImage(round(200 * ratio), round(100 * ratio), QImage.Format.Format_ARGB32)
    canvas.setDevicePixelRatio(ratio)
    canvas.fill(GREEN)
    painter = QPainter(canvas)
    covered = paint_pill(painter, QPointF(10, 90), zone, probability)
    painter.end()
    assert (covered.left(), covered.bottom()) == (10, 90)
    bits = np.frombuffer(canvas.constBits(), np.uint8).reshape(canvas.height(), canvas.bytesPerLine() // 4, 4)
    painted = (bits[:, : canvas.width(), :3] != [0, 255, 0]).any(axis=2)
    ys, xs = np.nonzero(painted)
    assert xs.min() >= 10 * ratio - 1
    assert xs.max() <= covered.right() * ratio
    assert ys.max() < 90 * ratio + 1
    assert ys.min() >= covered.top() * ratio - 1
    middle = canvas.pixelColor(round((covered.left() + 3) * ratio), round(covered.center().y() * ratio))
    assert middle == theme.zone_colour(zone)


# ------------------------------------------------------------------------------------------ accessibility


def test_screen_readers_get_names_and_scores(grid: PhotoGrid, model: PhotoModel) -> None:
    model.set_scores([file(0).path], [0.92])
    assert grid.accessibleName() == "Photos"
    cells = QAccessible.queryAccessibleInterface(grid)
    assert cells is not None
    assert cells.childCount() == 1000
    assert cells.child(0).text(QAccessible.Text.Name) == "IMG_0.jpg: 92 per cent, John"


# ------------------------------------------------------------------------------------- dragging and verdicts


class Drags:
    """What was dragged, instead of a drag, which would wait for a real mouse."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []
        self.pictures: list[int] = []

    def __call__(self, _view: object, files: list[PhotoFile], pixmaps: list[QPixmap]) -> None:
        self.rows.append([int(file.path.rpartition("_")[2].removesuffix(".jpg")) for file in files])
        self.pictures.append(len(pixmaps))


@pytest.fixture
def drags(monkeypatch: pytest.MonkeyPatch) -> Drags:
    made = Drags()
    monkeypatch.setattr(photo_drag, "start_drag", made)
    return made


def drag(
    grid: PhotoGrid,
    row: int,
    modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    button: Qt.MouseButton = Qt.MouseButton.LeftButton,
) -> None:
    start, viewport = cell(grid, row).center(), grid.viewport()
    QTest.mousePress(viewport, button, modifiers, start)
    for way in (QPoint(4, 4), QPoint(15, 15), QPoint(60, 60)):
        to = QPointF(start + way)
        where = viewport.mapToGlobal(to)
        QApplication.sendEvent(
            viewport,
            QMouseEvent(QEvent.Type.MouseMove, to, where, Qt.MouseButton.NoButton, button, modifiers),
        )
    QTest.mouseRelease(viewport, button, modifiers, start + QPoint(60, 60))


def test_a_drag_from_a_photo_takes_and_selects_it(grid: PhotoGrid, drags: Drags) -> None:
    choose(grid, 5)
    drag(grid, 1)
    assert drags.rows == [[1]]
    assert drags.pictures == [1]
    assert selected(grid) == [1]


def test_a_drag_from_one_of_the_selected_takes_all(grid: PhotoGrid, drags: Drags) -> None:
    choose(grid, 7)
    for row in (2, 3, 900):
        index = grid.model().index(row, 0)
        grid.selectionModel().select(index, QItemSelectionModel.SelectionFlag.Select)
    drag(grid, 3)
    assert drags.rows == [[2, 3, 7, 900]]
    assert drags.pictures == [3]
    assert selected(grid) == [2, 3, 7, 900]


def test_a_click_on_one_of_the_selected_selects_it_alone(grid: PhotoGrid, drags: Drags) -> None:
    QTest.keyClick(grid, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    choose(grid, 3)
    assert selected(grid) == [3]
    assert drags.rows == []


def test_a_thousand_are_dragged_in_their_order(grid: PhotoGrid, model: PhotoModel, drags: Drags) -> None:
    model.sort_by(SortKey.NAME, descending=True)
    QTest.keyClick(grid, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    drag(grid, 2)
    assert drags.rows == [list(range(1000))[::-1]]


@pytest.mark.parametrize(
    "modifiers",
    [Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier],
    ids=["ctrl", "shift"],
)
def test_keys_held_while_dragging_select_as_ever(
    grid: PhotoGrid, drags: Drags, modifiers: Qt.KeyboardModifier
) -> None:
    choose(grid, 2)
    drag(grid, 3, modifiers)
    assert drags.rows == [[2, 3]]


def test_the_right_button_drags_nothing(grid: PhotoGrid, drags: Drags) -> None:
    drag(grid, 1, button=Qt.MouseButton.RightButton)
    assert drags.rows == []


def test_a_rubber_band_drags_nothing_and_a_drag_draws_no_band(grid: PhotoGrid, drags: Drags) -> None:
    viewport = grid.viewport()
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=QPoint(1, 1))
    QTest.mouseMove(viewport, cell(grid, 0).center())
    QTest.mouseMove(viewport, cell(grid, 1).center())
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=cell(grid, 1).center())
    assert selected(grid) == [0, 1]
    assert drags.rows == []
    drag(grid, 5)
    assert not grid._band.isValid()
    assert drags.rows == [[5]]


def test_only_copies_may_be_dragged(model: PhotoModel) -> None:
    assert model.supportedDragActions() == Qt.DropAction.CopyAction
    assert model.flags(model.index(0)) & Qt.ItemFlag.ItemIsDragEnabled
    assert not model.flags(QModelIndex()) & Qt.ItemFlag.ItemIsDragEnabled


@pytest.mark.parametrize("size", [96, 176])
def test_a_verdict_is_a_solid_mark_and_its_zones_frame(
    grid: PhotoGrid, model: PhotoModel, pictures: Pictures, size: int
) -> None:
    pictures.size = (256, 256)
    grid.set_cell_size(size)
    model.set_scores([file(0).path, file(1).path], [0.9, 0.9])
    before = image(grid)
    model.set_verdicts({file(0).path: Zone.NOT_SUBJECT})
    drawn, blue, orange = image(grid), theme.zone_colour(Zone.SUBJECT), theme.zone_colour(Zone.NOT_SUBJECT)
    square = cell(grid, 0).adjusted(8, 8, -8, 0)
    corner = QRect(square.right() - 27, square.top() - 8, 36, 36)

    def count(colour: QColor, where: QRect) -> int:
        xs, ys = range(where.left(), where.right()), range(where.top(), where.bottom())
        return sum(drawn.pixelColor(x, y) == colour for x in xs for y in ys)

    assert drawn.pixelColor(square.left() - 1, square.center().y()) == orange
    assert count(orange, corner) > 120  # more than the frame alone
    assert (
        count(blue, QRect(square.left() - 8, square.top() + square.width() - 30, 40, 40)) > 60
    )  # its score's pill
    other = cell(grid, 1)
    assert drawn.copy(other) == before.copy(other)
    model.set_verdicts({file(0).path: None})
    assert image(grid) == before


def test_a_verdict_shows_before_score_and_picture_and_on_what_cant_be_read(
    grid: PhotoGrid, model: PhotoModel
) -> None:
    model.set_failed({file(1).path: "is empty"})
    before = image(grid)
    model.set_verdicts({file(0).path: Zone.SUBJECT, file(1).path: Zone.NOT_SUBJECT})
    drawn = image(grid)
    for row in (0, 1):
        assert drawn.copy(cell(grid, row)) != before.copy(cell(grid, row))


# -------------------------------------------------------------------------------------- the face that decided

RED = QColor("#ff0000")


def show_face(
    model: PhotoModel,
    pictures: Pictures,
    box: tuple[float, float, float, float] | None = (0.6, 0.2, 0.75, 0.4),
    size: tuple[int, int] = (256, 192),
) -> None:
    """Give the first photo a red face on green, and say that it decided."""
    width, height = size
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 1] = 255
    boxes = np.full((1, 4), np.nan, np.float32)
    if box is not None:
        left, top, right, bottom = box
        face = (
            slice(round(top * height), round(bottom * height)),
            slice(round(left * width), round(right * width)),
        )
        pixels[face] = (255, 0, 0)
        boxes[0] = box
    pictures.size = size
    pictures._made[size] = QPixmap.fromImage(
        thumbnails.to_image(pixels, max(size))
    )  # just as the real ones are
    model.set_scores([file(0).path], [0.9], faces=FaceFacts(np.array([1], np.int32), boxes))


def photo_at(grid: PhotoGrid, size: tuple[int, int] = (256, 192)) -> QRect:
    """Where the first photo is drawn."""
    edge = cell(grid, 0).width() - 16
    width, height = QSize(*size).scaled(edge, edge, Qt.AspectRatioMode.KeepAspectRatio).toTuple()
    left, top = cell(grid, 0).left() + 8, cell(grid, 0).top() + 8
    return QRect(left + (edge - width) // 2, top + (edge - height) // 2, width, height)


def corner_of(grid: PhotoGrid) -> QColor:
    """The middle of where the inset would be."""
    half = round(0.36 * (cell(grid, 0).width() - 16)) // 2
    return image(grid).pixelColor(photo_at(grid).bottomRight() - QPoint(4 + half, 4 + half))


def test_the_deciding_face_is_an_inset_at_the_lower_right(
    grid: PhotoGrid, model: PhotoModel, pictures: Pictures
) -> None:
    show_face(model, pictures)
    before = image(grid)
    assert corner_of(grid) == GREEN
    grid.set_face_style("inset")
    assert corner_of(grid) == RED
    photo, edge = photo_at(grid), round(0.36 * 160)
    inset = QRect(photo.right() - 3 - edge, photo.bottom() - 3 - edge, edge, edge)
    assert image(grid).pixelColor(inset.left() + 1, inset.center().y()) == QColor(theme.tokens().canvas)
    assert image(grid).pixelColor(inset.topLeft()) == GREEN  # its corners are round
    assert (
        image(grid).pixelColor(inset.left() + 5, inset.center().y()) == GREEN
    )  # some of what is around the face
    assert image(grid).copy(cell(grid, 1)) == before.copy(cell(grid, 1))
    grid.set_face_style("none")
    assert image(grid) == before


def test_an_inset_is_cut_once(
    grid: PhotoGrid, model: PhotoModel, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_face(model, pictures)
    grid.set_face_style(FaceStyle.INSET)
    cuts: list[object] = []
    make = PhotoDelegate._make_inset

    def noted(delegate: PhotoDelegate, *how: Any) -> QPixmap | None:
        cuts.append(how)
        return make(delegate, *how)

    monkeypatch.setattr(PhotoDelegate, "_make_inset", noted)
    for _ in range(3):
        image(grid)
    assert len(cuts) == 1
    grid.set_cell_size(200)
    image(grid)
    assert len(cuts) == 2


@pytest.mark.parametrize(
    ("cell_size", "box", "size"),
    [
        (108, (0.6, 0.2, 0.75, 0.4), (256, 192)),  # the cell is too small
        (176, (0.6, 0.2, 0.68, 0.3), (256, 192)),  # 20 pixels are a blur
        (176, (0.1, 0.1, 0.6, 0.8), (256, 192)),  # the face is as large in the photo itself
        (176, None, (256, 192)),  # the whole picture decided
    ],
    ids=["small cell", "few pixels", "large face", "no face"],
)
def test_no_inset_where_it_would_show_nothing(
    grid: PhotoGrid,
    model: PhotoModel,
    pictures: Pictures,
    cell_size: int,
    box: tuple[float, float, float, float] | None,
    size: tuple[int, int],
) -> None:
    grid.set_cell_size(cell_size)
    show_face(model, pictures, box, size)
    before = image(grid)
    grid.set_face_style("inset")
    assert image(grid) == before


def test_a_small_face_is_cut_from_a_larger_picture(
    grid: PhotoGrid, model: PhotoModel, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = (0.6, 0.2, 0.68, 0.3)  # 19 pixels high, and 38 in one twice as large
    show_face(model, pictures, box)
    grid.set_face_style("inset")
    image(grid)
    assert (file(0).path, 512) in pictures.asked
    pictures.asked.clear()
    show_face(model, pictures, box, (512, 384))
    assert corner_of(grid) == RED
    assert 512 not in {edge for _, edge in pictures.asked}  # it is there
    show_face(model, pictures, (0.6, 0.2, 0.62, 0.23))
    image(grid)
    assert 512 not in {edge for _, edge in pictures.asked}  # it would not do either


@pytest.mark.parametrize("size", [(256, 192), (120, 256), (256, 40)])
def test_centred_the_square_is_filled_around_the_face(
    grid: PhotoGrid, model: PhotoModel, pictures: Pictures, size: tuple[int, int]
) -> None:
    show_face(model, pictures, (0.4, 0.2, 0.8, 0.95), size)
    square = cell(grid, 0).adjusted(8, 8, 0, 0)
    square.setSize(QSize(160, 160))
    grid.set_face_style("centred")
    drawn = image(grid)
    assert drawn.pixelColor(square.center()) == RED
    assert drawn.pixelColor(square.topLeft() + QPoint(2, 2)) in (GREEN, RED)  # the photo's, up to the corners
    assert drawn.pixelColor(square.left() - 1, square.center().y()) == theme.zone_colour(Zone.SUBJECT)
    assert drawn.pixelColor(square.center().x(), square.top() - 1) == theme.zone_colour(Zone.SUBJECT)


def test_centred_on_a_blur_the_whole_photo_is_shown(
    grid: PhotoGrid, model: PhotoModel, pictures: Pictures
) -> None:
    show_face(model, pictures, (0.6, 0.2, 0.65, 0.25))
    before = image(grid)
    grid.set_face_style("centred")
    assert image(grid) == before


def test_a_face_at_the_very_edge_is_cut_within_the_picture(
    grid: PhotoGrid, model: PhotoModel, pictures: Pictures
) -> None:
    show_face(model, pictures, (0.85, 0.8, 1.2, 1.3))
    for style in FaceStyle:
        grid.set_face_style(style)
        drawn = image(grid)
        assert drawn.pixelColor(photo_at(grid).center()) in (GREEN, RED)


def test_faces_cut_out_are_bounded_and_forgotten(
    grid: PhotoGrid, model: PhotoModel, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid.set_face_style("centred")
    monkeypatch.setattr(photo_cell, "_CUT_BYTES", 250_000)  # two cells at once
    for number in range(6):
        show_face(model, pictures, (0.5, 0.2, 0.8 + number / 100, 0.9))
        image(grid)
    ratio = grid.devicePixelRatioF()
    assert grid._delegate._cut_bytes <= 250_000 * ratio**2
    assert len(grid._delegate._cut) <= 2
    model.clear()
    assert grid._delegate._cut == {} and grid._delegate._cut_bytes == 0


def test_an_unknown_style_is_refused(grid: PhotoGrid) -> None:
    with pytest.raises(ValueError, match="sideways"):
        grid.set_face_style("sideways")
