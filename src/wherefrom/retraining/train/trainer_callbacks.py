"""Callbacks that record a run under transformers' Trainer or Lightning's: which examples each step used, at which rate."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from torch.optim import Optimizer
from torch.utils.data import DataLoader, IterableDataset

from wherefrom.checkpoints.callbacks import base_class
from wherefrom.errors import UsageError
from wherefrom.step_scales import bare_optimizer
from wherefrom.types import Ids

if TYPE_CHECKING:
    from lightning.pytorch import Callback
    from transformers import TrainerCallback


class StepRecorder(Protocol):
    """What callbacks need of a recorder."""

    def begin(self, optimizer: Optimizer) -> None:
        """Take the optimiser and the weights that the run starts from."""
        ...

    def before_step(self, ids: Ids, sizes: Sequence[int], planned: int, bound: float | None) -> None:
        """Remember the examples, the rate and the gradient of a step that is about to be taken."""
        ...

    def after_step(self) -> None:
        """Keep the state after it."""
        ...


class Drawn:
    """The batches that a data loader draws, in order, whatever its workers fetch ahead: its batch sampler notes each as it gives it."""

    def __init__(self, ids: Ids | None) -> None:
        self.ids = None if ids is None else np.asarray(ids)
        self.waiting: list[list[int]] = []
        self.changed: list[tuple[object, type]] = []

    def watch(self, loader: object) -> None:
        """Note what a loader draws from now on. Raises :class:`UsageError` for a stream, whose examples have no place."""
        loader = getattr(loader, "base_dataloader", loader)
        sampler = getattr(loader, "batch_sampler", None)
        if not isinstance(loader, DataLoader) or sampler is None or isinstance(loader.dataset, IterableDataset):
            raise UsageError("The training data are a stream or several loaders, whose examples cannot be named; train on one map-style data set.")
        kind, waiting = type(sampler), self.waiting

        def noted(sampler: object) -> Iterator[list[int]]:
            for batch in kind.__iter__(sampler):
                waiting.append([int(place) for place in batch])
                yield batch

        sampler.__class__ = type(kind.__name__, (kind,), {"__iter__": noted})
        self.changed.append((sampler, kind))

    def leave(self) -> None:
        """Let the loader be as it was."""
        while self.changed:
            sampler, kind = self.changed.pop()
            sampler.__class__ = kind

    def take(self, count: int) -> tuple[Ids, list[int]]:
        """The ids of the next batches one after the other, and their sizes."""
        batches, self.waiting[:] = self.waiting[:count], self.waiting[count:]
        places = np.array([place for batch in batches for place in batch], dtype=np.int64)
        return places if self.ids is None else self.ids[places], [len(batch) for batch in batches]


def trainer_callback(recorder: StepRecorder, ids: Ids | None) -> "TrainerCallback":
    """Return a callback of transformers' Trainer that records each step."""
    drawn, parts = Drawn(ids), [0]

    class RecordRun(base_class("transformers", "TrainerCallback")):  # type: ignore[misc]
        def on_train_begin(self, args, state, control, optimizer=None, train_dataloader=None, **kwargs) -> None:
            if args.world_size > 1 or args.n_gpu > 1 or state.global_step:
                raise UsageError("A run is recorded from its first step, in one process on one device; start it anew there.")
            recorder.begin(bare_optimizer(optimizer))  # type: ignore[arg-type]
            drawn.watch(train_dataloader)

        def on_epoch_begin(self, args, state, control, **kwargs) -> None:
            drawn.waiting.clear()

        def on_substep_end(self, args, state, control, **kwargs) -> None:
            parts[0] += 1

        def on_pre_optimizer_step(self, args, state, control, **kwargs) -> None:
            taken, sizes = drawn.take(parts[0] + 1)
            recorder.before_step(taken, sizes, args.gradient_accumulation_steps, args.max_grad_norm or None)
            parts[0] = 0

        def on_optimizer_step(self, args, state, control, **kwargs) -> None:
            recorder.after_step()

        def on_train_end(self, args, state, control, **kwargs) -> None:
            drawn.leave()

    return RecordRun()


def lightning_callback(recorder: StepRecorder, ids: Ids | None) -> "Callback":
    """Return a callback of Lightning's Trainer that records each step."""
    drawn, parts, steps = Drawn(ids), [0], [0]

    class RecordRun(base_class("lightning.pytorch", "Callback")):  # type: ignore[misc]
        def on_fit_start(self, trainer, pl_module) -> None:
            # the loader begins to draw before on_train_start; one that the module makes is made here, once
            source = trainer.fit_loop._data_source
            loader = source.dataloader()
            if source.is_module():
                source.instance, source.name = loader, ""
            drawn.watch(loader)

        def on_train_start(self, trainer, pl_module) -> None:
            if trainer.world_size > 1 or trainer.global_step or len(trainer.optimizers) != 1:
                raise UsageError("A run is recorded from its first step, of one optimiser, in one process on one device; start it anew there.")
            recorder.begin(bare_optimizer(trainer.optimizers[0]) or trainer.optimizers[0])

        def on_train_epoch_start(self, trainer, pl_module) -> None:
            parts[0] = 0

        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
            parts[0] += 1

        def on_before_optimizer_step(self, trainer, pl_module, optimizer) -> None:
            taken, sizes = drawn.take(parts[0])
            recorder.before_step(taken, sizes, trainer.accumulate_grad_batches, trainer.gradient_clip_val)
            parts[0] = 0

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
            if trainer.global_step != steps[0]:
                recorder.after_step()
                steps[0] = trainer.global_step

        def on_train_end(self, trainer, pl_module) -> None:
            drawn.leave()

    return RecordRun()
