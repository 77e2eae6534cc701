"""The Iris networks: converged with weight decay, the same for the same seed, and a training without a minimum is told."""

import numpy as np
import pytest

import wherefrom as wf
from wherefrom_studies.fragility.iris.experiment import FORMS, LEFT_OUT, QUERY, Network, flowers, retrain_seed


def test_the_query_is_the_flower_of_highest_loss() -> None:
    X, y = flowers()
    problem = wf.Problem.of(Network(1, 5, "tanh", 0.005).build(), wf.cross_entropy(l2=0.005), (X, y))
    problem = problem.at(wf.train.newton()(problem.initialised(0), 0).parameters)
    (batch,) = problem.batches(size=150)
    assert int(problem.losses(problem.outputs(batch.inputs), batch).argmax()) == QUERY


def test_a_network_of_one_layer_is_predicted_well_and_repeats() -> None:
    network = Network(1, 5, "silu", 0.005)
    rows = retrain_seed(network, 0)
    assert rows == retrain_seed(network, 0) and [row["form"] for row in rows] == list(FORMS)
    assert rows[0]["spearman"] > 0.95 and rows[0]["pearson"] > 0.95 and 0.6 < rows[0]["slope"] < rows[1]["slope"] < 1.1
    assert rows[2]["spearman"] < rows[0]["spearman"]


def test_a_network_that_says_the_same_of_every_flower_is_told() -> None:
    rows = retrain_seed(Network(4, 5, "silu", 0.05), 0)  # so much weight decay that only the constant remains
    assert all(row["spearman"] is None and row["why not"] for row in rows)


@pytest.mark.parametrize("depth", [1, 3])
def test_the_last_layer_is_the_one_after_all_activations(depth: int) -> None:
    model = Network(depth, 7, "selu", 0.0).build()
    assert dict(model.named_parameters())[f"{2 * depth}.weight"].shape == (3, 7) and round((150 - 1) / 6) == LEFT_OUT
    assert np.prod([p.numel() for p in model.parameters()]) > 0
