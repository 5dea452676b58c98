"""A training at work in a process of its own: started, listened to, paused and stopped from the window.

A network in training wants gigabytes and every processor, and what it runs on may take it down with a crash. In a
process of its own it can do neither to the window, and whatever happens to it is a sentence, not the end.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal, Slot

import training
from training import finetune

log = logging.getLogger("lennonnet")

PATIENCE_MS = 20_000
"""How long a trainer that was asked to stop may take to put its things in order before it is ended."""

OUT_OF_MEMORY = "The computer ran out of memory, or the training was ended from outside."

_REFUSED = 2  # the exit status of a command that can't be carried out; it says why on stderr
_INTERRUPTED = 130
_BUDGET_S = 0.004  # how long events may be handed out before the window gets its turn
_MOST_DETAILS = 200  # lines of what the trainer said beside its events
_MOST_LINE = 8 << 20  # bytes; nothing that a trainer says is as long


def trainer_command() -> list[str]:
    """The command that runs `python -m training`, from a checkout, an installation or a bundle."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "--as-trainer"]
    return [sys.executable, "-m", "training"]


class TrainingRun(QObject):
    """One run of the trainer: `reported` tells its events, in order; `ended`, once and last, how it ended.

    `ended` carries a sentence, "" if all went well, and whether the trainer crashed: then what it had finished is
    kept, and a run with --resume goes on from there. What the trainer refuses is no crash.
    """

    reported = Signal(object)
    ended = Signal(str, bool)

    def __init__(
        self,
        command: Sequence[str] | None = None,
        *,
        patience_ms: int = PATIENCE_MS,
        decode: Callable[[str], object] = finetune.from_json,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._command = list(command) if command is not None else trainer_command()
        self._decode = decode
        self._waiting = bytearray()  # what came and is not handed out yet
        self._words: deque[str] = deque(maxlen=_MOST_DETAILS)
        self._unfinished_words = b""
        self._asked_to_stop = self._over = self._started = False
        self._process = QProcess(self)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.readyReadStandardError.connect(self._read_words)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._error)
        self._again = QTimer(self, singleShot=True, interval=0)
        self._again.timeout.connect(self._hand_out)
        self._patience = QTimer(self, singleShot=True, interval=patience_ms)
        self._patience.timeout.connect(self.kill)

    # What it is told

    def start(self, arguments: Sequence[str]) -> None:
        """Run the trainer with `arguments`, such as ["fit", ...]; once. Raises ValueError for what can't be passed on.

        Returns at once; a program that is not there comes as `ended`.
        """
        assert not self._started
        for word in arguments:
            if not _can_be_passed_on(word):
                raise ValueError(word)
        self._started = True
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONIOENCODING", "utf-8:backslashreplace")
        environment.insert("PYTHONUNBUFFERED", "1")
        self._process.setProcessEnvironment(environment)
        root = Path(training.__file__).parent.parent
        if root.name != "site-packages" and not getattr(sys, "frozen", False):
            self._process.setWorkingDirectory(str(root))  # where `-m training` finds a checkout's
        program, *first = self._command
        self._process.start(program, [*first, *arguments])

    def pause(self) -> None:
        """Ask for a rest; it takes effect with the next batch, and is reported as an event."""
        self._tell("pause")

    def go(self) -> None:
        """Ask to go on after a rest."""
        self._tell("go")

    def stop(self) -> None:
        """Ask for a clean stop. A trainer that is still at it when patience is at its end is ended."""
        if self.running and not self._asked_to_stop:
            self._asked_to_stop = True
            self._tell("stop")
            self._patience.start()

    @Slot()
    def kill(self) -> None:
        """End the trainer at once; its last checkpoint stays."""
        if self.running:
            self._asked_to_stop = True
            self._process.kill()

    def abandon(self) -> None:
        """End the trainer and report nothing any more; goes away by itself, without the window waiting."""
        self.blockSignals(True)
        self._over = True
        for timer in (self._again, self._patience):
            timer.stop()
        if self._process.state() == QProcess.ProcessState.NotRunning:
            self.deleteLater()
        else:
            self._process.finished.connect(self.deleteLater)
            self._process.kill()

    def close(self) -> None:
        """End the trainer and forget it, with the window: nothing is reported any more."""
        self.blockSignals(True)
        self._over = True
        for timer in (self._again, self._patience):
            timer.stop()
        if self._process.state() != QProcess.ProcessState.NotRunning:
            self._process.kill()
            self._process.waitForFinished(1000)

    # What it tells

    @property
    def running(self) -> bool:
        """Whether `ended` is still to come."""
        return self._started and not self._over

    @property
    def process_id(self) -> int:
        """The trainer's number with the system; 0 when it does not run."""
        return int(self._process.processId())

    @property
    def details(self) -> str:
        """What the trainer said beside its events, the last 200 lines of it: for whoever wants to know."""
        return "\n".join(self._words)

    def _tell(self, word: str) -> None:
        if self.running and self._process.state() != QProcess.ProcessState.NotRunning:
            self._process.write(word.encode() + b"\n")

    @Slot()
    def _read(self) -> None:
        self._waiting += self._process.readAllStandardOutput().data()
        if not self._again.isActive():
            self._hand_out()

    @Slot()
    def _hand_out(self) -> None:
        """Hand out the events that came, but never for so long that the window is felt to wait."""
        until = time.perf_counter() + _BUDGET_S
        begin = 0
        while (end := self._waiting.find(b"\n", begin)) >= 0:
            line = bytes(self._waiting[begin:end])
            begin = end + 1
            self._report(line)
            if time.perf_counter() > until:
                self._again.start()
                break
        del self._waiting[:begin]
        if self._over or self._again.isActive():
            return
        if len(self._waiting) > _MOST_LINE:
            log.warning("The trainer said a line without an end.")
            self._waiting.clear()
        if self._started and self._process.state() == QProcess.ProcessState.NotRunning:
            self._end()

    def _report(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").strip()
        if not text or self._over:
            return
        try:
            made = self._decode(text)
        except Exception as error:  # whatever else is printed in there, by whatever library
            log.info("The trainer said something that is no event (%s): %s", error, text[:500])
            self._words.append(text[:500])
            return
        self.reported.emit(made)

    @Slot()
    def _read_words(self) -> None:
        *lines, self._unfinished_words = (
            self._unfinished_words + self._process.readAllStandardError().data()
        ).split(b"\n")
        for line in lines:
            self._note(line)

    def _note(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rpartition("\r")[2].rstrip()
        if text:
            self._words.append(text[:2000])

    @Slot(QProcess.ProcessError)
    def _error(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:  # nothing else is heard of it then
            self._words.append(self._process.errorString())
            self._end()

    @Slot()
    def _finished(self) -> None:
        self._waiting += self._process.readAllStandardOutput().data()
        if self._waiting and not self._waiting.endswith(b"\n"):
            self._waiting += b"\n"
        self._read_words()
        self._note(self._unfinished_words)
        if not self._again.isActive():
            self._hand_out()  # and end, once all of it is handed out

    def _end(self) -> None:
        if self._over:
            return
        self._over = True
        self._patience.stop()
        sentence, crashed = self._how_it_ended()
        if crashed:
            log.error("The trainer ended with a crash. It had said:\n%s", self.details)
        self.ended.emit(sentence, crashed)

    def _how_it_ended(self) -> tuple[str, bool]:
        if self._process.error() is QProcess.ProcessError.FailedToStart:
            return "The trainer can’t be started. Please install Lennonnet again.", False
        if self._asked_to_stop:
            return "The training was stopped.", False
        code = self._process.exitCode()
        if self._process.exitStatus() is QProcess.ExitStatus.CrashExit:
            why = OUT_OF_MEMORY if code == getattr(signal, "SIGKILL", None) else "The trainer crashed."
            return f"{why} What was finished is kept.", True
        if code == 0:
            return "", False
        said = self._words[-1] if self._words else ""
        if code == _REFUSED and said:
            return said, False
        if code == _INTERRUPTED:
            return "The training was stopped.", False
        return f"The trainer stopped without finishing{f': {said}' if said else '.'}", True


def _can_be_passed_on(word: str) -> bool:
    """Whether a program can be given this word by way of Qt, which drops bytes that are no UTF-8, and NULs."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in word
