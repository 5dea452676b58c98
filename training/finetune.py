"""Deep training: teaches the network itself to tell a subject, and says by events how it goes.

`fit` is a generator of events around pytorch-lightning's Trainer, which runs in a thread of its own; closing the
generator stops it at the next batch. What was learned is kept after every epoch, so that a run that was stopped, or
that the power took, goes on from there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import gc
import hashlib
import importlib.metadata
import importlib.util
import io
import json
import logging
import math
import os
import platform
import queue
import sqlite3
import statistics
import threading
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training import (
    __version__,
    backbones,
    checkpoints,
    evaluate,
    extractors,
    features,
    head,
    photos,
    teach,
    torch_runtime,
)
from training.backbones import Preprocessing, TunedNetwork
from training.evaluate import Figures
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
from training.extractors import Extractor, ExtractorSpec
from training.head import Head
from training.photos import PhotoFile
from training.subject import SUFFIX, Subject
from training.teach import Labelled
from training.zones import Zones

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


# -- training


class CannotTrain(Exception):
    """Nothing can be learned from these photos or with these settings; the message is a sentence for the user."""


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
    way, Found holds none out, its words say why, and nothing follows. Raises as `fit` does.
    """
    with _owned(folder):
        try:
            task = yield from _task(labelled, name, settings, folder, _Control(control), looking=True)
        except _Stop:
            yield Stopped("Stopped. Nothing was changed.")
            return
        if task is None:
            return
        training = _Training(task, _Control(control), lambda _event: None)
        module, *_ = _lightning()
        yield Estimated(training.estimate(training.measured(module(training))))
        header = checkpoints.header(folder)
        if header is not None and header["key"] == task.key:
            yield Checkpoint(int(header["epoch"]))


def fit(
    labelled: Sequence[Labelled],
    name: str,
    settings: Settings,
    *,
    folder: Path,
    champion: Subject | None = None,
    resume: bool = False,
    control: Callable[[], Command] = _go,
) -> Generator[Event, None, None]:
    """Train the network on labelled photos; ends with Finished or Stopped.

    folder: where the run keeps what it needs to go on later, and puts the subject in the end; emptied but for that
        when the consumer has taken Finished and asks for more
    champion: the subject in use, if any; the new one has its zones, and gets the next version
    resume: go on from the last epoch that is kept in `folder`, if it is of the same photos and settings
    control: asked at every batch whether to go on, wait or stop

    Photos that are gone or can't be opened are left out, and so are those that are said to be both (Found.conflicts).
    Raises CannotTrain, BackboneUnavailable and ExtractorMismatch, with a sentence, before training; what goes wrong
    later is said by Stopped.
    """
    with _owned(folder):
        asked = _Control(control)
        saved = False
        try:
            task = yield from _task(labelled, name, settings, folder, asked)
            assert task is not None
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
                    if isinstance(event, _Tuned):
                        tuned = event
                        continue
                    saved = saved or (isinstance(event, Checkpoint) and not event.words)
                    yield event
            if tuned is None:  # one of several processes, and not the first: that one has the rest to do
                return
            yield Preparing("Comparing the new with the old")
            finished = _judged(task, tuned, champion)
        except _Stop:
            yield Stopped(
                "Stopped. The subject is as it was."
                + (" Training can go on later from the last epoch." if saved else ""),
                saved,
            )
            return
        except _Failure as error:
            yield Stopped(f"{error} The subject is as it was.", saved)
            return
        yield finished
        del task, tuned
        gc.collect()  # some systems don't let go of a file that is still mapped
        _clean(folder)


class _Stop(Exception):
    """Somebody wants the training to end."""


class _Failure(Exception):
    """Training can't go on; the message is a sentence for the user."""


class _Control:
    """Asks whether to go on, wait or stop, and tells of pauses."""

    def __init__(self, ask: Callable[[], Command]) -> None:
        self._ask = ask
        self.closed = threading.Event()
        self.learning = False  # before that, there is nothing to lose

    def stopping(self) -> bool:
        return self.closed.is_set() or self._ask() == "stop" or (self._ask() == "end" and not self.learning)

    def ending(self) -> bool:
        return self._ask() == "end"

    def check(self, tell: Callable[[Event], None]) -> None:
        """Return when to go on. Raises _Stop."""
        paused = False
        while True:
            if self.stopping():
                raise _Stop
            if self._ask() != "pause":
                break
            if not paused:
                paused = True
                tell(Paused())
            self.closed.wait(0.1)
        if paused:
            tell(Resumed())


