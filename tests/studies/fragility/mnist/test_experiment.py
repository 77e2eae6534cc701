"""The MNIST networks: their sizes, what is trusted of one convolution, and that the same seed says the same."""

from pathlib import Path

import pandas as pd
import pytest

from wherefrom_studies.fragility.mnist.experiment import FORMS, Convolutions, retrain_seed


@pytest.fixture(scope="module")
def found(data_folder: Path) -> pd.DataFrame:
    return pd.DataFrame(retrain_seed(Convolutions(1, 4, "tanh", 0.005), 0))


def medians(found: pd.DataFrame, column: str) -> dict[str, float]:
    every = found[found["left out"] == "all"]
    return {form: float(every[every["form"] == form][column].median()) for form in FORMS}


def test_one_convolution_is_predicted_well(found: pd.DataFrame) -> None:
    spearman, slope = medians(found, "spearman"), medians(found, "slope")
    assert spearman[FORMS[0]] > 0.9 > spearman[FORMS[2]] and 0.6 < slope[FORMS[0]] < slope[FORMS[1]] < 1.1
    assert found["gradient left"].max() < 1e-6 and found["accuracy"].min() > 0.8


def test_every_query_form_and_choice_is_there_once(found: pd.DataFrame) -> None:
    assert len(found) == 3 * 2 * 6 and found.groupby(["form", "left out", "query"]).size().eq(3).all()


@pytest.mark.parametrize(("depth", "width", "size"), [(1, 4, 690), (2, 4, 838), (3, 4, 986), (1, 8, 1370)])
def test_sizes(depth: int, width: int, size: int) -> None:
    network = Convolutions(depth, width, "silu", 0.0)
    model = network.build()
    assert sum(p.numel() for p in model.parameters()) == size and not network.smooth
    assert dict(model.named_parameters())[network.last.replace("*", "weight")].shape == (10, 16 * width)
