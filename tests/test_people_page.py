"""“People in this folder”: groups of faces, labelled, split, joined, dragged."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QDeadlineTimer, QEvent, QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QMouseEvent,
    QPixmap,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMainWindow, QMenu, QPushButton
from pytestqt.qtbot import QtBot

from lennonnet_gui import face_drag, theme
from lennonnet_gui.face_crops import FaceCrops
from lennonnet_gui.jobs import Jobs
from lennonnet_gui.people_desk import PeopleDesk
from lennonnet_gui.people_groups import PersonFace
from lennonnet_gui.people_page import PeoplePage
from lennonnet_gui.people_rows import FACE, MOST_COLLAPSED, Part
from lennonnet_gui.people_view import PeopleView
from tests.test_people import persons
from training import people
from training.photos import PhotoFile
from training.verdicts import FaceSaid, FaceVerdict
from training.zones import Zone, Zones

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier
COUNTS = [20, 6, 4, 1, 1]  # faces of each person
LEFT = Qt.MouseButton.LeftButton


def made_up(counts: list[int], folder: str = "/nowhere") -> tuple[list[PersonFace], np.ndarray]:
    faces = []
    for number in range(sum(counts)):
        probability = 0.9 if number < counts[0] else 0.1
        file = PhotoFile(f"{folder}/{number}.jpg", 1, 1)
        faces.append(PersonFace(file, 0, (0.2, 0.2, 0.6, 0.8), probability, Zones().zone(probability)))
    return faces, persons(counts)


class Owner:
    """What the page tells."""

    def __init__(self, page: PeoplePage) -> None:
        self.said: list[tuple[list[int], FaceVerdict | None, str]] = []
        self.look_alikes: list[list[int]] = []
        self.opened: list[tuple[int, int]] = []
        self.closed = 0
        page.said.connect(self._said)
        page.look_alike_wanted.connect(self._look_alike)
        page.open_wanted.connect(self._opened)
        page.closed.connect(self._closed)

    def _said(self, faces: list[tuple[PhotoFile, int]], verdict: FaceVerdict | None, group: str) -> None:
        self.said.append((numbers(faces), verdict, group))

    def _look_alike(self, faces: list[tuple[PhotoFile, int]]) -> None:
        self.look_alikes.append(numbers(faces))

    def _opened(self, file: PhotoFile, number: int) -> None:
        self.opened.append((numbers([(file, number)])[0], number))

    def _closed(self) -> None:
        self.closed += 1


def numbers(faces: list[tuple[PhotoFile, int]]) -> list[int]:
    return [int(Path(file.path).stem) for file, _ in faces]


@pytest.fixture
def crops(qtbot: QtBot) -> Iterator[FaceCrops]:
    made = FaceCrops()
    yield made
    assert made.stop(QDeadlineTimer(20_000))


@pytest.fixture
def jobs(qtbot: QtBot) -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.stop()


@pytest.fixture
def page(qtbot: QtBot, crops: FaceCrops) -> Iterator[PeoplePage]:
    made = PeoplePage(crops)
    made.set_subject("john")
    made.set_look_alikes([("g", "George"), ("p", "Paul")])
    qtbot.addWidget(made)
    made.resize(16 * 2 + 8 * (FACE + 16) + 20, 700)  # eight in a line
    made.show()
    made.start()
    yield made
    theme.choose(theme.Scheme.SYSTEM)


@pytest.fixture
def owner(page: PeoplePage) -> Owner:
    return Owner(page)


@pytest.fixture
def grouped(page: PeoplePage) -> PeoplePage:
    faces, descriptors = made_up(COUNTS)
    found = list(people.group(descriptors, np.arange(len(faces))))[-1]
    assert isinstance(found, people.Groups)
    page.set_groups(found, faces, descriptors)
    return page


def view(page: PeoplePage) -> PeopleView:
    return page.findChildren(PeopleView)[0]


def sets(page: PeoplePage) -> list[set[int]]:
    return [set(group.faces) for group in page.groups()]


def people_sets() -> list[set[int]]:
    ends = np.cumsum([0, *COUNTS])
    return [set(range(ends[at], ends[at + 1])) for at in range(3)] + [{30, 31}]


def click(page: PeoplePage, row: int, part: Part, face: int = -1, keys: Qt.KeyboardModifier = NONE) -> None:
    where = view(page).rect_of(row, part, face)
    point = QPoint(100, where.center().y()) if part is Part.HEADER else where.center()
    QTest.mouseClick(view(page).viewport(), LEFT, keys, point)


def press(page: PeoplePage, key: Qt.Key, keys: Qt.KeyboardModifier = NONE) -> None:
    QTest.keyClick(view(page), key, keys)


def shown(page: PeoplePage) -> str:
    """The words on the message page; "" while groups are shown."""
    return "" if page._middle.currentWidget() is view(page) else page._message.message().title


# ------------------------------------------------------------------------------------------------- what is shown


def test_the_largest_group_is_on_top_and_loose_faces_are_last(grouped: PeoplePage) -> None:
    assert sets(grouped) == people_sets()
    assert [group.loose for group in grouped.groups()] == [False, False, False, True]
    assert "3 groups" in grouped._counts.text() and "2 resemble no other" in grouped._counts.text()


def test_a_line_shows_as_many_faces_as_fit_and_a_tile_opens_all(grouped: PeoplePage) -> None:
    shown_view = view(grouped)
    assert not shown_view.rect_of(0, Part.FACE, 6).isEmpty() and shown_view.rect_of(0, Part.FACE, 7).isEmpty()
    assert shown_view.rect_of(1, Part.MORE).isEmpty() and not shown_view.rect_of(1, Part.FACE, 5).isEmpty()
    below = shown_view.rect_of(1, Part.HEADER).top()
    click(grouped, 0, Part.MORE)
    assert not shown_view.rect_of(0, Part.FACE, 19).isEmpty()
    assert shown_view.rect_of(1, Part.HEADER).top() == below + 2 * (FACE + 16)
    click(grouped, 0, Part.MORE)
    assert shown_view.rect_of(1, Part.HEADER).top() == below


def test_a_wide_page_shows_the_first_dozen(grouped: PeoplePage) -> None:
    grouped.resize(2400, 600)
    assert view(grouped).rect_of(0, Part.FACE, MOST_COLLAPSED).isEmpty()
    assert not view(grouped).rect_of(0, Part.FACE, MOST_COLLAPSED - 1).isEmpty()


def test_pictures_of_faces_come_from_their_photos(qtbot: QtBot, page: PeoplePage, tmp_path: Path) -> None:
    Image.new("RGB", (90, 90), (200, 30, 40)).save(tmp_path / "0.png")
    info = os.stat(tmp_path / "0.png")  # noqa: PTH116
    file = PhotoFile(str(tmp_path / "0.png"), info.st_size, info.st_mtime_ns)
    faces = [PersonFace(file, at, (0.1, 0.1, 0.5, 0.5), 0.9, Zone.SUBJECT) for at in range(2)]
    with qtbot.waitSignal(page.wanted_changed):
        page.set_groups(people.Groups((np.arange(2),), np.arange(0)), faces, np.zeros((2, 128), np.float32))

    def red() -> bool:
        image = view(page).viewport().grab().toImage()
        where = view(page).rect_of(0, Part.FACE, 0).center()
        return image.pixelColor(where).name() == "#c81e28"

    qtbot.waitUntil(red)


def test_frames_show_zones_and_what_was_said(grouped: PeoplePage) -> None:
    def frame(face: int) -> str:
        image = view(grouped).viewport().grab().toImage()
        where = view(grouped).rect_of(1, Part.FACE, face)
        return image.pixelColor(where.left(), where.center().y() - 10).name()

    assert frame(0) == theme.zone_colour(Zone.NOT_SUBJECT).name()
    first = grouped.groups()[1].faces[0]
    faces = list(grouped.faces())
    faces[first] = faces[first]._replace(said=FaceSaid(FaceVerdict.SUBJECT))
    grouped.set_faces(faces, persons(COUNTS))
    assert frame(0) == theme.zone_colour(Zone.SUBJECT).name()
    assert sets(grouped) == people_sets()


@pytest.mark.parametrize("scheme", [theme.Scheme.LIGHT, theme.Scheme.DARK])
def test_light_and_dark_differ(grouped: PeoplePage, scheme: theme.Scheme) -> None:
    theme.choose(scheme)
    QApplication.processEvents()
    corner = grouped.grab().toImage().pixelColor(4, grouped.height() // 2)
    assert corner.name() == theme.tokens().canvas


def test_thousands_of_groups_are_laid_out_and_painted_at_once(page: PeoplePage) -> None:
    count = 5000
    faces, _ = made_up([1] * (3 * count))
    groups = people.Groups(tuple(np.arange(3 * at, 3 * at + 3) for at in range(count)), np.arange(0))
    start = time.perf_counter()
    page.set_groups(groups, faces, np.zeros((3 * count, 128), np.float32))
    page.grab()
    assert (
        time.perf_counter() - start < 5
    )  # the benchmark measures; a widget for each face would take minutes
    assert view(page).verticalScrollBar().maximum() > count * FACE
    assert len(view(page).wanted()) < 200


# --------------------------------------------------------------------------------------------- what is selected


def test_clicks_select_as_in_the_grid(grouped: PeoplePage) -> None:
    first = grouped.groups()[0].faces
    second = grouped.groups()[1].faces
    click(grouped, 0, Part.FACE, 1)
    assert view(grouped).chosen() == [first[1]]
    click(grouped, 0, Part.FACE, 4, SHIFT)
    assert view(grouped).chosen() == list(first[1:5])
    click(grouped, 1, Part.FACE, 0, CTRL)
    assert view(grouped).chosen() == [*first[1:5], second[0]]
    click(grouped, 0, Part.FACE, 2, CTRL)
    assert view(grouped).chosen() == [first[1], *first[3:5], second[0]]
    click(grouped, 1, Part.HEADER)
    assert view(grouped).chosen() == list(second)
    click(grouped, 2, Part.HEADER, keys=CTRL)
    assert view(grouped).chosen() == [*second, *grouped.groups()[2].faces]
    assert grouped._chosen.text() == "10 faces in 2 groups"


def test_a_rubber_band_selects_what_it_touches(grouped: PeoplePage) -> None:
    area = view(grouped).viewport()
    start = view(grouped).rect_of(0, Part.FACE, 1).topLeft() - QPoint(6, 0)
    end = view(grouped).rect_of(1, Part.FACE, 2).topLeft() + QPoint(5, 5)
    QTest.mousePress(area, LEFT, NONE, start)
    for point in (start + QPoint(20, 20), end):
        QTest.mouseMove(area, point)
    QTest.mouseRelease(area, LEFT, NONE, end)
    groups = grouped.groups()
    assert view(grouped).chosen() == [*groups[0].faces[1:3], *groups[1].faces[1:3]]


def test_arrows_go_from_face_to_face_and_from_line_to_line(grouped: PeoplePage) -> None:
    groups = grouped.groups()
    press(grouped, Qt.Key.Key_Down)
    assert view(grouped).chosen() == [groups[0].faces[0]]
    press(grouped, Qt.Key.Key_Right)
    press(grouped, Qt.Key.Key_Down)
    assert view(grouped).chosen() == [groups[1].faces[1]]
    press(grouped, Qt.Key.Key_Right, SHIFT)
    assert view(grouped).chosen() == list(groups[1].faces[1:3])
    press(grouped, Qt.Key.Key_A, CTRL)
    assert view(grouped).chosen() == list(groups[1].faces)


def test_a_double_click_opens_the_photo(grouped: PeoplePage, owner: Owner) -> None:
    where = view(grouped).rect_of(1, Part.FACE, 2).center()
    QTest.mouseDClick(view(grouped).viewport(), LEFT, NONE, where)
    assert owner.opened == [(grouped.groups()[1].faces[2], 0)]


# ------------------------------------------------------------------------------------------------------- labels


@pytest.mark.parametrize(
    ("part", "verdict"), [(Part.SUBJECT, FaceVerdict.SUBJECT), (Part.NOT_SUBJECT, FaceVerdict.NOT_SUBJECT)]
)
def test_a_lines_button_labels_all_of_it(
    grouped: PeoplePage, owner: Owner, part: Part, verdict: FaceVerdict
) -> None:
    click(grouped, 1, part)
    assert owner.said == [(list(grouped.groups()[1].faces), verdict, "")]


def test_no_button_labels_all_loose_faces(grouped: PeoplePage) -> None:
    assert view(grouped).rect_of(3, Part.SUBJECT).isEmpty()
    assert not view(grouped).rect_of(3, Part.MENU).isEmpty()


@pytest.mark.parametrize(
    ("key", "keys", "verdict", "group"),
    [
        (Qt.Key.Key_J, NONE, FaceVerdict.SUBJECT, ""),
        (Qt.Key.Key_N, NONE, FaceVerdict.NOT_SUBJECT, ""),
        (Qt.Key.Key_2, Qt.KeyboardModifier.AltModifier, FaceVerdict.NOT_SUBJECT, "p"),
        (Qt.Key.Key_X, NONE, FaceVerdict.NOT_SUBJECT, ""),
        (Qt.Key.Key_D, NONE, FaceVerdict.NO_FACE, ""),
        (Qt.Key.Key_U, NONE, None, ""),
    ],
)
def test_keys_label_what_is_selected(
    grouped: PeoplePage,
    owner: Owner,
    key: Qt.Key,
    keys: Qt.KeyboardModifier,
    verdict: FaceVerdict | None,
    group: str,
) -> None:
    press(grouped, key, keys)
    assert owner.said == []
    click(grouped, 1, Part.FACE, 3)
    press(grouped, key, keys)
    assert owner.said == [([grouped.groups()[1].faces[3]], verdict, group)]
    assert view(grouped).chosen() == [grouped.groups()[1].faces[3]]


def test_after_a_whole_group_the_next_one_is_selected(grouped: PeoplePage, owner: Owner) -> None:
    groups = grouped.groups()
    click(grouped, 0, Part.HEADER)
    press(grouped, Qt.Key.Key_N)
    press(grouped, Qt.Key.Key_J)
    assert [(faces, verdict) for faces, verdict, _ in owner.said] == [
        (list(groups[0].faces), FaceVerdict.NOT_SUBJECT),
        (list(groups[1].faces), FaceVerdict.SUBJECT),
    ]
    press(grouped, Qt.Key.Key_N)
    assert view(grouped).chosen() == list(groups[2].faces)  # never on to the loose ones


def test_the_pages_keys_go_before_the_windows(qtbot: QtBot, grouped: PeoplePage, owner: Owner) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    window.setCentralWidget(grouped)
    fired: list[str] = []
    for key in ("J", "Ctrl+Z"):
        action = window.addAction(key)
        action.setShortcut(key)
        action.triggered.connect(lambda _=False, key=key: fired.append(key))
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    view(grouped).setFocus()
    qtbot.waitUntil(view(grouped).hasFocus)
    click(grouped, 1, Part.FACE, 0)
    press(grouped, Qt.Key.Key_J)
    press(grouped, Qt.Key.Key_Z, CTRL)
    assert len(owner.said) == 1 and fired == ["Ctrl+Z"]
    grouped.setParent(None)


def menu_words(page: PeoplePage) -> list[str]:
    menu = page.findChildren(QMenu)[-1]
    return [action.text() for action in menu.actions() if action.isEnabled() and action.text()]


def test_a_right_click_offers_what_can_be_done(qtbot: QtBot, grouped: PeoplePage, owner: Owner) -> None:
    where = view(grouped).rect_of(1, Part.FACE, 2).center()
    QTest.mousePress(view(grouped).viewport(), Qt.MouseButton.RightButton, NONE, where)
    reason = QContextMenuEvent.Reason.Mouse
    event = QContextMenuEvent(reason, where, view(grouped).viewport().mapToGlobal(where))
    QApplication.sendEvent(view(grouped).viewport(), event)
    assert menu_words(grouped) == [
        "These are John",
        "These are not John",
        "They are George",
        "They are Paul",
        "Name a look-alike…",
        "Not faces",
        "Two people? Split",
        "Not in this group",
    ]
    menu = grouped.findChildren(QMenu)[-1]
    menu.actions()[4].trigger()
    menu.actions()[2].trigger()
    assert owner.look_alikes == [[grouped.groups()[1].faces[2]]]
    assert owner.said == [([grouped.groups()[1].faces[2]], FaceVerdict.NOT_SUBJECT, "g")]
    menu.close()


def test_a_lines_own_menu_is_for_all_of_it(grouped: PeoplePage) -> None:
    click(grouped, 2, Part.MENU)
    assert view(grouped).chosen() == list(grouped.groups()[2].faces)
    grouped.findChildren(QMenu)[-1].close()


# ------------------------------------------------------------------------------------------------------ shaping


def test_split_parts_two_people_and_can_be_undone(page: PeoplePage) -> None:
    faces, descriptors = made_up([9, 4])
    page.set_groups(people.Groups((np.arange(13),), np.arange(0)), faces, descriptors)
    click(page, 0, Part.HEADER)
    press(page, Qt.Key.Key_S)
    assert sets(page) == [set(range(9)), set(range(9, 13))]
    assert page._undo_link.text() == "Put back together"
    page._undo_link.click()
    assert sets(page) == [set(range(13))]
    assert not page._undo_link.isVisible()


def test_split_of_a_part_takes_just_that(grouped: PeoplePage) -> None:
    faces = grouped.groups()[1].faces
    click(grouped, 1, Part.FACE, 1)
    click(grouped, 1, Part.FACE, 2, SHIFT)
    press(grouped, Qt.Key.Key_S)
    assert sets(grouped)[1:3] == [set(faces) - set(faces[1:3]), set(faces[1:3])]
    assert view(grouped).chosen() == list(faces[1:3])


def test_same_person_joins_the_selected_groups(grouped: PeoplePage) -> None:
    click(grouped, 1, Part.HEADER)
    assert not grouped.same_action.isEnabled()
    click(grouped, 2, Part.HEADER, keys=CTRL)
    press(grouped, Qt.Key.Key_M)
    first, second, third, loose = people_sets()
    assert sets(grouped) == [first, second | third, loose]
    assert grouped._undo_link.text() == "Take apart again"
    grouped._undo_link.click()
    assert sets(grouped) == people_sets()


def test_loose_faces_can_become_a_group(grouped: PeoplePage) -> None:
    click(grouped, 3, Part.HEADER)
    press(grouped, Qt.Key.Key_M)
    first, second, third, loose = people_sets()
    assert sets(grouped) == [loose, first, second, third]
    assert not any(group.loose for group in grouped.groups())


def test_not_in_this_group_is_loose(grouped: PeoplePage) -> None:
    faces = grouped.groups()[1].faces
    click(grouped, 1, Part.FACE, 5)
    press(grouped, Qt.Key.Key_Delete)
    assert sets(grouped)[1] == set(faces) - {faces[5]}
    assert sets(grouped)[3] == {30, 31, faces[5]}
    assert not grouped.out_action.isEnabled()
    click(grouped, 3, Part.HEADER)
    assert not grouped.out_action.isEnabled() and not grouped.split_action.isEnabled()
    grouped._undo_link.click()
    assert sets(grouped) == people_sets()


# ----------------------------------------------------------------------------------------------------- dragging


class Drags:
    """Stands in for Qt's drags, which do not return before a drop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.faces: list[list[int]] = []
        self.pictures: list[int] = []
        monkeypatch.setattr(PeopleView, "start_drag", self._start)

    def _start(self, faces: list[tuple[PhotoFile, int]], pixmaps: list[QPixmap]) -> None:
        self.faces.append(numbers(faces))
        self.pictures.append(len(pixmaps))


