"""The photos of a deep training: opened once and kept decoded, dealt into learned, checked and held out, and told of.

`prepared` does all that, and what it returns is all that a training needs to begin.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.util
import json
import threading
import zipfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training import backbones, evaluate, extractors, features, head, photos
from training.backbones import Preprocessing
from training.crew import Unreadable, Worklist
from training.events import FEW_FOR_DEEP, Event, Found, FoundGroup, Preparing, Settings
from training.extractors import Extractor, ExtractorSpec
from training.photos import PhotoFile
from training.teach import Labelled
from training.tuning_control import CannotTrain, Control

_TRIES = 20  # ways to deal the photos; some leave a part without one kind
ENGINE = 3  # raise it when the same photos and settings would be trained otherwise than before
LEAST = 5  # photos of each kind, twins counting once: fewer can't be dealt in three
_HELD_OUT = 5  # one in so many is held out for the end
_CHECKED = 7  # and of the rest, one in so many is for checking after every epoch
_PIXELS, _SQUARES, _PREPARED = "pixels.bin", "squares.bin", "prepared.npz"


@dataclass(frozen=True)
class Split:
    """Numbers of photos: learned from, checked after every epoch, and held out to the end. Twins lie in one of them."""

    learn: NDArray[np.intp]
    check: NDArray[np.intp]
    held: NDArray[np.intp]


@dataclass(frozen=True)
class Collection:
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
        """(N,) whether a photo is of the subject."""
        return np.array([photo.is_subject for photo in self.photos], bool)

    @property
    def groups(self) -> list[str]:
        """The group of each photo."""
        return [photo.group for photo in self.photos]


@dataclass(frozen=True)
class Task:
    """All that one training needs to begin."""

    name: str
    settings: Settings
    folder: Path
    key: str  # of photos, labels and settings
    spec: ExtractorSpec
    all: Collection
    twins: NDArray[np.intp]
    split: Split
    start: head.Head  # learned from the photos to learn from, on the network as it came
    quick_right: float  # of the photos checked


def prepared(
    labelled: Sequence[Labelled],
    name: str,
    settings: Settings,
    folder: Path,
    control: Control,
    *,
    looking: bool = False,
) -> Generator[Event, None, Task | None]:
    """Open and describe the photos, deal them, and say what was found; None where `looking` finds them too few.

    Raises CannotTrain, Stop, and DownloadNeeded where `looking` would have to download the network.
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
    spec, collection = yield from _collected(labelled, settings, folder, control, may_download=not looking)
    _refuse_missing(collection.photos, collection.unreadable, name)
    control.check(lambda _event: None)
    yield Preparing("Looking for photos that show the same shot")
    twins = evaluate.find_twins(collection.fingerprints, collection.features)
    try:
        split = _dealt(collection, twins, name, settings.seed)
    except CannotTrain as error:
        if not looking:
            raise
        none = np.empty(0, np.intp)
        found = _found(collection, twins, Split(np.arange(len(twins)), none, none), name)
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
    key = hash_of([ENGINE, facts, name, chosen, extractors.spec_to_json(spec)])
    return Task(
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


def hash_of(value: object) -> str:
    """The sha256, in hex, of plain data for JSON."""
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
                f"There are no photos of {kind} to learn from.{why} Label some first; {LEAST} of either kind are the"
                " least, and some dozens make sense."
            )


def _collected(
    labelled: Sequence[Labelled], settings: Settings, folder: Path, control: Control, *, may_download: bool
) -> Generator[Event, None, tuple[ExtractorSpec, Collection]]:
    """The photos, opened and described, or taken from `folder` where that was done before."""
    base = backbones.load(settings.backbone, may_download=may_download)
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
    key = hash_of([ENGINE, files, extractors.spec_to_json(spec)])
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
) -> Collection | None:
    """What was opened before, if it is of the same photos and whole."""
    try:
        with np.load(folder / _PREPARED, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            if about["key"] != key:
                return None
            features, fingerprints = stored["features"], stored["fingerprints"]
            views = tuple(stored[f"view{i}"] for i in range(about["views"]))
        by_path = {photo.file.path: photo for photo in labelled}
        return Collection(
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
    control: Control,
) -> Generator[Event, None, Collection]:
    """Open and describe the photos, each once. Raises CannotTrain, Stop."""
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

    work = Worklist([photo.file for photo in by_path.values()])
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
                    if isinstance(result, Unreadable):
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


def _dealt(collection: Collection, twins: NDArray[np.intp], name: str, first: int) -> Split:
    """Deal the photos so that twins stay together and each part has both kinds; the seed `first` is tried first.

    Raises CannotTrain.
    """
    truth = collection.is_subject
    for side, kind in ((True, name), (False, "others")):
        shots = len(np.unique(twins[truth == side]))
        if shots < LEAST:
            raise CannotTrain(
                f"There are too few photos of {kind}: deep training needs {LEAST} that show different shots, and there"
                f" {'is' if shots == 1 else 'are'} {shots}. Label more, or train the quick way."
            )
    _, kinds = np.unique(np.array(collection.groups), return_inverse=True)
    strata = 2 * kinds + truth
    everything = np.arange(len(truth))
    for seed in range(first, first + _TRIES):
        fold = evaluate.folds(twins, strata, _HELD_OUT, seed=seed)
        held, rest = everything[fold == 0], everything[fold != 0]
        most = min(_CHECKED, *(len(np.unique(twins[rest][truth[rest] == side])) for side in (True, False)))
        if most < 2:
            continue
        inner = evaluate.folds(twins[rest], strata[rest], most, seed=seed)
        check, learn = rest[inner == 0], rest[inner != 0]
        if all(len(np.unique(truth[part])) == 2 for part in (held, check, learn)):
            return Split(learn, check, held)
    raise CannotTrain(
        "Nearly all photos of one kind show the same shot, so that none can be left out to measure on. Label other"
        " photos, or train the quick way."
    )


def _found(collection: Collection, twins: NDArray[np.intp], split: Split, name: str) -> Found:
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
    if min(yes, no) < FEW_FOR_DEEP:
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


def drop(folder: Path) -> None:
    """Remove the decoded photos, as far as that can be done."""
    for name in (_PIXELS, _SQUARES, _PREPARED):
        with contextlib.suppress(OSError):
            (folder / name).unlink()
