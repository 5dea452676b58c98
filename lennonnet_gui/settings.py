"""What the window remembers from one start to the next, by name and type."""

from __future__ import annotations

import os
from collections.abc import Sequence

from PySide6.QtCore import QByteArray, QSettings

from training import paths
from training.zones import Zones

MOST_RECENT = 5
"""So many recent folders are kept and offered."""


class Settings:
    """The user's settings file. A value that is missing or makes no sense is the default.

    With `remember` off, nothing is written: for a self-driven check, which is no choice of the user's.
    """

    def __init__(self, *, remember: bool = True) -> None:
        self.remembers = remember
        self._file = QSettings(str(paths.settings_file()), QSettings.Format.IniFormat)

    def bytes(self, name: str) -> QByteArray:
        """A widget's saved state; empty when there is none."""
        value = self._file.value(name)
        return value if isinstance(value, QByteArray) else QByteArray()

    def text(self, name: str, default: str = "") -> str:
        """A word."""
        value = self._file.value(name, default)
        return value if isinstance(value, str) else default

    def number(self, name: str, default: int) -> int:
        """A whole number."""
        try:
            return int(str(self._file.value(name, default)))
        except ValueError:
            return default

    def flag(self, name: str, default: bool) -> bool:
        """Yes or no."""
        return {"true": True, "false": False}.get(str(self._file.value(name)).lower(), default)

    def set(self, name: str, value: QByteArray | str | int | bool | list[str]) -> None:
        """Remember `value`."""
        if self.remembers:
            self._file.setValue(name, value)

    def zones(self, subject: str, default: Zones) -> Zones:
        """The thresholds that the user set for a subject."""
        try:
            low, high = (float(part) for part in self.text(f"zones/{subject}").split(" "))
            return Zones(low, high)
        except ValueError:
            return default

    def set_zones(self, subject: str, zones: Zones) -> None:
        """Remember the thresholds for a subject."""
        self.set(f"zones/{subject}", f"{zones.low!r} {zones.high!r}")

    def recent_folders(self) -> list[str]:
        """The folders that were opened last, the latest first; also those that are gone."""
        value = self._file.value("recent")
        names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        return [os.fsdecode(bytes.fromhex(name)) for name in names if _is_hex(name)]

    def add_recent_folder(self, folder: str) -> None:
        """Put `folder` at the head of the recent ones."""
        self._set_recent([folder, *(kept for kept in self.recent_folders() if kept != folder)])

    def forget_recent_folders(self) -> None:
        """Empty the list of recent folders."""
        self._set_recent(())

    def _set_recent(self, folders: Sequence[str]) -> None:
        # As hex of the bytes, because a folder's name need not be text.
        self.set("recent", [os.fsencode(folder).hex() for folder in folders[:MOST_RECENT]])

    def save(self) -> None:
        """Write to disk now."""
        self._file.sync()


def _is_hex(text: object) -> bool:
    try:
        bytes.fromhex(str(text))
    except ValueError:
        return False
    return True
