"""Learning while photos are being labelled: a starter that the labels correct, in a tenth of a second.

The starter's scores are where learning starts: a few labels bend them, many outvote them. How far to trust the starter
is asked of the labels themselves: several mixtures of old and new are learned, and each weighs as much as it was right
on labelled photos that it did not learn from. All of that happens among the labelled photos, which are far fewer than
features (the dual of the ridge problem), and in the end it is folded into one weight per feature, as any head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training import evaluate
from training.head import Doubles, Floats, Head, class_balanced, log_loss, platt, sigmoid
from training.subject import Subject

LOOK_ALIKE_WEIGHT = 3.0
"""How much a photo of a look-alike should weigh, where a photo of anybody else weighs 1.

With 20 to 60 labels of George among those of the Beatles and strangers, a quarter to a third of the Georges that were
taken for John no longer are, for one to four Johns in a hundred; with 10 Georges, as many more. Heavier ones go on
trading Johns for Georges.
"""

# How much of the starter to keep, how strongly to hold on to it (or, of nothing kept, to nothing), and how much that is
# believed before any label was seen.
_WAYS = ((1.0, 1.0, 1.0), (1.0, 0.1, 1.0), (0.5, 0.1, 0.5), (0.0, 0.1, 0.1), (0.0, 0.01, 0.1))
_FRESH = ((0.0, 1.0, 1.0), (0.0, 0.1, 1.0), (0.0, 0.01, 1.0))
_ONE_SIDED = ((1.0, 1.0, 1.0),)
_MOST_ONE_SIDED = 4.0  # so many photos, at most, labels of one side count as: they don't know what they cost
_SHIFT = 0.3  # how readily the threshold moves, compared to the direction
_CALIBRATED = 0.95  # how much less the labels say on the calibration of a starter, which has one already
_ALL_ALONE = 24  # up to so many labelled photos (twins count as one), each is left out by itself
_FOLDS = 5
_CLEARLY = 2.0  # the gap between the sides, in units of what is usual, at which the first part may do alone
_UNNAMED = 0.05  # less than this is not worth the time
_TWINS = 0.85  # the cosine of features from which photos are taken for the same shot
_CROWD = 512  # of all photos around, so many are enough to know what is usual


@dataclass(frozen=True, slots=True)
class Refitted:
    """A head made from labels; `guessing` is True where they are too few to learn from, and it only ranks.

    left_out: (N,) the log odds of each labelled photo by what the others taught; NaN where it could not be left out
    """

    head: Head
    guessing: bool
    left_out: Doubles = field(default_factory=lambda: np.zeros(0), compare=False)


def refit(
    starter: Subject | None,
    vectors: NDArray[Any],
    is_subject: ArrayLike,
    *,
    parts: Sequence[int],
    weights: ArrayLike | None = None,
    crowd: NDArray[Any] | None = None,
) -> Refitted:
    """Learn from labelled photos, starting from what `starter` knows; the same input gives the same head.

    vectors: (N, D) float16 or float32, the labelled photos' features; is_subject: (N,) bool
    parts: lengths of the parts that features consist of, D in sum; each part counts the same, however long it is
    weights: (N,) numbers from 0 up, how much each photo counts; 1 if not given, LOOK_ALIKE_WEIGHT for look-alikes
    crowd: (M, D), features of any photos around (those of the open folder), from which is learned what is usual;
        without it, from the labelled photos

    With a starter, labels of one side will do, and without labels the starter's head comes back. Without one, and with
    fewer than two photos of either kind, photos are ranked by their likeness to the labelled ones (`guessing`).
    Raises ValueError, with a sentence for the user, for features that are not finite numbers or not of the starter's
    kind, and if there is neither a label nor a starter.
    """
    subject = np.asarray(is_subject, bool)
    x, own = _checked(starter, vectors, subject, parts, weights)
    left_out, counts = np.full(len(x), np.nan), own > 0
    x, subject, own = x[counts], subject[counts], own[counts]
    if not len(x):
        if starter is None:
            raise ValueError("No photo is labelled yet; label one to begin.")
        return Refitted(starter.head, False, left_out)
    around = x if crowd is None else sample(np.asarray(crowd))
    if around.shape[1:] != x.shape[1:]:
        raise ValueError("The labelled photos' features are not of the same kind as the others'.")
    smaller = min(int(subject.sum()), int((~subject).sum()))
    # Two of either kind tell better what matters among them than all that is around.
    known = crowd is not None and len(around) > 1 and smaller < 2
    space = space_of(around if known else x, parts, centred=known or smaller > 0)
    z = (x - space.mean) * space.scale
    if starter is None and smaller < 2:
        return Refitted(_likeness(z, subject, own, space, known), True, left_out)
    if starter is not None:
        base = (x @ starter.head.weight).astype(np.float64) + starter.head.bias
        pair = starter.head.weight.astype(np.float64), starter.head.bias
    else:
        base, pair = np.zeros(len(x)), (np.zeros(x.shape[1]), 0.0)
    head, left_out[counts] = _learn(z, subject, own, base, pair, space, parts, starter is not None)
    return Refitted(head, False, left_out)


# -- what is usual


@dataclass(frozen=True)
class Space:
    """Where features are compared: (x - mean) * scale, (D,) float32 each; a usual photo lies at a distance of 1."""

    mean: Floats
    scale: Floats

    def head(self, weight: NDArray[Any], bias: float, prior: tuple[Doubles, float] | None = None) -> Head:
        """The head over raw features that is `weight` and `bias` here, added to `prior`, which is one already."""
        full = self.scale.astype(np.float64) * weight
        bias -= float(self.mean.astype(np.float64) @ full)
        if prior is not None:
            full, bias = full + prior[0], bias + prior[1]
        made = full.astype(np.float32)
        made.flags.writeable = False
        return Head(made, bias)


def space_of(x: Floats, parts: Sequence[int], *, centred: bool) -> Space:
    """The space in which photos like `x` are usual; not centred on them where they are all that should be alike."""
    mean = x.mean(0)
    if not centred:
        edges = np.cumsum([0, *parts[:-1]])
        mean = np.repeat((np.add.reduceat(mean, edges) / parts).astype(np.float32), parts)
    deviation = np.sqrt(np.square(x - mean).mean(0))
    scale = np.zeros_like(deviation)
    start = 0
    for part in parts:
        here = slice(start, start + part)
        # A column that hardly moves among these photos must not shout when it moves in another.
        floor = np.float32(0.1) * deviation[here].mean() + np.float32(1e-12)
        moves = deviation[here] > 1e-6 * np.abs(mean[here])  # else it is constant up to rounding
        scale[here] = np.where(moves, 1 / (deviation[here] + floor), 0) / np.float32(
            np.sqrt(part * len(parts))
        )
        start += part
    return Space(mean, scale)


def sample(crowd: NDArray[Any]) -> Floats:
    """Up to 512 rows from all of (M, D) features, evenly, that are finite numbers: enough to know what is usual."""
    even = np.linspace(0, len(crowd) - 1, min(len(crowd), _CROWD)).astype(np.intp)
    rows = crowd[even].astype(np.float32)
    some: Floats = rows[np.isfinite(rows).all(1)] if rows.ndim == 2 else rows
    return some


def _checked(
    starter: Subject | None,
    vectors: NDArray[Any],
    subject: NDArray[np.bool_],
    parts: Sequence[int],
    weights: ArrayLike | None,
) -> tuple[Floats, Doubles]:
    if vectors.ndim != 2 or subject.shape != (len(vectors),):
        raise ValueError("Features and labels must be of the same number of photos.")
    width = vectors.shape[1]
    if not parts or sum(parts) != width or min(parts) < 1:
        raise ValueError(f"Parts of {sum(parts)} features don't make up the {width} that there are.")
    if starter is not None and len(starter.head.weight) != width:
        raise ValueError(f"“{starter.name}” was trained on other features than those of the labelled photos.")
    x = vectors.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(x).all(1))
    if len(bad):
        raise ValueError(
            f"{len(bad)} of the photos (the first is number {bad[0] + 1}) have features that are no finite numbers."
        )
    own = np.ones(len(x)) if weights is None else np.asarray(weights, np.float64)
    if own.shape != (len(x),) or not np.isfinite(own).all() or (own < 0).any():
        raise ValueError("Weights must be numbers from 0 up, one for each photo.")
    return x, own


# -- too few labels


def _likeness(z: Floats, subject: NDArray[np.bool_], own: Doubles, space: Space, known: bool) -> Head:
    """Ranks by the side of the labelled photos' means; odds of 2 to 1 at those are all that so few can promise."""
    yes, no = (own[side] @ z[side] / max(own[side].sum(), 1e-30) for side in (subject, ~subject))
    if subject.any() and not subject.all():
        way, middle, room = yes - no, (yes + no) / 2, 0.5
    elif not known:  # any two photos are rather alike
        way, room = yes - no, 0.35
        middle = (1 - room) * (yes + no)
    elif subject.all():
        way, middle, room = yes, yes / 2, 0.5
    else:
        way, middle, room = -no, np.zeros(z.shape[1]), 1.0
    steep = np.log(2) / max(room * float(way @ way), 1e-12)
    return space.head(steep * way, float(-steep * (way @ middle)))


