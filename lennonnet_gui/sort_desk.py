"""Sorting as the window has it: two actions, the two dialogs behind them, and what a crash left, told at the start."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from lennonnet_gui.jobs import Jobs
from lennonnet_gui.settings import Settings
from lennonnet_gui.sort_choose import About
from lennonnet_gui.sort_dialog import SortDialog
from lennonnet_gui.sort_history import SortHistory
from lennonnet_gui.sort_past import journal_file, unfinished_words
from training import sorting_run
from training.sorting_journal import Busy, Journal, JournalError

if TYPE_CHECKING:
    from lennonnet_gui.bins import Picture
    from training.photos import PhotoFile
    from training.sorting import Item


class SortDesk(QObject):
    """What the window wires: give it the photos, tell it of pictures, and ask it before closing."""

    sorted = Signal(object)
    """Photos are elsewhere, as `SortWindow.sorted` tells it."""
    corrected = Signal(object, object)
    """In the plan, the user said what photos are: list[PhotoFile] and Verdict."""
    wanted_changed = Signal()
    """Other pictures are in sight than before: ask `wanted`."""
    running_changed = Signal()
    """Photos are being sorted or brought back, or no more."""
    notice = Signal(str)
    """A sentence for the user."""
    crashed = Signal(str)
    """The traceback of a failure that nobody foresaw."""

    def __init__(
        self,
        jobs: Jobs,
        picture: Picture,
        items: Callable[[], Sequence[Item]],
        about: Callable[[], About],
        window: QWidget,
        settings: Settings | None = None,
    ) -> None:
        super().__init__(window)
        self._jobs, self._picture, self._window, self._settings = jobs, picture, window, settings
        self._items, self._about = items, about
        self._dialog: SortDialog | None = None  # made when they are first wanted
        self._history: SortHistory | None = None
        self.sort_action = QAction("Sort out…", self)
        self.sort_action.setShortcut(QKeySequence("Ctrl+Shift+S"))
        self.sort_action.setToolTip(
            "Move, copy or link photos into folders by what they show, or write tags or a table"
        )
        self.sort_action.triggered.connect(self.open)
        self.history_action = QAction("Sorted before…", self)
        self.history_action.setToolTip("All sortings so far: go on with one, or undo it")
        self.history_action.triggered.connect(self.open_history)

    @property
    def dialog(self) -> SortDialog:
        """“Sort out…”."""
        if self._dialog is None:
            made = self._dialog = SortDialog(
                self._jobs, self._picture, self._items, self._about, self._window, self._settings
            )
            made.corrected.connect(self.corrected)
            made.wanted_changed.connect(self.wanted_changed)
            made.sorted.connect(self._sorted)
            made.running_changed.connect(self._running_changed)
            made.crashed.connect(self.crashed)
        return self._dialog

    @property
    def history(self) -> SortHistory:
        """“Sorted before…”."""
        if self._history is None:
            made = self._history = SortHistory(self._jobs, self._window)
            made.sorted.connect(self._sorted)
            made.running_changed.connect(self._running_changed)
            made.crashed.connect(self.crashed)
        return self._history

    @Slot()
    def open(self) -> None:
        """Ask how to sort, or show how the run that is under way goes."""
        _show(self.dialog)

    @Slot()
    def open_history(self) -> None:
        """Show what was sorted so far."""
        _show(self.history)

    @property
    def running(self) -> bool:
        """Whether photos are being sorted or brought back."""
        return any(one.running for one in (self._dialog, self._history) if one is not None)

    def wanted(self) -> list[PhotoFile]:
        """The photos whose pictures are in sight."""
        return [] if self._dialog is None else self._dialog.wanted()

    @Slot(object)
    def picture_came(self, path: str) -> None:
        """Take note that the picture of a photo can now be had."""
        if self._dialog is not None:
            self._dialog.picture_came(path)

    def ask_to_stop(self, then: Callable[[], object]) -> None:
        """Ask whether to stop what is under way; if so, call `then` once it has ended. Else call it at once."""
        for one in (self._dialog, self._history):
            if one is not None and one.running:
                one.ask_to_stop(then)
                return
        then()

    def shut(self) -> None:
        """End what runs, without asking: the program ends."""
        for one in (self._dialog, self._history):
            if one is not None:
                one.shut()

    def settle(self) -> None:
        """Bring to an end what a crash left half done, and tell it by `notice`; to be called once, at the start."""
        self._jobs.start(_settled, on_event=self._settled, on_failed=self._not_settled)

    @Slot(str)
    def _settled(self, words: str) -> None:
        self.notice.emit(words)

    def _not_settled(self, error: BaseException, trace: str) -> None:
        if isinstance(error, JournalError):
            self.notice.emit(str(error))
        else:
            self.crashed.emit(trace)

    @Slot(object)
    def _sorted(self, places: object) -> None:
        self.sorted.emit(places)
        if self._history is not None and not self._history.running:
            self._history.refresh()

    @Slot()
    def _running_changed(self) -> None:
        self.running_changed.emit()
        if self._history is not None and not self.running:
            self._history.refresh()


def _show(window: QWidget) -> None:
    window.show()
    window.raise_()
    window.activateWindow()


def _settled() -> Generator[str, None, None]:
    """A job: settles, and says what of it is to be told."""
    if not journal_file():
        return
    with Journal() as journal:
        try:
            words = [
                event.words for event in sorting_run.settle(journal) if isinstance(event, sorting_run.Settled)
            ]
        except Busy:
            return  # another window is at it, and tells its own
        unfinished = unfinished_words(journal.runs())
    if words or unfinished:
        yield " ".join([*words, *filter(None, [unfinished])])
