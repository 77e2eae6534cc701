"""Four small models of MNIST, each with the checkpoints of a real training run, and what bounds any engine on them.

Softmax regression, an MLP 784-256-128-10, a CNN of two convolutions with max pooling and one linear layer, and a transformer
of two blocks over 16 patches of 7 × 7 pixels, its projections written out. The quick forms are tiny and see 7 × 7 pixels.
"""

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, cross_entropy, gelu, unfold

import wherefrom as wf

RATE, DECAY, BATCH = 0.1, 0.8, 64  # of SGD without momentum; the rate falls by DECAY at each checkpoint
BATCHES = (128, 512)  # images at a time of the plain passes
NAMES = ("softmax regression", "MLP", "CNN", "transformer")
State = dict[str, Tensor]


class Block(nn.Module):
    """Attention with one head and an MLP, each after a LayerNorm and beside a skip connection."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        z = self.norm1(x)
        attention = (self.q(z) @ self.k(z).transpose(1, 2) / z.shape[-1] ** 0.5).softmax(-1)
        x = x + self.out(attention @ self.v(z))
        return x + self.down(gelu(self.up(self.norm2(x))))


class Transformer(nn.Module):
    """Patches as tokens, learned positions, blocks, LayerNorm, the mean over tokens and a linear layer."""

    def __init__(self, side: int, patch: tuple[int, int], width: int, blocks: int) -> None:
        super().__init__()
        self.patch, tokens = patch, side * side // (patch[0] * patch[1])
        self.embed, self.position = nn.Linear(patch[0] * patch[1], width), nn.Embedding(tokens, width)
        self.blocks, self.norm, self.head = nn.Sequential(*(Block(width) for _ in range(blocks))), nn.LayerNorm(width), nn.Linear(width, 10)

    def forward(self, images: Tensor) -> Tensor:
        patches = unfold(images, self.patch, stride=self.patch).transpose(1, 2)
        places = torch.arange(patches.shape[1], device=images.device).expand(patches.shape[:2])
        return self.head(self.norm(self.blocks(self.embed(patches) + self.position(places))).mean(1))


class CNN(nn.Module):
    """Two 5 × 5 convolutions, each with ReLU and 2 × 2 max pooling, and a linear layer."""

    def __init__(self, side: int, channels: tuple[int, int]) -> None:
        super().__init__()
        first, second = channels
        self.conv1, self.conv2 = nn.Conv2d(1, first, 5, padding=2), nn.Conv2d(first, second, 5, padding=2)
        self.head = nn.Linear(second * (side // 2 // 2) ** 2, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = torch.max_pool2d(self.conv1(images).relu(), 2)
        return self.head(torch.max_pool2d(self.conv2(x).relu(), 2).flatten(1))


class MLP(nn.Module):
    """Linear layers with ReLU between them; without hidden ones, softmax regression."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.hidden = nn.Sequential(*(nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(widths)))
        self.head = nn.Linear(widths[-1], 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.hidden(images.flatten(1)))


@dataclass(frozen=True, eq=False)
class Task:
    """A trained model, its training images and its queries (float32), its checkpoints and the rate that led to each."""

    name: str
    model: nn.Module
    train: tuple[Tensor, Tensor]
    queries: tuple[Tensor, Tensor]
    states: list[State]
    rates: list[float]
    loss: float

    @property
    def parameters(self) -> int:
        return sum(value.numel() for value in self.model.parameters())

    def fresh(self) -> nn.Module:
        """A copy of the model, since peers leave their hooks and flags on it."""
        return deepcopy(self.model)

    def first(self, images: int) -> tuple[Tensor, Tensor]:
        return self.train[0][:images], self.train[1][:images]

    def problem(self, images: int) -> wf.Problem:
        return wf.Problem.of(self.fresh(), wf.cross_entropy(), self.first(images))

    def facts(self) -> dict[str, Any]:
        return {"parameters": self.parameters, "learning rates": self.rates, "mean training loss": self.loss}


@dataclass(frozen=True)
class Limit:
    """What no engine can avoid: the passes, and the multiplications of the products at the speed of ``torch.mm``."""

    passes: float
    multiplications: int
    speed: float

    @property
    def seconds(self) -> float:
        return self.passes + self.multiplications / self.speed

    def row(self) -> dict[str, float]:
        return {"passes": self.passes, "multiplications": self.multiplications, "mm per second": self.speed, "seconds": self.seconds}


