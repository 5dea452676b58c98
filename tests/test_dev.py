"""dev.py makes and mends its environment and says what a system lacks; what it installs works."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

import bare_system
import bundle
import dev

ROOT = Path(__file__).parent.parent
SOURCE = (ROOT / "dev.py").read_text(encoding="utf-8")
HELPERS = ("bare_system", "bundle")  # imported late, by a Python that is new enough
ONLY_BUNDLED = ROOT / "resources" / "linux"


def test_parses_on_an_old_python() -> None:
    ast.parse(SOURCE, feature_version=(3, 8))


@pytest.mark.parametrize("name", ["dev", *HELPERS])
def test_needs_nothing_but_python(name: str) -> None:
    for node in ast.walk(ast.parse((ROOT / f"{name}.py").read_bytes())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "."]
        for imported in names:
            assert imported.partition(".")[0] in {*sys.stdlib_module_names, *HELPERS}


def test_old_python_is_sent_to_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: sys.executable if name == "python3.12" else None)
    assert "python3.12 dev.py run photos" in dev.old_python((3, 9), ["run", "photos"])
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "needs Python 3.11 or newer; this is 3.9" in dev.old_python((3, 9), ["run"])


@pytest.mark.parametrize("arguments", [[], ["fly"], ["check", "this"], ["bundle", "--proof"]])
def test_unknown_command_shows_the_commands(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert dev.main(arguments) == 2
    out, err = capsys.readouterr()
    assert not out
    for command in dev.COMMANDS:
        assert f"dev.py {command}" in err


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert dev.main(["--help"]) == 0
    assert "dev.py run" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be without a screen")
def test_run_without_a_screen_says_so_before_it_installs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(dev, "prepare", lambda extra: pytest.fail("installs for nothing"))
    assert dev.main(["run"]) == 1
    assert "no screen" in capsys.readouterr().err


# The bundle


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Play the making of a bundle; what is done is noted."""
    done: list[str] = []
    monkeypatch.setattr(dev, "need", lambda *_what, **_without: None)
    monkeypatch.setattr(dev, "prepare", lambda extra: None)
    monkeypatch.setattr(bundle, "make", lambda python: done.append("made"))
    monkeypatch.setattr(bundle, "draw", lambda python, folder, number: None)
    monkeypatch.setattr(bare_system, "prove", lambda archive, photos, python: done.append("proved"))
    return done


def test_a_bundle_is_proved_if_that_is_asked_for(made: list[str]) -> None:
    assert dev.main(["bundle"]) == 0
    assert made == ["made"]
    assert dev.main(["bundle", "--prove"]) == 0
    assert made == ["made", "made", "proved"]


@pytest.mark.parametrize(
    ("error", "status"),
    [(bare_system.Disproved("it fell"), 1), (bare_system.NotHere("no root"), dev.NOT_PROVED)],
)
def test_a_proof_that_can_not_be_made_is_not_one_that_failed(
    made: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    status: int,
) -> None:
    def prove(archive: Path, photos: Path, python: Path) -> None:
        raise error

    monkeypatch.setattr(bare_system, "prove", prove)
    assert dev.main(["bundle", "--prove"]) == status
    assert str(error) in capsys.readouterr().err


