"""What is written into a tensor belongs to whom it came from, and what is left of constants to nobody."""

from collections.abc import Callable

import pytest
import torch
from helpers import reference
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.gradients import Gradients
from wherefrom.gradients.operations import RULES, take_any
from wherefrom.gradients.owner_algebra import NOBODY
from wherefrom.gradients.recorder import Recorder

B, T, H = 4, 3, 2
ORDER = torch.tensor([2, 0, 3, 1])


def put(x: Tensor, index: object, values: Tensor, into: Tensor | None = None) -> Tensor:
    out = torch.zeros(B, T, H) if into is None else into
    out[index] = values  # type: ignore[index]
    return out


CASES: dict[str, Callable[[Tensor], Tensor]] = {
    "index_add": lambda x: torch.zeros(6, H).index_add(0, torch.tensor([5, 1, 2, 0]), x[:, 0]),
    "two index_adds": lambda x: torch.zeros(B, H).index_add(0, ORDER[:2], x[ORDER[:2], 0]).index_add(0, ORDER[2:], x[ORDER[2:], 0]),
    "twice to the same rows": lambda x: torch.zeros(B, H).index_add(0, ORDER[:2], x[ORDER[:2], 0]).index_add(0, ORDER[:2], x[ORDER[:2], 1]),
    "index_copy back in order": lambda x: torch.zeros_like(x).index_copy(0, ORDER, x[ORDER]),
    "index_copy along the second dimension": lambda x: torch.zeros(H, 6).index_copy(1, torch.tensor([5, 1, 2, 0]), x[:, 0].T),
    "index_put": lambda x: torch.zeros(B, T, H).index_put((ORDER, torch.tensor([0, 1, 2, 0])), x[ORDER, 0]),
    "scatter along positions": lambda x: torch.zeros(B, 5).scatter(1, (x[..., 0] > 0).long() * torch.arange(T), x[..., 1]),
    "scatter of a number": lambda x: torch.zeros(B, 5).scatter(1, (x[..., 0] > 0).long() * torch.arange(T), 1.0) * x[:, :1, 0],
    "scatter_add of rows": lambda x: torch.zeros(B, H).scatter_add(0, ORDER[:, None].expand(-1, H), x[ORDER, 0]),
    "set a row": lambda x: put(x, 1, x[1]),
    "set a position": lambda x: put(x, (slice(None), 1), x[:, 0]),
    "set by an ellipsis": lambda x: put(x, (..., 1), x[..., 0]),
    "set by a mask": lambda x: put(x, x[..., 0] > 2, x[x[..., 0] > 2]),
    "set by an index": lambda x: put(x, ORDER[:2], x[ORDER[:2]]),
    "set constants": lambda x: put(x, (slice(None), 0), torch.zeros(()), x.clone()),
    "a residual over what is left": lambda x: x + torch.zeros_like(x).index_copy(0, ORDER[:2], x[ORDER[:2]]),
}


@pytest.mark.parametrize("name", CASES)
def test_each_entry_belongs_to_the_example_it_came_from(name: str) -> None:
    x = torch.zeros(B, T, H) + torch.arange(1.0, B + 1).view(B, 1, 1)  # entries say whose they are
    recorder = Recorder({"p": torch.zeros(1)}, x, B, RULES, take_any)
    with recorder:
        result = CASES[name](x)
    owners = recorder._owners(result)
    assert owners is not None and owners.dim() == result.dim()
    whose, live = owners.expand(result.shape), result != 0
    value = result / 2 if name in ("twice to the same rows", "a residual over what is left") else result
    exact = (value == whose + 1) | (result == whose + 1)
    known = recorder.owners(result)
    assert bool(exact[live].all()) and (known is None or not bool((known == NOBODY).any()))


def test_constants_left_in_a_row_of_an_example_are_its_own() -> None:
    """As the first token of a sequence that is shifted by one."""
    tokens = torch.randint(1, 9, (B, T))
    recorder = Recorder({"p": torch.zeros(1)}, tokens, B, RULES, take_any)
    with recorder:
        shifted = tokens.new_zeros(tokens.shape)
        shifted[:, 1:] = tokens[:, :-1].clone()
        shifted[:, 0] = 7
        shifted.masked_fill_(shifted == 3, 0)
        some = torch.zeros(B, H).index_add(0, ORDER[:2], torch.zeros(2, H) + tokens[:2, :1])
    assert torch.equal(recorder.owners(shifted), torch.arange(B)[:, None])  # type: ignore[arg-type]
    assert recorder.owners(some) is None


def test_rows_of_two_examples_in_one_place_belong_to_none() -> None:
    x = torch.randn(B, T, H)
    recorder = Recorder({"p": torch.zeros(1)}, x, B, RULES, take_any)
    with recorder:
        mixed = [torch.zeros(2, H).index_add(0, torch.tensor([0, 1, 1, 0]), x[:, 0]), x.index_add(0, ORDER, x)]
    assert [recorder._owners(one) for one in mixed] == [None, None]


class Experts(nn.Module):
    """Rows go to one of two experts by the sign of their first entry, as mixtures written by hand do it."""

    def __init__(self, back: str) -> None:
        super().__init__()
        self.experts, self.head, self.back = nn.ModuleList([nn.Linear(4, 6) for _ in range(2)]), nn.Linear(6, 3), back

    def forward(self, x: Tensor) -> Tensor:
        flat, masks = x.reshape(-1, 4), (x[..., 0].flatten() > 0, x[..., 0].flatten() <= 0)
        rows = [mask.nonzero()[:, 0] for mask in masks]
        parts = [expert(flat[some]).tanh() for expert, some in zip(self.experts, rows, strict=True)]
        if self.back == "add":
            out = torch.zeros(len(flat), 6, dtype=x.dtype)
            for some, part in zip(rows, parts, strict=True):
                if len(some):
                    out.index_add_(0, some, part)
        else:
            sorted_rows = torch.cat(parts)
            out = torch.zeros_like(sorted_rows).index_copy(0, torch.cat(rows), sorted_rows)
        return self.head(out.view(*x.shape[:2], 6)).sum(1)


@pytest.mark.parametrize("back", ["add", "copy"])
@pytest.mark.parametrize("size", [None, 16, 1])
def test_experts_that_the_first_examples_do_not_reach(back: str, size: int | None) -> None:
    torch.manual_seed(0)
    x = torch.randn(16, 7, 4, dtype=torch.float64)
    x[:5, :, 0] = x[:5, :, 0].abs()
    problem = wf.Problem.of(Experts(back).double().eval(), wf.cross_entropy(), (x, torch.arange(16) % 3), batch_size=size)
    gradients = Gradients(problem)
    found = torch.cat([gradients.losses(batch).flat() for batch in problem.batches(size=gradients.size)])
    torch.testing.assert_close(found, reference.gradients(problem), rtol=1e-9, atol=1e-12)
    assert not gradients.coverage.rest
