"""Takes the screenshots of docs/ that show faces anew, of the real window on pictures that anyone may use.

    xvfb-run -a -s "-screen 0 1600x1000x24" python docs/faces.py

The faces are those of an astronaut (NASA) and of two presidents (the White House): pictures made by officers of the
United States in their duty are in the public domain. The first comes with scikit-image, the others with the sources of
the package face_recognition, which are fetched from the package index. Nothing here is a photo of the collection that
Lennonnet is measured on.
"""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import skimage.data
from PIL import Image, ImageEnhance, ImageOps

if TYPE_CHECKING:
    from lennonnet_gui.main_window import MainWindow

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
DOCS = ROOT / "docs"
PACKAGE = "face_recognition==1.3.0"
PORTRAITS = {"Barack": ("obama", "obama2", "obama3"), "Joe": ("biden",), "Eileen": ("astronaut",)}
TABLES = ("brick", "gravel", "grass", "coffee", "hubble_deep_field", "rocket")


def portraits(scratch: Path) -> dict[str, list[Image.Image]]:
    """Head and shoulders of each person, from each of their pictures."""
    from training import faces

    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", PACKAGE]
    subprocess.check_call([*pip, "-d", str(scratch)])
    (archive,) = scratch.glob("face_recognition*.tar.gz")
    finder = faces.load()
    found: dict[str, list[Image.Image]] = {}
    with tarfile.open(archive) as sources:
        names = {Path(name).name: name for name in sources.getnames()}
        for person, pictures in PORTRAITS.items():
            for picture in pictures:
                if picture == "astronaut":
                    whole = Image.open(Path(skimage.data.__file__).parent / "astronaut.png").convert("RGB")
                else:
                    content = sources.extractfile(names[f"{picture}.jpg"])
                    assert content is not None
                    whole = Image.open(io.BytesIO(content.read())).convert("RGB")
                best = finder.faces(np.asarray(whole), faces.Look.THOROUGH)[0]["box"]
                left, top, right, bottom = best * np.array(whole.size * 2)
                wide = (right - left) * 0.7
                box = left - wide, top - wide, right + wide, bottom + 1.2 * wide
                inside = max(0, box[0]), max(0, box[1]), min(whole.width, box[2]), min(whole.height, box[3])
                found.setdefault(person, []).append(whole.crop(tuple(map(round, inside))))
    # Somebody between two of them, for the border: their faces, turned upright, one over the other.
    chips = []
    for person in ("Barack", "Joe"):
        pixels = np.asarray(found[person][0])
        chips.append(Image.fromarray(finder.chips(pixels, finder.faces(pixels, faces.Look.THOROUGH)[:1])[0]))
    found["between"] = [Image.blend(chips[0], chips[1], share) for share in (0.5, 0.56, 0.62)]
    return found


def make_folder(folder: Path, people: dict[str, list[Image.Image]]) -> None:
    """A folder of photos: prints of one, two or three people, on tables of many kinds."""
    folder.mkdir(parents=True)
    chance = random.Random(4)
    everybody = [person for person in people if person != "between"]
    for number in range(26):
        pixels = np.asarray(getattr(skimage.data, TABLES[number % len(TABLES)])())
        table = Image.fromarray(pixels[..., :3] if pixels.ndim == 3 else pixels).convert("RGB")
        table = ImageOps.fit(table, (1500, 1000)).point(lambda value: 90 + value * 0.6)
        shown = chance.sample(everybody, chance.choice((1, 2, 3, 3)))
        if number % 3 == 0 and "Barack" not in shown:
            shown[0] = "Barack"
        if number in (7, 10, 14, 17, 19, 23):
            shown[-1] = "between"
        for place, person in enumerate(shown):
            print_ = chance.choice(people[person])
            height = chance.randint(330, 520)
            print_ = print_.resize(
                (round(print_.width * height / print_.height), height), Image.Resampling.LANCZOS
            )
            if chance.random() < 0.4:
                print_ = ImageOps.mirror(print_)
            print_ = ImageEnhance.Brightness(print_).enhance(chance.uniform(0.75, 1.2))
            print_ = ImageEnhance.Color(print_).enhance(chance.choice((0.0, 0.5, 1.0, 1.2)))
            print_ = ImageOps.expand(print_, 14, "white").convert("RGBA")
            print_ = print_.rotate(chance.uniform(-9, 9), Image.Resampling.BICUBIC, expand=True)
            x = 60 + place * 470 + chance.randint(0, 40)
            table.paste(print_, (x, chance.randint(60, 420)), print_)
        table.save(folder / f"IMG_{2300 + number}.jpg", quality=92)


