"""One photo, as large as the window: fit, zoom, pan, its score and its facts.

`Pictures` decodes in other threads, `Canvas` draws one picture, `Viewer` gives them keys, buttons and words.

A picture's geometry is in device pixels: 100 % is one pixel of the photo on one of the screen, whatever a
window thinks a pixel is. A picture is kept in levels, each half as wide as the one before, and one that just
fills the window. The smallest that is large enough is drawn: sharp, without shimmer, and in milliseconds,
however large the photo.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from PySide6.QtCore import (
    QDateTime,
    QEvent,
    QLocale,
    QMargins,
    QMarginsF,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QPointF,
    QRect,
    QRectF,
    QSize,
    QSizeF,
    Qt,
    QThreadPool,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QAction,
    QColor,
    QCursor,
    QFont,
    QFontMetrics,
    QHideEvent,
    QImage,
    QInputDevice,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPixmap,
    QRegion,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QStyle,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import names, theme
from lennonnet_gui.photo_grid import paint_pill
from lennonnet_gui.photo_model import PhotoModel, ProbabilityRole, State, StateRole, TakenRole, ZoneRole
from training import photos
from training.photos import PhotoFile, UnreadablePhoto
from training.zones import Zone

MAX_BYTES = 400_000_000
"""How much of decoded pictures is kept while the viewer is shown."""

KEPT_BYTES = 60_000_000
"""How much of them is kept when it is closed, to open at once where it was closed."""

HIGHEST_ZOOM = 16.0
ZOOM_STEP = 1.25

_SQUARES_FROM = 8.0  # zoom; whoever goes so far wants to see the photo's pixels
_SETTLE_MS = 250  # after that long on one photo all of it is decoded, before anybody asks
_AHEAD_OF_THUMBNAILS = 10  # priority in the shared pool
_SMALLEST_LEVEL = 512
_LARGE_FILE = 200_000  # bytes; a smaller one is decoded before anything could be seen in its stead


# ------------------------------------------------------------------------------------------------ decoding


class Wish(NamedTuple):
    """One thing to be decoded: a photo to fill `box`, or, without a box, all of its pixels."""

    file: PhotoFile
    box: tuple[int, int] | None  # device pixels
    quick: bool = False  # half as sharp will do: a JPEG takes a fourth of the time


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a worker hands over: facts, and images ordered from large to small."""

    size: QSize  # of the whole photo
    images: tuple[QImage, ...]
    taken: str
    camera: str
    format: str


@dataclass(slots=True)
class Picture:
    """What is known of one photo by now."""

    size: QSize = QSize()  # noqa: RUF009, replaced, never changed
    taken: str = ""
    camera: str = ""
    format: str = ""
    reason: str = ""  # why it can't be shown, in words that follow the file's name
    box: tuple[int, int] = (0, 0)
    fit: QPixmap | None = None  # to fill `box`
    whole: tuple[QPixmap, ...] | None = None  # halved and halved again; None: not decoded yet

    @property
    def levels(self) -> tuple[QPixmap, ...]:
        """All pixmaps of the photo, in no order."""
        return (*(self.whole or ()), *((self.fit,) if self.fit else ()))

    @property
    def size_in_bytes(self) -> int:
        """What the pixels take in memory."""
        return sum(4 * level.width() * level.height() for level in self.levels)

    def fulfils(self, wish: Wish) -> bool:
        """Whether decoding `wish` would tell nothing new."""
        if self.reason or (wish.quick and self.levels):
            return True
        has_all = self.whole is not None or (self.fit is not None and self.fit.size() == self.size)
        if wish.box is None:
            return has_all
        return wish.box == self.box or (has_all and self.whole is None)


def zoomed_size(size: QSize, zoom: float) -> QSize:
    """`size` times `zoom`, in whole pixels, never empty."""
    return QSize(max(1, round(size.width() * zoom)), max(1, round(size.height() * zoom)))


