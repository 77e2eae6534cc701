"""A language model and its data as a problem."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import nn

from wherefrom.data.examples import Data, Examples
from wherefrom.errors import UsageError
from wherefrom.forward import bare_model
from wherefrom.lm.checks import check_alone, check_apart, own_objective
from wherefrom.lm.encoding import Encoder
from wherefrom.lm.heads import L2, Head, Task, accepted, head_of, is_adapted, without_adapters
from wherefrom.lm.layout import Side, split_packed
from wherefrom.lm.loading import adapter_names, open_model, open_tokenizer
from wherefrom.lm.reader import LanguageDataWarning, Reader, account_of
from wherefrom.lm.rows import LanguageData
from wherefrom.lm.tokenizer import TextTokenizer, special
from wherefrom.objective import Objective
from wherefrom.problem import Problem
from wherefrom.types import Numbers

ENDLESS = 10**9  # what tokenizers say where they know no longest text


def problem(
    model: str | Path | nn.Module, data: LanguageData, *, tokenizer: TextTokenizer | str | Path | None = None, task: Task | None = None,
    columns: Mapping[str, str] | None = None, max_length: int | None = None, padding_side: Side = "right", packing: bool = False,
    train_on: Literal["assistant", "all"] = "assistant", append_eos: bool | None = None, masked: float = 0.15, seed: int = 0,
    l2: L2 = 0.0, objective: Objective | None = None, parameters: str | Sequence[str] | None = None, weights: Numbers | None = None,
    batch_size: int | None = None, memory: int | str | None = None,
    dtype: torch.dtype | None = None, base: str | Path | nn.Module | None = None,
) -> Problem:  # fmt: skip
    """Put a language model of transformers, or its folder or name, and its training data together, with the model's own loss per example.

    ``data``: a JSON-lines file, a ``datasets.Dataset``, a list. Rows hold ``text``; ``prompt`` and ``completion`` (the completion counts);
    ``messages`` (by the tokenizer's template; what the assistant says counts, or with ``train_on="all"`` all of it); or ``input_ids`` with
    ``attention_mask`` and ``labels`` where there are any. ``columns`` renames: ``{"text": "review"}``. Rows are named by a column ``id``.

    An example's loss is the sum over its tokens that count, of which the model's own loss is the mean; on the first examples both are compared, and
    a model whose own loss is another is refused with both numbers. ``objective`` puts another in its place, unasked.

    ``max_length`` (default: the model's longest) cuts rows, which is told by a :class:`LanguageDataWarning`. ``packing`` puts documents together in
    rows of that length, each apart from the others. ``append_eos``: whether the token that ends a text follows; by default after a completion.
    ``masked`` is the share of tokens that a masked model is asked for, drawn by ``seed``. ``parameters`` default to the adapters alone where there
    are any, ``base`` is the model that a folder of adapters stands on, ``dtype`` that of weights read from a folder (default: as stored).
    """
    opened, found = bare_model(open_model(model, base, dtype)), open_tokenizer(tokenizer, model)
    head, longest = head_of(opened, task), _longest(opened, found, max_length)
    encoder = Encoder(head, found, accepted(opened), longest, train_on, append_eos, masked, seed, _classes(opened, head))
    reader, examples = _read(_reader(encoder, opened, padding_side, packing, columns or {}), data)
    chosen, split = parameters if parameters is not None else _parameters(opened), split_packed if reader.apart else None
    asked = objective or head.objective(l2)
    made = Problem.of(opened, asked, examples, parameters=chosen, weights=weights, split=split, batch_size=batch_size, memory=memory)
    made = _checked(replace(made, reader=reader), head, objective is None)
    for sentence in reader.account.losses() if reader.account is not None else ():
        warnings.warn(sentence, LanguageDataWarning, stacklevel=2)
    return made


def _read(reader: Reader, data: LanguageData) -> tuple[Reader, Examples]:
    """The training data, and the reader with their account."""
    rows, ids = reader.encoded(data)
    reader = replace(reader, apart=reader.apart or any("position_ids" in row.columns for row in rows))
    examples = reader.table(rows, ids) if reader.length is None else reader.packed_table(rows, ids)
    return replace(reader, account=account_of(rows, ids, reader.encoder.max_length, None if reader.length is None else len(examples))), examples


def _checked(made: Problem, head: Head, own: bool) -> Problem:
    """The problem with the model's own loss, unless another was given, after a look at the first examples."""
    if own:
        made = replace(made, objective=own_objective(made, head)[0])
    check_apart(made) if reader_of(made).apart else check_alone(made)
    return made


def examples(problem: Problem, data: Data | LanguageData) -> Examples:
    """Read queries, or other data, as the problem's training data were read: ``problem.examples`` by another name.

    A query is asked about its completion, about all of its text, about spans of it (``{"text": "Paris is in France.", "span": "France"}``), or about
    the tokens that ``labels`` leave.
    """
    reader_of(problem)
    return problem.examples(cast("Data", data))


def describe(problem: Problem) -> str:
    """What is attributed, in words: the head, the loss and how it stands to the model's own, the data, and what of them was lost."""
    reader = reader_of(problem)
    account, head = reader.account, reader.encoder.head
    assert account is not None  # a problem is made with one
    loss = own_objective(problem, head)[1] if problem.objective.loss is head.objective().loss else "an objective of its own"
    lines = [f"{type(without_adapters(problem.model)).__name__}, {head.task} head; the loss of an example is {loss}.", f"{account.describe()}."]
    return "\n".join([*lines, *account.losses()])


def reader_of(problem: Problem) -> Reader:
    """Return what reads a problem's data. Raises :class:`UsageError` where the problem is of no language model."""
    if not isinstance(problem.reader, Reader):
        raise UsageError("The problem is not one of a language model; make it by wf.lm.problem.")
    return problem.reader


def _reader(encoder: Encoder, model: nn.Module, side: Side, packing: bool, columns: Mapping[str, str]) -> Reader:
    if side not in ("right", "left"):
        raise UsageError(f"padding_side={side!r} is unknown; give 'right' or 'left'.")
    if side == "left" and encoder.head.task not in ("causal", "sequence"):
        raise UsageError(f"Padding on the left moves the tokens of a {encoder.head.task} model from their places; leave out padding_side=.")
    if packing and not (encoder.head.is_causal and "position_ids" in encoder.takes and encoder.max_length):
        raise UsageError("packing= needs a causal model that takes position_ids, and max_length=, the length of its rows; leave it out.")
    prompted = any(getattr(one, "is_prompt_learning", False) for one in (getattr(model, "peft_config", {}) if is_adapted(model) else {}).values())
    if packing and prompted:
        raise UsageError("Virtual tokens stand before a row, not before each of its documents; leave out packing=.")
    pads = (special(encoder.tokenizer, "pad_token_id"), getattr(without_adapters(model).config, "pad_token_id", None))
    pad = next((one for one in pads if isinstance(one, int)), 0)
    if encoder.head.task == "sequence" and pads[1] is not None:
        pad = cast("int", pads[1])  # by which such a model finds a text's last token
    positions = side == "left" and "position_ids" in encoder.takes and encoder.head.is_causal and not prompted
    return Reader(encoder, pad, side, positions, packing, encoder.max_length if packing else None, columns)


def _longest(model: nn.Module, tokenizer: Any, given: int | None) -> int | None:
    """The most tokens of a row: as given, or what the model and the tokenizer take."""
    if given is not None and given < 2:
        raise UsageError(f"max_length={given} leaves nothing to say; give 2 or more.")
    config = without_adapters(model).config
    known = [getattr(config, name, None) for name in ("max_position_embeddings", "n_positions", "max_sequence_length")]
    known.append(getattr(tokenizer, "model_max_length", None))
    lengths = [one for one in known if isinstance(one, int) and 0 < one < ENDLESS]
    return given or (min(lengths) if lengths else None)


def _classes(model: nn.Module, head: Head) -> dict[str, int]:
    return dict(getattr(without_adapters(model).config, "label2id", None) or {}) if head.task in ("sequence", "tokens") else {}


def _parameters(model: nn.Module) -> list[str] | None:
    """Adapters where there are any; where nothing requires a gradient, as after merging, all that could."""
    if is_adapted(model):
        return list(adapter_names(model))
    if any(value.requires_grad for value in model.parameters()):
        return None
    return [name for name, value in model.named_parameters() if value.is_floating_point()]
