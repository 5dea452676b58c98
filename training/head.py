"""The small classifier over features: learns a subject in a moment, and scores a library by one matrix product.

Regularised logistic regression, class-balanced, on standardised features. Its strength of regularisation is chosen,
and its scores are turned into probabilities, on photos that the fold's classifier did not learn from, and in the end
all of it is folded into one weight per feature and a bias.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training import evaluate

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_RIDGES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)  # strengths of regularisation that are tried
_UNTRIED = 1e-4  # the strength where there are too few labels to try any
_ROWS = 64  # rows of float16 that are widened at a time: few enough to stay in the processor's cache
_HALF_SCALE = np.float32(2.0**112)  # between the exponents of float16 and float32


@dataclass(frozen=True)
class Head:
    """What tells a subject from all else: p = 1 / (1 + exp(-(features @ weight + bias))).

    weight: (D,) float32, with standardisation and calibration folded in
    """

    weight: Floats
    bias: float

    def score(self, features: NDArray[Any]) -> Floats:
        """The probability that each photo shows the subject: (N, D) float16 or float32 to (N,) float32.

        A photo's probability is the same to the last digit, whatever other photos are scored with it: rows are
        multiplied one by one (`vecdot`), because a matrix product sums in an order that depends on its shape.
        Raises ValueError for features of another length than the head's.
        """
        if features.ndim != 2 or features.shape[1] != len(self.weight):
            raise ValueError(f"the head takes (N, {len(self.weight)}) features, not {features.shape}")
        if features.dtype == np.float16:
            logits = _half_times(np.ascontiguousarray(features), self.weight)
        else:
            logits = np.vecdot(features.astype(np.float32, copy=False), self.weight)
        logits += np.float32(self.bias)
        return sigmoid(logits)


@dataclass(frozen=True)
class FittedHead:
    """A head, and how it did on photos that it did not learn from.

    out_of_fold: (N,) float32 probabilities, each by classifiers that learned neither from the photo nor its twins;
        NaN where there are too few labels to leave any out
    balance: (N,) float64 weights with which the photos counted in the calibration: the subject as much as all else,
        and of all else each group as much as it is mistaken for the subject
    ridge: the chosen strength of regularisation
    """

    head: Head
    out_of_fold: Floats
    balance: Doubles
    ridge: float


def fit(
    features: NDArray[Any],
    is_subject: ArrayLike,
    *,
    twins: ArrayLike,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    views: Sequence[NDArray[Any]] = (),
    parts: Sequence[int] = (),
    folds: int = 5,
) -> FittedHead:
    """Learn a subject from labelled photos; the same input gives the same head.

    features: (N, D) float16 or float32
    is_subject: (N,) bool
    twins: (N,) labels; photos of one label never fall on both sides of a split
    weights: (N,), how much each photo counts in its class; 1 if not given
    groups: (N,) kinds of photos, such as "george" or "people". At 0.5 the subject and what is mistaken for it are then
        equally often right; without groups, the subject and all else
    views: more features, (N, D) each, of the same photos seen otherwise (cut wider, mirrored): learned from with their
        photo, never measured on
    parts: lengths of the parts that features consist of, D in sum; each part counts the same, however long it is
    folds: into how many parts photos are dealt to choose the regularisation, calibrate and measure; with 1, or with
        too few labels for two, all that is skipped, and the head is made ten times as fast

    Raises ValueError, with a sentence for the user, if one class is missing or features are not finite numbers.
    """
    subject = np.asarray(is_subject, bool)
    x, standard = _standardised([features, *views], parts)
    count = len(subject)
    if features.ndim != 2 or any(len(array) != count for array in (features, np.asarray(twins), *views)):
        raise ValueError("Features, labels and twins must be of the same number of photos.")
    if subject.all() or not subject.any():
        missing = "without the subject" if subject.all() else "of the subject"
        raise ValueError(f"There are no photos {missing} to learn from; both kinds are needed.")
    own = np.ones(count) if weights is None else np.asarray(weights, np.float64)
    if own.shape != (count,) or not np.isfinite(own).all() or (own < 0).any():
        raise ValueError("Weights must be numbers from 0 up, one for each photo.")
    if not (own[subject].sum() > 0 and own[~subject].sum() > 0):
        raise ValueError("Weights must leave photos of both kinds to learn from.")
    kinds = np.asarray(subject if groups is None else groups)

    fold = _deal(twins, kinds, subject, own, folds)
    number = int(fold.max()) + 1
    ridges = _RIDGES if number > 1 else (_UNTRIED,)
    # One problem for each strength and for each fold to leave out (and for none), all solved at once.
    left_out = [fold != i for i in range(number)] if number > 1 else []
    learned = [np.ones(count, bool), *left_out]
    shares = np.stack([class_balanced(own * learn, subject) for learn in learned], 1)
    tasks = shares.shape[1]
    views_of = 1 + len(views)
    weight, bias = _solve(
        x,
        np.tile(np.where(subject, 1, -1), views_of).astype(np.float32),
        np.tile(np.repeat(shares, len(ridges), 1) / views_of, (views_of, 1)).astype(np.float32),
        np.tile(np.array(ridges, np.float32), tasks),
    )
    logits = (x[:count] @ weight + bias).astype(np.float64).reshape(count, tasks, len(ridges))

    chosen = None
    for i in reversed(range(len(ridges))):  # of two that are equally good, the stronger
        trained = logits[:, 0, i]
        unseen = np.take_along_axis(logits[:, 1:, i], fold[:, None], 1)[:, 0] if number > 1 else trained
        steepness = _prior_steepness(trained, subject, own)
        slope, offset, balance = _calibrate(unseen, subject, kinds, own, steepness)
        loss = float((balance * log_loss(np.where(subject, 1, -1) * (slope * unseen + offset))).sum())
        if chosen is None or loss < chosen[0]:
            chosen = loss, i, slope, offset, balance, unseen, steepness
    assert chosen is not None
    _, i, slope, offset, balance, unseen, steepness = chosen
    out_of_fold = np.full(count, np.nan, np.float32)
    for left in range(number if number > 1 else 0):  # calibrated without the photos that it is measured on
        others, these = fold != left, fold == left
        a, b, _ = _calibrate(unseen[others], subject[others], kinds[others], own[others], steepness)
        out_of_fold[these] = sigmoid((a * unseen[these] + b).astype(np.float32))
    folded = _folded(standard, weight[:, i], float(bias[i]), slope, offset)
    return FittedHead(folded, out_of_fold, balance, ridges[i])


# -- numbers


@dataclass(frozen=True)
class _Standard:
    """How features were standardised: (x - mean) * scale, (D,) each."""

    mean: Doubles
    scale: Doubles


def _standardised(blocks: Sequence[NDArray[Any]], parts: Sequence[int]) -> tuple[Floats, _Standard]:
    """The blocks' rows, one below the other, at mean 0, each part of length 1 on average. Raises ValueError."""
    if any(block.ndim != 2 or block.shape[1] != blocks[0].shape[1] for block in blocks):
        raise ValueError("Features must be a table with one row for each photo.")
    x = np.concatenate(blocks).astype(np.float32)
    width = x.shape[1]
    parts = list(parts) or [width]
    if sum(parts) != width or min(parts) < 1:
        raise ValueError(f"Parts of {sum(parts)} features don't make up the {width} that there are.")
    bad = np.flatnonzero(~np.isfinite(x).all(1)) % max(1, len(blocks[0]))
    if len(bad):
        raise ValueError(
            f"{len(bad)} of the photos (the first is number {bad[0] + 1}) have features that are no finite numbers."
        )
    mean = x.mean(0, dtype=np.float64)
    x -= mean.astype(np.float32)
    deviation = np.sqrt((x * x).mean(0, dtype=np.float64))
    scale = np.zeros(width)
    start = 0
    for part in parts:
        here = slice(start, start + part)
        # A column that hardly moves among these photos must not shout when it moves in another.
        floor = 0.01 * deviation[here].mean()
        moves = deviation[here] > 1e-6 * (np.abs(mean[here]) + 1e-30)  # else it is constant up to rounding
        scale[here] = np.where(moves, 1 / (deviation[here] + floor + 1e-30), 0) / np.sqrt(part * len(parts))
        start += part
    x *= scale.astype(np.float32)
    return x, _Standard(mean, scale)


