"""How few training images, changed by how little, flip a prediction: Koh & Liang's training-set attack on MNIST, 4 against 9.

Logistic regression on the pixels of the first 1,000 fours and nines of MNIST's training images, float64, l2 0.001 as in the paper, trained to a
gradient norm of 1e-9, as after every change. Asked about: of all fours and nines among the test images the 20 that are classified rightly by the
smallest margin. Changed: three images for each of the 20, chosen one by one, every pixel by at most 0.1 and within [0, 1], five steps each; where
they flip nothing, up to ten. Control: random signs times 0.1, within [0, 1], on the same first three images. Then

- the same with ten times the penalty: models lean on more examples then. No bars;
- what perturbation and replacement influence say of one changed image against training again: 40 images drawn at random, each moved by the signs
  that worsen one of the queries, times the 20 queries; at half a grey level, the paper's own radius, at which the bar stands, at 0.02 and at 0.1;
- concentration of influence beside success: 40 other rightly classified test digits drawn at random, one image each; Spearman correlations over
  them of the share of influence that the top ten hold with the gain and with being flipped, and of the margin; "share and gain" over the 20.

Gain = the rise of the query's loss. "times random" = mean gain over mean |change| by random signs, one image. Writes attack.json, attack.png
(share flipped by number of images) and attack_images.png (what one of the changes looks like). `--quick` takes 200 images of 14 × 14 pixels, four
queries and two images.
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from torch import Tensor

import wherefrom as wf
from wherefrom.data.batches import joined
from wherefrom_studies.koh_liang.flipping import RADIUS, TOP, Chord, DigitClassifier, Digits, StagedAttack, draw_attack

L2, OTHERS = 0.001, (0.01,)
BARS = {"flipped with 1": 0.45, "flipped with 2": 0.90, "flipped with 10": 1.0, "times random": 10.0, "pearson": 0.98}
RADII = (0.5 / 255, 0.02, RADIUS)  # of foretold changes
NEAR = f"one image changed by {RADII[0]:.3g}"


def row(model: DigitClassifier, places: np.ndarray, found: StagedAttack, counts: tuple[int, ...]) -> dict[str, Any]:
    """One model's line of the table."""
    gain, random = found.few.gain(1), found.few.gain(1, random=True)
    held = model.concentration(places)
    shares = np.array(held.shares)
    return {
        "l2": model.problem.objective.l2, "accuracy": model.accuracy, "largest margin": float(model.margins[places].max()),
        **{f"flipped with {m}": found.share(m) for m in counts},
        **{f"flipped by random signs with {m}": found.few.flipped(m, random=True) for m in counts if m <= found.few.count},
        "gain": float(gain.mean()), "random gain": float(random.mean()), "times random": float(gain.mean() / random.abs().mean()),
        f"top {TOP} share": held.mean.value, "share and gain": float(spearmanr(shares, gain.numpy()).statistic),
    }  # fmt: skip


def foretold(model: DigitClassifier, places: np.ndarray, images: int, radius: float) -> dict[str, float]:
    """Predicted against true changes of the queries' losses by one changed image."""
    problem, queries, train = model.problem, model.queries(places), Chord(model.ihvp)
    drawn = np.random.default_rng(1).choice(len(problem), images, replace=False)
    slopes = wf.methods.perturbation_influence(problem, queries, problem.ids[drawn], model.ihvp, progress=False)
    X = joined(problem.batches()).inputs[drawn]
    aimed = torch.stack([slopes.values[number % len(places), number].sign() for number in range(images)])
    new, before, true = (X + radius * aimed).clamp(0, 1), measured(problem, queries), []
    for number, position in enumerate(drawn):
        changed = problem.replaced(problem.ids[[position]], new[number : number + 1])
        true.append(measured(problem.at(train(changed, 0)), queries) - before)
    actual, told = torch.stack(true, 1).flatten().numpy(), {}
    guesses = {"": slopes.effect(new - X), ", replacement": wf.methods.replacement_influence(problem, queries, slopes.train_ids, new, model.ihvp)}
    for name, guess in guesses.items():
        predicted = guess.flatten().numpy()
        told |= {f"pearson{name}": float(np.corrcoef(predicted, actual)[0, 1]), f"slope{name}": float(np.polyfit(actual, predicted, 1)[0])}
    return told


def measured(problem: wf.Problem, queries: wf.Examples) -> Tensor:
    with torch.no_grad():
        return torch.cat([problem.measurements(problem.outputs(batch.inputs), batch) for batch in problem.batches(queries)])


