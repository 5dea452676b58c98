"""Faces grouped by likeness."""

from __future__ import annotations

import numpy as np
import pytest

from training import people
from training.people import Groups, Progress


def persons(counts: list[int], *, apart: float = 0.85, spread: float = 0.3, seed: int = 0) -> np.ndarray:
    """Descriptors of so many faces each; `apart` and `spread` are distances, as between real strangers and faces."""
    random = np.random.default_rng(seed)
    centres = random.normal(0, apart / np.sqrt(2 * 128), (len(counts), 128))
    who = np.repeat(np.arange(len(counts)), counts)
    return (centres[who] + random.normal(0, spread / np.sqrt(2 * 128), (len(who), 128))).astype(np.float32)


def grouped(faces: np.ndarray, photo: np.ndarray | None = None, **settings: float) -> Groups:
    events = list(people.group(faces, np.arange(len(faces)) if photo is None else photo, **settings))
    shares = [event.share for event in events[:-1] if isinstance(event, Progress)]
    assert len(shares) == len(events) - 1 and shares == sorted(shares) and shares[-1] == 1.0
    assert isinstance(events[-1], Groups)
    return events[-1]


def as_sets(groups: Groups) -> list[set[int]]:
    return [set(group.tolist()) for group in groups.members]


def test_each_person_is_a_group_the_largest_first_and_strangers_are_alone() -> None:
    counts = [3, 40, 1, 12, 1]
    found = grouped(persons(counts))
    starts = np.cumsum([0, *counts])
    wanted = [set(range(starts[at], starts[at + 1])) for at in (1, 3, 0)]
    assert as_sets(found) == wanted
    assert found.single.tolist() == [43, 56]


def test_the_most_central_face_comes_first_and_the_oddest_last() -> None:
    faces = persons([9], spread=0.2)
    centre = faces[:8].mean(axis=0)
    faces[4] = centre
    faces[7] = centre + 1.5 * (faces[7] - centre)
    order = grouped(faces).members[0].tolist()
    assert order[0] == 4 and order[-1] == 7


def test_two_faces_of_one_photo_are_never_one_person() -> None:
    faces = persons([6, 6], apart=0.1)  # twins
    assert len(grouped(faces).members) == 1
    together = np.r_[np.arange(6), np.arange(6)]
    found = grouped(faces, together)
    assert all(len({int(together[face]) for face in group}) == len(group) for group in found.members)
    assert sum(len(group) for group in found.members) + len(found.single) == 12


@pytest.mark.parametrize("seed", range(5))
def test_several_that_join_at_once_are_of_several_photos(seed: int) -> None:
    photo = np.random.default_rng(seed).integers(0, 60, 120)
    found = grouped(persons([40, 40, 40], spread=0.3, seed=seed), photo)
    assert max(map(len, found.members)) > 15
    assert all(len({int(photo[face]) for face in group}) == len(group) for group in found.members)


def test_a_crowd_stays_apart_however_alike_its_faces_are() -> None:
    faces = np.repeat(persons([200], spread=0.05), 2, axis=0)
    photo = np.tile([0, 1], 200)
    found = grouped(faces, photo)
    assert all(len(group) == 2 for group in found.members)
    assert sum(len(group) for group in found.members) + len(found.single) == 400


@pytest.mark.parametrize("seed", range(4))
def test_without_slack_it_is_average_linkage(seed: int) -> None:
    hierarchy = pytest.importorskip("scipy.cluster.hierarchy")
    distance = pytest.importorskip("scipy.spatial.distance")
    faces = persons([17, 9, 30, 1, 1, 8, 5], apart=0.6, spread=0.5, seed=seed)
    limit = 0.27
    tree = hierarchy.linkage(distance.pdist(faces.astype(np.float64), "sqeuclidean"), "average")
    theirs = hierarchy.fcluster(tree, limit, "distance")
    work = people._average(faces, np.arange(len(faces)), limit, slack=0.0)
    while True:
        try:
            next(work)
        except StopIteration as end:
            ours = end.value
            break
    assert 3 < len(set(ours)) < 60
    assert {frozenset(np.flatnonzero(theirs == one).tolist()) for one in set(theirs)} == {
        frozenset(np.flatnonzero(ours == one).tolist()) for one in set(ours)
    }


def test_the_same_faces_give_the_same_groups() -> None:
    faces = persons([20, 20, 5, 1, 1], spread=0.5)
    first, second = grouped(faces), grouped(faces.copy())
    assert [group.tolist() for group in first.members] == [group.tolist() for group in second.members]
    assert first.single.tolist() == second.single.tolist()


def test_copies_of_one_photo_become_one_group_in_few_rounds() -> None:
    faces = np.repeat(persons([1] * 5), 60, axis=0)
    events = list(people.group(faces, np.arange(300)))
    assert as_sets(events[-1]) == [set(range(60 * at, 60 * at + 60)) for at in range(5)]  # type: ignore[arg-type]
    assert len(events) < 20


def test_rows_with_boxes_are_taken_as_well_as_bare_descriptors() -> None:
    faces = persons([4, 3])
    rows = np.zeros(7, [("box", "<f4", 4), ("score", "<f4"), ("descriptor", "<f2", 128)])
    rows["descriptor"] = faces
    assert as_sets(grouped(rows)) == as_sets(grouped(faces)) == [{0, 1, 2, 3}, {4, 5, 6}]


def test_a_broken_descriptor_is_nobodys() -> None:
    faces = persons([5])
    faces[2, 7], faces[4, 0] = np.nan, np.inf
    found = grouped(faces)
    assert as_sets(found) == [{0, 1, 3}]
    assert found.single.tolist() == [2, 4]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_faces(count: int) -> None:
    found = grouped(persons([1] * count) if count else np.zeros((0, 128), np.float32))
    assert found.members == () and found.single.tolist() == list(range(count))


def test_values_out_of_all_bounds_come_to_an_end() -> None:
    random = np.random.default_rng(0)
    faces = random.normal(0, 1e4, (50, 128)).astype(np.float32)
    found = grouped(np.repeat(faces, 3, axis=0))
    assert sum(len(group) for group in found.members) + len(found.single) == 150


def test_photos_and_faces_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="4 faces, but photos of 3"):
        list(people.group(persons([4]), np.arange(3)))


def test_it_can_be_given_up_at_any_step() -> None:
    work = people.group(persons([500, 500], spread=0.5), np.arange(1000))
    assert isinstance(next(work), Progress)
    work.close()
    with pytest.raises(StopIteration):
        next(work)


def test_two_people_in_one_group_are_parted_the_larger_first() -> None:
    faces = persons([4, 9], apart=0.5)
    shuffled = np.random.default_rng(1).permutation(13)
    parts = people.split(faces[shuffled])
    assert [set(shuffled[part].tolist()) for part in parts] == [set(range(4, 13)), set(range(4))]


@pytest.mark.parametrize(("count", "parts"), [(0, []), (1, [1]), (2, [1, 1])])
def test_splitting_few(count: int, parts: list[int]) -> None:
    found = people.split(persons([count]) if count else np.zeros((0, 128), np.float32))
    assert [len(part) for part in found] == parts


def test_what_is_all_the_same_stays_one_part() -> None:
    assert [len(part) for part in people.split(np.ones((6, 128), np.float32))] == [6]
