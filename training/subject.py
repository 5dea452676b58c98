"""A subject: what Lennonnet learned to tell from all else, in one file that can be passed on.

The file is in the safetensors format: two tables of numbers, and a header of JSON. Reading it runs no code of whoever
wrote it, so a file from a stranger can at worst be refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from training import extractors
from training.evaluate import Figures
from training.extractors import ExtractorSpec
from training.head import Head
from training.zones import Zones

SUFFIX = ".safetensors"
FORMAT = 1
"""Raised when files are written that older programs would misread."""

_KEY = "lennonnet"
_MOST_BYTES = 16 << 20  # a real file has some 20 kB
_MOST_HEADER = 1 << 20
_MOST_FEATURES = 1 << 20


class SubjectUnreadable(Exception):
    """A subject's file can't be used; the message is a sentence for the user that says why."""


@dataclass(frozen=True)
class Subject:
    """One subject, ready to score with.

    spec: which features the head was trained on: network, its weights' hash, preprocessing, late stages
    counts: how many photos it learned from, by group
    figures: what it gets right on photos it did not learn from, or None if never measured
    created: when, as "YYYY-MM-DDTHH:MM:SS+00:00"
    version: counts up each time the subject is trained again
    """

    name: str
    head: Head
    zones: Zones
    spec: ExtractorSpec
    counts: Mapping[str, int] = field(default_factory=dict)
    figures: Figures | None = None
    created: str = ""
    version: int = 1

    def save(self, path: str | Path) -> None:
        """Write the file, whole or not at all: an older one of that name stays until the new one is safe on the disk.

        Raises OSError.
        """
        path = Path(path)
        tensors = {
            "bias": np.array([self.head.bias], np.float32),
            "weight": np.ascontiguousarray(self.head.weight, np.float32),
        }
        about = {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "created": self.created,
            "zones": [self.zones.low, self.zones.high],
            "extractor": json.loads(extractors.spec_to_json(self.spec)),
            "counts": dict(self.counts),
            "figures": self.figures.as_dict() if self.figures else None,
            "digest": _digest(tensors),
        }
        content = safetensors.numpy.save(
            tensors, {_KEY: json.dumps(about, ensure_ascii=False, sort_keys=True)}
        )
        temporary = path.with_name(f".{secrets.token_hex(8)}.part")
        try:
            with temporary.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise

    @classmethod
    def load(cls, path: str | Path) -> Subject:
        """Read a subject's file. Raises SubjectUnreadable, and nothing else, for whatever may be wrong with it."""
        path = Path(path)
        try:
            return cls._from_bytes(_read(path))
        except _Unfit as error:
            raise SubjectUnreadable(f"“{path.name}” {error}") from error

    @classmethod
    def _from_bytes(cls, content: bytes) -> Subject:
        about = _about(content)
        try:
            tensors = safetensors.numpy.load(content)
        except safetensors.SafetensorError as error:
            raise _Unfit(_DAMAGED) from error
        if about.get("digest") != _digest(tensors):
            raise _Unfit(_DAMAGED)
        weight, bias = tensors["weight"], tensors["bias"]
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise _Unfit("holds numbers that make no sense (not finite); please train the subject again.")
        try:
            low, high = about["zones"]
            subject = cls(
                name=_text(about["name"], 1, 200),
                head=Head(weight, float(bias[0])),
                zones=Zones(_number(low), _number(high)),
                spec=_spec(about["extractor"]),
                counts={_text(name, 0, 1000): _count(number) for name, number in about["counts"].items()},
                figures=None if about["figures"] is None else Figures.from_dict(about["figures"]),
                created=_text(about["created"], 0, 100),
                version=_count(about["version"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
            raise _Unfit(_DAMAGED) from error
        return subject


class _Unfit(Exception):
    """Why a file can't be used, in words that follow its name."""


_DAMAGED = "is damaged; please get it again from where it came, or train the subject again."
_NOT_OURS = "is not a subject of Lennonnet; please choose another file."


def _read(path: Path) -> bytes:
    try:
        if not path.exists():
            raise _Unfit("isn't there; it may have been moved or deleted.")
        if not path.is_file():
            raise _Unfit("is not a file; a subject is one file that ends in .safetensors.")
        if path.stat().st_size > _MOST_BYTES:
            raise _Unfit("is too large for a subject of Lennonnet; please choose another file.")
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise _Unfit(f"can't be opened ({error.strerror or error}).") from error
    except ValueError as error:  # a name with a zero byte
        raise _Unfit("can't be opened (its name is not allowed).") from error
    if len(content) > _MOST_BYTES:  # it grew meanwhile
        raise _Unfit("is too large for a subject of Lennonnet; please choose another file.")
    return content


def _about(content: bytes) -> dict[str, Any]:
    """What the header says of the subject, after shape and size of all in the file were found to be right."""
    if not content:
        raise _Unfit("is empty; please get it again from where it came, or train the subject again.")
    length = int.from_bytes(content[:8], "little")
    if len(content) < 10 or content[8:9] != b"{" or length > _MOST_HEADER:
        raise _Unfit(_NOT_OURS)
    if len(content) < 8 + length:
        raise _Unfit("is cut off; please get it again from where it came, or train the subject again.")
    try:
        header = json.loads(content[8 : 8 + length])
    except (ValueError, RecursionError) as error:
        raise _Unfit(_DAMAGED if _KEY.encode() in content[: 8 + length] else _NOT_OURS) from error
    metadata = header.pop("__metadata__", None) if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not isinstance(metadata.get(_KEY), str):
        raise _Unfit(_NOT_OURS)
    try:
        about = json.loads(metadata[_KEY])
    except (ValueError, RecursionError) as error:
        raise _Unfit(_DAMAGED) from error
    written = about.get("format") if isinstance(about, dict) else None
    if not isinstance(written, int) or isinstance(written, bool) or written < 1:
        raise _Unfit(_DAMAGED)
    if written > FORMAT:
        raise _Unfit("was made by a newer Lennonnet; please update this one.")
    if header.keys() != {"weight", "bias"} or not all(isinstance(entry, dict) for entry in header.values()):
        raise _Unfit(_DAMAGED)
    shapes = {name: entry.get("shape") for name, entry in header.items()}
    count = shapes["weight"][0] if isinstance(shapes["weight"], list) and len(shapes["weight"]) == 1 else 0
    right = isinstance(count, int) and 0 < count <= _MOST_FEATURES and shapes["bias"] == [1]
    if not right or any(entry.get("dtype") != "F32" for entry in header.values()):
        raise _Unfit("doesn't hold the numbers that belong into a subject; please train the subject again.")
    if len(content) < 8 + length + 4 * (count + 1):
        raise _Unfit("is cut off; please get it again from where it came, or train the subject again.")
    result: dict[str, Any] = about
    return result


def _digest(tensors: Mapping[str, np.ndarray]) -> str:
    """A hash of all numbers, so that a changed one is noticed."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(np.ascontiguousarray(tensors[name], "<f4").tobytes())
    return digest.hexdigest()


def _spec(value: object) -> ExtractorSpec:
    """The extractor's description, each field of the type that it must have. Raises ValueError."""
    spec = extractors.spec_from_json(json.dumps(value))
    how = spec.preprocessing
    _text(spec.backbone, 1, 200)
    _text(spec.weights, 1, 200)
    _text(how.interpolation, 1, 100)
    for stage in spec.stages:
        _text(stage, 1, 200)
    _count(spec.version)
    if not (1 <= _count(how.size) <= 4096 and 0.05 <= _number(how.crop) <= 2):
        raise ValueError("no such size of a photo")
    if len(how.mean) != 3 or len(how.std) != 3 or not all(_number(value) > 0 for value in how.std):
        raise ValueError("no such colours")
    for mean in how.mean:
        _number(mean)
    return spec


def _text(value: object, least: int, most: int) -> str:
    if not isinstance(value, str) or not least <= len(value) <= most:
        raise ValueError("not a text of a sensible length")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 53:
        raise ValueError("not a count")
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError("not a number")
    return float(value)
