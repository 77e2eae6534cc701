"""Step scales against what torch's own optimisers do."""

import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn, optim

from wherefrom import UsageError
from wherefrom.step_scales import AdamMoments, bare_optimizer, learning_rate_of, step_scales


def line(size: int = 4) -> nn.Linear:
    return nn.Linear(size, 2, dtype=torch.float64)


def step(model: nn.Module, optimizer: optim.Optimizer, gradients: list[torch.Tensor]) -> list[torch.Tensor]:
    """One step with these gradients; −Δθ of each parameter."""
    before = [value.detach().clone() for value in model.parameters()]
    for value, gradient in zip(model.parameters(), gradients, strict=True):
        value.grad = gradient.clone()
    optimizer.step()
    return [old - new.detach() for old, new in zip(before, model.parameters(), strict=True)]


def drawn(model: nn.Module) -> list[torch.Tensor]:
    return [torch.randn_like(value) for value in model.parameters()]


ADAPTIVE = {
    "adam": lambda p: optim.Adam(p, lr=0.03, betas=(0.0, 0.9), eps=1e-3),
    "amsgrad": lambda p: optim.Adam(p, lr=0.03, betas=(0.0, 0.9), eps=1e-3, amsgrad=True),
    "adamw": lambda p: optim.AdamW(p, lr=0.03, betas=(0.0, 0.9), weight_decay=0.0),
    "adam, rate a tensor": lambda p: optim.Adam(p, lr=torch.tensor(0.03), betas=(0.0, 0.9), foreach=False),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.03, alpha=0.9, eps=1e-3),
    "rmsprop, centred": lambda p: optim.RMSprop(p, lr=0.03, alpha=0.9, eps=1e-3, centered=True),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.03, eps=1e-3),
}


@pytest.mark.parametrize("name", ADAPTIVE)
def test_adaptive_scale_is_the_step_over_the_gradient(name: str) -> None:
    model = line()
    optimizer = ADAPTIVE[name](model.parameters())
    assert step_scales(model, optimizer) is None
    for _ in range(5):
        gradients = drawn(model)
        moved = step(model, optimizer, gradients)
        scales = step_scales(model, optimizer)
        assert scales is not None and list(scales) == ["weight", "bias"]
        for scale, gradient, change in zip(scales.values(), gradients, moved, strict=True):
            assert scale.shape == gradient.shape
            torch.testing.assert_close(scale * gradient, change, rtol=1e-6, atol=1e-12)


def test_a_constant_gradient_from_a_fresh_state_is_foretold_by_the_scales_before_the_step() -> None:
    model = line()
    optimizer = optim.Adam(model.parameters(), lr=0.03, betas=(0.0, 0.9))
    gradients = drawn(model)
    step(model, optimizer, gradients)
    for _ in range(4):
        scales = step_scales(model, optimizer)
        assert scales is not None
        for scale, gradient, change in zip(scales.values(), gradients, step(model, optimizer, gradients), strict=True):
            torch.testing.assert_close(scale * gradient, change, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("settings", [{}, {"dampening": 0.3}, {"nesterov": True}], ids=str)
def test_sgd_momentum_sums_one_impulse_over_the_later_steps(settings: dict[str, float]) -> None:
    model = line()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.8, **settings)  # type: ignore[arg-type]
    nothing = [torch.zeros_like(value) for value in model.parameters()]
    step(model, optimizer, nothing)  # torch does not dampen the very first gradient
    scales = step_scales(model, optimizer)
    assert scales is not None and scales["weight"].shape == ()
    impulse = drawn(model)
    total = step(model, optimizer, impulse)
    for _ in range(200):
        total = [one + more for one, more in zip(total, step(model, optimizer, nothing), strict=True)]
    for scale, gradient, change in zip(scales.values(), impulse, total, strict=True):
        torch.testing.assert_close(scale * gradient, change, rtol=1e-9, atol=1e-12)


def test_rmsprop_momentum_sums_one_impulse_where_v_stays() -> None:
    model = line()
    optimizer = optim.RMSprop(model.parameters(), lr=0.1, alpha=1.0, momentum=0.5)
    for value in model.parameters():
        optimizer.state[value] = {
            "step": torch.tensor(3.0),
            "square_avg": torch.rand_like(value) + 0.1,
            "momentum_buffer": torch.zeros_like(value),
        }
    nothing, impulse, scales = [torch.zeros_like(value) for value in model.parameters()], drawn(model), step_scales(model, optimizer)
    assert scales is not None
    total = step(model, optimizer, impulse)
    for _ in range(80):
        total = [one + more for one, more in zip(total, step(model, optimizer, nothing), strict=True)]
    for scale, gradient, change in zip(scales.values(), impulse, total, strict=True):
        torch.testing.assert_close(scale * gradient, change, rtol=1e-9, atol=1e-12)


