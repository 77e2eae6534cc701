"""Picture grids show for each method what that method ranks first, and flipped labels with a star."""

from pathlib import Path

import pytest

from wherefrom_studies.mislabel.flips import draw_images
from wherefrom_studies.mislabel.grids.analysis import stack_lists
from wherefrom_studies.mislabel.grids.experiment import METHODS, explain_by_methods, explain_wrong
from wherefrom_studies.mislabel.grids.report import image_labels, method_grid, wrong_grid
from wherefrom_studies.mislabel.networks import TrainedNetwork, train_network


@pytest.fixture(scope="module")
def digits(data_folder: Path) -> TrainedNetwork:
    return train_network(draw_images("MNIST", 80, 300, 0), 0)


def test_grids_show_each_methods_own_ends(digits: TrainedNetwork) -> None:
    figure = method_grid(digits, 0, stack_lists(explain_by_methods(digits, 0))).chart.to_dict()
    captions = {cell["text"] for cell in next(iter(figure["datasets"].values()))}
    assert set(METHODS) <= captions and "KNN-Shapley" in captions
    assert "taken for" in str(wrong_grid(digits, explain_wrong(digits, 1)).chart.to_dict())


def test_flipped_labels_bear_a_star(net: TrainedNetwork) -> None:
    found = image_labels(net)
    assert [name.endswith("*") for name in found.values()] == net.data.flipped.tolist()
    assert [name.rstrip("*") for name in found.values()] == [net.data.classes[label] for label in net.data.y.tolist()]
