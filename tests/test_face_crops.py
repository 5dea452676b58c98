"""Pictures of faces: cut square, in other threads, and kept."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QDeadlineTimer
from pytestqt.qtbot import QtBot

from lennonnet_gui import face_crops
from lennonnet_gui.face_crops import FaceCrops, cut
from training import photos
from training.photos import PhotoFile

LEFT, RIGHT = (0.1, 0.3, 0.3, 0.7), (0.7, 0.3, 0.9, 0.7)


def photo_file(path: Path) -> PhotoFile:
    info = os.stat(path)  # noqa: PTH116
    return PhotoFile(str(path), info.st_size, info.st_mtime_ns)


@pytest.fixture
def photo(tmp_path: Path) -> PhotoFile:
    """A photo that is red at its left and blue at its right."""
    pixels = np.zeros((200, 400, 3), np.uint8)
    pixels[:, :200, 0] = pixels[:, 200:, 2] = 255
    Image.fromarray(pixels).save(tmp_path / "two.png")
    return photo_file(tmp_path / "two.png")


@pytest.fixture
def crops(qtbot: QtBot) -> Iterator[FaceCrops]:
    made = FaceCrops(edge=64)
    yield made
    assert made.stop(QDeadlineTimer(20_000))


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What is opened, and how large; all on other threads."""
    calls: list[tuple[str, int]] = []
    real = photos.load

    def load(path: str, *, short_side: int) -> photos.Photo:
        assert threading.current_thread() is not threading.main_thread()
        calls.append((path, short_side))
        return real(path, short_side=short_side)

    monkeypatch.setattr(photos, "load", load)
    return calls


def test_a_face_comes_by_and_by_and_is_its_part_of_the_photo(
    qtbot: QtBot, crops: FaceCrops, photo: PhotoFile
) -> None:
    with qtbot.waitSignal(crops.arrived) as came:
        assert crops.get(photo, LEFT) is None
    assert came.args == [photo, LEFT]
    image = crops.get(photo, LEFT)
    assert image is not None and (image.width(), image.height()) == (64, 64)
    assert image.pixelColor(32, 32).getRgb() == (255, 0, 0, 255)
    with qtbot.waitSignal(crops.arrived):
        crops.get(photo, RIGHT)
    image = crops.get(photo, RIGHT)
    assert image is not None and image.pixelColor(32, 32).getRgb() == (0, 0, 255, 255)


def test_all_faces_of_a_photo_are_cut_when_it_is_open(
    qtbot: QtBot, crops: FaceCrops, photo: PhotoFile, loaded: list[tuple[str, int]]
) -> None:
    crops._pool.setMaxThreadCount(1)
    held = threading.Event()
    crops._pool.start(held.wait)
    assert crops.get(photo, LEFT) is None and crops.get(photo, RIGHT) is None
    held.set()
    qtbot.waitUntil(lambda: crops.get(photo, LEFT) is not None and crops.get(photo, RIGHT) is not None)
    assert len(loaded) == 1


def test_a_photo_is_opened_as_large_as_its_smallest_face_needs(
    qtbot: QtBot, crops: FaceCrops, photo: PhotoFile, loaded: list[tuple[str, int]]
) -> None:
    with qtbot.waitSignal(crops.arrived):
        crops.get(photo, (0.0, 0.0, 0.5, 0.5))
    with qtbot.waitSignal(crops.arrived):
        crops.get(photo, (0.0, 0.0, 0.1, 0.1))
    assert [size for _, size in loaded] == [80, 400]  # 64 pixels are 0.5 x 1.6, 0.1 x 1.6 of it


def test_the_newest_wish_comes_first_and_what_is_out_of_sight_never(
    qtbot: QtBot, crops: FaceCrops, tmp_path: Path, loaded: list[tuple[str, int]]
) -> None:
    files = []
    for number in range(5):
        Image.new("RGB", (50, 50)).save(tmp_path / f"{number}.png")
        files.append(photo_file(tmp_path / f"{number}.png"))
    crops._pool.setMaxThreadCount(1)
    held = threading.Event()
    crops._pool.start(held.wait)
    for file in files:
        crops.get(file, LEFT)
    crops.want([(files[3], LEFT), (files[1], LEFT)])
    crops.get(files[4], LEFT)
    held.set()
    assert crops._pool.waitForDone(20_000)
    assert [path for path, _ in loaded] == [files[at].path for at in (4, 3, 1)]


def test_what_cant_be_read_is_a_null_picture_and_is_tried_again_only_on_wish(
    qtbot: QtBot, crops: FaceCrops, tmp_path: Path, loaded: list[tuple[str, int]]
) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no photo")
    file = photo_file(tmp_path / "bad.jpg")
    with qtbot.waitSignal(crops.arrived):
        crops.get(file, LEFT)
    image = crops.get(file, LEFT)
    assert image is not None and image.isNull()
    crops.want([(file, LEFT)])
    assert crops._pool.waitForDone(20_000)
    assert len(loaded) == 1
    crops.forget_failures()
    with qtbot.waitSignal(crops.arrived):
        assert crops.get(file, LEFT) is None


def test_a_larger_picture_is_made_when_it_is_wanted(qtbot: QtBot, crops: FaceCrops, photo: PhotoFile) -> None:
    with qtbot.waitSignal(crops.arrived):
        crops.get(photo, LEFT)
    crops.set_edge(100)
    with qtbot.waitSignal(crops.arrived):
        small = crops.get(photo, LEFT)
        assert small is not None and small.width() == 64
    large = crops.get(photo, LEFT)
    assert large is not None and large.width() == 100
    crops.set_edge(20)  # somebody else is content with less
    assert crops.get(photo, LEFT) is large


def test_what_was_not_looked_at_for_longest_goes(
    qtbot: QtBot, crops: FaceCrops, photo: PhotoFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(face_crops, "MAX_BYTES", 2 * 64 * 64 * 4)
    boxes = [(0.1 * at, 0.1, 0.1 * at + 0.2, 0.4) for at in range(3)]
    for box in boxes:
        with qtbot.waitSignal(crops.arrived):
            crops.get(photo, box)
        crops.get(photo, boxes[0])
    assert crops.size_in_bytes() == 2 * 64 * 64 * 4
    assert [box for _, box in crops._kept] == [boxes[2], boxes[0]]


@pytest.mark.parametrize(
    "box",
    [
        (-0.2, -0.2, 0.1, 0.1),
        (0.9, 0.9, 1.3, 1.4),
        (-1.0, -1.0, 2.0, 2.0),
        (0.5, 0.5, 0.5, 0.5),
        (3, 3, 4, 4),
    ],
)
def test_a_face_cut_by_the_frame_is_all_photo(box: face_crops.Box) -> None:
    white = np.full((60, 90, 3), 255, np.uint8)
    image = cut(white, box, 32)
    assert (image.width(), image.height()) == (32, 32)
    assert {image.pixelColor(x, y).getRgb() for x in (0, 31) for y in (0, 31)} == {(255, 255, 255, 255)}
