"""The one place that knows where things lie: what ships with the program, and what it keeps on the user's machine.

Nothing else in the program asks for a folder. The environment variable LENNONNET_HOME puts everything
that is kept under one folder of that name; tests use it, and so can a user with a portable installation.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import platformdirs

APP = "lennonnet"


def resource(name: str) -> Path:
    """The path of a shipped file, such as ``subjects/john.safetensors``; the same frozen or not."""
    return Path(getattr(sys, "_MEIPASS", Path(__file__).parent.parent), "resources", name)


def _kept(kind: str, default: str) -> Path:
    home = os.environ.get("LENNONNET_HOME")
    return Path(home, kind) if home else Path(default)


def cache_dir() -> Path:
    """What can be made again: features, thumbnails, downloaded networks."""
    return _kept("cache", platformdirs.user_cache_dir(APP, appauthor=False))


def data_dir() -> Path:
    """What the user made and must not lose: subjects, labels, the sorting journal."""
    return _kept("data", platformdirs.user_data_dir(APP, appauthor=False))


def settings_file() -> Path:
    """The window's settings, as an ini file."""
    return _kept("config", platformdirs.user_config_dir(APP, appauthor=False)) / "lennonnet.ini"


def log_dir() -> Path:
    """Where the program writes what went wrong."""
    return _kept("log", platformdirs.user_log_dir(APP, appauthor=False))


def thumbnail_dir() -> Path:
    """The thumbnails that are shared with other programs where the desktop has such a place, else our own.

    On Linux the freedesktop thumbnail standard's folder, on other systems one of ours with the same layout.
    """
    if os.environ.get("LENNONNET_HOME") or not sys.platform.startswith("linux"):
        return cache_dir() / "thumbnails"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "thumbnails"
