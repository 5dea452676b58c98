"""What deep training gains over the quick way, on a collection of labelled photos, with several ways of holding out.

    python -m benchmarks.deep_accuracy ../shared/data/beatles --subject john [--seeds 5] [--events FILE]

Each seed deals the photos anew into those that are learned from, those that each epoch is checked on, and those that
are held out (a fifth; twins stay together); both ways are taught by the same photos and judged on the same held-out
ones. Photos are held out again with the next seed, so the seeds are no independent samples: look at the pairs.
`--events` keeps all events, a line of JSON each, of which docs/curves.py draws the curves.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from collections import Counter
from pathlib import Path

from training import finetune, teach
from training.events import Epoch, Finished, Settings, Stopped


def main() -> None:
    """Print what both ways got right, by seed and by group."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("collection", type=Path)
    parser.add_argument("--subject", required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=Settings().epochs)
    parser.add_argument("--events", type=Path)
    parser.add_argument("--run", type=Path, default=Path("/tmp/lennonnet-benchmark/deep-accuracy"))
    arguments = parser.parse_args()
    labelled = teach.collect(arguments.collection, arguments.subject)
    gains: list[float] = []
    right: dict[str, Counter[str]] = {"quick": Counter(), "deep": Counter()}
    photos: Counter[str] = Counter()
    for seed in range(1, arguments.seeds + 1):
        shutil.rmtree(arguments.run, ignore_errors=True)
        start, epochs = time.perf_counter(), 0
        settings = Settings(seed=seed, epochs=arguments.epochs)
        for event in finetune.fit(labelled, arguments.subject, settings, folder=arguments.run):
            if arguments.events is not None:
                with arguments.events.open("a") as file:
                    file.write(event.to_json() + "\n")
            epochs += isinstance(event, Epoch)
            if isinstance(event, Stopped):
                raise SystemExit(event.words)
            if isinstance(event, Finished):
                assert event.challenger is not None and event.champion is not None
                shares = {
                    "quick": finetune.balanced_share(event.champion),
                    "deep": finetune.balanced_share(event.challenger),
                }
                gains.append(shares["deep"] - shares["quick"])
                for way, figures in (("quick", event.champion), ("deep", event.challenger)):
                    right[way].update({group.group: group.right for group in figures.groups})
                photos.update({group.group: group.photos for group in event.champion.groups})
                print(
                    f"seed {seed}: quick {shares['quick']:.3f}, deep {shares['deep']:.3f}"
                    f" ({epochs} epochs, {time.perf_counter() - start:.0f} s); {event.sentence}",
                    flush=True,
                )
    print(f"deep less quick, both sides weighing the same: mean {statistics.mean(gains):+.3f}, each {gains}")
    for group, count in photos.items():
        quick, deep = right["quick"][group], right["deep"][group]
        print(f"{group}: quick {quick} of {count} ({quick / count:.3f}), deep {deep} ({deep / count:.3f})")


if __name__ == "__main__":
    main()
