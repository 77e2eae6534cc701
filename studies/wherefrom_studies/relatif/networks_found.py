"""What the networks on CIFAR-10 say: numbers, figures and sentences."""

import numpy as np
import pandas as pd

import wherefrom as wf
from wherefrom_studies.findings import Bar, Figure, Findings, Number, mean_of, single
from wherefrom_studies.gallery import gallery
from wherefrom_studies.relatif.lists import DIVINE, INFLUENCE, METHODS, NTH, RANDOM, THETA, L
from wherefrom_studies.relatif.networks import EFFICIENT, RESNET, SHALLOW, SHOWN, SMALL, Size, measured
from wherefrom_studies.relatif.summary import FIGURES, charted, numbered
from wherefrom_studies.study import Study

ORDER = (INFLUENCE, THETA, L, DIVINE, RANDOM)
NETWORKS = (SHALLOW, EFFICIENT, RESNET)
CELL = ["network", "activation", "optimiser"]


def networks(study: Study) -> Findings:
    """Every network, activation and optimiser."""
    size = study.either(Size(), SMALL)
    table = measured(study, size, study.cache)
    numbers = numbers_of(table)
    front = {name: f"networks/{name}" for name in NETWORKS}
    charts = {
        "networks": Figure(
            charted(numbers, front, ORDER, ("distinct first", "shared by two queries", "of the query's class", "outliers")),
            f"Networks on {size.images} images of CIFAR-10, {size.queries} queries: what the five examples named first are like; means over "
            "activations and optimisers, 95 % intervals.",
        ),
        "networks, first three": shown(table),
    }
    each = table.drop(columns=["shown", "said", "flipped", "chance, flipped"])
    tables = {"networks, accuracies": accuracies(table), "networks, cost": costs(table), "networks, each": each}
    return Findings(tables, charts, numbers, findings(), (Bar("networks/most cost", at_most=2, source="the thesis: 20 to 40 times"),), ORIGINALS)


def numbers_of(table: pd.DataFrame) -> dict[str, Number]:
    """Means over activations and optimisers of each network, and its accuracies."""
    found: dict[str, Number] = {}
    for name, rows in table.groupby("network", sort=False):
        cells = rows.groupby(CELL, sort=False).first()
        for what in ("accuracy", "training accuracy"):
            found[f"networks/{name}/{what}, least"] = single("least", float(cells[what].min()), (0,))
            found[f"networks/{name}/{what}, most"] = single("most", float(cells[what].max()), (0,))
        for what in ("parameters", "attributed"):
            found[f"networks/{name}/{what}"] = single(what, float(cells[what].iloc[0]))
        for method, each in rows.groupby("method", sort=False):
            found |= numbered(f"networks/{name}/{method}", each, (0,) * len(each), FIGURES[:-1])
            if each["cost"].notna().all():
                found[f"networks/{name}/{method}/cost"] = mean_of("cost", each["cost"], (0,) * len(each))
    found["networks/most cost"] = single("cost", float(table["cost"].max()), (0,))
    wide = table.pivot(index=CELL, columns="method", values="outliers")
    found["networks/fewer outliers"] = mean_of("difference", wide[INFLUENCE] - wide[THETA], (0,) * len(wide), bounds=(-1, 1))
    return found


def accuracies(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each trained network."""
    columns = ["accuracy", "training accuracy", "parameters", "attributed", "training seconds"]
    return table.groupby(CELL, sort=False)[columns].first().reset_index()


def costs(table: pd.DataFrame) -> pd.DataFrame:
    """The running-time table: seconds of one core, means over activations and optimisers; the fit is shared by all methods."""
    timed = table[table["seconds"].notna()]
    return timed.groupby(["network", "method"], sort=False)[["fit", "seconds", "cost"]].mean().reset_index()


def shown(table: pd.DataFrame) -> Figure:
    """What each method names first for two test images, of the most accurate ResNet-50 (or what there is)."""
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
    said = ", ".join(
        f"a {test.classes[int(test.y[place])]} (the model says {test.classes[int(best['said'].iloc[0][place])]})" for place in range(SHOWN)
    )
    return Figure(gallery(rows, methods), f"{cell[0]}, {cell[1]}, {cell[2]}: the three training images that each method names for {said}.")


def findings() -> tuple[str, ...]:
    """How well they were trained, whom each method names, and what it costs."""
    trained = "; ".join(
        f"{name} {{networks/{name}/accuracy, least}} to {{networks/{name}/accuracy, most}} ({{networks/{name}/training accuracy, least}} to "
        f"{{networks/{name}/training accuracy, most}} on the training images; influence over {{networks/{name}/attributed}} of "
        f"{{networks/{name}/parameters}} parameters)"
        for name in NETWORKS
    )
    outliers = ", ".join(f"{{networks/{name}/{INFLUENCE}/outliers}} and {{networks/{name}/{THETA}/outliers}} in {name}" for name in NETWORKS)
    cost = ", ".join(f"{{networks/{name}/{THETA}/cost}} in {name}" for name in NETWORKS)
    return (
        f"Test accuracies by activation and optimiser, of ten classes: {trained}.",
        f"Of the first five by influence and by theta-RelatIF are outliers: {outliers} (chance "
        f"{{networks/{SHALLOW}/{INFLUENCE}/outliers, chance}}); over all networks theta-RelatIF names {{networks/fewer outliers}} fewer.",
        f"By EK-FAC theta-RelatIF costs, beside influence: {cost}; at most {{networks/most cost}} times anywhere.",
    )


ORIGINALS = ("It shows top three images of each network by eye, with neither chance levels nor class match nor accuracies by activation.",)
