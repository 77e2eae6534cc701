"""Rows of a table looked up for each example: the gradient is zero elsewhere, and only those rows are kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wherefrom.errors import UsageError
from wherefrom.gradients.blocks import Indexed
from wherefrom.gradients.origins import Data, Pure
from wherefrom.gradients.recorder import Call
from wherefrom.gradients.uses import Part, Pass, Use


@dataclass(eq=False)
class LookupUse(Use):
    """``table[tokens]``: tokens (...), outputs (..., *row), owners (R,) of the R tokens; ``padding`` is a token without a gradient.

    ``weights`` (R,) multiply the rows; ``repeats`` T > 1 where one output row is of T tokens one after the other (bags).
    """

    operation: str
    table: Pure
    tokens: Tensor
    owners: Tensor
    padding: int | None = None
    weights: Tensor | None = None
    repeats: int = 1
    kind: str = "table"

    def parts(self, gradient: Tensor, shared: Pass) -> Iterator[Part]:
        shape = self.table.tensor.shape
        values = gradient.reshape(-1, shape[1:].numel())
        if self.repeats > 1:
            values = values.repeat_interleave(self.repeats, 0)
        if self.weights is not None:
            values = values * self.weights[:, None]
        tokens = self.tokens.reshape(-1)
        if self.padding is not None:
            values = values * (tokens != self.padding)[:, None]
        packing = shared.packing(self.owners)
        tokens = packing.of_rows(tokens[:, None])[..., 0]
        yield Part(self.table, Indexed(tokens, packing.of_rows(values), shape[0]))


def take_embedding(call: Call) -> object:
    """Take ``F.embedding``; settings that mix examples or change weights are refused."""
    tokens, table, padding = call.get(0, "input"), call.get(1, "weight"), call.get(2, "padding_idx")
    recorder = call.recorder
    pure = recorder.pure(table)
    for place, setting in ((3, "max_norm"), (5, "scale_grad_by_freq")):
        if pure is not None and call.get(place, setting):
            raise UsageError(
                f"The embedding {pure.roots[0]!r} has {setting}={call.get(place, setting)}, which mixes examples or changes weights; turn it off."
            )
    owners = recorder.owners(tokens) if recorder.is_data(tokens) else None
    if pure is None or owners is None:
        return call.give_up()
    padding = None if padding is None else padding % len(table)
    use = LookupUse(call.operation, pure, tokens, owners.expand(tokens.shape).reshape(-1), padding)
    return call.finish(recorder.watch(call.run(), use))


def take_embedding_bag(call: Call) -> object:
    """Take ``F.embedding_bag`` of bags (B, T), in modes sum and mean."""
    names = ("input", "weight", "offsets", "max_norm", "norm_type", "scale_grad_by_freq", "mode", "sparse", "per_sample_weights")
    given = {name: call.get(place, name) for place, name in enumerate((*names, "include_last_offset", "padding_idx"))}
    recorder, tokens, mode = call.recorder, given["input"], given["mode"] or "mean"
    pure = recorder.pure(given["weight"])
    for setting in ("max_norm", "scale_grad_by_freq"):
        if pure is not None and given[setting]:
            raise UsageError(f"The embedding {pure.roots[0]!r} has {setting}={given[setting]}, which mixes examples or changes weights; turn it off.")
    owners = recorder.owners(tokens) if recorder.is_data(tokens) else None
    if pure is None or owners is None or tokens.dim() != 2 or mode == "max":
        return call.give_up()
    weights, padding = given["per_sample_weights"], given["padding_idx"]
    weights = tokens.new_ones(tokens.shape, dtype=pure.tensor.dtype) if weights is None else weights.detach()
    padding = None if padding is None else padding % len(pure.tensor)
    if mode == "mean":
        counted = tokens.new_full((len(tokens), 1), tokens.shape[1]) if padding is None else (tokens != padding).sum(1, keepdim=True)
        weights = weights / counted.clamp_min(1)
    rows = owners.expand(tokens.shape).reshape(-1)
    use = LookupUse(call.operation, pure, tokens, rows, padding, weights.reshape(-1), tokens.shape[1])
    return call.finish(recorder.watch(call.run(), use))


def take_picked(call: Call) -> object:
    """Rows of a table picked by an index that is data."""
    table = call.get(0, "input")
    index: Any = call.arguments[1] if call.name == "__getitem__" else call.get(2, "index")
    recorder = call.recorder
    if call.name == "index_select" and call.get(1, "dim") != 0:
        return call.give_up()
    index = index[0] if isinstance(index, tuple) and len(index) == 1 else index
    pure = recorder.pure(table)
    owners = recorder.owners(index) if recorder.is_data(index) and index.dtype not in (torch.bool, torch.uint8) else None
    if pure is None or owners is None:
        return call.give_up()
    use = LookupUse(call.operation, pure, index, owners.expand(index.shape).reshape(-1))
    result = recorder.watch(call.run(), use)
    recorder.mark(result, Data(owners.view(*owners.shape, *(1,) * (result.dim() - index.dim()))))
    return result
