"""Puts tags into sidecars, and takes that back, so that neither a crash nor another program's change loses a byte.

A sidecar's new bytes are written under a name of our own and waited for, and only then the two change their names, in
one step: what comes out is looked at, and if it is not what the tags were put into, both go back. The journal has the
old bytes before that.
"""

# Paths are str here, because 100,000 Path objects cost seconds.
# ruff: noqa: PTH120

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass

import xxhash

from training.sorting_batches import (
    CHANGED,
    NO_SUCH_WAY,
    NOTHING,
    Batches,
    Hands,
    Job,
    Later,
    Leg,
    No,
    NotNeeded,
    Otherwise,
    facts_of,
    followed,
    name_of,
    temporary,
)
from training.sorting_disk import Acts, read_small, words_of
from training.sorting_events import Control, Event, Events
from training.sorting_journal import Journal, Part, Run, Seen, Unit, Way
from training.sorting_tags import sidecar_words
from training.xmp_tags import Tags, UnreadableSidecar, UnusableTag, merge, read

_MEANWHILE = "was changed by another program at the same time, and was left as that wrote it"


@dataclass(slots=True)
class _Edit(Leg):
    """A sidecar on its way from `old` to `new`; None: it is not there.

    like: whose permissions a new one gets; made: whether what lies under the temporary name was put there by us
    """

    old: bytes | None = None
    new: bytes | None = None
    like: os.stat_result = NOTHING
    made: bool = False


class _Meanwhile(OSError):
    """Somebody else changed a sidecar at the same moment; it is as they left it."""


class _Editor:
    """The acts on one sidecar, each of which a crash may interrupt anywhere."""

    def __init__(self, acts: Acts) -> None:
        self._acts = acts
        self._hands = Hands(acts)

    def stage(self, edit: _Edit) -> None:
        """Write what a sidecar is to hold, under a name of our own."""
        if edit.new is None or edit.new == edit.old:
            return
        try:
            file = self._acts.create(edit.temporary)
        except FileExistsError:
            edit.temporary = (
                ""  # what lies there is not ours: a change of somebody's that could not be put back
            )
            raise
        edit.made = True
        try:
            rest = memoryview(edit.new)
            while rest:
                rest = rest[self._acts.write(file, rest) :]
            if edit.old is None:
                self._acts.permit(file, edit.like)
            else:  # its time is a new one, so that other programs see that it has changed
                self._acts.dress(edit.goal, edit.facts, file, edit.temporary, times=False)
            edit.part.staged = Seen.of(os.fstat(file))
        finally:
            os.close(file)

    def publish(self, edit: _Edit) -> None:
        """Let a sidecar be what it is to be. Raises OSError, and _Meanwhile; it is what it was then."""
        if edit.new == edit.old:
            return
        if edit.new is None:
            self._take_away(edit)
        elif edit.old is None:
            self._make(edit)
        else:
            self._exchange(edit)

    def change(self, edit: _Edit) -> None:
        """All of it at once."""
        self.stage(edit)
        if edit.part.staged is not None:
            self._acts.flush(edit.temporary)
        try:
            self.publish(edit)
        finally:
            self.clean(edit)

    def clean(self, edit: _Edit) -> None:
        """Take away what was written and is not needed, but nothing that somebody else wrote."""
        if not edit.made:
            return
        with contextlib.suppress(OSError):
            if edit.part.staged is None or read_small(edit.temporary) == edit.new:
                self._acts.unlink(edit.temporary)

    def put(self, origin: str, goal: str) -> None:
        """Give a file its name where nothing has it. Raises OSError."""
        for way in (Way.RENAME, Way.LINK_MOVE, Way.CLAIM):
            with contextlib.suppress(Otherwise):
                self._hands.put(origin, goal, way)
                return

    def _make(self, edit: _Edit) -> None:
        try:
            self.put(edit.temporary, edit.goal)
        except FileExistsError as error:
            raise _Meanwhile from error

    def _exchange(self, edit: _Edit) -> None:
        try:
            self._acts.exchange(edit.temporary, edit.goal)
        except OSError as error:
            if error.errno not in NO_SUCH_WAY:
                raise
            if read_small(edit.goal) != edit.old:
                raise _Meanwhile from error
            self._acts.replace(edit.temporary, edit.goal)
            return
        try:
            came_out = read_small(edit.temporary)
        except OSError:
            self._acts.exchange(edit.temporary, edit.goal)
            raise
        if came_out != edit.old:
            self._acts.exchange(edit.temporary, edit.goal)
            raise _Meanwhile
        self._hands.remove(edit.temporary)

    def _take_away(self, edit: _Edit) -> None:
        if facts_of(edit.temporary) is not None:  # not ours, as above
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        self._acts.replace(edit.goal, edit.temporary)
        try:
            came_out = read_small(edit.temporary)
        except OSError:
            self.put(edit.temporary, edit.goal)
            raise
        if came_out != edit.old:
            self.put(edit.temporary, edit.goal)
            raise _Meanwhile
        self._hands.remove(edit.temporary)


