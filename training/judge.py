"""Is it John? The faces of a photo and the scene, each calibrated by itself, and which of them carries the subject.

A photo with faces is the subject's if one of its faces is; a photo without is judged by its scene, by a calibration of
its own. Whether faces say anything of the subject is asked of the labels: what each kind of evidence says of a labelled
photo, having learned from the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training import evaluate
from training.face_head import SUBJECT, Evidence, FaceHead, Persons
from training.faces import FaceTable
from training.head import Doubles, FittedHead, Floats, Head, class_balanced, log_loss, sigmoid
from training.zones import Zones

if TYPE_CHECKING:
    from training.face_roles import FaceVerdict, LabelledFaces, Roles
    from training.refit import Refitted

Numbers = NDArray[np.intp]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What is said of N photos with F faces.

    probabilities: (N,) float32; by_face: (N,) bool, whether a face decided, and not the scene alone
    face: (N,) int32, the deciding face's number within its photo, or -1
    face_probabilities: (F,) float32, one for each row of the table; NaN where the subject's face is not known
    """

    probabilities: Floats
    by_face: Flags
    face: NDArray[np.int32]
    face_probabilities: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What the labels taught about faces.

    faces: None where the scene is all there is; evidence: what decides; words: why, a sentence for the user
    chosen: (N,) int32, which face of each photo of the subject is taken for the subject's, or -1
    guessing: there are too few labels to learn from
    contradictions: numbers of photos whose labels don't go together, and what is wrong, in a sentence for the user
    """

    faces: FaceHead | None
    evidence: Evidence
    words: str
    chosen: NDArray[np.int32]
    guessing: bool
    contradictions: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What a labelled collection taught, and how it did on photos that it did not learn from.

    faces: None where there are no faces of the subject; out_of_fold: (N,) float32 probabilities, NaN as in FittedHead
    by_face: (N,) bool, whether a face decided in that
    """

    faces: FaceHead | None
    out_of_fold: Floats
    by_face: Flags
    words: str = ""


# -- judging


UNTOLD, NO_FACE, NOT_HIS, HIS = range(4)
"""What was said of a face by the user: nothing, that it is none, that it is another's, that it is the subject's."""


def judge(
    head: Head,
    faces: FaceHead | None,
    vectors: NDArray[Any],
    table: FaceTable | None,
    told: NDArray[np.int8] | None = None,
) -> Judged:
    """Score N photos by their features, (N, D), and their faces; `told`, (F,), is what was said of these, if anything.

    Without a face head or a table, and where nobody has looked for faces, the scene alone decides: as `head` scores it.
    A photo's result does not depend on those of others. Raises ValueError where features and table don't fit.
    """
    scene = head.score(vectors)
    count = len(scene)
    if table is not None and len(table) != count:
        raise ValueError(f"features of {count} photos don't go with the faces of {len(table)}")
    if faces is None or table is None:
        rows = 0 if table is None else len(table.rows)
        nobody = np.full(count, -1, np.int32)
        return Judged(scene, np.zeros(count, bool), nobody, np.full(rows, np.nan, np.float32))
    return _fused(scene, faces, table, told)


def _fused(scene: Floats, faces: FaceHead, table: FaceTable, told: NDArray[np.int8] | None = None) -> Judged:
    """What faces and scene, (N,) probabilities, say together; what the user said of a face beats what it looks like."""
    odds = faces.log_odds(table.rows["descriptor"])
    if told is not None:
        odds = np.where(told == HIS, np.float32(_SURE), np.where(told == NOT_HIS, np.float32(-_SURE), odds))
    said = np.asarray(sigmoid(odds), np.float32)
    by_face, face = np.zeros(len(scene), bool), np.full(len(scene), -1, np.int32)
    if faces.evidence is Evidence.SCENE:
        return Judged(scene, by_face, face, said)
    real, start = np.arange(len(odds)), table.start  # of what is a face
    if told is not None and (told == NO_FACE).any():
        real = np.flatnonzero(told != NO_FACE)
        start = np.searchsorted(real, table.start)
    by_face, most, best = _best(odds[real], start)
    best = (real[start[:-1][by_face] + best] - table.start[:-1][by_face]).astype(np.int32)
    face[by_face] = best
    logit = _log_odds(scene)
    slope, offset = faces.bare
    bare = table.looked & ~by_face
    result = scene.copy()
    result[bare] = sigmoid(slope * logit[bare] + offset).astype(np.float32)
    if faces.evidence is Evidence.FACES:
        result[by_face] = said[table.start[:-1][by_face] + best]
    else:
        a, b, c = faces.both
        result[by_face] = sigmoid(a * most + b * logit[by_face] + c).astype(np.float32)
    return Judged(result, by_face, face, said)


