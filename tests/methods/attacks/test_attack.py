"""The attack: its effects are those of real retraining, its steps stay in the ball and its choices are the best; the problem stays as it is."""

from typing import Any

import numpy as np
import pytest
import torch
from helpers import reference
from helpers.problems import named
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.methods.attacks.attack import decided
from wherefrom.methods.attacks.ball import Ball
from wherefrom.retraining.retrain import measure_queries, parameters_of

RADIUS = 0.1


def squares(n: int = 60, dtype: torch.dtype = torch.float64, **settings: Any) -> tuple[wf.Problem, Any]:
    """Two classes of points in the unit cube that one plane nearly parts, and three queries near it."""
    random = torch.Generator().manual_seed(5)
    X = torch.rand(n + 3, 6, generator=random, dtype=torch.float64)
    y = (X @ torch.tensor([2.0, -1.0, 1.0, 0.5, -2.0, 0.3], dtype=torch.float64) + 0.2 * torch.randn(n + 3, generator=random) > 0.4).double()
    model = nn.Linear(6, 1).to(dtype).eval()
    p = named(model, wf.binary_cross_entropy(l2=0.01), (X[:n].to(dtype), y[:n].to(dtype)), (), **settings).problem
    p = p.at(wf.train.newton()(p, 0).parameters)
    w, b = p.parameters["weight"][0], p.parameters["bias"]
    near = X[n:].to(dtype)
    near = near - (near @ w + b)[:, None] * w / w.square().sum() * 0.95  # a twentieth of the way to the plane is left
    return p, (near, (near @ w + b > 0).to(dtype))


def test_effects_are_those_of_training_again_with_the_inputs_it_gives() -> None:
    p, queries = squares()
    found = wf.methods.attack(p, queries, count=3, radius=RADIUS, stop=False, progress=False)
    original = reference.whole(p).inputs
    for row, one in enumerate(found.attacked):
        asked = p.examples(queries).take(np.array([row]))
        run = wf.train.newton(1e-12)(p.replaced(one.ids, one.inputs), 0)
        assert float(measure_queries(p, parameters_of(run), asked)) == pytest.approx(one.aimed.measurements[-1], rel=1e-6)
        torch.testing.assert_close(one.originals, original[one.ids])
        assert ((one.inputs - one.originals).abs() <= RADIUS + 1e-12).all() and (one.inputs >= 0).all() and (one.inputs <= 1).all()
        assert len(set(one.ids.tolist())) == 3 and len(one.steps) == 3 and len(one.random.measurements) == 4
    assert (found.gain(1) > 0).all() and (found.gain(3) > found.gain(1)).all()
    assert all((found.gain(m) > found.gain(m, random=True)).all() for m in (1, 2, 3))


def test_the_first_example_is_the_one_whose_ball_reaches_furthest() -> None:
    p, queries = squares()
    found = wf.methods.attack(p, queries, count=1, radius=RADIUS, progress=False)
    slopes = wf.methods.perturbation_influence(p, queries, p.ids).values
    for row, one in enumerate(found.attacked):
        assert one.ids[0] == int(Ball(RADIUS).reach(slopes[row], reference.whole(p).inputs).argmax())
        true = []  # by first order the best corner of each ball, and what it really does
        for key in p.ids:
            x = Ball(RADIUS).project(reference.whole(p).inputs[[key]] + RADIUS * slopes[row, key].sign(), reference.whole(p).inputs[[key]])
            run = wf.train.newton()(p.replaced([key], x), 0)
            true.append(float(measure_queries(p, run.parameters, p.examples(queries))[row]))
        assert one.aimed.measurements[1] >= sorted(true)[-5] - 1e-6  # curvature may put a few before it


