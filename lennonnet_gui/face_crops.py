"""Pictures of faces, cut from their photos: in other threads, the newest wish first, kept while there is room.

A photo is opened once for all of its faces that are wanted, and only as large as they need it.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image
from PySide6.QtCore import QDeadlineTimer, QObject, QThreadPool, Signal, Slot
from PySide6.QtGui import QImage

from lennonnet_gui.jobs import FOREVER
from training import photos
from training.photos import PhotoFile, UnreadablePhoto

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in fractions of the photo's width and height; may stick out of the photo."""

MARGIN = 0.3
"""Of the face's longer side, shown around it on each side."""

MAX_BYTES = 96 << 20
_THREADS = 2
_MOST_WAITING = 600
_LARGEST_SHORT_SIDE = 4096  # tiny faces of crowds come blurred, not from photos decoded in full

_Key = tuple[PhotoFile, Box]


def cut(pixels: np.ndarray, box: Box, edge: int) -> QImage:
    """A square around a face, `edge` pixels wide, out of a photo's (H, W, 3) uint8 pixels; never empty.

    At a photo's border the square is moved into it, so that all of it is photo.
    """
    height, width = pixels.shape[:2]
    left, top, right, bottom = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    side = min(max(right - left, bottom - top, 1.0) * (1 + 2 * MARGIN), width, height)
    x = min(max(0.0, (left + right - side) / 2), width - side)
    y = min(max(0.0, (top + bottom - side) / 2), height - side)
    part = pixels[int(y) : int(np.ceil(y + side)), int(x) : int(np.ceil(x + side))]
    picture = Image.fromarray(np.ascontiguousarray(part))
    picture = picture.resize((edge, edge), Image.Resampling.BICUBIC, reducing_gap=2.0)
    data = picture.convert("RGBA").tobytes("raw", "BGRA")  # not BGRX: Qt's brushes take the X for opacity
    return QImage(data, edge, edge, 4 * edge, QImage.Format.Format_RGB32).copy()  # owns its pixels


def _short_side(boxes: Iterable[Box], edge: int) -> int:
    """How large a photo has to be opened for faces to be cut `edge` pixels wide, by its short side."""
    least = min(max(box[2] - box[0], box[3] - box[1]) for box in boxes)
    wanted = edge / max(1e-3, least * (1 + 2 * MARGIN))
    return math.ceil(min(max(wanted, 64), _LARGEST_SHORT_SIDE))


class _Mail(QObject):
    """The signal by which workers hand over. It has no parent: it lives as long as one may emit it."""

    cut = Signal(object, object)  # list of keys, list of QImage; null ones where the photo can't be read


class _Bench:
    """What is wished for, and the workers' side of it: plain Python, which outlives the window if need be."""

    def __init__(self, mail: _Mail) -> None:
        self._mail = mail
        self._lock = threading.Lock()
        self._wishes: OrderedDict[_Key, int] = OrderedDict()  # edges; the newest is last
        self._busy: set[_Key] = set()

    def push(self, key: _Key, edge: int) -> bool:
        """Wish for a face, before all others; whether that is news."""
        with self._lock:
            if key in self._busy:
                return False
            news = self._wishes.pop(key, None) is None
            self._wishes[key] = edge
            while len(self._wishes) > _MOST_WAITING:
                self._wishes.popitem(last=False)
            return news

    def keep_only(self, keys: Sequence[_Key]) -> None:
        """Forget all other wishes, and order those that stay: the first is the most wanted."""
        with self._lock:
            kept = {key: self._wishes[key] for key in keys if key in self._wishes}
            self._wishes = OrderedDict(reversed(kept.items()))

    def received(self, keys: Iterable[_Key]) -> None:
        with self._lock:
            self._busy.difference_update(keys)

    def work(self) -> None:
        """Cut the face that is wanted most, and with it all others that are wanted of its photo."""
        with self._lock:
            if not self._wishes:
                return
            file, edge = next(reversed(self._wishes))[0], next(reversed(self._wishes.values()))
            keys = [key for key in self._wishes if key[0] == file]
            for key in keys:
                edge = max(edge, self._wishes.pop(key))
            self._busy.update(keys)
        images = [QImage() for _ in keys]
        try:
            pixels = photos.load(file.path, short_side=_short_side((box for _, box in keys), edge)).pixels
            images = [cut(pixels, box, edge) for _, box in keys]
        except (UnreadablePhoto, MemoryError):
            pass  # the grid says of a photo why it can't be read
        except Exception:
            logging.getLogger(__name__).exception("a face could not be cut out")
        with contextlib.suppress(RuntimeError):  # at the program's end Qt may be gone before its workers are
            self._mail.cut.emit(keys, images)


class FaceCrops(QObject):
    """Gives out pictures of faces at once where it has them, else gets them and says so. For the GUI thread."""

    arrived = Signal(object, object)
    """PhotoFile and Box of a face whose picture can be had now."""

    def __init__(self, parent: QObject | None = None, *, edge: int = 96) -> None:
        super().__init__(parent)
        self._edge = edge
        self._kept: OrderedDict[_Key, tuple[int, QImage]] = OrderedDict()
        self._bytes = 0
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(_THREADS)
        mail = _Mail()
        mail.cut.connect(self._receive)
        self._bench = _Bench(mail)
        self.destroyed.connect(functools.partial(self._bench.keep_only, ()))

    def set_edge(self, edge: int) -> None:
        """At least how wide pictures are wanted from now on, in device pixels; who needs them smaller scales them.

        Smaller ones are given out until they come.
        """
        self._edge = max(self._edge, edge)

    def get(self, file: PhotoFile, box: Box) -> QImage | None:
        """A square picture of a face; None: it is asked for, and will come. A null one: its photo can't be read."""
        key = (file, box)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            if kept[0] >= self._edge or kept[1].isNull():
                return kept[1]
        if self._bench.push(key, self._edge):
            self._pool.start(self._bench.work)
        return None if kept is None else kept[1]

    def want(self, faces: Sequence[tuple[PhotoFile, Box]]) -> None:
        """Say which faces are in sight, the most wanted first: no other need be cut now."""
        missing = [key for key in faces if key not in self._kept or self._kept[key][0] < self._edge]
        for key in reversed(missing):
            if not self._null(key) and self._bench.push(key, self._edge):
                self._pool.start(self._bench.work)
        self._bench.keep_only(missing)

    def forget_failures(self) -> None:
        """Try again what could not be read: a disk may be back."""
        for key in [key for key in self._kept if self._null(key)]:
            del self._kept[key]

    def size_in_bytes(self) -> int:
        """What all pictures take in memory."""
        return self._bytes

    def stop(self, patience: QDeadlineTimer = FOREVER) -> bool:
        """Drop what is wanted, and wait until no thread of this object runs; False if patience ended before."""
        self._bench.keep_only(())
        return self._pool.waitForDone(patience.remainingTime())

    def _null(self, key: _Key) -> bool:
        kept = self._kept.get(key)
        return kept is not None and kept[1].isNull()

    @Slot(object, object)
    def _receive(self, keys: list[_Key], images: list[QImage]) -> None:
        self._bench.received(keys)
        for key, image in zip(keys, images, strict=True):
            before = self._kept.pop(key, None)
            self._bytes += image.sizeInBytes() - (before[1].sizeInBytes() if before else 0)
            self._kept[key] = image.width(), image
        while self._bytes > MAX_BYTES and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1][1].sizeInBytes()
        for file, box in keys:
            self.arrived.emit(file, box)
