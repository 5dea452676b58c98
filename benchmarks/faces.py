"""How fast faces are found and described, against a plain loop over dlib, and how long other threads have to wait.

    python -m benchmarks.faces [--photos 24] [--rounds 5] [--look quick]

Photos of 12 megapixels with people in them. Ours: all of it, decoding included, on all cores. dlib: its CNN detector
and compute_face_descriptor over the same pixels, already decoded, in the size in which ours are looked over; so slow
that each round takes but two of the photos. By turns, so that the machine's moods hit all alike. Also milliseconds for
one descriptor, in batches on all cores against dlib's; and the longest that a thread which wants to run every
millisecond waited, while the networks were loaded (torch itself was before) and while they ran.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import math
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import photo_folder
from training import faces, photos, torch_runtime
from training.crew import Worklist
from training.faces import FacesOf, Look
from training.photos import PhotoFile


def people_photos(folder: Path, count: int) -> list[PhotoFile]:
    """`count` JPEGs of 12 megapixels and about 4 MB, most with a face or two."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = sorted(photo_folder.SHARED.glob("people/*.jpg"))[::7]
    pictures = [Image.open(file).convert("RGB") for file in sources] or photo_folder.sources()
    noise = np.random.default_rng(1).normal(0, 6, (3000, 4000, 1)).astype(np.int16)
    for index, picture in zip(range(count), itertools.cycle(pictures)):
        path = folder / f"IMG_{index:04}.jpg"
        if not path.exists():
            large = np.asarray(picture.resize((4000, 3000), Image.Resampling.BICUBIC)).astype(np.int16)
            pixels = (large + np.roll(noise, index * 97, 1)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(path, quality=90)
    return [file for batch in photos.scan(folder) for file in batch][:count]


@contextmanager
def waiting(longest: list[float]) -> Iterator[None]:
    """Append to `longest` the seconds that a thread which sleeps a millisecond at a time waited beyond that."""
    done = threading.Event()
    most = 0.0

    def tick() -> None:
        nonlocal most
        last = time.perf_counter()
        while not done.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            most = max(most, now - last - 0.001)
            last = now

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        longest.append(most)


def on_all_cores(run: Callable[[], object]) -> float:
    """Seconds that it takes all cores to `run` once each."""
    threads = [threading.Thread(target=run) for _ in range(os.cpu_count() or 1)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


def main() -> None:
    """Print photos per second, milliseconds per descriptor and waits, and the ratios, medians over the rounds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--look", type=Look, choices=list(Look), default=Look.QUICK)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/lennonnet-benchmark/people"))
    arguments = parser.parse_args()
    look: Look = arguments.look
    files = people_photos(arguments.folder, arguments.photos)
    print(f"{len(files)} photos of 12 megapixels, {os.cpu_count()} cores, {look} look")

    loading: list[float] = []
    running: list[float] = []
    torch_runtime.load()
    with waiting(loading):
        finder = faces.load()

    import dlib  # type: ignore[import-untyped]  # after ours, so that what it does to the process doesn't count

    found = importlib.util.find_spec("face_recognition_models")
    assert found is not None and found.submodule_search_locations
    folder = Path(next(iter(found.submodule_search_locations)), "models")
    detector = dlib.cnn_face_detection_model_v1(str(folder / "mmod_human_face_detector.dat"))
    predictor = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
    describer = dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))

    counts: list[int] = []

    def ours() -> None:
        with waiting(running):
            batches = faces.extract(Worklist(files), look, lambda: finder)
            counts[:] = [len(item.faces) for batch in batches for item in batch if isinstance(item, FacesOf)]

    def decoded(file: PhotoFile) -> np.ndarray:
        pixels = photos.load(file.path, short_side=faces.short_side(look)).pixels
        height, width = pixels.shape[:2]
        scale = math.sqrt(faces.looked_over(look) / (height * width))
        picture = Image.fromarray(pixels).resize((round(width * scale), round(height * scale)))
        return np.array(picture)

    def theirs(pixels: list[np.ndarray]) -> None:
        for one in pixels:
            for face in detector(one, 0):
                describer.compute_face_descriptor(one, predictor(one, face.rect))

    chips = np.random.default_rng(0).integers(0, 255, (96, 150, 150, 3), np.uint8)
    rates: dict[str, list[float]] = {"ours": [], "dlib": []}
    each: dict[str, list[float]] = {"ours": [], "dlib": []}
    turns = itertools.cycle(files)
    for turn in range(arguments.rounds + 1):
        start = time.perf_counter()
        ours()
        rates["ours"].append(len(files) / (time.perf_counter() - start))
        some = [decoded(next(turns)) for _ in range(2 if turn else 1)]
        start = time.perf_counter()
        theirs(some)
        rates["dlib"].append(len(some) / (time.perf_counter() - start))
        seconds = on_all_cores(lambda: finder.describe(chips))
        each["ours"].append(1000 * seconds / len(chips) / (os.cpu_count() or 1))
        start = time.perf_counter()
        describer.compute_face_descriptor(list(chips[:8]))
        each["dlib"].append(1000 * (time.perf_counter() - start) / 8)
    for values in (*rates.values(), *each.values(), running):
        del values[0]  # warming up
    print(f"{sum(counts)} faces in {sum(count > 0 for count in counts)} photos")
    for name, values in rates.items():
        print(f"{name}  {statistics.median(values):7.2f} photos/s  ({min(values):.2f} to {max(values):.2f})")
    ratios = [a / b for a, b in zip(rates["ours"], rates["dlib"], strict=True)]
    print(f"ours / dlib  {statistics.median(ratios):5.1f}  ({min(ratios):.1f} to {max(ratios):.1f})")
    for name, values in each.items():
        print(
            f"{name}  {statistics.median(values):7.2f} ms a descriptor  ({min(values):.2f} to {max(values):.2f})"
        )
    ratios = [b / a for a, b in zip(each["ours"], each["dlib"], strict=True)]
    print(f"dlib / ours  {statistics.median(ratios):5.1f}  ({min(ratios):.1f} to {max(ratios):.1f})")
    print(
        f"longest wait of another thread: {1000 * loading[0]:.0f} ms while loading,"
        f" {1000 * statistics.median(running):.0f} ms while running (at worst {1000 * max(running):.0f})"
    )


if __name__ == "__main__":
    main()
