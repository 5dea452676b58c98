"""The bins at the window's right: photos dropped into one are labelled as the subject, or as not the subject.

Between the two, each look-alike (somebody who is taken for the subject again and again) may have a bin of its own. A
bin says how many photos are labelled and shows the latest of them. It labels nothing itself: it tells by signals
what was dropped, and is told the counts. It never takes a file away from where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFontMetrics,
    QHelpEvent,
    QHideEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import face_drag, names, photo_drag, theme
from lennonnet_gui.histogram import ZoneButton
from training.zones import Zone

if TYPE_CHECKING:
    from training.photos import PhotoFile
    from training.subjects import LookAlike

Picture = Callable[["PhotoFile"], QPixmap | None]
"""Gives a photo's picture in any size, or None while there is none."""

BINS = (Zone.SUBJECT, Zone.NOT_SUBJECT)
"""From top to bottom, without those of look-alikes, which stand between them."""

MOST_LATEST = 60
"""More photos than this are never shown in one bin."""

_KEYS = {Zone.SUBJECT: "J", Zone.NOT_SUBJECT: "N"}
_TILE = 7 * theme.GRID  # the least edge of a photo
_LOWEST_BODY = 9 * theme.GRID  # a line of photos, or what letting go would do in three lines
_GAP = theme.GRID // 2
_LEAST_OF_NAME = 6  # letters; where there is no room for as many, nothing is said beside the name
_CENTRED = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
_SCROLL_MS = 30  # while photos are held at the upper or lower edge


