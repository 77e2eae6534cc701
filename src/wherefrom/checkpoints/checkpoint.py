"""A checkpoint: a model's weights at one moment of training, with what its optimiser did there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from wherefrom.checkpoints.files import holds_adapters, read_file, read_folder, state_of
from wherefrom.checkpoints.lightning_file import lightning_facts
from wherefrom.checkpoints.saved_optimizer import SavedOptimizer, TrainingFacts
from wherefrom.checkpoints.trainer_folder import trainer_facts
from wherefrom.errors import UsageError
from wherefrom.former_name import NAME, manifest_of
from wherefrom.store.files import write_whole

_SCALE = "scales."


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A model's weights at one moment of training.

    ``state`` maps names to tensors, as ``model.state_dict()`` does; ``learning_rate`` is the rate of the steps taken there, None where unknown.
    ``scales`` maps parameter names to the optimiser's step per unit of gradient, −Δθ / gradient to first order, of the parameter's shape or of
    shape (); None where unknown. A parameter that the optimiser does not hold, or has not moved yet, is absent from it.

    ``optimizer`` is an optimiser's state as files keep it, without names, from which :meth:`scales_of` a model follow; ``step`` the number of
    steps taken; ``adapters`` says that the weights are a PEFT model's adapters alone; ``notes`` say what is not known for sure.
    """

    state: Mapping[str, Tensor]
    learning_rate: float | None = None
    scales: Mapping[str, Tensor] | None = None
    name: str = ""
    optimizer: SavedOptimizer | None = None
    step: int | None = None
    adapters: bool = False
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Checkpoint({self.name!r}, learning_rate={self.learning_rate})"

    @classmethod
    def load(cls, path: str | Path) -> "Checkpoint":
        """Read a ``.safetensors`` file, a file of ``torch.save``, a ``.ckpt`` of Lightning, or a folder of Hugging Face's Trainer or PEFT.

        Tensors stay on disk until used where possible. What :meth:`save` wrote comes back with its learning rate and scales. Of a training's
        checkpoint the rate is that of the step to be taken from it, which its optimiser holds; ``notes`` say where it is missing, 0 or several. Of a
        torch file, the entries that commonly hold the weights are opened (``"state_dict"``, ``"model"``). The name is the recorded one, else
        the file's stem. Raises ``UsageError`` for a path that does not exist, a file that cannot be read, and a file without tensors.
        """
        path = Path(path)
        if not path.exists():
            raise UsageError(f"There is no checkpoint at {path}; give the path of a .safetensors or torch file.")
        tensors, metadata = read_folder(path) if path.is_dir() else read_file(path)
        name = metadata.get("name") or (path.name if path.is_dir() else path.stem)
        if manifest_of(metadata) is None:
            facts = trainer_facts(path) if path.is_dir() else lightning_facts(tensors, path)
            return cls._trained(state_of(tensors, str(path)), name, facts, holds_adapters(path))
        scaled = json.loads(metadata["scales"]) if "scales" in metadata else None
        scales = None if scaled is None else {key: tensors.pop(_SCALE + key) for key in scaled}
        rate = float(metadata["learning_rate"]) if "learning_rate" in metadata else None
        return cls(state_of(tensors, str(path)), rate, scales, name)

    @classmethod
    def _trained(cls, state: Mapping[str, Tensor], name: str, facts: TrainingFacts, adapters: bool) -> "Checkpoint":
        return cls(state, facts.learning_rate, None, name, facts.optimizer, facts.step, adapters, facts.notes)

    def scales_of(self, model: nn.Module) -> Mapping[str, Tensor] | None:
        """Return the recorded scales, or those that follow from the saved optimiser's moments for the parameters of this model."""
        return self.optimizer.scales(model) if self.scales is None and self.optimizer is not None else self.scales

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
