"""How the grid holds up with 100,000 photos: first show, scrolling, sorting, filtering, scores coming in, memory.

    QT_QPA_PLATFORM=offscreen python -m benchmarks.grid [--photos N] [--width W --height H] [--cell EDGE]

Paints for real, at 1600 x 1000 unless told otherwise, with stand-in pictures of 256 x 192 pixels that are
different for each photo, so that every cell that scrolls into sight is scaled as with real ones. Times are
wall-clock milliseconds; "a frame" is one step of the scroll bar until its paint is done.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QApplication

from lennonnet_gui import theme
from lennonnet_gui.photo_grid import PhotoGrid
from lennonnet_gui.photo_model import PhotoModel, SortKey
from training.photos import PhotoFile
from training.zones import Zone

BATCH = 512


class Pictures(QObject):
    """A picture for every photo at once: another one for each, the last 512 kept."""

    arrived = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        noise = np.random.default_rng(0).integers(0, 256, (192, 256, 4), np.uint8)
        data = noise.tobytes()
        self._picture = QPixmap.fromImage(QImage(data, 256, 192, QImage.Format.Format_RGB32))
        self._kept: OrderedDict[str, QPixmap] = OrderedDict()

    def pixmap(self, file: PhotoFile, edge: int) -> QPixmap | None:
        """A picture of its own, as cheap as a look-up."""
        kept = self._kept.get(file.path)
        if kept is None:
            kept = self._kept[file.path] = self._picture.copy()
            if len(self._kept) > 512:
                self._kept.popitem(last=False)
        return kept


def milliseconds(work: Callable[..., object], *arguments: object) -> float:
    """How long `work` took."""
    began = time.perf_counter()
    work(*arguments)
    return 1000 * (time.perf_counter() - began)


def batches(count: int) -> Iterator[slice]:
    """`count` in batches of 512."""
    for start in range(0, count, BATCH):
        yield slice(start, min(count, start + BATCH))


def report(what: str, *times: float) -> None:
    """Print one line: the time, or median, 99th percentile and worst of many."""
    if len(times) == 1:
        print(f"{what:<44}{times[0]:>9.1f}")
    else:
        p99 = float(np.percentile(times, 99))
        print(f"{what:<44}{statistics.median(times):>9.1f}{p99:>9.1f}{max(times):>9.1f}")


def resident() -> float:
    """This process's greatest memory so far, in MB; 0 where the system does not say."""
    if sys.platform == "win32":
        return 0.0
    import resource

    kilo = 1024 if sys.platform == "darwin" else 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / kilo


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the photo grid.")
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=1600)
    parser.add_argument("--height", type=int, default=1000)
    parser.add_argument("--cell", type=int, default=160)
    wanted = parser.parse_args()

    app = QApplication([])
    app.setStyle("Fusion")
    app.setPalette(theme.palette())
    count = wanted.photos
    rng = np.random.default_rng(0)
    files = [
        PhotoFile(
            f"{os.sep}pictures{os.sep}trip {i // 1000}{os.sep}IMG_{i % 1000}.jpg", i, i * 3_000_000_000_000
        )
        for i in range(count)
    ]
    paths = [file.path for file in files]
    scores = rng.random(count)
    taken = np.datetime_as_string(
        np.datetime64("2001-01-01T00:00:00") + rng.integers(0, 700_000_000, count)
    ).tolist()
    bare = resident()

    model = PhotoModel()
    grid = PhotoGrid(Pictures())
    grid.set_cell_size(wanted.cell)
    grid.resize(wanted.width, wanted.height)
    print(f"{count:,} photos{'':<31}{'median':>9}{'p99':>9}{'worst':>9}   (ms)")
    report("add, a batch of 512", *(milliseconds(model.add, files[batch]) for batch in batches(count)))

    def show() -> None:
        grid.setModel(model)
        grid.show()
        app.processEvents()
        grid.viewport().repaint()

    report("first show", milliseconds(show))
    bar = grid.verticalScrollBar()

    def step(value: int) -> None:
        bar.setValue(value)
        app.processEvents()

    report("jump to the end", milliseconds(step, bar.maximum()))
    report("jump to the middle", milliseconds(step, bar.maximum() // 2))
    report(
        "set_scores, a batch of 512",
        *(milliseconds(model.set_scores, paths[b], scores[b], taken[b]) for b in batches(count)),
    )
    app.processEvents()
    notch, middle = 3 * bar.singleStep(), bar.value()
    report(
        "a frame: scroll by a notch to new photos",
        *(milliseconds(step, middle + n * notch) for n in range(300)),
    )
    report("a frame: scroll back by 20 pixels", *(milliseconds(step, bar.value() - 20) for _ in range(300)))
    grid.viewport().repaint()
    report("a whole frame", *(milliseconds(grid.viewport().repaint) for _ in range(100)))
    for key in SortKey:
        report(f"sort by {key}", *(milliseconds(model.sort_by, key, down) for down in (True, False, True)))
    report("filter by zone", *(milliseconds(model.set_filter, {zone}) for zone in Zone))
    report("filter by name", *(milliseconds(model.set_filter, (), text) for text in ("7", "img 12", "IMG_9")))
    model.set_filter()
    report("remove one in ten, here and there", milliseconds(model.remove, paths[::10]))
    print(f"\nmemory: {resident():.0f} MB, of it {bare:.0f} MB before the model and the grid were made")


if __name__ == "__main__":
    main()
