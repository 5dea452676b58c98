"""The networks read from dlib's files give dlib's numbers, and files that are none of them are refused."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from training import faces

dlib: Any = pytest.importorskip("dlib")

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def networks() -> Any:
    """The module, which brings torch with it."""
    from training import face_networks

    return face_networks


@pytest.fixture(scope="module")
def detector_file() -> bytes:
    return faces._read(faces._DETECTOR)


@pytest.fixture(scope="module")
def describer_file() -> bytes:
    return faces._read(faces._DESCRIBER)


@pytest.fixture(scope="module")
def astronaut(pictures: dict[str, Pixels]) -> Pixels:
    return pictures["astronaut"]


def file_of(name: str) -> str:
    """The path of a network's file, for dlib to read."""
    import importlib.util

    found = importlib.util.find_spec("face_recognition_models")
    assert found is not None and found.submodule_search_locations
    return str(Path(next(iter(found.submodule_search_locations)), "models", name))


def test_descriptors_are_dlibs(networks: Any, describer_file: bytes, astronaut: Pixels) -> None:
    import torch

    chips = [astronaut[20:170, 150:300], astronaut[100:250, :150], astronaut[::2, ::2][:150, 50:200]]
    theirs = dlib.face_recognition_model_v1(file_of(faces._DESCRIBER))
    expected = np.array(theirs.compute_face_descriptor([np.ascontiguousarray(chip) for chip in chips]))
    with torch.inference_mode():
        got = networks.Describer(describer_file)(networks.normalised(np.stack(chips))).numpy()
    assert got.shape == (3, 128)
    np.testing.assert_allclose(got, expected, atol=1e-5)


