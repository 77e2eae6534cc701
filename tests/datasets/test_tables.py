import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from wherefrom import UsageError
from wherefrom.datasets import Column, read_table

N = 40


def frame(**columns: object) -> pd.DataFrame:
    """40 rows with a number, a target of two classes, and ``columns``."""
    generator = np.random.default_rng(0)
    return pd.DataFrame({"x": generator.standard_normal(N), "y": ["no", "yes"] * (N // 2)} | columns)


def test_titanic(data_folder: Path) -> None:
    table = read_table(data_folder / "titanic.csv", "Survived")
    assert table.columns == tuple(
        Column(name, "category" if name in ("Sex", "Embarked") else "number")
        for name in ("Pclass", "Sex", "Age", "SibSp", "Parch", "Fare", "Embarked")
    )
    assert [note.split()[0] for note in table.notes] == ["PassengerId", "Name", "Ticket", "Cabin"]
    assert all(" is left out: " in note and note.endswith(".") for note in table.notes)
    assert (table.name, table.target, table.task, table.classes) == ("titanic", "Survived", "classification", ("0", "1"))
    assert table.ids.dtype == np.int64 and table.ids.tolist() == list(range(891)) == table.frame.index.tolist()
    assert list(table.frame) == [column.name for column in table.columns] + ["Survived"]
    assert table.frame["Age"].isna().sum() == 177 and table.frame["Embarked"].isna().sum() == 2


def test_titanic_by_passenger(data_folder: Path) -> None:
    table = read_table(data_folder / "titanic.csv", "Survived", id="PassengerId", name="boat")
    assert table.name == "boat" and table.ids.tolist() == list(range(1, 892)) and len(table.notes) == 3


def test_rows_without_a_target_keep_the_numbers_of_the_others() -> None:
    targets = ["a", None, "b", "a", np.nan] * 8
    table = read_table(frame(y=targets, row=np.arange(N)), "y")
    assert table.notes[0] == "16 rows without y are left out."
    assert table.ids.tolist() == [row for row in range(N) if row % 5 not in (1, 4)]
    assert table.frame["y"].tolist() == ["a", "b", "a"] * 8
    assert table.notes[1] == "row is left out: it numbers the rows."  # though it has gaps now
    assert read_table(frame(y=["a"] * 20 + ["b"] * 19 + [None]), "y").notes == ("1 row without y is left out.",)


def test_whole_float_targets_with_a_gap_are_classes(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n" + "1.5,0\n2.5,1\n3.5,\n2.5,0\n" * 5)
    table = read_table(tmp_path / "t.csv", "y")
    assert table.classes == ("0", "1") and set(table.frame["y"]) == {"0", "1"} and table.name == "t"


@pytest.mark.parametrize(
    ("target", "task", "classes"),
    [
        ([0, 1] * 6, "classification", ("0", "1")),
        ([0.0, 1.0] * 6, "classification", ("0", "1")),
        ([True, False] * 6, "classification", ("False", "True")),
        (["b", "a", "c"] * 4, "classification", ("a", "b", "c")),
        (["10", "9", "x"] * 4, "classification", ("10", "9", "x")),
        (list(range(3, 10)) * 200, "classification", tuple("3456789")),  # wine quality
        (list(range(9, 11)) * 6, "classification", ("9", "10")),  # by number, not by letter
        ([0.5, 1.5] * 200, "regression", ()),
        (list(range(12)), "regression", ()),
        (list(range(21)) * 30, "regression", ()),
        ([1.0, 2.0, 2.5] * 200, "regression", ()),
        (["common"] * 11 + ["once"], "classification", ("common", "once")),
        (pd.Categorical([2, 1] * 6), "classification", ("1", "2")),
        (pd.array([1, 0] * 6, dtype="Int64"), "classification", ("0", "1")),
        ([Decimal("1.5"), Decimal("2")] * 6, "regression", ()),
        (np.array([1, "a"] * 6, dtype=object), "classification", ("1", "a")),
    ],
)
def test_task(target: object, task: str, classes: tuple[str, ...]) -> None:
    rows = len(target)  # type: ignore[arg-type]
    table = read_table(pd.DataFrame({"x": np.random.default_rng(0).standard_normal(rows), "y": target}), "y")
    assert (table.task, table.classes, len(table.frame)) == (task, classes, rows)
    assert table.frame["y"].dtype == (np.float64 if task == "regression" else object)


def test_task_is_overridden() -> None:
    data = frame(y=[1, 2, 3, 4] * 10)
    assert read_table(data, "y", task="regression").classes == ()
    assert read_table(data.assign(y=[0.5, 1.0] * 20), "y", task="classification").classes == ("0.5", "1")
    with pytest.raises(UsageError, match=r"The task 'classify' is unknown; choose classification or regression."):
        read_table(data, "y", task="classify")


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (np.arange(N) + 7, "it numbers the rows"),
        (np.random.default_rng(1).permutation(N), "it numbers the rows"),
        ((np.arange(N) + 7).astype(float), "it numbers the rows"),
        ([f"name {row}" for row in range(N)], "it is different in every row, like a name or an id"),
        ([f"name {max(row, 1)}" for row in range(N)], "it is different in nearly every row, like a name or an id"),
        ([f"kind {row % 21}" for row in range(N)], "it has 21 different values, too many for categories"),
        ([f"{'a long story ' * 6} {row % 30}" for row in range(N)], "it is free text"),
        ([None] * N, "it is empty"),
        ([np.nan] * N, "it is empty"),
        ([3] * N, "it is 3 in every row"),
        ([3.0] * (N - 1) + [None], "it is 3 in every row that has it"),
        (["same"] * N, "it is same in every row"),
        (pd.date_range("2020-01-01", periods=N), "it holds dates"),
        ([datetime.date(2020, 1, 1 + row % 9) for row in range(N)], "it holds dates"),
        ([f"2020-01-{1 + row % 9:02}" for row in range(N)], "it holds dates"),
        ([f"2020/1/{1 + row % 9} 12:30" for row in range(N)], "it holds dates"),
        ([f"{1 + row % 9}.2.20" for row in range(N)], "it holds dates"),
        ([f"{1 + row % 9}-Mar-2020" for row in range(N)], "it holds dates"),
        ([f"March {1 + row % 9}, 2020" for row in range(N)], "it holds dates"),
        ([[row % 3] for row in range(N)], "its cells are neither numbers nor text"),
        ([1j * (row % 3) for row in range(N)], "its cells are neither numbers nor text"),
        (pd.to_timedelta(np.arange(N) % 5, unit="h"), "its cells are neither numbers nor text"),
    ],
)
def test_columns_left_out(cells: object, why: str) -> None:
    table = read_table(frame(z=cells), "y")
    assert table.notes == (f"z is left out: {why}.",) and table.columns == (Column("x", "number"),)


@pytest.mark.parametrize("name", ["id", "ID", "PassengerId", "userID", "user_id", "row", "Unnamed: 0", "case no", "index", "record.number"])
def test_numbers_named_like_ids_are_left_out(name: str) -> None:
    assert read_table(frame(**{name: 3 * np.arange(N)}), "y").notes == (f"{name} is left out: it numbers the rows.",)
    assert read_table(frame(**{name: np.arange(N) % 9}), "y").notes == ()


@pytest.mark.parametrize(
    ("name", "cells", "kind"),
    [
        ("paid", 3 * np.arange(N), "number"),
        ("humid", 3 * np.arange(N), "number"),
        ("few", np.arange(N) % 2, "number"),
        ("float", np.arange(N) + 0.5, "number"),
        ("gaps", [None, 1.0] * (N // 2 - 1) + [2.0, 3.0], "number"),
        ("objects", np.array([1, 2.5, None, Decimal(3)] * (N // 4), dtype=object), "number"),
        ("nullable", pd.array([1, 2, None, 4] * (N // 4), dtype="Int64"), "number"),
        ("truth", [True, False] * (N // 2), "category"),
        ("truth with gaps", pd.array([True, False, None, True] * (N // 4), dtype="boolean"), "category"),
        ("text", ["a", "b", None, "c"] * (N // 4), "category"),
        ("one text", ["a", None] * (N // 2), "category"),
        ("twenty", [f"kind {row % 20}" for row in range(N)], "category"),
        ("answers", ["a long answer " * 6, "another long answer " * 6] * (N // 2), "category"),
        ("mixed", np.array([1, "a"] * (N // 2), dtype=object), "category"),
        ("levels", pd.Categorical([1.0, 2.0] * (N // 2)), "category"),
    ],
)
def test_columns_used(name: str, cells: object, kind: str) -> None:
    table = read_table(frame(**{name: cells}), "y")
    assert table.notes == () and table.columns[1:] == (Column(name, kind),)  # type: ignore[arg-type]
    found = table.frame[name]
    assert found.dtype in (np.int64, np.float64) if kind == "number" else all(cell is None or isinstance(cell, str) for cell in found)


def test_categories_are_spelt_like_classes() -> None:
    assert set(read_table(frame(z=pd.Categorical([1.0, 2.0] * (N // 2))), "y").frame["z"]) == {"1", "2"}


def test_a_small_table_may_count() -> None:
    assert read_table(pd.DataFrame({"dose": np.arange(12), "y": [0, 1] * 6}), "y").columns == (Column("dose", "number"),)


@pytest.mark.parametrize(
    ("cells", "ids"), [(np.arange(N) * 2.0, list(range(0, 80, 2))), ([f"r{row}" for row in range(N)], [f"r{row}" for row in range(N)])]
)
def test_ids(cells: object, ids: list[object]) -> None:
    table = read_table(frame(key=cells), "y", id="key")
    assert table.ids.tolist() == ids == table.frame.index.tolist() and table.ids.dtype.kind in "iU"
    assert table.notes == () and table.columns == (Column("x", "number"),)


def test_ids_of_rows_without_a_target_do_not_matter() -> None:
    data = frame(key=["a", "a", *(f"r{row}" for row in range(N - 3)), None])
    data.loc[[0, N - 1], "y"] = None
    assert read_table(data, "y", id="key").ids[0] == "a"


def test_the_source_is_not_changed_and_its_index_is_not_used() -> None:
    data = frame().set_axis([f"r{row}" for row in range(N)], axis=0)
    before = data.copy()
    assert read_table(data, "y").ids.tolist() == list(range(N)) and read_table(data, "y").name == "table"
    pd.testing.assert_frame_equal(data, before)


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (frame(), {"target": "Y"}, "There is no target column 'Y'.* The columns are x, y."),
        (frame(Survived=[0, 1] * 20), {"target": "survived"}, "There is no target column 'survived'. Did you mean 'Survived'?"),
        (frame(), {"target": "y", "id": "idd"}, "There is no id column 'idd'."),
        (frame()[:0], {"target": "y"}, "The table holds no rows; give one with some."),
        (frame(y=[None] * N), {"target": "y"}, "No row has a y; choose a target column that is filled."),
        (frame(y=["a"] * N), {"target": "y"}, "Every row has the same y (a); choose a target with at least two values."),
        (frame(y=[2.5] * N), {"target": "y"}, "Every row has the same y (2.5); choose"),
        (frame(y=[2] * N), {"target": "y", "task": "regression"}, "Every row has the same y (2); choose"),
        (frame(y=[f"t{row}" for row in range(N)]), {"target": "y"}, "Every row has a y of its own; choose a target whose classes repeat."),
        (frame(), {"target": "y", "task": "regression"}, "The target 'y' holds text, which cannot be regressed; choose classification or"),
        (frame(y=[[1], [2]] * 20), {"target": "y"}, "The cells of the target 'y' are neither numbers nor text; choose another target."),
        (frame(y=pd.date_range("2020", periods=N)), {"target": "y"}, "The cells of the target 'y' are neither numbers nor text"),
        (frame(x=[1] * N), {"target": "y"}, "No column can be used to predict y (x is left out: it is 1 in every row.); add numbers or categories."),
        (frame()[["y"]], {"target": "y"}, "No column can be used to predict y (there is no other); add"),
        (frame(k=[*range(N - 1), 3]), {"target": "y", "id": "k"}, "Id 3 stands in more than one row; choose an id column whose"),
        (frame(k=["a", "b"] * 20), {"target": "y", "id": "k"}, "Id a stands in more than one row"),
        (frame(k=[*range(N - 1), None]), {"target": "y", "id": "k"}, "Row 39 has no k; fill that cell, or choose another id column or none."),
        (frame(x=[*range(N - 1), np.inf]), {"target": "y"}, "Row 39 holds an infinite x; correct or empty that cell."),
        (frame(x=[-np.inf, *range(N - 1)], k=[f"r{row}" for row in range(N)]), {"target": "y", "id": "k"}, "Row r0 holds an infinite x;"),
        (frame(y=[np.inf, *range(N - 1)]), {"target": "y"}, "Row 0 holds an infinite y;"),
        (frame(y=[np.inf, 1] * 20), {"target": "y", "task": "classification"}, "Row 0 holds an infinite y;"),
        (pd.concat([frame(), frame()[["x"]]], axis=1), {"target": "y"}, "The table has 2 columns named 'x'; rename all but one."),
    ],
)
def test_refused(data: pd.DataFrame, options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_table(data, **options)
    assert message.split(".*")[0] in str(caught.value) and message.split(".*")[-1] in str(caught.value)


def test_infinite_cells_of_a_file_name_their_row(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n1,a\n2,b\ninf,a\n4,b\n")
    with pytest.raises(UsageError, match=r"Row 2 holds an infinite x; correct or empty that cell."):
        read_table(tmp_path / "t.csv", "y")
