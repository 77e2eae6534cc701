"""Networks are what their names say; influence and TracIn of a logistic regression beside their closed forms."""

import numpy as np
import pytest
import torch

from wherefrom_studies.titanic.data import PassengerTable
from wherefrom_studies.titanic.models import (
    ALMOST_NONE,
    METHODS,
    STATES,
    NetworkSetting,
    TrainedNetwork,
    accuracy_of,
    bytes_of,
    methods_of,
    score,
    train_network,
)

LOGISTIC = NetworkSetting((), rate=1e-2)


@pytest.fixture(scope="module")
def run(small: PassengerTable) -> TrainedNetwork:
    return train_network(small, LOGISTIC, 0)


def gradients(small: PassengerTable, positions: np.ndarray, state: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rows with a 1 behind them, their probabilities, and the gradients of their own losses (n, d)."""
    X = torch.cat([small.X[positions], torch.ones(len(positions), 1)], 1)
    p = (X @ torch.cat([state["0.weight"][0], state["0.bias"]])).sigmoid()
    return X, p, (p - small.y[positions])[:, None] * X


@pytest.mark.parametrize(
    ("setting", "name", "last", "size"),
    [
        (NetworkSetting(), "MLP, batches of 32", "4.*", 4 * 32 + 32 + 32 * 16 + 16 + 16 + 1),
        (NetworkSetting((8,), 4), "MLP, batches of 4", "2.*", 4 * 8 + 8 + 8 + 1),
        (LOGISTIC, "logistic, batches of 32", "0.*", 4 + 1),
    ],
)
def test_settings_name_their_networks(setting: NetworkSetting, name: str, last: str, size: int, small: PassengerTable) -> None:
    problem = setting.problem(small)
    assert (setting.name, setting.last, problem.size) == (name, last, size)
    assert problem.restricted(setting.last).size == (setting.widths or (4,))[-1] + 1 and problem.ids.tolist() == small.ids[small.train].tolist()


def test_a_run_keeps_eleven_states_and_ends_at_the_last(run: TrainedNetwork, small: PassengerTable) -> None:
    assert len(run.states) == len(run.rates) == STATES and set(run.rates) == {LOGISTIC.rate}
    states = list(run.states)
    assert all(torch.equal(states[-1][name], value) for name, value in run.problem.parameters.items())
    again = train_network(small, LOGISTIC, 0).problem.parameters
    assert all(torch.equal(again[name], value) for name, value in run.problem.parameters.items())


@pytest.mark.parametrize("name", ["influence, last layer", "influence, last layer, undamped"])
def test_influence_is_that_of_the_written_out_hessian(name: str, run: TrainedNetwork, small: PassengerTable) -> None:
    X, p, g = gradients(small, small.train, dict(run.problem.parameters))
    hessian = (X.T * p * (1 - p)) @ X / len(X)
    damping = ALMOST_NONE if name.endswith("undamped") else 0.1 * float(hessian.diagonal().mean())
    asked = gradients(small, small.test, dict(run.problem.parameters))[2]
    expected = asked @ torch.linalg.solve(hessian + damping * torch.eye(5), g.T) / len(X)
    torch.testing.assert_close(score(run, METHODS[name], small.rows(small.test))[0].values, expected)


def test_tracin_sums_over_the_states_of_the_run(run: TrainedNetwork, small: PassengerTable) -> None:
    expected = torch.zeros(len(small.test), len(small.train), dtype=torch.float64)
    for rate, state in zip(run.rates, run.states, strict=True):
        expected += rate * gradients(small, small.test, state)[2] @ gradients(small, small.train, state)[2].T
    queries = small.rows(small.test)
    torch.testing.assert_close(score(run, METHODS["TracIn, last layer"], queries)[0].values, expected)
    whole, seconds = score(run, METHODS["TracIn, last layer"], queries, aggregate=True)
    assert whole.values.shape == (1, len(small.train)) and seconds >= 0
    torch.testing.assert_close(whole.values[0] / whole.values[0].norm(), expected.sum(0) / expected.sum(0).norm())


def test_a_logistic_regression_is_its_last_layer() -> None:
    assert methods_of(NetworkSetting()) == METHODS and set(METHODS) - set(methods_of(LOGISTIC)) == {name for name in METHODS if "all layers" in name}


def test_bytes_are_those_of_a_matrix_and_its_factor_or_of_the_states(run: TrainedNetwork, small: PassengerTable) -> None:
    deep = TrainedNetwork(NetworkSetting((8,)), NetworkSetting((8,)).problem(small), run.states, run.rates)
    found = {name: bytes_of(deep, name) for name in METHODS}
    assert found["influence, last layer"] == 16 * 9**2 and found["influence, all layers"] == 16 * 49**2
    assert found["TracIn, last layer"] == found["TracIn, all layers"] == 8 * STATES * 49


def test_accuracy_counts_rows_on_the_right_side(run: TrainedNetwork, small: PassengerTable) -> None:
    p = gradients(small, small.test, dict(run.problem.parameters))[1].numpy()
    assert accuracy_of(run, small, small.test) == np.mean((p > 0.5) == small.y[small.test].numpy())
