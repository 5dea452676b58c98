"""A subject: what Lennonnet learned to tell from all else, in one file that can be passed on.

The file is in the safetensors format: tables of numbers, and a header of JSON. Reading it runs no code of whoever
wrote it, so a file from a stranger can at worst be refused. After deep training it also holds the network's weights,
which are read only when the network is needed. Of a person it also holds what is known of the face; the single faces
that this was learned from can be left out.
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
from training.face_head import TENSORS as FACE_TENSORS
from training.face_head import Evidence, FaceHead
from training.head import Head
from training.zones import Zones

SUFFIX = ".safetensors"
FORMAT = 3
"""Raised when files are written that older programs would misread. Files without faces are still of format 1, or 2 with
a network; those of format 3 have faces, and a network or none."""

_KEY = "lennonnet"
_NETWORK = "network."  # what the names of a tuned network's tensors begin with
_FACES = "faces."  # and those of the face's
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
    faces: what is known of the subject's face; None: nothing, and the whole picture decides
    evidence: what the user wants to decide, as an Evidence, whatever `faces` says; "" to leave that to it
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
    faces: FaceHead | None = field(default=None, compare=False)
    evidence: str = ""

    @property
    def holds_faces(self) -> bool:
        """Whether single faces that it learned from are in it, which tell who was labelled: see `save`."""
        return self.faces is not None and self.faces.has_examples

    def save(self, path: str | Path, *, without_faces: bool = False) -> None:
        """Write the file, whole or not at all: an older one of that name stays until the new one is safe on the disk.

        without_faces: leave out what was kept of single faces; it still knows the subject, as well as it can then.
        Raises OSError, and BackboneUnavailable where the tuned network can't be read from the file that it is in.
        """
        path = Path(path)
        faces = self.faces.without_examples() if self.faces is not None and without_faces else self.faces
        tensors = {
            "bias": np.array([self.head.bias], np.float32),
            "weight": np.ascontiguousarray(self.head.weight, np.float32),
        }
        about: dict[str, Any] = {
            "format": FORMAT if faces is not None else 1 if self.network is None else 2,
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
        if self.evidence:
            about["evidence"] = self.evidence
        if faces is not None:
            tables = {name: np.ascontiguousarray(table) for name, table in faces.to_tensors().items()}
            about["faces"] = faces.as_dict()
            about["faces_digest"] = _faces_digest(tables, about["faces"])
            tensors |= {_FACES + name: table for name, table in tables.items()}
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
        about, names = _about(content, size)
        tuned = any(name.startswith(_NETWORK) for name in names)
        try:
            if tuned:
                with safetensors.safe_open(path, "numpy") as opened:
                    tensors = {
                        name: opened.get_tensor(name) for name in names if not name.startswith(_NETWORK)
                    }
            else:
                tensors = safetensors.numpy.load(content)
        except (safetensors.SafetensorError, OSError) as error:
            raise _Unfit(_DAMAGED) from error
        weight, bias = tensors.pop("weight"), tensors.pop("bias")
        if about.get("digest") != _digest({"weight": weight, "bias": bias}):
            raise _Unfit(_DAMAGED)
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
                faces=_face_head(tensors, about) if about["format"] > 2 else None,
                evidence=_evidence(about.get("evidence", "")),
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


def _about(content: bytes, size: int) -> tuple[dict[str, Any], list[str]]:
    """What the header says of the subject, and the tables' names, after all shapes and sizes were found to be right."""
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
    if not all(isinstance(entry, dict) for entry in header.values()):
        raise _Unfit(_DAMAGED)
    names = list(header)
    network = {name: header.pop(name) for name in names if name.startswith(_NETWORK)}
    faces = {name: header.pop(name) for name in names if name.startswith(_FACES)}
    if size > (_MOST_WITH_NETWORK if network else _MOST_BYTES):
        raise _Unfit(_TOO_LARGE)
    if header.keys() != {"weight", "bias"} or bool(faces) != (written > 2):
        raise _Unfit(_DAMAGED)
    if written < 3 and bool(network) != (written == 2):
        raise _Unfit(_DAMAGED)
    if faces and faces.keys() != {_FACES + name for name in FACE_TENSORS}:
        raise _Unfit(_DAMAGED)
    numbers = sum(_bytes_of(entry, _OF_FACES) for entry in faces.values())
    if numbers > _MOST_BYTES:
        raise _Unfit(_TOO_LARGE)
    shapes = {name: entry.get("shape") for name, entry in header.items()}
    count = shapes["weight"][0] if isinstance(shapes["weight"], list) and len(shapes["weight"]) == 1 else 0
    right = isinstance(count, int) and 0 < count <= _MOST_FEATURES and shapes["bias"] == [1]
    if not right or any(entry.get("dtype") != "F32" for entry in header.values()):
        raise _Unfit("doesn't hold the numbers that belong into a subject; please train the subject again.")
    if size < 8 + length + 4 * (count + 1) + numbers + sum(
        _bytes_of(entry, _OF_NETWORK) for entry in network.values()
    ):
        raise _Unfit("is cut off; please get it again from where it came, or train the subject again.")
    return about, names


_OF_NETWORK = {"F16": 2, "F32": 4}
_OF_FACES = {"F16": 2, "F32": 4, "U8": 1, "I16": 2, "I32": 4}


def _bytes_of(entry: Mapping[str, Any], widths: Mapping[str, int]) -> int:
    """How many bytes a table takes. Raises _Unfit."""
    shape, width = entry.get("shape"), widths.get(str(entry.get("dtype")))
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


def _faces_digest(tables: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> str:
    """The same of what is known of the face."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(tables):
        digest.update(np.ascontiguousarray(tables[name]).tobytes())
    return digest.hexdigest()


def _face_head(tensors: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> FaceHead:
    """What is known of the face. Raises ValueError and KeyError."""
    tables = {name.removeprefix(_FACES): table for name, table in tensors.items()}
    if about["faces_digest"] != _faces_digest(tables, about["faces"]):
        raise ValueError("other faces")
    return FaceHead.from_parts(tables, about["faces"])


def _evidence(value: object) -> str:
    if value != "" and value not in {one.value for one in Evidence}:
        raise ValueError("no such evidence")
    return str(value)


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
