"""Faces in the viewer: drawn where they are, selected and labelled by mouse and keys, and explained."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QAction, QColor, QEnterEvent, QImage, QKeySequence, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMainWindow, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from lennonnet_gui import face_layer, theme
from lennonnet_gui.face_bar import beside
from lennonnet_gui.face_layer import FaceWords, ShownFace
from lennonnet_gui.photo_cell import pill_size
from lennonnet_gui.photo_model import FaceFacts, PhotoModel
from lennonnet_gui.viewer import Viewer
from training.photos import PhotoFile
from training.verdicts import Box, FaceSaid, FaceVerdict
from training.zones import Zone, Zones

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")  # the offscreen platform has no windows to size

GREY = 128
LEFT, RIGHT, LOW = (0.1, 0.2, 0.25, 0.5), (0.6, 0.22, 0.75, 0.52), (0.3, 0.7, 0.4, 0.9)
NO_MODIFIER = Qt.KeyboardModifier.NoModifier


def face(number: int, box: Box, probability: float = 0.9, **more: object) -> ShownFace:
    zone = Zone.UNSURE if math.isnan(probability) else Zones().zone(probability)
    return ShownFace(number, box, probability, zone, **more)  # type: ignore[arg-type]


class Known:
    """What is known of the faces: stands in for the window's part."""

    def __init__(self) -> None:
        self.faces: dict[str, list[ShownFace]] = {}
        self.words: FaceWords | None = None
        self.picture: QImage | None = None
        self.asked: list[tuple[PhotoFile, Box]] = []

    def of(self, file: PhotoFile) -> list[ShownFace]:
        return self.faces.get(Path(file.path).name, [])

    def explain(self, _file: PhotoFile, _number: int) -> FaceWords | None:
        return self.words

    def picture_of(self, file: PhotoFile, box: Box) -> QImage | None:
        self.asked.append((file, box))
        return self.picture


@pytest.fixture
def known() -> Known:
    made = Known()
    made.faces["a.png"] = [face(0, RIGHT, 0.05), face(1, LEFT, 0.92, deciding=True), face(2, LOW, 0.5)]
    return made


@pytest.fixture
def model(tmp_path: Path, qapp: QApplication) -> PhotoModel:
    made = PhotoModel()
    made.set_subject("john")
    files = []
    for name in ("a.png", "b.png"):
        path = tmp_path / name
        Image.fromarray(np.full((800, 1200, 3), GREY, np.uint8)).save(path, compress_level=0)
        facts = path.stat()
        files.append(PhotoFile(str(path), facts.st_size, facts.st_mtime_ns))
    made.add(files)
    return made


Show = Callable[..., Viewer]


@pytest.fixture
def show(qtbot: QtBot, model: PhotoModel, known: Known) -> Show:
    windows = []  # who else would hold them?

    def shown(size: tuple[int, int] = (900, 640)) -> Viewer:
        window = QMainWindow()
        windows.append(window)
        qtbot.addWidget(window)
        made = Viewer(model)
        made.set_subject("john")
        made.set_look_alikes([("g", "George"), ("r", "Ringo & co")])
        made.set_faces(known.of, known.explain, known.picture_of)
        window.setCentralWidget(made)
        window.resize(*size)
        window.show()
        made.show_index(0)
        window.activateWindow()
        made.setFocus()
        qtbot.waitUntil(lambda: made._canvas.hasFocus() and QApplication.activeWindow() is window)
        qtbot.waitUntil(lambda: made._canvas.can_zoom() and not made._canvas.lacks_pixels())
        return made

    return shown


@pytest.fixture
def viewer(show: Show) -> Viewer:
    return show()


def place(viewer: Viewer, number: int) -> QRectF:
    return viewer._faces.place_of(number)


def middle(viewer: Viewer, number: int) -> QPoint:
    return place(viewer, number).center().toPoint()


def click(viewer: Viewer, number: int) -> None:
    QTest.mouseClick(viewer._canvas, Qt.MouseButton.LeftButton, NO_MODIFIER, middle(viewer, number))


def move(widget: QWidget, to: QPoint) -> None:
    """Move the pointer; sent, because QTest.mouseMove is none where the pointer is there already."""
    at, none = QPointF(to), Qt.MouseButton.NoButton
    where = widget.mapToGlobal(at)
    QApplication.sendEvent(widget, QMouseEvent(QEvent.Type.MouseMove, at, where, none, none, NO_MODIFIER))


def point_at(viewer: Viewer, number: int) -> None:
    move(viewer._canvas, middle(viewer, number))


