"""Engines of solvers.py: wherefrom's solvers and those of pyDVL, dattri and captum, every one solving the same system.

Each gives the seconds of its fit, those of its scores, and influences (queries, images) in wherefrom's scale; the damping of the equation is
exact.py's l2. pyDVL and dattri return N times our influences; captum's Hessian is a sum over images, and so is its damping.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from exact import L2, Task
from four_models import seconds
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import wherefrom as wf

F32 = torch.float32
DEPTH, SAMPLE, SCALE = 2000, 256, 10.0  # of LiSSA: steps, images in each, and the scale that keeps them stable
STEPS, RANK = 200, 100  # of Arnoldi: products with the Hessian, and eigenvalues kept
LONG = 1000  # products where the rest of the space is taken as flat: after 200 too many eigenvalues above the damping are still to come
ALONE = 60  # iterations of dattri's CG, whose number is fixed
Found = tuple[float, float, Tensor]
EXACT, PRECONDITIONED, DIRECT = "wherefrom Exact", "wherefrom CG with K-FAC", "pyDVL DirectInfluence"


@dataclass(frozen=True, eq=False)
class Engine:
    """``score`` gives the seconds of the fit and of the scores, and influences; it gets so many images and queries (None: all)."""

    name: str
    score: Callable[[Task], Found]
    images: int | None = None
    queries: int | None = None
    solver: wf.solvers.Solver | None = None  # wherefrom's own

    @property
    def library(self) -> str:
        return self.name.split()[0]

    def task(self, task: Task) -> Task:
        """What it gets of a task."""
        return replace(task, X=task.X[: self.images], y=task.y[: self.images], Xq=task.Xq[: self.queries], yq=task.yq[: self.queries])

    def run(self, task: Task) -> Found:
        """On its part of the task, the seconds of its scores in proportion to all queries."""
        mine = self.task(task)
        fit, scoring, values = self.score(mine)
        return fit, scoring * len(task.yq) / len(mine.yq), values.detach()


def own() -> dict[str, wf.solvers.Solver]:
    """wherefrom's solvers by name."""
    return {
        EXACT: wf.Exact(),
        "wherefrom CG": wf.CG(tolerance=1e-6),
        PRECONDITIONED: wf.CG(tolerance=1e-6, preconditioner=wf.KFAC()),
        "wherefrom LiSSA": wf.LiSSA(depth=DEPTH, batch_size=SAMPLE, scale=SCALE),
        "wherefrom Arnoldi": wf.Arnoldi(STEPS, rank=RANK),
        "wherefrom Arnoldi, complement": wf.Arnoldi(STEPS, rank=RANK, complement="damping"),
        f"wherefrom Arnoldi, complement, {LONG} steps": wf.Arnoldi(LONG, complement="damping"),
    }


def fitted(task: Task, solver: wf.solvers.Solver) -> tuple[wf.Problem, wf.solvers.FittedIHVP]:
    """The Hessian with l2 in it; for Arnoldi the same matrix as the Hessian without l2 and a damping, which is what its complement divides by."""
    if not isinstance(solver, wf.Arnoldi):
        problem = task.problem(F32)
        return problem, wf.IHVP(wf.Hessian(), solver).fit(problem)
    problem = wf.Problem.of(task.model(F32), wf.cross_entropy(), task.train(F32))
    return problem, wf.IHVP(wf.Hessian(), solver, L2).fit(problem)


def ours(solver: wf.solvers.Solver, task: Task) -> Found:
    fit, (problem, ihvp) = seconds(lambda: fitted(task, solver))
    scoring, scores = seconds(lambda: wf.attribute(wf.InfluenceFunction(ihvp), problem, task.queries(F32), progress=False))
    return fit, scoring, scores.values


def loader(task: Task, batch: int | None = None) -> DataLoader:
    return DataLoader(TensorDataset(*task.train(F32)), batch_size=batch or len(task.y))


