"""Faces on their way by mouse: what a drag carries, and what it looks like.

The type is our own alone, and nothing but a copy is offered: no file manager takes a face for a file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QPoint, Qt
from PySide6.QtGui import QDrag, QPixmap
from PySide6.QtWidgets import QWidget

from lennonnet_gui import photo_drag, theme

if TYPE_CHECKING:
    from training.photos import PhotoFile

FACES_TYPE = "application/x-lennonnet-faces"
"""Paths in the file system's bytes and the face's number within its photo, by turns, with a NUL between two."""


def pack(faces: Iterable[tuple[PhotoFile, int]]) -> QMimeData:
    """What a drag of `faces` carries: photos, and the face's number within each."""
    made = QMimeData()
    parts = (part for file, number in faces for part in (os.fsencode(file.path), b"%d" % number))
    made.setData(FACES_TYPE, b"\0".join(parts))
    return made


def unpack(carried: QMimeData) -> list[tuple[str, int]]:
    """Path and number of each face in a drag; empty where it carries none."""
    parts = bytes(carried.data(FACES_TYPE).data()).split(b"\0")
    pairs = zip(parts[::2], parts[1::2], strict=False)
    return [(os.fsdecode(path), int(number)) for path, number in pairs if number.isdigit()]


def are_faces(carried: QMimeData) -> bool:
    """Whether a drag carries faces."""
    return carried.hasFormat(FACES_TYPE)


def in_words(carried: QMimeData) -> str:
    """How much a drag carries, such as "12 faces"; "" if no faces. Cheap for many."""
    packed = bytes(carried.data(FACES_TYPE).data())
    return faces((packed.count(b"\0") + 1) // 2) if packed else ""


def faces(count: int) -> str:
    """`count` faces in words: ``1 face``, ``1,204 faces``."""
    return f"{count:,} face" if count == 1 else f"{count:,} faces"


def start_drag(view: QWidget, dragged: Sequence[tuple[PhotoFile, int]], pixmaps: Sequence[QPixmap]) -> None:
    """Let the user drag faces out of `view`, as a stack of the first three `pixmaps` and a number.

    Returns when the mouse button is let go; events are processed meanwhile.
    """
    if not dragged:
        return
    drag = QDrag(view)
    drag.setMimeData(pack(dragged))
    drag.setPixmap(photo_drag.stack(pixmaps, len(dragged), view.devicePixelRatioF()))
    drag.setHotSpot(QPoint(theme.GRID // 2, theme.GRID // 2))
    drag.exec(Qt.DropAction.CopyAction, Qt.DropAction.CopyAction)
