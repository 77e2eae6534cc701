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
    step, optimizer = int(state["global_step"]), SavedOptimizer.of(_content(folder / "optimizer.pt"))
    if optimizer is not None and step:
        return TrainingFacts.of(optimizer, step)
    log = _longest_log(folder, int(state.get("max_steps", 0))) or state["log_history"]
    rate = next((float(entry["learning_rate"]) for entry in log if entry["step"] == step and "learning_rate" in entry), None)
    said = "the last in the log" if rate is not None else "not in the log"
    return TrainingFacts(rate, None, step, (f"it was saved without its optimiser, and its rate is {said}",))


def _content(path: Path) -> Any:
    """What a torch file holds; None where there is none, or it holds more than plain tensors."""
    try:
        return read_file(path)[0] if path.exists() else None
    except UsageError:
        return None


def _longest_log(folder: Path, total: int) -> list[dict[str, Any]]:
    """The longest log of a training of so many steps beside this checkpoint; a later checkpoint's goes on from an earlier one's."""
    states = [json.loads(path.read_text(encoding="utf-8")) for path in folder.absolute().parent.glob("checkpoint-*/trainer_state.json")]
    return max((state["log_history"] for state in states if int(state.get("max_steps", 0)) == total), key=len, default=[])
