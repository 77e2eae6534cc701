"""The grids of the full and quick forms, and what each form will say."""

from pathlib import Path

import pytest

from wherefrom_studies.fragility import Fragility
from wherefrom_studies.fragility.iris import experiment as iris
from wherefrom_studies.fragility.mnist import experiment as mnist


def test_grids_hold_no_network_twice() -> None:
    for part, count in ((iris, 42), (mnist, 12)):
        full = part.full_grid()
        assert len(set(full)) == len(full) == count and set(part.quick_grid()) <= set(full)


@pytest.mark.parametrize(("quick", "sentences"), [(False, 19), (True, 9)])
def test_sentences_and_bars_name_numbers_that_the_form_has(quick: bool, sentences: int, tmp_path: Path) -> None:
    outline = Fragility(tmp_path, quick=quick).check()
    assert len(outline.findings) == sentences and len(outline.originals) == 3 and not outline.replaced
