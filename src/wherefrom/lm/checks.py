"""Whether the loss that is attributed is the model's own: on the first examples, together, alone, and apart where documents share a row."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.errors import UsageError
from wherefrom.lm.heads import Head, averaged, counted_tokens
from wherefrom.objective import IGNORED, Objective
from wherefrom.problem import Problem

FIRST = 8  # examples that are looked at
CLOSE: Mapping[torch.dtype, float] = {torch.float64: 1e-6, torch.float32: 1e-4, torch.bfloat16: 5e-2, torch.float16: 1e-2}


def own_objective(problem: Problem, head: Head) -> tuple[Objective, str]:
    """Return the objective that is the model's own loss, and what it is in words, by asking the model on the first examples.

    The model's loss of a batch is the mean over all tokens that count (each example's loss is then their sum), or the mean of each example's own
    mean. Raises :class:`UsageError` where it is neither.
    """
    batch = first_batch(problem)
    losses, own = _losses(problem, batch), _own_loss(problem, batch)
    if own is None:
        return problem.objective, "the sum over its tokens; the model gives no loss of its own to hold it against"
    virtual = int(problem.outputs(batch.inputs).shape[1] > batch.targets.shape[1]) if head.is_causal else 0
    numbers = counted_tokens(batch.targets, head.is_causal, virtual)
    if batch.targets.is_floating_point():
        numbers = torch.full_like(numbers, batch.targets[0].numel())
    pooled = float(losses.sum() / numbers.sum().clamp_min(1))
    close = CLOSE.get(problem.dtype, 1e-4)
    if abs(pooled - own) <= close * abs(own):
        parts = "labels" if batch.targets.is_floating_point() else "tokens"
        said = f"the sum over its {parts}, of which the model's own loss is the mean" if int(numbers.max()) > 1 else "the model's own"
        return problem.objective, said
    mean = float((losses / numbers.clamp_min(1)).mean())
    if abs(mean - own) <= close * abs(own):
        return averaged(problem.objective), "the mean over its tokens, as in the model's own loss"
    routed = getattr(getattr(problem.model, "config", None), "output_router_logits", False)
    fix = "its router's loss belongs to whole batches: set model.config.output_router_logits = False, or " if routed else ""
    raise UsageError(
        f"On the first {len(batch)} examples the model's own loss is {own:.6g} and that of a {head.task} head is {pooled:.6g}; "
        f"{fix}give objective=, the loss that training minimised, or task= if the head is another."
    )


def check_alone(problem: Problem) -> None:
    """Refuse a model that says otherwise of a padded example than of the same without its padding."""
    batch = first_batch(problem)
    mask = batch.inputs.get("attention_mask")
    if mask is None or bool(mask.all()):
        return
    place = int(mask.sum(1).argmin())
    seen = mask[place].bool()
    one = batch.take(np.array([place]))
    width = len(seen)
    apart = one.inputs.keys() & {"decoder_input_ids", "labels"}  # a target sequence, which the mask of the source does not concern
    inputs = {name: value if name in apart else _kept(value, seen, width) for name, value in one.inputs.items()}
    targets = one.targets if apart else _kept(one.targets, seen, width)
    together = float(_losses(problem, one))
    alone = float(_losses(problem, Batch(one.positions, one.ids, inputs, targets, one.weights)))
    if abs(alone - together) > 10 * CLOSE.get(problem.dtype, 1e-4) * max(abs(alone), 1e-12):
        raise UsageError(
            f"The loss of example {one.ids[0]!s} is {alone:.6g} alone and {together:.6g} with padding beside it: the model reads the padding; "
            'give padding_side="right" or "left", or rows of one length.'
        )


def check_apart(problem: Problem) -> None:
    """Refuse a model that lets documents in one row see each other: a row's loss is then not the sum of its documents'."""
    batch = first_batch(problem)
    together = _losses(problem, batch)
    for row in range(len(batch)):
        one = batch.take(np.array([row]))
        starts = (one.inputs["position_ids"][0] == 0).nonzero()[:, 0].tolist()
        parts = [part for part in map(slice, starts, [*starts[1:], None]) if bool((one.targets[:, part] != IGNORED).any())]
        alone = sum(float(_losses(problem, _part(one, part))) for part in parts)
        if abs(alone - float(together[row])) > 10 * CLOSE.get(problem.dtype, 1e-4) * abs(alone):
            raise UsageError(
                f"Documents in one row of this model see each other: together their loss is {float(together[row]):.6g}, apart {alone:.6g}; "
                "leave out packing=, which changes nothing in their scores."
            )


def _part(one: Batch, part: slice) -> Batch:
    """Some tokens of one example."""
    inputs = {name: value[:, part] if isinstance(value, Tensor) else value for name, value in one.inputs.items()}
    return Batch(one.positions, one.ids, inputs, one.targets[:, part], one.weights)


def first_batch(problem: Problem) -> Batch:
    """Return the first examples in which something counts as a batch. Raises :class:`UsageError` where there are none."""
    for batch in problem.batches(size=8 * FIRST):
        labels = batch.targets
        counts = (labels != IGNORED).any(1) if labels.dim() > 1 else torch.ones(len(batch), dtype=torch.bool)
        if counts.any():
            return batch.take(counts.nonzero()[:FIRST, 0].cpu().numpy())
    raise UsageError("No row has a token that counts in the loss; give completions, labels, or a longer max_length=.")


def _losses(problem: Problem, batch: Batch) -> Tensor:
    with torch.no_grad(), _said():
        return problem.losses(problem.outputs(batch.inputs), batch)


@contextmanager
def _said() -> Iterator[None]:
    """What a model raises on its first examples, in one sentence."""
    try:
        yield
    except (ValueError, RuntimeError, IndexError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, UsageError):
            raise
        said = " ".join(str(error).split())[:300]
        raise UsageError(f"The model fails on its first examples ({type(error).__name__}: {said}); mend its configuration or the rows.") from error


def _own_loss(problem: Problem, batch: Batch) -> float | None:
    """What the model says its loss is, given the labels, or None."""
    whole = replace(problem, objective=replace(problem.objective, outputs=lambda answer: answer))
    with torch.no_grad(), _said():
        found: Any = whole.outputs({**batch.inputs, "labels": batch.targets})
    loss = found.get("loss") if hasattr(found, "get") else getattr(found, "loss", None)
    return None if loss is None else float(loss)


def _kept(value: Any, seen: Tensor, width: int) -> Any:
    return value[:, seen] if isinstance(value, Tensor) and value.dim() > 1 and value.shape[1] == width else value
