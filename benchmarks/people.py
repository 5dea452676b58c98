"""How long grouping faces takes, how long others wait meanwhile, how good the groups are, how smooth the page is.

    QT_QPA_PLATFORM=offscreen python -m benchmarks.people [--faces 15000] [--persons FOLDER ...] [--no-dlib]

Made-up faces: points in 128 dimensions around people's own points, at the distances of real ones. Four kinds: a few
people in many photos, one person, strangers in crowds of 200, and a hundred copies of each face. A thread that wants to
run every millisecond notes the longest that it waited. For comparison, dlib's chinese_whispers on the same faces, given
all pairs nearer than 0.5, where these are not too many for Python's memory.

With --persons, each folder is one person's photos: faces are looked for in them, the largest of each photo is grouped,
and compared with whose it is by pairs: precision (of the pairs put together, those of one person) and recall (of the
pairs of one person, those put together), at several distances.

Times of the page are of the processor, in the window's thread: what they cost on a machine that has nothing else to do.
"""

from __future__ import annotations

import argparse
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import training  # noqa: F401, I001  (before numpy: see there)
import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QApplication

from lennonnet_gui.face_crops import FaceCrops
from lennonnet_gui.people_groups import PersonFace
from lennonnet_gui.people_page import PeoplePage
from lennonnet_gui.people_view import PeopleView
from training import faces, people, photos
from training.crew import Worklist
from training.photos import PhotoFile
from training.zones import Zones

_MOST_PAIRS = 4_000_000
_FRAMES = 120


