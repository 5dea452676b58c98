"""Deep training: teaches the network itself to tell a subject, and says by events how it goes.

`fit` is a generator of events around pytorch-lightning's Trainer, which runs in a thread of its own; closing the
generator stops it at the next batch. What was learned is kept after every epoch, so that a run that was stopped, or
that the power took, goes on from there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import os
import queue
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from training import backbones, checkpoints, teach, torch_runtime, tuning_photos
from training.backbones import DownloadNeeded
from training.events import (
    Baseline,
    Batch,
    Checkpoint,
    Command,
    Epoch,
    Estimated,
    Event,
    Field,
    Finished,
    Found,
    FoundGroup,
    Log,
    Mistake,
    Mistakes,
    Paused,
    Preparing,
    Resumed,
    Settings,
    Stopped,
    bounds,
    from_json,
)
from training.faces import FacesUnavailable, FaceTable
from training.judging import SUBJECT, Tuned, balanced_share, judged
from training.subject import Subject
from training.teach import Labelled
from training.tuning_control import CannotTrain, Control, Failure, NotFinite, Stop, owned, rank
from training.tuning_photos import Task, prepared
from training.tuning_plan import Plan

__all__ = [
    "SUBJECT",
    "Baseline",
    "Batch",
    "CannotTrain",
    "Checkpoint",
    "Command",
    "Epoch",
    "Estimated",
    "Event",
    "Field",
    "Finished",
    "Found",
    "FoundGroup",
    "Log",
    "Mistake",
    "Mistakes",
    "Paused",
    "Preparing",
    "Resumed",
    "Settings",
    "Stopped",
    "Unfinished",
    "balanced_share",
    "bounds",
    "fit",
    "from_json",
    "look",
    "rank",
    "unfinished",
]

_QUEUE = 64  # events that may wait; beyond it, training waits


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run that can go on: after so many epochs of how many."""

    epoch: int
    of: int


def unfinished(folder: Path) -> Unfinished | None:
    """What `fit` with `resume` could go on from in this folder, if photos and settings are still the same."""
    header = checkpoints.header(folder)
    return None if header is None else Unfinished(int(header["epoch"]), int(header["of"]))


def _go() -> Command:
    return "go"


def look(
    labelled: Sequence[Labelled],
    name: str,
    settings: Settings,
    *,
    folder: Path,
    control: Callable[[], Command] = _go,
) -> Generator[Event, None, None]:
    """Say what there is to learn from (Found) and how long that takes (Estimated), without training.

    Where a run of the same photos and settings can go on, Checkpoint says from which epoch. The photos are opened for
    all that and kept in `folder`, so that `fit` need not open them again. Where they are too few to be trained on this
    way, Found holds none out, its words say why, and nothing follows; nor does it where the network would have to be
    downloaded, which is for `fit` to do, and which the words say. Raises as `fit` does.
    """
    with owned(folder):
        try:
            try:
                task = yield from prepared(labelled, name, settings, folder, Control(control), looking=True)
            except DownloadNeeded as needed:  # nobody has said yet that it may be
                in_box = dataclasses.replace(settings, backbone=backbones.DEFAULT)
                for event in prepared(labelled, name, in_box, folder, Control(control), looking=True):
                    yield _with_words(event, f"{needed} It is downloaded when you start.")
                return
        except Stop:
            yield Stopped("Stopped. Nothing was changed.")
            return
        if task is None:
            return
        from training import tuning_trainer  # late: it takes torch's seconds

        yield Estimated(tuning_trainer.estimated(Plan(task)))
        header = checkpoints.header(folder)
        if header is not None and header["key"] == task.key:
            yield Checkpoint(int(header["epoch"]))


def _with_words(event: Event, words: str) -> Event:
    return dataclasses.replace(event, words=(*event.words, words)) if isinstance(event, Found) else event


