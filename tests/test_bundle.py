"""The bundle's making and packing, what goes along with it on Linux, and installing it for oneself."""

from __future__ import annotations

import configparser
import ctypes
import os
import re
import shutil
import struct
import subprocess
import sys
import tarfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PySide6 import QtCore
from PySide6.QtCore import QCoreApplication

import bare_system
import bundle
from tests.program import Start
from training import __version__

ROOT = Path(__file__).parent.parent
LINUX = ROOT / "resources" / "linux"
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="for Linux")


def entry_of(words: str) -> configparser.SectionProxy:
    """The one group of a desktop entry."""
    reader = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=True)
    reader.optionxform = str  # type: ignore[assignment,method-assign]
    reader.read_string(words)
    return reader["Desktop Entry"]


def command_of(exec_value: str, path: str) -> list[str]:
    """What a desktop runs for an Exec value and one path: the steps of the Desktop Entry Specification, in order."""
    value = exec_value.replace("\\\\", "\\")
    words = []
    for quoted, plain in re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', value):
        word = re.sub(r"\\(.)", r"\1", quoted) if quoted else plain
        assert word in ("%f", "%U") or "%" not in word.replace("%%", "")
        words.append(path if word in ("%f", "%U") else word.replace("%%", "%"))
    return words


# Making


def test_the_version_is_read_where_it_stands() -> None:
    assert bundle.version() == __version__
    assert __version__ in bundle.archive_name()


def library(path: Path, address: int, offset: int) -> Path:
    """A file that looks like a library with one part to map."""
    head = b"\x7fELF\x02\x01" + bytes(26) + struct.pack("<Q", 64) + bytes(14) + struct.pack("<HH", 56, 1)
    part = struct.pack("<IIQQQQQQ", 1, 5, offset, address, address, 100, 100, 0x1000)
    path.write_bytes(head.ljust(64, b"\0") + part)
    return path


def test_a_library_that_strip_broke_is_seen(tmp_path: Path) -> None:
    assert bundle.maps(library(tmp_path / "sound.so", 0x5040, 0x2040))
    assert not bundle.maps(library(tmp_path / "broken.so", 0x5040, 0x2048))
    (tmp_path / "words.so").write_bytes(b"words" * 20)
    with pytest.raises(ValueError, match="no library"):
        bundle.maps(tmp_path / "words.so")


@on_linux
@pytest.mark.skipif(shutil.which("strip") is None, reason="needs binutils")
def test_stripped_libraries_are_sound_and_others_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = library(tmp_path / "broken.so", 0x5040, 0x2048)
    before = broken.read_bytes()
    assert bundle.strip_one(broken) == 0
    assert broken.read_bytes() == before
    fat = tmp_path / "fat.so"
    loaded = Path("/proc/self/maps").read_text().split("\n")
    own = next(Path(line.split()[-1]) for line in loaded if re.search(r"/(libpython|python)3[^/]*$", line))
    shutil.copy(own, fat)
    with monkeypatch.context() as patch:
        patch.setattr(bundle, "maps", lambda path: False)
        assert bundle.strip_one(fat) == 0
    assert fat.read_bytes() == own.read_bytes()
    saved = bundle.strip_one(fat)
    assert fat.stat().st_size == own.stat().st_size - saved
    assert bundle.maps(fat)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.so", "fat.so"]


@on_linux
@pytest.mark.skipif(shutil.which("ld") is None, reason="needs binutils")
def test_a_stand_in_has_what_is_asked_for_and_does_nothing(tmp_path: Path) -> None:
    made = bundle.stand_in(tmp_path / "libnone.so.7", [Path(QtCore.__file__)], "Py", tmp_path)
    assert made == tmp_path / "libnone.so.7"
    assert bundle.maps(made)
    library = ctypes.CDLL(str(made))
    assert library.PyObject_Repr(5) == 0
    assert bundle.machine_name() != "x86_64" or b"\x31\xc0\xc3" in made.read_bytes()  # that was no accident
    with pytest.raises(AttributeError):
        library.PyNobodyAsksForThis  # noqa: B018