@contextlib.contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Keep every other training out of a folder. Raises CannotTrain."""
    if rank() > 0:  # started by the one that owns it
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = sqlite3.connect(folder / "lock", timeout=0, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise CannotTrain(f"“{folder}” can't be written ({getattr(error, 'strerror', error)}).") from error
    try:
        try:
            lock.execute("BEGIN EXCLUSIVE")  # given up by the system when the process ends, however it does
        except sqlite3.Error as error:
            raise CannotTrain("This subject is already being trained. Wait for that, or stop it.") from error
        yield
    finally:
        lock.close()


def rank() -> int:
    """The number of this process among those that train together; 0 where it is the only one."""
    for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return 0


# -- what there is to learn from

_LEAST = 5  # photos of each kind, twins counting once: fewer can't be dealt in three
_HELD_OUT = 5  # one in so many is held out for the end
_CHECKED = 7  # and of the rest, one in so many is for checking after every epoch
_PIXELS, _SQUARES, _PREPARED = "pixels.bin", "squares.bin", "prepared.npz"


@dataclass(frozen=True)
class _Split:
    """Numbers of photos: learned from, checked after every epoch, and held out to the end. Twins lie in one of them."""

    learn: NDArray[np.intp]
    check: NDArray[np.intp]
    held: NDArray[np.intp]


@dataclass(frozen=True)
class _Collection:
    """Photos that were opened, once and for all.

    pixels: (N, K, K, 3) uint8, each photo's whole middle square at somewhat more than the network's size; squares:
    (N, S, S, 3) uint8, as the network will see it when it scores; both are files, mapped
    features, views: as in teach.Described; digests: of the files' bytes; parts: as in Extractor
    """

    photos: tuple[Labelled, ...]
    pixels: NDArray[np.uint8]
    squares: NDArray[np.uint8]
    features: NDArray[Any]
    views: tuple[NDArray[Any], ...]
    fingerprints: NDArray[np.uint8]
    digests: tuple[str, ...]
    parts: tuple[int, ...]
    unreadable: tuple[tuple[str, str], ...]
    repeated: int
    conflicts: tuple[tuple[str, ...], ...]

    @property
    def is_subject(self) -> NDArray[np.bool_]:
        return np.array([photo.is_subject for photo in self.photos], bool)

    @property
    def groups(self) -> list[str]:
        return [photo.group for photo in self.photos]


@dataclass(frozen=True)
class _Task:
    """All that one training needs to begin."""

    name: str
    settings: Settings
    folder: Path
    key: str  # of photos, labels and settings
    spec: ExtractorSpec
    all: _Collection
    twins: NDArray[np.intp]
    split: _Split
    start: head.Head  # learned from the photos to learn from, on the network as it came
    quick_right: float  # of the photos checked


def _task(
    labelled: Sequence[Labelled],
    name: str,
    settings: Settings,
    folder: Path,
    control: _Control,
    *,
    looking: bool = False,
) -> Generator[Event, None, _Task | None]:
    """Open and describe the photos, deal them, and say what was found; None where `looking` finds them too few.

    Raises CannotTrain, _Stop.
    """
    problem = settings.problem()
    if problem:
        raise CannotTrain(problem)
    if settings.log == "tensorboard" and not _has_tensorboard():
        raise CannotTrain(
            "Logs for TensorBoard need the package “tensorboard” (pip install tensorboard). Choose CSV or none."
        )
    _refuse_missing(labelled, (), name)
    yield Preparing("Waking up the network")
    spec, collection = yield from _collected(labelled, settings, folder, control)
    _refuse_missing(collection.photos, collection.unreadable, name)
    control.check(lambda _event: None)
    yield Preparing("Looking for photos that show the same shot")
    twins = evaluate.find_twins(collection.fingerprints, collection.features)
    try:
        split = _dealt(collection, twins, name)
    except CannotTrain as error:
        if not looking:
            raise
        none = np.empty(0, np.intp)
        found = _found(collection, twins, _Split(np.arange(len(twins)), none, none), name)
        yield dataclasses.replace(found, words=(str(error),))
        return None
    yield _found(collection, twins, split, name)
    truth, groups, learn = collection.is_subject, np.array(collection.groups), split.learn
    quick = head.fit(
        collection.features[learn],
        truth[learn],
        twins=twins[learn],
        groups=groups[learn],
        views=[view[learn] for view in collection.views],
        parts=collection.parts,
    )
    said = quick.head.score(collection.features[split.check])
    facts = [
        [digest, photo.is_subject, photo.group]
        for digest, photo in zip(collection.digests, collection.photos, strict=True)
    ]
    chosen = {key: value for key, value in dataclasses.asdict(settings).items() if key != "log"}
    key = _hash([_ENGINE, facts, name, chosen, extractors.spec_to_json(spec)])
    return _Task(
        name,
        settings,
        folder,
        key,
        spec,
        collection,
        twins,
        split,
        quick.head,
        _balanced(said, truth[split.check]),
    )


def _has_tensorboard() -> bool:
    return any(importlib.util.find_spec(name) is not None for name in ("tensorboard", "tensorboardX"))


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _balanced(probabilities: NDArray[Any], truth: NDArray[np.bool_]) -> float:
    """The share that is right, both sides weighing the same."""
    right = (probabilities >= 0.5) == truth
    sides = [right[truth == side].mean() for side in (True, False) if (truth == side).any()]
    return float(np.mean(sides)) if sides else 0.0


def _refuse_missing(photos_: Sequence[Labelled], unreadable: Sequence[tuple[str, str]], name: str) -> None:
    """Raise CannotTrain if photos of the subject, or of others, are missing."""
    for side, kind in ((True, name), (False, "others")):
        if not any(photo.is_subject == side for photo in photos_):
            why = f" {len(unreadable):,} can't be opened, such as “{unreadable[0][0]}”." if unreadable else ""
            raise CannotTrain(
                f"There are no photos of {kind} to learn from.{why} Label some first; {_LEAST} of either kind are the"
                " least, and some dozens make sense."
            )


def _collected(
    labelled: Sequence[Labelled], settings: Settings, folder: Path, control: _Control
) -> Generator[Event, None, tuple[ExtractorSpec, _Collection]]:
    """The photos, opened and described, or taken from `folder` where that was done before."""
    base = backbones.load(settings.backbone)
    spec = ExtractorSpec.of(base)
    if settings.size:
        spec = dataclasses.replace(
            spec, preprocessing=dataclasses.replace(spec.preprocessing, size=settings.size)
        )
    # The whole middle square, at the scale at which the network sees a part of it: room to move that part about.
    wide = dataclasses.replace(
        spec.preprocessing, crop=1.0, size=max(spec.short_side, round(1.1 * spec.preprocessing.size))
    )
    files = [
        [photo.file.path, photo.file.size, photo.file.mtime_ns, photo.is_subject, photo.group]
        for photo in labelled
    ]
    key = _hash([_ENGINE, files, extractors.spec_to_json(spec)])
    kept = _kept(folder, key, spec, wide.size, labelled)
    if kept is not None:
        return spec, kept
    try:
        extractor = Extractor(dataclasses.replace(base, preprocessing=spec.preprocessing), exact=True)
    except (RuntimeError, AssertionError, AttributeError) as error:
        raise CannotTrain(
            f"The network “{settings.backbone}” can't look at photos of {spec.preprocessing.size} pixels; choose"
            " another image size, or 0 for its own."
        ) from error
    collection = yield from _opened(labelled, extractor, spec, wide, folder, key, control)
    return spec, collection


def _kept(
    folder: Path, key: str, spec: ExtractorSpec, wide: int, labelled: Sequence[Labelled]
) -> _Collection | None:
    """What was opened before, if it is of the same photos and whole."""
    try:
        with np.load(folder / _PREPARED, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            if about["key"] != key:
                return None
            features, fingerprints = stored["features"], stored["fingerprints"]
            views = tuple(stored[f"view{i}"] for i in range(about["views"]))
        by_path = {photo.file.path: photo for photo in labelled}
        return _Collection(
            tuple(by_path[path] for path in about["paths"]),
            _mapped(folder / _PIXELS, len(features), wide),
            _mapped(folder / _SQUARES, len(features), spec.preprocessing.size),
            features,
            views,
            fingerprints,
            tuple(about["digests"]),
            tuple(about["parts"]),
            tuple((path, reason) for path, reason in about["unreadable"]),
            about["repeated"],
            tuple(tuple(paths) for paths in about["conflicts"]),
        )
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None


def _mapped(file: Path, count: int, side: int) -> NDArray[np.uint8]:
    """(count, side, side, 3) of a file of so many pictures. Raises OSError, ValueError."""
    return np.memmap(file, np.uint8, "r").reshape(count, side, side, 3)


def _opened(
    labelled: Sequence[Labelled],
    extractor: Extractor,
    spec: ExtractorSpec,
    wide: Preprocessing,
    folder: Path,
    key: str,
    control: _Control,
) -> Generator[Event, None, _Collection]:
    """Open and describe the photos, each once. Raises CannotTrain, _Stop."""
    by_path = {photo.file.path: photo for photo in labelled}
    views_at = dataclasses.replace(spec, preprocessing=dataclasses.replace(spec.preprocessing, crop=1.0))
    store_at = dataclasses.replace(spec, preprocessing=wide)
    seen: dict[str, tuple[NDArray[np.uint8], NDArray[Any], int]] = {}
    lock = threading.Lock()
    names = [folder / f".{name}.part" for name in (_PIXELS, _SQUARES)]
    count = 0

    def keep(file: PhotoFile, photo: photos.Photo) -> None:
        nonlocal count
        square = views_at.prepare(photo.pixels)
        views = extractor.run(np.stack([square, square[:, ::-1]])).astype(np.float16)
        pictures = store_at.prepare(photo.pixels), spec.prepare(photo.pixels)
        fingerprint = evaluate.fingerprint(photo.pixels)
        with lock:
            for stream, picture in zip(streams, pictures, strict=True):
                stream.write(picture.tobytes())
            seen[file.path] = fingerprint, views, count
            count += 1

    work = features.Worklist([photo.file for photo in by_path.values()])
    vectors: dict[str, tuple[bytes, NDArray[Any]]] = {}
    unreadable: dict[str, str] = {}
    try:
        with contextlib.ExitStack() as stack:
            streams = [stack.enter_context(name.open("wb")) for name in names]
            batches = stack.enter_context(
                contextlib.closing(features.extract(work, spec, lambda: extractor, decoded=keep))
            )
            yield Preparing("Opening the photos", 0, len(by_path))
            for batch in batches:
                control.check(lambda _event: None)
                for result in batch:
                    if isinstance(result, features.Unreadable):
                        unreadable[result.file.path] = result.reason
                    else:
                        vectors[result.file.path] = result.facts.digest, result.vector
                if batch:
                    done = len(vectors) + len(unreadable)
                    yield Preparing("Opening the photos", done, len(by_path))
        chosen, repeated, conflicts = _distinct(by_path, vectors)
        if not chosen:
            _refuse_missing((), sorted(unreadable.items()), "the subject")
        # In the collection's order, not in that of the threads: the same photos make the same file.
        slots = [seen[path][2] for path in chosen]
        for part, name, side in zip(
            names, (_PIXELS, _SQUARES), (wide.size, spec.preprocessing.size), strict=True
        ):
            size = 3 * side * side
            with part.open("rb") as unordered, (folder / name).open("wb") as ordered:
                for slot in slots:
                    unordered.seek(slot * size)
                    ordered.write(unordered.read(size))
            part.unlink()
        # Where the network sees whole photos anyway, the wide cut shows nothing more, but its mirror image still does.
        which = (1,) if spec.preprocessing.crop >= 1.0 else (0, 1)
        about = {
            "key": key,
            "paths": chosen,
            "digests": [vectors[path][0].hex() for path in chosen],
            "parts": extractor.parts,
            "unreadable": sorted(unreadable.items()),
            "repeated": repeated,
            "conflicts": conflicts,
            "views": len(which),
        }
        arrays: dict[str, Any] = {
            f"view{i}": np.stack([seen[path][1][view] for path in chosen]) for i, view in enumerate(which)
        }
        np.savez(
            folder / _PREPARED,
            about=np.array(json.dumps(about)),
            features=np.stack([vectors[path][1] for path in chosen]),
            fingerprints=np.stack([seen[path][0] for path in chosen]),
            **arrays,
        )
    except OSError as error:
        raise CannotTrain(
            f"The photos can't be kept for training in “{folder}”: {error.strerror or error}."
        ) from error
    finally:
        for part in names:
            with contextlib.suppress(OSError):
                part.unlink()
    kept = _kept(folder, key, spec, wide.size, labelled)
    if kept is None:
        raise CannotTrain(f"What was kept for training in “{folder}” can't be read again. Please try again.")
    return kept


def _distinct(
    by_path: dict[str, Labelled], vectors: dict[str, tuple[bytes, NDArray[Any]]]
) -> tuple[list[str], int, list[list[str]]]:
    """Paths of photos that differ, in the collection's order; how many were copies; and which are said to be both."""
    same: dict[bytes, list[str]] = {}
    for path in by_path:
        if path in vectors:
            same.setdefault(vectors[path][0], []).append(path)
    conflicts = [paths for paths in same.values() if len({by_path[path].is_subject for path in paths}) > 1]
    whole = [paths for paths in same.values() if len({by_path[path].is_subject for path in paths}) == 1]
    return [paths[0] for paths in whole], sum(len(paths) - 1 for paths in whole), conflicts