def test_a_bundle_that_does_not_work_is_a_failure(
    made: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(python: Path) -> Path:
        raise bundle.Failed("its self-test failed")

    monkeypatch.setattr(bundle, "make", make)
    assert dev.main(["bundle"]) == 1
    assert "its self-test failed" in capsys.readouterr().err


# The environment


class Workshop:
    """A dev.py whose commands are noted, not run; what Python and pip would do to `.venv` is played."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.calls: list[str] = []
        self.pip: Callable[[], None] = lambda: None

    def call(self, line: list[str], failed: str) -> None:
        if "venv" in line:
            self.calls.append("venv")
            shutil.rmtree(dev.VENV, ignore_errors=True)
            dev.PYTHON.parent.mkdir(parents=True)
            dev.PYTHON.touch()
            (dev.VENV / "lib" / "python3" / "site-packages").mkdir(parents=True)
        else:
            assert "pip" in line
            self.calls.append("pip dev" if line[-1].endswith("[dev]") else "pip run")
            assert not dev.STAMP.exists()
            self.pip()

    def prepare(self, extra: str) -> list[str]:
        self.calls.clear()
        dev.prepare(extra)
        return self.calls


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    made = Workshop(tmp_path)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(dev, "HERE", tmp_path)
    monkeypatch.setattr(dev, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(dev, "STAMP", tmp_path / ".venv" / "stamp")
    monkeypatch.setattr(dev, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(dev, "call", made.call)
    return made


def test_the_second_start_does_nothing(workshop: Workshop) -> None:
    assert workshop.prepare("run") == ["venv", "pip run"]
    assert workshop.prepare("run") == []


def test_tests_add_to_what_run_has_and_run_has_all_that_tests_have(workshop: Workshop) -> None:
    workshop.prepare("run")
    assert workshop.prepare("dev") == ["pip dev"]
    assert workshop.prepare("run") == []


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_new_wants_are_installed_into_the_old_environment(workshop: Workshop, name: str) -> None:
    workshop.prepare("dev")
    (workshop.home / name).write_text("new")
    assert workshop.prepare("run") == ["pip dev"]
    assert workshop.prepare("run") == []


def test_an_interrupted_environment_is_made_anew(workshop: Workshop) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    workshop.pip = interrupt
    with pytest.raises(KeyboardInterrupt):
        workshop.prepare("run")
    workshop.pip = lambda: None
    assert workshop.prepare("run") == ["venv", "pip run"]


def test_an_interrupted_update_is_made_anew(workshop: Workshop) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    workshop.prepare("run")
    workshop.pip = interrupt
    with pytest.raises(KeyboardInterrupt):
        workshop.prepare("dev")
    workshop.pip = lambda: None
    assert workshop.prepare("dev") == ["venv", "pip dev"]


def test_an_update_that_fails_at_once_spoils_nothing(workshop: Workshop) -> None:
    def fail() -> None:
        raise dev.Stop("no network")

    workshop.prepare("run")
    workshop.pip = fail
    with pytest.raises(dev.Stop, match="no network"):
        workshop.prepare("dev")
    assert workshop.prepare("run") == []


def test_an_update_that_fails_halfway_is_made_anew(workshop: Workshop) -> None:
    def fail() -> None:
        (dev.VENV / "lib" / "python3" / "site-packages" / "half").mkdir()
        raise dev.Stop("disk full")

    workshop.prepare("run")
    workshop.pip = fail
    with pytest.raises(dev.Stop, match="disk full"):
        workshop.prepare("dev")
    workshop.pip = lambda: None
    assert workshop.prepare("run") == ["venv", "pip run"]


def test_an_environment_whose_python_is_gone_is_made_anew(workshop: Workshop) -> None:
    workshop.prepare("run")
    dev.PYTHON.unlink()
    assert workshop.prepare("run") == ["venv", "pip run"]


def test_an_environment_of_another_python_is_made_anew(workshop: Workshop) -> None:
    workshop.prepare("run")
    dev.write_stamp(("cpython 3.10", *dev.stamped()[1:]))
    assert workshop.prepare("run") == ["venv", "pip run"]


@pytest.mark.parametrize("stamp", [b"", b"\xff\xfe", b"cpython"])
def test_a_broken_stamp_counts_for_none(workshop: Workshop, stamp: bytes) -> None:
    workshop.prepare("run")
    dev.STAMP.write_bytes(stamp)
    assert workshop.prepare("run") == ["venv", "pip run"]


def test_one_at_a_time(workshop: Workshop) -> None:
    with dev.alone(), (workshop.home / ".venv.lock").open("a") as other:
        assert not dev.locked(other.fileno())
    with (workshop.home / ".venv.lock").open("a") as other:
        assert dev.locked(other.fileno())


def test_call_stops_where_its_command_fails() -> None:
    dev.call([sys.executable, "-c", ""], "never said")
    with pytest.raises(dev.Stop, match="it failed"):
        dev.call([sys.executable, "-c", "raise SystemExit(3)"], "it failed")


# What the system must have


LACKED = {
    "libnone.so.7": dev.Package("libnone7", "none-libs", "none"),
    "libnil.so": dev.Package("libnil", "nil", "none"),
}


@pytest.fixture
def linux(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], list[list[str]]]:
    """Play a Linux with one package manager, its user's id, and no library; return the calls to come."""

    def play(manager: str, user: int) -> list[list[str]]:
        calls: list[list[str]] = []
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}" if name == manager else None)

        def apt_get(arguments: list[str]) -> str:
            calls.append(arguments)
            return ""

        monkeypatch.setattr(dev, "apt_get", apt_get)
        monkeypatch.setattr(dev, "loads", lambda name: any("install" in line for line in calls))
        return calls

    return play


@pytest.mark.parametrize(
    ("manager", "line"),
    [
        ("apt-get", "sudo apt-get install libnone7 libnil\n"),
        ("dnf", "sudo dnf install none-libs nil\n"),
        ("pacman", "sudo pacman -S none\n"),
        ("none of these", "Install the packages that have it."),
    ],
)
def test_a_user_is_told_what_to_type(
    linux: Callable[[str, int], list[list[str]]], manager: str, line: str
) -> None:
    calls = linux(manager, 1000)
    with pytest.raises(dev.Stop, match=r"lacks libnone\.so\.7, libnil\.so\.") as stop:
        dev.need(LACKED)
    assert line in str(stop.value)
    assert not calls


