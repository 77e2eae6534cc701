"""GPT-2 small's shape with random weights, 32 sequences of 128 tokens, 2 queries: what a plan, gradient dot and EK-FAC cost, beside kronfluence.

124 million parameters, float32, one thread, processor seconds; each part is a process of its own, so that its peak memory is its own.
`gradient dot`: plan, scores of all parameters, and the plain forward and backward passes of training over the same sequences, in batches of 8.
`EK-FAC of everything`: fit and scores of all parameters; the vocabulary's side of the embedding is diagonal, and told so.
`EK-FAC of the blocks`: fit and scores of the 48 linear layers inside the 12 blocks, which is what kronfluence can do: it knows no embedding and no
LayerNorm, and the head's factor would be 50,257 wide. Both draw one label for each predicted token from the model and damp by a tenth of the
mean eigenvalue; for kronfluence each Conv1D of transformers is replaced by the Linear layer that it is. Since each draws labels of its own, scores
agree but for that.
Writes gpt2.json. `--quick` takes two blocks of 32 units and 6 sequences of 16 tokens. `make bench-lm` has an environment with kronfluence.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import wherefrom as wf

BATCH, QUERIES = 8, 2
BLOCKS = ["transformer.h.*.attn.c_*", "transformer.h.*.mlp.c_*"]
BARS = {"plan, seconds": 5.0, "gradient dot, plain passes": 1.4, "EK-FAC of everything, GB": 12.0, "EK-FAC of the blocks, times kronfluence's": 0.5}
MET = {True: "met", False: "MISSED", None: "open"}


def model_and_tokens(quick: bool) -> tuple[nn.Module, Tensor, Tensor]:
    """Return GPT-2 with random weights, training sequences and queries."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(vocab_size=100, n_positions=16, n_embd=32, n_layer=2, n_head=2) if quick else GPT2Config()
    shape = (6, 16) if quick else (32, 128)
    model = GPT2LMHeadModel(config).eval()
    return model, torch.randint(config.vocab_size, shape), torch.randint(config.vocab_size, (QUERIES, shape[1]))


def problem_of(model: nn.Module, tokens: Tensor, parameters: list[str] | None = None) -> wf.Problem:
    return wf.Problem.of(model, wf.next_token(), ({"input_ids": tokens}, tokens), parameters=parameters, batch_size=BATCH)


def processor_seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    value = work()
    return time.process_time() - start, value


def gradient_dot(quick: bool) -> dict[str, Any]:
    model, tokens, queries = model_and_tokens(quick)
    problem, asked = problem_of(model, tokens), ({"input_ids": queries}, queries)
    planned, plan = processor_seconds(lambda: wf.plan(wf.GradientDot(), problem, asked))

    def plain() -> None:
        for batch in tokens.split(BATCH):
            cross_entropy(model(input_ids=batch).logits[:, :-1].transpose(1, 2), batch[:, 1:]).backward()
            model.zero_grad()

    def scored() -> Tensor:
        return wf.attribute(wf.GradientDot(), problem_of(model, tokens), asked, progress=False).values

    plain()
    spent, passes = processor_seconds(scored)[0], processor_seconds(plain)[0]
    return {"plan, seconds": planned, "plan's estimate, seconds": plan.seconds, "gradient dot, seconds": spent, "plain passes, seconds": passes}


def ekfac(quick: bool, parameters: list[str] | None) -> dict[str, Any]:
    model, tokens, queries = model_and_tokens(quick)
    problem = problem_of(model, tokens, parameters)
    fitted, ihvp = processor_seconds(lambda: wf.IHVP(wf.EKFAC(), wf.Eigen()).fit(problem))
    method, asked = wf.InfluenceFunction(ihvp), ({"input_ids": queries}, queries)
    scored, scores = processor_seconds(lambda: wf.attribute(method, problem, asked, progress=False).values)
    return {"fit": fitted, "scores": scored, "values": scores.tolist()}


