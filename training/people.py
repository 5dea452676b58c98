"""Faces grouped by likeness: who is in this folder, without knowing a name.

Average linkage on squared distances (UPGMA; Sokal and Michener 1958): two groups become one as long as the mean of
all squared distances between their faces is small enough. That mean follows from the groups' centres and spreads
alone, so that no table of all distances is kept, and pairs of groups that are each other's nearest may be joined
all at once (Murtagh, "A survey of recent advances in hierarchical clustering algorithms", 1983). All that takes long
is done by numpy in blocks, which lets other threads run. What else was tried stands in docs/measurements.md.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

LIKENESS = 0.55
"""Groups are one person up to this distance, the root of the mean of the squares; of dlib's descriptors.

dlib's own 0.6 is for two single faces. Chosen for groups without strangers in them: to drag two groups into one is
easier than to pick a stranger out of forty faces.
"""

_BLOCK = 256  # groups compared with all others between two progress reports
_SLACK = 0.1  # a pair this much farther apart (in distance) than its nearest one is joined in the same round
_ALIKE = 1e-4  # squared distances differ by less than this where they are the same, but for rounding
_MOST_TURNS = 30  # of 2-means, which mostly settles in five

Indices: TypeAlias = NDArray[np.int64]
_Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of the work is done, 0 to 1."""

    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Indices of the faces of each person, the largest group first, and of faces that resemble no other.

    In a group, the face that resembles all others most comes first, and the one that does least comes last.
    """

    members: tuple[Indices, ...]
    single: Indices


def group(
    faces: NDArray[Any], photo: NDArray[np.integer[Any]], *, likeness: float = LIKENESS
) -> Generator[Progress | Groups, None, None]:
    """Group faces by likeness; yields Progress at least every 0.2 s, and Groups at the end. Close it to cancel.

    faces: (F, 128) descriptors, or (F,) rows with a field "descriptor"; photo: (F,) which photo each is of. Two faces
    of one photo are never put into one group. The same faces in the same order give the same groups.
    """
    points = _descriptors(faces)
    if len(points) != len(photo):
        raise ValueError(f"{len(points)} faces, but photos of {len(photo)}")
    sound = np.flatnonzero(np.isfinite(points).all(axis=1))
    label = np.arange(len(points))
    if len(sound):
        joined = yield from _average(points[sound], np.asarray(photo)[sound], likeness**2, _SLACK)
        label[sound] = sound[joined]
    yield Progress(1.0)
    yield _groups(points, label)


def split(faces: NDArray[Any]) -> tuple[Indices, ...]:
    """The faces of one group in two, the larger part first, as positions in `faces`; one part if all are the same.

    By 2-means from the main direction in which they differ. faces: as for `group`.
    """
    points = _descriptors(faces)
    points = np.where(np.isfinite(points), points, 0)
    if len(points) < 2:
        return (np.arange(len(points)),) if len(points) else ()
    away = points - points.mean(axis=0)
    along = away @ np.linalg.eigh((away.T @ away).astype(np.float64))[1][:, -1].astype(np.float32)
    second = along > 0
    for _ in range(_MOST_TURNS):
        if not second.any() or second.all():
            break
        centres = [points[second == side].mean(axis=0) for side in (False, True)]
        nearer = np.square(points - centres[1]).sum(axis=1) < np.square(points - centres[0]).sum(axis=1)
        if (nearer == second).all():
            break
        second = nearer
    parts = [np.flatnonzero(second == side) for side in (False, True)]
    parts = [part for part in parts if len(part)]
    ordered = [part[_inwards(points[part])] for part in parts]
    return tuple(sorted(ordered, key=lambda part: (-len(part), int(part.min()))))


def _descriptors(faces: NDArray[Any]) -> _Floats:
    values = faces["descriptor"] if faces.dtype.names else faces
    return np.ascontiguousarray(values, dtype=np.float32)


def _inwards(points: _Floats) -> Indices:
    """The order from the most central point to the least."""
    return np.argsort(np.square(points - points.mean(axis=0)).sum(axis=1), kind="stable")


def _groups(points: _Floats, label: Indices) -> Groups:
    order = np.argsort(label, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(label[order])) + 1) if len(order) else []
    several = sorted((part for part in parts if len(part) > 1), key=lambda part: (-len(part), int(part[0])))
    single = np.sort(np.concatenate([[], *(part for part in parts if len(part) == 1)])).astype(np.int64)
    return Groups(tuple(part[_inwards(points[part])] for part in several), single)


def _average(
    points: _Floats, photo: NDArray[np.integer[Any]], limit: float, slack: float
) -> Generator[Progress, None, Indices]:
    """Average linkage up to `limit` (squared): for each point, the first point of its group.

    With `slack` 0 it is exact. More joins several to one in a round: without, a large group that is the nearest of
    hundreds takes them in one at a time, and each time all of them have to be compared anew.
    """
    count = len(points)
    label = np.arange(count)
    # The groups that may still grow, a row each: name (its first point), centre, spread around it, number of points,
    # nearest other row, squared distance to that, and whether these two have to be found (again).
    name, centre = np.arange(count), points
    spread, size = np.zeros(count, np.float32), np.ones(count, np.float32)
    nearest, distance = np.zeros(count, np.int64), np.full(count, np.inf, np.float32)
    stale = np.ones(count, bool)
    _, photo_of, often = np.unique(photo, return_inverse=True, return_counts=True)
    together = np.flatnonzero(often[photo_of] > 1)  # faces that are not alone in their photo
    first_round = -1
    while len(name) > 1:
        apart = _Apart.of(label[together], photo_of[together], name)
        asked = np.flatnonzero(stale)
        squares = np.einsum("ij,ij->i", centre, centre) + spread
        for start in range(0, len(asked), _BLOCK):
            rows = asked[start : start + _BLOCK]
            nearest[rows], distance[rows] = _nearest(rows, centre, squares, apart)
            if first_round < 0:
                yield Progress(0.4 * start / count)
            else:
                yield Progress(1 - 0.6 * len(name) / first_round)
        near = distance < limit
        into = _pairs(nearest, distance, near, apart, slack)
        leaf = np.flatnonzero(into >= 0)
        hub = np.zeros(len(name), bool)
        hub[into[leaf]] = True
        first_round = len(name) if first_round < 0 else first_round

        # What has nobody near has nobody near later: an average is never less than the least of its parts.
        to = np.arange(count)
        to[name[leaf]] = name[into[leaf]]
        label = to[label]
        total, weight, sums = size * squares, size.copy(), centre * size[:, None]
        np.add.at(total, into[leaf], total[leaf])
        np.add.at(weight, into[leaf], size[leaf])
        np.add.at(sums, into[leaf], sums[leaf])
        stays = near & (into < 0)
        moved = hub | (into >= 0)
        stale = hub | moved[nearest] | ~stays[nearest]
        row = np.cumsum(stays) - 1
        name, size, stale = name[stays], weight[stays], stale[stays]
        centre = sums[stays] / size[:, None]
        spread = np.maximum(total[stays] / size - np.einsum("ij,ij->i", centre, centre), 0)
        nearest, distance = np.where(stale, 0, row[nearest[stays]]), distance[stays]
    return _firsts(label)


def _firsts(label: Indices) -> Indices:
    """Each label replaced by the first place where it stands."""
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    return first[inverse]


def _nearest(rows: Indices, centre: _Floats, squares: _Floats, apart: _Apart) -> tuple[Indices, _Floats]:
    """For each of some rows, the nearest other that it may be joined with, and the mean squared distance."""
    table = centre[rows] @ centre.T
    table *= -2
    table += squares
    table += squares[rows, None]
    here = np.arange(len(rows))
    table[here, rows] = np.inf
    table[apart.pairs(rows)] = np.inf
    best = table.argmin(axis=1)
    return best, np.maximum(table[here, best], 0)


def _pairs(
    nearest: Indices,
    distance: _Floats,
    near: NDArray[np.bool_],
    apart: _Apart,
    slack: float,
) -> Indices:
    """Into which row each is joined now, or -1; the nearest first, and no row both joins and is joined."""
    into = np.full(len(nearest), -1)
    willing = near & (distance <= distance[nearest] * (1 + slack) ** 2 + _ALIKE)
    asked = np.flatnonzero(willing)
    asked = asked[np.lexsort((asked, distance[asked]))]
    joined: dict[int, set[int]] = {}  # photos of those that join a row
    gone: set[int] = set()
    suitors = np.bincount(nearest[asked], minlength=len(nearest))
    # Of two that are each other's nearest, the one that is so for more others takes the other in. Else, of a hundred
    # copies of a face, only two would become one in a round.
    gives_way = (nearest[nearest] == np.arange(len(nearest))) & (suitors > suitors[nearest])
    asked = asked[~gives_way[asked]]
    for row, to in zip(asked.tolist(), nearest[asked].tolist(), strict=True):
        if row in joined or row in gone or to in gone:
            continue
        photos, own = joined.setdefault(to, set()), apart.photos(row)
        if photos.isdisjoint(own):
            photos.update(own)
            gone.add(row)
            into[row] = to
    # Only rounding can keep a pair from wanting each other; one is joined in any case, or this had no end.
    if not gone and near.any():
        row = int(np.argmin(np.where(near, distance, np.inf)))
        into[row] = nearest[row]
    return into


class _Apart:
    """Which rows are never one person, because they share a photo. Knows only photos with several faces."""

    def __init__(self, row: Indices, photo: Indices, rows: int) -> None:
        """Row and photo, as pairs ordered by row."""
        self._photo = photo
        self._start = np.searchsorted(row, np.arange(rows + 1))
        order = np.argsort(photo, kind="stable")
        self._row, self._first = row[order], np.searchsorted(photo[order], photo)
        self._often = np.searchsorted(photo[order], photo, side="right") - self._first

    @classmethod
    def of(cls, label: Indices, photo: Indices, name: Indices) -> _Apart:
        """From the group and photo of each face, and the groups that are rows."""
        row = np.searchsorted(name, label)
        here = (row < len(name)) & (name[np.minimum(row, len(name) - 1)] == label)
        order = np.lexsort((photo[here], row[here]))
        return cls(row[here][order], photo[here][order], len(name))

    def photos(self, row: int) -> list[int]:
        """The photos of a row's faces that show other faces, too."""
        found: list[int] = self._photo[self._start[row] : self._start[row + 1]].tolist()
        return found

    def pairs(self, rows: Indices) -> tuple[Indices, Indices]:
        """Each of some rows with those that it must not be joined with: place in `rows`, and other row."""
        length = self._start[rows + 1] - self._start[rows]
        which = _ranges(self._start[rows], length)
        here, often = np.repeat(np.arange(len(rows)), length), self._often[which]
        return np.repeat(here, often), self._row[_ranges(self._first[which], often)]


def _ranges(start: Indices, length: Indices) -> Indices:
    """The numbers from each start on, so many of each, one after the other."""
    ends = np.cumsum(length)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(start - ends + length, length)
