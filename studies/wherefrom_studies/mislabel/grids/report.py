"""Picture grids: who spoke for and against a wrong prediction, and every method's three proponents and three opponents side by side."""

import wherefrom as wf
from wherefrom_studies.findings import Figure
from wherefrom_studies.mislabel.grids.analysis import GridResults
from wherefrom_studies.mislabel.grids.experiment import SHOWN, Explanation
from wherefrom_studies.mislabel.networks import TrainedNetwork
from wherefrom_studies.part import Report


def compose(results: GridResults) -> Report:
    """Return all grids: each network's surest errors, and its first held-out images."""
    figures: dict[str, Figure] = {}
    for each in results.grids:
        data = each.net.data.name
        figures[f"{data}, wrong predictions"] = wrong_grid(each.net, each.wrong)
        figures |= {f"{data}, methods, image {place}": method_grid(each.net, place, lists) for place, lists in enumerate(each.lists)}
    return Report(figures=figures)


def wrong_grid(net: TrainedNetwork, wrong: Explanation) -> Figure:
    """Draw proponents and opponents of wrong predictions."""
    true, classes = net.data.y_true[wrong.places].tolist(), net.data.classes
    captions = {
        place: f"{classes[label]} taken for {classes[given]}" for place, (label, given) in enumerate(zip(true, wrong.given.tolist(), strict=True))
    }
    queries = dict(enumerate(net.data.X_true[wrong.places]))
    chart = wf.plot.examples(wrong.top, dict(enumerate(net.data.X)), queries, labels=image_labels(net), captions=captions)
    return Figure(chart, f"{net.data.name}: what made the network say what it wrongly says, by influence with EK-FAC. * marks a flipped label.")


def method_grid(net: TrainedNetwork, place: int, lists: wf.TopScores) -> Figure:
    """Draw every method's proponents and opponents of one held-out image."""
    methods = lists.query_ids.tolist()
    chart = wf.plot.examples(
        lists, dict(enumerate(net.data.X)), dict.fromkeys(methods, net.data.X_true[place]), labels=image_labels(net), count=SHOWN,
        captions={name: name for name in methods},
    )  # fmt: skip
    label = net.data.classes[int(net.data.y_true[place])]
    return Figure(chart, f"{net.data.name}: three opponents and three proponents of a held-out {label} by each method. * marks a flipped label.")


def image_labels(net: TrainedNetwork) -> dict[int, str]:
    """Return what each training image is called."""
    return {
        place: net.data.classes[label][:7] + "*" * int(flipped)
        for place, (label, flipped) in enumerate(zip(net.data.y.tolist(), net.data.flipped, strict=True))
    }
