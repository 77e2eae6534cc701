"""Drawn targets depend on the seed, the draw and the example's id alone, and follow the model's own chances."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import reference
from helpers.problems import problem
from torch import Generator, Tensor

import wherefrom as wf
from wherefrom.curvature.draws import drawn_targets, uniform
from wherefrom.data.batches import Batch


def drawn(p: wf.Problem, places: list[int], seed: int = 0, draw: int = 0) -> Tensor:
    batch = reference.whole(p).take(np.array(places))
    return drawn_targets(p, p.outputs(batch.inputs), batch, seed, draw)


@pytest.mark.parametrize("name", ["softmax", "logistic", "ridge"])
def test_an_example_draws_the_same_in_any_company(name: str) -> None:
    p = problem(name).problem
    whole = drawn(p, list(range(len(p))))
    torch.testing.assert_close(drawn(p, [5, 2, 9]), whole[[5, 2, 9]])
    assert not torch.equal(drawn(p, list(range(len(p))), seed=1), whole)
    assert not torch.equal(drawn(p, list(range(len(p))), draw=1), whole)


def test_a_sampler_of_ones_own_gets_a_generator_for_each_example() -> None:
    def sample(outputs: Tensor, generator: Generator) -> Tensor:
        return torch.rand(len(outputs), generator=generator).round().long()

    p = problem("softmax").problem
    p = replace(p, objective=replace(p.objective, sample=sample))
    torch.testing.assert_close(drawn(p, [7, 3]), drawn(p, list(range(len(p))))[[7, 3]])


def test_noise_is_uniform_and_uncorrelated() -> None:
    noise = uniform(list(range(400)), 50)
    assert noise.min() > 0 and noise.max() < 1
    counts = np.histogram(noise, 10, (0, 1))[0]
    assert abs(counts - 2000).max() < 5 * 2000**0.5
    assert abs(np.corrcoef(noise[:, 0], noise[:, 1])[0, 1]) < 0.2 and abs(np.corrcoef(noise[0], noise[1])[0, 1]) < 0.5


@pytest.mark.parametrize(("objective", "outputs", "mean"), [
    (wf.cross_entropy(), torch.tensor([[1.0, 0.0, -1.0]]), None),
    (wf.binary_cross_entropy(), torch.tensor([0.7]), torch.tensor(0.7).sigmoid()),
    (wf.squared_error(), torch.tensor([0.3]), torch.tensor(0.3)),
])  # fmt: skip
def test_targets_follow_the_models_chances(objective: wf.Objective, outputs: Tensor, mean: Tensor | None) -> None:
    sample = objective.sample
    assert sample is not None
    many = sample(outputs.expand(20_000, *outputs.shape[1:]), Generator().manual_seed(0))
    if mean is None:
        torch.testing.assert_close(many.bincount() / 20_000, outputs[0].softmax(0), atol=0.02, rtol=0)
    else:
        torch.testing.assert_close(many.mean(), mean, atol=0.02, rtol=0)
    if objective.convex and outputs.dim() == 1 and mean is not None and mean < 0.5:
        torch.testing.assert_close(many.var(), torch.tensor(0.5), atol=0.02, rtol=0)  # exp(-(o - t)²)


def test_positions_that_the_data_leave_out_stay_left_out() -> None:
    outputs = torch.randn(4, 5, 3)
    for objective, left_out in ((wf.cross_entropy(), [1, 4]), (wf.next_token(), [2])):
        targets = torch.randint(3, (4, 5))
        targets[:, left_out] = -100
        p = wf.Problem.of(torch.nn.Linear(3, 3).eval(), objective, (outputs, targets))
        batch = reference.whole(p)
        found = drawn_targets(p, outputs, batch, 0, 0)
        assert (found[:, left_out] == -100).all() and (found >= 0).sum() == 4 * (5 - len(left_out))


def test_positions_of_virtual_tokens_are_left_out() -> None:
    given = torch.tensor([[3, 1, -100]])
    batch = Batch(np.arange(1), np.arange(1), None, given, torch.ones(1))
    p = wf.Problem.of(torch.nn.Linear(2, 3).eval(), wf.next_token(), (torch.zeros(2, 2), torch.zeros(2, dtype=torch.long)))
    drawn = drawn_targets(p, torch.randn(1, 5, 4), batch, 0, 0)
    assert (drawn == -100).tolist() == [[True, True, False, False, True]]


def test_next_token_draws_what_follows() -> None:
    sure = torch.eye(4)[torch.tensor([[2, 0, 3]])] * 100  # position t is sure of what follows it
    sample = wf.next_token().sample
    assert sample is not None and sample(sure, Generator()).tolist() == [[0, 2, 0]]


def test_an_objective_without_a_sampler_is_refused() -> None:
    with pytest.raises(wf.UsageError, match="has no sampler"):
        drawn(problem("hinge").problem, [0])