def kronfluence(quick: bool) -> dict[str, Any]:
    from kronfluence.analyzer import Analyzer, prepare_model  # pyright: ignore[reportMissingImports]
    from kronfluence.arguments import FactorArguments, ScoreArguments  # pyright: ignore[reportMissingImports]
    from kronfluence.task import Task  # pyright: ignore[reportMissingImports]
    from torch.utils.data import TensorDataset

    model, tokens, queries = model_and_tokens(quick)

    class NextToken(Task):
        def compute_train_loss(self, batch: Any, model: nn.Module, sample: bool = False) -> Tensor:
            (rows,) = batch
            outputs, labels = model(input_ids=rows).logits[:, :-1].flatten(0, 1), rows[:, 1:].flatten()
            if sample:
                with torch.no_grad():
                    labels = torch.multinomial(outputs.detach().softmax(-1), 1).flatten()
            return cross_entropy(outputs, labels, reduction="sum")

        def compute_measurement(self, batch: Any, model: nn.Module) -> Tensor:
            return self.compute_train_loss(batch, model)

        def get_influence_tracked_modules(self) -> list[str]:
            return [name for name, module in linear.named_modules() if isinstance(module, nn.Linear) and name != "lm_head"]

    linear = with_linear_layers(model)
    task = NextToken()
    train, asked = TensorDataset(tokens), TensorDataset(queries)
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare_model(linear, task)
        analyzer = Analyzer("bench", prepared, task, cpu=True, disable_tqdm=True, disable_model_save=True, output_dir=folder, log_level=50)

        def fit() -> None:
            analyzer.fit_all_factors("ekfac", train, per_device_batch_size=BATCH, factor_args=FactorArguments(strategy="ekfac"))

        def score() -> None:
            analyzer.compute_pairwise_scores(
                "pairs", "ekfac", asked, train, per_device_query_batch_size=QUERIES, per_device_train_batch_size=BATCH,
                score_args=ScoreArguments(damping_factor=None),
            )  # fmt: skip

        fitted, scored = processor_seconds(fit)[0], processor_seconds(score)[0]
        return {"fit": fitted, "scores": scored, "values": analyzer.load_pairwise_scores("pairs")["all_modules"].tolist()}


def with_linear_layers(model: nn.Module) -> nn.Module:
    """Replace every Conv1D, which multiplies by its weight untransposed, by the Linear layer that says the same."""
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer).__name__ == "Conv1D":
                linear = nn.Linear(*layer.weight.shape)
                linear.weight.data, linear.bias.data = layer.weight.data.T.contiguous(), layer.bias.data
                setattr(parent, name, linear)
    return model


PARTS: dict[str, Callable[[bool], dict[str, Any]]] = {
    "gradient dot": gradient_dot,
    "EK-FAC of everything": lambda quick: ekfac(quick, None),
    "EK-FAC of the blocks": lambda quick: ekfac(quick, BLOCKS),
    "kronfluence, EK-FAC of the blocks": kronfluence,
}


def measured(part: str, quick: bool) -> dict[str, Any]:
    """Return a part's numbers, from a process of its own, with that process's peak memory."""
    command = [sys.executable, __file__, "--part", part, *(["--quick"] if quick else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{part} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def figures(results: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Return what is held against the bars and what is told beside them."""
    dot, ours = results["gradient dot"], results["EK-FAC of the blocks"]
    numbers = {name: dot[name] for name in ("plan, seconds", "plan's estimate, seconds", "gradient dot, seconds", "plain passes, seconds")}
    numbers["gradient dot, plain passes"] = dot["gradient dot, seconds"] / dot["plain passes, seconds"]
    for name, result in results.items():
        if "fit" in result:
            numbers |= {f"{name}, fit, seconds": result["fit"], f"{name}, scores, seconds": result["scores"]}
        numbers[f"{name}, GB"] = result["GB"]
    if len(results) == len(PARTS):
        theirs = results["kronfluence, EK-FAC of the blocks"]
        numbers["EK-FAC of the blocks, times kronfluence's"] = (ours["fit"] + ours["scores"]) / (theirs["fit"] + theirs["scores"])
        pairs = zip(ours["values"], theirs["values"], strict=True)
        numbers["least correlation of a query's scores with kronfluence's"] = min(float(np.corrcoef(mine, other)[0, 1]) for mine, other in pairs)
    return numbers


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    arguments.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    settings = arguments.parse_args()
    torch.set_num_threads(1)
    if settings.part:
        warnings.filterwarnings("ignore")
        result = PARTS[settings.part](settings.quick)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
        print(json.dumps({**result, "GB": peak}))
        return
    load, results = os.getloadavg()[0], {}
    for part in PARTS:
        if part.startswith("kronfluence") and find_spec("kronfluence") is None:
            print("kronfluence is not installed here, so it is not compared; `make bench-lm` sets up an environment that has it.")
            continue
        results[part] = measured(part, settings.quick)
        print(f"{part}: {', '.join(f'{name} {value:.3g}' for name, value in results[part].items() if name != 'values')}", flush=True)
    numbers = figures(results)
    bars = {
        name: {"found": numbers[name], "at most": bar, "met": None if settings.quick else numbers[name] <= bar}
        for name, bar in BARS.items()
        if name in numbers
    }
    print()
    for name, value in numbers.items():
        print(f"{MET[bars[name]['met']] if name in bars else '':6} {name}: {value:.3g}" + (f", at most {BARS[name]:g}" if name in bars else ""))
    facts = {
        "quick": settings.quick, "machine": platform.processor() or platform.machine(), "threads": 1, "load average": load,
        "torch": torch.__version__,
    }  # fmt: skip
    settings.out.mkdir(parents=True, exist_ok=True)
    (settings.out / "gpt2.json").write_text(json.dumps({**facts, "results": results, "numbers": numbers, "bars": bars}, indent=1))


if __name__ == "__main__":
    main()
