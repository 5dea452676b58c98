"""Photos on their way by mouse: what a drag carries, and what it looks like.

A drag out of the grid carries paths under a type of our own, by which the bins know it, and the addresses of the
files, so that a file manager can copy them to where they are dropped. Nothing but a copy is ever offered or taken:
labelling moves no file, and what leaves the window by mouse stays where it was as well.
"""

from __future__ import annotations

import os
import sys
import urllib.parse
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QPoint, QPointF, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QColor, QDrag, QDropEvent, QFontMetricsF, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from lennonnet_gui import names, theme

if TYPE_CHECKING:
    from training.photos import PhotoFile

PHOTOS_TYPE = "application/x-lennonnet-photos"
"""The type of what is dragged out of the grid: paths in the file system's bytes, with a NUL between two."""

MOST_PICTURES = 3

URLS_TYPE = "text/uri-list"
"""The type by which other programs know them: addresses of files (RFC 2483), in ASCII alone."""

_PICTURE = 9 * theme.GRID  # the longer side of a dragged picture, in device-independent pixels
_TURNS = (0.0, -7.0, 6.0)  # degrees, for the first picture and those below it
_EDGE = 2  # of the pictures' white edge
_SPREAD = 2 * theme.GRID  # room for turned corners and for the number


def pack(paths: Iterable[str]) -> QMimeData:
    """What a drag of `paths`, all absolute, carries. They may hold any bytes; Qt's text could not carry them."""
    made, given = QMimeData(), list(paths)
    made.setData(PHOTOS_TYPE, b"\0".join(map(os.fsencode, given)))
    if given:
        made.setData(URLS_TYPE, _addresses(given).encode())
    return made


def _addresses(paths: Sequence[str]) -> str:
    """The addresses as a list for other programs, as `names.to_url` writes them, many in the time of a few."""
    if sys.platform == "win32":
        return "".join(f"{bytes(names.to_url(path).toEncoded().data()).decode()}\r\n" for path in paths)
    folders: dict[str, str] = {}
    lines = []
    for path in paths:
        folder, _, name = path.rpartition("/")
        if folder not in folders:
            folders[folder] = f"file://{urllib.parse.quote(os.fsencode(folder))}/"
        lines.append(f"{folders[folder]}{urllib.parse.quote(os.fsencode(name))}\r\n")
    return "".join(lines)


def unpack(carried: QMimeData) -> list[str]:
    """The paths in a drag from the grid or, from elsewhere, of files and folders on this computer; may be empty."""
    if carried.hasFormat(PHOTOS_TYPE):
        return [os.fsdecode(path) for path in bytes(carried.data(PHOTOS_TYPE).data()).split(b"\0") if path]
    return [path for url in carried.urls() if url.isLocalFile() and (path := names.from_url(url))]


def are_ours(carried: QMimeData) -> bool:
    """Whether a drag comes from the grid and not from a file manager."""
    return carried.hasFormat(PHOTOS_TYPE)


def in_words(carried: QMimeData) -> str:
    """How much a drag carries, such as "12 photos"; "" if nothing that can be labelled. Cheap for many."""
    if carried.hasFormat(PHOTOS_TYPE):
        packed = bytes(carried.data(PHOTOS_TYPE).data())
        return names.photos(packed.count(b"\0") + 1) if packed else ""
    # What these are would have to be asked of a disk, which may be slow or far away.
    count = sum(url.isLocalFile() for url in carried.urls())
    if not count:
        return ""
    return "1 file or folder" if count == 1 else f"{count:,} files or folders"


def take_as_copy(event: QDropEvent) -> bool:
    """Accept `event` as a copy, or ignore it where none is offered; returns whether it is accepted.

    On Windows, Shift makes a drag a move, and Explorer deletes what a program accepts as one (picard#2270).
    """
    if not event.possibleActions() & Qt.DropAction.CopyAction:
        event.ignore()
        return False
    event.setDropAction(Qt.DropAction.CopyAction)
    event.accept()
    return True


