"""Whose face it is: a few faces of a person, everybody else's, strangers', and what a file may say of them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from training import face_head
from training.face_head import (
    BETWEEN,
    MEAN,
    OTHERS,
    SUBJECT,
    TENSORS,
    WIDTH,
    WITHIN,
    Evidence,
    FaceHead,
    Persons,
)

Array = NDArray[Any]


def person(seed: int) -> Array:
    """The mean of somebody's faces."""
    random = np.random.default_rng(1000 + seed)
    return np.asarray(MEAN + random.normal(size=WIDTH) * np.sqrt(BETWEEN / WIDTH))


def faces(of: Array, count: int, seed: int = 0) -> Array:
    """Somebody's faces, (count, 128) float16, as far apart as those of real photos."""
    random = np.random.default_rng(seed)
    return np.asarray(of + random.normal(size=(count, WIDTH)) * np.sqrt(WITHIN / WIDTH), np.float16)


JOHN, GEORGE = person(0), person(1)


def head_of(*known: tuple[Array, int], groups: tuple[str, ...] = ("george",), **more: Any) -> FaceHead:
    """A head that knows these persons: faces and kind of each."""
    sums = np.stack([some.sum(0, dtype=np.float64) for some, _ in known])
    counts = np.array([float(len(some)) for some, _ in known])
    kinds = np.array([kind for _, kind in known], np.int16)
    examples = np.concatenate([some for some, _ in known]).astype(np.float16)
    number = np.concatenate([np.arange(len(some)) for some, _ in known])
    return FaceHead(
        Persons.of(sums, counts, kinds),
        groups,
        examples=examples,
        kind=np.repeat(kinds, [len(some) for some, _ in known]),
        digests=np.frombuffer(b"".join(bytes([n + 1]) * 16 for n in range(len(examples))), np.uint8).reshape(
            -1, 16
        ),
        numbers=number.astype(np.int32),
        **more,
    )


def known(each: int = 5) -> FaceHead:
    return head_of((faces(JOHN, each), SUBJECT), (faces(GEORGE, each, 1), 2), (faces(person(2), 1), OTHERS))


# -- whose face it is


@pytest.mark.parametrize("each", [1, 2, 5])
def test_a_few_faces_tell_a_person_from_others_and_from_strangers(each: int) -> None:
    head = head_of((faces(JOHN, each), SUBJECT), (faces(GEORGE, each, 1), 2))
    strangers = np.concatenate([faces(person(number), 1, number) for number in range(10, 110)])
    assert (head.probabilities(faces(JOHN, 50, 7)) >= 0.5).mean() >= 0.9
    assert (head.probabilities(faces(GEORGE, 50, 8)) < 0.5).all()
    assert (head.probabilities(strangers) < 0.5).mean() >= 0.99


def test_strangers_are_kept_out_without_anybody_else_being_known() -> None:
    head = head_of((faces(JOHN, 3), SUBJECT))
    strangers = np.concatenate([faces(person(number), 1, number) for number in range(10, 110)])
    assert (head.probabilities(strangers) < 0.1).all()
    assert (head.probabilities(faces(JOHN, 50, 7)) > 0.9).all()


def test_what_is_nowhere_near_any_face_is_not_the_subject() -> None:
    away = JOHN + 3 * (JOHN - GEORGE)  # far away on John's side of whatever line parts him from George
    assert known().probabilities(away[None].astype(np.float16))[0] < 0.01


def test_with_nobody_known_nobody_is_the_subject() -> None:
    said = FaceHead(Persons()).probabilities(faces(JOHN, 3))
    assert (said < 1e-6).all()
    assert FaceHead(Persons()).probabilities(np.zeros((0, WIDTH), np.float16)).shape == (0,)


def test_a_face_is_judged_the_same_whoever_is_beside_it() -> None:
    head = known()
    many = np.concatenate([faces(person(number), 40, number) for number in range(70)])
    together = head.log_odds(many)
    for some in (slice(0, 1), slice(3, 10), slice(2000, 2800)):
        np.testing.assert_array_equal(head.log_odds(many[some]), together[some])
    np.testing.assert_array_equal(head.log_odds(many[::-1]), together[::-1])
    np.testing.assert_array_equal(head.log_odds(many.astype(np.float32)), together)
    strided = np.zeros(len(many), [("box", "f4"), ("descriptor", "f2", WIDTH)])
    strided["descriptor"] = many
    np.testing.assert_array_equal(head.log_odds(strided["descriptor"]), together)