def _dealt(collection: _Collection, twins: NDArray[np.intp], name: str) -> _Split:
    """Deal the photos so that twins stay together and each part has both kinds. Raises CannotTrain."""
    truth = collection.is_subject
    for side, kind in ((True, name), (False, "others")):
        shots = len(np.unique(twins[truth == side]))
        if shots < _LEAST:
            raise CannotTrain(
                f"There are too few photos of {kind}: deep training needs {_LEAST} that show different shots, and there"
                f" {'is' if shots == 1 else 'are'} {shots}. Label more, or train the quick way."
            )
    _, kinds = np.unique(np.array(collection.groups), return_inverse=True)
    strata = 2 * kinds + truth
    everything = np.arange(len(truth))
    for seed in range(20):
        fold = evaluate.folds(twins, strata, _HELD_OUT, seed=seed)
        held, rest = everything[fold == 0], everything[fold != 0]
        most = min(_CHECKED, *(len(np.unique(twins[rest][truth[rest] == side])) for side in (True, False)))
        if most < 2:
            continue
        inner = evaluate.folds(twins[rest], strata[rest], most, seed=seed)
        check, learn = rest[inner == 0], rest[inner != 0]
        if all(len(np.unique(truth[part])) == 2 for part in (held, check, learn)):
            return _Split(learn, check, held)
    raise CannotTrain(
        "Nearly all photos of one kind show the same shot, so that none can be left out to measure on. Label other"
        " photos, or train the quick way."
    )


def _found(collection: _Collection, twins: NDArray[np.intp], split: _Split, name: str) -> Found:
    held = set(split.held.tolist())
    counts: dict[tuple[bool, str], list[int]] = {}
    for number, photo in enumerate(collection.photos):
        count = counts.setdefault((not photo.is_subject, photo.group), [0, 0])
        count[0] += 1
        count[1] += number in held
    groups = tuple(
        FoundGroup(group, not other, *count)
        for (other, group), count in sorted(counts.items(), key=lambda entry: entry[0][0])
    )
    yes = sum(group.photos for group in groups if group.is_subject)
    no = sum(group.photos for group in groups if not group.is_subject)
    words = []
    if max(yes, no) >= 4 * min(yes, no):
        few, many = (name, "others") if yes < no else ("others", name)
        words.append(
            f"There are {max(yes, no) / min(yes, no):.0f} times as many photos of {many} as of {few}; both will weigh"
            f" the same, and more photos of {few} would help."
        )
    if min(yes, no) < 30:
        few = name if yes <= no else "others"
        words.append(
            f"{min(yes, no):,} photos of {few} are few for deep training; the quick way may do as well."
        )
    _, sizes = np.unique(twins, return_counts=True)
    return Found(
        groups,
        int(sizes[sizes > 1].sum()),
        collection.repeated,
        collection.unreadable,
        len(split.learn),
        len(split.check),
        len(split.held),
        tuple(words),
        collection.conflicts,
    )


# -- the network learns

_ENGINE = 1  # raise it when the same photos and settings would be trained otherwise than before
_HEAD_FIRST = 1  # epochs in which only the classifier learns
_LEARNING = 0.6  # of the network's stages: those from there to the end learn, those before stay as they are
_STAGE_DECAY = 0.75  # how much more slowly a stage learns than the one after it
_HEAD_RATE = 4 / 3  # of the network's rate: that of the classifier
_WEIGHT_DECAY = 0.05  # of filters
_BETAS = (0.9, 0.99)
_WARM_UP = 0.15  # of the steps
_SMOOTHING = 0.05  # of labels
_RARITY = 0.7  # how far to take back that what is rare among the photos is said rarely
_GROUPS = 0.3  # how much it counts, beside telling the subject from all else, to tell all groups apart
_MOST_GROUPS = 30
_AVERAGING = 0.97  # of the weights, from step to step
_FEW_STEPS = 100  # so many, at least, where smaller batches allow it
_LEAST_BATCH = 8
_PROGRESS = 1e-3  # in loss; what is less is none
_CLIP = 1.0  # the longest gradient
_NEAREST, _TURN = 0.72, 8.0  # the smallest part of a photo's side shown; degrees
_GREY, _SOFT = 0.3, 0.2  # how often in grey, and how often soft
_MISTAKES = 12  # so many of the worst are shown
_LISTED = 10_000  # photos, of more than which a subject's file lists no hashes, but their common one
_TIMES = 32  # batches whose times tell how long the rest will take
_QUEUE = 64  # events that may wait; beyond it, training waits


