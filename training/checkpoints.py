"""Checkpoints: two generations of what a training has learned so far, of which one is always whole.

A checkpoint is written beside the last one, flushed to the disk and only then put in its place, and the last one
stays as the older of two. Each says of itself what it is of, and has a hash by which damage is noticed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAME = "checkpoint"
_OLDER = "checkpoint.older"
_MAGIC = b"lennonnet checkpoint 1\n"


def write(folder: Path, header: Mapping[str, Any], content: memoryview) -> None:
    """Write a checkpoint; `header` is plain data for JSON. Raises OSError, and leaves all as it was."""
    path, temporary = folder / NAME, folder / f".{NAME}.part"
    try:
        with temporary.open("wb") as file:
            file.write(_MAGIC)
            file.write(json.dumps({**header, "sha256": hashlib.sha256(content).hexdigest()}).encode() + b"\n")
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            path.replace(folder / _OLDER)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if os.name != "nt":  # that a file has a new name must be on the disk too
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def newest(folder: Path) -> tuple[dict[str, Any], bytes] | None:
    """Header and content of the newest checkpoint in `folder` that is whole, or None if there is none."""
    return _read(folder / NAME) or _read(folder / _OLDER)


def header(folder: Path) -> dict[str, Any] | None:
    """What the newest checkpoint that is whole says of itself."""
    found = newest(folder)
    return None if found is None else found[0]


def drop(folder: Path) -> None:
    """Remove all checkpoints, as far as that can be done."""
    for name in (NAME, _OLDER, f".{NAME}.part"):
        with contextlib.suppress(OSError):
            (folder / name).unlink()


def _read(path: Path) -> tuple[dict[str, Any], bytes] | None:
    try:
        magic, line, content = path.read_bytes().split(b"\n", 2)
        said: dict[str, Any] = json.loads(line)
        whole = magic + b"\n" == _MAGIC and said["sha256"] == hashlib.sha256(content).hexdigest()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (said, content) if whole else None
