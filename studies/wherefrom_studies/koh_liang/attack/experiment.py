"""(f) The training-set attack on image pairs (Koh & Liang 2017, section 5.2): fours and nines of MNIST, pixels changed by at most 0.1."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

import wherefrom as wf
from wherefrom_studies.koh_liang.flipping import TOP, DigitClassifier, Digits, StagedAttack
from wherefrom_studies.study import Study

DECAYS = (0.001, 0.01)
CLOSEST, DRAWN = "closest", "drawn"
SHOWN = 4  # digits


@dataclass(frozen=True)
class AttackSize:
    """Training images, how many pixels are pooled, digits attacked, images changed on all of them and at most."""

    images: int
    pool: int
    asked: int
    few: int
    most: int


@dataclass(frozen=True, eq=False)
class AttackRuns:
    """A row for each weight decay, draw of the training images and digit; and what to show of the first classifier."""

    rows: pd.DataFrame
    size: AttackSize
    classifier: DigitClassifier
    places: np.ndarray
    shown: wf.methods.Attack


def train_classifier(l2: float, seed: int, images: int, pool: int) -> DigitClassifier:
    """Return logistic regression of images drawn with the seed."""
    return DigitClassifier.train(Digits.read("train", images, pool, seed), Digits.read("test", None, pool), l2)


def attack_digits(l2: float, seed: int, images: int, pool: int, asked: int, few: int, most: int) -> list[dict[str, Any]]:
    """Attack the test digits of smallest margin with up to ``most`` images and as many others with one; return a row for each."""
    model = train_classifier(l2, seed, images, pool)
    closest = model.closest(asked)
    rows = []
    for kind, places in ((CLOSEST, closest), (DRAWN, model.draw(asked, closest))):
        found = StagedAttack.run(model, places, few, most) if kind == CLOSEST else StagedAttack(model.attack(places, 1, stop=True), None)
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


def size_of(study: Study) -> AttackSize:
    """Return the size of a form."""
    return study.either(AttackSize(images=1000, pool=1, asked=20, few=3, most=10), AttackSize(images=200, pool=2, asked=4, few=2, most=3))


def attack_images(study: Study) -> AttackRuns:
    """Attack by weight decay over draws of the training images."""
    size, seeds = size_of(study), study.count(5, 2)
    cells = [(l2, seed) for l2 in DECAYS for seed in seeds]
    parts = []
    for l2, seed in wf.progress.track(cells, "attacks on images", len(cells)):
        asked = {"l2": l2, "seed": seed, **asdict(size)}
        parts.append(study.cache.rows("attack", asked, lambda asked=asked: attack_digits(**asked)))
    table = pd.concat(parts, ignore_index=True).astype({"flipped by": float, "flipped by random signs": float})
    classifier = train_classifier(DECAYS[0], seeds[0], size.images, size.pool)
    places = classifier.closest(SHOWN)
    return AttackRuns(table, size, classifier, places, classifier.attack(places, 1, stop=True))
