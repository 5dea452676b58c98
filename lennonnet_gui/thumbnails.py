"""Thumbnails: what is on screen first, each photo decoded once, kept in memory and on disk.

While photos are being scored, the scoring's own decoded pixels become the thumbnails (`take_from`, `offer`); a
photo that it has no plans for is decoded here, the one asked for last first, and its thumbnail is kept on disk by the
freedesktop thumbnail standard (version 0.9), on Linux in the folder that file managers share.
"""

from __future__ import annotations

import collections
import contextlib
import hashlib
import math
import os
import threading
import urllib.parse
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from PySide6.QtCore import (
    QBuffer,
    QDeadlineTimer,
    QObject,
    QRunnable,
    Qt,
    QThreadPool,
    Signal,
    SignalInstance,
    Slot,
)
from PySide6.QtGui import QImage, QPixmap

from lennonnet_gui.jobs import FOREVER
from training import paths, photos
from training.photos import Photo, PhotoFile, UnreadablePhoto

_SIZES = {256: "large", 512: "x-large", 1024: "xx-large"}  # the standard's names
_MEMORY = 160 << 20  # bytes of pixmaps: some ten screens full
_MOST_WAITING = 400  # some screens full; older requests have scrolled away


@dataclass(slots=True)
class _Kept:
    mtime_ns: int
    size: int  # the bucket that it was made for
    pixmap: QPixmap | None  # None: the photo can't be opened

    def bytes(self) -> int:
        return 0 if self.pixmap is None else 4 * self.pixmap.width() * self.pixmap.height()


class Thumbnails(QObject):
    """Gives out pixmaps at once where it has them, else gets them and says so by `arrived`. For the GUI thread."""

    arrived = Signal(object)  # path; as an object, because Qt's text can't hold every file name

    _made = Signal(object, int, object)  # PhotoFile, bucket, QImage or None

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._kept: collections.OrderedDict[str, _Kept] = collections.OrderedDict()
        self._bytes = 0
        self._size = 256
        self._elsewhere: Container[str] = ()
        self._wanted: frozenset[str] = frozenset()  # replaced as a whole, so that any thread may look into it
        self._requests = _Requests()
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(max(1, os.cpu_count() or 1))
        self._made.connect(self._keep, Qt.ConnectionType.QueuedConnection)

    def pixmap(self, file: PhotoFile, edge: int) -> QPixmap | None:
        """The thumbnail of `file`, about `edge` pixels at its longer side; None while there is none.

        A smaller or outdated one is given out until the right one comes.
        """
        self._size = _bucket(edge)
        kept = self._kept.get(file.path)
        if kept is not None:
            self._kept.move_to_end(file.path)
            if kept.mtime_ns == file.mtime_ns and kept.size >= self._size:
                return kept.pixmap
        if file.path not in self._elsewhere and self._requests.push(file, self._size):
            self._pool.start(_Decoder(self._requests, self._made))
        return None if kept is None else kept.pixmap

    def known(self, file: PhotoFile) -> QPixmap | None:
        """The thumbnail of `file` if there is one already, of whatever size; asks for nothing."""
        kept = self._kept.get(file.path)
        return None if kept is None else kept.pixmap

    def want(self, files: Iterable[PhotoFile]) -> None:
        """Say what is on screen or about to be: the rest need not be decoded for now."""
        self._wanted = frozenset(file.path for file in files)
        self._requests.keep_only(self._wanted)

    def take_from(self, elsewhere: Container[str]) -> None:
        """Leave photos whose paths are in `elsewhere` to somebody who decodes them anyway and will `offer` them."""
        self._elsewhere = elsewhere

    def offer(self, file: PhotoFile, photo: Photo) -> None:
        """Take a decoded photo, on any thread; kept where it is on screen or memory is plenty."""
        if file.path in self._wanted or self._bytes < _MEMORY // 2:
            height, width = photo.pixels.shape[:2]
            whole = max(width, height) >= max(photo.width, photo.height)
            # Pixels that are enough for the network may be too few for a large cell; then it is asked for again.
            size = next(
                (
                    size
                    for size in sorted(_SIZES, reverse=True)
                    if size <= self._size and (whole or max(width, height) > 0.9 * size)
                ),
                min(_SIZES),
            )
            self._made.emit(file, size, to_image(photo.pixels, size))

    def forget(self) -> None:
        """Drop what is waited for; for another folder."""
        self.want(())

    def stop(self, patience: QDeadlineTimer = FOREVER) -> bool:
        """Wait until no thread of this object runs any more, or patience is at its end; whether none does."""
        self._requests.close()
        return self._pool.waitForDone(patience.remainingTime())

    @Slot(object, int, object)
    def _keep(self, file: PhotoFile, size: int, image: QImage | None) -> None:
        self._requests.done(file, size)  # only now, or it would be asked for again in between
        before = self._kept.pop(file.path, None)
        if before is not None:
            self._bytes -= before.bytes()
        kept = _Kept(file.mtime_ns, size, None if image is None else QPixmap.fromImage(image))
        self._kept[file.path] = kept
        self._bytes += kept.bytes()
        while self._bytes > _MEMORY and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].bytes()
        if image is not None:
            self.arrived.emit(file.path)