def fit(
    labelled: Sequence[Labelled],
    name: str,
    settings: Settings,
    *,
    folder: Path,
    champion: Subject | None = None,
    resume: bool = False,
    with_faces: bool = True,
    control: Callable[[], Command] = _go,
) -> Generator[Event, None, None]:
    """Train the network on labelled photos; ends with Finished or Stopped.

    folder: where the run keeps what it needs to go on later, and puts the subject in the end; emptied but for that
        when the consumer has taken Finished and asks for more
    champion: the subject in use, if any; the new one has its zones, and gets the next version
    resume: go on from the last epoch that is kept in `folder`, if it is of the same photos and settings
    with_faces: look for faces too, if nobody has: they are not trained on, but judged by, beside the network
    control: asked at every batch whether to go on, wait or stop

    Photos that are gone or can't be opened are left out, and so are those that are said to be both (Found.conflicts).
    Raises CannotTrain, BackboneUnavailable and ExtractorMismatch, with a sentence, before training; what goes wrong
    later is said by Stopped.
    """
    with owned(folder):
        asked = Control(control)
        saved = False
        try:
            task = yield from prepared(labelled, name, settings, folder, asked)
            assert task is not None
            table, trouble = None, ""
            if with_faces and rank() == 0:  # the first process has the last word
                table, trouble = yield from _looked_for_faces(task, asked)
            header = checkpoints.header(folder)
            going_on = resume and header is not None and header["key"] == task.key
            if resume and not going_on:
                yield Preparing(
                    "There is no unfinished training to go on with; it begins anew."
                    if header is None
                    else "The photos or the settings have changed since; training begins anew."
                )
            if not going_on and rank() == 0:
                checkpoints.drop(folder)
            saved = going_on
            yield Baseline(0.5, task.quick_right, len(task.split.check))
            tuned = None
            with contextlib.closing(_trained(task, asked, going_on)) as events:
                for event in events:
                    if isinstance(event, Tuned):
                        tuned = event
                        continue
                    saved = saved or (isinstance(event, Checkpoint) and not event.words)
                    yield event
            if tuned is None:  # one of several processes, and not the first: that one has the rest to do
                return
            yield Preparing("Comparing the new with the old")
            finished = judged(task, tuned, champion, table, trouble)
        except Stop:
            yield Stopped(
                "Stopped. The subject is as it was."
                + (" Training can go on later from the last epoch." if saved else ""),
                saved,
            )
            return
        except Failure as error:
            yield Stopped(f"{error} The subject is as it was.", saved)
            return
        yield finished
        del task, tuned
        gc.collect()  # some systems don't let go of a file that is still mapped
        checkpoints.drop(folder)
        tuning_photos.drop(folder)


def _looked_for_faces(task: Task, control: Control) -> Generator[Event, None, tuple[FaceTable | None, str]]:
    """The faces in the photos; where they can't be looked for, None and why. Raises Stop."""
    files = {
        bytes.fromhex(digest): photo.file
        for digest, photo in zip(task.all.digests, task.all.photos, strict=True)
    }
    try:
        with contextlib.closing(teach.find_faces(files)) as steps:
            while True:
                control.check(lambda _event: None)
                step = next(steps)
                yield Preparing("Looking for faces", step.done, step.total)
    except StopIteration as end:
        table: FaceTable = end.value
        return table, ""
    except FacesUnavailable as error:
        return None, str(error)


def _trained(task: Task, control: Control, going_on: bool) -> Generator[Event | Tuned, None, None]:
    """Run the Trainer in a thread of its own; yields its events and, in the end, what was learned."""
    waiting: queue.Queue[Event | Tuned | None] = queue.Queue(_QUEUE)
    errors: list[BaseException] = []

    def tell(event: Event | Tuned | None) -> None:
        while not control.closed.is_set():
            with contextlib.suppress(queue.Full):
                waiting.put(event, timeout=0.1)
                return

    def work() -> None:
        torch = torch_runtime.load()
        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(os.cpu_count() or 1)  # here nothing else runs in parallel
            from training import tuning_trainer  # late: it takes torch's seconds

            tuned = tuning_trainer.train(Plan(task), control, tell, going_on)
            if tuned is not None:
                tell(tuned)
        except BaseException as error:
            errors.append(error)
        finally:
            torch.set_num_threads(threads)
            tell(None)

    thread = threading.Thread(target=work, name="training", daemon=True)
    thread.start()
    try:
        while (event := waiting.get()) is not None:
            yield event
    finally:
        control.closed.set()
        thread.join()
    for error in errors:
        raise _in_words(error) from error


def _in_words(error: BaseException) -> BaseException:
    """What went wrong in training, as a Failure where there is a sentence for it."""
    if isinstance(error, NotFinite):
        return Failure(
            "Training lost its way: its numbers grew beyond all bounds. Try again with a lower learning rate."
        )
    words = str(error)
    if isinstance(error, MemoryError) or "out of memory" in words or "can't allocate memory" in words:
        return Failure("There is not enough memory. Try again with a smaller batch or image size.")
    return error
