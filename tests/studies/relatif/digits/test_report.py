"""What the digits' part says and shows in its quick form."""

from wherefrom_studies.findings import Findings
from wherefrom_studies.relatif.lists import INFLUENCE, RANDOM, THETA, L
from wherefrom_studies.relatif.softmax import DECAYED, FLIPPED, PLAIN, SMALL


def of(quick: Findings, name: str) -> float:
    value = quick.value(f"digits/{name}")
    assert value is not None
    return value


def test_relatif_names_no_fewer_examples_and_fewer_outliers(quick: Findings) -> None:
    for method in (THETA, L):
        assert of(quick, f"{PLAIN}/{method}/outliers") <= of(quick, f"{PLAIN}/{INFLUENCE}/outliers")
        assert of(quick, f"{FLIPPED}/{method}/flipped") < of(quick, f"{FLIPPED}/{INFLUENCE}/flipped") < 0.3
        assert of(quick, f"{DECAYED}/{method}/of the query's class") > 0.9 > 0.3 > of(quick, f"{DECAYED}/{RANDOM}/of the query's class")


def test_ratios_costs_and_chances_hang_together(quick: Findings) -> None:
    ratio = of(quick, f"{DECAYED}/{THETA}/times as many distinct")
    assert 0.5 < ratio < 2 and of(quick, "most cost") >= of(quick, f"{DECAYED}/{THETA}/cost") > 0
    assert abs(of(quick, f"{DECAYED}/{RANDOM}/distinct first") - of(quick, f"{DECAYED}/{RANDOM}/distinct first, chance")) < 0.1
    assert of(quick, f"{DECAYED}/{INFLUENCE}, EK-FAC/agreement") > 0.5


def test_the_running_times_are_a_table_and_the_images_figures(quick: Findings) -> None:
    costs = quick.tables["digits, cost"]
    assert {"fit", "seconds", "cost"} <= set(costs.columns) and {INFLUENCE, THETA, L, "DIVINE", f"{THETA}, EK-FAC"} <= set(costs["method"])
    assert {f"digits, {PLAIN}", f"digits, {DECAYED}", "digits"} <= set(quick.figures)


def test_fewer_images_are_named_more_often(quick: Findings) -> None:
    few, many = (of(quick, f"{images} images/{RANDOM}/times as many distinct") for images in SMALL.grown)
    assert few > 0.5 and many > 0.5 and len(quick.tables["digits, by number of images"]) == 2 * 2 * 4
