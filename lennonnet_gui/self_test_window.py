"""What `lennonnet --self-test` tries out of the window's side: icons, letters, the trainer, and the window itself.

Qt gives an empty picture where a file or a plugin is missing, and says nothing; so everything is looked at.
"""

from __future__ import annotations

import dis
import importlib.util
import pkgutil
import shutil
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, TracebackType
from typing import TYPE_CHECKING

import numpy as np
import PySide6
from PySide6.QtCore import (
    QBuffer,
    QByteArray,
    QEventLoop,
    QIODevice,
    QLibraryInfo,
    QPluginLoader,
    QSize,
    Qt,
    QTimer,
    qVersion,
)
from PySide6.QtGui import QFont, QFontDatabase, QGuiApplication, QIcon, QImage, QImageReader, QPainter
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication, QWidget

import lennonnet_gui
import training
from lennonnet_gui import theme, training_run
from training import checkpoints, finetune, paths, self_test
from training.subject import Subject
from training.trial import Lie, Trial
from training.verdicts import Ledger, Verdict
from training.zones import Zone

if TYPE_CHECKING:
    from lennonnet_gui.main_window import MainWindow

# fmt: off
ICONS = (
    "arrow-down-wide-narrow", "ban", "check", "chevron-left", "chevron-right", "circle-question-mark", "eye",
    "folder", "folder-open", "funnel", "history", "image", "image-off", "images", "info", "keyboard", "lennonnet",
    "list", "maximize", "minus", "panel-left", "plus", "rotate-ccw", "scan", "scan-face", "search", "settings",
    "triangle-alert", "undo-2", "x", "zoom-in", "zoom-out",
)
"""All icons that are shipped."""
# fmt: on

LETTERS = "Ag7 “”’…–×é"
"""What the window writes with: each has to leave its mark."""

_SCREENS = {"linux": ("xcb", "wayland"), "darwin": ("cocoa",), "win32": ("windows",)}
_ELSEWHERE = frozenset({"fcntl", "msvcrt", "pwd", "resource", "termios", "winreg", "_winapi"})
"""Modules of Python's own that some systems have and others don't."""
_SLOW = frozenset({"lightning_fabric", "pytorch_lightning", "timm", "torch", "torchvision"})
_PATIENCE_S = 120
_QUIET_MS = 50
_EDGE = 64


def _application() -> QApplication:
    app = QApplication.instance() or QApplication(["lennonnet"])
    assert isinstance(app, QApplication)
    return app


# -- what is in it


def libraries(folder: Path) -> str:
    """Which libraries the program runs with."""
    return f"{self_test.libraries(folder)}, Qt {qVersion()} (PySide6 {PySide6.__version__})"


def modules(_folder: Path) -> str:
    """All modules are there, and all libraries that any of them names, also those that are wanted hardly ever."""
    ours, named = [], set[str]()
    for package in (lennonnet_gui, training):
        for one in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            ours.append(one.name)
            spec = importlib.util.find_spec(one.name)
            if spec is None:
                raise Lie(f"the module {one.name} is missing")
            code_of = getattr(spec.loader, "get_code", None)  # what runs tests has loaders of its own
            if code_of is not None:
                named.update(_imported(code_of(one.name)))
    lacking = sorted(name for name in named - _ELSEWHERE if not _is_there(name))
    if lacking:
        raise Lie(f"missing: {', '.join(lacking)}")
    for name in ours:
        if name.startswith("lennonnet_gui."):
            importlib.import_module(name)
    return f"{len(ours)} modules, and the {len(named - _ELSEWHERE)} that they name"


def _imported(code: CodeType) -> Iterator[str]:
    """The names of all modules that some code imports, wherever in it."""
    if dis.opmap["IMPORT_NAME"] in code.co_code[::2]:
        for step in dis.get_instructions(code):
            if step.opname == "IMPORT_NAME" and isinstance(step.argval, str):
                yield step.argval
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _imported(inner)


