"""The network that learns, as pytorch-lightning's module, and the photos varied for it.

Importing this takes torch's seconds, so whoever needs it does that late.
"""

# ruff: noqa: E402 (torch_runtime has to be there before anything else brings torch along)
# ruff: noqa: D102 (what a hook is for, pytorch-lightning says)

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training import backbones, extractors, head, torch_runtime
from training.events import Settings
from training.head import Head
from training.tuning_control import NotFinite
from training.tuning_plan import Plan, Steps, rates

torch = torch_runtime.load()

import pytorch_lightning as lightning
from timm.models import group_parameters
from torch import nn
from torch.nn import functional

_LEARNING = 0.6  # of the network's stages: those from there to the end learn, those before stay as they are
_STAGE_DECAY = 0.75  # how much more slowly a stage learns than the one after it
_HEAD_RATE = 4 / 3  # of the network's rate: that of the classifier
_WEIGHT_DECAY = 0.05  # of filters
_BETAS = (0.9, 0.99)
_SMOOTHING = 0.05  # of labels
_GROUPS = 0.3  # how much it counts, beside telling the subject from all else, to tell all groups apart
_AVERAGING = 0.97  # of the weights, from step to step
_NEAREST, _TURN = 0.72, 8.0  # the smallest part of a photo's side shown; degrees
_GREY, _SOFT = 0.3, 0.2  # how often in grey, and how often soft


