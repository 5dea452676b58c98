"""Extractors: backbones made ready to describe photos, as fast as this computer can.

The features of a photo are the pooled head of the backbone; then, for each of its late stages, the means over the upper
and the lower half of the picture and the standard deviation over all of it. The head knows what is in the photo, the
stages before it how it looks (faces, texture); docs/measurements.md has what that brings.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from training import backbones
from training.backbones import Backbone, Preprocessing, TunedNetwork

if TYPE_CHECKING:
    import torch

_INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_VERSION = 1  # raise it when the same network and preprocessing would give other numbers than before


@dataclass(frozen=True, slots=True)
class ExtractorSpec:
    """All that decides which numbers come out for a photo, but for the last digits.

    Computers that work in bfloat16 and in float32 share a spec: on the starter's photos that made no difference
    beyond chance (docs/measurements.md).
    """

    backbone: str
    weights: str  # sha256 in hex
    preprocessing: Preprocessing
    stages: tuple[str, ...]
    version: int = _VERSION

    @property
    def id(self) -> str:
        """A short name that is unlike for unlike specs; features are cached under it."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return f"{self.backbone}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    @classmethod
    def of(cls, backbone: Backbone) -> ExtractorSpec:
        """The spec of features made with `backbone`."""
        return cls(backbone.name, backbone.weights, backbone.preprocessing, backbone.stages)

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """Cut and resize a photo for the network: (H, W, 3) uint8 to (size, size, 3) uint8."""
        wanted = self.preprocessing
        height, width = pixels.shape[:2]
        side = min(height, width) * min(wanted.crop, 1.0)
        left, top = (width - side) / 2, (height - side) / 2
        square = Image.fromarray(pixels).resize(
            (wanted.size, wanted.size),
            _INTERPOLATIONS[wanted.interpolation],
            (left, top, left + side, top + side),
        )
        return np.asarray(square)

    @property
    def short_side(self) -> int:
        """How many pixels the shorter side of a decoded photo must have for the network to see all it can."""
        return round(self.preprocessing.size / min(self.preprocessing.crop, 1.0))


class ExtractorMismatch(Exception):
    """The network on this computer is not the one that a subject was trained with; the message says so in words."""


