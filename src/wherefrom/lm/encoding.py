"""Rows to tokens and labels, as training made them, for each kind of head."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from zlib import crc32

import torch

from wherefrom.errors import UsageError, nearest
from wherefrom.lm.heads import Head
from wherefrom.lm.rows import Row, listed
from wherefrom.lm.token_row import TokenRow, token_row
from wherefrom.lm.token_texts import completion_row, messages_row, span_row, spans_of, text_row, tokens_of
from wherefrom.objective import IGNORED


@dataclass(frozen=True, eq=False)
class Encoder:
    """How rows become tokens: by what tokenizer, how long, and what counts.

    ``train_on``: in conversations, what the assistant says or all. ``append_eos``: whether the token that ends a text follows; None: after a
    completion, not after a text. ``masked``: the share of tokens that a masked model was asked for, drawn by ``seed`` and the row's id.
    """

    head: Head
    tokenizer: Any = None  # a TextTokenizer
    takes: frozenset[str] = frozenset({"input_ids", "attention_mask"})
    max_length: int | None = None
    train_on: Literal["assistant", "all"] = "assistant"
    append_eos: bool | None = None
    masked: float = 0.15
    seed: int = 0
    classes: Mapping[str, int] = field(default_factory=dict)

    def __call__(self, row: Row, key: object) -> TokenRow:
        """A row's tokens and labels, cut to ``max_length``."""
        beside = self.head.task in ("causal", "masked", "tokens")
        if "input_ids" in row:
            found = token_row(row, key, beside and ("labels" in row or self.head.task == "causal"), self.takes)
            if self.head.task == "masked" and "labels" not in row:
                found = self._mask(TokenRow(found.columns, None), key, None)
        elif self.tokenizer is None:
            raise UsageError(f"Row {key!s} is text and there is no tokenizer; give tokenizer=, or input_ids.")
        else:
            made: Mapping[str, Callable[[Row, object], TokenRow]] = {
                "causal": self._causal, "masked": self._masked, "seq2seq": self._target, "sequence": self._class, "tokens": self._words,
            }  # fmt: skip
            found = made[self.head.task](row, key)
        columns = {name: values for name, values in found.columns.items() if name in self.takes or name == "input_ids"}
        labels = self._label(found.labels, key) if self.head.task == "sequence" else found.labels
        if labels is None:
            raise UsageError(f"Row {key!s} has no labels; give what the model should say of it.")
        return self._cut(TokenRow(columns, labels, found.lost), beside)

    def _cut(self, row: TokenRow, beside: bool) -> TokenRow:
        left = getattr(self.tokenizer, "truncation_side", "right") == "left"
        row = row.cut(self.max_length, left, beside)
        if self.head.task == "seq2seq" and self.max_length is not None and len(row.labels) > self.max_length:
            return TokenRow(row.columns, row.labels[: self.max_length], row.lost + len(row.labels) - self.max_length)
        return row

    def _causal(self, row: Row, key: object) -> TokenRow:
        end = self.append_eos
        if "messages" in row:
            return messages_row(self.tokenizer, row, self.train_on, key)
        if "prompt" in row and "completion" in row and isinstance(row["prompt"], list):
            whole = {**row, "messages": [*row["prompt"], *row["completion"]]}
            return messages_row(self.tokenizer, whole, self.train_on, key, len(row["prompt"]))
        if row.get("span") is not None:
            return span_row(self.tokenizer, row, key)
        if "prompt" in row and "completion" in row:
            return completion_row(self.tokenizer, row["prompt"], row["completion"], True if end is None else end, key)
        return text_row(self.tokenizer, _text(row, key, "text, prompt and completion, messages or input_ids"), bool(end))

    def _masked(self, row: Row, key: object) -> TokenRow:
        text = _text(row, key, "text or input_ids")
        tokens = tokens_of(self.tokenizer, text)
        asked = None if row.get("span") is None else tokens.within(spans_of(text, row["span"], key))
        return self._mask(TokenRow(tokens.columns, None), key, asked)

    def _mask(self, row: TokenRow, key: object, asked: list[bool] | None) -> TokenRow:
        """Hide the tokens that are asked for, or a share of them as the collator of transformers does: 8 in 10 by the mask, 1 by another token."""
        ids, mask = row.columns["input_ids"], getattr(self.tokenizer, "mask_token_id", None)
        if mask is None:
            raise UsageError(f"Row {key!s} of a masked model has no labels, and there is no tokenizer with a mask token to draw some; give labels.")
        if asked is not None:
            hidden = [mask if one else token for token, one in zip(ids, asked, strict=True)]
            return TokenRow({**row.columns, "input_ids": hidden}, [token if one else IGNORED for token, one in zip(ids, asked, strict=True)])
        generator = torch.Generator().manual_seed(crc32(f"{self.seed} {key}".encode()))
        draw, kind = torch.rand(2, len(ids), generator=generator).tolist()
        other = torch.randint(len(self.tokenizer), (len(ids),), generator=generator).tolist()
        special = set(self.tokenizer.all_special_ids)
        open_places = [place for place, token in enumerate(ids) if token not in special]
        chosen = {place for place in open_places if draw[place] < self.masked} or set(sorted(open_places, key=lambda place: draw[place])[:1])
        new = [token if place not in chosen or kind[place] >= 0.9 else mask if kind[place] < 0.8 else other[place] for place, token in enumerate(ids)]
        return TokenRow({**row.columns, "input_ids": new}, [token if place in chosen else IGNORED for place, token in enumerate(ids)])

    def _target(self, row: Row, key: object) -> TokenRow:
        source = row.get("prompt", row.get("text"))
        if not isinstance(source, str) or not isinstance(row.get("completion"), str):
            raise UsageError(f"Row {key!s} has {', '.join(row)}; a model from text to text needs prompt and completion (columns= renames yours).")
        labels = list(self.tokenizer(text_target=row["completion"], verbose=False)["input_ids"])
        return TokenRow(tokens_of(self.tokenizer, source).columns, labels)

    def _class(self, row: Row, key: object) -> TokenRow:
        found = dict(self.tokenizer(_text(row, key, "text and label"), row.get("text_pair"), verbose=False))
        lost = 0
        if self.max_length is not None and len(found["input_ids"]) > self.max_length:  # the tokenizer keeps the special token at the end
            whole = len(found["input_ids"])
            found = dict(self.tokenizer(row["text"], row.get("text_pair"), truncation=True, max_length=self.max_length, verbose=False))
            lost = whole - len(found["input_ids"])
        found.pop("attention_mask", None)
        return TokenRow(found, listed(row.get("labels", row.get("label"))), lost)

    def _words(self, row: Row, key: object) -> TokenRow:
        words, labels = row.get("tokens"), listed(row.get("labels"))
        if not isinstance(words, list) or not isinstance(labels, list) or len(words) != len(labels):
            raise UsageError(
                f"Row {key!s} has {', '.join(row)}; a model of classes of tokens needs tokens and as many labels (columns= renames yours)."
            )
        found = self.tokenizer(words, is_split_into_words=True, verbose=False)
        places, made = found.word_ids(), []
        for place, word in enumerate(places):  # the first token of a word stands for it
            made.append(IGNORED if word is None or (place and places[place - 1] == word) else self._class_of(labels[word], key))
        columns = {name: list(values) for name, values in found.items() if name != "attention_mask"}
        return TokenRow(columns, made)

    def _label(self, label: Any, key: object) -> Any:
        """A class, or numbers, as the loss wants them."""
        if label is None or self.head.kind == "classes":
            return None if label is None else self._class_of(label[0] if isinstance(label, list) and len(label) == 1 else label, key)
        return [float(one) for one in label] if isinstance(label, list) else [float(label)]

    def _class_of(self, label: Any, key: object) -> int:
        if isinstance(label, str):
            if label not in self.classes:
                raise UsageError(
                    f"Label {label!r} of row {key!s} is none of the model's.{nearest(label, self.classes)} It has {', '.join(self.classes)}."
                )
            return self.classes[label]
        if isinstance(label, bool) or not isinstance(label, int) or (self.classes and label not in (*self.classes.values(), IGNORED)):
            raise UsageError(f"Label {label!r} of row {key!s} is none of the model's {len(self.classes)} classes; give a number or name of one.")
        return label


def _text(row: Row, key: object, needed: str) -> str:
    if not isinstance(row.get("text"), str) or not row["text"]:
        raise UsageError(
            f"Row {key!s} has {', '.join(row) or 'no columns'}; it needs {needed} (columns= renames yours, as in columns={{'text': 'review'}})."
        )
    return row["text"]
