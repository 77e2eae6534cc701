"""What the study's charts share: the colour of each method, and a number as a row."""

from wherefrom_studies.findings import Number
from wherefrom_studies.panels import MATCHED
from wherefrom_studies.pictures import COLOURS
from wherefrom_studies.titanic.models import MAIN

SERIES = {**dict(zip(MAIN, COLOURS, strict=False)), MATCHED: COLOURS[4]}


def row_of(number: Number) -> dict[str, float | None]:
    """Return a number as a row of a chart; without an interval, one that closes onto the value."""
    it = number.estimate
    return {"value": it.value, "low": it.value if it.low is None else it.low, "high": it.value if it.high is None else it.high}
