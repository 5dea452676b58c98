"""Settles what a crash left half done: looks at the files, and brings each photo to where it goes or where it was."""

# Paths are str here, because 100,000 Path objects cost seconds.
# ruff: noqa: PTH120

from __future__ import annotations

import contextlib
import errno
import os
import stat

import xxhash

from training import sorting_trash
from training.sorting import Action
from training.sorting_batches import (
    CHANGED,
    Hands,
    Leg,
    Otherwise,
    alike,
    are_two,
    facts_of,
    followed,
    opened,
    temporary,
)
from training.sorting_disk import PIECE, Acts
from training.sorting_events import Events, Progress, Settled, photo_words
from training.sorting_journal import Journal, Part, Run, State, Way
from training.sorting_tagging import settle_tags
from training.sorting_trash import Trash


class _OutOfSight(Exception):
    """A folder is not there, so it can't be told what was done."""


class Settler:
    """Looks at what a crash left, and brings each photo to where it goes, or back to where it was."""

    def __init__(self, journal: Journal, run: Run, acts: Acts) -> None:
        self._journal = journal
        self._run = run
        self._acts = acts
        self._hands = Hands(acts)
        self._trash = Trash()

    def go(self) -> Events:
        """Settle all that is open of one run."""
        finished = back = lost = 0
        for state in (State.BEGUN, State.GOING_BACK):
            for unit in self._journal.units(self._run.id, state):
                legs = [self._leg(part, state) for part in unit.parts if part.state is state]
                try:
                    touched, done = self._settle(legs, state is State.GOING_BACK)
                except (_OutOfSight, OSError):
                    lost += 1
                    continue
                self._acts.flush_folders(
                    {os.path.dirname(path) for leg in legs for path in (leg.origin, leg.goal)}
                )
                self._journal.keep(self._run.id, unit.parts)
                finished += done
                back += touched and not done
                yield Progress(finished, 0, None)
        words = []
        if finished:
            tags = "has its tag" if finished == 1 else "have their tags"
            end = tags if self._run.action is Action.TAG else "brought to the end of the way"
            words.append(f"{photo_words(finished)} {end}")
        if back and self._run.action is Action.TAG:
            words.append(f"{photo_words(back)} left as {'it was' if back == 1 else 'they were'}")
        elif back:
            words.append(f"{photo_words(back)} put back where {'it was' if back == 1 else 'they were'}")
        if lost:
            words.append(
                f"{photo_words(lost)} out of sight: connect the drive {'it is' if lost == 1 else 'they are'} on"
            )
        if words:
            yield Settled(
                self._run.id,
                finished,
                back,
                f"A sorting was interrupted ({self._run.words.rstrip('.')}): {' and '.join(words)}.",
            )

    def _leg(self, part: Part, state: State) -> Leg:
        ends = (part.source, part.target) if state is State.BEGUN else (part.there, part.source)
        if part.change is not None:
            ends = part.target, part.target
        leg = Leg(part, *ends, os.stat_result([0] * 10))
        leg.temporary = temporary(self._run, part, leg.goal)
        return leg

    def _settle(self, legs: list[Leg], back: bool) -> tuple[bool, bool]:
        """Whether anything had been done with a photo, and whether it is where it goes now."""
        way = legs[0].part.way
        assert way is not None
        self._look_for_folders(legs, back)
        if way is Way.TAG:
            touched, done = settle_tags(legs, self._journal, self._run, self._acts, back=back)
        elif way is Way.TRASH:
            touched, done = self._settle_trash(legs)
        elif way.copies:
            touched, done = self._settle_copy(legs, way)
        elif way is Way.LINK:
            touched, done = self._settle_link(legs)
        elif way is Way.REMOVE:
            touched, done = self._settle_removal(legs)
        else:
            touched, done = self._settle_move(legs, way)
        for leg in legs:
            part = leg.part
            if part.state in (State.SKIPPED, State.FAILED):
                continue
            if done and not (way is Way.REMOVE and facts_of(leg.origin) is not None):
                if not back:
                    part.put = part.staged or part.seen
                part.state = State.UNDONE if back else State.DONE
                if back:
                    sorting_trash.forget(part, self._acts)
            else:
                part.state = State.DONE if back else State.PLANNED
            part.staged = None
        return touched, done

    def _look_for_folders(self, legs: list[Leg], back: bool) -> None:
        """Raise _OutOfSight if a drive is missing: what was done on it, can't be seen now."""
        own = set(self._journal.folders(self._run.id))
        for leg in legs:
            origin, goal = os.path.dirname(leg.origin), os.path.dirname(leg.goal)
            if leg.part.way is Way.TRASH:
                goal = origin
            if followed(origin) is None:
                raise _OutOfSight
            not_made_yet = (
                leg.part.staged is None and (back or goal in own) and facts_of(leg.origin) is not None
            )
            if followed(goal) is None and not not_made_yet:
                raise _OutOfSight

    def _settle_move(self, legs: list[Leg], way: Way) -> tuple[bool, bool]:
        here, there = list[Leg](), list[Leg]()
        for leg in legs:
            seen = leg.part.seen
            origin, goal = facts_of(leg.origin), facts_of(leg.goal)
            at_origin = origin is not None and alike(origin, seen)
            at_goal = goal is not None and alike(goal, seen)
            if way is Way.LINK_MOVE and origin is not None and goal is not None and at_origin and at_goal:
                same = (origin.st_dev, origin.st_ino) == (goal.st_dev, goal.st_ino)
                if same and are_two(leg.origin, leg.goal):
                    self._hands.remove(leg.origin)
                    at_origin = facts_of(leg.origin) is not None
            claimed = way is Way.CLAIM and at_origin and goal is not None and goal.st_size == 0
            if claimed and origin is not None and goal is not None and origin.st_ino != goal.st_ino:
                self._hands.remove(leg.goal)
            if at_origin:
                here.append(leg)
            elif at_goal:
                there.append(leg)
            else:  # somebody else took it away, or changed it, meanwhile
                leg.part.why = "isn’t there any more" if origin is None else CHANGED
                leg.part.state = State.FAILED if leg.part.kind is None else State.SKIPPED
        if not there:
            return False, False
        moved = list(there)
        try:
            if legs[0].part.state is State.FAILED:
                raise FileNotFoundError
            for leg in here:
                self._put(leg, way)
                moved.append(leg)
        except (OSError, Otherwise):
            self._hands.put_back(reversed(moved), way)
            return True, False
        return True, True

    def _put(self, leg: Leg, way: Way) -> None:
        folder = os.path.dirname(leg.goal)
        if not os.path.isdir(folder):  # noqa: PTH112
            self._acts.mkdir(folder)
        self._hands.put(leg.origin, leg.goal, way)

    def _settle_trash(self, legs: list[Leg]) -> tuple[bool, bool]:
        here, there = list[Leg](), list[Leg]()
        for leg in legs:
            part = leg.part
            origin = facts_of(leg.origin)
            part.place = ""
            if origin is not None and alike(origin, part.seen):
                here.append(leg)
                continue
            part.place = self._trash.find(leg.origin, part.seen)
            if part.place or (origin is None and not sorting_trash.can_look()):
                there.append(leg)
            else:  # somebody else took it away, or changed it, meanwhile
                gone = "isn’t there any more, and isn’t in the trash either"
                part.why = gone if origin is None else CHANGED
                part.state = State.FAILED if part.kind is None else State.SKIPPED
        if not there:
            return False, False
        try:
            for leg in here:
                leg.part.place = self._trash.put(leg.origin, leg.part.seen, self._acts)
        except OSError as error:
            if all(self._trash.take_back(leg.part, self._hands) for leg in there):
                for leg in here:
                    self._trash.take_back(leg.part, self._hands)
                return True, False
            for leg in here:
                if facts_of(leg.origin) is not None:
                    leg.part.why = f"can’t be put in the trash: {sorting_trash.words_of(error)}"
                    leg.part.state = State.FAILED if leg.part.kind is None else State.SKIPPED
        return True, True

    def _settle_link(self, legs: list[Leg]) -> tuple[bool, bool]:
        linked, missing = list[Leg](), list[Leg]()
        for leg in legs:
            origin, goal = followed(leg.origin), facts_of(leg.goal)
            same = (
                origin is not None
                and goal is not None
                and (origin.st_dev, origin.st_ino) == (goal.st_dev, goal.st_ino)
            )
            (linked if same else missing).append(leg)
        if not linked:
            return False, False
        try:
            for leg in missing:
                self._acts.link(os.path.realpath(leg.origin), leg.goal)
                linked.append(leg)
        except OSError:
            for leg in linked:
                self._hands.remove(leg.goal)
            return True, False
        return True, True

    def _settle_removal(self, legs: list[Leg]) -> tuple[bool, bool]:
        gone = [leg for leg in legs if facts_of(leg.origin) is None]
        if not gone:
            return False, False
        for leg in legs:
            there, original = facts_of(leg.origin), followed(leg.goal)
            if there is not None and original is not None and alike(there, leg.part.put):
                self._hands.remove(leg.origin)
        return True, True

    def _settle_copy(self, legs: list[Leg], way: Way) -> tuple[bool, bool]:
        written = [leg for leg in legs if facts_of(leg.temporary) is not None]
        if any(leg.part.staged is None for leg in legs):  # no copy has its name yet
            for leg in written:
                self._hands.remove(leg.temporary)
            return bool(written), False
        named, waiting, lost = list[Leg](), list[Leg](), list[Leg]()
        for leg in legs:
            goal = facts_of(leg.goal)
            if goal is not None and self._is_ours(leg, goal):
                named.append(leg)
                if leg in written:  # it has both names
                    self._hands.remove(leg.temporary)
            elif leg in written:
                waiting.append(leg)
                if way.claims and goal is not None and goal.st_size == 0:
                    self._hands.remove(leg.goal)
            else:
                lost.append(leg)
        originals = all(facts_of(leg.origin) is not None for leg in legs)
        if not lost:
            try:
                for leg in waiting:
                    self._publish(leg, way)
                    named.append(leg)
            except OSError:
                lost.append(leg)
        if lost and originals:
            for leg in named:
                self._hands.remove(leg.goal)
            for leg in waiting:
                self._hands.remove(leg.temporary)
            return True, False
        self._acts.flush_folders({os.path.dirname(leg.goal) for leg in named})
        if way.takes_away:
            for leg in named:
                origin = facts_of(leg.origin)
                if origin is not None and alike(origin, leg.part.seen):
                    self._hands.remove(leg.origin)
        return True, True

    def _publish(self, leg: Leg, way: Way) -> None:
        ways = [Way.CLAIM] if way.claims else [Way.RENAME, Way.LINK_MOVE]
        for one in ways:
            with contextlib.suppress(Otherwise):
                self._hands.put(leg.temporary, leg.goal, one)
                return
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    def _is_ours(self, leg: Leg, goal: os.stat_result) -> bool:
        """Whether what has a photo's new name is the copy that was written for it."""
        staged = leg.part.staged
        assert staged is not None
        if goal.st_size != staged.size or not stat.S_ISREG(goal.st_mode):
            return False
        if goal.st_ino == staged.number:
            return True
        # Some file systems number their files anew each day: then it is ours if the copy is not under its own name any
        # more, and holds the same.
        if facts_of(leg.temporary) is not None or leg.part.digest is None:
            return False
        content = xxhash.xxh3_128()
        try:
            with opened(leg.goal) as file:
                while piece := os.read(file, PIECE):
                    content.update(piece)
        except OSError:
            return False
        return content.digest() == leg.part.digest
