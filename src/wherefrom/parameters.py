"""Which of a model's parameters θ means, and θ as one flat vector."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from wherefrom.data.trees import all_finite
from wherefrom.errors import UsageError, nearest
from wherefrom.forward import HALVES
from wherefrom.types import Numbers

Shapes = Mapping[str, torch.Size]


def chosen_names(model: nn.Module, patterns: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the parameters that match some patterns, in the model's order; None means those that require grad.

    Raises :class:`UsageError` for a pattern without a match, and for parameters that are not floating or not finite.
    """
    known = dict(model.named_parameters())
    if patterns is None:
        names = tuple(name for name, value in known.items() if value.requires_grad)
    else:
        patterns = [patterns] if isinstance(patterns, str) else list(patterns)
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in known):
                raise UsageError(f"No parameter matches {pattern!r}.{nearest(pattern, known)} The model has {', '.join(known)}.")
        names = tuple(name for name in known if any(fnmatchcase(name, pattern) for pattern in patterns))
    if not names:
        raise UsageError("The model has no parameters that require grad; name some through parameters=.")
    if integers := [name for name in names if not known[name].is_floating_point()]:
        kind = known[integers[0]].dtype
        raise UsageError(f"Parameter {integers[0]!r} has type {kind}, of which there are no gradients; leave it out through parameters=.")
    if len({known[name].device for name in names}) > 1:
        raise UsageError("The chosen parameters lie on several devices; choose those of one through parameters=.")
    for name in names:
        if not all_finite(known[name]):
            raise UsageError(f"Parameter {name!r} holds values that are not finite; use weights of a training that did not diverge.")
    return names


def flatten(values: Mapping[str, Tensor], shapes: Shapes) -> Tensor:
    """Return values (*lead, *shape) by name one after the other, in the order of ``shapes``: (*lead, d)."""
    pieces = [values[name].reshape(*values[name].shape[: values[name].dim() - len(shape)], -1) for name, shape in shapes.items()]
    return torch.cat(pieces, -1)


def unflatten(flat: Tensor, shapes: Shapes) -> dict[str, Tensor]:
    """Return views (*lead, *shape) of (*lead, d) by name."""
    pieces = flat.split([shape.numel() for shape in shapes.values()], dim=-1)
    return {name: piece.reshape(*flat.shape[:-1], *shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}


def working_type(types: Sequence[torch.dtype]) -> torch.dtype:
    """Return the type for sums of numbers of these types: the widest, float32 for halves."""
    widest = torch.float32 if all(kind in HALVES for kind in types) else types[0]
    for kind in types:
        widest = torch.promote_types(widest, kind)
    return widest


def main_type(values: Sequence[Tensor]) -> torch.dtype:
    """Return the floating type of most numbers."""
    counts: dict[torch.dtype, int] = {}
    for value in values:
        if value.is_floating_point():
            counts[value.dtype] = counts.get(value.dtype, 0) + value.numel()
    return max(counts, key=lambda kind: counts[kind])


def checked_weights(weights: Numbers | None, n: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return a weight of 0 or more for each of n examples, 1 where none are given."""
    if weights is None:
        return torch.ones(n, dtype=dtype, device=device)
    values = torch.as_tensor(weights).to(device, dtype)
    if values.shape != (n,) or not all_finite(values) or bool((values < 0).any()) or not bool(values.sum() > 0):
        raise UsageError(f"weights must be {n} finite numbers of 0 or more, not all 0; these have shape {tuple(values.shape)}.")
    return values
