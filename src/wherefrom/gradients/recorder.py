"""One forward pass in which every torch function is seen: where something made of parameters meets data, that use is recorded.

A tensor is pure (made of parameters and constants alone) or data, whose rows belong to examples. Functions of pure tensors make pure
tensors, functions of data keep track of the owners of rows, and where the two meet the operation's rule decides what is kept for the
backward pass. What no rule understands is named, with the line of the model's code, and left to another way of taking gradients.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from wherefrom.gradients.origins import Data, Function, Pure, first_owner, operation_name, results_of, substitute, tensors_of
from wherefrom.gradients.owner_algebra import NOBODY
from wherefrom.gradients.owners import follow
from wherefrom.gradients.uses import Use
from wherefrom.gradients.writes import is_write, nobodys

PASSIVE = {
    "size", "dim", "ndimension", "__len__", "stride", "is_contiguous", "numel", "nelement", "data_ptr", "register_hook", "__bool__", "item", "tolist",
    "is_floating_point", "requires_grad_", "element_size", "storage_offset", "shape", "dtype", "device", "ndim", "is_cuda", "is_complex",
    "requires_grad", "grad", "grad_fn", "layout", "is_sparse", "is_quantized", "is_meta", "is_nested", "is_mps", "is_xpu", "is_cpu", "is_leaf",
    "untyped_storage", "get_device", "__hash__", "__format__", "__repr__", "__int__", "__float__", "__index__", "_version", "names", "is_inference",
    "__contains__", "retain_grad", "is_pinned", "itemsize", "nbytes", "is_signed", "is_mkldnn", "is_conj", "is_neg",
}  # fmt: skip
PICKS = {"__getitem__", "select", "index_select", "narrow"}
CREATED = {
    "zeros_like",
    "ones_like",
    "empty_like",
    "full_like",
    "rand_like",
    "randn_like",
    "new_zeros",
    "new_ones",
    "new_empty",
    "new_full",
    "new_empty_strided",
}  # fmt: skip  # constants, whatever tensor gave their shape
CUT = {"detach", "detach_", "data"}
ORIGIN = "_wherefrom_origin"  # the attribute in which a tensor of the pass holds where it comes from


@dataclass(frozen=True)
class Unknown:
    """An operation that no rule understands: its name, the parameters it met, and the line of the model's code."""

    operation: str
    parameters: tuple[str, ...]
    place: str


