"""Scores photos for a subject: from the cache what was seen before, through the networks what was not.

In two passes, because the first colours a folder ten times as fast: `score` looks at whole photos, `look_for_faces`
then at the faces in them. Both are generators of events; whoever runs them (the window's compute thread, the command
line) may stop them between any two. Nothing of a network is loaded while the cache has all the answers.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from training import extractors, faces, features, photos
from training.backbones import BackboneUnavailable, DownloadNeeded
from training.cache import Facts, FeatureCache
from training.crew import Decoded, Unreadable, Worklist
from training.extractors import Extractor, ExtractorMismatch
from training.faces import FacesUnavailable, FaceTable, Look
from training.judge import Judged
from training.knowledge import Knowledge
from training.photos import PhotoFile, UnreadablePhoto
from training.subject import Subject

_AT_ONCE = 2000  # photos looked up in the cache between two events
_HASH_S = 0.1  # hashing goes on so long between two events
_STORE_EVERY_S = 1.0  # a crash loses no more than this much work


@dataclass(frozen=True, slots=True)
class Scored:
    """What some photos were judged to be; `taken` has each photo's date, or "".

    digests: (N) of the photos' bytes; vectors: (N, D) float16, their features; table: the faces found in them, where
    anybody has looked; knowledge: what judged by these
    """

    paths: tuple[str, ...]
    judged: Judged
    taken: tuple[str, ...]
    digests: tuple[bytes, ...]
    vectors: np.ndarray
    table: FaceTable
    knowledge: Knowledge

    @property
    def probabilities(self) -> np.ndarray:
        """(N,) float32, of showing the subject."""
        return self.judged.probabilities

    def some(self, rows: Sequence[int]) -> Scored:
        """What is said of those photos alone, by their numbers."""
        vectors, table = self.vectors[rows], self.table.take(rows)
        return Scored(
            tuple(self.paths[row] for row in rows),
            self.knowledge.judge(vectors, table, [self.digests[row] for row in rows]),
            tuple(self.taken[row] for row in rows),
            tuple(self.digests[row] for row in rows),
            vectors,
            table,
            self.knowledge,
        )


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
VectorsOf = Callable[[Sequence[bytes]], tuple[list[bytes], np.ndarray]]
"""Gives the features of those photos, by digest, that it has: their digests, and (N, D) float16."""


def score(
    files: Sequence[PhotoFile],
    subject: Subject,
    *,
    work: Worklist | None = None,
    decoded: Decoded | None = None,
    on_download: Callable[[int, int], None] | None = None,
    may_download: bool = True,
    knowledge: Callable[[], Knowledge] | None = None,
    with_faces: bool = True,
) -> Generator[Event, None, None]:
    """Score `files`; every one of them is named in exactly one Scored or Failed.

    `work`, a Worklist of the same files, lets the caller say meanwhile which to decode first; those that need no
    decoding are dropped from it. `decoded` gets each opened photo, on a decoding thread. `on_download(bytes so far,
    bytes expected)` is called while a network is downloaded; what it raises stops that, and comes out here.
    `knowledge` gives what to score with, where it is not the subject's or may change meanwhile. Faces that were found
    before count, if `with_faces`; none are looked for. Raises CannotScore when the network can't be had, or is not the
    subject's, and NeedsDownload unless it `may_download`.
    """
    work = work if work is not None else Worklist(files)
    asked = _Asked(
        subject,
        knowledge or functools.partial(Knowledge.of, subject),
        looks() if with_faces else (),
    )
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


def look_for_faces(
    files: Sequence[PhotoFile],
    subject: Subject,
    look: Look,
    *,
    work: Worklist | None = None,
    decoded: Decoded | None = None,
    knowledge: Callable[[], Knowledge] | None = None,
    vectors_of: VectorsOf | None = None,
) -> Generator[Event, None, None]:
    """Find and describe the faces in `files`, and score those whose features are known once more, by both.

    A photo that was looked at before, as thoroughly, is not looked at again. `vectors_of` gives the features of photos
    that are not in the cache. For the rest see `score`. Photos that can't be opened are named in a Failed.
    Raises FacesUnavailable where faces can't be looked for; a sentence says why.
    """
    work = work if work is not None else Worklist(files)
    asked = _Asked(subject, knowledge or functools.partial(Knowledge.of, subject), looks(look))
    with FeatureCache() as cache:
        known_vectors = _Vectors(cache, asked.extractor, vectors_of)
        for start in range(0, len(files), _AT_ONCE):
            known = cache.facts_of(files[start : start + _AT_ONCE])
            blobs = cache.faces([facts.digest for facts in known.values()], asked.looks)
            found = [
                (path, facts, blobs[facts.digest]) for path, facts in known.items() if facts.digest in blobs
            ]
            work.drop(path for path, _, _ in found)
            if found:
                table = FaceTable.from_blobs([blob for _, _, blob in found])
                yield asked.scored_again(
                    [path for path, _, _ in found], [f for _, f, _ in found], table, known_vectors
                )
        if not len(work):
            return
        yield Preparing("Getting ready to look for faces")
        unsaved: list[tuple[PhotoFile, Facts, bytes]] = []
        saved = time.monotonic()
        with contextlib.closing(faces.extract(work, look, faces.load, decoded=decoded)) as batches:
            try:
                for batch in batches:
                    good = [item for item in batch if isinstance(item, faces.FacesOf)]
                    unsaved += [(item.file, item.facts, item.faces.tobytes()) for item in good]
                    if time.monotonic() - saved > _STORE_EVERY_S:
                        cache.store_faces(unsaved, asked.looks[-1])
                        unsaved.clear()
                        saved = time.monotonic()
                    if good:
                        yield asked.scored_again(
                            [item.file.path for item in good],
                            [item.facts for item in good],
                            FaceTable.of([item.faces for item in good]),
                            known_vectors,
                        )
                    for item in batch:
                        if isinstance(item, Unreadable):
                            yield Failed(item.file.path, item.reason)
                    if not batch:
                        yield asked.none()
            finally:
                batches.close()
                cache.store_faces(unsaved, asked.looks[-1])


def looks(look: Look = Look.QUICK) -> tuple[str, ...]:
    """The names that faces are cached under, of looks at least as thorough as this, the most thorough first.

    Empty where faces can't be looked for.
    """
    try:
        return tuple(
            faces.extractor_id(one) for one in (Look.THOROUGH, Look.QUICK)[: 1 + (look is Look.QUICK)]
        )
    except FacesUnavailable:
        return ()


@dataclass(frozen=True)
class _Vectors:
    """The features of photos: from the cache, and of those that it does not have, from whoever else may."""

    cache: FeatureCache
    extractor: str
    others: VectorsOf | None

    def of(self, digests: Sequence[bytes]) -> dict[bytes, np.ndarray]:
        known = dict(zip(*self.cache.vectors(digests, self.extractor), strict=True))
        missing = [digest for digest in digests if digest not in known]
        if missing and self.others is not None:
            known.update(zip(*self.others(missing), strict=True))
        return known


@dataclass(frozen=True)
class _Asked:
    """What is asked of photos, by what is known at present; `looks`: what faces are cached under, best first."""

    subject: Subject
    knowledge: Callable[[], Knowledge]
    looks: tuple[str, ...] = ()

    @property
    def extractor(self) -> str:
        """The name that features are cached under."""
        return self.subject.spec.id

    def scored(
        self,
        paths: Sequence[str],
        taken: Sequence[str],
        digests: Sequence[bytes],
        vectors: np.ndarray,
        table: FaceTable | None = None,
    ) -> Scored:
        knowledge = self.knowledge()
        table = table if table is not None else FaceTable.none(len(paths))
        judged = knowledge.judge(vectors, table, digests)
        return Scored(tuple(paths), judged, tuple(taken), tuple(digests), vectors, table, knowledge)

    def scored_again(
        self, paths: Sequence[str], facts: Sequence[Facts], table: FaceTable, vectors: _Vectors
    ) -> Scored:
        """The photos whose features are known, judged by these and their faces."""
        known = vectors.of([one.digest for one in facts])
        width = len(self.subject.head.weight)
        rows = [i for i, one in enumerate(facts) if one.digest in known and len(known[one.digest]) == width]
        if not rows:
            return self.none()
        return self.scored(
            [paths[i] for i in rows],
            [facts[i].taken for i in rows],
            [facts[i].digest for i in rows],
            np.stack([known[facts[i].digest] for i in rows]),
            table if len(rows) == len(facts) else table.take(np.array(rows)),
        )

    def table(self, cache: FeatureCache, digests: Sequence[bytes]) -> FaceTable:
        """The faces that were found in photos before."""
        blobs = cache.faces(digests, self.looks) if self.looks else {}
        return FaceTable.from_blobs([blobs.get(digest) for digest in digests])

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
    found = tuple(facts.digest for _, facts in hits)
    return asked.scored(paths, taken, found, vectors, asked.table(cache, found)), set(paths)


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
                digests = [item.facts.digest for item in good]
                yield asked.scored(
                    [item.file.path for item in good],
                    [item.facts.taken for item in good],
                    digests,
                    np.stack([item.vector for item in good]),
                    asked.table(cache, digests),
                )
            for item in batch:
                if isinstance(item, Unreadable):
                    yield Failed(item.file.path, item.reason)
    finally:
        batches.close()
        cache.store(unsaved, asked.extractor)