def wants_thorough(judged: Judged, table: FaceTable, zones: Zones) -> Flags:
    """Which of N photos, looked at quickly, have no clear answer yet, (N,): another, thorough look may pay there."""
    p = judged.probabilities
    unclear = (p >= _HARDLY * zones.low) & (p < zones.high)
    found: Flags = table.looked & unclear
    return found


_HARDLY = 0.001  # below this part of the lower threshold, hardly anything that is found changes an answer


_SURE = 30.0  # log odds of what the user said


def _best(odds: NDArray[Any], begin: NDArray[np.int64]) -> tuple[Flags, Doubles, NDArray[np.int32]]:
    """Which photos have faces, (N,), and of each of those the most that is said of one, and of which, (M,)."""
    counts = np.diff(begin)
    faced = counts > 0
    if not faced.any():
        return faced, np.zeros(0), np.zeros(0, np.int32)
    start = begin[:-1][faced]
    most = np.maximum.reduceat(odds, start)
    at = np.flatnonzero(odds == np.repeat(most, counts[faced]))  # the first of those that say the most
    best = at[np.searchsorted(at, start)] - start
    return faced, most.astype(np.float64), best.astype(np.int32)


def _log_odds(probabilities: NDArray[Any]) -> Doubles:
    p = np.clip(probabilities.astype(np.float64), 1e-7, 1 - 1e-7)
    odds: Doubles = np.log(p) - np.log1p(-p)
    return odds


# -- learning

_HOLD = (20.0, 2.0)  # what is known beforehand of how far faces can be trusted is worth so many photos
_HOLD_BARE = (5.0, 2.0)  # the same of the scene of photos without a face
_HOLD_BOTH = (20.0, 5.0, 2.0)
_BOTH = (1.0, 0.3, 0.0)  # before any label: a face counts thrice as much as the scene
_STARTED = 20.0  # photos that a starter's experience counts as
_MOST_SHARE = 20.0  # faces that those of a starter's subject count as, beside the user's
_AGAINST = {Evidence.FACES: 0.0, Evidence.BOTH: 2.0, Evidence.SCENE: 2.0}
_AGAINST_A_STARTER = 4.0  # how much more must be lost by what a starter went by
_ENOUGH_TO_TELL = 4  # photos of the subject, from which on most must show one face for faces to decide
_MOST_EXAMPLES = 2000  # of the subject's faces, and as many of others, that are kept to explain with


