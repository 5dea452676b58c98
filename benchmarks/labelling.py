"""How soon a label is kept, and the grid recoloured, with 10,000 photos in the window and 500 labels.

    QT_QPA_PLATFORM=offscreen python -m benchmarks.labelling [--photos N] [--labels N]

The window is the real one, on a folder of little photos whose features and faces (15,000) are made up in the cache:
half of them a little more like the subject. A drop is what the bins tell when photos are dropped into them, five at a
time; recoloured is when all scores that it changed stand in the model and the grid was painted. Stalls are those of
the event loop.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import training  # noqa: F401, I001  (before numpy: see there)
from PySide6.QtWidgets import QApplication

from benchmarks import known_folder, photo_folder
from lennonnet_gui import app
from lennonnet_gui.folder_session import Phase
from lennonnet_gui.smoke_test import StallMeter
from training import photos
from training.photos import PhotoFile
from training.verdicts import Ledger, Verdict
from training.zones import Zone

DROPS, EACH = 30, 5


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--labels", type=int, default=500)
    options = parser.parse_args()
    folder = Path(f"/tmp/lennonnet-benchmark/small-{options.photos}")
    photo_folder.small_photos(folder, options.photos)
    with tempfile.TemporaryDirectory() as home:
        os.environ["LENNONNET_HOME"] = home
        files = [file for batch in photos.scan(folder) for file in batch][: options.photos]
        known_folder.fill_cache(files)
        _time_ledger(files)
        _time_drops(folder, files, options.labels)


def _time_ledger(files: list[PhotoFile]) -> None:
    with tempfile.TemporaryDirectory() as home, Ledger(Path(home, "library.sqlite3")) as ledger:
        for count in (1, 1000):
            times = []
            for turn in range(9 if count > 1 else 99):
                items = [(file, None) for file in files[turn * count : (turn + 1) * count]]
                start = time.perf_counter()
                ledger.label(items, "john", Verdict.SUBJECT, "drag")
                times.append(1000 * (time.perf_counter() - start))
            print(f"{count:,} labels kept in {statistics.median(times):.2f} ms (at most {max(times):.2f})")


def _time_drops(folder: Path, files: list[PhotoFile], labels: int) -> None:
    window = app.start([str(folder)])
    _until(lambda: window.session.status.phase is Phase.DONE)
    sides = (Zone.NOT_SUBJECT, Zone.SUBJECT)
    for side, zone in enumerate(sides):
        paths = [file.path for file in files[:labels] if int(file.path[-5]) % 2 == side]
        window.bins.dropped.emit(zone, paths, "drag", "")
    _until(lambda: window.teaching.state.labels == labels and not window.teaching.is_busy())
    meter = StallMeter()
    meter.start()
    times, kept = [], []
    for turn in range(DROPS):
        some = files[labels + EACH * turn : labels + EACH * (turn + 1)]
        learned: list[float] = []
        shown: list[float] = []
        window.teaching.learned.connect(lambda _state, to=learned: to.append(time.perf_counter()))
        window.teaching.gesture_kept.connect(lambda _entry, _files, to=shown: to.append(time.perf_counter()))
        start = time.perf_counter()
        window.bins.dropped.emit(sides[turn % 2], [file.path for file in some], "drag", "")
        _until(lambda: bool(learned))  # noqa: B023
        QApplication.processEvents()
        times.append(1000 * (time.perf_counter() - start))
        kept.append(1000 * (shown[0] - start))
        window.teaching.learned.disconnect()
        window.teaching.gesture_kept.disconnect()
        window.teaching.learned.connect(window._learned)
        window.teaching.gesture_kept.connect(window._gesture_kept)
        if turn % 5 == 4:
            _until(lambda: not window.teaching.is_busy())
    times.sort()
    print(
        f"{len(files):,} photos, {labels} labels: marked after {statistics.median(kept):.0f} ms, recoloured after"
        f" {statistics.median(times):.0f} ms (median of {DROPS}; 90 %: {times[int(0.9 * DROPS)]:.0f},"
        f" at most {times[-1]:.0f})"
    )
    print(f"stalls meanwhile: longest {meter.longest():.0f} ms, 99 %: {meter.percentile(0.99):.1f} ms")
    app.finish(window)


def _until(done: object) -> None:
    assert callable(done)
    while not done():
        QApplication.processEvents()


if __name__ == "__main__":
    main()
