from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, QSize, Qt, QUrl
from PySide6.QtGui import (
    QAccessible,
    QColor,
    QDrag,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QHelpEvent,
    QImage,
    QPixmap,
)
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip, QWidget
from pytestqt.qtbot import QtBot

from lennonnet_gui import names, photo_drag, theme
from lennonnet_gui.bins import BINS, MOST_LATEST, Bins
from lennonnet_gui.histogram import ZoneButton
from training.photos import PhotoFile
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
) -> list[QDropEvent]:
    """Drag something over a bin and, as Qt would, let go only where it is accepted; the events, in order."""
    where, target = bins.bin_of(zone).rect().center(), bins.bin_of(zone)
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


def green(bins: Bins, zone: Zone) -> int:
    """How many photos are drawn whole: their middles are counted, on a grid finer than they are."""
    drawn = image(bins.bin_of(zone))
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
    assert told == [(zone, paths, "drag")]
    assert told[0][0] is zone


@pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")
def test_any_name_survives(bins: Bins) -> None:
    told: list[list[str]] = []
    bins.dropped.connect(lambda _zone, paths, _source: told.append(paths))
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
    assert told == [(Zone.NOT_SUBJECT, paths, "files")]


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
    bins.set_counts(1, 1204)
    said = {zone: header(bins, zone).accessibleName() for zone in BINS}
    assert said[Zone.SUBJECT] == "John: 1 photo labelled by you"
    assert said[Zone.NOT_SUBJECT] == "not John: 1,204 photos labelled by you"
    interface = QAccessible.queryAccessibleInterface(bins.bin_of(Zone.NOT_SUBJECT))
    assert interface is not None
    assert interface.text(QAccessible.Text.Name) == said[Zone.NOT_SUBJECT]
    assert interface.text(QAccessible.Text.Description) == "Drag photos here, or press N"
    before = image(bins)
    bins.set_counts(2, 1204)
    assert image(bins) != before
    bins.set_subject("mila")
    assert header(bins, Zone.NOT_SUBJECT).accessibleName() == "not Mila: 1,204 photos labelled by you"


def test_the_hint_goes_when_there_are_photos(bins: Bins, pictures: Pictures) -> None:
    pictures.there = False
    target = bins.bin_of(Zone.SUBJECT)
    with_hint = image(target)
    muted = QColor(theme.tokens().muted)

    def words(drawn: QImage) -> bool:
        middle = range(drawn.height() // 2 - 40, drawn.height() // 2 + 40)
        return any(drawn.pixelColor(x, y) == muted for y in middle for x in range(drawn.width()))

    assert words(with_hint)
    bins.set_latest(Zone.SUBJECT, [file(1)])
    assert not words(image(target))
    bins.set_latest(Zone.SUBJECT, [])
    assert image(target) == with_hint


@pytest.mark.parametrize("width", [150, 208, 400])
def test_as_many_of_the_latest_as_fit(bins: Bins, pictures: Pictures, width: int) -> None:
    bins.resize(width, 500)
    pictures.asked.clear()
    bins.set_latest(Zone.SUBJECT, [file(n) for n in range(500)])
    fitting = green(bins, Zone.SUBJECT)
    assert 4 <= fitting <= MOST_LATEST
    assert list(dict.fromkeys(pictures.asked)) == [file(n).path for n in range(fitting)]
    assert green(bins, Zone.NOT_SUBJECT) == 0
    bins.resize(width, 700)
    assert green(bins, Zone.SUBJECT) > fitting
    bins.set_latest(Zone.SUBJECT, [file(1), file(2)])
    assert green(bins, Zone.SUBJECT) == 2


def test_a_picture_that_comes_late_is_drawn(bins: Bins, pictures: Pictures, qtbot: QtBot) -> None:
    pictures.there = False
    bins.set_latest(Zone.NOT_SUBJECT, [file(7)])
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
    bins.set_latest(Zone.SUBJECT, [file(1), file(2)])
    target = bins.bin_of(Zone.SUBJECT)
    place = target._places()[1].center()  # type: ignore[attr-defined]
    for where in (place, QPoint(target.width() - 1, target.height() - 1)):
        QApplication.sendEvent(target, QHelpEvent(QEvent.Type.ToolTip, where, target.mapToGlobal(where)))
    assert said == ["<p>IMG_2.jpg</p>", ""]


@pytest.mark.parametrize("zone", BINS)
def test_a_bins_name_can_be_clicked_and_pressed(bins: Bins, qtbot: QtBot, zone: Zone) -> None:
    told: list[Zone] = []
    bins.clicked.connect(told.append)
    button = header(bins, zone)
    QTest.mouseClick(button, LEFT)
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert told == [zone, zone]
    assert button.focusPolicy() & Qt.FocusPolicy.TabFocus


@pytest.mark.parametrize("name", ["o", "Wilhelmina Charlotte of Brandenburg-Ansbach", "<b>&\n\udce9"])
def test_a_name_of_any_length_leaves_room_for_the_number(bins: Bins, name: str) -> None:
    bins.set_subject(name)
    bins.set_counts(123_456, 7)
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


def test_a_drag_is_a_copy_and_no_files(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    caught, view = Caught(monkeypatch), QWidget()
    qtbot.addWidget(view)
    photo_drag.start_drag(view, [file(1), file(2)], [])
    ((carried, _, actions),) = caught.drags
    assert carried.formats() == [photo_drag.PHOTOS_TYPE]  # a file manager finds nothing in it
    assert photo_drag.unpack(carried) == [file(1).path, file(2).path]
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
