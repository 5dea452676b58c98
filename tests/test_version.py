"""One version in one place, wherever it is shown."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from tests.program import Start
from training import __version__

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("module", ["lennonnet_gui", "training"])
def test_both_commands_say_it(module: str) -> None:
    line = [sys.executable, "-m", module, "--version"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"Lennonnet {__version__}\n")


def test_the_window_has_it(start: Start) -> None:
    start()
    assert QApplication.applicationVersion() == __version__


def test_packages_are_built_with_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in project["project"] and project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "training.__version__"}


def test_no_other_file_has_a_number_of_its_own() -> None:
    files = [
        *ROOT.glob("*.py"),
        *ROOT.glob("*.spec"),
        *ROOT.glob("lennonnet_gui/*.py"),
        *ROOT.glob("training/*.py"),
    ]
    files += [file for file in (ROOT / "resources" / "linux").glob("*") if file.is_file()]
    number = re.compile(rf"(?<![\d.]){re.escape(__version__)}(?![\d.])")
    found = [file.name for file in files if number.search(file.read_text(encoding="utf-8"))]
    assert found == ["__init__.py"]


def test_the_changelog_begins_with_it() -> None:
    headings = re.findall(
        r"^## (\S+?),? .*$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert headings[0] == __version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
