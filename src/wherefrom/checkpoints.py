"""Weights kept during training: read from files, taken as a list, or recorded by a few lines in the training loop."""

import importlib
import json
import math
import pickle
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torch.optim import Optimizer

from wherefrom.errors import UsageError, nearest
from wherefrom.former_name import NAME, manifest_of
from wherefrom.step_scales import bare_optimizer, learning_rate_of, step_scales
from wherefrom.store.files import write_whole

On = Literal["epoch", "save", "step"]
_EVENTS = {"epoch": "on_epoch_end", "save": "on_save", "step": "on_step_end"}
_WRAPPED = ("state_dict", "model_state_dict")
_SCALE = "scales."


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A model's weights at one moment of training.

    ``state`` maps names to tensors, as ``model.state_dict()`` does; ``learning_rate`` is the rate of the steps taken there, None where unknown.
    ``scales`` maps parameter names to the optimiser's step per unit of gradient, −Δθ / gradient to first order, of the parameter's shape or of
    shape (); None where unknown. A parameter that the optimiser does not hold, or has not moved yet, is absent from it.
    """

    state: Mapping[str, Tensor]
    learning_rate: float | None = None
    scales: Mapping[str, Tensor] | None = None
    name: str = ""

    def __repr__(self) -> str:
        return f"Checkpoint({self.name!r}, learning_rate={self.learning_rate})"

    @classmethod
    def load(cls, path: str | Path) -> "Checkpoint":
        """Read a ``.safetensors`` file, a file of ``torch.save``, or a Hugging Face folder; tensors stay on disk until used where possible.

        What :meth:`save` wrote comes back with its learning rate and scales; of a torch file, ``{"state_dict": ...}`` and
        ``{"model_state_dict": ...}`` are opened. The name is the recorded one, else the file's stem. Raises ``UsageError`` for a path that
        does not exist, a file that cannot be read, and a file without tensors.
        """
        path = Path(path)
        if not path.exists():
            raise UsageError(f"There is no checkpoint at {path}; give the path of a .safetensors or torch file.")
        tensors, metadata = _read_folder(path) if path.is_dir() else _read_file(path)
        name = metadata.get("name") or (path.name if path.is_dir() else path.stem)
        if manifest_of(metadata) is None:
            return cls(_state_of(tensors, str(path)), None, None, name)
        scaled = json.loads(metadata["scales"]) if "scales" in metadata else None
        scales = None if scaled is None else {key: tensors.pop(_SCALE + key) for key in scaled}
        rate = float(metadata["learning_rate"]) if "learning_rate" in metadata else None
        return cls(_state_of(tensors, str(path)), rate, scales, name)

    def save(self, path: str | Path) -> Path:
        """Write a ``.safetensors`` file, whole or not at all; tied weights are written once for each name."""
        path = Path(path)
        if path.suffix != ".safetensors":
            raise UsageError(f"A checkpoint is saved as safetensors; name the file {path.with_suffix('.safetensors').name}.")
        scales = {_SCALE + key: value for key, value in (self.scales or {}).items()}
        if clash := sorted(scales.keys() & self.state.keys()):
            raise UsageError(f"The name {clash[0]!r} stands for a weight and for a scale; rename the module {_SCALE[:-1]!r}.")
        metadata = {"format": "pt", NAME: "checkpoint"} | ({"name": self.name} if self.name else {})
        if self.learning_rate is not None:
            metadata["learning_rate"] = repr(float(self.learning_rate))
        if self.scales is not None:
            metadata["scales"] = json.dumps(list(self.scales))
        return write_whole(path, to_bytes(_unshared({**self.state, **scales}), metadata))


def as_checkpoints(checkpoints: "Checkpoints", learning_rates: float | Sequence[float] | None = None) -> tuple[Checkpoint, ...]:
    """Checkpoints with their learning rates and names filled in.

    ``checkpoints``: a :class:`CheckpointRecorder`, or a sequence of state dicts, paths and :class:`Checkpoint`. ``learning_rates``: one number
    for all, or one for each; None = the recorded ones, or 1 where none is recorded. Raises ``UsageError`` for an empty sequence, a single
    state dict or path, a count of rates that differs, a negative or not finite rate, and checkpoints of which only some know their rate.
    """
    if isinstance(checkpoints, CheckpointRecorder):
        checkpoints = checkpoints.checkpoints
    if isinstance(checkpoints, (Mapping, str, Path, Checkpoint, nn.Module)):
        raise UsageError("A single checkpoint stands where a sequence is wanted; put it in a list.")
    if not isinstance(checkpoints, Iterable):
        raise UsageError(f"A {type(checkpoints).__name__} is no sequence of checkpoints; give a list of state dicts or paths.")
    given = [_checkpoint(item, place) for place, item in enumerate(checkpoints)]
    if not given:
        raise UsageError("There are no checkpoints; give at least one.")
    return tuple(replace(item, learning_rate=rate) for item, rate in zip(given, _rates(given, learning_rates), strict=True))


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
        self.model = _bare_model(model)
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

    def callback(self, on: On = "epoch") -> Any:
        """A ``transformers.TrainerCallback`` that records at each epoch's end, each save, or after each step, with the Trainer's optimiser.

        The Trainer has set the rate of the next step by then: with a schedule that falls to 0 the last checkpoint has the rate 0.
        """
        if on not in _EVENTS:
            raise UsageError(f"on={on!r} is no moment to record at; give one of {', '.join(map(repr, _EVENTS))}.{nearest(on, _EVENTS)}")
        try:
            base = importlib.import_module("transformers").TrainerCallback
        except ImportError as error:
            raise UsageError("The callback needs the package transformers; run pip install transformers.") from error

        def hook(_self: Any, _args: Any, _state: Any, _control: Any, **kwargs: Any) -> None:
            self._record(None, bare_optimizer(kwargs.get("optimizer")) or self.optimizer)

        return type("RecordCheckpoints", (base,), {_EVENTS[on]: hook})()

    def _record(self, learning_rate: float | None, optimizer: Optimizer | None) -> None:
        turn, self._calls = self._calls % self.every == 0, self._calls + 1
        if not turn:
            return
        scales = None if optimizer is None else step_scales(self.model, optimizer)
        rate = _rate(learning_rate) if learning_rate is not None else None if optimizer is None else learning_rate_of(optimizer)
        number = len(self._kept)
        kept: Checkpoint | Path = Checkpoint(_copies(self.model), rate, scales, f"checkpoint {number}")
        if self.folder is not None:
            kept = kept.save(self.folder / f"checkpoint-{number:05d}.safetensors")
        self._kept.append(kept)
        self._rates.append(rate)


Checkpoints: TypeAlias = CheckpointRecorder | Iterable[Checkpoint | str | Path | Mapping[str, Tensor]]


def _read_file(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118, it is no dictionary
        return torch.load(path, weights_only=True, mmap=zipfile.is_zipfile(path), map_location="cpu"), {}
    except pickle.UnpicklingError as error:
        raise UsageError(f"The file {path} is no torch file of plain tensors; write it with torch.save(model.state_dict(), path).") from error
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError, LookupError) as error:
        raise UsageError(f"The checkpoint {path} cannot be read, it is broken or cut short; write it again.") from error


def _read_folder(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """A Hugging Face folder: one file, or several that an index lists."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).exists():
            return _read_file(folder / name)
        index = folder / f"{name}.index.json"
        if index.exists():
            tensors: dict[str, Any] = {}
            for part in sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())):
                if not (folder / part).exists():
                    raise UsageError(f"The folder {folder} lacks {part}, which its index lists; copy it there.")
                tensors |= _read_file(folder / part)[0]
            return tensors, {}
    raise UsageError(f"The folder {folder} holds no model.safetensors; give the path of a checkpoint's file.")


