"""Learning while photos are being labelled: the open folder's features, kept in memory, and heads made from labels.

A label changes one row of some hundred; all photos of the folder are scored anew with what that taught. Nothing here
reads a photo: features come from scoring, and from the cache those of labelled photos that lie elsewhere.
"""

from __future__ import annotations

import functools
import heapq
from collections.abc import Generator, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training import paths
from training.backbones import Backbone
from training.cache import FeatureCache
from training.extractors import Extractor, ExtractorSpec
from training.head import Head
from training.subject import Subject
from training.verdicts import Said, Verdict
from training.zones import Zones

if TYPE_CHECKING:
    from training.enough import Enough

MOST_LABELS = 1500
"""From more labels than this the live head learns from a part: time grows with their square, what they add does not."""

_STARTER = "subjects/john.safetensors"
_BLOCK = 1024  # photos; smaller blocks are joined, because each costs some calls
_IN_MEMORY = 256 << 20  # bytes: 60,000 photos of the built-in network; those of more are read from the cache
_AT_ONCE = 4096  # photos that are scored between two events
_MOST_CANDIDATES = 10_000  # of the least sure photos, from which those to ask about are chosen
_CROWD = 512  # photos from which is learned what is usual in the folder
_PARTS: dict[tuple[str, tuple[str, ...]], tuple[int, ...]] = {
    ("tf_efficientnet_lite0", ("blocks.4", "blocks.5")): (1280, 112, 112, 112, 192, 192, 192),
}


@dataclass(frozen=True)
class Block:
    """Some photos of the folder; `vectors` is (N, D) float16, or None where memory has no room for them."""

    paths: tuple[str, ...]
    digests: tuple[bytes, ...]
    vectors: NDArray[Any] | None

    def without(self, paths: set[str]) -> Block:
        """What is left without some photos."""
        kept = [number for number, path in enumerate(self.paths) if path not in paths]
        return Block(
            tuple(self.paths[number] for number in kept),
            tuple(self.digests[number] for number in kept),
            None if self.vectors is None else self.vectors[kept],
        )


class FolderFeatures:
    """The features of the open folder's photos. Changed by one thread; `blocks` may be taken to another."""

    def __init__(self, in_memory: int = _IN_MEMORY) -> None:
        self._in_memory = in_memory
        self.clear()

    def clear(self) -> None:
        """Forget all photos."""
        self._blocks: dict[int, Block] = {}
        self._place: dict[str, int] = {}  # the block of each photo
        self._digest: dict[str, bytes] = {}
        self._paths: dict[bytes, tuple[str, ...]] = {}
        self._next = 0
        self._last: list[int] = []  # small blocks that wait to be joined
        self._bytes = 0

    def add(self, paths: Sequence[str], digests: Sequence[bytes], vectors: NDArray[Any]) -> None:
        """Take in photos, or take note that they have other bytes now; vectors: (N, D) float16."""
        if not paths:
            return
        known = [path for path in paths if path in self._place]
        if known:
            self.forget(known)
        number = self._next
        self._next += 1
        room = self._bytes + vectors.nbytes <= self._in_memory
        self._blocks[number] = Block(tuple(paths), tuple(digests), vectors if room else None)
        self._bytes += vectors.nbytes if room else 0
        self._place.update(dict.fromkeys(paths, number))
        self._digest.update(zip(paths, digests, strict=True))
        for path, digest in zip(paths, digests, strict=True):
            same = self._paths.get(digest)
            self._paths[digest] = (path,) if same is None else (*same, path)
        if len(paths) < _BLOCK:
            self._last.append(number)
            if sum(len(self._blocks[one].paths) for one in self._last) >= _BLOCK:
                self._join()

    def forget(self, paths: Iterable[str]) -> None:
        """Let go of photos that are gone or changed; unknown ones are passed over."""
        going: dict[int, set[str]] = {}
        for path in paths:
            number = self._place.pop(path, None)
            if number is not None:
                going.setdefault(number, set()).add(path)
                digest = self._digest.pop(path)
                left = tuple(one for one in self._paths[digest] if one != path)
                if left:
                    self._paths[digest] = left
                else:
                    del self._paths[digest]
        for number, some in going.items():
            old = self._blocks[number]
            self._blocks[number] = new = old.without(some)
            if old.vectors is not None and new.vectors is not None:
                self._bytes -= old.vectors.nbytes - new.vectors.nbytes

    def digest_of(self, path: str) -> bytes | None:
        """What identifies a photo's bytes; None where they were not read yet."""
        return self._digest.get(path)

    def paths_of(self, digest: bytes) -> tuple[str, ...]:
        """The photos of the folder with these bytes, copies included."""
        return self._paths.get(digest, ())

    def blocks(self) -> tuple[Block, ...]:
        """All photos; blocks are never changed, only replaced."""
        return tuple(block for block in self._blocks.values() if block.paths)

    def __len__(self) -> int:
        return len(self._place)

    def _join(self) -> None:
        some = [self._blocks.pop(number) for number in self._last]
        number = self._last[0]
        self._last = []
        inside = [block for block in some if block.vectors is not None]
        outside = [block for block in some if block.vectors is None]
        for place, blocks in ((number, inside), (number + 1, outside)):
            if not blocks:
                continue
            paths = tuple(path for block in blocks for path in block.paths)
            digests = tuple(digest for block in blocks for digest in block.digests)
            held = [block.vectors for block in blocks if block.vectors is not None]
            self._blocks[place] = Block(paths, digests, np.concatenate(held) if held else None)
            self._place.update(dict.fromkeys(paths, place))


