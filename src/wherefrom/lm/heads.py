"""What a model of transformers was trained to say: the next token, masked ones, a target sequence, or classes."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, cast

from torch import Tensor, nn

from wherefrom.errors import UsageError
from wherefrom.objective import IGNORED, Objective, binary_cross_entropy, cross_entropy, next_token, squared_error

Task = Literal["causal", "masked", "seq2seq", "sequence", "tokens"]
L2 = float | Mapping[str, float]

TASKS: Mapping[str, Task] = {  # by how the names of model classes end
    "ForMaskedLM": "masked",
    "ForSequenceClassification": "sequence",
    "ForTokenClassification": "tokens",
    "ForCausalLM": "causal",
    "LMHeadModel": "causal",
    "ForConditionalGeneration": "causal",
}


@dataclass(frozen=True)
class Head:
    """A task, and whether a sequence's label is a class, several bits or numbers (``problem_type`` of its configuration)."""

    task: Task
    kind: Literal["classes", "bits", "numbers"] = "classes"

    def objective(self, l2: L2 = 0.0) -> Objective:
        """The model's own loss of each example, summed over its tokens."""
        if self.kind == "bits":
            return binary_cross_entropy(l2=l2)
        if self.kind == "numbers":
            return squared_error(l2=l2)
        return next_token(l2=l2) if self.task == "causal" else cross_entropy(l2=l2)

    @property
    def is_causal(self) -> bool:
        """Whether each token is said by the one before it."""
        return self.task == "causal"


def head_of(model: nn.Module, task: Task | None = None) -> Head:
    """Return the head of a model, by the name of its class. Raises :class:`UsageError` where that tells nothing."""
    inner = without_adapters(model)
    config = getattr(inner, "config", None)
    name = type(inner).__name__
    chosen: Task | None = task or next((found for end, found in TASKS.items() if name.endswith(end)), None)
    if chosen == "causal" and task is None and getattr(config, "is_encoder_decoder", False):
        chosen = "seq2seq"
    if chosen is None:
        raise UsageError(f"{name} has no head that is known; give a model of {', '.join('...' + end for end in TASKS)}, or task=.")
    return Head(chosen, _kind(config) if chosen == "sequence" else "classes")


def _kind(config: Any) -> Literal["classes", "bits", "numbers"]:
    """As the model's own forward decides it; where the configuration leaves it open, one output is a regression."""
    kinds = {"regression": "numbers", "multi_label_classification": "bits", "single_label_classification": "classes"}
    given = kinds.get(getattr(config, "problem_type", None) or "")
    return cast("Any", given or ("numbers" if getattr(config, "num_labels", 2) == 1 else "classes"))


def without_adapters(model: nn.Module) -> nn.Module:
    """Return the model that adapters of PEFT stand on; any other as it is."""
    return cast("nn.Module", cast("Any", model).get_base_model()) if is_adapted(model) else model


def is_adapted(model: nn.Module) -> bool:
    """Whether a model is one of PEFT; what merging leaves of it is not, though it keeps the configuration."""
    return hasattr(model, "peft_config") and hasattr(model, "get_base_model")


def accepted(model: nn.Module) -> frozenset[str]:
    """Return the names that a model's forward takes."""
    return frozenset(inspect.signature(without_adapters(model).forward).parameters)


def averaged(objective: Objective) -> Objective:
    """Return the same loss divided by the number of tokens of each example that count; it is no likelihood, so nothing is drawn from it."""
    return replace(objective, loss=partial(_mean_over_tokens, total=objective.loss, following=objective.loss is next_token().loss), sample=None)


def _mean_over_tokens(outputs: Tensor, targets: Tensor, total: Any, following: bool) -> Tensor:
    return total(outputs, targets) / counted_tokens(targets, following).clamp_min(1)


def counted_tokens(targets: Tensor, following: bool, virtual: int = 0) -> Tensor:
    """Return how many labels of each example count (B,); of a causal model all but the first, which only virtual tokens say."""
    if targets.dim() < 2 or targets.is_floating_point():
        return targets.new_ones(len(targets))
    return (targets[:, 1:] if following and not virtual else targets).ne(IGNORED).sum(1)
