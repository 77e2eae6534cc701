"""Datamodels find the examples that matter, with their sign and scale, and say how well they do."""

import numpy as np
import pytest
import torch
from helpers.problems import problem
from joblib import parallel_config

import wherefrom as wf

N = 12
IDS = np.array([f"id{i}" for i in range(N)])


def made(effects: torch.Tensor, m: int = 80, noise: float = 0.0, sign: float = 1.0) -> wf.retraining.Outcomes:
    """Measurements that are 3 plus what the examples left in add, worsening where ``sign`` says so."""
    random = np.random.default_rng(0)
    inside = torch.zeros(m, N, dtype=torch.float64)
    for row in range(m):
        inside[row, torch.from_numpy(random.permutation(N)[: N // 2])] = 1
    measured = 3 + effects @ inside.T + noise * torch.from_numpy(random.normal(size=(len(effects), m)))
    groups = {f"subset {row}": IDS[(inside[row] == 0).numpy()].tolist() for row in range(m)}
    return wf.retraining.Outcomes(measured[None], torch.zeros(1, len(effects)), groups, np.arange(len(effects)), sign, "loss change")


def test_recovers_an_exactly_linear_outcome() -> None:
    effects = torch.zeros(2, N, dtype=torch.float64)
    effects[0, 2], effects[0, 5], effects[1, 7] = -0.5, 0.2, -1.0
    exact = wf.methods.datamodels(made(effects), IDS, alpha=0)
    # inside sums to a constant, so slopes are known up to one number for all: lstsq takes the shortest
    torch.testing.assert_close(exact.scores.values, -(effects - effects.mean(1, keepdim=True)), rtol=0, atol=1e-10)
    found = wf.methods.datamodels(made(effects), IDS)
    torch.testing.assert_close(found.scores.values, -effects, rtol=0, atol=0.01)
    torch.testing.assert_close(found.intercepts, torch.full((2,), -3.0, dtype=torch.float64), rtol=0, atol=0.05)
    assert found.scores.top(1).ids[:, 0].tolist() == ["id2", "id7"] and found.scores.unit == "loss change"
    assert all(fit.value is not None and fit.value > 0.999 for fit in (*found.fits, *exact.fits)) and (found.alphas > 0).all()


def test_sign_follows_the_measurement() -> None:
    effects = torch.zeros(1, N, dtype=torch.float64)
    effects[0, 4] = 1.0
    assert wf.methods.datamodels(made(effects), IDS, alpha=0.01).scores.values[0, 4] < -0.9
    assert wf.methods.datamodels(made(effects, sign=-1.0), IDS, alpha=0.01).scores.values[0, 4] > 0.9


def test_noise_alone_has_no_fit_and_noise_lowers_it() -> None:
    effects = torch.zeros(2, N, dtype=torch.float64)
    effects[1, 1] = 2.0
    nothing, something = wf.methods.datamodels(made(effects, noise=1.0), IDS).fits
    assert nothing.value is not None and nothing.value < 0.1 and nothing.chance == 0
    assert something.value is not None and something.low is not None and something.high is not None
    assert 0.2 < something.value < 0.8 and something.low < something.value < something.high and something.n == 80


def test_agrees_with_the_effect_of_retraining() -> None:
    case = problem("ridge")
    truth = wf.retraining.subset_outcomes(case.problem, case.queries, wf.train.newton(), subsets=80, normalise=False)
    found = wf.methods.datamodels(truth, case.problem.ids)
    influence = wf.attribute(wf.InfluenceFunction(), case.problem, case.queries)
    for row in range(3):
        assert np.corrcoef(found.scores.values[row], influence.values[row])[0, 1] > 0.7


def test_the_number_of_jobs_changes_nothing() -> None:
    outcomes = made(torch.randn(3, N, dtype=torch.float64), noise=0.1)
    one = wf.methods.datamodels(outcomes, IDS, alpha=0.01)
    with parallel_config(backend="threading"):
        two = wf.methods.datamodels(outcomes, IDS, alpha=0.01, jobs=2)
    assert torch.equal(one.scores.values, two.scores.values) and one.fits == two.fits


def test_a_constant_outcome_has_no_fit() -> None:
    found = wf.methods.datamodels(made(torch.zeros(1, N, dtype=torch.float64)), IDS)
    assert found.fits[0].status == "undefined" and found.fits[0].value is None and "same outcome" in found.fits[0].reason
    assert (found.scores.values == 0).all() and found.intercepts.tolist() == [-3.0]


def test_what_was_never_left_out_is_told() -> None:
    outcomes = made(torch.randn(1, N, dtype=torch.float64))
    more = np.append(IDS, "always")
    found = wf.methods.datamodels(outcomes, more)
    assert found.scores.notes == ("1 of 13 examples were in all subsets or in none: their score is 0.",) and found.scores.values[0, 12] == 0


def test_what_cannot_be_answered_is_refused() -> None:
    effects = torch.randn(1, N, dtype=torch.float64)
    with pytest.raises(wf.UsageError, match="at least 20 subsets, and these outcomes have 6"):
        wf.methods.datamodels(made(effects, m=6), IDS)
    with pytest.raises(wf.UsageError, match="alpha=-1"):
        wf.methods.datamodels(made(effects), IDS, alpha=-1)
    with pytest.raises(wf.UsageError, match="is not among the 11 training ids"):
        wf.methods.datamodels(made(effects), IDS[1:])
    with pytest.raises(wf.UsageError, match="not finite"):
        wf.methods.datamodels(made(effects * torch.inf), IDS)
