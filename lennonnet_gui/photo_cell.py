"""A cell of the grid: the photo, a frame in its zone's colour, and a pill that says how likely it is the subject."""

from __future__ import annotations

import time
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    QSizeF,
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
    QImage,
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
    DecidingFaceRole,
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
_Box = tuple[float, float, float, float]  # left, top, right, bottom, in fractions of the photo

NAMED_CELL = 160
"""From this cell size on, the file name stands below the photo."""

INSET = theme.GRID
"""From the cell's edge to the photo: room for frame, gap and selection outline."""

_FITTED_BYTES = 96 << 20
_CUT_BYTES, _MOST_CUT = 24 << 20, 5000

# The face that decided, where the style asks for it.
_SMALLEST_WITH_INSET = 110  # cells
_FEWEST_PIXELS = 24  # of a face in the thumbnail: less is a blur that nobody knows
_LARGE = (
    512  # edge of the picture that is asked for where that has more of the face; larger ones fill the memory
)
_PILL = 7 * theme.GRID  # at most so wide
_INSET_PART = 0.36  # of the photo's square
_AROUND_INSET, _AROUND_CENTRED = 1.5, 2.4  # edges of the face
_MOST_ENLARGED = 2.5  # where the thumbnail is centred on the face
_MOST_NAMES = 1000
_ICON = 24

# As plain numbers: Python's flags are slow, and these are looked at in every cell of every frame.
_SELECTED = QStyle.StateFlag.State_Selected.value
_HOVERED = QStyle.StateFlag.State_MouseOver.value
_CURRENT = QStyle.StateFlag.State_HasFocus.value

_WRAPPED = int(Qt.AlignmentFlag.AlignHCenter) | int(Qt.TextFlag.TextWordWrap)


class FaceStyle(StrEnum):
    """How a cell shows the face that decided its photo's score. The strings are what settings keep."""

    NONE = "none"
    INSET = "inset"  # in the photo's lower right corner
    CENTRED = "centred"  # the square is filled with what is around the face


class ThumbnailSource(Protocol):
    """Where the grid gets its pictures."""

    @property
    def arrived(self) -> SignalInstance:
        """Emitted with the path of a photo whose picture can now be had."""

    def pixmap(self, file: PhotoFile, edge: int) -> QPixmap | None:
        """The photo for a square of `edge` device pixels; None: it is asked for, and will come."""


# ------------------------------------------------------------------------------------------------- the pill


def paint_pill(painter: QPainter, corner: QPointF, zone: Zone, probability: float | None) -> QRectF:
    """Draw a zone's glyph and the per cent on the zone's colour, the pill's lower left at `corner`.

    Without a probability it is the glyph alone. Returns the rectangle that it covers.
    """
    ratio = _ratio(painter)
    pill = _pill_of(zone, probability, ratio)
    size = pill.deviceIndependentSize()
    place = QPointF(_to_device(corner.x(), ratio), _to_device(corner.y() - size.height(), ratio))
    painter.drawPixmap(place, pill)
    return QRectF(place, size)


def pill_size(zone: Zone, probability: float | None, ratio: float) -> QSizeF:
    """How much paint_pill would cover, at `ratio` device pixels to one of the window's."""
    return _pill_of(zone, probability, ratio).deviceIndependentSize()


def _pill_of(zone: Zone, probability: float | None, ratio: float) -> QPixmap:
    words = "" if probability is None else names.per_cent(probability)
    return _pill(zone, words, ratio, theme.is_dark(), QGuiApplication.font().key())


