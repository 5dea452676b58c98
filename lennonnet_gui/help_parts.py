"""What the Help menu has beside the keys: the log, and what this program is; its dialogs are made when first wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from lennonnet_gui.jobs import Jobs

if TYPE_CHECKING:
    from lennonnet_gui.help_about import AboutDialog


class HelpParts(QObject):
    """Two actions for the menu, and what they open."""

    crashed = Signal(str)
    """The traceback of a failure that nobody foresaw."""

    def __init__(self, window: QWidget, jobs: Jobs) -> None:
        super().__init__(window)
        self._window, self._jobs = window, jobs
        self._about: AboutDialog | None = None
        self.log_action = QAction("Show &log", self)
        self.log_action.triggered.connect(self._show_log)
        self.about_action = QAction("&About Lennonnet", self)
        self.about_action.setMenuRole(QAction.MenuRole.AboutRole)  # a Mac has it in the program's own menu
        self.about_action.triggered.connect(self._show_about)

    @property
    def about(self) -> AboutDialog | None:
        """The dialog, once it was opened."""
        return self._about

    @Slot()
    def _show_log(self) -> None:
        from lennonnet_gui.help_mishap import show_log

        show_log(self._window)

    @Slot()
    def _show_about(self) -> None:
        if self._about is None:
            from lennonnet_gui.help_about import AboutDialog

            self._about = AboutDialog(self._jobs, self._window)
            self._about.crashed.connect(self.crashed)
        self._about.show()
        self._about.raise_()
        self._about.activateWindow()