def main() -> None:
    """Print the times and, if asked for, precision and recall."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faces", type=int, default=15_000)
    parser.add_argument("--persons", type=Path, nargs="+", default=[])
    parser.add_argument("--no-dlib", action="store_true")
    options = parser.parse_args()
    if options.persons:
        _measure_quality(options.persons)
        return
    count = options.faces
    with _waiting() as waits:
        time.sleep(2)
    print(f"with nothing to do, another thread waited {waits[0]:.0f} ms at most")
    for name, points, photo in _kinds(count):
        with _waiting() as waits:
            start = last = time.perf_counter()
            longest, event = 0.0, None
            for event in people.group(points, photo):  # noqa: B007, the last is looked at
                longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
        assert isinstance(event, people.Groups)
        print(
            f"{name}: {last - start:.2f} s; {len(event.members):,} groups, {len(event.single):,} alone; to the next "
            f"place to cancel {1000 * longest:.0f} ms at most; another thread waited {waits[0]:.0f} ms at most"
        )
        if not options.no_dlib:
            _time_dlib(points)
    _time_page(count)


# ------------------------------------------------------------------------------------------------------- faces


def _kinds(count: int) -> Iterator[tuple[str, NDArray[np.float16], NDArray[np.int64]]]:
    random = np.random.default_rng(0)
    many = max(2, count // 50)
    size = np.minimum(random.zipf(1.6, many), 400).astype(float)
    who = np.r_[np.arange(many), random.choice(many, count - many, p=size / size.sum())]
    alone = np.arange(count)
    yield f"{count:,} faces of {many:,} people", _around(who, random), alone
    yield f"{count:,} faces of one person", _around(np.zeros(count, np.int64), random), alone
    yield f"{count:,} strangers in crowds", _around(alone, random), alone // 200
    yield f"{count:,} faces, copies by the hundred", np.repeat(_around(alone[::100], random), 100, 0), alone


def _around(who: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.float16]:
    """People 0.85 apart, each in three guises (younger, older, with a beard), faces of a guise 0.45 apart."""
    people_at = random.normal(0, 0.78 / 16, (int(who.max()) + 1, 1, 128))
    guises = people_at + random.normal(0, 0.3 / 16, (len(people_at), 3, 128))
    points = guises[who, random.integers(0, 3, len(who))] + random.normal(0, 0.45 / 16, (len(who), 128))
    return points.astype(np.float16)


@contextmanager
def _waiting() -> Iterator[list[float]]:
    """The longest, in ms, that a thread waited which wants to run every millisecond; known at the end."""
    done, longest = threading.Event(), [0.0]

    def tick() -> None:
        last = time.perf_counter()
        while not done.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            longest[0] = max(longest[0], 1000 * (now - last))
            last = now

    thread = threading.Thread(target=tick)
    thread.start()
    yield longest
    done.set()
    thread.join()


def _near_pairs(
    points: NDArray[np.float32], limit: float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    squares = np.square(points).sum(axis=1)
    for start in range(0, len(points), 512):
        block = squares[start : start + 512, None] + squares - 2 * points[start : start + 512] @ points.T
        one, other = np.nonzero(block < limit**2)
        one += start
        yield one[one < other], other[one < other]


def _time_dlib(points: NDArray[np.float16]) -> None:
    import dlib  # type: ignore[import-untyped]

    pairs, number = [], 0
    start = time.perf_counter()
    for one, other in _near_pairs(points.astype(np.float32), 0.5):
        number += len(one)
        if number > _MOST_PAIRS:
            print("    dlib's chinese_whispers: too many pairs")
            return
        pairs.append(np.stack([one, other], axis=1))
    edges = [(at, at) for at in range(len(points))]
    edges += [(one, other) for part in pairs for one, other in part.tolist()]
    with _waiting() as waits:
        label = np.array(dlib.chinese_whispers(edges))
    took, sizes = time.perf_counter() - start, np.bincount(label)
    print(
        f"    dlib's chinese_whispers: {took:.2f} s for {number:,} pairs; {np.sum(sizes > 1):,} groups, "
        f"{np.sum(sizes == 1):,} alone; another thread waited {waits[0]:.0f} ms at most"
    )


# ----------------------------------------------------------------------------------------------------- quality


def _measure_quality(folders: list[Path]) -> None:
    points, who = [], []
    for number, folder in enumerate(folders):
        work = Worklist([file for batch in photos.scan(folder) for file in batch])
        for results in faces.extract(work, faces.Look.QUICK, faces.load):
            for found in results:
                if isinstance(found, faces.FacesOf) and len(found.faces):
                    widths = found.faces["box"][:, 2] - found.faces["box"][:, 0]
                    points.append(found.faces["descriptor"][int(np.argmax(widths))])
                    who.append(number)
    described, truth = np.array(points), np.array(who)
    print(f"{len(described):,} faces of {len(folders)} people")
    photo = np.arange(len(truth))
    for likeness in (0.5, 0.52, 0.54, 0.55, 0.56, 0.58, 0.6, 0.62, 0.65):
        groups = list(people.group(described, photo, likeness=likeness))[-1]
        assert isinstance(groups, people.Groups)
        label = np.arange(len(truth))
        for members in groups.members:
            label[members] = members[0]
        precision, recall = _by_pairs(label, truth)
        print(
            f"  up to {likeness}: precision {precision:.3f}, recall {recall:.3f}, "
            f"{len(groups.members)} groups, {len(groups.single)} alone"
        )


def _by_pairs(label: NDArray[np.int64], truth: NDArray[np.int64]) -> tuple[float, float]:
    table = np.zeros((label.max() + 1, truth.max() + 1))
    np.add.at(table, (label, truth), 1)

    def pairs(counts: NDArray[np.float64]) -> float:
        return float((counts * (counts - 1) / 2).sum())

    right = pairs(table)
    return right / max(1, pairs(table.sum(axis=1))), right / max(1, pairs(table.sum(axis=0)))


# -------------------------------------------------------------------------------------------------------- page


def _time_page(count: int) -> None:
    app = QApplication.instance() or QApplication([])
    zones, random = Zones(), np.random.default_rng(0)
    every = [
        PersonFace(PhotoFile(f"/{at}.jpg", 1, 1), 0, (0.2, 0.2, 0.5, 0.6), value, zones.zone(value))
        for at, value in enumerate(random.random(count).tolist())
    ]
    groups = people.Groups(tuple(np.split(np.arange(count), count // 3)), np.arange(0))
    descriptors = np.zeros((count, 128), np.float16)
    crops = FaceCrops()
    page = PeoplePage(crops)
    page.resize(1200, 900)
    page.show()
    page.start()

    def timed(what: str, act: Callable[[], object], times: int = 1) -> None:
        took = []
        for _ in range(times):
            start = time.thread_time()
            act()
            app.processEvents()
            took.append(1000 * (time.thread_time() - start))
        print(f"  {what}: {statistics.median(took):.1f} ms, {max(took):.1f} ms at most")

    print(f"the page, {count:,} faces in {len(groups.members):,} groups:")
    timed("shown", lambda: page.set_groups(groups, every, descriptors))
    timed("a label for all of them comes in", lambda: page.set_faces(list(every), descriptors), 5)
    view = page.findChildren(PeopleView)[0]
    bar = view.verticalScrollBar()
    timed("scrolled by a line", lambda: bar.setValue(bar.value() + 100), _FRAMES)
    timed("jumped anywhere", lambda: bar.setValue(int(random.integers(bar.maximum()))), _FRAMES)
    timed("all of it selected", lambda: view.choose(range(count)))
    view.choose(groups.members[5].tolist())
    timed("split", page.split_action.trigger)
    crops.stop()


if __name__ == "__main__":
    main()
