"""The field's experiments, each a short script over the public names."""

from wherefrom_studies.cache import Cache
from wherefrom_studies.findings import Bar, Figure, Findings, Number, joined, mean_of, median_of, share_of, single
from wherefrom_studies.fragility import Fragility
from wherefrom_studies.koh_liang import KohLiang
from wherefrom_studies.mislabel import Mislabel
from wherefrom_studies.relatif import RelatIFStudy
from wherefrom_studies.study import Study, Times
from wherefrom_studies.titanic import Titanic
from wherefrom_studies.write import bar_lines, file_of, write_findings

STUDIES: dict[str, type[Study]] = {
    study.name: study
    for study in (
        Fragility,
        KohLiang,
        Mislabel,
        RelatIFStudy,
        Titanic,
    )
}

__all__ = [
    "STUDIES", "Bar", "Cache", "Figure", "Findings", "Number", "Study", "Times", "bar_lines", "file_of", "joined", "mean_of", "median_of", "share_of",
    "single", "write_findings",
]  # fmt: skip
