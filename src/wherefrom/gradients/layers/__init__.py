"""Layer rules: how a kind of module turns what it was given and what its output changes into blocks, one kind a file."""

from wherefrom.gradients.layers.attention import AttentionRule
from wherefrom.gradients.layers.convolution import ConvolutionRule
from wherefrom.gradients.layers.embedding import EmbeddingBagRule, EmbeddingRule
from wherefrom.gradients.layers.linear import LinearRule
from wherefrom.gradients.layers.norm import NormRule
from wherefrom.gradients.layers.prelu import PReLURule
from wherefrom.gradients.layers.rule import LayerRule, Use
from wherefrom.gradients.layers.transposed import TransposedConvolutionRule

RULES: tuple[type[LayerRule], ...] = (
    LinearRule, ConvolutionRule, TransposedConvolutionRule, EmbeddingRule, EmbeddingBagRule, NormRule, PReLURule, AttentionRule,
)  # fmt: skip

__all__ = ["RULES", "LayerRule", "LinearRule", "Use"]
