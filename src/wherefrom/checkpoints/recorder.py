"""A few lines in a training loop, or a callback of a trainer, that keep checkpoints with their rates."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.optim import Optimizer

from wherefrom.checkpoints.callbacks import On, lightning_callback, trainer_callback
from wherefrom.checkpoints.checkpoint import Checkpoint
from wherefrom.errors import UsageError
from wherefrom.forward import unwrapped_model
from wherefrom.step_scales import bare_optimizer, learning_rate_of, step_scales

if TYPE_CHECKING:
    from lightning.pytorch import Callback
    from transformers import TrainerCallback


class CheckpointRecorder:
    """Keeps copies of a model's weights while it trains, with the optimiser's learning rate and step scales.

    Call :meth:`record` before each step or at each epoch's end; the first call keeps a copy, and every ``every``-th after it. Copies are on
    CPU, in memory, or as ``folder/checkpoint-00000.safetensors`` and so on. ``model`` may be wrapped by ``torch.compile`` or data parallelism.

    With an optimiser, each checkpoint also has ``scales``, −Δθ / gradient to first order for each entry of a parameter (η = learning rate,
    of the parameter's own group; μ momentum; τ dampening; moments as they stand at the call):

    - SGD: η (1 − τ) / (1 − μ), the sum over this and the later steps that the gradient moves; shape ().
    - Adam, AdamW: η / (√v̂ + ε), v̂ corrected for bias, its running maximum with amsgrad. The first moment spreads a gradient over later
      steps with a total weight of 1 (once its bias correction has died away), so it gives no factor.
    - RMSprop: η / (1 − μ) / (√v + ε), v minus the squared mean where centred. Adagrad: η / (1 + steps · decay) / (√sum + ε).

    The effect of a gradient on v itself is left out, so an entry that no gradient has reached yet has the scale η / ε, which is too large.
    Before an adaptive optimiser's first step, and for any other optimiser, ``scales`` is None. Adaptive scales add the parameters' size once
    more to each checkpoint.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizer | None = None, *, folder: str | Path | None = None, every: int = 1) -> None:
        if every < 1:
            raise UsageError(f"every={every} would keep nothing; give a whole number from 1.")
        self.model = unwrapped_model(model)
        self.optimizer = bare_optimizer(optimizer)
        self.folder = None if folder is None else Path(folder)
        self.every = every
        if self.folder is not None and any(self.folder.glob("checkpoint-*.safetensors")):
            raise UsageError(f"The folder {self.folder} holds checkpoints already; choose an empty one.")
        self._calls = 0
        self._kept: list[Checkpoint | Path] = []
        self._rates: list[float | None] = []

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        return f"CheckpointRecorder({len(self)} checkpoints, {'in memory' if self.folder is None else self.folder})"

    @property
    def learning_rates(self) -> tuple[float | None, ...]:
        """The learning rate of each checkpoint; None where neither the call nor an optimiser told it."""
        return tuple(self._rates)

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """What was kept, in order; those in a folder are opened at each access, their tensors read when used."""
        return tuple(Checkpoint.load(kept) if isinstance(kept, Path) else kept for kept in self._kept)

    def record(self, learning_rate: float | None = None) -> None:
        """Keep the weights as they are now, if this call's turn has come.

        ``learning_rate`` stands before the optimiser's. Raises ``UsageError`` for an optimiser that maximises or holds none of the model's
        parameters, and where its groups have different rates that no scales can express.
        """
        self._record(learning_rate, self.optimizer)

    def callback(self, on: On = "epoch") -> "TrainerCallback":
        """Return a ``transformers.TrainerCallback`` that records at each epoch's end, each save, or after each step, with the Trainer's optimiser.

        Rates and scales are those of the step to be taken next, to which the Trainer's schedule has moved on by then.
        """
        return trainer_callback(self._record, on, self.optimizer)

    def lightning_callback(self, on: On = "epoch") -> "Callback":
        """Return the same for Lightning's Trainer. Raises ``UsageError`` where a module has several optimisers."""
        return lightning_callback(self._record, on)

    def _record(self, learning_rate: float | None, optimizer: Optimizer | None) -> None:
        turn, self._calls = self._calls % self.every == 0, self._calls + 1
        if not turn:
            return
        scales = None if optimizer is None else step_scales(self.model, optimizer)
        rate = rate_of(learning_rate) if learning_rate is not None else None if optimizer is None else learning_rate_of(optimizer)
        number = len(self._kept)
        kept: Checkpoint | Path = Checkpoint(_copies(self.model), rate, scales, f"checkpoint {number}")
        if self.folder is not None:
            kept = kept.save(self.folder / f"checkpoint-{number:05d}.safetensors")
        self._kept.append(kept)
        self._rates.append(rate)


def rate_of(value: object) -> float:
    """Return a learning rate as a number of 0 or more."""
    try:
        rate = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise UsageError(f"The learning rate {value!r} is no number; give one such as 0.1.") from error
    if not math.isfinite(rate) or rate < 0:
        raise UsageError(f"The learning rate {rate:g} is negative or not finite; give the size of the step, such as 0.1.")
    return rate


def _copies(model: nn.Module) -> dict[str, Tensor]:
    """The state on CPU, detached; names that share a tensor share the copy."""
    copies: dict[tuple[object, ...], Tensor] = {}
    state: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        if isinstance(value, Tensor):
            key = (value.data_ptr() or name, value.device, value.dtype, value.shape, value.stride())
            if key not in copies:
                copies[key] = value.detach().to("cpu", copy=True)
            state[name] = copies[key]
    return state
