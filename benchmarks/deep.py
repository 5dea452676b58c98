"""What deep training costs beside the bare network: an epoch of each by turns, and the peak of memory.

    python -m benchmarks.deep [--photos 500] [--rounds 3] [--batch 32]

Three ways over the same number of photos, by turns, so that the machine's moods hit all alike:
all, a loop on random numbers (forward, backward, a step of AdamW) with all of the network learning, and no photos,
no Lightning, no checking and no checkpoints; same, that loop with only the stages learning that deep training lets
learn; ours, one epoch of training as the dialog runs it, with augmentation, checking and a checkpoint on the disk.
The photos were opened before, once, as in every training.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training import backbones, finetune, teach, torch_runtime
from training.finetune import Checkpoint, Command, Epoch, Found, Paused, Resumed, Settings


def main() -> None:
    """Print seconds per epoch, photos per second, ratios, and the peak of memory."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=Settings().batch)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/lennonnet-benchmark/deep"))
    arguments = parser.parse_args()
    _make(arguments.folder / "photos", arguments.photos)
    labelled = teach.collect(arguments.folder / "photos", "mila")
    run = arguments.folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    # Not trained to the end; of so many epochs, batches are as large as asked for, however few the photos.
    epochs = max(arguments.rounds + 3, 170 * arguments.batch // arguments.photos)
    settings = Settings(epochs=min(200, epochs), batch=arguments.batch, patience=200)

    start = time.perf_counter()
    ours = _epochs(labelled, settings, run)
    learned = int(next(ours))
    print(
        f"{len(labelled)} photos, {learned} of them to learn from, opened in {time.perf_counter() - start:.1f} s"
    )
    next(ours)  # in the first epoch the classifier alone learns
    next(ours)  # and in the second, all the rest is new
    print(f"peak of memory {_peak():,.0f} MB")
    bares = {"all": _Bare(settings, whole=True), "same": _Bare(settings, whole=False)}
    times: dict[str, list[float]] = {name: [] for name in ("ours", *bares)}
    for bare in bares.values():
        bare.epoch(2 * settings.batch)
    for _ in range(arguments.rounds):
        times["ours"].append(next(ours))
        for name, bare in bares.items():
            times[name].append(bare.epoch(learned))
    for name, seconds in times.items():
        middle = statistics.median(seconds)
        print(f"{name:5} {middle:6.2f} s an epoch, {learned / middle:6.1f} photos/s")
    for name in bares:
        ratios = [mine / other for mine, other in zip(times["ours"], times[name], strict=True)]
        print(f"ours / {name:5} {statistics.median(ratios):.2f}  ({min(ratios):.2f} to {max(ratios):.2f})")
    ours.close()
    shutil.rmtree(run, ignore_errors=True)


def _make(folder: Path, count: int) -> None:
    """Photos of noise in two tints, larger than the network needs."""
    for number in range(count):
        side = "mila" if number % 3 == 0 else "not_mila"
        path = folder / side / f"{number:05}.jpg"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            random = np.random.default_rng(number)
            small = random.integers(0, 256, (12, 16, 3)) * (0.9, 0.5, 0.5 if side == "mila" else 0.9)
            Image.fromarray(small.astype(np.uint8)).resize((640, 480)).save(path)


def _epochs(labelled: list[teach.Labelled], settings: Settings, run: Path) -> Generator[float, None, None]:
    """How many photos are learned from; then the seconds of each epoch, checking and keeping included.

    Between two, training waits.
    """
    wish: list[Command] = ["go"]
    start = end = 0.0
    for event in finetune.fit(labelled, "mila", settings, folder=run, control=lambda: wish[0]):
        match event:
            case Found():
                yield event.learned
            case Epoch():
                wish[0] = "pause"
            case Checkpoint():
                end = time.perf_counter()
            case Paused():
                yield end - start
                wish[0] = "go"
            case Resumed():
                start = time.perf_counter()


class _Bare:
    """The network and an optimizer, fed with the same random numbers again and again."""

    def __init__(self, settings: Settings, *, whole: bool) -> None:
        self.torch: Any = torch_runtime.load()
        self.torch.set_num_threads(os.cpu_count() or 1)
        module = backbones.load(settings.backbone).module
        module.reset_classifier(1)
        if not whole:
            for name, parameter in module.named_parameters():
                parameter.requires_grad_(not name.startswith(("conv_stem", "bn1", *_RESTING)))
        self.module = module.train().to(memory_format=self.torch.channels_last)
        learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
        self.optimizer = self.torch.optim.AdamW(learning, lr=1e-4)
        size = (settings.batch, 3, 224, 224)
        self.pixels = self.torch.randn(size).contiguous(memory_format=self.torch.channels_last)
        self.truth = (self.torch.arange(settings.batch) % 2).float()

    def epoch(self, photos: int) -> float:
        """Seconds for so many photos."""
        loss_of = self.torch.nn.functional.binary_cross_entropy_with_logits
        start = time.perf_counter()
        while photos > 0:
            some = min(photos, len(self.pixels))
            photos -= some
            self.optimizer.zero_grad()
            loss_of(self.module(self.pixels[:some])[:, 0], self.truth[:some]).backward()
            self.optimizer.step()
        return time.perf_counter() - start


_RESTING = tuple(f"blocks.{number}." for number in range(4))  # stages that don't learn in deep training


def _peak() -> float:
    """The most memory that this process has had so far, in MB; 0 where the system doesn't say."""
    if sys.platform == "win32":
        return 0.0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    main()
