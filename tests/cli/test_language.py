"""`wherefrom explain --lm` and `select --lm` from outside: what they write, and how they fail."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from helpers import language

import wherefrom as wf

ROWS = [{"id": f"r{place}", "text": text, "source": "book"} for place, text in enumerate(language.TEXTS)]
QUERIES = [{"prompt": "the king", "completion": " said hello"}, {"text": "Paris is in France .", "span": "France"}]
Wherefrom = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("lm")
    language.llama().save_pretrained(here / "model")
    language.tokenizer().save_pretrained(here / "model")
    language.bert("SequenceClassification", num_labels=2).save_pretrained(here / "classes")
    language.tokenizer().save_pretrained(here / "classes")
    language.json_lines(here / "train.jsonl", ROWS)
    language.json_lines(here / "queries.jsonl", QUERIES)
    language.json_lines(here / "labelled.jsonl", [{"text": row["text"], "label": place % 2} for place, row in enumerate(ROWS)])
    return here


@pytest.fixture(scope="module")
def run(folder: Path) -> Wherefrom:
    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "wherefrom", *map(str, arguments)]
        settings = {**os.environ, "COLUMNS": "140", "HF_HUB_OFFLINE": "1"}
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=settings, timeout=300)

    return call


def test_explain_names_rows_and_tokens(run: Wherefrom, folder: Path) -> None:
    arguments = ("--train", "train.jsonl", "--query", "queries.jsonl", "--method", "gradient-dot", "--top", 4, "--tokens", 2, "--out", "found")
    done = run("explain", "--lm", "model", *arguments)
    assert done.returncode == 0, done.stderr
    assert "causal head; the loss of an example is the sum over its tokens" in " ".join(done.stdout.split()) and "proponent 1" in done.stdout
    top, tokens = pd.read_csv(folder / "found" / "top.csv"), pd.read_csv(folder / "found" / "tokens.csv")
    p = wf.lm.problem(folder / "model", folder / "train.jsonl")
    best = wf.attribute(wf.GradientDot(), p, wf.lm.examples(p, folder / "queries.jsonl"), top=4, progress=False)
    assert top[top.side == "proponent"].train_id.tolist() == best.ids.ravel().tolist() and set(top.side) == {"proponent", "opponent"}
    sums = tokens.groupby(["query_id", "train_id"])["score"].sum()
    assert len(sums) == 4 and sums[0, best.ids[0, 0]] == pytest.approx(float(best.values[0, 0]), rel=1e-4)
    report = (folder / "found" / "report.html").read_text(encoding="utf-8")
    assert "rgba(47, 111, 176" in report and "Where did these words come from?" in report and "Not proved" in report
    record = json.loads((folder / "found" / "run.json").read_text(encoding="utf-8"))
    assert record["settings"]["method"] == "gradient-dot" and record["versions"]["transformers"] and "6 rows of 32 tokens" in record["data"]["told"]
    assert wf.TopScores.open(folder / "found" / "top.zarr").ids.tolist() == best.ids.tolist()


def test_select_writes_the_rows_that_serve_the_targets_as_they_stood(run: Wherefrom, folder: Path) -> None:
    done = run("select", "--lm", "model", "--train", "train.jsonl", "--query", "queries.jsonl", "--top", 2, "--out", "chosen")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (folder / "chosen" / "selected.jsonl").read_text(encoding="utf-8").splitlines()]
    top = pd.read_csv(folder / "chosen" / "top.csv")
    assert (
        [line["id"] for line in lines] == top[top.side == "proponent"].train_id.tolist() and all(line in ROWS for line in lines) and len(lines) == 2
    )
    assert "2 queries together" in (folder / "chosen" / "report.html").read_text(encoding="utf-8")


def test_a_head_without_tokens_says_so(run: Wherefrom, folder: Path) -> None:
    arguments = ("--train", "labelled.jsonl", "--query", "labelled.jsonl", "--max-length", 4, "--method", "gradient-dot", "--out", "labelled")
    done = run("explain", "--lm", "classes", *arguments)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "No scores of tokens" in said and "are longer than 4 tokens" in said and not (folder / "labelled" / "tokens.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("explain", "--lm", "model", "--train", "train.jsonl"), "--query is missing"),
        (("explain", "--train", "train.jsonl", "--query", "queries.jsonl"), "--lm is missing"),
        (("select", "--lm", "model", "--query", "queries.jsonl"), "--train is missing"),
        (("explain", "--lm", "model", "--train", "train.jsonl", "--query", "a.jsonl", "--query", "b.jsonl"), "--query names one file"),
        (("explain", "x.csv", "--lm", "model", "--train", "train.jsonl", "--query", "queries.jsonl"), "leave out TABLE"),
        (("explain", "--lm", "models", "--train", "train.jsonl", "--query", "queries.jsonl"), "No model opens from models"),
        (("explain", "--lm", "model", "--train", "trains.jsonl", "--query", "queries.jsonl"), "Did you mean 'train.jsonl'?"),
        (("explain", "--lm", "model", "--train", "train.jsonl", "--query", "queries.jsonl", "--method", "ekfca"), "Did you mean 'ekfac'?"),
        (("select", "--lm", "model", "--train", "train.jsonl", "--query", "queries.jsonl", "--method", "tracin"), "tracin needs checkpoints"),
    ],
)
def test_what_is_missing_or_wrong_is_one_sentence(run: Wherefrom, arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr and done.stderr.count("\n") == 1


def test_a_long_side_is_scored_without_its_eigenvectors_unless_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from wherefrom.cli import language as command

    p = wf.lm.problem(folder / "model", folder / "train.jsonl")
    assert command._usual(p) == ("ekfac", ())
    monkeypatch.setattr(command, "LONGEST", 30)
    name, (said,) = command._usual(p)
    assert name == "gradient-dot" and "a side of 40" in said
