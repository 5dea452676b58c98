"""Draws one picture: fit, zoom and pan.

A picture's geometry is in device pixels: 100 % is one pixel of the photo on one of the screen, whatever a
window thinks a pixel is. Of the picture's levels the smallest that is large enough is drawn: sharp, without
shimmer, and in milliseconds, however large the photo. What is drawn over it (`set_overlay`) is told where it lies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import (
    QEvent,
    QMargins,
    QMarginsF,
    QPoint,
    QPointF,
    QRect,
    QRectF,
    QSize,
    QSizeF,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QColor,
    QCursor,
    QInputDevice,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QRegion,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from lennonnet_gui import theme
from lennonnet_gui.pictures import zoomed_size

HIGHEST_ZOOM = 16.0
ZOOM_STEP = 1.25

Overlay = Callable[[QPainter, QRectF, QRegion], None]
"""Draws over the photo: with a painter, where the photo lies, and what is drawn anew; in the window's pixels."""

KeyTaker = Callable[[QKeyEvent], bool]
"""Whether a key shall come to the canvas though it is a shortcut of the window's."""

_SQUARES_FROM = 8.0  # zoom; whoever goes so far wants to see the photo's pixels


class Canvas(QWidget):
    """Draws one picture, fitted or zoomed, and lets the user zoom and pan it."""

    zoom_changed = Signal()
    box_changed = Signal()
    place_changed = Signal()
    """The photo lies elsewhere now: see `seen_rect`."""
    clicked = Signal(QPointF)
    """The left button was pressed and let go at one place: a click, and no drag."""
    pointed = Signal(object)
    """Where the pointer is while no button is held (QPointF), or None: elsewhere."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._size = QSize()  # of the whole photo; empty while there is none
        self._levels: tuple[QPixmap, ...] = ()
        self._trouble: tuple[str, ...] = ()
        self._is_thumbnail = False
        self._zoom: float | None = None  # device pixels per pixel of the photo; None: fit
        self._origin = QPointF()  # of the photo, in device pixels; only while zoomed
        self._covered = QMargins()
        self._grip: QPointF | None = None
        self._pressed: QPointF | None = None  # by the left button, and not dragged since
        self._told_place = QRectF()
        self._overlay: Overlay | None = None
        self._takes: KeyTaker | None = None
        self._frame, self._frame_at = QPixmap(), QPointF()  # see _drawn
        self._frame_of: tuple[object, ...] = ()
        self._stale = QRegion()  # of the frame, in device pixels
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(20 * theme.GRID, 20 * theme.GRID)

    # ------------------------------------------------------------------------------------ what is shown

    def show_picture(self, size: QSize, levels: Sequence[QPixmap]) -> None:
        """Show a photo of `size` by its levels; zoom and place stay, so that sharper ones bring no jump."""
        self._set(size, tuple(levels))

    def show_thumbnail(self, thumbnail: QPixmap) -> None:
        """Show a thumbnail at the place that a large photo of its shape will take."""
        self._set(thumbnail.size() * 64, (thumbnail,), is_thumbnail=True)

    def show_trouble(self, *lines: str) -> None:
        """Show in words why there is no picture: a title, then sentences."""
        self._set(trouble=lines)

    def show_nothing(self) -> None:
        """Show that a picture will come."""
        self._set()

    def _set(
        self,
        size: QSize = QSize(),  # noqa: B008, never changed
        levels: tuple[QPixmap, ...] = (),
        *,
        trouble: tuple[str, ...] = (),
        is_thumbnail: bool = False,
    ) -> None:
        self._size, self._levels, self._trouble, self._is_thumbnail = size, levels, trouble, is_thumbnail
        self._settle_place()
        self.update()
        self.zoom_changed.emit()

    def set_covered(self, margins: QMargins) -> None:
        """Say how much of the canvas is covered, in the window's pixels; a fitted photo keeps clear of it."""
        if margins != self._covered:
            self._covered = margins
            self._settle_place()
            self.update()
            self.box_changed.emit()

    def set_overlay(self, overlay: Overlay, takes: KeyTaker) -> None:
        """Have this drawn over every photo, and the keys that it takes come here before they become shortcuts."""
        self._overlay, self._takes = overlay, takes

    def redraw(self, area: QRect | None = None) -> None:
        """Draw photo and overlay anew, in `area` of the window's pixels or all of it."""
        if area is None:
            self._frame_of = ()
            self.update()
        else:
            ratio = self.devicePixelRatioF()
            on_device = QRectF(QPointF(area.topLeft()) * ratio, QSizeF(area.size()) * ratio)
            self._stale += on_device.toAlignedRect()
            self.update(area)

    def can_zoom(self) -> bool:
        """Whether there is a photo; of a thumbnail that stands in for it nobody knows what 100 % is."""
        return bool(self._levels) and not self._is_thumbnail

    # ----------------------------------------------------------------------------------------- geometry

    def box(self) -> tuple[int, int]:
        """Width and height that a fitted photo has, in device pixels."""
        area = self._area()
        return max(1, int(area.width())), max(1, int(area.height()))

    def fit_zoom(self) -> float:
        """The zoom at which all of the photo is seen.

        A small photo is not enlarged beyond one of its pixels on one of the window's, the size that it has
        everywhere else on this screen.
        """
        if self._size.isEmpty():
            return 1.0
        width, height = self.box()
        return min(width / self._size.width(), height / self._size.height(), self.devicePixelRatioF())

    def zoom(self) -> float:
        """Device pixels per pixel of the photo."""
        return self.fit_zoom() if self._zoom is None else self._zoom

    def is_fit(self) -> bool:
        """Whether the zoom follows the window's size."""
        return self._zoom is None

    def lowest_zoom(self) -> float:
        """Smaller than all of it, nobody needs a photo."""
        return min(self.fit_zoom(), 1.0)

    def photo_rect(self) -> QRectF:
        """Where the photo lies, in device pixels, also what is out of sight."""
        size = QSizeF(zoomed_size(self._size, self.zoom()))
        origin = self._centred(size) if self._zoom is None else self._origin
        return QRectF(QPointF(round(origin.x()), round(origin.y())), size)

    def seen_rect(self) -> QRectF:
        """photo_rect in the window's pixels; empty while no photo is shown."""
        if not self._levels:
            return QRectF()
        rect, ratio = self.photo_rect(), self.devicePixelRatioF()
        return QRectF(rect.topLeft() / ratio, rect.size() / ratio)

    def free_rect(self) -> QRect:
        """What is not covered, in the window's pixels."""
        return self.rect().marginsRemoved(self._covered)

    def can_pan(self) -> bool:
        """Whether some of the photo is out of sight."""
        area, size = self._area(), self.photo_rect().size()
        return self._zoom is not None and (size.width() > area.width() or size.height() > area.height())

    def lacks_pixels(self) -> bool:
        """Whether a larger level would be drawn sharper."""
        wide = max((level.width() for level in self._levels), default=0)
        return self.can_zoom() and wide < min(
            self._size.width(), zoomed_size(self._size, self.zoom()).width()
        )

    def _area(self) -> QRectF:
        """What is not covered, in device pixels."""
        ratio = self.devicePixelRatioF()
        area = QRectF(self.rect()).marginsRemoved(QMarginsF(self._covered))
        return QRectF(area.topLeft() * ratio, area.size() * ratio)

    def _centred(self, size: QSizeF) -> QPointF:
        return self._area().center() - QPointF(size.width(), size.height()) / 2

    def _settle_place(self) -> None:
        """Leave a zoomed photo where it is, but no gap at an edge while there is more of it to see."""
        if self._zoom is not None and self._zoom < self.lowest_zoom():  # the window has become larger
            self._zoom = None
        if self._zoom is not None:
            area, size = self._area(), QSizeF(zoomed_size(self._size, self._zoom))
            middle = self._centred(size)
            x, y = self._origin.x(), self._origin.y()
            fits_x, fits_y = size.width() <= area.width(), size.height() <= area.height()
            self._origin = QPointF(
                middle.x() if fits_x else max(area.right() - size.width(), min(x, area.left())),
                middle.y() if fits_y else max(area.bottom() - size.height(), min(y, area.top())),
            )
        shapes = Qt.CursorShape
        hand = shapes.OpenHandCursor if self._grip is None else shapes.ClosedHandCursor
        self.setCursor(hand if self.can_pan() else shapes.ArrowCursor)
        place = self.seen_rect()
        if place != self._told_place:
            self._told_place = place
            self.place_changed.emit()

    # ------------------------------------------------------------------------------------- zoom and pan

    def fit(self) -> None:
        """Show all of the photo."""
        self.zoom_to(self.fit_zoom())

    def zoom_to(self, zoom: float, at: QPointF | None = None) -> None:
        """Zoom, within bounds, so that what is at `at` stays there: by default the cursor, or the middle."""
        if not self.can_zoom():
            self._zoom = None
            return
        fit, old, rect = self.fit_zoom(), self.zoom(), self.photo_rect()
        if self._zoom is None:
            self._origin = rect.topLeft()
        new = max(self.lowest_zoom(), min(zoom, HIGHEST_ZOOM))
        if at is None:
            cursor = QPointF(self.mapFromGlobal(QCursor.pos()))
            at = cursor if self.underMouse() and self.rect().contains(cursor.toPoint()) else None
        still = self._area().center() if at is None else at * self.devicePixelRatioF()
        self._origin = still - (still - self._origin) * (new / old)
        self._zoom = None if abs(new - fit) < 1e-9 else new
        self._settle_place()
        self.update()
        self.zoom_changed.emit()

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom by a factor, resting at fit and at 100 % on the way past."""
        old = self.zoom()
        new = old * factor
        for rest in (self.fit_zoom(), 1.0):
            if min(old, new) * 1.001 < rest < max(old, new) / 1.001:
                new = rest
        self.zoom_to(new, at)

    def toggle_zoom(self, at: QPointF | None = None) -> None:
        """Change between fit and 100 %, at `at`; a small photo, which is at 100 % already, doubles."""
        fit = self.fit_zoom()
        self.zoom_to((1.0 if fit < 1.0 else 2 * fit) if self.is_fit() else fit, at)

    def pan(self, by: QPointF) -> None:
        """Move the photo, in device pixels, as far as there is more of it."""
        if self.can_pan():
            self._origin += by
            self._settle_place()
            self.update()

    def reveal(self, rect: QRectF) -> None:
        """Pan as little as brings `rect`, in the window's pixels, into sight."""
        free, off = QRectF(self.free_rect()), QPointF()
        off.setX(max(free.left() - rect.left(), 0.0) or min(free.right() - rect.right(), 0.0))
        off.setY(max(free.top() - rect.top(), 0.0) or min(free.bottom() - rect.bottom(), 0.0))
        if not off.isNull():
            self.pan(off * self.devicePixelRatioF())

    def wheelEvent(self, event: QWheelEvent) -> None:
        touch = (
            event.phase() != Qt.ScrollPhase.NoScrollPhase
            or event.device().type() == QInputDevice.DeviceType.TouchPad
        )
        if touch and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            by = event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta() / 2
            self.pan(QPointF(by) * self.devicePixelRatioF())
        elif event.angleDelta().y():
            self.zoom_by(ZOOM_STEP ** (event.angleDelta().y() / 120), event.position())
        event.accept()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent):
            if event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
                self.zoom_to(self.zoom() * (1 + event.value()), event.position())
                return True
            if event.gestureType() == Qt.NativeGestureType.SmartZoomNativeGesture:
                self.toggle_zoom(event.position())
                return True
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and self._takes:
            event.setAccepted(self._takes(event))
            return event.isAccepted()
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._settle_place()
            self.update()
            self.box_changed.emit()
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._grip = event.position()
            self._pressed = event.position() if event.button() == Qt.MouseButton.LeftButton else None
            self._settle_place()
            self.pointed.emit(None)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grip is None:
            self.pointed.emit(event.position())
            return
        if self._pressed is not None:
            way = (event.position() - self._pressed).manhattanLength()
            if way >= QApplication.startDragDistance():
                self._pressed = None
        self.pan((event.position() - self._grip) * self.devicePixelRatioF())
        self._grip = event.position()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed, self._pressed, self._grip = self._pressed, None, None
        self._settle_place()
        if pressed is not None and event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit(event.position())

    def leaveEvent(self, event: QEvent) -> None:
        self.pointed.emit(None)
        super().leaveEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.toggle_zoom(event.position())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        direction = _PAN_KEYS.get(Qt.Key(event.key()))
        if direction and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            width, height = self.box()
            self.pan(QPointF(direction[0] * width / 8, direction[1] * height / 8))
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._settle_place()
        self.box_changed.emit()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self.update()
        super().changeEvent(event)

    # ----------------------------------------------------------------------------------------- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._levels:
            painter.drawPixmap(0, 0, self._drawn())
            return
        painter.fillRect(event.rect(), QColor(theme.tokens().canvas))
        if self._trouble:
            self._paint_trouble(painter)
        else:
            self._paint_icon(painter, "image", theme.tokens().placeholder, self._middle())

    def _drawn(self) -> QPixmap:
        """All that is in sight. While the photo is only panned, no more is drawn than what comes into sight."""
        ratio, colour, rect = self.devicePixelRatioF(), theme.tokens().canvas, self.photo_rect()
        level = self._level(rect.width())
        frame_of = (level.cacheKey(), rect.size().toTuple(), self.size().toTuple(), ratio, colour)
        if frame_of != self._frame_of:
            self._frame = QPixmap(self.size() * ratio)
            new = QRegion(self._frame.rect())
        else:
            new = QRegion()
            moved = (rect.topLeft() - self._frame_at).toPoint()
            self._frame.setDevicePixelRatio(1.0)
            self._frame.scroll(moved.x(), moved.y(), self._frame.rect(), new)
            new += self._stale.translated(moved).intersected(self._frame.rect())
        self._frame_of, self._frame_at, self._stale = frame_of, rect.topLeft(), QRegion()
        if not new.isEmpty():
            painter = QPainter(self._frame)
            painter.setClipRegion(new)
            painter.fillRect(self._frame.rect(), QColor(colour))
            self._paint_photo(painter, level, rect)
            painter.end()
        self._frame.setDevicePixelRatio(ratio)
        if not new.isEmpty() and self._overlay is not None:
            self._paint_overlay(new, ratio)
        return self._frame

    def _paint_overlay(self, new: QRegion, ratio: float) -> None:
        painter = QPainter(self._frame)
        painter.scale(1 / ratio, 1 / ratio)  # the region is in device pixels
        painter.setClipRegion(new)
        painter.scale(ratio, ratio)
        assert self._overlay is not None
        self._overlay(painter, self.seen_rect(), painter.clipRegion())
        painter.end()

    def _paint_photo(self, painter: QPainter, level: QPixmap, rect: QRectF) -> None:
        kx, ky = rect.width() / level.width(), rect.height() / level.height()
        # Only what is in sight, by whole pixels of the level: QPainter's numbers end before the zoom does.
        seen = QRectF(self._frame.rect()).translated(-rect.topLeft())
        source = QRectF(seen.x() / kx, seen.y() / ky, seen.width() / kx, seen.height() / ky).toAlignedRect()
        source = source.adjusted(-2, -2, 2, 2).intersected(level.rect())
        target = QRectF(source.x() * kx, source.y() * ky, source.width() * kx, source.height() * ky)
        as_squares = self.zoom() >= _SQUARES_FROM and level.width() == self._size.width()
        as_it_is = rect.size().toSize() == level.size()
        smooth = QPainter.RenderHint.SmoothPixmapTransform
        painter.setRenderHint(smooth, not (as_squares or as_it_is))
        painter.drawPixmap(target.translated(rect.topLeft()), level, QRectF(source))

    def _level(self, width: float) -> QPixmap:
        """The smallest level that is at least `width` wide, or else the largest."""
        large_enough = [level for level in self._levels if level.width() >= width]
        by_width = QPixmap.width
        return min(large_enough, key=by_width) if large_enough else max(self._levels, key=by_width)

    def _middle(self) -> QPoint:
        return self.rect().marginsRemoved(self._covered).center()

    def _paint_icon(self, painter: QPainter, name: str, colour: str, middle: QPoint) -> None:
        edge = 8 * theme.GRID
        pixmap = theme.icon_pixmap(name, edge, colour, self.devicePixelRatioF())
        painter.drawPixmap(middle - QPoint(edge // 2, edge // 2), pixmap)

    def _paint_trouble(self, painter: QPainter) -> None:
        t, grid = theme.tokens(), theme.GRID
        middle = self._middle() - QPoint(0, 6 * grid)
        self._paint_icon(painter, "image-off", t.muted, middle)
        width = min(64 * grid, self.rect().marginsRemoved(self._covered).width() - 4 * grid)
        block = QRect(middle.x() - width // 2, middle.y() + 6 * grid, width, self.height())
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap
        looks = [(theme.font(theme.TEXT_TITLE), t.text), (theme.font(), t.text), (theme.font(), t.muted)]
        for line, (font, colour) in zip(self._trouble, looks, strict=False):
            painter.setFont(font)
            painter.setPen(QColor(colour))
            used = painter.drawText(block, int(flags), line)
            block.setTop(used.bottom() + 2 * grid)


_PAN_KEYS = {
    Qt.Key.Key_Left: (1, 0),
    Qt.Key.Key_Right: (-1, 0),
    Qt.Key.Key_Up: (0, 1),
    Qt.Key.Key_Down: (0, -1),
}