def start_drag(view: QWidget, files: Sequence[PhotoFile], pixmaps: Sequence[QPixmap]) -> None:
    """Let the user drag `files` out of `view`, as a stack of the first three `pixmaps` and a number.

    Nothing but a copy is on offer, whatever key is held: who takes them can't have them taken away here.
    Returns when the mouse button is let go; events are processed meanwhile, so photos may come and go.
    """
    if not files:
        return
    ratio = view.devicePixelRatioF()
    drag = QDrag(view)
    drag.setMimeData(pack(file.path for file in files))
    drag.setPixmap(stack(pixmaps, len(files), ratio))
    drag.setHotSpot(
        QPoint(theme.GRID // 2, theme.GRID // 2)
    )  # at its corner: it hides little of what is below
    drag.exec(Qt.DropAction.CopyAction, Qt.DropAction.CopyAction)


def stack(pixmaps: Sequence[QPixmap], count: int, ratio: float) -> QPixmap:
    """A fanned stack of the first three `pixmaps` with the number of photos, at `ratio` device pixels to one."""
    t = theme.tokens()
    shown = [*pixmaps[:MOST_PICTURES]] or [QPixmap()]
    sizes = [_fitted_size(pixmap) for pixmap in shown]
    around = sizes[0]
    for size in sizes[1:]:
        around = around.expandedTo(size)
    room = _SPREAD if count > 1 else 2 * _EDGE
    whole = QSize(round(around.width() + 2 * room), round(around.height() + 2 * room))
    made = QPixmap(whole * ratio)
    made.setDevicePixelRatio(ratio)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
    middle = QPointF(whole.width() / 2, whole.height() / 2)
    for pixmap, size, turn in reversed(list(zip(shown, sizes, _TURNS, strict=False))):
        painter.save()
        painter.translate(middle)
        painter.rotate(turn)
        place = QRectF(QPointF(-size.width() / 2, -size.height() / 2), size)
        painter.setPen(QPen(QColor(t.line), 1))
        painter.setBrush(QColor("#ffffff"))
        painter.drawRect(place.adjusted(-_EDGE, -_EDGE, _EDGE, _EDGE))
        if pixmap.isNull():
            painter.fillRect(place, QColor(t.placeholder))
        else:
            # Scaled here: a painter that shrinks a picture much in one go leaves it jagged.
            fine = pixmap.scaled(
                (size * ratio).toSize().expandedTo(QSize(1, 1)),
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
            fine.setDevicePixelRatio(1)
            painter.drawPixmap(place, fine, QRectF(fine.rect()))
        painter.restore()
    if count > 1:
        corner = middle + QPointF(sizes[0].width() / 2, -sizes[0].height() / 2)
        _paint_number(painter, corner, count, whole.width())
    painter.end()
    return made


def _fitted_size(pixmap: QPixmap) -> QSizeF:
    square = QSizeF(_PICTURE, _PICTURE)
    if pixmap.isNull():
        return square
    return QSizeF(pixmap.size()).scaled(square, Qt.AspectRatioMode.KeepAspectRatio).expandedTo(QSizeF(8, 8))


def _paint_number(painter: QPainter, corner: QPointF, count: int, room: int) -> None:
    """Draw `count` on a dark or light pill around a picture's upper right corner, and left of `room`."""
    t, words = theme.tokens(), f"{count:,}"
    font = theme.font(theme.TEXT_BODY, bold=True)
    metrics = QFontMetricsF(font)
    height = round(metrics.height() + theme.GRID / 2)
    width = max(height, round(metrics.horizontalAdvance(words)) + theme.GRID)
    left = min(corner.x() - width / 2, room - 1 - width)
    pill = QRectF(left, max(1.0, corner.y() - height / 2), width, height)
    painter.setPen(QPen(QColor(t.panel), 1.5))
    painter.setBrush(QColor(t.focus))
    painter.drawRoundedRect(pill, height / 2, height / 2)
    painter.setFont(font)
    painter.setPen(QColor(t.panel))
    painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, words)
