"""dlib's two face networks, read from its .dat files, as torch modules that give dlib's numbers.

dlib's own calls work on one core and hold Python's lock for as long as they take; these don't. Importing this takes
torch's seconds, so whoever needs it does that late. The networks are those of dlib's examples dnn_mmod_ex.cpp and
dnn_face_recognition_ex.cpp, by Davis King, public domain.
"""

# ruff: noqa: E402 (torch_runtime has to be there before anything else brings torch along)

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training import torch_runtime

torch_runtime.load()

import torch
from torch import nn
from torch.nn import functional

_MEANS = (122.782, 117.001, 104.298)  # of red, green and blue, in dlib's input layers
_SCALE = 256.0
_BATCH_NORM_EPS = 1e-4  # not in the file: dlib's DEFAULT_BATCH_NORM_EPS


# --- dlib's file format


class _Reader:
    """Reads what dlib's `serialize` wrote, from some place on. Raises ValueError where that can't be."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data, self.at = data, at

    def _take(self, count: int) -> bytes:
        taken = self._data[self.at : self.at + count]
        if len(taken) != count:
            raise ValueError("ends too early")
        self.at += count
        return taken

    def integer(self) -> int:
        (control,) = self._take(1)
        if not 1 <= control & 15 <= 8 or control & 0x70:
            raise ValueError("no integer where one should be")
        magnitude = int.from_bytes(self._take(control & 15), "little")
        return -magnitude if control & 0x80 else magnitude

    def number(self) -> float:
        """A float or double: the mantissa, then the exponent (dlib's comment has them the other way round)."""
        mantissa, exponent = self.integer(), self.integer()
        if not -1100 <= exponent <= 1000:
            raise ValueError("no number where one should be")
        return float(mantissa) * 2.0**exponent

    def text(self) -> str:
        return self._take(self.integer()).decode("ascii")

    def expect(self, *values: int) -> None:
        for value in values:
            if (found := self.integer()) != value:
                raise ValueError(f"{found} where {value} should be")

    def tensor(self) -> NDArray[np.float32]:
        """A tensor as (samples, channels, rows, columns); () stands for one without any number."""
        self.expect(2)
        shape = [self.integer() for _ in range(4)]
        count = 1
        for side in shape:
            if not 0 <= side <= 1 << 24:
                raise ValueError("a tensor of impossible size")
            count *= side
        values = np.frombuffer(self._take(4 * count), "<f4").reshape(shape)
        if not np.isfinite(values).all():
            raise ValueError("a weight that is no number")
        return values

    def alias(self) -> tuple[int, int, int, int]:
        self.expect(1)
        return self.integer(), self.integer(), self.integer(), self.integer()


@dataclass(frozen=True, slots=True)
class _Convolution:
    """A convolution with the normalisation after it already part of its numbers; weight (out, in, rows, columns)."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    stride: int
    padding: int


_LAYER = re.compile(rb"\x01[\x04-\x20](con_4|affine_|bn_con2|fc_2|avg_pool_2|add_prev_|loss_mmod_)")
_GAP = 4096  # bytes between two layers at most; weights, which may look like anything, are jumped over


def _layers(data: bytes) -> Iterator[tuple[str, _Reader]]:
    """The layers of a network, first to last, each with a reader of what it holds, for the caller to take."""
    reader = _Reader(data)
    while match := _LAYER.search(data, reader.at, reader.at + _GAP):
        reader.at = match.end()
        if data[match.start() + 1] == len(match[1]):
            yield match[1].decode(), reader


def _convolution(reader: _Reader) -> _Convolution:
    numbers = reader.tensor().ravel()
    filters, rows, columns, stride, stride_x, padding, padding_x = (reader.integer() for _ in range(7))
    shape, biases = reader.alias(), reader.alias()
    count = math.prod(shape)
    if (
        shape[0] != filters
        or shape[2:] != (rows, columns)
        or (stride, padding) != (stride_x, padding_x)
        or math.prod(biases) != filters
        or numbers.size != count + filters
        or not 1 <= stride <= 8
        or not 0 <= padding <= 8
    ):
        raise ValueError("a convolution that contradicts itself")
    return _Convolution(numbers[:count].reshape(shape), numbers[count:], stride, padding)


def _scaled(convolution: _Convolution, gamma: NDArray[np.float32], beta: NDArray[np.float32]) -> _Convolution:
    """The convolution followed by gamma * x + beta, channel by channel, as one."""
    if gamma.size != convolution.bias.size or beta.size != gamma.size:
        raise ValueError("a normalisation of another size than what it normalises")
    return _Convolution(
        convolution.weight * gamma.reshape(-1, 1, 1, 1),
        convolution.bias * gamma + beta,
        convolution.stride,
        convolution.padding,
    )


def _affine(reader: _Reader) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    numbers = reader.tensor().ravel()
    return numbers[: numbers.size // 2], numbers[numbers.size // 2 :]


def _batch_norm(reader: _Reader) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """As an affine layer; of four statistics the last two count, those that training averaged."""
    numbers = reader.tensor().ravel()
    reader.alias()
    reader.alias()
    _means, _inverse_deviations, means, variances = (reader.tensor().ravel() for _ in range(4))
    half = numbers.size // 2
    if means.size != half or variances.size != half or (variances < 0).any():
        raise ValueError("a normalisation that contradicts itself")
    scale = numbers[:half].astype(np.float64) / np.sqrt(variances.astype(np.float64) + _BATCH_NORM_EPS)
    shift = numbers[half:] - scale * means
    return scale.astype(np.float32), shift.astype(np.float32)


@dataclass(slots=True)
class _Read:
    """What a file holds: its convolutions in order, and what there is of other layers with numbers."""

    convolutions: list[_Convolution] = field(default_factory=list)
    linear: NDArray[np.float32] | None = None  # (out, in)
    detection: tuple[float, float] | None = None  # see Detector.overlap and .covered


def _read(data: bytes) -> _Read:
    found = _Read()
    for name, reader in _layers(data):
        if name == "con_4":
            found.convolutions.append(_convolution(reader))
        elif name in ("affine_", "bn_con2"):
            if not found.convolutions:
                raise ValueError("a normalisation of nothing")
            numbers = _affine(reader) if name == "affine_" else _batch_norm(reader)
            found.convolutions[-1] = _scaled(found.convolutions[-1], *numbers)
        elif name == "fc_2":
            outputs, inputs = reader.integer(), reader.integer()
            linear = reader.tensor().ravel()
            if linear.size != outputs * inputs or not outputs:
                raise ValueError("a layer that contradicts itself")
            found.linear = np.ascontiguousarray(linear.reshape(-1, outputs).T)
        elif name == "loss_mmod_":
            reader.expect(1, Detector.WINDOW, Detector.WINDOW)
            for _ in range(3):  # what counted how much in training
                reader.number()
            found.detection = reader.number(), reader.number()
    return found


# --- The networks


class _Step(nn.Module):
    """A convolution and, mostly, the rectifier after it: one operator where oneDNN is there."""

    def __init__(self, convolution: _Convolution, *, rectify: bool) -> None:
        super().__init__()
        weight = torch.tensor(convolution.weight).contiguous(memory_format=torch.channels_last)
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = nn.Parameter(torch.tensor(convolution.bias), requires_grad=False)
        self.stride, self.padding, self.rectify = convolution.stride, convolution.padding, rectify

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if _JOINT is not None and x.device.type == "cpu":
            after = "relu" if self.rectify else "none"
            padding, stride = [self.padding] * 2, [self.stride] * 2
            made: torch.Tensor = _JOINT(x, self.weight, self.bias, padding, stride, [1, 1], 1, after, [], "")
            return made
        made = functional.conv2d(x, self.weight, self.bias, self.stride, self.padding)
        return made.relu_() if self.rectify else made


def _joint() -> Callable[..., torch.Tensor] | None:
    """A convolution and what follows as one operator of oneDNN, if this build of torch has it."""
    try:
        operator = torch.ops.mkldnn._convolution_pointwise
        ones = torch.ones(1, 1, 3, 3)
        made = operator(ones, ones, -ones[0, 0, 0, :1], [1, 1], [2, 2], [1, 1], 1, "relu", [], "")
        return operator if made.flatten().tolist() == [3.0] * 4 else None
    except (AttributeError, RuntimeError):
        return None


_JOINT = _joint()


class Describer(nn.Module):
    """Chips of faces to descriptors: (N, 3, 150, 150) normalised to (N, 128) float32.

    Two of one person are mostly less than 0.6 apart. A residual network of 29 convolutions.
    """

    def __init__(self, data: bytes) -> None:
        """Read the network from a file's bytes. Raises ValueError for any other file, or a damaged one."""
        super().__init__()
        found = _read(data)
        read, linear = found.convolutions, found.linear
        if len(read) != 29 or linear is None or linear.shape != (128, len(read[-1].bias)):
            raise ValueError("not the network that describes faces")
        self.first = _Step(read[0], rectify=True)
        self.pairs = nn.ModuleList(
            nn.Sequential(_Step(one, rectify=True), _Step(two, rectify=False))
            for one, two in zip(read[1::2], read[2::2], strict=True)
        )
        self._halving = [one.stride > 1 for one in read[1::2]]
        self.linear = nn.Parameter(torch.tensor(linear), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        x = functional.max_pool2d(self.first(x), 3, 2)
        for pair, halving in zip(self.pairs, self._halving, strict=True):
            made = pair(x)
            if halving:
                x = functional.avg_pool2d(x, 2, 2)
            # Where they differ, dlib takes what is missing, of either, for zeros.
            height, width = max(x.shape[2], made.shape[2]), max(x.shape[3], made.shape[3])
            x = _grown(x, made.shape[1], height, width) + _grown(made, made.shape[1], height, width)
            x.relu_()
        return x.mean((2, 3)).float() @ self.linear.float().T


def _grown(x: torch.Tensor, channels: int, height: int, width: int) -> torch.Tensor:
    if x.shape[1:] == (channels, height, width):
        return x
    return functional.pad(x, (0, width - x.shape[3], 0, height - x.shape[2], 0, channels - x.shape[1]))


class Detector(nn.Module):
    """Pictures to a score for a face at each of its cells: (N, 3, H, W) normalised to (N, 1, h, w).

    A face is where the score is above 0; it is about `WINDOW` pixels high, as seen, and so the network has to see each
    picture in many sizes (King, Max-Margin Object Detection, 2015). The cell at row i and column j looks at the pixel
    `STEP` i + `FIRST`, `STEP` j + `FIRST`.
    """

    WINDOW, STEP, FIRST = 80, 8, 14

    def __init__(self, data: bytes) -> None:
        """Read the network from a file's bytes. Raises ValueError for any other file, or a damaged one."""
        super().__init__()
        found = _read(data)
        read = found.convolutions
        if len(read) != 7 or read[-1].bias.size != 1 or found.detection is None:
            raise ValueError("not the network that finds faces")
        self.overlap, self.covered = found.detection
        """Two boxes are of one face if they share more than this of the box around both, or of one of them."""
        self.steps = nn.Sequential(*(_Step(one, rectify=True) for one in read[:-1]))
        # The last convolution has one output, and processors compute sixteen in the time of one; so it is one of a
        # single column with an output for each of its columns, which are then shifted and added.
        last = read[-1]
        self._columns = last.weight.shape[3]
        turned = np.ascontiguousarray(last.weight.transpose(3, 1, 2, 0))
        self.last = nn.Parameter(torch.tensor(turned), requires_grad=False)
        self._last_bias, self._last_padding = float(last.bias[0]), last.padding

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See the class."""
        x = self.steps(x)
        width, padding = x.shape[3], self._last_padding
        parts = functional.conv2d(x, self.last, padding=(padding, 0)).float()
        parts = functional.pad(parts, (padding, padding))
        scores = parts[:, :1, :, :width] + self._last_bias
        for column in range(1, self._columns):
            scores += parts[:, column : column + 1, :, column : column + width]
        return scores


def normalised(pixels: NDArray[np.uint8]) -> torch.Tensor:
    """Pixels as both networks want them: (N, H, W, 3) uint8 to (N, 3, H, W) float32, in the order of the pixels."""
    writable = pixels if pixels.flags.writeable else pixels.copy()  # torch warns of others
    x = torch.from_numpy(writable).permute(0, 3, 1, 2).to(torch.float32)
    for colour, mean in enumerate(_MEANS):
        x[:, colour].sub_(mean).div_(_SCALE)
    return x