def _is_there(name: str) -> bool:
    if name.partition(".")[0] in _SLOW:  # to look for a part of them, all of them is imported
        name = name.partition(".")[0]
    try:
        return name in sys.modules or importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def resources(_folder: Path) -> str:
    """All files that are shipped are there."""
    names = [
        *(f"icons/{name}.svg" for name in ICONS),
        *(f"samples/{sample.name}" for sample in self_test.SAMPLES),
        f"samples/{self_test.FACE}",
        f"samples/{self_test.FEATURES}",
        self_test.STARTER,
        "subjects/john.md",
    ]
    missing = [
        name
        for name in names
        if not paths.resource(name).is_file() or not paths.resource(name).stat().st_size
    ]
    if missing:
        raise Lie(f"missing: {', '.join(missing)}")
    Subject.load(paths.resource(self_test.STARTER))
    return f"{len(names)} files are there"


def screen(_folder: Path) -> str:
    """Qt has a screen to draw on, and the plugins for those that there may be elsewhere."""
    used = _application().platformName()
    place = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath), "platforms")
    told = []
    for name in (*_SCREENS.get(sys.platform, ()), "offscreen"):
        found = sorted(place.glob(f"*q{name}*"))
        if not found:
            raise Lie(f"there is no plugin for the screen “{name}” in {place}")
        loader = QPluginLoader(str(found[0]))
        if used != name and not loader.load():  # not a lie: the system may lack what such screens need
            told.append(f"{name} would not work here: {' '.join(loader.errorString().split())}")
    if not QGuiApplication.primaryScreen() or QGuiApplication.primaryScreen().size().isEmpty():
        raise Lie(f"the screen “{used}” has no size")
    return "; ".join([f"drawn on “{used}”", *told])


def icons(_folder: Path) -> str:
    """Every icon is drawn, by Qt's SVG library and by its icon plugin."""
    _application()
    empty = [name for name in ICONS if not _draws(name)]
    size = QSize(_EDGE, _EDGE)
    plugin = QIcon(str(paths.resource("icons/lennonnet.svg"))).pixmap(size)  # as the window's own
    if plugin.isNull() or _is_blank(plugin.toImage()):
        empty.append("lennonnet, by the plugin for SVG icons")
    if empty:
        raise Lie(f"drawn empty: {', '.join(empty)}")
    return f"{len(ICONS)} icons drawn"


def _draws(name: str) -> bool:
    try:
        svg = QSvgRenderer(QByteArray(paths.resource(f"icons/{name}.svg").read_bytes()))
        drawn = theme.icon_pixmap(name, _EDGE, "#000000").toImage()
        made = theme.icon(name).pixmap(QSize(20, 20)).toImage()
    except OSError:
        return False
    return svg.isValid() and not _is_blank(drawn) and not _is_blank(made)


def pictures(folder: Path) -> str:
    """Qt writes and reads what thumbnails are kept as, and reads SVG."""
    _application()
    formats = {bytes(one.data()).decode() for one in QImageReader.supportedImageFormats()}
    lacking = {"png", "svg"} - formats
    if lacking:
        raise Lie(f"Qt can’t read {', '.join(sorted(lacking))}; it knows {', '.join(sorted(formats))}")
    image = QImage(_EDGE, _EDGE, QImage.Format.Format_RGB32)
    image.fill(0xFF3366CC)
    image.setText("Thumb::URI", "file:///ü")
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not image.save(buffer, "PNG", 85):  # type: ignore[call-overload]
        raise Lie("Qt could not write a PNG")
    file = folder / "ü.png"
    file.write_bytes(bytes(buffer.data().data()))
    read = QImage(str(file))
    if read.isNull() or read.pixel(3, 3) != 0xFF3366CC or read.text("Thumb::URI") != "file:///ü":
        raise Lie("a PNG that Qt wrote was read otherwise")
    svg = QImage(str(paths.resource("icons/check.svg")))
    if svg.isNull() or _is_blank(svg):
        raise Lie("Qt reads SVG files as empty pictures")
    return f"Qt reads {', '.join(sorted(formats))}"


