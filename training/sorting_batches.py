"""Takes photos one batch after another: puts down what is to be done, lets it be done, and puts down what came of it.

What is done with a photo, `sorting_move` and `sorting_tagging` know. Here is all that they share: the files' facts, the
acts that give a file its name, and the order of things, such that a crash at any moment can be settled.
"""

# Paths are str here, because 100,000 Path objects cost seconds.
# ruff: noqa: PTH116, PTH119, PTH120

from __future__ import annotations

import abc
import contextlib
import errno
import os
import time
import unicodedata
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import xxhash

from training.sorting import Action
from training.sorting_disk import PIECE, Acts, shown, words_of
from training.sorting_events import (
    Control,
    Counts,
    Event,
    Events,
    Failed,
    Moved,
    Paused,
    Progress,
    Resumed,
    Skipped,
)
from training.sorting_journal import Journal, JournalError, Part, Run, Seen, State, Unit, Way

_AT_ONCE = 256  # photos put down in the journal ahead of the acts
_BYTES_AT_ONCE = 128 << 20  # of copies that wait for the disk together
WAITING = 4
"""Files that the disk is waited for at a time."""

OFTEN = 0.05
"""Seconds between two signs of progress."""


NOTHING = os.stat_result([0] * 10)
"""The facts of what is not there."""


def temporary(run: Run, part: Part, goal: str) -> str:
    """The name of a copy as long as it is not whole: in the folder where it goes, and nobody else's."""
    return os.path.join(os.path.dirname(goal), f".lennonnet-{run.token}-{part.row}-{part.part}.part")  # noqa: PTH118


def facts_of(path: str) -> os.stat_result | None:
    """What a look at a name tells, without following links; None if there is nothing of that name.

    Raises OSError where that can't be told.
    """
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise


def followed(path: str) -> os.stat_result | None:
    """What a look at what a name leads to tells; None if that is nothing, or can't be told."""
    try:
        return os.stat(path)
    except OSError:
        return None


def alike(facts: os.stat_result, seen: Seen | None) -> bool:
    """Whether a file is as large and as old as it was."""
    return seen is not None and (facts.st_size, facts.st_mtime_ns) == (seen.size, seen.mtime_ns)


def are_two(one: str, other: str) -> bool:
    """Whether two names of the same file are two indeed, and not one that is reached or written in two ways."""
    if _same_letters(os.path.basename(one)) != _same_letters(os.path.basename(other)):
        return True
    first, second = followed(os.path.dirname(one)), followed(os.path.dirname(other))
    return (
        first is not None
        and second is not None
        and (first.st_dev, first.st_ino) != (second.st_dev, second.st_ino)
    )


def _same_letters(name: str) -> str:
    """What names share that some disks take for the same."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def nearest(folder: str) -> str:
    """A folder, or the nearest one above it that is there."""
    while followed(folder) is None and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    return folder


def name_of(path: str) -> str:
    """A file's name as it is shown."""
    return shown(os.path.basename(path))


@contextlib.contextmanager
def opened(path: str) -> Iterator[int]:
    """A file, open for reading."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        yield file
    finally:
        os.close(file)


class No(Exception):
    """A photo can't go; the message is words that follow its name."""


class NotNeeded(Exception):
    """Nothing has to be done with a photo; the message is words that follow its name."""


class Later(Exception):
    """What comes before has to be done first."""


class Halt(Exception):
    """We were asked to stop in the midst of a copy."""


class Otherwise(Exception):
    """This file system needs another way; nothing is done yet."""

    def __init__(self, way: Way) -> None:
        super().__init__(way)
        self.way = way


@dataclass(slots=True)
class Leg:
    """One file's way: facts are those of the original, or of what is taken away."""

    part: Part
    origin: str
    goal: str
    facts: os.stat_result
    temporary: str = ""


