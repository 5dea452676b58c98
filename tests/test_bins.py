from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QPoint, QPointF, QSize, Qt, QTimer, QUrl
from PySide6.QtGui import (
    QAccessible,
    QColor,
    QContextMenuEvent,
    QDrag,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFontMetrics,
    QHelpEvent,
    QImage,
    QPixmap,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QMenu,
    QPushButton,
    QScrollArea,
    QScrollBar,
    QToolButton,
    QToolTip,
    QWidget,
)
from pytestqt.qtbot import QtBot

from lennonnet_gui import names, photo_drag, theme
from lennonnet_gui.bins import BINS, MOST_LATEST, Bins
from lennonnet_gui.histogram import ZoneButton
from training.photos import PhotoFile
from training.subjects import LookAlike
from training.zones import Zone

GREEN = QColor("#00ff00")  # no token is
COPY, MOVE, LINK = Qt.DropAction.CopyAction, Qt.DropAction.MoveAction, Qt.DropAction.LinkAction
LEFT, SHIFT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier


def file(number: int) -> PhotoFile:
    return PhotoFile(f"{os.sep}pictures{os.sep}IMG_{number}.jpg", 1000, 0)


class Pictures:
    """Pictures that are there when the test says so."""

    def __init__(self) -> None:
        self.there = True
        self.asked: list[str] = []
        self._made = QPixmap(64, 128)
        self._made.fill(GREEN)

    def __call__(self, file: PhotoFile) -> QPixmap | None:
        self.asked.append(file.path)
        return self._made if self.there else None


@pytest.fixture
def pictures(qapp: QApplication) -> Pictures:
    return Pictures()


@pytest.fixture
def bins(qtbot: QtBot, pictures: Pictures) -> Iterator[Bins]:
    made = Bins(pictures)
    qtbot.addWidget(made)
    made.set_subject("john")
    made.resize(made.sizeHint())
    made.show()
    qtbot.waitExposed(made)
    yield made


def drop(
    bins: Bins,
    zone: Zone,
    carried: QMimeData,
    offered: Qt.DropAction = COPY,
    keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    group: str = "",
) -> list[QDropEvent]:
    """Drag something over a bin and, as Qt would, let go only where it is accepted; the events, in order."""
    target = bins.bin_of(zone, group)
    where = target.rect().center()
    events: list[QDropEvent] = [
        QDragEnterEvent(where, offered, carried, LEFT, keys),
        QDragMoveEvent(where, offered, carried, LEFT, keys),
    ]
    for event in events:
        QApplication.sendEvent(target, event)
    if events[-1].isAccepted():
        events.append(QDropEvent(QPointF(where), offered, carried, LEFT, keys))
        QApplication.sendEvent(target, events[-1])
    return events


