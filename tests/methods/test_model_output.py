"""Log-odds and predictions: their values, that -∂loss/∂f is what stands between f's and the loss's gradients, and what is refused."""

import pytest
import torch
from helpers import reference
from helpers.problems import problem
from torch import Tensor

import wherefrom as wf
from wherefrom.methods.model_output import margin, model_output, signed_logit


def test_the_margin_is_the_log_odds_of_the_softmax() -> None:
    outputs, targets = torch.randn(9, 4, dtype=torch.float64), torch.arange(9) % 4
    p = outputs.softmax(1)[range(9), targets]
    torch.testing.assert_close(margin(outputs, targets), torch.log(p / (1 - p)))
    sure = torch.tensor([[200.0, 0.0, 0.0]])
    assert float(margin(sure, torch.tensor([0]))) == pytest.approx(200 - torch.tensor(2.0).log().item())


def test_the_signed_logit_is_the_log_odds_of_a_bit() -> None:
    logits, bits = torch.randn(6, 1, dtype=torch.float64), torch.tensor([0.0, 1, 1, 0, 1, 0])
    p = torch.where(bits > 0, logits[:, 0].sigmoid(), 1 - logits[:, 0].sigmoid())
    torch.testing.assert_close(signed_logit(logits, bits), torch.log(p / (1 - p)))


@pytest.mark.parametrize("name", ["softmax", "logistic", "ridge"])
def test_the_losss_gradient_is_that_of_the_output_times_its_pull(name: str) -> None:
    p = problem(name).problem
    batch, output = reference.whole(p), model_output(p.objective)
    outputs = p.outputs(batch.inputs).detach().requires_grad_()
    loss = torch.autograd.grad(p.losses(outputs, batch).sum(), outputs)[0]
    value = torch.autograd.grad(output.value(outputs, batch.targets).sum(), outputs)[0]
    pull = output.pull(outputs.detach(), batch.targets)
    torch.testing.assert_close(loss, -pull[:, None] * value)


@pytest.mark.parametrize(
    ("objective", "outputs", "targets", "said"),
    [
        (wf.cross_entropy(), torch.zeros(3, 1), torch.zeros(3, dtype=torch.long), "two classes or more"),
        (wf.cross_entropy(), torch.zeros(3, 4), torch.full((3, 4), 0.25), "a class for each"),
        (wf.cross_entropy(), torch.zeros(3, 5, 4), torch.zeros(3, 4, dtype=torch.long), "a class for each"),
        (wf.binary_cross_entropy(), torch.zeros(3, 2), torch.zeros(3, 2), "one output of each example"),
        (wf.binary_cross_entropy(), torch.zeros(3), torch.full((3,), 0.3), "between 0 and 1 have no margin"),
        (wf.squared_error(), torch.zeros(3, 2), torch.zeros(3, 2), "one output of each example"),
    ],
)
def test_what_has_no_margin_is_refused(objective: wf.Objective, outputs: Tensor, targets: Tensor, said: str) -> None:
    with pytest.raises(wf.UsageError, match=said):
        model_output(objective).pull(outputs, targets)


def test_a_loss_without_a_margin_asks_for_an_output() -> None:
    for objective in (wf.smooth_hinge(), wf.Objective(lambda outputs, targets: outputs[:, 0])):
        with pytest.raises(wf.UsageError, match="give output="):
            model_output(objective)
    assert model_output(wf.next_token(), margin).value is margin


def test_the_margin_of_a_sequence_is_the_sum_over_its_tokens() -> None:
    outputs, tokens = torch.randn(2, 5, 7, dtype=torch.float64), torch.tensor([[3, 1, 6, 0, -100], [-100, -100, 2, 5, 4]])
    following = model_output(wf.next_token())
    for row in range(2):
        places = [place for place in range(1, 5) if tokens[row, place] != -100]
        odds = [margin(outputs[row, place - 1][None], tokens[row, place][None]) for place in places]
        torch.testing.assert_close(following.value(outputs, tokens)[row], torch.cat(odds).sum())
        torch.testing.assert_close(following.pull(outputs, tokens)[row], torch.cat(odds).neg().sigmoid().mean())
    here = model_output(wf.cross_entropy())
    torch.testing.assert_close(here.value(outputs[:, :-1], tokens[:, 1:]), following.value(outputs, tokens))
    torch.testing.assert_close(here.pull(outputs[:, :-1], tokens[:, 1:]), following.pull(outputs, tokens))
