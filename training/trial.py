"""A trial of something that the program promises, and what came of it; imports next to nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

Trial = Callable[[Path], str]
"""Gets an empty folder and returns, in a few words, what holds. Raises Lie; any other exception is as bad."""


class Lie(Exception):
    """Something that the program promises does not hold; the message says what, in a sentence or a part of one."""


@dataclass(frozen=True, slots=True)
class Check:
    """What came of a trial, and how many seconds it took; `words`: what holds, or what does not."""

    name: str
    words: str
    ok: bool
    seconds: float


def checks(
    trials: Sequence[tuple[str, Trial]], folder: Path, begins: Callable[[str], None] = lambda name: None
) -> Iterator[Check]:
    """Carry out trials one by one, whatever comes of them; each gets an empty folder in `folder`.

    begins: is told the name of each before it is begun
    """
    for name, trial in trials:
        begins(name)
        place = folder / name
        start = time.perf_counter()
        try:
            place.mkdir(parents=True)
            words, ok = trial(place), True
        except Exception as error:
            words, ok = str(error) if isinstance(error, Lie) else last_line(error), False
        yield Check(name, words, ok, time.perf_counter() - start)


def last_line(error: BaseException) -> str:
    """An exception as the last line of its traceback, and where it was raised."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    where = "" if at is None else f" ({Path(at.tb_frame.f_code.co_filename).name}, line {at.tb_lineno})"
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"
