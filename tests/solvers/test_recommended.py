"""The ladder from the Hessian down, and what it says of the step it stopped at."""

import sys
from pathlib import Path

import pytest
import torch
from helpers.problems import problem

import wherefrom as wf


def test_the_hessian_at_a_minimum_without_a_note() -> None:
    ihvp = wf.recommended(problem("softmax").problem)
    assert ihvp.settings == wf.IHVP(wf.Hessian(), wf.Exact(), damping=0.0) and ihvp.notes == ()


def test_gauss_newton_where_the_hessian_is_not_positive_definite(tmp_path: Path) -> None:
    case = problem("mlp")
    with pytest.raises(wf.solvers.NotPositiveDefinite):
        wf.IHVP(wf.Hessian(), wf.Exact(), damping=0.0).fit(case.problem)
    ihvp = wf.recommended(case.problem)
    assert ihvp.settings == wf.IHVP(wf.GaussNewton(), wf.Exact())
    assert ihvp.notes == ("The Hessian is not positive definite at these weights; scores use the Gauss-Newton curvature.",)
    assert wf.IHVP.load(ihvp.save(tmp_path / "ihvp"), case.problem).notes == ihvp.notes
    found = wf.attribute(wf.InfluenceFunction(ihvp), case.problem, case.queries, progress=False)
    plain = wf.attribute(wf.InfluenceFunction(ihvp.settings), case.problem, case.queries, progress=False)
    assert torch.equal(found.values, plain.values)


def test_the_note_tells_the_damping() -> None:
    p = problem("mlp").problem
    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3)).double().eval()
    ihvp = wf.recommended(wf.Problem.of(model, wf.cross_entropy(), (torch.randn(24, 4), torch.arange(24) % 3)).at(p.state))
    assert isinstance(ihvp.damping, float) and ihvp.damping > 0 and f"with damping {ihvp.damping:.3g}" in ihvp.notes[0]


@pytest.mark.parametrize("objective", [wf.cross_entropy(l2=0.1), wf.smooth_hinge(0.5, l2=0.1)], ids=["drawn targets", "no sampler"])
def test_conjugate_gradients_for_many_parameters(objective: wf.Objective, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["wherefrom.solvers.recommended"], "DENSE", 3)
    outputs, samples = (2, 1) if objective.sample else (1, None)
    p = wf.Problem.of(torch.nn.Linear(4, outputs).double().eval(), objective, (torch.randn(9, 4), torch.arange(9) % 2))
    ihvp = wf.recommended(p)
    assert ihvp.settings == wf.IHVP(wf.GaussNewton(), wf.CG(preconditioner=wf.KFAC(samples=samples)))
    assert ihvp.notes == (f"{p.size} parameters: Gauss-Newton curvature with damping 0, solved by conjugate gradients preconditioned with K-FAC.",)


def test_another_failure_than_definiteness_is_no_reason_to_step_down() -> None:
    model = torch.nn.Linear(400, 2).eval()
    p = wf.Problem.of(model, wf.cross_entropy(l2=1), (torch.randn(4, 400), torch.tensor([0, 1, 0, 1])), memory="4MB")
    with pytest.raises(wf.UsageError, match="Exact needs"):
        wf.recommended(p)
