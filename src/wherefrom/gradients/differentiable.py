"""What gradients need to know of a problem; the problem itself is made above them, and describes itself by them."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from wherefrom.data.batches import Batch
from wherefrom.data.examples import Examples
from wherefrom.objective import Objective


class Differentiable(Protocol):
    """A model with its objective and its data, at its present parameters; :class:`wherefrom.Problem` is one."""

    @property
    def model(self) -> nn.Module: ...

    @property
    def objective(self) -> Objective: ...

    @property
    def state(self) -> Mapping[str, Tensor]:
        """Every parameter and buffer of the model by name."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that gradients are taken by."""
        ...

    @property
    def batch_size(self) -> int | None: ...

    @property
    def budget(self) -> int:
        """Bytes that a computation may take."""
        ...

    @property
    def dtype(self) -> torch.dtype: ...

    @property
    def device(self) -> torch.device: ...

    def batches(self, examples: Examples | None = None, size: int | None = None, weights: Tensor | None = None) -> Iterator[Batch]:
        """The training examples, or others, in batches."""
        ...

    def outputs(self, inputs: Any, parameters: Mapping[str, Tensor] | None = None) -> Tensor:
        """What the model says, at its parameters or at others."""
        ...

    def losses(self, outputs: Any, batch: Batch) -> Tensor:
        """The training loss of each example of a batch (B,)."""
        ...

    def measurements(self, outputs: Any, batch: Batch) -> Tensor:
        """What a query is asked, for each example of a batch (B,)."""
        ...
