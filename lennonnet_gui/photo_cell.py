"""A cell of the grid: the photo, a frame in its zone's colour, and a pill that says how likely it is the subject."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    SignalInstance,
)
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontMetrics,
    QFontMetricsF,
    QGuiApplication,
    QPainter,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import (
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from lennonnet_gui import names, theme
from lennonnet_gui.photo_model import (
    FileRole,
    ProbabilityRole,
    ReasonRole,
    ScoreZoneRole,
    State,
    StateRole,
    VerdictRole,
    ZoneRole,
)
from training.zones import Zone

if TYPE_CHECKING:
    from training.photos import PhotoFile

_Index = QModelIndex | QPersistentModelIndex

NAMED_CELL = 160
"""From this cell size on, the file name stands below the photo."""

INSET = theme.GRID
"""From the cell's edge to the photo: room for frame, gap and selection outline."""

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


# ---------------------------------------------------------------------------------- the mark of a verdict

_MARK, _SMALL_MARK = 22, 18
_MARK_EDGE = 1.5


def paint_mark(painter: QPainter, corner: QPointF, zone: Zone, size: int = _MARK) -> QRectF:
    """Draw the mark of the user's own verdict, a filled circle with a glyph, its upper right at `corner`.

    Returns the square that it covers.
    """
    ratio = _ratio(painter)
    place = QPointF(_to_device(corner.x() - size, ratio), _to_device(corner.y(), ratio))
    painter.drawPixmap(place, _mark(zone, size, ratio, theme.is_dark()))
    return QRectF(place, QSize(size, size))


@lru_cache(maxsize=32)
def _mark(zone: Zone, size: int, ratio: float, _dark: bool) -> QPixmap:
    made = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    made.setDevicePixelRatio(ratio)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    # An edge in the ground's colour parts it from any photo, also from one in the zone's colour.
    ink, inset = theme.on_zone_colour(zone), _MARK_EDGE / 2
    painter.setPen(QPen(QColor(theme.tokens().canvas), _MARK_EDGE))
    painter.setBrush(theme.zone_colour(zone))
    circle = QRectF(0, 0, size, size).adjusted(inset, inset, -inset, -inset)
    painter.drawEllipse(circle)
    inset = size * 0.27
    theme.paint_glyph(painter, zone, QRectF(0, 0, size, size).adjusted(inset, inset, -inset, -inset), ink)
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
    """Draws a cell: the photo fitted in its square, its zone's frame, its score's pill, from 160 px on its name.

    What the user said of it is a solid mark at the upper right, and the frame is of that zone.
    """

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

    def picture(self, file: PhotoFile, cell: int, ratio: float) -> QPixmap | None:
        """The photo in the size that a cell of `cell` pixels wants; None: it will come."""
        return self._thumbnails.pixmap(file, round((cell - 2 * INSET) * ratio))

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        """The size of a cell, as the view has set it."""
        return option.rect.size()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw one cell into option.rect."""
        look, cell, flags = self.look, option.rect, option.state.value
        fact = index.model().data
        file: PhotoFile = fact(index, FileRole)
        edge = cell.width() - 2 * INSET
        square = QRect(cell.x() + INSET, cell.y() + INSET, edge, edge)

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
        # In a small cell pill and mark would hide a face: there they hang over the photo's edges.
        x, y = (4, -4) if edge >= 120 else (-2, 8)
        score_zone: Zone | None = fact(index, ScoreZoneRole)
        if score_zone is not None:
            corner = QPointF(photo.x() + x, min(photo.bottom() + y, square.bottom() + 1 + INSET))
            paint_pill(painter, corner, score_zone, fact(index, ProbabilityRole))
        verdict: Zone | None = fact(index, VerdictRole)
        if verdict is not None:
            corner = QPointF(photo.right() - x, max(photo.top() - y, square.top() - INSET))
            paint_mark(painter, corner, verdict, _MARK if edge >= 120 else _SMALL_MARK)
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
