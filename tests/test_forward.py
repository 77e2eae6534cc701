"""The model is run as its wrappers hide it, and left as it was."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from helpers import reference
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import wherefrom as wf
from wherefrom.gradients import Gradients

X, Y = torch.randn(12, 4, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 3


class Net(nn.Module):
    def __init__(self, between: Callable[[nn.Module, Tensor], Tensor] = lambda part, x: part(x)) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first, self.block, self.head = nn.Linear(4, 5), nn.Sequential(nn.Tanh(), nn.LayerNorm(5), nn.Linear(5, 5)), nn.Linear(5, 3)
        self.between = between

    def forward(self, x: Tensor) -> Any:
        return self.head(self.between(self.block, self.first(x)))


def scores(model: nn.Module, objective: wf.Objective | None = None) -> Tensor:
    problem = wf.Problem.of(model.eval(), objective or wf.cross_entropy(), (X, Y))
    return wf.attribute(wf.GradientDot(), problem, (X[:2], Y[:2]), progress=False).values


WRAPPED = {
    "activation checkpointing": lambda: Net(lambda part, x: checkpoint(part, x, use_reentrant=False)),
    "reentrant checkpointing": lambda: Net(lambda part, x: checkpoint(part, x, use_reentrant=True)),
    "data parallelism": lambda: nn.DataParallel(Net()),
    "data parallelism within": lambda: nn.Sequential(nn.DataParallel(Net())),
    "compilation": lambda: torch.compile(Net(), backend="eager"),
    "compilation within": lambda: nn.Sequential(torch.compile(Net(), backend="eager")),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_wrappers_change_nothing(name: str) -> None:
    model = WRAPPED[name]().eval()
    torch.testing.assert_close(scores(model), scores(Net()))
    assert set(Gradients(wf.Problem.of(model, wf.cross_entropy(), (X, Y))).coverage.served().values()) == {"Linear", "Norm"}


def test_checkpointing_works_again_afterwards() -> None:
    model = WRAPPED["activation checkpointing"]().eval()
    scores(model)
    runs = []
    model.between = lambda part, x: checkpoint(lambda y: runs.append(1) or part(y), x, use_reentrant=False)  # type: ignore[func-returns-value]
    model(X).sum().backward()
    assert len(runs) == 2  # forward, and again on the way back


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_torchscript_is_refused() -> None:
    with pytest.raises(wf.UsageError, match="give the plain module"):
        scores(torch.jit.trace(nn.Linear(4, 3), X))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_halves_have_scores_in_float32_near_those_of_float64(kind: torch.dtype) -> None:
    model = Net().to(kind)
    found, true = scores(model), scores(model.double())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), true, rtol=0, atol=0.03 * float(true.abs().max()))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "Conv1d", "Embedding", "MultiheadAttention"])
def test_every_kind_of_use_in_bfloat16(kind: str) -> None:
    """Each keeps tensors of its own, which are summed in float32."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(2)
            shapes: dict[str, tuple[int, ...]] = {"Conv1d": (4, 4, 2), "MultiheadAttention": (4, 2), "Embedding": (4, 4)}
            settings = {} if kind in ("Conv1d", "Embedding") else {"batch_first": True}
            self.inner, self.head = getattr(nn, kind)(*shapes.get(kind, (4, 4)), **settings), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            rows = torch.stack([x, x.flip(1), 2 * x, x * x], 1)
            given = [(rows[..., 0] > 0).long()] if kind == "Embedding" else [rows] * (3 if kind == "MultiheadAttention" else 1)
            out = self.inner(*given)
            return self.head((out[0] if isinstance(out, tuple) else out).mean(-1 if kind == "Conv1d" else 1))

    model = Model().bfloat16()
    assert "example" not in str(Gradients(wf.Problem.of(model.eval(), wf.cross_entropy(), (X, Y))).coverage.served())
    found, true = scores(model), scores(model.double())
    torch.testing.assert_close(found.double(), true, rtol=0, atol=0.05 * float(true.abs().max()))


def test_adapters_in_float32_on_a_base_in_bfloat16() -> None:
    class Adapted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.base, self.down, self.up = nn.Linear(4, 3).bfloat16().requires_grad_(False), nn.Linear(4, 2, bias=False), nn.Linear(2, 3, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.base(x) + self.up(self.down(x.float())).to(x.dtype)

    model = Adapted().eval()
    problem = wf.Problem.of(model, wf.cross_entropy(), (X, Y))
    assert problem.input_type == torch.bfloat16 and problem.dtype == torch.float32
    rows = Gradients(problem).losses(next(problem.batches())).flat()
    true = reference.gradients(problem)
    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows, true.float(), rtol=0, atol=0.02 * float(true.abs().max()))


def test_under_autocast() -> None:
    class Mixed(Net):
        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return super().forward(x).float()

    found, true = scores(Mixed()), scores(Net())
    torch.testing.assert_close(found, true, rtol=0, atol=0.05 * float(true.abs().max()))


