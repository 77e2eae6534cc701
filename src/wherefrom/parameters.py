"""Which of a model's parameters θ means, and θ as one flat vector."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from wherefrom.data.trees import all_finite
from wherefrom.errors import UsageError, nearest

Shapes = Mapping[str, torch.Size]


def chosen_names(model: nn.Module, patterns: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the parameters that match some patterns, in the model's order; None means those that require grad.

    Raises :class:`UsageError` for a pattern without a match, and for parameters of several types or that are not finite.
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
    types = {known[name].dtype for name in names}
    if len(types) > 1 or not known[names[0]].is_floating_point():
        raise UsageError(f"The chosen parameters have types {sorted(map(str, types))}; convert the model to one floating type.")
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
