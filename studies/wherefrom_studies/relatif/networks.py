"""A shallow CNN, EfficientNet and ResNet-50 on CIFAR-10, with ReLU and SiLU, trained by Adam and by SGD, and what is named first there.

The two large ones are built from transformers' configurations, without weights from elsewhere, and trained from scratch on images turned left to
right at random, with a one-cycle rate. Influence is taken over all parameters of the shallow CNN and over the last convolution and the classifier of
the large ones, by EK-FAC. DIVINE compares pixels.
"""

from dataclasses import dataclass
from importlib import import_module
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import wherefrom as wf
from wherefrom_studies.cache import Cache
from wherefrom_studies.relatif.lists import DIVINE, Marks, chances, cost, described, diverse, listed, outlying, timed
from wherefrom_studies.study import Study

SHALLOW, EFFICIENT, RESNET = "shallow CNN", "EfficientNet-B0", "ResNet-50"
ACTIVATIONS, OPTIMISERS = ("ReLU", "SiLU"), ("Adam", "SGD")
L2, BATCH, SHOWN = 1e-4, 25, 2
RATES = {
    (SHALLOW, "Adam"): 3e-3,
    (SHALLOW, "SGD"): 0.05,
    (EFFICIENT, "Adam"): 2e-3,
    (EFFICIENT, "SGD"): 0.02,
    (RESNET, "Adam"): 5e-4,
    (RESNET, "SGD"): 0.005,
}


@dataclass(frozen=True)
class Size:
    """Training images, queries, epochs; ``small`` networks have a stage or two."""

    images: int = 1000
    queries: int = 50
    epochs: int = 12
    small: bool = False


SMALL = Size(60, 6, 2, True)
STEADY = {"batch_norm_momentum": 0.1, "batch_norm_eps": 1e-5, "dropout_rate": 0.2, "drop_connect_rate": 0.0}  # for training from scratch on little


class Logits(nn.Module):
    """A classifier of transformers as a map from images to logits."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, 10)."""
        return self.model(images).logits


def built(name: str, activation: str, small: bool) -> tuple[nn.Module, list[str] | None]:
    """An untrained network, and the parameters that influence is taken over (None for all)."""
    if name == SHALLOW:
        act, (first, second) = {"ReLU": nn.ReLU, "SiLU": nn.SiLU}[activation], (8, 16) if small else (32, 64)
        layers = [nn.Conv2d(3, first, 3, padding=1), act(), nn.MaxPool2d(2), nn.Conv2d(first, second, 3, padding=1), act(), nn.MaxPool2d(4)]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * second, 10)), None
    try:
        library: Any = import_module("transformers")
    except ImportError as error:
        raise wf.UsageError("The networks of the relatif study are built from transformers' configurations: pip install transformers.") from error
    act = activation.lower()
    if name == RESNET:
        shape = {"depths": [1, 1], "hidden_sizes": [32, 64], "embedding_size": 8} if small else {}
        config = library.ResNetConfig(num_labels=10, layer_type="bottleneck", hidden_act=act, **shape)
        last = len(config.depths) - 1
        inside = f"model.resnet.encoder.stages.{last}.layers.{config.depths[-1] - 1}.layer.2.convolution.*"
        return _all(Logits(library.ResNetForImageClassification(config)), activation), [inside, "model.classifier.*"]
    scale = (
        {"width_coefficient": 0.25, "depth_coefficient": 0.1, "hidden_dim": 320}
        if small
        else {"width_coefficient": 1.0, "depth_coefficient": 1.0, "hidden_dim": 1280}
    )
    config = library.EfficientNetConfig(num_labels=10, image_size=32, hidden_act="swish" if act == "silu" else act, **STEADY, **scale)
    return Logits(_begun(library.EfficientNetForImageClassification(config))), ["model.efficientnet.encoder.top_conv.*", "model.classifier.*"]


def _begun(model: nn.Module) -> nn.Module:
    """Begun as torch begins layers: with a spread of 0.02, as for weights that are to be loaded, the signal dies out layer by layer."""
    for part in model.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            part.reset_parameters()
    return model


def _all(model: nn.Module, activation: str) -> nn.Module:
    """The configuration's activation everywhere: transformers keeps ReLU inside ResNet's bottlenecks whatever is asked for."""
    if activation == "SiLU":
        for parent in list(model.modules()):
            for name, part in parent.named_children():
                if isinstance(part, nn.ReLU):
                    setattr(parent, name, nn.SiLU())
    return model


