"""SGD-influence equals the recursion of its paper, written out with dense Hessians."""

import pytest
import torch
from helpers.problems import problem
from torch import Tensor

import wherefrom as wf


def reference(p: wf.Problem, run: wf.retraining.Run, queries: object, hessian: bool) -> Tensor:
    """One example and one dense Hessian at a time."""
    batch = next(p.batches(p.examples(queries)))
    names = list(p.parameters)

    def at(theta: Tensor) -> dict[str, Tensor]:
        return dict(zip(names, _pieces(p, theta), strict=True))

    def query(theta: Tensor) -> Tensor:
        return p.losses(p.outputs(batch.inputs, at(theta)), batch)

    record = run.record
    u = torch.func.jacrev(query)(record.kept[len(record.steps)][0])
    table = torch.zeros(len(u), len(p), dtype=u.dtype)
    for t, state in record.of(p).backwards():
        step, some, places = record.steps[t], record.of(p).batch(t), record.of(p).positions[t]

        def losses(theta: Tensor, some: object = some) -> Tensor:
            return p.losses(p.outputs(some.inputs, at(theta)), some)  # type: ignore[attr-defined]

        theta = state[0]
        each = torch.func.jacrev(losses)(theta)
        table[:, torch.from_numpy(places)] += step.rate / step.divisor * u @ each.T  # type: ignore[operator]
        if hessian:
            bend = torch.func.jacrev(torch.func.jacrev(lambda theta, f=losses, d=step.divisor: f(theta).sum() / d))(theta)
            u = u - step.rate * u @ (bend + torch.diag(p.l2))
    return table


def _pieces(p: wf.Problem, theta: Tensor) -> list[Tensor]:
    shapes = [value.shape for value in p.parameters.values()]
    return [piece.view(shape) for piece, shape in zip(theta.split([shape.numel() for shape in shapes]), shapes, strict=True)]


@pytest.mark.parametrize("hessian", [True, False])
@pytest.mark.parametrize("name", ["softmax", "mlp"])
def test_it_equals_the_recursion(name: str, hessian: bool) -> None:
    case = problem(name)
    run = wf.train.sgd(3, 0.2, batch_size=5, record=True)(case.problem, 0)
    p = case.problem.at(run.parameters)
    scores = wf.attribute(wf.methods.SGDInfluence(run, hessian), p, case.queries)
    torch.testing.assert_close(scores.values, reference(p, run, case.queries, hessian), rtol=1e-8, atol=1e-10)


def test_other_optimisers_are_sent_to_unrolled_influence() -> None:
    case = problem("mlp")
    run = wf.train.sgd(1, 0.1, momentum=0.9, record=True)(case.problem, 0)
    with pytest.raises(wf.UsageError, match=r"use UnrolledInfluence\(run\)"):
        wf.attribute(wf.methods.SGDInfluence(run), case.problem.at(run.parameters), case.queries)
