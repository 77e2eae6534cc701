"""Small models around one kind of layer each: what goes in, and the rules that must serve its parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import wherefrom as wf

B = 7


@dataclass(frozen=True)
class Case:
    build: Callable[[], nn.Module]  # inputs -> anything with a batch dimension first; its entries are summed to three outputs
    inputs: Callable[[], Any]
    served: str = ""  # the rule that must serve every parameter of the layer; "" = a mixture


class Three(nn.Module):
    """Any output brought to three classes without parameters, in a way that tells entries apart."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *inputs: Tensor, **named: Tensor) -> Tensor:
        out = self.inner(*inputs, **named)
        out = torch.tanh((out[0] if isinstance(out, tuple) else out).flatten(1))
        return torch.stack([(out * torch.cos((k + 1.0) * torch.arange(out.shape[1]))).sum(1) for k in range(3)], 1)


class Attends(nn.Module):
    def __init__(self, first: bool = True, cross: int | None = None, mask: bool = False, **settings: Any) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 2, batch_first=first, kdim=cross, vdim=cross, **settings)
        self.first, self.cross, self.mask = first, cross, mask

    def forward(self, x: Tensor, other: Tensor, padding: Tensor) -> Tensor:
        query = x if self.first else x.transpose(0, 1)
        keys = query if self.cross is None else other if self.first else other.transpose(0, 1)
        causal = torch.ones(len(x[0]), len(x[0])).triu(1).bool() if self.mask else None
        out = self.attention(query, keys, keys, key_padding_mask=padding if self.mask else None, attn_mask=causal)[0]
        return out if self.first else out.transpose(0, 1)


class Apart(nn.Module):
    """Query, key and value of their own, of one width."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 3, batch_first=True)

    def forward(self, x: Tensor, other: Tensor, padding: Tensor) -> Tensor:
        return self.attention(x, x.flip(1), x * 2)[0]


class Adapter(nn.Module):
    """A frozen linear layer and a low-rank adapter beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.base, self.down, self.up = nn.Linear(5, 4), nn.Linear(5, 2, bias=False), nn.Linear(2, 4, bias=False)
        self.base.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.up(self.down(x))


class TiedTable(nn.Module):
    """A table of tokens that is the last layer's weight too, as in language models."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.mix, self.head = nn.Embedding(9, 4), nn.Linear(4, 4), nn.Linear(4, 9, bias=False)
        self.head.weight = self.table.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(torch.tanh(self.mix(self.table(tokens))))


class TimeFirst(nn.Module):
    """A recurrent layer whose batch is the second dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.GRU(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.transpose(0, 1))[0].transpose(0, 1)


class Second(nn.Module):
    """A layer that is given its batch as the second dimension."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.transpose(0, 1)).transpose(0, 1)


class Token(nn.Module):
    """Parameters held directly: a class token and positions."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.places, self.mix = nn.Parameter(torch.randn(1, 1, 4)), nn.Parameter(torch.randn(1, 6, 4)), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.places)


class Times(torch.autograd.Function):
    """A product that no torch function shows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(x, scale)
        return x * scale

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        x, scale = ctx.saved_tensors
        return gradient * scale, (gradient * x).sum(0)


class Hidden(nn.Module):
    """A parameter that is used where no torch function is seen."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.randn(4))

    def forward(self, x: Tensor) -> Tensor:
        return Times.apply(x, self.scale)  # type: ignore[no-any-return]


