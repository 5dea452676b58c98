"""Lennonnet's one command: makes what the program needs beside this file, then runs, tests or builds it.

Needs nothing but Python, and works alike on Linux, macOS and Windows. All it makes is `.venv` (and `dist` and
`build` for a bundle), which may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

USAGE = """\
python3 dev.py run [FOLDER]     open the window
python3 dev.py test [...]       run the tests; what follows goes to pytest
python3 dev.py check            lint, formatting and types
python3 dev.py training [...]   the command line, such as: training score FOLDER
python3 dev.py bundle           build dist/lennonnet, which runs without Python, try it, and pack it
python3 dev.py bundle --prove   the same, and try what was packed on a bare Debian (Linux, root)
"""

# This file is to parse and start on older Pythons too, so that they get a sentence and no traceback.
OLDEST = (3, 11)

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
STAMP = VENV / "lennonnet-stamp"
WINDOWS = sys.platform == "win32"
PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")


class Package(NamedTuple):
    """What the package that has something is called on three kinds of Linux."""

    debian: str
    fedora: str
    arch: str


# What Qt's wheels expect of a Linux system (`objdump -p` tells): for any window, and for one on X11.
QT_LIBRARIES = {
    "libEGL.so.1": Package("libegl1", "libglvnd-egl", "libglvnd"),
    "libGL.so.1": Package("libgl1", "libglvnd-glx", "libglvnd"),
    "libxkbcommon.so.0": Package("libxkbcommon0", "libxkbcommon", "libxkbcommon"),
    "libfontconfig.so.1": Package("libfontconfig1", "fontconfig", "fontconfig"),
    "libdbus-1.so.3": Package("libdbus-1-3", "dbus-libs", "dbus"),
    "libglib-2.0.so.0": Package("libglib2.0-0", "glib2", "glib2"),
}
X11_LIBRARIES = {
    "libxkbcommon-x11.so.0": Package("libxkbcommon-x11-0", "libxkbcommon-x11", "libxkbcommon-x11"),
    "libxcb-cursor.so.0": Package("libxcb-cursor0", "xcb-util-cursor", "xcb-util-cursor"),
    "libxcb-icccm.so.4": Package("libxcb-icccm4", "xcb-util-wm", "xcb-util-wm"),
    "libxcb-keysyms.so.1": Package("libxcb-keysyms1", "xcb-util-keysyms", "xcb-util-keysyms"),
    "libxcb-shape.so.0": Package("libxcb-shape0", "libxcb", "libxcb"),
}
TEST_COMMANDS = {
    "Xvfb": Package("xvfb", "xorg-x11-server-Xvfb", "xorg-server-xvfb"),
    "xdotool": Package("xdotool", "xdotool", "xdotool"),
}
APT_LISTS = Path("/var/lib/apt/lists")
BUNDLE_COMMANDS = {
    "objcopy": Package("binutils", "binutils", "binutils"),
    "xz": Package("xz-utils", "xz", "xz"),
}
PROOF_COMMANDS = {
    "debootstrap": Package("debootstrap", "debootstrap", "debootstrap"),
    "Xvfb": TEST_COMMANDS["Xvfb"],
}


class Stop(Exception):
    """Lennonnet can't go on; the message tells the user why and what to do."""


