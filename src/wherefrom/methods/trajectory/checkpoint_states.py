"""A model's weights at checkpoints of training or of several trainings, checked: what TracIn sums over and TRAK averages over."""

import warnings
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from wherefrom.checkpoints import Checkpoint
from wherefrom.checkpoints.names import named_for
from wherefrom.data.batches import joined
from wherefrom.data.trees import all_finite
from wherefrom.errors import ScoreWarning, UsageError
from wherefrom.problem import Problem
from wherefrom.step_scales import AdamMoments

PROBED, FEWEST = 256, 16  # training examples, and the fewest with another target, by which weights are told from untrained ones


class CheckpointWarning(ScoreWarning):
    """Checkpoints that add nothing, or nothing true, to a sum over checkpoints, or whose rates are not known for sure."""


def states_at(problem: Problem, checkpoints: tuple[Checkpoint, ...]) -> list[dict[str, Tensor]]:
    """The weights of each checkpoint for the problem's model; those that repeat one another or look untrained are warned of.

    Raises :class:`UsageError` for a parameter that is missing, has another shape or is not finite.
    """
    states = [_state(problem, checkpoint) for checkpoint in checkpoints]
    _warn_repeated(problem, checkpoints, states)
    _warn_untrained(problem, checkpoints, states)
    return states


def scales_at(problem: Problem, checkpoint: Checkpoint) -> Tensor:
    """The checkpoint's recorded step per unit of gradient, flat (d,). Raises :class:`UsageError` where it has none of a parameter."""
    scales = checkpoint.scales_of(problem.model)
    missing = [name for name in problem.names if scales is None or name not in scales]
    if scales is None or missing:
        raise UsageError(f"{checkpoint!r} has no recorded update of {missing[0]!r}; give the optimiser to the recorder and record after a step.")
    return problem.flatten({name: scales[name].to(value).expand(value.shape) for name, value in problem.parameters.items()})


def adam_at(problem: Problem, checkpoint: Checkpoint, otherwise: str) -> dict[str, AdamMoments]:
    """Adam's moments of each parameter. Raises :class:`UsageError`, which names what to do otherwise, where the checkpoint has none of one."""
    moments = checkpoint.optimizer.adam_moments(problem.model) if checkpoint.optimizer is not None else None
    missing = [name for name in problem.names if moments is None or name not in moments]
    if moments is None or missing:
        raise UsageError(
            f"{checkpoint!r} holds no moments of Adam for {missing[0]!r}; give a checkpoint with its optimiser's state, as the Trainer writes them, "
            f"or {otherwise}."
        )
    return moments


def warn_notes(checkpoints: tuple[Checkpoint, ...]) -> None:
    """Warn of what the checkpoints do not know for sure of their rates."""
    for note in dict.fromkeys(note for checkpoint in checkpoints for note in checkpoint.notes):
        warnings.warn(f"{note[0].upper()}{note[1:]}.", CheckpointWarning, stacklevel=4)


def warn_idle(checkpoints: tuple[Checkpoint, ...]) -> None:
    """Name checkpoints whose learning rate is 0."""
    for checkpoint in checkpoints:
        if checkpoint.learning_rate == 0:
            warnings.warn(f"Checkpoint {checkpoint.name!r} has learning rate 0 and adds nothing.", CheckpointWarning, stacklevel=4)


def _state(problem: Problem, checkpoint: Checkpoint) -> dict[str, Tensor]:
    """The checkpoint's weights by the model's names; a file of adapters alone leaves the rest as it is."""
    found = named_for(problem.model, checkpoint.state, checkpoint.adapters)
    for name, _ in problem.model.named_parameters():
        if name in found:
            continue
        if checkpoint.adapters and name not in problem.names:  # frozen: as the model has it
            continue
        if checkpoint.adapters:
            raise UsageError(f"{checkpoint!r} holds adapters alone, without {name!r}; choose the adapters' parameters through parameters=.")
        raise UsageError(f"{checkpoint!r} has no parameter {name!r}{_instead(checkpoint)}; give checkpoints of this model.")
    for name, value in found.items():
        if name in problem.state and value.shape != problem.state[name].shape:
            raise UsageError(f"In {checkpoint!r} parameter {name!r} is {tuple(value.shape)}, in the model {tuple(problem.state[name].shape)}.")
        if not all_finite(value):
            raise UsageError(f"In {checkpoint!r} parameter {name!r} is not finite; leave out checkpoints of a training that diverged.")
    return found


def _instead(checkpoint: Checkpoint) -> str:
    """A name that the checkpoint has."""
    return f", its names are such as {next(iter(checkpoint.state))!r}" if checkpoint.state else ""


def _warn_repeated(problem: Problem, checkpoints: tuple[Checkpoint, ...], states: list[dict[str, Tensor]]) -> None:
    """Name checkpoints that repeat one another."""
    seen: list[tuple[str, dict[str, Tensor]]] = []
    for checkpoint, state in zip(checkpoints, states, strict=True):
        twin = next((name for name, other in seen if all(torch.equal(state[key], other[key]) for key in problem.names)), None)
        if twin is not None:
            warnings.warn(
                f"Checkpoints {twin!r} and {checkpoint.name!r} hold the same weights, so one moment of training counts twice; "
                "keep copies of the state dict (CheckpointRecorder does), not the live model's.",
                CheckpointWarning,
                stacklevel=5,
            )
        seen.append((checkpoint.name, state))


def _warn_untrained(problem: Problem, checkpoints: tuple[Checkpoint, ...], states: list[dict[str, Tensor]]) -> None:
    """Name checkpoints at which training examples' targets cost no less than one another's: a t-test on the pairs that differ."""
    count = min(PROBED, len(problem))
    chosen = problem.train.take(np.linspace(0, len(problem) - 1, count).astype(int))
    try:
        batch = joined(problem.batches(chosen, size=count))
    except UsageError:  # batches of different lengths: their targets cannot stand in for one another
        return
    if not isinstance(batch.targets, Tensor):
        return
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0)).to(batch.targets.device)
    shuffled = replace(batch, targets=batch.targets[order])
    pairs = (shuffled.targets != batch.targets).reshape(count, -1).any(1)
    if int(pairs.sum()) < FEWEST:
        return
    untrained = []
    for checkpoint, state in zip(checkpoints, states, strict=True):
        at = problem.at(state)
        outputs = at.outputs(batch.inputs)
        gain = (at.losses(outputs, shuffled) - at.losses(outputs, batch))[pairs].double()
        if gain.mean() < 2 * gain.std() / len(gain) ** 0.5:
            untrained.append(repr(checkpoint.name))
    if untrained:
        one = len(untrained) == 1
        warnings.warn(
            f"Checkpoint{'' if one else 's'} {', '.join(untrained)} predict{'s' if one else ''} the training targets no better than shuffled ones, "
            "as untrained weights do; leave them out, or keep checkpoints after the loss has begun to fall.",
            CheckpointWarning,
            stacklevel=5,
        )
