"""The training dialog: says what will be learned from, shows how it goes, and lets the user choose old or new.

The training itself runs in a process of its own; the window, and the photos in it, stay usable all the while.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QHideEvent,
    QIcon,
    QKeyEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QMessageBox,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from lennonnet_gui import names, photo_drag, theme
from lennonnet_gui.jobs import Job, Jobs
from lennonnet_gui.photo_list_dialog import PhotoListDialog
from lennonnet_gui.training_after import AfterFace, Outcome
from lennonnet_gui.training_before import MOST_CONFLICTS, BeforeFace, Conflict
from lennonnet_gui.training_during import DuringFace, Wrong
from lennonnet_gui.training_run import PATIENCE_MS, TrainingRun
from training import paths
from training.finetune import (
    Baseline,
    Batch,
    Checkpoint,
    Epoch,
    Estimated,
    Finished,
    Found,
    Mistake,
    Mistakes,
    Paused,
    Preparing,
    Resumed,
    Settings,
    Stopped,
)
from training.photos import PhotoFile
from training.subject import Subject, SubjectUnreadable
from training.subjects import BadName, SubjectEntry, Subjects, SubjectsError
from training.zones import Zone

if TYPE_CHECKING:
    from lennonnet_gui.bins import Picture

LOOK_AGAIN_MS = 400
"""How long changes may follow each other before the photos are looked at again."""

_MOST_MISTAKES = 12
_AFTER_OPENING_MS = 50  # the window is painted first, then gets ready to draw curves


@dataclass(frozen=True, slots=True)
class _LabelledFolder:
    """A folder to learn from, and whom it is about."""

    path: str
    name: str


@dataclass(frozen=True, slots=True)
class _NoFolder:
    """Why a folder can't be learned from."""

    words: str


