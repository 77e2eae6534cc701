"""What a named layer says of each example."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from wherefrom.data.batches import Batch
from wherefrom.data.trees import leaves
from wherefrom.errors import UsageError, nearest
from wherefrom.methods.last_layer import LastLayer
from wherefrom.objective import IGNORED
from wherefrom.problem import Problem


def activations(problem: Problem, layer: str | None) -> Callable[[Batch], Tensor]:
    """Batch -> (B, i): the outputs of the layer of that name, flattened, several uses side by side; None: what the last linear layer is given.

    Raises :class:`UsageError` for an unknown layer, one that the model does not use, and one that does not give a row for each example.
    """
    if layer is None:
        last = LastLayer.of(problem)
        width = last.gradients.layout.blocks[0].columns[0]  # without the ones
        return lambda batch: last.read(batch)[0][:, :width]
    module = module_of(problem, layer)

    def read(batch: Batch) -> Tensor:
        found = [_first(outputs) for outputs in _seen(problem, batch, lambda note: [module.register_forward_hook(lambda _, __, given: note(given))])]
        if not found or any(not isinstance(part, Tensor) or len(part) != len(batch) for part in found):
            raise UsageError(f"Layer {layer!r} is not used, or gives no tensor with a row for each example; name another.")
        return torch.cat([part.reshape(len(batch), -1) for part in found], 1)

    return read


def pooled_activations(problem: Problem, layer: str | None) -> Callable[[Batch], Tensor]:
    """Batch -> (B, i): the mean over its tokens of the outputs (B, T, i) of the layer of that name; None: of what the last linear layer gets.

    Of several uses the last counts. Tokens are those of the ``attention_mask``, or without one those whose target is not left out; of a model with
    a decoder, targets tell the decoder's tokens. Raises :class:`UsageError` for an unknown layer, and one that gives no vector for each token.
    """
    module = None if layer is None else module_of(problem, layer)
    linear = [part for part in problem.model.modules() if isinstance(part, nn.Linear)]

    def hooks(note: Callable[[Any], None]) -> list[RemovableHandle]:
        if module is not None:
            return [module.register_forward_hook(lambda _, __, given: note(given))]
        return [part.register_forward_pre_hook(lambda _, given: note(given)) for part in linear]

    def read(batch: Batch) -> Tensor:
        found = _seen(problem, batch, hooks)
        values = _first(found[-1]) if found else None
        if not isinstance(values, Tensor) or values.dim() != 3 or len(values) != len(batch):
            name = "What the last linear layer is given" if layer is None else f"Layer {layer!r}"
            raise UsageError(f"{name} is no vector for each token of each example (B, T, i); name another layer=, or leave out pooling=.")
        mask = _tokens(batch, layer, values)
        values = values[:, -mask.shape[1] :]  # virtual tokens of prompt tuning stand before the others
        return (values * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True).clamp_min(1)

    return read


def module_of(problem: Problem, layer: str) -> nn.Module:
    """Return the model's module of that name. Raises :class:`UsageError`, with the nearest there is, for an unknown one."""
    modules = dict(problem.model.named_modules())
    if layer not in modules:
        raise UsageError(f"The model has no layer {layer!r}.{nearest(layer, modules)}")
    return modules[layer]


def _seen(problem: Problem, batch: Batch, hooks: Callable[[Callable[[Any], None]], list[RemovableHandle]]) -> list[Any]:
    """What hooks note while the model answers a batch."""
    noted: list[Any] = []
    handles = hooks(noted.append)
    try:
        with torch.no_grad():
            problem.outputs(batch.inputs)
    finally:
        for handle in handles:
            handle.remove()
    return noted


def _first(outputs: Any) -> Any:
    """A tensor as it is; of several outputs the first, as a model's last hidden states."""
    tensors = [outputs] if isinstance(outputs, Tensor) else leaves(outputs)
    return tensors[0] if tensors else outputs


def _tokens(batch: Batch, layer: str | None, values: Tensor) -> Tensor:
    """Which positions are tokens (B, T), in the type of the values."""
    inputs = batch.inputs if isinstance(batch.inputs, Mapping) else {}
    decodes = "decoder_input_ids" in inputs and not (layer is not None and "encoder" in layer.replace("decoder", ""))
    mask = None if decodes else inputs.get("attention_mask")
    if mask is None and isinstance(batch.targets, Tensor) and batch.targets.dim() == 2 and not batch.targets.is_floating_point():
        mask = batch.targets != IGNORED
    if not isinstance(mask, Tensor) or mask.dim() != 2 or mask.shape[1] > values.shape[1]:
        return values.new_ones(values.shape[:2])
    return mask.to(values)
