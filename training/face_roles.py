"""Who is who among the labelled faces: a label says it of a photo, and a photo may hold many faces.

"John" means that at least one of the photo's faces is his: it is the one that is like those in his other photos, found
by asking all of them in turn. "Not John" means that none is. What was said of a single face holds whatever it is like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training import face_head
from training.face_head import BETWEEN, MEAN, OTHERS, SUBJECT, WITHIN, FaceHead, Persons
from training.faces import FaceTable
from training.head import Doubles, Floats

Numbers = NDArray[np.intp]
Flags = NDArray[np.bool_]

UNUSED = -1
"""The kind of a face that is not learned from."""

AGREES = 1.0
"""From here up a face is of the same person as others: so much likelier than a stranger's (in natural logarithms)."""

_UNLIKE = (
    -3.0
)  # a photo's only face, if it is less like the others than this, is not learned from, unless said to be
_LESS_LIKE = -1.0  # the same where there are several to choose from
_CLEARLY_NOT = -2.0  # who else is in a photo of the subject is another, if less like the subject than this
_COHERENT = 0.6  # of a look-alike's photos, so many must show one person
_SAME_PERSON = 0.5  # a face that is this near to the mean of others is of their person
_SAME_SHOT = 0.3  # nearer than this, two faces are from the same shot
_VERY_SAME = 0.12  # nearer than this, they are the same picture
_MOST_FACES = 64  # of a photo, the surest to be faces; what was said of others counts all the same
_MOST_OTHERS_OF_A_PHOTO = 24  # the likest to the subject
_MOST_COMPARED = 1500  # faces that are compared each with each
_MOST_SORTED = 2000  # others that are sorted into persons, the likest to the subject
_MOST_PERSONS = 64  # that are kept, the likest to the subject: each takes time with each face that is scored


