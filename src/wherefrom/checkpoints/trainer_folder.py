"""What the Trainer of transformers writes beside a checkpoint's weights: ``trainer_state.json``, ``optimizer.pt`` and ``scheduler.pt``."""

import json
from pathlib import Path
from typing import Any

from wherefrom.checkpoints.files import read_file
from wherefrom.checkpoints.saved_optimizer import SavedOptimizer, TrainingFacts
from wherefrom.checkpoints.schedule import Points, rate_at, rates_before
from wherefrom.errors import UsageError


def trainer_facts(folder: Path) -> TrainingFacts:
    """Return the rates of the last step taken before a checkpoint, its optimiser and its step; ``training_args.bin`` is never opened."""
    if not (folder / "trainer_state.json").exists():
        return TrainingFacts()
    state = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
    step, total = int(state["global_step"]), int(state.get("max_steps", 0))
    logged = {int(entry["step"]): float(entry["learning_rate"]) for entry in _log(folder, total) or state["log_history"] if "learning_rate" in entry}
    optimizer = SavedOptimizer.of(_content(folder / "optimizer.pt"))
    if optimizer is None or step < 1:
        rate = logged.get(step)
        return TrainingFacts(rate, None, step, () if rate is not None else ("it was saved without its optimiser, and its rate is not in the log",))
    schedule = _content(folder / "scheduler.pt") or {}
    rates, note = list(optimizer.next_rates), ""
    if schedule:
        taken = rates_before(schedule, optimizer.bases)
        base = max(optimizer.bases)
        if taken is None and base > 0:
            points = {count: rate / base for count, rate in _stored(folder, total, optimizer).items()}
            share, note = rate_at(step - 1, points, {count: rate / base for count, rate in logged.items()}, total)
            taken = None if share is None else [each * share for each in optimizer.bases]
        rates = taken if taken is not None or base > 0 else rates
    notes = [f"checkpoint {folder.name}: {note}"] if note else []
    return TrainingFacts.of(SavedOptimizer(optimizer.groups, optimizer.moments, None if rates is None else tuple(rates)), step, notes)


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


def _stored(folder: Path, total: int, optimizer: SavedOptimizer) -> Points:
    """The largest group's rates of next steps that the checkpoints of this training hold."""
    points, largest = Points(), optimizer.bases.index(max(optimizer.bases))
    for other in {folder.absolute(), *(path for path, _ in _siblings(folder, total))}:
        schedule = _content(other / "scheduler.pt") or {}
        if list(schedule.get("base_lrs", [])) == list(optimizer.bases) and "_last_lr" in schedule:
            points[int(schedule["last_epoch"])] = float(schedule["_last_lr"][largest])
    return points
