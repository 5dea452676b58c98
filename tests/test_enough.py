"""Whether the labels are enough: no figure flatters, and what is said to help most is what is known least."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from training import enough
from training.backbones import Preprocessing
from training.enough import Enough, assess
from training.evaluate import GroupFigure
from training.extractors import ExtractorSpec
from training.head import Head
from training.subject import Subject
from training.zones import Zones

Array = NDArray[Any]
WIDTH = 60
PARTS = (40, 20)
WAY = np.linalg.qr(np.random.default_rng(99).normal(size=(WIDTH, WIDTH)))[0][0]


def photos(count: int, *, apart: float = 6.0, seed: int = 0) -> tuple[Array, Array, list[str]]:
    """Features, half of them John's, that lie `apart` deviations from the others'."""
    is_subject = np.arange(count) % 2 == 0
    features = np.random.default_rng(seed).normal(size=(count, WIDTH)) + apart * np.outer(
        is_subject - 0.5, WAY
    )
    return features.astype(np.float16), is_subject, ["John" if yes else "" for yes in is_subject]


def measured(count: int, *, start: Subject | None = None, **more: Any) -> Enough:
    return assess(start, *photos(count, **more), PARTS)


def starter() -> Subject:
    spec = ExtractorSpec("none", "0" * 64, Preprocessing(224, 0.875, "bicubic", (0.5,) * 3, (0.5,) * 3), ())
    return Subject("John", Head((3 * WAY).astype(np.float32), 0.0), Zones(), spec)


def share_of(done: Enough) -> float:
    assert done.share is not None
    return done.share


# -- honest figures


def test_what_can_be_told_is_told_and_what_can_not_is_not() -> None:
    assert share_of(measured(200, apart=8)) > 0.97
    assert 0.35 < share_of(measured(200, apart=0)) < 0.65


def test_shots_of_a_burst_do_not_flatter() -> None:
    """Labels without any sense, of which every photo has two more shots: who has seen one knows the others."""
    features, is_subject, groups = photos(60, apart=0)
    shots = np.repeat(features, 3, 0)
    shots += (0.05 * np.random.default_rng(1).normal(size=shots.shape)).astype(np.float16)
    same = np.repeat(is_subject, 3), list(np.repeat(groups, 3))
    assert share_of(assess(None, shots, *same, PARTS)) < 0.65
    assert share_of(assess(None, shots, *same, PARTS, twins=np.repeat(np.arange(60), 3))) < 0.65
    assert share_of(assess(None, shots, *same, PARTS, twins=np.arange(180))) > 0.72, "this shows no leak"


def test_shots_of_a_burst_count_as_one_in_the_range() -> None:
    features, is_subject, groups = photos(30, apart=8)
    one = assess(None, features, is_subject, groups, PARTS)
    shots = np.repeat(features, 4, 0), np.repeat(is_subject, 4), list(np.repeat(groups, 4))
    four = assess(None, *shots, PARTS, twins=np.repeat(np.arange(30), 4))
    assert abs(share_of(one) - share_of(four)) < 0.05
    assert four.range[1] - four.range[0] > 0.9 * (one.range[1] - one.range[0])
    assert four.range[0] <= share_of(four) <= four.range[1] <= 1


def test_figures_are_by_group_and_the_share_is_the_mean_of_both_sides() -> None:
    features, is_subject, groups = photos(120, apart=3)
    groups = ["George" if not name and i % 3 == 0 else name for i, name in enumerate(groups)]
    done = assess(None, features, is_subject, groups, PARTS)
    assert [(g.group, g.is_subject) for g in done.figures] == [
        ("John", True),
        ("others", False),
        ("George", False),
    ]
    assert (
        done.counts
        == tuple((g.group, g.photos) for g in done.figures)
        == (("John", 60), ("others", 40), ("George", 20))
    )
    assert sum(g.right for g in done.figures) < 120
    others = done.figures[1:]
    side = sum(g.right for g in others) / 60
    assert share_of(done) == pytest.approx((done.figures[0].share + side) / 2)


def test_the_same_labels_give_the_same_figures() -> None:
    assert measured(70, apart=3) == measured(70, apart=3)


def test_a_good_starter_counts_from_the_first_labels() -> None:
    alone, started = (measured(12, start=start, apart=4, seed=3) for start in (None, starter()))
    assert share_of(started) > share_of(alone)
    assert share_of(started) > 0.9


def test_of_very_many_labels_some_are_measured() -> None:
    features, is_subject, groups = photos(enough._MOST + 600)
    rare = np.flatnonzero(~is_subject | (np.arange(len(is_subject)) < 200))
    done = assess(None, features[rare], is_subject[rare], [groups[i] for i in rare], PARTS)
    assert dict(done.counts) == {"John": 100, "others": 800}
    done = assess(None, features, is_subject, groups, PARTS)
    assert sum(g.photos for g in done.figures) == enough._MOST == done.trend[-1][0]
    assert dict(done.counts) == {"John": 800, "others": 800}


def test_heavier_photos_are_learned_from_as_they_weigh() -> None:
    features, is_subject, groups = photos(80, apart=3)
    weights = np.where(is_subject, 1.0, np.linspace(0, 20, 80))
    done = assess(None, features, is_subject, groups, PARTS, weights=weights)
    assert done != assess(None, features, is_subject, groups, PARTS)
    weights = np.where(np.arange(80) < 60, 1.0, 0.0)
    without = assess(None, features[:60], is_subject[:60], groups[:60], PARTS)
    assert assess(None, features, is_subject, groups, PARTS, weights=weights).figures == without.figures


def test_a_single_burst_can_not_be_measured() -> None:
    done = assess(None, *photos(12), PARTS, twins=np.zeros(12))
    assert (done.figures, done.share, done.trend) == ((), None, ())
    assert done.advice == "All labelled photos are of one burst; label others, too."


# -- the trend


def test_the_trend_grows_with_the_labels_and_ends_with_all() -> None:
    done = measured(200, apart=4)
    labels, shares = zip(*done.trend, strict=True)
    assert labels == (14, 26, 50, 100, 200)
    assert shares[-1] == share_of(done)
    assert shares[-1] > shares[0] + 0.05


def test_the_trend_starts_where_there_is_something_to_draw_from() -> None:
    assert [labels for labels, _ in measured(10, apart=4).trend] == [10]
    assert [labels for labels, _ in measured(24, apart=4).trend] == [6, 12, 24]


# -- what is said


@pytest.mark.parametrize(
    ("yes", "no", "words", "guessing"),
    [
        (0, 0, "Label a few photos of John and a few of others to begin.", True),
        (1, 0, "Label 2 more of John and 3 more of others: until then, nothing can be measured.", True),
        (1, 1, "Label 2 more of John and 2 more of others: until then, nothing can be measured.", True),
        (2, 5, "Label 1 more of John: until then, nothing can be measured.", False),
    ],
)
def test_with_too_few_labels_it_says_how_many_are_missing(
    yes: int, no: int, words: str, guessing: bool
) -> None:
    features, is_subject, groups = photos(20)
    some = np.concatenate([np.flatnonzero(is_subject)[:yes], np.flatnonzero(~is_subject)[:no]])
    done = assess(None, features[some], is_subject[some], [groups[i] for i in some], PARTS, name="John")
    assert (done.advice, done.still_guessing) == (words, guessing)
    assert (done.figures, done.share, done.range, done.trend) == ((), None, (0.0, 1.0), ())


def test_with_a_starter_labels_of_one_side_are_measured() -> None:
    features, is_subject, groups = photos(40, apart=4)
    done = assess(starter(), features[is_subject], is_subject[is_subject], groups[::2], PARTS)
    assert [(g.group, g.photos) for g in done.figures] == [("John", 20)]
    assert done.figures[0].share > 0.8
    assert done.share is None
    assert not done.still_guessing
    assert done.advice == "Label 1 more of others: until then, nothing can be measured."
    assert not assess(starter(), features[:0], [], [], PARTS).still_guessing


def test_the_look_alike_that_is_mistaken_is_named() -> None:
    random = np.random.default_rng(0)
    kind = np.repeat([0, 1, 2], [40, 40, 12])
    places = np.stack([4 * WAY, -4 * WAY, 3.5 * WAY])  # George is where John is
    features = (places[kind] + random.normal(size=(92, WIDTH))).astype(np.float16)
    done = assess(None, features, kind == 0, [("John", "", "George")[k] for k in kind], PARTS)
    assert {g.group: g.share > 0.9 for g in done.figures}["others"]
    assert done.advice == "20 more photos of George would help most."


def test_a_group_of_which_little_is_known_is_asked_for() -> None:
    features, is_subject, groups = photos(90, apart=9)
    some = np.concatenate([np.flatnonzero(is_subject), np.flatnonzero(~is_subject)[:4]])
    done = assess(None, features[some], is_subject[some], [groups[i] for i in some], PARTS)
    assert done.advice == "5 more photos of others would help most."


def test_it_says_when_more_would_not_help() -> None:
    assert measured(200, apart=10).advice == "More labels would hardly change anything."


def test_it_says_when_more_would_not_help_although_much_is_wrong() -> None:
    figures = [GroupFigure("John", True, 100, 80, 0), GroupFigure("others", False, 100, 80, 0)]
    said = enough._advice(figures, 0.8, [0.7, 0.79, 0.8, 0.8])
    assert said == "More labels would hardly change anything; deep training may."
    assert enough._advice(figures, 0.8, [0.7, 0.75, 0.78, 0.8]) == "50 more photos of John would help most."
    assert enough._advice(figures, 0.995, [0.8, 0.9, 0.995]) == "More labels would hardly change anything."
    assert enough._advice(figures, 0.8, [0.8]) == "50 more photos of John would help most."


# -- speed and bad input


def test_five_hundred_labels_are_measured_in_a_second_while_others_have_their_turn() -> None:
    random = np.random.default_rng(0)
    is_subject = np.arange(500) % 4 == 0
    features = (random.normal(size=(500, 2192)) + 0.2 * is_subject[:, None]).astype(np.float16)
    groups = ["John" if yes else "" for yes in is_subject]
    done = threading.Event()
    gaps, spent = [], []

    def tick() -> None:
        last = time.perf_counter()
        while not done.wait(0.001):
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    watch = threading.Thread(target=tick)
    watch.start()
    try:
        for _ in range(3):  # the machine may be busy with something else, but not each time
            start = time.perf_counter()
            assess(None, features, is_subject, groups, (1280, 912))
            spent.append(time.perf_counter() - start)
            if spent[-1] < 1:
                break
    finally:
        done.set()
        watch.join()
    assert min(spent) < 4
    assert np.percentile(gaps, 90) < 0.02


def test_what_can_not_be_measured_is_refused() -> None:
    features, is_subject, groups = photos(20)
    with pytest.raises(ValueError, match="same number"):
        assess(None, features, is_subject[:9], groups, PARTS)
    with pytest.raises(ValueError, match="same number"):
        assess(None, features, is_subject, groups[:9], PARTS)
    with pytest.raises(ValueError, match="Parts of 50"):
        assess(None, features, is_subject, groups, (40, 10))
    features[3, 2] = np.nan
    with pytest.raises(ValueError, match="finite"):
        assess(None, features, is_subject, groups, PARTS)