def _folded(standard: _Standard, weight: Floats, bias: float, slope: float, offset: float) -> Head:
    full = slope * standard.scale * weight
    folded = Head(full.astype(np.float32), float(slope * bias + offset - standard.mean @ full))
    folded.weight.flags.writeable = False
    return folded


def _deal(
    twins: ArrayLike, kinds: NDArray[Any], subject: NDArray[np.bool_], own: Doubles, folds: int
) -> NDArray[np.intp]:
    """(N,) folds such that each leaves photos of both classes to learn from; all 0 where that can't be."""
    _, twin = np.unique(np.asarray(twins), return_inverse=True)
    number = min([folds, *(len(np.unique(twin[(subject == side) & (own > 0)])) for side in (True, False))])
    if number < 2:
        return np.zeros(len(twin), np.intp)
    # The class belongs to the stratum: a group's name may occur on both sides.
    _, kind = np.unique(kinds, return_inverse=True)
    fold = evaluate.folds(twin, 2 * kind + subject, number)
    for left in range(number):
        learn = (fold != left) & (own > 0)
        if len(np.unique(subject[learn])) < 2:  # a family of twins that holds nearly all of a class
            return np.zeros(len(twin), np.intp)
    return fold


def class_balanced(own: Doubles, subject: NDArray[np.bool_]) -> Doubles:
    """Weights that sum to one half in either class."""
    sums = np.where(subject, own[subject].sum(), own[~subject].sum())
    balanced: Doubles = own / (2 * sums)
    return balanced


