"""Fitted IHVPs on disk: the same answers back, refusals that say what differs, and fits that go on after a kill."""

import inspect
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.problems import problem

import wherefrom as wf
from wherefrom.solvers.serialization import from_plain, to_plain
from wherefrom.store import UnfinishedFit

PAIRS = [
    wf.IHVP(),
    wf.IHVP(wf.Hessian(), wf.CG(preconditioner=wf.KFAC(blocks=2)), damping=1.0),
    wf.IHVP(wf.EKFAC(seed=3, samples=2), wf.Eigen()),
    wf.IHVP(wf.KFAC(), wf.Eigen(tolerance=0.0), damping=0.1),
    wf.IHVP(wf.Diagonal(wf.Fisher()), wf.Eigen()),
    wf.IHVP(wf.curvature.Identity(), wf.Eigen()),
    wf.IHVP(wf.BlockDiagonal(wf.GaussNewton(), blocks=("0.*", ("2.weight", "2.bias"))), wf.Exact(), damping=0.05),
    wf.IHVP(wf.BlockDiagonal(wf.EmpiricalFisher()), wf.Arnoldi(iterations=9, complement="damping"), damping=0.1),
    wf.IHVP(wf.GaussNewton(), wf.LiSSA(depth=50), damping=0.1),
    wf.IHVP(wf.GaussNewton(), wf.Arnoldi(rank=5), damping=0.1),
]


def scores(ihvp: wf.IHVP | wf.solvers.FittedIHVP) -> torch.Tensor:
    named = problem("mlp")
    return wf.attribute(wf.InfluenceFunction(ihvp), named.problem, named.queries, progress=False).values


@pytest.mark.parametrize("settings", PAIRS, ids=repr)
def test_what_is_loaded_gives_the_same_scores(settings: wf.IHVP, tmp_path: Path) -> None:
    p = problem("mlp").problem
    fitted = settings.fit(p)
    found = wf.IHVP.load(fitted.save(tmp_path / "ihvp.safetensors"), p)
    assert found.settings == settings and from_plain(to_plain(settings.solver)) == settings.solver
    torch.testing.assert_close(found.damping, fitted.damping, rtol=0, atol=0)
    torch.testing.assert_close(scores(found), scores(fitted), rtol=1e-12, atol=1e-14)


def test_factors_are_read_and_not_fitted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    p, path = problem("mlp").problem, tmp_path / "ihvp"
    settings = wf.IHVP(wf.EKFAC(), wf.Eigen())
    first = scores(settings.fit(p, out=path))
    monkeypatch.setattr(wf.EKFAC, "fit", lambda *_: pytest.fail("fitted again"))
    torch.testing.assert_close(scores(settings.fit(p, out=path)), first, rtol=0, atol=0)
    with pytest.raises(wf.UsageError, match=r"holds IHVP\(curvature=EKFAC.*not IHVP\(curvature=KFAC"):
        wf.IHVP(wf.KFAC(), wf.Eigen()).fit(p, out=path)


def test_what_does_not_match_is_named(tmp_path: Path) -> None:
    p = problem("mlp").problem
    path = wf.IHVP(wf.EKFAC(), wf.Eigen()).fit(p).save(tmp_path / "ihvp")
    batch = next(p.batches())
    others = {
        "another weights": p.at({"0.weight": p.state["0.weight"] + 1e-9}),
        "another objective": replace(p, objective=replace(p.objective, l2=0.5)),
        "another training data": wf.Problem.of(p.model, p.objective, (batch.inputs + 1, batch.targets)).at(p.state),
        "another ids": wf.Problem.of(p.model, p.objective, (batch.inputs, batch.targets), ids=[f"r{j}" for j in range(len(p))]).at(p.state),
        "another example weights": p.reweighted(p.weights * 2),
        "another choice of parameters": p.restricted("2.*"),
    }
    for said, other in others.items():
        with pytest.raises(wf.UsageError, match=f"was fitted on .*{said}"):
            wf.IHVP.load(path, other)


def test_matrices_from_outside_are_not_saved(tmp_path: Path) -> None:
    p = problem("softmax").problem
    with pytest.raises(wf.UsageError, match="A Tensor cannot be saved"):
        wf.IHVP(torch.eye(15, dtype=p.dtype), wf.CG(), damping=0.1).fit(p).save(tmp_path / "ihvp")


def test_every_public_curvature_and_solver_is_saved_and_classes_from_outside_are_not() -> None:
    rooms = [getattr(room, name) for room in (wf.curvature, wf.solvers) for name in room.__all__]
    settings = [kind for kind in rooms if isinstance(kind, type) and issubclass(kind, (wf.curvature.Curvature, wf.solvers.Solver))]
    made = [kind() for kind in settings if not inspect.isabstract(kind) and kind is not wf.curvature.ExternalCurvature]
    assert len(made) == 15 and all(from_plain(to_plain(one)) == one for one in made)

    @dataclass(frozen=True)
    class Exact(wf.Exact):
        """The name of one of ours."""

    @dataclass(frozen=True)
    class Unknown(wf.Exact):
        """Another name."""

    for kind in (Exact, Unknown):
        with pytest.raises(wf.UsageError, match=f"A {kind.__name__} cannot be saved"):
            to_plain(wf.IHVP(solver=kind()).solver)
    for name in ("Unknown", "External", "FittedIHVP", "recommended"):
        with pytest.raises(wf.UsageError, match=f"has no '{name}' among"):
            from_plain({"kind": name})


class Killed(Exception):
    """What stops a fit in the middle."""


@pytest.mark.parametrize("curvature", [wf.KFAC(samples=2), wf.EKFAC(samples=2), wf.Diagonal()], ids=repr)
@pytest.mark.parametrize("batches", [1, 5, 9])
def test_a_killed_fit_goes_on_where_it_was(curvature: Any, batches: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    p, path = replace(problem("mlp").problem, batch_size=4), tmp_path / "ihvp"  # six batches, twice with EK-FAC
    monkeypatch.setattr("wherefrom.solvers.ihvp.UnfinishedFit", lambda *given: UnfinishedFit(*given, every=0.0))
    monkeypatch.setattr("wherefrom.store.resume.SHARE", 1e9)
    settings = wf.IHVP(curvature, wf.Eigen())
    whole = scores(settings.fit(p))
    noted, note = [], UnfinishedFit.note

    def killed(keep: UnfinishedFit, stage: str, done: int, tensors: Any) -> None:
        note(keep, stage, done, tensors)
        noted.append((stage, done))
        if len(noted) == batches:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(UnfinishedFit, "note", killed)
        try:
            settings.fit(p, out=path)
        except Killed:
            assert Path(f"{path}.unfinished").exists() and not path.exists()
    seen: list[object] = []
    monkeypatch.setattr(UnfinishedFit, "note", lambda keep, stage, done, tensors: seen.append((stage, done)))
    torch.testing.assert_close(scores(settings.fit(p, out=path)), whole, rtol=1e-12, atol=1e-14)
    assert not set(seen) & set(noted) and path.exists() and not Path(f"{path}.unfinished").exists()


def test_a_fit_that_was_something_else_starts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    p, path = problem("mlp").problem, tmp_path / "ihvp"
    monkeypatch.setattr("wherefrom.solvers.ihvp.UnfinishedFit", lambda *given: UnfinishedFit(*given, every=0.0))
    Path(f"{path}.unfinished").write_bytes(b"nothing of use")
    settings = wf.IHVP(wf.EKFAC(), wf.Eigen())
    torch.testing.assert_close(scores(settings.fit(p, out=path)), scores(settings.fit(p)), rtol=1e-12, atol=1e-14)