@dataclass(frozen=True)
class Learned:
    """A head made from the labels.

    guessing: they are too few to learn from, and it only ranks; labels: how many it learned from
    missing: labelled photos whose features nobody has made yet
    """

    head: Head
    guessing: bool
    labels: int
    missing: tuple[bytes, ...]


@dataclass(frozen=True)
class Rescored:
    """New probabilities, (N,) float32, of some photos."""

    paths: tuple[str, ...]
    probabilities: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Question:
    """A photo whose label would teach much, and how likely it shows the subject, as far as is known."""

    path: str
    probability: float


class Learner:
    """Makes heads for one subject from its labels, again and again; one thread at a time.

    starter: what was learned before and the labels correct, or None for a subject that only the labels know
    """

    def __init__(self, starter: Subject | None, spec: ExtractorSpec) -> None:
        self.starter, self.spec = starter, spec
        self._vectors: dict[bytes, NDArray[Any]] = {}  # of labelled photos

    def learn(
        self, labels: Mapping[bytes, Said], blocks: Sequence[Block], head_now: Head | None = None
    ) -> Generator[Learned | Rescored, None, None]:
        """Learn from the labelled photos, given by digest, and score all photos of the folder with that.

        Yields first Learned, then Rescored until all photos of `blocks` were named; none if nothing changes, because
        the head is `head_now`, which scored them.
        """
        labels = _some_of(labels)
        self._find_vectors(labels, blocks)
        digests = [digest for digest in labels if digest in self._vectors]
        missing = tuple(digest for digest in labels if digest not in self._vectors)
        if digests:
            from training import (
                refit,  # late, as in the others below: a window that opens has not learned yet
            )

            refitted = refit.refit(
                self.starter,
                np.stack([self._vectors[digest] for digest in digests]),
                np.array([labels[digest].verdict is Verdict.SUBJECT for digest in digests], bool),
                parts=parts_of(self.spec),
                weights=[weight_of(labels[digest]) for digest in digests],
                crowd=_crowd(blocks),
            )
            head, guessing = refitted.head, refitted.guessing
        elif self.starter is not None:
            head, guessing = self.starter.head, False
        else:
            head, guessing = blank(sum(parts_of(self.spec))), True
        yield Learned(head, guessing, len(digests), missing)
        if head is not head_now:
            yield from self._rescore(head, blocks)

    def labelled(
        self, labels: Mapping[bytes, Said], blocks: Sequence[Block]
    ) -> tuple[list[bytes], NDArray[Any]]:
        """The digests of the labelled photos whose features are known, and these, (N, D) float16."""
        labels = _some_of(labels)
        self._find_vectors(labels, blocks)
        digests = [digest for digest in labels if digest in self._vectors]
        none = np.empty((0, sum(parts_of(self.spec))), np.float16)
        return digests, np.stack([self._vectors[digest] for digest in digests]) if digests else none

    def assess(
        self,
        labels: Mapping[bytes, Said],
        blocks: Sequence[Block],
        name: str,
        look_alikes: Mapping[str, str],
    ) -> Generator[Enough, None, None]:
        """Find out how good the labels are, on those left out; yields once, or never where there is nothing to tell.

        look_alikes: their names by id. Neither the starter nor the network may have learned from these labels.
        """
        digests, vectors = self.labelled(labels, blocks)
        if not digests:
            return
        said = [labels[digest] for digest in digests]
        groups = [name if one.verdict is Verdict.SUBJECT else look_alikes.get(one.group, "") for one in said]
        from training import enough

        yield enough.assess(
            self.starter,
            vectors,
            np.array([one.verdict is Verdict.SUBJECT for one in said], bool),
            groups,
            parts_of(self.spec),
            name=name,
            weights=[weight_of(one) for one in said],
        )

    def questions(
        self,
        labels: Mapping[bytes, Said],
        blocks: Sequence[Block],
        head: Head,
        skip: Set[str],
        most: int,
        *,
        any_will_do: bool = False,
    ) -> Generator[list[Question], None, None]:
        """Find the photos of the folder, without those at `skip`, whose labels would teach most; yields once.

        head: what scores the photos by now; any_will_do: also those that are nearly the same as labelled ones
        """
        held = [(block, block.vectors) for block in blocks if block.vectors is not None]
        known = [head.score(vectors).tolist() for _, vectors in held]
        unsure = heapq.nsmallest(
            _MOST_CANDIDATES,
            (
                (abs(probability - 0.5), number, row)
                for number, (block, _) in enumerate(held)
                for row, probability in enumerate(known[number])
                if block.paths[row] not in skip and block.digests[row] not in labels
            ),
        )
        if not unsure:
            yield []
            return
        chosen = range(min(most, len(unsure)))
        if not any_will_do:
            from training import asking

            _, labelled = self.labelled(labels, blocks)
            vectors = np.stack([held[number][1][row] for _, number, row in unsure])
            probabilities = np.array([known[number][row] for _, number, row in unsure])
            found = asking.choose(vectors, probabilities, labelled, parts=parts_of(self.spec), most=most)
            chosen = found.tolist()
        places = [unsure[one][1:] for one in chosen]
        yield [Question(held[number][0].paths[row], known[number][row]) for number, row in places]

    def _find_vectors(self, labels: Mapping[bytes, Said], blocks: Sequence[Block]) -> None:
        """Get the features of the labelled photos together: from the folder, else from the cache."""
        self._vectors = {digest: self._vectors[digest] for digest in labels if digest in self._vectors}
        wanted = {digest for digest in labels if digest not in self._vectors}
        for block in blocks if wanted else ():
            if block.vectors is not None and not wanted.isdisjoint(block.digests):
                for number, digest in enumerate(block.digests):
                    if digest in wanted:
                        self._vectors[digest] = block.vectors[number].copy()
                        wanted.discard(digest)
        if wanted:
            with FeatureCache() as cache:
                digests, vectors = cache.vectors(list(wanted), self.spec.id)
            if vectors.shape[1:] == (sum(parts_of(self.spec)),):
                self._vectors.update(zip(digests, vectors, strict=True))

    def _rescore(self, head: Head, blocks: Sequence[Block]) -> Generator[Rescored, None, None]:
        for block in blocks:
            for start in range(0, len(block.paths), _AT_ONCE):
                some = slice(start, start + _AT_ONCE)
                if block.vectors is not None:
                    yield Rescored(block.paths[some], head.score(block.vectors[some]))
                else:
                    yield _from_cache(head, self.spec, block.paths[some], block.digests[some])