def pydvl_engines(queries: int) -> list[Engine]:
    """pyDVL's; raises ImportError where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pydvl.influence.torch as peer  # pyright: ignore[reportMissingImports]

    def score(made: type, settings: dict[str, Any], batch: int | None, task: Task) -> Found:
        model, train = made(task.model(F32), cross_entropy, regularization=L2, **settings), task.train(F32)
        fit, ready = seconds(lambda: model.fit(loader(task, batch)))
        scoring, values = seconds(lambda: ready.influences(*task.queries(F32), *train))
        return fit, scoring, values / len(task.y)

    # The tolerance is squared, and compared with a norm that is 0 for pixels without ink, so that without the absolute one CG would never end.
    close = {"rtol": 1e-3, "atol": 1e-3, "maxiter": 1000}
    lissa = {"maxiter": DEPTH, "scale": SCALE, "warn_on_max_iteration": False}
    return [
        Engine(DIRECT, partial(score, peer.DirectInfluence, {}, 1000)),
        Engine("pyDVL CgInfluence", partial(score, peer.CgInfluence, close, None), queries=queries),
        Engine("pyDVL CgInfluence, block", partial(score, peer.CgInfluence, {**close, "solve_simultaneously": True}, 1000)),
        Engine("pyDVL LissaInfluence", partial(score, peer.LissaInfluence, lissa, SAMPLE)),
        Engine("pyDVL ArnoldiInfluence", partial(score, peer.ArnoldiInfluence, {"rank": RANK, "krylov_dimension": STEPS + 1}, None)),
    ]


def dattri_engines(images: int, queries: int) -> list[Engine]:
    """dattri's; raises ImportError where it is not installed."""
    import dattri.algorithm as peer  # pyright: ignore[reportMissingImports]
    from dattri.task import AttributionTask  # pyright: ignore[reportMissingImports]

    def score(made: type, settings: dict[str, Any], task: Task) -> Found:
        model, asked = task.model(F32), DataLoader(TensorDataset(*task.queries(F32)), batch_size=len(task.yq))

        def loss(parameters: dict[str, Tensor], batch: tuple[Tensor, Tensor]) -> Tensor:
            return cross_entropy(torch.func.functional_call(model, parameters, batch[0]), batch[1].long())

        attributor = made(AttributionTask(loss, model, model.state_dict()), **settings)
        with torch.no_grad():  # without it LiSSA keeps the graph of every step
            fit, _ = seconds(lambda: attributor.cache(loader(task)))  # one batch, since it adds the solutions of several up
            scoring, values = seconds(lambda: attributor.attribute(loader(task), asked))
        return fit, scoring, values.T / len(task.y)

    lissa = {"batch_size": SAMPLE, "recursion_depth": DEPTH, "scaling": SCALE, "damping": L2 / SCALE}
    return [
        Engine("dattri IFAttributorExplicit", partial(score, peer.IFAttributorExplicit, {"regularization": L2}), images),
        Engine("dattri IFAttributorCG", partial(score, peer.IFAttributorCG, {"max_iter": ALONE, "regularization": L2})),
        Engine("dattri IFAttributorLiSSA", partial(score, peer.IFAttributorLiSSA, lissa), queries=queries),
        Engine(
            "dattri IFAttributorArnoldi",
            partial(score, peer.IFAttributorArnoldi, {"proj_dim": RANK, "max_iter": STEPS + 1, "regularization": L2}),
        ),
    ]


def captum_engines(images: int) -> list[Engine]:
    """captum's; raises ImportError where it is not installed."""
    from captum.influence import NaiveInfluenceFunction  # pyright: ignore[reportMissingImports]
    from captum.influence._core.arnoldi_influence_function import ArnoldiInfluenceFunction  # pyright: ignore[reportMissingImports]

    def load(model: nn.Module, state: dict[str, Tensor]) -> float:
        model.load_state_dict(state)
        return 1.0

    def score(made: type, settings: dict[str, Any], task: Task) -> Found:
        model, data = task.model(F32), TensorDataset(*task.train(F32))
        shared = {
            "checkpoints_load_func": load, "loss_fn": nn.CrossEntropyLoss(reduction="sum"), "batch_size": min(1000, len(data)),
            "sample_wise_grads_per_batch": True, "hessian_reg": L2 * len(data),
        }  # fmt: skip
        fit, ready = seconds(lambda: made(model, data, model.state_dict(), **shared, **settings))
        scoring, values = seconds(lambda: ready.influence(task.queries(F32)))
        return fit, scoring, values

    arnoldi = {"projection_dim": RANK, "arnoldi_dim": STEPS, "arnoldi_tol": 1e-4}
    return [
        Engine("captum ArnoldiInfluenceFunction", partial(score, ArnoldiInfluenceFunction, arnoldi)),
        Engine("captum NaiveInfluenceFunction", partial(score, NaiveInfluenceFunction, {"projection_dim": None}), images),
    ]


def engines(images: int, queries: int, whose: list[str]) -> tuple[list[Engine], list[str]]:
    """wherefrom's, those of the peers in ``whose`` that are installed, and a line for each that is not."""
    found, missing = [Engine(name, partial(ours, solver), solver=solver) for name, solver in own().items()], []
    peers = {"pyDVL": lambda: pydvl_engines(queries), "dattri": lambda: dattri_engines(images, queries), "captum": lambda: captum_engines(images)}
    for name in whose:
        try:
            found += peers[name]()
        except ImportError as error:
            missing.append(f"{name} is not installed here ({error}), so it is not compared; `make bench` sets up an environment that has it.")
            print(missing[-1])
    return found, missing
