"""Honest figures: near-twins kept together, folds that don't leak, and what a head gets right, by group.

A collection holds the same shot more than once: recoloured, cut differently, mirrored, resized, saved again. A head
that trained on one of them and is measured on another flatters itself, so twins are found here by their pixels and
features, and always fall into the same fold.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

BINS = 25
"""The bars of the histogram of scores."""

Floats = NDArray[np.float32]

# -- near-twins

_SIDE = 64  # pixels of a fingerprint
_LOOK = 32  # pixels at which two fingerprints are compared
_CUTS = (0.93, 0.86, 0.78, 0.7, 0.6)  # how much of the other photo's side a cut version may have kept
_BLUR = 9  # pixels of _LOOK; what is smoother than this is light and colour, not what is in the picture


def fingerprint(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A photo's small grey picture, by which its twins are found: (H, W, 3) to (64, 64) uint8."""
    grey = Image.fromarray(pixels).convert("L")
    return np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.BOX))


def find_twins(fingerprints: NDArray[np.uint8], features: NDArray[Any] | None = None) -> NDArray[np.intp]:
    """Group photos that show the same shot: (N, 64, 64) fingerprints, (N, D) features to (N,) group numbers.

    Two photos are compared by the correlation of their grey pixels, mirrored too and in several cuts, once with the
    local brightness and contrast taken out (`lines`, which survive recolouring) and once as they are (`light`: how
    alike they look). Where the features agree strongly, less is asked of the pixels. A twin of a twin is a twin.
    Takes time in proportion to the square of N: about 2 s for 1,000 photos on two cores.
    """
    pairs, lines, light = _alike(np.asarray(fingerprints, np.float32))
    same = (lines >= 0.6) & (light >= 0.85) | (lines >= 0.7) & (light >= 0.75)
    if features is not None and len(pairs):
        same |= (lines >= 0.5) & (light >= 0.75) & (_agreement(features, pairs) >= 0.75)
    return _components(len(fingerprints), pairs[same])


