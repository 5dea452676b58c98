"""The proof that the bundle needs nothing but what the README names: it is unpacked and tried on a bare Debian.

That system is made once, by debootstrap, in build/bare. For each try it is bound into a mount namespace of its own,
read-only but for /tmp and the home folder, with an empty network namespace and an empty environment.
Needs Linux, root, debootstrap, and for the first time a network. dev.py calls it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLACE = HERE / "build" / "bare"
SYSTEM = PLACE / "system"
STAMP = PLACE / "stamp"
SCREENSHOT = PLACE / "window.png"

SUITE, MIRROR = "bookworm", "http://deb.debian.org/debian"
PACKAGES = (
    "libegl1",
    "libgl1",
    "libfontconfig1",
    "libdbus-1-3",
    "libglib2.0-0",
    "libx11-xcb1",
    "fonts-dejavu-core",
)
"""All that the bundle wants of a system, as Debian calls it; each desktop has it. The README names the same.

Any font will do; without one, Qt shows boxes.
"""

COMMANDS = ("debootstrap", "chroot", "unshare", "mount", "tar", "xz")
USER = "jörg"
HOME = "/home/Jörg Müller"
NUMBER = 1000
LIMIT_S = 600


class NotHere(Exception):
    """This machine can't make the proof; the message says why. It tells nothing of the bundle."""


class Disproved(Exception):
    """The bundle does not do on a bare system what it should; the message has what it said."""


def say(words: str) -> None:
    """Tell the user how it goes."""
    print(words, file=sys.stderr, flush=True)


def prove(archive: Path, photos: Path, python: Path) -> None:
    """Try the bundle in `archive` on a bare system, on the photos in a folder. Raises NotHere and Disproved.

    python: one with PySide6, which looks at the screen from outside
    """
    check_machine()
    with timed("a bare system"):
        make_system()
    look_for_python()
    with tempfile.TemporaryDirectory(prefix="lennonnet-") as scratch, Bare(Path(scratch), photos) as system:
        with timed("unpacked"):
            subprocess.run(["tar", "-xf", str(archive), "-C", str(system.program.parent)], check=True)
        (unpacked,) = system.program.parent.iterdir()
        unpacked.rename(system.program)
        for language in ("C.UTF-8", ""):
            told = f"LANG={language}" if language else "without LANG"
            with timed(f"self-test, {told}"):
                say(system.run(["--self-test"], language))
            with timed(f"smoke test, {told}"):
                say(system.run(["--smoke-test", "/photos"], language))
        if shutil.which("Xvfb") is None:
            say("There is no Xvfb here; so how its window looks on a real screen was not tried.")
        else:
            with timed(f"a window on a real screen, to be seen in {SCREENSHOT.relative_to(HERE)}"):
                photograph(system, python)


@contextlib.contextmanager
def timed(what: str) -> Iterator[None]:
    """Say how long something took, once it is done."""
    started = time.monotonic()
    yield
    say(f"[{time.monotonic() - started:.0f} s] {what}")


def check_machine() -> None:
    """See that this machine can make the proof. Raises NotHere."""
    if sys.platform != "linux":
        raise NotHere("The proof on a bare system is made on Linux alone.")
    if os.geteuid() != 0:
        raise NotHere("The proof on a bare system needs root, to make that system and to step into it.")
    lacks = [name for name in COMMANDS if shutil.which(name) is None]
    if lacks:
        raise NotHere(f"The proof on a bare system needs {', '.join(lacks)}.")
    trial = ["unshare", "--mount", "--net", "--pid", "--fork", "mount", "-t", "tmpfs", "none", "/mnt"]
    done = subprocess.run(trial, capture_output=True, text=True)
    if done.returncode:
        raise NotHere(f"This machine lets nobody make namespaces for the proof: {done.stderr.strip()}")


def make_system() -> None:
    """Make the bare system, unless it is there already with the same packages."""
    wants = " ".join([SUITE, MIRROR, *PACKAGES])
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == wants:
        return
    say(f"Making a bare Debian ({SUITE}) with {' '.join(PACKAGES)} ...")
    STAMP.unlink(missing_ok=True)
    shutil.rmtree(SYSTEM, ignore_errors=True)
    PLACE.mkdir(parents=True, exist_ok=True)
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES]
    for line in (
        ["debootstrap", "--variant=minbase", SUITE, str(SYSTEM), MIRROR],
        ["chroot", str(SYSTEM), "env", "DEBIAN_FRONTEND=noninteractive", *install],
    ):
        done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise NotHere(f"The bare system could not be made:\n{done.stdout[-2000:]}")
    with (SYSTEM / "etc" / "passwd").open("a", encoding="utf-8") as file:
        file.write(f"{USER}:x:{NUMBER}:{NUMBER}:Jörg Müller:{HOME}:/bin/sh\n")
    for name in ("opt/Lennonnet", "photos"):
        (SYSTEM / name).mkdir()
    STAMP.write_text(wants, encoding="utf-8")


def look_for_python() -> None:
    """See that the bare system has no Python. Raises Disproved."""
    found = [
        path for folder in ("bin", "lib", "local") for path in (SYSTEM / "usr" / folder).rglob("*python3*")
    ]
    if found:
        raise Disproved(f"The bare system has a Python: {found[0]}")