class Tagger(Batches):
    """Gives photos their tags, or takes them away again."""

    def __init__(self, journal: Journal, run: Run, control: Control, acts: Acts, *, back: bool) -> None:
        super().__init__(journal, run, control, acts, back=back)
        self._editor = _Editor(acts)
        self._busy: set[str] = set()  # sidecars of this batch

    def _missing(self, folders: Iterable[str]) -> Iterable[str]:
        return ()  # sidecars lie beside their photos

    def _note_before(self, batch: list[Job]) -> None:
        super()._note_before(batch)
        for job in batch:
            for leg in job.legs:
                assert leg.part.change is not None
                leg.part.change.old = None  # it is put down
        self._busy.clear()

    # -- whether a photo can get its tags

    def _ready(self, unit: Unit) -> Generator[Event, None, Job]:
        job = Job(unit, [], Way.TAG)
        paths = {part.target for part in unit.parts}
        if paths & self._busy:
            raise Later
        needed = False
        for part in unit.parts:
            if self._back:
                if part.state is not self._not_done:
                    continue
                edit = self._edit_back(part)
            else:
                facts = yield from self._photo(part)
                if facts is None:
                    self._drop(part, "isn’t there any more")
                    continue
                edit = self._edit_there(part, facts)
            edit.temporary = temporary(self._run, part, part.target)
            job.legs.append(edit)
            needed = needed or edit.old != edit.new
        if not needed:
            raise NotNeeded("is so already" if self._back else "has its tags already")
        self._busy |= paths
        return job

    def _photo(self, part: Part) -> Generator[Event, None, os.stat_result | None]:
        """A look at a photo, which has to be the one that was planned; None if a partner of it is gone."""
        facts = facts_of(part.source)
        if facts is None and part.kind is not None:
            return None
        if facts is not None and stat.S_ISLNK(facts.st_mode):
            facts = followed(part.source)
        if facts is None:
            raise No("isn’t there any more")
        if not stat.S_ISREG(facts.st_mode):
            raise No("isn’t a file any more")
        changed = (facts.st_size, facts.st_mtime_ns) != (part.size, part.mtime_ns)
        if part.kind is None and changed and not (yield from self._holds(part.source, part.digest)):
            raise No(CHANGED)
        return facts

    def _edit_there(self, part: Part, photo: os.stat_result) -> _Edit:
        change = part.change
        assert change is not None
        there = _sidecar(part.target)
        try:
            old = None if there is None else read_small(part.target)
            if old is None and not change.add:
                new, had = None, set[str]()
            else:
                new = merge(old, Tags(change.add, change.remove, change.keep))
                had = set() if old is None else read(old)
        except (UnreadableSidecar, OSError) as error:
            raise No(sidecar_words(error, part.target)) from error
        except UnusableTag as error:
            raise No(f"can’t be tagged: {error}") from error
        change.had = tuple(sorted(had))
        change.wrote = tuple(tag for tag in change.add if tag not in had)
        change.took = tuple(tag for tag in change.remove if tag in had)
        change.before, change.after, change.old = _digest(old), _digest(new), old
        return _Edit(part, part.target, part.target, there or NOTHING, old=old, new=new, like=photo)

    def _edit_back(self, part: Part) -> _Edit:
        change = part.change
        assert change is not None
        there = _sidecar(part.target)
        now = None if there is None else read_small(part.target)
        digest = _digest(now)
        if digest not in (change.after, change.before):
            raise No(_changed_words(part, gone=there is None))
        new = now
        if digest == change.after:
            new = self._journal.old(self._run.id, part)
            if _digest(new) != change.before:
                raise No("stays as it is: what its sidecar held before is not known any more")
        return _Edit(
            part, part.target, part.target, there or NOTHING, old=now, new=new, like=there or NOTHING
        )

    # -- the acts

    def _carry(self, batch: list[Job], queue: deque[Unit]) -> Events:
        staged = list[Job]()
        for job in batch:
            yield from self._waiting()
            if self.stopped:
                break
            try:
                for leg in job.legs:
                    edit = _edit(leg)
                    self._editor.stage(edit)
                    job.temporaries += [edit.temporary] if edit.made else []
                staged.append(job)
            except OSError as error:
                yield self._give_up(job, error)
            yield from self._clock.now_and_then()
        written = [leg.temporary for job in staged for leg in job.legs if leg.part.staged is not None]
        try:
            self._acts.flush_files(written)
        except OSError as error:
            for job in staged:
                yield self._give_up(job, error)
            return
        if not staged:
            return
        self._journal.keep(self._run.id, [leg.part for job in staged for leg in job.legs])
        events = [self._publish(job) for job in staged]  # no one can stop us here
        for event in events:
            yield event
            yield from self._clock.now_and_then()

    def _publish(self, job: Job) -> Event:
        done = list[_Edit]()
        job.acting = True
        for leg in job.legs:
            edit = _edit(leg)
            try:
                self._editor.publish(edit)
            except OSError as error:
                for one in reversed(done):
                    with contextlib.suppress(OSError):
                        self._editor.change(_turned(one))
                return self._give_up(job, error, edit)
            done.append(edit)
            self._touched.add(os.path.dirname(edit.goal))
        return self._succeed(job, job.legs)

    def _give_up(self, job: Job, error: OSError, edit: _Edit | None = None) -> Event:
        for leg in job.legs:
            self._editor.clean(_edit(leg))
        if isinstance(error, _Meanwhile):
            name = name_of((edit or job.legs[0]).goal)
            return self._fail(job.unit, f"can’t be tagged: its sidecar “{name}” {_MEANWHILE}", job)
        what = "can’t get its old tags back" if self._back else "can’t be tagged"
        return self._fail(job.unit, f"{what}: {words_of(error)}", job)


