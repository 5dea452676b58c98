"""The question whether to stop a sorting that is under way, asked when its window is about to close."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget

from lennonnet_gui.sort_run import SortRun


class StopQuestion(QObject):
    """Asks, has the run stopped, and goes on once it has ended. Connect to the run's `ended` before this is made."""

    stopping = Signal()
    """The user wants it stopped; that is under way."""

    def __init__(self, run: SortRun, window: QWidget) -> None:
        super().__init__(window)
        self._run, self._window = run, window
        self._then: Callable[[], object] | None = None
        self._box: QMessageBox | None = None
        self._stop: QPushButton | None = None
        run.ended.connect(self._ended)

    @property
    def box(self) -> QMessageBox | None:
        """The question, while it stands."""
        return self._box

    def ask(self, then: Callable[[], object]) -> None:
        """Call `then` when nothing runs any more, if the user agrees to stop; at once if nothing does.

        Where the run ends while the question stands, what came of it is shown, and nothing else happens.
        """
        if not self._run.running:
            then()
            return
        self._then = then
        if self._box is not None:
            return
        self._window.show()
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.NoIcon)
        box.setWindowTitle("Stop sorting?")
        box.setText("Stop sorting?")
        box.setInformativeText(
            "Every photo is then either where it was or where it goes. “Sorted before…” can go on with the rest, or"
            " undo it."
        )
        keep = box.addButton("Keep sorting", QMessageBox.ButtonRole.RejectRole)
        stop = box.addButton("Stop", QMessageBox.ButtonRole.AcceptRole)
        for button in (keep, stop):
            button.setIcon(QIcon())  # a style's own icons follow no dark scheme
        box.setDefaultButton(keep)
        box.setEscapeButton(keep)
        box.finished.connect(self._answered)
        self._box, self._stop = box, stop
        box.open()

    def forget(self) -> None:
        """Go on with nothing, whatever becomes of it."""
        self._then = None

    @Slot(int)
    def _answered(self) -> None:
        box, self._box = self._box, None
        if box is None:
            return
        stop = box.clickedButton() is self._stop
        box.deleteLater()
        if stop and self._run.running:
            self._run.stop()
            self.stopping.emit()
        elif not stop:
            self._then = None

    @Slot(object)
    def _ended(self) -> None:
        if self._box is not None:  # nobody has answered, and there is nothing to stop any more
            self._then = None
            self._box.close()
        then, self._then = self._then, None
        if then is not None:
            then()