@pytest.fixture
def drags(monkeypatch: pytest.MonkeyPatch) -> Drags:
    return Drags(monkeypatch)


def drag(page: PeoplePage, start: QPoint, button: Qt.MouseButton = LEFT) -> None:
    area = view(page).viewport()
    QTest.mousePress(area, button, NONE, start)
    for way in (QPoint(2, 2), QPoint(15, 15), QPoint(60, 60)):
        to = QPointF(start + way)
        event = QMouseEvent(
            QEvent.Type.MouseMove, to, area.mapToGlobal(to), Qt.MouseButton.NoButton, button, NONE
        )
        QApplication.sendEvent(area, event)
    QTest.mouseRelease(area, button, NONE, start + QPoint(60, 60))


def test_a_heading_drags_its_whole_group(grouped: PeoplePage, drags: Drags) -> None:
    drag(grouped, QPoint(100, view(grouped).rect_of(0, Part.HEADER).center().y()))
    assert [set(faces) for faces in drags.faces] == [people_sets()[0]]
    assert drags.pictures == [3]


def test_a_face_drags_what_is_selected_or_itself(grouped: PeoplePage, drags: Drags) -> None:
    first, second = grouped.groups()[0].faces, grouped.groups()[1].faces
    drag(grouped, view(grouped).rect_of(1, Part.FACE, 0).center())
    click(grouped, 0, Part.FACE, 2, CTRL)
    click(grouped, 0, Part.FACE, 3, CTRL)
    drag(grouped, view(grouped).rect_of(0, Part.FACE, 3).center())
    drag(grouped, view(grouped).rect_of(0, Part.FACE, 5).center())
    assert drags.faces == [[second[0]], [first[2], first[3], second[0]], [first[5]]]