def learn(
    starter: FaceHead | None,
    vectors: NDArray[Any],
    is_subject: ArrayLike,
    *,
    groups: Sequence[str],
    digests: Sequence[bytes],
    table: FaceTable,
    scene: Refitted,
    face_said: Sequence[Mapping[int, FaceVerdict]] = (),
    weights: ArrayLike | None = None,
    forced: Evidence | None = None,
    name: str = "the subject",
) -> Learned:
    """Learn from N labelled photos whose face the subject's is, and whether faces or the scene tell it best.

    starter: what was known before; vectors: (N, D) features; groups: look-alikes' ids or ""; digests: 16 bytes each
    table: their faces; scene: what `refit` made of the same labels; face_said: what was said of single faces of each
    weights: (N,) from 0 up, as for `refit`; forced: what the user wants to decide; name: the subject's, for words

    The same input gives the same. Raises ValueError where the arguments are not of the same photos.
    """
    from training.face_roles import LabelledFaces  # late: a window that opens has not learned yet

    before = starter.groups if starter is not None else ()
    labels = LabelledFaces.of(
        is_subject, groups, table, face_said=face_said, weights=weights, known_groups=before
    )
    count = len(labels.subject)
    if not len(vectors) == len(digests) == len(scene.left_out) == count:
        raise ValueError("Features, labels and faces must be of the same number of photos.")
    taught = _taught(starter, labels, scene.left_out, np.arange(count), digests)
    contradictions = _contradictions(labels, taught, name)
    faces = taught.head
    evidence = Evidence.SCENE
    if faces is not None:
        evidence = forced or faces.evidence
        faces = replace(faces, evidence=evidence)
    own = int((taught.roles.chosen >= 0).sum())
    return Learned(
        faces,
        evidence,
        _words(evidence, forced, labels, taught, name),
        taught.roles.chosen,
        scene.guessing and (evidence is Evidence.SCENE or own < 2),
        contradictions,
    )


def fit(
    fitted: FittedHead,
    is_subject: ArrayLike,
    *,
    groups: Sequence[str],
    twins: ArrayLike,
    table: FaceTable,
    digests: Sequence[bytes] | None = None,
    face_said: Sequence[Mapping[int, FaceVerdict]] = (),
    folds: int = 20,
    name: str = "the subject",
) -> Fitted:
    """Learn whose face the subject's is from a labelled collection, and measure that on photos left out.

    fitted: what `head.fit` made of the same photos' scenes; groups: (N,) what each photo is called; a group whose
    faces are of one person is a look-alike's. twins: (N,) as for `head.fit`; photos of nearly the same face are
    twins too. face_said: what was said of single faces of each
    """
    from training import face_roles
    from training.face_roles import LabelledFaces

    subject = np.asarray(is_subject, bool)
    names = ["" if side else group for side, group in zip(subject.tolist(), groups, strict=True)]
    labels = LabelledFaces.of(subject, names, table, face_said=face_said)
    told = fitted.out_of_fold
    known = bool(np.isfinite(told).all())
    scene = _log_odds(told) if known else np.full(len(subject), np.nan)
    twin = face_roles.twins(np.asarray(twins), labels)
    sources = [bytes(16)] * len(subject) if digests is None else digests
    taught = _taught(None, labels, scene, twin, sources)
    evidence = taught.head.evidence if taught.head is not None else Evidence.SCENE
    words = _words(evidence, None, labels, taught, name)
    probabilities, by_face = np.array(told, np.float32), np.zeros(len(subject), bool)
    if taught.head is None or not known:
        return Fitted(taught.head, probabilities, by_face, words)
    fold = evaluate.folds(twin, np.unique(names, return_inverse=True)[1] * 2 + subject, folds)
    for number in np.unique(fold):
        these, others = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        some = LabelledFaces.of(
            subject[others],
            [names[one] for one in others.tolist()],
            table.take(others),
            face_said=[face_said[one] for one in others.tolist()] if face_said else (),
        )
        left = _taught(None, some, scene[others], twin[others], [bytes(16)] * len(others)).head
        if left is not None:
            said = _fused(told[these], left, table.take(these))
            probabilities[these], by_face[these] = said.probabilities, said.by_face
    return Fitted(taught.head, probabilities, by_face, words)


@dataclass(frozen=True, slots=True, eq=False)
class _Taught:
    """A face head, None where no face of the subject is known, and what came out on the way."""

    head: FaceHead | None
    roles: Roles
    clashes: tuple[tuple[int, int], ...]