def _from_cache(head: Head, spec: ExtractorSpec, paths: Sequence[str], digests: Sequence[bytes]) -> Rescored:
    with FeatureCache() as cache:
        found, vectors = cache.vectors(list(digests), spec.id)
    if not found:
        return Rescored((), np.empty(0, np.float32))
    probability = dict(zip(found, head.score(vectors).tolist(), strict=True))
    known = [(path, digest) for path, digest in zip(paths, digests, strict=True) if digest in probability]
    scores = np.array([probability[digest] for _, digest in known], np.float32)
    return Rescored(tuple(path for path, _ in known), scores)


def blank(count: int) -> Head:
    """The head of a subject of which nothing is known: one half for every photo of `count` features."""
    return Head(np.zeros(count, np.float32), 0.0)


def new_subject(name: str) -> Subject:
    """A subject of which nothing is known yet."""
    spec = usual_spec()
    return Subject(name=name, head=blank(sum(parts_of(spec))), zones=Zones(), spec=spec, version=0)


@functools.cache
def usual_spec() -> ExtractorSpec:
    """How photos are looked at for a subject that nothing was trained for yet: as for the one that came with us."""
    return Subject.load(paths.resource(_STARTER)).spec


def weight_of(said: Said) -> float:
    """How much a labelled photo counts in learning, compared to others of its side."""
    from training import refit

    return refit.LOOK_ALIKE_WEIGHT if said.group else 1.0


@functools.cache
def parts_of(spec: ExtractorSpec) -> tuple[int, ...]:
    """The lengths of the parts that features of `spec` consist of; see Extractor.parts."""
    known = _PARTS.get((spec.backbone, spec.stages))
    if known is not None:
        return known
    from training import torch_runtime

    torch_runtime.load()
    import timm

    module = timm.create_model(spec.backbone, pretrained=False).eval()  # any weights will do to count
    return Extractor(Backbone(spec.backbone, spec.weights, module, spec.preprocessing, spec.stages)).parts


def _some_of(labels: Mapping[bytes, Said]) -> Mapping[bytes, Said]:
    """The labels, or of too many the latest third of what can be learned from, and others from all of the time."""
    if len(labels) <= MOST_LABELS:
        return labels
    digests = list(labels)
    latest = digests[-(MOST_LABELS // 3) :]
    before = digests[: -len(latest)]
    step = len(before) / (MOST_LABELS - len(latest))
    chosen = [before[int(number * step)] for number in range(MOST_LABELS - len(latest))]
    return {digest: labels[digest] for digest in (*chosen, *latest)}


def _crowd(blocks: Sequence[Block]) -> NDArray[Any] | None:
    """Features of photos from all over the folder; None where there are too few to say what is usual."""
    held = [block.vectors for block in blocks if block.vectors is not None]
    count = sum(len(vectors) for vectors in held)
    if count < _CROWD // 16:
        return None
    step = max(1, count // _CROWD)
    return np.concatenate([vectors[::step] for vectors in held])
