"""What a few labels are worth: Mila from scratch, John with a starter, look-alikes, the queue, the meter, its advice.

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.few_labels ../shared/data [--draws 40]

Labels are drawn at random, again and again; what is measured are all photos that are neither labelled nor a near-twin
of one that is, at 0.5. Where two ways are compared, both get the same draws. Takes some minutes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training import asking, enough, evaluate, extractors, head, teach
from training.extractors import Extractor
from training.head import Head
from training.refit import LOOK_ALIKE_WEIGHT, refit
from training.subject import Subject
from training.zones import Zones

_STRANGERS = ("people", "random")
_LOOK_ALIKES = ("george", "paul", "ringo")


@dataclass(frozen=True)
class Photos:
    """A described collection: (N, D) features, the same of wider cuts and of these mirrored, truth and twins."""

    vectors: NDArray[Any]
    views: tuple[NDArray[Any], ...]
    is_subject: NDArray[np.bool_]
    group: NDArray[Any]
    twins: NDArray[np.intp]
    parts: tuple[int, ...]

    def draw(
        self, seed: int, wanted: Sequence[tuple[Sequence[str], int]], among: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """So many photos of any of these groups each."""
        random = np.random.default_rng(seed)
        return np.concatenate(
            [random.permutation(among[np.isin(self.group[among], g)])[:n] for g, n in wanted]
        )

    def unseen(self, labels: NDArray[np.intp], among: NDArray[np.intp]) -> NDArray[np.intp]:
        """The photos that are neither labelled nor twins of labelled ones."""
        return among[~np.isin(self.twins[among], self.twins[labels])]

    def learn(self, labels: NDArray[np.intp], starter: Subject | None = None, **more: Any) -> Head:
        """What the window would learn from these labels."""
        x, y = self.vectors[labels], self.is_subject[labels]
        return refit(starter, x, y, parts=self.parts, **more).head

    def right(self, learned: Head, test: NDArray[np.intp], *groups: Sequence[str]) -> list[float]:
        """The share right of each of these sets of groups."""
        good = (learned.score(self.vectors[test]) >= 0.5) == self.is_subject[test]
        return [float(good[np.isin(self.group[test], names)].mean()) for names in groups]


def main() -> None:
    """Print tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--draws", type=int, default=40)
    arguments = parser.parse_args()
    data: Path = arguments.data
    extractor = extractors.load()
    mila = describe(teach.collect(data / "mila", "mila"), extractor)
    john = describe(
        teach.collect(data / "beatles", "john", [data / name for name in _STRANGERS]),
        extractor,
    )
    from_scratch(mila, arguments.draws)
    with_a_starter(john, extractor, max(4, arguments.draws // 4))
    look_alikes(john, max(4, arguments.draws // 4))
    queue(mila, john, max(4, arguments.draws // 4))
    meter(mila, john, arguments.draws)
    advice(john, arguments.draws)
    speed(john)


def describe(labelled: Sequence[teach.Labelled], extractor: Extractor) -> Photos:
    """Open and describe a collection."""
    describing = teach.describe(labelled, extractor)
    while True:
        try:
            next(describing)
        except StopIteration as done:
            described: teach.Described = done.value
            break
    twins = evaluate.find_twins(described.fingerprints, described.features)
    return Photos(
        described.features,
        described.views,
        described.is_subject,
        np.array(described.groups),
        twins,
        extractor.parts,
    )


def from_scratch(mila: Photos, draws: int) -> None:
    """Mila and other animals, without a starter."""
    print(f"Mila from n + n labels, {draws} draws: share right, least to most; draws at 0.95 or better")
    every = np.arange(len(mila.group))
    for each in (1, 2, 3, 5, 10, 15):
        rows = []
        for seed in range(draws):
            labels = mila.draw(seed, [(["mila"], each), (["not_mila"], each)], every)
            test = mila.unseen(labels, every)
            rows.append(mila.right(mila.learn(labels, crowd=mila.vectors), test, ["mila"], ["not_mila"]))
        yes, no = zip(*rows, strict=True)
        both = [(a + b) / 2 for a, b in rows]
        good = sum(share >= 0.95 for share in both)
        print(f"  {each:3}  Mila {_spread(yes)}  others {_spread(no)}  mean {_spread(both)}  {good}/{draws}")


def with_a_starter(john: Photos, extractor: Extractor, draws: int) -> None:
    """John and the other Beatles, from a starter that never saw the half at hand, and without."""
    print(
        f"\nJohn from n Johns + n other Beatles + n strangers, {draws} draws of either half:"
        " John / the three / strangers"
    )
    half = evaluate.folds(john.twins, john.group, 2, seed=1)
    starters = []
    for number in (0, 1):
        mine = half != number
        fitted = head.fit(
            john.vectors[mine],
            john.is_subject[mine],
            twins=john.twins[mine],
            groups=john.group[mine],
            views=[view[mine] for view in john.views],
            parts=john.parts,
            folds=10,
        )
        starters.append((Subject("john", fitted.head, Zones(), extractor.spec), np.flatnonzero(~mine)))
    for each in (0, 2, 5, 10, 20):
        for started in (True, False) if each else (True,):
            rows = []
            for starter, among in starters:
                for seed in range(draws if each else 1):
                    labels = john.draw(
                        seed, [(["john"], each), (_LOOK_ALIKES, each), (_STRANGERS, each)], among
                    )
                    around = john.vectors[among]
                    learned = john.learn(labels, starter if started else None, crowd=around)
                    rows.append(
                        john.right(learned, john.unseen(labels, among), ["john"], _LOOK_ALIKES, _STRANGERS)
                    )
            means = " / ".join(f"{share:.3f}" for share in np.mean(rows, 0))
            print(f"  {each:3}  {'starter' if started else 'none   '}  {means}")


def look_alikes(john: Photos, draws: int) -> None:
    """George as a look-alike that weighs more, on the same draws."""
    weights = (1.0, 2.0, LOOK_ALIKE_WEIGHT, 5.0, 10.0)
    print(
        f"\nGeorge's weight, {draws} draws: John / George / Paul and Ringo / strangers;"
        " change of the mean of John and George"
    )
    every = np.arange(len(john.group))
    for yes, george, two, strangers in ((20, 20, 20, 40), (20, 10, 20, 80), (60, 60, 60, 200)):
        wanted = [(["john"], yes), (["george"], george), (["paul", "ringo"], two), (_STRANGERS, strangers)]
        print(f"  {yes} Johns, {george} Georges, {two} Pauls and Ringos, {strangers} strangers")
        plain = np.zeros(draws)
        for weight in weights:
            rows = []
            for seed in range(draws):
                labels = john.draw(seed, wanted, every)
                heavy = np.where(john.group[labels] == "george", weight, 1.0)
                learned = john.learn(labels, weights=heavy)
                groups = (["john"], ["george"], ["paul", "ringo"], _STRANGERS)
                rows.append(john.right(learned, john.unseen(labels, every), *groups))
            both = np.mean(rows, 1, where=np.array([True, True, False, False]))
            plain = both if weight == 1 else plain
            means = " / ".join(f"{share:.3f}" for share in np.mean(rows, 0))
            print(f"    {weight:4.0f}  {means}  {_spread(both - plain)}")


def queue(mila: Photos, john: Photos, draws: int) -> None:
    """Labels that were asked for by twos, and random ones, from the same first two."""
    print(
        f"\nAsked or at random, {draws} draws: mean of both sides' shares right on the half that is not asked about"
    )
    for name, photos, others, counts in (
        ("Mila", mila, ("not_mila",), (4, 8, 16, 32)),
        ("John", john, _LOOK_ALIKES, (8, 16, 32, 64)),
    ):
        shares: dict[tuple[bool, int], list[float]] = {}
        for seed in range(draws):
            half = evaluate.folds(photos.twins, photos.group, 2, seed=seed)
            pool, test = np.flatnonzero(half == 0), np.flatnonzero(half == 1)
            subject = str(photos.group[photos.is_subject][0])
            first = photos.draw(seed, [([subject], 1), (others, 1)], pool)
            for asked in (True, False):
                labels, random = first, np.random.default_rng(seed)
                while len(labels) <= counts[-1]:
                    learned = photos.learn(labels, crowd=photos.vectors[pool])
                    if len(labels) in counts:
                        right = photos.right(learned, test, [subject], others)
                        shares.setdefault((asked, len(labels)), []).append(sum(right) / 2)
                    rest = np.setdiff1d(pool, labels)
                    x = photos.vectors[rest]
                    picked = random.permutation(len(rest))[:2]
                    if asked:
                        said, known = learned.score(x), photos.vectors[labels]
                        picked = asking.choose(x, said, known, parts=photos.parts, most=2)
                    if not len(picked):
                        break
                    labels = np.concatenate([labels, rest[picked]])
        for count in counts:
            asked_for, by_chance = (np.array(shares[asked, count]) for asked in (True, False))
            gain = _spread((asked_for - by_chance).tolist())
            print(
                f"  {name}, {count:3} labels: {asked_for.mean():.3f} asked, {by_chance.mean():.3f} at random;"
                f" gain {gain}"
            )


def meter(mila: Photos, john: Photos, draws: int) -> None:
    """What the labels by themselves say of the share right, and what is right of the other photos."""
    print(
        f"\nThe meter, {draws} draws: said, true of the other photos, how often that was less than the range told"
    )
    for name, photos, others, counts in (
        ("Mila", mila, ("not_mila",), (5, 10, 20)),
        ("John", john, _LOOK_ALIKES, (10, 20, 50)),
    ):
        every = np.arange(len(photos.group))
        subject = str(photos.group[photos.is_subject][0])
        for each in counts:
            said, true, flattered = [], [], 0
            for seed in range(draws):
                labels = photos.draw(seed, [([subject], each), (others, each)], every)
                groups = photos.group[labels].tolist()
                told = enough.assess(
                    None, photos.vectors[labels], photos.is_subject[labels], groups, photos.parts
                )
                right = photos.right(photos.learn(labels), photos.unseen(labels, every), [subject], others)
                assert told.share is not None
                said.append(told.share)
                true.append(sum(right) / 2)
                flattered += true[-1] < told.range[0]
            print(
                f"  {name}, {each} + {each}: said {_spread(said)}, true {_spread(true)}, less {flattered}/{draws}"
            )


def advice(john: Photos, draws: int) -> None:
    """What 15 labels more of the advised group gain, and of each other group, from labels that are unevenly spread."""
    groups = ("john", *_LOOK_ALIKES, "people")
    every = np.arange(len(john.group))
    advised, others, best = [], [], 0
    for seed in range(draws):
        random = np.random.default_rng(seed)
        wanted = [([name], int(random.choice([4, 8, 15, 30]))) for name in groups]
        labels = john.draw(seed, wanted, every)
        rest = random.permutation(john.unseen(labels, every))
        pool, test = rest[: len(rest) // 2], rest[len(rest) // 2 :]
        test = john.unseen(pool, test)
        names = john.group[labels].tolist()
        told = enough.assess(None, john.vectors[labels], john.is_subject[labels], names, john.parts)

        def share(learned_from: NDArray[np.intp], test: NDArray[np.intp] = test) -> float:
            right = john.right(john.learn(learned_from), test, ["john"], *([name] for name in _LOOK_ALIKES))
            return right[0] / 2 + sum(right[1:]) / 6

        now = share(labels)
        gains = {
            name: share(np.concatenate([labels, pool[john.group[pool] == name][:15]])) - now
            for name in groups
        }
        named = next((name for name in groups if f" of {name} " in told.advice), None)
        if named is None:  # it said that more would hardly help
            continue
        advised.append(gains.pop(named))
        others.append(statistics.mean(gains.values()))
        best += advised[-1] > max(gains.values())
    print(f"\nAdvice, {len(advised)} draws: what 15 labels more gain the mean of John and the three")
    print(f"  of the advised group {_spread(advised)}, of another {_spread(others)}; best of 5 in {best}")


def speed(john: Photos) -> None:
    """How long each step takes with 500 labels."""
    random = np.random.default_rng(0)
    vectors = np.concatenate([john.vectors, *john.views])
    truth = np.tile(john.is_subject, 1 + len(john.views))
    group = np.tile(john.group, 1 + len(john.views))
    some = random.permutation(len(vectors))[:500]
    x, y, names = vectors[some], truth[some], group[some].tolist()
    many = np.tile(vectors, (4, 1))[:10_000]
    said = random.uniform(size=len(many))
    print("\n500 labels, ms of a core, median of 7 and the quickest")
    for what, run in (
        ("learned", lambda: refit(None, x, y, parts=john.parts)),
        ("measured", lambda: enough.assess(None, x, y, names, john.parts)),
        (f"50 of {len(many):,} photos chosen", lambda: asking.choose(many, said, x, parts=john.parts)),
    ):
        times = _times(run)
        print(f"  {what}: {1000 * statistics.median(times):.0f} ({1000 * min(times):.0f})")


def _times(run: Callable[[], object], turns: int = 7) -> list[float]:
    times = []
    for _ in range(turns):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return times


def _spread(values: Any) -> str:
    return f"{statistics.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    main()