class Bins(QWidget):
    """Bins one above the other: the current subject's, one for each of its look-alikes, and all others'.

    `group` in the signals and methods is the id of a look-alike, and "" in the subject's and in all others' bin.
    """

    dropped = Signal(object, object, str, str)
    """Zone, paths (list[str], of photos, files and folders), "drag" (from the grid) or "files" (from a file
    manager), and group."""
    faces_dropped = Signal(object, object, str)
    """Zone, list[tuple[str, int]]: paths of photos and the face's number in each, and group."""
    clicked = Signal(object, str)
    """Zone and group of a bin whose name was clicked."""
    border_wanted = Signal(str)
    """Group: show the photos that may be of the subject or of this look-alike."""
    look_alike_wanted = Signal()
    rename_wanted = Signal(str)
    """Group."""
    remove_wanted = Signal(str)
    """Group."""
    wanted_changed = Signal()
    """Other photos are in sight than before: ask `wanted`."""

    def __init__(self, picture: Picture, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Photos labelled by you")
        self._picture = picture
        self._subject = "subject"
        self._counts: Mapping[tuple[Zone, str], int] = {}
        self._faces: Mapping[tuple[Zone, str], int] = {}
        self._bins: dict[tuple[Zone, str], _Bin] = {}
        page = self._page = QWidget()
        self._column = QVBoxLayout(page)
        self._column.setContentsMargins(theme.GRID, theme.GRID, theme.GRID, theme.GRID // 2)
        self._column.setSpacing(theme.GRID)
        self._area = QScrollArea(widgetResizable=True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setWidget(page)
        self._add = QPushButton("Look-alike…", flat=True)
        self._add.clicked.connect(self.look_alike_wanted)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, theme.GRID // 2)
        rows.setSpacing(0)
        rows.addWidget(self._area, 1)
        rows.addWidget(self._add, 0, Qt.AlignmentFlag.AlignHCenter)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

        self._telling = QTimer(self, singleShot=True, interval=0)
        self._telling.timeout.connect(self.wanted_changed)
        self._pull = 0  # where photos that are held at an edge pull the column: up (-1), down (1)
        self._pulling = QTimer(self, interval=_SCROLL_MS)
        self._pulling.timeout.connect(self._scroll_on)
        self._area.verticalScrollBar().valueChanged.connect(self._tell_later)
        self._dress()
        self.set_look_alikes(())

    # What it is told

    def set_subject(self, name: str) -> None:
        """Whose photos are labelled."""
        self._subject = names.shown(name)
        for shown in self._bins.values():
            shown.set_subject(self._subject)
        whom = Zone.SUBJECT.words(self._subject)
        tip = f"Is somebody taken for {whom} again and again? With a bin of their own, they count for more."
        self._add.setToolTip(names.in_tool_tip(tip))
        self._add.setAccessibleName(f"Add a bin for a look-alike of {whom}")

    def set_look_alikes(self, look_alikes: Sequence[LookAlike]) -> None:
        """Have a bin for each of these, in this order; those that were there already keep what they show."""
        wanted = {(Zone.SUBJECT, ""): ""}
        wanted |= {(Zone.NOT_SUBJECT, one.id): names.shown(one.name) for one in look_alikes}
        wanted |= {(Zone.NOT_SUBJECT, ""): ""}
        for key in self._bins.keys() - wanted.keys():
            gone = self._bins.pop(key)
            self._column.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        for key, name in wanted.items():
            if key not in self._bins:
                self._bins[key] = self._made(*key)
            self._bins[key].set_name(name)
        self._bins = {key: self._bins[key] for key in wanted}
        for at, (key, shown) in enumerate(self._bins.items()):
            self._column.insertWidget(at, shown, 2 if key[1] else 3)
        stops = [stop for shown in self._bins.values() for stop in shown.stops()]
        for before, after in pairwise([*stops, self._add]):
            QWidget.setTabOrder(before, after)
        self.set_subject(self._subject)
        self.set_counts(self._counts)
        self.set_face_counts(self._faces)

    def set_counts(self, counts: Mapping[tuple[Zone, str], int]) -> None:
        """How many photos are labelled, by zone and group; of look-alikes that have no bin, as not the subject."""
        self._counts = counts
        for key, count in self._by_bin(counts).items():
            self._bins[key].set_count(count)

    def set_face_counts(self, counts: Mapping[tuple[Zone, str], int]) -> None:
        """How many single faces are labelled, likewise; in photos of which nothing is said, too."""
        self._faces = counts
        for key, count in self._by_bin(counts).items():
            self._bins[key].set_face_count(count)

    def _by_bin(self, counts: Mapping[tuple[Zone, str], int]) -> dict[tuple[Zone, str], int]:
        shown = dict.fromkeys(self._bins, 0)
        for (zone, group), count in counts.items():
            shown[(zone, group) if (zone, group) in shown else (zone, "")] += count
        return shown

    def set_latest(self, zone: Zone, group: str, files: Sequence[PhotoFile]) -> None:
        """Show `files`, the newest first, as many as fit; passed over for a look-alike that has no bin (any more).

        Raises KeyError for Zone.UNSURE, which has no bin.
        """
        if (zone, group) in self._bins or not group:
            self._bins[zone, group].set_latest(files)
            self._tell_later()

    def picture_came(self, path: str) -> None:
        """Take note that the picture of a photo can now be had."""
        for shown in self._bins.values():
            shown.picture_came(path)

    # What it can be asked

    def wanted(self) -> list[PhotoFile]:
        """The photos that are in sight, from top to bottom."""
        if not self.isVisible():
            return []
        in_sight = QRect(QPoint(0, self._area.verticalScrollBar().value()), self._area.viewport().size())
        return [
            file
            for shown in self._bins.values()
            if shown.geometry().intersects(in_sight)
            for file in shown.shown_files()
        ]

    def bin_of(self, zone: Zone, group: str = "") -> QWidget:
        """The bin itself, where photos are dropped. Raises KeyError if there is none."""
        return self._bins[zone, group]

    def sizeHint(self) -> QSize:
        return QSize(26 * theme.GRID, 60 * theme.GRID)

    def minimumSizeHint(self) -> QSize:
        return QSize(16 * theme.GRID, 30 * theme.GRID)

    # Inside

    def _made(self, zone: Zone, group: str) -> _Bin:
        made = _Bin(zone, group, self._picture, self._page)
        made.dropped.connect(self.dropped)
        made.faces_dropped.connect(self.faces_dropped)
        made.border_wanted.connect(self.border_wanted)
        made.clicked.connect(self.clicked)
        made.rename_wanted.connect(self.rename_wanted)
        made.remove_wanted.connect(self.remove_wanted)
        made.held_at.connect(self._held_at)
        made.let_go.connect(self._pulling.stop)
        return made

    def _held_at(self, y: int) -> None:
        """Photos are held over a bin: near the column's upper or lower edge, scroll on to what is beyond."""
        held = self.sender()
        assert isinstance(held, _Bin)
        y += held.y() - self._area.verticalScrollBar().value()
        edge = 3 * theme.GRID
        self._pull = -1 if y < edge else 1 if y > self._area.viewport().height() - edge else 0
        if not self._pull:
            self._pulling.stop()
        elif not self._pulling.isActive():
            self._pulling.start()

    def _scroll_on(self) -> None:
        bar = self._area.verticalScrollBar()
        bar.setValue(bar.value() + self._pull * theme.GRID)

    def _tell_later(self) -> None:
        self._telling.start()

    def _dress(self) -> None:
        self._add.setIcon(theme.icon("plus", 2 * theme.GRID))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._tell_later()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._tell_later()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._tell_later()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()
        super().changeEvent(event)


class _More(QToolButton):
    """Three dots: what else can be done. Drawn, not typed, because no font is sure to have them in the middle."""

    def sizeHint(self) -> QSize:
        return QSize(3 * theme.GRID, 3 * theme.GRID)

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.underMouse() or self.hasFocus() or self.isDown():
            edging = QPen(QColor(t.focus), 1.5) if self.hasFocus() else QPen(QColor(t.line), 1)
            painter.setPen(edging)
            painter.setBrush(QColor(t.raised))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), _GAP, _GAP)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.muted))
        middle = QRectF(self.rect()).center()
        for x in (-5, 0, 5):
            painter.drawEllipse(QRectF(middle.x() + x - 1.5, middle.y() - 1.5, 3, 3))