def leaning(model: DigitClassifier, places: np.ndarray) -> dict[str, float]:
    """Spearman correlations over queries of the concentration of influence with the attack's success, and of the margin with it."""
    found = model.attack(places, 1, stop=True)
    shares = np.array(model.concentration(places).shares)
    gain, flipped = found.gain(1).numpy(), np.array([one.aimed.flipped_by is not None for one in found.attacked])
    told = {"queries": float(len(places)), "flipped": float(flipped.mean()), "least share": float(shares.min()), "largest share": float(shares.max())}
    told["share and gain"] = float(spearmanr(shares, gain).statistic)
    if 0 < flipped.mean() < 1:
        told["share and flipped"] = float(spearmanr(shares, flipped).statistic)
        told["margin and flipped"] = float(spearmanr(model.margins[places].numpy(), flipped).statistic)
    return told | {"margin and gain": float(spearmanr(model.margins[places].numpy(), gain).statistic)}


def chart(attacks: dict[float, StagedAttack], counts: range) -> alt.LayerChart:
    """The share flipped by the number of images changed: a line for each model and its control."""
    lines = []
    for l2, found in attacks.items():
        lines += [{"arm": f"l2 {l2:g}", "changed": m, "flipped": found.share(m)} for m in counts]
        few = [m for m in counts if m <= found.few.count]
        lines += [{"arm": f"l2 {l2:g}, random signs", "changed": m, "flipped": found.few.flipped(m, random=True)} for m in few]
    names = list(dict.fromkeys(line["arm"] for line in lines))
    colours = alt.Scale(domain=names, range=["#c8553d", "#e3b3a8", "#2f6fb0", "#a9c4de"][: len(names)])
    base = alt.Chart(alt.InlineData(values=lines)).encode(
        x=alt.X("changed:Q", title="training images changed, by at most 0.1 in each pixel", axis=alt.Axis(tickMinStep=1)),
        y=alt.Y("flipped:Q", title="predictions flipped", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("arm:N", sort=None, scale=colours, title=None),
    )
    return (base.mark_line() + base.mark_point(filled=True, size=40)).properties(width=420, height=260)


def report(table: pd.DataFrame, told: dict[str, Any], facts: dict[str, Any], out: Path) -> None:
    """Print the table and the bars, and keep the numbers."""
    print(table.T.to_string(header=False, float_format="{:.4g}".format, na_rep="-"), "\n")
    for title, figures in told.items():
        print(f"{title}: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
    values = {**table.iloc[0].to_dict(), **told[NEAR]}
    bars = {name: {"found": float(values[name]), "at least": bar, "met": bool(values[name] >= bar)} for name, bar in BARS.items() if name in values}
    for name, bar in bars.items():
        met = "open" if facts["quick"] else "met" if bar["met"] else "MISSED"
        print(f"{met:6} {name}: {bar['found']:.3f}, at least {bar['at least']:g}")
    print("\n" + ", ".join(f"{name}: {value}" for name, value in facts.items()))
    out.mkdir(parents=True, exist_ok=True)
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    (out / "attack.json").write_text(json.dumps({**facts, "models": rows, **told, "bars": bars}, indent=1))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    quick, load, start = settings.quick, os.getloadavg()[0], time.perf_counter()
    images, pool, asked, few, most, others = (200, 2, 4, 2, 2, ()) if quick else (1000, 1, 20, 3, 10, OTHERS)
    train, test = Digits.read("train", images, pool), Digits.read("test", None, pool)
    models, attacks, rows = {l2: DigitClassifier.train(train, test, l2) for l2 in (L2, *others)}, {}, []
    for l2, model in models.items():
        attacks[l2] = StagedAttack.run(model, model.closest(asked), few, most)
        rows.append(row(model, model.closest(asked), attacks[l2], tuple(m for m in (1, 2, 3, 5, 10) if m <= most)))
    first, places = models[L2], models[L2].closest(asked)
    told = {f"one image changed by {radius:.3g}": foretold(first, places, 5 if quick else 40, radius) for radius in RADII}
    told["concentration beside success"] = leaning(first, first.draw(8 if quick else 40, places))
    facts = {
        "quick": quick, "images": images, "queries": asked, "radius": RADIUS, "seconds": round(time.perf_counter() - start, 1),
        "machine": platform.processor() or platform.machine(), "threads": torch.get_num_threads(), "load": load,
    }  # fmt: skip
    report(pd.DataFrame(rows), told, facts, settings.out)
    wf.plot.save(chart(attacks, range(most + 1)), settings.out / "attack.png")
    wf.plot.save(draw_attack(first, places, attacks[L2].few), settings.out / "attack_images.png")


if __name__ == "__main__":
    main()
