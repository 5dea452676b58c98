"""What goes wrong is put down, shown, and never the end of the program, if the program has a say in it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl, qInstallMessageHandler, qWarning
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from lennonnet_gui import mishaps
from lennonnet_gui.help_mishap import MishapDialog, PathDialog
from lennonnet_gui.main_window import MainWindow
from lennonnet_gui.mishaps import LogBook
from tests.program import Start
from training import __version__, paths

ROOT = Path(__file__).parent.parent


def logged() -> str:
    return (paths.log_dir() / "lennonnet.log").read_text(encoding="utf-8")


def raised(words: str) -> None:
    try:
        raise ZeroDivisionError(words)
    except ZeroDivisionError as error:
        sys.excepthook(ZeroDivisionError, error, error.__traceback__)


def run(code: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the side, as a program of its own with its own standard streams."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONFAULTHANDLER": "", **more},
        capture_output=True,
        text=True,
        timeout=120,
    )


# -- the dialog


def test_an_error_can_be_copied_and_says_that_nothing_is_sent(
    qtbot: QtBot, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    window = start()
    raised("a bug in a slot")
    (dialog,) = window.findChildren(MishapDialog)
    words = " ".join(label.text() for label in dialog.findChildren(QLabel))
    assert "nothing is sent anywhere" in words and "you can go on" in words
    qtbot.mouseClick(dialog.copy_button, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert "a bug in a slot" in copied and "Traceback" in copied and __version__ in copied
    dialog.close()
    assert "a bug in a slot" in logged()
    capsys.readouterr()


def test_further_errors_join_the_first_and_the_next_one_is_shown_anew(
    qtbot: QtBot, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    window = start()
    raised("the first")
    raised("the second")
    (dialog,) = window.findChildren(MishapDialog)
    assert "the first" in dialog.details() and "the second" in dialog.details()
    with qtbot.waitSignal(dialog.destroyed):
        dialog.close()
    raised("the third")
    (dialog,) = window.findChildren(MishapDialog)
    assert "the third" in dialog.details() and "the first" not in dialog.details()
    dialog.close()
    capsys.readouterr()


def test_errors_without_end_make_no_dialog_without_end(qtbot: QtBot) -> None:
    dialog = MishapDialog("x" * 300_000)
    qtbot.addWidget(dialog)
    for _ in range(100):
        dialog.add("y" * 10_000)
    assert len(dialog.details()) < 250_000


def test_the_log_is_shown_in_its_folder(
    qtbot: QtBot, start: Start, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def note(url: QUrl) -> bool:
        opened.append(url.toLocalFile())
        return True

    monkeypatch.setattr(QDesktopServices, "openUrl", note)
    window = start()
    window.help.log_action.trigger()
    assert opened == [str(home / "log")]
    assert not window.findChildren(PathDialog)


def test_where_nothing_opens_a_folder_its_path_is_there_to_copy(
    qtbot: QtBot, start: Start, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _url: False)
    window = start()
    window.help.log_action.trigger()
    (dialog,) = window.findChildren(PathDialog)
    assert dialog.isVisible()
    qtbot.mouseClick(dialog.copy_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == str(home / "log") == dialog.path()
    dialog.close()


# -- the log


def test_the_log_begins_with_what_runs_here(qtbot: QtBot, start: Start) -> None:
    start()
    qtbot.waitUntil(lambda: f"Lennonnet {__version__}" in logged())
    assert "Qt 6." in logged() and "offscreen" in logged()


def test_warnings_of_training_and_of_the_windows_modules_are_put_down(start: Start) -> None:
    start()
    logging.getLogger("training.cache").warning("a warning from the mind")
    logging.getLogger("lennonnet_gui.pictures").warning("a warning from the face")
    logging.getLogger("somebody.else").error("of no concern")
    assert "a warning from the mind" in logged() and "a warning from the face" in logged()
    assert "of no concern" not in logged()


@pytest.mark.no_qt_log  # or this test would fail, as any does in which Qt warns
def test_qts_warnings_are_put_down_and_passed_on() -> None:
    heard: list[str] = []
    before = qInstallMessageHandler(lambda _kind, _context, message: heard.append(message))
    try:
        book = LogBook()
        for _ in range(100):
            qWarning("a warning from Qt")
        book.close()
        qWarning("after the end")
    finally:
        qInstallMessageHandler(before)
    assert heard == ["a warning from Qt"] * 100 + ["after the end"]
    assert 0 < logged().count("a warning from Qt") < 50, "the same again and again fills the log"
    assert "after the end" not in logged()


@pytest.mark.no_qt_log
def test_a_listener_that_came_later_stays() -> None:
    heard: list[str] = []
    before = qInstallMessageHandler(None)
    try:
        book = LogBook()
        qInstallMessageHandler(lambda _kind, _context, message: heard.append(message))
        book.close()
        qWarning("still heard")
    finally:
        qInstallMessageHandler(before)
    assert heard == ["still heard"]


def test_the_log_stays_small() -> None:
    book = LogBook()
    for _ in range(60):
        mishaps.log.error("%s", "x" * 100_000)
    book.close()
    files = list(paths.log_dir().glob("lennonnet.log*"))
    assert len(files) == 3 and sum(file.stat().st_size for file in files) < 4 << 20


def test_a_log_that_cannot_be_renamed_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise PermissionError(13, "another program has it open")

    book = LogBook()
    monkeypatch.setattr(Path, "replace", refuse)
    for _ in range(30):
        mishaps.log.error("%s", "x" * 100_000)
    mishaps.log.error("the last words")
    book.close()
    assert "the last words" in logged()


FULL = """
import resource, sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget
from lennonnet_gui import mishaps
app = QApplication([])
window = QWidget()
book = mishaps.LogBook()
guard = mishaps.Mishaps(window, book)
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))

