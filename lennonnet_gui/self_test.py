"""`lennonnet --self-test`: the program tries itself out, wherever and however it is installed, and says what holds.

The trials are carried out one after the other by a process of its own, which tells how each ends; this one knows
neither Qt nor torch, and outlives whatever may go wrong in there. After a crash, or a trial that does not come to its
end, another process goes on with the next. All that is kept meanwhile lies in a temporary folder, whose name has a
space and an umlaut; what belongs to the user is not touched.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import platformdirs

import training
from training import paths
from training.trial import Check, Trial, checks, last_line

SELF_TEST, WORKER = "--self-test", "--self-test-worker"
"""With the one among its arguments, the program tries itself out; with the other, the first, it does so for another."""

LIMIT_S = 180
"""How long a trial may take before it is ended."""

LAST = "untouched"
"""The name of what is looked at in the end, from outside."""

_LOOK_EVERY_S = 0.02
_BY_HAND = (".md", ".png", ".py", ".svg", ".txt")  # in a checkout, somebody may be at work on these
_STARTING = "start"


def main(arguments: Sequence[str]) -> int:
    """Try everything out, or what is named; 0 if all of it holds."""
    options = _parser().parse_args(arguments)
    with contextlib.ExitStack() as stack:
        report = None
        if options.report is not None:
            try:
                report = stack.enter_context(Path(options.report).open("w", encoding="utf-8"))
            except OSError as error:
                _say(f"The report can’t be written: {error}", sys.stderr)
                return 1
        try:
            return run(options.names, report)
        except OSError as error:  # no room or no right to write, mostly
            _tell(f"NOT  {_STARTING}: {error}", report)
            return 1
        except KeyboardInterrupt:
            _say("Stopped.", sys.stderr)
            return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lennonnet", description="Try out whether all of Lennonnet works on this computer."
    )
    parser.add_argument(SELF_TEST, action="store_true", required=True, help="try everything out and leave")
    parser.add_argument("--report", metavar="FILE", help="where the lines are written as well")
    parser.add_argument("names", nargs="*", metavar="NAME", help="the trials to carry out (default: all)")
    return parser


def command() -> list[str]:
    """How this program is started once more, from a checkout, an installation or a bundle."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-m", "lennonnet_gui"]


def run(
    names: Sequence[str] = (),
    report: TextIO | None = None,
    *,
    worker: Sequence[str] | None = None,
    limit_s: float = LIMIT_S,
) -> int:
    """Try out what is named, or everything; says each check in a line on stdout and in `report`, and all in a last one.

    worker: the command that carries out the trials. Returns 0 if all held, else 1.
    """
    started = time.perf_counter()
    failed: list[str] = []
    number = 0
    with _scratch() as scratch:
        install = _Install()
        supervised = _Supervisor(list(worker or [*command(), WORKER]), scratch, names, limit_s)
        for check in itertools.chain(supervised.checks(), _untouched(install, scratch, names)):
            number += 1
            if not check.ok:
                failed.append(check.name)
            _tell(line(check), report)
    seconds = time.perf_counter() - started
    if not number:
        failed.append("nothing of that name")
    verdict = (
        f"NOT all holds: {', '.join(failed)} ({len(failed)} of {number})"
        if failed
        else f"All {number} checks hold"
    )
    _tell(f"{verdict}, in {seconds:.1f} s.", report)
    return 1 if failed else 0


def line(check: Check) -> str:
    """A check as it is told."""
    return f"{'ok ' if check.ok else 'NOT'}  {check.name:<10} {check.seconds:6.2f} s  {check.words}"


def _tell(words: str, report: TextIO | None) -> None:
    _say(words, sys.stdout)
    if report is not None:
        report.write(f"{words}\n")
        report.flush()


