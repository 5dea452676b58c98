"""The head: what it learns, what it says of photos it did not learn from, and that nothing makes it explode."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from training import evaluate, head
from training.head import Head

Array = NDArray[Any]


def crowd(count: int, distance: float, *, width: int = 20, seed: int = 0) -> tuple[Array, Array]:
    """Features of two overlapping kinds, half and half, whose means lie `distance` deviations apart."""
    random = np.random.default_rng(seed)
    is_subject = np.arange(count) % 2 == 0
    features = random.normal(size=(count, width)).astype(np.float32)
    features[:, 0] += distance * (is_subject - 0.5)
    return features, is_subject


def alone(count: int) -> Array:
    return np.arange(count)


# -- scoring


def test_scoring_is_one_product_and_a_sigmoid() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(50, 7)).astype(np.float32)
    weight = random.normal(size=7).astype(np.float32)
    expected = 1 / (1 + np.exp(-(features.astype(np.float64) @ weight - 0.3)))
    scores = Head(weight, -0.3).score(features)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_every_half_number_is_read_exactly() -> None:
    bits = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    numbers = bits[np.isfinite(bits)][:, None]
    logits = head._half_times(numbers, np.ones(1, np.float32))
    np.testing.assert_array_equal(logits, numbers[:, 0].astype(np.float32))


def test_a_photo_scores_the_same_in_any_company() -> None:
    random = np.random.default_rng(1)
    features = random.normal(size=(3000, 129)).astype(np.float16)
    fitted = Head(random.normal(size=129).astype(np.float32), 0.1)
    scores = fitted.score(features)
    for start, stop in ((0, 1), (1, 2), (700, 777), (2999, 3000)):
        np.testing.assert_array_equal(fitted.score(features[start:stop]), scores[start:stop])
    np.testing.assert_array_equal(fitted.score(features.astype(np.float32)), scores)
    np.testing.assert_array_equal(fitted.score(np.asfortranarray(features)), scores)


def test_many_photos_are_scored_by_several_threads_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    features = random.normal(size=(5000, 16)).astype(np.float16)
    fitted = Head(random.normal(size=16).astype(np.float32), 0.0)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    one = fitted.score(features)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    np.testing.assert_array_equal(fitted.score(features), one)


def test_scoring_does_not_copy_all_the_features() -> None:
    features = np.zeros((20_000, 256), np.float16)
    fitted = Head(np.ones(256, np.float32), 0.0)
    fitted.score(features[:100])
    tracemalloc.start()
    try:
        fitted.score(features)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < features.nbytes / 4


def test_extreme_logits_are_probabilities_still() -> None:
    scores = Head(np.array([1e5], np.float32), 0.0).score(np.array([[-10.0], [0.0], [10.0]], np.float32))
    np.testing.assert_array_equal(scores, [0, 0.5, 1])


def test_no_photos_have_no_scores() -> None:
    fitted = Head(np.ones(4, np.float32), 0.0)
    for kind in (np.float16, np.float32):
        assert fitted.score(np.empty((0, 4), kind)).shape == (0,)


def test_features_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="takes"):
        Head(np.ones(4, np.float32), 0.0).score(np.ones((2, 5), np.float16))


# -- learning


def test_two_kinds_are_told_apart_on_photos_never_seen() -> None:
    features, is_subject = crowd(400, 4)
    fitted = head.fit(features[:200].astype(np.float16), is_subject[:200], twins=alone(200))
    right = (fitted.head.score(features[200:]) >= 0.5) == is_subject[200:]
    assert right.mean() > 0.93
    assert ((fitted.out_of_fold >= 0.5) == is_subject[:200]).mean() > 0.93


def test_the_solver_finds_the_minimum() -> None:
    features, is_subject = crowd(80, 1.5, width=6)
    sign = np.where(is_subject, 1, -1).astype(np.float32)
    shares = np.full((80, 2), 1 / 80, np.float32)
    ridges = np.array([1e-3, 1e-1], np.float32)
    weight, bias = head._solve(features, sign, shares, ridges, tolerance=1e-5, most=500)
    for i, ridge in enumerate(ridges):
        margin = sign * (features.astype(np.float64) @ weight[:, i] + bias[i])
        pull = -sign / (1 + np.exp(margin)) / 80
        np.testing.assert_allclose(features.T @ pull + ridge * weight[:, i], 0, atol=1e-5)
        assert abs(pull.sum()) < 1e-5


def test_twins_on_both_sides_would_flatter_and_do_not() -> None:
    """Labels by chance can't be learned; with each photo four times over, leaving one out teaches it by heart."""
    random = np.random.default_rng(3)
    features = np.repeat(random.normal(size=(60, 200)), 4, 0)
    is_subject = np.repeat(random.permutation(60) < 30, 4)
    honest = head.fit(features, is_subject, twins=np.repeat(np.arange(60), 4))
    leaky = head.fit(features, is_subject, twins=alone(240))
    right = [((fitted.out_of_fold >= 0.5) == is_subject).mean() for fitted in (honest, leaky)]
    assert right[0] < 0.68
    assert right[1] > 0.95


