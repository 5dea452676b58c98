"""Photo -> features: the one place that decodes photos in bulk and runs a network on them.

All cores decode photos and run the network on them by turns; what the user looks at goes first.
"""

from __future__ import annotations

import collections
import functools
import os
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from training import photos, torch_runtime
from training.cache import Facts
from training.extractors import Extractor, ExtractorSpec
from training.photos import Photo, PhotoFile, UnreadablePhoto


class Worklist:
    """Photos still to be decoded, in an order that can change while threads take from it.

    Whoever shows photos calls `prefer` with what is on screen; those are taken next. All methods are thread-safe.
    """

    def __init__(self, files: Iterable[PhotoFile]) -> None:
        self._lock = threading.Lock()
        self._pending = {file.path: file for file in files}
        self._order = collections.deque(self._pending)
        self._preferred: collections.deque[str] = collections.deque()
        self._taken: set[str] = set()

    def __len__(self) -> int:
        return len(self._pending)

    def __contains__(self, path: object) -> bool:
        """Whether this photo is still to be decoded, or being decoded now."""
        with self._lock:
            return path in self._pending or path in self._taken

    def prefer(self, paths: Iterable[str]) -> None:
        """Have these photos, in this order, taken before all others; what was preferred before is ordinary again."""
        with self._lock:
            self._preferred = collections.deque(path for path in paths if path in self._pending)

    def waiting(self) -> tuple[str, ...]:
        """The photos that nobody has taken yet."""
        with self._lock:
            return tuple(self._pending)

    def drop(self, paths: Iterable[str]) -> None:
        """Forget photos that need not be decoded any more."""
        with self._lock:
            for path in paths:
                self._pending.pop(path, None)

    def take(self, *, preferred_only: bool = False) -> PhotoFile | None:
        """The photo to decode next; None when all are taken. Whoever takes one says `done` in the end."""
        with self._lock:
            for line in (self._preferred,) if preferred_only else (self._preferred, self._order):
                while line:
                    file = self._pending.pop(line.popleft(), None)
                    if file is not None:
                        self._taken.add(file.path)
                        return file
            return None

    def done(self, path: str) -> None:
        """Note that a taken photo has been decoded, or can't be."""
        with self._lock:
            self._taken.discard(path)


@dataclass(frozen=True, slots=True)
class Features:
    """One photo's features, and the facts that were read on the way; `vector` is (D,) float16, as it is cached."""

    file: PhotoFile
    facts: Facts
    vector: np.ndarray


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A photo that could not be opened; `reason` reads on from its name, as in "is cut off"."""

    file: PhotoFile
    reason: str


Decoded = Callable[[PhotoFile, Photo], None]
_Ready = tuple[PhotoFile, Facts, np.ndarray]


def extract(
    work: Worklist,
    spec: ExtractorSpec,
    load: Callable[[], Extractor],
    *,
    decoded: Decoded | None = None,
    batch: int = 8,
    threads: int | None = None,
) -> Generator[list[Features | Unreadable], None, None]:
    """Decode all of `work` and describe it, a batch at a time.

    `load` is called on the consumer's thread while photos are already being decoded, so that pictures come before
    the network is there. `decoded` is called with each photo as soon as it is open, on the thread that opened it.
    Closing the generator stops the threads within the time of one batch. Raises what `load` raises.
    """
    torch_runtime.map_libraries()
    crew = _Crew(work, spec, decoded, batch, threads or os.cpu_count() or 1)
    try:
        crew.extractor_ready(load())
        yield from crew.results()
    finally:
        crew.dismiss()


_MOST_READY = 128  # decoded photos that wait for the network: 20 MB


class _Crew:
    """Threads that each decode photos and, when enough are decoded for a batch, run the network on it.

    Each thread runs the network on one core. Compared to one network on all cores beside the decoders, no
    core ever waits for another, whether photos are large (nearly all time is decoding) or small (nearly none is).
    """

    def __init__(
        self, work: Worklist, spec: ExtractorSpec, decoded: Decoded | None, batch: int, threads: int
    ) -> None:
        self._work, self._spec, self._decoded, self._batch = work, spec, decoded, batch
        self._extractor: Extractor | None = None
        self._changed = threading.Condition()
        self._ready: collections.deque[_Ready] = collections.deque()  # decoded, to be described
        self._wanted = 1  # the first photos are shown at once; then batches grow to what is efficient
        self._decoding = 0
        self._running = threads
        self._dismissed = False
        self._results: queue.SimpleQueue[list[Features | Unreadable] | BaseException | None] = (
            queue.SimpleQueue()
        )
        self._threads = [
            threading.Thread(target=self._work_on, name=f"photos {i}", daemon=True) for i in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def extractor_ready(self, extractor: Extractor) -> None:
        with self._changed:
            self._extractor = extractor
            self._changed.notify_all()

    def results(self) -> Iterator[list[Features | Unreadable]]:
        """What the threads make, until all is done; an empty list now and then, as a place to cancel."""
        while True:
            try:
                result = self._results.get(timeout=0.25)
            except queue.Empty:
                yield []
                continue
            if result is None:
                return
            if isinstance(result, BaseException):
                raise result
            yield result

    def dismiss(self) -> None:
        """Stop, and wait for the threads."""
        with self._changed:
            self._dismissed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work_on(self) -> None:
        try:
            while (task := self._next()) is not None:
                task()
        except BaseException as error:  # raised again where the results are taken
            self._results.put(error)
        finally:
            with self._changed:
                self._running -= 1
                last = not self._running
                self._changed.notify_all()
            if last:
                self._results.put(None)

    def _next(self) -> Callable[[], None] | None:
        """What this thread does next: run the network, decode a photo, or (None) go home."""
        with self._changed:
            while not self._dismissed:
                if self._extractor is not None and len(self._ready) >= min(self._wanted, _MOST_READY):
                    return self._take_batch()
                # While the network is not there, more are decoded only for somebody who looks at them.
                full = len(self._ready) >= _MOST_READY
                file = self._work.take(preferred_only=full)
                if file is not None:
                    self._decoding += 1
                    return functools.partial(self._decode, file)
                if not full and not self._decoding:
                    if not self._ready:
                        return None
                    if self._extractor is not None:
                        return self._take_batch()
                self._changed.wait(0.05 if full else None)
        return None

    def _take_batch(self) -> Callable[[], None]:
        some = [self._ready.popleft() for _ in range(min(len(self._ready), self._batch))]
        self._wanted = min(self._batch, 2 * self._wanted)
        return functools.partial(self._describe, some)

    def _decode(self, file: PhotoFile) -> None:
        ready: _Ready | None = None
        try:
            photo = photos.load(file.path, short_side=self._spec.short_side)
            if self._decoded is not None:
                self._decoded(file, photo)
            facts = Facts(photo.digest, photo.width, photo.height, photo.taken, photo.camera)
            ready = file, facts, self._spec.prepare(photo.pixels)
        except UnreadablePhoto as error:
            self._results.put([Unreadable(file, error.reason)])
        except MemoryError:
            self._results.put([Unreadable(file, "needs more memory than there is")])
        finally:
            self._work.done(file.path)
            with self._changed:
                self._decoding -= 1
                if ready is not None:
                    self._ready.append(ready)
                self._changed.notify_all()

    def _describe(self, some: list[_Ready]) -> None:
        assert self._extractor is not None
        vectors = self._extractor.run(np.stack([square for _, _, square in some])).astype(np.float16)
        self._results.put([Features(*ready[:2], vector) for ready, vector in zip(some, vectors, strict=True)])