def _taught(
    starter: FaceHead | None, labels: LabelledFaces, scene: Doubles, twin: Numbers, digests: Sequence[bytes]
) -> _Taught:
    """Who is who among the faces, what they lie around, how far to trust that, and what carries the subject.

    scene: (N,) log odds by the scene as learned from the other photos, or NaN; twin: (N,) what is left out together
    """
    from training import face_roles

    known = _with_less_weight(starter.persons) if starter is not None else Persons()
    roles = face_roles.roles(labels, known)
    persons, owner = face_roles.persons(labels, roles.kind, known)
    head = replace(starter or FaceHead(Persons()), persons=known + persons, groups=labels.groups)
    clashes = face_roles.clashes(labels, roles.kind)
    if not (head.persons.kind == SUBJECT).any():
        return _Taught(None, roles, clashes)
    margins = face_roles.left_out(labels, roles.kind, owner, twin, head)
    # What each photo's faces say: of the subject's photo his face, of any other the one that is most like him.
    telling = (roles.kind >= 0) & ((roles.kind == SUBJECT) == labels.subject[labels.photo])
    most = np.full(len(labels.subject), -np.inf)
    np.maximum.at(most, labels.photo[telling], margins[telling])
    head = _calibrated(head, starter, labels, most, scene)
    head = replace(head, evidence=_carried(head, starter, labels, roles, most, scene))
    return _Taught(_named(_with_examples(head, labels, roles, digests)), roles, clashes)


def _with_less_weight(before: Persons) -> Persons:
    """A starter's persons: its subject must not outweigh what the user says of him now."""
    share, mine = before.share.copy(), before.kind == SUBJECT
    share[mine] *= min(1.0, _MOST_SHARE / max(float(share[mine].sum()), 1e-9))
    return replace(before, share=share)


def _with_examples(head: FaceHead, labels: LabelledFaces, roles: Roles, digests: Sequence[bytes]) -> FaceHead:
    """The head with the faces that it learned from, for explaining; a starter's are nobody's photos here."""
    used = np.flatnonzero(roles.kind >= 0)
    for side in (roles.kind[used] == SUBJECT, roles.kind[used] != SUBJECT):
        if side.sum() > _MOST_EXAMPLES:
            odds = np.where(side, head.log_odds(labels.x[used]), np.inf)
            used = np.delete(used, np.argsort(odds, kind="stable")[: side.sum() - _MOST_EXAMPLES])
    sources = b"".join(digests[photo][:16].ljust(16, b"\0") for photo in labels.photo[used].tolist())
    return replace(
        head,
        examples=np.concatenate([head.examples, labels.x[used].astype(np.float16)]),
        kind=np.concatenate([head.kind, roles.kind[used].astype(np.int16)]),
        digests=np.concatenate(
            [np.zeros_like(head.digests), np.frombuffer(sources, np.uint8).reshape(-1, 16)]
        ),
        numbers=np.concatenate([np.full_like(head.numbers, -1), labels.number[used].astype(np.int32)]),
    )


def _named(head: FaceHead) -> FaceHead:
    """The head without the names of groups of which no face is known."""
    seen = {*head.persons.kind.tolist(), *head.kind.tolist()}
    kept = [number for number in range(len(head.groups)) if 2 + number in seen]
    kinds = np.array(
        [0, 1, *(2 + kept.index(n) if n in kept else 0 for n in range(len(head.groups)))], np.int16
    )
    return replace(
        head,
        groups=tuple(head.groups[number] for number in kept),
        persons=replace(head.persons, kind=kinds[head.persons.kind]),
        kind=kinds[head.kind],
    )


# -- how far to trust it


