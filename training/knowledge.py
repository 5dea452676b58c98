"""What is known of a subject by now, and how labels change it: the scene and the faces, learned side by side.

`refit` and `judge` each know one kind of evidence; here both are asked about the same labels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from training.face_head import Evidence, FaceHead
from training.faces import Faces, FaceTable
from training.head import Head
from training.judge import HIS, NO_FACE, NOT_HIS, Judged, judge
from training.subject import Subject
from training.verdicts import Box, FaceSaid, FaceVerdict, overlap

_NO_FACE = FaceSaid(FaceVerdict.NO_FACE)
_TOLD = {FaceVerdict.SUBJECT: HIS, FaceVerdict.NOT_SUBJECT: NOT_HIS, FaceVerdict.NO_FACE: NO_FACE}
_SAME_FACE = 0.5  # of what two boxes cover together, shared: from there on they are of the same face

FacesSaid: TypeAlias = Mapping[bytes, Sequence[tuple[Box, FaceSaid]]]
"""What holds of labelled faces, each known by its box, by the digest of their photo."""


@dataclass(frozen=True, slots=True, eq=False)
class Knowledge:
    """A head over whole photos, and what is known of the subject's face, if it has one; compared by identity.

    told: what the user said of single faces, by the digest of their photo: it beats what they look like
    """

    head: Head
    faces: FaceHead | None = None
    told: FacesSaid = field(default_factory=dict)

    @classmethod
    def of(cls, subject: Subject, *, with_faces: bool = True) -> Knowledge:
        """What a subject's file knows."""
        faces = subject.faces if with_faces else None
        if faces is not None and subject.evidence:
            faces = dataclasses.replace(faces, evidence=Evidence(subject.evidence))
        return cls(subject.head, faces)

    def judge(self, vectors: NDArray[Any], table: FaceTable | None, digests: Sequence[bytes] = ()) -> Judged:
        """Judge photos by their features, (N, D), and the faces that were found in them, as far as anybody looked.

        digests: of the photos; without them, what the user said of faces does not count.
        """
        told = None
        if table is not None and self.told and self.faces is not None:
            for photo, digest in enumerate(digests):
                if digest in self.told and (found := table.of_photo(photo)) is not None and len(found):
                    told = np.zeros(len(table.rows), np.int8) if told is None else told
                    for number, said in faces_by_number(found, self.told[digest]).items():
                        told[table.start[photo] + number] = _TOLD[said.verdict]
        return judge(self.head, self.faces, vectors, table, told)


def faces_by_number(found: Faces, said: Sequence[tuple[Box, FaceSaid]]) -> dict[int, FaceSaid]:
    """What was said of a photo's faces, by number: each label goes to the face that it overlaps most, if any."""
    by_number: dict[int, FaceSaid] = {}
    for box, one in said:
        shares = [overlap(box, tuple(other)) for other in found["box"].tolist()]
        best = max(range(len(shares)), key=shares.__getitem__, default=-1)
        if best >= 0 and shares[best] >= _SAME_FACE:
            by_number[best] = one
    return by_number


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """N labelled photos to learn from.

    vectors: (N, D) features; is_subject: (N,) bool; groups: (N,) look-alikes' ids or ""; digests: (N,) 16 bytes each
    weights: (N,) from 0 up, how much each counts
    table: their faces, or None where faces are not to be looked at; faces_said: (N,) what was said of single faces
    of_faces_only: (N,) bool, whether nothing was said of the photo but of its faces alone; None: of none
    """

    vectors: NDArray[Any]
    is_subject: NDArray[np.bool_]
    groups: Sequence[str]
    digests: Sequence[bytes]
    weights: NDArray[np.float64]
    table: FaceTable | None = None
    faces_said: Sequence[Mapping[int, FaceSaid]] = ()
    of_faces_only: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.is_subject)

    def take(self, rows: NDArray[np.intp]) -> Examples:
        """Some of them."""
        return Examples(
            self.vectors[rows],
            self.is_subject[rows],
            [self.groups[row] for row in rows],
            [self.digests[row] for row in rows],
            self.weights[rows],
            None if self.table is None else self.table.take(rows),
            [self.faces_said[row] for row in rows] if self.faces_said else (),
            None if self.of_faces_only is None else self.of_faces_only[rows],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """What labels have taught.

    guessing: they are too few to learn from, and it only ranks; evidence: what decides, None where faces play no part
    words: that in a sentence; chosen: (N,) the number of the face that is taken for the subject's in each photo, or -1
    contradictions: numbers of photos whose labels can't all be true, each with a sentence
    """

    knowledge: Knowledge
    guessing: bool
    evidence: Evidence | None
    words: str
    chosen: NDArray[np.int32]
    contradictions: tuple[tuple[int, str], ...]


def learn(
    starter: Subject | None,
    examples: Examples,
    *,
    parts: Sequence[int],
    crowd: NDArray[Any] | None = None,
    forced: Evidence | None = None,
    name: str = "the subject",
) -> Taught:
    """Learn from labelled photos, starting from what `starter` knows; the same input gives the same knowledge.

    parts, crowd: see refit.refit; forced: what the user wants to decide, whatever the labels say; name: the subject's
    Raises ValueError as refit.refit does.
    """
    from training import judge as judging  # late, as refit: a window that opens has not learned yet
    from training import refit

    only = examples.of_faces_only
    whole = np.ones(len(examples), bool) if only is None else ~only
    if whole.any() or starter is None:
        refitted = refit.refit(
            starter,
            examples.vectors[whole],
            examples.is_subject[whole],
            parts=parts,
            weights=examples.weights[whole],
            crowd=crowd,
        )
    else:
        refitted = refit.Refitted(starter.head, False)
    nobody = np.full(len(examples), -1, np.int32)
    if examples.table is None:
        return Taught(Knowledge(refitted.head), refitted.guessing, None, "", nobody, ())
    said = list(examples.faces_said) or [{} for _ in range(len(examples))]
    if only is not None and only.any():
        left_out = np.full(len(examples), np.nan)
        if len(refitted.left_out) == whole.sum():
            left_out[whole] = refitted.left_out
        refitted = dataclasses.replace(refitted, left_out=left_out)
        # Of a photo of which nothing was said, only those faces are learned from of which something was.
        counts = np.diff(examples.table.start)
        for photo in np.flatnonzero(only).tolist():
            said[photo] = {number: said[photo].get(number, _NO_FACE) for number in range(int(counts[photo]))}
    learned = judging.learn(
        starter.faces if starter is not None else None,
        examples.vectors,
        examples.is_subject,
        groups=examples.groups,
        digests=examples.digests,
        table=examples.table,
        scene=refitted,
        face_said=said,
        weights=examples.weights,
        forced=forced,
        name=name,
    )
    evidence = learned.evidence if learned.faces is not None or examples.table.looked.any() else None
    return Taught(
        Knowledge(refitted.head, learned.faces),
        learned.guessing,
        evidence,
        learned.words if evidence is not None else "",
        learned.chosen,
        learned.contradictions,
    )
