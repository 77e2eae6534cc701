"""A number is a row of a chart."""

from wherefrom_studies.findings import Numbers
from wherefrom_studies.titanic.charts import row_of


def test_a_number_without_an_interval_closes_onto_its_value(numbers: Numbers) -> None:
    assert row_of(numbers["removal/cells"]) == {"value": 12, "low": 12, "high": 12}
