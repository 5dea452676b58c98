"""Sorting out, put together: what is sorted comes from the model and the labels, what was sorted goes back to them.

Connections only. All behind the two actions is made when one of them is first wanted: few starts sort anything out.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QKeySequence

from lennonnet_gui.folder_session import FolderSession
from lennonnet_gui.jobs import Jobs
from lennonnet_gui.photo_grid import PhotoGrid
from lennonnet_gui.photo_model import PhotoModel
from lennonnet_gui.settings import Settings
from lennonnet_gui.subject_desk import SubjectDesk
from lennonnet_gui.teaching import Teaching
from lennonnet_gui.thumbnails import Thumbnails
from training import paths
from training.photos import PhotoFile
from training.verdicts import Verdict
from training.zones import Zone

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from lennonnet_gui.sort_choose import About
    from lennonnet_gui.sort_desk import SortDesk
    from training.sorting import Item

_SETTLE_AFTER_MS = 1500  # the first window comes first


class SortParts(QObject):
    """The two actions that sort, and all that they need."""

    wanted_changed = Signal()
    """Other pictures are in sight than before: ask `wanted`."""

    notice = Signal(str)
    crashed = Signal(str)

    def __init__(
        self,
        window: QWidget,
        settings: Settings,
        desk: SubjectDesk,
        session: FolderSession,
        teaching: Teaching,
        model: PhotoModel,
        grid: PhotoGrid,
        thumbnails: Thumbnails,
        jobs: Jobs,
    ) -> None:
        super().__init__(window)
        self._window, self._settings, self._subjects = window, settings, desk
        self._session, self._teaching, self._model = session, teaching, model
        self._picture, self._thumbnails, self._jobs = grid.picture, thumbnails, jobs
        self._made = False
        self.sort_action = QAction("&Sort out…", window)
        self.sort_action.setShortcut(QKeySequence("Ctrl+Shift+S"))
        self.sort_action.triggered.connect(self._open)
        self.history_action = QAction("Sorted &before…", window)
        self.history_action.triggered.connect(self._open_history)
        QTimer.singleShot(_SETTLE_AFTER_MS, self, self._settle)

    @functools.cached_property
    def sorting(self) -> SortDesk:
        """What does it."""
        from lennonnet_gui.sort_desk import SortDesk

        made = SortDesk(self._jobs, self._picture, self._items, self._about, self._window, self._settings)
        made.wanted_changed.connect(self.wanted_changed)
        made.corrected.connect(self._corrected)
        made.sorted.connect(self._sorted)
        made.notice.connect(self.notice)
        made.crashed.connect(self.crashed)
        self._thumbnails.arrived.connect(made.picture_came)
        self._made = True
        return made

    @Slot()
    def _open(self) -> None:
        if not self._session.status.folder:
            self.notice.emit("Open a folder first: it is what is sorted out.")
        else:
            self.sorting.open()

    @Slot()
    def _open_history(self) -> None:
        self.sorting.open_history()

    @Slot()
    def _settle(self) -> None:
        """Bring to an end what a crash left half done; where nothing was ever sorted, nothing is loaded for it."""
        if (paths.data_dir() / "sorting.sqlite3").exists():
            self.sorting.settle()

    def _items(self) -> Sequence[Item]:
        """All photos of the folder, as they are known by now."""
        from training.sorting import Item

        digest_of, said_of = self._teaching.features.digest_of, self._teaching.said_of
        return [
            Item(file, digest_of(file.path), probability, said_of(file), taken)
            for file, probability, taken in self._model.facts()
        ]

    def _about(self) -> About:
        from lennonnet_gui.sort_choose import About

        subject = self._session.known_subject()
        entry = self._subjects.entry
        return About(entry.name, self._session.status.folder, self._model.zones(), subject.figures, entry.id)

    @Slot(object, object)
    def _corrected(self, files: list[PhotoFile], verdict: Verdict) -> None:
        zone = Zone.SUBJECT if verdict is Verdict.SUBJECT else Zone.NOT_SUBJECT
        self._teaching.label(files, zone, "sort")

    @Slot(object)
    def _sorted(self, moved: list[tuple[str, str, bytes | None]]) -> None:
        """Photos lie elsewhere now: their labels follow them, and the folder is looked at again."""
        self._teaching.photos_moved([(new, digest) for _, new, digest in moved if digest is not None])
        self._session.look_again()

    # -- what the window asks

    def wanted(self) -> list[PhotoFile]:
        """The photos of the plan whose pictures are in sight."""
        return self.sorting.wanted() if self._made else []

    @property
    def running(self) -> bool:
        """Whether photos are being sorted or brought back."""
        return self._made and self.sorting.running

    def ask_to_stop(self) -> None:
        """Ask whether to stop what is under way, and close the window once it has ended."""
        self.sorting.ask_to_stop(self._window.close)

    def stop(self) -> None:
        """End what runs; what was done so far is kept, and can be gone on with."""
        if self._made:
            self.sorting.shut()
