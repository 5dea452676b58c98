"""Background jobs: the only threading code of the window.

A job is a generator. It runs on a pool's thread; each value it yields is delivered, in order, in the GUI thread, and
each `yield` is a place where it can be cancelled. How it ended (done, cancelled, failed) comes through the same
door. Each job goes down a lane: one thread runs the network, so that nothing else fights with it over the processor;
one keeps what the user said, in the order in which it was said; others wait for disks, or compute for a moment.
"""

from __future__ import annotations

import contextlib
import os
import threading
import traceback
from collections.abc import Callable, Generator
from enum import Enum, auto
from typing import Any

from PySide6.QtCore import QDeadlineTimer, QObject, QRunnable, Qt, QThreadPool, Signal, SignalInstance, Slot

FOREVER = QDeadlineTimer(QDeadlineTimer.ForeverConstant.Forever)

_KEEPING_MS = 30_000  # what is kept takes milliseconds, but a disk may be asleep

Work = Callable[[], Generator[Any, None, None]]


class Lane(Enum):
    """Where a job runs."""

    DISK = auto()  # several at a time
    NETWORK = auto()  # one after the other: what keeps the processor busy for long
    KEEPING = auto()  # one after the other, always on the same thread, and to the end: what must not be lost


class Job(QObject):
    """One generator at work. The job lives in the GUI thread and owns the signals; its runner only emits them."""

    delivered = Signal(object)
    failed = Signal(object, str)  # the exception and its traceback
    ended = Signal()  # always, and last: done, cancelled or failed

    _yielded = Signal(object)
    _over = Signal(object, str)

    def __init__(self) -> None:
        super().__init__()
        self.running = True
        self._stop = threading.Event()
        self._released = threading.Event()  # the runner will touch the signals no more
        self._yielded.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._over.connect(self._end, Qt.ConnectionType.QueuedConnection)

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called; no event is delivered after that."""
        return self._stop.is_set()

    def cancel(self) -> None:
        """Have the generator closed at its next yield. What it already yielded is not delivered any more."""
        self._stop.set()

    @Slot(object)
    def _deliver(self, value: object) -> None:
        if not self.cancelled:
            self.delivered.emit(value)

    @Slot(object, str)
    def _end(self, error: BaseException | None, trace: str) -> None:
        self.running = False
        if error is not None and not self.cancelled:
            self.failed.emit(error, trace)
        self.ended.emit()


class _Runner(QRunnable):
    """Runs a generator to its end on a pool's thread. It is handed a job's signals and flags, never the job."""

    def __init__(
        self,
        work: Work,
        yielded: SignalInstance,
        over: SignalInstance,
        stop: threading.Event,
        released: threading.Event,
    ) -> None:
        super().__init__()
        self._work, self._yielded, self._over, self._stop, self._released = (
            work,
            yielded,
            over,
            stop,
            released,
        )

    def run(self) -> None:
        error: BaseException | None = None
        trace = ""
        try:
            if not self._stop.is_set():
                with contextlib.closing(self._work()) as values:
                    for value in values:
                        if self._stop.is_set():
                            break
                        self._yielded.emit(value)
        except BaseException as caught:  # whatever it is, the window has to learn that the job is over
            error, trace = caught, traceback.format_exc()
        self._over.emit(error, trace)
        self._released.set()


class Jobs(QObject):
    """Starts jobs, and ends them all with the window."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pools = {lane: QThreadPool(self) for lane in Lane}
        self._pools[Lane.DISK].setMaxThreadCount(max(2, os.cpu_count() or 2))
        for lane in (Lane.NETWORK, Lane.KEEPING):
            self._pools[lane].setMaxThreadCount(1)
            # What torch keeps per thread would be made again for each new thread; SQLite wants to stay on one.
            self._pools[lane].setExpiryTimeout(-1)
        self._jobs: set[Job] = set()

    def start(
        self,
        work: Work,
        *,
        on_event: Callable[[Any], None] | None = None,
        on_failed: Callable[[BaseException, str], None] | None = None,
        on_ended: Callable[[], None] | None = None,
        lane: Lane = Lane.DISK,
    ) -> Job:
        """Run the generator that `work()` returns; callbacks are bound methods, called in the GUI thread."""
        job = Job()
        for signal, callback in ((job.delivered, on_event), (job.failed, on_failed), (job.ended, on_ended)):
            if callback is not None:
                signal.connect(callback)
        self._jobs = {kept for kept in self._jobs if kept.running or not kept._released.is_set()} | {job}
        self._pools[lane].start(_Runner(work, job._yielded, job._over, job._stop, job._released))
        return job

    def busy(self) -> bool:
        """Whether any job is still running."""
        return any(job.running for job in self._jobs)

    def stop(self, patience: QDeadlineTimer = FOREVER) -> bool:
        """Cancel every job and wait until the threads are idle, or patience is at its end; whether they are idle.

        What is being kept is not cancelled but waited for, whatever the patience.
        """
        self._pools[Lane.KEEPING].waitForDone(_KEEPING_MS)
        for job in self._jobs:
            job.cancel()
        idle = [pool.waitForDone(patience.remainingTime()) for pool in self._pools.values()]
        if all(idle):
            self._jobs.clear()
        return all(idle)