class Module(lightning.LightningModule):
    """The network, and a classifier over the same features that scoring uses."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan, task = plan, plan.task
        self.task = task
        backbone = backbones.load(task.settings.backbone)
        self.network = backbone.module
        self.network.reset_classifier(0)
        self.network.to(memory_format=torch.channels_last)
        self.outputs: dict[str, Any] = {}
        self.channels = extractors.channels_of(self.network)
        for name in task.spec.stages:
            self.network.get_submodule(name).register_forward_hook(self._keeper(name))
        mean, scale = _standard(task.all.features[task.split.learn], task.all.parts)
        self.standard = mean, scale
        self.register_buffer("mean", torch.from_numpy(mean), persistent=False)
        self.register_buffer("scale", torch.from_numpy(scale), persistent=False)
        # The quick way's head to begin with, so that nothing that it knows has to be learned again.
        weight, bias = task.start.weight, task.start.bias
        self.classifier = nn.Linear(len(weight), 1)
        with torch.no_grad():
            self.classifier.weight[0] = torch.from_numpy(
                np.where(scale > 0, weight / np.maximum(scale, 1e-30), 0)
            )
            self.classifier.bias[0] = bias + float(mean @ weight)
        self.telling = self.telling_apart() if len(plan.groups) > 2 else None
        self.seen: Any = None
        self.stages = self.dealt()
        self.learning = [parameter for _, some in self.stages for parameter in some]
        for parameter in self.network.parameters():
            parameter.requires_grad_(any(parameter is one for one in self.learning))
        self._quick = (self.quickened(),)  # in a tuple, so that it is no part of what is kept
        self.averaged: dict[str, Any] = {}
        self.best: dict[str, Any] = {"loss": math.inf, "epoch": 0, "state": {}}
        self.history: list[list[Any]] = []  # the fields of each Epoch
        self.sums = Sums()
        self.checked = Sums()
        self.train()

    def dealt(self) -> list[tuple[float, list[Any]]]:
        """The parts of the network that learn: how fast, compared to the last one, and their parameters."""
        named = dict(self.network.named_parameters())
        if not hasattr(self.network, "group_matcher"):
            return [(1.0, list(named.values()))]
        stage_of = group_parameters(self.network, self.network.group_matcher(coarse=True), reverse=True)
        count = 1 + max(stage_of.values())
        learning: dict[float, list[Any]] = {}
        for name, parameter in named.items():
            stage = stage_of.get(name, count - 1)
            if stage >= _LEARNING * count:
                learning.setdefault(_STAGE_DECAY ** (count - 1 - stage), []).append(parameter)
        return sorted(learning.items())

    def quickened(self) -> Any:
        """The network with what does not learn fused, as for scoring on a processor, and what learns the very same.

        Half of the time of a step was spent on what does not learn. Where it can't be fused, the network as it is.
        """
        all_learns = len(self.learning) == len([*self.network.parameters()])
        if all_learns or device_of(self.task.settings).type != "cpu":
            return self.network
        size = self.task.spec.preprocessing.size
        self.network.eval()
        quick = extractors.fused(self.network, size)
        if quick is not self.network:
            quick.requires_grad_(False)
            _share(self.network, quick, {id(parameter) for parameter in self.learning})
            quick.to(memory_format=torch.channels_last)
        with torch.no_grad():  # a norm that learns may have been made part of a convolution that does not
            example = torch.linspace(-1, 1, 3 * size * size).view(1, 3, size, size)
            expected, got = (one.forward_features(example) for one in (self.network, quick))
        self.outputs.clear()
        same = torch.allclose(expected, got, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))
        return quick if same else self.network

    def telling_apart(self) -> Any:
        """A second classifier, of groups, that is thrown away in the end: what it learns helps the first one."""
        task, learn = self.task, self.task.split.learn
        (mean, scale), kinds = self.standard, self.plan.kinds
        telling = nn.Linear(len(scale), len(self.plan.groups))
        for number in range(len(self.plan.groups)):
            made = head.fit(
                task.all.features[learn],
                kinds[learn] == number,
                twins=task.twins[learn],
                views=[view[learn] for view in task.all.views],
                parts=task.all.parts,
            ).head
            with torch.no_grad():
                telling.weight[number] = torch.from_numpy(
                    np.where(scale > 0, made.weight / np.maximum(scale, 1e-30), 0)
                )
                telling.bias[number] = made.bias + float(mean @ made.weight)
        return telling

    # -- looking

    def _keeper(self, name: str) -> Callable[..., None]:
        def keep(_module: Any, _inputs: object, output: Any) -> None:
            self.outputs[name] = output

        return keep

    def learn_as_it_came(self) -> None:
        """Let batch norms keep the statistics they came with: a few photos are too few for new ones."""
        self.train()
        for part in self.network.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.eval()

    def forward(self, x: Any) -> Any:
        """(N, 3, S, S), 0 to 255, to (N,) logits."""
        how = self.task.spec.preprocessing
        mean, std = (255 * x.new_tensor(values).view(1, 3, 1, 1) for values in (how.mean, how.std))
        x = ((x - mean) / std).contiguous(memory_format=torch.channels_last)
        quick = self._quick[0] if x.device.type == "cpu" else self.network
        pooled = self.network.forward_head(quick.forward_features(x), pre_logits=True)
        parts = [pooled.flatten(1).float()]
        for name in self.task.spec.stages:
            places = extractors.spread(self.outputs.pop(name), self.channels.get(name)).float()
            upper, lower = places.tensor_split(2, dim=1)
            variance = (places - places.mean(1, keepdim=True)).square().mean(1)
            parts += [upper.mean(1), lower.mean(1), (variance + 1e-8).sqrt()]  # no slope is infinite
        self.seen = (torch.cat(parts, 1) - self.mean) * self.scale
        return self.classifier(self.seen)[:, 0].float()

    def pictures(self, store: Any, numbers: Any) -> Any:
        """Some photos, as (n, 3, side, side) float from 0 to 255 on the device that learns."""
        return torch.from_numpy(store[numbers]).to(self.device).permute(0, 3, 1, 2).float()

    def losses(self, logits: Any, numbers: Any) -> Any:
        """(n,) how far logits are from the truth, both sides weighing the same."""
        truth = torch.from_numpy(self.plan.truth[numbers].astype(np.float32)).to(logits.device)
        weight = torch.from_numpy(self.plan.weight[numbers]).to(logits.device)
        return weight * functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")

    def lesson(self, logits: Any, numbers: Any) -> Any:
        """What is made smaller by learning: (n,) logits, as `forward` has just made them, to a number.

        Weights for either side would lose their effect as soon as all is right; instead, the logits that learn are
        shifted by how rare the subject is (Menon et al., 2021), which those that are kept are not.
        """
        truth = torch.from_numpy(self.plan.truth[numbers].astype(np.float32)).to(logits.device)
        wanted = truth * (1 - _SMOOTHING) + _SMOOTHING / 2
        loss = functional.binary_cross_entropy_with_logits(logits + self.plan.shift, wanted)
        if self.telling is None:
            return loss
        kinds = torch.from_numpy(self.plan.kinds[numbers]).to(logits.device)
        if bool((kinds < 0).all()):
            return loss
        said = self.telling(self.seen)
        return loss + _GROUPS * functional.cross_entropy(
            said.float(), kinds, ignore_index=-1, label_smoothing=_SMOOTHING
        )

    # -- learning

    def train_dataloader(self) -> Steps:
        world = self.trainer.world_size
        return Steps(math.ceil(len(self.task.split.learn) / (self.plan.batch * world)))

    def val_dataloader(self) -> Steps:
        return Steps(math.ceil(len(self.task.split.check) / self.plan.batch))

    def transfer_batch_to_device(self, batch: int, device: Any, dataloader_idx: int) -> int:
        return batch  # a number; the photos are moved where they are used

    def on_train_start(self) -> None:
        here = max(1, self.trainer.world_size // self.trainer.num_nodes)
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // here))

    def on_train_batch_start(self, batch: int, batch_idx: int) -> None:
        # Not in on_train_epoch_start, which is left out in the first epoch after a checkpoint.
        if batch_idx == 0:
            self.begin()

    def begin(self) -> None:
        """Begin an epoch. All chance in it comes from seed and number, so that it is the same after a pause."""
        self.learn_as_it_came()
        self.sums = Sums()
        seed = self.task.settings.seed * 1009 + self.current_epoch
        torch.manual_seed(seed)  # for what the network itself leaves to chance
        self.order = np.random.default_rng([self.task.settings.seed, self.current_epoch]).permutation(
            self.task.split.learn
        )
        self.let_learn(self.current_epoch >= self.plan.head_first)

    def let_learn(self, whole: bool) -> None:
        """Whether the network learns, or the classifier alone."""
        if self._trainer is not None and self.trainer.world_size > 1:
            return  # processes agree beforehand on what they exchange; its rate is 0 all the same
        for parameter in self.learning:
            parameter.requires_grad_(whole)

    def training_step(self, batch: int, batch_idx: int) -> Any:
        size, world = self.plan.batch, self.trainer.world_size
        places = (batch * world + self.trainer.global_rank) * size + np.arange(size)
        if world > 1:  # all have the same number of photos
            places %= len(self.order)
        numbers = self.order[places[places < len(self.order)]]
        logits = self(self.varied(numbers, batch))
        loss = self.lesson(logits, numbers)
        self.last = self.sums.add(self.losses(logits, numbers), logits, self.plan.truth[numbers])
        if not (math.isfinite(self.last[0]) and math.isfinite(float(loss.detach()))):
            raise NotFinite
        if self.trainer.loggers:
            self.log("training_loss", loss.detach(), on_step=True, on_epoch=False, batch_size=len(numbers))
        return loss

    def varied(self, numbers: Any, batch: int) -> Any:
        """Some photos as `forward` takes them, varied as the seed and the number of their batch decide."""
        seed = [self.task.settings.seed, self.current_epoch, batch, self.trainer.global_rank]
        return augmented(
            self.pictures(self.task.all.pixels, numbers),
            self.task.spec.preprocessing.size,
            np.random.default_rng(seed),
        )

    def try_out(self, kind: str) -> None:
        """What a batch costs, without learning from it."""
        settings, split = self.task.settings, self.task.split
        self.to(device_of(settings))
        numbers = (split.check if kind == "check" else split.learn)[: self.plan.batch]
        if kind == "check":
            self.eval()
            with torch.no_grad():
                self(self.pictures(self.task.all.squares, numbers)).sum().item()
            self.train()
            return
        self.learn_as_it_came()
        self.let_learn(kind == "all")
        pixels = self.pictures(self.task.all.pixels, numbers)
        x = augmented(pixels, self.task.spec.preprocessing.size, np.random.default_rng(0))
        self.lesson(self(x), numbers).backward()
        self.zero_grad(set_to_none=True)
        self.train()

    def configure_optimizers(self) -> Any:
        settings, plan = self.task.settings, self.plan
        steps = plan.steps if self._trainer is None else len(self.train_dataloader())
        total, frozen = steps * settings.epochs, steps * plan.head_first
        heads = [*self.classifier.parameters(), *(self.telling.parameters() if self.telling else ())]
        classifier = {"params": heads, "lr": _HEAD_RATE * settings.rate}
        groups = [{**classifier, "weight_decay": 0.0}]
        speeds = [rates(total, frozen, of_head=True)]
        for factor, some in self.stages:
            for decay in (0.0, _WEIGHT_DECAY):
                of_kind = [one for one in some if (one.ndim > 1) == (decay > 0)]
                if of_kind:
                    groups.append({"params": of_kind, "lr": factor * settings.rate, "weight_decay": decay})
                    speeds.append(rates(total, frozen, of_head=False))
        optimizer = torch.optim.AdamW(groups, betas=_BETAS)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, speeds)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def moving(self) -> dict[str, Any]:
        """All that learns, by name."""
        own = {id(parameter) for parameter in self.learning}
        kept = {f"network.{name}": p for name, p in self.network.named_parameters() if id(p) in own}
        return kept | {f"classifier.{name}": p for name, p in self.classifier.named_parameters()}

    def average(self) -> None:
        """Let the averaged weights follow those that learn; quickly in the beginning."""
        now = self.moving()
        if not self.averaged:
            self.averaged = {name: value.detach().clone() for name, value in now.items()}
            return
        step = self.trainer.global_step
        part = 1 - min(_AVERAGING, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averaged.values()), [now[name] for name in self.averaged], part)

    def swap(self) -> None:
        """Put the averaged weights where the ones that learn are, and those in their place."""
        with torch.no_grad():
            for name, value in self.moving().items():
                if name in self.averaged:
                    kept = value.detach().clone()
                    value.copy_(self.averaged[name])
                    self.averaged[name].copy_(kept)

    # -- checking

    def on_validation_epoch_start(self) -> None:
        self.checked = Sums()
        self.logits: list[Any] = []
        self.swap()

    def validation_step(self, batch: int, batch_idx: int) -> None:
        size = self.plan.batch
        numbers = self.task.split.check[batch * size : (batch + 1) * size]
        logits = self(self.pictures(self.task.all.squares, numbers))
        self.checked.add(self.losses(logits, numbers), logits, self.plan.truth[numbers])
        self.logits.append(logits.cpu().numpy())

    def on_validation_epoch_end(self) -> None:
        self.swap()
        loss = self.checked.loss
        if not math.isfinite(loss):
            raise NotFinite
        several = self.trainer.world_size > 1
        self.log("validation_loss", loss, batch_size=1, sync_dist=several)
        self.log("validation_right", self.checked.right, batch_size=1, sync_dist=several)
        if loss < self.best["loss"]:
            state = {name: value.cpu().clone() for name, value in self.averaged.items()}
            self.best = {"loss": loss, "epoch": self.current_epoch + 1, "state": state}

    # -- keeping

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["lennonnet"] = {"averaged": self.averaged, "best": self.best, "history": self.history}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.load_kept(checkpoint["lennonnet"])

    def load_kept(self, kept: dict[str, Any]) -> None:
        """What a checkpoint holds besides what pytorch-lightning puts into it."""
        self.averaged = {name: value.to(self.device) for name, value in kept["averaged"].items()}
        self.best, self.history = kept["best"], kept["history"]

    def best_kept(self) -> tuple[dict[str, NDArray[Any]], Head, int]:
        """The network as it is kept, the head over its features, and the epoch that they are of.

        That is the last one, whose rate was lowest, unless training ended before for want of progress.
        """
        self.cpu()
        last = len(self.history)
        whole = last >= self.task.settings.epochs
        state, epoch = (self.averaged, last) if whole else (self.best["state"], self.best["epoch"])
        with torch.no_grad():
            for name, value in self.moving().items():
                value.copy_(state[name])
        mean, scale = self.standard
        weight = self.classifier.weight.detach().numpy()[0] * scale
        bias = float(self.classifier.bias.detach().numpy()[0] - mean @ weight)
        return backbones.tensors_of(self.network), Head(weight, bias), epoch


def _share(network: Any, copy: Any, learning: set[int]) -> None:
    """Put all parts of a network that learn, given by the ids of their parameters, where their copies are."""
    for name, parameter in network.named_parameters(recurse=False):
        if id(parameter) in learning:
            setattr(copy, name, parameter)
    for name, part in network.named_children():
        learns = [id(parameter) in learning for parameter in part.parameters()]
        if any(learns):
            if all(learns):
                setattr(copy, name, part)
            else:
                _share(part, getattr(copy, name), learning)


class Sums:
    """Losses and right answers, added up; both sides weigh the same in `right`."""

    def __init__(self) -> None:
        self._loss, self._photos = 0.0, 0
        self._right, self._of = [0, 0], [0, 0]

    def add(self, losses: Any, logits: Any, truth: NDArray[np.bool_]) -> tuple[float, float]:
        """Add a batch: (n,) tensors and (n,) truth. Returns its mean loss and the share that is right."""
        values, said = losses.detach().float().cpu().numpy(), logits.detach().float().cpu().numpy() >= 0
        right = said == truth
        self._loss += float(values.sum())
        self._photos += len(values)
        for side in (0, 1):
            self._right[side] += int(right[truth == side].sum())
            self._of[side] += int((truth == side).sum())
        return float(values.mean()), float(right.mean())

    @property
    def loss(self) -> float:
        """The mean over all photos."""
        return self._loss / max(1, self._photos)

    @property
    def right(self) -> float:
        """The share of photos that is right, both sides weighing the same."""
        shares = [right / of for right, of in zip(self._right, self._of, strict=True) if of]
        return sum(shares) / max(1, len(shares))


def _standard(x: NDArray[Any], parts: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and scale, (D,) each, that bring features to mean 0, each part of them to length 1 on average."""
    columns = x.astype(np.float32)
    mean, deviation = columns.mean(0), columns.std(0)
    scale = np.zeros_like(deviation)
    start = 0
    for part in parts:
        here = slice(start, start + part)
        floor = 0.01 * deviation[here].mean()  # a column that hardly moves must not shout when it does
        moves = deviation[here] > 1e-6 * (np.abs(mean[here]) + 1e-30)
        scale[here] = np.where(moves, 1 / (deviation[here] + floor + 1e-30), 0) / np.sqrt(part * len(parts))
        start += part
    return mean, scale


