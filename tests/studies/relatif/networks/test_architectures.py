"""The networks: their parameters and activations, and what they are built from."""

from typing import Any

import pytest
import torch

import wherefrom as wf
from wherefrom_studies.relatif.networks import architectures as module
from wherefrom_studies.relatif.networks.architectures import EFFICIENT, RESNET, SHALLOW, build_network


@pytest.mark.parametrize(("name", "least", "most"), [(SHALLOW, 29_000, 30_000), (EFFICIENT, 4.0e6, 4.1e6), (RESNET, 23.5e6, 23.6e6)])
def test_sizes_are_the_architectures_own(name: str, least: float, most: float) -> None:
    model, patterns = build_network(name, "ReLU", small=False)
    assert least < sum(p.numel() for p in model.parameters()) < most
    problem = wf.Problem.of(model.eval(), wf.cross_entropy(), (torch.rand(2, 3, 32, 32), torch.tensor([0, 1])), parameters=patterns)
    assert problem.size == sum(p.numel() for p in model.parameters()) if patterns is None else 400_000 < problem.size < 1_100_000


@pytest.mark.parametrize("name", [SHALLOW, EFFICIENT, RESNET])
def test_activations_are_those_asked_for(name: str) -> None:
    for activation in ("ReLU", "SiLU"):
        kinds = {type(part).__name__ for part in build_network(name, activation, small=True)[0].modules()}
        other = {"ReLU": "SiLU", "SiLU": "ReLU"}[activation]
        assert {activation, f"{activation}Activation"} & kinds and other not in kinds


def test_without_transformers_the_error_names_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(module, "import_module", missing)
    assert build_network(SHALLOW, "ReLU", small=True)
    with pytest.raises(wf.UsageError, match="pip install transformers"):
        build_network(RESNET, "ReLU", small=True)
