"""Decoded photos for the viewer: made in other threads, the most wanted first, and kept while there is room.

A picture is kept in levels, each half as wide as the one before, and one that just fills the window.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from PySide6.QtCore import QDeadlineTimer, QObject, QSize, QThreadPool, Signal, Slot
from PySide6.QtGui import QImage, QPixmap

from lennonnet_gui.jobs import FOREVER
from training import photos
from training.photos import PhotoFile, UnreadablePhoto

MAX_BYTES = 400_000_000
"""How much of decoded pictures is kept while the viewer is shown."""

KEPT_BYTES = 60_000_000
"""How much of them is kept when it is closed, to open at once where it was closed."""

_THREADS = 2
_SMALLEST_LEVEL = 512


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

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(_THREADS)
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
            self._pool.start(self._bench.work)

    def rest(self) -> None:
        """Decode nothing more, and give back most of the memory."""
        self.want(())
        self._drop_down_to(KEPT_BYTES)

    def stop(self, patience: QDeadlineTimer = FOREVER) -> bool:
        """Drop what is wanted, and wait until no thread of this object runs; False if patience ended before."""
        self.want(())
        return self._pool.waitForDone(patience.remainingTime())

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
