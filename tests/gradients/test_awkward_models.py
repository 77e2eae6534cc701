"""Ways in which parameters meet data that a model may write by hand, at batch sizes that could be taken for other dimensions."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from helpers import reference
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.gradients import Gradients

T, H = 6, 4  # positions and width of each example


class Written(nn.Module):
    """A model that is one function of itself and its inputs."""

    def __init__(self, function: Callable[["Written", Tensor], Tensor], **shapes: tuple[int, ...]) -> None:
        super().__init__()
        self.function = function
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter(torch.randn(shape)))

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(self.function(self, x).flatten(1))
        return torch.stack([(hidden * torch.cos((k + 1.0) * torch.arange(hidden.shape[1]))).sum(1) for k in range(3)], 1)


def added_in_place(m: Written, x: Tensor) -> Tensor:
    out = m.place.expand(len(x), -1, -1).clone()
    out += x
    return out


def written_into(m: Written, x: Tensor) -> Tensor:
    out = torch.zeros_like(x)
    out[:] = x
    out[:, 0] = m.place[0, 0]
    return out


def changed_in_place(m: Written, x: Tensor) -> Tensor:
    y = x * 1.0
    y.add_(m.table)
    y.mul_(m.row)
    return y


def looked_up(m: Written, x: Tensor) -> Tensor:
    index = (x[..., 0] > 0).long()
    return m.two[index] + torch.index_select(m.two, 0, index[:, 0])[:, None]


def copied_into_a_view(m: Written, x: Tensor) -> Tensor:
    out = torch.zeros_like(x)
    out[:, 1:].copy_(x[:, :-1])
    return out @ m.square


def added_into_a_view(m: Written, x: Tensor) -> Tensor:
    rows = (x @ m.square).reshape(-1, H)
    out = torch.zeros(len(x), T, H, dtype=x.dtype)
    out.view(-1, H).index_add_(0, torch.arange(len(rows)), rows)
    return out * m.row


def written_in_another_order(m: Written, x: Tensor) -> Tensor:
    rows = (x @ m.square).reshape(-1, H)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(3))
    out = torch.zeros(len(rows), H, dtype=x.dtype)
    out.view(len(x), T, H).view(-1, H)[order] = rows[order]
    return (out * m.row).view(len(x), T, H)


def one_example_after_the_other(m: Written, x: Tensor) -> Tensor:
    out = torch.zeros(len(x), T, H, dtype=x.dtype)
    for i in reversed(range(len(x))):
        out[i].copy_(x[i] @ m.square)
    return out * m.row


def sorted_and_back(m: Written, x: Tensor) -> Tensor:
    order = x[:, 0, 0].argsort()
    rows = x[order] @ m.square
    out = torch.empty_like(rows)
    out[order] = rows
    return out * m.row


def gated_by_a_scatter(m: Written, x: Tensor) -> Tensor:
    rows = x.reshape(-1, H)
    gates = torch.zeros(len(rows), 2, dtype=x.dtype).scatter_(1, (rows[:, :1] > 0).long(), 1.0)
    return ((rows @ m.square) * gates[:, :1] + (rows * m.row) * gates[:, 1:]).view_as(x)


BOTH: dict[str, tuple[int, ...]] = {"square": (H, H), "row": (H,)}


@dataclass(frozen=True)
class Case:
    function: Callable[[Written, Tensor], Tensor]
    shapes: dict[str, tuple[int, ...]]


CASES = {
    "added in place": Case(added_in_place, {"place": (1, T, H)}),
    "written into": Case(written_into, {"place": (1, T, H)}),
    "changed in place": Case(changed_in_place, {"table": (T, H), "row": (H,)}),
    "diagonal matrices": Case(lambda m, x: torch.diag_embed(x[..., 0]) * m.square, {"square": (T, T)}),
    "kernel of exponentials": Case(lambda m, x: nn.functional.conv1d(x, m.kernel.exp()), {"kernel": (3, T, 2)}),
    "rolled and sorted": Case(lambda m, x: (x.roll(1, 1) @ m.square).sort(1)[0] + m.square.sum(0), {"square": (H, H)}),
    "outer product": Case(lambda m, x: x[:, :, None, :] * m.column, {"column": (T, 1)}),
    "where": Case(lambda m, x: torch.where(x > 0, m.table, x * 2), {"table": (T, H)}),
    "bmm of one weight": Case(lambda m, x: torch.bmm(x, m.weight.expand(len(x), -1, -1)), {"weight": (H, 5)}),
    "baddbmm": Case(
        lambda m, x: torch.baddbmm(m.bias.expand(len(x), -1, -1), x, m.weight.expand(len(x), -1, -1)), {"bias": (1, T, 5), "weight": (H, 5)}
    ),
    "einsum": Case(
        lambda m, x: torch.einsum("bth,hk->btk", x, m.square) + torch.einsum("bth,h->bt", x, m.row)[..., None], {"square": (H, H), "row": (H,)}
    ),
    "token before": Case(lambda m, x: torch.cat([x, (m.token * 2).expand(len(x), -1, -1)], 1), {"token": (1, 2, H)}),
    "batch second": Case(lambda m, x: nn.functional.linear(x.transpose(0, 1), m.square).transpose(0, 1) * m.row, {"square": (H, H), "row": (H,)}),
    "addmm with beta": Case(lambda m, x: torch.addmm(m.row, x[:, 0], m.square, beta=2), {"row": (H,), "square": (H, H)}),
    "looked up": Case(looked_up, {"two": (2, H)}),
    "norm of weights": Case(lambda m, x: x @ (m.weight / m.weight.norm(dim=0)), {"weight": (H, 3)}),
    "copied into a view": Case(copied_into_a_view, {"square": (H, H)}),
    "added into a view": Case(added_into_a_view, BOTH),
    "written in another order": Case(written_in_another_order, BOTH),
    "one example after the other": Case(one_example_after_the_other, BOTH),
    "sorted and back": Case(sorted_and_back, BOTH),
    "gated by a scatter": Case(gated_by_a_scatter, BOTH),
    "repeated": Case(lambda m, x: x + m.place.repeat(len(x), 1, 1), {"place": (1, T, H)}),
}


@pytest.mark.parametrize("size", [None, T, H, 1])
@pytest.mark.parametrize("name", CASES)
def test_rows_equal_autograd(name: str, size: int | None) -> None:
    torch.manual_seed(0)
    model = Written(CASES[name].function, **CASES[name].shapes).double().eval()
    problem = wf.Problem.of(model, wf.cross_entropy(), (torch.randn(12, T, H, dtype=torch.float64), torch.arange(12) % 3), batch_size=size)
    gradients = Gradients(problem)
    found = torch.cat([gradients.losses(batch).flat() for batch in problem.batches(size=gradients.size)])
    torch.testing.assert_close(found, reference.gradients(problem), rtol=1e-9, atol=1e-12)
