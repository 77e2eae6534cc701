"""Examples of one token each: a sequence's loss is the sum of its tokens' losses, so its gradient is the sum of theirs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wherefrom.data.batches import Batch
from wherefrom.data.trees import tree_map
from wherefrom.errors import UsageError
from wherefrom.lm.reader import Reader
from wherefrom.lm.tokenizer import TextTokenizer
from wherefrom.objective import IGNORED
from wherefrom.reporting.tokens import ScoredTokens


@dataclass(frozen=True, eq=False)
class TokenBatch:
    """One example, ``whole``, and a row for each of its tokens that count, whose other labels are left out; ``places`` are theirs in the labels."""

    whole: Batch
    rows: Batch
    places: np.ndarray

    @classmethod
    def of(cls, one: Batch) -> "TokenBatch":
        """Take a batch of one example apart. Raises :class:`UsageError` where it has one label for all its tokens."""
        labels = one.targets
        if not isinstance(labels, Tensor) or labels.dim() != 2 or labels.is_floating_point():
            raise UsageError("Examples of this model have one label each, so their losses are not sums over tokens; use wf.attribute.")
        places = (labels[0] != IGNORED).nonzero()[:, 0]
        count = len(places)
        if not count:
            raise UsageError(f"Example {one.ids[0]!s} has no token that counts in the loss; leave it out.")
        apart = torch.full((count, labels.shape[1]), IGNORED, dtype=labels.dtype, device=labels.device)
        apart[torch.arange(count), places] = labels[0, places]
        inputs = tree_map(lambda leaf: leaf.expand(count, *leaf.shape[1:]).clone(), one.inputs)
        ids = np.array([f"{one.ids[0]}[{place}]" for place in places.tolist()])
        rows = Batch(one.positions.repeat(count), ids, inputs, apart, one.weights.expand(count).clone())
        if isinstance(inputs, dict) and "labels" in inputs:  # of which a decoder's inputs are made: those of the whole sequence
            raise UsageError("This model makes its decoder's inputs of its labels inside, so tokens cannot be asked apart; give decoder_input_ids.")
        return cls(one, rows, places.cpu().numpy())


@dataclass(frozen=True)
class TokenText:
    """An example's tokens as text, and at which of them its labels stand."""

    tokens: tuple[str, ...]
    places: tuple[int, ...]

    def scored(self, scores: Sequence[float]) -> ScoredTokens:
        """The text with a score at each place."""
        at = dict(zip(self.places, scores, strict=True))
        return ScoredTokens(self.tokens, tuple(at.get(place) for place in range(len(self.tokens))))

    @property
    def asked(self) -> tuple[str, ...]:
        """The tokens that count."""
        return tuple(self.tokens[place] for place in self.places)


def text_of(reader: Reader, batch: TokenBatch) -> TokenText:
    """Return an example's text: what it is given and, at the tokens that count, what it should say; of a target sequence that alone."""
    labels, inputs = batch.whole.targets[0], batch.whole.inputs
    ids, beside = inputs["input_ids"][0], reader.encoder.head.task != "seq2seq"
    seen = (labels != IGNORED) if not beside else _seen(inputs, labels)
    shown = ids if reader.encoder.head.task == "tokens" else torch.where(labels != IGNORED, labels, ids if beside else labels)
    kept = seen.nonzero()[:, 0].tolist()
    order = {place: position for position, place in enumerate(kept)}
    return TokenText(words_of(reader.encoder.tokenizer, shown[seen].tolist()), tuple(order[place] for place in batch.places.tolist()))


def plain_text(reader: Reader, inputs: Mapping[str, Tensor]) -> str:
    """Return what one example's model is given (one row), as text without padding."""
    ids = inputs["input_ids"][0]
    mask = inputs.get("attention_mask")
    if mask is None:  # documents in a row, whose positions are 0 in the padding at its end
        mask = inputs["position_ids"].flip(1).cumsum(1).flip(1) > 0
    kept = ids[mask[0].bool()]
    return "".join(words_of(reader.encoder.tokenizer, kept.tolist()))


def words_of(tokenizer: TextTokenizer | None, ids: Sequence[int]) -> tuple[str, ...]:
    """Return tokens as the texts that they add, in order; their numbers where there is no tokenizer."""
    if tokenizer is None:
        return tuple(f"{token} " for token in ids)
    options = {"skip_special_tokens": False, "clean_up_tokenization_spaces": False}
    found, before = [], ""
    for place in range(len(ids)):  # of the last few, since a tokenizer writes a token by its neighbours
        start = max(0, place - 3)
        before = tokenizer.decode(ids[start:place], **options) if place else ""
        through = tokenizer.decode(ids[start : place + 1], **options)
        found.append(through[len(before) :] if through.startswith(before) else tokenizer.decode([ids[place]], **options))
    return tuple(found)


def _seen(inputs: Any, labels: Tensor) -> Tensor:
    """The tokens that are no padding."""
    if "attention_mask" in inputs:
        return inputs["attention_mask"][0].bool() | (labels != IGNORED)
    counted = (inputs["position_ids"][0] > 0) | (labels != IGNORED)
    counted[0] = True
    starts = torch.cat([counted[1:], counted.new_zeros(1)]) & (inputs["position_ids"][0] == 0)  # the first token of a document counts nothing
    return counted | starts
