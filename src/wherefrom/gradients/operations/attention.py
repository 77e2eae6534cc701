"""``F.multi_head_attention_forward`` taken apart: projections, scaled products with masks, and the last projection."""

import inspect
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from wherefrom.gradients.recorder import Call

_SIGNATURE = inspect.signature(F.multi_head_attention_forward)


def take_attention(call: Call) -> object:
    """``F.multi_head_attention_forward``: inputs (T, B, e); projections, scaled products with masks, and the last projection."""
    given = _SIGNATURE.bind(*call.arguments, **call.keywords)
    given.apply_defaults()
    a = given.arguments
    if a["query"].dim() != 3 or a["static_k"] is not None or a["static_v"] is not None:
        return call.give_up()
    recorder = call.recorder
    before, recorder.label = recorder.label, "attention"
    try:
        with recorder:
            return _attend(a)
    finally:
        recorder.label = before


def _attend(a: dict[str, Any]) -> tuple[Tensor, Tensor | None]:
    query, heads = a["query"], a["num_heads"]
    size, scale = query.shape[1], (query.shape[2] // heads) ** -0.5
    q, k, v = _projected(a)
    if a["bias_k"] is not None:
        k = torch.cat([k, a["bias_k"].expand(1, size, -1)])
        v = torch.cat([v, a["bias_v"].expand(1, size, -1)])
    q, k, v = (x.unflatten(2, (heads, -1)).permute(1, 2, 0, 3) for x in (q, k, v))  # (B, heads, T, e)
    if a["add_zero_attn"]:
        k, v = (torch.cat([x, torch.zeros_like(x[:, :, :1])], 2) for x in (k, v))
    mask = _mask(a, q, k.shape[2])
    products = q @ k.mT * scale
    weights = torch.softmax(products if mask is None else products + mask, -1)
    context = F.dropout(weights, a["dropout_p"], a["training"]) @ v
    output = F.linear(context.permute(2, 0, 1, 3).flatten(2), a["out_proj_weight"], a["out_proj_bias"])
    if not a["need_weights"]:
        return output, None
    return output, weights.mean(1) if a["average_attn_weights"] else weights


def _projected(a: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
    sources, bias = [a["query"], a["key"], a["value"]], a["in_proj_bias"]
    if a["use_separate_proj_weight"]:
        weights = [a["q_proj_weight"], a["k_proj_weight"], a["v_proj_weight"]]
    elif sources[0] is sources[1] is sources[2]:
        q, k, v = F.linear(sources[0], a["in_proj_weight"], bias).chunk(3, -1)
        return q, k, v
    else:
        weights = a["in_proj_weight"].chunk(3)
    biases = [None] * 3 if bias is None else bias.chunk(3)
    q, k, v = (F.linear(x, weight, part) for x, weight, part in zip(sources, weights, biases, strict=True))
    return q, k, v


def _mask(a: dict[str, Any], q: Tensor, keys: int) -> Tensor | None:
    """Return both masks as one to add, (B or 1, heads or 1, T, S)."""
    whole: Tensor | None = None
    attention, padding = a["attn_mask"], a["key_padding_mask"]
    if attention is None and a["is_causal"]:
        attention = torch.ones(q.shape[2], keys, dtype=torch.bool, device=q.device).triu(1)
    if attention is not None:
        whole = _added(attention, q)
        whole = whole[None, None] if whole.dim() == 2 else whole.unflatten(0, (len(q), -1))
    if padding is not None:
        left_out = _added(padding, q)[:, None, None]
        whole = left_out if whole is None else whole + left_out
    return None if whole is None else F.pad(whole, (0, keys - whole.shape[-1]))


def _added(mask: Tensor, like: Tensor) -> Tensor:
    if mask.dtype != torch.bool:
        return mask.to(like.dtype)
    return torch.zeros_like(mask, dtype=like.dtype).masked_fill(mask, float("-inf"))
