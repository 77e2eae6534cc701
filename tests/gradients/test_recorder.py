"""What a recorded pass sees, and what it names."""

import pytest
import torch
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.data.batches import Batch
from wherefrom.gradients.passes import record_of, record_pass


def recorded(model: nn.Module, X: Tensor) -> tuple[wf.Problem, list[str], list[str]]:
    """The problem, the titles of the uses and the places of what was not understood."""
    p = wf.Problem.of(model.double().eval(), wf.cross_entropy(), (X, torch.arange(len(X)) % 2))
    batch: Batch = next(p.batches())
    record = record_of(record_pass(p, batch)[0])
    return p, [use.title for use in record.uses], [f"{one.operation} {one.place}" for one in record.unknown]


class Bare(nn.Module):
    """Parameters used by functions in every place."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.scale, self.free = nn.Parameter(torch.randn(3, 2)), nn.Parameter(torch.randn(2)), nn.Parameter(torch.randn(2))

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            fixed = x @ self.weight  # no use: nothing flows through it
        return (x @ self.weight) * self.scale.exp() + fixed + self.free.detach()


def test_uses_are_counted_where_something_flows() -> None:
    p, titles, unknown = recorded(Bare(), torch.randn(5, 3, dtype=torch.float64))
    assert titles == ["Linear", "Product"] and unknown == []
    assert wf.gradients.Gradients(p).coverage.served() == {"weight": "Linear", "scale": "Product", "free": "not used"}


class Mixes(nn.Module):
    """A weight that meets a mean over the batch, which belongs to no example."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.mean(0))[None] + x[:, :2]


def test_what_is_not_understood_is_named_with_the_line_of_the_model() -> None:
    _, titles, unknown = recorded(Mixes(), torch.randn(5, 3, dtype=torch.float64))
    assert titles == [] and len(unknown) == 1 and unknown[0].startswith("linear test_recorder.py:")


def test_a_batch_of_one_first_proves_nothing_about_the_others() -> None:
    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.randn(2))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.scale

    X = torch.randn(7, 2, dtype=torch.float64)
    data = [(X[:1], torch.zeros(1, dtype=torch.long)), (X[1:], torch.ones(6, dtype=torch.long))]
    p = wf.Problem.of(Turned().double().eval(), wf.cross_entropy(), data)
    gradients = wf.gradients.Gradients(p)
    rows = torch.cat([gradients.losses(batch).flat() for batch in p.batches()])
    outputs = p.outputs(X)
    slopes = torch.softmax(outputs, 1) - torch.nn.functional.one_hot(torch.tensor([0] + [1] * 6), 2)
    torch.testing.assert_close(rows, slopes * X)


@pytest.mark.parametrize("start", [0.0, 1e-6])
def test_an_adapter_that_starts_at_zero_is_proved_elsewhere(start: float) -> None:
    class Adapter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.base, self.down, self.up = nn.Linear(3, 2), nn.Parameter(torch.randn(2, 3)), nn.Parameter(torch.full((2, 2), start))

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.linear(x, self.base.weight + self.up @ self.down, self.base.bias)

    p = wf.Problem.of(Adapter().double().eval(), wf.cross_entropy(), (torch.randn(6, 3, dtype=torch.float64), torch.arange(6) % 2))
    gradients = wf.gradients.Gradients(p)
    assert not gradients.coverage.rest
    rows = gradients.losses(next(p.batches()))
    assert bool(rows.flat().isfinite().all()) and float(rows.flat()[:, 12:].abs().max()) > 0


def test_the_models_tensors_carry_nothing_afterwards() -> None:
    p, _, _ = recorded(Bare(), torch.randn(5, 3, dtype=torch.float64))
    wf.attribute(wf.GradientDot(), p, p.train, progress=False)
    assert not any(vars(value) for value in (*p.model.parameters(), *p.state.values()))