class TrainingDialog(QDialog):
    """Trains the current subject, or whom a labelled folder is about, and offers what came of it."""

    started = Signal(str)
    """A training began: the subject's id, "" for a labelled folder's."""
    ended = Signal()
    """It is over, one way or another."""
    adopted = Signal(str, int)
    """The user chose a new version: the subject's id and the number. The library knows it already."""
    wanted_changed = Signal()
    """Other photos are in sight than before: ask `wanted`."""

    def __init__(
        self,
        subjects: Subjects,
        jobs: Jobs,
        picture: Picture,
        *,
        command: Sequence[str] | None = None,
        patience_ms: int = PATIENCE_MS,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setModal(False)
        self.setAcceptDrops(True)
        self.setWindowFlag(Qt.WindowType.WindowContextHelpButtonHint, False)
        self.setWindowFlag(Qt.WindowType.WindowMinMaxButtonsHint, True)
        self._subjects, self._jobs = subjects, jobs
        self.with_faces = True
        self._command, self._patience_ms = command, patience_ms
        self._entry: SubjectEntry | None = None
        self._next: SubjectEntry | None = None
        self._folder: _LabelledFolder | None = None
        self._look: TrainingRun | None = None
        self._run: TrainingRun | None = None
        self._stale = True
        self._found: Found | None = None
        self._conflicts: tuple[Conflict, ...] = ()
        self._finished: Finished | None = None
        self._stopped: Stopped | None = None
        self._kept_rounds = 0
        self._looked_with: Settings | None = None
        self._seconds: float | None = None  # what that takes
        self._resumable = 0  # the rounds that are kept of such a training
        self._cancelled = False
        self._deep = True
        self._told_of = ""  # whose curves are drawn
        self._then: Callable[[], object] | None = None
        self._question: QMessageBox | None = None
        self._stop_button: QPushButton | None = None
        self._list: PhotoListDialog | None = None
        self._chooser: QFileDialog | None = None
        self._stat_job: Job | None = None

        self.before, self.during, self.after = BeforeFace(picture), DuringFace(jobs, picture), AfterFace()
        self._faces = QStackedWidget()
        for face in (self.before, self.during, self.after):
            self._faces.addWidget(face)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._faces)
        self.setMinimumSize(80 * theme.GRID, 78 * theme.GRID)
        self.resize(self.sizeHint())

        self._look_soon = QTimer(self, singleShot=True, interval=LOOK_AGAIN_MS)
        self._look_soon.timeout.connect(self._look_now)
        self._prepare_soon = QTimer(self, singleShot=True, interval=_AFTER_OPENING_MS)
        self._prepare_soon.timeout.connect(self.during.curves.prepare)
        self.before.labels_chosen.connect(self._use_labels)
        self.before.folder_wanted.connect(self._choose_folder)
        self.before.unreadable_clicked.connect(self._show_unreadable)
        self.before.settled.connect(self._look_again)
        self.before.settings_changed.connect(self._settings_changed)
        self.before.start_clicked.connect(self._start_afresh)
        self.before.resume_clicked.connect(self._resume)
        self.before.close_clicked.connect(self.close)
        self.during.pause_clicked.connect(self._pause)
        self.during.go_clicked.connect(self._go)
        self.during.cancel_clicked.connect(self.cancel)
        self.after.use_clicked.connect(self._use_new)
        self.after.keep_clicked.connect(self._keep_old)
        self.after.resume_clicked.connect(self._resume)
        self.after.again_clicked.connect(self._start_afresh)
        self.after.back_clicked.connect(self._back)

    # What it is told

    def set_subject(self, entry: SubjectEntry) -> None:
        """Whose labels are learned from, unless a folder is chosen.

        A training under way, or one that waits for a choice, is not touched: the subject is taken up after it.
        """
        if self._faces.currentWidget() is not self.before:
            self._next = entry
            return
        changed = self._entry is None or entry.id != self._entry.id
        self._entry = entry
        if changed:
            self._folder = None
            self.before.set_folder("")
        if self._folder is None:
            self._say_whom()
        if changed:
            self._forget()

    def _go_back(self) -> None:
        """Show what there is to learn from, of whoever is the subject by now."""
        self._faces.setCurrentWidget(self.before)
        entry, self._next = self._next, None
        if entry is not None:
            self.set_subject(entry)

    def labels_changed(self) -> None:
        """The current subject got other labels."""
        if self._faces.currentWidget() is not self.before:
            self._stale = True
        elif self._folder is None:
            self._conflicts = ()  # they may be settled by now; what was chosen for the others stays
            self._look_again()

    def use_folder(self, folder: str) -> None:
        """Learn from a labelled folder, if it is one and no training is under way."""
        if not self.training:
            self._go_back()
            self._forget()
            self.before.show_looking("Looking into the folder")
            self._jobs.start(lambda: _look_into(folder), on_event=self._folder_known)

    def picture_came(self, path: str) -> None:
        """Take note that the picture of a photo can now be had."""
        self.before.conflicts.picture_came(path)
        self.during.mistakes.picture_came(path)

    # What it can be asked

    @property
    def training(self) -> bool:
        """Whether a training is under way."""
        return self._run is not None

    def wanted(self) -> list[PhotoFile]:
        """The photos whose pictures are in sight."""
        return [*self.before.conflicts.wanted(), *self.during.mistakes.wanted()]

    def ask_to_stop(self, then: Callable[[], object]) -> None:
        """Ask whether to stop the training that is under way; if so, call `then` once it has ended.

        For a window that is about to close. Without a training, `then` is called at once.
        """
        if not self.training:
            then()
            return
        self._then = then
        if self._question is None:
            self.show()
            box = QMessageBox(self)
            box.setIcon(QMessageBox.Icon.NoIcon)
            box.setWindowTitle("Stop training?")
            box.setText("Stop training?")
            box.setInformativeText("What was finished is kept and can be resumed.")
            keep = box.addButton("Keep training", QMessageBox.ButtonRole.RejectRole)
            stop = box.addButton("Stop", QMessageBox.ButtonRole.AcceptRole)
            for button in (keep, stop):
                button.setIcon(QIcon())
            box.setDefaultButton(keep)
            box.setEscapeButton(keep)
            box.finished.connect(self._answered)
            self._question, self._stop_button = box, stop
            box.open()

    def shut(self) -> None:
        """End what runs, at once and without asking: the program ends. Finished rounds are kept."""
        for timer in (self._look_soon, self._prepare_soon):
            timer.stop()
        for run in (self._look, self._run):
            if run is not None:
                run.close()
        self._look = self._run = None

    # The window itself

    def sizeHint(self) -> QSize:
        return QSize(96 * theme.GRID, 88 * theme.GRID)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._faces.currentWidget() is self.after and not event.spontaneous():
            self._go_back()  # what was not chosen was declined
            self._stale = True
        if self._stale:
            self._look_soon.start(0)
        self._prepare_soon.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if not event.spontaneous():
            self._end_look()
            self.wanted_changed.emit()

    def reject(self) -> None:
        if self.training:  # Esc does what the close button does
            self.ask_to_stop(self.close)
        else:
            super().reject()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # Enter in a field would press whichever button Qt takes for the default: Close, for one.
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.training:
            event.ignore()
            self.ask_to_stop(self.close)
        else:
            super().closeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if not self.training and self._dropped_folder(event):
            photo_drag.take_as_copy(event)
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        photo_drag.take_as_copy(event)

    def dropEvent(self, event: QDropEvent) -> None:
        folder = self._dropped_folder(event)
        if folder and photo_drag.take_as_copy(event):
            self.use_folder(folder)

    @staticmethod
    def _dropped_folder(event: QDropEvent) -> str:
        carried = event.mimeData()
        dropped = [] if photo_drag.are_ours(carried) else photo_drag.unpack(carried)
        return dropped[0] if len(dropped) == 1 else ""

    # Before: what is there to learn from?

    @property
    def _name(self) -> str:
        if self._folder is not None:
            return self._folder.name
        return self._entry.name if self._entry is not None else "subject"

    def _say_whom(self) -> None:
        self.before.set_subject(self._name)
        self.setWindowTitle(f"Train {Zone.SUBJECT.words(names.shown(self._name))}")

    def _forget(self) -> None:
        self._found, self._conflicts, self._kept_rounds = None, (), 0
        self.before.show_nothing()
        self._look_again()

    @Slot()
    def _use_labels(self) -> None:
        if self._folder is not None:
            self._folder = None
            self.before.set_folder("")
            self._say_whom()
            self._forget()

    @Slot()
    def _choose_folder(self) -> None:
        self._chooser = QFileDialog(self, "Learn from a labelled folder")
        self._chooser.setFileMode(QFileDialog.FileMode.Directory)
        self._chooser.setOption(QFileDialog.Option.ShowDirsOnly)
        self._chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._chooser.fileSelected.connect(self.use_folder)
        self._chooser.open()

    @Slot(object)
    def _folder_known(self, found: _LabelledFolder | _NoFolder) -> None:
        if isinstance(found, _NoFolder):
            self.before.set_folder(self._folder.path if self._folder is not None else "")
            self._end_look()
            self._look_soon.stop()
            self.before.show_looking("")
            self.before.show_refusal(found.words)
            return
        self._folder = found
        self.before.set_folder(found.path)
        self._say_whom()
        self._forget()

    @Slot()
    def _look_again(self) -> None:
        self._stale = True
        self._end_look()
        if self.isVisible() and not self.training and self._faces.currentWidget() is self.before:
            self._look_soon.start(LOOK_AGAIN_MS)

    @Slot()
    def _settings_changed(self) -> None:
        now, then = self.before.advanced.settings(), self._looked_with
        if then is None or self._seconds is None or self.before.advanced.problem():
            self._look_again()
            return
        if replace(now, epochs=then.epochs, log=then.log) != then:
            self._look_again()  # a short run has to tell anew how long it takes
            return
        self._stale = False
        self._end_look()
        self._look_soon.stop()
        self.before.show_looking("")
        self.before.show_estimate(self._seconds * now.epochs / then.epochs)
        self._kept_rounds = self._resumable if now.epochs == then.epochs else 0
        self.before.show_kept(self._kept_rounds)

    @Slot()
    def _look_now(self) -> None:
        if self.training or (self._entry is None and self._folder is None):
            return
        self._stale = False
        self._end_look()
        self.before.show_looking("Looking at the photos")
        self.before.show_kept(0)
        self._looked_with, self._seconds, self._resumable = self.before.advanced.settings(), None, 0
        run = TrainingRun(self._command, parent=self)
        run.reported.connect(self._looked)
        run.ended.connect(self._look_ended)
        self._look = run
        try:
            run.start([*self._arguments(deep=True), "--look"])
        except ValueError as error:
            self._end_look()
            self.before.show_looking("")
            self.before.show_refusal(_unspeakable(error))

    @Slot(object)
    def _looked(self, event: object) -> None:
        match event:
            case Preparing():
                self.before.show_looking(event.words, event.done, event.total)
            case Found():
                self._found = event
                self.before.show_found(event)
                self._show_conflicts(event)
                self.before.show_looking("Estimating how long it takes")
                if self._list is not None:
                    self._list.set_rows(event.unreadable)
            case Estimated():
                self._seconds = event.seconds
                self.before.show_estimate(event.seconds)
            case Checkpoint():
                self._kept_rounds = self._resumable = event.epoch
                self.before.show_kept(event.epoch)

    def _show_conflicts(self, found: Found) -> None:
        # Those that were settled are found no more, and can still be settled otherwise.
        told = (Conflict(tuple(paths)) for paths in found.conflicts)
        self._conflicts = tuple(dict.fromkeys((*self._conflicts, *told)))
        self.before.conflicts.set_conflicts(self._conflicts, self._name)
        if self._conflicts:
            shown = [conflict.paths[0] for conflict in self._conflicts[:MOST_CONFLICTS]]
            self._jobs.start(lambda: _files(shown), on_event=self._conflicts_known)

    @Slot(object)
    def _conflicts_known(self, files: dict[str, PhotoFile]) -> None:
        self.before.conflicts.set_files(files)
        self.wanted_changed.emit()

    @Slot(str, bool)
    def _look_ended(self, sentence: str, crashed: bool) -> None:
        found = self._found is not None
        self._end_look()
        self.before.show_looking("")
        if sentence and not found:
            self.before.show_refusal(
                "The photos could not be looked at: the program that does it crashed. Please try again."
                if crashed
                else sentence
            )
        elif not found:
            self.before.show_refusal("The photos could not be looked at. Please try again.")

    def _end_look(self) -> None:
        if self._look is not None:
            self._look.abandon()
            self._look = None

    @Slot()
    def _show_unreadable(self) -> None:
        if self._found is not None:
            if self._list is None:
                self._list = PhotoListDialog(self)
            self._list.set_rows(self._found.unreadable)
            self._list.show()
            self._list.raise_()

    # The command

    def _arguments(self, *, deep: bool) -> list[str]:
        """What the trainer is told, as to what to learn from and how."""
        words = ["fit", "--events", "--adopt", "never"]
        if self._folder is not None:
            words += [self._folder.path, "--subject", self._folder.name, "--out", str(self._out_file())]
        elif self._entry is not None:
            words += ["--labels-of", self._entry.id]
        if self._conflicts:
            words += ["--settle", str(self._settled_file())]
        if not self.with_faces:
            words.append("--no-faces")
        if deep:
            words.append("--deep")
            settings, default = self.before.advanced.settings(), Settings()
            for name in ("backbone", "epochs", "size", "batch", "rate", "device", "log"):
                value = getattr(settings, name)
                if value != getattr(default, name):
                    words += [f"--{name}", f"{value:g}" if isinstance(value, float) else str(value)]
        return words

    def _place(self) -> Path:
        """Where the training on this folder keeps its things."""
        whole = f"{self._folder.path if self._folder is not None else ''}\0{self._name}"
        number = hashlib.sha256(os.fsencode(whole)).hexdigest()[:12]
        place = paths.data_dir() / "trainings" / f"window-{number}"
        place.mkdir(parents=True, exist_ok=True)
        return place

    def _out_file(self) -> Path:
        return self._place() / "subject.safetensors"

    def _settled_file(self) -> Path:
        chosen = self.before.conflicts.choices()
        settled = {
            path: chosen.get(conflict, "out") for conflict in self._conflicts for path in conflict.paths
        }
        file = self._place() / "settled.json"
        file.write_text(json.dumps(settled), encoding="utf-8")
        return file

    # During

    @Slot()
    def _start_afresh(self) -> None:
        self._start(resume=False)

    @Slot()
    def _resume(self) -> None:
        self._start(resume=True)

    def _start(self, *, resume: bool) -> None:
        if self.training:
            return
        self._end_look()
        self._look_soon.stop()
        if not resume:
            self._kept_rounds = 0
            self._deep = self.before.deep
        else:
            self._deep = True
        self._finished = self._stopped = None
        self._cancelled = False
        run = TrainingRun(self._command, patience_ms=self._patience_ms, parent=self)
        run.reported.connect(self._trained)
        run.ended.connect(self._training_ended)
        try:
            run.start([*self._arguments(deep=self._deep), *(["--resume"] if resume else [])])
        except (ValueError, OSError) as error:
            run.deleteLater()
            refusal = _unspeakable(error) if isinstance(error, ValueError) else _no_place(error)
            self._go_back()
            self.before.show_refusal(refusal)
            return
        self._run = run
        rounds = self.before.advanced.settings().epochs
        told = self._kept_rounds if resume and self._told_of == self._name else 0
        self.during.begin(self._name, deep=self._deep, rounds=rounds, after=told)
        self._told_of = self._name
        self._faces.setCurrentWidget(self.during)
        self.started.emit(self._entry.id if self._folder is None and self._entry is not None else "")

    @Slot(object)
    def _trained(self, event: object) -> None:
        match event:
            case Batch():
                self.during.show_batch(event)
            case Epoch():
                self.during.show_epoch(event)
            case Preparing():
                self.during.show_preparing(event)
            case Baseline():
                self.during.show_baseline(event)
            case Mistakes():
                self._show_mistakes(event)
            case Checkpoint():
                self._kept_rounds = event.epoch if not event.words else self._kept_rounds
                self.during.show_trouble(event.words)
            case Paused():
                self.during.set_paused(True)
            case Resumed():
                self.during.set_paused(False)
            case Found():
                self._found = event
            case Finished():
                self._finished = event
            case Stopped():
                self._stopped = event

    def _show_mistakes(self, event: Mistakes) -> None:
        if self._stat_job is not None:
            self._stat_job.cancel()
        photos = event.photos[:_MOST_MISTAKES]
        self._stat_job = self._jobs.start(lambda: _wrong(photos), on_event=self._mistakes_known)

    @Slot(object)
    def _mistakes_known(self, wrong: list[Wrong]) -> None:
        if self.training:
            self.during.set_mistakes(wrong or None)
            self.wanted_changed.emit()

    @Slot()
    def _pause(self) -> None:
        if self._run is not None:
            self._run.pause()

    @Slot()
    def _go(self) -> None:
        if self._run is not None:
            self._run.go()

    @Slot()
    def cancel(self) -> None:
        """Stop the training; the old version stays in use, and what was finished is kept."""
        if self._run is not None:
            self._cancelled = True
            self.during.set_stopping()
            self._run.stop()

    @Slot()
    def _answered(self) -> None:
        box, self._question = self._question, None
        if box is None:
            return
        stops = box.clickedButton() is self._stop_button
        box.deleteLater()
        if not stops:
            self._then = None
        elif self.training:
            self.cancel()
        elif self._then is not None:  # it ended while the question was open
            then, self._then = self._then, None
            then()

    # After

    @Slot(str, bool)
    def _training_ended(self, sentence: str, crashed: bool) -> None:
        run, self._run = self._run, None
        if run is None:
            return
        details = run.details if crashed else ""
        run.deleteLater()
        self._stale = True
        if self._question is not None and not self._cancelled:
            self._question.reject()  # there is nothing left to stop
        if self._finished is not None:
            old = "the quick way" if self._deep else "the one in use"
            self.after.show_finished(self._finished, self._name, old=old)
        else:
            self.after.show_outcome(self._outcome(sentence, crashed, details))
        self._faces.setCurrentWidget(self.after)
        self.ended.emit()
        self.wanted_changed.emit()
        if self._then is not None:
            then, self._then = self._then, None
            then()

    def _outcome(self, sentence: str, crashed: bool, details: str) -> Outcome:
        whom = Zone.SUBJECT.words(names.shown(self._name))
        kept = self._kept_rounds
        rounds = "" if not kept else "One round is kept. " if kept == 1 else f"{kept} rounds are kept. "
        stays = f"{whom} stays as it was."
        can_resume = kept > 0 or (self._stopped is not None and self._stopped.can_resume)
        resumes = "resume" if self._deep and can_resume else "again"
        if self._cancelled:
            return Outcome("Training was cancelled", f"{stays} {rounds}".strip(), resumes)
        if self._stopped is not None:
            step = "resume" if self._stopped.can_resume else "again"
            return Outcome("Training stopped", self._stopped.words, step, "triangle-alert")
        if crashed:
            text = f"{sentence} {stays}"
            return Outcome("Training ended too early", text, resumes, "triangle-alert", _last_lines(details))
        if sentence:
            return Outcome("This can’t be trained", f"{sentence} {stays}", "", "info")
        return Outcome("Training ended without a result", stays, resumes, "triangle-alert")

    @Slot()
    def _use_new(self) -> None:
        finished = self._finished
        if finished is None:
            return
        self.after.set_busy(True)
        folder = self._subjects.folder
        id = self._entry.id if self._folder is None and self._entry is not None else ""
        name, deep = self._name, self._deep
        self._jobs.start(
            lambda: _adopt(folder, id, name, finished, deep=deep),
            on_event=self._adopted,
            on_failed=self._not_adopted,
        )

    @Slot(object)
    def _adopted(self, chosen: tuple[str, int]) -> None:
        self._go_back()
        self.close()
        self.adopted.emit(*chosen)

    def _not_adopted(self, error: BaseException, trace: str) -> None:
        self.after.set_busy(False)
        known = isinstance(error, SubjectsError | SubjectUnreadable | BadName | OSError)
        self.after.show_trouble(str(error) if known else "It could not be put to use. Please try again.")

    @Slot()
    def _keep_old(self) -> None:
        self._go_back()
        self.close()

    @Slot()
    def _back(self) -> None:
        self._go_back()
        self._look_again()