def hover(qtbot: QtBot, viewer: Viewer, number: int) -> None:
    """Rest on a face until the card is there; again where Qt tells that its own pointer is elsewhere."""

    def is_there() -> bool:
        point_at(viewer, number)
        return viewer._faces.card.isVisible()

    qtbot.waitUntil(is_there)


def press(viewer: Viewer, key: Qt.Key, modifier: Qt.KeyboardModifier = NO_MODIFIER) -> None:
    QTest.keyClick(viewer.focusWidget() or viewer._canvas, key, modifier)


def selected(viewer: Viewer) -> int | None:
    chosen = viewer._faces.selected()
    return None if chosen is None else chosen.number


def drawn(viewer: Viewer) -> QImage:
    return viewer._canvas.grab().toImage()


def colour(image: QImage, x: float, y: float) -> QColor:
    ratio = image.devicePixelRatio()
    return image.pixelColor(int(x * ratio), int(y * ratio))


def said(viewer: Viewer) -> list[tuple[int, FaceVerdict | None, str]]:
    """What is said from now on, as it comes."""
    heard: list[tuple[int, FaceVerdict | None, str]] = []
    viewer.face_said.connect(lambda _file, number, verdict, group: heard.append((number, verdict, group)))
    return heard


def button(viewer: Viewer, words: str) -> QPushButton:
    return next(each for each in viewer._faces.bar._buttons if each.words() == words)


# ------------------------------------------------------------------------------------------------- drawing


def test_boxes_lie_on_the_faces_in_the_colours_of_their_zones(viewer: Viewer) -> None:
    image, photo = drawn(viewer), viewer._canvas.seen_rect()
    for number, box, zone in ((0, RIGHT, Zone.NOT_SUBJECT), (1, LEFT, Zone.SUBJECT), (2, LOW, Zone.UNSURE)):
        where = place(viewer, number)
        assert where.left() == pytest.approx(photo.left() + box[0] * photo.width(), abs=0.01)
        assert where.bottom() == pytest.approx(photo.top() + box[3] * photo.height(), abs=0.01)
        y = where.center().y()
        for x in (where.left() - 1, where.right() + 0.6):
            assert colour(image, x, y) == theme.zone_colour(zone)
        assert colour(image, where.center().x(), y) == QColor(GREY, GREY, GREY)


def test_the_deciding_face_has_the_stronger_frame(viewer: Viewer) -> None:
    image = drawn(viewer)
    strong, plain = place(viewer, 1), place(viewer, 0)
    assert colour(image, strong.left() - 3, strong.center().y()) == theme.zone_colour(Zone.SUBJECT)
    assert colour(image, plain.left() - 3, plain.center().y()) != theme.zone_colour(Zone.NOT_SUBJECT)


@pytest.mark.parametrize("zoom", [0.8, 1.0, 2.3])
def test_boxes_zoom_and_pan_with_the_photo_and_leave_no_trace(viewer: Viewer, zoom: float) -> None:
    canvas = viewer._canvas
    canvas.zoom_to(zoom, place(viewer, 0).center())
    for by in (QPointF(-7, 3), QPointF(30, -11), QPointF(-41, 25), QPointF(5, -60)):
        drawn(viewer)
        canvas.pan(by)
    panned = drawn(viewer)
    canvas.redraw()
    fresh = drawn(viewer)
    rows = [
        np.frombuffer(each.convertToFormat(QImage.Format.Format_RGB32).constBits(), np.uint8).astype(int)
        for each in (panned, fresh)
    ]
    assert np.abs(rows[0] - rows[1]).max() <= 12  # of 255: Qt's rounding, no seam
    where = place(viewer, 0)
    assert colour(fresh, where.left() - 1, where.center().y()) == theme.zone_colour(Zone.NOT_SUBJECT)


def test_what_the_user_said_is_a_solid_mark_and_its_zones_frame(viewer: Viewer, known: Known) -> None:
    known.faces["a.png"][1] = face(1, LEFT, 0.92, said=FaceSaid(FaceVerdict.NOT_SUBJECT))
    before = drawn(viewer)
    viewer.faces_changed([str(viewer._file and viewer._file.path)])
    image, where = drawn(viewer), place(viewer, 1)
    assert colour(image, where.left() - 1, where.center().y()) == theme.zone_colour(Zone.NOT_SUBJECT)
    corner = QRect(where.topRight().toPoint() - QPoint(16, 8), QSize(24, 24))

    def count(picture: QImage, zone: Zone) -> int:
        xs, ys = range(corner.left(), corner.right()), range(corner.top(), corner.bottom())
        return sum(colour(picture, x, y) == theme.zone_colour(zone) for x in xs for y in ys)

    assert count(before, Zone.NOT_SUBJECT) == 0
    assert count(image, Zone.NOT_SUBJECT) > 150  # more than the frame alone