# -- learning


def _learn(
    z: Floats,
    subject: NDArray[np.bool_],
    own: Doubles,
    base: Doubles,
    prior: tuple[Doubles, float],
    space: Space,
    parts: Sequence[int],
    started: bool,
) -> tuple[Head, Doubles]:
    """Mix the ways, each by how right it was on photos left out, and calibrate the mixture on those same photos.

    Returns the head, and (N,) log odds of the photos, each by what was learned without it, or NaN.

    z (N, D) features in `space`; base (N,) the starter's logits, and `prior` the weight and bias that make them. The
    first of the parts, which the network names things by, is tried alone as well where it tells the sides clearly: what
    is a thing of its own (a breed of dogs) is learned from fewer labels that way, one face among others is not.
    """
    count = len(z)
    sign = np.where(subject, 1, -1).astype(np.float32)
    two = subject.any() and not subject.all()
    ways = np.array(_ONE_SIDED if not two else _WAYS if started else _FRESH)
    first, rest = z[:, : parts[0]], z[:, parts[0] :]
    of_first = first @ first.T
    kernel = of_first + rest @ rest.T
    views = [_View.of(z, kernel, ways)]
    fold = np.zeros(count, np.intp)
    if two:
        twin = bursts(kernel, subject, _TWINS)
        fold = _deal(twin, subject)
        named = _named(of_first, subject, twin) if len(parts) > 1 else 0.0
        if named > _UNNAMED:
            fresh = ways[ways[:, 0] == 0] * (1, 1, named)
            views.append(_View.of(first, of_first, fresh, stretch=len(parts)))
    number = int(fold.max()) + 1
    left_out = np.full(count, np.nan)
    learned = [np.ones(count, bool), *(fold != i for i in range(number) if number > 1)]
    shares = np.stack([_shares(own * learn, subject) for learn in learned], 1)
    solved, logits = zip(*(view.solved(sign, shares, base) for view in views), strict=True)
    kept, _, belief = np.concatenate([view.ways for view in views]).T
    if number > 1:
        unseen = np.take_along_axis(np.concatenate(logits, 2), fold[:, None, None] + 1, 1)[:, 0]
        balance = _balance(own, subject)
        losses = (balance[:, None] * log_loss(sign[:, None] * unseen)).sum(0)
        belief = belief * np.exp(losses.min() - losses)
        belief = belief / belief.sum()
        targets = np.where(subject, *_targets(balance, subject))
        said = balance * (1 - _CALIBRATED * float(kept @ belief))
        slope, offset = platt(unseen @ belief, targets, said, 1.0)
        left_out = slope * (unseen @ belief) + offset
    else:
        belief, slope, offset = belief / belief.sum(), 1.0, 0.0
    weight, bias = np.zeros(z.shape[1]), 0.0
    beliefs = np.split(belief, np.cumsum([len(view.ways) for view in views])[:-1])
    for view, found, believed in zip(views, solved, beliefs, strict=True):
        mixed = found @ believed
        weight[: view.rows.shape[1]] += view.weight(mixed[:count])
        bias += _SHIFT * float(mixed[count])
    trust = slope * float(kept @ belief)
    return space.head(slope * weight, slope * bias + offset, (trust * prior[0], trust * prior[1])), left_out