def test_the_oldest_glibc_is_found(tmp_path: Path) -> None:
    (tmp_path / "one.so").write_bytes(b"..\0GLIBC_2.9\0GLIBC_2.34\0..")
    (tmp_path / "two.so.1").write_bytes(b"..\0GLIBC_2.17\0..")
    (tmp_path / "words.txt").write_bytes(b"..\0GLIBC_2.99\0..")
    assert bundle.glibc_wanted(tmp_path) == "2.34"


@on_linux
@pytest.mark.parametrize("has_xz", [True, False])
def test_what_is_the_same_is_packed_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_xz: bool
) -> None:
    if has_xz and shutil.which("xz") is None:
        pytest.skip("needs xz")
    if not has_xz:
        monkeypatch.setattr(shutil, "which", lambda name: None)
    packed = []
    for turn, names in enumerate((["b", "a"], ["a", "b"])):
        folder = tmp_path / f"turn {turn}" / "lennonnet"
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).write_text(name)
            os.utime(folder / name, (turn, turn))
        (folder / "lennonnet").write_text("run")
        (folder / "lennonnet").chmod(0o755)
        (folder / "link").symlink_to("a")
        packed.append(tmp_path / f"{turn}.tar.xz")
        bundle.pack_tar(folder, packed[-1], "lennonnet-1")
    assert packed[0].read_bytes() == packed[1].read_bytes()
    with tarfile.open(packed[0]) as archive:
        entries = {entry.name: entry for entry in archive}
    assert list(entries) == [
        "lennonnet-1",
        *(f"lennonnet-1/{name}" for name in ("a", "b", "lennonnet", "link")),
    ]
    assert entries["lennonnet-1/lennonnet"].mode & 0o111
    assert entries["lennonnet-1/link"].linkname == "a"
    assert all((entry.uid, entry.gid, entry.uname) == (0, 0, "") for entry in entries.values())


# What a desktop is told


def test_the_menu_entry_is_the_windows_own() -> None:
    words = (LINUX / "lennonnet.desktop").read_text(encoding="utf-8")
    entry = entry_of(words)
    source = (ROOT / "lennonnet_gui" / "app.py").read_text(encoding="utf-8")
    assert 'setDesktopFileName("lennonnet")' in source  # or a desktop takes the window for another program's
    assert entry["StartupWMClass"] == "lennonnet"
    assert "inode/directory;" in entry["MimeType"]
    assert command_of(entry["Exec"], "/my photos") == ["lennonnet", "/my photos"]


@pytest.mark.parametrize("given", ["folder", "folder as URL", "photo", "photo as URL"])
def test_open_with_lennonnet_opens_the_folder(start: Start, folder: Path, given: str) -> None:
    folder = folder.rename(folder.with_name("Jörgs Fotos, 100% von John"))
    path = folder / "chelsea.jpg" if "photo" in given else folder
    entry = entry_of((LINUX / "lennonnet.desktop").read_text(encoding="utf-8"))
    _program, argument = command_of(entry["Exec"], path.as_uri() if "URL" in given else str(path))
    window = start(argument)
    QCoreApplication.processEvents()
    assert window.session.status.folder == str(folder)


def test_programs_that_list_programs_are_told_the_same() -> None:
    words = (LINUX / "io.github.lennonnet.metainfo.xml").read_text(encoding="utf-8")
    about = ElementTree.fromstring(words)
    spec = (ROOT / "lennonnet.spec").read_text(encoding="utf-8")
    assert f'bundle_identifier="{about.findtext("id")}"' in spec
    assert about.findtext("launchable") == "lennonnet.desktop"
    release = about.find("releases/release")
    assert release is not None
    assert release.get("version") == "@VERSION@"  # put in when the bundle is built
    entry = entry_of((LINUX / "lennonnet.desktop").read_text(encoding="utf-8"))
    assert about.findtext("summary") == entry["Comment"]


