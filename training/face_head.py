"""Whose face it is: a few faces of everybody who was labelled, and what is known of faces in general.

A descriptor (see training.faces) lies near the others of its person. How far people lie apart, and how much one person
varies from photo to photo, is the same for everybody and known beforehand; so a person is known from a few faces, or
one: where their mean must lie, given those (a two-covariance model, as PLDA; Brümmer and de Villiers, 2010). A face is
the subject's if it is likelier one of the subject's than one of a known other's or of a stranger's. A stranger is far
from everybody, and that by itself keeps strangers out, with no photo of one needed.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.head import Doubles, Floats, sigmoid

WIDTH = 128
"""Numbers of a descriptor."""

SUBJECT, OTHERS = 0, 1
"""Whose a face is; look-alikes are counted from 2, in the order of FaceHead.groups."""

# The mean face, in 1/256: of 18 strangers, 32 more faces from web pages and 3 musicians, each person counting once.
_MEAN = np.frombuffer(
    base64.b64decode(
        "6BYP9+n8/ukk7zH4xfb9INvh5OwDCggJ4LLt5g7tAAzU9AcO9O42AdQCDkExAQbyH8AOIx4UFNkHIs8TDu349y4X5t0m2fcW5Ne8CmMj"
        "1ALt+QoO6/boBzD7+DgEAAYM5frl+wrnARrPKvz8/gHr/SrBMC0DIQwO/v3c6An5CAs="
    ),
    np.int8,
)
MEAN: Floats = (_MEAN / np.float32(256)).astype(np.float32)
"""Where faces lie on average, (128,)."""

WITHIN, BETWEEN = 0.15, 0.175
"""The mean squared distance of a person's faces from their mean, and of people's means from MEAN."""

_FREEDOM = 24.0  # numbers of a descriptor that go their own way: the rest of the 128 repeats what these say
_TAIL = 60.0  # faces that are odd (turned, in shadow, small) are more frequent than in a bell curve
ODDEST = 0.5  # squared distance from MEAN from which on all are as strange: what is nowhere is a stranger's
_GRID = 2048.0  # descriptors are rounded to 1/2048, so that sums of products are exact in whatever order
_MOST_FAR = 30.0  # no face makes anybody surer than e^30 to 1
_MOST_EXAMPLES, _MOST_PERSONS, _MOST_GROUPS = 1 << 14, 1 << 10, 1 << 8
_NO_DIGEST = bytes(16)


class Evidence(StrEnum):
    """What a subject is recognised by."""

    FACES = "faces"
    SCENE = "scene"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Near:
    """A labelled face that another one was compared with.

    digest: of the photo that it is in, None where that is none of the user's; number: which of its faces
    group: the look-alike's, or ""; distance: 0 is the same picture, below 0.6 is mostly the same person
    """

    digest: bytes | None
    number: int
    group: str
    distance: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """The subject's faces that a face is nearest to, and the nearest others, nearest first."""

    subject: tuple[Near, ...]
    others: tuple[Near, ...]


def _none(*shape: int, dtype: Any = np.float32) -> Any:
    return np.zeros(shape, dtype)


