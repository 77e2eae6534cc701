"""A shallow CNN, EfficientNet-B0 and ResNet-50 for images of CIFAR-10, untrained.

The two large ones are built from transformers' configurations, without weights from elsewhere. Influence is taken over all parameters of the shallow
CNN and over the last convolution and the classifier of the large ones.
"""

from importlib import import_module
from typing import Any

from torch import Tensor, nn

import wherefrom as wf

SHALLOW, EFFICIENT, RESNET = NETWORKS = ("shallow CNN", "EfficientNet-B0", "ResNet-50")
STEADY = {"batch_norm_momentum": 0.1, "batch_norm_eps": 1e-5, "dropout_rate": 0.2, "drop_connect_rate": 0.0}  # for training from scratch on little


class ImageClassifier(nn.Module):
    """A classifier of transformers as a map from images to logits."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, 10)."""
        return self.model(images).logits


def build_network(name: str, activation: str, small: bool) -> tuple[nn.Module, list[str] | None]:
    """Return an untrained network, and the parameters that influence is taken over (None for all)."""
    if name == SHALLOW:
        act, (first, second) = {"ReLU": nn.ReLU, "SiLU": nn.SiLU}[activation], (8, 16) if small else (32, 64)
        layers = [nn.Conv2d(3, first, 3, padding=1), act(), nn.MaxPool2d(2), nn.Conv2d(first, second, 3, padding=1), act(), nn.MaxPool2d(4)]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * second, 10)), None
    try:
        library: Any = import_module("transformers")
    except ImportError as error:
        raise wf.UsageError("The networks of the relatif study are built from transformers' configurations: pip install transformers.") from error
    return _resnet(library, activation, small) if name == RESNET else _efficientnet(library, activation, small)


def _resnet(library: Any, activation: str, small: bool) -> tuple[nn.Module, list[str]]:
    shape = {"depths": [1, 1], "hidden_sizes": [32, 64], "embedding_size": 8} if small else {}
    config = library.ResNetConfig(num_labels=10, layer_type="bottleneck", hidden_act=activation.lower(), **shape)
    last = len(config.depths) - 1
    inside = f"model.resnet.encoder.stages.{last}.layers.{config.depths[-1] - 1}.layer.2.convolution.*"
    model = ImageClassifier(library.ResNetForImageClassification(config))
    return _activate_everywhere(model, activation), [inside, "model.classifier.*"]


def _efficientnet(library: Any, activation: str, small: bool) -> tuple[nn.Module, list[str]]:
    scale = (
        {"width_coefficient": 0.25, "depth_coefficient": 0.1, "hidden_dim": 320}
        if small
        else {"width_coefficient": 1.0, "depth_coefficient": 1.0, "hidden_dim": 1280}
    )
    act = "swish" if activation == "SiLU" else activation.lower()
    config = library.EfficientNetConfig(num_labels=10, image_size=32, hidden_act=act, **STEADY, **scale)
    model = ImageClassifier(_reset(library.EfficientNetForImageClassification(config)))
    return model, ["model.efficientnet.encoder.top_conv.*", "model.classifier.*"]


def _reset(model: nn.Module) -> nn.Module:
    """Begin as torch begins layers: with a spread of 0.02, as for weights that are to be loaded, the signal dies out layer by layer."""
    for part in model.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            part.reset_parameters()
    return model


def _activate_everywhere(model: nn.Module, activation: str) -> nn.Module:
    """Put the configuration's activation everywhere: transformers keeps ReLU inside ResNet's bottlenecks whatever is asked for."""
    if activation == "SiLU":
        for parent in list(model.modules()):
            for name, part in parent.named_children():
                if isinstance(part, nn.ReLU):
                    setattr(parent, name, nn.SiLU())
    return model
