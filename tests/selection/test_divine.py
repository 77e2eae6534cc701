"""DIVINE from scores to ids: its ends, its trade-off, what it keeps, and what it refuses."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import wherefrom as wf
from wherefrom.selection import Diversity
from wherefrom.selection.divine import GRID

FORMS: list[Diversity] = [wf.select.FacilityLocation(), wf.select.SumRedundancy(), wf.select.MMD()]
ENDS: list[Any] = ["proponents", "opponents", "magnitude"]


def bunched(seed: int, n: int = 120) -> tuple[Tensor, Tensor]:
    """Scores that are high in one of four clusters, as those of one query are in its class."""
    random = torch.Generator().manual_seed(seed)
    cluster = torch.randint(4, (n,), generator=random)
    X = torch.randn(n, 3, generator=random) + 4 * torch.randn(4, 3, generator=random)[cluster]
    return 0.4 * torch.rand(n, generator=random) + 0.3 * (cluster == 0) + 0.3, X


@pytest.mark.parametrize("by", ENDS)
@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_without_weight_on_diversity_it_is_the_top_m(form: Diversity, by: Any) -> None:
    values = torch.randn(1, 40).double()
    values[0, 7] = values[0, 3]  # a tie
    scores = wf.Scores(values, np.array(["q"]), np.array([f"x{i}" for i in range(40)]), "loss change", "given")
    found = wf.select.divine(scores, torch.randn(40, 2), 10, gamma=0, diversity=form, by=by)
    assert found.ids.tolist() == scores.top(10, by=by).ids[0].tolist()
    assert found.influence == pytest.approx(1) and found.gamma == 0
    plain = wf.select.divine(values[0], torch.randn(40, 2), 10, gamma=0, diversity=form, by=by)
    assert [f"x{i}" for i in plain.ids] == found.ids.tolist()


@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_the_default_keeps_nine_tenths_of_the_influence(form: Diversity) -> None:
    for seed in range(3):
        scores, X = bunched(seed)
        found = wf.select.divine(scores, X, 12, diversity=form)
        kept = scores.double()[found.ids].sum() / scores.double().topk(12).values.sum()
        assert found.influence == pytest.approx(float(kept)) and 0.9 <= found.influence <= 1
        assert len(set(found.ids.tolist())) == 12 and found.distance == pytest.approx(float(torch.pdist(X.double()[found.ids]).mean()))
        more = min(value for value in found.curve.gamma if value > found.gamma)
        assert found.curve.influence[found.curve.gamma.index(more)] < 0.9 and more <= found.gamma * 1.005
        again = wf.select.divine(scores, X, 12, diversity=form, gamma=found.gamma)
        assert again.ids.tolist() == found.ids.tolist() and again.influence == found.influence


@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_diversity_rises_and_influence_falls_with_gamma_on_average(form: Diversity) -> None:
    curves = []
    for seed in range(12):
        scores, X = bunched(seed)
        curves.append(wf.select.divine(scores, X, 10, diversity=form, gamma=0).curve)
    influence, diversity, distance = (np.mean([getattr(curve, name) for curve in curves], 0) for name in ("influence", "diversity", "distance"))
    assert curves[0].gamma == GRID
    assert (np.diff(influence) <= 1e-9).all() and (np.diff(diversity) >= -1e-3).all() and influence[-1] < 0.95
    assert (np.diff(distance) >= -0.02 * distance[-1]).all()  # which levels off, and wavers there by 1.4 % for MMD: R is about similarity
    assert diversity[-1] > diversity[0] and distance[-1] > 2 * distance[0]


def test_keeping_all_gives_the_top_m_and_keeping_little_the_most_diverse() -> None:
    scores, X = bunched(0)
    assert set(wf.select.divine(scores, X, 8, keep=1).ids.tolist()) == set(scores.topk(8).indices.tolist())
    little = wf.select.divine(scores, X, 8, keep=0.01)
    assert little.gamma == GRID[-1] and little.ids.tolist() == wf.select.divine(scores, X, 8, gamma=GRID[-1]).ids.tolist()


@pytest.mark.parametrize("form", FORMS, ids=repr)
def test_the_order_of_the_data_and_the_memory_do_not_matter(form: Diversity) -> None:
    scores, X = bunched(1, 400)
    order = torch.randperm(400)
    settings: dict[str, Any] = {"diversity": form, "progress": False}
    found = wf.select.divine(scores, X, 10, **settings)
    moved = wf.select.divine(scores[order], X[order], 10, ids=order.numpy(), **settings)
    tight = wf.select.divine(scores, X, 10, memory="1.1MB", **settings)
    for other in (moved, tight):
        assert other.ids.tolist() == found.ids.tolist() and other.gamma == pytest.approx(found.gamma)
        assert other.diversity == pytest.approx(found.diversity)


def test_copies_are_not_chosen_together() -> None:
    X = torch.randn(20, 2).double().repeat_interleave(2, 0)
    scores = torch.linspace(2, 1, 20).repeat_interleave(2)
    for form in FORMS:
        chosen = wf.select.divine(scores, X, 6, diversity=form, keep=0.8).ids // 2
        assert len(set(chosen.tolist())) > len({0, 1, 2})


def test_of_a_problem_all_queries_at_once() -> None:
    X, y = torch.randn(60, 4).double(), torch.arange(60) % 3
    problem = wf.Problem.of(torch.nn.Linear(4, 3, dtype=torch.float64).eval(), wf.cross_entropy(l2=0.01), (X, y), ids=[f"x{i}" for i in range(60)])
    scores = wf.attribute(wf.InfluenceFunction(), problem, (X[:5], y[:5]), aggregate=True)
    found = wf.select.divine(scores, X, 6, by="magnitude")
    assert set(found.ids.tolist()) <= set(problem.ids.tolist()) and found.influence >= 0.9


def test_one_example_and_all_of_them() -> None:
    scores, X = torch.rand(6), torch.randn(6, 2)
    for form in FORMS:
        one = wf.select.divine(scores, X, 1, diversity=form)
        assert len(one.ids) == 1 and one.distance == 0 and one.influence >= 0.9
        assert sorted(wf.select.divine(scores, X, 6, diversity=form).ids.tolist()) == list(range(6))


def test_what_cannot_be_chosen_is_refused() -> None:
    X, two = torch.randn(4, 2), wf.Scores(torch.ones(2, 4), np.arange(2), np.arange(4), "loss change", "given")
    for message, scores, m, settings in (
        ("m=5 of 4", torch.rand(4), 5, {}),
        ("m=0 of 4", torch.rand(4), 0, {}),
        ("gamma=-1", torch.rand(4), 2, {"gamma": -1.0}),
        ("keep=0", torch.rand(4), 2, {"keep": 0}),
        ("so there is none to keep", -torch.rand(4), 2, {}),
        ("so there is none to keep", torch.zeros(4), 2, {"by": "magnitude"}),
        ("by='best' is unknown", torch.rand(4), 2, {"by": "best"}),
        ("aggregate=True", two, 2, {}),
        ("carry ids already", wf.Scores(torch.rand(1, 4), np.arange(1), np.arange(4), "", ""), 2, {"ids": [1, 2, 3, 4]}),
        ("n ids, each once", torch.rand(4), 2, {"ids": [1, 1, 2, 3]}),
        ("score of example 9 is not finite", torch.tensor([1.0, torch.inf, 0.0, 2.0]), 2, {"ids": [8, 9, 10, 11]}),
    ):
        with pytest.raises(wf.UsageError, match=message):
            wf.select.divine(scores, X, m, **settings)  # type: ignore[arg-type]


def test_diversity_is_of_the_set_and_no_example_comes_twice() -> None:
    """A public version scores γ by the whole pool's mean distance, so never uses any; another chooses twice from a table."""
    scores, X = bunched(2)
    for form in FORMS:
        found = wf.select.divine(scores, X, 20, diversity=form, memory="1GB")
        assert found.gamma > GRID[1] and len(set(found.curve.diversity)) > 5 and len(set(found.curve.distance)) > 5
        assert len(set(found.ids.tolist())) == 20