def test_no_face_is_faint_until_it_is_pointed_at(viewer: Viewer, known: Known) -> None:
    known.faces["a.png"][0] = face(0, RIGHT, 0.05, said=FaceSaid(FaceVerdict.NO_FACE))
    viewer.faces_changed({str(viewer._file and viewer._file.path)})
    where = place(viewer, 0)
    edge = range(int(where.top()) + 8, int(where.bottom()) - 8)

    def contrast() -> int:
        image = drawn(viewer)
        return sum(abs(colour(image, where.left(), y).lightness() - GREY) for y in edge)

    faint = contrast()
    assert not any(
        colour(drawn(viewer), where.left() - 1, y) == theme.zone_colour(Zone.NOT_SUBJECT) for y in edge
    )
    point_at(viewer, 0)
    assert contrast() > 1.4 * faint > 0


def test_faces_without_a_score_have_a_grey_frame_and_no_pill(show: Show, known: Known) -> None:
    known.faces["a.png"] = [face(0, LEFT, math.nan)]
    viewer = show()
    placed = viewer._faces._places(viewer._canvas.seen_rect().size())
    assert placed[0].pill is None
    where = place(viewer, 0)
    grey = QColor(theme.tokens().zones[Zone.UNSURE])
    assert colour(drawn(viewer), where.left() - 1, where.center().y()) == grey
    assert viewer._faces.in_words(known.faces["a.png"][0]) == "Face 1 of 1"


def test_f_hides_and_shows_the_faces(viewer: Viewer) -> None:
    click(viewer, 1)
    press(viewer, Qt.Key.Key_F)
    assert not viewer.faces_action.isChecked()
    where = place(viewer, 1)
    assert colour(drawn(viewer), where.left() - 1, where.center().y()) == QColor(GREY, GREY, GREY)
    assert selected(viewer) is None and viewer._faces.bar.isHidden()
    click(viewer, 1)
    press(viewer, Qt.Key.Key_Tab)
    assert selected(viewer) is None
    viewer.setFocus()
    viewer.faces_action.setChecked(True)
    assert colour(drawn(viewer), where.left() - 1, where.center().y()) == theme.zone_colour(Zone.SUBJECT)


def test_a_face_cut_by_the_frame_is_drawn_within_the_photo(show: Show, known: Known) -> None:
    known.faces["a.png"] = [face(0, (-0.2, 0.5, 0.1, 1.3)), face(1, (0.5, 0.5, 0.501, 0.501))]
    viewer = show()
    photo = viewer._canvas.seen_rect()
    assert photo.contains(place(viewer, 0))
    assert place(viewer, 0).bottom() == pytest.approx(photo.bottom())
    assert place(viewer, 1).width() >= 8  # else nobody could hit it


