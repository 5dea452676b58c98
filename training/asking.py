"""Which photos to ask about next: those whose label would teach most, and never the same shot twice.

A photo teaches where the head is least sure, and where it lies apart from what was asked before: ten doubtful photos
of one kind need one answer, not ten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.head import Floats
from training.refit import Space, sample, space_of

_ALIKE = 0.8  # the cosine in the space of what is usual from which a label says the other's; a bit less than a twin's
# Where all of a folder is one burst, that is usual; then the plain cosine tells, which only the same shot reaches.
_SAME, _SAME_OF_ALL = (
    0.88,
    0.98,
)  # of the first part, by which the network names things, and of features of one part
_APART = 0.25  # of two equally unsure photos, how much of being unsure likeness to what was asked takes away
_POOL = 256  # so many of the least sure are compared with each other
_MOST_LOOKED_AT = 2048  # after so many without enough that are unlike, it is the folder that has no more


def choose(
    vectors: NDArray[Any],
    probabilities: ArrayLike,
    labelled: NDArray[Any],
    *,
    skip: ArrayLike | None = None,
    parts: Sequence[int] = (),
    most: int = 50,
) -> NDArray[np.intp]:
    """The photos to ask about, (k,) indices with k <= `most`, best first; the same input gives the same photos.

    vectors: (N, D) float16 or float32, features of the photos that may be asked about
    probabilities: (N,), what the head says of them
    labelled: (M, D), features of the photos that have a label, M from 0; photos like them are left out
    skip: (N,) bool, photos not to be asked about
    parts: lengths of the parts that features consist of, D in sum, as in `refit`; one part if not given

    The first is the least sure of all. Fewer than `most` come where the rest is like those, labelled or without finite
    numbers. Raises ValueError where numbers of photos or of features don't agree.
    """
    p = np.asarray(probabilities, np.float64)
    count = len(p)
    unasked = np.ones(count, bool) if skip is None else ~np.asarray(skip, bool)
    if vectors.ndim != 2 or p.ndim != 1 or len(vectors) != count or unasked.shape != (count,):
        raise ValueError("Features, probabilities and photos to skip must be of the same number of photos.")
    width = vectors.shape[1]
    if len(labelled) and (labelled.ndim != 2 or labelled.shape[1] != width):
        raise ValueError("The labelled photos' features are not of the same kind as the others'.")
    parts = list(parts) or [width]
    if sum(parts) != width:
        raise ValueError(f"Parts of {sum(parts)} features don't make up the {width} that there are.")
    doubt = 1 - 2 * np.abs(p - 0.5)
    ours = np.flatnonzero(unasked & np.isfinite(p))
    if most < 1 or not len(ours):
        return np.empty(0, np.intp)
    ours = ours[np.argsort(-doubt[ours], kind="stable")]

    around = sample(vectors)
    if not len(around):
        return np.empty(0, np.intp)
    space = space_of(around, parts, centred=len(around) > 1)
    first, same = (parts[0], _SAME) if len(parts) > 1 else (width, _SAME_OF_ALL)
    known = _Seen.of(labelled, space, first) if len(labelled) else None
    asked = [known.only(known.finite)] if known is not None else []
    chosen: list[int] = []
    for start in range(0, min(len(ours), _MOST_LOOKED_AT), _POOL):
        pool = ours[start : start + _POOL]
        seen = _Seen.of(vectors[pool], space, first)
        near = np.zeros(len(pool), np.float32)  # how like each is to what was answered before or is asked now
        new = seen.finite.copy()
        for others in asked:
            usual, plain = seen.likeness(others)
            near = np.maximum(near, usual.max(1, initial=0))
            new &= (usual < _ALIKE).all(1) & (plain < same).all(1)
        if not new.any():
            continue
        usual, plain = seen.likeness(seen)
        picked: list[int] = []
        while new.any() and len(chosen) < most:
            worth = doubt[pool] - (_APART * near if chosen else 0)
            best = int(np.argmax(np.where(new, worth, -np.inf)))
            chosen.append(int(pool[best]))
            picked.append(best)
            near = np.maximum(near, usual[best])
            new &= (usual[best] < _ALIKE) & (plain[best] < same)
            new[best] = False
        if len(chosen) >= most:
            break
        asked.append(seen.only(picked))
    return np.array(chosen, np.intp)


@dataclass(frozen=True, slots=True)
class _Seen:
    """Photos as they are compared: rows of length 1, in the space of what is usual, and the first features plain."""

    usual: Floats
    plain: Floats
    finite: NDArray[np.bool_]

    @classmethod
    def of(cls, vectors: NDArray[Any], space: Space, first: int) -> _Seen:
        x = vectors.astype(np.float32)
        finite = np.asarray(np.isfinite(x).all(1))
        x[~finite] = 0
        return cls(_unit((x - space.mean) * space.scale), _unit(x[:, :first]), finite)

    def likeness(self, other: _Seen) -> tuple[Floats, Floats]:
        """(K, L) cosines, in the space of what is usual and plain."""
        return self.usual @ other.usual.T, self.plain @ other.plain.T

    def only(self, rows: ArrayLike) -> _Seen:
        rows = np.asarray(rows)
        return _Seen(self.usual[rows], self.plain[rows], self.finite[rows])


def _unit(rows: Floats) -> Floats:
    unit: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))
    return unit