def say(words: str) -> None:
    """Tell the user, on stderr: stdout belongs to the command that is run."""
    print(words, file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Do one command and return its exit status."""
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    try:
        if sys.version_info[:2] < OLDEST:
            raise Stop(old_python(sys.version_info[:2], arguments))
        if command in ("help", "-h", "--help"):
            print(USAGE, end="")
            return 0
        if command not in COMMANDS or (rest and command in LONE and rest not in LONE[command]):
            say(USAGE.rstrip())
            return 2
        return COMMANDS[command](rest)
    except Stop as stop:
        say(f"\n{stop}")
        return 1
    except KeyboardInterrupt:
        say("\nStopped.")
        return 130


def old_python(version: tuple[int, ...], arguments: list[str]) -> str:
    """The sentence for a Python that is too old; names a newer one where there is one."""
    sentence = f"Lennonnet needs Python {OLDEST[0]}.{OLDEST[1]} or newer; this is {version[0]}.{version[1]}."
    for newer in ("python3.13", "python3.12", "python3.11", "python3.14"):
        found = shutil.which(newer)
        if (
            found
            and subprocess.call([found, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
        ):
            return f"{sentence} You have one; type:\n\n  {' '.join([newer, 'dev.py', *arguments])}\n"
    return f"{sentence} Get it from your system's packages or from https://www.python.org/downloads/"


# The commands


def run(rest: list[str]) -> int:
    """Open the window."""
    if no_screen(os.environ):
        raise Stop("There is no screen here to open a window on: neither DISPLAY nor WAYLAND_DISPLAY is set.")
    on_x11 = not os.environ.get("WAYLAND_DISPLAY") and not os.environ.get("QT_QPA_PLATFORM")
    need({**QT_LIBRARIES, **X11_LIBRARIES} if on_x11 else QT_LIBRARIES)
    prepare("run")
    return become("-m", "lennonnet_gui", *rest)


def test(rest: list[str]) -> int:
    """Run the tests."""
    need(QT_LIBRARIES)
    need(X11_LIBRARIES, TEST_COMMANDS, without="The tests that need a real screen and mouse will be skipped.")
    prepare("dev")
    os.chdir(HERE)  # where pytest looks for its settings
    return become("-m", "pytest", *rest)


def check(_rest: list[str]) -> int:
    """Lint, formatting and types; all three, also when the first finds something."""
    need({})
    prepare("dev")
    failed = []
    for tool in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]):
        say(" ".join(tool))
        if subprocess.call([str(PYTHON), "-P", "-m", *tool], cwd=HERE):
            failed.append(" ".join(tool))
    say(f"Not passed: {', '.join(failed)}." if failed else "All passed.")
    return 1 if failed else 0


def training(rest: list[str]) -> int:
    """The command line, which needs no Qt and no screen."""
    need({})
    prepare("run")
    return become("-m", "training", *rest)


NOT_PROVED = (
    3  # the exit status of `bundle` where the machine can't make the proof; that says nothing of the bundle
)


def bundle(rest: list[str]) -> int:
    """Build what runs without Python, try it and pack it; prove it on a bare system if that is asked for."""
    import bare_system
    import bundle as workshop

    proving = rest == ["--prove"]
    need({**QT_LIBRARIES, **X11_LIBRARIES}, BUNDLE_COMMANDS)
    prepare("dev")
    try:
        archive = workshop.make(PYTHON)
        if proving:
            need({}, PROOF_COMMANDS, without="Without these, some or all of the proof can’t be made.")
            with tempfile.TemporaryDirectory(prefix="lennonnet-") as photos:
                workshop.draw(PYTHON, Path(photos), 5)
                bare_system.prove(archive, Path(photos), PYTHON)
    except (workshop.Failed, bare_system.Disproved) as problem:
        raise Stop(str(problem)) from None
    except bare_system.NotHere as problem:
        say(f"\nThe bundle works here; on a bare system it was not tried.\n{problem}")
        return NOT_PROVED
    say("The bundle works on a bare system, too." if proving else "The bundle works.")
    return 0


COMMANDS = {"run": run, "test": test, "check": check, "training": training, "bundle": bundle}
LONE: dict[str, list[list[str]]] = {
    "check": [],
    "bundle": [["--prove"]],
}  # commands that take nothing but this


def become(*arguments: str) -> int:
    """Go on as the environment's Python with `arguments`; on Windows, where that can't be, wait for it.

    Its -P keeps the folder that the user stands in, and whatever lies there, out of Python's search path.
    """
    line = [str(PYTHON), "-P", *arguments]
    if not WINDOWS:
        os.execv(PYTHON, line)
    child = subprocess.Popen(line)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue  # the child got it too, and ends when it is ready


# The environment


def wanted(extra: str) -> tuple[str, ...]:
    """What a finished environment's stamp says: its Python, what was installed, and for what, "run" or "dev".

    The folder belongs to what was installed, for an environment that was moved or copied does not work.
    """
    python = f"{sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]}"
    digest = hashlib.sha256(os.fsencode(HERE))
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((HERE / name).read_bytes())
    return python, digest.hexdigest(), extra


def stamped() -> tuple[str, ...]:
    """What the stamp says; empty where there is none, as in an environment whose making was interrupted."""
    try:
        return tuple(STAMP.read_text(encoding="utf-8").split("\n"))
    except (OSError, UnicodeDecodeError):
        return ()


def is_ready(wants: tuple[str, ...]) -> bool:
    """Whether the environment is finished and has what is wanted; "dev" has all that "run" has."""
    return stamped() in (wants, (*wants[:2], "dev")) and PYTHON.exists()


def prepare(extra: str) -> None:
    """Make the environment or bring it up to date, unless it is ready; one that is half made is made anew."""
    wants = wanted(extra)
    if is_ready(wants):
        return
    with alone():
        has = stamped()
        if is_ready(wants):
            return  # another dev.py has just made it
        if has[2:] == ("dev",):
            wants = (*wants[:2], "dev")  # who ran the tests once will run them again
        if has[:1] != wants[:1] or not PYTHON.exists():
            has = ()
            say("Making .venv anew ..." if VENV.exists() else "Making a Python environment in .venv ...")
            base = getattr(
                sys, "_base_executable", sys.executable
            )  # the environment itself may be running this
            call(
                [base, "-m", "venv", "--clear", str(VENV)], "Python could not make .venv; it says above why."
            )
        install(wants, has)


def install(wants: tuple[str, ...], has: tuple[str, ...]) -> None:
    """Install what is wanted, and write the stamp last of all."""
    say(
        "Bringing .venv up to date; this may take some minutes ..."
        if has
        else "Installing what Lennonnet needs into .venv, once; that is some GB and takes minutes ..."
    )
    before, started = installed(), time.monotonic()
    STAMP.unlink(missing_ok=True)
    pip = [str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    what = f"{HERE}[dev]" if wants[2] == "dev" else str(HERE)
    try:
        call([*pip, "-c", str(HERE / "constraints.txt"), "-e", what], CANT_INSTALL)
    except Stop:
        if has and installed() == before:  # what worked before works still, if only for the older files
            write_stamp(has)
        raise
    write_stamp(wants)
    say(f"Done in {time.monotonic() - started:.0f} s.")


CANT_INSTALL = """\
Lennonnet could not install what it needs; pip says above why. Most often it is one of these:
- There is no network, or one that wants a proxy.
- The disk is full: .venv takes 2 GB, on Linux 8 GB, where torch brings along what graphics cards need.
- torch is not made for so new a Python, or for this machine (such as a Mac with an Intel processor).
The same command tries again."""


def installed() -> list[tuple[str, int]]:
    """Names and dates of all that is installed, to see whether a pip that failed has changed anything."""
    places = [*VENV.glob("lib/*/site-packages"), *VENV.glob("Lib/site-packages")]
    return sorted((str(path), path.lstat().st_mtime_ns) for place in places for path in place.iterdir())


def write_stamp(lines: tuple[str, ...]) -> None:
    """Write the stamp in one step, so that it is there whole or not at all."""
    fresh = STAMP.with_suffix(".new")
    fresh.write_text("\n".join(lines), encoding="utf-8")
    fresh.replace(STAMP)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let one dev.py at a time work on the environment; the lock ends with the process, however that ends."""
    with (HERE / ".venv.lock").open("a") as file:
        if not locked(file.fileno()):
            say("Another dev.py is at work on .venv; waiting for it ...")
            while not locked(file.fileno()):
                time.sleep(0.5)
        yield


def locked(file: int) -> bool:
    """Try to lock an open file for this process."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def call(line: list[str], failed: str) -> None:
    """Run something silent, and say twice a minute that it is at work; raises Stop(failed) if it fails."""
    started = time.monotonic()
    with subprocess.Popen(line, stdout=sys.stderr) as child:
        while True:
            try:
                status = child.wait(timeout=30)
                break
            except subprocess.TimeoutExpired:
                say(f"... still at it after {time.monotonic() - started:.0f} s")
            except BaseException:
                child.terminate()
                raise
    if status:
        raise Stop(failed)


# What the system must have


def no_screen(environment: Mapping[str, str]) -> bool:
    """Whether there is nothing to open a window on; that can be on Linux alone."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return sys.platform == "linux" and not any(environment.get(name) for name in names)


def need(
    libraries: dict[str, Package], commands: dict[str, Package] | None = None, without: str = ""
) -> None:
    """See that Linux has these, and what makes environments: as root on Debian install it, else say how.

    Raises Stop if something is lacking then, unless `without` says what it is like to go on without it.
    """
    lacks = lacking(libraries, commands or {})
    if lacks and may_apt():
        try:
            apt_install([package.debian for package in lacks.values()])
        except Stop as stop:
            if not without:
                raise
            say(str(stop))
        lacks = lacking(libraries, commands or {})
    if not lacks:
        return
    words = f"This system lacks {', '.join(lacks)}. {how_to_install(list(lacks.values()))}"
    if not without:
        raise Stop(words)
    say(f"{words} {without}")


def lacking(libraries: dict[str, Package], commands: dict[str, Package]) -> dict[str, Package]:
    """Those of the libraries and commands that this Linux does not have."""
    if sys.platform != "linux":
        return {}
    lacks = {name: package for name, package in libraries.items() if not loads(name)}
    lacks.update({name: package for name, package in commands.items() if not shutil.which(name)})
    if not PYTHON.exists() and importlib.util.find_spec("ensurepip") is None:
        # Debian has the half of Python that makes environments in a package of its own
        lacks["Python's ensurepip"] = Package(f"python3.{sys.version_info[1]}-venv", "python3", "python")
    return lacks


def loads(library: str) -> bool:
    """Whether the system's loader finds a shared library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def how_to_install(packages: list[Package]) -> str:
    """The sentence with the very line to type on this system."""
    sudo = "" if is_root() else "sudo "
    for program, line, names in (
        ("apt-get", "apt-get install", [package.debian for package in packages]),
        ("dnf", "dnf install", [package.fedora for package in packages]),
        ("pacman", "pacman -S", [package.arch for package in packages]),
    ):
        if shutil.which(program):
            return f"Install it with:\n\n  {sudo}{line} {' '.join(dict.fromkeys(names))}\n"
    return "Install the packages that have it."


def is_root() -> bool:
    """Whether system packages may be installed."""
    return sys.platform != "win32" and os.geteuid() == 0


def may_apt() -> bool:
    """Whether this is root on Debian, Ubuntu or one of their kin."""
    return is_root() and shutil.which("apt-get") is not None


def apt_install(packages: list[str]) -> None:
    """Install Debian packages, after getting new lists if there are none or the old ones have aged."""
    say(f"Installing system packages: {' '.join(packages)} ...")
    install = ["install", "-y", "--no-install-recommends", *packages]
    if any(APT_LISTS.glob("*_Packages*")) and not apt_get(install):
        return
    words = apt_get(["update"]) or apt_get(install)
    if words:
        raise Stop(f"{words}\napt-get could not install {' '.join(packages)}; it says above why.")


def apt_get(arguments: list[str]) -> str:
    """Run apt-get, which has much to say, and return that only if it fails."""
    line = ["apt-get", "-qq", *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    words = done.stdout.decode(errors="replace").strip()
    return (words or f"exit status {done.returncode}") if done.returncode else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
