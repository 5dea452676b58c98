"""Learning while photos are being labelled: the open folder's features, kept in memory, and heads made from labels.

A label changes one row of some hundred; all photos of the folder are scored anew with what that taught. Nothing here
reads a photo: features and faces come from scoring, and from the cache those of labelled photos that lie elsewhere.
"""

from __future__ import annotations

import functools
import heapq
import operator
from collections.abc import Generator, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training import faces, knowledge, paths, scoring
from training.backbones import Backbone
from training.cache import FeatureCache
from training.extractors import Extractor, ExtractorSpec
from training.face_head import Evidence
from training.faces import Faces, FaceTable
from training.head import Head
from training.judge import Judged
from training.knowledge import FacesSaid, Knowledge, faces_by_number
from training.subject import Subject
from training.verdicts import FaceSaid, Said, Verdict
from training.zones import Zones

if TYPE_CHECKING:
    from training.enough import Enough

MOST_LABELS = 1500
"""From more labels than this the live head learns from a part: time grows with their square, what they add does not."""

DECIDED_BY = {
    Evidence.FACES: "Decided by faces",
    Evidence.SCENE: "Decided by the whole picture",
    Evidence.BOTH: "Decided by faces and the whole picture",
}
"""What decides, in words that begin a sentence."""

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
        self.faces: dict[bytes, Faces] = {}
        """What was found in photos, by digest; only ever added to, and never while it is iterated elsewhere."""

    def add(
        self,
        paths: Sequence[str],
        digests: Sequence[bytes],
        vectors: NDArray[Any],
        table: FaceTable | None = None,
    ) -> None:
        """Take in photos, or take note that they have other bytes now; vectors: (N, D) float16, table: of their faces.

        Of photos that are known as they are, only the faces are taken.
        """
        if table is not None and table.looked.any():
            for number in np.flatnonzero(table.looked).tolist():
                found = table.of_photo(number)
                if found is not None:
                    self.faces[digests[number]] = found
        if not paths or all(map(self._is_known, paths, digests)):
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

    def _is_known(self, path: str, digest: bytes) -> bool:
        return self._digest.get(path) == digest

    def vectors_of(self, digests: Iterable[bytes]) -> tuple[list[bytes], NDArray[Any]]:
        """The features of those photos that are in memory: their digests, and (N, D). Any thread may ask."""
        found: list[bytes] = []
        rows: list[NDArray[Any]] = []
        for digest in digests:
            for path in self._paths.get(digest, ()):
                block = self._blocks.get(self._place.get(path, -1))
                if block is not None and block.vectors is not None and digest in block.digests:
                    found.append(digest)
                    rows.append(block.vectors[block.digests.index(digest)])
                    break
        return found, np.stack(rows) if rows else np.empty((0, 0), np.float16)

    def paths_without_faces(self) -> list[str]:
        """The photos in which nobody has looked for faces, as they came. Cheap where there are none."""
        missing = self._paths.keys() - self.faces.keys()
        return [path for path, digest in self._digest.items() if digest in missing] if missing else []

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
    """What the labels have taught.

    guessing: they are too few to learn from, and it only ranks; labels: how many it learned from
    missing: labelled photos whose features nobody has made yet; unlooked: those in which nobody has looked for faces
    evidence: what decides, and words: that in a sentence; both None and "" where faces play no part
    chosen: the number of the face that was taken for the subject, in labelled photos of it
    contradictions: labelled photos of which two labels can't both be true, and why, in words
    """

    knowledge: Knowledge
    guessing: bool
    labels: int
    missing: tuple[bytes, ...]
    unlooked: tuple[bytes, ...] = ()
    evidence: Evidence | None = None
    words: str = ""
    chosen: Mapping[bytes, int] = field(default_factory=dict)
    contradictions: tuple[tuple[bytes, str], ...] = ()


@dataclass(frozen=True)
class Rescored:
    """New judgements of some photos, and the faces that went into them."""

    paths: tuple[str, ...]
    judged: Judged
    table: FaceTable


