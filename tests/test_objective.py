"""Objectives: their losses, penalties and samples."""

import math

import pytest
import torch
from helpers import reference
from torch.nn import functional as F

import wherefrom as wf


def test_cross_entropy_takes_classes_and_probabilities() -> None:
    outputs, y = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
    loss = wf.cross_entropy().loss
    torch.testing.assert_close(loss(outputs, y), -outputs.log_softmax(1).gather(1, y[:, None])[:, 0])
    torch.testing.assert_close(loss(outputs, F.one_hot(y, 3).float()), loss(outputs, y))


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("factory", [wf.binary_cross_entropy, wf.squared_error])
def test_one_output_never_broadcasts(factory: object, shape: tuple[int, ...]) -> None:
    outputs, targets = torch.randn(4), torch.tensor([0.0, 1.0, 1.0, 0.0])
    loss = factory().loss  # type: ignore[operator]
    assert loss(outputs.view(shape), targets).shape == (4,)
    torch.testing.assert_close(loss(outputs.view(4, 1), targets), loss(outputs, targets.view(4, 1)))


def test_squared_error_has_no_half_and_sums_over_outputs() -> None:
    assert wf.squared_error().loss(torch.tensor([[3.0, 1.0]]), torch.tensor([[1.0, 0.0]])).tolist() == [5.0]


def test_smooth_hinge_tends_to_the_hinge_for_either_coding() -> None:
    scores, y = torch.tensor([0.5, -2.0, 3.0]), torch.tensor([1, 0, 0])
    hinge = wf.smooth_hinge(0).loss(scores, y)
    assert hinge.tolist() == [0.5, 0.0, 4.0]
    torch.testing.assert_close(wf.smooth_hinge(1e-3).loss(scores, y), hinge, atol=1e-3, rtol=0)
    torch.testing.assert_close(wf.smooth_hinge(0.3).loss(scores, 2 * y - 1), wf.smooth_hinge(0.3).loss(scores, y))


def test_next_token_leaves_out_labels_of_minus_100() -> None:
    outputs, tokens = torch.randn(2, 4, 7), torch.tensor([[1, 2, 3, -100], [4, 5, 6, 0]])
    found = wf.next_token().loss(outputs, tokens)
    logs = outputs.log_softmax(-1)
    assert found[0].item() == pytest.approx(-(logs[0, 0, 2] + logs[0, 1, 3]).item(), rel=1e-5)
    assert found[1].item() == pytest.approx(-(logs[1, 0, 5] + logs[1, 1, 6] + logs[1, 2, 0]).item(), rel=1e-5)


def test_l2_patterns_first_match_counts() -> None:
    objective = wf.cross_entropy(l2={"*.bias": 0.0, "head.*": 0.5, "*": 0.1})
    assert [objective.l2_of(name) for name in ("a.bias", "head.weight", "a.weight")] == [0.0, 0.5, 0.1]
    assert wf.cross_entropy(l2={"head.*": 1}).l2_of("other") == 0


def test_samples_come_from_the_model() -> None:
    generator = torch.Generator().manual_seed(0)
    chances = torch.tensor([[0.7, 0.2, 0.1]]).expand(4000, 3)
    drawn = wf.cross_entropy().sample(chances.log(), generator)
    assert (drawn == 0).float().mean().item() == pytest.approx(0.7, abs=0.03)
    bits = wf.binary_cross_entropy().sample(torch.full((4000,), math.log(3)), generator)
    assert bits.mean().item() == pytest.approx(0.75, abs=0.03)
    normal = wf.squared_error().sample(torch.ones(4000), generator)
    assert normal.var().item() == pytest.approx(0.5, abs=0.05)


def test_units_and_signs() -> None:
    measured = wf.cross_entropy(measurement=lambda o, t: o[:, 0], lower_is_better=False)
    assert (wf.cross_entropy().unit, wf.cross_entropy().sign) == ("loss change", 1.0)
    assert (measured.unit, measured.sign) == ("measurement change", -1.0)


@pytest.mark.parametrize("strength", [-1.0, {"*": -0.1}, math.nan])
def test_negative_strengths_are_refused(strength: object) -> None:
    with pytest.raises(wf.UsageError, match="negative strength"):
        wf.cross_entropy(l2=strength)  # type: ignore[arg-type]


def test_bad_settings_and_shapes_are_refused() -> None:
    with pytest.raises(wf.UsageError, match="temperature"):
        wf.smooth_hinge(-1)
    with pytest.raises(wf.UsageError, match="one target per output"):
        wf.squared_error().loss(torch.randn(4, 2), torch.randn(4))


def test_cross_entropy_sums_over_positions_and_leaves_out_minus_100() -> None:
    outputs, y = torch.randn(3, 5, 4, dtype=torch.float64), torch.randint(4, (3, 5))
    y[0, 2:] = -100
    loss = wf.cross_entropy().loss
    torch.testing.assert_close(loss(outputs, y), F.cross_entropy(outputs.mT, y, reduction="none").sum(1))
    chances = torch.rand(3, 5, 4, dtype=torch.float64).softmax(-1)
    torch.testing.assert_close(loss(outputs, chances), -(chances * outputs.log_softmax(-1)).sum((1, 2)))
    assert wf.cross_entropy().sample(outputs, torch.Generator()).shape == (3, 5)


def test_cross_entropy_wants_the_classes_last() -> None:
    with pytest.raises(wf.UsageError, match="with classes last, targets have shape \\(3, 4\\)"):
        wf.cross_entropy().loss(torch.randn(3, 4, 5), torch.randint(4, (3, 5)))


def test_token_classification_is_attributed_exactly() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Embedding(9, 6), torch.nn.Linear(6, 4)).double().eval()
    tokens, y = torch.randint(9, (12, 5)), torch.randint(4, (12, 5))
    y[::3, 3:] = -100
    p = wf.Problem.of(model, wf.cross_entropy(), (tokens, y))
    rows = reference.gradients(p)
    torch.testing.assert_close(wf.attribute(wf.GradientDot(), p, p.train).values, rows @ rows.T)


def test_next_token_with_positions_before_the_targets() -> None:
    """Prompt tuning's logits come with those of its virtual tokens, the last of which says the first token."""
    generator = torch.Generator().manual_seed(0)
    logits, tokens = torch.randn(2, 7, 5, generator=generator), torch.randint(5, (2, 4), generator=generator)
    logs = logits.log_softmax(-1)
    expected = torch.stack([-sum(logs[row, 2 + t, tokens[row, t]] for t in range(4)) for row in range(2)])
    torch.testing.assert_close(wf.next_token().loss(logits, tokens), expected)
    with pytest.raises(wf.UsageError, match="takes logits"):
        wf.next_token().loss(logits[:, :3], tokens)