class FaceVerdict(Protocol):
    """What was said of a face: "subject", "not_subject" or "no_face", and the look-alike's id or ""."""

    @property
    def verdict(self) -> str:
        """One of the three."""

    @property
    def group(self) -> str:
        """The look-alike's id, or ""."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFaces:
    """N labelled photos with F faces.

    subject, looked: (N,) bool; group: (N,) the kind of a photo's look-alike, or 0; own: (N,) weights
    x: (F, 128) float32; photo, number: (F,) whose face it is, and which of its; size: (F,) share of the photo
    said: (F,) the kind that was said of the face, or -1; ignored: (F,) bool, it is none; groups: look-alikes' ids
    """

    subject: Flags
    looked: Flags
    group: Numbers
    own: Doubles
    x: Floats
    photo: Numbers
    number: Numbers
    size: Floats
    said: Numbers
    ignored: Flags
    groups: tuple[str, ...]

    @classmethod
    def of(
        cls,
        is_subject: ArrayLike,
        groups: Sequence[str],
        table: FaceTable,
        *,
        face_said: Sequence[Mapping[int, FaceVerdict]] = (),
        weights: ArrayLike | None = None,
        known_groups: Sequence[str] = (),
    ) -> LabelledFaces:
        """Put together what was said of photos and faces. Raises ValueError where that is not of the same photos."""
        subject = np.asarray(is_subject, bool)
        count = len(subject)
        own = np.ones(count) if weights is None else np.asarray(weights, np.float64)
        if not (len(groups) == len(table) == len(own) == count and len(face_said) in (0, count)):
            raise ValueError("Labels and faces must be of the same number of photos.")
        told = {one.group for photo in face_said for one in photo.values()}
        names = [*known_groups, *sorted({str(name) for name in (*groups, *told)} - {"", *known_groups})]
        kinds = {name: 2 + number for number, name in enumerate(names)}
        photo = np.repeat(np.arange(count), np.diff(table.start))
        number = np.arange(len(photo)) - table.start[:-1][photo]
        said = np.full(len(photo), UNUSED)
        x = table.rows["descriptor"].astype(np.float32)
        broken: Flags = np.logical_not(np.isfinite(x).all(1))
        x[broken] = MEAN
        ignored = broken | (own[photo] <= 0) | (number >= _MOST_FACES)
        for index, faces in enumerate(face_said):
            for which, one in faces.items():
                row = int(table.start[index]) + which
                if not table.start[index] <= row < table.start[index + 1] or broken[row] or own[index] <= 0:
                    continue  # not found by this look, or not to count
                ignored[row] = str(one.verdict) == "no_face"
                other = kinds.get(one.group, OTHERS)
                said[row] = SUBJECT if str(one.verdict) == "subject" else other
        box = table.rows["box"]
        size = np.nan_to_num((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]), posinf=0, neginf=0)
        look_alike = [0 if side else kinds.get(name, 0) for side, name in zip(subject, groups, strict=True)]
        return cls(
            subject,
            table.looked,
            np.array(look_alike, np.intp),
            own,
            x,
            photo,
            number,
            np.clip(size, 0, None),
            said,
            ignored,
            tuple(names),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Roles:
    """Who is who.

    kind: (F,) SUBJECT, OTHERS, a look-alike's or UNUSED; chosen: (N,) int32, the number of the face that is the
    subject's, or -1; likeness: (N,) how much likelier it is of the same person as the other photos' than a stranger's
    doubtful: photos of the subject with faces, none of which is like the others'
    """

    kind: Numbers
    chosen: NDArray[np.int32]
    likeness: Doubles
    doubtful: tuple[int, ...]


def roles(labels: LabelledFaces, before: Persons) -> Roles:
    """Find out who is who among the faces; `before` is who is known already."""
    count = len(labels.subject)
    kind = np.full(len(labels.x), UNUSED)
    chosen, likeness = np.full(count, -1, np.int32), np.full(count, -np.inf)
    doubtful: list[int] = []
    his = labels.subject[labels.photo]
    free = (labels.said < 0) & ~labels.ignored
    others = labels.x[(free & ~his) | ((labels.said > SUBJECT) & ~labels.ignored)]
    for mine in (SUBJECT, *range(2, 2 + len(labels.groups))):
        photos = labels.subject if mine == SUBJECT else labels.group == mine
        told = np.flatnonzero((labels.said == mine) & ~labels.ignored)
        kind[told] = mine
        settled = np.zeros(count, bool)
        settled[labels.photo[told]] = True
        rows = np.flatnonzero(free & (photos & ~settled)[labels.photo])
        known = before.take(before.kind == mine)
        picked, like, told_like = _alike(labels, rows, told, known, others if mine == SUBJECT else others[:0])
        agreeing = int((like >= AGREES).sum())
        if mine != SUBJECT and len(picked) > 2 and agreeing < _COHERENT * len(picked):
            continue  # a kind of people, not a person
        sure = agreeing + int((told_like >= AGREES).sum()) >= 2 or len(known) > 0
        rivals = np.bincount(labels.photo[rows], minlength=count)[labels.photo[picked]] > 1
        unlike = sure & (like < np.where(rivals, _LESS_LIKE, _UNLIKE))
        kind[picked[~unlike]] = mine
        if mine == SUBJECT:
            doubtful = labels.photo[picked[unlike]].tolist()
            for row, likely in zip([*told, *picked[~unlike]], [*told_like, *like[~unlike]], strict=True):
                photo = labels.photo[row]
                if likely > likeness[photo]:
                    chosen[photo], likeness[photo] = labels.number[row], likely
    kind[((labels.said == OTHERS) | (free & ~his & (kind < 0))) & ~labels.ignored] = OTHERS
    subject = before.take(before.kind == SUBJECT) + _one(labels.x[kind == SUBJECT])
    if len(subject):
        beside = np.flatnonzero(free & his & (kind < 0) & (chosen[labels.photo] >= 0))
        kind[beside[_like(labels.x[beside], subject) < _CLEARLY_NOT]] = OTHERS
        _thin(labels, kind, subject)
    return Roles(kind, chosen, likeness, tuple(doubtful))


def persons(labels: LabelledFaces, kind: Numbers, before: Persons) -> tuple[Persons, Numbers]:
    """The persons that the faces make, and which of them each face is, (F,), or -1.

    The subject's faces make one person, but for odd ones, and so do a look-alike's; all others are sorted by likeness,
    and the likest to the subject are kept.
    """
    parts: list[tuple[int, Numbers]] = []
    for mine in (SUBJECT, *range(2, 2 + len(labels.groups))):
        rows = np.flatnonzero(kind == mine)
        same = _like_the_rest(labels.x[rows]) >= AGREES if len(rows) > 2 else np.ones(len(rows), bool)
        if same.any():
            parts.append((mine, rows[same]))
        parts += [(mine, part) for part in _sorted_out(labels.x, rows[~same])]
    subject = before.take(before.kind == SUBJECT)
    for mine, part in parts:
        if mine == SUBJECT:
            subject = subject + _one(labels.x[part])
    rows = np.flatnonzero(kind == OTHERS)
    if len(rows) > _MOST_SORTED and len(subject):
        rows = np.sort(rows[np.argsort(-_like(labels.x[rows], subject), kind="stable")[:_MOST_SORTED]])
    others = _sorted_out(labels.x, rows)
    room = max(8, _MOST_PERSONS - len(parts) - len(before))
    if len(others) > room and len(subject):
        means = np.stack([labels.x[part].mean(0) for part in others])
        nearest = np.argsort(-_like(means, subject), kind="stable")[:room]
        others = [others[number] for number in np.sort(nearest)]
    parts += [(OTHERS, part) for part in others[:room]]
    owner = np.full(len(labels.x), -1)
    if not parts:
        return Persons(), owner
    for number, (_, part) in enumerate(parts):
        owner[part] = number
    sums = np.stack([labels.x[part].sum(0, dtype=np.float64) for _, part in parts])
    counts = np.array([float(len(part)) for _, part in parts])
    return Persons.of(sums, counts, np.array([mine for mine, _ in parts])), owner


def left_out(labels: LabelledFaces, kind: Numbers, owner: Numbers, twin: Numbers, head: FaceHead) -> Doubles:
    """How much likelier the subject's than anybody else's each face is by what the others taught, (F,); -inf if unused.

    Without the faces of its photo and of that photo's twins, (N,), and without other shots of it. The head's last
    persons are those that `owner` numbers.
    """
    margins = np.full(len(labels.x), -np.inf)
    rows = np.flatnonzero(kind >= 0)
    if not len(rows):
        return margins
    dense = face_head.log_densities(labels.x[rows], head.persons).astype(np.float64)
    prior = face_head.priors(head.persons)
    first = len(head.persons) - (int(owner.max()) + 1)
    for number in range(int(owner.max()) + 1):
        mine = np.flatnonzero(owner[rows] == number)
        x, same = labels.x[rows[mine]], twin[labels.photo[rows[mine]]]
        for start in range(0, len(mine), 1024):
            some = slice(start, start + 1024)
            apart = (same[some, None] != same) & (face_head.squared_distances(x[some], x) >= _SAME_SHOT**2)
            column = np.full(len(apart), -np.inf)
            known = apart.any(1)
            if known.any():
                counts = apart[known].sum(1).astype(np.float64)
                sums = (apart[known].astype(np.float32) @ x).astype(np.float64)
                column[known] = _density(x[some][known], _persons_of(sums, counts)) + prior[first + number]
            dense[mine[some], first + number] = column
    alone = np.isneginf(dense[:, :-1][:, head.persons.kind == SUBJECT]).all(
        1
    )  # nothing of the subject is left
    margins[rows[~alone]] = face_head.margin(dense[~alone], head.persons.kind)
    return margins


def twins(twin: Numbers, labels: LabelledFaces) -> Numbers:
    """(N,) twins, joined where two photos have nearly the same face."""
    count = len(twin)
    _, place = np.unique(twin, return_inverse=True)
    _, first = np.unique(twin, return_index=True)
    pairs = [np.stack([np.arange(count), first[place]], 1)]
    for start in range(0, len(labels.x), 512):
        near = face_head.squared_distances(labels.x[start : start + 512], labels.x) < _SAME_SHOT**2
        one, other = np.nonzero(near)
        pairs.append(np.stack([labels.photo[one + start], labels.photo[other]], 1))
    one, other = np.concatenate(pairs).T
    group = np.arange(count)
    while True:
        before = group.copy()
        least = np.minimum(group[one], group[other])
        np.minimum.at(group, one, least)
        np.minimum.at(group, other, least)
        if (group == before).all():
            return group


def clashes(labels: LabelledFaces, kind: Numbers) -> tuple[tuple[int, int], ...]:
    """Pairs of photos, one of the subject and one not, in which the very same face was taken for both."""
    mine = np.flatnonzero((kind == SUBJECT) & labels.subject[labels.photo])[:_MOST_COMPARED]
    others = np.flatnonzero((kind > SUBJECT) & ~labels.subject[labels.photo])[-_MOST_COMPARED:]
    one, other = np.nonzero(face_head.squared_distances(labels.x[mine], labels.x[others]) < _VERY_SAME**2)
    return tuple(
        sorted(set(zip(labels.photo[mine[one]].tolist(), labels.photo[others[other]].tolist(), strict=True)))
    )


# -- who is like whom


def _alike(
    labels: LabelledFaces, rows: Numbers, told: Numbers, before: Persons, against: Floats
) -> tuple[Numbers, Doubles, Doubles]:
    """Of each photo that has some of `rows`, the face that is likest to the other photos', (M,) rows.

    And how much likelier each of them, (M,), and each of those `told` is of their person than a stranger's. What is
    like those `against` is passed over where there is another.
    """
    x, photo = labels.x, labels.photo
    if not len(rows):
        return rows, np.zeros(0), _like_the_rest(x[told], before)
    first = np.flatnonzero(np.diff(photo[rows], prepend=-1))
    sizes = np.diff(np.append(first, len(rows)))
    place = np.repeat(np.arange(len(first)), sizes)
    least = np.zeros(len(rows))
    several = sizes[place] > 1
    if len(against) and several.any():
        step = -(-len(against) // 512)
        least[several] = -np.clip(_pairs(x[rows[several]], against[::step]).max(1), 0, 5)
    known = before + _one(x[told])
    votes = (
        _votes(x[rows], first, place, sizes) if not len(known) else 4 * np.clip(_like(x[rows], known), -5, 5)
    )
    size = labels.size[rows]  # where nothing else tells, the largest
    votes += least + 0.1 * size / np.maximum(np.maximum.reduceat(size, first)[place], 1e-9)
    picked = _firsts(votes, place, first)
    for _ in range(5):
        all_of_them = x[np.concatenate([rows[picked], told])].sum(0, dtype=np.float64)
        others = len(picked) + len(told) - 1
        without = all_of_them - x[rows[picked]]
        like = _likeness(x[rows], without[place], np.full(len(rows), float(others)), before)
        again = _firsts(like + least, place, first) if others or len(before) else picked
        like = like[again]
        if (again == picked).all():
            break
        picked = again
    sums = x[np.concatenate([rows[picked], told])].sum(0, dtype=np.float64) - x[told]
    told_like = _likeness(x[told], sums, np.full(len(told), float(len(picked) + len(told) - 1)), before)
    return rows[picked], like, told_like


def _votes(x: Floats, first: Numbers, place: Numbers, sizes: Numbers) -> Doubles:
    """How well each face is confirmed by other photos: the likest face of each has a say."""
    order = np.argsort(
        sizes, kind="stable"
    )  # photos with few faces say the most; of too many, only they are asked
    asked = np.sort(order[: max(2, int((np.cumsum(sizes[order]) <= _MOST_COMPARED).sum()))])
    voters = np.concatenate([np.arange(first[one], first[one] + sizes[one]) for one in asked.tolist()])
    says = np.maximum.reduceat(
        np.clip(_pairs(x, x[voters]), -3, 5), np.flatnonzero(np.diff(place[voters], prepend=-1)), axis=1
    )
    says[place[:, None] == asked] = 0
    votes: Doubles = says.sum(1, dtype=np.float64)
    return votes


def _firsts(score: Doubles, place: Numbers, first: Numbers) -> Numbers:
    """The place of the highest score in each run, (M,)."""
    at = np.flatnonzero(score == np.maximum.reduceat(score, first)[place])
    found: Numbers = at[np.searchsorted(at, first)]
    return found


def _like(x: Floats, known: Persons) -> Doubles:
    """How much likelier each face is of one of these persons than a stranger's, (F,)."""
    dense = face_head.densities(x, known).astype(np.float64)
    like: Doubles = dense[:, :-1].max(1) - dense[:, -1]
    return like


