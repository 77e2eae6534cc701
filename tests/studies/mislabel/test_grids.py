"""Picture grids show for each method what that method ranks first, and the wrong predictions that are surest."""

from pathlib import Path

import pytest
import torch

import wherefrom as wf
from wherefrom_studies.mislabel.grids import METHODS, beside, explained, labels, stacked, wrong
from wherefrom_studies.mislabel.rankings import Network, trained
from wherefrom_studies.mislabel.sets import images


@pytest.fixture(scope="module")
def digits(data_folder: Path) -> Network:
    return trained(images("MNIST", 80, 300, 0), 0)


def test_grids_show_each_methods_own_ends(digits: Network) -> None:
    figure = beside(digits, 0).chart.to_dict()
    captions = {cell["text"] for cell in next(iter(figure["datasets"].values()))}
    assert set(METHODS) <= captions and "KNN-Shapley" in captions
    assert "taken for" in str(explained(digits, 1).chart.to_dict())


def test_wrong_predictions_are_wrong_and_the_surest_first(net: Network) -> None:
    places = wrong(net, 1000)
    with torch.no_grad():
        sure, said = net.problem.outputs(net.data.X_true).softmax(1).max(1)
    assert sorted(places.tolist()) == (said != net.data.y_true).nonzero()[:, 0].tolist()
    assert (sure[places].diff() <= 0).all() and wrong(net, 2).tolist() == places[:2].tolist()


def test_flipped_labels_bear_a_star(net: Network) -> None:
    found = labels(net)
    assert [name.endswith("*") for name in found.values()] == net.data.flipped.tolist()
    assert [name.rstrip("*") for name in found.values()] == [net.data.classes[label] for label in net.data.y.tolist()]


def test_lists_of_several_methods_stand_one_below_the_other() -> None:
    scores = [wf.Scores(torch.randn(1, 5), torch.zeros(1).numpy(), torch.arange(5).numpy(), "arbitrary", name) for name in "ab"]
    tops = {one.method: one.top(2) for one in scores}
    found = stacked(tops)
    assert found.query_ids.tolist() == ["a", "b"] and found.opponents is not None
    for place, one in enumerate(tops.values()):
        assert found.ids[place].tolist() == one.ids[0].tolist() and one.opponents is not None
        assert found.opponents.ids[place].tolist() == one.opponents.ids[0].tolist()
