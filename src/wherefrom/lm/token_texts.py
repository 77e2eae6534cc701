"""Texts to tokens that know their characters, so that completions, spans and turns of a conversation find their tokens."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from wherefrom.errors import UsageError
from wherefrom.lm.rows import Row
from wherefrom.lm.token_row import Columns, TokenRow
from wherefrom.lm.tokenizer import TextTokenizer, special
from wherefrom.objective import IGNORED

GENERATION = re.compile(r"\{%-?\s*generation")  # the mark in a chat template of what an assistant says
Span = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Tokens:
    """What a tokenizer made of a text: columns, and the characters of each token, (0, 0) for special ones."""

    columns: Columns
    characters: list[Span]

    def within(self, spans: Sequence[Span]) -> list[bool]:
        """Whether each token shares characters with a span."""
        return [any(start < stop and start < last and stop > first for first, last in spans) for start, stop in self.characters]


def tokens_of(tokenizer: TextTokenizer, text: str, special: bool = True) -> Tokens:
    """Return the tokens of a text, with the special ones that the tokenizer adds."""
    fast = bool(getattr(tokenizer, "is_fast", False))
    found = dict(tokenizer(text, add_special_tokens=special, return_offsets_mapping=fast, verbose=False))
    characters = cast("list[Span]", found.pop("offset_mapping", []))
    found.pop("attention_mask", None)
    return Tokens({name: list(values) for name, values in found.items()}, characters)


def text_row(tokenizer: TextTokenizer, text: str, eos: bool) -> TokenRow:
    """Return a text, all of whose tokens count."""
    columns = tokens_of(tokenizer, text).columns
    return _ended(TokenRow(columns, list(columns["input_ids"])), tokenizer, eos)


def completion_row(tokenizer: TextTokenizer, prompt: str, completion: str, eos: bool, key: object) -> TokenRow:
    """Return a prompt and its completion as one text; the completion's tokens count, also one that holds the prompt's end."""
    tokens = tokens_of(tokenizer, prompt + completion)
    if not completion:
        raise UsageError(f"The completion of row {key!s} is empty; give the text that the model was trained to say, or leave the row out.")
    if not tokens.characters:  # a tokenizer that does not tell characters
        before = tokens_of(tokenizer, prompt).columns["input_ids"]
        first = next(
            (place for place, (one, other) in enumerate(zip(before, tokens.columns["input_ids"], strict=False)) if one != other), len(before)
        )
    else:
        first = tokens.within([(len(prompt), len(prompt) + len(completion))]).index(True)
    ids = tokens.columns["input_ids"]
    return _ended(TokenRow(tokens.columns, [IGNORED] * first + ids[first:]), tokenizer, eos)


def span_row(tokenizer: TextTokenizer, row: Row, key: object) -> TokenRow:
    """Return a text of which the tokens of some spans count: parts of it that stand there once, or pairs of places of characters."""
    text = row["text"] if "text" in row else row.get("prompt", "") + row.get("completion", "")
    tokens = tokens_of(tokenizer, text)
    if not tokens.characters:
        raise UsageError("span= needs a tokenizer that tells the characters of its tokens (a fast one); give labels beside input_ids instead.")
    inside = tokens.within(spans_of(text, row["span"], key))
    return TokenRow(tokens.columns, [token if one else IGNORED for token, one in zip(tokens.columns["input_ids"], inside, strict=True)])


def spans_of(text: str, given: object, key: object) -> list[Span]:
    """Return spans as places of characters. Raises :class:`UsageError` for a part that stands nowhere or more than once."""
    is_pair = isinstance(given, (list, tuple)) and len(given) == 2 and all(isinstance(place, int) for place in given)
    found = []
    parts = cast("list[Any]", [given] if isinstance(given, str) or is_pair else given)
    for part in parts:
        if isinstance(part, str):
            times = text.count(part) if part else 0
            if times != 1:
                raise UsageError(f"The span {part!r} stands {times} times in row {key!s}; give [first, last] places of characters.")
            found.append((text.index(part), text.index(part) + len(part)))
        elif isinstance(part, (list, tuple)) and len(part) == 2 and 0 <= part[0] < part[1] <= len(text):
            found.append((int(part[0]), int(part[1])))
        else:
            raise UsageError(f"The span {part!r} of row {key!s} lies outside its {len(text)} characters; give 0 <= first < last.")
    return found


def messages_row(tokenizer: TextTokenizer, row: Row, train_on: str, key: object, first: int = 0) -> TokenRow:
    """Return a conversation by the tokenizer's template; what the assistant says counts, from the message ``first`` on, or all of it.

    The assistant's words are found by the template's own mark of them, or, without one, as what a message adds to the conversation before it.
    """
    messages, more = list(row["messages"]), {**(row.get("chat_template_kwargs") or {}), **({"tools": row["tools"]} if row.get("tools") else {})}
    if not getattr(tokenizer, "chat_template", None) or not hasattr(tokenizer, "apply_chat_template"):
        raise UsageError("The tokenizer has no chat template, so messages cannot be read; set tokenizer.chat_template to that of the training.")
    text = _rendered(tokenizer, messages, key, **more)
    tokens = tokens_of(tokenizer, text, special=False)
    ids = tokens.columns["input_ids"]
    if train_on == "all":
        return TokenRow(tokens.columns, list(ids))
    if first == 0 and GENERATION.search(str(cast("Any", tokenizer).chat_template)) and tokens.characters:
        marked = cast("Any", tokenizer).apply_chat_template(messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True, **more)
        inside = [bool(one) for one in marked["assistant_masks"]]
        ids = list(marked["input_ids"])
        tokens = Tokens({**tokens.columns, "input_ids": ids}, tokens.characters)
    else:
        inside = tokens.within(_turns(tokenizer, messages, text, key, first, more))
    return TokenRow(tokens.columns, [token if one else IGNORED for token, one in zip(ids, inside, strict=True)])


def _turns(tokenizer: TextTokenizer, messages: list[Any], text: str, key: object, first: int, more: dict[str, Any]) -> list[Span]:
    found = []
    for place, message in enumerate(messages):
        if message.get("role") != "assistant" or place < first:
            continue
        before = _rendered(tokenizer, messages[:place], key, add_generation_prompt=True, **more)
        through = _rendered(tokenizer, messages[: place + 1], key, **more)
        if not (through.startswith(before) and text.startswith(through)):
            raise UsageError(
                f"The chat template writes message {place} of row {key!s} otherwise in the middle of a conversation than at its end, so what was "
                'trained on cannot be told; mark it in the template by {% generation %}, or give train_on="all".'
            )
        found.append((len(before), len(through)))
    return found


def _rendered(tokenizer: TextTokenizer, messages: list[Any], key: object, **more: Any) -> str:
    if not messages:
        return ""
    try:
        return str(cast("Any", tokenizer).apply_chat_template(messages, tokenize=False, **more))
    except Exception as error:  # whatever a template raises
        raise UsageError(f"The chat template cannot write row {key!s} ({' '.join(str(error).split())}); give messages as it wants them.") from error


def _ended(row: TokenRow, tokenizer: TextTokenizer, eos: bool) -> TokenRow:
    """The row with the token that ends a text, unless it stands there."""
    end = special(tokenizer, "eos_token_id")
    if not eos or end is None or row.columns["input_ids"][-1] == end:
        return row
    more = {name: [*values, end if name == "input_ids" else values[-1]] for name, values in row.columns.items()}
    return TokenRow(more, [*row.labels, end])
