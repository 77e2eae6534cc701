"""(f) The training-set attack on image pairs (Koh & Liang 2017, section 5.2): fours and nines of MNIST, pixels changed by at most 0.1."""

from typing import Any

import pandas as pd

import wherefrom as wf
from wherefrom_studies.findings import Bar, Figure, Findings, Number, mean_of
from wherefrom_studies.koh_liang.flipping import RADIUS, TOP, Digits, Flipped, Model, pictured
from wherefrom_studies.pictures import curves
from wherefrom_studies.study import Study

DECAYS = (0.001, 0.01)
COUNTS = (1, 2, 3, 5, 10)
PUBLISHED = {1: 0.57, 2: 0.77, 10: 0.998}
CLOSEST, DRAWN = "closest", "drawn"


def trained(l2: float, seed: int, images: int, pool: int) -> Model:
    """Logistic regression of images drawn with the seed."""
    return Model.trained(Digits.of("train", images, pool, seed), Digits.of("test", None, pool), l2)


def attacked(l2: float, seed: int, images: int, pool: int, asked: int, few: int, most: int) -> list[dict[str, Any]]:
    """The test digits of smallest margin, attacked with up to ``most`` images, and as many others, with one: a row for each."""
    model = trained(l2, seed, images, pool)
    closest = model.closest(asked)
    rows = []
    for kind, places in ((CLOSEST, closest), (DRAWN, model.drawn(asked, closest))):
        found = Flipped.on(model, places, few, most) if kind == CLOSEST else Flipped(model.attacked(places, 1, stop=True), None)
        later = {} if found.more is None else {one.query_id: one.aimed.flipped_by for one in found.more.attacked}
        shares, gain, control = model.concentration(places).shares, found.few.gain(1), found.few.gain(1, random=True)
        facts = {"l2": l2, "seed": seed, "accuracy": model.accuracy, "kind": kind}
        for row, one in enumerate(found.few.attacked):
            rows.append({
                **facts, "query": int(one.query_id), "margin": float(model.margins[places[row]]),
                "flipped by": one.aimed.flipped_by or later.get(one.query_id), "flipped by random signs": one.random.flipped_by,
                "gain": float(gain[row]), "random gain": float(control[row]), f"top {TOP} share": shares[row],
            })  # fmt: skip
    return rows


def attack(study: Study) -> Findings:
    """The share flipped by how many images are changed, beside random signs, by weight decay, over draws of the training images."""
    size: dict[str, Any] = study.either(
        {"images": 1000, "pool": 1, "asked": 20, "few": 3, "most": 10}, {"images": 200, "pool": 2, "asked": 4, "few": 2, "most": 3}
    )
    cells = [(l2, seed) for l2 in DECAYS for seed in study.count(5, 2)]
    parts = []
    for l2, seed in wf.progress.track(cells, "attacks on images", len(cells)):
        asked = {"l2": l2, "seed": seed, **size}
        parts.append(study.cache.rows("attack", asked, lambda asked=asked: attacked(**asked)))
    table = pd.concat(parts, ignore_index=True).astype({"flipped by": float, "flipped by random signs": float})
    counts = [count for count in COUNTS if count <= size["most"]]
    numbers = {name: number for l2, rows in table.groupby("l2") for name, number in numbered(f"attack/{l2:g}", rows, counts, size["few"]).items()}
    model = trained(DECAYS[0], study.count(5, 2)[0], size["images"], size["pool"])
    figures = {
        "attack": Figure(
            curves(lines(table, size["few"], size["most"]), "changed", "flipped", "arm", x_title="training images changed",
                   y_title="share of predictions flipped", categories=True, domain=(0.0, 1.0)),
            f"Fours and nines, {size['asked']} test digits of smallest margin: the share flipped by the number of training images changed, each "
            f"pixel by {RADIUS:g} at most; means over draws of the training images, 95 % intervals.",
        ),
        "attack images": Figure(
            pictured(model, model.closest(4), model.attacked(model.closest(4), 1, stop=True)),
            "Four of those digits, the training image that was changed, what it became, and five times the difference.",
        ),
    }  # fmt: skip
    return Findings({"attack, each digit": table}, figures, numbers, findings(counts, size["few"]), bars(counts), ORIGINALS, REPLACED)


