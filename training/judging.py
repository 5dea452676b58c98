"""What was learned deep against the quick way, on photos that neither learned from; and how to train the same again."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import platform
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training import __version__, evaluate, extractors, head, judge, teach
from training.backbones import TunedNetwork
from training.evaluate import Figures
from training.events import Finished
from training.face_head import Evidence, FaceHead
from training.faces import FaceTable
from training.head import FittedHead, Head
from training.subject import SUFFIX, Subject
from training.tuning_control import Failure
from training.tuning_photos import Task, hash_of
from training.zones import Zones

SUBJECT = f"subject{SUFFIX}"
"""The new subject's file in the folder of the run."""

_LISTED = 10_000  # photos, of more than which a subject's file lists no hashes, but their common one


@dataclass(frozen=True)
class Tuned:
    """What training ends with: the network's weights as they are kept, the head over its features, and how it went."""

    tensors: dict[str, NDArray[Any]]
    head: Head
    best_epoch: int
    epochs: int
    device: str


def judged(
    task: Task, tuned: Tuned, champion: Subject | None, table: FaceTable | None = None, trouble: str = ""
) -> Finished:
    """Compare what was learned with the quick way on the photos held out; writes the new subject. Raises Failure.

    table: the faces in the photos, None where they are to play no part. Both judge by them as well, and by the same
    faces: training changed nothing about these. trouble: why there are none, a sentence that is passed on
    """
    all_, split = task.all, task.split
    truth, groups = all_.is_subject, np.array(all_.groups)
    network = TunedNetwork.of(tuned.tensors)
    spec = dataclasses.replace(task.spec, weights=network.weights)
    extractor = extractors.load(spec, network=network, exact=True)

    def described(numbers: NDArray[np.intp]) -> NDArray[Any]:
        rows = [extractor.run(all_.squares[numbers[i : i + 8]]) for i in range(0, len(numbers), 8)]
        return np.concatenate(rows).astype(np.float16)  # as they will be cached

    known = np.sort(np.concatenate([split.learn, split.check]))
    quick = head.fit(
        all_.features[known],
        truth[known],
        twins=task.twins[known],
        groups=groups[known],
        views=[view[known] for view in all_.views],
        parts=all_.parts,
        folds=teach.folds(len(known)),
    )
    forced = champion.evidence if champion is not None else ""
    met = _Faces.of(task, quick, table, forced)
    zones = champion.zones if champion is not None else Zones()
    held_truth, held_groups = truth[split.held], groups[split.held].tolist()
    new, by_face = met.judge(tuned.head, described(split.held), split.held)
    said = new, met.judge(quick.head, all_.features[split.held], split.held)[0]
    of_new, of_quick = (
        evaluate.measure(one, held_truth, held_groups, low=zones.low, high=zones.high) for one in said
    )
    better = is_better(
        *(
            (balanced_share(figures), _loss(one, held_truth))
            for figures, one in zip((of_new, of_quick), said, strict=True)
        )
    )
    subject = Subject(
        name=task.name,
        head=tuned.head,
        zones=zones,
        spec=spec,
        counts=dict(Counter(all_.groups)),
        figures=of_new,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        version=champion.version + 1 if champion is not None else 1,
        network=network,
        provenance=_provenance(task, tuned),
        faces=met.kept,
        evidence=forced,
    )
    file = task.folder / SUBJECT
    try:
        subject.save(file)
    except OSError as error:
        raise Failure(f"The new subject can't be written: {error.strerror or error}.") from error
    one, other = (per_cent(balanced_share(figures)) for figures in (of_new, of_quick))
    sentence = (
        f"On {len(split.held):,} photos that neither learned from, the deeply trained one is right about {one} of the"
        f" time and the quick one about {other}, {task.name} and others weighing the same."
    ) + _verdict(better, alike=one == other)
    if by_face:
        sentence += (
            f" Both know the face of {task.name} as well; it decides on {by_face:,} of these photos, where the training"
            " changed nothing."
            if met.alone
            else f" Both know the face of {task.name} as well, which has a say on {by_face:,} of these photos."
        )
    sentence = f"{sentence} {trouble}".strip()
    return Finished(str(file), of_new, of_quick, better, sentence)


