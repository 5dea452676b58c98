"""Scores photos for a subject: from the cache what was seen before, through the network what was not.

`score` is a generator of events; whoever runs it (the window's compute thread, the command line) may stop it
between any two. Nothing of the network is loaded while the cache has all the answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from training import features, photos
from training.backbones import BackboneUnavailable
from training.cache import Facts, FeatureCache
from training.features import Decoded, Extractor, ExtractorMismatch, Worklist
from training.photos import PhotoFile, UnreadablePhoto
from training.subject import Subject

_AT_ONCE = 2000  # photos looked up in the cache between two events
_STORE_EVERY_S = 1.0  # a crash loses no more than this much work


@dataclass(frozen=True, slots=True)
class Scored:
    """Probabilities, (N,) float32, of some photos; `taken` has each photo's date, or ""."""

    paths: tuple[str, ...]
    probabilities: np.ndarray
    taken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """A photo that could not be scored; `reason` reads on from its name, as in "is cut off"."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Preparing:
    """The network is being loaded; `words` say so."""

    words: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know, in a sentence; scoring goes on."""

    words: str


class CannotScore(Exception):
    """No photo can be scored; the message says why and what to do, in the user's words."""


Event = Scored | Failed | Preparing | Notice


def score(
    files: Sequence[PhotoFile],
    subject: Subject,
    *,
    work: Worklist | None = None,
    decoded: Decoded | None = None,
    on_download: Callable[[int, int], None] | None = None,
) -> Generator[Event, None, None]:
    """Score `files`; every one of them is named in exactly one Scored or Failed.

    `work`, a Worklist of the same files, lets the caller say meanwhile which to decode first; those that need no
    decoding are dropped from it. `decoded` gets each opened photo, on a decoding thread. `on_download(bytes so far,
    bytes expected)` is called while a network is downloaded. Raises CannotScore when the network can't be had.
    """
    work = work if work is not None else Worklist(files)
    with FeatureCache() as cache:
        if cache.notice:
            yield Notice(cache.notice)
        told = cache.notice
        fresh: list[PhotoFile] = []
        for start in range(0, len(files), _AT_ONCE):
            some = files[start : start + _AT_ONCE]
            known = cache.facts_of(some)
            scored, done = _from_cache(cache, subject, known)
            work.drop(done)
            fresh += [file for file in some if file.path not in done]
            if scored is not None:
                yield scored
        for event, path in _recognised(cache, subject, fresh):
            work.drop([path])
            yield event
        if len(work):
            for event in _through_network(cache, subject, work, decoded, on_download):
                yield event
                if cache.notice != told:
                    told = cache.notice
                    yield Notice(told)


def _from_cache(
    cache: FeatureCache, subject: Subject, known: dict[str, Facts]
) -> tuple[Scored | None, set[str]]:
    """The scores of those known photos whose features are cached, and their paths."""
    digests, vectors = cache.vectors([facts.digest for facts in known.values()], subject.spec.id)
    if not digests or vectors.shape[1] != len(subject.head.weight):
        return None, set()
    probability = dict(zip(digests, subject.head.score(vectors).tolist(), strict=True))
    hits = [(path, facts) for path, facts in known.items() if facts.digest in probability]
    paths = tuple(path for path, _ in hits)
    scores = np.array([probability[facts.digest] for _, facts in hits], np.float32)
    return Scored(paths, scores, tuple(facts.taken for _, facts in hits)), set(paths)


def _recognised(cache: FeatureCache, subject: Subject, fresh: list[PhotoFile]) -> Iterator[tuple[Event, str]]:
    """Photos that were renamed, moved or copied since they were seen: told by size, then by content."""
    sizes = cache.sizes_among(file.size for file in fresh)
    for file in fresh:
        if file.size not in sizes:
            continue
        try:
            digest = photos.digest(file.path)
        except UnreadablePhoto:
            continue  # it fails again, with its reason, where it is opened
        facts = cache.facts_of_digests([digest]).get(digest)
        if facts is not None:
            scored, done = _from_cache(cache, subject, {file.path: facts})
            if scored is not None and done:
                cache.store([(file, facts, None)], subject.spec.id)
                yield scored, file.path


def _through_network(
    cache: FeatureCache,
    subject: Subject,
    work: Worklist,
    decoded: Decoded | None,
    on_download: Callable[[int, int], None] | None,
) -> Iterator[Event]:
    def load() -> Extractor:
        try:
            return features.load_extractor(subject.spec, on_download)
        except (BackboneUnavailable, ExtractorMismatch) as error:
            raise CannotScore(str(error)) from error

    yield Preparing("Waking up the network")
    unsaved: list[tuple[PhotoFile, Facts, np.ndarray | None]] = []
    saved = time.monotonic()
    batches = features.extract(work, subject.spec, load, decoded=decoded)
    try:
        for batch in batches:
            good = [item for item in batch if isinstance(item, features.Features)]
            unsaved += [(item.file, item.facts, item.vector) for item in good]
            if time.monotonic() - saved > _STORE_EVERY_S:
                cache.store(unsaved, subject.spec.id)
                unsaved.clear()
                saved = time.monotonic()
            if good:
                yield Scored(
                    tuple(item.file.path for item in good),
                    subject.head.score(np.stack([item.vector for item in good])),
                    tuple(item.facts.taken for item in good),
                )
            for item in batch:
                if isinstance(item, features.Unreadable):
                    yield Failed(item.file.path, item.reason)
    finally:
        batches.close()
        cache.store(unsaved, subject.spec.id)
