"""What the Trainer of transformers writes beside a checkpoint's weights: ``trainer_state.json`` and ``optimizer.pt``."""

import json
from pathlib import Path
from typing import Any

from wherefrom.checkpoints.files import read_file
from wherefrom.checkpoints.saved_optimizer import SavedOptimizer, TrainingFacts
from wherefrom.errors import UsageError


def trainer_facts(folder: Path) -> TrainingFacts:
    """Return the rates of the step to be taken from a checkpoint, its optimiser and its step; ``training_args.bin`` is never opened."""
    if not (folder / "trainer_state.json").exists():
        return TrainingFacts()
    state = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
    step, total = int(state["global_step"]), int(state.get("max_steps", 0))
    logged = {int(entry["step"]): float(entry["learning_rate"]) for entry in _log(folder, total) or state["log_history"] if "learning_rate" in entry}
    optimizer = SavedOptimizer.of(_content(folder / "optimizer.pt"))
    if optimizer is None or step < 1:
        rate, alone = logged.get(step), "it was saved without its optimiser"
        return TrainingFacts(rate, None, step, (f"{alone}, and its rate is {'the last in the log' if rate is not None else 'not in the log'}",))
    return TrainingFacts.of(optimizer, step)


def _content(path: Path) -> Any:
    """What a torch file holds; None where there is none, or it holds more than plain tensors."""
    try:
        return read_file(path)[0] if path.exists() else None
    except UsageError:
        return None


def _siblings(folder: Path, total: int) -> list[tuple[Path, dict[str, Any]]]:
    """The checkpoints of the same training beside this one, with their states."""
    found = []
    for other in folder.absolute().parent.glob("checkpoint-*"):
        if (other / "trainer_state.json").exists():
            state = json.loads((other / "trainer_state.json").read_text(encoding="utf-8"))
            if int(state.get("max_steps", 0)) == total:
                found.append((other, state))
    return found


def _log(folder: Path, total: int) -> list[dict[str, Any]]:
    """The longest log of the training; a later checkpoint's goes on from an earlier one's."""
    return max((state["log_history"] for _, state in _siblings(folder, total)), key=len, default=[])
