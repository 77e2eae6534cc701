"""A package that is not there is one sentence with what to install."""

import pytest

import wherefrom as wf
from wherefrom.lm.extra import package


def test_a_missing_package_names_the_extra() -> None:
    assert package("json").loads("1") == 1
    with pytest.raises(wf.UsageError, match=r'no_such_package cannot be imported.*pip install "wherefrom\[lm\]"'):
        package("no_such_package")
