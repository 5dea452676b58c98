"""The system's trash: where a photo lies in it that was put there, so that it can be taken back.

Putting a photo there is `Acts.trash`. To find it again is possible where the trash is as freedesktop.org's Trash
specification 1.0 has it: a file under `files`, and of the same name under `info` what says where it was.
"""

# Paths are str here, because 100,000 Path objects cost seconds.
# ruff: noqa: PTH100, PTH111, PTH118, PTH119, PTH120, PTH123

from __future__ import annotations

import contextlib
import os
import sys
import urllib.parse
from collections.abc import Iterator

from training import sorting_disk
from training.sorting_batches import Hands, Otherwise
from training.sorting_disk import Acts
from training.sorting_journal import Part, Seen, Way

_INFO = ".trashinfo"
_LARGEST_INFO = 1 << 16  # bytes

BY_HAND = "is in the system’s trash: take it back from there"
"""Why a photo can't be brought back, where the trash says nothing of it."""


def can_look() -> bool:
    """Whether this system's trash can be looked into."""
    return sys.platform not in ("win32", "darwin")


def words_of(error: Exception) -> str:
    """Why a file could not be put in the trash, as words that follow a colon."""
    if type(error).__name__ == "TrashPermissionError":
        return "its drive has no trash, and none can be made there"
    return sorting_disk.words_of(error) if isinstance(error, OSError) else str(error)


def _none_for(path: str) -> str:
    """Why a file would be deleted, and not put in the trash; "" if there is no reason to think so."""
    if sys.platform == "win32":
        import ctypes

        drive = os.path.splitdrive(os.path.abspath(path))[0]
        fixed = 3
        if drive.startswith("\\\\") or ctypes.windll.kernel32.GetDriveTypeW(f"{drive}\\") != fixed:
            return "its drive has no trash"  # Windows deletes there, and asks nobody
    return ""


class Trash:
    """Finds in the trash what was put there."""

    def __init__(self) -> None:
        self._tops: dict[str, list[tuple[str, str]]] = {}
        self._next: dict[tuple[str, str], int] = {}

    def find(self, origin: str, seen: Seen | None) -> str:
        """Where a file lies in the trash that was at `origin`; "" if it is not found there."""
        if seen is None or not can_look():
            return ""
        like_it = ""
        trashes = self._trashes(os.path.dirname(origin))
        for names in (self._likely, self._of_number, self._all):
            for trash, base in trashes:
                for name in names(trash, os.path.basename(origin), seen):
                    place = os.path.join(trash, "files", name)
                    with contextlib.suppress(OSError):
                        facts = os.lstat(place)
                        itself = facts.st_ino == seen.number
                        same = itself or (facts.st_mtime_ns == seen.mtime_ns and not like_it)
                        if same and facts.st_size == seen.size and _was_at(info_of(place), origin, base):
                            if itself:
                                return place
                            like_it = place  # copied there, from another drive
        return like_it

    def put(self, origin: str, seen: Seen | None, acts: Acts) -> str:
        """Put a file in the trash: where it lies then, "" if that can't be told. Raises OSError, and it stays."""
        trouble = _none_for(origin)
        if trouble:
            raise OSError(trouble)
        acts.trash(origin)
        if os.path.lexists(origin):
            raise OSError("the system left it where it was")
        return self.find(origin, seen)

    def take_back(self, part: Part, hands: Hands) -> bool:
        """Take a file back that was put in the trash just now: whether it is back; else it stays there, whole."""
        for way in (Way.RENAME, Way.LINK_MOVE, Way.CLAIM):
            if not part.place:
                return False
            try:
                hands.put(part.place, part.source, way)
            except Otherwise:
                continue
            except OSError:
                return False
            forget(part, hands.acts)
            part.place = ""
            return True
        return False

    def _likely(self, trash: str, name: str, seen: Seen) -> Iterator[str]:
        """The names that a file of this name gets in a trash, one after another."""
        stem, suffix = os.path.splitext(name)  # noqa: PTH122
        number = self._next.get((trash, name), 0)
        while True:
            tried = f"{stem} {number}{suffix}" if number else name
            if not os.path.lexists(os.path.join(trash, "files", tried)):
                break
            number += 1
            self._next[trash, name] = number
            yield tried

    def _of_number(self, trash: str, name: str, seen: Seen) -> Iterator[str]:
        """The names of files that have the number of this one."""
        with contextlib.suppress(OSError), os.scandir(os.path.join(trash, "files")) as entries:
            yield from (entry.name for entry in entries if entry.inode() == seen.number)

    def _all(self, trash: str, name: str, seen: Seen) -> Iterator[str]:
        """All that lies there."""
        with contextlib.suppress(OSError), os.scandir(os.path.join(trash, "files")) as entries:
            yield from (entry.name for entry in entries)

    def _trashes(self, folder: str) -> list[tuple[str, str]]:
        """The trashes that a folder's files may be in, and for each, what its paths start from."""
        if folder not in self._tops:
            home = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
            found = [(os.path.join(home, "Trash"), home)]
            top = os.path.realpath(folder)
            while not os.path.ismount(top) and os.path.dirname(top) != top:
                top = os.path.dirname(top)
            user = str(os.getuid()) if hasattr(os, "getuid") else ""
            found.append((os.path.join(top, ".Trash", user), top))
            found.append((os.path.join(top, f".Trash-{user}"), top))
            self._tops[folder] = found
        return self._tops[folder]


def info_of(place: str) -> str:
    """The file that says of one in the trash where it was."""
    files, name = os.path.split(place)
    return os.path.join(os.path.dirname(files), "info", name + _INFO)


def forget(part: Part, acts: Acts) -> None:
    """Take away what the trash says of a file that is not there any more."""
    if part.place and not os.path.lexists(part.place):
        with contextlib.suppress(OSError):
            acts.unlink(info_of(part.place))


def _was_at(info: str, origin: str, base: str) -> bool:
    """Whether a trash's note says that its file was at `origin`."""
    try:
        with open(info, "rb") as file:
            lines = file.read(_LARGEST_INFO).splitlines()
    except OSError:
        return False
    found = next((line[5:] for line in lines if line.startswith(b"Path=")), b"")
    path = os.path.join(base, os.fsdecode(urllib.parse.unquote_to_bytes(found)))
    return _whole(path) == _whole(origin)


def _whole(path: str) -> str:
    """A path without links in its folder's."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)
