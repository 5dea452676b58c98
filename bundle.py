"""Makes dist/lennonnet, which runs without Python, and an archive of it to give away, and tries what it made.

What is in it is said in lennonnet.spec; what it does on a system that has next to nothing, bare_system.py finds out.
Needs nothing but Python and an environment with PyInstaller; dev.py calls it.
"""

from __future__ import annotations

import json
import lzma
import os
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bare_system

HERE = Path(__file__).resolve().parent
DIST = HERE / "dist"
FOLDER = DIST / "lennonnet"
WINDOWS, MACOS, LINUX = sys.platform == "win32", sys.platform == "darwin", sys.platform == "linux"
PROGRAM = FOLDER / ("lennonnet.exe" if WINDOWS else "lennonnet")

MOST_UNPACKED_MB, MOST_ARCHIVE_MB = 650, 200
BIGGEST = 12  # so many files are named
DATE = 1_600_000_000  # of every file in the archive, so that what is the same is packed the same


class Failed(Exception):
    """There is no bundle, or none to give away; the message says why."""


def say(words: str) -> None:
    """Tell the user how it goes."""
    print(words, file=sys.stderr, flush=True)


def version() -> str:
    """Lennonnet's version, from the one place where it stands, without running anything."""
    words = (HERE / "training" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(.+)"$', words, re.MULTILINE)
    assert found is not None
    return found[1]


def released() -> str:
    """When this version was released, as CHANGELOG.md has it; today, where it was not."""
    words = (HERE / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(version())}, (\d{{4}}-\d\d-\d\d)$", words, re.MULTILINE)
    return found[1] if found else time.strftime("%Y-%m-%d")


def make(python: Path) -> Path:
    """Build the folder, try it, pack it; returns the archive. Raises Failed."""
    started = time.monotonic()
    build(python)
    if LINUX:
        add_linux_files()
        strip()
        say(f"It runs where glibc is {glibc_wanted(FOLDER)} or newer.")
    unpacked = size(FOLDER) / 1e6
    say(f"dist/lennonnet takes {unpacked:.0f} MB, built in {time.monotonic() - started:.0f} s. The biggest:")
    for path in sorted(files(FOLDER), key=lambda path: -path.lstat().st_size)[:BIGGEST]:
        say(f"  {path.stat().st_size / 1e6:6.1f} MB  {path.relative_to(FOLDER)}")
    say("Trying it ...")
    say(smoke_test(python))
    say(self_test())
    say("It works. Packing it ...")
    started = time.monotonic()
    packed = pack()
    archive = packed.stat().st_size / 1e6
    say(f"{packed.relative_to(HERE)} takes {archive:.0f} MB, packed in {time.monotonic() - started:.0f} s.")
    if LINUX and (unpacked > MOST_UNPACKED_MB or archive > MOST_ARCHIVE_MB):
        raise Failed(f"That is too big: {MOST_UNPACKED_MB} and {MOST_ARCHIVE_MB} MB are what it may take.")
    return packed


# The folder


def build(python: Path) -> None:
    """Let PyInstaller gather what lennonnet.spec says."""
    say("Building dist/lennonnet; this takes some minutes ...")
    environment = {**os.environ, "PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": str(DATE)}
    environment.update(PYINSTALLER_ZLIB_COMPRESSION_LEVEL="9", PYTHONWARNINGS="ignore")
    places = [*(cpu_torch(python) if LINUX else []), HERE]
    environment["PYTHONPATH"] = os.pathsep.join(map(str, places))
    line = [str(python), "-P", "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR", "lennonnet.spec"]
    if subprocess.call(line, cwd=HERE, env=environment):
        raise Failed("PyInstaller could not build the bundle; it says above why.")


CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
ASKS_FOR_CUDA = """
import importlib.metadata as m, pathlib, torch
print((pathlib.Path(torch.__file__).parent / "lib" / "libtorch_cuda.so").exists())
print(*(f"{name}=={m.version(name).partition('+')[0]}" for name in ("torch", "torchvision")))
"""


def cpu_torch(python: Path) -> list[Path]:
    """Where torch's build for the processor alone lies, if the environment has the one for graphics cards.

    From PyPI, Linux gets that: some GB more, which a person who looks at photos has no use for.
    """
    cuda, names = subprocess.check_output([str(python), "-P", "-c", ASKS_FOR_CUDA], text=True).split("\n")[:2]
    if cuda == "False":
        return []
    place = HERE / "build" / "cpu-torch"
    stamp = place / "stamp"
    if not stamp.exists() or stamp.read_text() != names:
        say("Getting torch's build without graphics cards, for the bundle alone ...")
        shutil.rmtree(place, ignore_errors=True)
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
        line = [*pip, "--target", str(place), "--index-url", CPU_WHEELS, *names.split()]
        if subprocess.call(line):
            raise Failed(f"torch’s build for the processor could not be had from {CPU_WHEELS}.")
        stamp.write_text(names)
    return [place]


LINUX_FILES = HERE / "resources" / "linux"
PROGRAMS = ("lennonnet", "install.sh")


def add_linux_files() -> None:
    """Put what a desktop wants to know beside the program, and what tells it."""
    for path in sorted(LINUX_FILES.iterdir()):
        words = path.read_text(encoding="utf-8")
        for name, value in {
            "@VERSION@": version(),
            "@DATE@": released(),
            "@PACKAGES@": " ".join(bare_system.PACKAGES),
        }.items():
            words = words.replace(name, value)
        (FOLDER / path.name).write_text(words, encoding="utf-8")
    shutil.copyfile(HERE / "resources" / "icons" / "lennonnet.svg", FOLDER / "lennonnet.svg")
    for path in files(FOLDER):
        runs = path.parent == FOLDER and path.name in PROGRAMS
        path.chmod(0o755 if runs or path.name == "torch_shm_manager" else 0o644)


def strip() -> None:
    """Take out of all libraries what only a debugger reads, where that leaves them sound."""
    libraries = [path for path in files(FOLDER) if ".so" in path.suffixes]
    with ThreadPoolExecutor() as pool:
        saved = sum(pool.map(strip_one, libraries))
    say(f"Stripped {len(libraries)} libraries; that saves {saved / 1e6:.0f} MB.")


def strip_one(library: Path) -> int:
    """Strip a library; returns the bytes saved. What auditwheel moved around in a library, strip may break."""
    stripped = library.with_name(library.name + ".stripped")
    done = subprocess.run(
        ["strip", "--strip-unneeded", "-o", str(stripped), str(library)], stderr=subprocess.DEVNULL
    )
    try:
        saved = library.stat().st_size - stripped.stat().st_size if done.returncode == 0 else 0
        if saved <= 0 or not maps(stripped):
            return 0
        stripped.replace(library)
        return saved
    finally:
        stripped.unlink(missing_ok=True)


def maps(library: Path) -> bool:
    """Whether the system's loader can map a library: each part lies in the file as it is to lie in memory.

    The rule, and the error message "ELF load command address/offset not page-aligned", are glibc's (elf/dl-load.c).
    Raises ValueError for what is no 64-bit little-endian ELF file.
    """
    with library.open("rb") as file:
        head = file.read(64)
        if head[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{library} is no library")
        table, entry, number = (
            struct.unpack_from("<Q", head, 32)[0],
            *struct.unpack_from("<HH", head, 54),
        )
        file.seek(table)
        parts = file.read(entry * number)
    for at in range(0, entry * number, entry):
        kind, _flags, offset, address, _physical, _size, _memory, align = struct.unpack_from(
            "<IIQQQQQQ", parts, at
        )
        if kind == 1 and align > 1 and (address - offset) % align:
            return False
    return True


ANSWERS_NOTHING = {"x86_64": "xorl %eax, %eax; ret", "aarch64": "mov x0, #0; ret"}


def stand_in(library: Path, users: Sequence[Path], beginning: str, place: Path) -> Path | None:
    """A library that goes in place of another, with the functions `users` ask it for, each answering with nothing.

    For what is linked, and never called. None where it can't be made: without binutils, or on another processor.
    """
    answer = ANSWERS_NOTHING.get(machine_name())
    if not LINUX or answer is None or not all(shutil.which(tool) for tool in ("nm", "as", "ld")):
        return None
    listed = subprocess.check_output(["nm", "-D", "--undefined-only", *map(str, users)], text=True)
    names = sorted(set(re.findall(rf"\bU ({re.escape(beginning)}\w*)", listed)))
    source, compiled, made = place / "stand_in.s", place / "stand_in.o", place / library.name
    lines = [f".globl {name}\n.type {name}, %function\n{name}: {answer}\n" for name in names]
    source.write_text("".join(lines) + '.section .note.GNU-stack,"",%progbits\n', encoding="utf-8")
    subprocess.check_call(["as", "-o", str(compiled), str(source)])
    subprocess.check_call(["ld", "-shared", "-soname", library.name, "-o", str(made), str(compiled)])
    return made


def glibc_wanted(folder: Path) -> str:
    """The oldest glibc with all that the libraries of a folder ask for, such as "2.35"."""
    newest = 0
    for path in files(folder):
        if ".so" in path.suffixes:
            found = re.findall(rb"\0GLIBC_2\.([0-9]+)(?=\0)", path.read_bytes())
            newest = max([newest, *map(int, found)])
    return f"2.{newest}"


def files(folder: Path) -> Iterator[Path]:
    """All files below a folder, without links."""
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def size(folder: Path) -> int:
    """The bytes of all files below a folder."""
    return sum(path.stat().st_size for path in files(folder))


# The archive


def archive_name() -> str:
    """What the archive is called, less what tells its kind."""
    system = "windows" if WINDOWS else "macos" if MACOS else "linux"
    machine = {"AMD64": "x86_64", "ARM64": "arm64"}.get(machine_name(), machine_name())
    return f"lennonnet-{version()}-{system}-{machine}"


def machine_name() -> str:
    """The processor, as its system calls it."""
    import platform

    return platform.machine()


def pack() -> Path:
    """Pack the bundle as people of its system unpack things with a double click."""
    for old in DIST.glob("lennonnet-*"):
        if old.is_file():
            old.unlink()
    if MACOS:  # its own tool, which knows of links and of what belongs to an .app
        packed = DIST / f"{archive_name()}.zip"
        line = ["ditto", "-c", "-k", "--keepParent", str(DIST / "Lennonnet.app"), str(packed)]
        if subprocess.call(line):
            raise Failed("ditto could not pack the bundle; it says above why.")
        return packed
    if WINDOWS:
        packed = DIST / f"{archive_name()}.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for path in sorted(files(FOLDER)):
                archive.write(path, path.relative_to(DIST))
        return packed
    packed = DIST / f"{archive_name()}.tar.xz"
    pack_tar(FOLDER, packed, f"lennonnet-{version()}")
    return packed


def pack_tar(folder: Path, packed: Path, name: str) -> None:
    """Pack a folder under a name: sorted, of one date, of nobody in particular; with all processors if `xz` is here."""
    tool, on_x86 = shutil.which("xz"), machine_name() == "x86_64"
    if tool is None:
        # Knowing that addresses in programs are relative saves a fifth of these.
        filters = [{"id": lzma.FILTER_X86}] * on_x86 + [{"id": lzma.FILTER_LZMA2, "preset": 6}]
        with (
            lzma.open(packed, "wb", filters=filters) as alone,
            tarfile.open(fileobj=alone, mode="w|") as archive,
        ):
            archive.add(folder, name, filter=plain)
        return
    with (
        packed.open("wb") as raw,
        subprocess.Popen(
            [tool, "-T0", "-c", *["--x86"] * on_x86, "--lzma2=preset=6"], stdin=subprocess.PIPE, stdout=raw
        ) as child,
    ):
        assert child.stdin is not None
        with tarfile.open(fileobj=child.stdin, mode="w|") as archive:
            archive.add(folder, name, filter=plain)  # sorted by itself
        child.stdin.close()
    if child.returncode:
        packed.unlink()
        raise Failed("xz could not pack the bundle; it says above why.")


def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """An entry of the archive with nothing in it of who packed it, and when."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = DATE
    return entry


# Trying it


def bare(scratch: str) -> dict[str, str]:
    """An environment as if neither Python nor this folder were there; what is kept goes to `scratch`."""
    ours = ("PYTHON", "LD_", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment.update(PATH="", LENNONNET_HOME=str(Path(scratch, "home")))
    if LINUX and not any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        environment["QT_QPA_PLATFORM"] = "offscreen"
    return environment


DRAW = """
import sys, pathlib, PIL.Image as I
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for number in range(int(sys.argv[2])):
    dots = 5 + 5 * number  # noise, because no two of these are alike
    drawn = I.effect_noise((dots, dots), 90).resize((1200 + 90 * number, 1500)).convert("RGB")
    drawn.save(folder / f"drawn {number}.jpg")
"""


def draw(python: Path, folder: Path, number: int) -> None:
    """Draw so many photos into a folder."""
    subprocess.check_call([str(python), "-P", "-c", DRAW, str(folder), str(number)])


def smoke_test(python: Path) -> str:
    """Let the bundle's window score a few photos, and return its report. Raises Failed."""
    with tempfile.TemporaryDirectory(prefix="lennonnet-", ignore_cleanup_errors=True) as scratch:
        photos, report = Path(scratch, "photos"), Path(scratch, "report.json")
        draw(python, photos, 5)
        line = [str(PROGRAM), "--smoke-test", str(photos), "--report", str(report)]
        attempt(line, "its smoke test", bare(scratch), scratch)
        words = report.read_text(encoding="utf-8").strip()
        if json.loads(words)["scored"] != 5:
            raise Failed(f"The bundle is built, but it did not score the photos: {words}")
        return words


def self_test() -> str:
    """Let the bundle test all that it has, and return what it says. Raises Failed."""
    with tempfile.TemporaryDirectory(prefix="lennonnet-", ignore_cleanup_errors=True) as scratch:
        report = Path(scratch, "report.txt")
        line = [str(PROGRAM), "--self-test", "--report", str(report)]
        attempt(line, "its self-test", bare(scratch), scratch)
        return report.read_text(encoding="utf-8").strip()


def attempt(line: list[str], what: str, environment: Mapping[str, str], folder: str) -> None:
    """Run something of the bundle's to its end. Raises Failed with what it said last."""
    try:
        done = subprocess.run(
            line,
            env=environment,
            cwd=folder,
            timeout=600,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"The bundle is built, but {what} was not done within ten minutes.") from None
    if done.returncode:
        raise Failed(
            f"The bundle is built, but {what} failed (exit status {done.returncode}):\n{done.stdout[-4000:]}"
        )
