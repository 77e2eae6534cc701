"""Recurrent layers taken apart: what a step adds to the gates is linear in the weights, so the gates' gradients give those of all of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from wherefrom.gradients.blocks import Dense, Factored
from wherefrom.gradients.origins import Data, Pure
from wherefrom.gradients.recorder import Call, Recorder
from wherefrom.gradients.uses import Part, Pass, Use

Step = Callable[[Tensor, Tensor, tuple[Tensor, ...]], tuple[tuple[Tensor, ...], Tensor | None]]  # of both sides' gates and the state: state, gate


@dataclass(eq=False)
class RecurrentUse(Use):
    """A direction of a layer: gates ``W x + b`` of inputs (B T, i) beside ``V h + c`` of states (B T, h), owners (B T,); watches the first (T, B, g).

    ``gate`` (B T, h) multiplies the last part of the second, as GRU's reset gate does.
    """

    operation: str
    weights: tuple[Pure | None, ...]  # W, V, b, c
    inputs: Tensor
    owners: Tensor
    states: Tensor = field(init=False)
    gate: Tensor | None = None
    kind: str = "recurrent"

    @property
    def title(self) -> str:
        return self.operation.partition("_")[0].upper()

    @property
    def pures(self) -> tuple[Pure, ...]:
        return tuple(pure for pure in self.weights if pure is not None)

    def parts(self, gradient: Tensor, shared: Pass) -> Iterator[Part]:
        mine = by_example(gradient)
        theirs = mine if self.gate is None else torch.cat([mine[:, : -self.gate.shape[1]], mine[:, -self.gate.shape[1] :] * self.gate], 1)
        packing = shared.packing(self.owners)
        mine, theirs, inputs, states = (packing.of_rows(rows) for rows in (mine, theirs, self.inputs, self.states))
        for place, block in enumerate((Factored(inputs, mine), Factored(states, theirs))):
            weight, bias = self.weights[place], self.weights[place + 2]
            if weight is not None:
                yield Part(weight, block)
            if bias is not None:
                yield Part(bias, Dense(block.outputs.sum(1, keepdim=True)))


def by_example(x: Tensor) -> Tensor:
    """Return (T, B, w) as rows (B T, w), those of an example one after the other."""
    return x.detach().transpose(0, 1).flatten(0, 1)


def take_recurrent(call: Call) -> object:
    """Take ``torch.lstm``, ``gru``, ``rnn_tanh`` and ``rnn_relu`` of padded sequences that start at constants; packed ones are not understood."""
    recorder, given = call.recorder, call.arguments
    if call.keywords or len(given) != 9 or not isinstance(given[3], bool):
        return call.give_up()
    x, start, weights, biased, layers, dropout, training, both, batch_first = given
    states, each, axis = start if isinstance(start, (tuple, list)) else (start,), 4 if biased else 2, 0 if batch_first else 1
    owners = recorder.owners(x)
    plain = len(weights) == each * layers * (1 + both) and not (training and dropout) and weights[1].shape[1] == states[0].shape[2]
    if not plain or owners is None or any(recorder.origin(state) for state in states) or any(recorder.is_data(weight) for weight in weights):
        return call.give_up()
    if owners.numel() != owners.shape[axis]:  # positions of several examples
        return call.give_up()
    hidden, ends = (x.transpose(0, 1) if batch_first else x), []
    rows = owners.reshape(-1).expand(hidden.shape[1])
    for layer in range(layers):
        sides = []
        for direction in range(1 + both):
            place = layer * (1 + both) + direction
            own = tuple(weights[each * place : each * (place + 1)])
            side, end = _direction(recorder, call.operation, hidden, own, tuple(state[place] for state in states), rows, backwards=direction == 1)
            sides.append(side)
            ends.append(end)
        hidden = torch.cat(sides, 2)
    outputs = hidden.transpose(0, 1) if batch_first else hidden
    recorder.mark(outputs, Data(owners))
    last = [torch.stack(parts) for parts in zip(*ends, strict=True)]
    for state in last:
        recorder.mark(state, Data(rows[None, :, None]))
    return outputs, *last


def _direction(
    recorder: Recorder, operation: str, x: Tensor, weights: tuple[Tensor, ...], state: tuple[Tensor, ...], rows: Tensor, *, backwards: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return the hidden states (T, B, h) and the last state of one direction of a layer."""
    pures = [recorder.pure(weight) for weight in weights] + [None] * (4 - len(weights))
    use = RecurrentUse(operation, tuple(pures), by_example(x), rows.repeat_interleave(len(x)))
    biases: tuple[Any, ...] = weights[2:] or (None, None)
    given = F.linear(x, weights[0], biases[0])
    given = recorder.watch(given, use) if use.pures else given
    before, after, gates = [], [], []
    step = STEPS[operation]
    for t in reversed(range(len(x))) if backwards else range(len(x)):
        before.append(state[0])
        state, gate = step(given[t], F.linear(state[0], weights[1], biases[1]), state)
        after.append(state[0])
        gates.append(gate)
    order = -1 if backwards else 1
    use.states = by_example(torch.stack(before[::order]))
    use.gate = None if gates[0] is None else by_example(torch.stack(gates[::order]))
    return torch.stack(after[::order]), state


def _lstm(given: Tensor, recurrent: Tensor, state: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], None]:
    enter, forget, value, leave = (given + recurrent).chunk(4, -1)
    cell = forget.sigmoid() * state[1] + enter.sigmoid() * value.tanh()
    return (leave.sigmoid() * cell.tanh(), cell), None


def _gru(given: Tensor, recurrent: Tensor, state: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], Tensor]:
    (reset, update, value), (own_reset, own_update, own_value) = given.chunk(3, -1), recurrent.chunk(3, -1)
    reset, update = (reset + own_reset).sigmoid(), (update + own_update).sigmoid()
    value = (value + reset * own_value).tanh()
    return (value + update * (state[0] - value),), reset


STEPS: dict[str, Step] = {
    "lstm": _lstm, "gru": _gru,
    "rnn_tanh": lambda given, recurrent, _: (((given + recurrent).tanh(),), None),
    "rnn_relu": lambda given, recurrent, _: (((given + recurrent).relu(),), None),
}  # fmt: skip
