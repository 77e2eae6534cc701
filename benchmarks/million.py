"""Memory and seconds of the best 20 of a million training rows for 100 queries, through the last two layers of an MLP.

The rows are synthetic: 64 float32 numbers each, classes drawn from a random linear model, 256 MB in all. The MLP is
64-128-64-10 and is trained for a few hundred steps; TracIn takes two checkpoints of it, gradient dot the trained weights.
Each method runs in a process of its own. Its memory is the peak of the resident set above what is resident once the data
are made and the MLP is trained. The limit is
plain forward and backward passes of the same batches, and the products at the speed of `torch.mm`. Writes million.json.
`--quick` takes 20,000 rows and 10 queries.
"""

import argparse
import itertools
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import wherefrom as wf

WIDTHS, LAYERS, BATCH = (64, 128, 64, 10), ["2.*", "4.*"], 1024
METHODS, MEMORY = ("tracin", "gradient-dot"), 1.5 * 2**30


def memory(line: str) -> int:
    """Bytes of a line of /proc/self/status: VmRSS is what is resident now, VmHWM the most that ever was; without /proc both are ru_maxrss."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(found for found in lines if found.startswith(line)).split()[1])
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def drawn(rows: int, queries: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """(X, y) of the training rows, and of the queries."""
    generator = torch.Generator().manual_seed(0)
    teacher = torch.randn(WIDTHS[0], WIDTHS[-1], generator=generator)
    X = torch.randn(rows, WIDTHS[0], generator=generator)
    asked = torch.randn(queries, WIDTHS[0], generator=generator)
    y = torch.cat([(part @ teacher).argmax(1) for part in X.split(65536)])
    return (X, y), (asked, (asked @ teacher).argmax(1))


def trained(X: Tensor, y: Tensor, steps: int = 300) -> tuple[nn.Module, wf.CheckpointRecorder]:
    """The MLP and two checkpoints: one a third of the way, one at the end."""
    torch.manual_seed(0)
    layers = [part for i, o in itertools.pairwise(WIDTHS) for part in (nn.Linear(i, o), nn.ReLU())][:-1]
    model = nn.Sequential(*layers)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    recorder = wf.CheckpointRecorder(model, optimizer)
    for step in range(steps):
        place = step * 256 % max(1, len(y) - 255)
        optimizer.zero_grad()
        cross_entropy(model(X[place : place + 256]), y[place : place + 256]).backward()
        optimizer.step()
        if step + 1 in (steps // 3, steps):
            recorder.record()
    return model.eval(), recorder


def run(name: str, rows: int, queries: int, top: int) -> dict[str, Any]:
    """One method in this process: bytes, seconds, and a check of the first rows by autograd."""
    (X, y), asked = drawn(rows, queries)
    model, recorder = trained(X, y)
    before = memory("VmRSS")
    start = time.perf_counter()
    problem = wf.Problem.of(model, wf.cross_entropy(), (X, y), parameters=LAYERS)
    method = wf.TracIn(recorder, parameters=LAYERS) if name == "tracin" else wf.GradientDot()
    best = wf.attribute(method, problem, asked, top=top)
    taken = time.perf_counter() - start
    above, passes = memory("VmHWM") - before, len(recorder) if name == "tracin" else 1
    bound = passes * limit(model, X, y, queries)
    return {
        "method": repr(method), "rows": rows, "queries": queries, "top": top, "data bytes": X.nbytes + y.nbytes, "peak above data": above,
        "seconds": taken, "limit": bound, "seconds over limit": taken / bound, "threads": torch.get_num_threads(),
        "first": best.ids[0, :5].tolist(), "difference": difference(method, problem, best, asked, recorder, name),
    }  # fmt: skip


def limit(model: nn.Module, X: Tensor, y: Tensor, queries: int) -> float:
    """Seconds of forward and backward passes over all rows, and of the products of the factors of the two layers."""
    sides = [(WIDTHS[1] + 1, WIDTHS[2]), (WIDTHS[2] + 1, WIDTHS[3])]
    factors = [(torch.randn(queries, side), torch.randn(side, BATCH)) for pair in sides for side in pair]
    start = time.perf_counter()
    for part, labels in zip(X.split(BATCH), y.split(BATCH), strict=True):
        hidden = model[:2](part).detach().requires_grad_()
        torch.autograd.grad(cross_entropy(model[2:](hidden), labels, reduction="sum"), hidden)
        for left, right in factors:
            torch.mm(left, right)
    return time.perf_counter() - start


def difference(method: wf.methods.Method, problem: wf.Problem, best: wf.TopScores, asked: Any, recorder: wf.CheckpointRecorder, name: str) -> float:
    """max |score - autograd's| / max |autograd's| over the first query's best."""
    places = torch.from_numpy(best.ids[0])
    moments = recorder.checkpoints if name == "tracin" else [wf.checkpoints.Checkpoint(problem.state, 1.0)]
    truth = torch.zeros(len(places))
    batch = next(problem.batches(problem.train.take(best.ids[0])))
    for moment in moments:
        at = problem.at(moment.state)
        query = gradient(at, asked[0][:1], asked[1][:1])
        truth += float(moment.learning_rate or 0) * torch.stack(
            [gradient(at, batch.inputs[[i]], batch.targets[[i]]) @ query for i in range(len(places))]
        )
    return float((best.values[0] - truth).abs().max() / truth.abs().max())


def gradient(problem: wf.Problem, X: Tensor, y: Tensor) -> Tensor:
    """The flat gradient of one example's loss by autograd."""
    chosen = {name: value.clone().requires_grad_() for name, value in problem.parameters.items()}
    loss = cross_entropy(problem.outputs(X, chosen), y)
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(chosen.values()))])


def in_a_process(name: str, settings: argparse.Namespace) -> dict[str, Any]:
    """The same in a fresh process, its progress bar on standard error."""
    command = [sys.executable, __file__, "--alone", name, "--rows", settings.rows, "--queries", settings.queries, "--top", settings.top]
    done = subprocess.run([*map(str, command), "--threads", str(settings.threads)], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--rows", type=int, help="1,000,000, and 20,000 with --quick")
    arguments.add_argument("--queries", type=int, help="100, and 10 with --quick")
    arguments.add_argument("--top", type=int, default=20)
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--alone", choices=METHODS, help="one method in this process, printed as JSON")
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    settings.rows = settings.rows or (20_000 if settings.quick else 1_000_000)
    settings.queries = settings.queries or (10 if settings.quick else 100)
    if settings.alone:
        torch.set_num_threads(settings.threads)
        print(json.dumps(run(settings.alone, settings.rows, settings.queries, settings.top)))
        return
    load, found = os.getloadavg()[0], [in_a_process(name, settings) for name in METHODS]
    for one in found:
        one["met"] = one["peak above data"] <= MEMORY
        print(f"{one['method']}: {one['rows']:,} rows, {one['queries']} queries, top {one['top']}, {one['threads']} threads")
        print(f"  data {one['data bytes'] / 1e6:.0f} MB, peak above data {one['peak above data'] / 1e6:.0f} MB (bar {MEMORY / 1e6:.0f} MB)")
        print(f"  {one['seconds']:.2f} s, {one['seconds over limit']:.2f} times the limit; off autograd's by {one['difference']:.1e}")
    settings.out.mkdir(parents=True, exist_ok=True)
    facts = {"machine": platform.processor() or platform.machine(), "load average": load, "torch": torch.__version__, "quick": settings.quick}
    (settings.out / "million.json").write_text(json.dumps({**facts, "bar": MEMORY, "results": found}, indent=1))


if __name__ == "__main__":
    main()
