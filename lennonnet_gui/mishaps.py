"""What went wrong, kept for whoever has to find out why: the log, the crash file, and errors that nobody foresaw.

Three files at most of each lie in the user's log folder, and nothing of them is ever sent anywhere. The dialogs that
show it are in `help_mishap`, which is loaded when there is something to show.
"""

from __future__ import annotations

import contextlib
import faulthandler
import itertools
import logging
import os
import re
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from PySide6.QtCore import (
    QMessageLogContext,
    QObject,
    Qt,
    QtMsgType,
    Signal,
    Slot,
    qInstallMessageHandler,
    qVersion,
)
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget

from training import __version__, paths

if TYPE_CHECKING:
    from lennonnet_gui.help_mishap import MishapDialog

log = logging.getLogger("lennonnet")

_LOGGERS = ("lennonnet", "lennonnet_gui", "training")  # and all below these
_MOST_BYTES = 1 << 20
_OLDER = 2  # files of each kind that are kept beside the newest
_LOG, _CRASH = "lennonnet.log", "crash.log"
_MOST_OF_A_CRASH = 20_000  # letters of it that go into the log as well
_OFTEN = 20  # so many times one message of Qt's is put down
# On Windows, faulthandler also writes of exceptions that somebody catches; those have a bare code.
_FATAL = re.compile(r"^(Fatal Python error|Windows fatal exception: (?!code 0x))", re.MULTILINE)
_LEVELS = {
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}

CRASHED = "Lennonnet ended unexpectedly the last time. What is known of it is in the log: Help > Show log."


