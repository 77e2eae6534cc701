"""Special tokens, where a tokenizer has them."""

from helpers.language import tokenizer

from wherefrom.lm.tokenizer import special


def test_special_tokens_are_numbers_or_none() -> None:
    assert special(tokenizer(), "eos_token_id") == 2 and special(tokenizer(), "sep_token_id") is None and special(None, "pad_token_id") is None
