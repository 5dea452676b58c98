"""A subject: what Lennonnet learned to tell from all else, in one file that can be passed on.

The file is in the safetensors format: two tables of numbers, and a header of JSON. Reading it runs no code of whoever
wrote it, so a file from a stranger can at worst be refused. After deep training it also holds the network's weights,
which are read only when the network is needed.
"""

from __future__ import annotations

import contextlib
import functools
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
from training.backbones import BackboneUnavailable, TunedNetwork
from training.evaluate import Figures
from training.extractors import ExtractorSpec
from training.head import Head
from training.zones import Zones

SUFFIX = ".safetensors"
FORMAT = 2
"""Raised when files are written that older programs would misread; files without a network are still of format 1."""

_KEY = "lennonnet"
_NETWORK = "network."  # what the names of a tuned network's tensors begin with
_MOST_BYTES = 16 << 20  # of a file without a network: a real one has some 20 kB
_MOST_WITH_NETWORK = 4 << 30
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
    network: the weights that deep training gave the network; None: the network as it came
    provenance: what is needed to train it again just so, as plain data for JSON: seed, settings, versions, hashes
    """

    name: str
    head: Head
    zones: Zones
    spec: ExtractorSpec
    counts: Mapping[str, int] = field(default_factory=dict)
    figures: Figures | None = None
    created: str = ""
    version: int = 1
    network: TunedNetwork | None = field(default=None, compare=False)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def save(self, path: str | Path) -> None:
        """Write the file, whole or not at all: an older one of that name stays until the new one is safe on the disk.

        Raises OSError, and BackboneUnavailable where the tuned network can't be read from the file that it is in.
        """
        path = Path(path)
        tensors = {
            "bias": np.array([self.head.bias], np.float32),
            "weight": np.ascontiguousarray(self.head.weight, np.float32),
        }
        about: dict[str, Any] = {
            "format": 1 if self.network is None else FORMAT,
            "name": self.name,
            "version": self.version,
            "created": self.created,
            "zones": [self.zones.low, self.zones.high],
            "extractor": json.loads(extractors.spec_to_json(self.spec)),
            "counts": dict(self.counts),
            "figures": self.figures.as_dict() if self.figures else None,
            "digest": _digest(tensors),
        }
        if self.provenance:
            about["provenance"] = dict(self.provenance)
        if self.network is not None:
            network = self.network.tensors()
            tensors |= {_NETWORK + name: np.ascontiguousarray(network[name]) for name in sorted(network)}
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
            return cls._from(path)
        except _Unfit as error:
            raise SubjectUnreadable(f"“{path.name}” {error}") from error

    @classmethod
    def _from(cls, path: Path) -> Subject:
        content, size = _read(path)
        about = _about(content, size)
        tuned = about["format"] > 1
        try:
            if tuned:
                with safetensors.safe_open(path, "numpy") as opened:
                    tensors = {name: opened.get_tensor(name) for name in ("weight", "bias")}
            else:
                tensors = safetensors.numpy.load(content)
        except (safetensors.SafetensorError, OSError) as error:
            raise _Unfit(_DAMAGED) from error
        if about.get("digest") != _digest(tensors):
            raise _Unfit(_DAMAGED)
        weight, bias = tensors["weight"], tensors["bias"]
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise _Unfit("holds numbers that make no sense (not finite); please train the subject again.")
        try:
            low, high = about["zones"]
            spec = _spec(about["extractor"])
            provenance = about.get("provenance", {})
            if not isinstance(provenance, dict):
                raise ValueError("no provenance")
            subject = cls(
                name=_text(about["name"], 1, 200),
                head=Head(weight, float(bias[0])),
                zones=Zones(_number(low), _number(high)),
                spec=spec,
                counts={_text(name, 0, 1000): _count(number) for name, number in about["counts"].items()},
                figures=None if about["figures"] is None else Figures.from_dict(about["figures"]),
                created=_text(about["created"], 0, 100),
                version=_count(about["version"]),
                network=TunedNetwork(spec.weights, functools.partial(_network, path)) if tuned else None,
                provenance=provenance,
            )
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
            raise _Unfit(_DAMAGED) from error
        return subject


def _network(path: Path) -> dict[str, np.ndarray]:
    """The tuned network's tensors in a subject's file. Raises BackboneUnavailable; whether they are right is for the
    caller to check.
    """
    try:
        with safetensors.safe_open(path, "numpy") as opened:
            names = [name for name in opened.keys() if name.startswith(_NETWORK)]  # noqa: SIM118 (no mapping)
            return {name.removeprefix(_NETWORK): opened.get_tensor(name) for name in names}
    except (safetensors.SafetensorError, OSError) as error:
        raise BackboneUnavailable(
            f"The network in “{path.name}” can't be read; the file was moved, deleted or damaged. Please choose the"
            " subject again."
        ) from error


class _Unfit(Exception):
    """Why a file can't be used, in words that follow its name."""


_DAMAGED = "is damaged; please get it again from where it came, or train the subject again."
_TOO_LARGE = "is too large for a subject of Lennonnet; please choose another file."
_NOT_OURS = "is not a subject of Lennonnet; please choose another file."


def _read(path: Path) -> tuple[bytes, int]:
    """The file's first _MOST_BYTES, which are all of a file without a network, and its size."""
    try:
        if not path.exists():
            raise _Unfit("isn't there; it may have been moved or deleted.")
        if not path.is_file():
            raise _Unfit("is not a file; a subject is one file that ends in .safetensors.")
        if path.stat().st_size > _MOST_WITH_NETWORK:
            raise _Unfit(_TOO_LARGE)
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise _Unfit(f"can't be opened ({error.strerror or error}).") from error
    except ValueError as error:  # a name with a zero byte
        raise _Unfit("can't be opened (its name is not allowed).") from error
    return content, size


def _about(content: bytes, size: int) -> dict[str, Any]:
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
    if size > (_MOST_BYTES if written == 1 else _MOST_WITH_NETWORK):
        raise _Unfit(_TOO_LARGE)
    if not all(isinstance(entry, dict) for entry in header.values()):
        raise _Unfit(_DAMAGED)
    network = {name: header.pop(name) for name in list(header) if name.startswith(_NETWORK)}
    if header.keys() != {"weight", "bias"} or bool(network) != (written > 1):
        raise _Unfit(_DAMAGED)
    shapes = {name: entry.get("shape") for name, entry in header.items()}
    count = shapes["weight"][0] if isinstance(shapes["weight"], list) and len(shapes["weight"]) == 1 else 0
    right = isinstance(count, int) and 0 < count <= _MOST_FEATURES and shapes["bias"] == [1]
    if not right or any(entry.get("dtype") != "F32" for entry in header.values()):
        raise _Unfit("doesn't hold the numbers that belong into a subject; please train the subject again.")
    if size < 8 + length + 4 * (count + 1) + sum(map(_bytes_of, network.values())):
        raise _Unfit("is cut off; please get it again from where it came, or train the subject again.")
    result: dict[str, Any] = about
    return result


def _bytes_of(entry: Mapping[str, Any]) -> int:
    """How many bytes a tensor of the network takes. Raises _Unfit."""
    shape, width = entry.get("shape"), {"F16": 2, "F32": 4}.get(str(entry.get("dtype")))
    if width is None or not isinstance(shape, list):
        raise _Unfit(_DAMAGED)
    if not all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 1 << 40 for n in shape):
        raise _Unfit(_DAMAGED)
    return width * math.prod(shape)


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
