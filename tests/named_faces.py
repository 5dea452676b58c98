"""Faces without networks: a test says who is in the photo at a path, and each person has a face of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import pytest

from training import faces, photos
from training.cache import Facts
from training.crew import Unreadable, Worklist
from training.face_head import MEAN, FaceHead, Persons
from training.faces import FACE, FaceFinder, Faces, FacesOf, Look
from training.photos import UnreadablePhoto

Who = Callable[[str, Look], tuple[str, ...]]
"""The people in the photo at a path, as a look finds them, from left to right."""


def face(person: str, which: str = "", left: float = 0.25) -> Faces:
    """One face of a person, (1,) FACE; each `which` is another shot."""

    def random(*words: str) -> np.random.Generator:
        return np.random.default_rng(list(hashlib.sha256("\0".join(words).encode()).digest()))

    made = np.zeros(1, FACE)
    made["box"], made["score"] = (left, 0.25, left + 0.2, 0.45), 1.0
    own, shot = random(person).normal(0, 0.037, 128), random(person, which).normal(0, 0.025, 128)
    made["descriptor"] = MEAN + own + shot
    return made


def people(names: tuple[str, ...], which: str = "") -> Faces:
    """The faces of several people in one photo, from left to right."""
    rows = [face(name, which, 0.1 + 0.25 * number) for number, name in enumerate(names)]
    return np.concatenate([faces.NO_FACES, *rows])


class NamedFaces:
    """What is found in place of what the networks would find."""

    def __init__(self, who: Who) -> None:
        self.who = who
        self.looked: list[tuple[str, Look]] = []
        """Which photos were looked at, and how."""

    def extract(
        self, work: Worklist, look: Look, load: Callable[[], FaceFinder], **_: Any
    ) -> Generator[list[FacesOf | Unreadable], None, None]:
        """Stands in for faces.extract."""
        while (file := work.take()) is not None:
            self.looked.append((file.path, look))
            work.done(file.path)
            try:
                photo = photos.load(file.path, short_side=32)
            except UnreadablePhoto as error:
                yield [Unreadable(file, error.reason)]
                continue
            facts = Facts(photo.digest, photo.width, photo.height, photo.taken, photo.camera)
            yield [FacesOf(file, facts, people(self.who(file.path, look), photo.digest.hex()))]


def nobody(_path: str, _look: Look) -> tuple[str, ...]:
    """There is no face in any photo."""
    return ()


def install(monkeypatch: pytest.MonkeyPatch, who: Who = nobody) -> NamedFaces:
    """Find these people, and no others, wherever faces are looked for."""
    made = NamedFaces(who)
    monkeypatch.setattr(faces, "extract", made.extract)
    return made


def face_head(subject: str, *others: str, shots: int = 20) -> FaceHead:
    """What is known after so many shots of the subject, and of each of the others."""
    everyone = (subject, *others)
    rows = np.stack([[face(name, f"shot {i}")["descriptor"][0] for i in range(shots)] for name in everyone])
    kind = np.arange(len(everyone)).clip(max=1)
    persons = Persons.of(rows.sum(1, dtype=np.float64), np.full(len(everyone), float(shots)), kind)
    count = len(everyone) * shots
    return FaceHead(
        persons,
        examples=rows.reshape(count, 128),
        kind=kind.repeat(shots).astype(np.int16),
        digests=np.ones((count, 16), np.uint8),
        numbers=np.zeros(count, np.int32),
    )