@lru_cache(maxsize=1024)
def _pill(zone: Zone, words: str, ratio: float, _dark: bool, _font: str) -> QPixmap:
    """The pill as a picture, because drawing text and curves for each cell is most of a frame's time."""
    font = _tabular(theme.font(theme.TEXT_SMALL, bold=True))
    metrics = QFontMetricsF(font)
    height = round(metrics.height()) + 2
    glyph = round(metrics.capHeight() * 1.05)
    text_width = metrics.horizontalAdvance(words)
    pad = height * 0.36 if words else (height - glyph) / 2
    width = round(pad + glyph + pad * 0.6 + text_width + pad) if words else height
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
        self.face_style = FaceStyle.NONE
        self._cut: dict[tuple[object, ...], QPixmap | None] = {}  # faces out of thumbnails; None: too small
        self._cut_bytes = 0
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
        self._forget_faces()  # their edges are in a scheme's colour

    def forget_pictures(self) -> None:
        """Let go of what is kept for photos that are no longer there."""
        self._fitted.clear()
        self._fitted_bytes = 0
        self._forget_faces()
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
            face = None if self.face_style is FaceStyle.NONE else fact(index, DecidingFaceRole)
            photo = self._paint_photo(painter, square, file, face)
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

    def _paint_photo(self, painter: QPainter, square: QRect, file: PhotoFile, face: _Box | None) -> QRectF:
        """Draw the picture or, until it comes, its place, and the face in it; returns the rectangle that it covers."""
        ratio = _ratio(painter)
        edge = round(square.width() * ratio)
        picture = self._thumbnails.pixmap(file, edge)
        if picture is None or picture.isNull():
            self._missing.add(file.path)
            painter.fillRect(square, self.look.placeholder)
            return QRectF(square)
        inset = None
        if face is not None:
            if self.face_style is FaceStyle.CENTRED:
                picture = self._face_in(file, picture, face, edge, ratio) or picture
            elif edge >= (_SMALLEST_WITH_INSET - 2 * INSET) * ratio:
                inset = self._face_in(file, picture, face, edge, ratio)
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
        if inset is not None:
            back = theme.GRID / 2 + inset.width() / ratio
            above = back + 2 * theme.GRID if size.width() < back + _PILL else back  # the pill is beside it
            painter.drawPixmap(
                QPointF(place.x() + size.width() - back, place.y() + size.height() - above), inset
            )
        painter.setOpacity(1.0)
        return QRectF(place, size)

    # The face that decided

    def _forget_faces(self) -> None:
        self._cut.clear()
        self._cut_bytes = 0

    def _face_in(
        self, file: PhotoFile, picture: QPixmap, face: _Box, edge: int, ratio: float
    ) -> QPixmap | None:
        """The face as the style wants it, cut once and kept; None where it would be a blur, or no news."""
        key = (picture.cacheKey(), face, edge, ratio, self.face_style)
        if key in self._cut:
            return self._cut[key]
        large, pixels = max(picture.width(), picture.height()), min(_pixels_of(picture, face))
        if pixels < _FEWEST_PIXELS <= pixels * _LARGE / large:
            larger = self._thumbnails.pixmap(file, _LARGE)
            if larger is None or max(larger.width(), larger.height()) <= large:
                return None  # it will come
            picture = larger
        if self.face_style is FaceStyle.CENTRED:
            cut = self._make_centred(picture, face, edge)
        else:
            cut = self._make_inset(picture, face, edge, ratio)
        self._cut[key] = cut
        self._cut_bytes += 0 if cut is None else _bytes(cut)
        while (self._cut_bytes > _CUT_BYTES or len(self._cut) > _MOST_CUT) and len(self._cut) > 1:
            oldest = self._cut.pop(next(iter(self._cut)))
            self._cut_bytes -= 0 if oldest is None else _bytes(oldest)
        return cut

    def _make_inset(self, picture: QPixmap, face: _Box, edge: int, ratio: float) -> QPixmap | None:
        inset = round(edge * _INSET_PART)
        wide, high = _pixels_of(picture, face)
        fitted = edge / max(picture.width(), picture.height())
        if min(wide, high) < _FEWEST_PIXELS or max(wide, high) * fitted * _AROUND_INSET >= inset:
            return None
        part = _square_around(picture, face, max(wide, high) * _AROUND_INSET)
        # An image without transparency may have anything in its fourth byte, which the masks would take for some.
        cut = _scaled(picture.copy(part), inset).toImage()
        cut = cut.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
        painter = QPainter(cut)
        # With masks, because clipping along a path takes five times as long.
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationIn)
        painter.drawPixmap(0, 0, _rounded(inset, 2 * ratio, theme.GRID * ratio, "black"))
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationOver)
        # An edge in the ground's colour parts it from any photo.
        painter.drawPixmap(0, 0, _rounded(inset, 0.0, theme.GRID * ratio, self.look.canvas.name()))
        painter.end()
        made = QPixmap.fromImage(cut)
        made.setDevicePixelRatio(ratio)
        return made

    def _make_centred(self, picture: QPixmap, face: _Box, edge: int) -> QPixmap | None:
        wide, high = _pixels_of(picture, face)
        if min(wide, high) < _FEWEST_PIXELS:
            return None
        side = max(max(wide, high) * _AROUND_CENTRED, edge / _MOST_ENLARGED)
        return _scaled(picture.copy(_square_around(picture, face, side)), edge)

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


@lru_cache(maxsize=32)
def _rounded(edge: int, line: float, radius: float, colour: str) -> QPixmap:
    """A square with round corners, `line` device pixels within one of `edge`."""
    made = QPixmap(edge, edge)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawRoundedRect(
        QRectF(line, line, edge - 2 * line, edge - 2 * line), radius - line, radius - line
    )
    painter.end()
    return made


def _pixels_of(picture: QPixmap, face: _Box) -> tuple[float, float]:
    """Width and height of a face within the picture."""
    left, top, right, bottom = face
    return (
        (min(right, 1.0) - max(left, 0.0)) * picture.width(),
        (min(bottom, 1.0) - max(top, 0.0)) * picture.height(),
    )


def _scaled(square: QPixmap, edge: int) -> QPixmap:
    keep, smooth = Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
    return square.scaled(edge, edge, keep, smooth)


def _square_around(picture: QPixmap, face: _Box, side: float) -> QRect:
    """A square about the face's middle, moved and if need be made smaller so that it lies within the picture."""
    width, height = picture.width(), picture.height()
    edge = max(1, round(min(side, width, height)))
    left, top, right, bottom = face
    x, y = (left + right) / 2 * width - edge / 2, (top + bottom) / 2 * height - edge / 2
    return QRect(max(0, min(round(x), width - edge)), max(0, min(round(y), height - edge)), edge, edge)


def _bytes(picture: QPixmap) -> int:
    return picture.width() * picture.height() * 4
