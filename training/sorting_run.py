"""Carries out a plan, finishes what was interrupted, and brings everything back: `run`, `resume`, `undo`.

All are generators of events; close one to stop it, and what is done stays done, can be resumed and undone. Before any
file is touched, the journal has it on the disk. Files get their new names only where nothing has them, in one step
that the system promises to be whole; across drives a copy is written under a name of its own, read again and compared
before it gets its name, and only then is the original taken away. A photo and its companions go together or not at
all. Whatever goes wrong with one photo is told in words, and the others go on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection

from training.sorting import Action, Fate, Plan, size_words
from training.sorting_batches import Batches
from training.sorting_disk import Acts, shown
from training.sorting_events import (
    DONE_WORDS,
    Command,
    Control,
    Counts,
    Event,
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
    go,
    photo_words,
)
from training.sorting_journal import Busy, Journal, JournalError, Run, RunState, State
from training.sorting_move import Mover
from training.sorting_settle import Settler
from training.sorting_tagging import Tagger

__all__ = [
    "Busy",
    "Command",
    "Control",
    "Counts",
    "Event",
    "Events",
    "Failed",
    "Finished",
    "Moved",
    "Paused",
    "Progress",
    "Resumed",
    "Settled",
    "Skipped",
    "Started",
    "Stopped",
    "resume",
    "run",
    "settle",
    "undo",
]


def run(plan: Plan, journal: Journal, control: Control = go, *, acts: Acts | None = None) -> Events:
    """Carry out a plan. What an earlier crash left half done is settled first.

    Raises Busy if another sorting is going on, and JournalError if nothing can be put down; then nothing more is moved.
    """
    acts = acts or Acts()
    with journal.alone():
        journal.forget_unprepared()
        yield from _settled(journal, acts)
        journal.prune()
        begun = list[int]()
        for number in journal.begin(plan, plan.summary[0]):
            begun.append(number)
            yield Progress(0, 0, None)
        yield from _carry_out(journal, begun[-1], control, acts, first=plan)


def resume(
    journal: Journal, run_id: int | None = None, control: Control = go, *, acts: Acts | None = None
) -> Events:
    """Settle what a crash left half done, and go on with a run that was not finished (default: the latest).

    Raises Busy and JournalError; KeyError if there is no run of that number.
    """
    acts = acts or Acts()
    with journal.alone():
        journal.forget_unprepared()
        yield from _settled(journal, acts)
        if run_id is None:
            run_id = next((one.id for one in journal.runs() if one.can_resume), None)
        elif journal.run(run_id) is None:
            raise KeyError(run_id)
        if run_id is not None:
            yield from _carry_out(journal, run_id, control, acts)


def settle(journal: Journal, *, acts: Acts | None = None) -> Events:
    """Bring what a crash left half done to an end, photo by photo, and go on with nothing; to be called at the start.

    Each photo and its companions are then either where they go or where they were. Raises Busy and JournalError.
    """
    with journal.alone():
        journal.forget_unprepared()
        yield from _settled(journal, acts or Acts())


def undo(
    run_id: int,
    journal: Journal,
    only: Collection[str] | None = None,
    control: Control = go,
    *,
    acts: Acts | None = None,
) -> Events:
    """Bring a run's photos back to where they were, or take its copies and links away again.

    only: paths where some of the photos were (default: all). What is not where it was put, or has changed since, is
    named in a Failed and left alone, and so is a copy whose original is gone. Folders that the run made are taken away
    if they are empty. Raises Busy and JournalError; KeyError if there is no run of that number.
    """
    acts = acts or Acts()
    with journal.alone():
        journal.forget_unprepared()
        yield from _settled(journal, acts)
        found = journal.run(run_id)
        if found is None:
            raise KeyError(run_id)
        units = [
            unit
            for unit in reversed(journal.units(run_id, State.DONE))
            if only is None or unit.photo.source in only
        ]
        mover = _doer(journal, found, control, acts, back=True)
        yield Started(run_id, len(units), mover.weight(units))
        yield from mover.go(units)
        _take_folders_away(journal, run_id, acts)
        counts = mover.counts
        if mover.stopped:
            yield Stopped(run_id, counts, f"Stopped. {_back_words(counts, found.action)}")
        else:
            yield Finished(run_id, counts, _back_words(counts, found.action))


def _carry_out(
    journal: Journal, number: int, control: Control, acts: Acts, *, first: Plan | None = None
) -> Events:
    found = journal.run(number)
    assert found is not None
    units = journal.units(number, State.PLANNED)
    mover = _doer(journal, found, control, acts, back=False)
    if first is None:
        journal.set_state(number, RunState.RUNNING)
    ended = False
    try:
        yield Started(number, len(units), mover.weight(units))
        if first is not None:
            for i, row in enumerate(first.rows):
                if row.fate is Fate.SAME:
                    mover.skipped += 1
                    yield Skipped(i, row, f"is the same photo as “{shown(row.note)}”")
        yield from mover.go(units)
        ended = not mover.stopped
    finally:
        with contextlib.suppress(JournalError):
            journal.set_state(number, RunState.FINISHED if ended else RunState.STOPPED)
    words = _done_words(mover.counts, found.action)
    yield (
        Finished(number, mover.counts, words) if ended else Stopped(number, mover.counts, f"Stopped. {words}")
    )


def _doer(journal: Journal, found: Run, control: Control, acts: Acts, *, back: bool) -> Batches:
    """Who does what a run is about."""
    kind = Tagger if found.action is Action.TAG else Mover
    return kind(journal, found, control, acts, back=back)


def _settled(journal: Journal, acts: Acts) -> Events:
    for number in journal.open_runs():
        found = journal.run(number)
        assert found is not None
        settler = Settler(journal, found, acts)
        yield from settler.go()
    for left in journal.runs():
        if left.state is RunState.RUNNING:  # nobody else is: we are alone
            journal.set_state(left.id, RunState.STOPPED if left.planned else RunState.FINISHED)


def _take_folders_away(journal: Journal, number: int, acts: Acts) -> None:
    gone = []
    for folder in journal.folders(number):
        try:
            acts.rmdir(folder)
            gone.append(folder)
        except FileNotFoundError:
            gone.append(folder)
        except OSError:
            pass  # something lies in it, or it can't be changed: it stays
    if gone:
        journal.forget_folders(number, gone)


def _done_words(counts: Counts, action: Action) -> str:
    words = [f"{photo_words(counts.moved)} {DONE_WORDS[action]}"]
    if counts.skipped:
        words.append(f"{counts.skipped:,} skipped")
    if counts.failed:
        where = "as" if action is Action.TAG else "where"
        words.append(f"{counts.failed:,} left {where} they were, because something was in the way")
    if counts.left:
        words.append(f"{counts.left:,} still to do")
    size = f" ({size_words(counts.bytes)})" if counts.moved and action is not Action.TAG else ""
    return f"{', '.join(words)}{size}."


def _back_words(counts: Counts, action: Action) -> str:
    done = "brought back" if action is Action.MOVE else "taken away again"
    if action is Action.TAG:
        done = "has its old tags again" if counts.moved == 1 else "have their old tags again"
    words = [f"{photo_words(counts.moved)} {done}"]
    if counts.skipped:
        words.append(f"{counts.skipped:,} were so already")
    if counts.failed:
        words.append(f"{counts.failed:,} left alone")
    if counts.left:
        words.append(f"{counts.left:,} still to do")
    return f"{', '.join(words)}."
