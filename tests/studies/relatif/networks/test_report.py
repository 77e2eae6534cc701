"""What the networks' part says and shows in its quick form."""

from wherefrom_studies.findings import Findings
from wherefrom_studies.relatif.lists import DIVINE, INFLUENCE, THETA
from wherefrom_studies.relatif.networks.architectures import EFFICIENT, RESNET, SHALLOW
from wherefrom_studies.relatif.networks.experiment import SMALL


def test_every_network_is_trained_attributed_and_told(quick: Findings) -> None:
    each = quick.tables["networks, each"]
    assert set(each["network"]) == {SHALLOW, EFFICIENT, RESNET} and each.groupby("network")["method"].nunique().eq(5).all()
    for name in (SHALLOW, EFFICIENT, RESNET):
        attributed, parameters = (quick.value(f"networks/{name}/{what}") for what in ("attributed", "parameters"))
        assert attributed and parameters and attributed == parameters if name == SHALLOW else (attributed or 0) < (parameters or 0)
        least, most = (quick.value(f"networks/{name}/accuracy, {end}") for end in ("least", "most"))
        assert least is not None and most is not None and 0 < least <= most < 1
    assert 0.5 < (quick.value("networks/most cost") or 0) < 3


def test_distinct_examples_are_counted_over_the_queries(quick: Findings) -> None:
    each = quick.tables["networks, each"]
    for method in (INFLUENCE, THETA, DIVINE):
        counts = each[each["method"] == method]["distinct first"] * SMALL.queries
        assert counts.round(9).isin(range(1, SMALL.queries + 1)).all()


def test_times_are_a_table_and_images_a_figure(quick: Findings) -> None:
    assert {"fit", "seconds", "cost"} <= set(quick.tables["networks, cost"].columns) and "networks, first three" in quick.figures
    assert len(quick.tables["networks, accuracies"]) == 3
