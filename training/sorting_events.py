"""What happens while photos are sorted or brought back, as events; and what may be wished meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Literal

from training.sorting import Action, Row

Command = Literal["go", "pause", "stop", "end"]
"""What may be wished of a run: to go on, to wait, or to stop (two names for it, as the trainer has them)."""

Control = Callable[[], Command]


@dataclass(frozen=True, slots=True)
class Counts:
    """What came of a run's photos; left: not done yet, because it was stopped; bytes: of what was moved."""

    moved: int = 0
    skipped: int = 0
    failed: int = 0
    left: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Settled:
    """What a crash had left half done was brought to an end; `words` say it.

    finished: photos that are where they go now; back: those that are where they were
    """

    run: int
    finished: int
    back: int
    words: str


@dataclass(frozen=True, slots=True)
class Started:
    """A run begins; rows, bytes: what is to be done; of tags, no bytes."""

    run: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A photo and its companions are where they go: `row.target`, or, of an undo, `row.file.path` again.

    Of tags: its sidecars have them, or, of an undo, are as they were.
    number: of the row in its plan; note: what is not as it should be all the same, or ""
    """

    number: int
    row: Row
    note: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Nothing had to be done with a photo; `why` are words that follow its name."""

    number: int
    row: Row
    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A photo and its companions are where they were; `why` are words that follow the photo's name."""

    number: int
    row: Row
    why: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is, of the rows and bytes that Started named; seconds_left is None as long as it can't be told."""

    files: int
    bytes: int
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class Paused:
    """It waits, and says so again and again."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """It goes on."""


@dataclass(frozen=True, slots=True)
class Finished:
    """All is done that could be; `words` say what."""

    run: int
    counts: Counts
    words: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """It was stopped on request; `words` say what is done. `resume` goes on, `undo` brings back."""

    run: int
    counts: Counts
    words: str


Event = Settled | Started | Moved | Skipped | Failed | Progress | Paused | Resumed | Finished | Stopped
Events = Generator[Event, None, None]


def go() -> Command:
    """Go on: what is wished where nobody says anything."""
    return "go"


DONE_WORDS = {Action.MOVE: "moved", Action.COPY: "copied", Action.LINK: "linked", Action.TAG: "tagged"}
"""What was done with photos."""


def photo_words(number: int) -> str:
    """A number of photos in words."""
    return f"{number:,} photo{'' if number == 1 else 's'}"