def _look_into(folder: str) -> Generator[_LabelledFolder | _NoFolder, None, None]:
    """Whether a folder holds NAME and not_NAME; on a thread, for its disk may be slow."""
    from training import labelled_folder
    from training.teach import BadCollection

    path = Path(folder)
    if not path.is_dir():
        yield _NoFolder(
            f"“{names.folder_name(folder)}” is not a folder. Drop one that holds two: NAME and not_NAME."
        )
        return
    try:
        found = labelled_folder.find(path)
    except (BadCollection, OSError) as error:
        yield _NoFolder(str(error))
        return
    if found is None:
        yield _NoFolder(
            f"“{names.folder_name(folder)}” is not a labelled folder: it has to hold two, such as mila and not_mila."
        )
        return
    yield _LabelledFolder(str(path), found.name)


def _wrong(photos: Sequence[Mistake]) -> Generator[list[Wrong], None, None]:
    """The mistakes with what is known of their files; those that are gone are left out."""
    (known,) = _files([photo.path for photo in photos])
    yield [
        Wrong(known[photo.path], photo.probability, photo.is_subject)
        for photo in photos
        if photo.path in known
    ]


def _files(paths: Sequence[str]) -> Generator[dict[str, PhotoFile], None, None]:
    """What is known of files, by path; on a thread, for their disk may be slow."""
    found = {}
    for path in paths:
        with contextlib.suppress(OSError):
            known = Path(path).stat()
            found[path] = PhotoFile(path, known.st_size, known.st_mtime_ns)
    yield found


def _adopt(
    folder: Path, id: str, name: str, finished: Finished, *, deep: bool
) -> Generator[tuple[str, int], None, None]:
    """Have the library use the new version; of a subject that it does not know yet, too."""
    subjects = Subjects(folder)
    if id and finished.version:
        if not finished.adopted:
            subjects.adopt(id, finished.version)
        yield id, finished.version
        return
    if not id:
        same = [entry for entry in subjects.all() if entry.name.casefold() == name.casefold()]
        id = (same[0] if same else subjects.create(name)).id
    made = Subject.load(finished.file)
    version = subjects.add_version(id, made, method="deep" if deep else "quick", adopt=True)
    yield id, version.number


def _unspeakable(error: ValueError) -> str:
    shown = names.shown(str(error))
    return f"“{shown}” has signs in its name that can’t be passed on to the trainer. Please give it another name."


def _no_place(error: OSError) -> str:
    return (
        f"There is no place to keep the training: {error.strerror or error}. Please make room and try again."
    )


def _last_lines(details: str) -> str:
    return "\n".join(details.splitlines()[-6:])
