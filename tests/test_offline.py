"""Nothing goes out: no part of the program opens a socket, from start to end, but to download what was asked for.

The real program is driven through all that it does, and watched twice: by Python's own audit hooks, in it and in all
that it starts, and, on Linux, by the kernel, in a network namespace with nothing in it.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training import finetune
from training.events import Estimated, Found, Settings
from training.photos import scan
from training.teach import Labelled

ROOT = Path(__file__).parent.parent

# Python runs this in each of its processes that has the folder in its path.
WATCHER = """
import os, sys

_NAMES = ("socket.", "http.client.", "urllib.", "ftplib.", "smtplib.")
_file = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def _watch(event, arguments, write=os.write, file=_file):
    if event.startswith(_NAMES):
        write(file, f"{event} {arguments!r}\\n".encode(errors="replace"))

sys.addaudithook(_watch)
os.write(_file, f"watching {sys.argv!r} {sys.orig_argv!r}\\n".encode(errors="replace"))
"""
# Sockets that never leave the computer: those of Unix, such as the desktop's own.
LOCAL = re.compile(r"socket\((AF_UNIX|AF_LOCAL)\b|AddressFamily\.AF_UNIX|AF_UNIX")
OPENED = re.compile(r"\bsocket\(")


@pytest.fixture
def watched(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """Where it is noted, and the environment in which Python notes it."""
    (tmp_path / "watcher").mkdir()
    (tmp_path / "watcher" / "sitecustomize.py").write_text(WATCHER)
    notes = tmp_path / "notes"
    path = os.pathsep.join([str(tmp_path / "watcher"), str(ROOT)])
    return notes, {**os.environ, "PYTHONPATH": path, "WATCHED": str(notes)}


@pytest.fixture
def photos(folder: Path, pictures: dict[str, np.ndarray]) -> Path:
    """More of them, enough to train with."""
    for number in range(1, 6):
        for name, pixels in pictures.items():
            cut = pixels[7 * number : -5 * number, 11 * number : -3 * number]
            Image.fromarray(np.ascontiguousarray(cut)).save(folder / f"{name} {number}.jpg")
    return folder


def network_of_its_own() -> list[str]:
    """The command before another that gives it a network with nothing in it; empty where that can't be done."""
    line = ["unshare", "--user", "--map-root-user", "--net"]
    return line if works([*line, "true"]) else []


def traced(notes: Path) -> list[str]:
    """The command before another that notes all that it does on the network; empty where that can't be done."""
    line = [
        "strace",
        "-f",
        "-qq",
        "--seccomp-bpf",
        "-e",
        "trace=%network",
        "-e",
        "signal=none",
        "-o",
        str(notes),
    ]
    return line if works([*line, "true"]) else []


def works(line: list[str]) -> bool:
    if sys.platform != "linux" or not shutil.which(line[0]):
        return False
    return subprocess.run(line, capture_output=True, timeout=60).returncode == 0


def walk(photos: Path, subject: Path, environment: dict[str, str], first: list[str]) -> None:
    line = [*first, sys.executable, "-m", "tests.offline_walk", str(photos), str(subject)]
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500)
    assert (done.returncode, done.stdout.split("\n")[-2:]) == (0, ["all done", ""]), done.stdout + done.stderr


def test_no_socket_is_opened_from_start_to_end(
    photos: Path, subject_file: Path, watched: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    notes, environment = watched
    outside = tmp_path / "outside"
    tracer = traced(outside)
    walk(photos, subject_file, environment, [*network_of_its_own(), *tracer])
    lines = notes.read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith("watching") for line in lines) >= 3, (
        "the program, what looks before training, the trainer"
    )
    assert any("-m', 'training'" in line for line in lines)
    seen = [line for line in lines if not line.startswith("watching") and not LOCAL.search(line)]
    assert seen == []
    if tracer:
        opened = [line for line in outside.read_text(errors="replace").splitlines() if OPENED.search(line)]
        assert [line for line in opened if not LOCAL.search(line)] == []


LOUD = """
import socket
try:
    socket.create_connection(("127.0.0.1", 9), timeout=5)
except OSError:
    pass
"""


def test_the_watchers_do_hear(watched: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    notes, environment = watched
    outside = tmp_path / "outside"
    tracer = traced(outside)
    subprocess.run([*tracer, sys.executable, "-c", LOUD], env=environment, check=True, timeout=60)
    assert any(line.startswith("socket.connect") for line in notes.read_text().splitlines())
    if tracer:
        opened = [line for line in outside.read_text().splitlines() if OPENED.search(line)]
        assert any("AF_INET" in line and not LOCAL.search(line) for line in opened)


@pytest.fixture
def no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise AssertionError("a connection was opened")

    for name in ("create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, fail)
    monkeypatch.setattr(socket.socket, "connect", fail)


def test_looking_at_what_another_network_would_do_downloads_nothing(
    no_way_out: None, photos: Path, tmp_path: Path
) -> None:
    labelled = [
        Labelled(file, is_cat, "cat" if is_cat else "not_cat")
        for batch in scan(photos)
        for file in batch
        for is_cat in ["chelsea" in Path(file.path).name]
    ]
    settings = Settings(backbone="resnet10t")
    events = list(finetune.look(labelled, "cat", settings, folder=tmp_path / "run"))
    (found,) = [event for event in events if isinstance(event, Found)]
    assert {group.is_subject: group.photos for group in found.groups} == {True: 7, False: 21}
    assert "resnet10t" in found.words[-1] and "It is downloaded when you start." in found.words[-1]
    assert not [event for event in events if isinstance(event, Estimated)]


def test_nothing_that_opens_sockets_is_loaded_before_the_window() -> None:
    code = """
import sys, lennonnet_gui.app
print([name for name in ("socket", "ssl", "http.client", "urllib.request", "PySide6.QtNetwork") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