def _alike(pictures: Floats) -> tuple[NDArray[np.intp], Floats, Floats]:
    """The (M, 2) pairs of pictures whose lines correlate by 0.5 or more, and by how much their lines and light do."""
    count = len(pictures)
    whole = _cut(pictures, 0, 0, 1)
    ways = [whole, np.ascontiguousarray(whole[:, :, ::-1])]
    lines_of_ways = [_normal(_sharp(way)) for way in ways]
    ends = (0, 0.5, 1)
    cuts = [(0.0, 0.0, 1.0)]
    cuts += [(x * (1 - part), y * (1 - part), part) for part in _CUTS for x in ends for y in ends]
    # Row: a picture as it is or mirrored; column: one as it is or cut. The best of all ways, and which that was.
    lines = np.full((count, count), -1, np.float32)
    match = np.zeros((count, count), np.uint8)
    for i, place in enumerate(cuts):
        lines_of_cut = _normal(_sharp(_cut(pictures, *place))).T
        for j, lines_of_way in enumerate(lines_of_ways):
            found = lines_of_way @ lines_of_cut
            better = found > lines
            np.copyto(lines, found, where=better)
            match[better] = 2 * i + j
    np.fill_diagonal(lines, -1)
    one, other = np.nonzero((lines >= 0.5) & (lines >= lines.T))
    light = np.empty(len(one), np.float32)
    for number in np.unique(match[one, other]).tolist():
        here = match[one, other] == number
        way, cut = ways[number % 2][one[here]], _cut(pictures[other[here]], *cuts[number // 2])
        light[here] = np.sum(_normal(way) * _normal(cut), axis=1)
    return np.stack([one, other], 1), lines[one, other], light


def _cut(pictures: Floats, left: float, top: float, part: float) -> Floats:
    """A square cut of all pictures, in fractions of their side, averaged down: (N, 64, 64) to (N, 32, 32)."""
    down, across = _averaging(top, part), _averaging(left, part)
    rows: Floats = down @ pictures
    cut: Floats = rows @ across.T
    return cut


def _averaging(start: float, part: float) -> Floats:
    """(32, 64): each new pixel as the mean of the stretch of old ones that it covers."""
    edges = (start + part * np.arange(_LOOK + 1) / _LOOK) * _SIDE
    old = np.arange(_SIDE)
    covered = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
    rows = np.clip(covered, 0, None)
    averaging: Floats = (rows / rows.sum(1, keepdims=True)).astype(np.float32)
    return averaging


def _sharp(pictures: Floats) -> Floats:
    """Pictures less their local mean, by their local contrast."""
    place = np.arange(_LOOK)
    near = np.abs(place[:, None] - np.clip(place, 0, _LOOK - 1)[None]) <= _BLUR // 2
    blur = (near / near.sum(1, keepdims=True)).astype(np.float32)
    rows: Floats = blur @ pictures
    mean: Floats = rows @ blur.T
    variance = blur @ (pictures * pictures) @ blur.T - mean * mean
    noise = 25  # grey levels squared, so that a flat sky stays flat
    sharp: Floats = (pictures - mean) / np.sqrt(np.clip(variance, 0, None) + noise)
    return sharp


def _normal(pictures: Floats) -> Floats:
    """(N, h, w) to (N, h w), each of mean 0 and length 1, so that products are correlations."""
    flat = pictures.reshape(len(pictures), _LOOK * _LOOK)
    flat = flat - flat.mean(1, keepdims=True)
    normal: Floats = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3)
    return normal


def _agreement(features: NDArray[Any], pairs: NDArray[np.intp]) -> Floats:
    """The cosines of the features of (M, 2) pairs, after each column is brought to mean 0 and deviation 1."""
    columns = features.astype(np.float32)
    columns -= columns.mean(0)
    columns /= columns.std(0) + 1e-2 * columns.std() + 1e-9
    columns /= np.maximum(np.linalg.norm(columns, axis=1, keepdims=True), 1e-9)
    starts = range(0, len(pairs), 4096)
    agreement: Floats = np.concatenate(
        [(columns[some[:, 0]] * columns[some[:, 1]]).sum(1) for some in (pairs[i : i + 4096] for i in starts)]
    )
    return agreement


def _components(count: int, pairs: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number the connected components of `count` things, given (M, 2) connected pairs."""
    parent = list(range(count))

    def root(thing: int) -> int:
        while parent[thing] != thing:
            parent[thing] = parent[parent[thing]]
            thing = parent[thing]
        return thing

    for one, other in pairs.tolist():
        parent[root(one)] = root(other)
    return np.unique([root(thing) for thing in range(count)], return_inverse=True)[1].reshape(count)


def folds(twins: ArrayLike, strata: ArrayLike, count: int, *, seed: int = 0) -> NDArray[np.intp]:
    """Deal photos into `count` folds, (N,) numbers: twins stay together, each stratum is spread evenly.

    `twins` and `strata` are (N,) labels of any kind. The same seed deals the same folds.
    """
    _, group = np.unique(np.asarray(twins), return_inverse=True)
    _, stratum = np.unique(np.asarray(strata), return_inverse=True)
    members: list[list[int]] = [[] for _ in range(int(group.max(initial=-1)) + 1)]
    for photo, number in enumerate(group.tolist()):
        members[number].append(photo)
    order = [members[i] for i in np.random.default_rng(seed).permutation(len(members))]
    order.sort(key=len, reverse=True)  # the large ones first, while there is still room to even out
    stratum_of: list[int] = stratum.tolist()
    dealt = [[0] * count for _ in range(int(stratum.max(initial=-1)) + 1)]
    total = [0] * count
    fold = np.zeros(len(group), np.intp)
    for photos in order:
        kinds = Counter(stratum_of[photo] for photo in photos)
        alike = [sum(n * dealt[kind][f] for kind, n in kinds.items()) for f in range(count)]
        best = min(zip(alike, total, range(count), strict=True))[2]
        fold[photos] = best
        total[best] += len(photos)
        for kind, number in kinds.items():
            dealt[kind][best] += number
    return fold


# -- figures


@dataclass(frozen=True, slots=True)
class GroupFigure:
    """How many photos of one group fell on the right side of 0.5, with the range that this number supports."""

    group: str
    is_subject: bool
    photos: int
    right: int
    unsure: int  # of all photos of the group, right or not, those between the two thresholds of the zones

    @property
    def share(self) -> float:
        """The share that is right, 0 to 1; 0 of no photos."""
        return self.right / self.photos if self.photos else 0.0

    @property
    def range(self) -> tuple[float, float]:
        """Where the share lies for all photos of this kind, with 95 % confidence."""
        return wilson(self.right, self.photos)


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """What was said, and what was true, of the photos whose probability fell between `low` and `high`."""

    low: float
    high: float
    photos: int
    said: float  # mean probability
    true: float  # share that was the subject


@dataclass(frozen=True, slots=True)
class Calibration:
    """How well probabilities can be taken at their word; both errors are 0 at best.

    `brier` is the mean squared error (Brier, 1950), `expected_error` the mean distance between what was said and what
    was true over ten bins (Naeini et al., 2015). With `weights` as the head was calibrated, look-alikes and subject
    count alike.
    """

    brier: float
    expected_error: float
    bins: tuple[CalibrationBin, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a head gets right on photos it did not learn from; groups in the order of their first photo, subject first.

    `histogram` counts the subject's photos and all others by probability, in BINS bins each.
    """

    groups: tuple[GroupFigure, ...]
    calibration: Calibration
    histogram: tuple[tuple[int, ...], tuple[int, ...]]

    def as_dict(self) -> dict[str, Any]:
        """As plain data for JSON; `from_dict` reads it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Figures:
        """The figures that `as_dict` wrote. Raises ValueError for anything else."""
        try:
            said = data["calibration"]
            figures = cls(
                tuple(_group(entry) for entry in data["groups"]),
                Calibration(
                    float(said["brier"]),
                    float(said["expected_error"]),
                    tuple(_bin(entry) for entry in said["bins"]),
                ),
                (tuple(map(int, data["histogram"][0])), tuple(map(int, data["histogram"][1]))),
            )
        except (KeyError, TypeError, IndexError, OverflowError) as error:
            raise ValueError("not the figures of a subject") from error
        groups = figures.groups
        whole = all(0 <= g.right <= g.photos and 0 <= g.unsure <= g.photos for g in groups)
        shares = [figures.calibration.brier, figures.calibration.expected_error]
        shares += [share for b in figures.calibration.bins for share in (b.low, b.high, b.said, b.true)]
        counts = [*(b.photos for b in figures.calibration.bins), *figures.histogram[0], *figures.histogram[1]]
        if not whole or not all(0 <= share <= 1.001 for share in shares) or min(counts, default=0) < 0:
            raise ValueError("not the figures of a subject")
        return figures

    def text(self) -> str:
        """The figures as a table and a histogram for a terminal."""
        return f"{self.table()}\n\n{self._calibration_words()}\n\n{self._bars()}\n"

    def table(self) -> str:
        """The figures by group, as lines of equal columns."""
        width = max([len("group"), *(len(g.group) for g in self.groups)])
        lines = [f"{'group':<{width}}  photos  right  with 95 % confidence  not sure"]
        for group in self.groups:
            low, high = group.range
            lines.append(
                f"{group.group:<{width}}  {group.photos:6,}  {_percent(group.right, group.photos):>5}"
                f"  {f'{100 * low:.1f} to {100 * high:.1f} %':>20}  {_percent(group.unsure, group.photos):>8}"
            )
        return "\n".join(lines)

    def _calibration_words(self) -> str:
        photos = sum(b.photos for b in self.calibration.bins)
        return (
            f"Calibration, on {photos:,} photos: said and true differ by"
            f" {100 * self.calibration.expected_error:.1f} points on average; Brier score {self.calibration.brier:.3f}."
        )

    def _bars(self) -> str:
        """The histogram, lying on its side; its bars are logarithmic, or the many easy photos would hide the rest."""
        most = max(1, max(map(max, self.histogram)))
        lines = ["probability   the subject" + " " * 19 + "all others"]
        for i, (subject, other) in enumerate(zip(*self.histogram, strict=True)):
            bars = [
                f"{n:5} {'#' * round(20 * math.log1p(n) / math.log1p(most)):<20}" if n else " " * 26
                for n in (subject, other)
            ]
            lines.append(f"{i / BINS:4.2f} to {(i + 1) / BINS:4.2f}  {bars[0]}    {bars[1]}".rstrip())
        return "\n".join(lines)


def measure(
    probabilities: ArrayLike,
    is_subject: ArrayLike,
    groups: Sequence[str],
    *,
    low: float = 0.5,
    high: float = 0.5,
    weights: ArrayLike | None = None,
) -> Figures:
    """Compare (N,) probabilities with the truth, by group; `low` and `high` are the zones' thresholds.

    The probabilities must come from heads that did not learn from these photos or their twins. `weights`, (N,),
    count in the calibration only. Raises ValueError if lengths differ or a probability is none.
    """
    p, truth = np.asarray(probabilities, np.float64), np.asarray(is_subject, bool)
    names = np.asarray(groups, dtype=object)
    if not p.shape == truth.shape == names.shape or p.ndim != 1:
        raise ValueError("probabilities, labels and groups must be lists of the same length")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("probabilities must lie between 0 and 1")
    right = (p >= 0.5) == truth
    unsure = (p >= low) & (p < high)
    ordered = sorted(dict.fromkeys(zip((~truth).tolist(), names, strict=True)), key=lambda group: group[0])
    figures = []
    for other, name in ordered:
        these = (names == name) & (truth != other)
        figures.append(
            GroupFigure(name, not other, int(these.sum()), int(right[these].sum()), int(unsure[these].sum()))
        )
    counts = [np.histogram(p[truth == side], bins=BINS, range=(0, 1))[0] for side in (True, False)]
    return Figures(
        tuple(figures),
        calibration(p, truth, weights),
        (tuple(map(int, counts[0])), tuple(map(int, counts[1]))),
    )


def calibration(
    probabilities: ArrayLike, is_subject: ArrayLike, weights: ArrayLike | None = None, *, bins: int = 10
) -> Calibration:
    """How far (N,) probabilities can be taken at their word; `weights`, (N,), say how much each photo counts."""
    p, truth = np.asarray(probabilities, np.float64), np.asarray(is_subject, np.float64)
    weight = np.ones_like(p) if weights is None else np.asarray(weights, np.float64)
    place = np.clip((p * bins).astype(int), 0, bins - 1)
    total = float(weight.sum())
    rows = []
    expected_error = 0.0
    for i in range(bins):
        here = place == i
        mass = float(weight[here].sum())
        if not mass:
            continue
        said, true = (float((weight[here] * values[here]).sum()) / mass for values in (p, truth))
        rows.append(CalibrationBin(i / bins, (i + 1) / bins, int(here.sum()), said, true))
        expected_error += mass / total * abs(said - true)
    brier = float((weight * (p - truth) ** 2).sum()) / total if total else 0.0
    return Calibration(brier, expected_error, tuple(rows))


def wilson(right: float, photos: int, z: float = 1.96) -> tuple[float, float]:
    """The range of a share that was measured on few photos (Wilson, 1927); z = 1.96 for 95 % confidence."""
    if not photos:
        return 0.0, 1.0
    share = right / photos
    scale = 1 + z * z / photos
    middle = (share + z * z / (2 * photos)) / scale
    half = z * math.sqrt(share * (1 - share) / photos + z * z / (4 * photos * photos)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)


def _group(entry: dict[str, Any]) -> GroupFigure:
    counts = (int(entry[name]) for name in ("photos", "right", "unsure"))
    return GroupFigure(str(entry["group"]), bool(entry["is_subject"]), *counts)


def _bin(entry: dict[str, Any]) -> CalibrationBin:
    low, high, said, true = (float(entry[name]) for name in ("low", "high", "said", "true"))
    return CalibrationBin(low, high, int(entry["photos"]), said, true)


def _percent(part: int, whole: int) -> str:
    """A share in per cent that never rounds up to 100 or down to 0."""
    if not whole:
        return "-"
    value = 100 * part / whole
    return f"{min(max(value, 0.1), 99.9) if 0 < part < whole else value:.1f}"