@dataclass(frozen=True)
class _Tuned:
    """What training ends with: the network's weights as they are kept, the head over its features, and how it went."""

    tensors: dict[str, NDArray[Any]]
    head: head.Head
    best_epoch: int
    epochs: int
    device: str


class _NotFinite(Exception):
    """The loss is no number any more."""


def _trained(task: _Task, control: _Control, going_on: bool) -> Generator[Event | _Tuned, None, None]:
    """Run the Trainer in a thread of its own; yields its events and, in the end, what was learned."""
    waiting: queue.Queue[Event | _Tuned | None] = queue.Queue(_QUEUE)
    errors: list[BaseException] = []

    def tell(event: Event | _Tuned | None) -> None:
        while not control.closed.is_set():
            with contextlib.suppress(queue.Full):
                waiting.put(event, timeout=0.1)
                return

    def work() -> None:
        torch = torch_runtime.load()
        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(os.cpu_count() or 1)  # here nothing else runs in parallel
            tuned = _Training(task, control, tell).run(going_on)
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
    """What went wrong in training, as a _Failure where there is a sentence for it."""
    if isinstance(error, _NotFinite):
        return _Failure(
            "Training lost its way: its numbers grew beyond all bounds. Try again with a lower learning rate."
        )
    words = str(error)
    if isinstance(error, MemoryError) or "out of memory" in words or "can't allocate memory" in words:
        return _Failure("There is not enough memory. Try again with a smaller batch or image size.")
    return error


