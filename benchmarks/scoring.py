"""How fast a folder that was never seen is scored, against a naive loop and against decoding alone.

    python -m benchmarks.scoring [--photos 96] [--rounds 5]

Three ways over the same photos (see photo_folder), by turns, so that the machine's moods hit all alike:
naive, what a tutorial writes: Image.open, timm's transform, the network on a batch of one, in float32;
decode, this program's decoding alone, on all cores; ours, features and thumbnails of every photo.
All with the network loaded and the files in the system's memory.
"""

from __future__ import annotations

import argparse
import os
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from benchmarks import photo_folder
from lennonnet_gui.thumbnails import to_image
from training import backbones, extractors, features, photos, torch_runtime
from training.crew import Worklist
from training.photos import Photo, PhotoFile


def main() -> None:
    """Print each way's photos per second and the ratios, round by round medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/lennonnet-benchmark/camera"))
    arguments = parser.parse_args()
    photo_folder.camera_photos(arguments.folder, arguments.photos)
    files = [file for batch in photos.scan(arguments.folder) for file in batch][: arguments.photos]
    megabytes = sum(file.size for file in files) / 1e6
    print(f"{len(files)} photos, {megabytes / len(files):.1f} MB each, {os.cpu_count()} cores")
    torch = torch_runtime.load()
    extractor = extractors.load()

    import timm.data

    module = backbones.load().module
    transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=module))

    def naive() -> None:
        torch.set_num_threads(os.cpu_count() or 1)
        from PIL import Image

        with torch.inference_mode():
            for file in files[::5]:
                module(transform(Image.open(file.path).convert("RGB"))[None])
        torch.set_num_threads(1)

    def decode() -> None:
        work = Worklist(files)

        def run() -> None:
            while (file := work.take()) is not None:
                photos.load(file.path, short_side=extractor.spec.short_side)

        threads = [threading.Thread(target=run) for _ in range(os.cpu_count() or 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def thumbnail(_file: PhotoFile, photo: Photo) -> None:
        to_image(photo.pixels, 256)

    def ours() -> None:
        for _ in features.extract(Worklist(files), extractor.spec, lambda: extractor, decoded=thumbnail):
            pass

    ways: dict[str, tuple[Callable[[], None], int]] = {
        "naive": (naive, len(files[::5])),
        "decode": (decode, len(files)),
        "ours": (ours, len(files)),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(arguments.rounds + 1):
        for name, (run, count) in ways.items():
            start = time.perf_counter()
            run()
            if turn:  # the first is for warming up
                rates[name].append(count / (time.perf_counter() - start))
    for name, values in rates.items():
        print(f"{name:8} {statistics.median(values):7.1f} photos/s  ({min(values):.1f} to {max(values):.1f})")
    for other in ("naive", "decode"):
        ratios = [a / b for a, b in zip(rates["ours"], rates[other], strict=True)]
        print(f"ours / {other:6} {statistics.median(ratios):6.2f}  ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