def device_of(settings: Settings) -> Any:
    """The device that training will run on, for what is tried out before."""
    if settings.device in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return torch.device("cuda")
    if settings.device in ("auto", "gpu", "mps") and torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def augmented(pixels: Any, size: int, random: np.random.Generator) -> Any:
    """Photos as they might have been taken: moved, nearer or farther, turned a little, mirrored, in another light.

    (N, 3, K, K) float from 0 to 255 to (N, 3, size, size) of the same kind; one pass over the batch each.
    """
    count, device = len(pixels), pixels.device

    def draw(low: float, high: float, *more: int) -> Any:
        numbers = random.uniform(low, high, (count, *more)).astype(np.float32)
        return torch.from_numpy(numbers).to(device)

    side, angle, aspect = draw(_NEAREST, 1), draw(-_TURN, _TURN) * (math.pi / 180), draw(-0.08, 0.08).exp()
    mirrored = draw(0, 1).sub(0.5).sign()
    room = 1 - side
    cosine, sine = angle.cos(), angle.sin()
    where = torch.stack(
        [
            torch.stack([side * cosine * mirrored * aspect, -side * sine, draw(-1, 1) * room], 1),
            torch.stack([side * sine * mirrored, side * cosine / aspect, draw(-1, 1) * room], 1),
        ],
        1,
    )
    grid = functional.affine_grid(where, [count, 3, size, size], align_corners=False)
    mode = "bilinear" if device.type == "mps" else "bicubic"  # Metal has no bicubic one
    x = functional.grid_sample(pixels, grid, mode=mode, padding_mode="reflection", align_corners=False)

    def each(values: Any) -> Any:
        return values.view(count, -1, 1, 1)

    grey = (x * x.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    colour = torch.where(draw(0, 1) < _GREY, torch.zeros_like(side), draw(0.6, 1.3))
    x = torch.lerp(grey.expand_as(x), x, each(colour))
    middle = x.mean((1, 2, 3), keepdim=True)
    contrast, light, tint = draw(-0.35, 0.3).exp(), draw(-0.3, 0.25).exp(), draw(-0.08, 0.08, 3).exp()
    x = ((x - middle) * each(contrast) + middle * each(light)) * each(tint)
    soft = draw(0, 1) < _SOFT  # as from a small original
    if bool(soft.any()):
        few = x[soft]
        small = functional.interpolate(few, size=int(size * random.uniform(0.35, 0.8)), mode="area")
        x[soft] = functional.interpolate(small, size=(size, size), mode="bilinear")
    return x.clamp_(0, 255)
