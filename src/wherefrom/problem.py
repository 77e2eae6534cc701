"""A trained model, what it was trained for, and the data it was trained on: all that attribution is asked of."""

import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from wherefrom.data.batches import Batch, per_example
from wherefrom.data.examples import Data, Examples, Split, split_batch, split_of
from wherefrom.data.trees import leaves, tree_map
from wherefrom.errors import UsageError, nearest
from wherefrom.fingerprints import seal
from wherefrom.forward import HALVES, bare_model, check_grad_mode, run, usable, widened
from wherefrom.gradients.description import coverage_lines
from wherefrom.gradients.verify_rules import proved
from wherefrom.memory import memory_budget
from wherefrom.objective import Objective
from wherefrom.parameters import checked_weights, chosen_names, flatten, main_type, unflatten, working_type
from wherefrom.scores import positions_of
from wherefrom.types import Ids, Numbers, Tree


@dataclass(frozen=True, eq=False)
class Problem:
    """R(θ) = (1/N) Σᵢ wᵢ lossᵢ(θ) + l2/2 ‖θ‖², minimised by ``model`` at its present parameters.

    Make one with :meth:`of`. ``state`` holds every parameter and buffer of the model, ``names`` those parameters that θ
    means, ``normaliser`` is N. Nothing here changes the model.
    """

    model: nn.Module
    objective: Objective
    train: Examples
    state: dict[str, Tensor]
    names: tuple[str, ...]
    weights: Tensor
    normaliser: float
    split: Split = split_batch
    batch_size: int | None = None
    memory: int | str | None = None
    frozen: frozenset[str] = frozenset()  # parameters that stay where they are in the model, whatever kind of tensor they are
    reader: Callable[[Data], Examples] = Examples.of  # makes examples of queries

    @classmethod
    def of(
        cls,
        model: nn.Module,
        objective: Objective,
        train: Data,
        *,
        parameters: str | Sequence[str] | None = None,
        ids: Ids | None = None,
        weights: Numbers | None = None,
        split: Split | None = None,
        batch_size: int | None = None,
        memory: int | str | None = None,
    ) -> "Problem":
        """Put a model, its objective and its training data together.

        ``train`` is a tuple or dictionary of tensors, a list of samples, a map-style dataset, or batches that can be iterated again and again.
        ``parameters`` are name patterns (default: all that require grad), ``ids`` n whole numbers or texts (default
        0..n-1), ``weights`` (n,) numbers of 0 or more, ``split`` maps a batch to (inputs, targets), ``memory`` is a
        budget such as ``"4GB"`` (default: half of what is free). Raises :class:`UsageError` for a model in train mode,
        data that are not finite, duplicate ids, and whatever else cannot be answered.
        """
        examples = Examples.of(train, ids)
        model = bare_model(model)
        names = chosen_names(model, parameters)
        state = {name: usable(value.detach()) for name, value in model.named_parameters()}
        frozen = frozenset(name for name, value in model.named_parameters() if name not in names and not value.requires_grad)
        state |= {name: value.detach().clone() for name, value in model.named_buffers()}
        objective.check_names(tuple(state))
        values = checked_weights(weights, len(examples), working_type([state[name].dtype for name in names]), state[names[0]].device)
        if batch_size is not None and batch_size < 1:
            raise UsageError(f"batch_size={batch_size} is no size; give 1 or more.")
        memory_budget(memory, values.device)
        problem = cls(model, objective, examples, state, names, values, float(values.sum()), split or split_of(model), batch_size, memory, frozen)
        problem._check_mode()
        return problem

    def __len__(self) -> int:
        return len(self.train)

    @property
    def ids(self) -> np.ndarray:
        """The ids of the training examples, in order."""
        return self.train.ids

    @property
    def parameters(self) -> dict[str, Tensor]:
        """θ: the chosen parameters by name."""
        return {name: self.state[name] for name in self.names}

    @property
    def size(self) -> int:
        """The number of entries of θ."""
        return sum(self.state[name].numel() for name in self.names)

    @property
    def dtype(self) -> torch.dtype:
        """The floating type of gradients and scores: that of θ, and float32 where θ is in half precision."""
        return self._working_type

    _working_type = cached_property(lambda self: working_type([self.state[name].dtype for name in self.names]))

    @property
    def input_type(self) -> torch.dtype:
        """The floating type to which inputs are cast: that of most of the model's parameters."""
        return main_type([self.state[name] for name, _ in self.model.named_parameters()])

    @property
    def device(self) -> torch.device:
        """Where θ lies, to which batches are moved."""
        return self.state[self.names[0]].device

    @property
    def budget(self) -> int:
        """Bytes that a computation on this problem may take."""
        return memory_budget(self.memory, self.device)

    @property
    def l2(self) -> Tensor:
        """The strength of the penalty on each entry of θ (d,)."""
        strengths = [torch.full((self.state[name].numel(),), self.objective.l2_of(name), dtype=self.dtype) for name in self.names]
        return torch.cat(strengths).to(self.device)

    def flatten(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return θ, or other numbers (*lead, *shape) of each of its parameters by name, as one vector (*lead, d)."""
        flat = flatten(values, self._shapes)
        return flat.to(self.dtype) if flat.dtype in HALVES else flat

    def unflatten(self, flat: Tensor) -> dict[str, Tensor]:
        """Return a vector (*lead, d) as views (*lead, *shape) of each parameter of θ by name."""
        return unflatten(flat, self._shapes)

    @property
    def _shapes(self) -> dict[str, torch.Size]:
        return {name: self.state[name].shape for name in self.names}

    def without(self, ids: Ids) -> "Problem":
        """The problem with these examples left out, N unchanged: their losses leave the sum, nothing else moves."""
        gone = positions_of(ids, self.ids, "training")
        kept = np.setdiff1d(np.arange(len(self)), gone)
        if len(gone) != len(self) - len(kept):
            raise UsageError("An id is named twice among those to leave out; name each once.")
        if len(kept) == 0:
            raise UsageError("Leaving these out leaves no training examples; keep at least one.")
        return replace(self, train=self.train.take(kept), weights=self.weights[torch.from_numpy(kept)])

    def subset(self, ids: Ids) -> "Problem":
        """These examples as a training set of its own, with their own N."""
        kept = positions_of(ids, self.ids, "training")
        if len(kept) == 0 or len(set(kept.tolist())) < len(kept):
            raise UsageError("A subset needs at least one id, and each id once.")
        chosen = replace(self, train=self.train.take(kept), weights=self.weights[torch.from_numpy(kept)])
        return chosen.renormalised()

    def renormalised(self) -> "Problem":
        """The same examples with N = the sum of their own weights."""
        return replace(self, normaliser=float(self.weights.sum()))

    def reweighted(self, weights: Tensor) -> "Problem":
        """The same examples with other weights (n,), N unchanged; weight 0 leaves an example out."""
        return replace(self, weights=weights.to(self.weights))

    def replaced(self, ids: Ids, inputs: Tree) -> "Problem":
        """The same problem with other ``inputs`` for these examples (k rows, in the form that split gives); targets, ids and weights stay.

        Raises :class:`UsageError` for another shape or kind of numbers, and where ``split`` computes inputs rather than picking them.
        """
        return replace(self, train=self.train.replaced(self.train.select(ids).with_inputs(inputs, self.split)))

    def relabelled(self, ids: Ids, targets: Tree | Numbers) -> "Problem":
        """The same problem with other ``targets`` for these examples (k rows, in the form that split gives); inputs, ids, order and weights stay.

        Raises :class:`UsageError` for another shape or kind of numbers, and where ``split`` computes targets rather than picking them.
        """
        return replace(self, train=self.train.replaced(self.train.select(ids).with_targets(targets, self.split)))

    def at(self, parameters: Mapping[str, Tensor]) -> "Problem":
        """The same problem at other values of some parameters."""
        state = dict(self.state)
        for name, value in parameters.items():
            if name not in state:
                raise UsageError(f"The model has no parameter {name!r}.{nearest(name, state)}")
            if value.shape != state[name].shape:
                raise UsageError(f"Parameter {name!r} has shape {tuple(state[name].shape)}, not {tuple(value.shape)}; give values of this model.")
            state[name] = value.detach().to(state[name].device, state[name].dtype)
        return replace(self, state=state, frozen=self.frozen - set(parameters))

    def initialised(self, seed: int) -> "Problem":
        """The same problem at new values of θ, drawn by the layers' own ``reset_parameters``. Raises :class:`UsageError` where a layer has none."""
        model = copy.deepcopy(self.model)
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(seed)
            for place, module in model.named_modules():
                reset = getattr(module, "reset_parameters", getattr(module, "_reset_parameters", None))
                own = [name for name, _ in module.named_parameters(place, recurse=False) if name in self.names]
                if reset is not None:
                    reset()
                elif own:
                    raise UsageError(f"{type(module).__name__} cannot draw {own[0]!r} anew; give start=, a function (problem, seed) -> problem.")
        return self.at({name: value for name, value in model.named_parameters() if name in self.names})

    def restricted(self, parameters: str | Sequence[str] | None) -> "Problem":
        """The same problem with θ the parameters that match some patterns; None keeps it."""
        return self if parameters is None else replace(self, names=chosen_names(self.model, parameters))

    def to(self, dtype: torch.dtype) -> "Problem":
        """The same problem in another floating type; what is quantised stays as it is."""
        cast = {name for name, value in self.state.items() if value.is_floating_point() and type(value) in (Tensor, nn.Parameter)}
        state = {name: value.to(dtype) if name in cast else value for name, value in self.state.items()}
        problem = replace(self, state=state, frozen=self.frozen - cast)
        return replace(problem, weights=self.weights.to(problem.dtype))

    def examples(self, data: Data) -> Examples:
        """Queries, given in any of the forms of training data; :class:`Examples` keep their ids."""
        return self.reader(data)

    def batches(self, examples: Examples | None = None, size: int | None = None, weights: Tensor | None = None) -> Iterator[Batch]:
        """The training examples (or others, of weight 1 unless told) in batches on the model's device, floats in its type."""
        self._check_mode()
        source = self.train if examples is None else examples
        weights = self.weights if examples is None else weights if weights is not None else self.weights.new_ones(len(source))
        for positions, data in source.read(size or self.batch_size or 512):
            inputs, targets = self.split(data)
            rows = {len(leaf) for leaf in leaves((inputs, targets)) if leaf.dim() > 0}
            if rows != {len(positions)}:
                raise UsageError(f"Inputs and targets of a batch have {' and '.join(map(str, sorted(rows)))} rows; give one target for each example.")
            inputs, targets = tree_map(self._placed, inputs), tree_map(self._placed, targets)
            yield Batch(positions, source.ids[positions], inputs, targets, weights[torch.from_numpy(positions).to(weights.device)])

    def _placed(self, leaf: Tensor) -> Tensor:
        leaf = leaf.clone() if leaf.is_inference() else leaf  # which autograd cannot keep
        return leaf.to(self.device, self.input_type) if leaf.is_floating_point() else leaf.to(self.device)

    def outputs(self, inputs: Tree, parameters: Mapping[str, Tensor] | None = None) -> Tensor:
        """What the model says, at θ or at other values of parameters, in float32 or more. A model that changes its inputs in place is refused."""
        outputs = run(self.model, {**self._swapped, **(parameters or {})}, inputs, self._buffers, self.state)
        outputs = cast("Tensor", widened(self.objective.picked(outputs)))
        single = isinstance(outputs, Tensor) and all(len(leaf) == 1 for leaf in leaves(inputs) if leaf.dim())
        return outputs[None] if single and (outputs.dim() == 0 or len(outputs) != 1) else outputs  # squeezed: a batch of one

    @cached_property
    def _swapped(self) -> dict[str, Tensor]:
        """The parameters at which the model is run, but for those that stay in it."""
        left = self._buffers.keys() | (self.frozen - set(self.names))
        return {name: value for name, value in self.state.items() if name not in left}

    @cached_property
    def _buffers(self) -> dict[str, Tensor]:
        """The buffers that the model is given, which it may write to; ``state`` keeps them as they were."""
        return {name: self.state[name].clone() for name, _ in self.model.named_buffers()}

    def losses(self, outputs: Tree, batch: Batch) -> Tensor:
        """The training loss of each example of a batch (B,)."""
        return per_example(self.objective.loss, "loss", outputs, batch)

    def measurements(self, outputs: Tree, batch: Batch) -> Tensor:
        """What a query is asked, for each example of a batch (B,)."""
        return per_example(self.objective.measurement or self.objective.loss, "measurement", outputs, batch)

    def describe(self) -> str:
        """The problem in words: the model, N, the objective, and for each parameter of θ the operations that use it and what takes its gradients.

        Operations without a rule are named with the line of the model's code. The rules are proved on a few examples, so the model runs.
        """
        lines = [
            f"{type(self.model).__name__}, {self.size:,} parameters in {len(self.names)} tensors ({self.dtype}, {self.device}), "
            f"{len(self.state) - len(self.names)} held fixed",
            f"{len(self):,} training examples, N = {self.normaliser:g}",
            self.objective.describe(),
        ]
        return "\n".join(lines + coverage_lines(self, proved(self)))

    def fingerprints(self) -> dict[str, str]:
        """A text for each of the weights, the objective, the data, the ids and the example weights that changes with it."""
        return {
            "weights": seal(*self.state.values()),
            "choice of parameters": seal(self.names),
            "objective": seal(self.objective.describe()),
            "training data": seal(self.train.source.digest(), self.train.rows),
            "ids": seal("\n".join(map(str, self.ids.tolist()))),
            "example weights": seal(self.normaliser, self.weights),
        }

    def fingerprint(self) -> str:
        """A text that changes with the weights, the data, the ids, the example weights or the objective."""
        return hashlib.sha256(str(self.fingerprints()).encode()).hexdigest()

    def _check_mode(self) -> None:
        check_grad_mode()
        if any(module.training for module in self.model.modules()):
            raise UsageError("The model is in train mode, where dropout and batch norm make answers random; call model.eval() first.")
