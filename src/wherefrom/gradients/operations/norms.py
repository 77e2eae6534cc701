"""Norms taken apart into a normalisation and a product, PReLU into a choice and a product."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from wherefrom.gradients.recorder import Call


def _norm(call: Call, normalised: Tensor, weight: Tensor | None, bias: Tensor | None, shape: tuple[int, ...] | None) -> Any:
    """Scale and shift what was normalised; ``shape`` brings parameters of channels to the input's rank."""
    recorder = call.recorder
    recorder.follow(call.name, call.function, (call.arguments[0],), {}, normalised)
    before, recorder.label = recorder.label, "norm"
    try:
        with recorder:
            if weight is not None:
                normalised = normalised * (weight if shape is None else weight.view(shape))
            if bias is not None:
                normalised = normalised + (bias if shape is None else bias.view(shape))
    finally:
        recorder.label = before
    return normalised


def _channels(x: Tensor) -> tuple[int, ...]:
    return (1, -1, *(1,) * (x.dim() - 2))


def take_layer_norm(call: Call) -> object:
    """Take ``F.layer_norm``."""
    x, shape, eps = call.get(0, "input"), call.get(1, "normalized_shape"), call.get(4, "eps", 1e-5)
    return _norm(call, F.layer_norm(x, shape, eps=eps), call.get(2, "weight"), call.get(3, "bias"), None)


def take_rms_norm(call: Call) -> object:
    """Take ``F.rms_norm``."""
    x, shape = call.get(0, "input"), call.get(1, "normalized_shape")
    return _norm(call, F.rms_norm(x, shape, eps=call.get(3, "eps")), call.get(2, "weight"), None, None)


def take_group_norm(call: Call) -> object:
    """Take ``F.group_norm``."""
    x, groups, eps = call.get(0, "input"), call.get(1, "num_groups"), call.get(4, "eps", 1e-5)
    return _norm(call, F.group_norm(x, groups, eps=eps), call.get(2, "weight"), call.get(3, "bias"), _channels(x))


def take_batch_norm(call: Call) -> object:
    """Take ``F.batch_norm``."""
    x, mean, variance = call.get(0, "input"), call.get(1, "running_mean"), call.get(2, "running_var")
    training, eps = call.get(5, "training", False), call.get(7, "eps", 1e-5)
    normalised = F.batch_norm(x, mean, variance, None, None, training, 0.0, eps)
    return _norm(call, normalised, call.get(3, "weight"), call.get(4, "bias"), _channels(x))


def take_instance_norm(call: Call) -> object:
    """Take ``F.instance_norm``."""
    x, mean, variance = call.get(0, "input"), call.get(1, "running_mean"), call.get(2, "running_var")
    own, eps = call.get(5, "use_input_stats", True), call.get(7, "eps", 1e-5)
    normalised = F.instance_norm(x, mean, variance, use_input_stats=own, eps=eps)
    return _norm(call, normalised, call.get(3, "weight"), call.get(4, "bias"), _channels(x))


def take_prelu(call: Call) -> object:
    """Take ``F.prelu``."""
    x, slope = call.get(0, "input"), call.get(1, "weight")
    recorder = call.recorder
    before, recorder.label = recorder.label, "prelu"
    try:
        with recorder:
            return torch.where(x >= 0, x, x * (slope.view(_channels(x)) if slope.numel() > 1 else slope))
    finally:
        recorder.label = before
