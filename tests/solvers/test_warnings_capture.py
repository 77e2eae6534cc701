"""What solvers warn of is kept, and warned of all the same."""

import warnings

import pytest

import wherefrom as wf
from wherefrom.solvers.warnings_capture import listening


def listens() -> list[str]:
    with listening() as notes:
        warnings.warn("left 3 %", wf.solvers.SolverWarning, stacklevel=1)
    return notes


def test_warnings_are_kept_and_shown() -> None:
    with pytest.warns(wf.solvers.SolverWarning, match="left 3 %"):
        assert listens() == ["left 3 %"]


def test_other_warnings_pass() -> None:
    with pytest.warns(UserWarning, match="something else"), listening() as notes:
        warnings.warn("something else", UserWarning, stacklevel=1)
    assert notes == []
