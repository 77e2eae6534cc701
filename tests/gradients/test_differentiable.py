"""Gradients ask of a problem what their protocol says, and nothing else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from helpers import reference
from helpers.problems import problem
from torch import Tensor, nn
from torch.func import functional_call

import wherefrom as wf
from wherefrom.data.batches import Batch
from wherefrom.data.examples import Examples
from wherefrom.gradients import Gradients
from wherefrom.gradients.differentiable import Differentiable
from wherefrom.gradients.signed import signed_measurements


@dataclass(frozen=True)
class Bare:
    """A model and one batch: all that the protocol names, and no more."""

    model: nn.Module
    objective: wf.Objective
    batch: Batch
    state: dict[str, Tensor]
    names: tuple[str, ...]
    batch_size: int | None = None
    budget: int = 1 << 30
    dtype: torch.dtype = torch.float64

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    @property
    def input_type(self) -> torch.dtype:
        return self.dtype

    def to(self, dtype: torch.dtype) -> "Bare":
        return replace(self, state={name: value.to(dtype) for name, value in self.state.items()}, dtype=dtype)

    def at(self, parameters: Mapping[str, Tensor]) -> "Bare":
        return replace(self, state={**self.state, **parameters})

    def batches(self, examples: Examples | None = None, size: int | None = None, weights: Tensor | None = None) -> Iterator[Batch]:
        yield from self.batch.parts(size or len(self.batch))

    def outputs(self, inputs: Any, parameters: Mapping[str, Tensor] | None = None) -> Tensor:
        return functional_call(self.model, {**self.state, **(parameters or {})}, (inputs,))

    def losses(self, outputs: Any, batch: Batch) -> Tensor:
        return self.objective.loss(outputs, batch.targets)

    def measurements(self, outputs: Any, batch: Batch) -> Tensor:
        return self.losses(outputs, batch)


def test_whatever_fits_the_protocol_has_gradients() -> None:
    for name in ("mlp", "reused layer", "bare parameter"):
        p = problem(name).problem
        batch = reference.whole(p)
        bare: Differentiable = Bare(p.model, p.objective, batch, p.state, p.names)
        rows = signed_measurements(Gradients(bare), batch)
        torch.testing.assert_close(rows.flat(), reference.gradients(p))
        assert torch.equal(rows.flat(), Gradients(p).losses(batch).flat())
