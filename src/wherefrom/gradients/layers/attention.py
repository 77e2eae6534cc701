"""``nn.MultiheadAttention``: its projections are linear layers that it does not call as modules, so their factors are found again.

With q, k, v the projected inputs and c the heads' outputs side by side, the output is c Wᵒᵀ + bᵒ: its gradient meets c at the
last projection, and autograd through softmax(q kᵀ/√e) v alone gives what q, k and v change.
"""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wherefrom.gradients.blocks import Block, Dense
from wherefrom.gradients.layers.linear import affine_blocks
from wherefrom.gradients.layers.rule import LayerRule, Use, matrix_shapes

PARTS = ("q_proj_weight", "k_proj_weight", "v_proj_weight")


class AttentionRule(LayerRule):
    """Self- and cross-attention, with masks, batch first or second, one width or several."""

    kinds = (nn.MultiheadAttention,)
    takes_children = True
    turns = False  # the module says by itself where its batch is

    @classmethod
    def of(cls, path: str, module: nn.Module, names: Mapping[str, str], shared: frozenset[str]) -> "AttentionRule | None":
        part: Any = module
        if part.bias_k is not None or part.add_zero_attn or shared & set(names.values()):
            return None
        return cls(path, names, shared, tuple(shape for group in _groups(part, names) for shape in group))

    def blocks(self, module: Any, use: Use) -> tuple[Block, ...] | None:
        given = inspect.signature(module.forward).bind(*use.arguments, **use.keywords).arguments
        sources = [given[key] for key in ("query", "key", "value")]
        if sources[0].dim() != 3 or not set(module.state_dict()) <= set(use.own):
            return None
        alike = sources[0] is sources[1] is sources[2]
        sources = [x if module.batch_first else x.transpose(0, 1) for x in sources]
        gradient = use.gradient if module.batch_first else use.gradient.transpose(0, 1)
        if any(len(x) != use.size for x in sources):
            return None
        context, changes = _attention(module, use.own, sources, gradient, given)
        *inner, outer = _groups(module, self.names)
        found: list[Block] = []
        if len(inner) == 1 and alike:
            found += affine_blocks(inner[0], sources[0], torch.cat(changes, 2))
        elif len(inner) == 1:  # the three inputs one after the other, each with the rows of its own projection
            width = module.embed_dim
            spread = [F.pad(change, (width * k, width * (2 - k))) for k, change in enumerate(changes)]
            found += affine_blocks(inner[0], torch.cat(sources, 1), torch.cat(spread, 1))
        else:
            for shapes, x, change in zip(inner, sources, changes, strict=False):
                found += affine_blocks(shapes, x, change)
            if inner[3]:
                found.append(Dense(torch.cat([change.sum(1) for change in changes], 1)[:, :, None]))
        return (*found, *affine_blocks(outer, context, gradient))


def _groups(module: Any, names: Mapping[str, str]) -> list[tuple[Any, ...]]:
    """The block shapes of the input projection (or of query, key, value and bias) and of the output projection."""

    def shapes(weight: str, bias: str, rows: int, columns: int) -> tuple[Any, ...]:
        local = {key: names[name] for key, name in (("weight", weight), ("bias", bias)) if name in names}
        return matrix_shapes(local, frozenset(), rows, columns)

    width = module.embed_dim
    if module.in_proj_weight is not None:
        inner = [shapes("in_proj_weight", "in_proj_bias", 3 * width, width)]
    else:
        inner = [shapes(name, "", width, size) for name, size in zip(PARTS, (width, module.kdim, module.vdim), strict=True)]
        inner.append(shapes("", "in_proj_bias", 3 * width, 1))
    return [*inner, shapes("out_proj.weight", "out_proj.bias", width, width)]


def _attention(
    module: Any, own: Mapping[str, Tensor], sources: list[Tensor], gradient: Tensor, given: Mapping[str, Any]
) -> tuple[Tensor, list[Tensor]]:
    """c (B, T, e) and the gradients of the projected query, key and value."""
    weights = own["in_proj_weight"].chunk(3) if "in_proj_weight" in own else [own[name] for name in PARTS]
    biases = own["in_proj_bias"].chunk(3) if "in_proj_bias" in own else [None] * 3
    projected = [F.linear(x, weight, bias).detach().requires_grad_() for x, weight, bias in zip(sources, weights, biases, strict=True)]
    with torch.enable_grad():
        q, k, v = (x.unflatten(2, (module.num_heads, -1)).transpose(1, 2) for x in projected)
        heads = F.scaled_dot_product_attention(q, k, v, attn_mask=_mask(module, given, q, k))
        context = heads.transpose(1, 2).flatten(2)
        changes = torch.autograd.grad(context, projected, gradient @ own["out_proj.weight"])
    return context.detach(), list(changes)


def _mask(module: Any, given: Mapping[str, Any], q: Tensor, k: Tensor) -> Tensor | None:
    """Both masks as one to add, (B, heads or 1, T, S)."""
    whole: Tensor | None = None
    padding, attention = given.get("key_padding_mask"), given.get("attn_mask")
    if attention is not None:
        whole = _added(attention, q.dtype)
        whole = whole[None, None] if whole.dim() == 2 else whole.unflatten(0, (len(q), module.num_heads))
    if padding is not None:
        left_out = _added(padding, q.dtype)[:, None, None, :]
        whole = left_out if whole is None else whole + left_out
    return None if whole is None else whole.expand(len(q), -1, q.shape[2], k.shape[2])


def _added(mask: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.zeros_like(mask, dtype=dtype).masked_fill_(mask, float("-inf")) if mask.dtype == torch.bool else mask.to(dtype)
