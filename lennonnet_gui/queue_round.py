"""One sitting of questions: what is asked, what was answered or skipped, and what can be taken back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from training.photos import PhotoFile
from training.zones import Zone


class Question(NamedTuple):
    """One photo to ask about, what the program thinks of it so far, and why it is asked."""

    file: PhotoFile
    probability: float | None = None
    reason: str = ""  # a sentence, or ""


class Round:
    """One sitting: what is asked, what was answered or skipped, and in which order it can be taken back."""

    def __init__(self, skipped: Iterable[str] = ()) -> None:
        self.on_show: Question | None = None
        self.waiting: list[Question] = []
        self.answers: dict[str, tuple[Question, Zone]] = {}  # by path
        self.skipped: set[str] = set(skipped)
        self.unreadable: dict[str, Question] = {}
        self.undoable: list[Question] = []  # answered or skipped, the latest last

    def replace(self, questions: Iterable[Question]) -> None:
        """Ask these from now on, but none that was dealt with, and none twice."""
        known = {*self.answers, *self.skipped, *self.unreadable}
        if self.on_show is not None:
            known.add(self.on_show.file.path)
        by_path: dict[str, Question] = {}
        for question in questions:
            by_path.setdefault(question.file.path, question)
        self.waiting = [question for path, question in by_path.items() if path not in known]

    def go_on(self) -> None:
        """Put the next question on show, if there is one."""
        self.on_show = self.waiting.pop(0) if self.waiting else None

    def settle(self, verdict: Zone | None) -> Question:
        """Note the answer to what is on show, None for a skip, and go on; returns what was answered."""
        question = self.on_show
        assert question is not None
        path = question.file.path
        if verdict is None:
            self.skipped.add(path)
        else:
            self.answers[path] = (question, verdict)
        self.undoable = [each for each in self.undoable if each.file.path != path] + [question]
        self.go_on()
        return question

    def give_up(self) -> Question:
        """Go on because the photo on show can't be read; returns the question."""
        question = self.on_show
        assert question is not None
        self.unreadable[question.file.path] = question
        self.go_on()
        return question

    def bring_back(self, path: str) -> Question | None:
        """Show again what was answered or skipped, as if it had not been; None where it was neither."""
        question = next((each for each in self.undoable if each.file.path == path), None)
        if path in self.answers:
            question = self.answers.pop(path)[0]
        if question is None:
            return None
        self.skipped.discard(path)
        self.undoable = [each for each in self.undoable if each.file.path != path]
        if self.on_show is not None:
            self.waiting.insert(0, self.on_show)
        self.waiting = [each for each in self.waiting if each.file.path != path]
        self.on_show = question
        return question

    def try_again(self) -> None:
        """Ask once more about what could not be read."""
        self.waiting = [*self.unreadable.values(), *self.waiting]
        self.unreadable.clear()

    def put_back(self) -> None:
        """Take what is on show off it, to be asked first later."""
        if self.on_show is not None:
            self.waiting.insert(0, self.on_show)
            self.on_show = None

    def count(self, zone: Zone) -> int:
        """How many photos were answered so."""
        return sum(verdict is zone for _, verdict in self.answers.values())
