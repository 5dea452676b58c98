"""The rules of the house that no linter knows: who may import whom, what the map says, what may lie where."""

from __future__ import annotations

import ast
import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TRAINING = sorted((ROOT / "training").rglob("*.py"))
GUI = sorted((ROOT / "lennonnet_gui").rglob("*.py"))
QT = {"PySide6", "shiboken6", "lennonnet_gui"}
TORCH = {"torch", "torchvision", "timm"}
PICTURES = {
    ".jpg",
    ".jpeg",
    ".png",
    ".gif",
    ".webp",
    ".heic",
    ".heif",
    ".avif",
    ".tif",
    ".tiff",
    ".bmp",
    ".dng",
}


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> set[str]:
    """The top names of all that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", TRAINING, ids=named)
def test_training_names_no_qt(path: Path) -> None:
    assert not imported(path) & QT


@pytest.mark.parametrize("path", GUI, ids=named)
def test_gui_names_no_torch(path: Path) -> None:
    assert not imported(path) & TORCH


def test_training_runs_where_there_is_no_qt() -> None:
    code = """
import importlib, sys
class NoQt:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"PySide6", "shiboken6", "lennonnet_gui"}:
            raise ImportError(f"{name} is not for training")
sys.meta_path.insert(0, NoQt())
for name in sys.argv[1:]:
    importlib.import_module(name)
"""
    python(code, *map(module, TRAINING))


def test_gui_is_imported_without_torch() -> None:
    """The window has to stand before torch's two seconds; who needs torch imports it late, in training."""
    code = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    loaded = {"torch", "torchvision", "timm"} & set(sys.modules)
    if loaded:
        sys.exit(f"{name} loads {', '.join(sorted(loaded))}")
"""
    python(code, *map(module, GUI))


def mapped(readme: str) -> tuple[set[str], set[str]]:
    """The top-level paths, and the modules as folder/name, that the README's map names.

    The map is the code block in which a line begins with `training/`. A name at the left margin is a path in
    the repository; indented names, one or more to a line before the words, lie in the folder above them.
    """
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    block = next((block for block in blocks if re.search(r"^training/", block, re.MULTILINE)), None)
    assert block is not None, "the README has no map: a code block with a line that begins with training/"
    top: set[str] = set()
    inner: set[str] = set()
    folder = ""
    for line in block.splitlines():
        for name in names_of(line):
            if line[0] != " ":
                folder = name
                top.add(name.rstrip("/"))
            else:
                inner.add(folder + name)
    return top, inner


def names_of(line: str) -> Iterator[str]:
    for word in re.split(r"\s+", line.strip()):
        if not re.fullmatch(r"[\w.-]*\w(/|\.\w+)|\.ci/run", word):
            return
        yield word


def test_the_map_is_read_as_it_is_written() -> None:
    readme = """
```
python3 dev.py run
```
```
dev.py                    the one command
training/                 no Qt anywhere below
  photos.py               find photos; opens one. See photos.md
lennonnet_gui/
  viewer.py  bins.py      two at once
  grid.py
```
"""
    top, inner = mapped(readme)
    assert top == {"dev.py", "training", "lennonnet_gui"}
    assert inner == {
        "training/photos.py",
        "lennonnet_gui/viewer.py",
        "lennonnet_gui/bins.py",
        "lennonnet_gui/grid.py",
    }


def in_repository() -> list[Path]:
    """Every file that is, or is about to be, committed."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = [ROOT / name.decode("utf-8", "surrogateescape") for name in listed.stdout.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


def test_the_readmes_map_is_true() -> None:
    top, inner = mapped((ROOT / "README.md").read_text(encoding="utf-8"))
    assert [name for name in sorted(top | inner) if not (ROOT / name).exists()] == [], "named, but not there"
    modules = {named(path) for path in (*TRAINING, *GUI) if path.name != "__init__.py"}
    assert sorted(modules - inner) == [], "there, but not named"
    relative = [path.relative_to(ROOT) for path in in_repository()]
    folders = {
        path.parts[0] for path in relative if len(path.parts) > 1 and not path.parts[0].startswith(".")
    }
    commands = {path.name for path in relative if len(path.parts) == 1 and path.suffix in {".py", ".spec"}}
    assert sorted((folders | commands) - top) == [], "there, but not named"


def test_no_big_file() -> None:
    big = [
        named(path)
        for path in in_repository()
        if path.stat().st_size > 1_000_000 and path.parent != ROOT / "resources" / "subjects"
    ]
    assert big == []


def test_pictures_are_screenshots_and_icons_and_nobodys_photos() -> None:
    pictures = [path for path in in_repository() if path.suffix.lower() in PICTURES]
    elsewhere = [
        path
        for path in pictures
        if not named(path).startswith(("docs/", "resources/icons/", "resources/samples/"))
    ]
    assert [named(path) for path in elsewhere] == []
    shared = ROOT.parent / "shared" / "data"
    sizes = {path.stat().st_size for path in pictures}
    theirs = {digest(path) for path in shared.rglob("*") if path.is_file() and path.stat().st_size in sizes}
    assert [named(path) for path in pictures if digest(path) in theirs] == []


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
