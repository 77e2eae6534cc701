"""The pair of curvature and solver: damping, reuse, refusal."""

import numpy as np
import pytest
import torch
from helpers import reference
from helpers.problems import problem

import wherefrom as wf
from wherefrom.gradients import Gradients


def test_default_damping_is_0_where_the_curvature_is_positive_definite() -> None:
    assert wf.IHVP(wf.Hessian(), wf.Exact()).fit(problem("softmax").problem).damping == 0
    assert wf.IHVP(wf.GaussNewton(), wf.Exact()).fit(problem("mlp").problem).damping == 0


def test_default_damping_is_a_tenth_of_the_mean_eigenvalue_otherwise() -> None:
    p = problem("ridge, l2 on the weight alone").problem
    fitted = wf.IHVP(wf.Hessian(), wf.Exact()).fit(p)
    assert fitted.damping == pytest.approx(0.1 * float(reference.hessian(p).diagonal().mean()))
    assert wf.IHVP(wf.Hessian(), wf.Exact(), damping=0.5).fit(p).damping == 0.5


def test_applies_the_inverse_to_rows() -> None:
    p = problem("mlp").problem
    fitted = wf.IHVP(wf.GaussNewton(), wf.Exact()).fit(p)
    rows = Gradients(p).losses(reference.whole(p))
    expected = torch.linalg.solve(reference.gauss_newton(p), reference.gradients(p).T).T
    torch.testing.assert_close(fitted.apply(rows).flat(), expected, rtol=1e-8, atol=1e-9)


def test_another_problem_is_refused_and_the_same_reused() -> None:
    p = problem("softmax").problem
    fitted = wf.IHVP(wf.Hessian(), wf.Exact()).fit(p)
    assert fitted.fit(p) is fitted
    with pytest.raises(wf.UsageError, match="fitted on other weights, data or another objective"):
        fitted.fit(p.without([0]))


def test_any_matrix_stands_in_for_a_curvature() -> None:
    case = problem("softmax")
    eye = wf.IHVP(torch.eye(15, dtype=torch.float64), wf.CG(), damping=0.0)
    found = wf.attribute(wf.InfluenceFunction(eye), case.problem, case.queries)
    dots = wf.attribute(wf.GradientDot(), case.problem, case.queries)
    torch.testing.assert_close(found.values * len(case.problem), dots.values)


def test_negative_damping_is_refused() -> None:
    with pytest.raises(wf.UsageError, match="would take curvature away"):
        wf.IHVP(damping=-1.0)


def test_settings_print_compare_and_hash() -> None:
    assert wf.IHVP() == wf.IHVP(wf.GaussNewton(), wf.Exact()) and len({wf.IHVP(), wf.IHVP()}) == 1
    assert repr(wf.IHVP(wf.Hessian(), wf.CG(tolerance=1e-4))).startswith("IHVP(curvature=Hessian(), solver=CG(tolerance=0.0001")


def test_refitted_keeps_the_damping() -> None:
    p = problem("mlp, weights alone").problem
    fitted = wf.IHVP(wf.KFAC(), wf.Eigen()).fit(p)
    again = fitted.refitted(p.without([0, 1]))
    assert again.damping is fitted.damping and again.fingerprint == p.without([0, 1]).fingerprint()
    plain = wf.IHVP(wf.GaussNewton(), wf.Exact(), damping=0.3).fit(p).refitted(p.without([0]))
    rows = Gradients(p).losses(reference.whole(p))
    expected = torch.linalg.solve(reference.gauss_newton(p.without([0])) + 0.3 * torch.eye(p.size).to(p.dtype), rows.flat().T).T
    torch.testing.assert_close(plain.apply(rows).flat(), expected, rtol=1e-8, atol=1e-9)
    with pytest.raises(wf.UsageError, match="from outside cannot be fitted"):
        wf.IHVP(torch.eye(p.size, dtype=p.dtype), wf.Exact(), damping=0.0).fit(p).refitted(p)


def test_a_fitted_inverse_prints_its_settings_and_none_of_its_numbers() -> None:
    p = problem("softmax").problem
    fitted = wf.IHVP(wf.EKFAC(), wf.Eigen()).fit(p)
    assert repr(fitted) == f"FittedIHVP({fitted.settings!r}, problem {p.fingerprint()[:12]})"
    assert "tensor" not in wf.attribute(wf.InfluenceFunction(fitted), p, p.train.take(np.arange(1)), progress=False).method
