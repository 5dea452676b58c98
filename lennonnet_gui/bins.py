"""The two bins at the window's right: photos dropped into one are labelled as the subject, or as not the subject.

A bin says how many photos are labelled and shows the latest of them. It labels nothing itself: it tells by signals
what was dropped, and is told the counts. It never takes a file away from where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFontMetrics,
    QHelpEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QVBoxLayout, QWidget

from lennonnet_gui import names, photo_drag, theme
from lennonnet_gui.histogram import ZoneButton
from training.zones import Zone

if TYPE_CHECKING:
    from training.photos import PhotoFile

Picture = Callable[["PhotoFile"], QPixmap | None]
"""Gives a photo's picture in any size, or None while there is none."""

BINS = (Zone.SUBJECT, Zone.NOT_SUBJECT)
"""From top to bottom."""

MOST_LATEST = 60
"""More photos than this are never shown in one bin."""

_KEYS = {Zone.SUBJECT: "J", Zone.NOT_SUBJECT: "N"}
_TILE = 7 * theme.GRID  # the least edge of a photo
_GAP = theme.GRID // 2
_CENTRED = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)


class Bins(QWidget):
    """Two bins, one above the other, for the current subject.

    `dropped` tells the Zone, the paths (list[str], of photos, files and folders), and from where: "drag" is from the
    grid, "files" is from a file manager. `clicked` tells the Zone of a bin whose name was clicked.
    """

    dropped = Signal(object, object, str)
    clicked = Signal(object)

    def __init__(self, picture: Picture, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Photos labelled by you")
        self._bins = {zone: _Bin(zone, picture, self) for zone in BINS}
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.GRID, theme.GRID, theme.GRID, theme.GRID)
        column.setSpacing(theme.GRID)
        for made in self._bins.values():
            made.dropped.connect(self.dropped)
            made.header.clicked.connect(self._header_clicked)
            column.addWidget(made, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.set_subject("subject")

    def set_subject(self, name: str) -> None:
        """Whose photos are labelled."""
        for shown in self._bins.values():
            shown.set_subject(name)

    def set_counts(self, n_subject: int, n_not: int) -> None:
        """How many photos are labelled as the subject and as not the subject."""
        for zone, count in zip(BINS, (n_subject, n_not), strict=True):
            self._bins[zone].set_count(count)

    def set_latest(self, zone: Zone, files: Sequence[PhotoFile]) -> None:
        """Show `files`, the newest first, as many as fit. Raises KeyError for Zone.UNSURE, which has no bin."""
        self._bins[zone].set_latest(files)

    def picture_came(self, path: str) -> None:
        """Take note that the picture of a photo can now be had."""
        for shown in self._bins.values():
            shown.picture_came(path)

    def bin_of(self, zone: Zone) -> QWidget:
        """The bin itself, where photos are dropped. Raises KeyError for Zone.UNSURE."""
        return self._bins[zone]

    def sizeHint(self) -> QSize:
        return QSize(26 * theme.GRID, 60 * theme.GRID)

    def minimumSizeHint(self) -> QSize:
        return QSize(16 * theme.GRID, 30 * theme.GRID)

    def _header_clicked(self) -> None:
        header = self.sender()
        assert isinstance(header, ZoneButton)
        self.clicked.emit(header.zone)


class _Bin(QWidget):
    """One bin: its name and count, and below them photos, or words on how to get some in."""

    dropped = Signal(object, object, str)

    def __init__(self, zone: Zone, picture: Picture, parent: QWidget) -> None:
        super().__init__(parent)
        self.zone = zone
        self._picture = picture
        self._subject, self._count = "", 0
        self._latest: list[PhotoFile] = []
        self._carried = ""  # what is being dragged over it, in words
        self._tiles: dict[tuple[int, int], QPixmap] = {}
        self.header = ZoneButton(zone, self)
        self.header.move(_GAP, _GAP)
        self.setAcceptDrops(True)

    # What it is told

    def set_subject(self, name: str) -> None:
        self._subject = names.shown(name)
        self._describe()

    def set_count(self, count: int) -> None:
        self._count = count
        self._describe()

    def set_latest(self, files: Sequence[PhotoFile]) -> None:
        self._latest = list(files[:MOST_LATEST])
        self._tiles.clear()
        self.update()

    def picture_came(self, path: str) -> None:
        if any(file.path == path for file in self._latest):
            self.update()

    def _describe(self) -> None:
        words, number = self.zone.words(self._subject), f"{self._count:,}"
        said = f"{words}: {names.photos(self._count)} labelled by you"
        self.setAccessibleName(said)
        self.setAccessibleDescription(self._hint())
        self.header.setAccessibleName(said)
        self.header.setToolTip(names.in_tool_tip(said))
        # All of the name where there is room for it, and always the number.
        self.header.set_words(words, number)
        metrics = QFontMetrics(theme.font(theme.TEXT_BODY))
        room = (
            self.width() - 2 * _GAP - self.header.width_for(compact=False) + metrics.horizontalAdvance(words)
        )
        self.header.set_words(metrics.elidedText(words, Qt.TextElideMode.ElideRight, room), number)
        self.header.resize(self.header.sizeHint())
        self.update()

    def _hint(self) -> str:
        return f"Drag photos here, or press {_KEYS[self.zone]}"

    # Dropping: a copy or nothing, or a file manager would delete what was labelled.

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        carried = photo_drag.in_words(event.mimeData())
        if not carried:
            event.ignore()
        elif photo_drag.take_as_copy(event):
            self._light_up(carried)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        photo_drag.take_as_copy(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._light_up("")

    def dropEvent(self, event: QDropEvent) -> None:
        self._light_up("")
        carried = event.mimeData()
        paths = photo_drag.unpack(carried)
        if not paths:
            event.ignore()
        elif photo_drag.take_as_copy(event):
            self.dropped.emit(self.zone, paths, "drag" if photo_drag.are_ours(carried) else "files")

    def _light_up(self, carried: str) -> None:
        self._carried = carried
        self.update()

    # Places

    def _body(self) -> QRect:
        top = self.header.geometry().bottom() + 1 + _GAP
        return QRect(QPoint(theme.GRID, top), self.rect().bottomRight() - QPoint(theme.GRID, theme.GRID))

    def _places(self) -> list[QRect]:
        """Where photos lie, the newest first; whole ones only."""
        body = self._body()
        columns = max(1, (body.width() + _GAP) // (_TILE + _GAP))
        edge = (body.width() - (columns - 1) * _GAP) // columns
        lines = max(0, (body.height() + _GAP) // (edge + _GAP)) if edge > 0 else 0
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
        second = f"Label as {self.zone.words(self._subject)}"
        high = [
            QFontMetrics(font).boundingRect(QRect(0, 0, body.width(), 0), _CENTRED, words).height()
            for font, words in ((large, self._carried), (plain, second))
        ]
        top = (
            body.y() + body.height() // 6
        )  # above the middle, where the hand goes and the dragged photos hang
        painter.setPen(QColor(t.text))
        for font, words, height in ((large, self._carried, high[0]), (plain, second, high[1])):
            painter.setFont(font)
            painter.drawText(QRect(body.x(), top, body.width(), height), _CENTRED, words)
            top += height + _GAP