def letters(_folder: Path) -> str:
    """There is a font, and the letters that the window writes are drawn, each in its own way."""
    _application()
    if not QFontDatabase.families():
        raise Lie("there is no font on this computer; please install one, such as DejaVu Sans")
    font = QGuiApplication.font()
    drawn = {letter: _drawn(letter, font) for letter in LETTERS if letter != " "}
    empty = [letter for letter, image in drawn.items() if _is_blank(image)]
    if empty:
        raise Lie(f"nothing is drawn for {' '.join(empty)} in {font.family()}")
    same = [
        f"{one} and {other}"
        for one, other in (("A", "g"), ("A", "7"), ("g", "é"), ("“", "”"))
        if drawn[one] == drawn[other]
    ]
    if same:
        raise Lie(f"{', '.join(same)} look alike: {font.family()} has no letters")
    return f"written in {font.family()}, one of {len(QFontDatabase.families())}"


def _drawn(letter: str, font: QFont) -> QImage:
    image = QImage(_EDGE, _EDGE, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    large = QFont(font)
    large.setPixelSize(_EDGE // 2)
    painter = QPainter(image)
    painter.setFont(large)
    painter.drawText(image.rect(), Qt.AlignmentFlag.AlignCenter, letter)
    painter.end()
    return image


def _is_blank(image: QImage) -> bool:
    """Whether a picture has one colour alone, or nothing."""
    if image.isNull():
        return True
    plain = image.convertToFormat(QImage.Format.Format_ARGB32)
    first = plain.pixel(0, 0)
    return all(plain.pixel(x, y) == first for y in range(plain.height()) for x in range(plain.width()))


# -- the trainer


class _Trainer:
    """One run of the trainer, in a process of its own, as the training window has it."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.ended: tuple[str, bool] | None = None
        self.when: Callable[[object], None] = lambda event: None
        self.run = training_run.TrainingRun()
        self.run.reported.connect(self._heard)
        self.run.ended.connect(self._end)

    def _heard(self, event: object) -> None:
        self.events.append(event)
        self.when(event)

    def _end(self, sentence: str, crashed: bool) -> None:
        self.ended = sentence, crashed

    def go(self, arguments: Sequence[str]) -> object:
        """Run it to its end; its last event. Raises Lie."""
        self.run.start(arguments)
        try:
            _wait(lambda: self.ended is not None, "the trainer to end")
        finally:
            self.run.close()
        assert self.ended is not None
        sentence, _ = self.ended
        last = self.events[-1] if self.events else None
        if sentence:
            said = self.run.details.splitlines()
            raise Lie(f"{sentence}{f' It said: {said[-1]}' if said and said[-1] not in sentence else ''}")
        if isinstance(last, finetune.Stopped):
            return last
        if not isinstance(last, finetune.Finished):
            raise Lie(f"the trainer ended well, but with {type(last).__name__}")
        return last


def train_quick(folder: Path) -> str:
    """Quick training, in a process of its own, gives a new version of a subject that tells photos apart."""
    _application()
    entry = self_test.label_for_training(folder, "Quick")
    _Trainer().go(["fit", "--events", "--adopt", "never", "--labels-of", entry.id])
    return self_test.check_trained(folder, entry, "quick")


def train_deep(folder: Path) -> str:
    """Deep training is stopped after an epoch, goes on from there, and gives a network that tells photos apart."""
    _application()
    entry = self_test.label_for_training(folder, "Deep")
    words = ["fit", "--events", "--adopt", "never", "--labels-of", entry.id, "--deep", "--no-faces"]
    words += ["--epochs", "8", "--size", "64", "--batch", "8"]
    first = _Trainer()
    first.when = lambda event: first.run.stop() if isinstance(event, finetune.Checkpoint) else None
    place = paths.data_dir() / "trainings" / f"of-{entry.id}"
    stopped = None
    try:
        first.go(words)
    except Lie:
        stopped = first.events[-1] if first.events else None
        if not isinstance(stopped, finetune.Stopped):
            raise
    unfinished = finetune.unfinished(place)
    if not isinstance(stopped, finetune.Stopped) or not stopped.can_resume or unfinished is None:
        raise Lie("a training that was stopped after its first epoch left nothing to go on from")
    second = _Trainer()
    second.go([*words, "--resume"])
    learned = [event.epoch for event in second.events if isinstance(event, finetune.Batch) and event.epoch]
    if not learned or learned[0] != unfinished.epoch + 1 or learned[-1] != unfinished.of:
        raise Lie(
            f"stopped after epoch {unfinished.epoch} of {unfinished.of}, it went on with {sorted(set(learned))}"
        )
    if checkpoints.newest(place) is not None:
        raise Lie("a training that is done left its checkpoint")
    trained = self_test.check_trained(folder, entry, "deep")
    return f"stopped after epoch {unfinished.epoch} of {unfinished.of}, gone on from there; {trained}"


# -- the window


def window(folder: Path) -> str:
    """The window shows the photos of a folder and scores them; its pages and dialogs open; a label is kept."""
    from lennonnet_gui import app
    from lennonnet_gui.folder_session import Phase

    _application()
    place = folder / "photos"
    self_test.draw_photos(place, 3)
    for name in ("turned.jpg", "turned.heic", self_test.FACE):
        shutil.copyfile(self_test.sample(name), place / name)
    (place / "cut.jpg").write_bytes(self_test.sample(self_test.FACE).read_bytes()[:3000])
    crashes: list[str] = []
    shown = app.start([str(place)])
    try:
        _collect(shown, crashes)

        def done() -> bool:
            return bool(crashes) or shown.session.status.phase in (Phase.DONE, Phase.UNREACHABLE)

        _wait(done, "the folder to be scored")
        _refuse(crashes)
        counts = shown.model.counts()
        if (counts.total, sum(counts.by_zone), counts.unreadable) != (10, 9, 1):
            raise Lie(
                f"of 10 photos, 1 of them cut off, {counts.total} were found, {sum(counts.by_zone)} scored and"
                f" {counts.unreadable} found unreadable"
            )
        _wait(lambda: bool(crashes) or _shows_quarters(shown.grab().toImage()), "the photos to be seen")
        _wait(lambda: _is_quiet(shown), "the window to be done")
        _refuse(crashes)
        _label(shown, crashes)
        opened = _open_all(shown, crashes)
    finally:
        app.finish(shown)
    return (
        f"10 photos opened, 9 scored and seen, 1 said to be cut off; a label given and taken back; {opened}"
    )


def _collect(shown: MainWindow, crashes: list[str]) -> None:
    """Have every error that nobody foresaw noted, wherever it happens; nobody is there to read a dialog."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        crashes.append("".join(traceback.format_exception(kind, error, trace)))

    def thread_hook(arguments: threading.ExceptHookArgs) -> None:
        crashes.append(f"{arguments.exc_type.__name__}: {arguments.exc_value}")

    sys.excepthook, threading.excepthook = hook, thread_hook
    for part in (shown.session, shown.teaching, shown.faces, shown.sorting, shown.help):
        part.crashed.connect(crashes.append)


def _is_quiet(shown: MainWindow) -> bool:
    return not shown.teaching.is_busy() and not shown.jobs.busy()


def _label(shown: MainWindow, crashes: Sequence[str]) -> None:
    """Say of the face that it is the subject, and take that back. Raises Lie."""
    file = next(
        shown.model.file_at(row)
        for row in range(shown.model.rowCount())
        if Path(shown.model.file_at(row).path).name == self_test.FACE
    )
    for kept in ([Verdict.SUBJECT], []):
        if kept:
            shown.teaching.label([file], Zone.SUBJECT, "key")
        else:
            shown.teaching.undo()
        _wait(lambda: bool(crashes) or _is_quiet(shown), "a label to be learned from")
        _refuse(crashes)
        with Ledger() as ledger:
            found = [said.verdict for _, _, said in ledger.photos(shown.teaching.subject_id)]
        if found != kept:
            raise Lie(f"the window kept the labels {found} instead of {kept}")


def _open_all(shown: MainWindow, crashes: Sequence[str]) -> str:
    """Open what can be opened, one after the other, and see that something is drawn. Raises Lie."""
    shown.grid.setCurrentIndex(shown.model.index(0))
    actions = {
        "one photo": shown.open_photo_action,
        "people": shown.faces.people_action,
        "the least sure": shown.parts.queue_action,
        "the history": shown.parts.history_action,
        "training": shown.parts.train_action,
        "sorting": shown.sorting.sort_action,
        "sorted before": shown.sorting.history_action,
        "unreadable photos": shown.unreadable_action,
        "keys": shown.keys_action,
        "about": shown.help.about_action,
    }
    for name, action in actions.items():
        before = shown.grab().toImage()
        others = set(_windows(shown))
        action.trigger()
        _pause()
        _wait(lambda: bool(crashes) or _is_quiet(shown), f"“{name}” to be there")
        _pause()
        _refuse(crashes)
        opened = [one for one in _windows(shown) if one not in others]
        drawn = [one.grab().toImage() for one in opened] or [shown.grab().toImage()]
        if not opened and drawn[0] == before:
            raise Lie(f"“{name}” did not open")
        if any(_is_blank(image) for image in drawn):
            raise Lie(f"“{name}” is drawn empty")
        for one in opened:
            one.close()
        shown.viewer.close_page()
        shown.queue.close_page()
        shown.faces.close_people()
        _pause()
        _refuse(crashes)
    return f"{len(actions)} pages and dialogs opened"


def _windows(shown: MainWindow) -> list[QWidget]:
    """The windows that are open beside the main one."""
    return [one for one in QApplication.topLevelWidgets() if one.isVisible() and one is not shown]


def _pause() -> None:
    """Let Qt work for a moment, in which whatever was asked for begins."""
    loop = QEventLoop()
    QTimer.singleShot(_QUIET_MS, loop.quit)
    loop.exec()


def _refuse(crashes: Sequence[str]) -> None:
    if crashes:
        raise Lie(f"an error that nobody foresaw: {crashes[0].strip().splitlines()[-1]}")


def _shows_quarters(image: QImage) -> bool:
    """Whether the colours that are drawn for that can be seen somewhere, upright."""
    if image.isNull():
        return False
    pixels = image.convertToFormat(QImage.Format.Format_RGB32)
    row = pixels.bytesPerLine() // 4
    seen = (
        np.frombuffer(pixels.constBits(), np.uint8).reshape(pixels.height(), row, 4)[..., 2::-1].astype(int)
    )
    places = []
    for colour in self_test.QUARTERS:
        near = np.argwhere(np.abs(seen - colour).max(axis=2) < 14)
        if len(near) < 50:
            return False
        places.append(near.mean(axis=0))
    return bool(places[0][0] < places[2][0] and places[0][1] < places[1][1] and places[2][1] < places[3][1])


def _wait(until: Callable[[], bool], what: str) -> None:
    """Let Qt work until something is so. Raises Lie after two minutes."""
    if until():
        return
    loop = QEventLoop()

    def look() -> None:
        if until():
            loop.exit(0)

    looking = QTimer(interval=20)
    looking.timeout.connect(look)
    patience = QTimer(singleShot=True, interval=_PATIENCE_S * 1000)
    patience.timeout.connect(lambda: loop.exit(1))
    looking.start()
    patience.start()
    waited = loop.exec()
    looking.stop()
    if waited:
        raise Lie(f"waited {_PATIENCE_S} s for {what}")


BEFORE: tuple[tuple[str, Trial], ...] = (
    ("libraries", libraries),
    ("modules", modules),
    ("resources", resources),
    ("screen", screen),
    ("icons", icons),
    ("pictures", pictures),
    ("letters", letters),
)
"""What is tried first: without it, nothing else works."""

AFTER: tuple[tuple[str, Trial], ...] = (
    ("quick", train_quick),
    ("deep", train_deep),
    ("window", window),
)
