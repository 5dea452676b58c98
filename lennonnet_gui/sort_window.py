"""What the two windows of sorting share: a run beside them, how it goes, and the question before they close on it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QDialog, QStackedWidget, QVBoxLayout, QWidget

from lennonnet_gui.jobs import Jobs
from lennonnet_gui.sort_faces import DuringFace
from lennonnet_gui.sort_run import Act, Ended, Places, SortRun
from lennonnet_gui.sort_stop import StopQuestion


class SortWindow(QDialog):
    """A window that is no obstacle to the one behind it, and one of whose pages shows how a run goes."""

    sorted = Signal(object)
    """Photos are elsewhere: list of (old path, new path, digest or None); of copies, the old one is there too.

    What is in the trash has no new path and is not named; what came out of it has `sorting.TRASH` for its old one."""
    running_changed = Signal()
    """A run began or ended."""
    crashed = Signal(str)
    """The traceback of a failure that nobody foresaw."""

    def __init__(self, jobs: Jobs, title: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setModal(False)
        self.setWindowTitle(title)
        self.setWindowFlag(Qt.WindowType.WindowContextHelpButtonHint, False)
        self.setWindowFlag(Qt.WindowType.WindowMinMaxButtonsHint, True)
        self._jobs = jobs
        self.during = DuringFace()
        self._pages = QStackedWidget()
        self._pages.addWidget(self.during)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._pages)
        self.run = SortRun(jobs, self)
        self.run.told.connect(self.during.show_tick)
        self.run.ended.connect(self._ended)
        self._question = StopQuestion(self.run, self)
        self._question.stopping.connect(self.during.set_stopping)
        self.during.pause_clicked.connect(self._pause)
        self.during.go_clicked.connect(self._go)
        self.during.stop_clicked.connect(self.stop)

    # -- what the two differ in

    def show_ended(self, ended: Ended) -> None:
        """Show what came of a run."""
        raise NotImplementedError

    def places(self, ended: Ended) -> Places:
        """Where photos are now."""
        return ended.places

    # -- what both can be asked

    @property
    def running(self) -> bool:
        """Whether something that was begun here is under way."""
        return self.run.running

    def ask_to_stop(self, then: Callable[[], object]) -> None:
        """Ask whether to stop what is under way; if so, call `then` once it has ended.

        For a window that is about to close. If nothing is under way, `then` is called at once.
        """
        self._question.ask(then)

    def shut(self) -> None:
        """End what runs, without asking: the program ends. What is done stays done, and can be gone on with."""
        self._question.forget()
        self.run.stop()

    @Slot()
    def stop(self) -> None:
        """End cleanly after the photo that is under way."""
        self.run.stop()
        self.during.set_stopping()

    # -- the run

    def carry_out(self, act: Act, *, back: bool = False) -> None:
        """Begin, and show how it goes, of which `during` is told before; back: photos go to where they were."""
        self._pages.setCurrentWidget(self.during)
        self.run.start(act, back=back)
        self.running_changed.emit()

    @Slot()
    def _pause(self) -> None:
        self.run.pause()
        self.during.set_paused(True)

    @Slot()
    def _go(self) -> None:
        self.run.go()
        self.during.set_paused(False)

    @Slot(object)
    def _ended(self, ended: Ended) -> None:
        self.show_ended(ended)
        if ended.elsewhere:
            self.sorted.emit(self.places(ended))
        if ended.trace:
            self.crashed.emit(ended.trace)
        self.running_changed.emit()

    # -- closing

    def reject(self) -> None:
        if self.running:  # Esc does what the close button does
            self.ask_to_stop(self.close)
        else:
            super().reject()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # Enter in a field would press whichever button Qt takes for the default.
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.running:
            event.ignore()
            self.ask_to_stop(self.close)
        else:
            super().closeEvent(event)
