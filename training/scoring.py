"""Scores photos for a subject: from the cache what was seen before, through the network what was not.

`score` is a generator of events; whoever runs it (the window's compute thread, the command line) may stop it
between any two. Nothing of the network is loaded while the cache has all the answers.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from training import extractors, features, photos
from training.backbones import BackboneUnavailable, DownloadNeeded
from training.cache import Facts, FeatureCache
from training.extractors import Extractor, ExtractorMismatch
from training.features import Decoded, Worklist
from training.head import Head
from training.photos import PhotoFile, UnreadablePhoto
from training.subject import Subject

_AT_ONCE = 2000  # photos looked up in the cache between two events
_HASH_S = 0.1  # hashing goes on so long between two events
_STORE_EVERY_S = 1.0  # a crash loses no more than this much work


@dataclass(frozen=True, slots=True)
class Scored:
    """Probabilities, (N,) float32, of some photos; `taken` has each photo's date, or "".

    digests: (N) of the photos' bytes; vectors: (N, D) float16, their features; head: what made probabilities of these
    """

    paths: tuple[str, ...]
    probabilities: np.ndarray
    taken: tuple[str, ...]
    digests: tuple[bytes, ...]
    vectors: np.ndarray
    head: Head


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


class NeedsDownload(CannotScore):
    """A network has to be downloaded first, and nobody has said that it may; the message names it and its size."""


Event = Scored | Failed | Preparing | Notice


def score(
    files: Sequence[PhotoFile],
    subject: Subject,
    *,
    work: Worklist | None = None,
    decoded: Decoded | None = None,
    on_download: Callable[[int, int], None] | None = None,
    may_download: bool = True,
    head: Callable[[], Head] | None = None,
) -> Generator[Event, None, None]:
    """Score `files`; every one of them is named in exactly one Scored or Failed.

    `work`, a Worklist of the same files, lets the caller say meanwhile which to decode first; those that need no
    decoding are dropped from it. `decoded` gets each opened photo, on a decoding thread. `on_download(bytes so far,
    bytes expected)` is called while a network is downloaded; what it raises stops that, and comes out here. `head`
    gives the head to score with, where it is not the subject's or may change meanwhile. Raises CannotScore when the
    network can't be had, or is not the subject's, and NeedsDownload unless it `may_download`.
    """
    work = work if work is not None else Worklist(files)
    asked = _Asked(subject, head or (lambda: subject.head))
    with FeatureCache() as cache:
        if cache.notice:
            yield Notice(cache.notice)
        told = cache.notice
        unseen: list[PhotoFile] = []
        for start in range(0, len(files), _AT_ONCE):
            some = files[start : start + _AT_ONCE]
            known = cache.facts_of(some)
            scored, done = _from_cache(cache, asked, known)
            work.drop(done)
            unseen += [file for file in some if file.path not in known]
            if scored is not None:
                yield scored
        for recognised in _recognised(cache, asked, unseen):
            work.drop(recognised.paths)
            yield recognised
        if len(work):
            load = functools.partial(_load, subject, on_download, may_download)
            with contextlib.closing(_through_network(cache, asked, work, decoded, load)) as events:
                for event in events:
                    yield event
                    if cache.notice != told:
                        told = cache.notice
                        yield Notice(told)


@dataclass(frozen=True)
class _Asked:
    """What is asked of photos, by whose head at present."""

    subject: Subject
    head: Callable[[], Head]

    @property
    def extractor(self) -> str:
        """The name that features are cached under."""
        return self.subject.spec.id

    def scored(
        self, paths: tuple[str, ...], taken: tuple[str, ...], digests: tuple[bytes, ...], vectors: np.ndarray
    ) -> Scored:
        head = self.head()
        return Scored(paths, head.score(vectors), taken, digests, vectors, head)

    def none(self) -> Scored:
        return self.scored((), (), (), np.empty((0, len(self.subject.head.weight)), np.float16))


def _from_cache(
    cache: FeatureCache, asked: _Asked, known: dict[str, Facts]
) -> tuple[Scored | None, set[str]]:
    """The scores of those known photos whose features are cached, and their paths."""
    digests, vectors = cache.vectors([facts.digest for facts in known.values()], asked.extractor)
    if not digests or vectors.shape[1] != len(asked.subject.head.weight):
        return None, set()
    place = {digest: number for number, digest in enumerate(digests)}
    hits = [(path, facts) for path, facts in known.items() if facts.digest in place]
    rows = [place[facts.digest] for _, facts in hits]
    if rows != list(range(len(digests))):  # else each is there once, in this order, as nearly always
        vectors = vectors[rows]
    paths = tuple(path for path, _ in hits)
    taken = tuple(facts.taken for _, facts in hits)
    return asked.scored(paths, taken, tuple(facts.digest for _, facts in hits), vectors), set(paths)


def _recognised(cache: FeatureCache, asked: _Asked, unseen: list[PhotoFile]) -> Iterator[Scored]:
    """Photos that were renamed, moved or copied since they were seen: told by size, then by content.

    An event without photos comes now and then, as a place to stop.
    """
    sizes = cache.sizes_among(file.size for file in unseen)
    candidates = [file for file in unseen if file.size in sizes]
    hashed: list[tuple[PhotoFile, bytes]] = []
    last = time.monotonic()
    for number, file in enumerate(candidates, 1):
        with contextlib.suppress(UnreadablePhoto):  # it fails again, with its reason, where it is opened
            hashed.append((file, photos.digest(file.path)))
        if time.monotonic() - last < _HASH_S and number < len(candidates):
            continue
        facts = cache.facts_of_digests(digest for _, digest in hashed)
        known = {file.path: facts[digest] for file, digest in hashed if digest in facts}
        scored, done = _from_cache(cache, asked, known)
        cache.store(
            [(file, known[file.path], None) for file, _ in hashed if file.path in done], asked.extractor
        )
        yield scored or asked.none()
        hashed.clear()
        last = time.monotonic()


def _load(subject: Subject, on_download: Callable[[int, int], None] | None, may_download: bool) -> Extractor:
    try:
        extractor = extractors.load(
            subject.spec, on_download, may_download=may_download, network=subject.network
        )
    except DownloadNeeded as error:
        raise NeedsDownload(str(error)) from error
    except (BackboneUnavailable, ExtractorMismatch) as error:
        raise CannotScore(str(error)) from error
    if sum(extractor.parts) != len(subject.head.weight):
        raise CannotScore("This subject does not fit the network that it names. Please train it again.")
    return extractor


def _through_network(
    cache: FeatureCache,
    asked: _Asked,
    work: Worklist,
    decoded: Decoded | None,
    load: Callable[[], Extractor],
) -> Generator[Event, None, None]:
    yield Preparing("Waking up the network")
    unsaved: list[tuple[PhotoFile, Facts, np.ndarray | None]] = []
    saved = time.monotonic()
    batches = features.extract(work, asked.subject.spec, load, decoded=decoded)
    try:
        for batch in batches:
            good = [item for item in batch if isinstance(item, features.Features)]
            unsaved += [(item.file, item.facts, item.vector) for item in good]
            if time.monotonic() - saved > _STORE_EVERY_S:
                cache.store(unsaved, asked.extractor)
                unsaved.clear()
                saved = time.monotonic()
            if good:
                yield asked.scored(
                    tuple(item.file.path for item in good),
                    tuple(item.facts.taken for item in good),
                    tuple(item.facts.digest for item in good),
                    np.stack([item.vector for item in good]),
                )
            for item in batch:
                if isinstance(item, features.Unreadable):
                    yield Failed(item.file.path, item.reason)
    finally:
        batches.close()
        cache.store(unsaved, asked.extractor)
