"""How names and numbers are written in the window, and how names are ordered.

This is the one door between names on a disk and text in the window.

A name on a disk may hold line breaks, control characters and, on Unix, bytes that are no UTF-8, which Python
keeps as lone surrogates and Qt drops without a word. So a name never goes back from a widget to the disk, and
signals carry paths as objects, not as Qt strings.
"""

from __future__ import annotations

import html
import os
import re
import sys
import urllib.parse
from pathlib import Path

from PySide6.QtCore import QUrl

# Control characters, line breaks, what turns the direction of writing, and bytes that are not UTF-8.
_NOT_FOR_DRAWING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_DIGITS = re.compile(r"(\d+)")


def shown(name: str) -> str:
    """`name` as one line of text that Qt can draw; not for opening the file again."""
    return _NOT_FOR_DRAWING.sub("\N{REPLACEMENT CHARACTER}", name)


def folder_name(path: str) -> str:
    """The last part of a folder's path as one line of text, or all of it for the root of a disk."""
    return shown(os.path.basename(os.path.normpath(path)) or path)  # noqa: PTH119, `path` may be any string


def folder_place(path: str) -> str:
    """The folder that holds `path` as one line of text, with the user's own folder as ``~``."""
    parent, home = os.path.dirname(os.path.normpath(path)), str(Path.home())  # noqa: PTH120
    if parent == home or parent.startswith(home + os.sep):
        parent = "~" + parent[len(home) :]
    return shown(parent)


def on_button(text: str) -> str:
    """`text` for a button or a menu, where a lone ``&`` would be taken for a shortcut."""
    return text.replace("&", "&&")


def in_tool_tip(text: str) -> str:
    """`text` for a tool tip, where ``<b>`` in a name would be taken for markup; keeps line breaks, wraps."""
    return "<p>" + html.escape(text).replace("\n", "<br>") + "</p>"


def per_cent(probability: float) -> str:
    """`probability`, 0 to 1, in whole per cent; the sign is never parted from the number."""
    return f"{round(100 * probability)}\N{NARROW NO-BREAK SPACE}%"


def photos(count: int) -> str:
    """`count` photos in words: ``1 photo``, ``1,204 photos``."""
    return f"{count:,} photo" if count == 1 else f"{count:,} photos"


def photos_and_folders(photo_count: int, folder_count: int) -> str:
    """Both counts in words, without one that is 0: ``2 photos and 1 folder``."""
    folders = f"{folder_count:,} folder" if folder_count == 1 else f"{folder_count:,} folders"
    return " and ".join(
        [photos(photo_count)] * bool(photo_count or not folder_count) + [folders] * bool(folder_count)
    )


def to_url(path: str) -> QUrl:
    """The address of a file or folder; unlike QUrl.fromLocalFile, of one with any bytes in its name."""
    return QUrl.fromEncoded(Path(path).absolute().as_uri().encode())


def from_url(url: QUrl) -> str:
    """The path of the file or folder at a local address, whatever bytes are in its name."""
    encoded = url.path(QUrl.ComponentFormattingOption.FullyEncoded)
    if sys.platform == "win32" or not encoded:
        return url.toLocalFile()
    return os.fsdecode(urllib.parse.unquote_to_bytes(encoded))


def natural_key(name: str) -> tuple[tuple[bool, int, str], ...]:
    """A key to sort names as people count: ``IMG_9`` before ``IMG_10``, capitals no matter."""
    return tuple(
        (False, int(part), part) if part.isdecimal() else (True, 0, part.casefold())
        for part in _DIGITS.split(name)
        if part
    )
