"""Takes the screenshots of docs/ anew, of the real window on pictures that anyone may use.

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/screenshots.py    (takes some minutes: it trains)

The subject is Chelsea, scikit-image's cat; the others are more of scikit-image's pictures, all of them CC0 or in the
public domain. Nothing here is a photo of the collection that Lennonnet is measured on.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import skimage.data
from PIL import Image

if TYPE_CHECKING:
    from lennonnet_gui.main_window import MainWindow

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
DOCS = ROOT / "docs"
OTHERS = ["astronaut", "coffee", "rocket", "hubble_deep_field", "motorcycle_left", "brick", "grass", "gravel"]
OTHERS += ["camera", "coins", "moon", "page"]
CAT = {
    "IMG_0412": (0, 0, 451, 300),
    "IMG_0413": (90, 20, 380, 240),
    "IMG_0419": (20, 60, 320, 290),
    "IMG_0431": (150, 0, 451, 220),
    "IMG_0432": (120, 70, 300, 250),
    "IMG_0440": (0, 0, 260, 300),
    "IMG_0446": (200, 120, 451, 300),
    "IMG_0447": (60, 130, 260, 270),
}


def picture(name: str) -> Image.Image:
    """One of scikit-image's pictures."""
    if name == "motorcycle_left":
        return Image.open(Path(skimage.data.__file__).parent / "motorcycle_left.png").convert("RGB")
    pixels = np.asarray(getattr(skimage.data, name)())
    return Image.fromarray(pixels[..., :3] if pixels.ndim == 3 else pixels).convert("RGB")