def test_what_can_not_be_known_is_said_with_little_confidence() -> None:
    random = np.random.default_rng(4)
    fitted = head.fit(random.normal(size=(200, 300)), random.permutation(200) < 100, twins=alone(200))
    fresh = fitted.head.score(random.normal(size=(500, 300)).astype(np.float32))
    assert np.quantile(np.abs(fresh - 0.5), 0.9) < 0.25


def test_probabilities_are_true_on_photos_never_seen() -> None:
    features, is_subject = crowd(4400, 2.0)
    fitted = head.fit(features[:400], is_subject[:400], twins=alone(400))
    fresh = fitted.head.score(features[400:])
    assert evaluate.calibration(fresh, is_subject[400:]).expected_error < 0.06
    assert evaluate.calibration(fitted.out_of_fold, is_subject[:400]).expected_error < 0.09


def test_the_same_labels_give_the_same_head() -> None:
    features, is_subject = crowd(120, 2)
    one, other = (head.fit(features, is_subject, twins=alone(120)) for _ in range(2))
    np.testing.assert_array_equal(one.head.weight, other.head.weight)
    np.testing.assert_array_equal(one.out_of_fold, other.out_of_fold)
    assert one.head.bias == other.head.bias


def test_the_rarer_kind_counts_as_much() -> None:
    random = np.random.default_rng(5)
    is_subject = np.arange(1020) < 20
    features = random.normal(size=(1020, 5)).astype(np.float32)
    features[is_subject, 0] += 3
    fitted = head.fit(features, is_subject, twins=alone(1020))
    said = fitted.head.score(features) >= 0.5
    assert said[is_subject].mean() > 0.8
    assert said[~is_subject].mean() < 0.2


def look_alikes() -> tuple[Array, Array, Array]:
    """100 of the subject, 100 of a look-alike that overlaps with it, 800 that are nothing like it."""
    random = np.random.default_rng(6)
    groups = np.repeat(["john", "george", "things"], [100, 100, 800])
    features = random.normal(size=(1000, 10)).astype(np.float32)
    features[groups == "john", 0] += 2
    features[groups == "things", 1] += 12
    return features, groups == "john", groups


def test_one_half_parts_the_subject_from_what_is_mistaken_for_it() -> None:
    features, is_subject, groups = look_alikes()

    def shares(**given: Any) -> tuple[float, float]:
        said = head.fit(features, is_subject, twins=alone(1000), **given).out_of_fold >= 0.5
        return float(said[is_subject].mean()), float(1 - said[groups == "george"].mean())

    john, george = shares(groups=groups)
    assert abs(john - george) < 0.08
    assert min(john, george) > 0.75
    john, george = shares()  # who does not know the groups pays with George
    assert john - george > 0.1


def test_the_balance_says_what_counted() -> None:
    features, is_subject, groups = look_alikes()
    fitted = head.fit(features, is_subject, twins=alone(1000), groups=groups)
    by_group = {name: fitted.balance[groups == name].sum() for name in np.unique(groups)}
    assert by_group["john"] == pytest.approx(by_group["george"] + by_group["things"])
    assert by_group["george"] > 5 * by_group["things"]


def test_a_short_part_counts_as_much_as_a_long_one() -> None:
    random = np.random.default_rng(7)
    is_subject = np.arange(120) % 2 == 0
    telling = random.normal(size=(120, 4)) + 1.2 * (is_subject[:, None] - 0.5)
    features = np.concatenate([random.normal(size=(120, 2000)), telling], 1)
    right = [
        (
            (head.fit(features, is_subject, twins=alone(120), parts=parts).out_of_fold >= 0.5) == is_subject
        ).mean()
        for parts in ((), (2000, 4))
    ]
    assert right[1] > right[0] + 0.1


def test_other_views_are_learned_from_and_never_measured_on() -> None:
    random = np.random.default_rng(8)
    is_subject = np.arange(200) % 2 == 0
    features, view = (random.normal(size=(200, 6)).astype(np.float32) for _ in range(2))
    features[:, 0] += 3 * is_subject  # as it is, one number tells; seen otherwise, another
    view[:, 1] += 3 * is_subject
    without = head.fit(features, is_subject, twins=alone(200))
    fitted = head.fit(features, is_subject, twins=alone(200), views=[view])
    assert fitted.out_of_fold.shape == (200,)
    assert ((fitted.head.score(view) >= 0.5) == is_subject).mean() > 0.8
    assert ((without.head.score(view) >= 0.5) == is_subject).mean() < 0.65


def test_a_photo_that_weighs_nothing_teaches_nothing() -> None:
    features, is_subject = crowd(80, 3)
    weights = np.ones(80)
    weights[:10] = 0
    wrong = is_subject.copy()
    wrong[:10] = ~wrong[:10]
    heads = [
        head.fit(features, labels, twins=alone(80), weights=weights, folds=1).head
        for labels in (is_subject, wrong)
    ]
    np.testing.assert_allclose(heads[0].weight, heads[1].weight, rtol=1e-4, atol=1e-6)