def test_the_readme_names_all_that_the_bare_system_has() -> None:
    words = (ROOT / "README.md").read_text(encoding="utf-8")
    assert " ".join(bare_system.PACKAGES) in re.sub(r"\s+", " ", words)


def test_all_that_goes_along_is_filled_in_and_can_be_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "FOLDER", tmp_path)
    (tmp_path / "lennonnet").touch()
    bundle.add_linux_files()
    has = {path.name: path for path in tmp_path.iterdir()}
    assert set(has) == {"lennonnet", "lennonnet.svg", *(path.name for path in LINUX.iterdir())}
    for path in has.values():
        assert not re.search(r"@[A-Z]+@", path.read_text(encoding="utf-8")), path
    assert f"Lennonnet {__version__}" in has["README.txt"].read_text(encoding="utf-8")
    if sys.platform != "win32":
        assert {name for name, path in has.items() if path.stat().st_mode & 0o100} == {
            "install.sh",
            "lennonnet",
        }


# Installing


SHOWS = '#!/bin/sh\nprintf "%s\\n" "$@" >"$HOME/asked"\n'


class Person:
    """Somebody with a home of their own, who has unpacked the program."""

    def __init__(self, home: Path, unpacked: Path) -> None:
        self.home, self.unpacked = home, unpacked
        self.program = home / ".local" / "share" / "lennonnet-program"
        self.entry = home / ".local" / "share" / "applications" / "lennonnet.desktop"
        self.link = home / ".local" / "bin" / "lennonnet"
        self.path = os.environ["PATH"]

    def run(self, line: list[str]) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": str(self.home), "PATH": self.path}
        return subprocess.run(line, env=environment, cwd="/", capture_output=True, text=True, timeout=60)

    def install(self, *arguments: str, script: Path | None = None) -> str:
        done = self.run(["sh", str(script or self.unpacked / "install.sh"), *arguments])
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments: str) -> str:
        done = self.run(["sh", str(self.unpacked / "install.sh"), *arguments])
        assert done.returncode == 1
        return done.stderr

    def has(self) -> dict[str, str]:
        """All files in the home folder, and what is in them."""
        return {
            path.relative_to(self.home).as_posix(): str(path.readlink())
            if path.is_symlink()
            else path.read_text(encoding="utf-8")
            for path in self.home.rglob("*")
            if (path.is_symlink() or path.is_file()) and path.name != "mimeinfo.cache"  # the system's own
        }


@pytest.fixture
def person(tmp_path: Path) -> Person:
    if sys.platform != "linux":
        pytest.skip("for Linux")
    unpacked = tmp_path / "my downloads" / "lennonnet-1"
    (unpacked / "_internal").mkdir(parents=True)
    (unpacked / "_internal" / "library.so").write_text("library")
    for path in LINUX.iterdir():
        shutil.copy(path, unpacked)
    shutil.copy(ROOT / "resources" / "icons" / "lennonnet.svg", unpacked)
    (unpacked / "lennonnet").write_text(SHOWS)
    (unpacked / "lennonnet").chmod(0o755)
    home = tmp_path / 'Jörg "$1`\\ 100% Müller'
    (home / ".local" / "share" / "lennonnet").mkdir(parents=True)
    (home / ".local" / "share" / "lennonnet" / "labels.sqlite").write_text("labels")
    return Person(home, unpacked)


def test_install_and_remove_leave_nothing_but_what_was_labelled(person: Person) -> None:
    before = person.has()
    person.install()
    has = person.has()
    share = ".local/share"
    assert {name for name in has if not name.startswith(f"{share}/lennonnet-program/")} == {
        *before,
        ".local/bin/lennonnet",
        f"{share}/applications/lennonnet.desktop",
        f"{share}/icons/hicolor/scalable/apps/lennonnet.svg",
        f"{share}/metainfo/io.github.lennonnet.metainfo.xml",
    }
    assert has[f"{share}/lennonnet-program/_internal/library.so"] == "library"
    shutil.rmtree(person.unpacked)
    person.install("--remove", script=person.program / "install.sh")
    assert person.has() == before
    shutil.rmtree(person.home / ".local" / "share" / "icons")
    assert "taken away" in person.run(["sh", str(LINUX / "install.sh"), "--remove"]).stdout


