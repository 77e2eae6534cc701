"""Layer rules: how a kind of module turns what it was given and what its output changes into blocks, one kind a file."""

from whence.gradients.layers.attention import AttentionRule
from whence.gradients.layers.convolution import ConvolutionRule
from whence.gradients.layers.embedding import EmbeddingBagRule, EmbeddingRule
from whence.gradients.layers.linear import LinearRule
from whence.gradients.layers.norm import NormRule
from whence.gradients.layers.prelu import PReLURule
from whence.gradients.layers.rule import LayerRule, Use
from whence.gradients.layers.transposed import TransposedConvolutionRule

RULES: tuple[type[LayerRule], ...] = (
    LinearRule, ConvolutionRule, TransposedConvolutionRule, EmbeddingRule, EmbeddingBagRule, NormRule, PReLURule, AttentionRule,
)  # fmt: skip

__all__ = ["RULES", "LayerRule", "LinearRule", "Use"]
