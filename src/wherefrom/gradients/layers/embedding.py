"""Embeddings: the gradient is zero but in the rows that were looked up, and only those are kept."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from wherefrom.errors import UsageError
from wherefrom.gradients.blocks import Block, Indexed
from wherefrom.gradients.layers.rule import LayerRule, Use
from wherefrom.gradients.rows import BlockShape


class EmbeddingRule(LayerRule):
    """``nn.Embedding``; ``padding_idx`` has no gradient, ``max_norm`` and ``scale_grad_by_freq`` are refused."""

    kinds = (nn.Embedding,)

    @classmethod
    def of(cls, path: str, module: nn.Module, names: Mapping[str, str], shared: frozenset[str]) -> "EmbeddingRule":
        return cls(path, names, shared, _table(path, module, names))

    def blocks(self, module: Any, use: Use) -> tuple[Block, ...] | None:
        tokens, d = use.inputs, use.gradient
        if len(tokens) % use.size:  # positions looked up once for all examples: (1, T)
            return None
        values = d.reshape(use.size, -1, d.shape[-1])
        return (Indexed(*_without_padding(module, tokens.reshape(use.size, -1), values), module.num_embeddings),)


class EmbeddingBagRule(LayerRule):
    """``nn.EmbeddingBag`` in modes sum and mean, bags given as (B, T) with or without weights."""

    kinds = (nn.EmbeddingBag,)

    @classmethod
    def of(cls, path: str, module: nn.Module, names: Mapping[str, str], shared: frozenset[str]) -> "EmbeddingBagRule | None":
        if module.mode == "max":
            return None
        return cls(path, names, shared, _table(path, module, names))

    def blocks(self, module: Any, use: Use) -> tuple[Block, ...] | None:
        tokens = use.inputs
        if tokens.dim() != 2 or len(tokens) != use.size:
            return None
        values = use.gradient[:, None, :].expand(-1, tokens.shape[1], -1)
        weights = use.keywords.get("per_sample_weights", use.arguments[2] if len(use.arguments) > 2 else None)
        if weights is not None:
            values = values * weights[:, :, None]
        if module.mode == "mean":
            counted = (tokens != module.padding_idx).sum(1) if module.padding_idx is not None else tokens.new_full((len(tokens),), tokens.shape[1])
            values = values / counted.clamp_min(1)[:, None, None]
        return (Indexed(*_without_padding(module, tokens, values), module.num_embeddings),)


def _table(path: str, module: Any, names: Mapping[str, str]) -> tuple[BlockShape, ...]:
    for setting in ("max_norm", "scale_grad_by_freq"):
        if getattr(module, setting):
            raise UsageError(
                f"The embedding {path!r} has {setting}={getattr(module, setting)}, which mixes examples or changes weights; turn it off."
            )
    return (BlockShape((names["weight"],), module.num_embeddings, (module.embedding_dim,)),)


def _without_padding(module: Any, tokens: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    if module.padding_idx is None:
        return tokens, values
    return tokens, values * (tokens != module.padding_idx)[:, :, None]