def test_the_right_button_drags_nothing(grouped: PeoplePage, drags: Drags) -> None:
    drag(grouped, view(grouped).rect_of(1, Part.FACE, 0).center(), Qt.MouseButton.RightButton)
    assert drags.faces == []


def test_a_click_on_one_of_the_selected_selects_it_alone(grouped: PeoplePage, drags: Drags) -> None:
    click(grouped, 0, Part.HEADER)
    click(grouped, 0, Part.FACE, 2)
    assert view(grouped).chosen() == [grouped.groups()[0].faces[2]] and drags.faces == []


def drop(page: PeoplePage, row: int, carried: QMimeData, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Hold faces out of the view itself over a row and let them go; whether each event was accepted."""
    target, where = view(page), QPointF(view(page).rect_of(row, Part.HEADER).center())
    copy = Qt.DropAction.CopyAction
    events: list[QDropEvent] = [
        QDragEnterEvent(where.toPoint(), copy, carried, LEFT, NONE),
        QDragMoveEvent(where.toPoint(), copy, carried, LEFT, NONE),
        QDropEvent(where, copy, carried, LEFT, NONE),
    ]
    for kind in (QDragEnterEvent, QDropEvent):
        monkeypatch.setattr(kind, "source", lambda _: target, raising=False)
    handlers: list[Any] = [target.dragEnterEvent, target.dragMoveEvent, target.dropEvent]
    for event, handler in zip(events, handlers, strict=True):
        event.ignore()
        handler(event)
    return [event.isAccepted() for event in events]


def test_a_group_dropped_onto_another_is_the_same_person(
    grouped: PeoplePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    click(grouped, 2, Part.HEADER)
    assert drop(grouped, 1, face_drag.pack(grouped.chosen()), monkeypatch) == [True] * 3
    first, second, third, loose = people_sets()
    assert sets(grouped) == [first, second | third, loose]


def test_a_group_dropped_onto_itself_or_among_the_loose_stays(
    grouped: PeoplePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    click(grouped, 2, Part.HEADER)
    for row in (2, 3):
        assert drop(grouped, row, face_drag.pack(grouped.chosen()), monkeypatch) == [True, False, False]
    assert sets(grouped) == people_sets()


def test_what_is_no_face_is_not_taken(grouped: PeoplePage, monkeypatch: pytest.MonkeyPatch) -> None:
    carried = QMimeData()
    carried.setText("no face")
    assert not drop(grouped, 1, carried, monkeypatch)[0]


def test_a_drag_carries_faces_by_photo_and_number() -> None:
    strange = ["/a/with\nbreak.jpg", "/b/not utf-8 \udcff.jpg", "/b/not utf-8 \udcff.jpg"]
    faces = [(PhotoFile(path, 1, 1), number) for number, path in enumerate(strange)]
    carried = face_drag.pack(faces)
    assert face_drag.are_faces(carried) and not carried.hasUrls()
    assert face_drag.unpack(carried) == [(path, number) for number, path in enumerate(strange)]
    assert face_drag.in_words(carried) == "3 faces"
    assert face_drag.in_words(face_drag.pack(faces[:1])) == "1 face"
    assert face_drag.in_words(QMimeData()) == "" and face_drag.unpack(QMimeData()) == []


# ------------------------------------------------------------------------------------------ the desk and the rest


class Source:
    def __init__(self, counts: list[int]) -> None:
        self.faces, self.descriptors = made_up(counts)

    def __call__(self) -> tuple[list[PersonFace], np.ndarray]:
        return self.faces, self.descriptors


@pytest.fixture
def source() -> Source:
    return Source(COUNTS)


@pytest.fixture
def desk(page: PeoplePage, source: Source, jobs: Jobs) -> PeopleDesk:
    return PeopleDesk(page, source, jobs)


def test_the_desk_groups_the_faces_beside_the_window(
    qtbot: QtBot, page: PeoplePage, desk: PeopleDesk
) -> None:
    desk.open()
    assert "Grouping faces" in shown(page)
    qtbot.waitUntil(lambda: page.is_grouped() and not desk.is_busy())
    assert sets(page) == people_sets() and shown(page) == ""


def test_while_faces_are_looked_for_they_are_grouped_only_on_wish(
    qtbot: QtBot, page: PeoplePage, desk: PeopleDesk, source: Source
) -> None:
    desk.set_looked(312, 4000, running=True)
    desk.open()
    assert shown(page) == "Looking for faces"
    assert "312 of 4,000 photos looked at" in page._message.message().text
    page.group_wanted.emit()
    qtbot.waitUntil(page.is_grouped)
    more, _ = made_up([33])
    source.faces, source.descriptors = [*source.faces, more[32]], np.r_[source.descriptors, persons([1])]
    desk.set_looked(4000, 4000, running=False)
    qtbot.waitUntil(lambda: page._going_on_link.isVisible())
    assert "1 face" in page._going_on.text() and sets(page) == people_sets()
    page._going_on_link.click()
    qtbot.waitUntil(lambda: len(page.faces()) == 33 and not desk.is_busy())
    assert sum(map(len, sets(page))) == 33 and not page._going_on_link.isVisible()


def test_when_all_are_found_they_are_grouped(qtbot: QtBot, page: PeoplePage, desk: PeopleDesk) -> None:
    desk.set_looked(1, 2, running=True)
    desk.open()
    desk.set_looked(2, 2, running=False)
    qtbot.waitUntil(page.is_grouped)


def test_labels_and_scores_come_in_without_grouping_again(
    qtbot: QtBot, page: PeoplePage, desk: PeopleDesk, source: Source
) -> None:
    desk.open()
    qtbot.waitUntil(page.is_grouped)
    click(page, 0, Part.HEADER)
    click(page, 1, Part.HEADER, keys=CTRL)
    press(page, Qt.Key.Key_M)
    shaped = sets(page)
    source.faces = [face._replace(said=FaceSaid(FaceVerdict.SUBJECT)) for face in source.faces]
    desk.faces_changed()
    qtbot.waitUntil(lambda: page.faces()[0].said is not None)
    assert sets(page) == shaped and not page._going_on_link.isVisible()


def test_a_face_that_is_another_one_now_keeps_what_it_was(
    qtbot: QtBot, page: PeoplePage, desk: PeopleDesk, source: Source
) -> None:
    desk.open()
    qtbot.waitUntil(page.is_grouped)
    source.faces = [source.faces[0]._replace(box=(0.0, 0.0, 0.1, 0.1)), *source.faces[1:]]
    desk.faces_changed()
    qtbot.waitUntil(lambda: page._going_on_link.isVisible())
    assert page.faces()[0].box == (0.2, 0.2, 0.6, 0.8)


def test_grouping_can_be_given_up_and_taken_up_again(
    qtbot: QtBot, page: PeoplePage, desk: PeopleDesk
) -> None:
    desk.open()
    page.cancel_wanted.emit()
    qtbot.waitUntil(lambda: not desk.is_busy())
    assert not page.is_grouped() and shown(page) == "32 faces not grouped yet"
    desk.faces_changed()
    qtbot.waitUntil(lambda: not desk.is_busy())
    assert not page.is_grouped()
    page.group_wanted.emit()
    qtbot.waitUntil(page.is_grouped)


def test_a_failure_is_a_sentence_with_a_next_step(
    qtbot: QtBot, page: PeoplePage, desk: PeopleDesk, source: Source
) -> None:
    crashes: list[str] = []
    desk.crashed.connect(crashes.append)
    whole, source.descriptors = source.descriptors, source.descriptors[:3]
    desk.open()
    qtbot.waitUntil(lambda: shown(page) == "The faces could not be grouped")
    assert len(crashes) == 1 and "ValueError" in crashes[0]
    source.descriptors = whole
    page.group_wanted.emit()
    qtbot.waitUntil(page.is_grouped)


def test_another_folder_forgets_all(qtbot: QtBot, page: PeoplePage, desk: PeopleDesk, source: Source) -> None:
    desk.open()
    qtbot.waitUntil(page.is_grouped)
    source.faces, source.descriptors = made_up([5], "/elsewhere")
    desk.forget()
    assert not page.is_grouped() and page.groups() == []
    qtbot.waitUntil(page.is_grouped)
    assert sets(page) == [set(range(5))]


def test_without_faces_the_page_says_why(
    qtbot: QtBot, page: PeoplePage, desk: PeopleDesk, source: Source
) -> None:
    source.faces, source.descriptors = [], persons([1])[:0]
    desk.open()
    qtbot.waitUntil(lambda: not desk.is_busy())
    assert shown(page) == "There are no faces here"
    page.set_cannot_look("A file is missing.")
    desk.faces_changed()
    qtbot.waitUntil(lambda: not desk.is_busy())
    assert shown(page) == "Faces can’t be looked for"
    wanted: list[bool] = []
    page.faces_wanted.connect(lambda: wanted.append(True))
    page.set_off("Each photo is judged by the whole picture.")
    assert shown(page) == "Faces are switched off"
    page._message._buttons[0].click()
    assert wanted == [True]


def test_esc_closes_the_page_and_the_work_with_it(page: PeoplePage, desk: PeopleDesk, owner: Owner) -> None:
    desk.open()
    QTest.keyClick(page.focusWidget() or page, Qt.Key.Key_Escape)
    assert owner.closed == 1 and not page.is_open() and not desk.is_busy()
    page.close_page()
    assert owner.closed == 1


# ------------------------------------------------------------------------------------------- the line below


@pytest.mark.parametrize("width", [584, 824, 1504])
def test_the_line_below_is_slim_and_nothing_in_it_is_cut_off(grouped: PeoplePage, width: int) -> None:
    grouped.resize(width, 500)
    heights = set()
    for faces in ([], range(20), range(22), [30], [30, 31]):
        view(grouped).choose(faces)
        QApplication.processEvents()
        shown = [
            part for part in (grouped._chosen, *grouped._foot.findChildren(QPushButton)) if part.isVisible()
        ]
        for part in shown:
            assert part.width() >= part.sizeHint().width(), (width, part)
            assert grouped._foot.rect().contains(part.geometry())
        for one, other in itertools.pairwise(sorted(part.geometry().left() for part in shown)):
            assert one < other
        heights.add(grouped._foot.height())
    assert heights == {40}


def test_its_buttons_label_what_is_selected_and_name_their_keys(
    qtbot: QtBot, grouped: PeoplePage, owner: Owner
) -> None:
    view(grouped).choose([2, 0])
    QApplication.processEvents()
    subject, other = grouped._answers
    assert (subject.words(), subject.key()) == ("These are John", "J")
    assert (other.words(), other.key()) == ("These are not John", "N")
    qtbot.mouseClick(other, LEFT)
    qtbot.mouseClick(subject, LEFT)
    assert [(sorted(faces), verdict) for faces, verdict, _ in owner.said] == [
        ([0, 2], FaceVerdict.NOT_SUBJECT),
        ([0, 2], FaceVerdict.SUBJECT),
    ]
    grouped.resize(600, 500)
    assert (subject.words(), other.words()) == ("John", "Not John")
    view(grouped).choose([])
    assert not subject.isVisible() and "press J or N" in grouped._chosen.text()
