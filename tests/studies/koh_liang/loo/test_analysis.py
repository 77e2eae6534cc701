"""Leave-one-out on small digits: each form lies on the line as far as theory lets it."""

from collections.abc import Callable

import pytest

from wherefrom_studies.findings import Findings
from wherefrom_studies.koh_liang.loo import LOO


def test_the_quick_form_lies_on_the_line(run_part: Callable[..., Findings]) -> None:
    found = run_part(LOO)

    def of(form: str, what: str) -> float:
        value = found.value(f"loo/{form}/{what}")
        assert value is not None
        return value

    assert of("exact", "pearson") > 0.999 and 0.9 < of("exact", "slope") < 1 and of("exact", "sign") == 1
    assert of("CG", "pearson") == pytest.approx(of("exact", "pearson"), abs=1e-5)
    assert of("LiSSA", "least pearson") > 0.95
    assert of("exact, with leverage", "least pearson") > of("exact", "least pearson") and 0.98 < of("exact, with leverage", "slope") < 1.02