class _Steps:
    """The numbers of an epoch's batches; which photos are in each is decided where it is used."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._count))


def _rates(steps: int, frozen: int, *, of_head: bool) -> Callable[[int], float]:
    """The factor of a learning rate at each step: warm-up, then half a cosine; 0 while that part does not learn yet."""
    first = 0 if of_head else frozen
    rest = max(1, steps - first)
    warm = max(1, round(_WARM_UP * rest))

    def rate(step: int) -> float:
        at = step - first
        if at < 0:
            return 0.0
        if at < warm:
            return (at + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (at - warm) / max(1, rest - warm))))

    return rate


class _Training:
    """One run of pytorch-lightning's Trainer, on the thread that calls `run`."""

    def __init__(self, task: _Task, control: _Control, tell: Callable[[Any], None]) -> None:
        self.task, self.control, self.tell = task, control, tell
        settings, learn = task.settings, task.split.learn
        self.truth = task.all.is_subject
        # Both sides weigh the same where it is told how well it goes; 1 on average.
        self.weight = np.zeros(len(self.truth), np.float32)
        for part in (learn, task.split.check):
            self.weight[part] = len(part) * head.class_balanced(np.ones(len(part)), self.truth[part])
        # Few photos make few steps, so batches are smaller then.
        self.batch = min(settings.batch, max(_LEAST_BATCH, len(learn) * settings.epochs // _FEW_STEPS))
        self.steps = math.ceil(len(learn) / self.batch)
        self.head_first = min(_HEAD_FIRST, settings.epochs - 1)
        share = float(self.truth[learn].mean())
        self.shift = _RARITY * math.log(share / (1 - share))
        # (N,) numbers of the groups that are large enough to be told apart, -1 for the others.
        groups = np.array(task.all.groups)
        names, counts = np.unique(groups[learn], return_counts=True)
        self.groups = names[counts >= _LEAST][:_MOST_GROUPS]
        places = {str(name): number for number, name in enumerate(self.groups)}
        self.kinds = np.array([places.get(name, -1) for name in task.all.groups], np.int64)

    def run(self, going_on: bool) -> _Tuned | None:
        """Train, from the last checkpoint if `going_on`; None in all but the first of several processes."""
        folder, settings = self.task.folder, self.task.settings
        make_module, make_reporter, make_trainer = _lightning()
        # What torch says to pytorch-lightning (2.6) of a class that it still uses; nothing here can be done about it.
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)`", FutureWarning)
        module = make_module(self)
        reporter = make_reporter(self)
        done = False
        if going_on:
            header, state = _newest_checkpoint(folder)
            module.load_kept(state["lennonnet"])
            done = header["done"]
            for epoch in module.history:
                self.tell(Epoch(*epoch))
        else:
            reporter.times = self.measured(module)
            self.tell(Estimated(self.estimate(reporter.times)))
        try:
            trainer = make_trainer(self, reporter)
        except Exception as error:  # whatever pytorch-lightning has against these settings
            why = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
            raise _Failure(f"This computer can't train that way: {why}.") from error
        if not done:
            self.control.learning = True
            trainer.fit(module, ckpt_path=folder / checkpoints.NAME if going_on else None)
        if not trainer.is_global_zero:
            return None
        try:
            tensors, learned, best = module.best_kept()
        except ValueError as error:
            raise _NotFinite from error
        return _Tuned(tensors, learned, best, len(module.history), settings.device)

    def measured(self, module: Any) -> dict[str, list[float]]:
        """How long a batch takes in seconds: with the head alone learning, with all of it, and when it is checked."""
        times: dict[str, list[float]] = {}
        for kind in ("all", "head", "check"):
            times[kind] = []
            for turn in range(3 if kind != "head" else 2):
                start = time.monotonic()
                module.try_out(kind)
                if turn:  # the first is slower
                    times[kind].append(time.monotonic() - start)
        return times

    def estimate(self, times: dict[str, list[float]], epoch: int = 0, batch: int = 0) -> float:
        """Seconds until the end, after so many whole epochs and batches of the next."""
        settings = self.task.settings
        middle = {kind: statistics.median(some) for kind, some in times.items() if some}
        some = middle.get("all", 3 * middle.get("head", 0.0))
        head_only, check = middle.get("head", some), middle.get("check", some / 3)
        left = max(0, settings.epochs * self.steps - epoch * self.steps - batch)
        heads = max(0, self.head_first * self.steps - epoch * self.steps - batch)
        checks = math.ceil(len(self.task.split.check) / self.batch) * (settings.epochs - epoch)
        return heads * head_only + (left - heads) * some + checks * check


def _standard(x: NDArray[Any], parts: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and scale, (D,) each, that bring features to mean 0, each part of them to length 1 on average."""
    columns = x.astype(np.float32)
    mean, deviation = columns.mean(0), columns.std(0)
    scale = np.zeros_like(deviation)
    start = 0
    for part in parts:
        here = slice(start, start + part)
        floor = 0.01 * deviation[here].mean()  # a column that hardly moves must not shout when it does
        moves = deviation[here] > 1e-6 * (np.abs(mean[here]) + 1e-30)
        scale[here] = np.where(moves, 1 / (deviation[here] + floor + 1e-30), 0) / np.sqrt(part * len(parts))
        start += part
    return mean, scale


@functools.cache
def _lightning() -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """What makes pytorch-lightning's module, callback and Trainer of a training; imported here, as late as can be."""
    torch = torch_runtime.load()
    import pytorch_lightning as lightning
    from pytorch_lightning.callbacks import EarlyStopping
    from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
    from pytorch_lightning.plugins.io import CheckpointIO
    from timm.models import group_parameters
    from torch import nn
    from torch.nn import functional

    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)  # what it says by the way, events say better

    class Module(lightning.LightningModule):
        """The network, and a classifier over the same features that scoring uses."""

        def __init__(self, training: _Training) -> None:
            super().__init__()
            self.training_, task = training, training.task
            self.task = task
            backbone = backbones.load(task.settings.backbone)
            self.network = backbone.module
            self.network.reset_classifier(0)
            self.network.to(memory_format=torch.channels_last)
            self.outputs: dict[str, Any] = {}
            self.channels = extractors.channels_of(self.network)
            for name in task.spec.stages:
                self.network.get_submodule(name).register_forward_hook(self.keeper(name))
            mean, scale = _standard(task.all.features[task.split.learn], task.all.parts)
            self.standard = mean, scale
            self.register_buffer("mean", torch.from_numpy(mean), persistent=False)
            self.register_buffer("scale", torch.from_numpy(scale), persistent=False)
            # The quick way's head to begin with, so that nothing that it knows has to be learned again.
            weight, bias = task.start.weight, task.start.bias
            self.classifier = nn.Linear(len(weight), 1)
            with torch.no_grad():
                self.classifier.weight[0] = torch.from_numpy(
                    np.where(scale > 0, weight / np.maximum(scale, 1e-30), 0)
                )
                self.classifier.bias[0] = bias + float(mean @ weight)
            self.telling = self.telling_apart() if len(training.groups) > 2 else None
            self.seen: Any = None
            self.stages = self.dealt()
            self.learning = [parameter for _, some in self.stages for parameter in some]
            for parameter in self.network.parameters():
                parameter.requires_grad_(any(parameter is one for one in self.learning))
            self.averaged: dict[str, Any] = {}
            self.best: dict[str, Any] = {"loss": math.inf, "epoch": 0, "state": {}}
            self.history: list[list[float]] = []
            self.sums = _Sums()
            self.checked = _Sums()
            self.train()

        def dealt(self) -> list[tuple[float, list[Any]]]:
            """The parts of the network that learn: how fast, compared to the last one, and their parameters."""
            named = dict(self.network.named_parameters())
            if not hasattr(self.network, "group_matcher"):
                return [(1.0, list(named.values()))]
            stage_of = group_parameters(self.network, self.network.group_matcher(coarse=True), reverse=True)
            count = 1 + max(stage_of.values())
            learning: dict[float, list[Any]] = {}
            for name, parameter in named.items():
                stage = stage_of.get(name, count - 1)
                if stage >= _LEARNING * count:
                    learning.setdefault(_STAGE_DECAY ** (count - 1 - stage), []).append(parameter)
            return sorted(learning.items())

        def telling_apart(self) -> Any:
            """A second classifier, of groups, that is thrown away in the end: what it learns helps the first one."""
            task, learn = self.task, self.task.split.learn
            (mean, scale), kinds = self.standard, self.training_.kinds
            telling = nn.Linear(len(scale), len(self.training_.groups))
            for number in range(len(self.training_.groups)):
                made = head.fit(
                    task.all.features[learn],
                    kinds[learn] == number,
                    twins=task.twins[learn],
                    views=[view[learn] for view in task.all.views],
                    parts=task.all.parts,
                ).head
                with torch.no_grad():
                    telling.weight[number] = torch.from_numpy(
                        np.where(scale > 0, made.weight / np.maximum(scale, 1e-30), 0)
                    )
                    telling.bias[number] = made.bias + float(mean @ made.weight)
            return telling

        # -- looking

        def keeper(self, name: str) -> Callable[..., None]:
            def keep(_module: Any, _inputs: object, output: Any) -> None:
                self.outputs[name] = output

            return keep

        def learn_as_it_came(self) -> None:
            """Let batch norms keep the statistics they came with: a few photos are too few for new ones."""
            self.train()
            for part in self.network.modules():
                if isinstance(part, nn.modules.batchnorm._BatchNorm):
                    part.eval()

        def forward(self, x: Any) -> Any:
            """(N, 3, S, S), 0 to 255, to (N,) logits."""
            how = self.task.spec.preprocessing
            mean, std = (255 * x.new_tensor(values).view(1, 3, 1, 1) for values in (how.mean, how.std))
            x = ((x - mean) / std).contiguous(memory_format=torch.channels_last)
            pooled = self.network.forward_head(self.network.forward_features(x), pre_logits=True)
            parts = [pooled.flatten(1).float()]
            for name in self.task.spec.stages:
                places = extractors.spread(self.outputs.pop(name), self.channels.get(name)).float()
                upper, lower = places.tensor_split(2, dim=1)
                variance = (places - places.mean(1, keepdim=True)).square().mean(1)
                parts += [upper.mean(1), lower.mean(1), (variance + 1e-8).sqrt()]  # no slope is infinite
            self.seen = (torch.cat(parts, 1) - self.mean) * self.scale
            return self.classifier(self.seen)[:, 0].float()

        def pictures(self, store: Any, numbers: Any) -> Any:
            """Some photos, as (n, 3, side, side) float from 0 to 255 on the device that learns."""
            return torch.from_numpy(store[numbers]).to(self.device).permute(0, 3, 1, 2).float()

        def losses(self, logits: Any, numbers: Any) -> Any:
            """(n,) how far logits are from the truth, both sides weighing the same."""
            truth = torch.from_numpy(self.training_.truth[numbers].astype(np.float32)).to(logits.device)
            weight = torch.from_numpy(self.training_.weight[numbers]).to(logits.device)
            return weight * functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")

        def lesson(self, logits: Any, numbers: Any) -> Any:
            """What is made smaller by learning: (n,) logits, as `forward` has just made them, to a number.

            Weights for either side would lose their effect as soon as all is right; instead, the logits that learn are
            shifted by how rare the subject is (Menon et al., 2021), which those that are kept are not.
            """
            truth = torch.from_numpy(self.training_.truth[numbers].astype(np.float32)).to(logits.device)
            wanted = truth * (1 - _SMOOTHING) + _SMOOTHING / 2
            loss = functional.binary_cross_entropy_with_logits(logits + self.training_.shift, wanted)
            if self.telling is None:
                return loss
            kinds = torch.from_numpy(self.training_.kinds[numbers]).to(logits.device)
            if bool((kinds < 0).all()):
                return loss
            said = self.telling(self.seen)
            return loss + _GROUPS * functional.cross_entropy(
                said.float(), kinds, ignore_index=-1, label_smoothing=_SMOOTHING
            )

        # -- learning

        def train_dataloader(self) -> _Steps:
            world = self.trainer.world_size
            return _Steps(math.ceil(len(self.task.split.learn) / (self.training_.batch * world)))

        def val_dataloader(self) -> _Steps:
            return _Steps(math.ceil(len(self.task.split.check) / self.training_.batch))

        def transfer_batch_to_device(self, batch: int, device: Any, dataloader_idx: int) -> int:
            return batch  # a number; the photos are moved where they are used

        def on_train_start(self) -> None:
            here = max(1, self.trainer.world_size // self.trainer.num_nodes)
            torch.set_num_threads(max(1, (os.cpu_count() or 1) // here))

        def on_train_batch_start(self, batch: int, batch_idx: int) -> None:
            if (
                batch_idx == 0
            ):  # not on_train_epoch_start, which is left out in the first epoch after a checkpoint
                self.begin()

        def begin(self) -> None:
            """Begin an epoch. All chance in it comes from seed and number, so that it is the same after a pause."""
            self.learn_as_it_came()
            self.sums = _Sums()
            seed = self.task.settings.seed * 1009 + self.current_epoch
            torch.manual_seed(seed)  # for what the network itself leaves to chance
            self.order = np.random.default_rng([self.task.settings.seed, self.current_epoch]).permutation(
                self.task.split.learn
            )
            self.let_learn(self.current_epoch >= self.training_.head_first)

        def let_learn(self, whole: bool) -> None:
            """Whether the network learns, or the classifier alone."""
            if self._trainer is not None and self.trainer.world_size > 1:
                return  # processes agree beforehand on what they exchange; its rate is 0 all the same
            for parameter in self.learning:
                parameter.requires_grad_(whole)

        def training_step(self, batch: int, batch_idx: int) -> Any:
            size, world = self.training_.batch, self.trainer.world_size
            places = (batch * world + self.trainer.global_rank) * size + np.arange(size)
            if world > 1:  # all have the same number of photos
                places %= len(self.order)
            numbers = self.order[places[places < len(self.order)]]
            logits = self(self.varied(numbers, batch))
            loss = self.lesson(logits, numbers)
            self.last = self.sums.add(self.losses(logits, numbers), logits, self.training_.truth[numbers])
            if not (math.isfinite(self.last[0]) and math.isfinite(float(loss.detach()))):
                raise _NotFinite
            if self.trainer.loggers:
                self.log(
                    "training_loss", loss.detach(), on_step=True, on_epoch=False, batch_size=len(numbers)
                )
            return loss

        def varied(self, numbers: Any, batch: int) -> Any:
            seed = [self.task.settings.seed, self.current_epoch, batch, self.trainer.global_rank]
            return _augmented(
                self.pictures(self.task.all.pixels, numbers),
                self.task.spec.preprocessing.size,
                np.random.default_rng(seed),
            )

        def try_out(self, kind: str) -> None:
            """What a batch costs, without learning from it."""
            settings, split = self.task.settings, self.task.split
            self.to(_device_of(settings))
            numbers = (split.check if kind == "check" else split.learn)[: self.training_.batch]
            if kind == "check":
                self.eval()
                with torch.no_grad():
                    self(self.pictures(self.task.all.squares, numbers)).sum().item()
                self.train()
                return
            self.learn_as_it_came()
            self.let_learn(kind == "all")
            pixels = self.pictures(self.task.all.pixels, numbers)
            x = _augmented(pixels, self.task.spec.preprocessing.size, np.random.default_rng(0))
            self.lesson(self(x), numbers).backward()
            self.zero_grad(set_to_none=True)
            self.train()

        def configure_optimizers(self) -> Any:
            settings, training = self.task.settings, self.training_
            steps = training.steps if self._trainer is None else len(self.train_dataloader())
            total, frozen = steps * settings.epochs, steps * training.head_first
            heads = [*self.classifier.parameters(), *(self.telling.parameters() if self.telling else ())]
            classifier = {"params": heads, "lr": _HEAD_RATE * settings.rate}
            groups = [{**classifier, "weight_decay": 0.0}]
            rates = [_rates(total, frozen, of_head=True)]
            for factor, some in self.stages:
                for decay in (0.0, _WEIGHT_DECAY):
                    of_kind = [one for one in some if (one.ndim > 1) == (decay > 0)]
                    if of_kind:
                        groups.append(
                            {"params": of_kind, "lr": factor * settings.rate, "weight_decay": decay}
                        )
                        rates.append(_rates(total, frozen, of_head=False))
            optimizer = torch.optim.AdamW(groups, betas=_BETAS)
            schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rates)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

        def moving(self) -> dict[str, Any]:
            """All that learns, by name."""
            own = {id(parameter) for parameter in self.learning}
            kept = {f"network.{name}": p for name, p in self.network.named_parameters() if id(p) in own}
            return kept | {f"classifier.{name}": p for name, p in self.classifier.named_parameters()}

        def average(self) -> None:
            """Let the averaged weights follow those that learn; quickly in the beginning."""
            now = self.moving()
            if not self.averaged:
                self.averaged = {name: value.detach().clone() for name, value in now.items()}
                return
            step = self.trainer.global_step
            part = 1 - min(_AVERAGING, (1 + step) / (10 + step))
            with torch.no_grad():
                torch._foreach_lerp_(
                    list(self.averaged.values()), [now[name] for name in self.averaged], part
                )

        def swap(self) -> None:
            """Put the averaged weights where the ones that learn are, and those in their place."""
            with torch.no_grad():
                for name, value in self.moving().items():
                    if name in self.averaged:
                        kept = value.detach().clone()
                        value.copy_(self.averaged[name])
                        self.averaged[name].copy_(kept)

        # -- checking

        def on_validation_epoch_start(self) -> None:
            self.checked = _Sums()
            self.logits: list[Any] = []
            self.swap()

        def validation_step(self, batch: int, batch_idx: int) -> None:
            size = self.training_.batch
            numbers = self.task.split.check[batch * size : (batch + 1) * size]
            logits = self(self.pictures(self.task.all.squares, numbers))
            self.checked.add(self.losses(logits, numbers), logits, self.training_.truth[numbers])
            self.logits.append(logits.cpu().numpy())

        def on_validation_epoch_end(self) -> None:
            self.swap()
            loss = self.checked.loss
            if not math.isfinite(loss):
                raise _NotFinite
            several = self.trainer.world_size > 1
            self.log("validation_loss", loss, batch_size=1, sync_dist=several)
            self.log("validation_right", self.checked.right, batch_size=1, sync_dist=several)
            if loss < self.best["loss"]:
                state = {name: value.cpu().clone() for name, value in self.averaged.items()}
                self.best = {"loss": loss, "epoch": self.current_epoch + 1, "state": state}

        # -- keeping

        def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
            checkpoint["lennonnet"] = {"averaged": self.averaged, "best": self.best, "history": self.history}

        def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
            self.load_kept(checkpoint["lennonnet"])

        def load_kept(self, kept: dict[str, Any]) -> None:
            """What a checkpoint holds besides what pytorch-lightning puts into it."""
            self.averaged = {name: value.to(self.device) for name, value in kept["averaged"].items()}
            self.best, self.history = kept["best"], kept["history"]

        def best_kept(self) -> tuple[dict[str, NDArray[Any]], Head, int]:
            """The network as it is kept, the head over its features, and the epoch that they are of.

            That is the last one, whose rate was lowest, unless training ended before for want of progress.
            """
            self.cpu()
            last = len(self.history)
            whole = last >= self.task.settings.epochs
            state, epoch = (self.averaged, last) if whole else (self.best["state"], self.best["epoch"])
            with torch.no_grad():
                for name, value in self.moving().items():
                    value.copy_(state[name])
            mean, scale = self.standard
            weight = self.classifier.weight.detach().numpy()[0] * scale
            bias = float(self.classifier.bias.detach().numpy()[0] - mean @ weight)
            return backbones.tensors_of(self.network), Head(weight, bias), epoch

    class Reporter(lightning.Callback):
        """Says how it goes, keeps what was learned after every epoch, and waits or stops when asked to."""

        def __init__(self, training: _Training) -> None:
            self.training = training
            self.times: dict[str, Any] = {}
            self.start = self.epoch_start = time.monotonic()

        def note(self, kind: str, seconds: float) -> None:
            self.times[kind] = [*self.times.get(kind, ()), seconds][-_TIMES:]

        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
            waited = time.monotonic()
            self.training.control.check(self.training.tell)
            self.start = time.monotonic()
            self.epoch_start = self.start if batch_idx == 0 else self.epoch_start + self.start - waited

        def on_train_batch_end(
            self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
        ) -> None:
            training, epoch = self.training, trainer.current_epoch
            pl_module.average()
            kind = "all" if epoch >= training.head_first else "head"
            self.note(kind, time.monotonic() - self.start)
            seconds = statistics.median(self.times[kind])
            loss, right = pl_module.last
            photos_ = training.batch * trainer.world_size
            steps = trainer.num_training_batches
            training.tell(
                Batch(
                    epoch * steps + batch_idx + 1,
                    training.task.settings.epochs * steps,
                    epoch + 1,
                    loss,
                    right,
                    min(photos_, len(training.task.split.learn)) / max(seconds, 1e-6),
                    training.estimate(self.times, epoch, batch_idx + 1),
                )
            )

        def on_validation_batch_start(self, trainer: Any, pl_module: Any, batch: Any, *_: Any) -> None:
            if self.training.control.stopping():
                raise _Stop
            self.start = time.monotonic()

        def on_validation_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            self.note("check", time.monotonic() - self.start)

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            training, task = self.training, self.training.task
            shown, checked = pl_module.sums, pl_module.checked
            epoch = [
                trainer.current_epoch + 1,
                task.settings.epochs,
                shown.loss,
                checked.loss,
                shown.right,
                checked.right,
                time.monotonic() - self.epoch_start,
            ]
            pl_module.history.append(epoch)
            training.tell(Epoch(*epoch))
            said = 1 / (1 + np.exp(-np.concatenate(pl_module.logits).astype(np.float64)))
            training.tell(_mistakes(task, task.split.check, said))
            self.keep(trainer, epoch[0])

        def keep(self, trainer: Any, epoch: int) -> None:
            """Write a checkpoint; where the disk is full, training goes on, and the one before stays."""
            trainer.save_checkpoint(self.training.task.folder / checkpoints.NAME)
            if trainer.is_global_zero:
                error = trainer.strategy.checkpoint_io.error
                words = f"What was learned in this epoch could not be kept: {error}." if error else ""
                self.training.tell(Checkpoint(epoch, words))
            if self.training.control.ending() and epoch < self.training.task.settings.epochs:
                raise _Stop

    class Keeper(CheckpointIO):
        """Writes checkpoints such that one that is whole is always there."""

        def __init__(self, training: _Training) -> None:
            self.training = training
            self.trainer: Any = None
            self.error = ""

        def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
            epoch, of = len(checkpoint["lennonnet"]["history"]), self.training.task.settings.epochs
            done = epoch >= of or bool(self.trainer.should_stop)
            content = io.BytesIO()
            torch.save(checkpoint, content)
            header = {"key": self.training.task.key, "epoch": epoch, "of": of, "done": done}
            self.error = ""
            try:
                checkpoints.write(Path(path).parent, header, content.getbuffer())
            except OSError as error:
                self.error = error.strerror or str(error)

        def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: Any = None) -> Any:
            return _newest_checkpoint(Path(path).parent)[1]

        def remove_checkpoint(self, path: Any) -> None:
            """Nothing: which ones stay is decided where they are written."""

    def trainer_of(training: _Training, reporter: Reporter) -> Any:
        settings, folder = training.task.settings, training.task.folder
        logger: Any = False
        if settings.log != "none":
            kinds = {"csv": CSVLogger, "tensorboard": TensorBoardLogger}
            number = len(list((folder / "log").glob("*"))) + 1  # one that goes on has a log of its own
            logger = kinds[settings.log](folder, name="log", version=f"{number:03}")
        on_cuda = _device_of(settings).type == "cuda"
        keeper = Keeper(training)
        keeper.trainer = lightning.Trainer(
            accelerator=settings.device,
            devices=settings.devices,
            num_nodes=settings.num_nodes,
            strategy=settings.strategy,
            precision="bf16-mixed" if on_cuda and torch.cuda.is_bf16_supported() else "32-true",
            max_epochs=settings.epochs,
            gradient_clip_val=_CLIP,
            deterministic="warn" if on_cuda else False,
            benchmark=False,
            callbacks=[
                reporter,
                EarlyStopping("validation_loss", _PROGRESS, settings.patience, check_finite=False),
            ],
            plugins=[keeper],
            logger=logger,
            log_every_n_steps=1,
            default_root_dir=folder,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
        return keeper.trainer

    return Module, Reporter, trainer_of


class _Sums:
    """Losses and right answers, added up; both sides weigh the same in `right`."""

    def __init__(self) -> None:
        self._loss, self._photos = 0.0, 0
        self._right, self._of = [0, 0], [0, 0]

    def add(self, losses: Any, logits: Any, truth: NDArray[np.bool_]) -> tuple[float, float]:
        """Add a batch: (n,) tensors and (n,) truth. Returns its mean loss and the share that is right."""
        values, said = losses.detach().float().cpu().numpy(), logits.detach().float().cpu().numpy() >= 0
        right = said == truth
        self._loss += float(values.sum())
        self._photos += len(values)
        for side in (0, 1):
            self._right[side] += int(right[truth == side].sum())
            self._of[side] += int((truth == side).sum())
        return float(values.mean()), float(right.mean())

    @property
    def loss(self) -> float:
        return self._loss / max(1, self._photos)

    @property
    def right(self) -> float:
        shares = [right / of for right, of in zip(self._right, self._of, strict=True) if of]
        return sum(shares) / max(1, len(shares))


def _device_of(settings: Settings) -> Any:
    """The device that training will run on, for what is tried out before."""
    torch = torch_runtime.load()
    if settings.device in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return torch.device("cuda")
    if settings.device in ("auto", "gpu", "mps") and torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _augmented(pixels: Any, size: int, random: np.random.Generator) -> Any:
    """Photos as they might have been taken: moved, nearer or farther, turned a little, mirrored, in another light.

    (N, 3, K, K) float from 0 to 255 to (N, 3, size, size) of the same kind; one pass over the batch each.
    """
    torch = torch_runtime.load()
    from torch.nn import functional

    count, device = len(pixels), pixels.device

    def draw(low: float, high: float, *more: int) -> Any:
        numbers = random.uniform(low, high, (count, *more)).astype(np.float32)
        return torch.from_numpy(numbers).to(device)

    side, angle, aspect = draw(_NEAREST, 1), draw(-_TURN, _TURN) * (math.pi / 180), draw(-0.08, 0.08).exp()
    mirrored = draw(0, 1).sub(0.5).sign()
    room = 1 - side
    cosine, sine = angle.cos(), angle.sin()
    where = torch.stack(
        [
            torch.stack([side * cosine * mirrored * aspect, -side * sine, draw(-1, 1) * room], 1),
            torch.stack([side * sine * mirrored, side * cosine / aspect, draw(-1, 1) * room], 1),
        ],
        1,
    )
    grid = functional.affine_grid(where, [count, 3, size, size], align_corners=False)
    mode = "bilinear" if device.type == "mps" else "bicubic"  # Metal has no bicubic one
    x = functional.grid_sample(pixels, grid, mode=mode, padding_mode="reflection", align_corners=False)

    def each(values: Any) -> Any:
        return values.view(count, -1, 1, 1)

    grey = (x * x.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    colour = torch.where(draw(0, 1) < _GREY, torch.zeros_like(side), draw(0.6, 1.3))
    x = torch.lerp(grey.expand_as(x), x, each(colour))
    middle = x.mean((1, 2, 3), keepdim=True)
    contrast, light, tint = draw(-0.35, 0.3).exp(), draw(-0.3, 0.25).exp(), draw(-0.08, 0.08, 3).exp()
    x = ((x - middle) * each(contrast) + middle * each(light)) * each(tint)
    soft = draw(0, 1) < _SOFT  # as from a small original
    if bool(soft.any()):
        few = x[soft]
        small = functional.interpolate(few, size=int(size * random.uniform(0.35, 0.8)), mode="area")
        x[soft] = functional.interpolate(small, size=(size, size), mode="bilinear")
    return x.clamp_(0, 255)


def _mistakes(task: _Task, numbers: NDArray[np.intp], said: NDArray[Any]) -> Mistakes:
    """The worst of photos that are on the wrong side of 0.5."""
    wrong = []
    for number, probability in zip(numbers.tolist(), said.tolist(), strict=True):
        photo = task.all.photos[number]
        if (probability >= 0.5) != photo.is_subject:
            wrong.append(Mistake(photo.file.path, probability, photo.is_subject, photo.group))
    wrong.sort(key=lambda mistake: -abs(mistake.probability - mistake.is_subject))
    return Mistakes(tuple(wrong[:_MISTAKES]))


def _newest_checkpoint(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and content of the newest checkpoint that is whole. Raises _Failure if there is none."""
    torch = torch_runtime.load()
    found = checkpoints.newest(folder)
    if found is None:
        raise _Failure("What was learned before can't be read. Please train again from the beginning.")
    return found[0], torch.load(io.BytesIO(found[1]), map_location="cpu", weights_only=True)


# -- old against new

SUBJECT = f"subject{SUFFIX}"
"""The new subject's file in the folder of the run."""


def _clean(folder: Path) -> None:
    """Remove what a finished run needs no more."""
    checkpoints.drop(folder)
    for name in (_PIXELS, _SQUARES, _PREPARED):
        with contextlib.suppress(OSError):
            (folder / name).unlink()


def _judged(task: _Task, tuned: _Tuned, champion: Subject | None) -> Finished:
    """Compare what was learned with the quick way on the photos held out; writes the new subject. Raises _Failure."""
    all_, split = task.all, task.split
    truth, groups = all_.is_subject, np.array(all_.groups)
    network = TunedNetwork.of(tuned.tensors)
    spec = dataclasses.replace(task.spec, weights=network.weights)
    extractor = extractors.load(spec, network=network, exact=True)

    def described(numbers: NDArray[np.intp]) -> NDArray[Any]:
        rows = [extractor.run(all_.squares[numbers[i : i + 8]]) for i in range(0, len(numbers), 8)]
        return np.concatenate(rows).astype(np.float16)  # as they will be cached

    known = np.sort(np.concatenate([split.learn, split.check]))
    quick = head.fit(
        all_.features[known],
        truth[known],
        twins=task.twins[known],
        groups=groups[known],
        views=[view[known] for view in all_.views],
        parts=all_.parts,
        folds=teach.FOLDS if len(known) <= teach.MANY else teach.FOLDS_OF_MANY,
    ).head
    zones = champion.zones if champion is not None else Zones()
    held_truth, held_groups = truth[split.held], groups[split.held].tolist()
    said = tuned.head.score(described(split.held)), quick.score(all_.features[split.held])
    of_new, of_quick = (
        evaluate.measure(one, held_truth, held_groups, low=zones.low, high=zones.high) for one in said
    )
    better = _is_better(
        *(
            (balanced_share(figures), _loss(one, held_truth))
            for figures, one in zip((of_new, of_quick), said, strict=True)
        )
    )
    subject = Subject(
        name=task.name,
        head=tuned.head,
        zones=zones,
        spec=spec,
        counts=dict(Counter(all_.groups)),
        figures=of_new,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        version=champion.version + 1 if champion is not None else 1,
        network=network,
        provenance=_provenance(task, tuned),
    )
    file = task.folder / SUBJECT
    try:
        subject.save(file)
    except OSError as error:
        raise _Failure(f"The new subject can't be written: {error.strerror or error}.") from error
    one, other = (100 * balanced_share(figures) for figures in (of_new, of_quick))
    sentence = (
        f"On {len(split.held):,} photos that neither learned from, the deeply trained one is right about {one:.1f} %"
        f" and the quick one about {other:.1f} %, {task.name} and others weighing the same."
    ) + (" It is the better one." if better else " It is not better, so the old one can stay.")
    return Finished(str(file), of_new, of_quick, better, sentence)


def _is_better(new: tuple[float, float], old: tuple[float, float]) -> bool:
    """Whether the new one, of (share right, loss), should take the old one's place.

    On few photos the share moves by chance, by a photo or two; the loss, which counts how sure it is of each, hardly
    does. So that decides, as long as the share is not lower.
    """
    return new[0] >= old[0] and new[1] < old[1]


def _loss(probabilities: NDArray[Any], truth: NDArray[np.bool_]) -> float:
    """How surprising the truth is on average, both sides weighing the same."""
    said = np.clip(probabilities.astype(np.float64), 1e-6, 1 - 1e-6)
    surprise = -np.log(np.where(truth, said, 1 - said))
    return float(head.class_balanced(np.ones(len(truth)), truth) @ surprise)


def balanced_share(figures: Figures) -> float:
    """The share of photos that is right, the subject and all others weighing the same."""
    shares = []
    for side in (True, False):
        some = [group for group in figures.groups if group.is_subject == side]
        shares.append(sum(group.right for group in some) / max(1, sum(group.photos for group in some)))
    return sum(shares) / 2


def _provenance(task: _Task, tuned: _Tuned) -> dict[str, Any]:
    """All that is needed to train the same again; of photos, only hashes."""
    versions = {"lennonnet": __version__, "python": platform.python_version()}
    for package in ("numpy", "torch", "timm", "pytorch-lightning"):
        versions[package] = importlib.metadata.version(package)
    truth = task.all.is_subject
    photos_ = {
        part: [("+" if truth[number] else "-") + task.all.digests[number] for number in numbers.tolist()]
        for part, numbers in (
            ("learned", task.split.learn),
            ("checked", task.split.check),
            ("held_out", task.split.held),
        )
    }
    listed = len(truth) <= _LISTED
    return {
        "method": "deep",
        "seed": task.settings.seed,
        "settings": dataclasses.asdict(task.settings),
        "versions": versions,
        "device": tuned.device,
        "epochs": tuned.epochs,
        "best_epoch": tuned.best_epoch,
        "manifest": _hash(photos_),
        **({"photos": photos_} if listed else {}),
    }
