"""Reading queries, and the account of what became of rows."""

import numpy as np
import pytest
from helpers.language import TEXTS, tokenizer

import wherefrom as wf
from wherefrom.lm.encoding import Encoder
from wherefrom.lm.heads import Head
from wherefrom.lm.reader import Reader, account_of

READER = Reader(Encoder(Head("causal"), tokenizer(), max_length=4))


def test_queries_are_examples_with_their_ids() -> None:
    examples = READER([{"id": "a", "text": "the cat"}, {"id": "b", "prompt": "a dog", "completion": " ran"}])
    assert examples.ids.tolist() == ["a", "b"] and READER(examples) is examples
    ((_, batch),) = examples.read(5)
    assert batch["labels"].tolist()[1][:2] == [-100, -100]


def test_a_query_that_asks_nothing_is_refused() -> None:
    with pytest.raises(wf.UsageError, match="Query a has no token that counts in the loss, so it asks nothing"):
        READER([{"id": "a", "prompt": "the cat sat on the mat", "completion": " ran"}])


def test_rows_of_different_columns_are_refused() -> None:
    reader = Reader(Encoder(Head("causal"), tokenizer(), frozenset({"input_ids", "position_ids"})))
    with pytest.raises(wf.UsageError, match="Some rows have input_ids and others input_ids, position_ids; give all the same"):
        reader([{"input_ids": [1, 2]}, {"input_ids": [1, 2], "position_ids": [0, 1]}])


def test_the_account_tells_what_was_cut_and_what_counts_for_nothing() -> None:
    rows, ids = READER.encoded([*TEXTS, {"prompt": "the cat sat on the mat", "completion": " ran"}])
    account = account_of(rows, ids, 4, None)
    lengths = [len(text.split()) for text in TEXTS]
    assert account.rows == 7 and account.tokens == sum(min(4, one) for one in lengths) + 4 and account.counted == account.tokens - 4
    cut, silent = account.losses()
    assert (
        f"{sum(one > 4 for one in lengths) + 1} of 7 rows are longer than 4 tokens" in cut
        and f"{sum(max(0, one - 4) for one in lengths) + 4} of" in cut
    )
    assert silent == "1 rows have no token that counts, so their scores are 0, such as 6."
    whole = account_of(rows[1:2], np.array([1]), None, 1)
    assert whole.losses() == () and whole.describe() == "1 rows in 1 packed ones of 4 tokens, 4 of which count in the loss"


def test_queries_that_are_cut_are_told() -> None:
    with pytest.warns(wf.lm.LanguageDataWarning, match="Of the queries: 1 of 2 rows are longer than 4 tokens: 2 of 7 tokens are cut off"):
        READER(["the cat sat on the mat", "a"])
