"""The networks: their parameters, that training trains and leaves them in eval mode, and that every cell says its facts."""

from typing import Any

import pytest
import torch

import wherefrom as wf
from wherefrom_studies.relatif import networks as module
from wherefrom_studies.relatif.networks import BATCH, EFFICIENT, RESNET, SHALLOW, built, fitted


@pytest.mark.parametrize(("name", "least", "most"), [(SHALLOW, 29_000, 30_000), (EFFICIENT, 4.0e6, 4.1e6), (RESNET, 23.5e6, 23.6e6)])
def test_sizes_are_the_architectures_own(name: str, least: float, most: float) -> None:
    model, patterns = built(name, "ReLU", small=False)
    assert least < sum(p.numel() for p in model.parameters()) < most
    problem = wf.Problem.of(model.eval(), wf.cross_entropy(), (torch.rand(2, 3, 32, 32), torch.tensor([0, 1])), parameters=patterns)
    assert problem.size == sum(p.numel() for p in model.parameters()) if patterns is None else 400_000 < problem.size < 1_100_000


@pytest.mark.parametrize("name", [SHALLOW, EFFICIENT, RESNET])
def test_activations_are_those_asked_for(name: str) -> None:
    for activation in ("ReLU", "SiLU"):
        kinds = {type(part).__name__ for part in built(name, activation, small=True)[0].modules()}
        other = {"ReLU": "SiLU", "SiLU": "ReLU"}[activation]
        assert {activation, f"{activation}Activation"} & kinds and other not in kinds


@pytest.mark.parametrize(("optimiser", "rate"), [("Adam", 0.005), ("SGD", 0.02)])
def test_training_trains_alike_from_the_same_seed(optimiser: str, rate: float) -> None:
    torch.manual_seed(0)
    X, y = torch.rand(2 * BATCH, 3, 32, 32), torch.arange(2 * BATCH) % 2
    X[y == 1] += 1
    states = []
    for _ in range(2):
        torch.manual_seed(1)
        model, _ = built(SHALLOW, "ReLU", small=True)
        fitted(model, X, y, optimiser, rate, 15, 0)
        states.append(model.state_dict())
    assert not model.training and float((model(X).argmax(1) == y).double().mean()) > 0.9
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name], rtol=0, atol=0)


def test_without_transformers_the_error_names_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(module, "import_module", missing)
    assert built(SHALLOW, "ReLU", small=True)
    with pytest.raises(wf.UsageError, match="pip install transformers"):
        built(RESNET, "ReLU", small=True)