def why_not_back(part: Part) -> str:
    """Why a sidecar could not get its old bytes back, as words that follow the photo's name; "" if it could."""
    change = part.change
    assert change is not None
    try:
        there = _sidecar(part.target)
        now = None if there is None else read_small(part.target)
    except No as error:
        return str(error)
    except OSError as error:
        return sidecar_words(error, part.target)
    return "" if _digest(now) in (change.after, change.before) else _changed_words(part, gone=now is None)


def settle_tags(legs: list[Leg], journal: Journal, run: Run, acts: Acts, *, back: bool) -> tuple[bool, bool]:
    """Bring the sidecars of a photo, which a crash interrupted, to an end: whether any was touched, and is done now."""
    editor = _Editor(acts)
    settled = [_settled(_leg_as_edit(leg, back), editor, acts, back=back) for leg in legs]
    touched = any(one.done or one.touched for one in settled)
    open_ones = [one for one in settled if not one.done]
    done_ones = [one for one in settled if one.done and not one.either]
    if not open_ones:
        return True, True
    if not done_ones:
        return touched, False
    # Some are done, and some are not: all get what they held before, which the journal has.
    some = [one.edit for one in (open_ones if back else done_ones)]
    for edit in some:
        change = edit.part.change
        assert change is not None
        edit.old = None if facts_of(edit.goal) is None else read_small(edit.goal)
        edit.new, edit.part.staged = journal.old(run.id, edit.part), None
        if _digest(edit.old) != change.after or _digest(edit.new) != change.before:
            return True, True  # somebody changed it since: an undo will say so
    for edit in some:
        editor.change(edit)
    return True, back


