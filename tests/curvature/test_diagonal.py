"""Diagonals against dense references, and the identity."""

from dataclasses import replace

import pytest
import torch
from helpers import reference
from helpers.layers import CASES, layer_problem
from helpers.problems import NAMES, problem

import wherefrom as wf


@pytest.mark.parametrize("of", [wf.GaussNewton(), wf.Fisher(samples=2, seed=1), wf.EmpiricalFisher(), wf.Hessian()], ids=repr)
@pytest.mark.parametrize("name", [name for name in NAMES if name != "hinge"])
def test_equals_the_diagonal_of_the_matrix(name: str, of: wf.curvature.Curvature) -> None:
    p = problem(name).problem
    true = torch.diag(of.fit(p).dense().diagonal())
    for size in (1, 7, 64):
        torch.testing.assert_close(wf.Diagonal(of).fit(replace(p, batch_size=size)).dense(), true, rtol=1e-8, atol=1e-10)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("name", list(CASES))
def test_equals_squared_gradients_for_every_layer(name: str) -> None:
    p = layer_problem(name)
    g = reference.gradients(p)
    true = (g.square() * p.weights[:, None]).sum(0) / p.normaliser + p.l2
    torch.testing.assert_close(wf.Diagonal(wf.EmpiricalFisher()).fit(p).dense().diagonal(), true, rtol=1e-6, atol=1e-10)


def test_eigen_divides_by_it_and_cg_is_preconditioned_by_it() -> None:
    p = problem("mlp").problem
    vectors = torch.randn(p.size, 3, dtype=p.dtype)
    entries = wf.GaussNewton().fit(p).dense().diagonal()[:, None]
    ihvp = wf.IHVP(wf.Diagonal(), wf.Eigen(), damping=0.1).fit(p)
    torch.testing.assert_close(ihvp.inverse.solve(vectors).x, vectors / (entries + 0.1))
    found = wf.CG(preconditioner=wf.Diagonal()).fit(wf.GaussNewton().fit(p), 0.01).solve(vectors)
    torch.testing.assert_close(found.x, wf.Exact().fit(wf.GaussNewton().fit(p), 0.01).solve(vectors).x, rtol=1e-6, atol=1e-8)


def test_a_negative_diagonal_is_refused_without_damping() -> None:
    p = problem("mlp").problem
    entries = wf.Diagonal(wf.Hessian()).fit(p)
    worst = float(entries.dense().diagonal().min())
    if worst < 0:
        with pytest.raises(wf.UsageError, match="give a larger damping"):
            wf.Eigen().fit(entries, -worst / 2)


@pytest.mark.parametrize("name", ["ridge with weights", "mlp", "convolution"])
def test_influence_by_the_identity_is_the_gradient_dot_product(name: str) -> None:
    named = problem(name)
    p, q = named.problem, named.queries
    for solver in (wf.Exact(), wf.Eigen(), wf.CG()):
        found = wf.attribute(wf.InfluenceFunction(wf.IHVP(wf.curvature.Identity(), solver)), p, q, progress=False)
        dots = wf.attribute(wf.GradientDot(), p, q, progress=False)
        torch.testing.assert_close(found.values * p.normaliser, dots.values * p.weights)