class LogBook:
    """Puts down what goes wrong, from now until `close`. Where there is no place for it, the program goes on without.

    notice: a sentence for the user when the run before this one ended with a crash, else ""
    `asks` is whether somebody is there to read that; if not, it is left for the next time.
    """

    def __init__(self, *, asks: bool = True) -> None:
        self.notice = ""
        self._handler: logging.Handler | None = None
        self._crash: TextIO | None = None
        self._told: dict[str, int] = {}
        self._told_lock = threading.Lock()
        folder = paths.log_dir()
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            self._handler = _Rotating(folder / _LOG, encoding="utf-8", errors="backslashreplace")
        if self._handler is not None:
            self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
            for name in _LOGGERS:
                logging.getLogger(name).addHandler(self._handler)
            log.setLevel(logging.INFO)
        with contextlib.suppress(OSError):
            self._watch_for_crashes(folder, asks)
        self._from_qt = self._put_down_qt  # one object, to be told from others
        self._before = qInstallMessageHandler(self._from_qt)

    def tell_system(self) -> None:
        """Put down what runs here; it is of no hurry."""
        import platform

        system = f"{platform.system()} {platform.release()} {platform.machine()}"
        frozen = ", bundled" if getattr(sys, "frozen", False) else ""
        log.info(
            "Lennonnet %s%s. %s. Python %s, Qt %s on %s, %s processors.",
            __version__,
            frozen,
            system,
            platform.python_version(),
            qVersion(),
            QGuiApplication.platformName(),
            os.cpu_count(),
        )

    def close(self) -> None:
        """Put down nothing any more, and leave everything as it was found."""
        current = qInstallMessageHandler(None)
        qInstallMessageHandler(self._before if current is self._from_qt else current)
        if self._crash is not None:
            faulthandler.disable()
            with contextlib.suppress(OSError):
                self._crash.close()  # stays, if empty: another window may have it open
            self._crash = None
        if self._handler is not None:
            for name in _LOGGERS:
                logging.getLogger(name).removeHandler(self._handler)
            log.setLevel(logging.NOTSET)
            with contextlib.suppress(OSError, ValueError):  # a full disk is no reason to stay
                self._handler.close()
            self._handler = None

    def _watch_for_crashes(self, folder: Path, asks: bool) -> None:
        file = folder / _CRASH
        if asks and file.exists() and file.stat().st_size:
            self._set_aside(file)
        if faulthandler.is_enabled():
            return  # somebody else watches, as Python's developer mode does
        self._crash = file.open("a", encoding="utf-8")
        faulthandler.enable(self._crash)

    def _set_aside(self, file: Path) -> None:
        with file.open(encoding="utf-8", errors="replace") as opened:
            words = opened.read(_MOST_OF_A_CRASH)
        _move_up(file)
        if _FATAL.search(words):
            self.notice = CRASHED
            log.error("The run before this one ended with a crash:\n%s", words)

    def _put_down_qt(self, kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
        """What Qt calls, on any thread, for what it has to say; whoever listened before hears it as well."""
        level = _LEVELS.get(kind)
        if level is not None:
            with self._told_lock:
                times = self._told[message] = self._told.get(message, 0) + 1
                if len(self._told) > 1000:
                    self._told.clear()
            if times <= _OFTEN:
                log.log(level, "Qt: %s%s", message, " (and so on)" if times == _OFTEN else "")
        if self._before is not None:
            self._before(kind, context, message)
        elif sys.stderr is not None:
            with contextlib.suppress(OSError, ValueError):
                print(message, file=sys.stderr, flush=True)


class _Rotating(logging.FileHandler):
    """Begins a new file where one is full, and keeps some older ones. logging.handlers has the like, and takes 7 ms.

    Where the file can't be renamed, as on Windows while another window has it open, that one is gone on with.
    """

    def emit(self, record: logging.LogRecord) -> None:
        # On a full disk, even to ask the stream where it is fails: that writes first.
        with contextlib.suppress(OSError, ValueError):
            if self.stream is not None and os.fstat(self.stream.fileno()).st_size > _MOST_BYTES:
                stream, self.stream = self.stream, None  # which opens it anew
                with contextlib.suppress(OSError):
                    stream.close()
                _move_up(Path(self.baseFilename))
        super().emit(record)


def _move_up(file: Path) -> None:
    """Rename a file to its first older one, and that to the second; the last is lost. Raises OSError."""
    names = [file, *(file.with_name(f"{file.name}.{number}") for number in range(1, _OLDER + 1))]
    for newer, older in reversed(list(itertools.pairwise(names))):
        with contextlib.suppress(FileNotFoundError):
            newer.replace(older)


class Mishaps(QObject):
    """Shows errors that nobody foresaw, and lets the program go on. Its hooks are for any thread."""

    _happened = Signal(str)

    def __init__(self, window: QWidget, book: LogBook) -> None:
        super().__init__(window)
        self._window, self._book = window, book
        self._dialog: MishapDialog | None = None
        self._happened.connect(self.show)
        sys.excepthook = self.hook
        threading.excepthook = self.thread_hook

    def close(self) -> None:
        """Leave errors to Python again, and close the log."""
        sys.excepthook = sys.__excepthook__
        threading.excepthook = threading.__excepthook__
        self._book.close()

    @Slot()
    def tell_system(self) -> None:
        """Put down what runs here."""
        self._book.tell_system()

    def hook(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """What Python calls for an exception that reached the event loop."""
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        self._happened.emit("".join(traceback.format_exception(kind, error, trace)))

    def thread_hook(self, arguments: threading.ExceptHookArgs) -> None:
        """What Python calls for an exception that ended a thread."""
        if arguments.exc_value is not None:
            self.hook(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)

    @Slot(str)
    def show(self, details: str) -> None:
        """Log the details, and show them to the user, who may copy them; a further error joins those that are shown."""
        put_down(details)
        if self._dialog is not None:
            self._dialog.add(details)
            return
        from lennonnet_gui.help_mishap import MishapDialog

        self._dialog = MishapDialog(details, self._window)
        self._dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._dialog.finished.connect(self._closed)
        self._dialog.open()

    @Slot()
    def _closed(self) -> None:
        self._dialog = None


def put_down(details: str) -> None:
    """Write of an error into the log and, for who started the program from there, into the terminal."""
    log.error("%s", details)
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(details, file=sys.stderr, flush=True)