class Counts(Net):
    """Writes to its buffers at each call."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))
        self.register_buffer("shift", torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.shift.add_(1)
        return super().forward(x + self.shift)


def test_buffers_stay_as_they_were() -> None:
    model = Counts()
    first = scores(model)
    assert int(model.calls) == 0 and not model.shift.any()  # type: ignore[arg-type]
    assert torch.equal(first, scores(model))


def test_inputs_changed_in_place_are_refused() -> None:
    class Shifts(Net):
        def forward(self, x: Tensor) -> Tensor:
            x -= 1
            return super().forward(x)

    before = X.clone()
    with pytest.raises(wf.UsageError, match="inputs in place"):
        scores(Shifts())
    assert torch.equal(X, before)


def test_inference_mode_is_named_and_what_was_made_there_is_taken() -> None:
    with torch.inference_mode(), pytest.raises(wf.UsageError, match="inference_mode"):
        scores(Net())
    with torch.inference_mode():
        model, made = Net().eval(), X.clone()
    problem = wf.Problem.of(model, wf.cross_entropy(), (made, Y))
    torch.testing.assert_close(wf.attribute(wf.GradientDot(), problem, (X[:2], Y[:2]), progress=False).values, scores(Net()))


ANSWERS: dict[str, Callable[[Tensor], Any]] = {
    "tuple": lambda out: (out, out.sum()),
    "dictionary": lambda out: {"logits": out, "hidden": out * 2},
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_that_are_no_tensor(name: str) -> None:
    class Answers(Net):
        def forward(self, x: Tensor) -> Any:
            return ANSWERS[name](super().forward(x))

    torch.testing.assert_close(scores(Answers()), scores(Net()))
    own = wf.Objective(lambda answer, y: nn.functional.cross_entropy(answer[0 if name == "tuple" else "logits"], y, reduction="none"))
    torch.testing.assert_close(scores(Answers(), own), scores(Net()))
    problem = wf.Problem.of(Answers().eval(), own, (X, Y))
    with pytest.raises(wf.UsageError, match="outputs=lambda answer"):
        wf.IHVP(wf.GaussNewton()).fit(problem)


def test_a_dictionary_without_logits_is_refused_by_its_keys() -> None:
    class Named(Net):
        def forward(self, x: Tensor) -> Any:
            return {"scores": super().forward(x)}

    with pytest.raises(wf.UsageError, match=r"\['scores'\].*outputs="):
        scores(Named())


def test_a_squeezed_batch_of_one() -> None:
    class Squeezed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(x).squeeze()

    problem = wf.Problem.of(Squeezed().eval(), wf.squared_error(), (X, Y.float()))
    whole = wf.attribute(wf.GradientDot(), problem, (X[:2], Y[:2].float()), progress=False).values
    alone = wf.attribute(wf.GradientDot(), problem, (X[:1], Y[:1].float()), progress=False).values
    torch.testing.assert_close(alone, whole[:1])


def test_frozen_parameters_stay_in_the_model_whatever_they_are() -> None:
    class Quantised(nn.Module):
        """Holds a weight as whole numbers, as quantised bases do."""

        def __init__(self) -> None:
            super().__init__()
            self.weight, self.head = nn.Parameter(torch.randint(-5, 5, (4, 4), dtype=torch.int8), requires_grad=False), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            assert type(self.weight) is nn.Parameter
            return self.head(x @ self.weight.to(x.dtype))

    model = Quantised().eval()
    problem = wf.Problem.of(model, wf.cross_entropy(), (X, Y))
    torch.testing.assert_close(Gradients(problem).losses(next(problem.batches())).flat(), reference.gradients(problem))


def test_a_module_that_stands_at_two_places_is_left_as_it_was() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(3, 3)
            self.second, self.tied = self.first, nn.Linear(3, 3, bias=False)
            self.tied.weight = self.first.weight

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.tied(self.second(self.first(x)))

    model = Shared().double().eval()
    model.first.bias.requires_grad_(False)
    weight, x = model.first.weight, torch.randn(6, 3, dtype=torch.float64)
    p = wf.Problem.of(model, wf.cross_entropy(), (x, torch.arange(6) % 3))
    found = wf.attribute(wf.GradientDot(), p, (x[:2], torch.arange(2)), progress=False).values
    assert model.first.weight is weight is model.tied.weight and weight.requires_grad and not model.first.bias.requires_grad
    rows = []
    for row in range(6):
        loss = nn.functional.cross_entropy(model(x[row : row + 1]), torch.tensor([row % 3]))
        rows.append(torch.autograd.grad(loss, [weight])[0].flatten())
    torch.testing.assert_close(found, torch.stack(rows)[:2] @ torch.stack(rows).T)
    moved = p.at({"first.weight": torch.eye(3, dtype=torch.float64)})
    torch.testing.assert_close(moved.outputs(x), (x + model.first.bias) + model.first.bias)