def bad():
    raise RuntimeError("x" * 300)

def count():
    app.exit(10 + guard._dialog.details().count("RuntimeError"))

for at in (0, 50, 100):
    QTimer.singleShot(at, bad)
QTimer.singleShot(500, count)
status = app.exec()
guard.close()
sys.exit(status)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there a file’s size has no limit to be set")
def test_on_a_full_disk_errors_are_shown_all_the_same() -> None:
    assert run(FULL, PYTHONFAULTHANDLER="1").returncode == 13


def test_without_a_place_for_it_there_is_no_log(home: Path, start: Start) -> None:
    (home / "log").write_text("a file where the folder should be")
    window = start()
    assert window.isVisible()


# -- crashes

CRASH = """
import faulthandler
from lennonnet_gui import mishaps
book = mishaps.LogBook()
faulthandler._sigabrt()
"""


def test_a_crash_is_told_at_the_next_start_once_and_kept(qtbot: QtBot, start: Start) -> None:
    assert run(CRASH).returncode != 0
    crash = paths.log_dir() / "crash.log"
    assert "Fatal Python error" in crash.read_text() and "mishaps" not in crash.read_text()
    window = start()
    qtbot.waitUntil(lambda: "ended unexpectedly" in window.notice.words())
    assert "Fatal Python error" in logged()
    assert "Fatal Python error" in crash.with_name("crash.log.1").read_text()
    window.close()
    assert LogBook().notice == "", "told once"


def test_only_the_latest_crashes_are_kept() -> None:
    folder = paths.log_dir()
    folder.mkdir()
    for number in range(5):
        (folder / "crash.log").write_text(f"Fatal Python error: number {number}\n")
        book = LogBook()
        assert book.notice
        book.close()
    kept = {file.name: file.read_text() for file in folder.glob("crash.log*") if file.stat().st_size}
    assert sorted(kept) == ["crash.log.1", "crash.log.2"]
    assert "number 4" in kept["crash.log.1"] and "number 3" in kept["crash.log.2"]


def test_what_windows_says_of_exceptions_that_are_caught_is_no_crash() -> None:
    paths.log_dir().mkdir()
    (paths.log_dir() / "crash.log").write_text("Windows fatal exception: code 0x8001010d\n\nThread 0x1\n")
    book = LogBook()
    assert book.notice == ""
    book.close()


def test_a_self_driven_check_leaves_a_crash_for_the_user_to_see() -> None:
    paths.log_dir().mkdir()
    (paths.log_dir() / "crash.log").write_text("Fatal Python error: Aborted\n")
    book = LogBook(asks=False)
    assert book.notice == ""
    book.close()
    assert LogBook().notice


def test_a_crash_before_the_window_is_put_down_too(tmp_path: Path, home: Path) -> None:
    done = run(
        "import sys; from lennonnet_gui.__main__ import main; sys.argv = ['lennonnet']; sys.exit(main())",
        QT_QPA_PLATFORM="a screen that nobody has",
    )
    assert done.returncode != 0
    assert "Fatal Python error: Aborted" in (home / "log" / "crash.log").read_text()
    assert "a screen that nobody has" in logged()


def test_an_error_before_the_window_is_a_sentence_and_an_exit(home: Path, tmp_path: Path) -> None:
    code = """
import sys
from lennonnet_gui import app
def fail(*args):
    raise ZeroDivisionError("a bug in the window")
app.MainWindow = fail
sys.exit(app.main(["--smoke-test", "."]))
"""
    done = run(code)
    assert done.returncode == 1
    assert "a bug in the window" in done.stderr and "a bug in the window" in logged()


# -- no standard streams, as in a windowed program on Windows

NO_STREAMS = """
import os, sys
sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = None
from lennonnet_gui.__main__ import main
try:
    status = main()
except SystemExit as exit:
    status = exit.code or 0
    status = status if isinstance(status, int) else 1
os._exit(status)
"""


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--version"], 0),
        (["--help"], 0),
        (["--no-such-option"], 2),
        (["--licences"], 0),
        (["--licences", "nobody"], 1),
        (["--as-trainer", "--version"], 0),
        (["--as-trainer", "--help"], 0),
        (["--as-trainer", "no-such-command"], 2),
        (["--as-trainer", "evaluate", "gone.safetensors", "."], 2),
    ],
)
def test_commands_survive_without_standard_streams(arguments: list[str], status: int) -> None:
    done = run(NO_STREAMS, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


def test_the_smoke_test_survives_without_standard_streams(
    folder: Path, subject_file: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    done = run(
        NO_STREAMS, "--subject", str(subject_file), "--smoke-test", str(folder), "--report", str(report)
    )
    assert done.returncode == 0
    assert '"scored": 8' in report.read_text()


def test_the_trainer_survives_without_standard_streams(folder: Path, tmp_path: Path) -> None:
    for index, photo in enumerate(sorted(folder.rglob("*.*"))):
        place = tmp_path / "collection" / ("cat" if "chelsea" in photo.name else "not_cat")
        place.mkdir(parents=True, exist_ok=True)
        photo.rename(place / f"{index}{photo.suffix}")
    out = tmp_path / "cat.safetensors"
    line = ["fit", str(tmp_path / "collection"), "--subject", "cat", "--out", str(out)]
    done = run(NO_STREAMS, "--as-trainer", *line)
    assert (done.returncode, out.exists()) == (0, True), done.stderr


def test_an_error_is_shown_without_standard_streams(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    window: MainWindow = start()
    monkeypatch.setattr(sys, "stderr", None)
    raised("nobody hears this")
    (dialog,) = window.findChildren(MishapDialog)
    assert "nobody hears this" in dialog.details()
    dialog.close()