def _pairs(one: Floats, other: Floats) -> Floats:
    """How much likelier each of `one` is of the same person as each of `other` than a stranger's, (A, B)."""
    dense = face_head.densities(one, _persons_of(other.astype(np.float64), np.ones(len(other))))
    return dense[:, :-1] - dense[:, -1:]


def _like_the_rest(x: Floats, before: Persons | None = None) -> Doubles:
    """How much likelier each face is of the same person as all the others together than a stranger's, (F,)."""
    counts = np.full(len(x), len(x) - 1.0)
    return _likeness(x, x.sum(0, dtype=np.float64) - x, counts, before or Persons())


def _likeness(x: Floats, sums: Doubles, counts: Doubles, before: Persons) -> Doubles:
    """How much likelier each face is of the person with its row of `sums`, or one of those `before`, than a stranger's.

    0 where neither is known.
    """
    like = np.full(len(x), -np.inf)
    known = counts > 0
    if known.any():
        like[known] = _density(x[known], _persons_of(sums[known], counts[known]))
        away = np.minimum(np.square(x[known] - MEAN).sum(1, dtype=np.float64), face_head.ODDEST)
        like[known] -= face_head.density(away, np.array([WITHIN + BETWEEN]))
    if len(before) and len(x):
        like = np.maximum(like, _like(x, before))
    return np.where(np.isneginf(like), 0, like)


