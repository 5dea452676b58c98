"""A sorting at work: carries out a plan, goes on with one or brings one back, as a job beside the window."""

from __future__ import annotations

import collections
import contextlib
import time
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from PySide6.QtCore import QObject, Signal, Slot

from lennonnet_gui.jobs import Job, Jobs, Lane
from training.sorting import TRASH, Row
from training.sorting_journal import Journal, JournalError
from training.sorting_run import (
    Command,
    Control,
    Counts,
    Events,
    Failed,
    Finished,
    Moved,
    Paused,
    Progress,
    Resumed,
    Settled,
    Skipped,
    Started,
    Stopped,
)

Act = Callable[[Journal, Control], Events]
"""What is done with the journal: `sorting_run.run`, `resume`, `undo` or `settle` with all else given."""

Places = list[tuple[str, str, bytes | None]]
"""Where photos were, where they are now, and what they hold, as far as that is known.

Photos in the trash are not named; of those that came out of it, TRASH is where they were."""

_TELL_S = 0.1  # so often it is told how far it is
_RATE_OVER_S = 4.0


@dataclass(frozen=True, slots=True)
class Tick:
    """How far it is; bytes; photos a second over the last seconds, 0 where that is not known."""

    files: int = 0
    of: int = 0
    bytes: int = 0
    of_bytes: int = 0
    per_second: float = 0.0
    seconds_left: float | None = None
    failed: int = 0
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of it.

    words: what was done, as a sentence, or ""; trouble: why it could not go on, as a sentence, or ""
    failed: paths and what went wrong, as words that follow a name; notes: the same of photos that went all the same
    settled: what was brought to an end first, after a crash; trace: of a failure that nobody foresaw
    done: how many photos were dealt with, as far as that was told; trashed: how many of them went to the trash
    elsewhere: whether any file was put somewhere
    """

    run: int | None = None
    counts: Counts = field(default_factory=Counts)
    words: str = ""
    stopped: bool = False
    trouble: str = ""
    places: Places = field(default_factory=list)
    failed: tuple[tuple[str, str], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    settled: tuple[str, ...] = ()
    trace: str = ""
    done: int = 0
    trashed: int = 0
    elsewhere: bool = False


@dataclass(slots=True)
class _Wish:
    """What is wished of the run; written in the GUI thread and read in the job's."""

    now: Command = "go"

    def read(self) -> Command:
        return self.now


class SortRun(QObject):
    """One run at a time. Its journal is opened in the job, and closed with it."""

    told = Signal(object)
    """Tick"""
    ended = Signal(object)
    """Ended, always and last, unless the program ends"""

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._wish = _Wish()
        self._job: Job | None = None
        self._said: Ended | None = None

    @property
    def running(self) -> bool:
        """Whether something is being sorted or brought back."""
        return self._job is not None

    def start(self, act: Act, *, back: bool = False) -> None:
        """Begin; back: photos go to where they were, as of an undo. Only one at a time."""
        assert self._job is None
        wish = self._wish = _Wish()
        self._said = None
        self._job = self._jobs.start(
            lambda: _carried_out(act, wish, back),
            on_event=self._take,
            on_failed=self._failed,
            on_ended=self._over,
            lane=Lane.DISK,
        )

    @Slot()
    def pause(self) -> None:
        """Wait before the next photo."""
        if self._wish.now == "go":
            self._wish.now = "pause"

    @Slot()
    def go(self) -> None:
        """Go on after a pause."""
        if self._wish.now == "pause":
            self._wish.now = "go"

    @Slot()
    def stop(self) -> None:
        """End cleanly between two photos; what is done stays done, and the rest can be gone on with."""
        self._wish.now = "stop"

    @Slot(object)
    def _take(self, event: Tick | Ended) -> None:
        if isinstance(event, Tick):
            self.told.emit(event)
        else:
            self._said = event

    def _failed(self, error: BaseException, trace: str) -> None:
        self._said = Ended(trouble=f"Something went wrong: {error}", trace=trace)

    @Slot()
    def _over(self) -> None:
        self._job = None
        said, self._said = self._said, None
        if said is not None:
            self.ended.emit(said)


class _Sums:
    """Puts events together: what the window shows of them, and what came of them in the end."""

    def __init__(self, back: bool) -> None:
        self._back = back
        self._of = self._of_bytes = 0
        self._run: int | None = None
        self._at = Progress(0, 0, None)
        self._paused = False
        self._seen: collections.deque[tuple[float, int]] = collections.deque()
        self.places: Places = []
        self.done = self.trashed = 0
        self.elsewhere = False
        self.failed: list[tuple[str, str]] = []
        self.notes: list[tuple[str, str]] = []
        self.settled: list[str] = []
        self.last: Finished | Stopped | None = None

    def take(self, event: object) -> None:
        match event:
            case Moved(row=row, note=note):
                self.places += _places(row, self._back)
                self.done += 1
                self.trashed += row.target == TRASH and not self._back
                self.elsewhere = self.elsewhere or not row.sidecars
                if note:
                    self.notes.append((row.file.path, note))
            case Failed(row=row, why=why):
                self.failed.append((row.file.path, why))
            case Skipped():
                pass
            case Started(run=run, rows=rows, bytes=size):
                self._run, self._of, self._of_bytes = run, rows, size
            case Progress():
                self._at = event
            case Paused():
                self._paused = True
                self._seen.clear()
            case Resumed():
                self._paused = False
            case Settled(words=words):
                self.settled.append(words)
            case Finished() | Stopped():
                self.last = event

    def tick(self, now: float) -> Tick:
        self._seen.append((now, self._at.files))
        while len(self._seen) > 2 and now - self._seen[0][0] > _RATE_OVER_S:
            self._seen.popleft()
        (then, before), rate = self._seen[0], 0.0
        if now - then > _TELL_S:
            rate = (self._at.files - before) / (now - then)
        return Tick(
            self._at.files,
            self._of,
            self._at.bytes,
            self._of_bytes,
            rate,
            self._at.seconds_left,
            len(self.failed),
            self._paused,
        )

    def ended(self, trouble: str = "", trace: str = "") -> Ended:
        last = self.last
        return Ended(
            self._run,
            Counts(moved=self.done, failed=len(self.failed)) if last is None else last.counts,
            "" if last is None else last.words,
            last is None or isinstance(last, Stopped),
            trouble,
            self.places,
            tuple(self.failed),
            tuple(self.notes),
            tuple(self.settled),
            trace,
            self.done,
            self.trashed,
            self.elsewhere,
        )


def _places(row: Row, back: bool) -> Places:
    if row.target is None or row.sidecars or (row.target == TRASH and not back):
        return []
    pairs: Places = [(row.file.path, row.target, row.digest)]
    pairs += [(one.file.path, one.target, None) for one in row.companions]
    return [(new, old, digest) for old, new, digest in pairs] if back else pairs


def _carried_out(act: Act, wish: _Wish, back: bool) -> Generator[Tick | Ended, None, None]:
    sums = _Sums(back)
    trouble = trace = ""
    try:
        with Journal() as journal, contextlib.closing(act(journal, wish.read)) as events:
            due = 0.0
            for event in events:
                sums.take(event)
                now = time.monotonic()
                if now >= due:
                    due = now + _TELL_S
                    yield sums.tick(now)  # closed here if the program ends: the run is stopped then
    except JournalError as error:
        trouble = str(error)
    except KeyError:
        trouble = "That sorting is not in the history any more."
    except Exception as error:  # what was moved has to be told all the same
        trouble, trace = f"Something went wrong: {error}", traceback.format_exc()
    yield sums.ended(trouble, trace)
