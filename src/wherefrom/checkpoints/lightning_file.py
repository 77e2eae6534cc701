"""What a training loop writes beside a checkpoint's weights into one torch file: Lightning's ``.ckpt``, and files of one's own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wherefrom.checkpoints.files import read_file
from wherefrom.checkpoints.saved_optimizer import SavedOptimizer, TrainingFacts
from wherefrom.checkpoints.schedule import Points, rate_at, rates_before
from wherefrom.errors import UsageError

_OPTIMIZERS = ("optimizer", "optimizer_state_dict", "optimizer_state", "optim")
_SCHEDULES = ("scheduler", "lr_scheduler", "scheduler_state_dict", "lr_scheduler_state_dict")


def lightning_facts(content: object, path: Path) -> TrainingFacts:
    """Return the rates of the last step taken before a checkpoint, its optimiser and its step, where the file holds them."""
    if not isinstance(content, Mapping):
        return TrainingFacts()
    if "pytorch-lightning_version" not in content:
        optimizer = next((state for key in _OPTIMIZERS if (state := SavedOptimizer.of(content.get(key))) is not None), None)
        if optimizer is None:
            return TrainingFacts()
        moved = any(isinstance(content.get(key), Mapping) for key in _SCHEDULES)
        notes = [f"checkpoint {path.name}: its rate may be the next step's, as it holds a schedule too"] if moved else []
        return TrainingFacts.of(SavedOptimizer(optimizer.groups, optimizer.moments, optimizer.next_rates), None, notes)
    step, states = int(content.get("global_step", 0)), content.get("optimizer_states") or []
    if len(states) != 1:
        said = "it was saved without its optimiser" if not states else f"it holds {len(states)} optimisers, of which one alone can tell a rate"
        return TrainingFacts(None, None, step, (f"checkpoint {path.name}: {said}",))
    optimizer = SavedOptimizer.of(states[0])
    if optimizer is None:
        return TrainingFacts(None, None, step)
    rates, note = _taken(content, path, optimizer)
    notes = [f"checkpoint {path.name}: {note}"] if note else []
    return TrainingFacts.of(SavedOptimizer(optimizer.groups, optimizer.moments, None if rates is None else tuple(rates)), step, notes)


def _taken(content: Mapping[str, Any], path: Path, optimizer: SavedOptimizer) -> tuple[list[float] | None, str]:
    """Each group's rate of the last step taken, and what is not sure of it."""
    schedules, stored = content.get("lr_schedulers") or [], list(optimizer.next_rates)
    moved = _moved(content)
    if not schedules or moved is False:
        return stored, ""
    if len(schedules) > 1:
        return stored, "it holds several schedules; the next step's rate stands for that of the steps before it"
    before = rates_before(schedules[0], optimizer.bases)
    base = max(optimizer.bases)
    if before is not None and moved:
        return before, ""
    last = int(schedules[0].get("last_epoch", 0))
    if moved is None or not last or not base:
        return stored, "" if before == stored else "its schedule has steps of its own; the next step's rate stands for that of the steps before it"
    points = {count: rate / base for count, rate in _beside(path, schedules[0], optimizer).items()}
    share, note = rate_at(last - 1, points, {}, None)
    return (None if share is None else [each * share for each in optimizer.bases]), note


def _moved(content: Mapping[str, Any]) -> bool | None:
    """Whether the schedule has moved since the last step: stepped with each step, or with this epoch already. None = cannot be told."""
    try:
        loop = content["loops"]["fit_loop"]
        times, epochs = loop["epoch_loop.scheduler_progress"]["total"]["completed"], loop["epoch_progress"]["total"]["ready"]
    except (KeyError, TypeError):
        return None
    if not times:
        return False
    if times in (content["global_step"], epochs):
        return True
    return False if times == epochs - 1 else None


def _beside(path: Path, schedule: Mapping[str, Any], optimizer: SavedOptimizer) -> Points:
    """The largest group's rates of next steps that files of the same training in this folder hold."""
    points, largest = Points(), optimizer.bases.index(max(optimizer.bases))
    for other in path.absolute().parent.glob("*.ckpt"):
        try:
            content = read_file(other)[0]
        except UsageError:
            continue
        for state in content.get("lr_schedulers") or [] if isinstance(content, Mapping) else []:
            if state.get("base_lrs") == schedule.get("base_lrs") and "_last_lr" in state:
                points[int(state["last_epoch"])] = float(state["_last_lr"][largest])
    return points