def test_what_can_be_done_without_is_only_told(
    linux: Callable[[str, int], list[list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    linux("apt-get", 1000)
    dev.need(LACKED, {"none": dev.Package("none", "none", "none")}, without="It goes on.")
    assert "sudo apt-get install libnone7 libnil none" in (told := capsys.readouterr().err)
    assert "It goes on." in told


def test_root_on_debian_gets_it_installed(linux: Callable[[str, int], list[list[str]]]) -> None:
    calls = linux("apt-get", 0)
    dev.need(LACKED)
    assert calls[-1][0] == "install"
    assert calls[-1][-2:] == ["libnone7", "libnil"]


def test_debian_without_lists_gets_them_first(
    linux: Callable[[str, int], list[list[str]]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = linux("apt-get", 0)
    monkeypatch.setattr(dev, "APT_LISTS", tmp_path)
    dev.need(LACKED)
    assert [line[0] for line in calls] == ["update", "install"]


def test_old_lists_are_renewed(
    linux: Callable[[str, int], list[list[str]]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = linux("apt-get", 0)
    monkeypatch.setattr(dev, "APT_LISTS", tmp_path)
    (tmp_path / "deb.debian.org_bookworm_Packages.lz4").touch()

    def apt_get(arguments: list[str]) -> str:
        calls.append(arguments)
        return "404" if len(calls) == 1 else ""

    monkeypatch.setattr(dev, "apt_get", apt_get)
    dev.need(LACKED)
    assert [line[0] for line in calls] == ["install", "update", "install"]


def test_what_debian_can_not_install_is_told(
    linux: Callable[[str, int], list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    linux("apt-get", 0)
    monkeypatch.setattr(dev, "apt_get", lambda arguments: "E: no network")
    with pytest.raises(dev.Stop, match=r"E: no network\n.*could not install libnone7 libnil"):
        dev.need(LACKED)


def test_debians_other_half_of_python_is_named_with_the_rest(
    linux: Callable[[str, int], list[list[str]]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    linux("apt-get", 1000)
    monkeypatch.setattr(dev, "PYTHON", tmp_path / "not there")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        dev.Stop, match=rf"sudo apt-get install libnone7 libnil python3\.{sys.version_info[1]}-venv\n"
    ):
        dev.need(LACKED)


# What is installed


def test_every_dependency_is_pinned_within_its_range() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    for line in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)]), line


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this tree, built from a copy, for setuptools leaves things behind and finds them again."""
    scratch = tmp_path_factory.mktemp("wheel")
    for name in ("lennonnet_gui", "resources", "training"):
        shutil.copytree(ROOT / name, scratch / "tree" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, scratch / "tree")
    pip(sys.executable, "wheel", "--no-build-isolation", "-w", str(scratch), str(scratch / "tree"))
    return next(scratch.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands' folder of a fresh environment that has the wheel, and borrows all else from this one."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home)
    commands = home / ("Scripts" if sys.platform == "win32" else "bin")
    python = commands / Path(sys.executable).name
    pip(str(python), "install", str(wheel))
    site = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    lines = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    Path(site.strip(), "borrowed.pth").write_text("\n".join(sorted(lines)), encoding="utf-8")
    return commands


def pip(python: str, command: str, *arguments: str) -> None:
    line = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        command,
        "-q",
        "--no-deps",
        "--no-index",
        *arguments,
    ]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def start(line: list[str | Path], folder: Path) -> str:
    """Run an installed command in `folder`, as if this checkout were not there, and return its output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment.update(LENNONNET_HOME=str(folder / "home"), QT_QPA_PLATFORM="offscreen")
    done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_has_all_that_ships_and_nothing_else(wheel: Path) -> None:
    has = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    ships = {
        path.relative_to(ROOT).as_posix()
        for folder in ("lennonnet_gui", "resources", "training")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ONLY_BUNDLED not in path.parents
    }
    assert has == ships


def test_the_wheels_version_is_ours(wheel: Path) -> None:
    source = (ROOT / "training" / "__init__.py").read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    assert version is not None
    assert wheel.name.startswith(f"lennonnet-{version[1]}-")


def test_the_installed_package_is_not_this_checkout(installed: Path, tmp_path: Path) -> None:
    code = "import lennonnet_gui, resources, training; print(lennonnet_gui.__file__, training.__file__)"
    where = start([installed / Path(sys.executable).name, "-c", code], tmp_path)
    assert str(installed.parent) in where
    assert str(ROOT) not in where


def test_the_installed_command_line_starts(installed: Path, tmp_path: Path) -> None:
    told = start([installed / "lennonnet-training", "--help"], tmp_path)
    assert "score" in told
    assert "fit" in told


def test_the_installed_window_scores_a_folder(installed: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.radial_gradient("L").convert("RGB").save(photos / "drawn.jpg")
    (photos / "empty.jpg").touch()
    start([installed / "lennonnet", "--smoke-test", photos, "--report", tmp_path / "report.json"], tmp_path)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (report["photos"], report["scored"], report["unreadable"]) == (2, 1, 1)