def decode(wish: Wish) -> Decoded:
    """Decode a photo in the calling thread; raises UnreadablePhoto.

    numpy and Pillow scale and convert, not QImage: they let the window's thread run meanwhile, while of
    24 megapixels QImage.convertToFormat held it up for 44 ms, and QImage.scaled for 32 ms.
    """
    if wish.box is None:
        photo = photos.load_full(wish.file.path)
        images = [_image(photo.pixels)]
        while min(images[-1].width(), images[-1].height()) >= 2 * _SMALLEST_LEVEL:
            images.append(_image(np.asarray(_as_pillow(images[-1]).reduce(2))))
    else:
        photo = photos.load(wish.file.path, short_side=max(1, min(wish.box) // (2 if wish.quick else 1)))
        images = [_image(photo.pixels)]
        zoom = min(wish.box[0] / photo.width, wish.box[1] / photo.height)
        fit = zoomed_size(QSize(photo.width, photo.height), zoom)
        if fit.width() < images[0].width() and not wish.quick:
            size = (fit.width(), fit.height())
            images = [_image(np.asarray(_as_pillow(images[0]).resize(size, Image.Resampling.BICUBIC)))]
    return Decoded(QSize(photo.width, photo.height), tuple(images), photo.taken, photo.camera, photo.format)


def _image(pixels: npt.NDArray[np.uint8]) -> QImage:
    """RGB (H, W, 3) or BGRX (H, W, 4) in the one format that becomes a QPixmap without being converted."""
    height, width, channels = pixels.shape
    image = QImage(
        width, height, QImage.Format.Format_RGB32
    )  # owns its memory, as one around an array does not
    if image.isNull():
        raise MemoryError(f"no memory for {width} x {height} pixels")
    rows: npt.NDArray[np.uint8] = np.ndarray((height, width, 4), np.uint8, image.bits())
    if channels == 4:
        rows[...] = pixels
    else:
        for to, channel in enumerate((2, 1, 0)):  # one after the other: twice as fast as pixels[..., ::-1]
            rows[..., to] = pixels[..., channel]
        rows[..., 3] = 255
    return image


def _as_pillow(image: QImage) -> Image.Image:
    pixels = np.frombuffer(image.constBits(), np.uint8)
    return Image.frombuffer("RGBX", (image.width(), image.height()), pixels, "raw", "RGBX", 0, 1)


class _Mail(QObject):
    """The signal by which workers hand over. It has no parent: it lives as long as one may emit it."""

    decoded = Signal(object, object)


class _Bench:
    """What is wished for, and the workers' side of it.

    Plain Python that no widget owns: a worker that comes back after the window is gone finds all it touches.
    A job in the pool is no particular photo but "decode what is wanted most by now": nothing stale is
    decoded, and nothing has to be taken back from the pool.
    """

    def __init__(self, mail: _Mail) -> None:
        self._mail = mail
        self._lock = threading.Lock()
        self._wishes: list[Wish] = []
        self._busy: set[Wish] = set()

    def replace(self, wishes: Iterable[Wish]) -> int:
        """Forget earlier wishes for these, the most wanted first; returns how many jobs they need."""
        with self._lock:
            self._wishes = [wish for wish in wishes if wish not in self._busy]
            return len(self._wishes)

    def work(self) -> None:
        """Decode what is wanted most, if anything still is, and mail it."""
        with self._lock:
            if not self._wishes:
                return
            wish = self._wishes.pop(0)
            self._busy.add(wish)
        outcome: Decoded | str
        try:
            outcome = decode(wish)
        except UnreadablePhoto as error:
            outcome = error.reason
        except MemoryError:
            outcome = "is too large for this computer's memory"
        except Exception:
            logging.getLogger(__name__).exception("decoding failed")
            outcome = "can't be decoded"
        with self._lock:
            self._busy.discard(wish)
        with contextlib.suppress(RuntimeError):  # at the program's end Qt may be gone before its workers are
            self._mail.decoded.emit(wish, outcome)


class Pictures(QObject):
    """Decoded photos: what is wished for comes in by itself, what was not looked at for longest goes out.

    Keyed by PhotoFile, which is path, size and time: what was decoded of an older content is never shown.
    """

    arrived = Signal(object)
    """The PhotoFile of which more is known now."""

    def __init__(self, pool: QThreadPool, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = pool
        self._kept: OrderedDict[PhotoFile, Picture] = OrderedDict()
        self._first: PhotoFile | None = None
        mail = _Mail()
        mail.decoded.connect(self._receive)
        self._bench = _Bench(mail)
        self.destroyed.connect(functools.partial(self._bench.replace, ()))

    def get(self, file: PhotoFile) -> Picture | None:
        """What is known of `file`, or None."""
        return self._kept.get(file)

    def want(self, wishes: Sequence[Wish]) -> None:
        """Decode these, the most wanted first, and none of what was wanted before."""
        for wish in reversed(wishes):
            if wish.file in self._kept:
                self._kept.move_to_end(wish.file)
        self._first = wishes[0].file if wishes else None
        missing = [wish for wish in wishes if not self._has(wish)]
        for _ in range(self._bench.replace(dict.fromkeys(missing))):
            self._pool.start(self._bench.work, _AHEAD_OF_THUMBNAILS)

    def rest(self) -> None:
        """Decode nothing more, and give back most of the memory."""
        self.want(())
        self._drop_down_to(KEPT_BYTES)

    def forget_failures(self) -> None:
        """Try again what could not be read: a disk may be back, a file complete."""
        for file in [file for file, picture in self._kept.items() if picture.reason]:
            del self._kept[file]

    def size_in_bytes(self) -> int:
        """What all pixels take in memory."""
        return sum(picture.size_in_bytes for picture in self._kept.values())

    def _has(self, wish: Wish) -> bool:
        picture = self._kept.get(wish.file)
        return picture is not None and picture.fulfils(wish)

    @Slot(object, object)
    def _receive(self, wish: Wish, outcome: Decoded | str) -> None:
        picture = self._kept.setdefault(wish.file, Picture())
        if isinstance(outcome, Decoded):
            picture.size, picture.reason = outcome.size, ""
            picture.taken, picture.camera, picture.format = outcome.taken, outcome.camera, outcome.format
            levels = tuple(QPixmap.fromImage(image) for image in outcome.images)
            if wish.box is None:
                picture.whole = levels
            elif not wish.quick:
                picture.fit, picture.box = levels[0], wish.box
            elif not picture.levels:
                picture.fit = levels[0]
        elif wish.box is None:  # what there is stays, if that is all that can be had
            picture.whole = ()
        elif picture.levels:
            picture.box = wish.box
        else:
            picture.reason = outcome
        self._kept.move_to_end(wish.file)
        if self._first is not None and self._first in self._kept:
            self._kept.move_to_end(self._first)
        self._drop_down_to(MAX_BYTES)
        self.arrived.emit(wish.file)

    def _drop_down_to(self, limit: int) -> None:
        while len(self._kept) > 1 and self.size_in_bytes() > limit:
            self._kept.popitem(last=False)


# ------------------------------------------------------------------------------------------------- drawing


class Canvas(QWidget):
    """Draws one picture, fitted or zoomed, and lets the user zoom and pan it."""

    zoom_changed = Signal()
    box_changed = Signal()

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
        self._frame, self._frame_at = QPixmap(), QPointF()  # see _drawn
        self._frame_of: tuple[object, ...] = ()
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
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
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._settle_place()
            self.update()
            self.box_changed.emit()
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._grip = event.position()
            self._settle_place()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grip is not None:
            self.pan((event.position() - self._grip) * self.devicePixelRatioF())
            self._grip = event.position()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._grip = None
        self._settle_place()

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
        self._frame_of, self._frame_at = frame_of, rect.topLeft()
        if not new.isEmpty():
            painter = QPainter(self._frame)
            painter.setClipRegion(new)
            painter.fillRect(self._frame.rect(), QColor(colour))
            self._paint_photo(painter, level, rect)
            painter.end()
        self._frame.setDevicePixelRatio(ratio)
        return self._frame

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


@dataclass(frozen=True, slots=True)
class Caption:
    """What the strip says of a photo."""

    name: str = ""
    facts: str = ""
    place: str = ""  # "3 of 1,204"
    words: str = ""  # the score in words
    zone: Zone | None = None
    probability: float | None = None


class _Strip(QWidget):
    """The line over the lower edge: score, name, facts, place. A zoomed photo shows through faintly."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.caption = Caption()
        self.setFixedHeight(7 * theme.GRID)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def show_caption(self, caption: Caption) -> None:
        """Say `caption` from now on."""
        if caption != self.caption:
            self.caption = caption
            self.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self.update()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        t, grid, caption = theme.tokens(), theme.GRID, self.caption
        painter = QPainter(self)
        ground = QColor(t.panel)
        ground.setAlphaF(0.92)
        painter.fillRect(self.rect(), ground)
        painter.fillRect(0, 0, self.width(), 1, QColor(t.line))
        row = self.rect().adjusted(2 * grid, 0, -2 * grid, 0)

        place = self._text(painter, row, caption.place, theme.font(), t.muted, at_end=True)
        row.setRight(row.right() - place - 3 * grid)
        if caption.zone is not None and caption.probability is not None:
            row.setLeft(row.left() + self._pill(painter, row, caption.zone, caption.probability) + grid)
        words = self._text(painter, row, caption.words, theme.font(), t.text)
        # The name stands at the same place for every photo, if there is room for that.
        row.setLeft(max(row.left() + words + 2 * grid, min(22 * grid, row.width() // 3)))
        bold, small = theme.font(bold=True), theme.font(theme.TEXT_SMALL)
        half = (QFontMetrics(bold).height() + QFontMetrics(small).height()) // 2
        row.setTop(row.center().y() - half)
        row.setHeight(QFontMetrics(bold).height())
        self._text(painter, row, caption.name, bold, t.text, shorten=Qt.TextElideMode.ElideMiddle)
        row.moveTop(row.bottom() + 1)
        self._text(painter, row, caption.facts, small, t.muted)

    def _pill(self, painter: QPainter, row: QRect, zone: Zone, probability: float) -> int:
        """Draw the pill at the beginning of `row`; returns its width."""
        painter.save()
        painter.setClipRect(QRect())  # once unseen, for its size
        size = paint_pill(painter, QPointF(row.topLeft()), zone, probability).size()
        painter.restore()
        place = QRect(row.left(), row.center().y() - round(size.height() / 2), *size.toSize().toTuple())
        place = QStyle.visualRect(self.layoutDirection(), self.rect(), place)
        paint_pill(painter, QPointF(place.x(), place.y() + place.height()), zone, probability)
        return place.width()

    def _text(
        self,
        painter: QPainter,
        row: QRect,
        text: str,
        font: QFont,
        colour: str,
        *,
        at_end: bool = False,
        shorten: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
    ) -> int:
        """Draw `text`, shortened where it is too long, in `row`; returns its width."""
        fitting = QFontMetrics(font).elidedText(text, shorten, max(0, row.width()))
        side = Qt.AlignmentFlag.AlignRight if at_end else Qt.AlignmentFlag.AlignLeft
        flags = QStyle.visualAlignment(self.layoutDirection(), side | Qt.AlignmentFlag.AlignVCenter)
        painter.setFont(font)
        painter.setPen(QColor(colour))
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)  # the text's own, not the window's
        painter.drawText(QStyle.visualRect(self.layoutDirection(), self.rect(), row), flags, fitting)
        return QFontMetrics(font).horizontalAdvance(fitting)


class _Panel(QWidget):
    """A bar or a side panel: the panel's colour, and a hairline at the edge towards the photo."""

    def __init__(self, edge: Qt.Edge, parent: QWidget) -> None:
        super().__init__(parent)
        self._edge = edge

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.tokens().panel))
        line = QRect(self.rect())
        if self._edge is Qt.Edge.BottomEdge:
            line.setTop(line.bottom())
        else:
            line.setWidth(1)
            line = QStyle.visualRect(self.layoutDirection(), self.rect(), line)
        painter.fillRect(line, QColor(theme.tokens().line))


class _Facts(_Panel):
    """The panel beside the photo: what is known of it, each fact always at the same place."""

    CAPTIONS = ("Score", "Taken", "Camera", "Size", "File", "Name", "Folder")

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Edge.LeftEdge, parent)
        self.setAccessibleName("Facts about the photo")
        self.setFixedWidth(32 * theme.GRID)
        column = QVBoxLayout(self)
        column.setContentsMargins(*[2 * theme.GRID] * 4)
        column.setSpacing(0)
        self._values: list[QLabel] = []
        for text in self.CAPTIONS:
            caption, value = QLabel(text), QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
            caption.setForegroundRole(QPalette.ColorRole.PlaceholderText)
            caption.setFont(theme.font(theme.TEXT_SMALL))
            caption.setBuddy(value)
            column.addWidget(caption)
            column.addWidget(value)
            column.addSpacing(theme.GRID * 3 // 2)
            self._values.append(value)
        column.addStretch(1)

    def show_facts(self, facts: Sequence[str]) -> None:
        """Show one value for each of CAPTIONS; a dash where nothing is known."""
        for caption, label, text in zip(self.CAPTIONS, self._values, facts, strict=True):
            # Names and folders have few spaces: let them be broken where a reader would.
            label.setText(re.sub(r"([/\\_.-])(?=.)", "\\1\N{ZERO WIDTH SPACE}", text) or "\N{EN DASH}")
            label.setAccessibleName(f"{caption}: {text or 'not known'}")


# ---------------------------------------------------------------------------------------------- the viewer


class Viewer(QWidget):
    """The page that takes the grid's place while one photo is looked at.

    It follows the model: a photo that moves stays on screen, one that is gone gives way to its neighbour.
    Its actions are attributes, to be put into menus; their keys work only while the viewer has the focus.
    """

    closed = Signal(int)
    """The user is done, or no photo is left (-1): the row that was shown last."""

    def __init__(
        self,
        model: PhotoModel,
        pool: QThreadPool,
        thumbnail: Callable[[PhotoFile], QPixmap | None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._thumbnail = thumbnail
        self._subject = "subject"
        self._file: PhotoFile | None = None  # None: closed
        self._row = -1
        self._travel = 1  # +1 or -1: where the user is heading
        self._peeking = False
        self._pictures = Pictures(pool, self)
        self._pictures.arrived.connect(self._arrived)
        self._settling = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settling.timeout.connect(self._ask)
        self._canvas = Canvas(self)
        self._make_actions()
        self._lay_out()
        self._dress()
        self._update_actions()
        self._follow_model()

    def show_index(self, index: QModelIndex | QPersistentModelIndex | int, *, peek: bool = False) -> None:
        """Show the photo at an index or row of the model; with `peek`, the Space key closes as well."""
        row = index if isinstance(index, int) else index.row()
        if not 0 <= row < self._model.rowCount():
            return
        self._peeking, self._travel = peek, 1
        self._pictures.forget_failures()
        self._show(row)
        self._canvas.setFocus()

    def row(self) -> int:
        """The row that is shown, -1 while closed."""
        return self._row if self._file else -1

    def file(self) -> PhotoFile | None:
        """The photo that is shown, None while closed."""
        return self._file

    def set_subject(self, name: str) -> None:
        """Whose photos these may be, for the words of the score."""
        self._subject = names.shown(name)
        self._describe()

    def close_page(self) -> None:
        """Be done: emit `closed` with the row that was shown."""
        if self._file is not None:
            self._file = None
            self._settling.stop()
            self._pictures.rest()
            self._update_actions()
            self.closed.emit(self._row)

    # ------------------------------------------------------------------------------------ what it is made of

    def _make_actions(self) -> None:
        self.back_action = self._action("Back to the grid", ["Esc"], self.close_page)
        self.previous_action = self._action("Previous photo", [], self._go_back)
        self.next_action = self._action("Next photo", [], self._go_on)
        self.first_action = self._action("First photo", ["Home"], self._go_to_first)
        self.last_action = self._action("Last photo", ["End"], self._go_to_last)
        self.zoom_in_action = self._action("Zoom in", ["+", "="], self._zoom_in)
        self.zoom_out_action = self._action("Zoom out", ["-"], self._zoom_out)
        self.fit_action = self._action("Fit to the window", ["0"], self._canvas.fit)
        self.actual_size_action = self._action("100 %", ["1"], self._actual_size)
        self.toggle_zoom_action = self._action("Fit or 100 %", ["Z"], self._toggle_zoom)
        self.info_action = self._action("Facts", ["I"], self._toggle_facts)
        self.info_action.setCheckable(True)
        for once in (self.back_action, self.info_action, self.toggle_zoom_action):
            once.setAutoRepeat(False)

    def _action(self, text: str, keys: Sequence[str], act: Callable[[], None]) -> QAction:
        action = QAction(text, self)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(act)
        self.addAction(action)
        return action

    def _lay_out(self) -> None:
        self._strip = _Strip(self)
        self._facts = _Facts(self)
        self._facts.hide()
        self.setFocusProxy(self._canvas)
        self.setAccessibleName("Photo viewer")
        self._bar = _Panel(Qt.Edge.BottomEdge, self)
        self._zoom_label = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self._zoom_label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._zoom_label.setMinimumWidth(self._zoom_label.fontMetrics().horizontalAdvance("0000 %"))
        row = QHBoxLayout(self._bar)
        row.setContentsMargins(theme.GRID, theme.GRID // 2, theme.GRID, theme.GRID // 2)
        row.setSpacing(theme.GRID // 2)
        row.addWidget(self._button(self.back_action, Qt.ToolButtonStyle.ToolButtonTextBesideIcon))
        row.addStretch(1)
        row.addWidget(self._button(self.zoom_out_action))
        row.addWidget(self._zoom_label)
        row.addWidget(self._button(self.zoom_in_action))
        row.addSpacing(theme.GRID)
        row.addWidget(self._button(self.fit_action))
        row.addWidget(self._button(self.actual_size_action, Qt.ToolButtonStyle.ToolButtonTextOnly))
        row.addSpacing(theme.GRID)
        row.addWidget(self._button(self.info_action))
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(0)
        grid.addWidget(self._bar, 0, 0, 1, 2)
        grid.addWidget(self._canvas, 1, 0, 2, 2)  # also under strip and facts: they don't move a zoomed photo
        grid.addWidget(self._strip, 2, 0)
        grid.addWidget(self._facts, 1, 1, 2, 1)
        grid.setRowStretch(1, 1)
        grid.setColumnStretch(0, 1)
        self._canvas.zoom_changed.connect(self._zoom_changed)
        self._canvas.box_changed.connect(self._settling.start)
        self._cover()

    def _button(
        self, action: QAction, style: Qt.ToolButtonStyle = Qt.ToolButtonStyle.ToolButtonIconOnly
    ) -> QToolButton:
        button = QToolButton(autoRaise=True, toolButtonStyle=style)
        button.setDefaultAction(action)
        button.setAccessibleName(action.text())
        button.setIconSize(QSize(2 * theme.GRID, 2 * theme.GRID))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the photo
        return button

    def _dress(self) -> None:
        """Put on the scheme's colours and the direction of reading."""
        from_right = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        for action, icon in (
            (self.back_action, "chevron-right" if from_right else "chevron-left"),
            (self.zoom_in_action, "zoom-in"),
            (self.zoom_out_action, "zoom-out"),
            (self.fit_action, "maximize"),
            (self.info_action, "info"),
        ):
            action.setIcon(theme.icon(icon, 2 * theme.GRID))
        back, on = ("Right", "Left") if from_right else ("Left", "Right")
        self.previous_action.setShortcuts([QKeySequence(back), QKeySequence("PgUp")])
        self.next_action.setShortcuts([QKeySequence(on), QKeySequence("PgDown")])
        for action in self.actions():
            key = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            action.setToolTip(names.in_tool_tip(f"{action.text()} ({key})"))

    def _cover(self) -> None:
        """Keep a fitted photo clear of the strip and the facts."""
        width = self._facts.minimumWidth() if self.info_action.isChecked() else 0
        from_right = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        left, right = (width, 0) if from_right else (0, width)
        self._canvas.set_covered(QMargins(left, 0, right, self._strip.minimumHeight()))

    # ---------------------------------------------------------------------------------------- going about

    def _go_back(self) -> None:
        self._go_to(self._row - 1, -1)

    def _go_on(self) -> None:
        self._go_to(self._row + 1, 1)

    def _go_to_first(self) -> None:
        self._go_to(0, 1)

    def _go_to_last(self) -> None:
        self._go_to(self._model.rowCount() - 1, -1)

    def _go_to(self, row: int, travel: int) -> None:
        if self._file is not None and 0 <= row < self._model.rowCount():
            self._travel = travel
            self._show(row)

    def _zoom_in(self) -> None:
        self._canvas.zoom_by(ZOOM_STEP)

    def _zoom_out(self) -> None:
        self._canvas.zoom_by(1 / ZOOM_STEP)

    def _actual_size(self) -> None:
        self._canvas.zoom_to(1.0)

    def _toggle_zoom(self) -> None:
        self._canvas.toggle_zoom()

    def _toggle_facts(self) -> None:
        self._facts.setVisible(self.info_action.isChecked())
        self._cover()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, focused = event.key(), self.focusWidget()
        if key not in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not (
            key == Qt.Key.Key_Space and self._peeking
        ):
            super().keyPressEvent(event)
        elif isinstance(focused, QAbstractButton):
            focused.click()
        elif not event.isAutoRepeat():  # or the key that opened the viewer closes it while it is held
            self.close_page()

    # ----------------------------------------------------------------------------------------- the model

    def _follow_model(self) -> None:
        model = self._model
        model.dataChanged.connect(self._data_changed)
        model.rowsRemoved.connect(self._rows_removed)
        for changed in (model.rowsInserted, model.rowsMoved, model.layoutChanged, model.modelReset):
            changed.connect(self._rows_changed)

    @Slot(QModelIndex, QModelIndex)
    def _data_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        if self._file is None or not first.row() <= self._row <= last.row():
            return
        if self._model.file_at(self._row) != self._file:  # its content is another one now
            self._show(self._row)
        else:
            self._describe()

    @Slot(QModelIndex, int, int)
    def _rows_removed(self, _parent: QModelIndex, first: int, last: int) -> None:
        self._stay_or_go(first if first <= self._row <= last else self._row)

    @Slot()
    def _rows_changed(self) -> None:
        self._stay_or_go(self._row)

    def _stay_or_go(self, neighbour: int) -> None:
        """Stay on the photo wherever it is now; if it is gone, show `neighbour`, or close if none is left."""
        if self._file is None:
            return
        row, count = self._model.row_of(self._file.path), self._model.rowCount()
        if count == 0:
            self._row = -1
            self.close_page()
        else:
            self._show(row if row >= 0 else min(neighbour, count - 1))

    # -------------------------------------------------------------------------------------- what is shown

    def _show(self, row: int) -> None:
        file = self._model.file_at(row)
        other = file != self._file
        self._file, self._row = file, row
        if other:
            self._canvas.show_nothing()
            self._canvas.fit()
            self._settling.start()
            self._show_photo()
        self._describe()
        self._ask()

    def _show_photo(self) -> None:
        """Show the best that there is of the photo by now."""
        assert self._file is not None
        picture = self._pictures.get(self._file)
        if picture is not None and picture.reason:
            self._canvas.show_trouble(
                "This photo can't be shown",
                f"{self._name()} {picture.reason}.",
                "The arrow keys go on to other photos, Esc goes back to the grid.",
            )
        elif picture is not None and picture.levels:
            self._canvas.show_picture(picture.size, picture.levels)
        elif self._thumbnail is not None and self._file.size >= _LARGE_FILE:
            thumbnail = self._thumbnail(self._file)
            if thumbnail is not None and not thumbnail.isNull():
                self._canvas.show_thumbnail(thumbnail)

    def _ask(self) -> None:
        """Wish for what the user sees, then for what they may see next."""
        if self._file is None or not self.isVisible():
            return
        box = self._canvas.box()
        wishes = [Wish(self._file, box)]
        if self._file.size >= _LARGE_FILE:
            wishes.insert(0, Wish(self._file, box, quick=True))
        if self._canvas.lacks_pixels():
            wishes.append(Wish(self._file, None))
        for step in (self._travel, -self._travel, 2 * self._travel):
            if 0 <= self._row + step < self._model.rowCount():
                wishes.append(Wish(self._model.file_at(self._row + step), box))
        if not self._settling.isActive():
            wishes.append(Wish(self._file, None))
        self._pictures.want(wishes)

    @Slot(object)
    def _arrived(self, file: PhotoFile) -> None:
        if file == self._file:
            self._show_photo()
            self._describe()

    @Slot()
    def _zoom_changed(self) -> None:
        zoom = f"{round(100 * self._canvas.zoom())} %"
        self._zoom_label.setText(zoom if self._canvas.can_zoom() else "")
        self._update_actions()
        if self._canvas.lacks_pixels():
            self._ask()

    def _update_actions(self) -> None:
        """Leave enabled what would do something."""
        canvas, is_open = self._canvas, self._file is not None
        can_zoom, zoom = is_open and canvas.can_zoom(), canvas.zoom()
        self.back_action.setEnabled(is_open)
        self.info_action.setEnabled(is_open)
        for action in (self.previous_action, self.first_action):
            action.setEnabled(is_open and self._row > 0)
        for action in (self.next_action, self.last_action):
            action.setEnabled(is_open and self._row + 1 < self._model.rowCount())
        self.zoom_in_action.setEnabled(can_zoom and zoom < HIGHEST_ZOOM)
        self.zoom_out_action.setEnabled(can_zoom and zoom > canvas.lowest_zoom())
        self.fit_action.setEnabled(can_zoom and not canvas.is_fit())
        self.actual_size_action.setEnabled(can_zoom and zoom != 1.0)
        self.toggle_zoom_action.setEnabled(can_zoom)

    # ------------------------------------------------------------------------------------------- in words

    def _describe(self) -> None:
        """Say in words what is shown: strip, facts, screen reader."""
        if self._file is None:
            return
        place = f"{self._row + 1:,} of {self._model.rowCount():,}"
        picture = self._pictures.get(self._file) or Picture()
        zone, probability = self._fact(ZoneRole), self._fact(ProbabilityRole)
        taken = date_in_words(picture.taken or self._fact(TakenRole))
        pixels = size_in_words(picture.size)
        weight = QLocale.c().formattedDataSize(self._file.size, 1, QLocale.DataSizeFormat.DataSizeSIFormat)
        file = f"{weight} {picture.format}".strip()
        folder, score = names.folder_place(self._file.path), self._score_in_words(zone, probability)
        facts = [fact for fact in (taken, picture.camera, pixels, weight) if fact]
        self._strip.show_caption(
            Caption(
                name=self._name(),
                facts="  \N{MIDDLE DOT}  ".join(facts),
                place=place,
                words=score if zone is None else zone.words(self._subject),
                zone=zone,
                probability=probability,
            )
        )
        self._facts.show_facts((score, taken, picture.camera, pixels, file, self._name(), folder))
        self._canvas.setAccessibleName(f"{self._fact(Qt.ItemDataRole.AccessibleTextRole)}; {place}")
        trouble = f"It can't be shown: it {picture.reason}." if picture.reason else ""
        self._canvas.setAccessibleDescription(trouble or ", ".join([*facts, folder]))
        self._update_actions()

    def _fact(self, role: int) -> Any:
        return self._model.data(self._model.index(self._row), role)

    def _name(self) -> str:
        return str(self._fact(Qt.ItemDataRole.DisplayRole))

    def _score_in_words(self, zone: Zone | None, probability: float | None) -> str:
        if zone is None or probability is None:
            return "can't be read" if self._fact(StateRole) is State.UNREADABLE else "no score yet"
        return f"{round(100 * probability)} %: {zone.words(self._subject)}"

    # -------------------------------------------------------------------------------------------- Qt asks

    def showEvent(self, event: QShowEvent) -> None:
        self._ask()

    def hideEvent(self, event: QHideEvent) -> None:
        if not event.spontaneous():  # not for a minimised window, which will be back
            self._pictures.rest()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.LayoutDirectionChange):
            self._dress()
            self._cover()
        super().changeEvent(event)


def date_in_words(taken: str) -> str:
    """2024-09-02T14:03:11 as it is written; "" for what is no date."""
    date = QDateTime.fromString(taken, Qt.DateFormat.ISODate)
    if not date.isValid():
        return ""
    locale = QLocale.c()  # English, like all words here
    return f"{locale.toString(date.date(), 'd MMMM yyyy')}, {locale.toString(date.time(), 'HH:mm')}"


def size_in_words(size: QSize) -> str:
    """Width, height and megapixels; "" for no size."""
    if size.isEmpty():
        return ""
    millions = size.width() * size.height() / 1e6
    times = "\N{MULTIPLICATION SIGN}"
    digits = 0 if millions >= 10 else 1 if millions >= 1 else 2
    return f"{size.width():,} {times} {size.height():,} ({millions:.{digits}f} MP)"
