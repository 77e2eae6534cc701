"""Outcomes of random subsets: which they are, what is trained on, and what their groups mean."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from helpers.problems import problem
from joblib import parallel_config
from scipy.stats import spearmanr
from torch import Tensor

import wherefrom as wf

NEWTON = wf.train.newton()


def test_groups_are_what_was_left_out() -> None:
    case, seen = problem("ridge"), []

    def train(problem: wf.Problem, seed: int) -> Mapping[str, Tensor]:
        seen.append((problem.ids.tolist(), problem.normaliser))
        return problem.parameters

    truth = wf.retraining.subset_outcomes(case.problem, case.queries, train, subsets=5, fraction=0.25)
    assert list(truth.groups) == [f"subset {number}" for number in range(5)] and truth.values.shape == (1, 3, 5)
    assert seen[0] == (list(range(24)), 24.0)  # the baseline
    for (inside, normaliser), ids in zip(seen[1:], truth.groups.values(), strict=True):
        left: list[Any] = list(ids)
        assert len(inside) == 6 and normaliser == 6 and inside == sorted(inside) and left == sorted(left)
        assert sorted([*inside, *left]) == list(range(24))


def test_a_subset_is_a_training_set_of_its_own_unless_n_stays() -> None:
    case = problem("softmax")
    truth = wf.retraining.subset_outcomes(case.problem, case.queries, NEWTON, subsets=3)
    inside = np.setdiff1d(case.problem.ids, np.asarray(truth.groups["subset 1"]))
    own = case.problem.at(NEWTON(case.problem.subset(inside), 0).parameters)
    batch = next(iter(own.batches(own.examples(case.queries))))
    torch.testing.assert_close(truth.values[0, :, 1], own.losses(own.outputs(batch.inputs), batch))
    stays = wf.retraining.subset_outcomes(case.problem, case.queries, NEWTON, subsets=3, normalise=False)
    plain = wf.retrain_without(case.problem, truth.groups, case.queries, NEWTON)  # type: ignore[arg-type]
    assert stays.groups == truth.groups and torch.equal(stays.values, plain.values)


def test_the_seed_draws_the_subsets_and_seeds_train() -> None:
    case = problem("mlp")

    def stepped(problem: wf.Problem, seed: int) -> Mapping[str, Tensor]:
        random = torch.Generator().manual_seed(seed)
        mean = problem.normaliser / 24
        return {name: value + mean * torch.randn(value.shape, generator=random, dtype=value.dtype) for name, value in problem.parameters.items()}

    one = wf.retraining.subset_outcomes(case.problem, case.queries, stepped, subsets=4, seeds=(0, 1))
    with parallel_config(backend="threading"):
        two = wf.retraining.subset_outcomes(case.problem, case.queries, stepped, subsets=4, seeds=(0, 1), jobs=2)
    assert one.groups == two.groups and torch.equal(one.values, two.values)  # quanda trains on from the last model where it works serially
    assert one.values.shape == (2, 3, 4) and not torch.equal(one.values[0], one.values[1])
    assert one.groups != wf.retraining.subset_outcomes(case.problem, case.queries, stepped, subsets=4, seed=1).groups


def test_the_rank_correlation_of_group_sums_with_change_is_lds() -> None:
    case = problem("ridge")
    truth = wf.retraining.subset_outcomes(case.problem, case.queries, NEWTON, subsets=30, normalise=False)
    scores = wf.attribute(wf.InfluenceFunction(), case.problem, case.queries)
    left = torch.stack([scores.select(ids).sum(1) for ids in truth.groups.values()], 1)
    kept = scores.values.sum(1, keepdim=True) - left
    for row in range(3):
        found: Any = spearmanr(left[row], truth.change[row])[0]
        lds: Any = spearmanr(kept[row], -truth.sign * truth.values[0, row])[0]
        assert found == pytest.approx(lds) and found > 0.5


@pytest.mark.parametrize(
    ("settings", "message"), [({"fraction": 1.0}, "leaves at least one out"), ({"fraction": 0.01}, "keeps"), ({"subsets": 0}, "no number")]
)
def test_what_cannot_be_drawn_is_refused(settings: dict[str, float], message: str) -> None:
    case = problem("ridge")
    with pytest.raises(wf.UsageError, match=message):
        wf.retraining.subset_outcomes(case.problem, case.queries, NEWTON, **settings)  # type: ignore[arg-type]
