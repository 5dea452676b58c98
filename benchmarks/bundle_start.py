"""How soon the bundle shows its window, and how soon it has scored twenty photos, seen from outside.

xvfb-run -a python -m benchmarks.bundle_start [--photos FOLDER]

The window counts as shown when its first pixels are on the screen. As root, on Linux, it is measured with a cold cache
too: the system forgets all files first. The program and its photos lie on this machine's disk.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PySide6.QtCore import QSize
from PySide6.QtGui import QGuiApplication, QScreen

import bundle

TURNS_WARM, TURNS_COLD = 9, 5
PHOTOS = 20
_FORGET = Path("/proc/sys/vm/drop_caches")


def main() -> None:
    """Print medians and ranges."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=Path, help="a folder with photos; else some are drawn")
    folder = parser.parse_args().photos
    app = QGuiApplication([])
    with tempfile.TemporaryDirectory() as scratch:
        environment = {**os.environ, "LENNONNET_HOME": str(Path(scratch, "home"))}
        if folder is None:
            folder = Path(scratch, "photos")
            bundle.draw(Path(sys.executable), folder, PHOTOS)
        photos = sorted(path for path in folder.iterdir() if path.is_file())[:PHOTOS]
        _window(environment)  # the first start makes what later ones find
        _tell("window, warm", [_window(environment) for _ in range(TURNS_WARM)])
        _tell("scored, warm", [_scored(scratch, photos, turn) for turn in range(TURNS_COLD)])
        if os.access(_FORGET, os.W_OK):
            _tell("window, cold", [_window(environment) for _ in range(TURNS_COLD) if _forget()])
            _tell("scored, cold", [_scored(scratch, photos, 100 + turn) for turn in range(3) if _forget()])
    del app


def _tell(what: str, seconds: list[float]) -> None:
    print(
        f"{what}: {statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})", flush=True
    )


def _forget() -> bool:
    """Let the system forget what it has of files in memory."""
    os.sync()
    _FORGET.write_text("3")
    return True


def _window(environment: dict[str, str]) -> float:
    """Seconds from the program's start until something is on the screen."""
    screen = QGuiApplication.primaryScreen()
    middle = screen.size() / 2
    while _painted(screen, middle):  # the last window is still going
        time.sleep(0.05)
    started = time.perf_counter()
    with subprocess.Popen(
        [bundle.PROGRAM], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as program:
        try:
            while not _painted(screen, middle):
                if program.poll() is not None:
                    raise SystemExit("The bundle ended before it had a window.")
                time.sleep(0.002)
            return time.perf_counter() - started
        finally:
            program.terminate()


def _painted(screen: QScreen, middle: QSize) -> bool:
    """Whether there is more than black around the middle of the screen."""
    seen = screen.grabWindow(0, middle.width() // 2, middle.height() // 2, 4, 4).toImage()
    return any(seen.pixelColor(x, y).value() > 8 for x in range(4) for y in range(4))


def _scored(scratch: str, photos: list[Path], turn: int) -> float:
    """Seconds from the program's start until it says that it has scored the photos, which it has never seen before."""
    folder = Path(scratch, f"turn {turn}")
    folder.mkdir()
    for path in photos:
        (folder / path.name).symlink_to(path.resolve())
    report = folder.with_suffix(".json")
    environment = {**os.environ, "LENNONNET_HOME": str(Path(scratch, f"home {turn}"))}
    started = time.time()
    subprocess.run(
        [bundle.PROGRAM, "--smoke-test", folder, "--report", report],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert json.loads(report.read_text())["scored"] == len(photos)
    return report.stat().st_mtime - started


if __name__ == "__main__":
    main()
