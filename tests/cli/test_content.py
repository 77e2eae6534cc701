"""In which columns two rows agree and differ."""

from wherefrom.cli.content import compare_rows


def test_numbers_by_their_spread_and_categories_by_their_value() -> None:
    query = {"age": 30.0, "fare": 10, "sex": "f", "port": None, "cabin": "C"}
    other = {"age": 31.0, "fare": 40, "sex": "m", "port": float("nan"), "cabin": "C"}
    near, far = compare_rows(query, other, {"age": 10.0, "fare": 20.0})
    assert near == {"age", "port", "cabin"} and far == {"fare", "sex"}


def test_between_near_and_far_says_nothing_and_a_missing_number_differs() -> None:
    assert compare_rows({"a": 1.0}, {"a": 1.5}, {"a": 1.0}) == (frozenset(), frozenset())
    assert compare_rows({"a": 1.0}, {"a": None}, {"a": 1.0})[1] == {"a"}
    assert compare_rows({"a": None}, {"a": None}, {"a": 1.0})[0] == {"a"}
