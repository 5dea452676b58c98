"""Turns faces upright: finds eyes and nose by dlib's trees, and cuts out what its network was trained to describe.

dlib itself takes a third of a second to load the trees, with Python's lock held, and rounds the points to whole pixels,
a tenth of the distance between the eyes of a small face; this does neither. The trees: Kazemi and Sullivan, One
millisecond face alignment with an ensemble of regression trees (2014); shape_predictor.h of dlib.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CHIP = 150
"""The side of a chip, an upright face that was cut out, in pixels."""

# Where the five points of an average face lie in a chip without its margin, a fourth of its side: the outer and inner
# corner of one eye, of the other, and below the nose. Interpolation.h of dlib.
_AVERAGE = np.array(
    [
        (0.8595674595992, 0.2134981538014),
        (0.6460604764104, 0.2289674387677),
        (0.1205750620789, 0.2137274526848),
        (0.3340850613712, 0.2290642403242),
        (0.4901123135679, 0.6277975316475),
    ]
)
_MARGIN = 0.25
_TEMPLATE = CHIP * (_AVERAGE + _MARGIN) / (2 * _MARGIN + 1)

_Floats = NDArray[np.float32]
_PIECE = 1 << 16  # bytes of the file decoded at once: few enough that nobody waits for Python's lock
_STEPS = 6  # a jump over 2 ** _STEPS numbers is what the first walk through a piece takes


def _integers(data: bytes) -> NDArray[np.int64]:
    """All integers of a file in dlib's format, where there is nothing else; three million in half a second.

    How long each is stands before it, so that where one begins only the one before knows. Jumps over one, two, four...
    are made for all bytes at once, and only the longest ones are walked. Raises ValueError where the file is damaged.
    """
    raw = np.frombuffer(data, np.uint8)
    found: list[NDArray[np.int64]] = []
    at = 0
    while at < len(raw):
        piece = raw[at : at + _PIECE]
        size = len(piece)
        jumps = [np.minimum(np.arange(size + 1, dtype=np.int32) + 1, size)]
        jumps[0][:size] = np.minimum(jumps[0][:size] + (piece & 15), size)
        for _ in range(_STEPS):
            jumps.append(jumps[-1].take(jumps[-1]))
        walk, place = [], 0
        longest = jumps[-1].tolist()
        while place < size:
            walk.append(place)
            place = longest[place]
        starts = np.array(walk, np.int32)
        for jump in reversed(jumps[:-1]):
            starts = np.stack([starts, jump.take(starts)], 1).ravel()
        starts = starts[starts < size]
        lengths = piece.take(starts) & 15
        ends = starts + 1 + lengths
        whole = ends <= size
        if not whole[0]:
            raise ValueError("ends too early")
        starts, lengths, at = starts[whole], lengths[whole], at + int(ends[whole][-1])
        if lengths.min() < 1 or lengths.max() > 7:
            raise ValueError("no integer where one should be")
        values = np.zeros(len(starts), np.int64)
        for byte in range(int(lengths.max())):
            part = piece.take(np.minimum(starts + 1 + byte, size - 1)).astype(np.int64)
            values += np.where(lengths > byte, part, 0) << (8 * byte)
        found.append(np.where(piece.take(starts) & 0x80, -values, values))
    return np.concatenate(found) if found else np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class _Round:
    """Trees that each move the points a little; of each of (T,) trees, its splits and leaves one after the other.

    A split compares the difference of two pixels, `first` and `second`, with a threshold; each (T * splits,).
    leaves: (T * (splits + 1), 10); starts: (T,) where each tree's splits begin; depth: splits from the root to a leaf.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    thresholds: _Floats
    leaves: _Floats
    starts: NDArray[np.int64]
    depth: int


