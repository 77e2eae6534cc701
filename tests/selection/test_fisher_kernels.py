"""Fisher kernels: dense references, the first choice as RelatIF's, the best of all sets, copies, and what is refused."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from helpers import reference
from helpers.problems import CONVEX, problem
from torch import Tensor

import wherefrom as wf
from wherefrom.selection.fisher_kernels import FisherKernel, quadrature

EPS = torch.finfo(torch.float64).eps
IHVP = wf.IHVP(damping=0.01)


def dense(p: wf.Problem, queries: Any) -> tuple[Tensor, Tensor, float]:
    """K (n, n), z (n,) and the most that can be reached."""
    matrix = reference.gauss_newton(p) + 0.01 * torch.eye(p.size, dtype=torch.float64)
    g = reference.gradients(p)
    mean = p.objective.sign * reference.gradients(p, queries, measurement=True).mean(0)
    solved = torch.linalg.solve(matrix, mean)
    return g @ torch.linalg.solve(matrix, g.T), g @ solved, float(mean @ solved)


def column_of(K: Tensor) -> Callable[[int], Tensor]:
    return lambda place: K[:, place]


def worth(K: Tensor, z: Tensor, chosen: list[int]) -> float:
    return float(z[chosen] @ torch.linalg.lstsq(K[chosen][:, chosen], z[chosen, None], driver="gelsd").solution[:, 0])


@pytest.mark.parametrize("name", CONVEX)
def test_kernel_objective_and_weights_by_dense_solves(name: str) -> None:
    case = problem(name)
    K, z, most = dense(case.problem, case.queries)
    found = wf.select.fisher_kernel_select(IHVP, case.problem, case.queries, 4)
    chosen = found.ids.tolist()
    assert len(set(chosen)) == 4
    for step in range(1, 5):
        S = chosen[:step]
        assert float(found.objective[step - 1]) == pytest.approx(float(z[S] @ torch.linalg.solve(K[S][:, S], z[S])), rel=1e-8)
    torch.testing.assert_close(found.weights, torch.linalg.solve(K[chosen][:, chosen], z[chosen]), atol=1e-8, rtol=1e-8)
    assert (found.objective.diff() >= 0).all() and found.objective[-1] <= found.ceiling + 1e-10
    assert found.ceiling == pytest.approx(most, rel=1e-9)


@pytest.mark.parametrize("name", CONVEX)
def test_one_example_is_ranked_as_by_relatif_of_all_queries(name: str) -> None:
    case = problem(name)
    ihvp = IHVP.fit(case.problem)
    q = len(case.problem.examples(case.queries))
    relative = wf.attribute(wf.RelatIF(ihvp, variant="l"), case.problem, case.queries, aggregate=True).values[0] / q
    kernel = FisherKernel.of(ihvp, case.problem, case.queries, False)
    first = (kernel.toward.square() / kernel.diagonal).where(kernel.diagonal > 0, 0.0)
    torch.testing.assert_close(first, relative.square(), atol=1e-10, rtol=1e-10)
    one = wf.select.fisher_kernel_select(ihvp, case.problem, case.queries, 1)
    assert one.ids[0] == case.problem.ids[relative.abs().argmax()]
    assert float(one.objective[0]) == pytest.approx(float(relative.square().max()), abs=1e-10)
    assert first.argsort(descending=True, stable=True)[:10].tolist() == relative.abs().argsort(descending=True, stable=True)[:10].tolist()


def test_the_growing_factor_equals_direct_solves_and_rises() -> None:
    for seed in range(5):
        random = torch.Generator().manual_seed(seed)
        A, z = torch.randn(40, 40, generator=random).double(), torch.randn(40, generator=random).double()
        K = A @ A.T
        places, objective, weights = quadrature(z, K.diagonal(), column_of(K), range(30), EPS)
        direct = [float(z[places[:k]] @ torch.linalg.solve(K[places[:k]][:, places[:k]], z[places[:k]])) for k in range(1, 31)]
        torch.testing.assert_close(objective, torch.tensor(direct).double(), atol=1e-8, rtol=1e-7)
        torch.testing.assert_close(weights, torch.linalg.solve(K[places][:, places], z[places]), atol=1e-8, rtol=1e-8)
        assert (objective.diff() >= 0).all()


def test_every_choice_is_the_best_next_one() -> None:
    case = problem("softmax")
    K, z, _ = dense(case.problem, case.queries)
    chosen = wf.select.fisher_kernel_select(IHVP, case.problem, case.queries, 5).ids.tolist()
    for step in range(5):
        before = chosen[:step]
        values = [worth(K, z, [*before, i]) if i not in before else -1.0 for i in range(len(z))]
        assert int(np.argmax(values)) == chosen[step]


@pytest.mark.parametrize("name", CONVEX)
def test_at_least_1_less_1_over_e_of_the_best_of_all_sets(name: str) -> None:
    case = problem(name)
    p = case.problem.subset(case.problem.ids[:12])
    K, z, _ = dense(p, case.queries)
    best = max(worth(K, z, list(chosen)) for chosen in combinations(range(12), 3))
    assert wf.select.fisher_kernel_select(IHVP, p, case.queries, 3).objective[-1] >= (1 - 1 / math.e) * best


def test_with_as_many_as_parameters_the_queries_are_explained_whole() -> None:
    case = problem("ridge")
    found = wf.select.fisher_kernel_select(IHVP, case.problem, case.queries, case.problem.size)
    assert float(found.objective[-1]) == pytest.approx(found.ceiling, rel=1e-8)
    g = reference.gradients(case.problem)[found.ids]
    mean = reference.gradients(case.problem, case.queries).mean(0)
    torch.testing.assert_close(found.weights @ g, mean, atol=1e-7, rtol=1e-6)


def test_copies_of_a_chosen_example_are_passed_over() -> None:
    X, y = torch.randn(10, 4).double(), torch.arange(10) % 3
    twice = (torch.cat([X, X]), torch.cat([y, y]))
    p = wf.Problem.of(torch.nn.Linear(4, 3, dtype=torch.float64).eval(), wf.cross_entropy(l2=0.1), twice)
    found = wf.select.fisher_kernel_select(IHVP, p, (X[:2], y[:2]), 8)
    assert (found.ids < 10).all() and len(set(found.ids.tolist())) == 8  # of two that are the same the first
    assert torch.isfinite(found.weights).all() and (found.objective.diff() >= 0).all()
    with pytest.raises(wf.UsageError, match="ask for m=10 or fewer"):
        wf.select.fisher_kernel_select(IHVP, p, (X[:2], y[:2]), 11)


@pytest.mark.parametrize("name", ["softmax", "mlp", "convolution"])
def test_batches_memory_and_order_do_not_matter(name: str) -> None:
    case = problem(name)
    ihvp = wf.IHVP(damping=0.1)
    found = wf.select.fisher_kernel_select(ihvp, case.problem, case.queries, 6)
    order = np.random.default_rng(0).permutation(len(case.problem))
    weights = case.problem.weights[torch.from_numpy(order)]
    moved = replace(case.problem, train=case.problem.train.take(order), weights=weights)
    for other in (replace(case.problem, batch_size=5), moved):
        again = wf.select.fisher_kernel_select(ihvp, other, case.queries, 6)
        assert again.ids.tolist() == found.ids.tolist()
        torch.testing.assert_close(again.objective, found.objective, atol=1e-9, rtol=1e-7)
        torch.testing.assert_close(again.weights, found.weights, atol=1e-8, rtol=1e-6)


def test_gradients_that_do_not_fit_are_taken_again() -> None:
    X, y = torch.randn(300, 64).double(), torch.arange(300) % 10
    p = wf.Problem.of(torch.nn.Sequential(torch.nn.Linear(64, 10)).double().eval(), wf.cross_entropy(l2=0.1), (X, y), memory="1.1MB")
    ihvp = wf.IHVP(wf.KFAC(samples=None), wf.Eigen(), 0.1).fit(p)
    tight = FisherKernel.of(ihvp, replace(p, memory="1.1MB"), (X[:3], y[:3]), False)
    large = FisherKernel.of(ihvp, replace(p, memory="1GB"), (X[:3], y[:3]), False)
    assert large.kept is not None
    torch.testing.assert_close(tight.column(17), large.column(17))


@pytest.mark.parametrize("curvature, solver", [(wf.EKFAC(), wf.Eigen(tolerance=0)), (wf.GaussNewton(), wf.CG(tolerance=1e-10))], ids=repr)
def test_other_curvatures_and_solvers_serve(curvature: wf.curvature.Curvature, solver: wf.solvers.Solver) -> None:
    case = problem("mlp")
    found, true = (wf.select.fisher_kernel_select(wf.IHVP(curvature, one, 0.05), case.problem, case.queries, 6) for one in (solver, wf.Exact()))
    assert found.ids.tolist() == true.ids.tolist()
    torch.testing.assert_close(found.objective, true.objective, atol=1e-9, rtol=1e-6)


def test_a_score_to_be_raised_has_positive_weights_for_proponents() -> None:
    X = torch.randn(30, 4).double()
    y = X.sum(1) + 0.1 * torch.randn(30).double()
    correct = wf.Objective(lambda out, t: (out[:, 0] - t).square(), measurement=lambda out, t: -(out[:, 0] - t).square(), lower_is_better=False)
    model = torch.nn.Linear(4, 1, dtype=torch.float64).eval()
    same = wf.select.fisher_kernel_select(IHVP, wf.Problem.of(model, wf.squared_error(), (X, y[:, None])), (X[:1], y[:1, None]), 1)
    turned = wf.select.fisher_kernel_select(IHVP, wf.Problem.of(model, correct, (X, y)), (X[:1], y[:1]), 1)
    assert same.ids.tolist() == turned.ids.tolist() == [0]
    torch.testing.assert_close(same.weights, turned.weights)
    assert float(same.weights[0]) == pytest.approx(1)


def test_what_cannot_be_chosen_is_refused() -> None:
    case = problem("softmax")
    for m in (0, 25):
        with pytest.raises(wf.UsageError, match=f"m={m} of 24"):
            wf.select.fisher_kernel_select(IHVP, case.problem, case.queries, m)
    with pytest.raises(wf.UsageError, match="every gradient is 0"):
        quadrature(torch.zeros(3), torch.zeros(3), column_of(torch.zeros(3, 3)), range(2), EPS)
