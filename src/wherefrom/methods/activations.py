"""What a named layer says of each example."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from wherefrom.data.batches import Batch
from wherefrom.data.trees import leaves
from wherefrom.errors import UsageError, nearest
from wherefrom.methods.last_layer import LastLayer
from wherefrom.problem import Problem


def activations(problem: Problem, layer: str | None) -> Callable[[Batch], Tensor]:
    """Batch -> (B, i): the outputs of the layer of that name, flattened, several uses side by side; None: what the last linear layer is given.

    Raises :class:`UsageError` for an unknown layer, one that the model does not use, and one that does not give a row for each example.
    """
    if layer is None:
        last = LastLayer.of(problem)
        width = last.gradients.layout.blocks[0].columns[0]  # without the ones
        return lambda batch: last.read(batch)[0][:, :width]
    modules = dict(problem.model.named_modules())
    if layer not in modules:
        raise UsageError(f"The model has no layer {layer!r}.{nearest(layer, modules)}")

    def read(batch: Batch) -> Tensor:
        found: list[Tensor] = []

        def seen(_: nn.Module, __: Any, outputs: Any) -> None:
            tensors = [outputs] if isinstance(outputs, Tensor) else leaves(outputs)  # of several outputs the first, as a model's last hidden states
            found.append(tensors[0] if tensors else outputs)

        hook = modules[layer].register_forward_hook(seen)
        try:
            with torch.no_grad():
                problem.outputs(batch.inputs)
        finally:
            hook.remove()
        if not found or any(not isinstance(part, Tensor) or len(part) != len(batch) for part in found):
            raise UsageError(f"Layer {layer!r} is not used, or gives no tensor with a row for each example; name another.")
        return torch.cat([part.reshape(len(batch), -1) for part in found], 1)

    return read
