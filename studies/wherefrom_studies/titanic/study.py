"""How fragile are influence rankings: a study of the Titanic's passengers, done again with ids, seeds, ceilings and controls."""

from dataclasses import dataclass

import pandas as pd

import wherefrom as wf
from wherefrom_studies.findings import Bar, Findings
from wherefrom_studies.study import Study, Times
from wherefrom_studies.titanic.data import case
from wherefrom_studies.titanic.defects import defects
from wherefrom_studies.titanic.figures import figures
from wherefrom_studies.titanic.models import BATCHES, Setting
from wherefrom_studies.titanic.numbers import Numbers, Tables, numbers
from wherefrom_studies.titanic.planted import planted
from wherefrom_studies.titanic.removal import SIZES, removed
from wherefrom_studies.titanic.scoring import measured
from wherefrom_studies.titanic.variation import CHANGES, varied
from wherefrom_studies.titanic.verdicts import INFLUENCE, LARGE, SMALL, TRACIN, UNDAMPED, contrasts, tabled, verdicts


@dataclass(frozen=True)
class Titanic(Study):
    """An MLP 32-16 and a logistic regression, batches of 32 to 4, influence and TracIn of the last and of all layers, over 20 seeds."""

    name = "titanic"
    question = "How fragile are influence rankings?"
    paper = "github.com/Alexpbunea/Model_explanations, a study of influence and TracIn on the Titanic's passengers"
    takes = "a table of your own, with --target"
    times = Times(quick=48, full=27, measured=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data is not None:
            if self.target is None:
                raise wf.UsageError("--data needs --target, the column with two classes.")
            case(self.data, self.target)  # refused before any work where it cannot be asked
        if self.seeds == 1:
            raise wf.UsageError("--seeds 1 shows no stability; give 2 or more.")

    def run(self) -> Findings:
        tables = self.tables()
        found = numbers(tables) | contrasts(tables)
        told = verdicts(found)
        return Findings(
            {"Verdicts": tabled(told, found), **shown(tables, found)},
            figures(tables, found),
            found,
            (*(one.sentence() for one in told), *defects_told(), *conclusion()),
            BARS,
            ORIGINALS,
            REPLACED if self.data is None else (),
        )

    def tables(self) -> Tables:
        """Every part, kept as it is done."""
        one, seeds = case(self.data, self.target), self.count(20, 3)
        facts = {"data": str(self.data), "target": self.target, "rows": len(one.y)}
        networks = [Setting(batch=batch) for batch in self.either(BATCHES, (32, 4))]
        logistic = [Setting((), batch, rate=1e-2) for batch in self.either(BATCHES, (32,))]
        settings = {setting.name: setting for setting in (*networks, *logistic)}
        return Tables(
            {name: measured(one, setting, seeds, self.cache, facts) for name, setting in settings.items()},
            {setting.name: removed(one, setting, seeds, self.either(SIZES, (1, 5, 50, 200)), self.cache, facts) for setting in networks},
            varied(one, self.either(seeds, seeds[:2]), self.either(CHANGES, CHANGES[:1]), self.cache, facts),
            planted(one, seeds, self.cache, facts),
            defects(one, seeds, self.cache, facts),
        )


def shown(tables: Tables, found: Numbers) -> dict[str, pd.DataFrame]:
    """Agreement, stability, removal, cost and the rows that both methods name, as tables."""
    agreed, steady = [], []
    for name, number in found.items():
        parts = name.split("/")
        if len(parts) == 4 and parts[1] in ("agreement", "stability"):
            row = {"setting": parts[0], "methods": parts[2], "figure": parts[3], "value": str(number)}
            (agreed if parts[1] == "agreement" else steady).append({**row, "chance": number.estimate.chance, "ceiling": number.estimate.ceiling})
    each = [one.named.assign(setting=name) for name, one in tables.measured.items()]
    left = [table.assign(setting=name) for name, table in tables.removed.items()]
    means = pd.concat(left).groupby(["setting", "arm", "removed"], sort=False)[["accuracy", "auc", "log loss"]].mean().reset_index()
    costs = [
        one.costs.groupby("method", sort=False)[["seconds", "bytes"]].mean().reset_index().assign(setting=name)
        for name, one in tables.measured.items()
    ]
    return {
        "Agreement of two methods on the same network": pd.DataFrame(agreed),
        "Stability over seeds": pd.DataFrame(steady).drop(columns="ceiling"),
        "Rows that both methods name": pd.concat(each),
        "Left out, mean changes": means,
        "Left out, each seed": pd.concat(left),
        "Cost of one network's scores": pd.concat(costs),
    }


def conclusion() -> tuple[str, ...]:
    """What to take home."""
    pair = f"{LARGE}/agreement/{INFLUENCE} and {TRACIN}/kendall"
    return (
        f"On the same network influence and TracIn agree with a tau of {{{pair}}} where each agrees with itself over seeds at "
        f"{{{LARGE}/stability/{INFLUENCE}/kendall}} and {{{LARGE}/stability/{TRACIN}/kendall}}: they measure different things, and each is noisy.",
        f"Without damping it is {{{LARGE}/agreement/{UNDAMPED} and {TRACIN}/kendall}}, with influence's own stability at "
        f"{{{LARGE}/stability/{UNDAMPED}/kendall}}: much of what looks like disagreement is a singular matrix.",
        f"Leaving TracIn's first 50 rows out costs {{{LARGE}/removal/{TRACIN}/50/accuracy}} of accuracy and raises the log loss by "
        f"{{{LARGE}/removal/{TRACIN}/50/log loss}}, a random 50 by {{{LARGE}/removal/random/50/log loss}}: the loss shows what accuracy on 89 "
        f"rows cannot.",
        f"At batches of 4 the same figures are {{{SMALL}/removal/{TRACIN}/50/accuracy}} and {{{SMALL}/removal/{TRACIN}/50/log loss}}.",
    )


def defects_told() -> tuple[str, ...]:
    """What the original's defects do."""
    return (
        "Positional removal: reading a place in the shuffled split as an id of the table deletes the row meant in {defects/positional: rows meant} "
        "of cases; of 50 rows to delete {defects/positional: of 50, dropped} go and {defects/positional: of 50, meant} of them were meant; of all "
        "711 {defects/positional: left of all} stay.",
        "One network eleven times instead of eleven checkpoints is gradient dot (r {defects/copies: r with gradient dot}): its tau with TracIn of "
        "the real checkpoints is {defects/copies: tau with TracIn}. The library warns of it, in {defects/copies: told of by the library} "
        "of the runs.",
        "A sigmoid before a loss that expects logits ranks by a loss that nobody trained: tau {defects/double sigmoid: tau with the loss trained} "
        "with the right one.",
        "Two networks instead of one move the tau of the methods from {defects/one network: tau} to {defects/two networks: tau}.",
        "At k = n every two lists agree: Jaccard {defects/k = n: Jaccard of random lists} for random ones.",
        "One test row can say anything: over the rows of one network tau goes from {defects/least tau of a query} to "
        "{defects/largest tau of a query}.",
        f"One seed hides that two networks trained on the same rows differ by up to {{{LARGE}/removal/seed band/accuracy}} in accuracy "
        f"(95 % of pairs); {{removal/single runs inside the seed band}} of single runs with up to 50 rows left out lie within.",
    )


BARS = (
    Bar(f"{LARGE}/agreement/{INFLUENCE} and random/kendall", at_least=-0.01, at_most=0.01, source="chance"),
    Bar("defects/copies: r with gradient dot", at_least=0.999999, source="eleven copies of one network"),
    Bar("defects/positional: rows meant", at_most=0.01, source="the original's code: 0.0014 to 0.0018"),
)
ORIGINALS = (
    "It deletes by position in a shuffled split: hardly any row deleted was the one ranked.",
    "Its TracIn sums one network eleven times, at a learning rate that training did not have.",
    "It applies a sigmoid before a loss that expects logits, asks two separately trained networks, about one test row, with one seed.",
    "Its k = 711 is all of the training set: full agreement there says nothing, and 50 of 711 are 7 %, not 0.7 %.",
    "It reads changes of accuracy that lie inside what the seed alone does, and chooses k and batch size on the rows that judge them.",
)
REPLACED = (
    "Its networks were Keras'; here they are torch's, with torch's initialisation, one output instead of two, and batches shuffled anew each epoch.",
    "Its features held the passenger's id; here ids stand apart, and classes are one column for each value: 11 features instead of 9.",
)