def crowd(count: int = 200) -> list[ShownFace]:
    chance = np.random.default_rng(3)
    faces = []
    for number in range(count):
        x, y = (number % 20) / 20, (number // 20) / 10
        size = chance.uniform(0.01, 0.045)
        faces.append(face(number, (x, y, x + size, y + 1.5 * size), float(chance.beta(0.3, 3))))
    faces[77] = face(77, faces[77].box, 0.97, deciding=True)
    return faces


def test_in_a_crowd_no_pill_hides_a_face_or_another_pill(show: Show, known: Known) -> None:
    known.faces["a.png"] = crowd()
    viewer = show()
    size, ratio = viewer._canvas.seen_rect().size(), viewer._canvas.devicePixelRatioF()
    placed = viewer._faces._places(size)
    pills = {}
    for one in placed:
        if one.pill is not None:
            probability = one.face.probability if one.in_figures else None
            covers = pill_size(one.face.zone, probability, ratio)
            pill = QRectF(one.pill - QPointF(0, covers.height()), covers)
            pills[one.face.number] = pill.adjusted(0.1, 0.1, -0.1, -0.1)
    assert 40 < len(pills) < 200  # the smallest have none
    for number, pill in pills.items():
        assert not any(pill.intersects(other) for at, other in pills.items() if at != number)
        assert not any(pill.intersects(one.box) for one in placed if one.face.number != number)
    deciding = next(one for one in placed if one.face.deciding)
    assert deciding.pill is not None and deciding.in_figures
    viewer.grab()


# --------------------------------------------------------------------------------------------- selecting


def test_a_click_selects_a_face_and_one_beside_lets_go(viewer: Viewer, qtbot: QtBot) -> None:
    with qtbot.waitSignal(viewer._faces.selection_changed):
        click(viewer, 1)
    assert selected(viewer) == 1
    where = place(viewer, 1)
    outline = colour(drawn(viewer), where.left() - 8, where.center().y())
    assert outline == QColor(theme.tokens().focus)
    click(viewer, 2)
    assert selected(viewer) == 2
    QTest.mouseClick(viewer._canvas, Qt.MouseButton.LeftButton, NO_MODIFIER, QPoint(4, 4))
    assert selected(viewer) is None
    assert viewer._faces.bar.isHidden()


def test_a_drag_pans_and_selects_nothing(viewer: Viewer) -> None:
    canvas = viewer._canvas
    canvas.zoom_to(2.0, place(viewer, 1).center())
    start, before = middle(viewer, 1), canvas.photo_rect().topLeft()
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, NO_MODIFIER, start)
    QTest.mouseMove(canvas, start - QPoint(30, 10))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, NO_MODIFIER, start - QPoint(30, 10))
    assert canvas.photo_rect().topLeft() != before
    assert selected(viewer) is None


def test_of_faces_within_one_another_the_smallest_is_hit(show: Show, known: Known) -> None:
    known.faces["a.png"] = [
        face(0, (0.2, 0.2, 0.8, 0.8)),
        face(1, (0.4, 0.4, 0.6, 0.6)),
        face(2, (0.3, 0.3, 0.7, 0.7)),
    ]
    viewer = show()
    click(viewer, 1)
    assert selected(viewer) == 1
    at = place(viewer, 0).topLeft().toPoint() + QPoint(3, 3)
    QTest.mouseClick(viewer._canvas, Qt.MouseButton.LeftButton, NO_MODIFIER, at)
    assert selected(viewer) == 0