class _Bin(QWidget):
    """One bin: its name and count, and below them photos, or words on how to get some in."""

    dropped = Signal(object, object, str, str)
    faces_dropped = Signal(object, object, str)
    clicked = Signal(object, str)
    border_wanted = Signal(str)
    rename_wanted = Signal(str)
    remove_wanted = Signal(str)
    held_at = Signal(int)  # photos are held over it, at this y
    let_go = Signal()

    def __init__(self, zone: Zone, group: str, picture: Picture, parent: QWidget) -> None:
        super().__init__(parent)
        self.zone, self.group = zone, group
        self._picture = picture
        self._subject, self._name, self._count, self._faces = "", "", 0, 0
        self._latest: list[PhotoFile] = []
        self._beside = ""  # how many faces, in words, beside the name
        self._carried = ""  # what is being dragged over it, in words
        self._tiles: dict[tuple[int, int], QPixmap] = {}
        self.header = ZoneButton(zone, self)
        self.header.move(_GAP, _GAP)
        self.header.clicked.connect(self._header_clicked)
        self.more = _More(self)
        self.more.setVisible(bool(group))
        self.more.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.more.clicked.connect(self._open_menu)
        self.setAcceptDrops(True)
        self.setMinimumHeight(self.header.sizeHint().height() + 2 * _GAP + _LOWEST_BODY + theme.GRID)

    # What it is told

    def set_subject(self, name: str) -> None:
        self._subject = name
        self._describe()

    def set_name(self, name: str) -> None:
        """The look-alike's name."""
        self._name = name
        self._describe()

    def set_count(self, count: int) -> None:
        self._count = count
        self._describe()

    def set_face_count(self, count: int) -> None:
        self._faces = count
        self._describe()

    def set_latest(self, files: Sequence[PhotoFile]) -> None:
        latest = list(files[:MOST_LATEST])
        if latest != self._latest:
            self._latest = latest
            self.update()

    def picture_came(self, path: str) -> None:
        if any(file.path == path for file in self._latest):
            self.update()

    # What it can be asked

    def shown_files(self) -> list[PhotoFile]:
        """The photos that have a place, the newest first."""
        return [file for file, _ in zip(self._latest, self._places(), strict=False)]

    def stops(self) -> list[QWidget]:
        """Where Tab stops, in order."""
        return [self.header, self.more] if self.group else [self.header]

    def _words(self) -> str:
        return self._name if self.group else self.zone.words(self._subject)

    def _said(self) -> str:
        """What a label says that photos get here."""
        return f"{self._name}, {self.zone.words(self._subject)}" if self.group else self._words()

    def _hint(self) -> str:
        if self.group:
            return f"Drag photos of {self._name} here"
        return f"Drag photos here, or press {_KEYS[self.zone]}"

    def _describe(self) -> None:
        words, number = self._words(), f"{self._count:,}"
        faces = face_drag.faces(self._faces) if self._faces else ""
        what = f"{names.photos(self._count)} and {faces}" if faces else names.photos(self._count)
        said = f"{self._said()}: {what} labelled by you"
        self.setAccessibleName(said)
        self.setAccessibleDescription(self._hint())
        self.header.setAccessibleName(said)
        self.header.setToolTip(names.in_tool_tip(f"{said}\nClick to show these."))
        self.more.setAccessibleName(f"More on the look-alike {self._name}")
        # All of the name where there is room for it, and always the number.
        self.header.set_words(words, number)
        metrics = QFontMetrics(theme.font(theme.TEXT_BODY))
        room = (
            self.width() - 2 * _GAP - self.header.width_for(compact=False) + metrics.horizontalAdvance(words)
        )
        if self.group:
            room -= self.more.sizeHint().width()
        small = QFontMetrics(theme.font(theme.TEXT_SMALL))
        wide = small.horizontalAdvance(faces) + theme.GRID
        least = metrics.horizontalAdvance(words[:_LEAST_OF_NAME])
        self._beside = faces if room - wide >= least else ""  # where there is no room it is in the tool tip
        room -= wide if self._beside else 0
        self.header.set_words(metrics.elidedText(words, Qt.TextElideMode.ElideRight, room), number)
        self.header.resize(self.header.sizeHint())
        size = self.more.sizeHint()
        top = self.header.y() + (self.header.height() - size.height()) // 2
        self.more.setGeometry(QRect(QPoint(self.width() - _GAP - size.width(), top), size))
        self.setMinimumHeight(self.header.height() + 2 * _GAP + _LOWEST_BODY + theme.GRID)
        self.update()

    def _header_clicked(self) -> None:
        self.clicked.emit(self.zone, self.group)

    # A look-alike's menu

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self.group:
            self._open_menu_at(event.globalPos())
        else:
            event.ignore()

    def _open_menu(self) -> None:
        self._open_menu_at(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    def _open_menu_at(self, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Show these photos").triggered.connect(self._header_clicked)
        border = f"{Zone.SUBJECT.words(self._subject)} or {self._name}?"
        menu.addAction(names.on_button(border)).triggered.connect(self._want_border)
        menu.addSeparator()
        menu.addAction("Rename look-alike…").triggered.connect(self._want_rename)
        menu.addAction("Remove look-alike…").triggered.connect(self._want_remove)
        menu.popup(where)

    def _want_border(self) -> None:
        self.border_wanted.emit(self.group)

    def _want_rename(self) -> None:
        self.rename_wanted.emit(self.group)

    def _want_remove(self) -> None:
        self.remove_wanted.emit(self.group)

    # Dropping: a copy or nothing, or a file manager would delete what was labelled.

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        carried = face_drag.in_words(event.mimeData()) or photo_drag.in_words(event.mimeData())
        if not carried:
            event.ignore()
        elif photo_drag.take_as_copy(event):
            self._light_up(carried)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if photo_drag.take_as_copy(event):
            self.held_at.emit(event.position().toPoint().y())

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._light_up("")

    def dropEvent(self, event: QDropEvent) -> None:
        self._light_up("")
        carried = event.mimeData()
        if face_drag.are_faces(carried):
            if photo_drag.take_as_copy(event):
                self.faces_dropped.emit(self.zone, face_drag.unpack(carried), self.group)
            return
        paths = photo_drag.unpack(carried)
        if not paths:
            event.ignore()
        elif photo_drag.take_as_copy(event):
            source = "drag" if photo_drag.are_ours(carried) else "files"
            self.dropped.emit(self.zone, paths, source, self.group)

    def _light_up(self, carried: str) -> None:
        self._carried = carried
        if not carried:
            self.let_go.emit()
        self.update()

    # Places

    def _body(self) -> QRect:
        top = self.header.geometry().bottom() + 1 + _GAP
        return QRect(QPoint(theme.GRID, top), self.rect().bottomRight() - QPoint(theme.GRID, theme.GRID))

    def _places(self) -> list[QRect]:
        """Where photos lie, the newest first; whole ones only."""
        body = self._body()
        if body.width() <= 0 or body.height() <= 0:
            return []
        columns = max(1, (body.width() + _GAP) // (_TILE + _GAP))
        columns = max(columns, -(-(body.width() + _GAP) // (body.height() + _GAP)))  # at least a line of them
        edge = (body.width() - (columns - 1) * _GAP) // columns
        lines = (body.height() + _GAP) // (edge + _GAP) if edge > 0 else 0
        return [
            QRect(body.x() + column * (edge + _GAP), body.y() + line * (edge + _GAP), edge, edge)
            for line in range(lines)
            for column in range(columns)
        ]

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            under = (
                file
                for file, place in zip(self._latest, self._places(), strict=False)
                if place.contains(event.pos())
            )
            text = "".join(names.in_tool_tip(names.folder_name(file.path)) for file in islice(under, 1))
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._describe()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._describe()
        super().changeEvent(event)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        t, lit = theme.tokens(), bool(self._carried)
        colour = theme.zone_colour(self.zone)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(colour, 2) if lit else QPen(QColor(t.line), 1)
        painter.setPen(pen)
        painter.setBrush(QColor(t.canvas))
        inset = pen.widthF() / 2
        tray = QRectF(self.rect()).adjusted(inset, inset, -inset, -inset)
        if lit:
            painter.drawRoundedRect(tray, theme.GRID / 2, theme.GRID / 2)
            colour.setAlphaF(0.18)
            painter.setBrush(colour)
        painter.drawRoundedRect(tray, theme.GRID / 2, theme.GRID / 2)
        if self._beside:
            painter.setPen(QColor(t.muted))
            painter.setFont(theme.font(theme.TEXT_SMALL))
            left = self.header.geometry().right() + theme.GRID // 2
            beside = QRect(left, self.header.y(), self.width() - left, self.header.height())
            painter.drawText(beside, int(Qt.AlignmentFlag.AlignVCenter), self._beside)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setOpacity(0.2 if lit else 1.0)
        self._paint_latest(painter)
        painter.setOpacity(1.0)
        if lit:
            self._paint_invitation(painter)
        elif not self._latest:
            painter.setPen(QColor(t.muted))
            painter.setFont(theme.font(theme.TEXT_BODY))
            painter.drawText(self._body(), _CENTRED, self._hint())

    def _paint_latest(self, painter: QPainter) -> None:
        ratio = self.devicePixelRatioF()
        for file, place in zip(self._latest, self._places(), strict=False):
            picture = self._picture(file)
            if picture is None or picture.isNull():
                painter.fillRect(place, QColor(theme.tokens().placeholder))
            else:
                painter.drawPixmap(place, self._tile(picture, round(place.width() * ratio)))

    def _tile(self, picture: QPixmap, edge: int) -> QPixmap:
        """A square of `edge` device pixels out of the picture, kept. Of tall ones the upper part: heads are there."""
        key = (picture.cacheKey(), edge)
        tile = self._tiles.get(key)
        if tile is None:
            if len(self._tiles) >= 2 * MOST_LATEST:
                self._tiles.clear()
            side = min(picture.width(), picture.height())
            x, y = (picture.width() - side) // 2, (picture.height() - side) // 4
            tile = picture.copy(x, y, side, side).scaled(
                edge, edge, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
            tile.setDevicePixelRatio(1)
            self._tiles[key] = tile
        return tile

    def _paint_invitation(self, painter: QPainter) -> None:
        """Say what letting go would do."""
        t, body = theme.tokens(), self._body()
        large, plain = theme.font(theme.TEXT_TITLE), theme.font(theme.TEXT_BODY)
        if QFontMetrics(large).horizontalAdvance(self._carried) > body.width():
            large = theme.font(theme.TEXT_BODY, bold=True)
        second = f"Label as {self._said()}"
        high = [
            QFontMetrics(font).boundingRect(QRect(0, 0, body.width(), 0), _CENTRED, words).height()
            for font, words in ((large, self._carried), (plain, second))
        ]
        # Above the middle, where the hand goes and the dragged photos hang.
        spare = max(0, body.height() - sum(high) - _GAP)
        top = body.y() + min(body.height() // 6, spare // 2)
        painter.setPen(QColor(t.text))
        for font, words, height in ((large, self._carried, high[0]), (plain, second, high[1])):
            painter.setFont(font)
            painter.drawText(QRect(body.x(), top, body.width(), height), _CENTRED, words)
            top += height + _GAP