def fitted(model: nn.Module, X: Tensor, y: Tensor, optimiser: str, rate: float, epochs: int, seed: int) -> None:
    """Train in place, and leave the model in eval mode; a last batch that is not full is left out of its epoch."""
    steps = epochs * (len(y) // BATCH)
    kind = torch.optim.Adam(model.parameters(), rate) if optimiser == "Adam" else torch.optim.SGD(model.parameters(), rate, 0.9, nesterov=True)
    schedule, random = torch.optim.lr_scheduler.OneCycleLR(kind, rate, total_steps=steps), torch.Generator().manual_seed(seed)
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(y), generator=random)[: len(y) // BATCH * BATCH].split(BATCH):
            turned = (torch.rand(BATCH, generator=random) < 0.5).to(X.device)[:, None, None, None]
            kind.zero_grad()
            cross_entropy(model(torch.where(turned, X[rows].flip(3), X[rows])), y[rows]).backward()
            kind.step()
            schedule.step()
    model.eval()


def images(size: Size, device: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The first training images and a thousand test images of CIFAR-10, each channel standardised by the training images."""
    train, test = wf.datasets.cifar10("train", limit=size.images), wf.datasets.cifar10("test", limit=max(1000, size.queries))
    mean, spread = train.X.mean((0, 2, 3), keepdim=True), train.X.std((0, 2, 3), keepdim=True)
    return tuple(one.to(device) for one in ((train.X - mean) / spread, train.y, (test.X - mean) / spread, test.y))  # type: ignore[return-value]


def looked(name: str, activation: str, optimiser: str, size: Size, device: str) -> list[dict[str, Any]]:
    """Train one network; a row for each method: its lists of the first test images, and what they took."""
    X, y, X_test, y_test = images(size, device)
    torch.manual_seed(0)
    model, patterns = built(name, activation, size.small)
    model.to(device)
    _, training = timed(lambda: fitted(model, X, y, optimiser, RATES[name, optimiser], size.epochs, 0))
    problem = wf.Problem.of(model, wf.cross_entropy(l2=L2), (X, y), parameters=patterns)
    with torch.no_grad():
        said, known = (torch.cat([model(part).argmax(1) for part in one.split(100)]) for one in (X_test, X))
    facts = {
        "network": name, "activation": activation, "optimiser": optimiser, "accuracy": float((said == y_test).double().mean()),
        "training accuracy": float((known == y).double().mean()), "parameters": sum(p.numel() for p in model.parameters()),
        "attributed": problem.size, "training seconds": training,
    }  # fmt: skip
    queries = wf.Examples.of((X_test[: size.queries], said[: size.queries]))
    lists, _ = listed(wf.IHVP(wf.EKFAC(), wf.Eigen()), problem, queries, 0)
    marks = Marks(y.cpu().numpy(), said.cpu().numpy(), outlying(problem), np.zeros(len(y), bool))
    divine, seconds = diverse(lists, X, size.queries)
    ratio, rows = cost(lists.seconds), []
    chance = {f"chance, {what}": value for what, value in chances(len(problem), size.queries, marks).items()}
    for method, firsts in {**lists.firsts, DIVINE: divine}.items():
        took = {"fit": lists.seconds["fit"], "seconds": seconds if method == DIVINE else lists.seconds.get(method), "cost": ratio.get(method)}
        shown = [int(place) for place in firsts[:SHOWN, :3].ravel()]
        rows.append({**facts, "method": method, **described(firsts, marks), **chance, **took, "shown": shown, "said": said[:SHOWN].tolist()})
    return rows


def measured(study: Study, size: Size, cache: Cache) -> pd.DataFrame:
    """Every network, activation and optimiser."""
    cells = list(product((SHALLOW, EFFICIENT, RESNET), ACTIVATIONS, OPTIMISERS))
    cells = study.either(cells, [cells[0], cells[5], cells[10]])
    parts = []
    for cell in wf.progress.track(cells, "networks", len(cells)):
        facts = {"cell": list(cell), **vars(size), "device": study.device, "rate": RATES[cell[0], cell[2]], "batch": BATCH}
        parts.append(cache.rows("networks", facts, lambda cell=cell: looked(*cell, size, study.device)))
    return pd.concat(parts, ignore_index=True)