@dataclass(slots=True)
class _Settled:
    """What a crash left of one sidecar; either: it was not to be changed."""

    edit: _Edit
    done: bool
    touched: bool = False
    either: bool = False


def _settled(edit: _Edit, editor: _Editor, acts: Acts, *, back: bool) -> _Settled:
    change = edit.part.change
    assert change is not None
    have, want = (change.after, change.before) if back else (change.before, change.after)
    if have == want:
        return _Settled(edit, True, either=True)
    now, aside = _held(edit.goal), _held(edit.temporary)
    there = facts_of(edit.temporary) is not None
    whole = edit.part.staged is not None or want is None
    if now == want:
        if there and whole and aside not in (have, want):  # it was changed in the same moment
            if want is None:
                editor.put(edit.temporary, edit.goal)
            else:
                acts.exchange(edit.temporary, edit.goal)
                acts.unlink(edit.temporary)
            return _Settled(edit, False, True)
        if there:
            acts.unlink(edit.temporary)
        return _Settled(edit, True, True)
    if have is None and now == _EMPTY and there:  # the name was claimed, and no more
        acts.unlink(edit.goal)
        now = None
    changed = now != have
    if there and (not whole or aside in (have, want)):
        acts.unlink(edit.temporary)
    # Where somebody changed it since, what lay aside tells whether that was before ours or after.
    done = changed and whole and aside != want and (there or want is not None)
    return _Settled(edit, done, there)


def _leg_as_edit(leg: Leg, back: bool) -> _Edit:
    return _Edit(leg.part, leg.goal, leg.goal, facts_of(leg.goal) or NOTHING, leg.temporary)


def _edit(leg: Leg) -> _Edit:
    assert isinstance(leg, _Edit)
    return leg


def _turned(edit: _Edit) -> _Edit:
    """The way back of what is done."""
    edit.part.staged = None
    facts = facts_of(edit.goal) or NOTHING
    return _Edit(
        edit.part,
        edit.goal,
        edit.goal,
        facts,
        edit.temporary,
        old=edit.new,
        new=edit.old,
        like=edit.facts if edit.old is not None else edit.like,
    )


def _sidecar(path: str) -> os.stat_result | None:
    """A look at a sidecar; None if it is not there. Raises No if it is no file of its own, and OSError."""
    facts = facts_of(path)
    if facts is not None and not stat.S_ISREG(facts.st_mode):
        raise No(f"can’t be tagged: “{name_of(path)}” is a link or a folder, and is left as it is")
    return facts


def _changed_words(part: Part, *, gone: bool) -> str:
    what = "isn’t there any more" if gone else "has changed since"
    return f"stays as it is: its sidecar “{name_of(part.target)}” {what}"


def _held(path: str) -> bytes | None:
    """The XXH3-128 of what a file holds; None if it is not there. Raises OSError."""
    return None if facts_of(path) is None else _digest(read_small(path))


def _digest(data: bytes | None) -> bytes | None:
    return None if data is None else xxhash.xxh3_128_digest(data)


_EMPTY = _digest(b"")
