"""Scores of chance."""

import torch
from helpers.problems import problem

import wherefrom as wf


def test_standard_normal_and_fixed_by_seed_and_ids() -> None:
    p = wf.Problem.of(torch.nn.Linear(1, 1).eval(), wf.squared_error(), (torch.zeros(2000, 1), torch.zeros(2000, 1)))
    queries = (torch.zeros(3, 1), torch.zeros(3, 1))
    one, same = (wf.attribute(wf.methods.RandomScores(1), p, queries).values for _ in range(2))
    assert torch.equal(one, same) and not torch.equal(one, wf.attribute(wf.methods.RandomScores(2), p, queries).values)
    assert abs(float(one.mean())) < 0.05 and abs(float(one.std()) - 1) < 0.05
    assert abs(float(torch.corrcoef(one)[0, 1])) < 0.1


def test_self_influence_has_chance_of_its_own() -> None:
    p = problem("ridge").problem
    assert wf.self_influence(wf.methods.RandomScores(), p).unique().numel() == len(p)