def _solve(
    x: Floats, sign: Floats, shares: Floats, ridges: Floats, *, tolerance: float = 1e-3, most: int = 250
) -> tuple[Floats, Floats]:
    """Minimise, for P problems at once, sum(shares log(1 + exp(-sign (x a + b)))) + ridge/2 |a|^2.

    x (N, D), sign (N,), shares (N, P), ridges (P,) to a (D, P), b (P,). L-BFGS (Nocedal, 1980): the problems share
    each pass over x, and each has a step length and a memory of its own. Until the gradient is `tolerance` of what it
    was, or for `most` passes.
    """
    width, problems = x.shape[1], shares.shape[1]
    result = np.zeros((width + 1, problems), np.float32)
    live = np.arange(problems)
    penalty = np.repeat(ridges[None], width + 1, 0)
    penalty[width] = 0

    def look(at: Floats) -> tuple[Doubles, Floats]:
        margin = sign[:, None] * (x @ at[:width] + at[width])
        value = (shares * log_loss(margin)).sum(0, dtype=np.float64)
        value += 0.5 * (penalty * at * at).sum(0, dtype=np.float64)
        pull = -shares * sign[:, None] * sigmoid(-margin)
        slope = np.concatenate([x.T @ pull, pull.sum(0, keepdims=True)]) + penalty * at
        return value, slope

    here = result.copy()
    value, slope = look(here)
    goal = tolerance * np.linalg.norm(slope, axis=0)
    memory: list[tuple[Floats, Floats, Floats]] = []
    passes = 1
    while len(live) and passes < most:
        way = slope.copy()
        alphas = []
        for step, turn, rho in reversed(memory):
            alpha = rho * (step * way).sum(0)
            way -= alpha * turn
            alphas.append(alpha)
        if memory:
            step, turn, _ = memory[-1]
            curvature, squared = (step * turn).sum(0), (turn * turn).sum(0)
            way *= np.where(curvature > 0, curvature / np.maximum(squared, 1e-30), 1)
        for (step, turn, rho), alpha in zip(memory, reversed(alphas), strict=True):
            way += step * (alpha - rho * (turn * way).sum(0))
        fall = (slope * way).sum(0)
        uphill = fall <= 0
        if uphill.any():
            way[:, uphill] = slope[:, uphill]
            fall = (slope * way).sum(0)
        length = np.ones(len(live), np.float32)
        for _ in range(12):
            there = here - length * way
            new_value, new_slope = look(there)
            passes += 1
            short = new_value > value - 1e-4 * length * fall + 1e-7 * np.abs(value)
            if not short.any():
                break
            length = np.where(short, length * np.float32(0.5), length)
        step, turn = there - here, new_slope - slope
        curvature = (step * turn).sum(0)
        rho = np.where(curvature > 1e-12, 1 / np.where(curvature > 1e-12, curvature, 1), 0).astype(np.float32)
        memory = [*memory[-7:], (step, turn, rho)]
        here, value, slope = there, new_value, new_slope
        result[:, live] = here
        open_ = np.linalg.norm(slope, axis=0) > goal
        if open_.mean() < 0.7:  # go on without those that are done; not for each one, because it costs copies
            live, value, goal = live[open_], value[open_], goal[open_]
            here, slope, shares, penalty = (a[:, open_] for a in (here, slope, shares, penalty))
            memory = [(s[:, open_], t[:, open_], r[open_]) for s, t, r in memory]
    return result[:width], result[width]


def _prior_steepness(trained: Doubles, subject: NDArray[np.bool_], own: Doubles) -> float:
    """The slope to expect before any photo was left out: few labels, however well parted, prove little.

    With n photos in the smaller class, a typical one of those that were learned from gets odds of n + 1 to 1
    (Platt's targets): 2 to 1 for a single pair of labels.
    """
    margin = float((class_balanced(own, subject) * np.where(subject, trained, -trained)).sum())
    smaller = min(int((own[subject] > 0).sum()), int((own[~subject] > 0).sum()))
    return float(np.log(smaller + 1) / max(margin, 1e-3))


