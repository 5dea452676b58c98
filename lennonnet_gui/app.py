"""Starts the program: arguments, looks, the window, and what happens when something goes wrong."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import logging
import os
import sys
import time
import traceback
from collections.abc import Sequence
from typing import NoReturn

from PySide6.QtCore import QCoreApplication, QEvent, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication, QMessageBox

from lennonnet_gui import theme
from lennonnet_gui.main_window import MainWindow
from lennonnet_gui.mishaps import LogBook, Mishaps, put_down
from lennonnet_gui.settings import Settings
from lennonnet_gui.smoke_test import SmokeTest
from lennonnet_gui.subject_desk import STARTER, STARTER_FILE
from lennonnet_gui.theme import Scheme
from training import __version__, paths
from training.subject import Subject, SubjectUnreadable
from training.subjects import BadName, SubjectEntry, Subjects, SubjectsError

log = logging.getLogger("lennonnet")

_NEWS_MS = 500  # once the last folder was opened, which begins with nothing to say


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program until its window is closed; returns the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    arguments = _parser().parse_args(argv)
    if arguments.licences is not None:
        from training import licences

        return licences.print_all(arguments.licences)
    alone = arguments.smoke_test is not None  # then nobody is there to close a dialog
    try:
        window = start(argv)
    except SubjectUnreadable as error:
        put_down(str(error))
        if not alone:
            QMessageBox(QMessageBox.Icon.Warning, "Lennonnet", str(error)).exec()
        return 2
    except Exception:  # nothing foresaw it, and there is no window to show it
        put_down(traceback.format_exc())
        if not alone and QApplication.instance() is not None:
            _say_why_not(traceback.format_exc())
        return 1
    status = QApplication.exec()
    if not window.at_rest:
        _leave_at_once(status)
    finish(window)
    return status


def start(argv: Sequence[str]) -> MainWindow:
    """Put up the window as `argv` asks for; what is left to do is to run the event loop.

    Raises SubjectUnreadable when there is nothing to score with.
    """
    started = time.perf_counter()
    arguments = _parser().parse_args(argv)
    # Python's threads ask each other for the lock only so often; at the usual 5 ms, a click waits for several of them.
    # Lower priorities for the others make it worse: then the lock's holder is the one that does not get a turn.
    sys.setswitchinterval(0.001)
    book = LogBook(asks=arguments.smoke_test is None)
    app = QApplication.instance() or QApplication(["lennonnet"])
    _dress(app)
    settings = Settings(remember=arguments.smoke_test is None)
    subjects = Subjects()
    entry, subject, news = _chosen(arguments.subject, subjects, settings)
    kept = settings.text("view/scheme")
    theme.choose(Scheme(kept) if kept in set(Scheme) else Scheme.SYSTEM)
    window = MainWindow(entry, subject, subjects, settings)
    mishaps = Mishaps(window, book)
    for part in (window.session, window.teaching, window.faces, window.help):
        part.crashed.connect(mishaps.show)
    window.show()
    QTimer.singleShot(_NEWS_MS, mishaps.tell_system)
    news = " ".join(words for words in (book.notice, news) if words)
    if news:
        QTimer.singleShot(_NEWS_MS, window, lambda: window.notice.show_words(news))
    if arguments.smoke_test is not None:
        QTimer.singleShot(
            0, window, lambda: SmokeTest(window, arguments.smoke_test, arguments.report, started)
        )
    else:
        last = next(iter(settings.recent_folders()), None)
        if arguments.folder is not None:
            QTimer.singleShot(0, window, lambda: window.open_path(arguments.folder))
        elif last is not None:
            QTimer.singleShot(0, window, lambda: window.open_folder(last))  # the window is painted first
    return window


def _chosen(
    file: str | None, subjects: Subjects, settings: Settings
) -> tuple[SubjectEntry, Subject | None, str]:
    """The subject to begin with: that in `file`, else the one that was used last, else John; and what to say of it.

    Whatever became of the user's own files, there is one. Raises SubjectUnreadable for `file`, and for the starter.
    """
    if file is not None:
        subject = Subject.load(file)
        return _entry_of(subject, subjects, settings), subject, ""
    try:
        known = {entry.id: entry for entry in subjects.all()}
        entry = known.get(settings.text("subject")) or known.get(STARTER) or next(iter(known.values()), None)
        if entry is None:  # John was deleted, and nobody else is there
            entry = subjects.restore(STARTER)
    except SubjectsError as error:
        return _starter(), Subject.load(paths.resource(STARTER_FILE)), str(error)
    try:
        return entry, subjects.load(entry), subjects.notice
    except SubjectUnreadable as error:
        if entry.id == STARTER:
            return entry, Subject.load(paths.resource(STARTER_FILE)), str(error)
        return entry, None, f"{error} Until then, {entry.name} is known from its labels alone."


def _entry_of(subject: Subject, subjects: Subjects, settings: Settings) -> SubjectEntry:
    """The user's subject that a file belongs to, by its name; a new one is taken in, but by a self-driven check."""
    try:
        same = [entry for entry in subjects.all() if entry.name.casefold() == subject.name.casefold()]
        if same:  # what was labelled for a subject of that name goes for this version too
            return dataclasses.replace(same[0], name=subject.name)
        if settings.remembers:
            entry = subjects.create(subject.name)
            subjects.add_version(entry.id, subject, method="quick", adopt=True)
            return subjects.get(entry.id)
    except (BadName, SubjectsError) as error:
        log.warning("The subject was not taken in: %s", error)
    return SubjectEntry(f"file-{subject.name.casefold()}", subject.name)


