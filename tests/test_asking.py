"""What is asked next: the doubtful first, spread out, and no shot twice."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from training import asking
from training.asking import choose
from training.refit import refit

Array = NDArray[Any]
WIDTH = 40
NONE = np.empty((0, WIDTH), np.float16)


def photos(count: int, *, seed: int = 0, width: int = WIDTH) -> Array:
    """Features of photos that have nothing to do with each other."""
    return (1 + np.random.default_rng(seed).normal(size=(count, width))).astype(np.float16)


def burst(photo: Array, shots: int, *, seed: int = 1, moves: float = 0.05) -> Array:
    """Features of the same shot, again and again."""
    return (photo + moves * np.random.default_rng(seed).normal(size=(shots, photo.shape[-1]))).astype(
        np.float16
    )


def test_the_least_sure_comes_first_and_the_sure_come_last() -> None:
    vectors = photos(200)
    probabilities = np.random.default_rng(2).uniform(size=200)
    asked = choose(vectors, probabilities, NONE, most=200)
    assert asked[0] == np.argmin(np.abs(probabilities - 0.5))
    assert len(asked) == len(set(asked.tolist())) == 200
    doubt = np.abs(probabilities[asked] - 0.5)
    assert doubt[:50].mean() < 0.1
    assert doubt[-50:].mean() > 0.4


def test_both_sides_of_one_half_are_equally_unsure() -> None:
    asked = choose(photos(6), np.array([0.01, 0.45, 0.99, 0.56, 0.3, 0.6]), NONE, most=3)
    assert asked.tolist() == [1, 3, 5]


def test_no_more_than_asked_for_and_the_same_each_time() -> None:
    vectors, probabilities = photos(100), np.full(100, 0.5)
    one, other = (choose(vectors, probabilities, NONE, most=7) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert len(one) == 7
    assert one.dtype == np.intp
    assert not len(choose(vectors, probabilities, NONE, most=0))


def test_a_burst_is_asked_once() -> None:
    vectors = np.concatenate([photos(20), burst(photos(1, seed=9), 10)])
    probabilities = np.concatenate([np.full(20, 0.4), np.linspace(0.49, 0.5, 10)])
    asked = choose(vectors, probabilities, NONE, most=50)
    assert asked[0] == 29
    assert sorted(asked[1:].tolist()) == list(range(20))


def test_a_burst_in_which_something_moves_is_asked_once_too() -> None:
    photo, labelled = photos(1, seed=9), photos(1, seed=10)
    vectors = [photos(20), burst(photo, 6, moves=0.3), burst(labelled, 6, moves=0.3)]
    asked = choose(np.concatenate(vectors), np.full(32, 0.5), labelled)
    assert sorted(asked[asked < 20].tolist()) == list(range(20))
    assert len(asked[asked >= 20]) == 1
    assert asked.max() < 26


def test_the_first_is_the_least_sure_whatever_is_labelled() -> None:
    vectors = photos(20)
    probabilities = np.where(np.arange(20) == 7, 0.5, 0.49)
    alike = burst(vectors[7:8], 1, moves=1.1)  # a bit like it, but not the same
    assert choose(vectors, probabilities, alike)[0] == 7


def test_a_folder_that_is_one_burst_is_asked_once() -> None:
    for parts, moves in (((), 0.05), ((30, 10), 0.3)):
        vectors = burst(photos(1), 60, moves=moves)
        assert len(choose(vectors, np.full(60, 0.5), NONE, parts=parts)) == 1
        assert not len(choose(vectors, np.full(60, 0.5), vectors[:1], parts=parts))


def test_what_is_like_a_labelled_photo_is_not_asked() -> None:
    labelled = photos(30)
    vectors = np.concatenate([burst(labelled[3], 5), photos(20, seed=4)])
    asked = choose(vectors, np.full(25, 0.5), labelled)
    assert sorted(asked.tolist()) == list(range(5, 25))


def test_what_is_skipped_is_not_asked() -> None:
    vectors, skip = photos(30), np.arange(30) % 3 > 0
    assert sorted(choose(vectors, np.full(30, 0.5), NONE, skip=skip).tolist()) == list(range(0, 30, 3))
    assert not len(choose(vectors, np.full(30, 0.5), NONE, skip=np.ones(30, bool)))


def test_of_many_that_are_equally_unsure_each_kind_is_asked_first() -> None:
    random = np.random.default_rng(3)
    kinds = 6 * np.linalg.qr(random.normal(size=(WIDTH, WIDTH)))[0][:5]
    kind = np.repeat(np.arange(5), [40, 15, 15, 15, 15])  # of one kind there are many
    vectors = (kinds[kind] + 0.7 * random.normal(size=(100, WIDTH))).astype(np.float16)
    asked = choose(vectors, random.uniform(0.48, 0.52, 100), NONE, most=5)
    assert set(kind[asked].tolist()) == set(range(5))


def test_enough_are_found_behind_a_long_burst() -> None:
    count = asking._POOL + 50
    vectors = np.concatenate([burst(photos(1, seed=9), count), photos(10)])
    probabilities = np.concatenate([np.full(count, 0.5), np.full(10, 0.1)])
    asked = choose(vectors, probabilities, NONE, most=20)
    assert asked[0] < count
    assert sorted(asked[1:].tolist()) == list(range(count, count + 10))


def test_questions_teach_more_than_labels_at_random() -> None:
    """One photo in ten is the subject's, and one in ten a look-alike's: questions find these, chance finds the rest."""
    random = np.random.default_rng(5)
    easy, hard = np.linalg.qr(random.normal(size=(WIDTH, WIDTH)))[0][:2]
    kind = random.choice(3, 1200, p=[0.1, 0.1, 0.8])
    places = np.stack([4 * easy + 2.5 * hard, 4 * easy - 2.5 * hard, -4 * easy])
    vectors = (random.normal(size=(1200, WIDTH)) + places[kind]).astype(np.float16)
    truth = kind == 0
    shares: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(3):
        random = np.random.default_rng(seed)
        first = [int(random.choice(np.flatnonzero(kind[:600] == which))) for which in (0, 2)]
        for asked, kept in shares.items():
            labels = list(first)
            while len(labels) < 30:
                head = refit(None, vectors[labels], truth[labels], parts=(WIDTH,), crowd=vectors[:600]).head
                rest = np.setdiff1d(np.arange(600), labels)
                said = head.score(vectors[rest])
                next_ = (
                    choose(vectors[rest], said, vectors[labels], most=4)
                    if asked
                    else random.permutation(len(rest))
                )
                labels += rest[next_[:4]].tolist()
            right = (head.score(vectors[600:]) >= 0.5) == truth[600:]
            kept.append(float((right[kind[600:] == 0].mean() + right[kind[600:] == 1].mean()) / 2))
    assert np.mean(shares[True]) > np.mean(shares[False]) + 0.05


def test_unreadable_numbers_are_not_asked_about() -> None:
    vectors = photos(10)
    vectors[2] = np.nan
    vectors[5, 3] = np.inf
    probabilities = np.full(10, 0.5)
    probabilities[7] = np.nan
    asked = choose(vectors, probabilities, burst(photos(1, seed=8), 1) * np.float16(np.nan))
    assert sorted(asked.tolist()) == [0, 1, 3, 4, 6, 8, 9]
    assert sorted(choose(vectors, probabilities, NONE).tolist()) == [0, 1, 3, 4, 6, 8, 9]
    assert not len(choose(vectors * np.float16(np.nan), probabilities, NONE))
    assert not len(choose(NONE, [], NONE))
    assert choose(vectors[:1], [0.9], NONE).tolist() == [0]


def test_what_does_not_fit_together_is_refused() -> None:
    vectors = photos(10)
    with pytest.raises(ValueError, match="same number"):
        choose(vectors, np.full(9, 0.5), NONE)
    with pytest.raises(ValueError, match="same number"):
        choose(vectors, np.full(10, 0.5), NONE, skip=[True])
    with pytest.raises(ValueError, match="same kind"):
        choose(vectors, np.full(10, 0.5), np.ones((2, 3), np.float16))
    with pytest.raises(ValueError, match="Parts of 50"):
        choose(vectors, np.full(10, 0.5), NONE, parts=(40, 10))


def test_ten_thousand_photos_are_looked_through_while_one_waits() -> None:
    vectors, labelled = photos(10_000, width=2192), photos(500, seed=1, width=2192)
    probabilities = np.random.default_rng(2).uniform(size=10_000)
    spent = []
    for _ in range(8):  # the machine may be busy with something else, but not each time
        start = time.perf_counter()
        assert len(choose(vectors, probabilities, labelled, parts=(1280, 912))) == 50
        spent.append(time.perf_counter() - start)
        if spent[-1] < 0.1:
            break
    assert min(spent) < 0.3


@pytest.mark.parametrize("seed", range(3))
def test_near_shots_of_real_burst_sizes_come_once(seed: int) -> None:
    """Bursts of two to nine shots among unlike photos: one question each, whatever was said of them."""
    random = np.random.default_rng(seed)
    shots = random.integers(2, 10, 30)
    vectors = np.concatenate([burst(photo, n) for photo, n in zip(photos(30), shots, strict=True)])
    asked = choose(vectors, random.uniform(size=len(vectors)), NONE, most=100)
    of = np.repeat(np.arange(30), shots)[asked]
    assert sorted(of.tolist()) == list(range(30))
