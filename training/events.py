"""How to train deep, and what happens on the way: settings and events, in one line of JSON each.

The window runs training as a process of its own, and knows no more of it than what is here.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from training import backbones
from training.evaluate import Figures

Command = Literal["go", "pause", "stop", "end"]
"""What may be wished of a training: to go on, to wait, to stop at once, or to end after the next checkpoint."""

Log = Literal["none", "csv", "tensorboard"]


# -- settings


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train; the defaults are what did best (docs/measurements.md).

    size: pixels of the square that the network looks at; 0 for what it was made for
    rate: the learning rate of the network's last stage; those before it learn more slowly, the classifier faster
    batch: photos at a time, at most; where there are few photos, fewer
    patience: after so many epochs without a better one, training ends early
    device, devices, num_nodes, strategy: as pytorch-lightning's Trainer takes them (device is its `accelerator`)
    """

    backbone: str = backbones.DEFAULT
    epochs: int = 10
    size: int = 0
    batch: int = 32
    rate: float = 1.5e-3
    device: str = "auto"
    devices: str = "1"
    num_nodes: int = 1
    strategy: str = "auto"
    seed: int = 1
    patience: int = 10
    log: Log = "none"

    def problem(self) -> str:
        """What is wrong with these settings, as a sentence; "" if nothing is."""
        for field in bounds():
            value = getattr(self, field.name)
            if not math.isfinite(value) or not (field.low <= value <= field.high or value == field.default):
                return f"{field.words} must lie between {field.low:g} and {field.high:g}, and {value:g} does not."
        if self.log not in get_args(Log):
            return f"“{self.log}” is no kind of log; there are {', '.join(get_args(Log))}."
        return ""


@dataclass(frozen=True, slots=True)
class Field:
    """One number among the settings: its default, what it may be, and what to call it."""

    name: str
    default: float
    low: float
    high: float
    words: str
    whole: bool = True


def bounds() -> tuple[Field, ...]:
    """The numbers among the settings, in the order in which a dialog shows them."""
    default = Settings()

    def field(name: str, low: float, high: float, words: str, *, whole: bool = True) -> Field:
        return Field(name, getattr(default, name), low, high, words, whole)

    return (
        field("epochs", 1, 200, "Epochs"),
        field("size", 64, 1024, "Image size in pixels"),  # and 0, the network's own
        field("batch", 1, 512, "Batch size"),
        field("rate", 1e-6, 0.1, "Learning rate", whole=False),
        field("patience", 1, 200, "Epochs without progress before it stops"),
        field("num_nodes", 1, 1024, "Machines"),
        field("seed", 0, 2**31 - 1, "Seed"),
    )


# -- events


FEW_FOR_DEEP = 30
"""With fewer photos of either kind, deep training has little to go by."""


class _Event:
    """What all events share: the way to one line of JSON, for whoever runs the training as a process of its own."""

    __slots__ = ()

    def to_json(self) -> str:
        """One line of JSON with the event's fields and its "kind", as `from_json` reads it."""
        fields = dataclasses.asdict(self)  # type: ignore[call-overload]
        return json.dumps({"kind": type(self).__name__.lower(), **fields}, ensure_ascii=True)


@dataclass(frozen=True, slots=True)
class FoundGroup:
    """The photos of one group that can be used, copies and twins included, and how many of them are held out."""

    group: str
    is_subject: bool
    photos: int
    held_out: int