@dataclass(frozen=True)
class _View:
    """Some features of the photos, and the ways to learn from them.

    rows (N, K); root (N, N): the triangle whose products are those of the rows; ways (W, 3); rows count as if they were
    the root of `stretch` longer
    """

    rows: Floats
    root: Floats
    ways: Doubles
    stretch: int

    @classmethod
    def of(cls, rows: Floats, kernel: Floats, ways: Doubles, *, stretch: int = 1) -> _View:
        kernel = kernel * np.float32(stretch)
        # A bit of each photo's own, so that copies don't make it singular.
        own = np.float32(1e-3) * max(np.float32(1e-6), kernel.trace() / len(rows))
        kernel[np.diag_indices(len(rows))] += own
        return cls(rows, np.linalg.cholesky(kernel), ways, stretch)

    def solved(self, sign: Floats, shares: Doubles, base: Doubles) -> tuple[Doubles, Doubles]:
        """What each way finds with the first of `shares` (N, T), (N + 1, W), and says with each, (N, T, W)."""
        kept, ridges, _ = self.ways.T
        tasks, number = shares.shape[1], len(self.ways)
        places = np.concatenate([self.root, np.full((len(sign), 1), _SHIFT, np.float32)], 1)
        found = _solve(
            places,
            sign,
            np.repeat(shares, number, 1).astype(np.float32),
            np.outer(base, np.tile(kept, tasks)).astype(np.float32),
            np.tile(ridges, tasks).astype(np.float32),
        )
        logits = (places @ found).astype(np.float64).reshape(len(sign), tasks, number)
        return found[:, :number].astype(np.float64), logits + base[:, None, None] * kept

    def weight(self, found: Doubles) -> Doubles:
        """(K,) over the rows' features, from what was found, (N,), over the photos."""
        over = np.linalg.solve(self.root.T, found.astype(np.float32))
        weight: Doubles = self.stretch * (self.rows.T @ over).astype(np.float64)
        return weight


