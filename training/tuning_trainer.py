"""pytorch-lightning's Trainer around the network that learns: what it reports, what it keeps, how it ends.

Importing this takes torch's seconds, so whoever needs it does that late.
"""

# ruff: noqa: E402 (torch_runtime has to be there before anything else brings torch along)
# ruff: noqa: D102 (what a hook is for, pytorch-lightning says)

from __future__ import annotations

import io
import logging
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training import checkpoints, torch_runtime
from training.events import Batch, Checkpoint, Epoch, Estimated, Event, Mistake, Mistakes
from training.judging import Tuned
from training.tuning_control import Control, Failure, NotFinite, Stop
from training.tuning_photos import Task
from training.tuning_plan import Plan

torch = torch_runtime.load()

import pytorch_lightning as lightning
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from pytorch_lightning.plugins.io import CheckpointIO

from training.tuning_module import Module, device_of

_PROGRESS = 1e-3  # in loss; what is less is none
_CLIP = 1.0  # the longest gradient
_MISTAKES = 12  # so many of the worst are shown
_TIMES = 32  # batches whose times tell how long the rest will take

for _name in ("pytorch_lightning", "lightning_fabric"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # what it says by the way, events say better


def train(plan: Plan, control: Control, tell: Callable[[Event], None], going_on: bool) -> Tuned | None:
    """Train, from the last checkpoint if `going_on`; None in all but the first of several processes."""
    folder, settings = plan.task.folder, plan.task.settings
    # What torch says to pytorch-lightning (2.6) of a class that it still uses; nothing here can be done about it.
    warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)`", FutureWarning)
    module = Module(plan)
    reporter = Reporter(plan, control, tell)
    done = False
    if going_on:
        header, state = _newest_checkpoint(folder)
        module.load_kept(state["lennonnet"])
        done = header["done"]
        for epoch in module.history:
            tell(Epoch(*epoch))
    else:
        reporter.times = _measured(module)
        tell(Estimated(plan.estimate(reporter.times)))
    try:
        trainer = _trainer_of(plan, reporter)
    except Exception as error:  # whatever pytorch-lightning has against these settings
        why = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise Failure(f"This computer can't train that way: {why}.") from error
    if not done:
        control.learning = True
        trainer.fit(module, ckpt_path=folder / checkpoints.NAME if going_on else None)
    if not trainer.is_global_zero:
        return None
    try:
        tensors, learned, best = module.best_kept()
    except ValueError as error:
        raise NotFinite from error
    return Tuned(tensors, learned, best, len(module.history), settings.device)


def estimated(plan: Plan) -> float:
    """How long a training will take, in seconds, from a measured short run."""
    return plan.estimate(_measured(Module(plan)))


def _measured(module: Module) -> dict[str, list[float]]:
    """How long a batch takes in seconds: with the head alone learning, with all of it, and when it is checked."""
    times: dict[str, list[float]] = {}
    for kind in ("all", "head", "check"):
        times[kind] = []
        for turn in range(3 if kind != "head" else 2):
            start = time.monotonic()
            module.try_out(kind)
            if turn:  # the first is slower
                times[kind].append(time.monotonic() - start)
    return times


def _trainer_of(plan: Plan, reporter: Reporter) -> Any:
    settings, folder = plan.task.settings, plan.task.folder
    logger: Any = False
    if settings.log != "none":
        kinds = {"csv": CSVLogger, "tensorboard": TensorBoardLogger}
        number = len(list((folder / "log").glob("*"))) + 1  # one that goes on has a log of its own
        logger = kinds[settings.log](folder, name="log", version=f"{number:03}")
    on_cuda = device_of(settings).type == "cuda"
    keeper = Keeper(plan)
    keeper.trainer = lightning.Trainer(
        accelerator=settings.device,
        devices=settings.devices,
        num_nodes=settings.num_nodes,
        strategy=settings.strategy,
        precision="bf16-mixed" if on_cuda and torch.cuda.is_bf16_supported() else "32-true",
        max_epochs=settings.epochs,
        gradient_clip_val=_CLIP,
        deterministic="warn" if on_cuda else False,
        benchmark=False,
        callbacks=[
            reporter,
            EarlyStopping("validation_loss", _PROGRESS, settings.patience, check_finite=False),
        ],
        plugins=[keeper],
        logger=logger,
        log_every_n_steps=1,
        default_root_dir=folder,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
    return keeper.trainer


class Reporter(lightning.Callback):
    """Says how it goes, keeps what was learned after every epoch, and waits or stops when asked to."""

    def __init__(self, plan: Plan, control: Control, tell: Callable[[Event], None]) -> None:
        self.plan, self.control, self.tell = plan, control, tell
        self.times: dict[str, Any] = {}
        self.start = self.epoch_start = time.monotonic()

    def note(self, kind: str, seconds: float) -> None:
        self.times[kind] = [*self.times.get(kind, ()), seconds][-_TIMES:]

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        waited = time.monotonic()
        self.control.check(self.tell)
        self.start = time.monotonic()
        self.epoch_start = self.start if batch_idx == 0 else self.epoch_start + self.start - waited

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        plan, epoch = self.plan, trainer.current_epoch
        pl_module.average()
        kind = "all" if epoch >= plan.head_first else "head"
        self.note(kind, time.monotonic() - self.start)
        seconds = statistics.median(self.times[kind])
        loss, right = pl_module.last
        photos_ = plan.batch * trainer.world_size
        steps = trainer.num_training_batches
        self.tell(
            Batch(
                epoch * steps + batch_idx + 1,
                plan.task.settings.epochs * steps,
                epoch + 1,
                loss,
                right,
                min(photos_, len(plan.task.split.learn)) / max(seconds, 1e-6),
                plan.estimate(self.times, epoch, batch_idx + 1),
            )
        )

    def on_validation_batch_start(self, trainer: Any, pl_module: Any, batch: Any, *_: Any) -> None:
        if self.control.stopping():
            raise Stop
        self.start = time.monotonic()

    def on_validation_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        self.note("check", time.monotonic() - self.start)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        task = self.plan.task
        shown, checked = pl_module.sums, pl_module.checked
        epoch = [
            trainer.current_epoch + 1,
            task.settings.epochs,
            shown.loss,
            checked.loss,
            shown.right,
            checked.right,
            time.monotonic() - self.epoch_start,
        ]
        pl_module.history.append(epoch)
        self.tell(Epoch(*epoch))
        said = 1 / (1 + np.exp(-np.concatenate(pl_module.logits).astype(np.float64)))
        self.tell(_mistakes(task, task.split.check, said))
        self.keep(trainer, epoch[0])

    def keep(self, trainer: Any, epoch: int) -> None:
        """Write a checkpoint; where the disk is full, training goes on, and the one before stays."""
        trainer.save_checkpoint(self.plan.task.folder / checkpoints.NAME)
        if trainer.is_global_zero:
            error = trainer.strategy.checkpoint_io.error
            words = f"What was learned in this epoch could not be kept: {error}." if error else ""
            self.tell(Checkpoint(epoch, words))
        if self.control.ending() and epoch < self.plan.task.settings.epochs:
            raise Stop


class Keeper(CheckpointIO):
    """Writes checkpoints such that one that is whole is always there."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.trainer: Any = None
        self.error = ""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        epoch, of = len(checkpoint["lennonnet"]["history"]), self.plan.task.settings.epochs
        done = epoch >= of or bool(self.trainer.should_stop)
        content = io.BytesIO()
        torch.save(checkpoint, content)
        header = {"key": self.plan.task.key, "epoch": epoch, "of": of, "done": done}
        self.error = ""
        try:
            checkpoints.write(Path(path).parent, header, content.getbuffer())
        except OSError as error:
            self.error = error.strerror or str(error)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: Any = None) -> Any:
        return _newest_checkpoint(Path(path).parent)[1]

    def remove_checkpoint(self, path: Any) -> None:
        """Nothing: which ones stay is decided where they are written."""


def _mistakes(task: Task, numbers: NDArray[np.intp], said: NDArray[Any]) -> Mistakes:
    """The worst of photos that are on the wrong side of 0.5."""
    wrong = []
    for number, probability in zip(numbers.tolist(), said.tolist(), strict=True):
        photo = task.all.photos[number]
        if (probability >= 0.5) != photo.is_subject:
            wrong.append(Mistake(photo.file.path, probability, photo.is_subject, photo.group))
    wrong.sort(key=lambda mistake: -abs(mistake.probability - mistake.is_subject))
    return Mistakes(tuple(wrong[:_MISTAKES]))


def _newest_checkpoint(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and content of the newest checkpoint that is whole. Raises Failure if there is none."""
    found = checkpoints.newest(folder)
    if found is None:
        raise Failure("What was learned before can't be read. Please train again from the beginning.")
    return found[0], torch.load(io.BytesIO(found[1]), map_location="cpu", weights_only=True)