def test_distances_are_right() -> None:
    x, y = faces(JOHN, 4), faces(GEORGE, 3, 1)
    expected = np.square(x.astype(np.float64)[:, None] - y.astype(np.float64)[None]).sum(-1)
    np.testing.assert_allclose(face_head.squared_distances(x, y), expected, atol=2e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 60000.0])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_broken_descriptor_is_nobody(bad: float, dtype: Any) -> None:
    broken = faces(JOHN, 3).astype(dtype)
    broken[1, 5] = bad
    said = known().probabilities(broken)
    assert np.isfinite(said).all()
    assert said[1] < 0.01
    assert said[0] > 0.9
    assert np.isfinite(known().by_group(broken)).all()


def test_calibration_is_applied() -> None:
    one = faces(JOHN, 5, 7)
    plain, softer = (
        known().log_odds(one),
        head_of((faces(JOHN, 5), SUBJECT), slope=0.5, offset=-1.0).log_odds(one),
    )
    assert (softer < plain).all()


# -- John or George?


def test_john_or_george() -> None:
    head = known()
    both = np.concatenate([faces(JOHN, 5, 7), faces(GEORGE, 5, 8), faces(person(9), 5, 9)])
    said = head.by_group(both)
    assert said.shape == (15, 2)
    np.testing.assert_allclose(said[:, 0], head.probabilities(both), atol=1e-6)
    assert (said.sum(1) <= 1 + 1e-6).all()
    assert said[:5, 0].min() > 0.9
    assert said[5:10, 1].min() > 0.9
    assert said[10:].max() < 0.1
    assert head.by_group(both[:0]).shape == (0, 2)


def test_a_group_of_which_no_face_is_known_has_no_chance() -> None:
    head = head_of((faces(JOHN, 5), SUBJECT), groups=("george", "paul"))
    assert head.by_group(faces(GEORGE, 3)).shape == (3, 3)
    assert not head.by_group(faces(GEORGE, 3))[:, 1:].any()


# -- what a face was compared with


def test_the_nearest_faces_are_named() -> None:
    head = known()
    told = head.nearest(head.examples[2], 3)
    assert (told.subject[0].digest, told.subject[0].number, told.subject[0].distance) == (
        bytes([3]) * 16,
        2,
        0.0,
    )
    assert [near.distance for near in told.subject] == sorted(near.distance for near in told.subject)
    assert len(told.subject) == len(told.others) == 3
    assert {near.group for near in told.others} <= {"george", ""}
    assert head.nearest(faces(GEORGE, 1, 5)[0], 1).others[0].group == "george"
    assert len(head.nearest(head.examples[0], 100).subject) == 5


def test_a_starters_faces_are_of_no_photo() -> None:
    head = head_of((faces(JOHN, 2), SUBJECT))
    nobody = FaceHead(head.persons, examples=head.examples, kind=head.kind, digests=np.zeros((2, 16), np.uint8),
                      numbers=np.full(2, -1, np.int32))  # fmt: skip
    assert {near.digest for near in nobody.nearest(head.examples[0], 2).subject} == {None}
    empty = FaceHead(Persons()).nearest(head.examples[0], 2)
    assert (empty.subject, empty.others) == ((), ())


# -- privacy


def test_without_examples_no_single_face_is_left() -> None:
    head = known()
    bare = head.without_examples()
    assert head.has_examples
    assert not bare.has_examples
    assert not len(bare.examples) and not len(bare.digests) and not len(bare.numbers)
    single = head.examples[head.kind == OTHERS].astype(np.float32)
    assert not any(np.isclose(table, single).all(-1).any() for table in (bare.persons.mean,))
    assert (bare.persons.kind != OTHERS).all(), "whom it knew one face of is still there"
    assert (bare.probabilities(faces(JOHN, 20, 7)) > 0.9).all()
    assert (bare.probabilities(faces(GEORGE, 20, 8)) < 0.1).all()
    assert bare.by_group(faces(GEORGE, 5, 8))[:, 1].min() > 0.9


# -- in a file


def test_it_is_the_same_when_it_is_read_again() -> None:
    head = head_of(
        (faces(JOHN, 5), SUBJECT), (faces(GEORGE, 3, 1), 2),
        slope=1.25, offset=-0.5, evidence=Evidence.BOTH, bare=(0.8, -2.0), both=(1.0, 0.25, 0.5), faced=(5, 6, 7, 9),
    )  # fmt: skip
    tensors, about = head.to_tensors(), head.as_dict()
    assert set(tensors) == set(TENSORS)
    again = FaceHead.from_parts(tensors, about)
    assert again.as_dict() == about
    for name, table in again.to_tensors().items():
        np.testing.assert_array_equal(table, tensors[name])
    many = np.concatenate([faces(JOHN, 5, 7), faces(GEORGE, 5, 8)])
    np.testing.assert_array_equal(again.by_group(many), head.by_group(many))
    assert again.nearest(many[0], 2) == head.nearest(many[0], 2)


