"""Which subject is looked for, and what the user does with subjects: make, rename, switch, delete, restore.

No widgets here: names come from the menus and dialogs of `subject_menu`, and what changes is told by signals.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from PySide6.QtCore import QObject, Signal

from lennonnet_gui.settings import Settings
from training.backbones import BackboneUnavailable
from training.face_head import FaceHead
from training.subject import Subject, SubjectUnreadable
from training.subjects import BadName, Method, SubjectEntry, Subjects, SubjectsError

_Result = TypeVar("_Result")

STARTER = "john"
"""The subject that comes with the program."""

STARTER_FILE = "subjects/john.safetensors"
"""Where it lies among the resources."""


class SubjectDesk(QObject):
    """The user's subjects and the current one. Lives in the GUI thread; each change is one small file."""

    chosen = Signal(object, object)
    """SubjectEntry and its current version, a Subject or None where nothing was trained yet: to be looked for now."""

    changed = Signal()
    """Names, look-alikes or the list of subjects are other ones; the current subject is the same."""

    notice = Signal(str)

    def __init__(
        self, subjects: Subjects, settings: Settings, entry: SubjectEntry, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.subjects, self._settings = subjects, settings
        self.entry = entry

    @property
    def is_kept(self) -> bool:
        """Whether the current subject is one of the user's, and not only a file that was named at the start."""
        return any(entry.id == self.entry.id for entry in self.all())

    def all(self) -> list[SubjectEntry]:
        """The subjects that are not deleted."""
        return self._tried(self.subjects.all, [])

    def deleted(self) -> list[SubjectEntry]:
        """The subjects that can be brought back."""
        return self._tried(self.subjects.deleted, [])

    def use(self, id: str) -> None:
        """Look for another subject."""
        try:
            entry = self.subjects.get(id)
            trained = self.subjects.load(entry)
        except (KeyError, SubjectsError, SubjectUnreadable) as error:
            self.notice.emit(str(error) if not isinstance(error, KeyError) else "That subject is not there.")
            return
        self.entry = entry
        self._settings.set("subject", entry.id)
        self.chosen.emit(entry, trained)
        if self.subjects.notice:
            self.notice.emit(self.subjects.notice)
            self.subjects.notice = ""

    def use_file(self, file: str) -> None:
        """Take a subject's file in among the user's subjects, and look for it; the file itself stays as it is.

        One that can't be used is named in a notice, and nothing changes.
        """
        try:
            subject = Subject.load(file)
            same = [one for one in self.subjects.all() if one.name.casefold() == subject.name.casefold()]
            entry = same[0] if same else self.subjects.create(subject.name)
            for version in self.subjects.versions(entry.id):
                if _is_same(version.path, subject):
                    self.subjects.adopt(entry.id, version.number)
                    break
            else:
                method: Method = "quick" if subject.network is None else "deep"
                self.subjects.add_version(entry.id, subject, method=method, adopt=True)
        except (SubjectUnreadable, SubjectsError, BackboneUnavailable, BadName) as error:
            self.notice.emit(str(error))
            return
        self.use(entry.id)

    def create(self, name: str) -> None:
        """Make a subject and look for it."""
        made = self._tried(lambda: self.subjects.create(name), None)
        if made is not None:
            self.use(made.id)

    def rename(self, id: str, name: str) -> None:
        """Give a subject another name."""
        self._change(lambda: self.subjects.rename(id, name))

    def delete(self, id: str) -> None:
        """Put a subject among the deleted ones, from where it can be brought back; look for another."""
        if self._tried(lambda: self.subjects.delete(id), None) is None:
            return
        if id == self.entry.id:
            left = self.all()
            self.use(left[0].id if left else self._restored(STARTER))
        self.changed.emit()

    def restore(self, id: str) -> None:
        """Bring a deleted subject back, and look for it."""
        if self._tried(lambda: self.subjects.restore(id), None) is not None:
            self.use(id)

    def _restored(self, id: str) -> str:
        self._tried(lambda: self.subjects.restore(id), None)
        return id

    def add_look_alike(self, name: str) -> None:
        """Make a bin for those who are easily taken for the subject."""
        self._change(lambda: self.subjects.add_look_alike(self.entry.id, name))

    def rename_look_alike(self, look_alike: str, name: str) -> None:
        """Give a look-alike another name."""
        self._change(lambda: self.subjects.rename_look_alike(self.entry.id, look_alike, name))

    def remove_look_alike(self, look_alike: str) -> None:
        """Give a look-alike's bin up; its photos stay labelled as not the subject."""
        self._change(lambda: self.subjects.remove_look_alike(self.entry.id, look_alike))

    def set_evidence(self, evidence: str) -> bool:
        """Keep what the user wants to decide, "" for what the labels say; whether it is kept."""
        if not self.keep_current():
            return False
        self._change(lambda: self.subjects.set_evidence(self.entry.id, evidence))
        return self.entry.evidence == evidence

    def adopt(self, id: str, number: int) -> None:
        """Use a version of a subject from now on."""
        self._tried(lambda: self.subjects.adopt(id, number), None)
        if id == self.entry.id:
            self.use(id)

    def keep_current(self) -> bool:
        """Take the current subject in among the user's, if it came as a file at the start; whether it is."""
        if self.is_kept:
            return True
        made = self._tried(lambda: self.subjects.create(self.entry.name), None)
        if made is None:
            return False
        self.entry = made
        return True

    def _change(self, change: Callable[[], object]) -> None:
        self._tried(change, None)
        found = [entry for entry in self.all() if entry.id == self.entry.id]
        self.entry = found[0] if found else self.entry
        self.changed.emit()

    def _tried(self, act: Callable[[], _Result], otherwise: _Result) -> _Result:
        try:
            return act()
        except (BadName, SubjectsError) as error:
            self.notice.emit(str(error))
        except KeyError:
            self.notice.emit("That subject is not there any more.")
        return otherwise


def _is_same(file: Path, other: Subject) -> bool:
    """Whether a version says the same of every photo; its name and number may be others."""
    try:
        one = Subject.load(file)
    except SubjectUnreadable:
        return False
    return (
        one.spec == other.spec
        and one.zones == other.zones
        and one.head.bias == other.head.bias
        and np.array_equal(one.head.weight, other.head.weight)
        and _same_faces(one.faces, other.faces)
    )


def _same_faces(one: FaceHead | None, other: FaceHead | None) -> bool:
    if one is None or other is None:
        return one is other
    tables = other.to_tensors()
    return one.as_dict() == other.as_dict() and all(
        np.array_equal(table, tables[name]) for name, table in one.to_tensors().items()
    )
