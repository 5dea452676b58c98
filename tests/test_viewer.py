from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import shiboken6
from PIL import Image
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPixmap, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolButton
from pytestqt.qtbot import QtBot

from lennonnet_gui import canvas, pictures, theme, viewer
from lennonnet_gui.photo_model import PhotoModel, SortKey
from lennonnet_gui.pictures import Picture, Pictures, Wish
from lennonnet_gui.viewer import Viewer
from training import photos
from training.photos import Photo, PhotoFile
from training.zones import Zone, Zones

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")  # the offscreen platform has no windows to size

NOISE = np.random.default_rng(7).integers(0, 256, (1000, 1500, 3), np.uint8)
Show = Callable[..., Viewer]
AtWork = tuple[Viewer, list[str], threading.Event]


def file_of(path: Path) -> PhotoFile:
    facts = path.stat()
    return PhotoFile(str(path), facts.st_size, facts.st_mtime_ns)


def save(path: Path, pixels: npt.NDArray[np.uint8]) -> PhotoFile:
    Image.fromarray(pixels).save(path, compress_level=0)
    return file_of(path)


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """a.png to e.png: large, small, not a picture, large, large."""
    folder = tmp_path_factory.mktemp("album")
    save(folder / "a.png", NOISE)
    save(folder / "b.png", NOISE[:90, :120])
    (folder / "c.png").write_bytes(b"not a picture")
    save(folder / "d.png", NOISE[:, :700])
    save(folder / "e.png", NOISE[:700])
    return folder


@pytest.fixture
def model(album: Path, tmp_path: Path, qapp: QApplication) -> PhotoModel:
    model = PhotoModel()
    model.set_subject("john")
    model.add([file_of(Path(shutil.copy(path, tmp_path))) for path in sorted(album.iterdir())])
    return model


@pytest.fixture
def show(qtbot: QtBot, model: PhotoModel, monkeypatch: pytest.MonkeyPatch) -> Show:
    monkeypatch.setattr(viewer, "_SETTLE_MS", 20)

    def shown(row: int = 0, *, peek: bool = False, size: tuple[int, int] = (520, 400)) -> Viewer:
        made = Viewer(model)
        made.set_subject("john")
        qtbot.addWidget(made)
        made.resize(*size)
        made.show_index(row, peek=peek)
        made.show()
        made.activateWindow()
        made.setFocus()
        qtbot.waitUntil(lambda: made._canvas.hasFocus() and QApplication.activeWindow() is made)
        qtbot.waitUntil(lambda: settled(made))
        return made

    return shown


def photo_of(made: Viewer) -> PhotoFile:
    """The photo that is shown."""
    file = made.file()
    assert file is not None
    return file


def picture_of(made: Viewer) -> Picture:
    """What is known of the photo that is shown."""
    picture = made._pictures.get(photo_of(made))
    assert picture is not None
    return picture


def settled(made: Viewer) -> bool:
    """Whether all there is to know of the photo is shown."""
    picture = made._pictures.get(photo_of(made))
    wishes = [Wish(photo_of(made), box) for box in (made._canvas.box(), None)]
    return picture is not None and all(map(picture.fulfils, wishes))