def test_an_empty_one_can_be_kept() -> None:
    empty = FaceHead(Persons())
    assert not len(FaceHead.from_parts(empty.to_tensors(), empty.as_dict()).persons)


def test_its_tables_cannot_be_changed() -> None:
    head = known()
    for table in head.to_tensors().values():
        with pytest.raises(ValueError, match="read-only"):
            table[...] = 0


def broken_tables() -> list[tuple[str, Any]]:
    def change(name: str, how: Any) -> Any:
        def broken(tensors: dict[str, Array], about: dict[str, Any]) -> None:
            tensors[name] = how(tensors[name].copy())

        return broken

    def put(value: float) -> Any:
        def into(table: Array) -> Array:
            table.reshape(-1)[0] = value
            return table

        return into

    return [
        ("missing", lambda tensors, about: tensors.pop("kind")),
        ("unknown", lambda tensors, about: tensors.update(more=np.zeros(1))),
        ("lengths differ", change("kind", lambda table: table[1:])),
        ("no table", change("numbers", lambda table: np.zeros((), np.int32))),
        ("narrow", change("examples", lambda table: table[:, :64])),
        ("type", change("person_mean", lambda table: table.astype(np.float64))),
        ("not finite", change("examples", put(np.nan))),
        ("infinite", change("person_mean", put(np.inf))),
        ("huge", change("person_mean", put(1e9))),
        ("a kind that is none", change("kind", put(3))),
        ("a negative kind", change("person_kind", put(-1))),
        ("no spread", change("person_spread", put(0))),
        ("no share", change("person_share", put(0))),
        ("no such face", change("numbers", put(-2))),
    ]


@pytest.mark.parametrize(("_", "breaking"), broken_tables(), ids=[name for name, _ in broken_tables()])
def test_tables_that_make_no_sense_are_refused(_: str, breaking: Any) -> None:
    tensors, about = (
        {name: np.array(table) for name, table in known().to_tensors().items()},
        known().as_dict(),
    )
    FaceHead.from_parts(tensors, about)
    breaking(tensors, about)
    with pytest.raises(ValueError):
        FaceHead.from_parts(tensors, about)


@pytest.mark.parametrize(
    "change",
    [
        {"groups": "george"},
        {"groups": []},  # a face of a group that is not there
        {"groups": ["george", "george"]},
        {"groups": [""]},
        {"groups": [3]},
        {"groups": ["x"] * 300},
        {"slope": 0},
        {"slope": -1.0},
        {"slope": float("nan")},
        {"slope": True},
        {"slope": "1"},
        {"offset": float("inf")},
        {"offset": 1e30},
        {"offset": None},
        {"evidence": "smell"},
        {"evidence": ["faces"]},
        {"bare": [1.0]},
        {"bare": None},
        {"both": [1.0, 2.0, "3"]},
        {"faced": [1, 2, 3, -1]},
        {"faced": [1, 2, 3]},
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        FaceHead.from_parts(known().to_tensors(), {**known().as_dict(), **change})


def test_too_many_faces_are_refused() -> None:
    head = known()
    tensors = {**head.to_tensors(), "examples": np.zeros((20_000, WIDTH), np.float16)}
    tensors |= {"kind": np.zeros(20_000, np.int16), "digests": np.zeros((20_000, 16), np.uint8)}
    tensors |= {"numbers": np.zeros(20_000, np.int32)}
    with pytest.raises(ValueError):
        FaceHead.from_parts(tensors, head.as_dict())


# -- speed


def test_many_faces_are_scored_quickly() -> None:
    others = [(faces(person(number), 1, number), OTHERS) for number in range(60)]
    head = head_of((faces(JOHN, 20), SUBJECT), *others)
    many = np.tile(np.concatenate([faces(person(number), 10, number) for number in range(100)]), (15, 1))
    head.log_odds(many)
    times = []
    for _ in range(3):
        start = time.thread_time()
        head.log_odds(many)
        times.append(time.thread_time() - start)
    assert len(many) == 15_000
    assert min(times) < 0.15  # 0.01 to 0.02 s of an idle core