class Counts(nn.Module):
    """A parameter that torch.func cannot map: the forward pass reads a number out of a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.randn(4))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale * (2.0 if x[0, 0].item() < 1e9 else 1.0)


def ints(high: int, *shape: int) -> Callable[[], Tensor]:
    return lambda: torch.randint(0, high, (B, *shape))


def floats(*shape: int) -> Callable[[], Tensor]:
    return lambda: torch.randn(B, *shape)


def attended() -> tuple[Tensor, Tensor, Tensor]:
    return torch.randn(B, 5, 6), torch.randn(B, 4, 3), torch.arange(5) >= torch.randint(2, 6, (B, 1))


def bags() -> dict[str, Tensor]:
    return {"input": torch.randint(0, 9, (B, 4)), "per_sample_weights": torch.rand(B, 4)}


def warm(norm: Any) -> nn.Module:
    """With scales, shifts and statistics that are not those of a fresh layer."""
    for name, value in (*norm.named_parameters(), *norm.named_buffers()):
        if value.is_floating_point():
            value.data.copy_(torch.rand_like(value) + 0.5 if "weight" in name or "var" in name else torch.randn_like(value))
    return norm


CASES: dict[str, Case] = {
    "linear": Case(lambda: nn.Linear(5, 4), floats(5), "Linear"),
    "linear, no bias": Case(lambda: nn.Linear(5, 4, bias=False), floats(5), "Linear"),
    "linear over a sequence": Case(lambda: nn.Linear(5, 4), floats(6, 5), "Linear"),
    "linear over one position": Case(lambda: nn.Linear(5, 4), floats(1, 5), "Linear"),
    "linear over a long sequence": Case(lambda: nn.Linear(3, 2), floats(40, 3), "Linear"),
    "linear over a grid": Case(lambda: nn.Linear(5, 4, bias=False), floats(2, 3, 5), "Linear"),
    "linear of as many positions as the probe": Case(lambda: nn.Linear(5, 4), floats(5, 5), "Linear"),
    "mlp": Case(lambda: nn.Sequential(nn.Linear(5, 4), nn.ReLU(inplace=True), nn.Linear(4, 3)), floats(5), "Linear"),
    "adapter beside a frozen layer": Case(Adapter, floats(5), "Linear"),
    "conv1d": Case(lambda: nn.Conv1d(2, 3, 3), floats(2, 8), "Convolution"),
    "conv1d, stride and dilation": Case(lambda: nn.Conv1d(2, 3, 3, stride=2, dilation=2, padding=2), floats(2, 11), "Convolution"),
    "conv1d, causal by reflection": Case(lambda: nn.Conv1d(2, 3, 3, padding=2, padding_mode="reflect"), floats(2, 8), "Convolution"),
    "conv2d": Case(lambda: nn.Conv2d(2, 3, 3), floats(2, 6, 6), "Convolution"),
    "conv2d, no bias": Case(lambda: nn.Conv2d(2, 3, (2, 3), bias=False), floats(2, 6, 5), "Convolution"),
    "conv2d, stride": Case(lambda: nn.Conv2d(2, 3, 3, stride=(2, 1), padding=(1, 0)), floats(2, 7, 6), "Convolution"),
    "conv2d, dilation": Case(lambda: nn.Conv2d(2, 3, 2, dilation=(2, 3)), floats(2, 6, 7), "Convolution"),
    "conv2d, two groups": Case(lambda: nn.Conv2d(4, 6, 3, groups=2, padding=1), floats(4, 5, 5), "Convolution"),
    "conv2d, four groups, no bias": Case(lambda: nn.Conv2d(4, 4, 3, groups=4, bias=False), floats(4, 5, 5), "Convolution"),
    "conv2d, depthwise with two each": Case(lambda: nn.Conv2d(3, 6, 3, groups=3, stride=2), floats(3, 7, 7), "Convolution"),
    "conv2d, circular": Case(lambda: nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), floats(2, 5, 5), "Convolution"),
    "conv2d, replicate, groups": Case(lambda: nn.Conv2d(2, 4, 3, padding=1, padding_mode="replicate", groups=2), floats(2, 5, 5), "Convolution"),
    "conv2d, same": Case(lambda: nn.Conv2d(2, 3, (3, 4), padding="same"), floats(2, 5, 6), "Convolution"),
    "conv2d, same, reflect": Case(
        lambda: nn.Conv2d(2, 3, 4, padding="same", padding_mode="reflect", dilation=1), floats(2, 6, 6), "Convolution"
    ),
    "conv2d, valid": Case(lambda: nn.Conv2d(2, 3, 2, padding="valid"), floats(2, 5, 5), "Convolution"),
    "conv3d": Case(lambda: nn.Conv3d(2, 3, 2, stride=(1, 2, 1), padding=1), floats(2, 3, 4, 4), "Convolution"),
    "conv3d, groups, circular": Case(
        lambda: nn.Conv3d(2, 4, 2, groups=2, padding=1, padding_mode="circular"), floats(2, 3, 3, 3), "Convolution"
    ),
    "transposed conv1d": Case(lambda: nn.ConvTranspose1d(2, 3, 3, stride=2, padding=1, output_padding=1), floats(2, 5), "TransposedConvolution"),
    "transposed conv2d": Case(lambda: nn.ConvTranspose2d(2, 3, 3, stride=2, dilation=2), floats(2, 3, 4), "TransposedConvolution"),
    "transposed conv2d, groups": Case(lambda: nn.ConvTranspose2d(4, 6, 2, groups=2, bias=False), floats(4, 3, 3), "TransposedConvolution"),
    "transposed conv3d": Case(lambda: nn.ConvTranspose3d(2, 3, 2, stride=2), floats(2, 2, 2, 3), "TransposedConvolution"),
    "embedding": Case(lambda: nn.Embedding(9, 4), ints(9, 6), "Embedding"),
    "embedding, one token": Case(lambda: nn.Embedding(9, 4), ints(9), "Embedding"),
    "embedding, padding": Case(lambda: nn.Embedding(9, 4, padding_idx=0), ints(9, 6), "Embedding"),
    "embedding bag, mean": Case(lambda: nn.EmbeddingBag(9, 4), ints(9, 6), "EmbeddingBag"),
    "embedding bag, mean with padding": Case(lambda: nn.EmbeddingBag(9, 4, padding_idx=1), ints(9, 6), "EmbeddingBag"),
    "embedding bag, weighted sum": Case(lambda: nn.EmbeddingBag(9, 4, mode="sum"), bags, "EmbeddingBag"),
    "embedding bag, max": Case(lambda: nn.EmbeddingBag(9, 4, mode="max"), ints(9, 6)),
    "table tied to the last layer": Case(TiedTable, ints(9, 5)),
    "layer norm": Case(lambda: warm(nn.LayerNorm(5)), floats(5), "Norm"),
    "layer norm over a sequence": Case(lambda: warm(nn.LayerNorm(5)), floats(4, 5), "Norm"),
    "layer norm of two dimensions": Case(lambda: warm(nn.LayerNorm((3, 5))), floats(4, 3, 5), "Norm"),
    "layer norm, no bias": Case(lambda: warm(nn.LayerNorm(5, bias=False)), floats(4, 5), "Norm"),
    "rms norm": Case(lambda: warm(nn.RMSNorm(5)), floats(4, 5), "Norm"),
    "group norm": Case(lambda: warm(nn.GroupNorm(2, 4)), floats(4, 3, 3), "Norm"),
    "instance norm": Case(lambda: warm(nn.InstanceNorm2d(3, affine=True)), floats(3, 4, 4), "Norm"),
    "instance norm, running statistics": Case(
        lambda: warm(nn.InstanceNorm1d(3, affine=True, track_running_stats=True)), floats(3, 6), "Norm"
    ),
    "batch norm of features": Case(lambda: warm(nn.BatchNorm1d(5)), floats(5), "Norm"),
    "batch norm of sequences": Case(lambda: warm(nn.BatchNorm1d(5)), floats(5, 3), "Norm"),
    "batch norm of images": Case(lambda: warm(nn.BatchNorm2d(3)), floats(3, 4, 4), "Norm"),
    "batch norm of volumes": Case(lambda: warm(nn.BatchNorm3d(3)), floats(3, 2, 2, 2), "Norm"),
    "prelu": Case(lambda: nn.PReLU(), floats(5), "PReLU"),
    "prelu per channel": Case(lambda: nn.PReLU(3), floats(3, 4), "PReLU"),
    "self-attention": Case(Attends, attended, "Attention"),
    "self-attention, no bias, batch second": Case(lambda: Attends(first=False, bias=False), attended, "Attention"),
    "self-attention, masks": Case(lambda: Attends(mask=True), attended, "Attention"),
    "cross-attention of other widths": Case(lambda: Attends(cross=3), attended, "Attention"),
    "attention, three inputs": Case(Apart, attended, "Attention"),
    "attention with bias of keys": Case(lambda: Attends(add_bias_kv=True), attended),
    "transformer encoder": Case(
        lambda: nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True), floats(5, 6)
    ),
    "linear, batch second": Case(lambda: Second(nn.Linear(4, 3)), floats(5, 4), "Linear"),
    "linear over as many positions, batch second": Case(lambda: Second(nn.Linear(4, 3)), floats(B, 4), "Linear"),
    "layer norm, batch second": Case(lambda: Second(warm(nn.LayerNorm(4))), floats(3, 4), "Norm"),
    "embedding, batch second": Case(lambda: Second(nn.Embedding(9, 4)), ints(9, 6), "Embedding"),
    "transformer encoder, batch second": Case(lambda: Second(nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0)), floats(5, 6)),
    "lstm": Case(lambda: nn.LSTM(4, 3, batch_first=True), floats(5, 4), "LSTM"),
    "gru, batch second": Case(TimeFirst, floats(5, 4), "GRU"),
    "rnn": Case(lambda: nn.RNN(4, 3, batch_first=True), floats(5, 4), "RNN"),
    "class token and positions": Case(Token, floats(5, 4)),
    "weight norm": Case(
        lambda: nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.utils.parametrizations.weight_norm(nn.Linear(4, 3))), floats(4)
    ),
    "a number read out": Case(Counts, floats(4), "Product"),
    "a function of one's own": Case(Hidden, floats(4), "one example at a time"),
}  # fmt: skip


def layer_problem(name: str, dtype: torch.dtype = torch.float64) -> wf.Problem:
    """A problem around one case, every parameter of the layer chosen."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        case = CASES[name]
        model, inputs = Three(case.build()).to(dtype).eval(), case.inputs()
        for parameter in model.parameters():  # no zeros, so that every gradient shows
            if parameter.dim() == 1:
                parameter.data.uniform_(0.5, 1.5)
        return wf.Problem.of(model, wf.cross_entropy(), (inputs, torch.randint(0, 3, (B,))))