@dataclass(slots=True)
class Job:
    """One photo with its companions, on the way.

    acting: a name may have changed, so that the journal must go on to say that it was
    begun, if we are stopped here; acted: all is done, or taken back
    """

    unit: Unit
    legs: list[Leg]
    way: Way
    note: str = ""
    acting: bool = False
    acted: bool = False
    temporaries: list[str] = field(default_factory=list)

    @property
    def to_copy(self) -> int:
        """Bytes that will be written."""
        return sum(leg.facts.st_size for leg in self.legs) if self.way.copies or self.way is Way.TAG else 0


CHANGED = "has changed since the plan was made"
"""Why a photo stays."""

NO_SUCH_WAY = {
    code
    for name in ("EINVAL", "ENOSYS", "EOPNOTSUPP", "ENOTSUP")
    if (code := getattr(errno, name, None)) is not None
}
NO_LINKS = NO_SUCH_WAY | {errno.EPERM, errno.EMLINK, errno.EACCES}


class Hands:
    """The acts on one photo and its companions, each of which a crash may interrupt anywhere."""

    def __init__(self, acts: Acts) -> None:
        self.acts = acts

    def put(self, origin: str, goal: str, way: Way) -> None:
        """Give a file its new name, only if nothing has it. Raises OSError and Otherwise."""
        if way is Way.RENAME:
            try:
                self.acts.rename(origin, goal)
            except OSError as error:
                if error.errno in NO_SUCH_WAY:
                    raise Otherwise(Way.LINK_MOVE) from error
                raise
        elif way is Way.LINK_MOVE:
            try:
                self.acts.link(origin, goal)
            except FileExistsError:
                raise
            except OSError as error:
                if error.errno in NO_LINKS:
                    raise Otherwise(Way.CLAIM) from error
                raise
            try:
                self.acts.unlink(origin)
            except OSError:
                self.acts.unlink(goal)  # the second name of what still has its first
                raise
        else:
            self.acts.claim(goal)
            try:
                self.acts.replace(origin, goal)
            except OSError:
                if facts_of(goal) is not None and os.lstat(goal).st_size == 0:
                    self.acts.unlink(goal)
                raise

    def put_back(self, legs: Iterable[Leg], way: Way) -> None:
        """Take back what `put` did; what can't be is left where it is, whole."""
        for leg in legs:
            with contextlib.suppress(OSError, Otherwise):
                self.put(leg.goal, leg.origin, way)

    def remove(self, path: str) -> None:
        """Take a file of ours away, if it is there."""
        with contextlib.suppress(OSError):
            self.acts.unlink(path)


