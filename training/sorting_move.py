"""Takes photos with their companions where they go, or back, so that a crash at any moment can be settled."""

# Paths are str here, because 100,000 Path objects cost seconds.
# ruff: noqa: PTH120

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

import xxhash

from training import sorting_trash
from training.sorting import TRASH, Action
from training.sorting_batches import (
    CHANGED,
    NO_LINKS,
    NO_SUCH_WAY,
    OFTEN,
    WAITING,
    Batches,
    Halt,
    Job,
    Leg,
    No,
    NotNeeded,
    Otherwise,
    alike,
    are_two,
    facts_of,
    followed,
    name_of,
    nearest,
    opened,
    temporary,
)
from training.sorting_disk import PIECE, Acts, shown, words_of
from training.sorting_events import DONE_WORDS, Control, Event, Events
from training.sorting_journal import Journal, JournalError, Part, Run, Seen, State, Unit, Way
from training.sorting_trash import Trash

_TAKEN = "can’t go there: another file has that name by now"
_NOT_BACK = "can’t go back: another file has its old name by now"


class Mover(Batches):
    """Moves photos, copies them, links them or puts them in the trash, and takes that back."""

    def __init__(self, journal: Journal, run: Run, control: Control, acts: Acts, *, back: bool) -> None:
        super().__init__(journal, run, control, acts, back=back)
        self._ways: dict[int, Way] = {}  # by device, where it can't rename without replacing
        self._apart: set[tuple[str, str]] = set()  # folders between which only copying helps
        self._trash = Trash()

    def _carry(self, batch: list[Job], queue: deque[Unit]) -> Events:
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
                    yield from self._clock.now_and_then()
        if copies and not self.stopped:
            yield from self._copy(copies)

    # -- whether a photo can go

    def _ready(self, unit: Unit) -> Generator[Event, None, Job]:
        """A photo and its companions, looked at just before they go. Raises No and NotNeeded."""
        return (yield from (self._ready_back(unit) if self._back else self._ready_there(unit)))

    def _ready_there(self, unit: Unit) -> Generator[Event, None, Job]:
        action, legs = self._run.action, list[Leg]()
        for part in unit.parts:
            facts = facts_of(part.source)
            if facts is None and part.kind is not None:
                self._drop(part, "isn’t there any more")
                continue
            if facts is None:
                if part.target != TRASH:
                    yield from self._there_already(part)
                raise No("isn’t there any more")
            if stat.S_ISLNK(facts.st_mode):
                if action is Action.MOVE:
                    raise No("is a link to another place, and links are not moved")
                facts = followed(part.source)
            if facts is None or not stat.S_ISREG(facts.st_mode):
                raise No("isn’t a file any more")
            changed = (facts.st_size, facts.st_mtime_ns) != (part.size, part.mtime_ns)
            if part.kind is None and changed and not (yield from self._holds(part.source, part.digest)):
                raise No(CHANGED)
            legs.append(Leg(part, part.source, part.target, facts))
        photo = legs[0]
        if photo.goal == TRASH:
            return Job(unit, legs, Way.TRASH)
        goal_folder, origin_folder = os.path.dirname(photo.goal), os.path.dirname(photo.origin)
        folder = self._identity(goal_folder)
        renamed = goal_folder == origin_folder and are_two(photo.origin, photo.goal)
        if folder is not None and folder == self._identity(origin_folder) and not renamed:
            raise NotNeeded("lies there already")
        for leg in legs:
            there = facts_of(leg.goal)
            if there is not None:
                if leg is photo:
                    yield from self._same_content(leg, there)
                raise No(
                    _TAKEN
                    if leg is photo
                    else f"can’t go there: “{name_of(leg.goal)}” is another file by now"
                )
        device = self._device(goal_folder)
        if action is Action.LINK:
            return Job(unit, legs, Way.LINK)
        if action is Action.COPY:
            way = Way.COPY_CLAIM if self._ways.get(device) is Way.CLAIM else Way.COPY
        else:
            way = self._way(photo, device)
        job = Job(unit, legs, way)
        self._room_for(job, goal_folder, origin_folder)
        return job

    def _ready_back(self, unit: Unit) -> Generator[Event, None, Job]:
        action, legs = self._run.action, list[Leg]()
        for part in unit.parts:
            if part.state is not State.DONE:
                continue  # a companion that was gone when its photo went
            trashed = part.target == TRASH
            if trashed and not part.place:
                part.place = self._trash.find(part.source, part.put)
            facts = facts_of(part.there) if part.there != TRASH else None
            if facts is None and part.kind is not None:
                self._drop(part, _not_there(part))
                continue
            if facts is None:
                before = facts_of(part.source)
                if action is not Action.MOVE:
                    raise NotNeeded("is gone already")
                if before is not None and alike(before, part.put):
                    raise NotNeeded("is back already")
                raise No(_not_there(part))
            same = alike(facts, part.put)
            if (
                trashed and part.put is not None and part.digest is not None
            ):  # another may have its name there
                same = same and facts.st_ino == part.put.number
            changed = not stat.S_ISREG(facts.st_mode) or (
                not same and not (yield from self._holds(part.there, part.digest))
            )
            if changed and part.kind is None:
                raise No("has changed since it was put there")
            if changed:
                raise No(f"stays, because “{name_of(part.there)}” has changed since it was put there")
            legs.append(Leg(part, part.there, part.source, facts))
        if action is not Action.MOVE:
            for leg in legs:
                yield from self._has_original(leg)
            return Job(unit, legs, Way.REMOVE)
        for leg in legs:
            if facts_of(leg.goal) is not None:
                raise No(
                    _NOT_BACK
                    if leg is legs[0]
                    else f"can’t go back: “{name_of(leg.goal)}” is another file by now"
                )
        photo = legs[0]
        folder = os.path.dirname(photo.goal)
        job = Job(unit, legs, self._way(photo, self._device(folder)))
        self._room_for(job, folder, os.path.dirname(photo.origin))
        return job

    def _there_already(self, part: Part) -> Events:
        """Raise NotNeeded if a photo that is gone lies where it goes, as after a run that was carried out before."""
        there = facts_of(part.target)
        if there is None or not stat.S_ISREG(there.st_mode) or there.st_size != part.size:
            return
        if part.digest is None:
            same = there.st_mtime_ns == part.mtime_ns
        else:
            same = yield from self._holds(part.target, part.digest)
        if same:
            raise NotNeeded("is there already")

    def _same_content(self, leg: Leg, there: os.stat_result) -> Events:
        """Raise NotNeeded if what has a photo's new name is the same photo."""
        if not stat.S_ISREG(there.st_mode) or there.st_size != leg.facts.st_size:
            return
        if (there.st_dev, there.st_ino) == (leg.facts.st_dev, leg.facts.st_ino):
            raise NotNeeded(f"is the same photo as “{shown(leg.goal)}”")
        mine = yield from self._digest(leg.origin)
        if mine is not None and mine == (yield from self._digest(leg.goal)):
            raise NotNeeded(f"is the same photo as “{shown(leg.goal)}”")

    def _has_original(self, leg: Leg) -> Events:
        """Raise No unless a copy or link that is to be taken away has its original still."""
        original = followed(leg.goal)
        what = "copy" if self._run.action is Action.COPY else "link"
        name = "" if leg.part.kind is None else f" “{name_of(leg.origin)}”"
        if original is None:
            raise No(f"stays, because the original of the {what}{name} is gone")
        if (original.st_dev, original.st_ino) == (leg.facts.st_dev, leg.facts.st_ino):
            if self._run.action is Action.LINK and are_two(leg.origin, leg.goal):
                return
            raise No(f"stays, because the {what}{name} is its own original")
        if self._run.action is Action.LINK:
            raise No(f"stays, because the original of the {what}{name} is another file by now")
        seen = leg.part.seen
        if seen is not None and alike(original, seen):
            return
        mine = yield from self._digest(leg.origin)
        if mine is None or mine != (yield from self._digest(leg.goal)):
            raise No(f"stays, because its original{name} has changed since")

    def _room_for(self, job: Job, goal_folder: str, origin_folder: str) -> None:
        """Raise No where it is clear beforehand that copying is in vain."""
        if job.way.takes_away and not os.access(origin_folder, os.W_OK | os.X_OK):
            raise No("can’t be taken away: its folder can’t be changed")
        if job.way.copies and hasattr(os, "statvfs"):
            with contextlib.suppress(OSError):
                room = os.statvfs(nearest(goal_folder))
                if room.f_bavail * room.f_frsize < job.to_copy:
                    raise No(f"can’t be {self._verb}: the disk is full")

    def _way(self, photo: Leg, there: int) -> Way:
        folders = os.path.dirname(photo.origin), os.path.dirname(photo.goal)
        if photo.facts.st_dev == there and folders not in self._apart:
            return self._ways.get(there, Way.RENAME)
        return Way.COPY_MOVE_CLAIM if self._ways.get(there) is Way.CLAIM else Way.COPY_MOVE

    def _device(self, folder: str) -> int:
        identity = self._identity(folder)
        if identity is None:
            facts = followed(nearest(folder))
            return facts.st_dev if facts is not None else 0
        return identity[0]

    # -- a photo that is given another name

    def _act(self, job: Job) -> Event | None:
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
                job.note = f"“{name_of(leg.origin)}” can’t be taken away: {words_of(error)}"
                return self._succeed(job, done)
            if job.way is Way.TRASH:
                back = [one for one in reversed(done) if self._trash.take_back(one.part, self._hands)]
                if len(back) < len(done):  # it has to be taken back by hand, so what can't go stays alone
                    job.note = f"“{name_of(leg.origin)}” stays: it {self._why(error, leg)}"
                    gone = [one for one in done if one not in back]
                    for one in gone:
                        one.part.put = one.part.seen
                    return self._succeed(job, gone)
            else:
                self._take_back(done, job.way)
            if job.way not in (Way.REMOVE, Way.TRASH) and self._can_try_again(error, leg, job.way):
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

    def _once_more(self, job: Job, queue: deque[Unit]) -> None:
        job.acting = False
        for leg in job.legs:
            leg.part.state = self._not_done
        queue.appendleft(job.unit)

    def _one(self, leg: Leg, way: Way) -> None:
        if way is Way.REMOVE:
            self._acts.unlink(leg.origin)
            self._touched.add(os.path.dirname(leg.origin))
            return
        if way is Way.TRASH:
            leg.part.place = self._trash.put(leg.origin, leg.part.seen, self._acts)
            self._touched.update(os.path.dirname(path) for path in (leg.origin, leg.part.place) if path)
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

    def _copy(self, jobs: list[Job]) -> Events:
        """Copy photos: all of them are written, then all are on the disk, and only then they get their names."""
        checks: list[tuple[Job, Future[None]]] = []
        ready: list[Job] = []
        # The disk is waited for elsewhere: it can take several files at a time, while the next ones are copied.
        with ThreadPoolExecutor(WAITING, "sorting") as pool:
            try:
                for job in jobs:
                    try:
                        yield from self._stage(job)
                        checks.append((job, pool.submit(self._check, job)))
                    except Halt:
                        break
                    except (No, OSError) as error:
                        yield self._give_up(job, error)
                for job, check in checks:
                    while not wait([check], OFTEN).done:
                        yield from self._clock.now_and_then()
                    try:
                        check.result()
                        ready.append(job)
                    except (No, OSError) as error:
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
            yield from self._clock.now_and_then()

    def _stage(self, job: Job) -> Events:
        verify = self._run.verify or job.way.takes_away
        for leg in job.legs:
            folder = os.path.dirname(leg.goal)
            self._make(folder)
            leg.temporary = temporary(self._run, leg.part, leg.goal)
            job.temporaries.append(leg.temporary)
            with opened(leg.origin) as source:
                before = os.fstat(source)
                if not alike(before, Seen.of(leg.facts)):
                    raise No(CHANGED)
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
                    raise No("has changed while it was copied")
            if digest is not None:
                if leg.part.kind is None and leg.part.digest not in (None, digest):
                    raise No(CHANGED)
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
                    if error.errno not in {*NO_SUCH_WAY, errno.EXDEV, errno.EBADF, errno.EPERM}:
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

    def _check(self, job: Job) -> None:
        """Wait until copies are on the disk, and make sure that what is there is what was read."""
        for leg in job.legs:
            self._acts.flush(leg.temporary)
            if self._run.verify or job.way.takes_away:
                content = xxhash.xxh3_128()
                with opened(leg.temporary) as file:
                    while piece := os.read(file, PIECE):
                        content.update(piece)
                if content.digest() != leg.part.digest:
                    raise No("was not copied rightly: the disk gives back something else")

    def _publish(self, job: Job) -> Event | None:
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

    def _complete(self, job: Job) -> Event:
        """Take the originals away, where they are to be, and tell."""
        for i, leg in enumerate(job.legs):
            leg.part.put = leg.part.staged if not self._back else leg.part.put
            self._touched.add(os.path.dirname(leg.goal))
            if not job.way.takes_away:
                continue
            try:
                now = facts_of(leg.origin)
                if now is None or not alike(now, leg.part.seen):
                    raise No("has changed while it was copied")
                self._acts.unlink(leg.origin)
                self._touched.add(os.path.dirname(leg.origin))
            except (No, OSError) as error:
                why = str(error) if isinstance(error, No) else f"can’t be taken away: {words_of(error)}"
                if i == 0:
                    for one in job.legs:
                        self._remove_copy(one)
                    return self._fail(job.unit, why, job)
                job.note = f"“{name_of(leg.origin)}” {why}; it is in both places now"
        return self._succeed(job, job.legs)

    def _remove_copy(self, leg: Leg) -> None:
        """Take away a copy that has its name already, if it is ours."""
        with contextlib.suppress(OSError):
            there = facts_of(leg.goal)
            if there is not None and leg.part.staged is not None and there.st_ino == leg.part.staged.number:
                self._hands.remove(leg.goal)

    def _give_up(self, job: Job, error: Exception) -> Event:
        for path in job.temporaries:
            self._hands.remove(path)
        why = str(error) if isinstance(error, No) else self._why(error, None)
        return self._fail(job.unit, why, job)

    # -- what came of it

    @property
    def _verb(self) -> str:
        if self._back:
            return "brought back" if self._run.action is Action.MOVE else "taken away"
        return DONE_WORDS[self._run.action]

    def _succeed(self, job: Job, done: Sequence[Leg]) -> Event:
        if self._back:
            for leg in done:
                sorting_trash.forget(leg.part, self._acts)
        return super()._succeed(job, done)

    def _why(self, error: Exception, leg: Leg | None) -> str:
        if isinstance(error, FileExistsError):
            return _NOT_BACK if self._back else _TAKEN
        if self._run.action is Action.LINK and isinstance(error, OSError) and error.errno == errno.EXDEV:
            return "is on another drive, where hard links don’t reach"
        if self._run.action is Action.LINK and isinstance(error, OSError) and error.errno in NO_LINKS:
            return "can’t be linked there: that drive has no hard links, or you have no permission"
        words = words_of(error) if isinstance(error, OSError) else str(error)
        if leg is not None and leg.part.way is Way.TRASH:
            words = sorting_trash.words_of(error)
            return f"can’t be put in the trash: {words}"
        of = "" if leg is None or leg.part.kind is None else f"“{name_of(leg.origin)}”, "
        return f"can’t be {self._verb}: {of}{words}"


def _not_there(part: Part) -> str:
    """Why a file can't be brought back that is not found."""
    if part.target != TRASH:
        return "isn’t where it was put any more"
    if part.place or sorting_trash.can_look():
        return "isn’t in the trash any more"
    return sorting_trash.BY_HAND
