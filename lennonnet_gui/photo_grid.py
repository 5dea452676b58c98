"""The light table: photos in a grid, each with a frame and a pill that say how likely it is the subject.

QListView lays its items out one by one: with 100,000 of them that stalls the window for 0.2 s at every
inserted row or, in batches, sends a scrolled view back to its top. All cells here are of one size, so
PhotoGrid answers every question about places by arithmetic and lets QListView lay out nothing; what is left
of it is how it behaves: selection, keys, tool tips, screen readers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
    SignalInstance,
)
from PySide6.QtGui import (
    QBrush,
    QColor,
    QCursor,
    QFont,
    QFontMetrics,
    QFontMetricsF,
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPixmap,
    QRegion,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from lennonnet_gui import names, theme
from lennonnet_gui.photo_model import (
    FileRole,
    PhotoModel,
    ProbabilityRole,
    ReasonRole,
    State,
    StateRole,
    ZoneRole,
)
from training.zones import Zone

if TYPE_CHECKING:
    from training.photos import PhotoFile

_Index = QModelIndex | QPersistentModelIndex

SMALLEST_CELL, LARGEST_CELL, FIRST_CELL = 96, 320, 176
NAMED_CELL = 160
"""From this cell size on, the file name stands below the photo."""

_INSET = theme.GRID  # from the cell's edge to the photo: room for frame, gap and selection outline
_GAP = theme.GRID // 2  # least distance between two cells
_ZOOM_STEP = 16  # pixels that a cell grows by a notch of the wheel
_NOTCH = 120  # Qt's eighths of a degree
_VISIBLE_MS = 30
_STILL_MS = 150
_FRAME_MS = 16
_FITTED_BYTES = 96 << 20
_MOST_NAMES = 1000
_ICON = 24

# As plain numbers: Python's flags are slow, and these are looked at in every cell of every frame.
_SELECTED = QStyle.StateFlag.State_Selected.value
_HOVERED = QStyle.StateFlag.State_MouseOver.value
_CURRENT = QStyle.StateFlag.State_HasFocus.value

_WRAPPED = int(Qt.AlignmentFlag.AlignHCenter) | int(Qt.TextFlag.TextWordWrap)


class ThumbnailSource(Protocol):
    """Where the grid gets its pictures."""

    @property
    def arrived(self) -> SignalInstance:
        """Emitted with the path of a photo whose picture can now be had."""

    def pixmap(self, file: PhotoFile, edge: int) -> QPixmap | None:
        """The photo for a square of `edge` device pixels; None: it is asked for, and will come."""


# ------------------------------------------------------------------------------------------------- the pill


def paint_pill(painter: QPainter, corner: QPointF, zone: Zone, probability: float) -> QRectF:
    """Draw a zone's glyph and the per cent on the zone's colour, the pill's lower left at `corner`.

    Returns the rectangle that it covers.
    """
    ratio = _ratio(painter)
    pill = _pill(zone, names.per_cent(probability), ratio, theme.is_dark(), QGuiApplication.font().key())
    size = pill.deviceIndependentSize()
    place = QPointF(_to_device(corner.x(), ratio), _to_device(corner.y() - size.height(), ratio))
    painter.drawPixmap(place, pill)
    return QRectF(place, size)


@lru_cache(maxsize=1024)
def _pill(zone: Zone, words: str, ratio: float, _dark: bool, _font: str) -> QPixmap:
    """The pill as a picture, because drawing text and curves for each cell is most of a frame's time."""
    font = _tabular(theme.font(theme.TEXT_SMALL, bold=True))
    metrics = QFontMetricsF(font)
    height = round(metrics.height()) + 2
    glyph = round(metrics.capHeight() * 1.05)
    text_width = metrics.horizontalAdvance(words)
    pad = height * 0.36
    width = round(pad + glyph + pad * 0.6 + text_width + pad)
    made = QPixmap(QSize(round(width * ratio), round(height * ratio)))
    made.setDevicePixelRatio(ratio)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.zone_colour(zone))
    painter.drawRoundedRect(QRectF(0, 0, width, height), height / 2, height / 2)
    ink = theme.on_zone_colour(zone)
    theme.paint_glyph(painter, zone, QRectF(pad, (height - glyph) / 2, glyph, glyph), ink)
    painter.setPen(ink)
    painter.setFont(font)
    text = QRectF(pad + glyph + pad * 0.6, 0, text_width, height)
    painter.drawText(text, Qt.AlignmentFlag.AlignCenter, words)
    painter.end()
    return made


