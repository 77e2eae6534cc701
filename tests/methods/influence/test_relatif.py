"""RelatIF: both forms against dense solves, their bounds, and what they are for."""

from typing import Any

import pytest
import torch
from helpers import reference
from helpers.digits import digits
from helpers.problems import CONVEX, problem

import wherefrom as wf
from wherefrom.gradients import Gradients
from wherefrom.methods.influence.influence_function import Solved

VARIANTS: list[Any] = ["theta", "l"]


@pytest.mark.parametrize("name", CONVEX)
@pytest.mark.parametrize("variant", VARIANTS)
def test_scores_and_bounds_by_dense_solves(name: str, variant: Any) -> None:
    case = problem(name)
    matrix = reference.gauss_newton(case.problem)
    g, m = reference.gradients(case.problem), case.problem.objective.sign * reference.gradients(case.problem, case.queries, measurement=True)
    solved = torch.linalg.solve(matrix, g.T).T
    lengths = solved.norm(dim=1) if variant == "theta" else (solved * g).sum(1).sqrt()
    scores = wf.attribute(wf.RelatIF(wf.IHVP(damping=0.0), variant), case.problem, case.queries)
    torch.testing.assert_close(scores.values, m @ solved.T / lengths, atol=1e-9, rtol=1e-7)
    bound = m.norm(dim=1) if variant == "theta" else (m * torch.linalg.solve(matrix, m.T).T).sum(1).sqrt()
    assert (scores.values.abs() <= bound[:, None] + 1e-10).all() and scores.unit == "arbitrary"
    own = wf.self_influence(wf.RelatIF(wf.IHVP(damping=0.0), variant), case.problem)
    torch.testing.assert_close(own, (g * solved).sum(1) / lengths, atol=1e-9, rtol=1e-7)


def test_the_l_form_does_not_change_when_a_gradient_is_scaled() -> None:
    case = problem("mlp, last layer")
    ihvp = wf.IHVP(damping=0.0).fit(case.problem)
    fitted = wf.RelatIF(ihvp, "l").fit(case.problem)
    assert isinstance(fitted, Solved)
    batch = reference.whole(case.problem)
    rows = fitted.gradients.losses(batch)
    louder = rows.scale(torch.full((len(batch),), 3.0, dtype=torch.float64))
    products = ihvp.against(rows.select(slice(0, 3)), len(batch))
    torch.testing.assert_close(products(louder) * fitted.factor(batch, louder), products(rows) * fitted.factor(batch, rows), atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("variant", VARIANTS)
def test_ek_fac_gives_the_same_as_its_dense_matrix(variant: Any) -> None:
    case = problem("mlp")
    found, true = (
        wf.attribute(wf.RelatIF(wf.IHVP(wf.EKFAC(), solver, 0.05), variant), case.problem, case.queries).values
        for solver in (wf.Eigen(tolerance=0), wf.Exact())
    )
    torch.testing.assert_close(found, true)


def test_on_digits_it_retrieves_more_distinct_examples_that_move_the_model_less() -> None:
    p, queries, _ = digits()
    ihvp = wf.IHVP().fit(p)
    moved = ihvp.quadratic(Gradients(p).losses(next(p.batches(size=1000))), 2).sqrt()
    best = {}
    for name, method in {"influence": wf.InfluenceFunction(ihvp), "theta": wf.RelatIF(ihvp), "l": wf.RelatIF(ihvp, "l")}.items():
        best[name] = wf.attribute(method, p, queries, progress=False).values.argmax(1)
    for variant in VARIANTS:
        assert len(best[variant].unique()) >= 2 * len(best["influence"].unique())
        assert moved[best[variant]].median() <= 0.2 * moved[best["influence"]].median()


def test_on_digits_flipped_labels_are_not_retrieved() -> None:
    p, queries, wrong = digits(0.05)
    ihvp = wf.IHVP().fit(p)
    shares = {}
    for name, method in {"influence": wf.InfluenceFunction(ihvp), "theta": wf.RelatIF(ihvp), "l": wf.RelatIF(ihvp, "l")}.items():
        shares[name] = float(wrong[wf.attribute(method, p, queries, progress=False).values.topk(5, 1).indices].double().mean())
    assert shares["theta"] <= 0.02 and shares["l"] <= 0.02 < shares["influence"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_example_without_gradient_scores_0(variant: Any) -> None:
    """Influenciae 0.3.0 divides 0 by 0."""
    X, y = torch.randn(10, 4, dtype=torch.float64), torch.randn(10, dtype=torch.float64)
    X[3], y[3] = 0, 0
    p = wf.Problem.of(torch.nn.Linear(4, 1, bias=False, dtype=torch.float64).eval(), wf.squared_error(l2=0.1), (X, y))
    method = wf.RelatIF(wf.IHVP(), variant)
    scores = wf.attribute(method, p, (X[:2], y[:2])).values
    assert (scores[:, 3] == 0).all() and (scores[:, :3] != 0).all() and wf.self_influence(method, p)[3] == 0


def test_an_unknown_variant_is_refused() -> None:
    wrong: Any = "L2"
    with pytest.raises(wf.UsageError, match="give 'theta' or 'l'"):
        wf.RelatIF(variant=wrong)