def canvas_of(networks: Any, pixels: Pixels) -> tuple[Any, list[tuple[int, int, int, int, float, float]]]:
    """dlib's picture of a picture in all sizes: two columns on one canvas, and where each size lies on it.

    Each as left, top, width, height on the canvas, and the larger and the shift of its pixels.
    """
    import torch
    from torch.nn import functional

    padding, outer = 10, 11
    x = networks.normalised(pixels[None])
    levels, ways = [x], [(1.0, 0.0)]
    while (height := levels[-1].shape[2] * 5 // 6) >= 5:
        size = (height, levels[-1].shape[3] * 5 // 6)
        levels.append(functional.interpolate(levels[-1], size, mode="bilinear", align_corners=True))
        ways.append((ways[-1][0] * 1.2, ways[-1][1] * 1.2 + 0.3))
    sizes = [(level.shape[3], level.shape[2]) for level in levels]
    total = sum(height + padding for _, height in sizes) - 2 * padding
    column, before, count = 0, 0, 0
    for width, height in sizes:
        if width <= sizes[0][0] - before - padding and 2 * (column - sizes[0][1]) >= total - sizes[0][1]:
            break
        column, before, count = column + height + padding, width, count + 1
    column -= padding
    canvas = torch.zeros(1, 3, column + 2 * outer, sizes[0][0] + 2 * outer)
    places = []
    y = 0
    for index, (width, height) in enumerate(sizes):
        if index < count:
            left, top = 0, y
            y += height + padding
            bottom = y - padding
        else:
            left, top = sizes[0][0] - width, bottom - height
            bottom = top - padding
        places.append((left + outer, top + outer, width, height, *ways[index]))
        canvas[0, :, top + outer : top + outer + height, left + outer : left + outer + width] = levels[index][
            0
        ]
    return canvas, places


def found_on_canvas(networks: Any, detector: Any, pixels: Pixels) -> list[tuple[float, ...]]:
    """Score, left, top, right and bottom of each face, as dlib would find it."""
    import torch

    canvas, places = canvas_of(networks, pixels)
    with torch.inference_mode():
        scores = detector(canvas)[0, 0].numpy()
    boxes, sure = [], []
    for row, column in np.argwhere(scores > 0):
        x, y = (detector.STEP * int(cell) + detector.FIRST for cell in (column, row))
        left, top, _, _, larger, shift = min(
            places,
            key=lambda place: (
                max(place[0] - x, x - place[0] - place[2] + 1, 0) ** 2
                + max(place[1] - y, y - place[1] - place[3] + 1, 0) ** 2
            ),
        )
        middle = np.array([x - left, y - top, x - left, y - top])
        half = (detector.WINDOW - 1) / 2 * np.array([-1, -1, 1, 1])
        boxes.append((middle + half) * larger + shift)
        sure.append(scores[row, column])
    kept = faces._apart(np.array(boxes, np.float32), np.array(sure), detector.overlap, detector.covered)
    return [(float(sure[index]), *map(float, boxes[index])) for index in kept]


def test_the_detector_finds_what_dlib_finds_to_the_pixel(
    networks: Any, detector_file: bytes, astronaut: Pixels
) -> None:
    theirs = dlib.cnn_face_detection_model_v1(file_of(faces._DETECTOR))
    detector = networks.Detector(detector_file)
    face = astronaut[10:230, 110:330]
    pair = np.asarray(Image.fromarray(np.hstack([face, face[:, ::-1]])).resize((400, 200)))
    for pixels in (face, pair):
        expected = [
            (one.confidence, *(getattr(one.rect, side)() for side in ("left", "top", "right", "bottom")))
            for one in theirs(np.ascontiguousarray(pixels), 0)
        ]
        got = found_on_canvas(networks, detector, pixels)
        assert len(got) == len(expected) >= 1
        for ours, one in zip(sorted(got), sorted(expected), strict=True):
            np.testing.assert_allclose(ours[1:], one[1:], atol=1)
            assert ours[0] == pytest.approx(one[0], abs=1e-3)


def test_what_the_file_says_of_overlaps_is_read(networks: Any, detector_file: bytes) -> None:
    detector = networks.Detector(detector_file)
    assert detector.overlap == pytest.approx(0.33828, abs=1e-5) and detector.covered == 1.0


def test_without_onednn_the_numbers_are_the_same(
    networks: Any, detector_file: bytes, astronaut: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    detector = networks.Detector(detector_file)
    pixels = networks.normalised(astronaut[None, :250])
    with torch.inference_mode():
        expected = detector(pixels)
        monkeypatch.setattr(networks, "_JOINT", None)
        np.testing.assert_allclose(detector(pixels).numpy(), expected.numpy(), atol=1e-4)
    assert expected.max() > 0


@pytest.mark.parametrize("length", [0, 1, 40, 300, 5000, 400_000])
def test_files_that_are_cut_are_refused(
    networks: Any, detector_file: bytes, describer_file: bytes, length: int
) -> None:
    with pytest.raises(ValueError):
        networks.Detector(detector_file[:length])
    with pytest.raises(ValueError):
        networks.Describer(describer_file[:length])


def test_one_network_is_not_the_other(networks: Any, detector_file: bytes, describer_file: bytes) -> None:
    with pytest.raises(ValueError):
        networks.Detector(describer_file)
    with pytest.raises(ValueError):
        networks.Describer(detector_file)


def test_weights_that_are_no_numbers_are_refused(networks: Any, detector_file: bytes) -> None:
    middle = detector_file.index(b"con_4") + 200
    damaged = detector_file[:middle] + struct.pack("<8f", *[float("nan")] * 8) + detector_file[middle + 32 :]
    with pytest.raises(ValueError, match="no number"):
        networks.Detector(damaged)


def test_weights_that_look_like_a_layer_are_weights(networks: Any, detector_file: bytes) -> None:
    middle = detector_file.index(b"con_4") + 200
    name = b"\x01\x05con_4\x00"
    odd = detector_file[:middle] + name + detector_file[middle + len(name) :]
    assert len(networks._read(odd).convolutions) == 7
    networks.Detector(odd)


def test_numbers_are_mantissa_then_exponent(networks: Any) -> None:
    reader = networks._Reader(b"\x01\x03\x81\x01" + b"\x82\x00\x02\x01\x02")
    assert reader.number() == 1.5 and reader.number() == -2048.0
    with pytest.raises(ValueError):
        reader.number()