def test_it_stops_at_the_flip_and_the_same_call_gives_the_same() -> None:
    p, queries = squares()
    before = p.fingerprint()
    first, again = (wf.methods.attack(p, queries, count=6, radius=0.2, progress=False) for _ in range(2))
    for one, other in zip(first.attacked, again.attacked, strict=True):
        assert one.aimed == other.aimed and one.random == other.random and torch.equal(one.inputs, other.inputs)
        assert one.aimed.flipped_by in (None, len(one.ids))
    assert p.fingerprint() == before and first.flipped() == 1.0


def test_ids_order_and_form_of_the_data_make_no_difference() -> None:
    p, queries = squares(ids=[f"row {j}" for j in range(60)])
    X, y = reference.whole(p).inputs, reference.whole(p).targets
    first = wf.methods.attack(p, queries, count=2, radius=RADIUS, stop=False, progress=False)
    order = torch.randperm(60)
    batches = [(X[part], y[part]) for part in order.split(25)]
    other = wf.Problem.of(p.model, p.objective, batches, ids=[f"row {j}" for j in order.tolist()]).at(p.parameters)
    second = wf.methods.attack(other, queries, count=2, radius=RADIUS, stop=False, progress=False)
    for one, two in zip(first.attacked, second.attacked, strict=True):
        assert one.ids.tolist() == two.ids.tolist() and one.random.measurements == pytest.approx(two.random.measurements)
        torch.testing.assert_close(one.inputs, two.inputs)


def test_a_measurement_where_higher_is_better_falls() -> None:
    p, queries = squares()
    margin = lambda outputs, targets: outputs[:, 0] * (2 * targets - 1)  # noqa: E731
    objective = wf.binary_cross_entropy(l2=0.01, measurement=margin, lower_is_better=False)
    turned = wf.Problem.of(p.model, objective, (reference.whole(p).inputs, reference.whole(p).targets)).at(p.parameters)
    found = wf.methods.attack(turned, queries, radius=RADIUS, progress=False)
    assert all(one.aimed.measurements[1] < one.aimed.measurements[0] for one in found.attacked) and (found.gain() > 0).all()
    assert found.unit == "measurement change"


def test_a_trainer_of_ones_own_in_float32_with_a_dictionary_of_inputs() -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 2)

        def forward(self, x: Tensor, mask: Tensor) -> Tensor:
            return self.layer(x * mask)

    X, y = torch.rand(30, 6), torch.arange(30) % 2
    data = {"x": X, "mask": torch.ones(30, 6, dtype=torch.int64), "labels": y}
    p = wf.Problem.of(Masked().eval(), wf.cross_entropy(l2=0.05), data)

    def train(problem: wf.Problem, seed: int) -> dict[str, Tensor]:
        return {name: value.float() for name, value in wf.train.newton()(problem, seed).parameters.items()}

    p = p.at(train(p, 0))
    queries = {name: value[:2] for name, value in data.items()}
    found = wf.methods.attack(p, queries, train, wf.IHVP(solver=wf.CG()), count=2, radius=0.2, progress=False)
    assert (found.gain(1) > 0).all() and found.attacked[0].inputs.dtype == torch.float32


def test_what_cannot_be_attacked_is_refused() -> None:
    p, queries = squares()
    with pytest.raises(wf.UsageError, match=r"lie between .* give low= and high= that hold them"):
        wf.methods.attack(p, queries, high=0.5)
    with pytest.raises(wf.UsageError, match="leave no room"):
        wf.methods.attack(p, queries, radius=0.0)
    with pytest.raises(wf.UsageError, match="give 1 to 60 examples"):
        wf.methods.attack(p, queries, count=61)
    with pytest.raises(wf.UsageError, match="give 1 to 60 examples, 1 step or more"):
        wf.methods.attack(p, queries, steps=0)


def test_predictions() -> None:
    assert decided(torch.tensor([[0.1, 2.0, 1.0]])).tolist() == [1]
    assert decided(torch.tensor([-1.0, 2.0])).tolist() == decided(torch.tensor([[-1.0], [2.0]])).tolist() == [0, 1]
