"""Are the labels enough? What is right on photos left out, how that grew with the labels, and what would help most.

Every figure is of photos that the head at hand did not learn from, nor from another shot of their burst. They are
labelled photos, though, and who labels what is in doubt first has harder ones than the folder: the rest does better.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training import evaluate, knowledge
from training.evaluate import GroupFigure
from training.face_head import Evidence
from training.faces import FaceTable
from training.head import Doubles, Floats
from training.knowledge import Examples
from training.refit import bursts, refit, space_of
from training.subject import Subject
from training.verdicts import FaceSaid
from training.zones import Zones

OTHERS = "others"
"""What photos of no group are called."""

_ALIKE = 0.75  # the cosine from which photos stay together: lower than for learning, because leaks flatter
_MOST = 1000  # of more labels than these, so many are measured
_ALL_ALONE, _FEW, _FOLDS_OF_FEW, _FOLDS = 16, 100, 10, 5  # how many parts so many labels are dealt into
_PARTS = (0.5, 0.25, 0.125, 0.0625)  # of the labels, for the points of the trend before the last
_DRAWS = 3  # of labels, for each of these points
_LEAST = 3  # labels of either side, below which a point is all chance
_FLAT = 0.01  # a doubling of the labels that gains less than this is not worth anybody's time
_TELLING = 20  # of either side; with fewer, a flat trend is chance
_GOOD = 0.95
_ONE_BURST = "All labelled photos are of one burst; label others, too."
_STEPS = (5, 10, 20, 50)  # how many labels are asked for at a time: about as many as there are


@dataclass(frozen=True, slots=True)
class Enough:
    """What the labels are worth.

    figures: by group, the subject first, in the order of their first photo; empty where nothing can be left out yet
    counts: how many labels each group has, the subject first
    share: the mean of the subject's and of all others' shares that are right, or None while a side is missing
    range: where `share` lies for all photos like these, with 95 % confidence; shots of a burst count as one
    trend: (labels, share) as it would have been with fewer labels, drawn from these, and at last with all
    advice: what would help most, a sentence for the user
    still_guessing: True while photos are only ranked by likeness
    """

    figures: tuple[GroupFigure, ...]
    counts: tuple[tuple[str, int], ...]
    share: float | None
    range: tuple[float, float]
    trend: tuple[tuple[int, float], ...]
    advice: str
    still_guessing: bool


def assess(
    starter: Subject | None,
    vectors: NDArray[Any],
    is_subject: ArrayLike,
    groups: Sequence[str],
    parts: Sequence[int],
    *,
    name: str = "",
    twins: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    table: FaceTable | None = None,
    faces_said: Sequence[Mapping[int, FaceSaid]] = (),
    forced: Evidence | None = None,
) -> Enough:
    """Measure what is learned from these labels, by `refit` or `knowledge.learn`; the same input, the same figures.

    starter: as for `refit`; it must not have learned from these photos, or they would flatter it
    vectors, is_subject, parts, weights: as for `refit`
    groups: (N,) what the photos are called in figures: the subject's name, a look-alike's, "" for others
    name: what the subject is called where none of its photos is labelled yet
    twins: (N,) labels; photos of one label never fall on both sides of a split; by their features if not given
    table: the photos' faces, where these count too; faces_said: what was said of single ones; forced: see knowledge

    Takes about a second for 500 labels. Raises ValueError as `refit` does.
    """
    subject = np.asarray(is_subject, bool)
    names = [group or OTHERS for group in groups]
    own = np.ones(len(subject)) if weights is None else np.asarray(weights, np.float64)
    if not len(subject) == len(names) == len(vectors) == len(own):
        raise ValueError("Features, labels and groups must be of the same number of photos.")
    yes, no = (Counter(itertools.compress(names, side)) for side in (subject, ~subject))
    name = name or next(iter(yes), starter.name if starter is not None else "the subject")
    counts = (*yes.items(), *no.items())
    guessing = starter is None and min(yes.total(), no.total()) < 2
    least = 3 if starter is None else 1
    sides = [side for side in (subject, ~subject) if side.sum() >= least]
    if not sides or (starter is None and len(sides) < 2):
        return Enough((), counts, None, (0.0, 1.0), (), _begin(subject, name, least), guessing)

    some = _some(subject, own)
    x, subject, own = vectors[some].astype(np.float32), subject[some], own[some]
    names = [names[photo] for photo in some]
    twin = (
        _twins(x, subject, parts)
        if twins is None
        else np.unique(np.asarray(twins)[some], return_inverse=True)[1]
    )
    kinds = np.unique(names, return_inverse=True)[1]
    examples = None
    if table is not None:
        examples = Examples(
            x,
            subject,
            ["" if side or of == OTHERS else of for side, of in zip(subject, names, strict=True)],
            [number.to_bytes(16, "big") for number in range(1, len(some) + 1)],
            own,
            table.take(some),
            [faces_said[photo] for photo in some] if faces_said else (),
        )
    fold = evaluate.folds(twin, 2 * kinds + subject, _folds(twin))
    if starter is None and not fold.any():
        return Enough((), counts, None, (0.0, 1.0), (), _ONE_BURST, guessing)

    def left_out(learned: NDArray[np.bool_]) -> Doubles:
        """(N,) probabilities, each from those of the `learned` labels that are not in the photo's fold."""
        said = np.empty(len(x))
        for number in range(int(fold.max()) + 1):
            these, others = fold == number, learned & (fold != number)
            if examples is None or examples.table is None:
                head = refit(starter, x[others], subject[others], parts=parts, weights=own[others]).head
                said[these] = head.score(x[these])
            else:
                rows = np.flatnonzero(others)
                taught = knowledge.learn(starter, examples.take(rows), parts=parts, forced=forced)
                shown = examples.table.take(np.flatnonzero(these))
                said[these] = taught.knowledge.judge(x[these], shown).probabilities
        return said

    said = left_out(np.ones(len(x), bool))
    zones = Zones()
    figures = evaluate.measure(said, subject, names, low=zones.low, high=zones.high).groups
    if len(sides) < 2:
        return Enough(figures, counts, None, (0.0, 1.0), (), _begin(subject, name, least), guessing)
    share, low, high = _balanced((said >= 0.5) == subject, subject, twin)
    trend = [(len(x), share)]
    for part in _PARTS:
        draws = [_subset(subject, twin, part, seed) for seed in range(_DRAWS)]
        if min(min(draw[subject].sum(), draw[~subject].sum()) for draw in draws) < _LEAST:
            break
        shares = [_balanced((left_out(draw) >= 0.5) == subject, subject, twin)[0] for draw in draws]
        trend.insert(0, (round(float(np.mean([draw.sum() for draw in draws]))), float(np.mean(shares))))
    advice = _advice(figures, share, [point for _, point in trend])
    return Enough(figures, counts, share, (low, high), tuple(trend), advice, guessing)