def _bucket(edge: int) -> int:
    return next((size for size in _SIZES if size >= edge), max(_SIZES))


def to_image(pixels: np.ndarray, longest: int) -> QImage:
    """A (H, W, 3) uint8 picture as an image whose longer side is at most `longest`, ready for the screen."""
    picture = Image.fromarray(pixels)
    ratio = max(picture.size) / longest
    if ratio > 1 and ratio / math.ceil(ratio) > 0.9:
        picture = picture.reduce(math.ceil(ratio))  # whole steps come so near, at a fifth of the time
    picture.thumbnail((longest, longest), Image.Resampling.HAMMING, reducing_gap=None)
    data = picture.tobytes("raw", "BGRX")
    # The image does not own `data`, so it has to be copied.
    return QImage(data, picture.width, picture.height, 4 * picture.width, QImage.Format.Format_RGB32).copy()


class _Requests:
    """What is waited for, the newest first. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[str, tuple[PhotoFile, int]] = {}  # ordered: the newest is last
        self._running: set[tuple[str, int]] = set()
        self._closed = False

    def push(self, file: PhotoFile, size: int) -> bool:
        """Put `file` on top; whether that is news."""
        with self._lock:
            if self._closed or (file.path, size) in self._running:
                return False
            news = self._files.pop(file.path, None) is None
            self._files[file.path] = (file, size)
            while len(self._files) > _MOST_WAITING:
                del self._files[next(iter(self._files))]
            return news

    def keep_only(self, wanted: frozenset[str]) -> None:
        with self._lock:
            self._files = {path: entry for path, entry in self._files.items() if path in wanted}

    def take(self) -> tuple[PhotoFile, int] | None:
        with self._lock:
            if not self._files:
                return None
            file, size = self._files.popitem()[1]
            self._running.add((file.path, size))
            return file, size

    def done(self, file: PhotoFile, size: int) -> None:
        with self._lock:
            self._running.discard((file.path, size))

    def close(self) -> None:
        with self._lock:
            self._files.clear()
            self._closed = True


class _Decoder(QRunnable):
    """Makes one thumbnail on a pool's thread: whichever is first when its turn comes."""

    def __init__(self, requests: _Requests, made: SignalInstance) -> None:
        super().__init__()
        self._requests, self._made = requests, made

    def run(self) -> None:
        if (request := self._requests.take()) is not None:
            image = None
            try:
                image = _thumbnail(*request)
            finally:
                self._made.emit(*request, image)


def _thumbnail(file: PhotoFile, size: int) -> QImage | None:
    """The thumbnail from disk, or made and put there; None where the photo can't be opened."""
    stored = _stored_at(file, size)
    image = _read(stored, file)
    if image is not None:
        return image
    try:
        photo = photos.load(file.path, short_side=2 * size // 3)
    except (UnreadablePhoto, MemoryError):
        return None  # the reason is told by whoever scores the photo
    image = to_image(photo.pixels, size)
    _write(stored, file, image)
    return image


def _uri(path: str) -> str:
    """The address of a photo, escaped exactly as GLib does it, or no other program would find the thumbnail."""
    return "file://" + urllib.parse.quote(os.fsencode(os.path.abspath(path)), safe="/!$&'()*+,:=@~")  # noqa: PTH100


def _stored_at(file: PhotoFile, size: int) -> Path:
    name = hashlib.md5(_uri(file.path).encode(), usedforsecurity=False).hexdigest()
    return paths.thumbnail_dir() / _SIZES[size] / f"{name}.png"


def _read(stored: Path, file: PhotoFile) -> QImage | None:
    image = QImage(str(stored))  # QImageReader.text would take the key for "Thumb", up to its first colon
    if image.text("Thumb::MTime").split(".")[0] != str(file.mtime_ns // 1_000_000_000):
        return None
    return image.convertToFormat(QImage.Format.Format_RGB32)


def _write(stored: Path, file: PhotoFile, image: QImage) -> None:
    """Store a thumbnail as the standard asks: under a temporary name first, for the user's eyes only."""
    image = image.copy()
    image.setText("Thumb::URI", _uri(file.path))
    image.setText("Thumb::MTime", str(file.mtime_ns // 1_000_000_000))
    image.setText("Software", "Lennonnet")
    buffer = QBuffer()  # on a full disk, libpng would say so on stderr for each photo
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG", 85)  # type: ignore[call-overload]
    temporary = stored.with_name(f"{stored.stem}.{os.getpid()}-{threading.get_ident()}.png")
    with contextlib.suppress(OSError):  # a full or read-only disk: it is only a cache
        stored.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            temporary.write_bytes(buffer.data().data())
            temporary.chmod(0o600)
            temporary.replace(stored)
        except OSError:
            temporary.unlink(missing_ok=True)