class Extractor:
    """A backbone made ready to run: fused, in the fastest layout and number format of this computer's device.

    `exact` asks for float32 in any case. Which format is faster is measured, and may come out otherwise another time.
    """

    def __init__(self, backbone: Backbone, *, exact: bool = False) -> None:
        import torch

        self.spec = ExtractorSpec.of(backbone)
        self.device = torch.device(
            "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        )
        self._mean = [255 * value for value in backbone.preprocessing.mean]
        self._std = [255 * value for value in backbone.preprocessing.std]
        self._same_for_all_colours = len({*self._mean}) == len({*self._std}) == 1
        on_cpu = self.device.type == "cpu"
        module = fused(backbone.module, backbone.preprocessing.size) if on_cpu else backbone.module
        self._channels = channels_of(module)
        self._stage_outputs = threading.local()  # of the forward pass that a thread is in
        for name in self.spec.stages:
            try:
                stage = module.get_submodule(name)
            except AttributeError as error:
                raise ExtractorMismatch(
                    f"The network “{backbone.name}” has no part “{name}”. Please train the subject again."
                ) from error
            stage.register_forward_hook(self._keeper(name))
        module.to(memory_format=torch.channels_last)
        self._module = module.to(self.device)
        self._dtype = torch.float32
        # Processors take several threads at once; GPUs need not, and Metal aborts (pytorch/pytorch#197805).
        self._turn = contextlib.nullcontext() if on_cpu else threading.Lock()
        if not exact and self._bfloat16_pays():
            self._use(torch.bfloat16)
        size = backbone.preprocessing.size
        self.parts = tuple(part.shape[1] for part in self._parts(np.zeros((1, size, size, 3), np.uint8)))
        """How many of the D numbers are the pooled head, the means and std of the first stage, of the second."""

    def run(self, squares: np.ndarray) -> np.ndarray:
        """Features of prepared photos: (N, size, size, 3) uint8 to (N, D) float32. Safe from several threads."""
        import torch

        with self._turn, torch.inference_mode():
            result: np.ndarray = torch.cat(self._parts(squares), 1).cpu().numpy()
            return result

    def _parts(self, squares: np.ndarray) -> list[torch.Tensor]:
        import torch

        with torch.inference_mode():
            pixels = torch.from_numpy(squares).to(self.device).permute(0, 3, 1, 2)
            x = pixels.to(
                self._dtype
            )  # 0..255 is exact in bfloat16 too, and so is the difference to a mean of 127.5
            if self._same_for_all_colours:
                x.sub_(self._mean[0]).div_(self._std[0])
            else:
                for colour in range(
                    3
                ):  # one by one: over three interleaved colours at once takes ten times as long
                    x[:, colour].sub_(self._mean[colour]).div_(self._std[colour])
            pooled = self._module.forward_head(self._module.forward_features(x), pre_logits=True)
            parts = [pooled.flatten(1).float()]
            for name in self.spec.stages:
                places = spread(getattr(self._stage_outputs, name), self._channels.get(name)).float()
                delattr(self._stage_outputs, name)
                upper, lower = places.tensor_split(2, dim=1)
                # Not torch.std, which takes 13 times as long over a middle dimension.
                std = (places - places.mean(1, keepdim=True)).square_().mean(1).sqrt_()
                parts += [upper.mean(1), lower.mean(1), std]
            return parts

    def _keeper(self, name: str) -> Callable[..., None]:
        def keep(_module: torch.nn.Module, _inputs: object, output: torch.Tensor) -> None:
            setattr(self._stage_outputs, name, output)

        return keep

    def _use(self, dtype: torch.dtype) -> None:
        self._dtype = dtype
        self._module = self._module.to(dtype)

    def _bfloat16_pays(self) -> bool:
        """Whether bfloat16 is at least a fifth quicker here: asked of the processor, then measured, 0.2 s in all."""
        import torch

        if self.device.type == "cuda":
            return bool(torch.cuda.is_bf16_supported())
        if self.device.type != "cpu" or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            return False
        size = self.spec.preprocessing.size
        squares = np.zeros((4, size, size, 3), np.uint8)
        seconds = {}
        for dtype in (torch.float32, torch.bfloat16):
            self._use(dtype)
            self.run(squares)
            times = []
            for _ in range(3):
                start = time.perf_counter()
                self.run(squares)
                times.append(time.perf_counter() - start)
            seconds[dtype] = min(times)
            if dtype is torch.float32:
                kept = {name: tensor.clone() for name, tensor in self._module.state_dict().items()}
        pays = seconds[torch.bfloat16] < 0.8 * seconds[torch.float32]
        if not pays:
            self._use(torch.float32)
            self._module.load_state_dict(kept)  # the weights lost bits on the way to bfloat16
        return pays


def channels_of(module: Any) -> dict[str, int]:
    """How many channels come out of each stage of one of timm's networks, as far as it says."""
    stages = getattr(module, "feature_info", ()) or ()
    return {str(stage["module"]): int(stage["num_chs"]) for stage in stages}


def spread(output: torch.Tensor, channels: int | None) -> torch.Tensor:
    """A stage's output as (N, places, channels), from (N, C, H, W), (N, H, W, C) or (N, places, C)."""
    if output.ndim == 4 and output.shape[1] == (channels or output.shape[1]):
        output = output.permute(0, 2, 3, 1)
    return output.flatten(1, -2)


def fused(module: Any, size: int) -> Any:
    """The module with each batch norm, and the activation after it, made part of the convolution before.

    Each saves a pass over memory; together they are a fourth of the network's time. The order in which a module
    lists its parts is not always that in which it runs them, and the joint operator is not in every build of torch, so
    a result that is not the original's to a thousandth is dropped.
    """
    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    def fold(parent: torch.nn.Module, join: Callable[[Any, Any], Any | None]) -> None:
        before: tuple[str, torch.nn.Module] | None = None
        for name, child in list(parent.named_children()):
            if before and isinstance(before[1], torch.nn.Conv2d) and isinstance(child, torch.nn.BatchNorm2d):
                convolution = fuse_conv_bn_eval(before[1], child)
                activation = getattr(child, "act", torch.nn.Identity())  # timm's norms carry their activation
                joint = join(convolution, activation)
                setattr(parent, before[0], joint or convolution)
                setattr(parent, name, torch.nn.Identity() if joint else activation)
                before = None
            else:
                fold(child, join)
                before = (name, child)

    with torch.no_grad():  # weights that were copied in inference mode are of no use to 1 x 1 convolutions
        example = torch.linspace(-1, 1, 3 * size * size).view(1, 3, size, size)
        expected = module.forward_features(example)
        for join in (_joint, lambda *_parts: None):
            made = copy.deepcopy(module)
            try:
                fold(made, join)
                got = made.forward_features(example)
            except (RuntimeError, AttributeError):
                continue
            if torch.allclose(expected, got, rtol=1e-3, atol=1e-3 * float(expected.abs().max())):
                return made
    return module


def _joint(convolution: Any, activation: Any) -> Any | None:
    """A convolution and the activation after it as one operator of oneDNN, the one that torch's own compiler uses."""
    import torch
    from timm.layers import Conv2dSame
    from timm.layers.padding import pad_same

    known = {
        "ReLU6": ("hardtanh", [0.0, 6.0]),
        "ReLU": ("relu", []),
        "SiLU": ("swish", []),
        "Identity": ("none", []),
    }
    if type(activation).__name__ not in known or convolution.padding_mode != "zeros":
        return None
    name, numbers = known[type(activation).__name__]
    same = isinstance(convolution, Conv2dSame)  # pads unevenly, which the operator can't

    class Joint(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = convolution

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            c = self.convolution
            if same:
                x = pad_same(x, c.kernel_size, c.stride, c.dilation)
            padding = [0, 0] if same else c.padding
            result: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
                x, c.weight, c.bias, padding, c.stride, c.dilation, c.groups, name, numbers, ""
            )
            return result

    return Joint()


def load(
    spec: ExtractorSpec | None = None,
    on_download: Callable[[int, int], None] | None = None,
    *,
    may_download: bool = True,
    network: TunedNetwork | None = None,
    exact: bool = False,
) -> Extractor:
    """The extractor of `spec`, or the default one; for the rest see backbones.load.

    `network` has the weights of a subject that was trained deep; then nothing needs to be downloaded.
    Raises BackboneUnavailable when the network can't be had, ExtractorMismatch when it is another than `spec` names.
    """
    if network is not None and spec is not None:
        backbone = backbones.tuned(spec.backbone, network, spec.preprocessing, spec.stages)
    else:
        backbone = backbones.load(
            spec.backbone if spec else backbones.DEFAULT, on_download, may_download=may_download
        )
    if spec is not None:
        if backbone.weights != spec.weights:
            raise ExtractorMismatch(
                f"This subject was trained with other weights of the network “{spec.backbone}” than those on this"
                " computer."
            )
        if spec.version != _VERSION:
            raise ExtractorMismatch(
                "This subject was trained with another version of Lennonnet. Please train it again."
            )
        backbone = dataclasses.replace(backbone, preprocessing=spec.preprocessing, stages=spec.stages)
    return Extractor(backbone, exact=exact)


def spec_from_json(text: str) -> ExtractorSpec:
    """The spec that `spec_to_json` wrote. Raises ValueError for anything else."""
    try:
        fields: dict[str, Any] = json.loads(text)
        inner = fields.pop("preprocessing")
        inner["mean"], inner["std"] = tuple(inner["mean"]), tuple(inner["std"])
        if inner["interpolation"] not in _INTERPOLATIONS:
            raise ValueError("not an extractor's description: it resizes photos in an unknown way")
        return ExtractorSpec(
            preprocessing=Preprocessing(**inner), stages=tuple(fields.pop("stages")), **fields
        )
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError("not an extractor's description") from error


def spec_to_json(spec: ExtractorSpec) -> str:
    """The spec as JSON text, for a subject's file."""
    return json.dumps(dataclasses.asdict(spec), sort_keys=True)