# -- few labels, and bad ones


@pytest.mark.parametrize("each", [1, 2, 3, 5])
def test_few_labels_make_no_bold_claims(each: int) -> None:
    for seed in range(5):
        random = np.random.default_rng(seed)
        is_subject = np.arange(2 * each) < each
        features = random.normal(size=(2 * each, 1500)).astype(np.float32)
        fitted = head.fit(features, is_subject, twins=alone(2 * each))
        fresh = fitted.head.score(random.normal(size=(200, 1500)).astype(np.float32))
        assert np.isfinite(fitted.head.weight).all()
        assert 0.1 < fresh.min() <= fresh.max() < 0.9
        learned = fitted.head.score(features)
        assert (learned[is_subject] > learned[~is_subject].max()).all()


def test_one_label_each_is_two_to_one_and_measured_on_nothing() -> None:
    features = np.array([[0.0, 1, 5], [1, 0, 5]], np.float32)
    fitted = head.fit(features, [True, False], twins=[0, 1])
    np.testing.assert_allclose(fitted.head.score(features), [2 / 3, 1 / 3], atol=0.02)
    assert np.isnan(fitted.out_of_fold).all()


def test_a_class_of_twins_only_can_not_be_left_out() -> None:
    features, is_subject = crowd(20, 3)
    fitted = head.fit(features, is_subject, twins=np.where(is_subject, 0, alone(20) + 1))
    assert np.isnan(fitted.out_of_fold).all()
    assert ((fitted.head.score(features) >= 0.5) == is_subject).mean() > 0.8


def test_more_labels_make_it_bolder() -> None:
    features, is_subject = crowd(200, 8)
    top = [
        float(head.fit(features[:n], is_subject[:n], twins=alone(n)).head.score(features)[is_subject].mean())
        for n in (4, 20, 200)
    ]
    assert top[0] < top[1] < top[2]
    assert top[2] > 0.95


@pytest.mark.parametrize("labels", [np.ones(4, bool), np.zeros(4, bool)])
def test_one_kind_alone_is_refused(labels: Array) -> None:
    with pytest.raises(ValueError, match="both kinds are needed"):
        head.fit(np.eye(4), labels, twins=alone(4))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_features_that_are_no_numbers_are_refused_by_row(bad: float) -> None:
    features, is_subject = crowd(12, 2)
    features[7, 3] = bad
    with pytest.raises(ValueError, match="number 8") as caught:
        head.fit(features, is_subject, twins=alone(12))
    assert str(caught.value).endswith(".")
    features[7, 3] = 0
    view = features.copy()
    view[2, 2] = bad
    with pytest.raises(ValueError, match="number 3"):
        head.fit(features, is_subject, twins=alone(12), views=[view])


def test_columns_that_never_move_weigh_nothing() -> None:
    features, is_subject = crowd(60, 3)
    features[:, 4] = 7.7
    features[:, 5] = 0
    fitted = head.fit(features, is_subject, twins=alone(60))
    assert fitted.head.weight[4] == fitted.head.weight[5] == 0
    assert fitted.head.weight[0] > 0


def test_photos_that_are_all_alike_are_undecided() -> None:
    fitted = head.fit(np.ones((10, 3)), np.arange(10) < 5, twins=alone(10))
    np.testing.assert_allclose(fitted.head.score(np.ones((4, 3), np.float32)), 0.5, atol=0.01)


def test_the_scale_of_a_column_does_not_matter() -> None:
    features, is_subject = crowd(100, 2)
    scaled = features * np.float32(10.0) ** np.arange(-5, 15)[None] - 3
    one, other = (
        head.fit(x, is_subject, twins=alone(100), parts=[1] * 20).out_of_fold for x in (features, scaled)
    )
    np.testing.assert_allclose(one, other, atol=0.02)


def test_labels_of_another_length_are_refused() -> None:
    features, is_subject = crowd(10, 1)
    for given in ({"is_subject": is_subject[:9]}, {"twins": alone(9)}, {"views": [features[:9]]}):
        arguments: dict[str, Any] = {"is_subject": is_subject, "twins": alone(10), **given}
        with pytest.raises(ValueError, match="same number of photos"):
            head.fit(features, arguments.pop("is_subject"), **arguments)


@pytest.mark.parametrize("weights", [np.full(10, np.nan), -np.ones(10), np.zeros(10), np.ones(9)])
def test_weights_that_make_no_sense_are_refused(weights: Array) -> None:
    features, is_subject = crowd(10, 1)
    with pytest.raises(ValueError, match="Weights must"):
        head.fit(features, is_subject, twins=alone(10), weights=weights)


def test_parts_must_make_up_the_whole() -> None:
    features, is_subject = crowd(10, 1)
    with pytest.raises(ValueError, match="don't make up the 20"):
        head.fit(features, is_subject, twins=alone(10), parts=(10, 11))