def _say(words: str, stream: TextIO | None) -> None:
    """Print, where there is anything to print on, and whatever letters it knows."""
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError):
        letters = stream.encoding or "ascii"
        stream.write(f"{words.encode(letters, 'backslashreplace').decode(letters)}\n")
        stream.flush()


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A temporary folder, gone afterwards, also when this process is asked to end."""

    def leave(_number: int, _frame: object) -> None:
        raise SystemExit(1)

    before = signal.signal(signal.SIGTERM, leave)
    folder = Path(tempfile.mkdtemp(prefix="lennonnet prüft "))
    try:
        yield folder
    finally:
        signal.signal(signal.SIGTERM, before)
        for _ in range(20):  # on Windows, files of a process that has just ended may still be held
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(0.1)


# -- the process that carries out the trials, from outside


class _Supervisor:
    """Starts workers until all trials are through, and knows which one was at work when a worker ended."""

    def __init__(self, worker: list[str], scratch: Path, names: Sequence[str], limit_s: float) -> None:
        self._worker, self._scratch, self._names, self._limit_s = worker, scratch, names, limit_s
        self._done: list[str] = []
        self._number = 0

    def checks(self) -> Iterator[Check]:
        """What came of all trials, each as soon as it is known."""
        while True:
            self._number += 1
            began, since, finished, done = _STARTING, time.monotonic(), False, len(self._done)
            words = self._scratch / f"words {self._number}.txt"
            with words.open("wb") as said, self._started(said) as process:
                for event in self._events(process):
                    if event is None:  # nothing new
                        if time.monotonic() - since > self._limit_s:
                            _end(process)
                            break
                    elif "begins" in event:
                        began, since = event["begins"], time.monotonic()
                    elif "name" in event:
                        self._done.append(began)
                        began, since = _STARTING, time.monotonic()
                        yield Check(**event)
                    else:
                        finished = True
                status = _end(process)
            if finished:
                return
            seconds = time.monotonic() - since
            yield Check(began, self._how_it_ended(status, seconds, words), False, seconds)
            if began == _STARTING and len(self._done) == done:  # nor would another one begin
                return
            self._done.append(began)

    def _how_it_ended(self, status: int, seconds: float, words: Path) -> str:
        if seconds > self._limit_s:
            how = f"was not done within {self._limit_s:g} s"
        elif status < 0:
            how = f"crashed ({signal.Signals(-status).name})"
        else:
            how = f"ended the program (status {status})"
        said = [one.strip() for one in words.read_text("utf-8", "replace").splitlines() if one.strip()]
        fatal = next(
            (number for number, one in enumerate(said) if one.startswith("Fatal Python error")), None
        )
        if fatal is not None:  # what comes then is where each thread was
            before = said[fatal - 1] if fatal else ""
            where = next((one for one in said[fatal:] if one.startswith('File "')), "")
            return ": ".join(filter(None, (how, before[:300], where[:200])))
        return ": ".join(filter(None, (how, said[-1][:500] if said else "")))

    @contextlib.contextmanager
    def _started(self, said: Any) -> Iterator[subprocess.Popen[bytes]]:
        cwd = self._scratch / "here"
        cwd.mkdir(exist_ok=True)
        arguments = [str(self._events_file()), str(self._scratch / f"trials {self._number}")]
        process = subprocess.Popen(
            [*self._worker, *arguments, ",".join(self._done), *self._names],
            cwd=cwd,
            env=_environment(self._scratch),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=os.name == "posix",  # so that its helpers end with it
        )
        try:
            yield process
        finally:
            _end(process)

    def _events_file(self) -> Path:
        return self._scratch / f"events {self._number}.jsonl"

    def _events(self, process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any] | None]:
        """What a worker tells, and None now and then; ends when it has ended."""
        file, at = self._events_file(), 0
        while True:
            over = process.poll() is not None
            told = file.read_bytes()[at:] if file.exists() else b""
            lines = told[: told.rfind(b"\n") + 1]
            at += len(lines)
            for one in lines.splitlines():
                yield json.loads(one)
            if over:
                return
            yield None
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_EVERY_S)


def _end(process: subprocess.Popen[bytes]) -> int:
    """End a worker that is still there, and its helpers; its exit status."""
    if process.poll() is None and os.name == "posix":
        process.send_signal(signal.SIGABRT)  # it says then where it was
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    return process.wait()


def _environment(scratch: Path) -> dict[str, str]:
    """What a worker is started with: a home of its own, and a screen that nobody sees where there is none."""
    temporary = scratch / "temporary"  # where libraries leave things, too
    temporary.mkdir(exist_ok=True)
    made = {
        **os.environ,
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)),
        "LENNONNET_HOME": str(scratch / "home"),
        "PYTHONIOENCODING": "utf-8:backslashreplace",
    }
    if not getattr(sys, "frozen", False):
        root = str(Path(training.__file__).parent.parent)
        made["PYTHONPATH"] = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform == "linux" and not any(made.get(name) for name in screens):
        made["QT_QPA_PLATFORM"] = "offscreen"
    return made


# -- the process that carries out the trials, from inside


def work(arguments: Sequence[str], trials: Callable[[], Sequence[tuple[str, Trial]]] | None = None) -> int:
    """Carry out trials, and write what comes of them to a file, a line each.

    arguments: that file, a folder for the trials, the names of those that are done, with commas, and of those wanted
    """
    events, folder, done, *names = arguments
    if sys.stderr is not None:
        faulthandler.enable()
    with Path(events).open("a", encoding="utf-8") as file:

        def tell(event: Mapping[str, Any]) -> None:
            file.write(json.dumps(event) + "\n")
            file.flush()

        try:
            known = (trials or all_trials)()
        except Exception as error:  # a library is missing, mostly
            tell(asdict(Check(_STARTING, last_line(error), False, 0.0)))
            known = ()
        wanted = [
            (name, trial)
            for name, trial in known
            if name not in done.split(",") and (not names or name in names)
        ]
        for check in checks(wanted, Path(folder), lambda name: tell({"begins": name})):
            tell(asdict(check))
        tell({"done": True})
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(0)  # nothing is wanted any more of threads and libraries, and each takes its time


def all_trials() -> Sequence[tuple[str, Trial]]:
    """All trials, in the order in which they are carried out."""
    if sys.platform == "win32":
        from training import torch_runtime

        torch_runtime.load()  # as the program does: after Qt it fails to load there
    from lennonnet_gui import self_test_window
    from training import self_test

    return (*self_test_window.BEFORE, *self_test.TRIALS, *self_test_window.AFTER)


# -- what must not have changed


class _Install:
    """The program's own files, as they were; Python's compiled ones, which Python may write, do not count."""

    def __init__(self) -> None:
        self._before = self._look()
        self._users = [Path(place) for place in self._places() if not Path(place).exists()]

    def changed(self) -> list[str]:
        """What was added, changed or removed."""
        after = self._look()
        either = self._before.items() ^ after.items()
        made = [str(place) for place in self._users if place.exists()]
        return sorted({name for name, _ in either} | set(made))

    def count(self) -> int:
        return len(self._before)

    @staticmethod
    def _places() -> list[str]:
        """Where the program keeps things if nobody says otherwise."""
        return [
            platformdirs.user_cache_dir(paths.APP, appauthor=False),
            platformdirs.user_config_dir(paths.APP, appauthor=False),
            platformdirs.user_data_dir(paths.APP, appauthor=False),
            platformdirs.user_log_dir(paths.APP, appauthor=False),
        ]

    @staticmethod
    def _look() -> dict[str, tuple[int, int]]:
        frozen = getattr(sys, "frozen", False)
        root = Path(training.__file__).parent.parent
        folders = (
            [Path(sys.executable).parent]
            if frozen
            else [root / "lennonnet_gui", root / "resources", root / "training"]
        )
        found = {}
        for folder in folders:
            for place, inner, files in os.walk(folder):
                inner[:] = [name for name in inner if name != "__pycache__"]
                for name in files:
                    if not frozen and name.endswith(_BY_HAND):
                        continue
                    facts = os.lstat(os.path.join(place, name))  # noqa: PTH118
                    found[os.path.join(place, name)] = (facts.st_size, facts.st_mtime_ns)  # noqa: PTH118
        return found


def _untouched(install: _Install, scratch: Path, names: Sequence[str]) -> Iterator[Check]:
    if names and LAST not in names:
        return
    start = time.perf_counter()
    changed = install.changed()
    here = scratch / "here"
    left = [path.name for path in here.iterdir()] if here.exists() else []
    if changed or left:
        what = [*changed, *(f"{name}, in the current folder" for name in left)]
        words = f"written where nothing is to be written: {', '.join(what[:5])}"
    else:
        words = (
            f"the {install.count():,} files of the program are as they were; nothing was written elsewhere"
        )
    yield Check(LAST, words, not (changed or left), time.perf_counter() - start)
