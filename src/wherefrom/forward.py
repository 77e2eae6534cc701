"""One forward pass of the person's model at given parameters, which leaves the model and what it was given as they were."""

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from wherefrom.data.trees import leaves
from wherefrom.errors import UsageError
from wherefrom.types import Tree

HALVES = (torch.bfloat16, torch.float16)


def unwrapped_model(model: nn.Module) -> nn.Module:
    """Return the model without the wrappers of compilation and data parallelism."""
    while True:
        inner = getattr(model, "_orig_mod", model.module if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)) else None)
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def bare_model(model: nn.Module) -> nn.Module:
    """Return the model without wrappers, which hide its operations. Raises :class:`UsageError` for TorchScript, whose operations nobody sees."""
    model = unwrapped_model(model)
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise UsageError("The model is a TorchScript module, whose operations cannot be followed; give the plain module that was scripted or traced.")
    return model


def check_grad_mode() -> None:
    """Refuse to go on in inference mode, where autograd keeps nothing."""
    if torch.is_inference_mode_enabled():
        raise UsageError("Attribution takes gradients, which torch.inference_mode() forbids; call it outside (torch.no_grad() is no hindrance).")


def usable(value: Tensor) -> Tensor:
    """Return a weight that autograd may keep: a copy where it was made in inference mode."""
    return value.clone() if value.is_inference() else value


def run(model: nn.Module, values: Mapping[str, Tensor], inputs: Tree, buffers: dict[str, Tensor], kept: Mapping[str, Tensor]) -> object:
    """Return what the model says of inputs at these values of parameters, and these of ``buffers``.

    A buffer that the pass writes to is laid anew from ``kept``, so that each pass sees the same. Half-precision outputs come back in float32.
    Raises :class:`UsageError` where the model changes its inputs in place.
    """
    arguments = tuple(inputs) if isinstance(inputs, (tuple, list)) else () if isinstance(inputs, Mapping) else (inputs,)
    keywords = dict(inputs) if isinstance(inputs, Mapping) else {}
    given = [(leaf, leaf._version) for leaf in leaves((arguments, keywords)) if not leaf.is_inference()]
    before = [(name, value._version) for name, value in buffers.items()]
    with _unwrapped():
        outputs = functional_call(model, every_slot(model, {**buffers, **values}), arguments, keywords, tie_weights=False)
    for name, version in before:
        if buffers[name]._version != version:
            buffers[name] = kept[name].clone()
    if any(leaf._version != version for leaf, version in given):
        raise UsageError("The model changes its inputs in place, so that a second pass sees others; begin its forward with a copy: x = x.clone().")
    return outputs


def every_slot(model: nn.Module, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return values by name with those of tied weights under each of their names, a slot of a module once.

    A module that stands at two places has one slot under two names; torch's own tying swaps it twice and puts back what it swapped in.
    """
    first, slots, found = dict[int, str](), set[tuple[int, str]](), dict[str, Tensor]()
    for place, module in model.named_modules(remove_duplicate=False):
        for name, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is None or (id(module), name) in slots:
                continue
            slots.add((id(module), name))
            own = f"{place}.{name}" if place else name
            known = first.setdefault(id(tensor), own)
            if known in values:
                found[own] = values[known]
    return found


def tensor_outputs(outputs: object) -> Tensor:
    """Return outputs that are one tensor. Raises :class:`UsageError` for others, of which there is no curvature."""
    if not isinstance(outputs, Tensor):
        raise UsageError(
            f"The model answers with a {type(outputs).__name__}, and this method needs one tensor of outputs; "
            "say which, or join several: Objective(..., outputs=lambda answer: answer[0])."
        )
    return outputs


def widened(outputs: object) -> object:
    """Return outputs of half precision in float32, so that losses are sums of float32; others as they are."""
    return outputs.float() if isinstance(outputs, Tensor) and outputs.dtype in HALVES else outputs


class _Plain:
    """Stands for what recomputes activations: the function is called, and its activations are kept."""

    @staticmethod
    def apply(function: Any, _: bool, *arguments: Any) -> Any:
        return function(*arguments)

    @staticmethod
    def bracket(*_: Any, **__: Any) -> Iterator[None]:
        yield


_lock, _users, _own = threading.Lock(), 0, dict[str, Any]()


@contextmanager
def _unwrapped() -> Iterator[None]:
    """Have torch neither recompute activations in the backward pass, where functions go unseen, nor run what it compiled of parts of the model."""
    with ExitStack() as stack:
        if "torch._dynamo" in sys.modules:
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        stack.enter_context(_activations_kept())
        yield


@contextmanager
def _activations_kept() -> Iterator[None]:
    global _users
    module = sys.modules.get("torch.utils.checkpoint")
    parts = {"CheckpointFunction": _Plain, "_checkpoint_without_reentrant_generator": _Plain.bracket}
    if module is None or not all(hasattr(module, name) for name in parts):
        yield
        return
    with _lock:
        _users += 1
        if _users == 1:
            for name, plain in parts.items():
                _own[name] = getattr(module, name)
                setattr(module, name, plain)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                for name, own in _own.items():
                    setattr(module, name, own)