# -- what is measured


def _some(subject: NDArray[np.bool_], own: Doubles) -> NDArray[np.intp]:
    """The photos to measure with, in their order: those that count, and of too many, some, the rarer side first."""
    random = np.random.default_rng(0)
    yes, no = (random.permutation(np.flatnonzero(side & (own > 0))) for side in (subject, ~subject))
    half = _MOST // 2
    kept = np.concatenate([yes[: max(half, _MOST - len(no))], no[: max(half, _MOST - len(yes))]])
    return np.sort(kept)


def _twins(x: Floats, subject: NDArray[np.bool_], parts: Sequence[int]) -> NDArray[np.intp]:
    if not np.isfinite(x).all():  # refit will say so
        return np.arange(len(x))
    space = space_of(x, parts, centred=len(x) > 1)
    z = (x - space.mean) * space.scale
    return bursts(z @ z.T, subject, _ALIKE)


def _folds(twin: NDArray[np.intp]) -> int:
    number = len(np.unique(twin))
    return number if number <= _ALL_ALONE else _FOLDS_OF_FEW if number <= _FEW else _FOLDS


def _subset(subject: NDArray[np.bool_], twin: NDArray[np.intp], part: float, seed: int) -> NDArray[np.bool_]:
    """(N,) bool: `part` of either side's bursts; what is drawn for a smaller part is among what is for a larger."""
    turn = np.random.default_rng(seed).permutation(int(twin.max()) + 1)[twin]
    kept = np.zeros(len(subject), bool)
    for side in (subject, ~subject):
        kept[side] = turn[side] < np.quantile(turn[side], part)
    return kept


def _balanced(
    right: NDArray[np.bool_], subject: NDArray[np.bool_], twin: NDArray[np.intp]
) -> tuple[float, float, float]:
    """Both sides' mean share that is right, and its range (Wilson's of either, joined as by Newcombe, 1998)."""
    shares, below, above = [], [], []
    for side in (subject, ~subject):
        share, bursts_ = float(right[side].mean()), len(np.unique(twin[side]))
        low, high = evaluate.wilson(share * bursts_, bursts_)
        shares.append(share)
        below.append(share - low)
        above.append(high - share)
    share = sum(shares) / 2
    return share, share - math.hypot(*below) / 2, share + math.hypot(*above) / 2


# -- what it means


def _begin(subject: NDArray[np.bool_], name: str, least: int) -> str:
    """What to label before anything can be measured."""
    missing = [(max(0, least - int(side.sum())), of) for side, of in ((subject, name), (~subject, "others"))]
    if not len(subject):
        return f"Label a few photos of {name} and a few of others to begin."
    wanted = [f"{number} more of {of}" for number, of in missing if number]
    return f"Label {' and '.join(wanted)}: until then, nothing can be measured."


def _advice(figures: Sequence[GroupFigure], share: float, trend: Sequence[float]) -> str:
    """More of the group about whose errors least is known to be good; nothing where the trend is flat."""
    worst = min(figures, key=lambda group: group.range[0])
    sides = [sum(group.photos for group in figures if group.is_subject == side) for side in (True, False)]
    telling = min(sides) >= _TELLING and (worst.photos >= _TELLING or worst.share >= _GOOD)
    gains = [after - before for before, after in itertools.pairwise(trend)][-2:]
    hope = min(1 - share, max(gains[1], gains[0] / 2)) if len(gains) == 2 else 1.0  # gains halve, as a rule
    if telling and hope < _FLAT:
        flat = "More labels would hardly change anything"
        return f"{flat}." if share >= _GOOD else f"{flat}; deep training may."
    number = next(step for step in _STEPS if step >= min(worst.photos, _STEPS[-1]))
    return f"{number} more photos of {worst.group} would help most."
