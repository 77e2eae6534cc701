"""The attack on a last layer: the layers below stay through it, and one start differs from another in them alone."""

from pathlib import Path

import numpy as np
import pytest
import torch

import wherefrom as wf
from wherefrom_studies.koh_liang.flipping import TOLERANCE, TOP, DigitClassifier
from wherefrom_studies.koh_liang.starts.attack.experiment import L2, attack_digits, build_network, train_last_layer


@pytest.fixture
def small(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> DigitClassifier:
    monkeypatch.setenv("WHEREFROM_DATA", str(data_folder))
    return train_last_layer(0, 60, 2)


def test_the_last_layer_is_at_its_minimum_and_the_others_are_held(small: DigitClassifier) -> None:
    problem = small.problem
    assert {name: value.shape[-1] for name, value in problem.parameters.items()} == {"8.weight": 32, "8.bias": 1}
    (batch,) = problem.batches(size=60)
    features = torch.nn.Sequential(*list(problem.model.children())[:-1])(batch.inputs).detach()
    alone = wf.Problem.of(torch.nn.Linear(32, 1).double().eval(), wf.binary_cross_entropy(l2=L2), (features, batch.targets))
    exact = wf.train.newton(TOLERANCE)(alone, 0).parameters
    torch.testing.assert_close(problem.parameters["8.weight"], exact["weight"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(problem.parameters["8.bias"], exact["bias"], atol=1e-5, rtol=1e-5)


def test_an_attack_leaves_the_layers_below_as_they_were(small: DigitClassifier) -> None:
    before = {name: value.clone() for name, value in small.problem.model.state_dict().items()}
    places = small.closest(2)
    (first, _) = small.attack(places, 1, stop=False).attacked
    assert all(torch.equal(before[name], value) for name, value in small.problem.model.state_dict().items())
    again = small.problem.replaced(first.ids, first.inputs)
    again = again.at(wf.train.newton(TOLERANCE)(again, 0).parameters)
    with torch.no_grad():
        loss = torch.nn.functional.binary_cross_entropy_with_logits(again.outputs(small.test.X[places[:1]])[:, 0], small.test.y[places[:1]])
    assert first.aimed.measurements[1] == pytest.approx(float(loss), abs=1e-6)


def test_starts_differ_and_a_start_is_the_same_again(small: DigitClassifier) -> None:
    one, other = train_last_layer(0, 60, 2), train_last_layer(1, 60, 2)
    assert torch.equal(one.margins, small.margins) and not torch.allclose(other.margins, small.margins)
    assert np.array_equal(one.problem.ids, other.problem.ids)


def test_rows_say_what_the_attack_did(small: DigitClassifier) -> None:
    rows = attack_digits(0, 60, 2, 2, 1)
    found = small.attack(small.closest(2), 1, stop=True)
    assert [row["first image"] for row in rows] == [int(one.ids[0]) for one in found.attacked]
    assert [row["gain"] for row in rows] == pytest.approx(found.gain(1).tolist())
    assert rows[0]["margin"] <= rows[1]["margin"] and all(TOP / 60 < row[f"top {TOP} share"] <= 1 for row in rows)


def test_the_network_takes_rows_of_both_sizes() -> None:
    assert build_network(28)(torch.rand(3, 784)).shape == build_network(14)(torch.rand(3, 196)).shape == (3, 1)