class Recorder(TorchFunctionMode):
    """The uses of one forward pass; ``uses[k]`` watches the gradient that :meth:`backward` puts into ``changes[k]``.

    ``unreached`` are chosen parameters, leaves of autograd's graph, of which no use is expected: where they are used and no torch
    function shows it, such as in an ``autograd.Function``, their gradient does.
    """

    def __init__(
        self,
        chosen: Mapping[str, Tensor],
        inputs: Any,
        size: int,
        rules: "Mapping[str, Rule]",
        otherwise: "Rule",
        unreached: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.rules, self.otherwise, self.unreached = rules, otherwise, unreached or {}
        chosen = {**chosen, **self.unreached}
        any_chosen = next(iter(chosen.values()))
        self.size, self.device = size, any_chosen.device
        self.anchor = torch.zeros((), dtype=any_chosen.dtype, device=any_chosen.device, requires_grad=True)
        self.fixed: dict[int, Pure | Data] = {id(value): Pure(value, (name,)) for name, value in chosen.items()}
        self.held: list[Tensor] = list(chosen.values())
        for leaf in tensors_of(inputs):
            owned = leaf.dim() and len(leaf) == size
            self.fixed[id(leaf)] = Data(first_owner(size, leaf.dim(), leaf.device) if owned else None)
            self.held.append(leaf)
        self.uses: list[Use] = []
        self.changes: list[Tensor | None] = []
        self.unknown: list[Unknown] = []
        self.last: tuple[Tensor, int, Use] | None = None  # the last watched output, its version and its use
        self.written = False  # whether rows were written into a tensor, so that some may be nobody's
        self.watched_bytes = 0  # of the gradients that a backward pass will leave
        self.label = ""  # of a composite operation that is taken apart
        self.types = {value.dtype for value in chosen.values()}  # floating types that the pass went through
        self.single: dict[int, Tensor] = {}  # owners of tensors of each rank in a batch of one
        self.rows: dict[tuple[int, torch.Size], tuple[Tensor | None, Tensor]] = {}

    # what a tensor is

    def origin(self, tensor: Tensor) -> Pure | Data | None:
        """Return where a tensor comes from; None for a constant."""
        origin = getattr(tensor, ORIGIN, None) or self.fixed.get(id(tensor))
        if origin is None and tensor.requires_grad:  # made where no torch function is seen, such as an autograd.Function
            rows = tensor.dim() and len(tensor) == self.size
            return Data(first_owner(self.size, tensor.dim(), tensor.device) if rows else None)
        return origin

    def owners(self, tensor: Tensor) -> Tensor | None:
        """Return the owners of data; None for others, and where they are not known or are nobody but in a tensor with a row for each example."""
        owners = self._owners(tensor)
        if owners is None or not self.written or not bool((owners == NOBODY).any()):
            return owners
        rows = first_owner(self.size, tensor.dim(), tensor.device)
        return rows if len(tensor) == self.size and bool(((owners == NOBODY) | (owners == rows)).all()) else None

    def _owners(self, tensor: Tensor) -> Tensor | None:
        origin = self.origin(tensor)
        if not isinstance(origin, Data):
            return None
        if self.size == 1:
            return self.single.setdefault(tensor.dim(), torch.zeros((1,) * tensor.dim(), dtype=torch.long, device=self.device))
        return origin.owners

    def row_owners(self, tensor: Tensor) -> Tensor | None:
        """Return the owner of each row (R,) of data whose last dimension tells no examples apart; None where they are not known."""
        owners = self.owners(tensor)
        if owners is None or owners.shape[-1] != 1:
            return None
        key = id(owners), tensor.shape[:-1]
        if key not in self.rows:  # kept with the owners, so that their id stays theirs
            self.rows[key] = owners[..., 0].expand(tensor.shape[:-1]).reshape(-1), owners
        return self.rows[key][0]

    def pure(self, tensor: Tensor | None) -> Pure | None:
        """Return how a tensor is made of parameters; None for data and constants."""
        origin = None if tensor is None else self.origin(tensor)
        return origin if isinstance(origin, Pure) else None

    def is_data(self, tensor: object) -> bool:
        """Return whether a tensor depends on the inputs."""
        return isinstance(tensor, Tensor) and isinstance(self.origin(tensor), Data)

    def mark(self, tensor: Tensor, origin: Pure | Data | None) -> None:
        """Set where a tensor of this pass comes from."""
        if id(tensor) in self.fixed:
            if origin is not None:
                self.fixed[id(tensor)] = origin
        else:
            setattr(tensor, ORIGIN, origin)

    # what is done with each function

    def __torch_function__(self, func: Function, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        keywords, name = kwargs or {}, operation_name(func)
        if name in PASSIVE or name in CREATED:
            return func(*args, **keywords)
        data, pures = False, []
        for tensor in tensors_of((args, keywords)):
            origin = self.origin(tensor)
            if isinstance(origin, Data):  # a number read out of data picks the same for all
                data = data or tensor.dim() > 0 or name not in PICKS
            elif origin is not None:
                pures.append(tensor)
        if data and is_write(name) and args and self.origin(args[0]) is None:  # a constant that is about to hold data
            self.mark(args[0], Data(nobodys(args[0])))
        if pures and not data:
            return self._derive(func, name, args, keywords, pures)
        if not pures or not torch.is_grad_enabled():
            result = func(*args, **keywords)
            if data:
                self.follow(name, func, args, keywords, result)
            return result
        call = Call(self, name, func, args, keywords, tuple(pures))
        return self.rules.get(name, self.otherwise)(call)

    def follow(self, name: str, function: Function, arguments: tuple[Any, ...], keywords: Mapping[str, object], result: object) -> None:
        """Mark a result as data, with the owners that follow from those of the arguments."""
        if name == "__setitem__":
            result = arguments[0]
        outputs = results_of(result)
        writes = is_write(name)
        self.written |= writes
        lost = writes and any(part.dim() and self.is_data(part) and self._owners(part) is None for part in tensors_of((arguments, keywords)))
        found = [None] * len(outputs) if self.size == 1 or lost else follow(name, function, arguments, keywords, result, self._owners)
        for (_, output), owners in zip(outputs, found, strict=True):
            self.mark(output, Data(owners))
            if output.is_floating_point():
                self.types.add(output.dtype)

    def _derive(self, function: Function, name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any], pures: list[Tensor]) -> Any:
        """Call a function of pure tensors, whose results are pure again."""
        result = function(*arguments, **keywords)
        if name in CUT or not torch.is_grad_enabled():
            for _, output in results_of(result):
                self.mark(output, None)
            return result
        parents = tuple(origin for tensor in pures if (origin := self.pure(tensor)) is not None)
        roots = tuple(dict.fromkeys(root for parent in parents for root in parent.roots))
        for place, output in results_of(result):
            made = output.is_floating_point() or output.is_complex()
            self.mark(output, Pure(output, roots, function, arguments, keywords, place, parents) if made else None)
        return result

    # what rules ask for

    def watch(self, output: Tensor, use: Use) -> Tensor:
        """Return the output of a use, its gradient to be kept."""
        place = len(self.uses)
        output = output if output.requires_grad else output + self.anchor.to(output.dtype)
        self.uses.append(use)
        self.changes.append(None)
        self.watched_bytes += output.nbytes
        output.register_hook(partial(self.changes.__setitem__, place))
        self.last = (output, output._version, use)
        return output

    def give_copies(self, use: Use) -> None:
        """Keep the gradient of the copies that a use gave to its operation."""
        place = len(self.uses)
        self.uses.append(use)
        self.changes.append(None)
        (copies,) = use.saved
        copies.register_hook(partial(self.changes.__setitem__, place))
        self.held.append(copies)

    def give_up(self, call: "Call") -> object:
        """Name an operation that no rule understands, and go on without it."""
        roots = tuple(dict.fromkeys(root for tensor in call.pures if (pure := self.pure(tensor)) for root in pure.roots))
        self.unknown.append(Unknown(call.name, roots, _model_line()))
        result = call.function(*call.arguments, **call.keywords)
        self.follow(call.name, call.function, call.arguments, call.keywords, result)
        return result

    # what comes of it

    def backward(self, total: Tensor, *, keep: bool = False) -> None:
        """Fill in what each watched output changes of ``total``; ``keep`` the graph for another."""
        self.changes[:] = [None] * len(self.changes)
        copies = [use.saved[0] for use in self.uses if use.kind == "copies"]
        if not total.requires_grad:
            return
        found = torch.autograd.grad(total, [self.anchor, *copies, *self.unreached.values()], retain_graph=keep, allow_unused=True)
        seen = {root for use in self.uses for pure in use.pures for root in pure.roots} | {root for one in self.unknown for root in one.parameters}
        moved = (name for name, gradient in zip(self.unreached, found[1 + len(copies) :], strict=True) if gradient is not None)
        if hidden := tuple(name for name in moved if name not in seen):
            self.unknown.append(Unknown("something that is no torch function", hidden, "?"))


def _model_line() -> str:
    """Return the innermost line of code that is neither torch's nor this library's."""
    frame = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if not module.startswith(("torch.", "wherefrom.")) and module not in ("torch", "contextlib"):
            return f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return "?"


@dataclass(eq=False)
class Call:
    """One call of a torch function that was given both: ``pures`` are its tensors made of parameters."""

    recorder: "Recorder"
    name: str
    function: Function
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    pures: tuple[Tensor, ...]

    def get(self, place: int, name: str, default: Any = None) -> Any:
        """Return an argument by place or name."""
        return self.arguments[place] if len(self.arguments) > place else self.keywords.get(name, default)

    @property
    def operation(self) -> str:
        """The name under which the use is told: that of the composite operation it is part of."""
        return self.recorder.label or self.name

    @property
    def in_place(self) -> bool:
        """Whether the function writes to its first argument."""
        return (self.name.endswith("_") and not self.name.endswith("__")) or self.name.startswith("__i") or self.name == "__setitem__"

    def run(self, table: Mapping[int, Tensor] | None = None) -> Any:
        """Return what the function gives, some tensors replaced."""
        arguments, keywords = substitute((self.arguments, self.keywords), table) if table else (self.arguments, self.keywords)
        return self.function(*arguments, **keywords)

    def finish(self, result: object) -> object:
        """Mark a result as data and return it."""
        self.recorder.follow(self.name, self.function, self.arguments, self.keywords, result)
        return result

    def give_up(self) -> object:
        """Name the operation as not understood."""
        return self.recorder.give_up(self)


Rule = Callable[[Call], Any]