@dataclass(frozen=True, slots=True)
class Found(_Event):
    """What there is to learn from.

    groups: the subject first; twins: photos that show the same shot as another one; repeated: exact copies, which
    count once; unreadable: (path, reason that reads on from it) of those left out, among them such as are gone;
    learned: photos that the network learns from; checked: photos on which it is checked after every epoch;
    held_out: photos on which old and new are compared in the end; words: sentences on what is lopsided;
    conflicts: paths of the same photo, which is said to be the subject and not to be; all of these are left out
    """

    groups: tuple[FoundGroup, ...]
    twins: int
    repeated: int
    unreadable: tuple[tuple[str, str], ...]
    learned: int
    checked: int
    held_out: int
    words: tuple[str, ...]
    conflicts: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Estimated(_Event):
    """How long training will take, from a measured short run."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Preparing(_Event):
    """What is being done before training, in words; `done` of `total` photos where that is known, else 0 of 0."""

    words: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Batch(_Event):
    """So many of all steps are done; loss and share right on the photos of this batch, as they were shown.

    epoch counts from 1; with the quick way there is none (0), and no loss: steps are photos looked at.
    """

    step: int
    steps: int
    epoch: int
    loss: float
    right: float
    photos_per_s: float
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Epoch(_Event):
    """An epoch is done: losses and shares right, both sides weighing the same, on photos learned from and checked."""

    number: int
    of: int
    training_loss: float
    validation_loss: float
    training_right: float
    validation_right: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Baseline(_Event):
    """What to compare an epoch's share right with, measured on the same photos: calling everything “not” (both sides
    weighing the same, that is one half), and the quick way. `photos` is on how many.
    """

    always_not: float
    quick: float
    photos: int


@dataclass(frozen=True, slots=True)
class Mistake:
    """A photo that is taken for what it is not, or nearly."""

    path: str
    probability: float
    is_subject: bool
    group: str = ""


@dataclass(frozen=True, slots=True)
class Mistakes(_Event):
    """The worst mistakes on the photos checked, worst first; none where all are right."""

    photos: tuple[Mistake, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint(_Event):
    """What was learned up to the end of this epoch is safe on the disk; `words` say so if it is not."""

    epoch: int
    words: str = ""


@dataclass(frozen=True, slots=True)
class Paused(_Event):
    """Training waits."""


@dataclass(frozen=True, slots=True)
class Resumed(_Event):
    """Training goes on after a pause."""


@dataclass(frozen=True, slots=True)
class Finished(_Event):
    """Training is done.

    file: where the new subject is; challenger and champion: what the new one and the quick one get right on the same
    held-out photos (champion is None where there was nothing to compare with, challenger where nothing was held out);
    better: whether the new one should be adopted; sentence: says all that in words; version: its number in the
    library (0: not there); adopted: whether it is the one in use now
    """

    file: str
    challenger: Figures | None
    champion: Figures | None
    better: bool
    sentence: str
    version: int = 0
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class Stopped(_Event):
    """Training ended without a new subject, and the old one stays; `words` say why, in sentences.

    can_resume: whether `resume` would go on from where this ended
    """

    words: str
    can_resume: bool = False


Event = (
    Found
    | Estimated
    | Preparing
    | Batch
    | Epoch
    | Baseline
    | Mistakes
    | Checkpoint
    | Paused
    | Resumed
    | Finished
    | Stopped
)
_KINDS: dict[str, type[Any]] = {kind.__name__.lower(): kind for kind in get_args(Event)}


def from_json(line: str) -> Event:
    """The event that `to_json` wrote. Raises ValueError for anything else."""
    try:
        fields: dict[str, Any] = json.loads(line)
        kind = _KINDS[fields.pop("kind")]
        for name in ("challenger", "champion"):
            if fields.get(name) is not None:
                fields[name] = Figures.from_dict(fields[name])
        fields = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
        if kind is Found:
            fields["groups"] = tuple(FoundGroup(**group) for group in fields["groups"])
            fields["unreadable"] = tuple((path, reason) for path, reason in fields["unreadable"])
            fields["conflicts"] = tuple(tuple(paths) for paths in fields["conflicts"])
        elif kind is Mistakes:
            fields["photos"] = tuple(Mistake(**photo) for photo in fields["photos"])
        event: Event = kind(**fields)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"not an event of a training: {line[:80]!r}") from error
    return event