def _named(kernel: Floats, subject: NDArray[np.bool_], twin: NDArray[np.intp]) -> float:
    """How far to believe, 0 to 1, that the features of which this is the kernel tell the sides apart by themselves.

    By how much more alike photos of one side are than photos of both, in units of what is usual among any two; shots of
    a burst, which are always alike, don't count.
    """
    apart = (twin[:, None] != twin).astype(np.float32)
    products = kernel * apart
    usual = np.sqrt(np.square(products).sum() / max(apart.sum(), 1))
    within = [
        products[side][:, side].sum() / max(apart[side][:, side].sum(), 1) for side in (subject, ~subject)
    ]
    gap = float(sum(within) - 2 * products[subject][:, ~subject].mean())
    return float(np.clip(gap / max(usual * _CLEARLY, 1e-30), 0, 1) ** 6)


def _targets(balance: Doubles, subject: NDArray[np.bool_]) -> tuple[float, float]:
    """Platt's targets: no probability is 0 or 1 after finitely many photos."""
    yes, no = float(balance[subject].sum()), float(balance[~subject].sum())
    return (yes + 1) / (yes + 2), 1 / (no + 2)


def _shares(own: Doubles, subject: NDArray[np.bool_]) -> Doubles:
    """How much each photo counts in learning: as much as all labels, half of it on either side."""
    total = float(own.sum())
    if own[subject].sum() > 0 and own[~subject].sum() > 0:
        return total * class_balanced(own, subject)
    return own * (min(total, _MOST_ONE_SIDED) / max(total, 1e-30))


