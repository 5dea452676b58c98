"""Threads that open photos and do something with them, and the list that they take the photos from.

`features` runs a network on whole photos, `faces` looks for faces in them; both hire a crew.
"""

from __future__ import annotations

import collections
import functools
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from training import photos
from training.cache import Facts
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
class Unreadable:
    """A photo that could not be opened; `reason` reads on from its name, as in "is cut off"."""

    file: PhotoFile
    reason: str


Decoded = Callable[[PhotoFile, Photo], None]
Task = Callable[[], None]
Result = TypeVar("Result")


class Dismissed(Exception):
    """Whoever wanted the results doesn't any more: what a task may raise to end early."""


class Crew(Generic[Result]):
    """Threads that open the photos of a worklist and do tasks with them by turns.

    No thread waits for another as long as there is anything to do, whether photos are large (nearly all time is
    decoding) or small (nearly none is). A subclass says what to do next, and what is kept of an opened photo.
    """

    def __init__(
        self, work: Worklist, decoded: Decoded | None, *, short_side: int, threads: int, name: str
    ) -> None:
        """Prepare; `short_side`: how large photos have to be, in pixels; `name`: of the threads, for debuggers."""
        self._work, self._decoded, self._short_side = work, decoded, short_side
        self._changed = threading.Condition()  # held wherever the crew's state is read or changed
        self._busy = 0  # threads whose task will change what is kept
        self._running = threads
        self._dismissed = False
        self._results: queue.SimpleQueue[list[Result | Unreadable] | BaseException | None] = (
            queue.SimpleQueue()
        )
        self._threads = [
            threading.Thread(target=self._work_on, name=f"{name} {i}", daemon=True) for i in range(threads)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def results(self) -> Iterator[list[Result | Unreadable]]:
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

    def is_dismissed(self) -> bool:
        """Whether nobody wants results any more, which a long task asks now and then."""
        return self._dismissed

    def next_task(self) -> tuple[Task | None, float | None]:
        """What a thread does next, asked with `_changed` held; None: nothing just now, but ask again.

        With it, for how many seconds to wait at most, if nothing changes before. Raises StopIteration to send the
        thread home.
        """
        raise NotImplementedError

    def prepared(self, pixels: np.ndarray) -> np.ndarray:
        """What is kept of an opened photo's pixels; called on the thread that opened it."""
        return pixels

    def keep(self, file: PhotoFile, facts: Facts, pixels: np.ndarray) -> None:
        """Keep an opened photo for a later task; called with `_changed` held."""
        raise NotImplementedError

    def _work_on(self) -> None:
        try:
            while (task := self._next()) is not None:
                task()
        except Dismissed:
            pass
        except BaseException as error:  # raised again where the results are taken
            self._results.put(error)
        finally:
            with self._changed:
                self._running -= 1
                last = not self._running
                self._changed.notify_all()
            if last:
                self._results.put(None)

    def _next(self) -> Task | None:
        with self._changed:
            while not self._dismissed:
                try:
                    task, seconds = self.next_task()
                except StopIteration:
                    return None
                if task is not None:
                    return task
                self._changed.wait(seconds)
        return None

    def opening(self, *, preferred_only: bool) -> Task | None:
        """The task to open another photo, if there is one; asked with `_changed` held."""
        file = self._work.take(preferred_only=preferred_only)
        if file is None:
            return None
        self._busy += 1
        return functools.partial(self._open, file)

    def _open(self, file: PhotoFile) -> None:
        kept: tuple[Facts, np.ndarray] | None = None
        try:
            photo = photos.load(file.path, short_side=self._short_side)
            if self._decoded is not None:
                self._decoded(file, photo)
            facts = Facts(photo.digest, photo.width, photo.height, photo.taken, photo.camera)
            kept = facts, self.prepared(photo.pixels)
        except UnreadablePhoto as error:
            self._results.put([Unreadable(file, error.reason)])
        except MemoryError:
            self.no_memory_for(file)
        finally:
            self._work.done(file.path)
            with self._changed:
                self._busy -= 1
                if kept is not None:
                    self.keep(file, *kept)
                self._changed.notify_all()

    def no_memory_for(self, file: PhotoFile) -> None:
        """Tell of a photo that is too large for this computer."""
        self._results.put([Unreadable(file, "needs more memory than there is")])
