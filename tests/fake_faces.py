"""Faces that are coloured squares: quick to find, and told apart as those of real persons are.

`compose` puts them into a picture, `Faces` stands in for the networks that find and describe faces. The squares of one
person differ as much as two photos of somebody do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from training import faces, judge, photos
from training.cache import Facts
from training.crew import Unreadable, Worklist
from training.face_head import BETWEEN, MEAN, WIDTH, WITHIN, FaceHead
from training.faces import FACE, FacesOf, FacesUnavailable, FaceTable, Look
from training.head import Head
from training.photos import PhotoFile, UnreadablePhoto
from training.refit import Refitted

PEOPLE = ("john", "george", "ringo", "stranger", "either")
"""Who may be in a photo; of "either" nobody can tell whether he is John or George."""

EDGE = 64
_ALIKE = 0.6  # photos of one person differ by so much of what they usually do: no group is to fall apart here
_COLOURS = {
    "john": (220, 30, 30),
    "george": (30, 200, 30),
    "ringo": (30, 30, 220),
    "stranger": (200, 200, 30),
    "either": (30, 200, 220),
}


def compose(scene: NDArray[np.uint8], *people: str, variant: int = 0) -> Image.Image:
    """The scene in grey, 512 wide, with a square for each of these people in a row at the top; variants differ."""
    grey = np.repeat(np.asarray(Image.fromarray(scene).convert("L").resize((512, 384)))[..., None], 3, axis=2)
    pixels = grey.copy()
    for at, name in enumerate(people):
        left = 16 + at * (EDGE + 16)
        red, green, blue = _COLOURS[name]
        # The last digits of the colour say which photo of that person it is.
        pixels[16 : 16 + EDGE, left : left + EDGE] = (red + variant % 16, green, blue + at)
    return Image.fromarray(pixels)


def descriptor(person: str, variant: int = 0) -> NDArray[np.float32]:
    """What describes a face of somebody: (128,), as far from others of his as real ones are."""
    among = ("john", "george") if person == "either" else (person,)
    who = np.mean(
        [np.random.default_rng(1000 + PEOPLE.index(one)).normal(size=WIDTH) for one in among], axis=0
    )
    picture = np.random.default_rng([PEOPLE.index(person), variant]).normal(size=WIDTH)
    alike = 0.1 if person == "either" else _ALIKE
    made = MEAN + who * np.sqrt(BETWEEN / WIDTH) + alike * picture * np.sqrt(WITHIN / WIDTH)
    return np.asarray(made, np.float32)


def found_in(path: str | Path) -> NDArray[Any]:
    """The faces of a composed photo."""
    with Image.open(path) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    height, width = pixels.shape[:2]
    rows = []
    for left in range(16, width - EDGE, EDGE + 16):
        patch = pixels[16 : 16 + EDGE, left : left + EDGE].reshape(-1, 3).astype(int)
        red, _, blue = patch[0].tolist()
        if not len(patch) or (patch != patch[0]).any() or max(patch[0]) - min(patch[0]) < 60:
            continue
        name = next(one for one in PEOPLE if np.abs(np.subtract(_COLOURS[one], patch[0])).max() < 20)
        row = np.zeros(1, FACE)
        row["box"] = left / width, 16 / height, (left + EDGE) / width, (16 + EDGE) / height
        row["score"], row["descriptor"] = 1.0, descriptor(name, red * 1000 + blue)
        rows.append(row)
    return np.concatenate(rows) if rows else faces.NO_FACES


def head(subject: str = "john") -> FaceHead:
    """What is known of a person after eight photos of his and as many of others."""
    others = [name for name in PEOPLE if name not in (subject, "george", "either")]
    shown = [(subject, number) for number in range(8)] + [(others[n % len(others)], n) for n in range(8)]
    is_subject = [name == subject for name, _ in shown]
    table = []
    for name, number in shown:
        row = np.zeros(1, FACE)
        row["box"], row["score"] = (0.1, 0.1, 0.4, 0.4), 1.0
        row["descriptor"] = descriptor(name, 50_000 + number)
        table.append(row)
    learned = judge.learn(
        None,
        np.zeros((len(shown), 1), np.float16),
        is_subject,
        groups=[""] * len(shown),
        digests=[bytes([1 + number]) * 16 for number in range(len(shown))],
        table=FaceTable.of(table),
        scene=Refitted(Head(np.array([1.0], np.float32), 0.0), True, np.full(len(shown), np.nan)),
        name="John",
    )
    assert learned.faces is not None
    return learned.faces


class Faces:
    """In place of the networks: finds the squares.

    asked: photos that were looked at, by name, and how; gate: while it is not set, nobody goes on looking
    before: called with each photo before it is opened; trouble: why there can be no search
    hidden: names of photos whose faces only a thorough look finds
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, Look]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.trouble = ""
        self.hidden: set[str] = set()
        self.before: Callable[[PhotoFile], None] | None = None

    def install(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(faces, "extract", self.extract)
        patch.setattr(faces, "load", self.load)
        patch.setattr(faces, "extractor_id", self.extractor_id)

    def names(self, look: Look = Look.QUICK) -> list[str]:
        """Which photos were looked at so."""
        return sorted(name for name, how in self.asked if how is look)

    def extractor_id(self, look: Look) -> str:
        return f"coloured squares, {look}"

    def load(self, *, exact: bool = False) -> Any:
        if self.trouble:
            raise FacesUnavailable(self.trouble)

    def extract(
        self,
        work: Worklist,
        look: Look,
        load: Callable[[], Any],
        *,
        decoded: object = None,
        threads: int | None = None,
    ) -> Generator[list[FacesOf | Unreadable], None, None]:
        load()
        while (file := work.take()) is not None:
            while not self.gate.wait(0.02):
                yield []
            if self.before is not None:
                self.before(file)
            name = Path(file.path).name
            self.asked.append((name, look))
            try:
                photo = photos.load(file.path)
                found = found_in(file.path)
            except (UnreadablePhoto, OSError):
                yield [Unreadable(file, "is cut off")]
                continue
            finally:
                work.done(file.path)
            if name in self.hidden and look is Look.QUICK:
                found = faces.NO_FACES
            facts = Facts(photo.digest, photo.width, photo.height, photo.taken, photo.camera)
            yield [FacesOf(file, facts, found)]


def write(folder: Path, scenes: Iterable[tuple[str, NDArray[np.uint8], tuple[str, ...]]]) -> None:
    """Composed photos: name, scene and who is in them; each is a picture of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, scene, people) in enumerate(scenes):
        compose(scene, *people, variant=number).save(folder / f"{name}.png")
