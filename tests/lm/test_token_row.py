"""Rows that are tokens already: padding goes, masks tell what counts."""

import pytest

import wherefrom as wf
from wherefrom.lm.token_row import TokenRow, token_row

TAKES = frozenset({"input_ids", "attention_mask", "position_ids"})


def test_labels_are_the_tokens_less_what_masks_leave_out() -> None:
    found = token_row({"input_ids": [0, 5, 6, 7], "attention_mask": [0, 1, 1, 1]}, "a", True, TAKES)
    assert found.columns == {"input_ids": [5, 6, 7]} and found.labels == [5, 6, 7]
    masked = token_row({"input_ids": [5, 6, 7], "completion_mask": [0, 0, 1]}, "a", True, TAKES)
    assert masked.labels == [-100, -100, 7]
    assert token_row({"input_ids": [5, 6], "labels": [-100, 6]}, "a", True, TAKES).labels == [-100, 6]
    assert token_row({"input_ids": [5, 6], "labels": [8, 9, 2, -100]}, "a", False, TAKES).labels == [8, 9, 2]
    assert token_row({"input_ids": [5, 6], "label": 1}, "a", False, TAKES).labels == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"input_ids": []}, "no list of token ids"),
        ({"input_ids": [1.5]}, "no list of token ids"),
        ({"input_ids": [1, 2], "attention_mask": [1]}, "2 input_ids and other attention_mask"),
        ({"input_ids": [1, 2, 3], "attention_mask": [1, 0, 1]}, "leaves out tokens within it"),
        ({"input_ids": [1, 2], "position_ids": [0, 0]}, "position_ids and the model takes none"),
    ],
)
def test_rows_that_cannot_be_are_refused(row: dict[str, object], said: str) -> None:
    with pytest.raises(wf.UsageError, match=said):
        token_row(row, "a", True, TAKES - {"position_ids"})


def test_a_row_is_cut_at_an_end_and_counts_what_it_lost() -> None:
    row = TokenRow({"input_ids": [1, 2, 3, 4]}, [1, 2, 3, -100])
    right, left = row.cut(3, False, True), row.cut(1, True, True)
    assert right.columns["input_ids"] == [1, 2, 3] and right.labels == [1, 2, 3] and right.lost == 1 and right.counts()
    assert left.columns["input_ids"] == [4] and left.labels == [-100] and left.lost == 3 and not left.counts()
    assert row.cut(None, False, True) is row and row.cut(4, False, True) is row
    assert TokenRow({"input_ids": [1, 2]}, 1).cut(1, False, False).labels == 1
