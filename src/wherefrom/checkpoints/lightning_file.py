"""What a training loop writes beside a checkpoint's weights into one torch file: Lightning's ``.ckpt``, and files of one's own."""

from collections.abc import Mapping
from pathlib import Path

from wherefrom.checkpoints.saved_optimizer import SavedOptimizer, TrainingFacts

_OPTIMIZERS = ("optimizer", "optimizer_state_dict", "optimizer_state", "optim")


def lightning_facts(content: object, path: Path) -> TrainingFacts:
    """Return the rates of the step to be taken from a checkpoint, its optimiser and its step, where the file holds them."""
    if not isinstance(content, Mapping):
        return TrainingFacts()
    if "pytorch-lightning_version" not in content:
        optimizer = next((state for key in _OPTIMIZERS if (state := SavedOptimizer.of(content.get(key))) is not None), None)
        return TrainingFacts() if optimizer is None else TrainingFacts.of(optimizer, None)
    step, states = int(content.get("global_step", 0)), content.get("optimizer_states") or []
    if len(states) != 1:
        said = "it was saved without its optimiser" if not states else f"it holds {len(states)} optimisers, of which one alone can tell a rate"
        return TrainingFacts(None, None, step, (f"checkpoint {path.name}: {said}",))
    optimizer = SavedOptimizer.of(states[0])
    return TrainingFacts(None, None, step) if optimizer is None else TrainingFacts.of(optimizer, step)
