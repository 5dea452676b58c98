"""What a deep training will do: batches, rates, what weighs how much, and how long it takes. No torch is needed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator

import numpy as np

from training import head
from training.tuning_photos import LEAST, Task

_HEAD_FIRST = 1  # epochs in which only the classifier learns
_WARM_UP = 0.15  # of the steps
_RARITY = 0.7  # how far to take back that what is rare among the photos is said rarely
_MOST_GROUPS = 30
_FEW_STEPS = 100  # so many, at least, where smaller batches allow it
_LEAST_BATCH = 8


class Plan:
    """How the photos are spread over batches and epochs, what each weighs, and how long all that takes.

    truth: (N,) whether a photo is of the subject; weight: (N,) float32, both sides weighing the same where it is told
    how well it goes, 1 on average; batch: photos at a time; steps: batches an epoch; head_first: epochs in which only
    the classifier learns; shift: added to logits that learn; groups: names of those that are large enough to be told
    apart; kinds: (N,) their numbers, -1 for photos of others
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        settings, learn = task.settings, task.split.learn
        self.truth = task.all.is_subject
        self.weight = np.zeros(len(self.truth), np.float32)
        for part in (learn, task.split.check):
            self.weight[part] = len(part) * head.class_balanced(np.ones(len(part)), self.truth[part])
        # Few photos make few steps, so batches are smaller then.
        self.batch = min(settings.batch, max(_LEAST_BATCH, len(learn) * settings.epochs // _FEW_STEPS))
        self.steps = math.ceil(len(learn) / self.batch)
        self.head_first = min(_HEAD_FIRST, settings.epochs - 1)
        share = float(self.truth[learn].mean())
        self.shift = _RARITY * math.log(share / (1 - share))
        groups = np.array(task.all.groups)
        names, counts = np.unique(groups[learn], return_counts=True)
        self.groups = names[counts >= LEAST][:_MOST_GROUPS]
        places = {str(name): number for number, name in enumerate(self.groups)}
        self.kinds = np.array([places.get(name, -1) for name in task.all.groups], np.int64)

    def estimate(self, times: dict[str, list[float]], epoch: int = 0, batch: int = 0) -> float:
        """Seconds until the end, after so many whole epochs and batches of the next."""
        settings = self.task.settings
        middle = {kind: statistics.median(some) for kind, some in times.items() if some}
        some = middle.get("all", 3 * middle.get("head", 0.0))
        head_only, check = middle.get("head", some), middle.get("check", some / 3)
        left = max(0, settings.epochs * self.steps - epoch * self.steps - batch)
        heads = max(0, self.head_first * self.steps - epoch * self.steps - batch)
        checks = math.ceil(len(self.task.split.check) / self.batch) * (settings.epochs - epoch)
        return heads * head_only + (left - heads) * some + checks * check


def rates(steps: int, frozen: int, *, of_head: bool) -> Callable[[int], float]:
    """The factor of a learning rate at each step: warm-up, then half a cosine; 0 while that part does not learn yet."""
    first = 0 if of_head else frozen
    rest = max(1, steps - first)
    warm = max(1, round(_WARM_UP * rest))

    def rate(step: int) -> float:
        at = step - first
        if at < 0:
            return 0.0
        if at < warm:
            return (at + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (at - warm) / max(1, rest - warm))))

    return rate


class Steps:
    """The numbers of an epoch's batches; which photos are in each is decided where it is used."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._count))
