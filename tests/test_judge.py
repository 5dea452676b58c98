"""Is it John? What faces and scene say together, and what is learned of faces from labels of photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from training import face_roles, judge
from training.face_head import BETWEEN, MEAN, SUBJECT, WIDTH, WITHIN, Evidence, FaceHead, Persons
from training.face_roles import LabelledFaces
from training.faces import FACE, FaceTable
from training.head import FittedHead, Head, sigmoid
from training.judge import Learned
from training.refit import Refitted
from training.zones import Zones

Array = NDArray[Any]
SCENE = Head(np.array([1.0], np.float32), 0.0)  # a photo's one feature is its scene's log odds


@dataclass(frozen=True)
class Said:
    """What was said of a face."""

    verdict: str
    group: str = ""


IS, IS_NOT, NO_FACE = Said("subject"), Said("not_subject"), Said("no_face")


def person(seed: int) -> Array:
    random = np.random.default_rng(1000 + seed)
    return np.asarray(MEAN + random.normal(size=WIDTH) * np.sqrt(BETWEEN / WIDTH))


JOHN, GEORGE, PAUL = person(0), person(1), person(2)
_turn = np.random.default_rng(0)


def photo(*shown: Array, seed: int | None = None, size: Sequence[float] = ()) -> Array:
    """The faces of a photo of these people, in this order."""
    random = np.random.default_rng(seed) if seed is not None else _turn
    faces = np.zeros(len(shown), FACE)
    for number, one in enumerate(shown):
        faces[number]["descriptor"] = one + random.normal(size=WIDTH) * np.sqrt(WITHIN / WIDTH)
        side = size[number] if size else 0.2
        faces[number]["box"] = 0.1, 0.1, 0.1 + side, 0.1 + side
    faces["score"] = 1.0
    return faces


def stranger(number: int) -> Array:
    return person(100 + number)


@pytest.fixture(autouse=True)
def _same_every_time() -> None:
    global _turn
    _turn = np.random.default_rng(0)


def taught(
    photos: Sequence[Array | None],
    is_subject: Sequence[bool],
    *,
    said: Mapping[int, Mapping[int, Said]] | None = None,
    scene: Sequence[float] | None = None,
    groups: Sequence[str] | None = None,
    starter: FaceHead | None = None,
    **more: Any,
) -> Learned:
    """What is learned from these photos; scene: what it says of each, having learned from the others."""
    count = len(photos)
    odds = np.full(count, np.nan) if scene is None else np.array(scene, np.float64)
    return judge.learn(
        starter,
        np.zeros((count, 1), np.float16),
        is_subject,
        groups=groups or [""] * count,
        digests=[bytes([1 + number % 255]) * 16 for number in range(count)],
        table=FaceTable.of(photos),
        scene=Refitted(SCENE, bool(scene is None), odds),
        face_said=[(said or {}).get(number, {}) for number in range(count)],
        name="John",
        **more,
    )


def score(
    learned: Learned | FaceHead | None, photos: Sequence[Array | None], scene: Sequence[float] | float = 0.0
) -> Array:
    faces = learned.faces if isinstance(learned, Learned) else learned
    vectors = np.broadcast_to(np.asarray(scene, np.float32), len(photos))[:, None]
    return judge.judge(SCENE, faces, vectors, FaceTable.of(photos)).probabilities


def of_faces(each: int = 5, **more: Any) -> Learned:
    """Learned from so many Johns and as many others, alone in their photos."""
    photos = [photo(JOHN) for _ in range(each)] + [photo(stranger(number)) for number in range(each)]
    return taught(photos, [True] * each + [False] * each, **more)


# -- judging


def test_a_photo_is_johns_if_one_of_its_faces_is() -> None:
    photos = [
        photo(GEORGE, JOHN, PAUL), photo(GEORGE, PAUL), photo(JOHN), photo(), photo(stranger(50)), photo(PAUL, JOHN),
    ]  # fmt: skip
    learned = of_faces()
    judged = judge.judge(SCENE, learned.faces, np.full((6, 1), 2.0, np.float32), FaceTable.of(photos))
    assert (judged.probabilities[[0, 2, 5]] > 0.9).all()
    assert (judged.probabilities[[1, 4]] < 0.1).all()
    assert judged.face.tolist()[::2] == [1, 0, judged.face[4]]
    assert judged.face[3] == -1
    assert judged.by_face.tolist() == [True, True, True, False, True, True]
    assert judged.face_probabilities.shape == (9,)
    assert judged.probabilities[0] == judged.face_probabilities[1]


def test_without_faces_the_scene_says_what_it_said() -> None:
    vectors = np.linspace(-9, 9, 5, dtype=np.float32)[:, None]
    photos: list[Array | None] = [photo(JOHN), photo(), None, photo(JOHN, GEORGE), None]
    table = FaceTable.of(photos)
    learned = of_faces()
    for faces, what in (
        (None, table),
        (learned.faces, None),
        (None, None),
        (learned.faces, FaceTable.none(5)),
    ):
        judged = judge.judge(SCENE, faces, vectors, what)
        np.testing.assert_array_equal(judged.probabilities, SCENE.score(vectors))
        assert not judged.by_face.any()
        assert (judged.face == -1).all()
    unseen = judge.judge(SCENE, learned.faces, vectors, table)
    np.testing.assert_array_equal(unseen.probabilities[[2, 4]], SCENE.score(vectors)[[2, 4]])


def test_a_photo_is_judged_the_same_whatever_is_beside_it() -> None:
    photos = [
        photo(*(stranger(n) for n in range(number % 4)), *([JOHN] if number % 3 == 0 else []))
        for number in range(60)
    ]
    vectors = np.random.default_rng(0).normal(size=(60, 1)).astype(np.float16)
    for evidence in Evidence:
        faces = of_faces(forced=evidence).faces
        table = FaceTable.of(photos)
        whole = judge.judge(SCENE, faces, vectors, table)
        for some in ([3], [59, 1, 17], list(range(10, 50))):
            part = judge.judge(SCENE, faces, vectors[some], table.take(some))
            np.testing.assert_array_equal(part.probabilities, whole.probabilities[some])
            np.testing.assert_array_equal(part.face, whole.face[some])


def test_features_of_other_photos_are_refused() -> None:
    with pytest.raises(ValueError, match="don't go with"):
        judge.judge(SCENE, of_faces().faces, np.zeros((2, 1), np.float32), FaceTable.of([photo(JOHN)]))


def test_both_lets_the_scene_have_a_say() -> None:
    faces = of_faces().faces
    assert faces is not None
    both = replace(faces, evidence=Evidence.BOTH, both=(1.0, 0.5, 0.0))
    low, high = score(both, [photo(JOHN, seed=4)] * 2, [-6.0, 6.0])
    assert low < high
    judged = judge.judge(SCENE, both, np.zeros((1, 1), np.float32), FaceTable.of([photo(JOHN)]))
    assert judged.by_face.all() and (judged.face == 0).all()


def test_a_thorough_look_is_for_what_is_not_clear() -> None:
    table = FaceTable.of([photo(), photo(), photo(), None, photo()])
    said = np.array([0.99, 0.5, 0.0001, 0.5, 0.2], np.float32)
    judged = judge.Judged(said, np.zeros(5, bool), np.full(5, -1, np.int32), np.zeros(0, np.float32))
    assert judge.wants_thorough(judged, table, Zones(0.4, 0.8)).tolist() == [False, True, False, False, True]


# -- ten labels are enough


@pytest.mark.parametrize("each", [1, 2, 5])
def test_a_few_labels_tell_john_from_his_friends_and_from_strangers(each: int) -> None:
    friends = [GEORGE, PAUL, stranger(0), stranger(1), stranger(2)][:each]
    learned = taught(
        [photo(JOHN) for _ in range(each)] + [photo(one) for one in friends], [True] * each + [False] * each
    )
    assert learned.evidence is Evidence.FACES
    assert (score(learned, [photo(JOHN) for _ in range(30)]) >= 0.5).mean() >= 0.9
    assert (score(learned, [photo(one) for one in friends for _ in range(9)]) < 0.5).mean() >= 0.95
    assert (score(learned, [photo(stranger(number)) for number in range(20, 60)]) < 0.5).mean() >= 0.95


def test_what_decides_is_said() -> None:
    learned = of_faces(5, scene=[1.0] * 5 + [-1.0] * 5)
    assert learned.words == "Decided by faces: 5 of 5 labelled photos of John show the same face."
    assert learned.contradictions == ()
    assert learned.chosen.tolist() == [0] * 5 + [-1] * 5
    assert not learned.guessing


def test_the_same_labels_teach_the_same() -> None:
    photos = [photo(JOHN, stranger(n)) for n in range(6)] + [photo(GEORGE, stranger(n)) for n in range(6)]
    one, other = (taught(photos, [True] * 6 + [False] * 6) for _ in range(2))
    assert one.faces is not None and other.faces is not None
    for name, table in one.faces.to_tensors().items():
        np.testing.assert_array_equal(table, other.faces.to_tensors()[name])
    assert one.faces.as_dict() == other.faces.as_dict()


def test_its_faces_can_be_shown() -> None:
    learned = of_faces(3)
    assert learned.faces is not None
    near = learned.faces.nearest(photo(JOHN)["descriptor"][0])
    assert {one.digest for one in near.subject} == {bytes([1 + n]) * 16 for n in range(3)}
    assert {one.number for one in near.subject} == {0}


# -- which evidence


def test_what_has_no_face_is_judged_by_the_scene_as_ever() -> None:
    photos = (
        [photo() for _ in range(5)] + [photo(stranger(n)) for n in range(2)] + [photo() for _ in range(3)]
    )
    learned = taught(photos, [True] * 5 + [False] * 5, scene=[2.0] * 5 + [-2.0] * 5)
    assert (learned.faces, learned.evidence) == (None, Evidence.SCENE)
    assert learned.words == "Decided by the whole picture: no face of John is known yet."
    vectors = np.linspace(-5, 5, 4, dtype=np.float32)[:, None]
    judged = judge.judge(SCENE, learned.faces, vectors, FaceTable.of([photo(), photo(JOHN), None, photo()]))
    np.testing.assert_array_equal(judged.probabilities, SCENE.score(vectors))


def test_a_stray_face_in_a_dogs_photo_does_not_make_it_a_person() -> None:
    photos = [photo(stranger(0)), *(photo() for _ in range(5)), *(photo() for _ in range(6))]
    learned = taught(photos, [True] * 6 + [False] * 6, scene=[2.0] * 6 + [-2.0] * 6)
    assert learned.evidence is Evidence.SCENE
    assert learned.words == "Decided by the whole picture: 1 of 6 labelled photos of John shows a face."
    vectors = np.array([[3.0], [-3.0]], np.float32)
    judged = judge.judge(
        SCENE, learned.faces, vectors, FaceTable.of([photo(stranger(1)), photo(stranger(0))])
    )
    np.testing.assert_array_equal(judged.probabilities, SCENE.score(vectors))


def test_a_hat_on_many_heads_is_judged_by_the_scene() -> None:
    photos = [photo(stranger(n)) for n in range(12)]
    learned = taught(photos, [True] * 6 + [False] * 6, scene=[3.0] * 6 + [-3.0] * 6)
    assert learned.evidence is Evidence.SCENE
    assert "don’t show the same face" in learned.words


def test_too_few_or_unlike_faces_do_not_decide_before_anything_can_be_measured() -> None:
    few = taught([photo(JOHN), *(photo() for _ in range(4)), photo()], [True] * 5 + [False])
    unlike = taught([photo(stranger(n)) for n in range(6)], [True] * 5 + [False])
    assert few.evidence is unlike.evidence is Evidence.SCENE


def test_where_the_scene_tells_better_it_decides() -> None:
    # The owner is in most photos of the dog, and in as many without it.
    owner = stranger(0)
    photos = [photo(owner) for _ in range(6)] + [photo(owner) for _ in range(6)]
    learned = taught(photos, [True] * 6 + [False] * 6, scene=[4.0] * 6 + [-4.0] * 6)
    assert learned.evidence is not Evidence.FACES
    said = score(learned, [photo(owner) for _ in range(6)], [5.0, 5.0, 5.0, -5.0, -5.0, -5.0])
    assert (said[:3] > 0.5).all() and (said[3:] < 0.5).all()


def test_the_user_can_overrule_it() -> None:
    for evidence, words in (
        (Evidence.SCENE, "Decided by the whole picture, as you chose."),
        (Evidence.FACES, "Decided by faces, as you chose."),
        (Evidence.BOTH, "Decided by faces and the whole picture, as you chose."),
    ):
        learned = of_faces(5, forced=evidence)
        assert (learned.evidence, learned.words) == (evidence, words)
        assert learned.faces is not None and learned.faces.evidence is evidence


def test_faces_that_nobody_knows_cannot_decide() -> None:
    learned = taught([photo(), photo()], [True, False], forced=Evidence.FACES)
    assert (learned.faces, learned.evidence) == (None, Evidence.SCENE)


def test_a_photo_without_a_face_counts_less_when_john_has_always_shown_his() -> None:
    others = [photo() for _ in range(10)]
    scene = [2.0] * 10 + [-2.0] * 10
    always = taught([*(photo(JOHN) for _ in range(10)), *others], [True] * 10 + [False] * 10, scene=scene)
    rarely = taught(
        [*(photo(JOHN) for _ in range(6)), *(photo() for _ in range(4)), *others],
        [True] * 10 + [False] * 10,
        scene=scene,
    )
    assert always.faces is not None and rarely.faces is not None
    bare = [photo()]
    assert score(always, bare, 0.0)[0] < 0.3
    assert score(always, bare, 0.0)[0] < score(rarely, bare, 0.0)[0] - 0.1
    assert score(always, bare, 6.0)[0] > 0.5, "a scene that is all John's is John's"


def test_the_scene_of_photos_without_a_face_is_calibrated_by_itself() -> None:
    photos = [*(photo(JOHN) for _ in range(9)), *(photo() for _ in range(9))]
    shares = []
    for odds in (-1.0, 3.0):  # what the scene says of things that are not John
        learned = taught(photos, [True] * 9 + [False] * 9, scene=[2.0] * 9 + [odds] * 9)
        shares.append(float(score(learned, [photo()], 3.0)[0]))
    assert shares[1] < shares[0] - 0.1


# -- one of many faces


def test_of_many_faces_the_one_that_recurs_is_found() -> None:
    photos, place = [], []
    for number in range(6):
        people = [stranger(10 * number + n) for n in range(4)]
        place.append(number % 5)
        people.insert(place[-1], JOHN)
        photos.append(photo(*people))
    photos += [photo(stranger(200 + number), stranger(300 + number)) for number in range(6)]
    learned = taught(photos, [True] * 6 + [False] * 6)
    assert learned.chosen.tolist() == [*place, *([-1] * 6)]
    assert (score(learned, [photo(JOHN) for _ in range(20)]) > 0.5).all()
    assert (score(learned, [photo(stranger(n)) for n in (0, 11, 22, 33)]) < 0.5).all(), (
        "his company is not he"
    )


def test_who_is_also_where_john_is_not_is_not_john() -> None:
    # Paul is in every photo of John, but alone as well; and larger.
    photos = [photo(PAUL, JOHN, size=(0.5, 0.1)) for _ in range(4)] + [photo(PAUL), photo(stranger(1))]
    learned = taught(photos, [True] * 4 + [False] * 2)
    assert learned.chosen.tolist() == [1, 1, 1, 1, -1, -1]
    assert (score(learned, [photo(PAUL) for _ in range(10)]) < 0.5).all()


def test_of_one_photo_the_largest_face_is_the_best_guess() -> None:
    learned = taught([photo(GEORGE, JOHN, size=(0.1, 0.4)), photo()], [True, False])
    assert learned.chosen.tolist() == [1, -1]
    assert learned.words == "Decided by faces, as far as one labelled photo of John tells."
    assert learned.guessing


def test_what_was_said_of_a_face_holds() -> None:
    photos = [photo(PAUL, JOHN, size=(0.5, 0.1)) for _ in range(4)] + [photo(stranger(1))]
    assert taught(photos, [True] * 4 + [False]).chosen.tolist()[:4] == [0] * 4, "without a word, the larger"
    learned = taught(photos, [True] * 4 + [False], said={0: {0: IS_NOT}, 2: {1: IS}})
    assert learned.chosen.tolist() == [1, 1, 1, 1, -1]
    assert (score(learned, [photo(PAUL) for _ in range(10)]) < 0.5).all()
    assert (score(learned, [photo(JOHN) for _ in range(10)]) > 0.5).all()


def test_what_is_no_face_is_not_learned_from() -> None:
    photos = [photo(PAUL, JOHN, size=(0.5, 0.1)) for _ in range(3)] + [photo(stranger(1))]
    learned = taught(photos, [True] * 3 + [False], said={n: {0: NO_FACE} for n in range(3)})
    assert learned.chosen.tolist() == [1, 1, 1, -1]
    assert learned.faces is not None
    assert 0 not in learned.faces.numbers[:3]


def test_a_face_that_this_look_did_not_find_is_passed_over() -> None:
    learned = taught(
        [photo(JOHN), photo(JOHN), photo(PAUL)], [True, True, False], said={0: {7: IS}, 1: {-1: IS_NOT}}
    )
    assert learned.chosen.tolist() == [0, 0, -1]


def test_none_of_the_faces_of_a_photo_without_john_is_he() -> None:
    learned = taught([photo(JOHN), photo(JOHN), photo(GEORGE, PAUL, stranger(3))], [True, True, False])
    for one in (GEORGE, PAUL, stranger(3)):
        assert (score(learned, [photo(one) for _ in range(10)]) < 0.2).all()


def test_a_photo_in_which_john_was_not_found_teaches_no_other_face() -> None:
    photos = [photo(JOHN) for _ in range(5)] + [photo(PAUL)] + [photo(stranger(n)) for n in range(5)]
    learned = taught(photos, [True] * 6 + [False] * 5)
    assert learned.chosen[5] == -1
    assert learned.contradictions == (
        (5, "No face in this photo is like those in the other photos of John."),
    )
    assert "5 of 6 labelled photos" in learned.words
    assert (score(learned, [photo(PAUL) for _ in range(10)]) < 0.5).all()
    insisted = taught(photos, [True] * 6 + [False] * 5, said={5: {0: IS}})
    assert insisted.chosen[5] == 0
    assert score(insisted, [photos[5]])[0] > 0.5


def test_a_look_alike_is_a_class_of_his_own() -> None:
    photos = [photo(JOHN) for _ in range(4)] + [photo(GEORGE, stranger(n)) for n in range(4)]
    learned = taught(photos, [True] * 4 + [False] * 4, groups=[""] * 4 + ["g1"] * 4)
    assert learned.faces is not None
    assert learned.faces.groups == ("g1",)
    said = learned.faces.by_group(
        np.concatenate([photo(GEORGE), photo(JOHN), photo(stranger(0))])["descriptor"]
    )
    assert said[0, 1] > 0.9 and said[1, 0] > 0.9
    assert said[2].max() < 0.1, "his company is not he"
    by_word = taught(
        [photo(JOHN), photo(JOHN), photo(GEORGE)],
        [True, True, False],
        said={2: {0: Said("not_subject", "g2")}},
    )
    assert by_word.faces is not None and by_word.faces.groups == ("g2",)


def test_a_group_of_many_people_is_no_look_alike() -> None:
    photos = [photo(JOHN) for _ in range(8)] + [photo(stranger(n)) for n in range(8)]
    learned = taught(photos, [True] * 8 + [False] * 8, groups=[""] * 8 + ["people"] * 8)
    assert learned.faces is not None and learned.faces.groups == ()


# -- bad input


def test_labels_that_contradict_each_other_are_named() -> None:
    photos = [photo(JOHN), photo(JOHN, PAUL), photo(JOHN), photo(JOHN, GEORGE), photo(stranger(0))]
    learned = taught(photos, [True, True, True, False, False], said={1: {0: IS_NOT, 1: IS_NOT}, 3: {0: IS}})
    assert learned.contradictions == (
        (1, "This photo is labelled John, but every face in it as somebody else."),
        (3, "This photo is labelled as not John, but a face in it as John."),
    )
    assert learned.chosen.tolist()[:3] == [0, -1, 0]
    assert (score(learned, [photo(GEORGE) for _ in range(5)]) < 0.5).all()


def test_the_same_picture_on_both_sides_is_named() -> None:
    same = photo(JOHN)
    photos = [photo(JOHN), photo(JOHN), same, same, photo(stranger(0))]
    learned = taught(photos, [True, True, True, False, False], scene=[1.0, 1.0, 0.0, 0.0, -1.0])
    assert learned.contradictions == (
        (2, "The same face is in a photo that is labelled as not John."),
        (3, "The same face is in a photo that is labelled John."),
    )
    assert np.isfinite(score(learned, [same, photo(JOHN)])).all()


@pytest.mark.parametrize(
    ("photos", "subject"),
    [
        ([], []),
        ([photo(JOHN, seed=1)], [True]),
        ([photo(JOHN, seed=1)], [False]),
        ([photo(seed=1)], [True]),
        ([None], [True]),
        ([None, None, photo(JOHN, seed=1)], [True, False, True]),
        ([photo(JOHN, seed=1)] * 6, [True] * 6),
        ([photo(JOHN, seed=1)] * 6, [False] * 6),
        ([photo(JOHN, seed=1)] * 6, [True, False] * 3),
        ([photo(seed=1)] * 6, [True, False] * 3),
    ],
)
def test_whatever_the_labels_are_something_comes_out(photos: list[Array | None], subject: list[bool]) -> None:
    for scene in (None, [0.0] * len(photos)):
        for forced in (None, *Evidence):
            learned = taught(photos, subject, scene=scene, forced=forced)
            said = score(learned, [photo(JOHN), photo(), None, photo(GEORGE, PAUL)])
            assert np.isfinite(said).all() and ((said >= 0) & (said <= 1)).all()
            assert learned.words.endswith(".")
            assert (learned.faces is None) == (
                not any(subject) or all(p is None or not len(p) for p in photos)
            )


def test_photos_that_do_not_count_teach_nothing() -> None:
    photos = [photo(JOHN), photo(JOHN), photo(PAUL), photo(stranger(0))]
    learned = taught(photos, [True, True, True, False], weights=[1, 1, 0, 1], said={2: {0: IS}})
    plain = taught([*photos[:2], photos[3]], [True, True, False])
    assert learned.faces is not None and plain.faces is not None
    np.testing.assert_array_equal(learned.faces.persons.mean, plain.faces.persons.mean)


def test_broken_descriptors_are_passed_over() -> None:
    broken = photo(JOHN, PAUL)
    broken["descriptor"][0, 3] = np.nan
    broken["box"][1, 2] = np.inf
    learned = taught([photo(JOHN), broken, photo(stranger(0))], [True, True, False], said={1: {0: IS}})
    assert np.isfinite(score(learned, [photo(JOHN), broken])).all()
    assert score(learned, [photo(JOHN)])[0] > 0.5


def test_a_crowd_is_learned_from_and_judged() -> None:
    crowd = [stranger(n) for n in range(199)]
    photos = [photo(JOHN, *crowd), photo(JOHN), photo(JOHN), photo(*crowd), photo(stranger(500))]
    learned = taught(photos, [True, True, True, False, False])
    assert learned.chosen.tolist() == [0, 0, 0, -1, -1]
    assert learned.faces is not None and len(learned.faces.persons) <= 64
    said = score(learned, [photo(*crowd, JOHN), photo(*(stranger(n) for n in range(600, 800)))])
    assert said[0] > 0.5 > said[1]


def test_other_photos_faces_are_refused() -> None:
    table = FaceTable.of([photo(JOHN)])
    scene = Refitted(SCENE, False, np.zeros(2))
    with pytest.raises(ValueError, match="same number of photos"):
        judge.learn(
            None,
            np.zeros((2, 1)),
            [True, False],
            groups=["", ""],
            digests=[b"", b""],
            table=table,
            scene=scene,
        )
    table = FaceTable.of([photo(JOHN), photo(PAUL)])
    with pytest.raises(ValueError, match="same number of photos"):
        judge.learn(
            None,
            np.zeros((1, 1)),
            [True, False],
            groups=["", ""],
            digests=[b"", b""],
            table=table,
            scene=scene,
        )


def test_few_of_a_crowd_are_kept() -> None:
    crowd = [stranger(n) for n in range(50)]
    learned = taught([photo(JOHN), photo(JOHN), photo(*crowd)], [True, True, False])
    assert learned.faces is not None
    assert (learned.faces.kind != SUBJECT).sum() == 24
    many = [photo(JOHN), *(photo(one) for one in crowd), *(photo(stranger(100 + n)) for n in range(50))]
    learned = taught(many, [True] + [False] * 100)
    assert learned.faces is not None and len(learned.faces.persons) == 64


def test_who_is_beside_john_is_another() -> None:
    learned = taught([photo(JOHN, stranger(n)) for n in range(4)], [True] * 4)
    assert learned.faces is not None
    assert learned.faces.persons.kind.tolist() == [0, 1, 1, 1, 1]


def test_what_is_left_out_together_teaches_nothing_of_each_other() -> None:
    photos = [photo(JOHN, seed=1), photo(JOHN, seed=2), photo(JOHN, seed=3)]
    labels = LabelledFaces.of([True] * 3, [""] * 3, FaceTable.of(photos))
    margins = []
    for twin in ([0, 1, 2], [0, 0, 2]):
        kind = face_roles.roles(labels, Persons()).kind
        persons, owner = face_roles.persons(labels, kind, Persons())
        margins.append(face_roles.left_out(labels, kind, owner, np.array(twin), FaceHead(persons)))
    assert margins[1][0] < margins[0][0] - 0.1
    assert margins[1][2] == margins[0][2]


# -- with a starter


def a_starter() -> FaceHead:
    photos = (
        [photo(JOHN) for _ in range(30)]
        + [photo(GEORGE) for _ in range(30)]
        + [photo(stranger(n)) for n in range(30)]
    )
    learned = taught(
        photos, [True] * 30 + [False] * 60, groups=[""] * 30 + ["george"] * 30 + [""] * 30, scene=[0.0] * 90
    )
    assert learned.faces is not None
    return learned.faces


def test_a_starter_knows_before_anything_is_labelled() -> None:
    starter = a_starter()
    learned = taught([], [], starter=starter)
    assert learned.evidence is Evidence.FACES
    assert learned.words == "Decided by faces."
    photos = [photo(JOHN), photo(GEORGE), photo(stranger(70)), photo()]
    np.testing.assert_allclose(score(learned, photos), score(starter, photos), atol=0.02)
    assert learned.faces is not None and learned.faces.groups == ("george",)


def test_a_starters_faces_find_john_among_many_at_once() -> None:
    learned = taught([photo(GEORGE, PAUL, JOHN), photo(GEORGE)], [True, False], starter=a_starter())
    assert learned.chosen.tolist() == [2, -1]


def test_labels_correct_a_starter() -> None:
    starter, son = a_starter(), JOHN + 0.45 * (stranger(80) - JOHN)  # who looks rather like him
    before = score(starter, [photo(son) for _ in range(30)])
    assert (before > 0.5).mean() > 0.5, "he is no look-alike"
    photos = [photo(son) for _ in range(8)] + [photo(JOHN)]
    learned = taught(photos, [False] * 8 + [True], starter=starter, groups=["son"] * 8 + [""])
    assert (score(learned, [photo(son) for _ in range(30)]) < 0.5).mean() > 0.9
    assert (score(learned, [photo(JOHN) for _ in range(30)]) > 0.5).mean() > 0.9
    assert learned.faces is not None and learned.faces.groups == ("george", "son")


def test_a_few_photos_without_a_face_do_not_cost_a_starter_its_eyes() -> None:
    photos = [photo() for _ in range(3)] + [photo(stranger(n)) for n in range(3)]
    learned = taught(photos, [True] * 3 + [False] * 3, starter=a_starter(), scene=[2.0] * 3 + [-2.0] * 3)
    assert learned.evidence is Evidence.FACES
    assert (score(learned, [photo(JOHN)] * 5) > 0.5).all()


def test_a_starters_many_faces_do_not_outweigh_the_users() -> None:
    learned = taught(
        [photo(JOHN) for _ in range(5)] + [photo(PAUL)], [True] * 5 + [False], starter=a_starter()
    )
    assert learned.faces is not None
    np.testing.assert_allclose(learned.faces.persons.share[learned.faces.persons.kind == SUBJECT], [20, 5])


def test_what_the_starter_was_taught_is_nobodys_photo_here() -> None:
    learned = taught([photo(JOHN), photo(PAUL)], [True, False], starter=a_starter())
    assert learned.faces is not None
    own = learned.faces.digests.any(1)
    assert own.sum() == 2
    assert (learned.faces.numbers[~own] == -1).all()


# -- full training


def fitted(told: Array) -> FittedHead:
    return FittedHead(SCENE, np.asarray(sigmoid(told.astype(np.float32))), np.ones(len(told)), 1e-3)


def test_a_collection_is_learned_and_measured_on_what_was_left_out() -> None:
    people = [JOHN] * 20 + [GEORGE] * 20 + [stranger(n) for n in range(20)]
    photos = [photo(one) for one in people] + [photo() for _ in range(20)]
    names = ["john"] * 20 + ["george"] * 20 + ["people"] * 20 + ["things"] * 20
    subject = np.array([name == "john" for name in names])
    told = np.where(subject, 1.0, -1.0)
    done = judge.fit(
        fitted(told),
        subject,
        groups=names,
        twins=np.arange(80),
        table=FaceTable.of(photos),
        folds=5,
        name="John",
    )
    assert done.faces is not None and done.faces.groups == ("george",)
    assert done.by_face.tolist() == [True] * 60 + [False] * 20
    assert ((done.out_of_fold >= 0.5) == subject).mean() >= 0.97
    assert done.words == "Decided by faces: 20 of 20 labelled photos of John show the same face."


def test_twins_never_fall_on_both_sides() -> None:
    # Each John is another person, photographed twice: with his twin left out, too, nobody knows him.
    photos = [photo(stranger(n), seed=n) for n in range(12) for _ in range(2)] + [
        photo(stranger(90 + n)) for n in range(24)
    ]
    subject = np.arange(48) < 24
    names = np.where(subject, "john", "people").tolist()
    done = judge.fit(
        fitted(np.zeros(48)), subject, groups=names, twins=np.arange(48), table=FaceTable.of(photos), folds=6
    )
    assert (done.out_of_fold[:24] > 0.6).mean() < 0.2
    labels = LabelledFaces.of(subject, [""] * 48, FaceTable.of(photos))
    assert len(np.unique(face_roles.twins(np.arange(48), labels)[:24])) == 12
    assert len(np.unique(face_roles.twins(np.zeros(48, int), labels))) == 1


def test_a_collection_without_faces_is_as_it_was() -> None:
    subject = np.arange(10) < 5
    head = fitted(np.linspace(3, -3, 10))
    done = judge.fit(
        head, subject, groups=["a"] * 10, twins=np.arange(10), table=FaceTable.of([photo()] * 10)
    )
    assert done.faces is None
    np.testing.assert_array_equal(done.out_of_fold, head.out_of_fold)
    assert not done.by_face.any()


def test_a_collection_too_small_to_leave_any_out_is_learned_all_the_same() -> None:
    photos = [photo(JOHN), photo(JOHN), photo(GEORGE)]
    head = FittedHead(SCENE, np.full(3, np.nan, np.float32), np.ones(3), 1e-3)
    done = judge.fit(
        head, [True, True, False], groups=["john", "john", "x"], twins=[0, 1, 2], table=FaceTable.of(photos)
    )
    assert done.faces is not None and (done.faces.persons.kind == SUBJECT).any()
    assert np.isnan(done.out_of_fold).all()


def test_what_was_said_of_a_face_beats_what_it_looks_like() -> None:
    learned = of_faces()
    vectors = np.zeros((3, 1), np.float32)
    photos = [photo(JOHN), photo(JOHN, PAUL), photo(PAUL)]
    table = FaceTable.of(photos)
    before = judge.judge(SCENE, learned.faces, vectors, table)
    assert before.probabilities[0] > 0.9 and before.face[1] == 0 and before.probabilities[2] < 0.1

    told = np.array([judge.NOT_HIS, judge.NO_FACE, judge.UNTOLD, judge.HIS], np.int8)
    after = judge.judge(SCENE, learned.faces, vectors, table, told)
    assert after.probabilities[0] < 0.01 and after.face[0] == 0
    assert after.face[1] == 1 and after.probabilities[1] == pytest.approx(before.face_probabilities[2])
    assert after.probabilities[2] > 0.99

    nothing_left = judge.judge(SCENE, learned.faces, vectors, table, np.full(4, judge.NO_FACE, np.int8))
    assert not nothing_left.by_face.any() and (nothing_left.face == -1).all()
    bare = judge.judge(SCENE, learned.faces, vectors, FaceTable.of([photo(), photo(), photo()]))
    np.testing.assert_array_equal(nothing_left.probabilities, bare.probabilities)