# In the new namespaces: the system read-only, with the program, the photos and a home in it, and then the program.
ENTER = """\
set -e
mount --make-rprivate /
mount --bind "$system" "$system"
mount --bind "$program" "$system/opt/Lennonnet"
mount --bind "$photos" "$system/photos"
mount -t proc proc "$system/proc"
mount -t tmpfs -o mode=755 none "$system/dev"
for name in null zero full random urandom; do
    : >"$system/dev/$name"
    mount --bind "/dev/$name" "$system/dev/$name"
done
mkdir "$system/dev/shm"
mount -t tmpfs -o mode=1777 none "$system/dev/shm"
mount -t tmpfs -o mode=1777 none "$system/tmp"
mkdir "$system/tmp/.X11-unix"
[ ! -d /tmp/.X11-unix ] || mount --bind /tmp/.X11-unix "$system/tmp/.X11-unix"
mount -t tmpfs none "$system/home"
mkdir "$system$home"
chown "$number:$number" "$system$home"
for place in "" /opt/Lennonnet /photos; do
    mount -o remount,bind,ro "$system$place"
done
cd "$system"
exec chroot --userspec="$number:$number" "$system" /usr/bin/env -i HOME="$home" "$@"
"""


class Bare:
    """The bare system with an unpacked program and photos in it, to run the program there."""

    def __init__(self, scratch: Path, photos: Path) -> None:
        self.scratch, self.photos = scratch, photos
        self.program = scratch / "unpacked" / "Lennonnet"

    def __enter__(self) -> Bare:
        self.scratch.chmod(0o755)  # who is somebody else there may look in, too
        self.photos.chmod(0o755)
        self.program.parent.mkdir()
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def line(self, arguments: Sequence[str], settings: Sequence[str]) -> list[str]:
        """What starts the program there. settings: NAME=VALUE, all that is in its environment but HOME."""
        names = {
            "system": SYSTEM,
            "program": self.program,
            "photos": self.photos,
            "home": HOME,
            "number": NUMBER,
        }
        given = "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in names.items())
        apart = ["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
        return [*apart, "sh", "-c", given + ENTER, "sh", *settings, "/opt/Lennonnet/lennonnet", *arguments]

    def run(self, arguments: Sequence[str], language: str) -> str:
        """Run the program without a screen, and return what it says. Raises Disproved."""
        settings = ["QT_QPA_PLATFORM=offscreen", *([f"LANG={language}"] if language else [])]
        try:
            done = subprocess.run(
                self.line(arguments, settings),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                timeout=LIMIT_S,
            )
        except subprocess.TimeoutExpired:
            raise Disproved(f"{' '.join(arguments)} was not done within {LIMIT_S} s.") from None
        if done.returncode:
            words = f"{' '.join(arguments)} failed (exit status {done.returncode})"
            raise Disproved(f"{words}:\n{done.stdout[-6000:]}")
        return done.stdout.strip()


GRAB = """
import sys
from PySide6.QtGui import QGuiApplication
app = QGuiApplication([])
sys.exit(0 if app.primaryScreen().grabWindow(0).save(sys.argv[1]) else 1)
"""


def photograph(system: Bare, python: Path) -> None:
    """Open the program's window on an X server outside, and take a picture of it when nothing moves any more."""
    with x_server() as display, (system.scratch / "said").open("wb+") as said:
        settings = [f"DISPLAY={display}", "LANG=C.UTF-8"]
        program = subprocess.Popen(system.line(["/photos"], settings), stdout=said, stderr=subprocess.STDOUT)
        try:
            before, same, deadline = b"", 0, time.monotonic() + 120
            while True:
                time.sleep(3)
                now = grab(python, display)
                if program.poll() is not None:
                    said.seek(0)
                    words = said.read().decode(errors="replace")
                    raise Disproved(f"The window did not come, or did not stay:\n{words[-3000:]}")
                same = same + 1 if now == before and len(now) > 20_000 else 0  # an empty screen packs smaller
                if same == 4:  # it may stand still for as long as it wakes up torch
                    break
                if time.monotonic() > deadline:
                    raise Disproved("The window did not come, or did not come to rest, within two minutes.")
                before = now
            SCREENSHOT.write_bytes(now)
        finally:
            program.kill()  # unshare holds back all milder signals
            program.wait()


def grab(python: Path, display: str) -> bytes:
    """What is on the screen, as PNG."""
    with tempfile.TemporaryDirectory() as scratch:
        picture = Path(scratch, "screen.png")
        environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        subprocess.run([str(python), "-P", "-c", GRAB, str(picture)], env=environment, check=True)
        return picture.read_bytes()


@contextlib.contextmanager
def x_server() -> Iterator[str]:
    """An X server with nobody at it; yields its DISPLAY."""
    reading, writing = os.pipe()
    line = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1400x900x24", "-nolisten", "tcp", "-ac"]
    with subprocess.Popen(line, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        try:
            os.close(writing)
            with os.fdopen(reading) as told:
                number = told.readline().strip()
            if not number:
                raise NotHere("Xvfb did not start.")
            yield f":{number}"
        finally:
            server.terminate()
