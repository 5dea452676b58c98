"""How soon after the interpreter's start the first window is painted.

xvfb-run -a python -m benchmarks.start
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

_CHILD = """
import time
from PySide6.QtCore import QEvent, QObject
from lennonnet_gui import app
from PySide6.QtWidgets import QApplication

window = app.start([])
painted = []

class Watch(QObject):
    def eventFilter(self, watched, event):
        if event.type() is QEvent.Type.Paint:
            painted.append(time.time())
        return False

watch = Watch()
window.welcome.installEventFilter(watch)
while not painted:
    QApplication.processEvents()
QApplication.processEvents()
import sys
print(painted[0], "torch" in sys.modules)
app.finish(window)
"""


def main() -> None:
    """Print the median of nine starts, the first not counted."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with (
        tempfile.TemporaryDirectory() as home
    ):  # bytecode is kept there too, as it is beside installed modules
        seconds = []
        for turn in range(10):
            start = time.time()
            done = subprocess.run(
                [sys.executable, "-c", _CHILD],
                env={**kept, "LENNONNET_HOME": home, "PYTHONPYCACHEPREFIX": f"{home}/pyc"},
                capture_output=True,
                text=True,
                check=True,
            )
            painted, torch = done.stdout.split()
            assert torch == "False", "torch was loaded before the window"
            if turn:
                seconds.append(float(painted) - start)
    print(
        f"first window {statistics.median(seconds):.2f} s after the start ({min(seconds):.2f} to {max(seconds):.2f})"
    )


if __name__ == "__main__":
    main()
