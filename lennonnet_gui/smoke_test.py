"""The self-driven check `lennonnet --smoke-test FOLDER`: the real window scores a folder, measured, and reports."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QObject, Qt, QTimer, Slot

from lennonnet_gui.folder_session import Phase, Status
from training.zones import Zone

if TYPE_CHECKING:
    from lennonnet_gui.main_window import MainWindow

_TICK_MS = 2
_GIVE_UP_AFTER_S = 600


def _peak_memory_mib() -> int | None:
    """The most memory that this process has held, in MiB; None where the system does not tell it so simply."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) >> (20 if sys.platform == "darwin" else 10)


class StallMeter(QObject):
    """Measures how long the event loop leaves a timer waiting: what a user feels as a frozen window."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.stalls_ms: list[float] = []
        self._timer = QTimer(self, interval=_TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._last = 0.0

    def start(self) -> None:
        """Begin to measure, with the next turn of the event loop."""
        self._last = time.perf_counter()
        self._timer.start()

    @Slot()
    def _tick(self) -> None:
        now = time.perf_counter()
        self.stalls_ms.append(max(0.0, 1000 * (now - self._last) - _TICK_MS))
        self._last = now

    def longest(self) -> float:
        """The longest stall so far, in milliseconds."""
        return max(self.stalls_ms, default=0.0)

    def percentile(self, share: float) -> float:
        """The stall, in milliseconds, that `share` (0 to 1) of all turns of the event loop stayed within."""
        ordered = sorted(self.stalls_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class SmokeTest(QObject):
    """Opens a folder in the window, waits until all of it is scored, writes a report and ends the program."""

    def __init__(self, window: MainWindow, folder: str, report: str | None, started: float) -> None:
        super().__init__(window)
        self._window, self._report, self._started = window, report, started
        self._meter = StallMeter(self)
        self._opened = time.perf_counter()
        self._first_score = 0.0
        self._meter.start()
        window.session.status_changed.connect(self._status_changed)
        self._deadline = QTimer(self, singleShot=True, interval=_GIVE_UP_AFTER_S * 1000)
        self._deadline.timeout.connect(self._give_up)
        self._deadline.start()
        window.open_folder(folder)

    @Slot(object)
    def _status_changed(self, status: Status) -> None:
        if not self._first_score and status.done:
            self._first_score = time.perf_counter()
        if status.phase in (Phase.DONE, Phase.STOPPED, Phase.UNREACHABLE):
            self._window.session.status_changed.disconnect(self._status_changed)
            self._finish(status)

    @Slot()
    def _give_up(self) -> None:
        self._finish(self._window.session.status)

    def _finish(self, status: Status) -> None:
        counts = self._window.model.counts()
        whole = status.phase is Phase.DONE
        report: dict[str, Any] = {
            "ok": whole,
            "phase": status.phase.name.lower(),
            "photos": counts.total,
            "scored": sum(counts.by_zone),
            "unreadable": counts.unreadable,
            "zones": {zone.label(self._window.session.subject.name): counts.by_zone[zone] for zone in Zone},
            "seconds": round(time.perf_counter() - self._opened, 3),
            "seconds_to_window": round(self._opened - self._started, 3),
            "seconds_to_first_score": round(self._first_score - self._opened, 3)
            if self._first_score
            else None,
            "longest_stall_ms": round(self._meter.longest(), 1),
            "stall_p99_ms": round(self._meter.percentile(0.99), 1),
            "peak_memory_mib": _peak_memory_mib(),
        }
        if status.reason:
            report["reason"] = status.reason
        text = json.dumps(report)
        print(text, flush=True)
        try:
            if self._report is not None:
                Path(self._report).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            print(f"The report could not be written: {error}", file=sys.stderr)
            whole = False
        self._window.close()
        QCoreApplication.exit(0 if whole else 1)