def _density(x: Floats, own: Persons) -> Doubles:
    """How dense the faces of each person lie at that person's row of x, (P,)."""
    squared = np.square(x - own.mean).sum(1, dtype=np.float64)
    return face_head.density(squared, own.spread.astype(np.float64)).astype(np.float64)


def _persons_of(sums: Doubles, counts: Doubles) -> Persons:
    return Persons.of(sums, counts, np.zeros(len(sums), np.int16))


def _one(x: Floats) -> Persons:
    """The subject of all these faces; nobody of none."""
    return _persons_of(x.sum(0, dtype=np.float64)[None][: len(x)], np.array([float(len(x))])[: len(x)])


def _sorted_out(x: Floats, rows: Numbers) -> list[Numbers]:
    """The faces of each person, taken one after the other: to the person whose mean is nearest, or a new one."""
    parts: list[list[int]] = []
    means = np.zeros((len(rows), x.shape[1]), np.float32)
    for row in rows.tolist():
        away = np.square(means[: len(parts)] - x[row]).sum(1)
        near = int(away.argmin()) if parts else 0
        if parts and away[near] < _SAME_PERSON**2:
            means[near] += (x[row] - means[near]) / (len(parts[near]) + 1)
            parts[near].append(row)
        else:
            means[len(parts)] = x[row]
            parts.append([row])
    return [np.array(part) for part in parts]


def _thin(labels: LabelledFaces, kind: Numbers, subject: Persons) -> None:
    """Of a crowd of others in one photo, those that are likest to the subject will do; changes `kind`."""
    rows = np.flatnonzero((kind == OTHERS) & (labels.said < 0))
    often = np.bincount(labels.photo[rows], minlength=len(labels.subject))
    for photo in np.flatnonzero(often > _MOST_OTHERS_OF_A_PHOTO):
        here = rows[labels.photo[rows] == photo]
        order = np.argsort(-_like(labels.x[here], subject), kind="stable")
        kind[here[order[_MOST_OTHERS_OF_A_PHOTO:]]] = UNUSED
