"""Whether a training goes on, waits or ends: what was wished, what went wrong, and who else is at it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from training.events import Command, Event, Paused, Resumed


class CannotTrain(Exception):
    """Nothing can be learned from these photos or with these settings; the message is a sentence for the user."""


class Stop(Exception):
    """Somebody wants the training to end."""


class Failure(Exception):
    """Training can't go on; the message is a sentence for the user."""


class NotFinite(Exception):
    """The loss is no number any more."""


class Control:
    """Asks whether to go on, wait or stop, and tells of pauses."""

    def __init__(self, ask: Callable[[], Command]) -> None:
        self._ask = ask
        self.closed = threading.Event()
        self.learning = False  # before that, there is nothing to lose

    def stopping(self) -> bool:
        """Whether to stop at once."""
        return self.closed.is_set() or self._ask() == "stop" or (self._ask() == "end" and not self.learning)

    def ending(self) -> bool:
        """Whether to end after the next checkpoint."""
        return self._ask() == "end"

    def check(self, tell: Callable[[Event], None]) -> None:
        """Return when to go on. Raises Stop."""
        paused = False
        while True:
            if self.stopping():
                raise Stop
            if self._ask() != "pause":
                break
            if not paused:
                paused = True
                tell(Paused())
            self.closed.wait(0.1)
        if paused:
            tell(Resumed())


@contextlib.contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Keep every other training out of a folder. Raises CannotTrain."""
    if rank() > 0:  # started by the one that owns it
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = sqlite3.connect(folder / "lock", timeout=0, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise CannotTrain(f"“{folder}” can't be written ({getattr(error, 'strerror', error)}).") from error
    try:
        try:
            lock.execute("BEGIN EXCLUSIVE")  # given up by the system when the process ends, however it does
        except sqlite3.Error as error:
            raise CannotTrain("This subject is already being trained. Wait for that, or stop it.") from error
        yield
    finally:
        lock.close()


def rank() -> int:
    """The number of this process among those that train together; 0 where it is the only one."""
    for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return 0
