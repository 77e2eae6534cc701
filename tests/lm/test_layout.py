"""Tables of tokens: padded on either side, or documents together in a row."""

import torch
from helpers.language import gpt2

from wherefrom.lm.layout import grouped, packed, padded, split_packed
from wherefrom.lm.token_row import TokenRow


def row(*ids: int, labels: object = None) -> TokenRow:
    return TokenRow({"input_ids": list(ids)}, list(ids) if labels is None else labels)


ROWS = [row(5, 6, 7), row(8), row(9, 3)]


def test_padding_on_the_right_and_on_the_left() -> None:
    right, left = padded(ROWS, 1, "right", True), padded(ROWS, 1, "left", True)
    assert right["input_ids"].tolist() == [[5, 6, 7], [8, 1, 1], [9, 3, 1]] and right["labels"].tolist() == [[5, 6, 7], [8, -100, -100], [9, 3, -100]]
    assert right["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0], [1, 1, 0]] and "position_ids" not in right
    assert left["input_ids"].tolist() == [[5, 6, 7], [1, 1, 8], [1, 9, 3]] and left["position_ids"].tolist() == [[0, 1, 2], [0, 0, 0], [0, 0, 1]]
    assert left["labels"].tolist() == [[-100, 6, 7], [-100, -100, -100], [-100, -100, 3]]  # nothing precedes a first token


def test_labels_of_other_kinds() -> None:
    assert padded([row(1, 2, labels=2), row(3, labels=0)], 0, "right", False)["labels"].tolist() == [2, 0]
    assert padded([row(1, labels=[0.5]), row(3, labels=[1.5])], 0, "right", False)["labels"].tolist() == [0.5, 1.5]
    assert padded([row(1, labels=[1.0, 0.0])], 0, "right", False)["labels"].tolist() == [[1, 0]]
    assert padded([row(1, labels=[4, 2]), row(3, labels=[5, 6, 2])], 0, "left", False)["labels"].tolist() == [[4, 2, -100], [5, 6, 2]]


def test_documents_join_the_first_row_with_room() -> None:
    assert grouped([row(*range(size)) for size in (3, 2, 3, 1, 2)], 5) == [[0, 1], [2, 3], [4]]
    table = packed([[ROWS[0], ROWS[2]], [ROWS[1]]], 1)
    assert table["input_ids"].tolist() == [[5, 6, 7, 9, 3], [8, 1, 1, 1, 1]] and table["position_ids"].tolist() == [[0, 1, 2, 0, 1], [0, 0, 0, 0, 0]]
    assert table["labels"].tolist() == [[-100, 6, 7, -100, 3], [-100] * 5]


def test_documents_of_a_row_see_nothing_of_each_other() -> None:
    model, documents = gpt2(), [row(11, 12, 13, 14), row(20, 21, 22)]
    inputs, _ = split_packed(packed([documents], 0))
    with torch.no_grad():
        together = model(**inputs).logits[0]
        apart = [model(torch.tensor([one.columns["input_ids"]])).logits[0] for one in documents]
    torch.testing.assert_close(together, torch.cat(apart), rtol=1e-5, atol=1e-5)
