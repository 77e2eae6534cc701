"""Tables in bits: frames with categories, texts and missing values come back as they went in, others are refused."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from wherefrom import UsageError
from wherefrom.trees.table import TableForm
from wherefrom.trees.targets import TargetForm

FRAME = pd.DataFrame({"a": [1.5, np.nan, 3.0], "b": [1, 2, 3], "c": pd.Categorical(["x", None, "y"]), "d": ["u", "v", "u"], "e": [True, False, True]})


def test_a_frame_comes_back() -> None:
    form = TableForm.of(FRAME)
    pd.testing.assert_frame_equal(form.decode(form.encode(FRAME)), FRAME)
    pd.testing.assert_frame_equal(form.decode(form.encode(FRAME[list("edcba")])), FRAME)


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64])
def test_an_array_comes_back(kind: type) -> None:
    table = np.arange(6).reshape(3, 2).astype(kind)
    back = TableForm.of(table).decode(TableForm.of(table).encode(table))
    assert back.dtype == kind and (back == table).all()


def test_other_tables_are_refused() -> None:
    form = TableForm.of(FRAME)
    with pytest.raises(UsageError, match="no column 'a'"):
        form.encode(FRAME.drop(columns="a"))
    with pytest.raises(UsageError, match="holds 'w', which training had not"):
        form.encode(FRAME.assign(d=["u", "w", "u"]))
    with pytest.raises(UsageError, match="give a frame"):
        form.encode(np.zeros((2, 5)))
    with pytest.raises(UsageError, match="give the 2 columns"):
        TableForm.of(np.zeros((3, 2))).encode(np.zeros((3, 3)))
    with pytest.raises(UsageError, match="toarray"):
        TableForm.of(scipy.sparse.eye_array(3).tocsr())
    with pytest.raises(UsageError, match="a numeric array"):
        TableForm.of(np.array([["a"]]))


def test_targets() -> None:
    assert TargetForm(np.array(["no", "yes"])).encode(["yes", "no"]).tolist() == [1.0, 0.0]
    assert TargetForm(None).encode(np.array([[1], [2]])).tolist() == [1.0, 2.0]
    for form, given, said in (
        (TargetForm(np.array([0, 1])), [0, 2], "2 is no class"),
        (TargetForm(None), ["a"], "give numbers"),
        (TargetForm(None), [1.0, np.inf], "Target 1 is not finite"),
        (TargetForm(None), np.zeros((2, 2)), "several targets"),
    ):
        with pytest.raises(UsageError, match=said):
            form.encode(given)
