"""What a call of attribute will take, said before it runs."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch

from wherefrom.data.examples import Examples, Queries
from wherefrom.gradients import Gradients, Rows
from wherefrom.gradients.plan import LayerPlan, layer_plans
from wherefrom.gradients.signed import signed_measurements
from wherefrom.gradients.verify_rules import PROOF, probe_size, surveyed
from wherefrom.methods.base import Method, Work
from wherefrom.problem import Problem
from wherefrom.types import Ids

if TYPE_CHECKING:
    import pandas as pd

ASKED, MOST = 64, 1024  # queries whose gradients a probe takes, and the most that it goes on with by repeating them

DEAR = 0.2  # seconds of one example from which on a probe takes fewer than a batch
MOMENT = 2.0  # seconds that it then takes
LONG = 0.3  # seconds of a run that needs no second one to be told


@dataclass(frozen=True)
class Plan:
    """The work of one call of :func:`wherefrom.attribute`.

    ``passes``: forward and backward passes over the training data to score them, ``query_passes`` over the queries. ``fitting``: what comes before,
    in words, "" for nothing; ``seconds`` leaves it out, ``memory`` (bytes at the peak, beside the model and the data) does not. ``disk``: bytes of
    ``out``, before compression. ``layers``: the contraction of each layer for one batch of training examples. ``approximated``: what a fitted IHVP
    does not take exactly, with the measured error, "" for nothing.
    """

    method: str
    queries: int
    examples: int
    batch: int
    passes: int
    query_passes: int
    seconds: float
    memory: int
    disk: int
    fitting: str
    layers: tuple[LayerPlan, ...]
    approximated: str = ""

    def __str__(self) -> str:
        facts = {
            "passes": f"{self.passes} over the training data in batches of {self.batch:,}, {self.query_passes} over the queries",
            "time": (f"about {self.seconds:,.1f} s" if self.seconds >= 0.1 else "less than 0.1 s")
            + (", and for fitting " + self.fitting if self.fitting else ""),
            "memory": f"about {self.memory / 1e6:,.0f} MB beside model and data",
            "disk": f"{self.disk / 1e6:,.0f} MB" if self.disk else "none",
            "taken as": self.approximated,
        }
        lines = [f"{self.method}: {self.queries:,} queries, {self.examples:,} training examples"]
        lines += [f"  {name:<9}{text}" for name, text in facts.items() if text]
        alike: dict[tuple[object, ...], list[str]] = {}
        for layer in self.layers:
            alike.setdefault((layer.rule, layer.shape, layer.contraction, layer.queries, layer.training), []).append(layer.name)
        for (rule, (o, i), way, queries, training), names in alike.items():  # type: ignore[misc]
            others = f" and {len(names) - 1} more" if len(names) > 1 else ""
            lines.append(f"  {names[0]}{others}: {rule}, {o} × {i}, {way} ({queries} with {training})")
        return "\n".join(lines)

    def to_pandas(self) -> "pd.DataFrame":
        """One row per layer."""
        import pandas as pd

        return pd.DataFrame([{"layer": layer.name, **asdict(layer)} for layer in self.layers])


def plan(
    method: Method,
    problem: Problem,
    queries: Queries,
    *,
    top: int | None = None,
    ids: Ids | None = None,
    aggregate: bool = False,
    out: str | Path | None = None,
) -> Plan:
    """Passes, seconds, memory, disk and the contraction of each layer for ``attribute`` called with the same arguments.

    One batch of training examples, of a slow model a few, and the first queries are taken for a probe, whose seconds are multiplied up;
    those of comparing the rules with autograd are added. Nothing is fitted or written.
    """
    asked, scored = problem.examples(queries), problem.train if ids is None else problem.train.select(ids)
    work, rows = method.work(problem), 1 if aggregate else len(asked)
    table = rows * (len(scored) if top is None else 4 * min(top, len(scored))) * problem.dtype.itemsize
    disk = 0 if out is None else rows * len(scored) * problem.dtype.itemsize
    with torch.no_grad():
        probe = _probe(work, scored, asked, aggregate) if work.score else None
    if probe is None:
        return Plan(repr(method), len(asked), len(scored), min(1024, len(scored)), 0, 0, 0.0, table, disk, work.fitting, ())
    shares = len(scored) / probe.batch
    seconds = work.score * (shares * (probe.gradients + probe.products) + len(asked) / probe.batch * probe.gradients + probe.proof)
    memory = table * (out is None) + work.score * probe.queries + probe.training + work.bytes
    fields = (repr(method), len(asked), len(scored), probe.batch, work.score, work.score, seconds, int(memory), disk)
    return Plan(*fields, work.fitting, probe.layers, work.approximated)


@dataclass(frozen=True)
class _Probe:
    """One batch: seconds of its gradients and of its products with all queries, bytes of both sides."""

    batch: int
    gradients: float
    products: float
    queries: int
    training: int
    proof: float  # seconds of comparing the rules with autograd, once
    layers: tuple[LayerPlan, ...]


def _probe(work: Work, scored: Examples, asked: Examples, aggregate: bool) -> _Probe:
    gradients = Gradients(work.problem, surveyed(work.problem))
    projector = None if work.projection is None else work.projection.of(gradients.layout, work.problem.device)

    def finished(rows: Rows) -> Rows:
        return rows if projector is None else projector(rows)

    start = perf_counter()
    single = signed_measurements(gradients, next(work.problem.batches(asked, size=1)))
    each = perf_counter() - start
    size = gradients.size if each < DEAR else max(1, min(gradients.size, int(MOMENT / each)))
    batch = next(work.problem.batches(scored, size=size))
    asking = min(ASKED, size, len(asked))
    first = single if asking == 1 else signed_measurements(gradients, next(work.problem.batches(asked, size=asking)))
    queries = finished(first.layout.rows(first.flat()) if work.written else first)
    count = 1 if aggregate else min(len(asked), MOST)
    queries = queries.sum() if aggregate else queries.select(torch.arange(count, device=work.problem.device) % len(first))
    share = 1 if aggregate else len(asked) / count
    spent, training = _timed(lambda: finished(gradients.losses(batch)))
    products, _ = _timed(lambda: queries.dot(training))
    layers = tuple(replace(layer, multiplications=int(share * layer.multiplications)) for layer in layer_plans(queries, training, gradients.coverage))
    whole = min(gradients.size, len(scored))
    held = whole * gradients.coverage.bytes_each + training.nbytes * whole // len(batch)
    proof = PROOF * min(probe_size(work.problem), len(work.problem)) * spent / len(batch)
    return _Probe(whole, spent * whole / len(batch), share * products * whole / len(batch), int(share * queries.nbytes), held, proof, layers)


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """The less of two runs' seconds; of one, where it takes long."""
    result, spent = None, list[float]()
    while len(spent) < 2 and sum(spent) < LONG:
        start = perf_counter()
        result = work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        spent.append(perf_counter() - start)
    return min(spent), result