def _tabular(font: QFont) -> QFont:
    """`font` with figures of one width, where it has them."""
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def _ratio(painter: QPainter) -> float:
    """Device pixels to one of the window's."""
    device = painter.device()
    return device.devicePixelRatioF() if device else 1.0


def _to_device(value: float, ratio: float) -> float:
    """The nearest place that is a whole number of device pixels, where pictures stay sharp."""
    return round(value * ratio) / ratio


# ---------------------------------------------------------------------------------------------- the layout


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the cells are, by arithmetic; y counts from the top of the first line's margin."""

    columns: int
    cell: QSize
    gap: float  # between cells, and at the left and right edge
    line: int  # from one line's top to the next one's

    @classmethod
    def of(cls, width: int, edge: int, label: int) -> _Layout:
        """Cells of `edge` pixels and a label, spread over `width` so that no ragged margin is left."""
        edge = max(SMALLEST_CELL, min(edge, width))
        columns = max(1, (width - _GAP) // (edge + _GAP))
        gap = max(0.0, (width - columns * edge) / (columns + 1))
        between_lines = round(min(max(gap, _GAP), 2 * theme.GRID))
        return cls(columns, QSize(edge, edge + label), gap, edge + label + between_lines)

    def rect(self, row: int) -> QRect:
        line, column = divmod(row, self.columns)
        left = round(self.gap + column * (self.cell.width() + self.gap))
        return QRect(QPoint(left, _INSET + line * self.line), self.cell)

    def height(self, count: int) -> int:
        return _INSET + -(-count // self.columns) * self.line

    def lines(self, top: int, bottom: int) -> tuple[int, int]:
        """First and last line with cells at heights from `top` to `bottom`; first > last where there are none."""
        return max(0, (top - _INSET - self.cell.height()) // self.line + 1), (bottom - _INSET) // self.line

    def covered(self, area: QRect, count: int) -> Iterator[tuple[int, int]]:
        """First and last row, line by line, of the cells that `area` touches."""
        first, last = self.column_at(area.left()), self.column_at(area.right())
        across = [c for c in range(first, last + 1) if self._touches(self.rect(c), area)]
        first_line, last_line = self.lines(area.top(), area.bottom())
        for start in range(
            first_line * self.columns, min(count, (last_line + 1) * self.columns), self.columns
        ):
            if across:
                yield start + across[0], min(start + across[-1], count - 1)

    @staticmethod
    def _touches(cell: QRect, area: QRect) -> bool:
        return cell.left() <= area.right() and cell.right() >= area.left()

    def column_at(self, x: float) -> int:
        """The nearest column."""
        column = (x - self.gap / 2) // (self.cell.width() + self.gap)
        return min(max(0, int(column)), self.columns - 1)


# --------------------------------------------------------------------------------------------- the delegate


class _Look:
    """Colours, pens and fonts for one scheme and one font, made once and not in every cell."""

    def __init__(self) -> None:
        tokens = theme.tokens()
        self.canvas = QColor(tokens.canvas)
        self.placeholder = QColor(tokens.placeholder)
        self.muted = QColor(tokens.muted)
        self.muted_name = tokens.muted
        self.hatch = QBrush(_faint(tokens.muted, 0.25), Qt.BrushStyle.BDiagPattern)
        self.focus = QColor(tokens.focus)
        self.hover = _faint(tokens.text, 0.06)
        self.selected = _faint(tokens.text, 0.12)
        self.zones = [theme.zone_colour(zone) for zone in Zone]
        self.font = theme.font(theme.TEXT_SMALL)
        self.metrics = QFontMetrics(self.font)
        self.label = self.metrics.height() + theme.GRID // 2
        self._elided: dict[tuple[str, int], str] = {}

    def elided(self, name: str, width: int) -> str:
        """`name`, shortened in its middle to `width` pixels."""
        shortened = self._elided.get((name, width))
        if shortened is None:
            if len(self._elided) > _MOST_NAMES:
                self._elided.clear()
            shortened = self.metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, width)
            self._elided[name, width] = shortened
        return shortened


def _faint(colour: str, strength: float) -> QColor:
    made = QColor(colour)
    made.setAlphaF(strength)
    return made


class PhotoDelegate(QStyledItemDelegate):
    """Draws a cell: the photo fitted in its square, its zone's frame and pill, from 160 px on its name."""

    def __init__(self, thumbnails: ThumbnailSource, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._look: _Look | None = None
        self._fitted: dict[tuple[int, int], QPixmap] = {}
        self._fitted_bytes = 0
        self._missing: set[str] = set()  # drawn without their picture
        self._fading: dict[str, float] = {}  # when their picture came

    @property
    def look(self) -> _Look:
        """What to draw with; see forget_look."""
        if self._look is None:
            self._look = _Look()
        return self._look

    def forget_look(self) -> None:
        """Read colours and fonts anew: the scheme, the font or the screen is another one."""
        self._look = None

    def forget_pictures(self) -> None:
        """Let go of what is kept for photos that are no longer there."""
        self._fitted.clear()
        self._fitted_bytes = 0
        self._missing.clear()
        self._fading.clear()

    # Fading: a picture that comes for a cell already drawn without it.

    def picture_came(self, path: str, *, fade: bool) -> bool:
        """Take note that a photo's picture can be drawn now; returns whether it fades in.

        It does if one wants to `fade` it, and if its cell was seen empty.
        """
        fade = fade and path in self._missing
        self._missing.discard(path)
        if fade:
            self._fading[path] = time.monotonic()
        return fade

    def fading(self) -> list[str]:
        """The photos that are fading in; those that have are forgotten with this call."""
        now, still = time.monotonic(), list(self._fading)
        for path in still:
            if (now - self._fading[path]) * 1000 >= theme.FADE_MS:
                del self._fading[path]
        return still

    def _opacity(self, path: str) -> float:
        came = self._fading.get(path)
        return 1.0 if came is None else min(1.0, (time.monotonic() - came) * 1000 / theme.FADE_MS)

    # Painting

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """The size of a cell, as the view has set it."""
        return option.rect.size()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw one cell into option.rect."""
        look, cell, flags = self.look, option.rect, option.state.value
        fact = index.model().data
        file: PhotoFile = fact(index, FileRole)
        edge = cell.width() - 2 * _INSET
        square = QRect(cell.x() + _INSET, cell.y() + _INSET, edge, edge)

        if flags & _SELECTED:
            _fill_rounded(painter, cell, look.selected)
        elif flags & _HOVERED:
            _fill_rounded(painter, cell, look.hover)

        photo = QRectF(square)
        if fact(index, StateRole) == State.UNREADABLE:
            self._paint_unreadable(painter, square, fact(index, ReasonRole))
        else:
            photo = self._paint_photo(painter, square, file)
        zone: Zone | None = fact(index, ZoneRole)
        if zone is not None:
            _paint_outline(painter, photo, 2 if edge < 200 else 3, look.zones[zone])
        self._paint_selection(painter, photo, flags)
        if zone is not None:
            # In a small cell the pill would hide a face: there it hangs over the photo's lower edge.
            x, y = (4, -4) if edge >= 120 else (-2, 8)
            corner = QPointF(photo.x() + x, min(photo.bottom() + y, square.bottom() + 1 + _INSET))
            paint_pill(painter, corner, zone, fact(index, ProbabilityRole))
        if cell.height() > cell.width():
            name = look.elided(fact(index, Qt.ItemDataRole.DisplayRole), edge)
            painter.setFont(look.font)
            painter.setPen(look.muted)
            below = QRect(square.x(), cell.bottom() + 1 - look.label, edge, look.label)
            painter.drawText(below, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, name)

    def _paint_photo(self, painter: QPainter, square: QRect, file: PhotoFile) -> QRectF:
        """Draw the picture or, until it comes, its place; returns the rectangle that it covers."""
        ratio = _ratio(painter)
        edge = round(square.width() * ratio)
        picture = self._thumbnails.pixmap(file, edge)
        if picture is None or picture.isNull():
            self._missing.add(file.path)
            painter.fillRect(square, self.look.placeholder)
            return QRectF(square)
        picture = self._fit(picture, edge, ratio)
        size = picture.deviceIndependentSize()
        place = QPointF(
            _to_device(square.x() + (square.width() - size.width()) / 2, ratio),
            _to_device(square.y() + (square.height() - size.height()) / 2, ratio),
        )
        opacity = self._opacity(file.path)
        if opacity < 1.0:
            painter.setOpacity(opacity)
        painter.drawPixmap(place, picture)
        painter.setOpacity(1.0)
        return QRectF(place, size)

    def _fit(self, picture: QPixmap, edge: int, ratio: float) -> QPixmap:
        """The picture in the size it is drawn in, kept: scaling would take most of every frame."""
        if max(picture.width(), picture.height()) == edge:
            if picture.devicePixelRatio() != ratio:
                picture = QPixmap(picture)
                picture.setDevicePixelRatio(ratio)
            return picture
        key = (picture.cacheKey(), edge)
        fitted = self._fitted.get(key)
        if fitted is None:
            target = picture.size().scaled(edge, edge, Qt.AspectRatioMode.KeepAspectRatio)
            fitted = picture.scaled(
                target.expandedTo(QSize(1, 1)),
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
            self._fitted[key] = fitted
            self._fitted_bytes += _bytes(fitted)
            while self._fitted_bytes > _FITTED_BYTES and len(self._fitted) > 1:
                oldest = next(iter(self._fitted))
                self._fitted_bytes -= _bytes(self._fitted.pop(oldest))
        fitted.setDevicePixelRatio(ratio)
        return fitted

    def _paint_unreadable(self, painter: QPainter, square: QRect, reason: str) -> None:
        """Draw a grey, hatched cell that says why it is one."""
        look = self.look
        painter.fillRect(square, look.placeholder)
        painter.fillRect(square, look.hatch)
        icon = _icon("image-off", _ICON, look.muted_name, _ratio(painter))
        room = square.adjusted(theme.GRID // 2, theme.GRID, -theme.GRID // 2, -theme.GRID)
        below_icon = _ICON + theme.GRID // 2
        words, height = _that_fit(_short(reason), look.metrics, room.width(), room.height() - below_icon)
        top = room.y() + (room.height() - below_icon - height) // 2
        painter.drawPixmap(QPointF(square.x() + (square.width() - _ICON) // 2, top), icon)
        painter.setFont(look.font)
        painter.setPen(look.muted)
        painter.drawText(QRect(room.x(), top + below_icon, room.width(), height), _WRAPPED, words)

    def _paint_selection(self, painter: QPainter, photo: QRectF, flags: int) -> None:
        """Outline what is selected or current outside the frame, with a gap: the zone stays visible."""
        current = flags & _CURRENT
        if flags & _SELECTED:
            around = photo.adjusted(-5, -5, 5, 5)
            _paint_outline(painter, around, 3 if current else 2, self.look.focus)
        elif current:
            painter.setPen(QPen(self.look.muted, 1, Qt.PenStyle.DashLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(photo.adjusted(-6, -6, 5, 5))


def _paint_outline(painter: QPainter, rect: QRectF, width: int, colour: QColor) -> None:
    """A sharp frame of `width` pixels around the outside of `rect`."""
    left, top, right, bottom = rect.x(), rect.y(), rect.right(), rect.bottom()
    wide = rect.width() + 2 * width
    painter.fillRect(QRectF(left - width, top - width, wide, width), colour)
    painter.fillRect(QRectF(left - width, bottom, wide, width), colour)
    painter.fillRect(QRectF(left - width, top, width, bottom - top), colour)
    painter.fillRect(QRectF(right, top, width, bottom - top), colour)


def _fill_rounded(painter: QPainter, rect: QRect, colour: QColor) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(rect, theme.GRID / 2, theme.GRID / 2)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


@lru_cache(maxsize=16)
def _icon(name: str, size: int, colour: str, ratio: float) -> QPixmap:
    return theme.icon_pixmap(name, size, colour, ratio)


def _short(reason: str) -> str:
    """A reason that follows a file name, "is cut off", as it stands alone: "Cut off"."""
    words = reason.removeprefix("is ")
    return words[:1].upper() + words[1:]


def _that_fit(words: str, metrics: QFontMetrics, width: int, height: int) -> tuple[str, int]:
    """As many of the words as can be wrapped into the room, and how high they are then."""
    left = words.split()
    while True:
        needed = metrics.boundingRect(QRect(0, 0, width, 0), _WRAPPED, words).height()
        if needed <= height or len(left) < 2:
            return words, needed
        left.pop()
        words = " ".join(left) + "\N{HORIZONTAL ELLIPSIS}"


def _bytes(picture: QPixmap) -> int:
    return picture.width() * picture.height() * 4


# ------------------------------------------------------------------------------------------------- the view


class PhotoGrid(QListView):
    """Shows a PhotoModel as a grid that fills the width; keys, rubber band and Ctrl+wheel as one expects.

    `opened` is Enter or a double-click, `peeked` is Space. `visible_changed` lists the photos on the screen,
    then those of one more page in the direction of scrolling: what should be decoded first.
    """

    opened = Signal(QModelIndex)
    peeked = Signal(QModelIndex)
    visible_changed = Signal(list)
    cell_size_changed = Signal(int)

    def __init__(self, thumbnails: ThumbnailSource, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cell = FIRST_CELL
        self._layout = _Layout.of(0, self._cell, 0)
        self._top_row, self._top_scrolled = 0, 0.0  # see _note_top
        self._laying_out = False
        self._forwards = True
        self._hovered = -1
        self._pressed = QPoint()  # in the contents' coordinates
        self._band = QRect()  # likewise; empty while nothing is drawn
        self._turned = 0
        self._told_visible: list[PhotoFile] | None = None
        self._delegate = PhotoDelegate(thumbnails, self)
        self._visible_timer = QTimer(self, singleShot=True, interval=_VISIBLE_MS)
        self._visible_timer.timeout.connect(self._tell_visible)
        self._racing = QTimer(self, singleShot=True, interval=_STILL_MS)  # active while too fast for fades
        self._fade_timer = QTimer(self, interval=_FRAME_MS)
        self._fade_timer.timeout.connect(self._fade)
        thumbnails.arrived.connect(self._picture_came)

        self.setItemDelegate(self._delegate)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setLayoutMode(QListView.LayoutMode.Batched)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setDragEnabled(False)
        self.setMouseTracking(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.setAccessibleName("Photos")
        self.entered.connect(self._hover)
        self.viewportEntered.connect(self._hover)
        self._paint_canvas()

    def setModel(self, model: QAbstractItemModel | None) -> None:
        """Show `model`, a PhotoModel, and no other one later."""
        super().setModel(model)
        if model is None:
            return
        model.rowsRemoved.connect(self._rows_went)
        model.modelReset.connect(self._photos_changed)
        model.layoutChanged.connect(self._rows_moved)
        model.dataChanged.connect(self._facts_changed)
        self._relayout()

    # ------------------------------------------------------------------------------------------- cell size

    def cell_size(self) -> int:
        """Edge of a cell in device-independent pixels."""
        return self._cell

    def set_cell_size(self, edge: int) -> None:
        """Make the cells `edge` pixels wide, kept within 96 and 320."""
        edge = min(max(edge, SMALLEST_CELL), LARGEST_CELL)
        if edge != self._cell:
            self._cell = edge
            self._relayout()
            self.cell_size_changed.emit(edge)

    # ---------------------------------------------------------------------------------- places, for QListView

    def _count(self) -> int:
        model = self.model()
        return model.rowCount() if model else 0

    def visualRect(self, index: _Index) -> QRect:
        """The cell of `index` in the viewport's coordinates."""
        if not index.isValid():
            return QRect()
        return self._layout.rect(index.row()).translated(0, -self.verticalOffset())

    def indexAt(self, point: QPoint) -> QModelIndex:
        """The photo whose cell is at `point` of the viewport, or none in the gaps."""
        y = point.y() + self.verticalOffset()
        line = (y - _INSET) // self._layout.line
        row = line * self._layout.columns + self._layout.column_at(point.x())
        if not 0 <= row < self._count() or not self._layout.rect(row).contains(point.x(), y):
            return QModelIndex()
        return self.model().index(row, 0)

    def horizontalOffset(self) -> int:
        """Nothing is ever to the left: the cells fill the width."""
        return 0

    def verticalOffset(self) -> int:
        """How far down the view is scrolled, in pixels."""
        return self.verticalScrollBar().value()

    def scrollTo(
        self, index: _Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        """Scroll as little as shows `index`, or put it where `hint` says."""
        if not index.isValid():
            return
        cell, bar, height = self._layout.rect(index.row()), self.verticalScrollBar(), self.viewport().height()
        top, bottom = cell.top() - _INSET, cell.bottom() + 1 + _INSET - height
        place = QAbstractItemView.ScrollHint
        if hint == place.PositionAtTop or (hint == place.EnsureVisible and top < bar.value()):
            bar.setValue(top)
        elif hint == place.PositionAtBottom or (hint == place.EnsureVisible and bottom > bar.value()):
            bar.setValue(min(bottom, top))
        elif hint == place.PositionAtCenter:
            bar.setValue((top + bottom) // 2)

    def _visible_rows(self) -> range:
        top = self.verticalOffset()
        return self._rows_between(top, top + self.viewport().height() - 1)

    def _rows_between(self, top: int, bottom: int) -> range:
        first, last = self._layout.lines(top, bottom)
        columns = self._layout.columns
        return range(first * columns, min(self._count(), (last + 1) * columns))

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        """What to repaint when `selection` changes."""
        rows = self._visible_rows()
        if selection.count() > len(rows):
            return QRegion(self.viewport().rect())
        region, offset = QRegion(), self.verticalOffset()
        for part in map(selection.at, range(selection.count())):
            for row in range(max(part.top(), rows.start), min(part.bottom() + 1, rows.stop)):
                region += self._layout.rect(row).translated(0, -offset)
        return region

    # QListView would lay out item by item in these; they go past it, to its base.

    def doItemsLayout(self) -> None:
        """Bring the scroll bar up to date and paint."""
        QAbstractItemView.doItemsLayout(self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Spread the cells over the new width."""
        QAbstractItemView.resizeEvent(self, event)

    def updateGeometries(self) -> None:
        """Lay out for the viewport's size, and keep the photo at the top where it is."""
        if self._laying_out:  # setting the range may show or hide the scroll bar, and so come here again
            return
        self._laying_out = True
        before, bar, viewport = self._layout, self.verticalScrollBar(), self.viewport()
        label = self._delegate.look.label if self._cell >= NAMED_CELL else 0
        for _ in range(2):
            width = viewport.width()
            self._layout = _Layout.of(width, self._cell, label)
            bar.setSingleStep(max(1, self._layout.line // 3))  # a notch of the wheel is three steps: one line
            bar.setPageStep(viewport.height())
            bar.setRange(0, max(0, self._layout.height(self._count()) - viewport.height()))
            if viewport.width() == width:
                break
        if self._layout == before:
            self._note_top()
        else:
            top = self._layout.rect(self._top_row).top() - _INSET
            bar.setValue(top + round(self._top_scrolled * self._layout.line))
        self._laying_out = False
        QAbstractItemView.updateGeometries(self)
        self._visible_timer.start()

    def _relayout(self) -> None:
        self.updateGeometries()
        self.viewport().update()

    def _note_top(self) -> None:
        """Remember what is at the top, to find it there again when columns or cells change."""
        line, pixels = divmod(self.verticalOffset(), self._layout.line)
        if 2 * pixels > self._layout.line:  # mostly gone: the next line is the one that one looks at
            line, pixels = line + 1, pixels - self._layout.line
        self._top_row = line * self._layout.columns
        self._top_scrolled = pixels / self._layout.line

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        """Move what is drawn, so that only what comes into sight is painted."""
        viewport = self.viewport()
        self._forwards = dy <= 0
        if abs(dy) > self._layout.line:
            self._racing.start()
        whole = self.devicePixelRatioF().is_integer()  # else pixels do not fall on pixels
        if whole and not self._band.isValid() and abs(dy) < viewport.height():
            viewport.scroll(0, dy)
        else:
            viewport.update()
        if not self._laying_out:
            self._note_top()
        self._find_hovered()
        self._visible_timer.start()

    # ---------------------------------------------------------------------------------- what the model says

    def _rows_went(self, _parent: QModelIndex, first: int, last: int) -> None:
        if first < self._top_row:
            self._top_row = max(first, self._top_row - (last - first + 1))
        self._hovered = -1

    def _rows_moved(self) -> None:
        self._hovered = -1

    def _photos_changed(self) -> None:
        self._hovered = -1
        self._top_row, self._top_scrolled = 0, 0.0
        self._told_visible = None  # who listens may have forgotten, too
        self._delegate.forget_pictures()

    def _facts_changed(self, _first: QModelIndex, _last: QModelIndex, roles: list[int]) -> None:
        if FileRole in roles:  # the same path with a new content is another photo
            self._visible_timer.start()

    def _tell_visible(self) -> None:
        model = self.model()
        if not isinstance(model, PhotoModel) or not self.isVisible():
            return
        top, height = self.verticalOffset(), self.viewport().height()
        seen = self._visible_rows()
        if self._forwards:
            ahead = self._rows_between(top + height, top + 2 * height)
            ahead = range(max(ahead.start, seen.stop), max(ahead.stop, seen.stop))
        else:
            ahead = self._rows_between(top - height, top)
            ahead = range(ahead.start, min(ahead.stop, seen.start))[::-1]
        files = [model.file_at(row) for rows in (seen, ahead) for row in rows]
        if files != self._told_visible:
            self._told_visible = files
            self.visible_changed.emit(files)

    def showEvent(self, event: QShowEvent) -> None:
        """Say what is visible now."""
        super().showEvent(event)
        self._visible_timer.start()

    # -------------------------------------------------------------------------------------------- pictures

    def _picture_came(self, path: str) -> None:
        model = self.model()
        row = model.row_of(path) if isinstance(model, PhotoModel) else -1
        visible = row in self._visible_rows()
        moving = self.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration, None, self) > 0
        if self._delegate.picture_came(path, fade=visible and moving and not self._racing.isActive()):
            self._fade_timer.start()
        if visible:
            self._update_row(row)

    def _fade(self) -> None:
        model, fading = self.model(), self._delegate.fading()
        if not fading or not isinstance(model, PhotoModel):
            self._fade_timer.stop()
            return
        for path in fading:
            self._update_row(model.row_of(path))

    def _update_row(self, row: int) -> None:
        if row >= 0:
            self.viewport().update(self._layout.rect(row).translated(0, -self.verticalOffset()))

    # -------------------------------------------------------------------------------------------- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the cells that the event touches."""
        painter = QPainter(self.viewport())
        model, chosen = self.model(), self.selectionModel()
        if model is not None:
            option = QStyleOptionViewItem()
            self.initViewItemOption(option)
            plain, touched, offset = QStyle.StateFlag.State_Enabled, event.region(), self.verticalOffset()
            current = self.currentIndex().row() if self.hasFocus() else -1
            area = event.rect().translated(0, offset)
            for row in self._rows_between(area.top(), area.bottom()):
                cell = self._layout.rect(row).translated(0, -offset)
                if not touched.intersects(cell):
                    continue
                index, state = model.index(row, 0), plain
                if chosen.isSelected(index):
                    state |= QStyle.StateFlag.State_Selected
                if row == self._hovered:
                    state |= QStyle.StateFlag.State_MouseOver
                if row == current:
                    state |= QStyle.StateFlag.State_HasFocus
                option.rect, option.state = cell, state
                self._delegate.paint(painter, option, index)
        if self._band.isValid():
            look = self._delegate.look
            painter.setPen(look.muted)
            painter.setBrush(look.selected)
            painter.drawRect(self._band.translated(0, -self.verticalOffset()))
        painter.end()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the system's scheme and font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._delegate.forget_look()
            self._paint_canvas()
            self._relayout()

    def _paint_canvas(self) -> None:
        palette = QPalette(self.palette())
        palette.setColor(QPalette.ColorRole.Base, self._delegate.look.canvas)
        self.viewport().setPalette(palette)

    # -------------------------------------------------------------------------------------- mouse and keys

    def _hover(self, index: QModelIndex | None = None) -> None:
        row = index.row() if index is not None else -1
        if row != self._hovered:
            self._update_row(self._hovered)
            self._hovered = row
            self._update_row(row)

    def _find_hovered(self) -> None:
        """The cells have moved below the pointer."""
        if self._hovered >= 0:
            self._hover(self.indexAt(self.viewport().mapFromGlobal(QCursor.pos())))

    def leaveEvent(self, event: QEvent) -> None:
        """No photo is below the pointer."""
        self._hover()
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Select, or begin a rubber band."""
        self._pressed = event.position().toPoint() + QPoint(0, self.verticalOffset())
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Draw the rubber band along."""
        super().mouseMoveEvent(event)
        if self.state() == QAbstractItemView.State.DragSelectingState:
            here = event.position().toPoint() + QPoint(0, self.verticalOffset())
            self._band = QRect(self._pressed, here).normalized()
            self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the rubber band."""
        super().mouseReleaseEvent(event)
        if self._band.isValid():
            self._band = QRect()
            self.viewport().update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open the photo."""
        super().mouseDoubleClickEvent(event)
        index = self.indexAt(event.position().toPoint())
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if index.isValid() and plain and event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit(index)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll; with Ctrl, change the size of the cells."""
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().wheelEvent(event)
            return
        # Touchpads send many small turns, which must add up.
        self._turned += event.angleDelta().y() * _ZOOM_STEP
        pixels = int(self._turned / _NOTCH)
        self._turned -= pixels * _NOTCH
        self.set_cell_size(self._cell + pixels)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open, peek, move and select; leave letters to the window's shortcuts."""
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        plain, current = modifiers == Qt.KeyboardModifier.NoModifier, self.currentIndex()
        if plain and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if current.isValid():
                self.opened.emit(current)
        elif plain and event.key() == Qt.Key.Key_Space:
            if current.isValid():
                self.peeked.emit(current)
        elif plain and event.text().isprintable() and event.text():
            event.ignore()
        else:
            super().keyPressEvent(event)

    def keyboardSearch(self, search: str) -> None:
        """Do nothing: letters are shortcuts here, the filter finds names."""

    def moveCursor(
        self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier
    ) -> QModelIndex:
        """The photo that an arrow key leads to."""
        count, columns = self._count(), self._layout.columns
        if not count:
            return QModelIndex()
        row, last = self.currentIndex().row(), count - 1
        if row < 0:
            return self.model().index(min(self._top_row, last), 0)
        page = max(1, self.viewport().height() // self._layout.line) * columns
        move = QAbstractItemView.CursorAction
        match action:
            case move.MoveLeft | move.MovePrevious:
                row = max(0, row - 1)
            case move.MoveRight | move.MoveNext:
                row = min(last, row + 1)
            case move.MoveUp:
                row = row - columns if row >= columns else row
            case move.MoveDown if row // columns < last // columns:
                row = min(last, row + columns)
            case move.MovePageUp:
                row = max(row % columns, row - page)
            case move.MovePageDown:
                row = min(last, row + page)
            case move.MoveHome:
                row = 0
            case move.MoveEnd:
                row = last
        return self.model().index(row, 0)

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        """Select what a rubber band covers or, by keys and clicks, all from one corner to the other."""
        model, offset = self.model(), self.verticalOffset()
        selection = QItemSelection()

        def select(first: int, last: int) -> None:
            if 0 <= first <= last:
                selection.select(model.index(first, 0), model.index(last, 0))

        if self.state() == QAbstractItemView.State.DragSelectingState:
            for first, last in self._layout.covered(rect.normalized().translated(0, offset), self._count()):
                select(first, last)
        else:
            # Not topLeft and bottomRight: these are swapped where one selects backwards.
            corners = (rect.topLeft(), rect.bottomRight())
            rows = [self.indexAt(corner).row() for corner in corners]
            if min(rows) >= 0:
                select(min(rows), max(rows))
        self.selectionModel().select(selection, command)
