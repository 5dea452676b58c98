"""Points and upright faces are dlib's where dlib is exact, and come out for whatever the photo is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.test_face_networks import file_of
from training import face_points, faces
from training.face_points import PointFinder

dlib: Any = pytest.importorskip("dlib")

Pixels = NDArray[np.uint8]
FACE = (168, 69, 263, 164)  # of the astronaut, as dlib finds it


@pytest.fixture(scope="module")
def data() -> bytes:
    return faces._read(faces._POINTS)


@pytest.fixture(scope="module")
def finder(data: bytes) -> PointFinder:
    return PointFinder(data)


@pytest.fixture(scope="module")
def theirs() -> Any:
    return dlib.shape_predictor(file_of(faces._POINTS))


@pytest.fixture(scope="module")
def astronaut(pictures: dict[str, Pixels]) -> Pixels:
    return pictures["astronaut"]


def boxes(*some: tuple[float, ...]) -> NDArray[np.float32]:
    return np.array(some, np.float32)


def test_points_are_dlibs_before_it_rounds_them(finder: PointFinder, theirs: Any, astronaut: Pixels) -> None:
    some = [FACE, (160, 60, 255, 155), (175, 75, 260, 160)]
    got = finder.points(astronaut, boxes(*some))
    for box, points in zip(some, got, strict=True):
        expected = [(p.x, p.y) for p in theirs(astronaut, dlib.rectangle(*box)).parts()]
        np.testing.assert_allclose(points, expected, atol=0.51)
    assert (got != np.rint(got)).any()


def test_one_face_does_not_depend_on_the_others(finder: PointFinder, astronaut: Pixels) -> None:
    both = finder.points(astronaut, boxes((300, 200, 400, 300), FACE))
    np.testing.assert_allclose(finder.points(astronaut, boxes(FACE))[0], both[1], atol=1e-3)


def test_chips_are_dlibs(theirs: Any, astronaut: Pixels) -> None:
    small = np.ascontiguousarray(astronaut[::2, ::2])
    for pixels, box, most in (
        (astronaut, FACE, 0.5),
        (small, tuple(side // 2 for side in FACE), 0.5),
        # dlib makes large pictures smaller in a way of its own
        (np.asarray(Image.fromarray(astronaut).resize((2048, 2048))), tuple(4 * side for side in FACE), 4),
    ):
        found = theirs(pixels, dlib.rectangle(*box))
        expected = dlib.get_face_chip(pixels, found, 150, 0.25)
        points = np.array([[(p.x, p.y) for p in found.parts()]], np.float32)
        got = face_points.chips(pixels, points)[0]
        assert np.abs(got.astype(int) - expected).mean() < most


def test_a_tilted_face_is_turned_upright(finder: PointFinder, astronaut: Pixels) -> None:
    upright = face_points.chips(astronaut, finder.points(astronaut, boxes(FACE)))[0]
    middle = ((FACE[0] + FACE[2]) / 2, (FACE[1] + FACE[3]) / 2)
    tilted = np.asarray(Image.fromarray(astronaut).rotate(15, Image.Resampling.BICUBIC, center=middle))
    turned = face_points.chips(tilted, finder.points(tilted, boxes(FACE)))[0]
    assert np.abs(upright.astype(int) - turned).mean() < 20
    assert np.abs(astronaut.astype(int) - tilted)[69:164, 168:263].mean() > 25


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (300, 2), (40, 40)])
@pytest.mark.parametrize(
    "box", [(0, 0, 1, 1), (-500, -500, 900, 900), (10, 10, 10, 10), (1e5, 1e5, 2e5, 2e5)]
)
def test_whatever_the_photo_and_the_box_a_chip_comes_out(
    finder: PointFinder, shape: tuple[int, int], box: tuple[float, ...]
) -> None:
    pixels = np.full((*shape, 3), 200, np.uint8)
    points = finder.points(pixels, boxes(box))
    assert np.isfinite(points).all()
    assert face_points.chips(pixels, points).shape == (1, 150, 150, 3)


def test_no_faces_no_chips(finder: PointFinder, astronaut: Pixels) -> None:
    points = finder.points(astronaut, np.zeros((0, 4), np.float32))
    assert points.shape == (0, 5, 2) and face_points.chips(astronaut, points).shape == (0, 150, 150, 3)


def test_integers_are_read_across_pieces() -> None:
    """The file is read in pieces, and a number may begin in one and end in the next."""
    rng = np.random.default_rng(0)
    values = [int(v) for v in rng.integers(-(2**31), 2**31, 60_000) >> rng.integers(0, 31, 60_000)]
    data = bytearray()
    for value in values:
        size = max(1, (abs(value).bit_length() + 7) // 8)
        data += bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")
    assert len(data) > 2 * face_points._PIECE
    assert face_points._integers(bytes(data)).tolist() == values


@pytest.mark.parametrize("cut", [0, 1, 50, 100_000, -1])
def test_files_that_are_cut_are_refused(data: bytes, cut: int) -> None:
    with pytest.raises(ValueError):
        PointFinder(data[:cut])


def test_files_that_go_on_or_are_others_are_refused(data: bytes) -> None:
    for other in (data + b"\x01\x00", b"\x00" * 1000, faces._read(faces._DETECTOR)):
        with pytest.raises(ValueError):
            PointFinder(other)
