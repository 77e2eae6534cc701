"""What readers share: a library that is not installed, settings, and leaves that no tree has."""

import numpy as np
import pytest

from wherefrom import UsageError
from wherefrom.trees.readers.reader import check_settings, local_leaves, package


def test_a_missing_library_names_the_extra() -> None:
    with pytest.raises(UsageError, match=r'pip install "wherefrom\[trees\]"'):
        package("no_such_library_of_trees")


def test_settings_are_compared_by_value_and_type() -> None:
    rules = {"a": ((0.0, None), "which is bad", "a=0")}
    check_settings("", {"a": 0.0}, rules)
    check_settings("", {}, rules)
    with pytest.raises(UsageError, match="str was trained with a=1, which is bad; retrain with a=0"):
        check_settings("", {"a": 1}, rules)


def test_unknown_leaves_are_refused() -> None:
    assert local_leaves(np.array([5, 3, 5]), np.array([3, 5]), "tree 0").tolist() == [1, 0, 1]
    with pytest.raises(UsageError, match="leaf of tree 0"):
        local_leaves(np.array([4]), np.array([3, 5]), "tree 0")