def test_the_menu_starts_what_was_installed(person: Person) -> None:
    person.install()
    entry = entry_of(person.entry.read_text(encoding="utf-8"))
    line = command_of(entry["Exec"], "/some photos/of John")
    assert line == [str(person.program / "lennonnet"), "/some photos/of John"]
    person.run(line)
    assert (person.home / "asked").read_text() == "/some photos/of John\n"
    person.run([str(person.link), "by name"])
    assert (person.home / "asked").read_text() == "by name\n"


def test_installing_again_renews_and_does_not_pile_up(person: Person) -> None:
    person.install()
    first = person.has()
    person.install()
    assert person.has() == first
    person.install(script=person.program / "install.sh")  # what is installed mends its menu entry
    assert person.has() == first
    (person.unpacked / "_internal" / "library.so").rename(person.unpacked / "_internal" / "newer.so")
    person.install()
    assert (person.program / "_internal" / "newer.so").exists()
    assert not (person.program / "_internal" / "library.so").exists()


@pytest.mark.parametrize("arguments", [[], ["--remove"]])
@pytest.mark.parametrize("what", ["program", "entry", "link", "other link"])
def test_what_somebody_else_made_is_left_alone(person: Person, what: str, arguments: list[str]) -> None:
    if what == "program":
        person.program.mkdir()
        (person.program / "mine").write_text("mine")
    elif what == "entry":
        person.entry.parent.mkdir()
        person.entry.write_text("[Desktop Entry]\nExec=/opt/lennonnet\n")
    else:
        person.link.parent.mkdir()
        if what == "link":
            person.link.write_text("#!/usr/bin/python3\n")
        else:
            person.link.symlink_to("/opt/lennonnet")
    before = person.has()
    assert "left alone" in person.refused(*arguments)
    assert person.has() == before


def test_a_picture_that_somebody_else_put_there_stays(person: Person) -> None:
    theirs = person.home / ".local/share/icons/hicolor/scalable/apps/lennonnet.svg"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs")
    assert str(theirs) in person.refused()
    assert theirs.read_text() == "theirs" and not person.program.exists()


def test_an_installation_that_fails_spoils_nothing(person: Person) -> None:
    person.install()
    first = person.has()
    commands = person.home.parent / "commands"
    commands.mkdir()
    (commands / "cp").write_text("#!/bin/sh\nexit 1\n")
    (commands / "cp").chmod(0o755)
    person.path = f"{commands}:{person.path}"
    assert "Nothing was changed" in person.refused()
    assert person.has() == first


@pytest.mark.parametrize("takes_the_newest", [True, False])
def test_folders_are_opened_with_what_they_were_before(person: Person, takes_the_newest: bool) -> None:
    """A desktop that takes the newest of several programs would else open each folder with Lennonnet."""
    commands = person.home.parent / "commands"
    commands.mkdir()
    newest = f'[ -e "$HOME/{person.entry.relative_to(person.home)}" ]' if takes_the_newest else "false"
    (commands / "xdg-mime").write_text(f"""#!/bin/sh
if [ "$1" = default ]; then
    echo "$2" >"$HOME/chosen"
elif [ -e "$HOME/chosen" ]; then
    cat "$HOME/chosen"
elif {newest}; then
    echo lennonnet.desktop
else
    echo files.desktop
fi
""")
    (commands / "xdg-mime").chmod(0o755)
    person.path = f"{commands}:{person.path}"
    person.install()
    assert (person.home / "chosen").exists() == takes_the_newest
    assert person.run(["xdg-mime", "query", "default", "inode/directory"]).stdout == "files.desktop\n"


def test_nonsense_is_refused(person: Person) -> None:
    before = person.has()
    assert "Usage" in person.refused("--uninstall")
    assert "Usage" in person.refused("--remove", "--remove")
    assert person.has() == before