def _calibrated(
    head: FaceHead, starter: FaceHead | None, labels: LabelledFaces, most: Doubles, scene: Doubles
) -> FaceHead:
    """Calibrate faces, photos without a face, and both together, on what was left out."""
    subject, own = labels.subject, labels.own
    counts = (own > 0) & labels.looked
    faced = np.zeros(len(subject), bool)
    faced[labels.photo[~labels.ignored]] = True
    told = counts & np.isfinite(most)
    columns = np.stack([np.where(told, most, 0), scene, np.ones(len(scene))], 1)
    weights = _even(subject, np.where(told, own, 0))
    slope, offset = _regression(
        columns[told][:, [0, 2]], subject[told], weights[told], (head.slope, head.offset), _HOLD
    )
    slope = max(slope, 0.05)
    columns[:, 0] = slope * columns[:, 0] + offset

    sides = [own[counts & side & which].sum() for side in (subject, ~subject) for which in (faced, True)]
    seen = np.array(sides, np.float64)
    start = 1.0, _rarer(seen)
    if starter is not None:
        old = np.array(starter.faced)
        old *= np.repeat(np.minimum(1, _STARTED / np.maximum(old[[1, 3]], 1e-9)), 2)
        seen += old
        start = starter.bare[0], starter.bare[1] + _rarer(seen) - _rarer(old)
    bare = counts & ~faced & np.isfinite(scene)
    # Both sides count the same with their faces, so that what is left counts as rarely as it is.
    share = _even(subject, np.where(counts, own, 0))
    alone = _regression(columns[bare][:, 1:], subject[bare], share[bare], start, _HOLD_BARE)

    two = told & np.isfinite(scene)
    start_both = starter.both if starter is not None else _BOTH
    both = _regression(
        columns[two], subject[two], _even(subject, np.where(two, own, 0))[two], start_both, _HOLD_BOTH
    )
    return replace(
        head,
        slope=slope,
        offset=offset,
        bare=(max(alone[0], 0.05), alone[1]),
        both=(max(both[0], 0.0), max(both[1], 0.0), both[2]),
        faced=(float(seen[0]), float(seen[1]), float(seen[2]), float(seen[3])),
    )


def _rarer(seen: Doubles) -> float:
    """How much rarer a photo without a face is among the subject's than among others, as a logarithm.

    seen: as FaceHead.faced. Before any photo was seen, it is one in five of the subject's, and one in two of others.
    """
    return float(
        np.log((seen[1] - seen[0] + 1) / (seen[1] + 5)) - np.log((seen[3] - seen[2] + 1) / (seen[3] + 2))
    )


def _carried(
    head: FaceHead,
    starter: FaceHead | None,
    labels: LabelledFaces,
    roles: Roles,
    most: Doubles,
    scene: Doubles,
) -> Evidence:
    """Which evidence said best what the labels are, of photos left out; the scene where few show the subject's face."""
    from training import face_roles

    subject, own = labels.subject, labels.own
    counts = (own > 0) & labels.looked
    photos = int((counts & subject).sum())
    shown = int((counts & subject & (roles.chosen >= 0)).sum())
    agreeing = int((counts & subject & (roles.likeness >= face_roles.AGREES) & (roles.chosen >= 0)).sum())
    if starter is None and (2 * shown < photos or (photos >= _ENOUGH_TO_TELL and 2 * agreeing < photos)):
        return Evidence.SCENE
    measured = counts & np.isfinite(scene)
    usual = starter.evidence if starter is not None else Evidence.FACES
    if not (measured & subject).any() or not (measured & ~subject).any():
        return usual
    told = np.isfinite(most)
    face = np.where(
        told, head.slope * np.where(told, most, 0) + head.offset, head.bare[0] * scene + head.bare[1]
    )
    both = np.where(told, head.both[0] * face + head.both[1] * scene + head.both[2], face)
    weights = _even(subject, np.where(measured, own, 0))[measured]
    sign = np.where(subject, 1, -1)[measured]
    loss = {}
    for evidence, said in ((Evidence.FACES, face), (Evidence.BOTH, both), (Evidence.SCENE, scene)):
        loss[evidence] = float((weights * log_loss(sign * said[measured])).sum()) + _AGAINST[evidence]
        if starter is not None and evidence is not usual:
            loss[evidence] += _AGAINST_A_STARTER
    return min(loss, key=lambda evidence: loss[evidence])


def _even(subject: Flags, own: Doubles) -> Doubles:
    """Weights by which both sides count the same, each as much as the smaller; all count alike where one is missing."""
    yes, no = float(own[subject].sum()), float(own[~subject].sum())
    return 2 * min(yes, no) * class_balanced(own, subject) if yes > 0 and no > 0 else own