def make_folder(folder: Path) -> None:
    """A folder of photos as somebody might have it: some of the cat, more of other things."""
    holidays = folder / "Cape Canaveral"
    holidays.mkdir(parents=True)
    cat = picture("chelsea")
    for name, box in CAT.items():
        part = cat.crop(box)
        part.resize((4 * part.width, 4 * part.height), Image.Resampling.LANCZOS).save(
            folder / f"{name}.jpg", quality=92
        )
    for number, name in enumerate(OTHERS):
        found = picture(name)
        where = holidays if name in ("rocket", "astronaut", "hubble_deep_field", "moon") else folder
        found.save(where / f"IMG_{450 + 3 * number:04}.jpg", quality=92)
        width, height = found.size
        found.crop((width // 5, height // 6, width * 4 // 5, height * 4 // 5)).save(
            where / f"IMG_{451 + 3 * number:04}.jpg", quality=92
        )
    (folder / "IMG_0490.jpg").write_bytes((folder / "IMG_0412.jpg").read_bytes()[:9000])
    (folder / "IMG_0491.jpg").touch()


def learn(file: Path) -> None:
    """A subject that has seen a little of the cat and of some other things."""
    from training import extractors, head
    from training.subject import Subject
    from training.zones import Zones

    extractor = extractors.load()
    boxes = ((0, 0, 1, 1), (0.1, 0.1, 0.8, 0.9), (0.3, 0.0, 1, 0.7))
    views = [(name, box) for name in ("chelsea", *OTHERS[:7]) for box in boxes]
    squares, is_cat = [], []
    for name, (left, top, right, bottom) in views:
        whole = picture(name)
        w, h = whole.size
        part = whole.crop((int(left * w), int(top * h), int(right * w), int(bottom * h)))
        squares.append(extractor.spec.prepare(np.asarray(part)))
        is_cat.append(name == "chelsea")
    fitted = head.fit(extractor.run(np.stack(squares)), np.array(is_cat), twins=np.arange(len(is_cat)))
    Subject("chelsea", fitted.head, Zones(), extractor.spec).save(file)


def main() -> None:
    """Drive the window through its states and keep a picture of each."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        os.environ["LENNONNET_HOME"], os.environ["HOME"] = str(home / "kept"), str(home)
        folder = home / "Pictures" / "2026"
        make_folder(folder)
        learn(home / "chelsea.safetensors")

        from PySide6.QtCore import QElapsedTimer, QEventLoop, Qt
        from PySide6.QtTest import QTest

        from lennonnet_gui import app, theme
        from lennonnet_gui.folder_session import Phase
        from lennonnet_gui.keys import KeysDialog
        from lennonnet_gui.photo_model import SortKey

        def wait(until: Callable[[], bool], settle_ms: int = 700) -> None:
            loop, clock = QEventLoop(), QElapsedTimer()
            while not until():
                loop.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
            clock.start()
            while clock.elapsed() < settle_ms:
                loop.processEvents()

        def shoot(name: str) -> None:
            wait(lambda: True)
            window.grab().save(str(DOCS / f"{name}.png"))

        window = app.start(["--subject", str(home / "chelsea.safetensors")])
        window.resize(1240, 820)
        shoot("first-start")
        window.open_folder(str(folder))
        wait(lambda: window.session.status.phase is Phase.DONE)
        window.bar.sort_actions[list(SortKey).index(SortKey.SCORE)].trigger()
        shoot("scored-light")
        theme.choose(theme.Scheme.DARK)
        shoot("scored-dark")
        window.grid.setCurrentIndex(window.model.index(0))
        QTest.keyClick(window.grid, Qt.Key.Key_Return)
        window.viewer.info_action.trigger()
        shoot("viewer-dark")
        window.viewer.close_page()
        theme.choose(theme.Scheme.LIGHT)
        window._show_unreadable()
        dialog = window._unreadable_dialog
        assert dialog is not None
        wait(lambda: True)
        dialog.grab().save(str(DOCS / "unreadable.png"))
        dialog.close()
        window.open_folder(str(home / "Pictures" / "gone"))
        wait(lambda: window.session.status.phase is Phase.UNREACHABLE)
        shoot("folder-gone")
        window.keys_action.trigger()
        wait(lambda: True)
        box = window.findChild(KeysDialog)
        assert box is not None
        box.grab().save(str(DOCS / "keys.png"))
        box.close()
        app.finish(window)
        teach(home, folder)


def teach(home: Path, folder: Path) -> None:
    """Drive a window through a lesson: labels by a real drag, questions, training."""
    from PySide6.QtCore import QElapsedTimer, QEventLoop, QPoint, QTimer
    from PySide6.QtGui import QGuiApplication
    from PySide6.QtWidgets import QApplication

    from lennonnet_gui import app, theme
    from lennonnet_gui.folder_session import Phase
    from lennonnet_gui.photo_model import SortKey
    from training.zones import Zone

    def wait(until: Callable[[], bool], settle_ms: int = 700) -> None:
        loop, clock = QEventLoop(), QElapsedTimer()
        while not until():
            loop.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
        clock.start()
        while clock.elapsed() < settle_ms:
            loop.processEvents()

    def shoot(name: str) -> None:
        wait(lambda: True)
        window.grab().save(str(DOCS / f"{name}.png"))

    def shoot_screen() -> None:
        screen = QGuiApplication.primaryScreen()
        screen.grabWindow(0, 0, 0, window.width(), window.height()).save(str(DOCS / "drag.png"))

    def paths(cat: bool, count: int) -> list[str]:
        files = (window.model.file_at(row).path for row in range(window.model.rowCount()))
        return [path for path in files if (Path(path).stem in CAT) == cat][:count]

    def label(zone: Zone, some: list[str]) -> None:
        before = sum(window.teaching.counts().values())
        window.bins.dropped.emit(zone, some, "drag", "")
        wait(lambda: sum(window.teaching.counts().values()) > before and not window.teaching.is_busy())

    theme.choose(theme.Scheme.LIGHT)
    window = app.start([str(folder)])
    window.move(0, 0)
    window.resize(1240, 820)
    wait(lambda: window.session.status.phase is Phase.DONE)
    window.desk.create("Chelsea")
    label(Zone.SUBJECT, paths(True, 2))
    window.bar.sort_actions[list(SortKey).index(SortKey.SCORE)].trigger()
    window.model.sort_by(SortKey.SCORE, descending=True)
    wait(lambda: True)

    # A real drag: it has an event loop of its own, in which the timer takes the picture.
    grid, target = window.grid.viewport(), window.bins.bin_of(Zone.NOT_SUBJECT)
    rows = [
        row for row in range(window.model.rowCount()) if window.model.file_at(row).path in paths(False, 4)
    ]
    for row in rows:
        index = window.model.index(row)
        window.grid.selectionModel().select(index, window.grid.selectionModel().SelectionFlag.Select)
    start = grid.mapToGlobal(window.grid.visualRect(window.model.index(rows[0])).center())
    end = target.mapToGlobal(target.rect().center())
    window.grid.scrollTo(window.model.index(rows[0]))
    start = grid.mapToGlobal(window.grid.visualRect(window.model.index(rows[0])).center())
    way = [start + QPoint(15, 15), end, end + QPoint(2, 0)]
    words = f"mousemove {start.x()} {start.y()} mousedown 1 sleep .2"
    for point in way:
        words += f" mousemove {point.x()} {point.y()} sleep .2"
    QTimer.singleShot(2500, window, shoot_screen)
    running = subprocess.Popen(["xdotool", *words.split(), "sleep", "3", "mouseup", "1"])
    wait(lambda: running.poll() is not None)
    wait(lambda: window.teaching.counts()[Zone.NOT_SUBJECT, ""] > 0 and not window.teaching.is_busy())
    label(Zone.SUBJECT, paths(True, 4))
    label(Zone.NOT_SUBJECT, paths(False, 9))
    shoot("teaching")
    theme.choose(theme.Scheme.DARK)
    window.parts.open_queue()
    wait(lambda: window.queue.file() is not None)
    shoot("queue")
    window.queue.close_page()
    theme.choose(theme.Scheme.LIGHT)
    label(Zone.SUBJECT, paths(True, 99))
    label(Zone.NOT_SUBJECT, paths(False, 99))
    train(window, wait)
    app.finish(window)
    QApplication.processEvents()


def train(window: MainWindow, wait: Callable[..., None]) -> None:
    """Train deep on what was labelled; the dialog before, while and after."""
    window.parts.open_training()
    dialog = window.parts._training
    assert dialog is not None
    wait(lambda: dialog._seconds is not None and dialog._look is None)
    dialog.grab().save(str(DOCS / "training-before.png"))
    dialog.before.choose(deep=True)
    dialog._start_afresh()
    epochs: list[object] = []
    assert dialog._run is not None
    dialog._run.reported.connect(
        lambda event: epochs.append(event) if type(event).__name__ == "Epoch" else None
    )
    wait(lambda: len(epochs) >= 6 or not dialog.training)
    dialog.grab().save(str(DOCS / "training-during.png"))
    wait(lambda: not dialog.training)
    dialog.grab().save(str(DOCS / "training-after.png"))
    dialog.close()


if __name__ == "__main__":
    main()
