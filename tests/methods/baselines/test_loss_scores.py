"""Loss, margin and gradient norm."""

import pytest
import torch
from helpers import reference
from helpers.problems import problem

import wherefrom as wf


@pytest.mark.parametrize("name", ["softmax", "ridge with weights", "mlp", "sequence in a dictionary"])
def test_loss_and_gradient_norm_are_the_same_for_every_query(name: str) -> None:
    case = problem(name)
    batch = reference.whole(case.problem)
    losses = case.problem.losses(case.problem.outputs(batch.inputs), batch)
    for method, wanted in [(wf.methods.LossScores(), losses), (wf.methods.GradientNorm(), reference.gradients(case.problem).norm(dim=1))]:
        torch.testing.assert_close(wf.self_influence(method, case.problem, progress=False), wanted)
        scores = wf.attribute(method, case.problem, case.queries, progress=False)
        torch.testing.assert_close(scores.values, wanted.expand(3, -1))
        assert scores.unit == "arbitrary"


def test_margins_are_turned_round() -> None:
    case = problem("softmax")
    batch = reference.whole(case.problem)
    outputs = case.problem.outputs(batch.inputs)
    own = outputs.gather(1, batch.targets[:, None])[:, 0]
    others = torch.stack([row[torch.arange(3) != label].max() for row, label in zip(outputs, batch.targets, strict=True)])
    torch.testing.assert_close(wf.self_influence(wf.MarginScores(), case.problem, progress=False), others - own)


def test_a_single_logit_has_a_margin() -> None:
    for name in ("logistic", "hinge"):
        case = problem(name)
        batch = reference.whole(case.problem)
        signed = torch.where(batch.targets > 0, 1.0, -1.0) * case.problem.outputs(batch.inputs)[:, 0]
        torch.testing.assert_close(wf.self_influence(wf.MarginScores(), case.problem, progress=False), -signed)


def test_a_regression_has_none() -> None:
    with pytest.raises(wf.UsageError, match="none of 2 classes; use LossScores"):
        wf.self_influence(wf.MarginScores(), problem("ridge").problem, progress=False)
