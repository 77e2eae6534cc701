"""Callbacks of trainers that call a recorder."""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from torch.optim import Optimizer

from wherefrom.errors import UsageError, nearest
from wherefrom.step_scales import bare_optimizer

if TYPE_CHECKING:
    from lightning.pytorch import Callback
    from transformers import TrainerCallback

On = Literal["epoch", "save", "step"]
Record = Callable[[float | None, Optimizer | None], None]

_EVENTS = {"epoch": "on_epoch_end", "save": "on_save", "step": "on_step_end"}
_LIGHTNING = {"epoch": "on_train_epoch_end", "save": "on_save_checkpoint", "step": "on_train_batch_end"}


def trainer_callback(record: Record, on: On, optimizer: Optimizer | None) -> "TrainerCallback":
    """Return a ``transformers.TrainerCallback`` that records at a moment; ``optimizer`` where the Trainer tells none."""
    checked(on)
    base = base_class("transformers", "TrainerCallback")

    def hook(_self: Any, _args: Any, _state: Any, _control: Any, **kwargs: Any) -> None:
        record(None, bare_optimizer(kwargs.get("optimizer")) or optimizer)

    return type("RecordCheckpoints", (base,), {_EVENTS[on]: hook})()  # type: ignore[return-value]


def lightning_callback(record: Record, on: On) -> "Callback":
    """Return a callback of Lightning that records at a moment."""
    checked(on)
    base = base_class("lightning.pytorch", "Callback")
    steps: list[int] = [0]

    def hook(_self: Any, trainer: Any, _module: Any, *_rest: Any) -> None:
        if on == "step" and trainer.global_step == steps[0]:  # gradients are being added up
            return
        steps[0] = trainer.global_step
        if len(trainer.optimizers) != 1:
            raise UsageError(f"The module has {len(trainer.optimizers)} optimisers; record by hand, with one recorder for each.")
        record(None, bare_optimizer(trainer.optimizers[0]))

    return type("RecordCheckpoints", (base,), {_LIGHTNING[on]: hook})()  # type: ignore[return-value]


def checked(on: str) -> None:
    """Refuse a moment that is none."""
    if on not in _EVENTS:
        raise UsageError(f"on={on!r} is no moment to record at; give one of {', '.join(map(repr, _EVENTS))}.{nearest(on, _EVENTS)}")


def base_class(package: str, name: str) -> type:
    """Return the class of a trainer's callbacks. Raises ``UsageError`` where the package is missing."""
    try:
        return getattr(importlib.import_module(package), name)
    except ImportError as error:
        extra = "transformers" if package == "transformers" else "lightning"
        raise UsageError(f"The callback needs the package {extra}; run pip install {extra}.") from error