def _calibrate(
    logits: Doubles, subject: NDArray[np.bool_], kinds: NDArray[Any], own: Doubles, steepness: float
) -> tuple[float, float, Doubles]:
    """Slope and offset that turn (N,) logits into those of probabilities, and the weights that photos had in it.

    Platt's method, with his targets. Most of what is not the subject is nothing like it, and would pull 0.5 to where
    half of the look-alikes pass; so each group weighs as many photos as are expected to be mistaken.
    """
    if subject.all() or not subject.any():
        return steepness, 0.0, own
    _, kind = np.unique(kinds[~subject], return_inverse=True)
    positive, negative = float(own[subject].sum()), float(own[~subject].sum())
    mass = 2 * positive * negative / (positive + negative)
    balance = mass * 2 * class_balanced(own, subject)
    targets = np.where(subject, (positive + 1) / (positive + 2), 1 / (negative + 2))
    slope, offset = platt(logits, targets, balance, steepness)
    members = np.bincount(kind, own[~subject])
    for _ in range(5 if len(members) > 1 else 0):
        p = sigmoid(slope * logits[~subject] + offset)
        mistaken = np.where(members > 0, np.bincount(kind, own[~subject] * p) + 0.5, 0)
        heavier = mistaken / mistaken.sum() / np.maximum(members, 1e-30)
        balance[~subject] = mass * heavier[kind] * own[~subject]
        slope, offset = platt(logits, targets, balance, steepness)
    return slope, offset, balance


def platt(logits: Doubles, targets: Doubles, weights: Doubles, steepness: float) -> tuple[float, float]:
    """Slope and offset for (N,) logits (Platt, 1999), held near `steepness` and 0 by priors worth one photo each.

    The slope is searched by its logarithm: it can't turn negative, as it would where few photos, left out one by
    one, are all judged wrong.
    """
    logits = np.clip(logits, -1e4, 1e4)
    turn = np.zeros(2)  # ln(slope / steepness), offset
    prior = np.array([1.0, 0.25])

    def loss(at: Doubles) -> float:
        z = np.exp(at[0]) * steepness * logits + at[1]
        surprise = targets * log_loss(z) + (1 - targets) * log_loss(-z)
        return float((weights * surprise).sum() + prior @ (at * at) / 2)

    value = loss(turn)
    for _ in range(50):
        slope = np.exp(turn[0]) * steepness * logits
        p = sigmoid(slope + turn[1])
        by = np.stack([slope, np.ones_like(slope)])
        gradient = by @ (weights * (p - targets)) + prior * turn
        bend = (by * (weights * p * (1 - p))) @ by.T + np.diag(prior)
        step = np.linalg.solve(bend, gradient)
        length = 1.0
        while (new := loss(turn - length * step)) > value and length > 1e-4:
            length /= 2
        if value - new < 1e-9 * (1 + abs(value)):
            break
        turn, value = turn - length * step, new
    return float(np.exp(turn[0]) * steepness), float(turn[1])


def sigmoid(x: NDArray[Any]) -> NDArray[Any]:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)), x.dtype)


def log_loss(margin: NDArray[Any]) -> NDArray[Any]:
    """log(1 + exp(-margin)), without overflow."""
    loss: NDArray[Any] = np.log1p(np.exp(-np.abs(margin))) + np.maximum(-margin, 0)
    return loss


def _half_times(features: NDArray[np.float16], weight: Floats) -> Floats:
    """features @ weight for (N, D) float16, in float32, never more than a few rows of it in memory.

    numpy converts float16 number by number, which would take 300 ms for 100,000 photos. Shifted to the left, the bits
    of a float16 are those of a float32 that is 2^112 times too small, and integers are shifted many at a time.
    """
    bits = features.view(np.int16)
    product = np.empty(len(features), np.float32)

    def some(first: int, last: int) -> None:
        wide = np.empty((_ROWS, features.shape[1]), np.int32)
        for start in range(first, last, _ROWS):
            stop = min(start + _ROWS, last)
            rows = wide[: stop - start]
            np.copyto(rows, bits[start:stop])
            np.left_shift(rows, 13, out=rows)
            np.bitwise_and(rows, ~0x70000000, out=rows)  # copies of the sign in the exponent's place
            np.vecdot(rows.view(np.float32), weight, out=product[start:stop])

    threads = min(4, os.cpu_count() or 1)
    if len(features) < 16 * _ROWS or threads == 1:
        some(0, len(features))
    else:
        edges = [len(features) * i // threads for i in range(threads + 1)]
        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(some, *pair) for pair in itertools.pairwise(edges)]:
                done.result()
    product *= _HALF_SCALE
    return product