@dataclass(frozen=True, slots=True, eq=False)
class Persons:
    """What the faces of P persons lie around, as far as is known.

    mean: (P, 128) float32; spread: (P,) float32, the mean squared distance of their faces from it, the doubt where it
    lies included; share: (P,) float32, how many faces it was learned from; kind: (P,) int16, SUBJECT, OTHERS or a
    look-alike's number
    """

    mean: Floats = field(default_factory=lambda: _none(0, WIDTH))
    spread: Floats = field(default_factory=lambda: _none(0))
    share: Floats = field(default_factory=lambda: _none(0))
    kind: NDArray[np.int16] = field(default_factory=lambda: _none(0, dtype=np.int16))

    @classmethod
    def of(cls, sums: Doubles, counts: Doubles, kind: NDArray[Any]) -> Persons:
        """The persons of whom `counts` (P,) faces sum up to `sums` (P, 128); counts may be fractions, not 0."""
        trust = BETWEEN / (BETWEEN + WITHIN / counts)
        mean = MEAN + trust[:, None] * (sums / counts[:, None] - MEAN)
        return cls(
            (np.rint(mean * _GRID) / _GRID).astype(np.float32),
            (WITHIN + BETWEEN * (1 - trust)).astype(np.float32),
            counts.astype(np.float32),
            kind.astype(np.int16),
        )

    def take(self, which: NDArray[Any]) -> Persons:
        """Some of them."""
        return Persons(self.mean[which], self.spread[which], self.share[which], self.kind[which])

    def __add__(self, other: Persons) -> Persons:
        return Persons(
            np.concatenate([self.mean, other.mean]),
            np.concatenate([self.spread, other.spread]),
            np.concatenate([self.share, other.share]),
            np.concatenate([self.kind, other.kind]),
        )

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True, slots=True, eq=False)
class FaceHead:
    """All that is known of a subject's face, of its look-alikes' and of others'.

    persons: what scores; groups: the look-alikes' names or ids, kind 2 and on
    slope, offset: what turns how much likelier a face is the subject's into the log odds of that
    evidence: whether faces, the scene or both decide on a photo with faces
    bare: slope and offset, from the scene's log odds to those of a photo in which no face was found
    both: what face, scene and 1 are multiplied by where both decide
    faced: how many photos this was learned from: of the subject with a face, in all; of others with a face, in all
    examples: (K, 128) float16, the labelled faces; kind: (K,) int16; digests: (K, 16) uint8 of their photos, zeros
        where those are not the user's; numbers: (K,) int32, which face of the photo
    """

    persons: Persons
    groups: tuple[str, ...] = ()
    slope: float = 1.0
    offset: float = 0.0
    evidence: Evidence = Evidence.FACES
    bare: tuple[float, float] = (1.0, 0.0)
    both: tuple[float, float, float] = (1.0, 0.0, 0.0)
    faced: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    examples: NDArray[np.float16] = field(default_factory=lambda: _none(0, WIDTH, dtype=np.float16))
    kind: NDArray[np.int16] = field(default_factory=lambda: _none(0, dtype=np.int16))
    digests: NDArray[np.uint8] = field(default_factory=lambda: _none(0, 16, dtype=np.uint8))
    numbers: NDArray[np.int32] = field(default_factory=lambda: _none(0, dtype=np.int32))

    def __post_init__(self) -> None:
        for array in (*self._arrays().values(), *self._of_persons().values()):
            array.flags.writeable = False

    # -- scoring

    def log_odds(self, descriptors: NDArray[Any]) -> Floats:
        """How likely each face is the subject's: (F, 128) to (F,) float32 natural logarithms of the odds."""
        if not len(descriptors):
            return _empty()
        rows = [
            self.calibrated(_margin(log_densities(some, self.persons), self.persons.kind))
            for some in _chunks(descriptors)
        ]
        return np.concatenate(rows)

    def calibrated(self, margins: NDArray[Any]) -> Floats:
        """The log odds of faces that are so much likelier the subject's, from their margins."""
        odds: Floats = np.clip(self.slope * margins + self.offset, -_MOST_FAR, _MOST_FAR).astype(np.float32)
        return odds

    def probabilities(self, descriptors: NDArray[Any]) -> Floats:
        """How likely each face is the subject's: (F, 128) to (F,) float32; each the same, whatever others there are."""
        return np.asarray(sigmoid(self.log_odds(descriptors)), np.float32)

    def by_group(self, descriptors: NDArray[Any]) -> Floats:
        """How likely each face is the subject's and each look-alike's: (F, 128) to (F, 1 + groups) float32.

        What is missing to 1 is for all others.
        """
        found = np.zeros((len(descriptors), 1 + len(self.groups)), np.float32)
        if not len(descriptors):
            return found
        rows = [log_densities(some, self.persons) for some in _chunks(descriptors)]
        densities = np.concatenate(rows).astype(np.float64)
        odds = self.calibrated(_margin(densities, self.persons.kind)).astype(np.float64)
        kind = np.append(self.persons.kind, OTHERS)
        others = densities[:, kind != SUBJECT]
        shares = np.exp(others - others.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        found[:, 0] = sigmoid(odds)
        for number in range(len(self.groups)):
            mine = kind[kind != SUBJECT] == 2 + number
            found[:, 1 + number] = sigmoid(-odds) * shares[:, mine].sum(1)
        return found

    def nearest(self, descriptor: NDArray[Any], most: int = 3) -> Explanation:
        """The labelled faces that one, (128,), is most like: up to `most` of the subject's and of others."""
        x = self.examples.astype(np.float32) - np.asarray(descriptor, np.float32)
        distance = np.sqrt(np.square(x).sum(1))
        sides = []
        for side in (self.kind == SUBJECT, self.kind != SUBJECT):
            order = np.flatnonzero(side)
            order = order[np.argsort(distance[order], kind="stable")][:most]
            sides.append(tuple(self._near(int(number), float(distance[number])) for number in order))
        return Explanation(*sides)

    def _near(self, number: int, distance: float) -> Near:
        digest, kind = self.digests[number].tobytes(), int(self.kind[number])
        group = self.groups[kind - 2] if kind >= 2 else ""
        return Near(None if digest == _NO_DIGEST else digest, int(self.numbers[number]), group, distance)

    # -- privacy

    @property
    def has_examples(self) -> bool:
        """Whether it holds single faces' descriptors."""
        return bool(len(self.examples)) or bool((self.persons.share < 2).any())

    def without_examples(self) -> FaceHead:
        """The same without any single face: what is left are means of several faces each, and weights.

        People of whom it knew one face only are forgotten, or, where the subject is one, nearly all of its knowledge.
        """
        several = self.persons.share >= 2
        return replace(
            self,
            persons=self.persons.take(several),
            examples=_none(0, WIDTH, dtype=np.float16),
            kind=_none(0, dtype=np.int16),
            digests=_none(0, 16, dtype=np.uint8),
            numbers=_none(0, dtype=np.int32),
        )

    # -- in a file

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """Its tables, by name, for a subject's file; the rest is in `as_dict`."""
        return {**self._arrays(), **self._of_persons()}

    def as_dict(self) -> dict[str, Any]:
        """What is no table, as plain data for JSON."""
        return {
            "groups": list(self.groups),
            "slope": self.slope,
            "offset": self.offset,
            "evidence": self.evidence.value,
            "bare": list(self.bare),
            "both": list(self.both),
            "faced": list(self.faced),
        }

    @classmethod
    def from_parts(cls, tensors: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> FaceHead:
        """What `to_tensors` and `as_dict` gave. Raises ValueError for anything else."""
        if set(tensors) != set(TENSORS):
            raise ValueError("not the tables of a face head")
        count, persons = len(tensors["examples"]), len(tensors["person_mean"])
        sizes = {"K": count, "P": persons}
        for name, (dtype, shape) in TENSORS.items():
            table = tensors[name]
            expected = tuple(sizes.get(str(length), length) for length in shape)
            if table.dtype != np.dtype(dtype) or table.shape != expected:
                raise ValueError(f"{name} is no such table")
            if table.dtype.kind == "f" and not np.isfinite(table).all():
                raise ValueError(f"{name} holds what is no number")
            if table.dtype.kind == "f" and len(table) and np.abs(table.astype(np.float64)).max() > 1e6:
                raise ValueError(f"{name} holds numbers without measure")
        if count > _MOST_EXAMPLES or persons > _MOST_PERSONS:
            raise ValueError("too many faces")
        groups = about.get("groups")
        if not isinstance(groups, list) or len(groups) > _MOST_GROUPS:
            raise ValueError("no groups")
        if not all(isinstance(name, str) and 0 < len(name) <= 1000 for name in groups):
            raise ValueError("no groups")
        if len(set(groups)) != len(groups):
            raise ValueError("a group twice")
        for name in ("kind", "person_kind"):
            if len(tensors[name]) and not 0 <= tensors[name].min() <= tensors[name].max() < 2 + len(groups):
                raise ValueError("faces of no such kind")
        if not (tensors["person_spread"] > 0.01).all() or not (tensors["person_share"] > 0).all():
            raise ValueError("persons that nobody can be")
        if len(tensors["numbers"]) and tensors["numbers"].min() < -1:
            raise ValueError("no such face")
        if about.get("evidence") not in [one.value for one in Evidence]:
            raise ValueError("no such evidence")
        slope, offset = _numbers(about.get("slope"), about.get("offset"))
        faced = _numbers(*_four(about.get("faced"), 4))
        if slope <= 0 or min(faced) < 0:
            raise ValueError("numbers that make no sense")
        bare, both = _numbers(*_four(about.get("bare"), 2)), _numbers(*_four(about.get("both"), 3))
        own = {name: np.array(table) for name, table in tensors.items()}
        return cls(
            persons=Persons(*(own[f"person_{name}"] for name in ("mean", "spread", "share", "kind"))),
            groups=tuple(groups),
            slope=slope,
            offset=offset,
            evidence=Evidence(about["evidence"]),
            bare=(bare[0], bare[1]),
            both=(both[0], both[1], both[2]),
            faced=(faced[0], faced[1], faced[2], faced[3]),
            examples=own["examples"],
            kind=own["kind"],
            digests=own["digests"],
            numbers=own["numbers"],
        )

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "examples": self.examples,
            "kind": self.kind,
            "digests": self.digests,
            "numbers": self.numbers,
        }

    def _of_persons(self) -> dict[str, NDArray[Any]]:
        some = self.persons
        return {
            "person_mean": some.mean,
            "person_spread": some.spread,
            "person_share": some.share,
            "person_kind": some.kind,
        }


TENSORS: Mapping[str, tuple[str, tuple[int | str, ...]]] = {
    "examples": ("<f2", ("K", WIDTH)),
    "kind": ("<i2", ("K",)),
    "digests": ("u1", ("K", 16)),
    "numbers": ("<i4", ("K",)),
    "person_mean": ("<f4", ("P", WIDTH)),
    "person_spread": ("<f4", ("P",)),
    "person_share": ("<f4", ("P",)),
    "person_kind": ("<i2", ("P",)),
}
"""The tables that a subject's file holds of a face head: type and shape; K and P are any numbers from 0 up."""


# -- how likely a face is whose


def log_densities(descriptors: NDArray[Any], persons: Persons) -> Floats:
    """How likely each face is, as each person's and (last) as a stranger's: (F, 128) to (F, P + 1) logarithms.

    How frequent the faces of each are (`priors`) is counted in.
    """
    found = densities(descriptors, persons)
    found += priors(persons).astype(np.float32)
    return found


def densities(descriptors: NDArray[Any], persons: Persons) -> Floats:
    """How dense faces of each person and (last) of strangers lie at each face: (F, 128) to (F, P + 1) logarithms."""
    mean = np.concatenate([persons.mean, MEAN[None]])
    spread = np.append(persons.spread.astype(np.float64), WITHIN + BETWEEN)
    squared = squared_distances(descriptors, mean)
    np.minimum(squared[:, -1], ODDEST, out=squared[:, -1])
    return density(squared, spread)


def squared_distances(descriptors: NDArray[Any], mean: NDArray[Any]) -> Floats:
    """(F, 128) and (P, 128) to (F, P) float32, the same for each pair whatever else is in the tables.

    Both are rounded to whole numbers of 1/2048, too small for their products' sums to be rounded in float32. A
    descriptor that is no number lies far from everybody.
    """
    x, m = _whole(descriptors), _whole(mean)
    squared: Floats = np.vecdot(x, x)[:, None] + np.vecdot(m, m) - 2 * (x @ m.T)
    squared *= np.float32(1 / _GRID**2)
    return np.maximum(squared, 0, out=squared)


def _whole(table: NDArray[Any]) -> Floats:
    """How many 1/2048 each number has, rounded, as float32."""
    if table.dtype == np.float16:
        # numpy would convert them one by one. Shifted to the left, the bits of a float16 are those of a float32 that is
        # 2^112 times too small; what is no number comes out as a large one.
        bits = np.ascontiguousarray(table).view(np.int16).astype(np.int32)
        np.left_shift(bits, 13, out=bits)
        np.bitwise_and(bits, ~0x70000000, out=bits)  # copies of the sign in the exponent's place
        wide = bits.view(np.float32)
        wide *= np.float32(2.0**112 * _GRID)
    else:
        wide = table.astype(np.float32) * np.float32(_GRID)
        np.nan_to_num(wide, copy=False, nan=2.0**28, posinf=2.0**28, neginf=-(2.0**28))
    return np.rint(wide, out=wide)


def density(squared: NDArray[Any], spread: Doubles) -> Floats:
    """The logarithm of how dense the faces of who has `spread` lie at a squared distance (Student's t)."""
    strange = np.asarray(squared, np.float32) * (_FREEDOM / _TAIL / spread).astype(np.float32)
    level = (-0.5 * _FREEDOM * np.log(spread)).astype(np.float32)
    weight = np.float32(0.5 * (_TAIL + _FREEDOM))
    return np.asarray(level - weight * np.log1p(strange), np.float32)


def priors(persons: Persons) -> Doubles:
    """(P + 1,) logarithms of how frequent each person's faces are, the strangers' last.

    The subject's is twice as frequent as strangers', shared by how often each of its persons was seen. Look-alikes
    share as much as strangers, evenly. The more others are known, the rarer each is, but not in proportion: who was
    labelled is likelier to come again than anybody.
    """
    prior = np.full(len(persons) + 1, _OF_STRANGERS)
    subject, others, alike = persons.kind == SUBJECT, persons.kind == OTHERS, persons.kind > OTHERS
    prior[:-1][subject] = (
        2 * _OF_STRANGERS * persons.share[subject] / max(float(persons.share[subject].sum()), 1e-30)
    )
    prior[:-1][others] = _OF_STRANGERS * np.power(max(int(others.sum()), 1), -_RARER)
    prior[:-1][alike] = _OF_STRANGERS / max(int(alike.sum()), 1)
    logs: Doubles = np.log(prior)
    return logs


_OF_STRANGERS, _RARER = 0.25, 0.5


def _margin(densities: NDArray[Any], kind: NDArray[np.int16]) -> Floats:
    """How much likelier each face is the subject's than anybody else's, (F,), from `log_densities`."""
    subject = np.append(kind == SUBJECT, False)
    if not subject.any():
        return np.full(len(densities), -_MOST_FAR, np.float32)
    margin_: Floats = _together(densities[:, subject]) - _together(densities[:, ~subject])
    return margin_.astype(np.float32)


def _together(densities: NDArray[Any]) -> NDArray[Any]:
    """log(sum(exp(densities))) of each row."""
    most = densities.max(1)
    found: NDArray[Any] = most + np.log(np.exp(densities - most[:, None]).sum(1))
    return found


margin = _margin


def _chunks(descriptors: NDArray[Any], size: int = 2048) -> list[NDArray[Any]]:
    return [descriptors[start : start + size] for start in range(0, len(descriptors), size)]


def _empty() -> Floats:
    return np.zeros(0, np.float32)


def _numbers(*values: object) -> tuple[float, ...]:
    for value in values:
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise ValueError("not a number")
        if abs(value) > 1e6:
            raise ValueError("a number without measure")
    return tuple(float(value) for value in values if isinstance(value, int | float))


def _four(value: object, count: int) -> Sequence[object]:
    if not isinstance(value, list) or len(value) != count:
        raise ValueError("not a list of that length")
    return value
