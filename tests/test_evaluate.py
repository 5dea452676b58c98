"""Honest figures: twins are found however they were altered, folds keep them together, and numbers are right."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from training import evaluate
from training.evaluate import Calibration, CalibrationBin, Figures, GroupFigure

Picture = Image.Image


def fingerprints(pictures: list[Picture]) -> NDArray[np.uint8]:
    return np.stack([evaluate.fingerprint(np.asarray(picture.convert("RGB"))) for picture in pictures])


def saved_again(picture: Picture) -> Picture:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=20)
    return Image.open(file).convert("RGB")


def cut(left: float, top: float, right: float, bottom: float) -> Callable[[Picture], Picture]:
    return lambda p: p.crop(
        (int(left * p.width), int(top * p.height), int(right * p.width), int(bottom * p.height))
    )


def tinted(picture: Picture) -> Picture:
    return Image.blend(picture, Image.new("RGB", picture.size, (200, 120, 30)), 0.35)


ALTERED: dict[str, Callable[[Picture], Picture]] = {
    "saved again": saved_again,
    "small": lambda p: p.resize((90, 70)),
    "stretched": lambda p: p.resize((300, 500)),
    "grey": lambda p: p.convert("L").convert("RGB"),
    "tinted": tinted,
    "dark": lambda p: ImageEnhance.Brightness(p).enhance(0.5),
    "more contrast": lambda p: ImageEnhance.Contrast(p).enhance(1.8),
    "mirrored": lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "cut all around": cut(0.08, 0.08, 0.92, 0.92),
    "cut at the left": cut(0.2, 0.1, 1.0, 0.9),
    "cut, mirrored, grey": lambda p: (
        cut(0.0, 0.0, 0.8, 0.8)(p).transpose(Image.Transpose.FLIP_LEFT_RIGHT).convert("L")
    ),
}


@pytest.fixture
def originals(pictures: dict[str, NDArray[np.uint8]]) -> list[Picture]:
    return [Image.fromarray(pixels) for pixels in pictures.values()]


# -- twins


@pytest.mark.parametrize("how", ALTERED)
def test_an_altered_copy_is_a_twin(originals: list[Picture], how: str) -> None:
    altered = [ALTERED[how](picture) for picture in originals]
    twins = evaluate.find_twins(fingerprints(originals + altered))
    count = len(originals)
    assert twins[:count].tolist() == twins[count:].tolist()


def test_different_photos_are_no_twins(originals: list[Picture]) -> None:
    quarters = [
        picture.crop((x, y, x + picture.width // 2, y + picture.height // 2))
        for picture in originals
        for x in (0, picture.width // 2)
        for y in (0, picture.height // 2)
    ]
    # A quarter is too little of a photo to be its twin, and none is another's.
    twins = evaluate.find_twins(fingerprints(originals + quarters))
    assert len(set(twins.tolist())) == len(originals) + len(quarters)


def test_blank_pictures_are_no_twins() -> None:
    blank = [Image.new("RGB", (40, 40), colour) for colour in ("white", "white", "black", "red")]
    assert len(set(evaluate.find_twins(fingerprints(blank)).tolist())) == 4


def test_a_twin_of_a_twin_is_a_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = np.array([[0, 3], [3, 5], [1, 2]])
    sure = np.ones(3, np.float32)
    monkeypatch.setattr(evaluate, "_alike", lambda pictures: (pairs, sure, sure))
    twins = evaluate.find_twins(np.zeros((6, 64, 64), np.uint8))
    assert twins[0] == twins[3] == twins[5]
    assert twins[1] == twins[2]
    assert len(set(twins.tolist())) == 3


def test_features_decide_where_pixels_are_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    doubtful = np.array([0.55], np.float32), np.array([0.8], np.float32)
    monkeypatch.setattr(evaluate, "_alike", lambda pictures: (np.array([[0, 1]]), *doubtful))
    random = np.random.default_rng(0)
    features = random.normal(size=(20, 50))
    pictures = np.zeros((20, 64, 64), np.uint8)
    assert len(set(evaluate.find_twins(pictures).tolist())) == 20
    assert len(set(evaluate.find_twins(pictures, features).tolist())) == 20
    features[1] = features[0] + 0.1 * random.normal(size=50)
    assert len(set(evaluate.find_twins(pictures, features).tolist())) == 19


def test_no_photo_and_one_photo_have_no_twins() -> None:
    for count in (0, 1):
        pictures = np.zeros((count, 64, 64), np.uint8)
        assert evaluate.find_twins(pictures, np.zeros((count, 8))).shape == (count,)


def test_the_known_twins_of_the_collection_are_found(shared_data: Path) -> None:
    files = sorted((shared_data / "beatles" / "john").iterdir())
    pictures = [Image.open(file).convert("RGB") for file in files]
    families = np.bincount(evaluate.find_twins(fingerprints(pictures)))
    assert 8 <= (families > 1).sum() <= 20  # 13, looked at on a contact sheet
    assert families.max() <= 6


# -- folds


@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from("abc")), min_size=1, max_size=80),
    st.integers(2, 6),
    st.integers(0, 3),
)
def test_twins_never_straddle_folds(photos: list[tuple[int, str]], count: int, seed: int) -> None:
    twins, strata = zip(*photos, strict=True)
    fold = evaluate.folds(twins, strata, count, seed=seed)
    assert fold.min() >= 0
    assert fold.max() < count
    for twin in set(twins):
        assert len({f for f, t in zip(fold.tolist(), twins, strict=True) if t == twin}) == 1


def test_folds_are_even_in_each_stratum() -> None:
    strata = np.repeat(["john", "george", "people"], [23, 51, 7])
    fold = evaluate.folds(np.arange(81), strata, 5)
    for name in np.unique(strata):
        sizes = np.bincount(fold[strata == name], minlength=5)
        assert sizes.max() - sizes.min() <= 1
    sizes = np.bincount(fold, minlength=5)
    assert sizes.max() - sizes.min() <= 2


def test_folds_are_even_with_families_too() -> None:
    twins = np.concatenate([np.repeat(np.arange(6), 5), np.arange(100, 170)])
    fold = evaluate.folds(twins, np.arange(100) % 2, 4)
    sizes = np.bincount(fold)
    assert sizes.max() - sizes.min() <= 3


def test_the_seed_decides_the_folds() -> None:
    deals = [evaluate.folds(np.arange(60), np.zeros(60), 5, seed=seed).tolist() for seed in (1, 1, 2)]
    assert deals[0] == deals[1] != deals[2]


# -- figures


def test_figures_are_counted_by_group() -> None:
    figures = evaluate.measure(
        [0.9, 0.4, 0.5, 0.1, 0.6, 0.34, 0.0],
        [True, True, True, False, False, False, False],
        ["john", "john", "john", "paul", "paul", "things", "things"],
        low=0.35,
        high=0.65,
    )
    assert figures.groups == (
        GroupFigure("john", True, photos=3, right=2, unsure=2),
        GroupFigure("paul", False, photos=2, right=1, unsure=1),
        GroupFigure("things", False, photos=2, right=2, unsure=0),
    )
    subject, others = figures.histogram
    assert len(subject) == len(others) == 25
    assert (sum(subject), sum(others)) == (3, 4)
    assert (subject[22], subject[10], subject[12], others[0], others[15]) == (1, 1, 1, 1, 1)


def test_one_counts_in_the_last_bar() -> None:
    figures = evaluate.measure([1.0, 0.0], [True, False], ["a", "b"])
    assert figures.histogram[0][24] == figures.histogram[1][0] == 1


def test_the_subject_comes_first_then_groups_as_they_came() -> None:
    figures = evaluate.measure([0.1] * 4, [False, False, True, False], ["zoo", "ant", "mila", "zoo"])
    assert [group.group for group in figures.groups] == ["mila", "zoo", "ant"]


@pytest.mark.parametrize("bad", [[0.5], [0.5, np.nan], [0.5, 1.5], [-0.1, 0.5]])
def test_what_are_no_probabilities_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="probabilities"):
        evaluate.measure(bad, [True, False], ["a", "b"])


@pytest.mark.parametrize(
    ("right", "photos", "low", "high"),
    [
        (90, 100, 0.8256, 0.9448),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 1, 0.2065, 1.0),
        (0, 0, 0, 1),
    ],
)
def test_the_range_is_wilsons(right: int, photos: int, low: float, high: float) -> None:
    assert evaluate.wilson(right, photos) == pytest.approx((low, high), abs=1e-4)


def test_true_words_have_no_calibration_error() -> None:
    said = np.repeat([0.8, 0.25], [100, 40])
    true = np.concatenate([np.arange(100) < 80, np.arange(40) < 10])
    calibration = evaluate.calibration(said, true)
    assert calibration.expected_error == pytest.approx(0)
    assert calibration.brier == pytest.approx((100 * 0.16 + 40 * 0.1875) / 140)
    low, high = calibration.bins
    assert (low.low, low.photos, low.true) == (0.2, 40, 0.25)
    assert high.photos == 100
    assert high.said == pytest.approx(0.8)


def test_boasting_is_an_error_by_its_size() -> None:
    assert evaluate.calibration([0.95] * 10, np.arange(10) < 5).expected_error == pytest.approx(0.45)


def test_weights_count_in_the_calibration() -> None:
    plain = evaluate.calibration([0.9, 0.9], [True, False])
    weighted = evaluate.calibration([0.9, 0.9], [True, False], [9, 1])
    assert plain.expected_error == pytest.approx(0.4)
    assert weighted.expected_error == pytest.approx(0)


@pytest.fixture
def figures() -> Figures:
    random = np.random.default_rng(0)
    truth = np.arange(300) < 100
    return evaluate.measure(
        np.clip(random.normal(0.3 + 0.4 * truth, 0.2), 0, 1),
        truth,
        ["john"] * 100 + ["paul"] * 50 + ["things"] * 150,
    )


def test_figures_survive_json(figures: Figures) -> None:
    assert Figures.from_dict(json.loads(json.dumps(figures.as_dict()))) == figures


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.pop("groups"),
        lambda d: d.pop("histogram"),
        lambda d: d.update(groups=[{}]),
        lambda d: d.update(groups=7),
        lambda d: d.update(calibration=None),
        lambda d: d["calibration"].update(brier="much"),
        lambda d: d["calibration"].update(brier=float("nan")),
        lambda d: d["groups"][0].update(right=1000),
        lambda d: d["groups"][0].update(photos=float("inf")),
        lambda d: d["histogram"].pop(),
        lambda d: d["histogram"][0].append(-1),
    ],
)
def test_what_are_no_figures_is_refused(figures: Figures, damage: Callable[[dict[str, Any]], Any]) -> None:
    data = json.loads(json.dumps(figures.as_dict()))
    damage(data)
    with pytest.raises(ValueError, match=r"figures|convert|float|integer"):
        Figures.from_dict(data)


def test_the_text_says_on_how_many_photos(figures: Figures) -> None:
    text = figures.text()
    for group in figures.groups:
        line = next(line for line in text.splitlines() if line.startswith(group.group))
        assert str(group.photos) in line.split()
        assert f"{100 * group.share:.1f}" in line.split()
    assert "on 300 photos" in text
    assert len([line for line in text.splitlines() if " to " in line and line[0] in "01"]) == 25


def test_nearly_all_is_never_called_all() -> None:
    groups = (GroupFigure("john", True, 10_000, 9_999, 1), GroupFigure("paul", False, 5, 5, 0))
    blank = (0,) * 25
    calibration = Calibration(0, 0, (CalibrationBin(0, 0.1, 5, 0, 0),))
    john, paul = Figures(groups, calibration, (blank, blank)).table().splitlines()[1:]
    assert "99.9" in john
    assert "0.1" in john
    assert "100.0" in paul
