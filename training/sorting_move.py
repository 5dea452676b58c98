"""Takes photos with their companions where they go, or back, so that a crash at any moment can be settled."""

# Paths are str here, because 100,000 Path objects cost seconds.
# ruff: noqa: PTH116, PTH119, PTH120

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import xxhash

from training.sorting import Action
from training.sorting_disk import PIECE, Acts, shown, words_of
from training.sorting_events import (
    DONE_WORDS,
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
_WAITING = 4  # files that the disk is waited for at a time
_OFTEN = 0.05  # seconds between two signs of progress


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


def parents_differ(one: str, other: str) -> bool:
    """Whether two files lie in different folders, so that two names of the same file are two indeed."""
    first, second = followed(os.path.dirname(one)), followed(os.path.dirname(other))
    return (
        first is not None
        and second is not None
        and (first.st_dev, first.st_ino) != (second.st_dev, second.st_ino)
    )


def _nearest(folder: str) -> str:
    """A folder, or the nearest one above it that is there."""
    while followed(folder) is None and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    return folder


def _name(path: str) -> str:
    return shown(os.path.basename(path))


@contextlib.contextmanager
def opened(path: str) -> Iterator[int]:
    """A file, open for reading."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        yield file
    finally:
        os.close(file)


class _No(Exception):
    """A photo can't go; the message is words that follow its name."""


class _NotNeeded(Exception):
    """Nothing has to be done with a photo; the message is words that follow its name."""


class _Halt(Exception):
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
class _Job:
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
        return sum(leg.facts.st_size for leg in self.legs) if self.way.copies else 0


CHANGED = "has changed since the plan was made"
TAKEN = "can’t go there: another file has that name by now"
NOT_BACK = "can’t go back: another file has its old name by now"
_NO_SUCH_WAY = {
    code
    for name in ("EINVAL", "ENOSYS", "EOPNOTSUPP", "ENOTSUP")
    if (code := getattr(errno, name, None)) is not None
}
_NO_LINKS = _NO_SUCH_WAY | {errno.EPERM, errno.EMLINK, errno.EACCES}


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
                if error.errno in _NO_SUCH_WAY:
                    raise Otherwise(Way.LINK_MOVE) from error
                raise
        elif way is Way.LINK_MOVE:
            try:
                self.acts.link(origin, goal)
            except FileExistsError:
                raise
            except OSError as error:
                if error.errno in _NO_LINKS:
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


class Mover:
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
        self._ways: dict[int, Way] = {}  # by device, where it can't rename without replacing
        self._apart: set[tuple[str, str]] = set()  # folders between which only copying helps
        self._folders: dict[str, tuple[int, int] | None] = {}
        self._clock = _Clock()
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
        self._clock.start(len(queue), sum(part.size for unit in queue for part in unit.parts))
        batch: list[_Job] = []
        try:
            while queue and not self.stopped:
                yield from self._waiting()
                if self.stopped:
                    break
                batch = yield from self._prepared(queue)
                self._note_before(batch)
                copies = [job for job in batch if job.way.copies]
                for job in batch:
                    if not job.way.copies:
                        yield from self._waiting()
                        if self.stopped:
                            break
                        event = self._act(job)
                        if event is None:
                            self._once_more(job, queue)
                        else:
                            yield event
                            yield from self._clock.now_and_then(self.left)
                if copies and not self.stopped:
                    yield from self._copy(copies)
        finally:
            self._leave(batch)

    # -- between two batches

    def _waiting(self) -> Events:
        command = self._control()
        if command == "pause":
            self._flush()
            yield Paused()
            while (command := self._control()) == "pause":
                time.sleep(_OFTEN)
                self._clock.skip(_OFTEN)
                yield Paused()
            yield Resumed()
        if command in ("stop", "end"):
            self.stopped = True

    def _prepared(self, queue: deque[Unit]) -> Generator[Event, None, list[_Job]]:
        """The next photos that can go; the others are told of."""
        batch: list[_Job] = []
        copied = 0
        self._folders.clear()
        while queue and len(batch) < _AT_ONCE and copied < _BYTES_AT_ONCE:
            unit = queue[0]
            try:
                job = yield from self._ready(unit)
            except (_No, OSError) as error:
                queue.popleft()
                bad = f"can’t be looked at: {words_of(error)}" if isinstance(error, OSError) else str(error)
                yield self._fail(unit, bad)
            except _NotNeeded as reason:
                queue.popleft()
                yield self._skip(unit, str(reason))
            else:
                queue.popleft()
                batch.append(job)
                copied += job.to_copy
            yield from self._clock.now_and_then(self.left)
        return batch

    def _note_before(self, batch: list[_Job]) -> None:
        """Put down what came of the last photos, and what is about to be done with these."""
        parts = []
        for job in batch:
            for leg in job.legs:
                leg.part.state, leg.part.way = self._begun, job.way
                leg.part.seen, leg.part.staged = Seen.of(leg.facts), None
                parts.append(leg.part)
        folders = self._missing({os.path.dirname(leg.goal) for job in batch for leg in job.legs})
        self._flush(parts, folders if not self._back else ())

    def _flush(self, parts: Sequence[Part] = (), folders: Iterable[str] = ()) -> None:
        """Put all down that is not put down yet, once it is so on the disk."""
        self._acts.flush_folders(self._touched)
        self._touched.clear()
        if self._pending or parts or folders:
            self._journal.keep(self._run.id, [*self._pending, *parts], folders)
            self._pending.clear()

    def _leave(self, batch: list[_Job]) -> None:
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

    # -- whether a photo can go

    def _ready(self, unit: Unit) -> Generator[Event, None, _Job]:
        """A photo and its companions, looked at just before they go. Raises _No and _NotNeeded."""
        return (yield from (self._ready_back(unit) if self._back else self._ready_there(unit)))

    def _ready_there(self, unit: Unit) -> Generator[Event, None, _Job]:
        action, legs = self._run.action, list[Leg]()
        for part in unit.parts:
            facts = facts_of(part.source)
            if facts is None and part.kind is not None:
                self._drop(part, "isn’t there any more")
                continue
            if facts is None:
                yield from self._there_already(part)
                raise _No("isn’t there any more")
            if stat.S_ISLNK(facts.st_mode):
                if action is Action.MOVE:
                    raise _No("is a link to another place, and links are not moved")
                facts = followed(part.source)
            if facts is None or not stat.S_ISREG(facts.st_mode):
                raise _No("isn’t a file any more")
            changed = (facts.st_size, facts.st_mtime_ns) != (part.size, part.mtime_ns)
            if part.kind is None and changed and not (yield from self._holds(part.source, part.digest)):
                raise _No(CHANGED)
            legs.append(Leg(part, part.source, part.target, facts))
        photo = legs[0]
        goal_folder = os.path.dirname(photo.goal)
        folder = self._identity(goal_folder)
        if folder is not None and folder == self._identity(os.path.dirname(photo.origin)):
            raise _NotNeeded("lies there already")
        for leg in legs:
            there = facts_of(leg.goal)
            if there is not None:
                if leg is photo:
                    yield from self._same_content(leg, there)
                raise _No(
                    TAKEN if leg is photo else f"can’t go there: “{_name(leg.goal)}” is another file by now"
                )
        device = self._device(goal_folder)
        if action is Action.LINK:
            return _Job(unit, legs, Way.LINK)
        if action is Action.COPY:
            way = Way.COPY_CLAIM if self._ways.get(device) is Way.CLAIM else Way.COPY
        else:
            way = self._way(photo, device)
        job = _Job(unit, legs, way)
        self._room_for(job, goal_folder, os.path.dirname(photo.origin))
        return job

    def _ready_back(self, unit: Unit) -> Generator[Event, None, _Job]:
        action, legs = self._run.action, list[Leg]()
        for part in unit.parts:
            if part.state is not State.DONE:
                continue  # a companion that was gone when its photo went
            facts = facts_of(part.target)
            if facts is None and part.kind is not None:
                self._drop(part, "isn’t where it was put any more")
                continue
            if facts is None:
                before = facts_of(part.source)
                if action is not Action.MOVE:
                    raise _NotNeeded("is gone already")
                if before is not None and alike(before, part.put):
                    raise _NotNeeded("is back already")
                raise _No("isn’t where it was put any more")
            changed = not stat.S_ISREG(facts.st_mode) or (
                not alike(facts, part.put) and not (yield from self._holds(part.target, part.digest))
            )
            if changed and part.kind is None:
                raise _No("has changed since it was put there")
            if changed:
                raise _No(f"stays, because “{_name(part.target)}” has changed since it was put there")
            legs.append(Leg(part, part.target, part.source, facts))
        if action is not Action.MOVE:
            for leg in legs:
                yield from self._has_original(leg)
            return _Job(unit, legs, Way.REMOVE)
        for leg in legs:
            if facts_of(leg.goal) is not None:
                raise _No(
                    NOT_BACK
                    if leg is legs[0]
                    else f"can’t go back: “{_name(leg.goal)}” is another file by now"
                )
        photo = legs[0]
        folder = os.path.dirname(photo.goal)
        job = _Job(unit, legs, self._way(photo, self._device(folder)))
        self._room_for(job, folder, os.path.dirname(photo.origin))
        return job

    def _drop(self, part: Part, why: str) -> None:
        """Leave out a companion that is gone, and take the photo without it."""
        part.why = why
        part.state = part.state if self._back else State.SKIPPED
        self._pending.append(part)

    def _there_already(self, part: Part) -> Events:
        """Raise _NotNeeded if a photo that is gone lies where it goes, as after a run that was carried out before."""
        there = facts_of(part.target)
        if there is None or not stat.S_ISREG(there.st_mode) or there.st_size != part.size:
            return
        if part.digest is None:
            same = there.st_mtime_ns == part.mtime_ns
        else:
            same = yield from self._holds(part.target, part.digest)
        if same:
            raise _NotNeeded("is there already")

    def _same_content(self, leg: Leg, there: os.stat_result) -> Events:
        """Raise _NotNeeded if what has a photo's new name is the same photo."""
        if not stat.S_ISREG(there.st_mode) or there.st_size != leg.facts.st_size:
            return
        if (there.st_dev, there.st_ino) == (leg.facts.st_dev, leg.facts.st_ino):
            raise _NotNeeded(f"is the same photo as “{shown(leg.goal)}”")
        mine = yield from self._digest(leg.origin)
        if mine is not None and mine == (yield from self._digest(leg.goal)):
            raise _NotNeeded(f"is the same photo as “{shown(leg.goal)}”")

    def _has_original(self, leg: Leg) -> Events:
        """Raise _No unless a copy or link that is to be taken away has its original still."""
        original = followed(leg.goal)
        what = "copy" if self._run.action is Action.COPY else "link"
        name = "" if leg.part.kind is None else f" “{_name(leg.origin)}”"
        if original is None:
            raise _No(f"stays, because the original of the {what}{name} is gone")
        if (original.st_dev, original.st_ino) == (leg.facts.st_dev, leg.facts.st_ino):
            if self._run.action is Action.LINK and parents_differ(leg.origin, leg.goal):
                return
            raise _No(f"stays, because the {what}{name} is its own original")
        if self._run.action is Action.LINK:
            raise _No(f"stays, because the original of the {what}{name} is another file by now")
        seen = leg.part.seen
        if seen is not None and alike(original, seen):
            return
        mine = yield from self._digest(leg.origin)
        if mine is None or mine != (yield from self._digest(leg.goal)):
            raise _No(f"stays, because its original{name} has changed since")

    def _room_for(self, job: _Job, goal_folder: str, origin_folder: str) -> None:
        """Raise _No where it is clear beforehand that copying is in vain."""
        if job.way.takes_away and not os.access(origin_folder, os.W_OK | os.X_OK):
            raise _No("can’t be taken away: its folder can’t be changed")
        if job.way.copies and hasattr(os, "statvfs"):
            with contextlib.suppress(OSError):
                room = os.statvfs(_nearest(goal_folder))
                if room.f_bavail * room.f_frsize < job.to_copy:
                    raise _No(f"can’t be {self._verb}: the disk is full")

    def _way(self, photo: Leg, there: int) -> Way:
        folders = os.path.dirname(photo.origin), os.path.dirname(photo.goal)
        if photo.facts.st_dev == there and folders not in self._apart:
            return self._ways.get(there, Way.RENAME)
        return Way.COPY_MOVE_CLAIM if self._ways.get(there) is Way.CLAIM else Way.COPY_MOVE

    def _identity(self, folder: str) -> tuple[int, int] | None:
        """What all names of a folder share; looked up once for each batch."""
        if folder not in self._folders:
            facts = followed(folder)
            self._folders[folder] = None if facts is None else (facts.st_dev, facts.st_ino)
        return self._folders[folder]

    def _device(self, folder: str) -> int:
        identity = self._identity(folder)
        if identity is None:
            facts = followed(_nearest(folder))
            return facts.st_dev if facts is not None else 0
        return identity[0]

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
            yield from self._clock.now_and_then(self.left)
        return content.digest()

    # -- a photo that is given another name

    def _act(self, job: _Job) -> Event | None:
        """Move, link or remove a photo with its companions, all or none; None if it has to be tried in another way."""
        done: list[Leg] = []
        job.acting = True
        try:
            for leg in job.legs:
                self._one(leg, job.way)
                done.append(leg)
        except Otherwise as other:
            self._take_back(done, job.way)
            self._ways[self._device(os.path.dirname(leg.goal))] = other.way
            return None
        except OSError as error:
            if job.way is Way.REMOVE and done:  # what is taken away is gone, as it was to be
                job.note = f"“{_name(leg.origin)}” can’t be taken away: {words_of(error)}"
                return self._succeed(job, done)
            self._take_back(done, job.way)
            if job.way is not Way.REMOVE and self._can_try_again(error, leg, job.way):
                return None
            return self._fail(job.unit, self._why(error, leg), job)
        for leg in job.legs:
            leg.part.put = leg.part.seen if not self._back else leg.part.put
        return self._succeed(job, job.legs)

    def _can_try_again(self, error: OSError, leg: Leg, way: Way) -> bool:
        """Whether what failed may be done in another way; says so to those that come after."""
        folder = os.path.dirname(leg.goal)
        if error.errno == errno.EXDEV and way is not Way.LINK:  # one device, and yet two file systems
            self._apart.add((os.path.dirname(leg.origin), folder))
            return True
        if error.errno == errno.ENOENT and self._folders.get(folder) and not os.path.isdir(folder):  # noqa: PTH112
            self._folders.clear()  # somebody took the folder away meanwhile: it is made again
            return True
        if error.errno == errno.EINVAL:  # it was the name, and not the way
            self._ways.pop(self._device(folder), None)
        return False

    def _once_more(self, job: _Job, queue: deque[Unit]) -> None:
        job.acting = False
        for leg in job.legs:
            leg.part.state = self._not_done
        queue.appendleft(job.unit)

    def _one(self, leg: Leg, way: Way) -> None:
        if way is Way.REMOVE:
            self._acts.unlink(leg.origin)
            self._touched.add(os.path.dirname(leg.origin))
            return
        folder = os.path.dirname(leg.goal)
        self._make(folder)
        if way is Way.LINK:
            self._acts.link(os.path.realpath(leg.origin), leg.goal)
        else:
            self._hands.put(leg.origin, leg.goal, way)
            self._touched.add(os.path.dirname(leg.origin))
        self._touched.add(folder)

    def _take_back(self, done: list[Leg], way: Way) -> None:
        if way is Way.LINK:
            for leg in done:
                self._hands.remove(leg.goal)
        elif way is not Way.REMOVE:
            self._hands.put_back(reversed(done), way)

    def _make(self, folder: str) -> None:
        """Make a folder, and those above it."""
        if self._identity(folder) is not None:
            return
        for one in reversed(list(self._missing([folder]))):
            with contextlib.suppress(FileExistsError):
                self._acts.mkdir(one)
            self._touched.add(os.path.dirname(one))
        self._folders.pop(folder, None)
        if not os.path.isdir(folder):  # noqa: PTH112
            raise NotADirectoryError(errno.ENOTDIR, "a file has the name of its folder", folder)

    def _missing(self, folders: Iterable[str]) -> dict[str, None]:
        """Those of these folders, and of the ones above them, that are not there, the innermost first."""
        missing: dict[str, None] = {}
        for folder in folders:
            while folder not in missing and self._identity(folder) is None:
                missing[folder] = None
                up = os.path.dirname(folder)
                if up == folder:
                    break
                folder = up
        return dict.fromkeys(sorted(missing, key=lambda path: (-path.count(os.sep), path)))

    # -- photos that are copied

    def _copy(self, jobs: list[_Job]) -> Events:
        """Copy photos: all of them are written, then all are on the disk, and only then they get their names."""
        checks: list[tuple[_Job, Future[None]]] = []
        ready: list[_Job] = []
        # The disk is waited for elsewhere: it can take several files at a time, while the next ones are copied.
        with ThreadPoolExecutor(_WAITING, "sorting") as pool:
            try:
                for job in jobs:
                    try:
                        yield from self._stage(job)
                        checks.append((job, pool.submit(self._check, job)))
                    except _Halt:
                        break
                    except (_No, OSError) as error:
                        yield self._give_up(job, error)
                for job, check in checks:
                    while not wait([check], _OFTEN).done:
                        yield from self._clock.now_and_then(self.left)
                    try:
                        check.result()
                        ready.append(job)
                    except (_No, OSError) as error:
                        yield self._give_up(job, error)
            finally:
                pool.shutdown(cancel_futures=True)
        if not ready:
            return
        self._journal.keep(self._run.id, [leg.part for job in ready for leg in job.legs])
        events: list[Event] = []
        published = []
        for job in ready:  # no one can stop us here
            failed = self._publish(job)
            if failed is None:
                published.append(job)
            else:
                events.append(failed)
        # Not before the copies have their names on the disk, the originals are taken away.
        self._acts.flush_folders({os.path.dirname(leg.goal) for job in published for leg in job.legs})
        events += [self._complete(job) for job in published]
        for event in events:
            yield event
            yield from self._clock.now_and_then(self.left)

    def _stage(self, job: _Job) -> Events:
        verify = self._run.verify or job.way.takes_away
        for leg in job.legs:
            folder = os.path.dirname(leg.goal)
            self._make(folder)
            leg.temporary = temporary(self._run, leg.part, leg.goal)
            job.temporaries.append(leg.temporary)
            with opened(leg.origin) as source:
                before = os.fstat(source)
                if not alike(before, Seen.of(leg.facts)):
                    raise _No(CHANGED)
                try:
                    target = self._acts.create(leg.temporary)
                except FileExistsError:  # a crash left it
                    self._acts.unlink(leg.temporary)
                    target = self._acts.create(leg.temporary)
                try:
                    if verify:
                        digest = yield from self._copied_and_hashed(source, target)
                    else:
                        digest = None
                        yield from self._copied(source, target)
                    self._acts.dress(leg.origin, before, target, leg.temporary)
                    written = os.fstat(target)
                    self._acts.begin_writing(target)
                finally:
                    os.close(target)
                if not alike(os.fstat(source), Seen.of(before)) or written.st_size != before.st_size:
                    raise _No("has changed while it was copied")
            if digest is not None:
                if leg.part.kind is None and leg.part.digest not in (None, digest):
                    raise _No(CHANGED)
                leg.part.digest = digest
            leg.part.staged = Seen.of(written)

    def _copied_and_hashed(self, source: int, target: int) -> Generator[Event, None, bytes]:
        content = xxhash.xxh3_128()
        while piece := os.read(source, PIECE):
            content.update(piece)
            self._write(target, piece)
            self._clock.copied(len(piece))
            yield from self._between_pieces()
        return content.digest()

    def _copied(self, source: int, target: int) -> Events:
        by_system = True
        while True:
            if by_system:
                try:
                    length = self._acts.copy_piece(source, target)
                except OSError as error:
                    if error.errno not in {*_NO_SUCH_WAY, errno.EXDEV, errno.EBADF, errno.EPERM}:
                        raise
                    by_system = False
                    continue
            else:
                piece = os.read(source, PIECE)
                length = len(piece)
                self._write(target, piece)
            if not length:
                if by_system and os.lseek(source, 0, os.SEEK_CUR) == 0:
                    by_system = False  # some file systems of the kernel's own say 0 for all
                    continue
                return
            self._clock.copied(length)
            yield from self._between_pieces()

    def _between_pieces(self) -> Events:
        """Tell how far it is, and heed what is wished. Raises _Halt."""
        yield from self._clock.now_and_then(self.left)
        yield from self._waiting()
        if self.stopped:
            raise _Halt

    def _write(self, target: int, piece: bytes) -> None:
        rest = memoryview(piece)
        while rest:
            rest = rest[self._acts.write(target, rest) :]

    def _check(self, job: _Job) -> None:
        """Wait until copies are on the disk, and make sure that what is there is what was read."""
        for leg in job.legs:
            self._acts.flush(leg.temporary)
            if self._run.verify or job.way.takes_away:
                content = xxhash.xxh3_128()
                with opened(leg.temporary) as file:
                    while piece := os.read(file, PIECE):
                        content.update(piece)
                if content.digest() != leg.part.digest:
                    raise _No("was not copied rightly: the disk gives back something else")

    def _publish(self, job: _Job) -> Event | None:
        """Give copies their names; what failed, or None."""
        done: list[Leg] = []
        job.acting = True
        try:
            for leg in job.legs:
                while True:
                    device = self._device(os.path.dirname(leg.goal))
                    way = self._ways.get(device, Way.RENAME)
                    if way is Way.CLAIM and not job.way.claims:
                        job.way = job.way.claiming()
                        for one in job.legs:
                            one.part.way = job.way
                        self._journal.keep(self._run.id, [one.part for one in job.legs])
                    try:
                        self._hands.put(leg.temporary, leg.goal, way)
                        break
                    except Otherwise as other:
                        self._ways[device] = other.way
                done.append(leg)
        except (OSError, JournalError) as error:
            for one in done:
                self._remove_copy(one)
            if isinstance(error, JournalError):
                job.acting = False
                raise
            return self._give_up(job, error)
        job.temporaries.clear()
        return None

    def _complete(self, job: _Job) -> Event:
        """Take the originals away, where they are to be, and tell."""
        for i, leg in enumerate(job.legs):
            leg.part.put = leg.part.staged if not self._back else leg.part.put
            self._touched.add(os.path.dirname(leg.goal))
            if not job.way.takes_away:
                continue
            try:
                now = facts_of(leg.origin)
                if now is None or not alike(now, leg.part.seen):
                    raise _No("has changed while it was copied")
                self._acts.unlink(leg.origin)
                self._touched.add(os.path.dirname(leg.origin))
            except (_No, OSError) as error:
                why = str(error) if isinstance(error, _No) else f"can’t be taken away: {words_of(error)}"
                if i == 0:
                    for one in job.legs:
                        self._remove_copy(one)
                    return self._fail(job.unit, why, job)
                job.note = f"“{_name(leg.origin)}” {why}; it is in both places now"
        return self._succeed(job, job.legs)

    def _remove_copy(self, leg: Leg) -> None:
        """Take away a copy that has its name already, if it is ours."""
        with contextlib.suppress(OSError):
            there = facts_of(leg.goal)
            if there is not None and leg.part.staged is not None and there.st_ino == leg.part.staged.number:
                self._hands.remove(leg.goal)

    def _give_up(self, job: _Job, error: Exception) -> Event:
        for path in job.temporaries:
            self._hands.remove(path)
        why = str(error) if isinstance(error, _No) else self._why(error, None)
        return self._fail(job.unit, why, job)

    # -- what came of it

    @property
    def _verb(self) -> str:
        if self._back:
            return "brought back" if self._run.action is Action.MOVE else "taken away"
        return DONE_WORDS[self._run.action]

    def _why(self, error: Exception, leg: Leg | None) -> str:
        if isinstance(error, FileExistsError):
            return NOT_BACK if self._back else TAKEN
        if self._run.action is Action.LINK and isinstance(error, OSError) and error.errno == errno.EXDEV:
            return "is on another drive, where hard links don’t reach"
        if self._run.action is Action.LINK and isinstance(error, OSError) and error.errno in _NO_LINKS:
            return "can’t be linked there: that drive has no hard links, or you have no permission"
        words = words_of(error) if isinstance(error, OSError) else str(error)
        of = "" if leg is None or leg.part.kind is None else f"“{_name(leg.origin)}”, "
        return f"can’t be {self._verb}: {of}{words}"

    def _succeed(self, job: _Job, done: Sequence[Leg]) -> Event:
        job.acting = job.acted = True
        self.moved += 1
        self.left -= 1
        for leg in job.legs:
            leg.part.state = self._done if leg in done else self._not_done
            leg.part.staged, leg.part.why = None, job.note
            self._pending.append(leg.part)
            self.bytes += leg.part.size
        self._clock.did(job.unit, copied=job.way.copies)
        return Moved(job.unit.number, job.unit.row, job.note)

    def _fail(self, unit: Unit, why: str, job: _Job | None = None) -> Event:
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
        self._clock.did(unit, copied=False)
        return Failed(unit.number, unit.row, why)

    def _skip(self, unit: Unit, why: str) -> Event:
        self.skipped += 1
        self.left -= 1
        for part in unit.parts:
            part.state, part.why = State.UNDONE if self._back else State.SKIPPED, why
            self._pending.append(part)
        self._clock.did(unit, copied=False)
        return Skipped(unit.number, unit.row, why)


class _Clock:
    """Says how far it is, now and then, and how long the rest may take."""

    def __init__(self) -> None:
        self._due = time.monotonic() + _OFTEN
        self._began = time.monotonic()
        self._total = self._files = 0
        self._bytes = self._all = self._partly = 0
        self._copies = False

    def start(self, files: int, size: int) -> None:
        self._began = time.monotonic()
        self._total, self._all = files, size

    def skip(self, seconds: float) -> None:
        """Leave out a pause."""
        self._began += seconds

    def copied(self, size: int) -> None:
        self._copies = True
        self._partly += size

    def did(self, unit: Unit, *, copied: bool) -> None:
        size = sum(part.size for part in unit.parts)
        self._files += 1
        self._bytes += size
        if copied:
            self._partly = max(0, self._partly - size)

    def now_and_then(self, left: int) -> Iterator[Event]:
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + _OFTEN
        done = min(self._bytes + self._partly, self._all)
        part = done / self._all if self._copies and self._all else self._files / max(1, self._total)
        elapsed = now - self._began
        yield Progress(self._files, done, elapsed * (1 - part) / part if part > 0 and elapsed > 0.5 else None)