def _regression(
    columns: Doubles, subject: Flags, weights: Doubles, start: Sequence[float], hold: Sequence[float]
) -> list[float]:
    """Logistic regression, each of its numbers held at its `start` by a prior that is worth about `hold` photos."""
    begin, held, sign = np.array(start, np.float64), np.array(hold, np.float64), np.where(subject, 1.0, -1.0)

    def loss(at: Doubles) -> float:
        surprise = weights * log_loss(sign * (columns @ at))
        return float(surprise.sum() + 0.5 * (held * np.square(at - begin)).sum())

    at, now = begin, loss(begin)
    for _ in range(30):
        p = sigmoid(columns @ at)
        slope = columns.T @ (weights * (p - subject)) + held * (at - begin)
        bend = (columns.T * (weights * p * (1 - p))) @ columns + np.diag(held)
        step = np.linalg.solve(bend, slope)
        length = 1.0
        while (then := loss(at - length * step)) > now and length > 1e-4:
            length /= 2
        if now - then < 1e-9 * (1 + abs(now)):
            break
        at, now = at - length * step, then
    return [float(value) for value in at]


# -- what to say


def _contradictions(labels: LabelledFaces, taught: _Taught, name: str) -> tuple[tuple[int, str], ...]:
    found: dict[int, str] = {}
    count = len(labels.subject)
    his = np.bincount(labels.photo[labels.said == SUBJECT], minlength=count) > 0
    real = np.bincount(labels.photo[~labels.ignored], minlength=count)
    others = np.bincount(labels.photo[(labels.said > SUBJECT) & ~labels.ignored], minlength=count)
    for photo in np.flatnonzero(~labels.subject & his).tolist():
        found[photo] = f"This photo is labelled as not {name}, but a face in it as {name}."
    for photo in np.flatnonzero(labels.subject & (real > 0) & (real == others)).tolist():
        found[photo] = f"This photo is labelled {name}, but every face in it as somebody else."
    for one, other in taught.clashes:
        found.setdefault(one, f"The same face is in a photo that is labelled as not {name}.")
        found.setdefault(other, f"The same face is in a photo that is labelled {name}.")
    for photo in taught.roles.doubtful:
        found.setdefault(photo, f"No face in this photo is like those in the other photos of {name}.")
    return tuple(sorted(found.items()))


_DECIDED = {
    Evidence.FACES: "Decided by faces",
    Evidence.SCENE: "Decided by the whole picture",
    Evidence.BOTH: "Decided by faces and the whole picture",
}


def _words(
    evidence: Evidence, forced: Evidence | None, labels: LabelledFaces, taught: _Taught, name: str
) -> str:
    """What decides, and why."""
    from training import face_roles

    what, counts = _DECIDED[evidence], labels.subject & (labels.own > 0)
    photos, shown = int(counts.sum()), int((counts & (taught.roles.chosen >= 0)).sum())
    if taught.head is None:
        if len(labels.looked) and not labels.looked.any():
            return f"{what}: no faces have been looked for yet."
        return f"{what}: no face of {name} is known yet."
    if forced is not None:
        return f"{what}, as you chose."
    if not photos:
        return f"{what}."
    if evidence is Evidence.SCENE and 2 * shown < photos:
        return f"{what}: {shown or 'none'} of {photos} labelled photos of {name} {_shows(shown)} a face."
    if photos == 1:
        return f"{what}, as far as one labelled photo of {name} tells."
    same = int((counts & (taught.roles.chosen >= 0) & (taught.roles.likeness >= face_roles.AGREES)).sum())
    if evidence is Evidence.SCENE and 2 * same < photos:
        return f"{what}: the labelled photos of {name} don’t show the same face."
    if evidence is Evidence.SCENE:
        return f"{what}: it tells the labelled photos of {name} better than faces do."
    return f"{what}: {same} of {photos} labelled photos of {name} {_shows(same)} the same face."


def _shows(count: int) -> str:
    return "shows" if count == 1 else "show"
