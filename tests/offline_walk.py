"""The real program from its start to its end, driven as by its user: `python -m tests.offline_walk FOLDER SUBJECT`.

It scores the folder, labels, trains quickly, sorts out, shows what it is made of, and leaves; its last words are
“all done” then. What it does on the network meanwhile is watched by `tests.test_offline`, from outside.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from lennonnet_gui import __main__ as program
from lennonnet_gui.folder_session import Phase
from lennonnet_gui.main_window import MainWindow
from lennonnet_gui.training_dialog import TrainingDialog
from training.zones import Zone

PATIENCE_MS = 240_000


def walk(window: MainWindow, folder: Path) -> Iterator[Callable[[], bool]]:
    """Do one thing after the other; what is yielded tells when it is done."""
    yield lambda: window.session.status.phase is Phase.DONE and not window.jobs.busy()
    files = [window.model.file_at(row) for row in range(window.model.rowCount())]
    cats = [file for file in files if "chelsea" in Path(file.path).name]
    others = [file for file in files if file not in cats]
    for zone, some in ((Zone.SUBJECT, cats), (Zone.NOT_SUBJECT, others)):
        window.teaching.label(some, zone, "key")
        yield lambda: not window.teaching.is_busy() and not window.jobs.busy()
    say("labelled")

    window.parts.train_action.trigger()
    (dialog,) = window.findChildren(TrainingDialog)
    yield dialog.before.start.isEnabled
    dialog.before.start.click()
    yield lambda: not dialog.training
    assert dialog._finished is not None, "the training did not come to its end"
    dialog.close()
    say("trained")

    window.sorting.sort_action.trigger()
    sorting = window.sorting.sorting.dialog
    sorting.choose.plan_button.click()
    yield sorting.plan.start.isEnabled
    sorting.plan.start.click()
    yield lambda: not sorting.run.running and any(folder.rglob("*/chelsea.jpg"))
    sorting.close()
    say("sorted")

    window.help.about_action.trigger()
    about = window.help.about
    assert about is not None
    yield lambda: bool(about.licences()) and not window.jobs.busy()
    say("all done")
    window.close()


def say(word: str) -> None:
    print(word, flush=True)


class Driver:
    """Looks again and again how far the walk is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.walk: Iterator[Callable[[], bool]] | None = None
        self.done: Callable[[], bool] = lambda: True
        self.timer = QTimer(interval=20)
        self.timer.timeout.connect(self.look)
        self.timer.start()

    def look(self) -> None:
        if self.walk is None:
            windows = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, MainWindow)]
            if not windows:
                return
            self.walk = walk(windows[0], self.folder)
        try:
            if self.done():
                self.done = next(self.walk)
        except StopIteration:
            self.timer.stop()
        except BaseException:
            traceback.print_exc()
            os._exit(4)


def main() -> int:
    folder, subject = sys.argv[1:3]
    app = QApplication(["lennonnet"])
    driver = Driver(Path(folder))
    QTimer.singleShot(PATIENCE_MS, app, give_up)
    sys.argv[1:] = ["--subject", subject, folder]
    status = program.main()
    driver.timer.stop()
    return status


def give_up() -> None:
    print("This takes too long.", file=sys.stderr, flush=True)
    os._exit(3)


if __name__ == "__main__":
    sys.exit(main())
