"""The field's experiments, each a short script over the public names."""

from whence.studies.found import Bar, Figure, Found, Number, joined, mean_of, median_of, share_of, single
from whence.studies.fragility import Fragility
from whence.studies.kept import Kept
from whence.studies.koh_liang import KohLiang
from whence.studies.mislabel import Mislabel
from whence.studies.relatif import RelatIF
from whence.studies.study import Study, Times
from whence.studies.titanic import Titanic
from whence.studies.write import bar_lines, file_of, write_found

STUDIES: dict[str, type[Study]] = {
    study.name: study
    for study in (
        Fragility,
        KohLiang,
        Mislabel,
        RelatIF,
        Titanic,
    )
}

__all__ = [
    "STUDIES", "Bar", "Figure", "Found", "Kept", "Number", "Study", "Times", "bar_lines", "file_of", "joined", "mean_of",
    "median_of", "share_of", "single", "write_found",
]  # fmt: skip
