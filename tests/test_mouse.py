"""Real mouse, real window, virtual screen: runs mouse_walks.py, which pytest does not collect by itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WALKS = Path(__file__).with_name("mouse_walks.py")


@pytest.mark.skipif(
    not (shutil.which("xvfb-run") and shutil.which("xdotool")),
    reason="xvfb-run and xdotool are not installed",
)
def test_walks_with_a_real_mouse() -> None:
    done = subprocess.run(
        ["xvfb-run", "-a", "-s", "-screen 0 1400x900x24", sys.executable, "-m", "pytest", "-q", str(WALKS)],
        env={**os.environ, "QT_QPA_PLATFORM": "xcb", "PYTEST_ADDOPTS": "-p no:cacheprovider"},
        cwd=WALKS.parent.parent,
        capture_output=True,
        text=True,
        timeout=540,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
