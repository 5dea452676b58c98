"""Handling the real program in tests: started as by its user, on a screen that nobody sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytestqt.qtbot import QtBot

from lennonnet_gui.folder_session import Phase
from lennonnet_gui.main_window import MainWindow
from lennonnet_gui.photo_model import ProbabilityRole

Start = Callable[..., MainWindow]


def wait_until_scored(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: window.session.status.phase is Phase.DONE, timeout=60_000)


def wait_until_learned(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.teaching.is_busy() and not window.jobs.busy(), timeout=30_000)


def shown_names(window: MainWindow) -> list[str]:
    return [Path(window.model.file_at(row).path).name for row in range(window.model.rowCount())]


def row_of(window: MainWindow, name: str) -> int:
    return shown_names(window).index(name)


def probability_of(window: MainWindow, name: str) -> float:
    return float(window.model.index(row_of(window, name)).data(ProbabilityRole))