def _state_of(content: Any, where: str) -> dict[str, Tensor]:
    for key in _WRAPPED:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    state = {str(key): value for key, value in content.items() if isinstance(value, Tensor)} if isinstance(content, Mapping) else {}
    if not state:
        raise UsageError(f"There are no named tensors in {where}; give what model.state_dict() returns.")
    return state


def _unshared(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous tensors on CPU of which no two share memory, as safetensors wants them."""
    seen: set[int] = set()
    plain: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        value = tensor.detach().cpu().contiguous()
        place = value.untyped_storage().data_ptr()
        plain[key] = value.clone() if place in seen else value
        seen.add(place)
    return plain


def _checkpoint(item: Any, place: int) -> Checkpoint:
    if isinstance(item, Checkpoint):
        return item if item.name else replace(item, name=f"checkpoint {place}")
    if isinstance(item, (str, Path)):
        return Checkpoint.load(item)
    if isinstance(item, Mapping):
        return Checkpoint(_state_of(item, f"checkpoint {place}"), name=f"checkpoint {place}")
    hint = "its state_dict()" if isinstance(item, nn.Module) else "a state dict, a path or a Checkpoint"
    raise UsageError(f"Checkpoint {place} is a {type(item).__name__}; give {hint}.")


def _rates(given: list[Checkpoint], learning_rates: Any) -> list[float]:
    if learning_rates is None:
        unknown = [place for place, item in enumerate(given) if item.learning_rate is None]
        if 0 < len(unknown) < len(given):
            raise UsageError(f"Checkpoint {unknown[0]} has no learning rate while others have; give learning_rates.")
        return [1.0 if item.learning_rate is None else _rate(item.learning_rate) for item in given]
    listed = learning_rates.tolist() if hasattr(learning_rates, "tolist") else learning_rates
    if isinstance(listed, str) or not isinstance(listed, Iterable):
        return [_rate(listed)] * len(given)
    rates = [_rate(rate) for rate in listed]
    if len(rates) != len(given):
        raise UsageError(f"{_count(len(rates), 'learning rate')} for {_count(len(given), 'checkpoint')}; give one for each.")
    return rates


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _rate(value: Any) -> float:
    try:
        rate = float(value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"The learning rate {value!r} is no number; give one such as 0.1.") from error
    if not math.isfinite(rate) or rate < 0:
        raise UsageError(f"The learning rate {rate:g} is negative or not finite; give the size of the step, such as 0.1.")
    return rate


def _bare_model(model: Any) -> nn.Module:
    while hasattr(model, "_orig_mod") or isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        model = model._orig_mod if hasattr(model, "_orig_mod") else model.module
    return model


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