@dataclass(frozen=True)
class Labels:
    """What the user has said, and how it is to be learned from.

    said: of photos, by digest; faces_said: of their faces, each known by its box
    faces: what was found in photos; None: faces are not to be looked at; forced: the evidence that the user wants
    """

    said: Mapping[bytes, Said]
    faces_said: FacesSaid = field(default_factory=dict)
    faces: Mapping[bytes, Faces] | None = None
    forced: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A photo whose label would teach much, and how likely it shows the subject, as far as is known."""

    path: str
    probability: float


class Learner:
    """Makes heads for one subject from its labels, again and again; one thread at a time.

    starter: what was learned before and the labels correct, or None for a subject that only the labels know
    """

    def __init__(self, starter: Subject | None, spec: ExtractorSpec, name: str = "the subject") -> None:
        self.starter, self.spec, self.name = starter, spec, name
        self._vectors: dict[bytes, NDArray[Any]] = {}  # of labelled photos
        self._faces: dict[bytes, Faces] = {}  # of labelled photos that lie elsewhere
        self._unlabelled: tuple[tuple[object, ...], Knowledge] | None = None

    def learn(
        self, labels: Labels, blocks: Sequence[Block], knowledge_now: Knowledge | None = None
    ) -> Generator[Learned | Rescored, None, None]:
        """Learn from the labelled photos and faces, and judge all photos of the folder by that.

        Yields first Learned, then Rescored until all photos of `blocks` were named; none if nothing changes, because
        it is `knowledge_now` that judged them.
        """
        said = _some_of(labels.said)
        examples, unlooked = self._examples(labels, said, blocks)
        missing = tuple(digest for digest in said if digest not in self._vectors)
        learned_from = len(examples) - int(
            examples.of_faces_only.sum() if examples.of_faces_only is not None else 0
        )
        if len(examples) and (learned_from or self.starter is not None):
            taught = knowledge.learn(
                self.starter,
                examples,
                parts=parts_of(self.spec),
                crowd=_crowd(blocks),
                forced=labels.forced,
                name=self.name,
            )
            known = Learned(
                replace(taught.knowledge, told=labels.faces_said),
                taught.guessing,
                learned_from,
                missing,
                unlooked,
                taught.evidence,
                taught.words,
                {
                    examples.digests[row]: int(taught.chosen[row])
                    for row in np.flatnonzero(taught.chosen >= 0).tolist()
                },
                tuple((examples.digests[row], words) for row, words in taught.contradictions),
            )
        else:
            known = self._before_labels(labels, missing, unlooked)
        yield known
        if known.knowledge is not knowledge_now:
            yield from self._rescore(known.knowledge, labels.faces, blocks)

    def _before_labels(
        self, labels: Labels, missing: tuple[bytes, ...], unlooked: tuple[bytes, ...]
    ) -> Learned:
        """What is known where nothing was labelled that could be learned from."""
        if self.starter is None:
            return Learned(Knowledge(blank(sum(parts_of(self.spec)))), True, 0, missing, unlooked)
        faces = self.starter.faces if labels.faces is not None else None
        if faces is not None and labels.forced is not None:
            faces = replace(faces, evidence=labels.forced)
        asked = (self.starter.faces if faces is not None else None, labels.forced, labels.faces_said)
        if self._unlabelled is None or any(map(operator.is_not, self._unlabelled[0], asked)):
            made = Knowledge(self.starter.head, faces, labels.faces_said)
            self._unlabelled = asked, made  # the same one each time
        evidence = None if faces is None else faces.evidence
        words = "" if evidence is None else f"{DECIDED_BY[evidence]}."
        return Learned(self._unlabelled[1], False, 0, missing, unlooked, evidence, words)

    def _examples(
        self, labels: Labels, said: Mapping[bytes, Said], blocks: Sequence[Block]
    ) -> tuple[knowledge.Examples, tuple[bytes, ...]]:
        """What there is to learn from, and the labelled photos in which nobody has looked for faces."""
        faces_said = labels.faces_said if labels.faces is not None else {}
        of_faces = [digest for digest in faces_said if digest not in said]
        wanted = {**said, **dict.fromkeys(of_faces, Said(Verdict.NOT_SUBJECT))}
        self._find_vectors(wanted, blocks)
        known = [digest for digest in wanted if digest in self._vectors]
        table = None
        unlooked: tuple[bytes, ...] = ()
        by_number: list[Mapping[int, FaceSaid]] = []
        if labels.faces is not None:
            found = self._find_faces(known, labels.faces)
            table = FaceTable.of([found.get(digest) for digest in known])
            unlooked = tuple(digest for digest in known if digest not in found)
            by_number = [
                faces_by_number(found[digest], faces_said[digest])
                if digest in found and digest in faces_said
                else {}
                for digest in known
            ]
            # A photo of which only faces were spoken of, none of which was found again, tells nothing.
            kept = [row for row, digest in enumerate(known) if digest in said or by_number[row]]
            if len(kept) < len(known):
                known, by_number = [known[row] for row in kept], [by_number[row] for row in kept]
                table = table.take(kept)
        holds = [wanted[digest] for digest in known]
        groups = [one.group for one in holds]
        is_subject = np.array([one.verdict is Verdict.SUBJECT for one in holds], bool)
        examples = knowledge.Examples(
            np.stack([self._vectors[digest] for digest in known]) if known else np.empty((0, 0), np.float16),
            is_subject,
            groups,
            known,
            np.array([weight_of(one) for one in holds], np.float64),
            table,
            by_number,
            np.array([digest not in said for digest in known], bool),
        )
        return examples, unlooked

    def _find_faces(self, digests: Sequence[bytes], here: Mapping[bytes, Faces]) -> dict[bytes, Faces]:
        """The faces of labelled photos: from the folder, else from the cache."""
        found = {digest: here[digest] for digest in digests if digest in here}
        elsewhere = [digest for digest in digests if digest not in found and digest not in self._faces]
        if elsewhere:
            with FeatureCache() as cache:
                blobs = cache.faces(elsewhere, scoring.looks())
            self._faces |= {digest: np.frombuffer(blob, faces.FACE) for digest, blob in blobs.items()}
        return found | {
            digest: self._faces[digest] for digest in digests if digest in self._faces and digest not in found
        }

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
        self, labels: Labels, blocks: Sequence[Block], name: str, look_alikes: Mapping[str, str]
    ) -> Generator[Enough, None, None]:
        """Find out how good the labels are, on those left out; yields once, or never where there is nothing to tell.

        look_alikes: their names by id. Neither the starter nor the network may have learned from these labels.
        """
        said = _some_of(labels.said)
        examples, _ = self._examples(labels, said, blocks)
        if examples.of_faces_only is not None:
            examples = examples.take(np.flatnonzero(~examples.of_faces_only))
        if not len(examples):
            return
        groups = [
            name if subject else look_alikes.get(group, "")
            for subject, group in zip(examples.is_subject.tolist(), examples.groups, strict=True)
        ]
        from training import enough

        yield enough.assess(
            self.starter,
            examples.vectors,
            examples.is_subject,
            groups,
            parts_of(self.spec),
            name=name,
            weights=examples.weights,
            table=examples.table,
            faces_said=examples.faces_said,
            forced=labels.forced,
        )

    def questions(
        self,
        labels: Mapping[bytes, Said],
        blocks: Sequence[Block],
        known: Knowledge,
        skip: Set[str],
        most: int,
        *,
        found: Mapping[bytes, Faces] | None = None,
        any_will_do: bool = False,
    ) -> Generator[list[Question], None, None]:
        """Find the photos of the folder, without those at `skip`, whose labels would teach most; yields once.

        known: what judges the photos by now; found: their faces, if these count
        any_will_do: also those that are nearly the same as labelled ones
        """
        held = [(block, block.vectors) for block in blocks if block.vectors is not None]
        said = [
            _rescored(known, found, block.paths, block.digests, vectors).judged.probabilities.tolist()
            for block, vectors in held
        ]
        unsure = heapq.nsmallest(
            _MOST_CANDIDATES,
            (
                (abs(probability - 0.5), number, row)
                for number, (block, _) in enumerate(held)
                for row, probability in enumerate(said[number])
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
            probabilities = np.array([said[number][row] for _, number, row in unsure])
            best = asking.choose(vectors, probabilities, labelled, parts=parts_of(self.spec), most=most)
            chosen = best.tolist()
        places = [unsure[one][1:] for one in chosen]
        yield [Question(held[number][0].paths[row], said[number][row]) for number, row in places]

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

    def _rescore(
        self, known: Knowledge, found: Mapping[bytes, Faces] | None, blocks: Sequence[Block]
    ) -> Generator[Rescored, None, None]:
        for block in blocks:
            for start in range(0, len(block.paths), _AT_ONCE):
                some = slice(start, start + _AT_ONCE)
                paths, digests = block.paths[some], block.digests[some]
                if block.vectors is not None:
                    yield _rescored(known, found, paths, digests, block.vectors[some])
                else:
                    yield _from_cache(known, found, self.spec, paths, digests)


def _rescored(
    known: Knowledge,
    found: Mapping[bytes, Faces] | None,
    paths: tuple[str, ...],
    digests: Sequence[bytes],
    vectors: NDArray[Any],
) -> Rescored:
    known_faces = [None if found is None else found.get(digest) for digest in digests]
    table = FaceTable.of(known_faces)
    return Rescored(paths, known.judge(vectors, table, digests), table)


def _from_cache(
    known: Knowledge,
    found: Mapping[bytes, Faces] | None,
    spec: ExtractorSpec,
    paths: Sequence[str],
    digests: Sequence[bytes],
) -> Rescored:
    with FeatureCache() as cache:
        here, vectors = cache.vectors(list(digests), spec.id)
    row = {digest: number for number, digest in enumerate(here)}
    those = [number for number, digest in enumerate(digests) if digest in row]
    if not those:
        vectors = np.empty((0, len(known.head.weight)), np.float16)
    return _rescored(
        known,
        found,
        tuple(paths[number] for number in those),
        [digests[number] for number in those],
        vectors[[row[digests[number]] for number in those]],
    )


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