def test_tab_goes_through_the_faces_as_one_reads_and_then_on(viewer: Viewer) -> None:
    seen = []
    for _ in range(3):
        press(viewer, Qt.Key.Key_Tab)
        seen.append(selected(viewer))
    assert seen == [1, 0, 2]
    press(viewer, Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    assert selected(viewer) == 0
    for _ in range(2):
        press(viewer, Qt.Key.Key_Tab)
    assert selected(viewer) is None
    assert not viewer._canvas.hasFocus()  # no trap: the buttons come next


def test_a_face_is_let_go_when_tab_leaves_it_for_the_viewers_buttons(viewer: Viewer) -> None:
    press(viewer, Qt.Key.Key_Tab)
    press(viewer, Qt.Key.Key_Return)
    bar = viewer._faces.bar
    for _ in range(2 * len(bar._buttons)):
        focused = viewer.focusWidget()
        assert focused is not None
        if focused is not viewer._canvas and not bar.isAncestorOf(focused):
            break
        assert selected(viewer) == 1
        press(viewer, Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    else:
        pytest.fail("Shift+Tab never leaves the bar")
    assert selected(viewer) is None


def test_tab_brings_a_face_into_sight(viewer: Viewer) -> None:
    canvas = viewer._canvas
    canvas.zoom_to(2.0, place(viewer, 1).center())
    for number in (1, 0, 2):
        press(viewer, Qt.Key.Key_Tab)
        assert selected(viewer) == number
        assert canvas.free_rect().toRectF().adjusted(-1, -1, 1, 1).contains(place(viewer, number))
        assert viewer._faces.bar.isVisible()


def test_shift_tab_begins_with_the_last_face(viewer: Viewer) -> None:
    press(viewer, Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    assert selected(viewer) == 2


def test_from_right_to_left_the_right_face_comes_first_and_the_bar_stands_left(viewer: Viewer) -> None:
    viewer.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    press(viewer, Qt.Key.Key_Tab)
    assert selected(viewer) == 0
    assert viewer._faces.bar.geometry().right() < place(viewer, 0).left()
    viewer.grab()


def test_another_photo_or_closing_lets_go(viewer: Viewer, known: Known, qtbot: QtBot) -> None:
    known.faces["b.png"] = [face(1, LEFT)]  # the same number is another face there
    click(viewer, 1)
    press(viewer, Qt.Key.Key_Right)
    assert viewer.row() == 1
    assert selected(viewer) is None and viewer._faces.bar.isHidden()
    press(viewer, Qt.Key.Key_Left)
    qtbot.waitUntil(viewer._canvas.can_zoom)
    click(viewer, 1)
    viewer.close_page()
    assert viewer._faces.bar.isHidden()
    assert not viewer.say_of_face(FaceVerdict.SUBJECT)


def test_the_selection_stays_when_more_is_known_and_goes_with_its_face(viewer: Viewer, known: Known) -> None:
    assert viewer._file is not None
    path = viewer._file.path
    click(viewer, 1)
    known.faces["a.png"].append(face(3, (0.8, 0.7, 0.9, 0.9)))
    viewer.faces_changed(["elsewhere.png"])
    assert len(viewer._faces._faces) == 3
    viewer.faces_changed([path])
    assert len(viewer._faces._faces) == 4
    assert selected(viewer) == 1
    known.faces["a.png"] = known.faces["a.png"][:1]
    viewer.faces_changed([path])
    assert selected(viewer) is None and viewer._faces.bar.isHidden()


def test_scores_that_change_bring_the_faces_up_to_date(
    viewer: Viewer, known: Known, model: PhotoModel
) -> None:
    known.faces["a.png"] = [face(1, LEFT, 0.02)]
    model.set_scores([model.file_at(0).path], [0.02])
    where = place(viewer, 1)
    assert colour(drawn(viewer), where.left() - 1, where.center().y()) == theme.zone_colour(Zone.NOT_SUBJECT)


# ------------------------------------------------------------------------------------------- what is said


@pytest.fixture
def shortcuts(viewer: Viewer) -> list[str]:
    """The keys that came through to the window's shortcuts, which label photos."""
    heard: list[str] = []
    window = viewer.window()
    for key in ("J", "P", "N", "X", "U", "Alt+1"):
        action = QAction(window)
        action.setShortcut(QKeySequence(key))
        action.triggered.connect(lambda _on=False, key=key: heard.append(key))
        window.addAction(action)
    return heard


def test_the_keys_of_photos_label_the_selected_face(viewer: Viewer, shortcuts: list[str]) -> None:
    heard = said(viewer)
    press(viewer, Qt.Key.Key_J)
    assert shortcuts == ["J"] and heard == []
    click(viewer, 1)
    alt = Qt.KeyboardModifier.AltModifier
    for key, modifier in (
        (Qt.Key.Key_J, NO_MODIFIER),
        (Qt.Key.Key_P, NO_MODIFIER),
        (Qt.Key.Key_N, NO_MODIFIER),
        (Qt.Key.Key_X, NO_MODIFIER),
        (Qt.Key.Key_D, NO_MODIFIER),
        (Qt.Key.Key_1, alt),
        (Qt.Key.Key_2, alt),
        (Qt.Key.Key_U, NO_MODIFIER),  # nothing has been said of it
    ):
        press(viewer, key, modifier)
    assert heard == [
        (1, FaceVerdict.SUBJECT, ""),
        (1, FaceVerdict.SUBJECT, ""),
        (1, FaceVerdict.NOT_SUBJECT, ""),
        (1, FaceVerdict.NOT_SUBJECT, ""),
        (1, FaceVerdict.NO_FACE, ""),
        (1, FaceVerdict.NOT_SUBJECT, "g"),
        (1, FaceVerdict.NOT_SUBJECT, "r"),
    ]
    assert shortcuts == ["J"]


def test_a_label_can_be_taken_off_where_there_is_one(
    viewer: Viewer, known: Known, shortcuts: list[str]
) -> None:
    known.faces["a.png"][1] = face(1, LEFT, 0.92, said=FaceSaid(FaceVerdict.NOT_SUBJECT, "g"))
    heard = said(viewer)
    click(viewer, 1)
    assert not button(viewer, "Take label off").isEnabled()
    press(viewer, Qt.Key.Key_U)
    assert heard == [] and shortcuts == []  # nor does the photo lose its label
    assert viewer._file is not None
    viewer.faces_changed([viewer._file.path])
    assert button(viewer, "George").isChecked() and not button(viewer, "Not John").isChecked()
    press(viewer, Qt.Key.Key_U)
    assert heard == [(1, None, "")]


def test_esc_lets_go_of_the_face_first_and_then_closes(
    viewer: Viewer, qtbot: QtBot, shortcuts: list[str]
) -> None:
    click(viewer, 1)
    with qtbot.assertNotEmitted(viewer.closed):
        press(viewer, Qt.Key.Key_Escape)
    assert selected(viewer) is None
    press(viewer, Qt.Key.Key_N)
    assert shortcuts == ["N"]
    with qtbot.waitSignal(viewer.closed):
        press(viewer, Qt.Key.Key_Escape)


def test_every_button_says_what_is_on_it(viewer: Viewer, known: Known, qtbot: QtBot) -> None:
    known.faces["a.png"][1] = face(1, LEFT, 0.92, said=FaceSaid(FaceVerdict.SUBJECT))
    assert viewer._file is not None
    viewer.faces_changed([viewer._file.path])
    heard = said(viewer)
    click(viewer, 1)
    words = [each.words() for each in viewer._faces.bar._buttons]
    assert words == ["This is John", "Not John", "George", "Ringo & co", "Not a face", "Take label off"]
    for text in words:
        QTest.mouseClick(button(viewer, text), Qt.MouseButton.LeftButton)
    assert heard == [
        (1, FaceVerdict.SUBJECT, ""),
        (1, FaceVerdict.NOT_SUBJECT, ""),
        (1, FaceVerdict.NOT_SUBJECT, "g"),
        (1, FaceVerdict.NOT_SUBJECT, "r"),
        (1, FaceVerdict.NO_FACE, ""),
        (1, None, ""),
    ]
    assert viewer._canvas.hasFocus()  # the keys stay with the photo
    assert [button(viewer, "This is John").toolTip()] == ["<p>This is John (J)</p>"]
    assert button(viewer, "This is John").isChecked()  # as it was told, whatever was clicked


def test_the_buttons_follow_the_names(viewer: Viewer) -> None:
    click(viewer, 1)
    viewer.set_subject("mila")
    viewer.set_look_alikes([("b", "Bo")])
    words = [each.words() for each in viewer._faces.bar._buttons]
    assert words == ["This is Mila", "Not Mila", "Bo", "Not a face", "Take label off"]
    heard = said(viewer)
    press(viewer, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    assert heard == [(1, FaceVerdict.NOT_SUBJECT, "b")]


def test_return_goes_to_the_buttons_and_presses_them(viewer: Viewer, qtbot: QtBot) -> None:
    heard = said(viewer)
    press(viewer, Qt.Key.Key_Tab)
    with qtbot.assertNotEmitted(viewer.closed):
        press(viewer, Qt.Key.Key_Return)
        press(viewer, Qt.Key.Key_Tab)
        press(viewer, Qt.Key.Key_Return)
        assert heard == [(1, FaceVerdict.NOT_SUBJECT, "")]
        press(viewer, Qt.Key.Key_J)
        assert heard[1:] == [(1, FaceVerdict.SUBJECT, "")]
        press(viewer, Qt.Key.Key_Escape)
    assert viewer._canvas.hasFocus()


def test_the_window_can_say_it_too(viewer: Viewer) -> None:
    heard = said(viewer)
    assert not viewer.say_of_face(FaceVerdict.SUBJECT)
    click(viewer, 2)
    assert viewer.say_of_face(FaceVerdict.NOT_SUBJECT, "g")
    assert heard == [(2, FaceVerdict.NOT_SUBJECT, "g")]


# ------------------------------------------------------------------------------------ the bar and the card


def test_the_bar_stands_beside_its_face_and_both_go_when_that_is_out_of_sight(viewer: Viewer) -> None:
    canvas, bar = viewer._canvas, viewer._faces.bar
    for number in (0, 1, 2):
        click(viewer, number)
        assert all(bar.rect().contains(each.geometry()) for each in bar._buttons)
        assert canvas.free_rect().contains(bar.geometry())
        assert not QRectF(bar.geometry()).intersects(place(viewer, number))
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, NO_MODIFIER, QPoint(4, 4))
    click(viewer, 1)
    at = bar.pos()
    canvas.zoom_to(2.0, place(viewer, 1).center())
    canvas.pan(QPointF(-20, 0))
    assert bar.isVisible() and bar.pos() != at
    canvas.pan(QPointF(-5000, 0))
    assert bar.isHidden()
    assert selected(viewer) is None  # keys label nothing that is out of sight


def test_a_click_between_the_buttons_is_not_one_on_the_photo(viewer: Viewer) -> None:
    click(viewer, 1)
    bar = viewer._faces.bar
    QTest.mouseClick(bar, Qt.MouseButton.LeftButton, NO_MODIFIER, QPoint(3, bar.height() - 3))
    QTest.mouseDClick(bar, Qt.MouseButton.LeftButton, NO_MODIFIER, QPoint(3, bar.height() - 3))
    assert selected(viewer) == 1
    assert viewer._canvas.is_fit()


def test_with_many_look_alikes_the_bar_has_columns(viewer: Viewer) -> None:
    viewer.set_look_alikes([(str(n), f"Look-alike {n}") for n in range(20)])
    click(viewer, 1)
    bar = viewer._faces.bar
    assert viewer._canvas.free_rect().contains(bar.geometry())
    assert all(each.isVisible() and bar.rect().contains(each.geometry()) for each in bar._buttons)
    assert len({each.x() for each in bar._buttons}) >= 2
    viewer.grab()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_layer, "_HOVER_MS", 1)


def explained(model: PhotoModel) -> FaceWords:
    file = model.file_at(1)
    closest = [(file, LEFT, "John"), (None, LEFT, "John"), (file, LOW, "John"), (file, RIGHT, "too many")]
    return FaceWords("92 %: closest to these three Johns", closest, [(file, RIGHT, "George, 11 %")])


@pytest.mark.usefixtures("at_once")
def test_pointing_at_a_face_shows_why(show: Show, known: Known, model: PhotoModel, qtbot: QtBot) -> None:
    viewer = show()
    known.words, card = explained(model), viewer._faces.card
    for number in (1, 0, 2):
        pointer = middle(viewer, number)
        move(viewer._canvas, pointer)
        assert card.isHidden()
        hover(qtbot, viewer, number)
        assert viewer._canvas.free_rect().contains(card.geometry())
        assert not card.geometry().contains(pointer)
        assert not QRectF(card.geometry()).intersects(place(viewer, number))
        viewer.grab()
    assert card.accessibleName() == "92 %: closest to these three Johns"
    move(viewer._canvas, QPoint(3, 3))
    assert card.isHidden()


@pytest.mark.usefixtures("at_once")
def test_no_card_where_nothing_is_known_or_a_button_is_held(
    show: Show, known: Known, model: PhotoModel, qtbot: QtBot
) -> None:
    viewer = show()
    card = viewer._faces.card
    point_at(viewer, 1)
    qtbot.waitUntil(lambda: not viewer._faces._waiting.isActive())
    assert card.isHidden()
    known.words = explained(model)
    hover(qtbot, viewer, 0)
    viewer._canvas.zoom_to(1.5, QPointF(middle(viewer, 0)))
    assert card.isHidden()
    qtbot.waitUntil(card.isVisible)  # again, once the photo lies still
    QTest.mousePress(viewer._canvas, Qt.MouseButton.LeftButton, NO_MODIFIER, middle(viewer, 0))
    assert card.isHidden() and viewer._faces._hovered is None


@pytest.mark.usefixtures("at_once")
def test_pictures_that_come_late_find_their_place(
    show: Show, known: Known, model: PhotoModel, qtbot: QtBot
) -> None:
    viewer = show()
    known.words, card = explained(model), viewer._faces.card
    hover(qtbot, viewer, 1)
    assert [box for _, box in known.asked] == [LEFT, LOW, RIGHT]  # three of each, and not what has no photo
    assert card.pictures() == 0
    empty, size = card.grab().toImage(), card.size()
    known.picture = QImage(90, 60, QImage.Format.Format_RGB32)
    known.picture.fill(QColor("#00ff00"))
    viewer.face_picture_came()
    assert card.pictures() == 3
    assert card.size() == size
    assert card.grab().toImage() != empty
    asked = len(known.asked)
    viewer.face_picture_came()
    assert len(known.asked) == asked


@pytest.mark.usefixtures("at_once")
def test_in_a_small_window_the_card_says_less(
    show: Show, known: Known, model: PhotoModel, qtbot: QtBot
) -> None:
    viewer = show((420, 330))
    known.words, card = explained(model), viewer._faces.card
    hover(qtbot, viewer, 0)
    assert viewer._canvas.free_rect().contains(card.geometry())
    assert card._columns == 0


@pytest.mark.usefixtures("at_once")
def test_the_card_is_not_over_the_bar_and_goes_when_one_points_at_that(
    show: Show, known: Known, model: PhotoModel, qtbot: QtBot
) -> None:
    viewer = show()
    known.words, card, bar = explained(model), viewer._faces.card, viewer._faces.bar
    click(viewer, 1)
    hover(qtbot, viewer, 1)
    assert not card.geometry().intersects(bar.geometry())
    at = QPointF(5, 5)
    QApplication.sendEvent(bar, QEnterEvent(at, bar.mapTo(bar.window(), at), bar.mapToGlobal(at)))
    assert card.isHidden()


def rects(least: int, most: int) -> st.SearchStrategy[QRect]:
    size, at = st.integers(least, most), st.integers(-300, 900)
    return st.builds(QRect, at, at, size, size)


@given(st.integers(20, 700), st.integers(20, 500), rects(4, 900), rects(1, 60), st.booleans())
def test_what_floats_is_within_the_area_and_keeps_off(
    width: int, height: int, shown: QRect, pointer: QRect, from_right: bool
) -> None:
    area, size = QRect(0, 0, 800, 600), QSize(width, height)
    at = beside(size, shown, area, keep_off=[pointer], from_right=from_right)
    if at is None:
        assert width > 300 or height > 200  # there are corners that a small thing may go to
        return
    stands = QRect(at, size)
    assert area.contains(stands)
    assert not stands.intersects(pointer)


# ------------------------------------------------------------------------------------------ accessibility


def test_screen_readers_are_told_of_the_selected_face(
    viewer: Viewer, known: Known, model: PhotoModel
) -> None:
    known.words = explained(model)
    known.faces["a.png"][1] = face(1, LEFT, 0.92, deciding=True, said=FaceSaid(FaceVerdict.NOT_SUBJECT, "g"))
    model.set_scores([model.file_at(0).path], [0.92])
    press(viewer, Qt.Key.Key_Tab)
    name = viewer._canvas.accessibleName()
    assert name.startswith(
        "Face 1 of 3: 92 per cent, John, labelled George by you, decides the photo’s score; a.png"
    )
    assert viewer._canvas.accessibleDescription() == "92 %: closest to these three Johns"
    press(viewer, Qt.Key.Key_Escape)
    assert viewer._canvas.accessibleName() == "a.png: 92 per cent, John; 1 of 2"


def test_the_score_says_what_it_is_from(viewer: Viewer, model: PhotoModel) -> None:
    path, value = model.file_at(0).path, viewer._facts._values[0]
    model.set_scores([path], [0.92])
    assert value.text() == "92\N{NARROW NO-BREAK SPACE}%: John"  # nobody has looked for faces
    nowhere = np.full((1, 4), np.nan, np.float32)
    model.set_scores([path], [0.92], faces=FaceFacts(np.array([0], np.int32), nowhere))
    assert value.text().endswith("John, decided by the whole picture")
    box = np.array([LEFT], np.float32)
    model.set_scores([path], [0.92], faces=FaceFacts(np.array([1], np.int32), box))
    assert value.text().endswith("John, decided by a face")


def test_faces_are_found_among_the_keys(viewer: Viewer) -> None:
    assert viewer.faces_action in viewer.actions()
    keys = [action.shortcut().toString() for action in viewer.face_actions()]
    assert keys == ["J", "N", "D", "U"]
    assert not any(action in viewer.actions() for action in viewer.face_actions())


def test_dark_and_light(viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> None:
    click(viewer, 0)
    before = QApplication.palette()
    for dark in (True, False):
        monkeypatch.setattr(theme, "is_dark", lambda dark=dark: dark)
        QApplication.setPalette(theme.palette())
        try:
            where = place(viewer, 1)
            wanted = QColor((theme.DARK if dark else theme.LIGHT).zones[Zone.SUBJECT])
            assert colour(drawn(viewer), where.left() - 1, where.center().y()) == wanted
        finally:
            QApplication.setPalette(before)


def test_reading_order_is_by_rows() -> None:
    boxes: list[Box] = [
        (0.5, 0.12, 0.6, 0.3),
        (0.1, 0.1, 0.2, 0.3),
        (0.3, 0.6, 0.4, 0.8),
        (0.8, 0.15, 0.9, 0.32),
    ]
    faces = [face(number, box) for number, box in enumerate(boxes)]
    ordered = face_layer._in_reading_order(faces, from_right=False)
    assert [each.number for each in ordered] == [1, 0, 3, 2]


def test_at_two_device_pixels_to_one(qapp: QApplication, tmp_path: Path) -> None:
    if qapp.devicePixelRatio() != 1:
        pytest.skip("this is that run")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    names = "boxes or deciding or crowd or click or beside_its_face or hides"
    done = subprocess.run(
        [*command, f"--basetemp={tmp_path / '2x'}", __file__, "-k", names],
        env=os.environ | {"QT_SCALE_FACTOR": "2"},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
