"""What all tests share: a home of their own, real photos to look at, and the collection where it is present."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the programs do

import numpy as np
import pytest
import skimage.data
from PIL import Image

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from lennonnet_gui.main_window import MainWindow
    from tests.fake_faces import Faces
    from tests.program import Start

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"
SUBJECTS = ("astronaut", "chelsea", "coffee", "rocket", "retina", "immunohistochemistry")


def pytest_configure() -> None:
    """Be patient: a machine that is busy with other things takes its time, and what never comes still fails."""
    from pytestqt.qtbot import QtBot

    for wait in (QtBot.waitUntil, QtBot.waitSignal, QtBot.waitSignals):
        assert wait.__kwdefaults__ is not None
        wait.__kwdefaults__["timeout"] = 20_000


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for all that the program keeps, fresh for each test."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("LENNONNET_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def pictures() -> dict[str, np.ndarray]:
    """Real pictures by name, each (H, W, 3) uint8; no two alike."""
    return {name: np.ascontiguousarray(getattr(skimage.data, name)()[..., :3]) for name in SUBJECTS[:4]}


@pytest.fixture
def folder(tmp_path: Path, pictures: dict[str, np.ndarray]) -> Path:
    """A folder of eight readable photos, two of them in a subfolder."""
    made = tmp_path / "photos"
    (made / "inner").mkdir(parents=True)
    for index, (name, pixels) in enumerate(pictures.items()):
        Image.fromarray(pixels).save(made / f"{name}.jpg", quality=90)
        where = made / "inner" if index < 2 else made
        Image.fromarray(pixels[:, ::-1]).save(where / f"{name} mirrored.png")
    return made


@pytest.fixture
def shared_data() -> Iterator[Path]:
    """The collection of real photos beside the checkout; skips where there is none."""
    if not SHARED.is_dir():
        pytest.skip("the photo collection ../shared/data is not here")
    yield SHARED


@pytest.fixture(scope="session")
def subject_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A subject that takes the cat for John and all else for somebody else."""
    from training import extractors, head
    from training.subject import Subject
    from training.zones import Zones

    folder = tmp_path_factory.mktemp("subject")
    extractor = extractors.load()
    squares, is_cat = [], []
    for name in SUBJECTS:
        pixels = np.ascontiguousarray(getattr(skimage.data, name)()[..., :3])
        for seen in (pixels, pixels[:, ::-1], pixels[10:-10, 20:-20], pixels[20:, 30:]):
            squares.append(extractor.spec.prepare(np.ascontiguousarray(seen)))
            is_cat.append(name == "chelsea")
    vectors = extractor.run(np.stack(squares))
    fitted = head.fit(vectors, np.array(is_cat), twins=np.arange(len(is_cat)))
    file = folder / "john.safetensors"
    Subject("john", fitted.head, Zones(0.35, 0.65), extractor.spec).save(file)
    return file


@pytest.fixture
def start(qtbot: QtBot, subject_file: Path) -> Iterator[Start]:
    """Starts the program as its user does, by default with the subject that knows the cat."""
    from lennonnet_gui import app, theme

    windows: list[MainWindow] = []
    crashes: list[str] = []

    def start_program(*argv: str | Path, subject: Path | None = subject_file) -> MainWindow:
        chosen = [] if subject is None else ["--subject", str(subject)]
        window = app.start([*chosen, *map(str, argv)])
        window.teaching.crashed.connect(crashes.append)
        windows.append(window)
        qtbot.waitExposed(window)
        return window

    yield start_program
    for window in windows:
        app.finish(window)
    theme.choose(theme.Scheme.SYSTEM)
    assert not crashes, crashes[0]


@pytest.fixture
def scored(qtbot: QtBot, start: Start, folder: Path) -> MainWindow:
    """The window, once all photos of `folder` are scored."""
    from tests.program import wait_until_scored

    window = start(folder)
    wait_until_scored(qtbot, window)
    return window


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Faces:
    """No network looks for faces in this test; coloured squares are faces."""
    from tests.fake_faces import Faces

    made = Faces()
    made.install(monkeypatch)
    return made


@pytest.fixture(scope="session")
def knows_john(subject_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A subject that knows John by his face; by the scene alone, it is the cat."""
    from tests import fake_faces
    from training.subject import Subject

    made = tmp_path_factory.mktemp("john") / "john.safetensors"
    dataclasses.replace(Subject.load(subject_file), faces=fake_faces.head()).save(made)
    return made


@pytest.fixture
def party(tmp_path: Path, pictures: dict[str, np.ndarray]) -> Path:
    """Eight photos: of one face, of several, and of none; who is in them see `fake_faces`."""
    from tests import fake_faces

    folder = tmp_path / "party"
    coffee, rocket, astronaut = pictures["coffee"], pictures["rocket"], pictures["astronaut"]
    shown: list[tuple[str, np.ndarray, tuple[str, ...]]] = [
        ("john", coffee, ("john",)),
        ("john again", rocket, ("john",)),
        ("george", rocket[:, ::-1], ("george",)),
        ("george again", coffee[::-1], ("george",)),
        ("all", astronaut, ("ringo", "john", "george")),
        ("others", coffee[:, ::-1], ("ringo", "george")),
        ("nobody", rocket[::-1], ()),
    ]
    fake_faces.write(folder, shown)
    Image.fromarray(pictures["chelsea"]).save(folder / "cat.png")
    return folder