def numbered(name: str, table: pd.DataFrame, counts: list[int], few: int) -> dict[str, Number]:
    """Means over seeds of what each draw of the training images says."""
    seeds, found = table["seed"].unique().tolist(), {}
    near = [rows for _, rows in table[table["kind"] == CLOSEST].groupby("seed", sort=False)]
    others = [rows for _, rows in table[table["kind"] == DRAWN].groupby("seed", sort=False)]
    for count in counts:
        found[f"flipped with {count}"] = mean_of(
            "flipped", [(rows["flipped by"] <= count).mean() for rows in near], seeds, PUBLISHED.get(count), (0, 1)
        )
        if count <= few:
            shares = [(rows["flipped by random signs"] <= count).mean() for rows in near]
            found[f"flipped by random signs with {count}"] = mean_of("flipped", shares, seeds, bounds=(0, 1))
    times = [rows["gain"].mean() / rows["random gain"].abs().mean() for rows in near]
    found["times random"] = mean_of("times random", times, seeds)
    found["accuracy"] = mean_of("accuracy", [rows["accuracy"].iloc[0] for rows in near], seeds, bounds=(0, 1))
    found[f"top {TOP} share"] = mean_of("share", [rows[f"top {TOP} share"].mean() for rows in near], seeds, bounds=(0, 1))
    for kind, each in ((CLOSEST, near), (DRAWN, others)):
        for what in (f"top {TOP} share", "margin"):
            values = [wf.metrics.spearman(rows[what].to_numpy(), rows["gain"].to_numpy()).value or 0.0 for rows in each]
            found[f"{kind}/{what} and gain"] = mean_of("rank correlation", values, seeds, bounds=(-1, 1))
        found[f"{kind}/flipped with 1"] = mean_of("flipped", [(rows["flipped by"] <= 1).mean() for rows in each], seeds, bounds=(0, 1))
    return {f"{name}/{key}": number for key, number in found.items()}


def lines(table: pd.DataFrame, few: int, most: int) -> pd.DataFrame:
    """Mean and interval of the share flipped by the number of images changed, for each weight decay and its control."""
    near, rows = table[table["kind"] == CLOSEST], []
    for l2, part in near.groupby("l2"):
        for column, name, last in (("flipped by", f"l2 {l2:g}", most), ("flipped by random signs", f"l2 {l2:g}, random signs", few)):
            for changed in range(last + 1):
                shares = part.groupby("seed")[column].apply(lambda by, changed=changed: (by <= changed).mean())
                it = mean_of(name, shares, shares.index.tolist(), bounds=(0, 1)).estimate
                rows.append({"arm": name, "changed": changed, "flipped": it.value, "low": it.low, "high": it.high})
    return pd.DataFrame(rows)


def bars(counts: list[int]) -> tuple[Bar, ...]:
    """Of the weight decay of the original."""
    least, source = {1: 0.45, 2: 0.90, 10: 1.0}, {1: "the paper: 0.57", 2: "the paper: 0.77", 10: "the paper: 590 of 591"}
    at = f"attack/{DECAYS[0]:g}"
    flips = [Bar(f"{at}/flipped with {count}", at_least=least[count], source=source[count]) for count in counts if count in least]
    return (*flips, Bar(f"{at}/times random", at_least=10, source="a re-run: 19 times"))


def findings(counts: list[int], few: int) -> tuple[str, ...]:
    """What flips, against random signs; and what concentration says of it, across models and within one."""
    first, second = (f"attack/{l2:g}" for l2 in DECAYS)
    most = counts[-1]
    return (
        f"Changing one training image by at most {RADIUS:g} in each pixel flips {{{first}/flipped with 1}} of the test digits of smallest margin, "
        f"two flip {{{first}/flipped with 2}} and {most} {{{first}/flipped with {most}}}; random signs on the same images flip "
        f"{{{first}/flipped by random signs with 1}} with one and {{{first}/flipped by random signs with {min(few, most)}}} with {min(few, most)}; "
        f"the loss rises {{{first}/times random}} times as far as by random signs.",
        f"With ten times the weight decay the ten most influential images hold {{{second}/top {TOP} share}} of all influence instead of "
        f"{{{first}/top {TOP} share}}, and one image flips {{{second}/flipped with 1}} instead of "
        f"{{{first}/flipped with 1}}.",
        f"Within one model the rank correlation of the top ten's share with the rise of the loss is {{{first}/{CLOSEST}/top {TOP} share and gain}} "
        f"over the digits of smallest margin and {{{first}/{DRAWN}/top {TOP} share and gain}} over digits drawn at random, of whom one image flips "
        f"{{{first}/{DRAWN}/flipped with 1}}; the margin's is {{{first}/{DRAWN}/margin and gain}}.",
    )


ORIGINALS = (
    "The paper's attack has no control arm; here random signs in the same ball, on the same images, stand beside it, over draws of the images.",
)
REPLACED = (
    "Dogs and fish of ImageNet under Inception's frozen layers are replaced by fours and nines of MNIST under logistic regression of pixels; the "
    "attack on a network's last layer through frozen convolutions is in part (i).",
)
