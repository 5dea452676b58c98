"""How soon a folder of 10,000 photos that was seen before is coloured, and a new head re-scores 100,000 photos.

    python -m benchmarks.warm

The cache is filled with made-up features and faces (15,000), since what they say does not matter for the time. The
window is the real one; what is counted as decoded is every photo that is opened until the colours stand.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np

from benchmarks import known_folder, photo_folder
from training import photos
from training.head import Head
from training.photos import Photo

_PHOTOS = 10_000


def main() -> None:
    """Print both times."""
    folder = Path(f"/tmp/lennonnet-benchmark/small-{_PHOTOS}")
    photo_folder.small_photos(folder, _PHOTOS)
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as home:
        os.environ["LENNONNET_HOME"] = home
        files = [file for batch in photos.scan(folder) for file in batch][:_PHOTOS]
        dim = len(known_folder.fill_cache(files).head.weight)
        seconds, opened = zip(*(_open(folder) for _ in range(5)), strict=True)
        print(
            f"{_PHOTOS} photos coloured in {statistics.median(seconds):.2f} s (median of 5, {max(seconds):.2f} at most)"
        )
        print(f"photos opened meanwhile: {max(opened)} at most")
    features = rng.normal(0, 1, (100_000, dim)).astype(np.float16)
    head = Head(rng.normal(0, 1, dim).astype(np.float32), 0.0)
    times = []
    for _ in range(9):
        start = time.perf_counter()
        head.score(features)
        times.append(1000 * (time.perf_counter() - start))
    print(f"100,000 photos of {dim} numbers re-scored in {statistics.median(times):.0f} ms (median of 9)")


def _open(folder: Path) -> tuple[float, int]:
    """Open the folder in a window: seconds until the last score is in the model, and photos opened by then."""
    from PySide6.QtWidgets import QApplication

    from lennonnet_gui import app
    from lennonnet_gui.folder_session import Phase

    opened = 0
    load = photos.load

    def count(path: str | Path, *, short_side: int = 256) -> Photo:
        nonlocal opened
        opened += 1
        return load(path, short_side=short_side)

    window = app.start([])
    QApplication.processEvents()
    photos.load = count
    try:
        start = time.perf_counter()
        window.open_folder(str(folder))
        while window.session.status.phase is not Phase.DONE:
            QApplication.processEvents()
        seconds = time.perf_counter() - start
    finally:
        photos.load = load
    assert sum(window.model.counts().by_zone) == _PHOTOS
    app.finish(window)
    return seconds, opened


if __name__ == "__main__":
    main()
