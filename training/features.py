"""Photo -> features: the one place that decodes photos in bulk and runs a network on them.

All cores decode photos and run the network on them by turns; what the user looks at goes first.
"""

from __future__ import annotations

import collections
import functools
import os
from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np

from training import torch_runtime
from training.cache import Facts
from training.crew import Crew, Decoded, Task, Unreadable, Worklist
from training.extractors import Extractor, ExtractorSpec
from training.photos import PhotoFile


@dataclass(frozen=True, slots=True)
class Features:
    """One photo's features, and the facts that were read on the way; `vector` is (D,) float16, as it is cached."""

    file: PhotoFile
    facts: Facts
    vector: np.ndarray


_Ready = tuple[PhotoFile, Facts, np.ndarray]


def extract(
    work: Worklist,
    spec: ExtractorSpec,
    load: Callable[[], Extractor],
    *,
    decoded: Decoded | None = None,
    batch: int = 8,
    threads: int | None = None,
) -> Generator[list[Features | Unreadable], None, None]:
    """Decode all of `work` and describe it, a batch at a time.

    `load` is called on the consumer's thread while photos are already being decoded, so that pictures come before
    the network is there. `decoded` is called with each photo as soon as it is open, on the thread that opened it.
    Closing the generator stops the threads within the time of one batch. Raises what `load` raises.
    """
    torch_runtime.map_libraries()
    crew = _Crew(work, spec, decoded, batch, threads or os.cpu_count() or 1)
    try:
        crew.extractor_ready(load())
        yield from crew.results()
    finally:
        crew.dismiss()


_MOST_READY = 128  # decoded photos that wait for the network: 20 MB


class _Crew(Crew[Features]):
    """Threads that each decode photos and, when enough are decoded for a batch, run the network on it.

    Each thread runs the network on one core; one network on all cores beside the decoders made cores wait.
    """

    def __init__(
        self, work: Worklist, spec: ExtractorSpec, decoded: Decoded | None, batch: int, threads: int
    ) -> None:
        super().__init__(work, decoded, short_side=spec.short_side, threads=threads, name="photos")
        self._spec, self._batch = spec, batch
        self._extractor: Extractor | None = None
        self._ready: collections.deque[_Ready] = collections.deque()  # decoded, to be described
        self._wanted = 1  # the first photos are shown at once; then batches grow to what is efficient
        self.start()

    def extractor_ready(self, extractor: Extractor) -> None:
        with self._changed:
            self._extractor = extractor
            self._changed.notify_all()

    def next_task(self) -> tuple[Task | None, float | None]:
        """Run the network, or decode a photo."""
        if self._extractor is not None and len(self._ready) >= min(self._wanted, _MOST_READY):
            return self._take_batch(self._extractor), None
        # While the network is not there, more are decoded only for somebody who looks at them.
        full = len(self._ready) >= _MOST_READY
        task = self.opening(preferred_only=full)
        if task is None and not full and not self._busy:
            if not self._ready:
                raise StopIteration
            if self._extractor is not None:
                return self._take_batch(self._extractor), None
        return task, 0.05 if full else None

    def prepared(self, pixels: np.ndarray) -> np.ndarray:
        return self._spec.prepare(pixels)

    def keep(self, file: PhotoFile, facts: Facts, pixels: np.ndarray) -> None:
        self._ready.append((file, facts, pixels))

    def _take_batch(self, extractor: Extractor) -> Task:
        some = [self._ready.popleft() for _ in range(min(len(self._ready), self._batch))]
        self._wanted = min(self._batch, 2 * self._wanted)
        return functools.partial(self._describe, extractor, some)

    def _describe(self, extractor: Extractor, some: list[_Ready]) -> None:
        vectors = extractor.run(np.stack([square for _, _, square in some])).astype(np.float16)
        self._results.put([Features(*ready[:2], vector) for ready, vector in zip(some, vectors, strict=True)])