def built(name: str, quick: bool) -> nn.Module:
    """The untrained model of a name."""
    torch.manual_seed(0)
    if name == "softmax regression":
        return MLP(49 if quick else 784)
    if name == "MLP":
        return MLP(49, 8, 6) if quick else MLP(784, 256, 128)
    if name == "CNN":
        return CNN(7, (2, 3)) if quick else CNN(28, (16, 56))
    return Transformer(7, (1, 7), 6, 1) if quick else Transformer(28, (7, 7), 48, 2)


def tasks(images: int, queries: int, checkpoints: int, quick: bool, names: Sequence[str] = NAMES) -> list[Task]:
    """Each model of ``names`` trained on the first ``images`` images by SGD, a checkpoint at the end of each epoch."""
    parts = [wf.datasets.mnist(part, limit=limit) for part, limit in (("train", images), ("test", queries))]
    (X, y), (Xq, yq) = ((part.X.float().reshape(-1, 1, 28, 28), part.y) for part in parts)
    if quick:
        X, Xq = avg_pool2d(X, 4), avg_pool2d(Xq, 4)
    return [trained(name, built(name, quick), (X, y), (Xq, yq), checkpoints) for name in names]


def trained(name: str, model: nn.Module, train: tuple[Tensor, Tensor], queries: tuple[Tensor, Tensor], checkpoints: int) -> Task:
    random, states, rates, total = torch.Generator().manual_seed(0), [], [], 0.0
    for epoch in range(checkpoints):
        rates.append(RATE * DECAY**epoch)
        optimiser, total = torch.optim.SGD(model.parameters(), lr=rates[-1]), 0.0
        for index in torch.randperm(len(train[1]), generator=random).split(BATCH):
            optimiser.zero_grad()
            loss = cross_entropy(model(train[0][index]), train[1][index])
            loss.backward()
            optimiser.step()
            total += loss.item() * len(index)
        states.append({name: value.detach().clone() for name, value in model.state_dict().items()})
    return Task(name, model.eval(), train, queries, states, rates, total / len(train[1]))


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def plain_passes(task: Task, *, backward: bool = True) -> float:
    """Seconds of a pass forward, and one backward, of the summed loss over all training images, at the last checkpoint; best of BATCHES."""
    model, (X, y) = task.fresh().requires_grad_(backward), task.train

    def passes(images: int, batch: int) -> None:
        for x, target in zip(X[:images].split(batch), y[:images].split(batch), strict=True):
            loss = cross_entropy(model(x), target, reduction="sum")
            if backward:
                torch.autograd.grad(loss, list(model.parameters()))

    passes(BATCH, BATCH)
    return min(seconds(partial(passes, len(X), batch))[0] for batch in BATCHES)


def mm_speed(size: int = 1536) -> float:
    """Multiplications (each with its addition) per second that ``torch.mm`` reaches here in float32, the best of five."""
    a, b = torch.rand(size, size), torch.rand(size, size)
    torch.mm(a, b)
    return size**3 / min(seconds(lambda: torch.mm(a, b))[0] for _ in range(5))


def written_out(task: Task, images: int) -> int:
    """Multiplications that write out the per-example gradients of ``images`` images."""
    return images * sum(positions * columns * rows for positions, columns, rows in layer_shapes(task))


def score_products(task: Task, images: int, queries: int, *, last: bool = False) -> int:
    """Multiplications of all inner products at one checkpoint, each layer (or the ``last`` alone) by its cheaper way: factors, or written out."""
    pairs, rows = queries * images, queries + images
    shapes = layer_shapes(task)[-1:] if last else layer_shapes(task)
    return sum(min(pairs * t * t * (i + o), rows * t * i * o + pairs * i * o) for t, i, o in shapes)


def layer_shapes(task: Task) -> list[tuple[int, int, int]]:
    """(positions, columns, rows) of each layer's gradient, a column of ones standing for the bias; (1, parameters, 1) without a rule."""
    found: dict[str, tuple[int, int, int]] = {}

    def seen(name: str, module: nn.Module, _: Any, output: Tensor) -> None:
        if isinstance(module, nn.Linear):
            found[name] = (output[0].numel() // module.out_features, module.in_features + 1, module.out_features)
        elif isinstance(module, nn.Conv2d):
            found[name] = (output[0, 0].numel(), module.weight[0].numel() + 1, module.out_channels)
        elif list(module.parameters(recurse=False)):
            found[name] = (1, sum(value.numel() for value in module.parameters()), 1)

    model = task.fresh()
    for name, module in model.named_modules():
        module.register_forward_hook(partial(seen, name))
    model(task.train[0][:1])
    return list(found.values())