def sort_out(window: MainWindow, wait: Callable[[Callable[[], bool]], None]) -> None:
    """Sort the folder out, with tags first and into folders then; the dialog at each step, and the history."""
    from lennonnet_gui.sort_remembered import Doing, Goes
    from training.zones import Zone

    window.sorting.sort_action.trigger()
    dialog = window.sorting.sorting.dialog
    choose = dialog.choose
    wait(dialog.isVisible)

    def shoot(name: str) -> None:
        dialog.grab().save(str(DOCS / f"{name}.png"))

    def plan() -> None:
        choose.plan_button.click()
        wait(dialog.plan.start.isEnabled)

    def run() -> None:
        dialog.plan.start.click()
        wait(lambda: dialog._pages.currentWidget() is dialog.after)

    shoot("sort-choose")
    choose.choices[Doing.TAG].click()
    choose.tags[Zone.SUBJECT].field.setText("People/{subject}")
    choose.only_confirmed_tags.setChecked(False)
    plan()
    shoot("sort-tags")
    run()
    dialog._begin()
    choose.choices[Doing.MOVE].click()
    others = choose.targets[Zone.NOT_SUBJECT].goes
    others.setCurrentIndex(others.findData(Goes.TRASH))
    plan()
    shoot("sort-plan")
    run()
    shoot("sort-done")
    dialog.close()
    window.sorting.history_action.trigger()
    history = window.sorting.sorting.history
    wait(lambda: history.photos_model.rowCount() > 0)
    history.table.selectRow(1)
    wait(history.undo_some.isEnabled)
    history.grab().save(str(DOCS / "sort-history.png"))
    history.close()


def main() -> None:
    """Drive the window through its states and keep a picture of each."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        os.environ["LENNONNET_HOME"], os.environ["HOME"] = str(home / "kept"), str(home)
        folder = home / "Pictures" / "Album"
        people = portraits(home)
        make_folder(folder, people)

        from PySide6.QtCore import QElapsedTimer, QEventLoop

        from lennonnet_gui import app
        from lennonnet_gui.folder_session import Phase
        from training import faces
        from training.verdicts import FaceVerdict

        finder = faces.load()

        def wait(until: Callable[[], bool], settle_ms: int = 900) -> None:
            loop, clock = QEventLoop(), QElapsedTimer()
            while not until():
                loop.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 100)
            clock.start()
            while clock.elapsed() < settle_ms:
                loop.processEvents()

        def calm() -> bool:
            return not (window.teaching.is_busy() or window.jobs.busy() or window.faces.people.is_busy())

        def shoot(name: str) -> None:
            wait(calm)
            window.grab().save(str(DOCS / f"{name}.png"))

        window = app.start([str(folder)])
        window.resize(1240, 820)
        wait(lambda: window.session.status.phase is Phase.DONE)
        window.desk.create("Barack")
        window.desk.add_look_alike("Joe")
        wait(lambda: window.session.status.phase is Phase.DONE)
        window.faces.open_people()
        wait(lambda: window.faces.page.is_grouped() and calm())
        page = window.faces.page
        for person, verdict, group in (
            ("Barack", FaceVerdict.SUBJECT, ""),
            ("Joe", FaceVerdict.NOT_SUBJECT, "joe"),
        ):
            known = finder.faces(np.asarray(people[person][0]), faces.Look.THOROUGH)[0]["descriptor"]
            descriptors = page.descriptors()
            assert descriptors is not None
            nearest = int(np.square(descriptors.astype(np.float32) - known).sum(1).argmin())
            members = next(one.faces for one in page.groups() if nearest in one.faces)
            some = [page.faces()[place] for place in members[:5]]
            page.said.emit([(face.file, face.number) for face in some], verdict, group)
            wait(calm)
        shoot("people")
        page.close_page()
        window.grid.set_cell_size(200)
        shoot("faces-grid")
        for row in range(window.model.rowCount()):
            if len(window.faces.labels.faces_of(window.model.file_at(row))) == 3:
                window._open_photo(window.model.index(row))
                break
        shoot("faces")
        window.viewer.close_page()
        window.faces.border.show("joe")
        wait(lambda: bool(window.only.words()))
        shoot("border")
        window.faces.border.leave()
        sort_out(window, lambda until: wait(lambda: until() and calm()))
        app.finish(window)


if __name__ == "__main__":
    main()