@dataclass(frozen=True, slots=True)
class _Faces:
    """What is known of the subject's face beside the scene, whichever head and network look at that.

    measured: learned from the photos that are not held out, to be measured on those; kept: learned from all, for use
    """

    measured: FaceHead | None = None
    kept: FaceHead | None = None
    table: FaceTable | None = None

    @classmethod
    def of(cls, task: Task, quick: FittedHead, table: FaceTable | None, forced: str) -> _Faces:
        """Learn from all that was said of photos and faces.

        How far faces and scene can be trusted beside each other is found out with the quick way's scenes: of the photos
        that the network itself has learned from, it can't be asked any more.
        """
        if table is None:
            return cls()
        all_, split = task.all, task.split
        known = np.sort(np.concatenate([split.learn, split.check]))
        labelled = teach.labelled_faces(all_.photos, table, [bytes.fromhex(one) for one in all_.digests])
        told = np.full(len(all_.photos), np.nan, np.float32)
        told[known], told[split.held] = quick.out_of_fold, quick.head.score(all_.features[split.held])
        everything = dataclasses.replace(quick, out_of_fold=told)
        measured, kept = (
            of_faces.fit(scene, all_.is_subject[rows], task.twins[rows], task.name).faces
            for of_faces, scene, rows in (
                (labelled.take(known), quick, known),
                (labelled, everything, np.arange(len(told))),
            )
        )
        if forced and measured is not None:
            measured = dataclasses.replace(measured, evidence=Evidence(forced))
        return cls(measured, kept, table)

    def judge(
        self, scene: Head, vectors: NDArray[Any], rows: NDArray[np.intp]
    ) -> tuple[NDArray[np.float32], int]:
        """How likely photos show the subject, by their features and faces, and in how many a face has a say."""
        table = None if self.table is None else self.table.take(rows)
        judged_ = judge.judge(scene, self.measured, vectors, table)
        return judged_.probabilities, int(judged_.by_face.sum())

    @property
    def alone(self) -> bool:
        """Whether faces decide alone where there are any."""
        return self.measured is not None and self.measured.evidence is Evidence.FACES


def is_better(new: tuple[float, float], old: tuple[float, float]) -> bool:
    """Whether the new one, of (share right, loss), should take the old one's place.

    On few photos the share moves by chance, by a photo or two; the loss, which counts how sure it is of each, hardly
    does. So that decides, as long as the share is not lower.
    """
    return new[0] >= old[0] and new[1] < old[1]


def _loss(probabilities: NDArray[Any], truth: NDArray[np.bool_]) -> float:
    """How surprising the truth is on average, both sides weighing the same."""
    said = np.clip(probabilities.astype(np.float64), 1e-6, 1 - 1e-6)
    surprise = -np.log(np.where(truth, said, 1 - said))
    return float(head.class_balanced(np.ones(len(truth)), truth) @ surprise)


def balanced_share(figures: Figures) -> float:
    """The share of photos that is right, the subject and all others weighing the same."""
    shares = []
    for side in (True, False):
        some = [group for group in figures.groups if group.is_subject == side]
        shares.append(sum(group.right for group in some) / max(1, sum(group.photos for group in some)))
    return sum(shares) / 2


def per_cent(share: float) -> str:
    """A share, 0 to 1, in per cent, with a decimal only where it says something; the sign is never parted from it.

    Only a share of 1 is written as 100, and only one of 0 as 0.
    """
    rounded = round(100 * share, 1)
    if 0 < share < 1:
        rounded = min(max(rounded, 0.1), 99.9)
    return f"{rounded:g}\N{NARROW NO-BREAK SPACE}%"


def _verdict(better: bool, *, alike: bool) -> str:
    if not better:
        return " It is not better, so the old one can stay."
    return " It is as often right, and surer where it is." if alike else " It is the better one."


def _provenance(task: Task, tuned: Tuned) -> dict[str, Any]:
    """All that is needed to train the same again; of photos, only hashes."""
    versions = {"lennonnet": __version__, "python": platform.python_version()}
    for package in ("numpy", "torch", "timm", "pytorch-lightning"):
        versions[package] = importlib.metadata.version(package)
    truth = task.all.is_subject
    photos_ = {
        part: [("+" if truth[number] else "-") + task.all.digests[number] for number in numbers.tolist()]
        for part, numbers in (
            ("learned", task.split.learn),
            ("checked", task.split.check),
            ("held_out", task.split.held),
        )
    }
    listed = len(truth) <= _LISTED
    return {
        "method": "deep",
        "seed": task.settings.seed,
        "settings": dataclasses.asdict(task.settings),
        "versions": versions,
        "device": tuned.device,
        "epochs": tuned.epochs,
        "best_epoch": tuned.best_epoch,
        "manifest": hash_of(photos_),
        **({"photos": photos_} if listed else {}),
    }
