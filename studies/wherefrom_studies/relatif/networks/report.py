"""What is shown of the networks: accuracies, costs, what the lists are like, the images named for two test images, and the bar."""

import numpy as np
import pandas as pd

import wherefrom as wf
from wherefrom_studies.findings import Bar, Figure
from wherefrom_studies.gallery import gallery
from wherefrom_studies.part import Report
from wherefrom_studies.relatif.lists import DIVINE, METHODS, NTH
from wherefrom_studies.relatif.means import chart_means
from wherefrom_studies.relatif.networks.analysis import CELL, MOST_COST, ORDER, UNFLIPPED, NetworkListResults
from wherefrom_studies.relatif.networks.architectures import NETWORKS, RESNET
from wherefrom_studies.relatif.networks.experiment import SHOWN

BARS = (Bar(MOST_COST, at_most=2, source="the thesis: 20 to 40 times"),)


def compose(results: NetworkListResults) -> Report:
    """Return the tables and figures."""
    lists, size = results.table.lists, results.table.size
    fronts = {network: f"networks/{network}" for network in NETWORKS}
    figures = {
        "networks": Figure(
            chart_means(results.numbers, fronts, ORDER, UNFLIPPED),
            f"Networks on {size.images} images of CIFAR-10, {size.queries} queries: what the five examples named first are like; means over "
            "activations and optimisers, 95 % intervals.",
        ),
        "networks, first three": named_images(lists),
    }
    each = lists.drop(columns=["shown", "said", "flipped", "chance, flipped"])
    return Report({"networks, accuracies": accuracy_table(lists), "networks, cost": cost_table(lists), "networks, each": each}, figures)


def accuracy_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each trained network."""
    columns = ["accuracy", "training accuracy", "parameters", "attributed", "training seconds"]
    return table.groupby(CELL, sort=False)[columns].first().reset_index()


def cost_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the running times: seconds of one core, means over activations and optimisers; the fit is shared by all methods."""
    timed = table[table["seconds"].notna()]
    return timed.groupby(["network", "method"], sort=False)[["fit", "seconds", "cost"]].mean().reset_index()


def named_images(table: pd.DataFrame) -> Figure:
    """Draw what each method names first for two test images, of the most accurate ResNet-50."""
    deep = table[table["network"] == RESNET]
    best = deep[deep["accuracy"] == deep["accuracy"].max()]
    cell = best[CELL].iloc[0].tolist()
    best = best[(best[CELL] == cell).all(axis=1)]
    train, test = wf.datasets.cifar10("train", limit=1 + max(max(ids) for ids in best["shown"])), wf.datasets.cifar10("test", limit=SHOWN)
    rows, methods = [], [*METHODS, DIVINE]
    for method in methods:
        ids = np.array(best[best["method"] == method]["shown"].iloc[0]).reshape(SHOWN, 3)
        row = {}
        for place in range(SHOWN):
            row[test.classes[int(test.y[place])]] = test.X[place].numpy()
            row |= {f"{nth} for it" + " " * place: train.X[int(key)].numpy() for nth, key in zip(NTH, ids[place], strict=True)}
        rows.append(row)
    queries = ", ".join(
        f"a {test.classes[int(test.y[place])]} (the model says {test.classes[int(best['said'].iloc[0][place])]})" for place in range(SHOWN)
    )
    return Figure(gallery(rows, methods), f"{cell[0]}, {cell[1]}, {cell[2]}: the three training images that each method names for {queries}.")