def press(
    qtbot: QtBot, made: Viewer, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    QTest.keyClick(made._canvas, key, modifier)


def wheel(made: Viewer, at: QPoint, notches: float) -> None:
    where = made._canvas
    event = QWheelEvent(
        QPointF(at),
        QPointF(where.mapToGlobal(at)),
        QPoint(),
        QPoint(0, round(120 * notches)),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(where, event)


def pixels_of(picture: QPixmap) -> npt.NDArray[np.uint8]:
    image = picture.toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def on_screen(made: Viewer) -> npt.NDArray[np.uint8]:
    """What the canvas shows, without what lies over it, in device pixels (H, W, 3)."""
    grabbed = pixels_of(made._canvas.grab())
    return grabbed[: made._canvas.box()[1]]


def point_under(made: Viewer, at: QPoint) -> QPointF:
    """The point of the photo, in its pixels, under a point of the canvas."""
    canvas = made._canvas
    return (QPointF(at) * canvas.devicePixelRatioF() - canvas.photo_rect().topLeft()) / canvas.zoom()


# ------------------------------------------------------------------------------------------- fit and zoom


def test_fit_shows_all_of_a_large_photo_clear_of_the_strip(show: Show) -> None:
    made = show(0)
    canvas, rect = made._canvas, made._canvas.photo_rect()
    width, height = canvas.box()
    assert rect.left() >= 0 and rect.right() <= width
    assert rect.top() >= 0 and rect.bottom() <= height
    assert rect.width() == width or rect.height() == height
    assert rect.width() / rect.height() == pytest.approx(1.5, rel=0.01)


def test_fit_does_not_enlarge_a_small_photo(show: Show) -> None:
    made = show(1)
    assert made._canvas.photo_rect().width() == 120 * made.devicePixelRatioF()


def test_fit_follows_the_window(show: Show, qtbot: QtBot) -> None:
    made = show(0)
    before = made._canvas.zoom()
    made.resize(1000, 800)
    qtbot.waitUntil(lambda: made._canvas.zoom() > 1.3 * before)
    picture = picture_of(made)
    qtbot.waitUntil(lambda: picture.box == made._canvas.box())  # decoded anew: sharp again


def test_a_window_that_outgrows_the_zoom_fits_again(show: Show, qtbot: QtBot) -> None:
    made = show(0)
    made._canvas.zoom_by(1.1)
    made.resize(1000, 800)
    qtbot.waitUntil(made._canvas.is_fit)


def test_100_per_cent_is_pixel_for_pixel_in_device_pixels(show: Show, qtbot: QtBot) -> None:
    made = show(0)
    press(qtbot, made, Qt.Key.Key_1)
    assert made._canvas.zoom() == 1.0
    assert not made._canvas.lacks_pixels()
    seen, at = on_screen(made), made._canvas.photo_rect().topLeft().toPoint()
    height, width = seen.shape[:2]
    assert (height, width) == made._canvas.box()[::-1]
    assert np.array_equal(seen, NOISE[-at.y() : height - at.y(), -at.x() : width - at.x()])


def test_fit_in_device_pixels_is_what_was_decoded_for_it(show: Show) -> None:
    made = show(0)
    picture = picture_of(made)
    rect = made._canvas.photo_rect().toRect()
    assert picture.fit is not None and picture.fit.size() == rect.size()
    seen = on_screen(made)[rect.top() : rect.bottom() + 1, rect.left() : rect.right() + 1]
    assert np.array_equal(seen, pixels_of(picture.fit))


def test_the_wheel_zooms_at_the_cursor(show: Show) -> None:
    made = show(0)
    at = QPoint(350, 120)
    before, device_pixel = point_under(made, at), 1 / made._canvas.zoom()
    for notches in (1, 1, 2.5, 1, -0.5):
        wheel(made, at, notches)
    after = point_under(made, at)
    assert made._canvas.zoom() > 0.5
    assert (after - before).manhattanLength() < 2 * device_pixel


def test_zooming_out_ends_at_fit_and_in_at_the_bound(show: Show, qtbot: QtBot) -> None:
    made = show(0)
    for _ in range(60):
        press(qtbot, made, Qt.Key.Key_Plus)
    assert made._canvas.zoom() == canvas.HIGHEST_ZOOM
    assert not made.zoom_in_action.isEnabled()
    made.grab()
    for _ in range(60):
        press(qtbot, made, Qt.Key.Key_Minus)
    assert made._canvas.is_fit()
    assert not made.zoom_out_action.isEnabled()


def test_zoom_steps_rest_at_100_per_cent(show: Show, qtbot: QtBot) -> None:
    made = show(0)
    zooms = []
    for _ in range(12):
        press(qtbot, made, Qt.Key.Key_Plus)
        zooms.append(made._canvas.zoom())
    assert 1.0 in zooms


@pytest.mark.parametrize("how", ["double-click", "Z"])
def test_toggle_goes_to_100_per_cent_and_back(show: Show, qtbot: QtBot, how: str) -> None:
    made = show(0)
    at = QPoint(200, 250)
    before, device_pixel = point_under(made, at), 1 / made._canvas.zoom()

    def toggle() -> None:
        if how == "Z":
            press(qtbot, made, Qt.Key.Key_Z)
        else:
            QTest.mouseDClick(made._canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
            QTest.mouseRelease(made._canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)

    toggle()
    assert made._canvas.zoom() == 1.0
    if how == "double-click":
        assert (point_under(made, at) - before).manhattanLength() < 2 * device_pixel
    toggle()
    assert made._canvas.is_fit()


def test_toggle_doubles_a_small_photo(show: Show, qtbot: QtBot) -> None:
    made = show(1)
    small = made._canvas.zoom()
    press(qtbot, made, Qt.Key.Key_Z)
    assert made._canvas.zoom() == 2 * small


def test_dragging_pans_up_to_the_edge(show: Show, qtbot: QtBot) -> None:
    made = show(0)
    canvas = made._canvas
    press(qtbot, made, Qt.Key.Key_1)
    before = canvas.photo_rect().topLeft()
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(300, 200))
    QTest.mouseMove(canvas, QPoint(260, 210))
    ratio = canvas.devicePixelRatioF()
    assert canvas.photo_rect().topLeft() - before == QPointF(-40, 10) * ratio
    assert canvas.cursor().shape() == Qt.CursorShape.ClosedHandCursor
    QTest.mouseMove(canvas, QPoint(5000, 5000))
    assert canvas.photo_rect().topLeft() == QPointF(0, 0)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(5000, 5000))
    assert canvas.cursor().shape() == Qt.CursorShape.OpenHandCursor
    QTest.mouseMove(canvas, QPoint(100, 100))
    assert canvas.photo_rect().topLeft() == QPointF(0, 0)


@pytest.mark.parametrize("zoom", [0.8, 1.0, 2.3, 9.0])
def test_drag_shows_what_a_fresh_drawing_shows(show: Show, zoom: float) -> None:
    made = show(0)
    made._canvas.zoom_to(zoom, QPointF(200, 150))
    for by in (QPointF(-7, 3), QPointF(30, -11), QPointF(-1, 0), QPointF(-4000, 25)):
        on_screen(made)
        made._canvas.pan(by)
    panned = on_screen(made).astype(int)
    made._canvas._frame_of = ()
    fresh = on_screen(made).astype(int)
    assert np.abs(panned - fresh).max() <= (0 if zoom == 1.0 else 12)  # of 255: Qt's rounding, no seam
    made._canvas.pan(QPointF(40, 0))
    assert np.abs(on_screen(made).astype(int) - fresh).mean() > 20


def test_shift_and_arrows_pan_and_do_not_leave_the_photo(show: Show, qtbot: QtBot) -> None:
    made = show(0)
    press(qtbot, made, Qt.Key.Key_1)
    before = made._canvas.photo_rect().left()
    press(qtbot, made, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert made._canvas.photo_rect().left() < before
    assert made.row() == 0


def test_a_sharper_picture_comes_without_a_jump(
    show: Show, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def slow(path: str) -> Photo:
        assert go.wait(10)
        return load_full(path)

    load_full = photos.load_full
    made = show(1)
    monkeypatch.setattr(photos, "load_full", slow)
    press(qtbot, made, Qt.Key.Key_Home)
    qtbot.waitUntil(lambda: made._canvas.can_zoom())
    press(qtbot, made, Qt.Key.Key_1)
    blurred, where = made._canvas.grab().toImage(), made._canvas.photo_rect()
    assert made._canvas.lacks_pixels()
    go.set()
    qtbot.waitUntil(lambda: not made._canvas.lacks_pixels())
    assert made._canvas.photo_rect() == where
    assert made._canvas.grab().toImage() != blurred


def test_the_facts_do_not_move_a_zoomed_photo(show: Show, qtbot: QtBot) -> None:
    made = show(0)
    press(qtbot, made, Qt.Key.Key_1)
    before = made._canvas.photo_rect()
    press(qtbot, made, Qt.Key.Key_I)
    assert made._facts.isVisible()
    assert made._canvas.photo_rect() == before
    press(qtbot, made, Qt.Key.Key_0)
    assert made._canvas.photo_rect().right() <= made._facts.x() * made.devicePixelRatioF()


# ----------------------------------------------------------------------------------------------- going on


def test_keys_go_through_the_photos(show: Show, qtbot: QtBot) -> None:
    made = show(1)
    rows = []
    for key in (
        Qt.Key.Key_Right,
        Qt.Key.Key_PageDown,
        Qt.Key.Key_Left,
        Qt.Key.Key_PageUp,
        Qt.Key.Key_Home,
        Qt.Key.Key_Left,
        Qt.Key.Key_End,
        Qt.Key.Key_Right,
    ):
        press(qtbot, made, key)
        rows.append(made.row())
    assert rows == [2, 3, 2, 1, 0, 0, 4, 4]


def test_from_right_to_left_the_left_key_goes_on(show: Show, qtbot: QtBot) -> None:
    made = show(0)
    made.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    press(qtbot, made, Qt.Key.Key_Left)
    assert made.row() == 1
    made.info_action.trigger()
    qtbot.waitUntil(lambda: made._facts.x() == 0)
    assert made._canvas.photo_rect().left() >= made._facts.width()
    made.grab()


def test_actions_are_enabled_where_they_do_something(show: Show, qtbot: QtBot) -> None:
    made = show(0)
    assert not made.previous_action.isEnabled() and made.next_action.isEnabled()
    press(qtbot, made, Qt.Key.Key_End)
    assert made.first_action.isEnabled() and not made.last_action.isEnabled()
    assert not made.fit_action.isEnabled()
    press(qtbot, made, Qt.Key.Key_Escape)
    assert not any(action.isEnabled() for action in made.actions())  # menus show that the viewer is closed


def test_a_held_key_does_not_close_what_it_opened(show: Show, qtbot: QtBot) -> None:
    made = show(0, peek=True)
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Space):
        event = QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier, "", True)
        QApplication.sendEvent(made._canvas, event)
    assert made.row() == 0


def test_the_next_photo_is_fitted_again(show: Show, qtbot: QtBot) -> None:
    made = show(3)
    press(qtbot, made, Qt.Key.Key_1)
    press(qtbot, made, Qt.Key.Key_Right)
    assert made._canvas.is_fit()


def test_neighbours_are_decoded_ahead_the_one_ahead_first(
    show: Show, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "_THREADS", 1)
    asked: list[str] = []
    load = photos.load

    def noted(path: str, *, short_side: int) -> Photo:
        asked.append(Path(path).stem)
        return load(path, short_side=short_side)

    monkeypatch.setattr(photos, "load", noted)
    made = show(1)
    qtbot.waitUntil(lambda: len(asked) == 4)
    assert asked == ["b", "c", "a", "d"]
    press(qtbot, made, Qt.Key.Key_End)
    qtbot.waitUntil(lambda: settled(made))
    assert asked[4:] == ["e", "e"]  # quickly, then sharply; from the end there is but one way, and d is known
    made._canvas.update()
    for key, name in ((Qt.Key.Key_Left, "d"), (Qt.Key.Key_Home, "a")):
        press(qtbot, made, key)
        assert made._canvas.can_zoom(), f"{name} was not shown at once"


def test_what_is_skipped_is_not_decoded(
    show: Show, qtbot: QtBot, model: PhotoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "_THREADS", 1)
    go, asked, load = threading.Event(), [], photos.load

    def slow(path: str, *, short_side: int) -> Photo:
        asked.append(Path(path).stem)
        assert go.wait(10)
        return load(path, short_side=short_side)

    made = show(4)
    monkeypatch.setattr(photos, "load", slow)
    folder = Path(model.file_at(0).path).parent
    more = [save(folder / f"f{i}.png", NOISE[:50, :50]) for i in range(9)]
    model.add(more)
    press(qtbot, made, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: asked == ["f0"])  # the one thread stands here until it may go on
    for _ in range(8):
        press(qtbot, made, Qt.Key.Key_Right)
    go.set()
    qtbot.waitUntil(lambda: settled(made))
    assert made.row() == 13
    assert not {"f1", "f2", "f3", "f4", "f5"} & set(asked)


def test_memory_is_bounded(
    show: Show, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, model: PhotoModel
) -> None:
    monkeypatch.setattr(pictures, "MAX_BYTES", 10_000_000)
    made = show(0)  # some 8 MB
    for row in (3, 4, 0, 4):
        made.show_index(row)
        qtbot.waitUntil(lambda: settled(made))
        assert made._pictures.size_in_bytes() <= 10_000_000
        assert not made._canvas.lacks_pixels()
    monkeypatch.setattr(pictures, "KEPT_BYTES", 8_000_000)
    press(qtbot, made, Qt.Key.Key_Escape)
    assert made._pictures.size_in_bytes() <= 8_000_000


def test_a_changed_file_is_shown_anew_and_its_old_pixels_never(
    show: Show, qtbot: QtBot, model: PhotoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, load = threading.Event(), photos.load
    made = show(1)
    path = Path(model.file_at(0).path)

    def slow(name: str, *, short_side: int) -> Photo:
        photo = load(name, short_side=short_side)
        if photo.width == 1500:
            assert go.wait(10)
        return photo

    made._pictures._kept.clear()
    monkeypatch.setattr(photos, "load", slow)
    monkeypatch.setattr(photos, "load_full", lambda name: load(name, short_side=10_000))
    press(qtbot, made, Qt.Key.Key_Left)
    shown: list[int] = []
    made._canvas.zoom_changed.connect(lambda: shown.append(made._canvas._size.width()))
    qtbot.waitUntil(lambda: bool(made._pictures._bench._busy))
    model.change([save(path, NOISE[:77, :66])])
    go.set()
    qtbot.waitUntil(lambda: made._canvas._size.width() == 66)
    made._pictures._pool.waitForDone()
    qtbot.waitUntil(lambda: settled(made))
    assert 1500 not in shown


def test_a_thumbnail_stands_in_until_the_photo_comes(
    qtbot: QtBot, model: PhotoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, load = threading.Event(), photos.load

    def slow(path: str, *, short_side: int) -> Photo:
        assert go.wait(10)
        return load(path, short_side=short_side)

    def red(_: PhotoFile) -> QPixmap:
        made = QPixmap(300, 200)
        made.fill(QColor("red"))
        return made

    monkeypatch.setattr(photos, "load", slow)
    made = Viewer(model, red)
    qtbot.addWidget(made)
    made.resize(520, 400)
    made.show_index(0)
    made.show()
    middle = tuple(int(value) for value in on_screen(made)[150, 250])
    assert middle == (255, 0, 0)
    stood_in = made._canvas.photo_rect()
    press(qtbot, made, Qt.Key.Key_1)
    assert made._canvas.is_fit()  # what 100 % is, nobody knows yet
    go.set()
    qtbot.waitUntil(lambda: made._canvas.can_zoom())
    assert made._canvas.photo_rect() == stood_in


# ------------------------------------------------------------------------------------- what can't be shown


def test_an_unreadable_photo_says_why_and_the_arrows_go_on(show: Show, qtbot: QtBot) -> None:
    made = show(2)
    _title, why, hint = made._canvas._trouble
    assert "c.png" in why and "picture" in why
    assert "arrow" in hint
    assert "picture" in made._canvas.accessibleDescription()
    assert not made.zoom_in_action.isEnabled()
    made.grab()
    press(qtbot, made, Qt.Key.Key_Right)
    assert made.row() == 3
    assert not made._canvas._trouble


def test_a_file_that_became_readable_is_tried_again(show: Show, qtbot: QtBot, model: PhotoModel) -> None:
    made = show(2)
    press(qtbot, made, Qt.Key.Key_Escape)
    file = model.file_at(2)
    save(Path(file.path), NOISE[:60, :60])
    made.show_index(2)
    qtbot.waitUntil(lambda: made._canvas.can_zoom())


def test_a_photo_that_fails_only_in_full_stays_on_screen(
    show: Show, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: str) -> Photo:
        raise photos.UnreadablePhoto(path, "is cut off")

    monkeypatch.setattr(photos, "load_full", fails)
    made = show(0)
    press(qtbot, made, Qt.Key.Key_1)
    assert made._canvas.can_zoom()
    assert not made._canvas._trouble


def test_what_nobody_foresaw_is_a_word_and_not_a_crash(
    show: Show, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pictures, "decode", lambda wish: 1 / 0)
    made = show(0)
    assert "can't be decoded" in made._canvas._trouble[1]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_text(show: Show, qtbot: QtBot, model: PhotoModel, tmp_path: Path) -> None:
    source = Path(model.file_at(1).path)
    odd = tmp_path / os.fsdecode(b"z\xff <b>\n.png")
    source.rename(odd)
    model.add([file_of(odd)])
    made = show(model.rowCount() - 1)
    made.info_action.trigger()
    made.grab()
    assert made._canvas.can_zoom()
    assert "\n" not in made._strip.caption.name


# --------------------------------------------------------------------------------------- there and back


@pytest.mark.parametrize("key", [Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter], ids=str)
def test_closes_with_the_row_that_is_shown(show: Show, qtbot: QtBot, key: Qt.Key) -> None:
    made = show(0)
    press(qtbot, made, Qt.Key.Key_Right)
    with qtbot.waitSignal(made.closed) as closed:
        press(qtbot, made, key)
    assert closed.args == [1]
    assert made.file() is None


def test_space_closes_only_a_peek(show: Show, qtbot: QtBot) -> None:
    made = show(3)
    with qtbot.assertNotEmitted(made.closed):
        press(qtbot, made, Qt.Key.Key_Space)
    made.show_index(made._model.index(3), peek=True)
    press(qtbot, made, Qt.Key.Key_Right)
    assert made.row() == 4
    with qtbot.waitSignal(made.closed) as closed:
        press(qtbot, made, Qt.Key.Key_Space)
    assert closed.args == [4]


def test_return_and_space_press_a_button_that_has_the_focus(show: Show, qtbot: QtBot) -> None:
    made = show(0, peek=True)
    button = next(each for each in made.findChildren(QToolButton) if each.defaultAction() is made.info_action)
    button.setFocus(Qt.FocusReason.TabFocusReason)
    with qtbot.assertNotEmitted(made.closed):
        QTest.keyClick(button, Qt.Key.Key_Return)
        assert made._facts.isVisible()
        QTest.keyClick(button, Qt.Key.Key_Space)
        assert not made._facts.isVisible()


def test_stays_on_the_photo_when_the_order_changes(show: Show, model: PhotoModel) -> None:
    made = show(0)
    path = photo_of(made).path
    model.sort_by(SortKey.NAME, descending=True)
    assert (made.row(), photo_of(made).path) == (4, path)
    assert made._strip.caption.place == "5 of 5"


def test_a_photo_that_is_gone_gives_way_to_its_neighbour(show: Show, model: PhotoModel, qtbot: QtBot) -> None:
    made = show(3)
    paths = [model.file_at(row).path for row in range(5)]
    model.remove([paths[0]])
    assert (made.row(), photo_of(made).path) == (2, paths[3])
    model.remove([paths[3]])
    assert photo_of(made).path == paths[4]
    model.remove([paths[4]])
    assert photo_of(made).path == paths[2]
    with qtbot.waitSignal(made.closed) as closed:
        model.clear()
    assert closed.args == [-1]


def test_filtered_out_gives_way_too(show: Show, model: PhotoModel) -> None:
    made = show(0)
    model.set_filter(text="e.")
    assert photo_of(made).path.endswith("e.png")


def test_after_closing_the_model_is_followed_no_more(show: Show, model: PhotoModel, qtbot: QtBot) -> None:
    made = show(0)
    press(qtbot, made, Qt.Key.Key_Escape)
    with qtbot.assertNotEmitted(made.closed):
        model.remove([model.file_at(0).path])
        model.clear()
    made.show_index(0)
    assert made.row() == -1


@pytest.fixture
def at_work(qtbot: QtBot, model: PhotoModel, monkeypatch: pytest.MonkeyPatch) -> AtWork:
    """A viewer whose two threads are held by a photo each, those photos, and what lets the threads go on."""
    go, load = threading.Event(), photos.load
    started: list[str] = []

    def slow(path: str, *, short_side: int) -> Photo:
        started.append(path)
        assert go.wait(10)
        return load(path, short_side=short_side)

    monkeypatch.setattr(photos, "load", slow)
    made = Viewer(model)
    made.show_index(0)
    made.show()
    qtbot.waitUntil(lambda: len(started) == 2)
    return made, started, go


def test_dies_while_its_workers_work(qtbot: QtBot, at_work: AtWork) -> None:
    made, started, go = at_work
    made._pictures.destroyed.connect(lambda: go.set())
    with qtbot.captureExceptions() as raised:
        shiboken6.delete(made)
        QApplication.processEvents()
    assert not raised
    assert go.is_set()
    assert len(started) == 2  # what was still waiting was let go


def test_stop_drops_what_is_wanted_and_waits(
    qtbot: QtBot, at_work: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, started, go = at_work
    qtbot.addWidget(made)
    bench = made._pictures._bench
    replace = bench.replace

    def replace_and_go(wishes: Iterable[Wish]) -> int:
        count = replace(wishes)
        go.set()
        return count

    monkeypatch.setattr(bench, "replace", replace_and_go)
    made.stop()
    assert not bench._busy
    assert len(started) == 2


# ------------------------------------------------------------------------------------------ words and looks


def test_scores_are_shown_as_they_come(show: Show, model: PhotoModel) -> None:
    made = show(0)
    assert made._strip.caption.words == "no score yet"
    model.set_scores([model.file_at(0).path], [0.92], ["2024-09-02T14:03:11"])
    caption = made._strip.caption
    assert (caption.zone, caption.probability, caption.words) == (Zone.SUBJECT, 0.92, "John")
    assert "2 September 2024, 14:03" in caption.facts
    assert "92 per cent, John" in made._canvas.accessibleName()
    assert made._facts._values[0].text() == "92\N{NARROW NO-BREAK SPACE}%: John"
    model.set_zones(Zones(0.5, 0.95))
    assert made._strip.caption.words == "not sure"
    made.grab()


def test_a_verdict_is_told_beside_the_score(show: Show, model: PhotoModel) -> None:
    made = show(0)
    path = model.file_at(0).path
    model.set_verdicts({path: Zone.NOT_SUBJECT})
    assert made._strip.caption.words == "labelled not John by you"
    assert made._strip.caption.zone is None
    model.set_scores([path], [0.92])
    caption = made._strip.caption
    assert (caption.zone, caption.probability) == (Zone.SUBJECT, 0.92)  # what the score alone says
    assert caption.words == "labelled not John by you"
    assert made._facts._values[0].text() == "92\N{NARROW NO-BREAK SPACE}%: labelled not John by you"
    model.set_verdicts({path: None})
    assert made._strip.caption.words == "John"


def test_the_facts_are_told(show: Show, model: PhotoModel) -> None:
    made = show(0)
    made.info_action.trigger()
    told = [label.accessibleName() for label in made._facts._values]
    assert told[3] == "Size: 1,500 × 1,000 (1.5 MP)"
    assert told[4].startswith("File: 4") and told[4].endswith("MB PNG")
    assert told[5] == "Name: a.png"
    assert told[6].startswith("Folder: ") and len(told[6]) > len("Folder: ")
    assert made._strip.caption.place == "1 of 5"


def test_every_button_tells_its_key(show: Show) -> None:
    made = show(0)
    for button in made.findChildren(QToolButton):
        key = button.defaultAction().shortcut().toString()
        assert key and f"({key})" in button.toolTip()
        assert button.accessibleName()


def test_keys_belong_to_the_viewer_alone(show: Show) -> None:
    made = show(0)
    contexts = {action.shortcutContext() for action in made.actions()}
    assert contexts == {Qt.ShortcutContext.WidgetWithChildrenShortcut}


def test_dark_and_light(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    made = show(1)
    for dark, tokens in ((True, theme.DARK), (False, theme.LIGHT)):
        monkeypatch.setattr(theme, "is_dark", lambda dark=dark: dark)
        QApplication.sendEvent(made, QEvent(QEvent.Type.PaletteChange))
        corner = QColor(*(int(value) for value in on_screen(made)[2, 2]))
        assert corner == QColor(tokens.canvas)


def test_a_quick_picture_comes_first_and_never_last(
    qapp: QApplication, qtbot: QtBot, model: PhotoModel
) -> None:
    kept, file, box = Pictures(), model.file_at(0), (300, 200)
    quick, sharp = Wish(file, box, quick=True), Wish(file, box)
    kept.want([quick])
    qtbot.waitUntil(lambda: kept.get(file) is not None)
    picture = kept.get(file)
    assert picture is not None and picture.levels and not picture.fulfils(sharp)
    kept.want([quick, sharp])
    qtbot.waitUntil(lambda: picture.fulfils(sharp))
    assert picture.fit is not None and picture.fit.width() == 300
    kept._receive(quick, pictures.decode(quick))  # late
    assert picture.fit.width() == 300


def test_nothing_is_decoded_twice(qapp: QApplication, qtbot: QtBot, model: PhotoModel) -> None:
    kept = Pictures()
    wishes = [Wish(model.file_at(0), (300, 200)), Wish(model.file_at(0), None)]
    arrivals: list[PhotoFile] = []
    kept.arrived.connect(arrivals.append)
    for _ in range(5):
        kept.want(wishes)
    qtbot.waitUntil(lambda: len(arrivals) == 2)
    kept._pool.waitForDone()
    kept.want(wishes)
    kept._pool.waitForDone()
    QApplication.processEvents()
    assert len(arrivals) == 2


def test_at_two_device_pixels_to_one(qapp: QApplication, tmp_path: Path) -> None:
    if qapp.devicePixelRatio() != 1:
        pytest.skip("this is that run")
    names = "fit or zoom or per_cent or device_pixels or drag or jump or facts"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--basetemp={tmp_path / '2x'}",
            __file__,
            "-k",
            names,
        ],
        env=os.environ | {"QT_SCALE_FACTOR": "2"},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
