"""An optimiser's state as training writes it, by number and not by name, and the scales of steps that follow for a model."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from torch import Tensor, nn

from wherefrom.step_scales import AdamMoments, scale_by_settings

Value = TypeVar("Value")

# transformers' Trainer decays what lies in no LayerNorm and is named like no bias or norm; older versions knew biases alone
_UNDECAYED = (r"bias|layernorm|rmsnorm|(?:^|\.)norm(?:$|\.)|_norm(?:$|\.)", r"bias")


@dataclass(frozen=True, eq=False)
class SavedOptimizer:
    """What ``optimizer.state_dict()`` holds."""

    groups: tuple[Mapping[str, Any], ...]
    moments: Mapping[int, Mapping[str, Any]] = field(repr=False)

    @classmethod
    def of(cls, state: object) -> "SavedOptimizer | None":
        """Return the optimiser of a state dict; None where it is none."""
        if not isinstance(state, Mapping) or not isinstance(state.get("param_groups"), (list, tuple)) or not state["param_groups"]:
            return None
        return cls(tuple(state["param_groups"]), state.get("state", {}))

    @property
    def rates(self) -> tuple[float, ...]:
        """Each group's rate of the step to be taken next."""
        return tuple(float(group["lr"]) for group in self.groups)

    def scales(self, model: nn.Module) -> dict[str, Tensor] | None:
        """−Δθ / gradient to first order by the model's parameter names, as :func:`wherefrom.step_scales.step_scales` gives of a live optimiser.

        None where the optimiser is none of those known, or its numbers cannot be told which parameter they stand for: the
        orders looked at are the model's own, and that of the Trainer's groups with and without weight decay; shapes must agree.
        """
        found = self._of_each(model, scale_by_settings)
        return {name: scale.detach().cpu() for name, scale in found.items()} or None

    def adam_moments(self, model: nn.Module) -> dict[str, AdamMoments] | None:
        """Adam's moments by the model's parameter names; None of another optimiser, before its first step, and as for :meth:`scales`."""
        return self._of_each(model, lambda _, group, moments: AdamMoments.of(group, moments)) or None

    def _of_each(self, model: nn.Module, rule: Callable[[Tensor, dict[str, Any], dict[str, Any]], Value | None]) -> dict[str, Value]:
        """What a rule says of each parameter, its group's settings and its moments, where it says anything; nothing where names cannot be told."""
        names = self._names(model)
        if names is None:
            return {}
        values, found = dict(model.named_parameters(remove_duplicate=False)), dict[str, Value]()
        for group in self.groups:
            for number in group["params"]:
                said = rule(values[names[number]], dict(group), dict(self.moments.get(number, {})))
                if said is not None:
                    found[names[number]] = said
        by_value = {id(values[name]): said for name, said in found.items()}  # a tied weight goes by each of its names
        return {name: by_value[id(value)] for name, value in values.items() if id(value) in by_value}

    def _names(self, model: nn.Module) -> dict[int, str] | None:
        """Each number's parameter; None where no order fits, or several do."""
        sizes = [len(group["params"]) for group in self.groups]
        if all("param_names" in group for group in self.groups):
            named = [name for group in self.groups for name in group["param_names"]]
            orders = [named] if set(named) <= dict(model.named_parameters()).keys() else []
        else:
            orders = list(_orders(model, sizes))
        numbers = [number for group in self.groups for number in group["params"]]
        values, fitting = dict(model.named_parameters()), list[dict[int, str]]()
        for order in orders:
            names = dict(zip(numbers, order, strict=False))
            if len(order) == len(numbers) and names not in fitting and all(_fits(self.moments.get(n, {}), values[name]) for n, name in names.items()):
                fitting.append(names)
        return fitting[0] if len(fitting) == 1 else None


@dataclass(frozen=True)
class TrainingFacts:
    """What a training left beside the weights."""

    learning_rate: float | None = None
    optimizer: SavedOptimizer | None = None
    step: int | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, optimizer: SavedOptimizer, step: int | None) -> "TrainingFacts":
        """Take the rate of the first group, and note where others differ from it, or where it is 0."""
        rates, notes = optimizer.rates, list[str]()
        if max(rates) - min(rates) > 1e-12 * max(rates):
            said = f"its groups have learning rates {min(rates):g} to {max(rates):g}, and {rates[0]:g} stands for all; take update='recorded'"
            notes.append(said)
        if max(rates) == 0:
            notes.append("its learning rate is 0, since its schedule had ended: no step was taken from it, so it counts nothing")
        return cls(rates[0], optimizer, step, tuple(notes))


def _orders(model: nn.Module, sizes: list[int]) -> Iterator[list[str]]:
    """The orders in which an optimiser may number a model's parameters, of those that require grad and of all."""
    named = list(model.named_parameters())
    every = [name for name, _ in named]
    trained = [name for name, value in named if value.requires_grad]
    norms = {f"{place}.{name}" for place, part in model.named_modules() if isinstance(part, nn.LayerNorm) for name, _ in part.named_parameters()}
    for chosen in (trained, every):
        split = []
        if len(sizes) == 2:
            for pattern in _UNDECAYED:
                plain = [name for name in chosen if name not in norms and not re.search(pattern, name.lower())]
                if len(plain) == sizes[0]:
                    split.append(plain + [name for name in chosen if name not in set(plain)])
        yield from split or [chosen]


def _fits(moments: Mapping[str, Any], value: Tensor) -> bool:
    """Whether the moments of a parameter are of its shape."""
    kept = [moment for moment in moments.values() if isinstance(moment, Tensor) and moment.dim()]
    return all(moment.shape == value.shape for moment in kept)
