"""A subject given out as a file: what it knows of single faces is said first, and left out unless wanted."""

from __future__ import annotations

import functools
from collections.abc import Generator
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QFontMetrics, QIcon
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import names, theme
from lennonnet_gui.jobs import Job, Jobs
from lennonnet_gui.training_parts import Words
from training.backbones import BackboneUnavailable
from training.face_head import SUBJECT
from training.labelled_folder import folder_name
from training.subject import SUFFIX, Subject
from training.zones import Zone

_WIDTH = 56 * theme.GRID


class SubjectExport(QObject):
    """Asks where to put a subject's file, and with what in it, and writes it in the background."""

    notice = Signal(str)
    """How it ended, in a sentence."""

    crashed = Signal(str)

    def __init__(self, jobs: Jobs, window: QWidget) -> None:
        super().__init__(window)
        self._jobs, self._window = jobs, window
        self._subject: Subject | None = None
        self._without_faces = False
        self._job: Job | None = None

    def ask(self, subject: Subject) -> QDialog | None:
        """Begin to give out a subject as it is; None where there is nothing to give, or another is being written."""
        if self._job is not None:
            self.notice.emit("Another subject is being saved. Try again in a moment.")
            return None
        if not subject.head.weight.any() and subject.faces is None:
            self.notice.emit(
                f"Nothing was learned of {_shown(subject)} yet. Label some photos first; then there is a file to save."
            )
            return None
        self._subject, self._without_faces = subject, False
        if not subject.holds_faces:
            return self._ask_where()
        dialog = FacesDialog(subject, self._window)
        dialog.chosen.connect(self._faces_settled)
        dialog.open()
        return dialog

    @Slot(bool)
    def _faces_settled(self, leave_out: bool) -> None:
        self._without_faces = leave_out
        self._ask_where()

    def _ask_where(self) -> QFileDialog:
        assert self._subject is not None
        dialog = QFileDialog(self._window, "Save subject as", str(Path.home()), f"Subjects (*{SUFFIX})")
        dialog.setAcceptMode(
            QFileDialog.AcceptMode.AcceptSave
        )  # asks before it takes the name of a file there
        dialog.setDefaultSuffix(SUFFIX.removeprefix("."))
        dialog.selectFile(f"{folder_name(self._subject.name)}{SUFFIX}")
        dialog.fileSelected.connect(self._save)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    @Slot(str)
    def _save(self, file: str) -> None:
        assert self._subject is not None
        self._job = self._jobs.start(
            functools.partial(_saved, self._subject, file, self._without_faces),
            on_event=self._saved,
            on_failed=self._failed,
            on_ended=self._ended,
        )

    @Slot(object)
    def _saved(self, words: str) -> None:
        self.notice.emit(words)

    @Slot(object, str)
    def _failed(self, error: BaseException, trace: str) -> None:
        if isinstance(error, OSError):
            why = error.strerror or str(error)
            self.notice.emit(f"The subject can’t be saved there: {why}. Please choose another place.")
        elif isinstance(error, BackboneUnavailable):
            self.notice.emit(str(error))
        else:
            self.crashed.emit(trace)

    @Slot()
    def _ended(self) -> None:
        self._job = None


def _saved(subject: Subject, file: str, without_faces: bool) -> Generator[str, None, None]:
    """Write the file on a worker's thread, and say so."""
    subject.save(file, without_faces=without_faces)
    left = ", without single faces" if without_faces else ""
    yield f"{_shown(subject)} was saved as “{names.folder_name(file)}”{left}."


class FacesDialog(QDialog):
    """Says that a subject knows single faces, and asks whether its file shall hold them."""

    chosen = Signal(bool)
    """Whether they are left out"""

    def __init__(self, subject: Subject, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        whom = _shown(subject)
        self.setWindowTitle("Save subject as")
        self.leave_out = QPushButton("&Leave them out")
        self.keep_in = QPushButton("&Keep them in")
        self.leave_out.clicked.connect(self._leave_out)
        self.keep_in.clicked.connect(self._keep_in)
        self.keep_in.setAutoDefault(False)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        cancel = buttons.button(QDialogButtonBox.StandardButton.Cancel)
        cancel.setIcon(QIcon())
        cancel.setAutoDefault(False)
        buttons.addButton(self.keep_in, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(self.leave_out, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.rejected.connect(self.reject)

        column = QVBoxLayout(self)
        column.setContentsMargins(2 * theme.GRID, 2 * theme.GRID, 2 * theme.GRID, 2 * theme.GRID)
        column.setSpacing(theme.GRID)
        count = faces_held(subject)
        faces = f"each of {count:,} faces that it" if count > 1 else "the one face that it"
        column.addWidget(_wide(Words("Give faces away?", size=theme.TEXT_TITLE)))
        column.addWidget(
            _wide(
                Words(
                    f"{whom} knows single faces: 128 numbers for {faces} learned from, other people’s too. They show no"
                    " picture, but with them the same people can be found again in other photos."
                )
            )
        )
        for title, text in (
            ("Leave them out, as we recommend", _cost(subject)),
            ("Keep them in", "For yourself, or for whom all those people would trust: nothing is lost."),
        ):
            choice = QVBoxLayout()
            choice.setContentsMargins(0, theme.GRID, 0, 0)
            choice.setSpacing(theme.GRID // 4)
            choice.addWidget(_wide(Words(title, bold=True)))
            choice.addWidget(_wide(Words(text, muted=True)))
            column.addLayout(choice)
        column.addSpacing(theme.GRID)
        column.addStretch(1)
        column.addWidget(buttons)
        self.leave_out.setDefault(True)
        self.leave_out.setFocus()
        self.finished.connect(self.deleteLater)

    @Slot()
    def _leave_out(self) -> None:
        self.accept()
        self.chosen.emit(True)

    @Slot()
    def _keep_in(self) -> None:
        self.accept()
        self.chosen.emit(False)


def faces_held(subject: Subject) -> int:
    """How many single faces are in a subject: those that it explains itself with, or of whom it has seen no other."""
    if subject.faces is None:
        return 0
    return max(len(subject.faces.examples), int((subject.faces.persons.share < 2).sum()))


def _cost(subject: Subject) -> str:
    """What is lost with the single faces."""
    assert subject.faces is not None
    whom = _shown(subject)
    left = subject.faces.without_examples().persons
    if not (left.kind == SUBJECT).any():
        return (
            f"Only one face of {whom} is known: without it, the file tells {whom} by the whole picture alone."
        )
    return (
        f"What many faces have in common stays, so {whom} is found nearly as well. Which faces a new one was compared"
        " with can’t be shown any more, and people of whom one face was seen are forgotten."
    )


def _wide(words: QLabel) -> QLabel:
    """All of the words, none cut off at the dialog's width."""
    words.setMinimumSize(_WIDTH, max(words.heightForWidth(_WIDTH), QFontMetrics(words.font()).height()))
    return words


def _shown(subject: Subject) -> str:
    return Zone.SUBJECT.words(names.shown(subject.name))
