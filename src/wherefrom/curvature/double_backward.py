"""Operations that torch cannot differentiate twice, or gets wrong the second time, written in operations that it can."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from enum import IntEnum
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode


class Kernels(IntEnum):
    """Which of torch's kernels a model may use: the fewer, the more can be differentiated twice."""

    ALL = 0  # but fused attention
    COMPOSED = 1  # and not what :class:`Composed` writes out
    UNFUSED = 2  # and not those of mkldnn and cuDNN, which recurrent layers have


@contextmanager
def differentiable_twice(kernels: Kernels = Kernels.COMPOSED) -> Iterator[None]:
    """Run models so that second derivatives exist."""
    with ExitStack() as stack, torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        if kernels >= Kernels.COMPOSED:
            stack.enter_context(Composed())
        if kernels == Kernels.UNFUSED:
            stack.enter_context(warnings.catch_warnings(action="ignore"))  # torch warns of speed alone
            for flags in (torch.backends.mkldnn.flags, torch.backends.cudnn.flags):
                stack.enter_context(flags(enabled=False))
        yield


class Composed(TorchFunctionMode):
    """Bags of embeddings, whose backward pass has no derivative, and weight norm, whose second derivative takes the norm as constant."""

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return COMPOSED.get(func, func)(*args, **(kwargs or {}))


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """``F.embedding_bag`` from a look-up and a reduction: (bags, i)."""
    if max_norm is not None or scale_grad_by_freq:  # these change weights or gradients by rules of their own
        settings = (max_norm, norm_type, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset, padding_idx)
        return F.embedding_bag(input, weight, offsets, *settings)
    tokens, live, scales = input, torch.ones_like(input, dtype=torch.bool), per_sample_weights
    if offsets is not None:
        places, live = _bags(len(input), offsets[:-1] if include_last_offset else offsets)
        tokens, scales = input[places], None if scales is None else scales[places]
    if padding_idx is not None:
        live = live & (tokens != padding_idx % len(weight))
    found = F.embedding(tokens, weight)  # (bags, T, i)
    found = found if scales is None else found * scales[:, :, None]
    if mode == "max":
        full = live.any(1, keepdim=True)
        return torch.where(full, found.masked_fill(~live[:, :, None] & full[:, :, None], -torch.inf).max(1).values, 0)
    total = (found * live[:, :, None]).sum(1)
    return total if mode == "sum" else total / live.sum(1, keepdim=True).clamp_min(1)


def _bags(count: int, offsets: Tensor) -> tuple[Tensor, Tensor]:
    """Bags that begin at ``offsets`` as rows of places (bags, T), and which of them count."""
    sizes = torch.diff(offsets, append=offsets.new_tensor([count]))
    steps = torch.arange(max(1, int(sizes.max())), device=offsets.device)
    return (offsets[:, None] + steps).clamp_max(count - 1), steps < sizes[:, None]


def weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """g v / ‖v‖, the norm along all dimensions but ``dim``."""
    return v * (g / torch.norm_except_dim(v, 2, dim))


COMPOSED: dict[Callable[..., Any], Callable[..., Any]] = {
    F.embedding_bag: embedding_bag,
    torch._weight_norm: weight_norm,  # pyright: ignore[reportPrivateImportUsage]
}