def _balance(own: Doubles, subject: NDArray[np.bool_]) -> Doubles:
    """How much each photo counts in judging: either side as much as the smaller can tell."""
    yes, no = float(own[subject].sum()), float(own[~subject].sum())
    return 4 * yes * no / (yes + no) * class_balanced(own, subject)


def _deal(twin: NDArray[np.intp], subject: NDArray[np.bool_]) -> NDArray[np.intp]:
    """(N,) folds; shots of a burst fall into the same one."""
    numbers = np.unique(twin)
    if len(numbers) <= _ALL_ALONE:
        return np.searchsorted(numbers, twin)
    return evaluate.folds(twin, subject, _FOLDS)


def bursts(kernel: Floats, subject: NDArray[np.bool_], alike: float) -> NDArray[np.intp]:
    """Number the bursts, (N,), from the (N, N) products of photos: a cosine of `alike` makes one of two photos' bursts.

    Photos with different labels are never of the same, and a side that is one burst is none: it has to be judged
    within itself.
    """
    length = np.sqrt(kernel.diagonal())
    near = kernel >= alike * np.outer(length, length)
    near &= subject[:, None] == subject
    twin = np.arange(len(kernel))
    while True:
        least = np.where(near, twin, len(twin)).min(1)
        if (least == twin).all():
            break
        twin = least
    for side in (subject, ~subject):
        numbers, sizes = np.unique(twin[side], return_counts=True)
        for large in numbers[2 * sizes > side.sum()]:
            mine = np.flatnonzero(side & (twin == large))
            twin[mine] = mine
    return twin


def _solve(
    places: Floats, sign: Floats, shares: Floats, base: Floats, ridges: Floats, *, most: int = 50
) -> Floats:
    """Minimise, for P problems at once, sum(shares log(1 + exp(-sign (places a + base)))) + ridge/2 |a|^2.

    places (N, K), sign (N,), shares (N, P), base (N, P), ridges (P,) to (K, P). L-BFGS (Nocedal, 1980), with a step
    length and a memory for each problem.
    """
    signs = sign[:, None]

    def look(at: Floats) -> tuple[Floats, Floats]:
        margin = signs * (places @ at + base)
        value = (shares * log_loss(margin)).sum(0) + 0.5 * ridges * (at * at).sum(0)
        return value, places.T @ (-shares * signs * sigmoid(-margin)) + ridges * at

    here = np.zeros((places.shape[1], shares.shape[1]), np.float32)
    value, slope = look(here)
    goal = 0.01 * np.linalg.norm(slope, axis=0)
    # Before any bend was seen: a bold guess. Too bold a step is taken back.
    scale = 16 / (ridges + 0.25 * shares.max(0) * np.float32(np.square(places).sum()))
    length = np.ones(len(ridges), np.float32)
    memory: list[tuple[Floats, Floats, Floats]] = []
    for _ in range(most):
        if (np.linalg.norm(slope, axis=0) <= goal).all():
            break
        way, alphas = slope.copy(), []
        for step, turn, rho in reversed(memory):
            alphas.append(rho * (step * way).sum(0))
            way -= alphas[-1] * turn
        way *= scale
        for (step, turn, rho), alpha in zip(memory, reversed(alphas), strict=True):
            way += step * (alpha - rho * (turn * way).sum(0))
        there = here - length * way
        new_value, new_slope = look(there)
        # One problem's short step is no reason for the others to wait: it stays where it is for this pass.
        good = new_value <= value - 1e-4 * length * (slope * way).sum(0) + 1e-6 * np.abs(value)
        step, turn = np.where(good, there - here, 0), np.where(good, new_slope - slope, 0)
        bend, squared = (step * turn).sum(0), (turn * turn).sum(0)
        seen = bend > 1e-12
        rho = np.where(seen, 1 / np.where(seen, bend, 1), 0).astype(np.float32)
        scale = np.where(seen, bend / np.maximum(squared, 1e-30), scale).astype(np.float32)
        length = np.where(good, 1, 0.25 * length).astype(np.float32)
        memory = [*memory[-7:], (step, turn, rho)]
        here, value, slope = here + step, np.where(good, new_value, value), slope + turn
    return here