class Batches(abc.ABC):
    """Takes photos there, or back, batch by batch: puts down, acts, puts down what came of it with the next batch."""

    def __init__(self, journal: Journal, run: Run, control: Control, acts: Acts, *, back: bool) -> None:
        self._journal = journal
        self._run = run
        self._control = control
        self._acts = acts
        self._hands = Hands(acts)
        self._back = back
        self._begun = State.GOING_BACK if back else State.BEGUN
        self._done = State.UNDONE if back else State.DONE
        self._not_done = State.DONE if back else State.PLANNED
        self._pending: list[Part] = []
        self._touched: set[str] = set()
        self._folders: dict[str, tuple[int, int] | None] = {}
        self._clock = Clock()
        self.moved = self.skipped = self.failed = self.bytes = 0
        self.left = 0
        self.stopped = False

    @property
    def counts(self) -> Counts:
        """What came of the photos so far."""
        return Counts(self.moved, self.skipped, self.failed, self.left, self.bytes)

    def go(self, units: Sequence[Unit]) -> Events:
        """Take these photos there, or back."""
        queue = deque(units)
        self.left = len(queue)
        self._clock.start(len(queue), self.weight(queue))
        batch: list[Job] = []
        try:
            while queue and not self.stopped:
                yield from self._waiting()
                if self.stopped:
                    break
                batch = yield from self._prepared(queue)
                self._note_before(batch)
                yield from self._carry(batch, queue)
        finally:
            self._leave(batch)

    def weight(self, units: Iterable[Unit]) -> int:
        """The bytes of photos and their companions, as far as they are moved or copied."""
        if self._run.action is Action.TAG:
            return 0
        return sum(part.size for unit in units for part in unit.parts)

    @abc.abstractmethod
    def _ready(self, unit: Unit) -> Generator[Event, None, Job]:
        """A photo and its companions, looked at just before they go. Raises No, NotNeeded and Later."""

    @abc.abstractmethod
    def _missing(self, folders: Iterable[str]) -> Iterable[str]:
        """Those of these folders that are not there and will be made, the innermost first."""

    @abc.abstractmethod
    def _carry(self, batch: list[Job], queue: deque[Unit]) -> Events:
        """Do what is put down; what has to be tried in another way goes back to the queue."""

    # -- between two batches

    def _waiting(self) -> Events:
        command = self._control()
        if command == "pause":
            self._flush()
            yield Paused()
            while (command := self._control()) == "pause":
                time.sleep(OFTEN)
                self._clock.skip(OFTEN)
                yield Paused()
            yield Resumed()
        if command in ("stop", "end"):
            self.stopped = True

    def _prepared(self, queue: deque[Unit]) -> Generator[Event, None, list[Job]]:
        """The next photos that can go; the others are told of."""
        batch: list[Job] = []
        copied = 0
        self._folders.clear()
        while queue and len(batch) < _AT_ONCE and copied < _BYTES_AT_ONCE:
            unit = queue[0]
            try:
                job = yield from self._ready(unit)
            except Later:
                break
            except (No, OSError) as error:
                queue.popleft()
                bad = f"can’t be looked at: {words_of(error)}" if isinstance(error, OSError) else str(error)
                yield self._fail(unit, bad)
            except NotNeeded as reason:
                queue.popleft()
                yield self._skip(unit, str(reason))
            else:
                queue.popleft()
                batch.append(job)
                copied += job.to_copy
            yield from self._clock.now_and_then()
        return batch

    def _note_before(self, batch: list[Job]) -> None:
        """Put down what came of the last photos, and what is about to be done with these."""
        parts = []
        for job in batch:
            for leg in job.legs:
                leg.part.state, leg.part.way = self._begun, job.way
                leg.part.seen = None if leg.facts is NOTHING else Seen.of(leg.facts)
                leg.part.staged = None
                parts.append(leg.part)
        folders = self._missing(
            {os.path.dirname(leg.goal) for job in batch for leg in job.legs if job.way is not Way.TRASH}
        )
        self._flush(parts, folders if not self._back else ())

    def _flush(self, parts: Sequence[Part] = (), folders: Iterable[str] = ()) -> None:
        """Put all down that is not put down yet, once it is so on the disk."""
        self._acts.flush_folders(self._touched)
        self._touched.clear()
        if self._pending or parts or folders:
            self._journal.keep(self._run.id, [*self._pending, *parts], folders)
            self._pending.clear()

    def _leave(self, batch: list[Job]) -> None:
        """Put down how far it is; what was begun and not done is as it was."""
        for job in batch:
            if not job.acting:
                for path in job.temporaries:
                    self._hands.remove(path)
                for leg in job.legs:
                    leg.part.state, leg.part.way, leg.part.staged = self._not_done, None, None
                    self._pending.append(leg.part)
        with contextlib.suppress(JournalError):  # what it does not say, the next settling finds out
            self._flush()

    def _drop(self, part: Part, why: str) -> None:
        """Leave out a companion that is gone, and take the photo without it."""
        part.why = why
        part.state = part.state if self._back else State.SKIPPED
        self._pending.append(part)

    def _identity(self, folder: str) -> tuple[int, int] | None:
        """What all names of a folder share; looked up once for each batch."""
        if folder not in self._folders:
            facts = followed(folder)
            self._folders[folder] = None if facts is None else (facts.st_dev, facts.st_ino)
        return self._folders[folder]

    def _holds(self, path: str, digest: bytes | None) -> Generator[Event, None, bool]:
        """Whether a file has the content that is known of it, whatever its time says."""
        return digest is not None and (yield from self._digest(path)) == digest

    def _digest(self, path: str) -> Generator[Event, None, bytes | None]:
        """The XXH3-128 of a file's bytes; None if it can't be read."""
        try:
            with opened(path) as file:
                return (yield from self._hashed(file))
        except OSError:
            return None

    def _hashed(self, file: int) -> Generator[Event, None, bytes]:
        content = xxhash.xxh3_128()
        while piece := os.read(file, PIECE):
            content.update(piece)
            yield from self._clock.now_and_then()
        return content.digest()

    def _between_pieces(self) -> Events:
        """Tell how far it is, and heed what is wished. Raises Halt."""
        yield from self._clock.now_and_then()
        yield from self._waiting()
        if self.stopped:
            raise Halt

    def _write(self, target: int, piece: bytes) -> None:
        rest = memoryview(piece)
        while rest:
            rest = rest[self._acts.write(target, rest) :]

    # -- what came of it

    def _succeed(self, job: Job, done: Sequence[Leg]) -> Event:
        job.acting = job.acted = True
        self.moved += 1
        self.left -= 1
        for leg in job.legs:
            leg.part.state = self._done if leg in done else self._not_done
            leg.part.staged, leg.part.why = None, job.note
            self._pending.append(leg.part)
        if self._run.action is not Action.TAG:
            self.bytes += sum(leg.part.size for leg in job.legs)
        self._clock.did(self.weight([job.unit]), copied=job.way.copies)
        return Moved(job.unit.number, job.unit.row, job.note)

    def _fail(self, unit: Unit, why: str, job: Job | None = None) -> Event:
        if job is not None:
            job.acting = job.acted = True
        self.failed += 1
        self.left -= 1
        for part in unit.parts:
            if part.state is State.GOING_BACK:
                part.state = State.DONE
            elif not self._back:
                part.state = State.FAILED
            part.staged, part.why = None, why
            self._pending.append(part)
        self._clock.did(self.weight([unit]), copied=False)
        return Failed(unit.number, unit.row, why)

    def _skip(self, unit: Unit, why: str) -> Event:
        self.skipped += 1
        self.left -= 1
        for part in unit.parts:
            part.state, part.why = State.UNDONE if self._back else State.SKIPPED, why
            self._pending.append(part)
        self._clock.did(self.weight([unit]), copied=False)
        return Skipped(unit.number, unit.row, why)


class Clock:
    """Says how far it is, now and then, and how long the rest may take."""

    def __init__(self) -> None:
        self._due = time.monotonic() + OFTEN
        self._began = time.monotonic()
        self._total = self._files = 0
        self._bytes = self._all = self._partly = 0
        self._copies = False

    def start(self, files: int, size: int) -> None:
        """Say what there is to do."""
        self._began = time.monotonic()
        self._total, self._all = files, size

    def skip(self, seconds: float) -> None:
        """Leave out a pause."""
        self._began += seconds

    def copied(self, size: int) -> None:
        """So many bytes of a photo more."""
        self._copies = True
        self._partly += size

    def did(self, size: int, *, copied: bool) -> None:
        """One more photo is done."""
        self._files += 1
        self._bytes += size
        if copied:
            self._partly = max(0, self._partly - size)

    def now_and_then(self) -> Iterator[Event]:
        """How far it is, if it was not told just now."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + OFTEN
        done = min(self._bytes + self._partly, self._all)
        part = done / self._all if self._copies and self._all else self._files / max(1, self._total)
        elapsed = now - self._began
        yield Progress(self._files, done, elapsed * (1 - part) / part if part > 0 and elapsed > 0.5 else None)
