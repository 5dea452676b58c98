"""What was dropped into a bin: the photos among files and folders from anywhere, found in the background."""

from __future__ import annotations

import os
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from training import photos
from training.photos import PhotoFile
from training.zones import Zone


@dataclass(frozen=True, slots=True)
class Found:
    """Photos in what was dropped into a bin; `problem` says why there are none, where that is known."""

    files: list[PhotoFile]
    zone: Zone
    source: str
    group: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class LabelledFolderFound:
    """A folder that holds NAME/ and not_NAME/ was dropped."""

    folder: Path


def found_in(
    paths: list[str], zone: Zone, source: str, group: str
) -> Generator[Found | LabelledFolderFound | None, None, None]:
    """The photos among dropped files and folders."""
    if len(paths) == 1 and _is_labelled_folder(Path(paths[0])):
        yield LabelledFolderFound(Path(paths[0]))
        return
    files: list[PhotoFile] = []
    problem = ""
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112
            for batch in photos.scan(Path(path)):
                files += batch
        elif os.path.splitext(path)[1].lower() in photos.SUFFIXES:  # noqa: PTH122
            try:
                facts = os.stat(path)  # noqa: PTH116
            except OSError as error:
                problem = f"“{os.path.basename(path)}” can’t be read ({error.strerror})."  # noqa: PTH119
                continue
            files.append(PhotoFile(path, facts.st_size, facts.st_mtime_ns))
        else:
            problem = f"“{os.path.basename(path)}” is not a photo."  # noqa: PTH119
    yield Found(files, zone, source, group, problem)


def _is_labelled_folder(folder: Path) -> bool:
    from training import labelled_folder
    from training.teach import BadCollection

    try:
        return labelled_folder.find(folder) is not None
    except BadCollection:  # it holds several, or can't be listed: who imports it has the words for that
        return True
