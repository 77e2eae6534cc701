"""Rules by operation: what one torch function, given parameters and data, keeps of its call for the gradient of each example."""

from wherefrom.gradients.operations.affine import take_addmm, take_linear, take_matmul
from wherefrom.gradients.operations.attention import take_attention
from wherefrom.gradients.operations.convolution import take_convolution, take_transposed_convolution
from wherefrom.gradients.operations.copies import take_any
from wherefrom.gradients.operations.grouped import take_grouped
from wherefrom.gradients.operations.lookup import take_embedding, take_embedding_bag, take_picked
from wherefrom.gradients.operations.norms import take_batch_norm, take_group_norm, take_instance_norm, take_layer_norm, take_prelu, take_rms_norm
from wherefrom.gradients.operations.recurrent import take_recurrent
from wherefrom.gradients.recorder import Rule

RULES: dict[str, Rule] = {
    "linear": take_linear, "addmm": take_addmm,
    "matmul": take_matmul, "__matmul__": take_matmul, "__rmatmul__": take_matmul, "mm": take_matmul, "bmm": take_matmul,
    "_grouped_mm": take_grouped, "grouped_mm": take_grouped, "grouped_mm_fallback": take_grouped,
    "embedding": take_embedding, "embedding_bag": take_embedding_bag, "__getitem__": take_picked, "index_select": take_picked,
    "conv1d": take_convolution, "conv2d": take_convolution, "conv3d": take_convolution,
    "conv_transpose1d": take_transposed_convolution, "conv_transpose2d": take_transposed_convolution,
    "conv_transpose3d": take_transposed_convolution,
    "layer_norm": take_layer_norm, "rms_norm": take_rms_norm, "group_norm": take_group_norm, "batch_norm": take_batch_norm,
    "instance_norm": take_instance_norm, "prelu": take_prelu,
    "lstm": take_recurrent, "gru": take_recurrent, "rnn_tanh": take_recurrent, "rnn_relu": take_recurrent,
    "multi_head_attention_forward": take_attention,
}  # fmt: skip

__all__ = ["RULES", "take_any"]
