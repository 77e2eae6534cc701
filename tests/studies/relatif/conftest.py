"""What the tests of this study share: its quick form, run once."""

from pathlib import Path

import pytest

from wherefrom_studies.findings import Findings
from wherefrom_studies.relatif import RelatIFStudy


@pytest.fixture(scope="session")
def quick(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHEREFROM_DATA", str(data_folder))
        return RelatIFStudy(tmp_path_factory.mktemp("relatif"), quick=True).run()
