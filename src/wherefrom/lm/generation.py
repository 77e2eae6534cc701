"""What a model says of its own accord, as queries."""

from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from wherefrom.data.examples import Examples
from wherefrom.errors import UsageError
from wherefrom.forward import every_slot
from wherefrom.lm.language_problem import reader_of
from wherefrom.lm.rows import LanguageData, rows_of
from wherefrom.lm.token_row import TokenRow, token_row
from wherefrom.lm.token_texts import messages_row, tokens_of
from wherefrom.lm.tokenizer import special
from wherefrom.objective import IGNORED
from wherefrom.problem import Problem
from wherefrom.progress import track


def generations(
    problem: Problem, prompts: LanguageData, *, samples: int = 1, max_new_tokens: int = 32, temperature: float = 1.0, seed: int = 0,
    progress: bool = True,
) -> Examples:  # fmt: skip
    """Let the model of a problem continue prompts (texts, ``prompt``, ``messages`` or ``input_ids``) and return what it said as queries.

    ``temperature=0`` takes the likeliest token at each step. A query asks about the tokens that the model said, and is named by its prompt, with
    ``/0``, ``/1`` ... where there are several ``samples``. Draws depend on ``seed`` and the prompt's id alone. Raises :class:`UsageError` for a
    head that continues nothing.
    """
    reader = reader_of(problem)
    if not reader.encoder.head.is_causal:
        raise UsageError(f"A model with a {reader.encoder.head.task} head continues no prompt; give rows with labels to wf.lm.examples.")
    if samples < 1 or max_new_tokens < 1 or temperature < 0:
        raise UsageError("samples= and max_new_tokens= need 1 or more, and temperature= 0 or more.")
    rows, ids = rows_of(prompts, reader.columns)
    found: list[TokenRow] = []
    names: list[object] = []
    for row, key in track(zip(rows, ids.tolist(), strict=True), "generating", len(rows), progress):
        given = _prompt(problem, row, key)
        for draw in range(samples):
            said = _continued(problem, given, max_new_tokens, temperature, crc32(f"{seed} {key} {draw}".encode()))
            found.append(TokenRow({"input_ids": [*given, *said]}, [IGNORED] * len(given) + said))
            names.append(key if samples == 1 else f"{key}/{draw}")
    return reader.table(found, np.array(names))


def _prompt(problem: Problem, row: dict[str, Any], key: object) -> list[int]:
    encoder = reader_of(problem).encoder
    if "input_ids" in row:
        return token_row(row, key, True, encoder.takes).columns["input_ids"]
    if encoder.tokenizer is None:
        raise UsageError(f"Row {key!s} is text and there is no tokenizer; make the problem with tokenizer=, or give input_ids.")
    if "messages" in row:
        more = {"chat_template_kwargs": {**(row.get("chat_template_kwargs") or {}), "add_generation_prompt": True}}
        return messages_row(encoder.tokenizer, {**row, **more}, "all", key).columns["input_ids"]
    text = row.get("prompt", row.get("text"))
    if not isinstance(text, str) or not text:
        raise UsageError(f"Row {key!s} has {', '.join(row) or 'no columns'}; a prompt is a text, prompt, messages or input_ids.")
    ids = tokens_of(encoder.tokenizer, text).columns["input_ids"]
    end = special(encoder.tokenizer, "eos_token_id")
    return ids[:-1] if len(ids) > 1 and ids[-1] == end else ids  # a text that goes on has not ended


def _continued(problem: Problem, given: list[int], most: int, temperature: float, seed: int) -> list[int]:
    """The tokens that follow, at the problem's own parameters."""
    tokens = torch.tensor([given], device=problem.device)
    drawn = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0} if temperature else {"do_sample": False}
    devices = [problem.device] if problem.device.type == "cuda" else []
    values = {name: value for name, value in problem.state.items() if name not in problem.frozen}
    state = {f"model.{name}": value for name, value in every_slot(problem.model, values).items()}
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        torch.manual_seed(seed)
        keywords = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), "max_new_tokens": most, "pad_token_id": reader_of(problem).pad}
        said: Tensor = functional_call(_Continues(problem.model), state, (), {**keywords, **drawn}, tie_weights=False)
    new = said[0, len(given) :].tolist()
    if not new:
        raise UsageError("The model ended at once and said nothing; give another prompt, or a higher temperature.")
    return new


class _Continues(nn.Module):
    """A model whose forward is its generation."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, **keywords: Any) -> Tensor:
        return self.model.generate(**keywords)  # type: ignore[operator]