def _starter() -> SubjectEntry:
    return SubjectEntry(STARTER, "John")


def finish(window: MainWindow) -> None:
    """Take the window down, and everything that works for it."""
    mishaps = window.findChild(Mishaps)
    if mishaps is not None:
        mishaps.close()
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(window, QEvent.Type.DeferredDelete)


def _say_why_not(details: str) -> None:
    """Show what kept the window from coming up, until that is closed."""
    from lennonnet_gui.help_mishap import MishapDialog

    dialog = MishapDialog(details, ends=True)
    dialog.finished.connect(QApplication.quit)
    dialog.open()
    QApplication.exec()


def _leave_at_once(status: int) -> NoReturn:
    """End the process, whatever its threads are doing: nothing is wanted of them any more.

    What they keep on disk is written in transactions and under temporary names. Taken down in order, the program would
    stay for as long as they take: some seconds for torch's import, or for a huge photo.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    os._exit(status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lennonnet", description="Sort photos by one question: is it John? Opens a window on FOLDER."
    )
    parser.add_argument("folder", nargs="?", metavar="FOLDER", help="the folder to open")
    parser.add_argument("--subject", metavar="FILE", help="the subject to look for, instead of John")
    parser.add_argument(
        "--smoke-test",
        metavar="FOLDER",
        help="open the window, score FOLDER, report on it as JSON, and leave",
    )
    parser.add_argument(
        "--self-test", action="store_true", help="try out whether all of it works on this computer, and leave"
    )
    parser.add_argument(
        "--report", metavar="FILE", help="where --smoke-test and --self-test write their reports as well"
    )
    parser.add_argument(
        "--licences",
        nargs="*",
        metavar="NAME",
        help="print what it is made of, or the licences of these parts",
    )
    parser.add_argument("--version", action="version", version=f"Lennonnet {__version__}")
    return parser


def _dress(app: QCoreApplication) -> None:
    assert isinstance(app, QApplication)
    app.setApplicationName("lennonnet")
    app.setApplicationDisplayName("Lennonnet")
    app.setApplicationVersion(__version__)
    app.setDesktopFileName("lennonnet")
    app.setStyle("Fusion")
    icon = paths.resource("icons/lennonnet.svg")
    if icon.exists():
        app.setWindowIcon(QIcon(str(icon)))