def test_adam_momentum_spreads_an_impulse_with_a_total_weight_of_one() -> None:
    model = line()
    optimizer = optim.Adam(model.parameters(), lr=0.1, betas=(0.8, 1 - 1e-9))
    for value in model.parameters():
        optimizer.state[value] = {
            "step": torch.tensor(1e12),
            "exp_avg": torch.zeros_like(value),
            "exp_avg_sq": torch.rand_like(value) + 0.1,
        }
    nothing, impulse, scales = [torch.zeros_like(value) for value in model.parameters()], drawn(model), step_scales(model, optimizer)
    assert scales is not None
    total = step(model, optimizer, impulse)
    for _ in range(200):
        total = [one + more for one, more in zip(total, step(model, optimizer, nothing), strict=True)]
    for scale, gradient, change in zip(scales.values(), impulse, total, strict=True):
        torch.testing.assert_close(scale * gradient, change, rtol=1e-6, atol=1e-12)


def test_adagrad_decays_the_rate_of_the_next_step() -> None:
    model = line()
    optimizer = optim.Adagrad(model.parameters(), lr=0.1, lr_decay=0.5)
    gradients = drawn(model)
    step(model, optimizer, gradients)
    scales = step_scales(model, optimizer)
    assert scales is not None
    tiny = [1e-9 * gradient for gradient in gradients]  # leaves the sum as it is
    for scale, gradient, change in zip(scales.values(), tiny, step(model, optimizer, tiny), strict=True):
        torch.testing.assert_close(scale * gradient, change, rtol=1e-3, atol=1e-15)


def test_each_parameter_has_the_rate_of_its_own_group() -> None:
    model = line()
    optimizer = optim.SGD([{"params": [model.weight], "lr": 0.1}, {"params": [model.bias], "lr": 0.01}], lr=1.0)
    scales = step_scales(model, optimizer)
    assert scales is not None and {name: round(scale.item(), 6) for name, scale in scales.items()} == {"weight": 0.1, "bias": 0.01}
    assert learning_rate_of(optimizer) == pytest.approx(0.1)


def test_tied_names_both_have_a_scale_and_parameters_not_held_have_none() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    scales = step_scales(model, optim.SGD([model[0].weight], lr=0.5))
    assert scales is not None and set(scales) == {"0.weight", "1.weight"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [optim.NAdam, optim.RAdam, optim.Adamax])
def test_other_optimisers_and_subclasses_have_no_scales(kind: type[optim.Optimizer]) -> None:
    class Own(optim.SGD):
        pass

    model = line()
    for optimizer in (kind(model.parameters(), lr=0.1), Own(model.parameters(), lr=0.1)):  # type: ignore[call-arg]
        step(model, optimizer, drawn(model))
        assert step_scales(model, optimizer) is None
    assert step_scales(model, optim.SGD(model.parameters(), lr=0.1, momentum=1.0)) is None


def test_what_cannot_be_is_refused() -> None:
    model, other = line(), line()
    with pytest.raises(UsageError, match="negate the objective and set maximize=False"):
        step_scales(model, optim.SGD(model.parameters(), lr=0.1, maximize=True))
    with pytest.raises(UsageError, match="holds none of the model's parameters; pass the one that trains this model"):
        step_scales(model, optim.SGD(other.parameters(), lr=0.1))
    two = optim.Adamax([{"params": [model.weight], "lr": 0.1}, {"params": [model.bias], "lr": 0.01}])
    with pytest.raises(UsageError, match=r"groups of Adamax have learning rates 0.1 and 0.01; pass one to record\(learning_rate=...\)"):
        learning_rate_of(two)


def test_a_wrapped_optimiser_is_unwrapped() -> None:
    optimizer = optim.SGD(line().parameters(), lr=0.1)
    assert bare_optimizer(SimpleNamespace(optimizer=SimpleNamespace(optimizer=optimizer))) is optimizer
    assert bare_optimizer(None) is None


@pytest.mark.parametrize("settings", [{}, {"amsgrad": True}, {"betas": (0.5, 0.8), "eps": 1e-3}])
def test_adams_next_step_is_the_one_that_torch_takes(settings: dict[str, object]) -> None:
    """Each of three gradients as the next batch, against the step of an optimiser that stands there."""
    model = line()
    optimizer = optim.Adam(model.parameters(), lr=0.1, **settings)  # type: ignore[arg-type]
    for _ in range(3):
        step(model, optimizer, drawn(model))
    wanted = {name: torch.randn(3, *value.shape, dtype=value.dtype) for name, value in model.named_parameters()}
    group = optimizer.param_groups[0]
    for name, value in model.named_parameters():
        moments = AdamMoments.of(group, optimizer.state[value])
        assert moments is not None
        for place, update in enumerate(moments.updates(wanted[name])):
            twin = copy.deepcopy(model)
            other = optim.Adam(twin.parameters(), lr=0.1, **settings)  # type: ignore[arg-type]
            other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
            step(twin, other, [each[place] for each in wanted.values()])
            torch.testing.assert_close(value - 0.1 * update, dict(twin.named_parameters())[name], rtol=1e-5, atol=1e-6)


def test_other_optimisers_and_the_first_step_have_no_moments() -> None:
    model = line()
    for optimizer in (optim.Adam(model.parameters()), optim.RMSprop(model.parameters()), optim.SGD(model.parameters(), lr=0.1)):
        assert AdamMoments.of(optimizer.param_groups[0], optimizer.state.get(model.weight, {})) is None
    step(model, optimizer := optim.RMSprop(model.parameters()), drawn(model))
    assert AdamMoments.of(optimizer.param_groups[0], optimizer.state[model.weight]) is None
