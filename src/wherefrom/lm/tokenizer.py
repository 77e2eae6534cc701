"""What is asked of a tokenizer, whoever wrote it."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class TextTokenizer(Protocol):
    """A tokenizer of transformers, or one that can be called as they are; its special tokens are looked up where they are needed."""

    def __call__(self, text: object = None, /, **options: object) -> Mapping[str, list[int]]:
        """Columns of a text, or of ``text_target``: input_ids and what goes with each token."""
        ...

    def decode(self, ids: Sequence[int], /, **options: object) -> str:
        """The text of some tokens."""
        ...


def special(tokenizer: TextTokenizer | None, name: str) -> int | None:
    """Return the number of a special token, such as ``"eos_token_id"``, or None."""
    found = getattr(tokenizer, name, None)
    return found if isinstance(found, int) else None