class PointFinder:
    """Finds five points of a face, given its box: the corners of both eyes, and the place below the nose."""

    def __init__(self, data: bytes) -> None:
        """Read the trees from a file's bytes. Raises ValueError for any other file, or a damaged one."""
        numbers = _integers(data)
        at = 0

        def take(count: int) -> NDArray[np.int64]:
            nonlocal at
            taken = numbers[at : at + count]
            if len(taken) != count:
                raise ValueError("ends too early")
            at += count
            return taken

        if take(3).tolist() != [1, -10, -1]:
            raise ValueError("not the trees that find five points")
        self._start = _floats(take(20)).reshape(5, 2)
        rounds = int(take(1)[0])
        if not 1 <= rounds <= 100:
            raise ValueError("not the trees that find five points")
        self._rounds: list[_Round] = []
        for _ in range(rounds):
            trees, splits = (int(one) for one in numbers[at : at + 2])
            leaves = splits + 1
            if not (1 <= trees <= 5000 and 1 <= splits <= 1023 and not leaves & splits):
                raise ValueError("trees that contradict themselves")
            take(1)
            table = take(trees * (1 + 4 * splits + 1 + 22 * leaves)).reshape(trees, -1)
            inner = table[:, 1 : 1 + 4 * splits].reshape(trees, splits, 4)
            outer = table[:, 2 + 4 * splits :].reshape(trees, leaves, 22)
            if (table[:, 0] != splits).any() or (table[:, 1 + 4 * splits] != leaves).any():
                raise ValueError("trees that contradict themselves")
            if (np.abs(outer[:, :, 0]) != 10).any() or (np.abs(outer[:, :, 1]) != 1).any():
                raise ValueError("trees that contradict themselves")
            self._rounds.append(
                _Round(
                    inner[:, :, 0].ravel(),
                    inner[:, :, 1].ravel(),
                    _floats(inner[:, :, 2:]).ravel(),
                    _floats(outer[:, :, 2:]).reshape(-1, 10),
                    np.arange(trees) * splits,
                    leaves.bit_length() - 1,
                )
            )
        self._anchors: list[NDArray[np.int64]] = []
        self._offsets: list[_Floats] = []
        for wanted in (1, 4):
            if take(1)[0] != rounds:
                raise ValueError("trees that contradict themselves")
            for one in self._rounds:
                count = int(take(1)[0])
                if min(one.first.min(), one.second.min()) < 0 or not (
                    max(one.first.max(), one.second.max()) < count <= 100_000
                ):
                    raise ValueError("trees that contradict themselves")
                part = take(count * wanted)
                if wanted == 1:
                    if part.min() < 0 or part.max() > 4:
                        raise ValueError("trees that contradict themselves")
                    self._anchors.append(part)
                else:
                    self._offsets.append(_floats(part.reshape(count, 4)))
        if at != len(numbers):
            raise ValueError("goes on after its end")

    def points(self, pixels: NDArray[np.uint8], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points of faces, (n, 5, 2) as x, y in pixels, from (H, W, 3) uint8 and boxes (n, 4), which may stick out."""
        height, width = pixels.shape[:2]
        flat = pixels.reshape(-1, 3)
        corner, size = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None]
        shapes = np.repeat(self._start[None], len(boxes), 0)
        for trees, anchors, offsets in zip(self._rounds, self._anchors, self._offsets, strict=True):
            turns = _similar(self._start, shapes)[:, :, :2].astype(np.float32)
            seen = shapes.take(anchors, 1) + offsets @ turns.transpose(0, 2, 1)
            places = np.floor(seen * size + (corner + 0.5)).astype(np.int64)
            x, y = places[:, :, 0], places[:, :, 1]
            inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
            colours = flat.take(np.where(inside, y * width + x, 0), 0)
            values = colours.sum(-1, dtype=np.int32) // 3 * inside
            base = np.arange(len(boxes))[:, None] * values.shape[1]
            node = np.zeros((len(boxes), len(trees.starts)), np.int64)
            for _ in range(trees.depth):
                split = trees.starts + node
                one = values.take(base + trees.first.take(split))
                other = values.take(base + trees.second.take(split))
                node = 2 * node + 2 - (one - other > trees.thresholds.take(split))
            # A tree of s splits has s + 1 leaves, and its first leaf is node s.
            leaf = node + (trees.starts - (len(trees.thresholds) // len(trees.starts)))
            leaf += np.arange(len(trees.starts))
            shapes = shapes + trees.leaves.take(leaf, 0).sum(1).reshape(-1, 5, 2)
        result: NDArray[np.float32] = (shapes * size + corner).astype(np.float32)
        return result


def _floats(pairs: NDArray[np.int64]) -> _Floats:
    """Numbers from their mantissas and exponents, side by side in the last dimension."""
    pairs = pairs.reshape(*pairs.shape[:-1], -1, 2)
    values: _Floats = np.ldexp(pairs[..., 0].astype(np.float64), pairs[..., 1].astype(np.int32)).astype(
        np.float32
    )
    if not np.isfinite(values).all():
        raise ValueError("a number that is none")
    return values[..., 0] if values.shape[-1] == 1 else values


def _similar(points: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.float64]:
    """The shifts, turns and sizes, (n, 2, 3), that bring points (k, 2) nearest to each of others (n, k, 2)."""
    middle, middles = points.mean(0), others.mean(1)
    a, b = points - middle, others - middles[:, None]
    power = max(float((a**2).sum()), 1e-12)
    along = (a * b).sum((1, 2)) / power
    across = (a[:, 0] * b[:, :, 1] - a[:, 1] * b[:, :, 0]).sum(1) / power
    result = np.zeros((len(others), 2, 3))
    result[:, 0, 0] = result[:, 1, 1] = along
    result[:, 1, 0], result[:, 0, 1] = across, -across
    result[:, :, 2] = middles - result[:, :, :2] @ middle
    return result


def tilts(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """By how many degrees faces, (n, 5, 2), have to be turned counterclockwise to stand upright: (n,)."""
    ways = _similar(_TEMPLATE, points)
    result: NDArray[np.float64] = np.degrees(np.arctan2(ways[:, 1, 0], ways[:, 0, 0]))
    return result


def chips(pixels: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Upright faces, (n, 150, 150, 3) uint8, from (H, W, 3) uint8 and points (n, 5, 2); black beyond the photo."""
    made = np.zeros((len(points), CHIP, CHIP, 3), np.uint8)
    if not len(points):
        return made
    pictures = {1: Image.fromarray(pixels)}
    for chip, way in zip(made, _similar(_TEMPLATE, points), strict=True):
        scale = math.hypot(way[0, 0], way[1, 0])  # pixels of the photo to one of the chip
        factor = 1
        while 2 * factor <= min(scale, *pictures[1].size):
            factor *= 2
        if factor not in pictures:
            pictures[factor] = pictures[1].reduce(factor)
        # As dlib does: its middle of a chip is half a pixel off, and the networks were trained on such chips.
        middle = way[:, :2] @ (CHIP / 2, CHIP / 2) + way[:, 2]
        turn = way[:, :2] * ((CHIP - 1 / max(scale, 0.01)) / (CHIP - 1))
        # Pillow counts from the corners of pixels, dlib from their centres.
        shift = (middle + 0.5 - turn @ (CHIP / 2, CHIP / 2)) / factor
        (a, b), (d, e) = (turn / factor).tolist()
        data = (a, b, float(shift[0]), d, e, float(shift[1]))
        size = (CHIP, CHIP)
        seen = pictures[factor].transform(size, Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
        chip[:] = np.asarray(seen)
    return made
