"""Scores of chance."""

import torch
from helpers.problems import problem

import whence as wh


def test_standard_normal_and_fixed_by_seed_and_ids() -> None:
    p = wh.Problem.of(torch.nn.Linear(1, 1).eval(), wh.squared_error(), (torch.zeros(2000, 1), torch.zeros(2000, 1)))
    queries = (torch.zeros(3, 1), torch.zeros(3, 1))
    one, same = (wh.attribute(wh.RandomScores(1), p, queries).values for _ in range(2))
    assert torch.equal(one, same) and not torch.equal(one, wh.attribute(wh.RandomScores(2), p, queries).values)
    assert abs(float(one.mean())) < 0.05 and abs(float(one.std()) - 1) < 0.05
    assert abs(float(torch.corrcoef(one)[0, 1])) < 0.1


def test_self_influence_has_chance_of_its_own() -> None:
    p = problem("ridge").problem
    assert wh.self_influence(wh.RandomScores(), p).unique().numel() == len(p)
