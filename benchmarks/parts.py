"""The parts one by one: fitting a head, opening a photo against Pillow alone, listing 100,000 photos.

python -m benchmarks.parts
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import photo_folder
from training import head, photos

_DIM = 2192


def main() -> None:
    """Print medians."""
    rng = np.random.default_rng(1)
    features = rng.normal(0, 1, (2000, _DIM)).astype(np.float16)
    is_subject = np.arange(2000) % 4 == 0
    features[is_subject, :20] += np.float16(1)
    twins = np.arange(2000)
    once = _median(lambda: head.fit(features, is_subject, twins=twins, folds=1))
    whole = _median(lambda: head.fit(features, is_subject, twins=twins))
    print(
        f"head on 2,000 photos: {1000 * once:.0f} ms; chosen and calibrated in five parts: {1000 * whole:.0f} ms"
    )

    (photo,) = photo_folder.camera_photos(Path("/tmp/lennonnet-benchmark/camera"), 2)[1:]

    def plain() -> None:
        with Image.open(photo) as image:
            image.draft("RGB", (500, 375))
            image.load()

    ours, bare = _paired(lambda: photos.load(photo), plain)
    print(f"open a 12 MP photo: {1000 * ours:.1f} ms of a core; Pillow alone: {1000 * bare:.1f} ms")

    with tempfile.TemporaryDirectory() as folder:
        for number in range(100_000):
            inner = Path(folder, f"{number // 1000}")
            inner.mkdir(exist_ok=True)
            (inner / f"IMG_{number}.jpg").touch()  # listing opens none of them
        found = sum(len(batch) for batch in photos.scan(folder))
        seconds = _median(lambda: [None for _ in photos.scan(folder)])
        print(f"list {found:,} photos in 100 folders: {seconds:.2f} s")


def _median(run: Callable[[], object], turns: int = 5) -> float:
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _paired(one: Callable[[], object], other: Callable[[], object], turns: int = 15) -> tuple[float, float]:
    """Median processor time of each, run by turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(turns):
        for run, kept in zip((one, other), times, strict=True):
            start = time.process_time()
            run()
            kept.append(time.process_time() - start)
    return statistics.median(times[0]), statistics.median(times[1])


if __name__ == "__main__":
    main()
