"""Makes the folders that the benchmarks run on: real pictures where ../shared/data is present, else scikit-image's."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"


def sources() -> list[Image.Image]:
    """Some pictures of many kinds."""
    files = sorted(SHARED.glob("random/*.jpg"))[::7] + sorted(SHARED.glob("people/*.jpg"))[::7]
    if files:
        return [Image.open(file).convert("RGB") for file in files]
    names = ("astronaut", "chelsea", "coffee", "rocket")
    return [Image.fromarray(np.ascontiguousarray(getattr(skimage.data, name)()[..., :3])) for name in names]


def camera_photos(folder: Path, count: int) -> list[Path]:
    """`count` JPEGs as cameras make them: three in four of 12 megapixels and about 4 MB, the others of 2 megapixels."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    chance, pictures = random.Random(1), sources()
    noise = np.random.default_rng(1).normal(0, 6, (3000, 4000, 1)).astype(np.int16)
    for index in range(count):
        path = folder / f"IMG_{index:04}.jpg"
        made.append(path)
        if path.exists():
            continue
        width, height = (4000, 3000) if index % 4 else (1600, 1200)
        picture = chance.choice(pictures).resize((width, height), Image.Resampling.BICUBIC)
        pixels = np.asarray(picture).astype(np.int16) + np.roll(noise, index * 97, 1)[:height, :width]
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)
    return made


def small_photos(folder: Path, count: int) -> list[Path]:
    """`count` little JPEGs, no two alike."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for index in range(count):
        path = folder / f"IMG_{index:06}.jpg"
        made.append(path)
        if not path.exists():
            pixels = np.random.default_rng(index).integers(0, 255, (6, 8, 3), np.uint8)
            Image.fromarray(pixels).resize((160, 120)).save(path, quality=80)
    return made
