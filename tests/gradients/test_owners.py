"""Owners of rows follow what torch functions do to rows."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from wherefrom.gradients.operations import RULES, take_any
from wherefrom.gradients.origins import Data, first_owner
from wherefrom.gradients.owner_algebra import compress, regroup
from wherefrom.gradients.recorder import Recorder

B, T, H = 4, 3, 2
ORDER = torch.tensor([2, 0, 3, 1])
MASK = torch.tensor([[True, False, True], [False, False, False], [True, True, True], [False, True, False]])

CASES: dict[str, Callable[[Tensor], Tensor]] = {
    "view": lambda x: x.view(B * T, H),
    "view and back": lambda x: x.view(B * T, H).view(B, T, H),
    "merged with what follows": lambda x: x.reshape(B, T * H),
    "heads": lambda x: x.unflatten(2, (2, 1)).transpose(1, 2).reshape(B * 2, T, 1),
    "transpose": lambda x: x.transpose(0, 1),
    "permute": lambda x: x.permute(2, 0, 1),
    "reversed": lambda x: x.flip(0),
    "picked": lambda x: x[ORDER],
    "one position": lambda x: x[:, 1],
    "rows of a mask": lambda x: x[MASK],
    "rows by numbers": lambda x: x.view(B * T, H)[MASK.flatten().nonzero()[:, 0]],
    "index_select": lambda x: x.index_select(0, ORDER),
    "gather": lambda x: x.gather(1, torch.zeros(B, 1, H, dtype=torch.long)),
    "sorted": lambda x: x.view(B * T, H).sort(0)[0],
    "reduced": lambda x: x.sum(1),
    "reduced, kept": lambda x: x.mean((1, 2), keepdim=True),
    "joined with constants": lambda x: torch.cat([torch.zeros(B, 1, H), x], 1),
    "stacked": lambda x: torch.stack([x, x * 2], 1),
    "chunk": lambda x: x.chunk(2, 2)[1],
    "product with itself": lambda x: x @ x.mT,
    "repeated": lambda x: x.repeat_interleave(2, 0),
    "expanded": lambda x: x[:, None].expand(B, 5, T, H),
    "einsum": lambda x: torch.einsum("bth,bsh->tbs", x, x),
    "softmax": lambda x: x.softmax(-1),
    "windows": lambda x: torch.nn.functional.unfold(x[:, None], (2, 1)),
    "windows of a tensor": lambda x: x.unfold(1, 2, 1),
    "padded": lambda x: torch.nn.functional.pad(x, (0, 1, 1, 0)),
}


def owners_of(function: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor | None]:
    x = torch.zeros(B, T, H) + torch.arange(1.0, B + 1).view(B, 1, 1)  # entries say whose they are
    recorder = Recorder({"p": torch.zeros(1)}, x, B, RULES, take_any)
    with recorder:
        result = function(x)
    return result, recorder.owners(result)


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("product with itself", "einsum", "softmax", "reduced", "padded", "stacked")])
def test_each_entry_belongs_to_the_example_it_came_from(name: str) -> None:
    result, owners = owners_of(CASES[name])
    assert owners is not None and owners.dim() == result.dim()
    whose = owners.expand(result.shape) + 1
    live = result != 0
    torch.testing.assert_close(result[live], whose[live].to(result.dtype))


@pytest.mark.parametrize("name", CASES)
def test_owners_have_size_one_where_they_tell_no_examples_apart(name: str) -> None:
    result, owners = owners_of(CASES[name])
    assert owners is not None and all(mine in (1, size) for mine, size in zip(owners.shape, result.shape, strict=True))
    assert compress(owners, exact=True).shape == owners.shape


@pytest.mark.parametrize("function", [lambda x: x.sum(), lambda x: x.sum(0), lambda x: x[:2] + x[2:], lambda x: x.flip(0) + x])
def test_what_mixes_examples_belongs_to_none(function: Callable[[Tensor], Tensor]) -> None:
    assert owners_of(function)[1] is None


def test_regroup_goes_by_the_smallest_groups() -> None:
    owners = first_owner(B, 3, torch.device("cpu"))
    assert regroup(owners, torch.Size((B, T, H)), torch.Size((B * T, H))).shape == (B * T, 1)
    assert regroup(owners, torch.Size((B, T, H)), torch.Size((B, T * H))).shape == (B, 1)
    assert regroup(owners, torch.Size((B, T, H)), torch.Size((1, B, T, H))).shape == (1, B, 1, 1)
    assert isinstance(Data(owners).owners, Tensor)


def test_new_constants_are_constants_whatever_gave_their_shape() -> None:
    square = torch.zeros(B, B)
    recorder = Recorder({"p": torch.zeros(1)}, square, B, RULES, take_any)
    with recorder:
        made = [square.new_zeros(B, B, 5), torch.zeros_like(square)]
    assert all(recorder.origin(one) is None for one in made)