def hover(bins: Bins, zone: Zone, carried: QMimeData) -> QDragEnterEvent:
    entering = QDragEnterEvent(
        bins.bin_of(zone).rect().center(), COPY, carried, LEFT, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(bins.bin_of(zone), entering)
    return entering


def urls(*addresses: QUrl) -> QMimeData:
    made = QMimeData()
    made.setUrls(list(addresses))
    return made


def image(widget: QWidget) -> QImage:
    return widget.grab().toImage()


def differs(image: QImage, other: QImage) -> bool:
    return image != other


def header(bins: Bins, zone: Zone) -> ZoneButton:
    return bins.bin_of(zone).findChildren(ZoneButton)[0]


def green(bins: Bins, zone: Zone, group: str = "") -> int:
    """How many photos are drawn whole: their middles are counted, on a grid finer than they are."""
    drawn = image(bins.bin_of(zone, group))
    found, seen = 0, set[tuple[int, int]]()
    for y in range(drawn.height()):
        for x in range(drawn.width()):
            if drawn.pixelColor(x, y) == GREEN and (x, y) not in seen:
                edge = 0
                while x + edge < drawn.width() and drawn.pixelColor(x + edge, y) == GREEN:
                    edge += 1
                assert drawn.pixelColor(x + edge - 1, y + edge - 1) == GREEN  # a whole square
                seen |= {(x + i, y + j) for i in range(edge) for j in range(edge)}
                found += 1
    return found


# ------------------------------------------------------------------------------------------------ dropping


@pytest.mark.parametrize("zone", BINS)
def test_photos_from_the_grid_are_told_by_path(bins: Bins, zone: Zone) -> None:
    told: list[tuple[Any, ...]] = []
    bins.dropped.connect(lambda *said: told.append(said))
    paths = [file(1).path, file(2).path]
    assert all(event.isAccepted() for event in drop(bins, zone, photo_drag.pack(paths)))
    assert told == [(zone, paths, "drag", "")]
    assert told[0][0] is zone


@pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")
def test_any_name_survives(bins: Bins) -> None:
    told: list[list[str]] = []
    bins.dropped.connect(lambda _zone, paths, *_: told.append(paths))
    strange = ["/a/new\nline.jpg", "/a/caf\udce9.jpg", "/a/100%.jpg", "/a/\U0001f4f7 & <b>.jpg", "/a/plain"]
    drop(bins, Zone.SUBJECT, photo_drag.pack(strange))
    drop(bins, Zone.SUBJECT, urls(*map(names.to_url, strange)))
    assert told == [strange, strange]


def test_files_and_folders_come_from_a_file_manager(bins: Bins, tmp_path: Any) -> None:
    told: list[tuple[Any, ...]] = []
    bins.dropped.connect(lambda *said: told.append(said))
    paths = [str(tmp_path / "a.jpg"), str(tmp_path / "some folder")]
    carried = urls(*map(names.to_url, paths), QUrl("https://example.org/john.jpg"))
    drop(bins, Zone.NOT_SUBJECT, carried)
    assert told == [(Zone.NOT_SUBJECT, paths, "files", "")]


@pytest.mark.parametrize(
    "carried", ["nothing", "text", "an address in the web", "no photos"], ids=lambda what: what
)
def test_what_is_no_photo_is_refused(bins: Bins, qtbot: QtBot, carried: str) -> None:
    data = {
        "nothing": QMimeData(),
        "text": QMimeData(),
        "an address in the web": urls(QUrl("https://example.org/john.jpg")),
        "no photos": photo_drag.pack([]),
    }[carried]
    if carried == "text":
        data.setText("/pictures/IMG_1.jpg")
    before = image(bins)
    with qtbot.assertNotEmitted(bins.dropped):
        assert not drop(bins, Zone.SUBJECT, data)[0].isAccepted()
    assert image(bins) == before


@pytest.mark.parametrize("offered", [COPY | MOVE, COPY | MOVE | LINK, COPY])
def test_only_a_copy_is_accepted_also_with_shift(bins: Bins, offered: Qt.DropAction) -> None:
    carried = urls(names.to_url(file(1).path))
    for event in drop(bins, Zone.SUBJECT, carried, offered, SHIFT):
        assert event.isAccepted()
        assert event.dropAction() == COPY


@pytest.mark.parametrize("offered", [MOVE, LINK, MOVE | LINK])
@pytest.mark.parametrize("ours", [True, False])
def test_where_no_copy_is_offered_nothing_is_taken(
    bins: Bins, qtbot: QtBot, offered: Qt.DropAction, ours: bool
) -> None:
    path = file(1).path
    carried = photo_drag.pack([path]) if ours else urls(names.to_url(path))
    with qtbot.assertNotEmitted(bins.dropped):
        assert not any(event.isAccepted() for event in drop(bins, Zone.SUBJECT, carried, offered))


def test_a_copy_withdrawn_at_the_last_moment_is_not_taken(bins: Bins, qtbot: QtBot) -> None:
    carried = photo_drag.pack([file(1).path])
    hover(bins, Zone.SUBJECT, carried)
    last = QDropEvent(QPointF(50, 50), MOVE, carried, LEFT, SHIFT)
    with qtbot.assertNotEmitted(bins.dropped):
        QApplication.sendEvent(bins.bin_of(Zone.SUBJECT), last)
    assert not last.isAccepted()


# ------------------------------------------------------------------------------------------------ lighting up


@pytest.mark.parametrize("zone", BINS)
def test_a_bin_lights_up_while_photos_are_over_it(bins: Bins, zone: Zone) -> None:
    target, other = bins.bin_of(zone), bins.bin_of(next(other for other in BINS if other != zone))
    dark, other_dark = image(target), image(other)
    hover(bins, zone, photo_drag.pack(file(n).path for n in range(12)))
    lit = image(target)
    middle = target.height() // 2
    assert lit.pixelColor(0, middle) == theme.zone_colour(zone)
    assert dark.pixelColor(0, middle) != theme.zone_colour(zone)
    tint = lit.pixelColor(target.width() - 8, 8)
    assert tint not in (dark.pixelColor(target.width() - 8, 8), theme.zone_colour(zone))
    assert image(other) == other_dark
    QApplication.sendEvent(target, QDragLeaveEvent())
    assert image(target) == dark


def test_a_bin_goes_dark_again_after_a_drop(bins: Bins) -> None:
    dark = image(bins)
    assert len(drop(bins, Zone.SUBJECT, photo_drag.pack([file(1).path]))) == 3
    assert image(bins) == dark


def test_the_number_of_dragged_photos_is_shown(bins: Bins) -> None:
    seen = []
    for count in (1, 2, 12, 1204):
        hover(bins, Zone.SUBJECT, photo_drag.pack(file(n).path for n in range(count)))
        seen.append(image(bins.bin_of(Zone.SUBJECT)))
    assert all(differs(seen[i], seen[j]) for i in range(4) for j in range(i))


@pytest.mark.parametrize(
    "count, said", [(0, ""), (1, "1 photo"), (2, "2 photos"), (1204, "1,204 photos")], ids=str
)
def test_dragged_photos_in_words(count: int, said: str) -> None:
    assert photo_drag.in_words(photo_drag.pack(file(n).path for n in range(count))) == said
    assert len(photo_drag.unpack(photo_drag.pack(file(n).path for n in range(count)))) == count


def test_dragged_files_in_words(tmp_path: Any) -> None:
    there = names.to_url(str(tmp_path))
    assert photo_drag.in_words(urls(there)) == "1 file or folder"
    assert photo_drag.in_words(urls(there, there, QUrl("https://example.org"))) == "2 files or folders"
    assert photo_drag.in_words(urls(QUrl("https://example.org"))) == ""


# ------------------------------------------------------------------------------------------- what is shown


def test_counts_are_shown_and_spoken(bins: Bins) -> None:
    bins.set_counts({(Zone.SUBJECT, ""): 1, (Zone.NOT_SUBJECT, ""): 1204})
    said = {zone: header(bins, zone).accessibleName() for zone in BINS}
    assert said[Zone.SUBJECT] == "John: 1 photo labelled by you"
    assert said[Zone.NOT_SUBJECT] == "not John: 1,204 photos labelled by you"
    interface = QAccessible.queryAccessibleInterface(bins.bin_of(Zone.NOT_SUBJECT))
    assert interface is not None
    assert interface.text(QAccessible.Text.Name) == said[Zone.NOT_SUBJECT]
    assert interface.text(QAccessible.Text.Description) == "Drag photos here, or press N"
    before = image(bins)
    bins.set_counts({(Zone.SUBJECT, ""): 2, (Zone.NOT_SUBJECT, ""): 1204})
    assert image(bins) != before
    bins.set_subject("mila")
    assert header(bins, Zone.NOT_SUBJECT).accessibleName() == "not Mila: 1,204 photos labelled by you"


def test_labelled_faces_are_told_beside_the_name_and_spoken(bins: Bins) -> None:
    bins.set_look_alikes([GEORGE])
    bins.set_counts({(Zone.NOT_SUBJECT, "g7"): 2})
    before = image(bins)
    bins.set_face_counts({(Zone.NOT_SUBJECT, "g7"): 13, (Zone.NOT_SUBJECT, "gone"): 1, (Zone.SUBJECT, ""): 0})
    assert image(bins) != before
    george, others = bins.bin_of(Zone.NOT_SUBJECT, "g7"), bins.bin_of(Zone.NOT_SUBJECT)
    assert george.accessibleName() == "George, not John: 2 photos and 13 faces labelled by you"
    assert others.accessibleName() == "not John: 0 photos and 1 face labelled by you"
    assert header(bins, Zone.SUBJECT).accessibleName() == "John: 0 photos labelled by you"
    bins.set_look_alikes([])
    assert others.accessibleName() == "not John: 2 photos and 14 faces labelled by you"
    bins.set_face_counts({})
    assert others.accessibleName() == "not John: 2 photos labelled by you"


@pytest.mark.parametrize("name", ["o", "Wilhelmina Charlotte of Brandenburg-Ansbach"])
def test_the_number_of_faces_has_room_beside_a_name_of_any_length(bins: Bins, name: str) -> None:
    bins.set_look_alikes([LookAlike("g7", name)])
    bins.set_counts({(Zone.NOT_SUBJECT, "g7"): 1_234})
    bins.set_face_counts({(Zone.NOT_SUBJECT, "g7"): 12_345})
    small = QFontMetrics(theme.font(theme.TEXT_SMALL))
    for width in (bins.minimumSizeHint().width(), 208, 500):
        bins.resize(width, 500)
        QApplication.processEvents()
        george: Any = bins.bin_of(Zone.NOT_SUBJECT, "g7")
        assert george._beside == "12,345 faces" or (not george._beside and width < 500)
        left = george.header.geometry().right() + (theme.GRID // 2 if george._beside else 0)
        assert left + small.horizontalAdvance(george._beside) <= george.more.x()


def test_the_hint_goes_when_there_are_photos(bins: Bins, pictures: Pictures) -> None:
    pictures.there = False
    target = bins.bin_of(Zone.SUBJECT)
    with_hint = image(target)
    muted = QColor(theme.tokens().muted)

    def words(drawn: QImage) -> bool:
        middle = range(drawn.height() // 2 - 40, drawn.height() // 2 + 40)
        return any(drawn.pixelColor(x, y) == muted for y in middle for x in range(drawn.width()))

    assert words(with_hint)
    bins.set_latest(Zone.SUBJECT, "", [file(1)])
    assert not words(image(target))
    bins.set_latest(Zone.SUBJECT, "", [])
    assert image(target) == with_hint


@pytest.mark.parametrize("width", [150, 208, 400])
def test_as_many_of_the_latest_as_fit(bins: Bins, pictures: Pictures, width: int) -> None:
    bins.resize(width, 500)
    pictures.asked.clear()
    bins.set_latest(Zone.SUBJECT, "", [file(n) for n in range(500)])
    fitting = green(bins, Zone.SUBJECT)
    assert 4 <= fitting <= MOST_LATEST
    assert list(dict.fromkeys(pictures.asked)) == [file(n).path for n in range(fitting)]
    assert green(bins, Zone.NOT_SUBJECT) == 0
    bins.resize(width, 700)
    assert green(bins, Zone.SUBJECT) > fitting
    bins.set_latest(Zone.SUBJECT, "", [file(1), file(2)])
    assert green(bins, Zone.SUBJECT) == 2


def test_a_picture_that_comes_late_is_drawn(bins: Bins, pictures: Pictures, qtbot: QtBot) -> None:
    pictures.there = False
    bins.set_latest(Zone.NOT_SUBJECT, "", [file(7)])
    assert green(bins, Zone.NOT_SUBJECT) == 0
    QApplication.processEvents()
    pictures.there = True
    pictures.asked.clear()
    bins.picture_came(file(8).path)
    QApplication.processEvents()
    assert pictures.asked == []  # none of its business
    bins.picture_came(file(7).path)
    qtbot.waitUntil(lambda: file(7).path in pictures.asked)
    assert green(bins, Zone.NOT_SUBJECT) == 1


def test_a_photo_names_itself_in_a_tool_tip(bins: Bins, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(QToolTip, "showText", lambda _where, text, *_: said.append(text))
    bins.set_latest(Zone.SUBJECT, "", [file(1), file(2)])
    target = bins.bin_of(Zone.SUBJECT)
    place = target._places()[1].center()  # type: ignore[attr-defined]
    for where in (place, QPoint(target.width() - 1, target.height() - 1)):
        QApplication.sendEvent(target, QHelpEvent(QEvent.Type.ToolTip, where, target.mapToGlobal(where)))
    assert said == ["<p>IMG_2.jpg</p>", ""]


@pytest.mark.parametrize("zone", BINS)
def test_a_bins_name_can_be_clicked_and_pressed(bins: Bins, qtbot: QtBot, zone: Zone) -> None:
    told: list[tuple[Zone, str]] = []
    bins.clicked.connect(lambda *said: told.append(said))
    button = header(bins, zone)
    QTest.mouseClick(button, LEFT)
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert told == [(zone, "")] * 2
    assert button.focusPolicy() & Qt.FocusPolicy.TabFocus


@pytest.mark.parametrize("name", ["o", "Wilhelmina Charlotte of Brandenburg-Ansbach", "<b>&\n\udce9"])
def test_a_name_of_any_length_leaves_room_for_the_number(bins: Bins, name: str) -> None:
    bins.set_subject(name)
    bins.set_counts({(Zone.SUBJECT, ""): 123_456, (Zone.NOT_SUBJECT, ""): 7})
    for width in (bins.minimumSizeHint().width(), 208, 500):
        bins.resize(width, 500)
        for zone in BINS:
            assert header(bins, zone).geometry().right() < bins.bin_of(zone).width()


def test_the_scheme_is_followed(bins: Bins, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    light = image(bins)
    with monkeypatch.context() as dark:
        dark.setattr(theme, "tokens", lambda: theme.DARK)
        assert image(bins) != light
    assert image(bins) == light


# ------------------------------------------------------------------------------------------- look-alikes


GEORGE, RINGO = LookAlike("g7", "George"), LookAlike("r2", "Ringo")


def names_from_top(bins: Bins) -> list[str]:
    headers = [button for button in bins.findChildren(ZoneButton) if button.isVisible()]
    headers.sort(key=lambda button: button.mapTo(bins, QPoint()).y())
    return [button.text() for button in headers]


def test_look_alikes_stand_between_the_subject_and_all_others(bins: Bins) -> None:
    bins.set_look_alikes([GEORGE, RINGO])
    QApplication.processEvents()
    assert names_from_top(bins) == ["John", "George", "Ringo", "not John"]
    bins.set_look_alikes([RINGO, GEORGE])
    QApplication.processEvents()
    assert names_from_top(bins) == ["John", "Ringo", "George", "not John"]
    bins.set_look_alikes([LookAlike("g7", "George H.")])
    QApplication.processEvents()
    assert names_from_top(bins) == ["John", "George H.", "not John"]
    with pytest.raises(KeyError):
        bins.bin_of(Zone.NOT_SUBJECT, "r2")
    bins.set_look_alikes([])
    QApplication.processEvents()
    assert names_from_top(bins) == ["John", "not John"]


def test_a_drop_on_a_look_alike_tells_which(bins: Bins) -> None:
    bins.set_look_alikes([GEORGE, RINGO])
    told: list[tuple[Any, ...]] = []
    bins.dropped.connect(lambda *said: told.append(said))
    bins.clicked.connect(lambda *said: told.append(said))
    drop(bins, Zone.NOT_SUBJECT, photo_drag.pack([file(1).path]), group="r2")
    QTest.mouseClick(bins.bin_of(Zone.NOT_SUBJECT, "g7").findChildren(ZoneButton)[0], LEFT)
    assert told == [(Zone.NOT_SUBJECT, [file(1).path], "drag", "r2"), (Zone.NOT_SUBJECT, "g7")]


def test_counts_of_look_alikes_without_a_bin_are_all_others(bins: Bins) -> None:
    bins.set_look_alikes([GEORGE])
    bins.set_counts(
        {
            (Zone.SUBJECT, ""): 3,
            (Zone.NOT_SUBJECT, ""): 10,
            (Zone.NOT_SUBJECT, "g7"): 5,
            (Zone.NOT_SUBJECT, "gone"): 2,
        }
    )

    def said(zone: Zone, group: str = "") -> str:
        return bins.bin_of(zone, group).accessibleName()

    assert said(Zone.SUBJECT) == "John: 3 photos labelled by you"
    assert said(Zone.NOT_SUBJECT, "g7") == "George, not John: 5 photos labelled by you"
    assert said(Zone.NOT_SUBJECT) == "not John: 12 photos labelled by you"
    bins.set_look_alikes([])
    assert said(Zone.NOT_SUBJECT) == "not John: 17 photos labelled by you"
    bins.set_look_alikes([GEORGE])
    assert said(Zone.NOT_SUBJECT, "g7") == "George, not John: 5 photos labelled by you"


def test_a_bin_that_stays_keeps_its_photos(bins: Bins) -> None:
    bins.set_look_alikes([GEORGE])
    bins.set_latest(Zone.NOT_SUBJECT, "g7", [file(1), file(2)])
    bins.set_latest(Zone.NOT_SUBJECT, "gone", [file(3)])  # told late, of one that was just removed
    bins.set_look_alikes([RINGO, LookAlike("g7", "George H.")])
    QApplication.processEvents()
    assert bins.wanted() == [file(1), file(2)]
    with pytest.raises(KeyError):
        bins.set_latest(Zone.UNSURE, "", [])


def test_a_look_alike_can_be_renamed_and_removed(bins: Bins) -> None:
    bins.set_look_alikes([GEORGE, RINGO])
    told: list[Any] = []
    bins.rename_wanted.connect(lambda group: told.append(("rename", group)))
    bins.remove_wanted.connect(lambda group: told.append(("remove", group)))
    bins.clicked.connect(lambda *said: told.append(said))
    target = bins.bin_of(Zone.NOT_SUBJECT, "r2")

    def choose(words: str) -> None:
        (menu,) = target.findChildren(QMenu)
        next(action for action in menu.actions() if words in action.text()).trigger()
        menu.close()
        QCoreApplication.sendPostedEvents(menu, QEvent.Type.DeferredDelete)

    (more,) = target.findChildren(QToolButton)
    QTest.mouseClick(more, LEFT)
    choose("Rename")
    middle = target.rect().center()
    reason = QContextMenuEvent.Reason.Mouse
    QApplication.sendEvent(target, QContextMenuEvent(reason, middle, target.mapToGlobal(middle)))
    choose("Remove")
    QTest.keyClick(more, Qt.Key.Key_Space)
    choose("Show")
    assert told == [("rename", "r2"), ("remove", "r2"), (Zone.NOT_SUBJECT, "r2")]
    assert more.accessibleName() == "More on the look-alike Ringo"
    assert not bins.bin_of(Zone.SUBJECT).findChildren(QToolButton)[0].isVisible()


def test_a_look_alike_can_be_asked_for(bins: Bins, qtbot: QtBot) -> None:
    (button,) = bins.findChildren(QPushButton, options=Qt.FindChildOption.FindDirectChildrenOnly)
    assert button.accessibleName() == "Add a bin for a look-alike of John"
    with qtbot.waitSignal(bins.look_alike_wanted):
        QTest.keyClick(button, Qt.Key.Key_Space)


def test_tab_goes_from_top_to_bottom(bins: Bins) -> None:
    bins.set_look_alikes([GEORGE])
    bins.activateWindow()
    QApplication.processEvents()
    header(bins, Zone.SUBJECT).setFocus()
    met = []
    for _ in range(5):
        focused = QApplication.focusWidget()
        assert focused is not None
        met.append(focused.accessibleName())
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    assert met == [
        "John: 0 photos labelled by you",
        "George, not John: 0 photos labelled by you",
        "More on the look-alike George",
        "not John: 0 photos labelled by you",
        "Add a bin for a look-alike of John",
    ]


def crowd(bins: Bins, qtbot: QtBot) -> QScrollBar:
    """More look-alikes than have room, each with photos; the column's scroll bar."""
    bins.set_look_alikes([LookAlike(f"id{n}", f"Look-alike {n}") for n in range(12)])
    for n in range(12):
        bins.set_latest(Zone.NOT_SUBJECT, f"id{n}", [file(n)])
    bins.set_latest(Zone.NOT_SUBJECT, "", [file(99)])
    bar = bins.findChildren(QScrollArea)[0].verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0)
    return bar


@pytest.mark.parametrize("width", [128, 150, 208, 400])
def test_many_look_alikes_scroll_and_each_shows_its_photos(bins: Bins, qtbot: QtBot, width: int) -> None:
    bins.resize(width, 500)
    crowd(bins, qtbot)
    for n in range(12):
        assert green(bins, Zone.NOT_SUBJECT, f"id{n}") == 1
    assert bins.size().width() == width


def test_only_photos_in_sight_are_wanted(bins: Bins, qtbot: QtBot) -> None:
    bar = crowd(bins, qtbot)
    first = bins.wanted()
    assert file(0) in first and file(11) not in first and file(99) not in first
    with qtbot.waitSignal(bins.wanted_changed):
        bar.setValue(bar.maximum())
    last = bins.wanted()
    assert file(0) not in last and last[-2:] == [file(11), file(99)]
    with qtbot.waitSignal(bins.wanted_changed):
        bins.set_latest(Zone.NOT_SUBJECT, "", [file(98)])
    assert bins.wanted()[-1] == file(98)
    with qtbot.waitSignal(bins.wanted_changed):
        bins.hide()
    assert bins.wanted() == []


def test_photos_held_at_an_edge_scroll_the_bins(bins: Bins, qtbot: QtBot) -> None:
    bar, carried = crowd(bins, qtbot), photo_drag.pack([file(1).path])
    area = bins.findChildren(QScrollArea)[0].viewport()
    shown = [bins.bin_of(zone) for zone in BINS]
    shown += [bins.bin_of(Zone.NOT_SUBJECT, f"id{n}") for n in range(12)]

    def hold(y: int) -> QWidget:
        """Hold photos over the bin that is at `y` of what is in sight, or just below."""
        spots = [(one, one.mapFrom(area, QPoint(30, y + down))) for down in (0, theme.GRID) for one in shown]
        target, where = next((one, spot) for one, spot in spots if one.rect().contains(spot))
        for event in QDragEnterEvent, QDragMoveEvent:
            sent = event(where, COPY, carried, LEFT, Qt.KeyboardModifier.NoModifier)
            QApplication.sendEvent(target, sent)
        return target

    def still() -> bool:
        return not any(timer.isActive() for timer in bins.findChildren(QTimer) if not timer.isSingleShot())

    target = hold(area.height() - 2 * theme.GRID)
    assert not still()
    qtbot.waitUntil(lambda: bar.value() > 40)
    QApplication.sendEvent(target, QDragLeaveEvent())
    assert still()
    stood = bar.value()
    hold(theme.GRID)
    qtbot.waitUntil(lambda: bar.value() < stood)
    target = hold(area.height() // 2)
    assert still()
    hold(theme.GRID)
    assert not still()
    QApplication.sendEvent(target, QDropEvent(QPointF(30, 30), COPY, carried, LEFT, SHIFT))
    assert still()


# ------------------------------------------------------------------------------------------------ the drag


class Caught:
    """What a drag was made of, instead of a drag."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.drags: list[tuple[QMimeData, QPixmap, tuple[Any, ...]]] = []
        caught = self.drags

        def instead(drag: QDrag, *actions: Any) -> Qt.DropAction:
            kept = QMimeData()
            for kind in drag.mimeData().formats():
                kept.setData(kind, drag.mimeData().data(kind))
            caught.append((kept, drag.pixmap(), actions))
            return COPY

        monkeypatch.setattr(QDrag, "exec", instead)


def test_a_drag_is_a_copy(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    caught, view = Caught(monkeypatch), QWidget()
    qtbot.addWidget(view)
    photo_drag.start_drag(view, [file(1), file(2)], [])
    ((carried, _, actions),) = caught.drags
    assert photo_drag.unpack(carried) == [file(1).path, file(2).path]
    assert [names.from_url(url) for url in carried.urls()] == [
        file(1).path,
        file(2).path,
    ]  # for file managers
    assert actions == (COPY, COPY)
    photo_drag.start_drag(view, [], [])
    assert len(caught.drags) == 1


@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("size", [(256, 128), (128, 256), (2000, 10), (1, 1), (0, 0)])
def test_the_stack_holds_the_whole_of_its_pictures(
    qapp: QApplication, size: tuple[int, int], ratio: float
) -> None:
    picture = QPixmap(*size)
    picture.fill(GREEN)
    for count, given in ((1, 1), (3, 3), (12_345, 3), (2, 5), (1, 0)):
        drawn = photo_drag.stack([picture] * given, count, ratio)
        assert drawn.devicePixelRatio() == ratio
        assert drawn.deviceIndependentSize().width() <= 14 * theme.GRID
        assert drawn.deviceIndependentSize().height() <= 14 * theme.GRID
        pixels = drawn.toImage()
        edge = [
            pixels.pixelColor(x, y).alpha() for x in (0, pixels.width() - 1) for y in range(pixels.height())
        ]
        if given == 1:
            assert max(edge) == 0  # nothing is cut off


def test_the_stack_shows_its_pictures_and_the_number(qapp: QApplication) -> None:
    picture = QPixmap(QSize(128, 128))
    picture.fill(GREEN)
    one, two, many = (photo_drag.stack([picture], n, 1.0).toImage() for n in (1, 2, 12))
    assert one.pixelColor(one.rect().center()) == GREEN
    assert two != many and two.size() == many.size()
    focus = QColor(theme.tokens().focus)

    def badge(drawn: QImage) -> bool:
        return any(
            drawn.pixelColor(x, y) == focus for x in range(drawn.width()) for y in range(drawn.height() // 3)
        )

    assert not badge(one) and badge(two)
