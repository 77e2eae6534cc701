"""`wherefrom demo`, `explain`, `select`, `compare` and `study`: what they are called with, and how they fail.

Arguments alone: each command imports its work when it runs, so that ``--help`` waits for no library (tests/test_house.py measures it).
"""

import errno
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wherefrom import __version__
from wherefrom.cli.method_names import METHODS, OF_ONE_MODEL, USUAL, method_of_model
from wherefrom.errors import UsageError

if TYPE_CHECKING:
    from wherefrom.cli.language import LanguageSettings

INTERRUPTED = 130
UNWRITABLE = {
    errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY, errno.ENAMETOOLONG,
}  # fmt: skip

# typer's lightest form: 0.06 s to import; its rich help would take 0.09 s more.
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


class Model(StrEnum):
    """Models that wherefrom trains itself."""

    linear = "linear"
    mlp = "mlp"


class TrustBudget(StrEnum):
    """What a person gives for error bars."""

    none = "none"
    fast = "fast"
    full = "full"


class Compare(StrEnum):
    """Models that are compared on."""

    logistic = "logistic"
    mlp = "mlp"


class Estimands(StrEnum):
    """What a comparison is about."""

    runs = "runs"
    model = "model"


class Bundled(StrEnum):
    """Data that come with scikit-learn."""

    digits = "digits"
    breast_cancer = "breast_cancer"
    wine = "wine"
    iris = "iris"
    diabetes = "diabetes"


ModelOption = Annotated[Model, typer.Option("--model", help="What to train: softmax, logistic or linear regression, or a small network.")]
MethodOption = Annotated[
    str | None,
    typer.Option(
        "--method",
        metavar="NAME",
        help=f"How to score training rows: {', '.join(OF_ONE_MODEL)} (default: influence; of --lm ekfac where it is affordable).",
    ),
]
TopOption = Annotated[int, typer.Option("--top", min=1, help="Proponents and opponents to show for each query.")]
ProveOption = Annotated[bool, typer.Option("--prove/--no-prove", help="Retrain without the shown rows, and some random ones, to check the scores.")]
TrustOption = Annotated[TrustBudget, typer.Option("--trust", help="Error bars: none, fast (a bootstrap of the last layer), or full (retraining).")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Of the held-out split, the network's start and the random rows.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="Folder to write to (default: wherefrom-NAME).")]
L2Option = Annotated[float, typer.Option("--l2", help="Strength of the penalty l2/2 ‖θ‖² beside the mean loss.")]

TableArgument = Annotated[Path | None, typer.Argument(help="A CSV, TSV or Parquet file.", show_default=False)]
TargetOption = Annotated[str | None, typer.Option("--target", help="The column to predict.")]
QueryOption = Annotated[
    list[str] | None,
    typer.Option("--query", help="Row numbers or ids (repeat or separate by commas), `wrong`, or a file of new rows (JSON lines with --lm)."),
]
ProblemOption = Annotated[
    str | None, typer.Option("--problem", help="Your own model: path.py:function returning (Problem, queries) or (Problem, queries, train).")
]
LanguageModelOption = Annotated[
    str | None, typer.Option("--lm", help="A language model of transformers: a folder with its weights and tokenizer, or with adapters of PEFT.")
]
TrainOption = Annotated[
    str | None, typer.Option("--train", help="What --lm was trained on: JSON lines of text, prompt and completion, messages, or input_ids.")
]
IdOption = Annotated[str | None, typer.Option("--id", help="The column that names rows (default: row numbers from 0; of --lm, id).")]
TaskOption = Annotated[str | None, typer.Option("--task", help="classification or regression (default: by what the target holds).")]
TokensOption = Annotated[int, typer.Option("--tokens", min=0, help="Training rows of each query whose tokens are scored and coloured (--lm).")]
MaxLengthOption = Annotated[int | None, typer.Option("--max-length", min=2, help="Tokens of a row beyond which it is cut (--lm; default: all).")]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"wherefrom {__version__}")
        raise typer.Exit


@app.callback()
def wherefrom(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)] = False,
) -> None:
    """Where did this prediction come from? Training-data attribution for any PyTorch model, proved by retraining."""


@app.command()
def demo(
    data: Annotated[Bundled, typer.Option("--data", help="Which bundled data.")] = Bundled.digits,
    model: ModelOption = Model.linear,
    method: MethodOption = None,
    top: TopOption = 5,
    prove: ProveOption = True,
    trust: TrustOption = TrustBudget.fast,
    seed: SeedOption = 0,
    l2: L2Option = 1e-2,
    out: OutOption = None,
) -> None:
    """Train on bundled data, explain what the model got wrong, prove it by retraining, and write a report."""
    name = method_of_model(method or "influence").name
    from wherefrom.cli.explain import explain_case
    from wherefrom.cli.explanation import ExplanationSettings
    from wherefrom.cli.tables import bundled_case

    settings = ExplanationSettings(name, top, prove, seed, trust.value)
    explain_case(bundled_case(data.value, model.value, seed, l2), settings, out or Path("wherefrom-demo"))


@app.command()
def explain(
    table: TableArgument = None, target: TargetOption = None, query: QueryOption = None, problem: ProblemOption = None,
    lm: LanguageModelOption = None, train: TrainOption = None, model: ModelOption = Model.linear, method: MethodOption = None, top: TopOption = 5,
    tokens: TokensOption = 3, max_length: MaxLengthOption = None, prove: ProveOption = True, trust: TrustOption = TrustBudget.fast,
    seed: SeedOption = 0, l2: L2Option = 1e-2, id_column: IdOption = None, task: TaskOption = None, out: OutOption = None,
) -> None:  # fmt: skip
    """Which training rows made these predictions? Of a table (TABLE --target COLUMN), your own model (--problem) or a language model (--lm)."""
    if lm is not None or train is not None:
        if table is not None or target is not None or problem is not None:
            raise UsageError("--lm brings its own data by --train; leave out TABLE, --target and --problem.")
        from wherefrom.cli.language import explain_language

        explain_language(_language(lm, train, query, method, top, tokens, seed, max_length, id_column), out)
        return
    name = method_of_model(method or "influence").name
    if problem is not None and (table is not None or target is not None or query):
        raise UsageError("--problem brings its own data and queries; leave out TABLE, --target and --query.")
    if problem is None and (table is None or target is None):
        raise UsageError("Give a table and its target, wherefrom explain TABLE --target COLUMN, your own model, --problem path.py:function, or --lm.")
    from wherefrom.cli.explain import explain_case
    from wherefrom.cli.explanation import ExplanationSettings
    from wherefrom.cli.tables import table_case
    from wherefrom.cli.user_code import load_case

    settings = ExplanationSettings(name, top, prove, seed, trust.value)
    if problem is not None:
        explain_case(load_case(problem), settings, out or Path(f"wherefrom-{Path(problem.partition(':')[0]).stem}"))
    elif table is not None and target is not None:
        case = table_case(table, target, query or ["wrong"], model.value, seed, l2, id_column, task)
        explain_case(case, settings, out or Path(f"wherefrom-{table.stem}"))


@app.command()
def select(
    lm: LanguageModelOption = None,
    train: TrainOption = None,
    query: QueryOption = None,
    method: MethodOption = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many training rows to select.")] = 100,
    tokens: TokensOption = 3,
    max_length: MaxLengthOption = None,
    seed: SeedOption = 0,
    id_column: IdOption = None,
    out: OutOption = None,
) -> None:
    """Which training rows serve these targets? Of a language model (--lm): the rows whose loss falls with that of all the --query rows together."""
    from wherefrom.cli.language import select_language

    select_language(_language(lm, train, query, method, top, tokens, seed, max_length, id_column), out)


def _language(
    lm: str | None, train: str | None, query: list[str] | None, method: str | None, top: int, tokens: int, seed: int, length: int | None,
    key: str | None,
) -> "LanguageSettings":  # fmt: skip
    """The settings of a language model; one without its data or queries is refused."""
    for name, value in (("--lm", lm), ("--train", train), ("--query", query)):
        if not value:
            raise UsageError(f"{name} is missing; a language model needs --lm FOLDER --train train.jsonl --query queries.jsonl.")
    if query is not None and len(query) > 1:
        raise UsageError("--query names one file of queries for a language model; put them all into it.")
    chosen = None if method is None else method_of_model(method).name
    from wherefrom.cli.language import LanguageSettings

    return LanguageSettings(str(lm), str(train), (query or [""])[0], chosen, top, tokens, seed, length, key)


@app.command()
def compare(
    data: Annotated[
        str | None, typer.Argument(help="A CSV, TSV or Parquet file, or a bundled name (default: breast_cancer).", show_default=False)
    ] = None,
    target: TargetOption = None,
    problem: ProblemOption = None,
    methods: Annotated[str, typer.Option("--methods", help=f"Names separated by commas, of {', '.join(METHODS)}; random is always there.")] = USUAL,
    runs: Annotated[int, typer.Option("--runs", help="Models to train, each with a seed of its own; or draws, with --about model.")] = 5,
    k: Annotated[int, typer.Option("--k", help="How long the lists of most influential examples are.")] = 10,
    queries: Annotated[int, typer.Option("--queries", min=1, help="Validation examples to ask about.")] = 10,
    about: Annotated[
        Estimands, typer.Option("--about", help="runs: models trained like this one, so that seeds are noise. model: this very model.")
    ] = Estimands.runs,
    model: Annotated[Compare, typer.Option("--model", help="logistic (softmax or linear, by the target) or mlp.")] = Compare.logistic,
    subsets: Annotated[int, typer.Option("--lds", min=0, help="Random halves to retrain on for the LDS; 0 for none.")] = 24,
    left_out: Annotated[int, typer.Option("--loo", min=0, help="Examples to leave out one at a time; 0 for none.")] = 0,
    removal: Annotated[bool, typer.Option("--removal", help="Retrain without the top of each ranking, beside random sets.")] = False,
    seed: SeedOption = 0,
    l2: L2Option = 1e-2,
    out: OutOption = None,
) -> None:
    """How far do methods agree, with each other and with themselves over runs, are they right, and what do they cost?"""
    from wherefrom.cli.compare import compare_methods
    from wherefrom.cli.comparison import ComparisonSettings
    from wherefrom.cli.training import Learner

    learner = Learner((), "linear" if model is Compare.logistic else "mlp", l2, seed)
    estimand = "this model" if about is Estimands.model else "models trained like it"
    settings = ComparisonSettings(methods, runs, k, queries, subsets, left_out, removal, estimand, seed)
    compare_methods(data, target, problem, learner, settings, out or Path("wherefrom-compare"))


@app.command()
def study(
    name: Annotated[str | None, typer.Argument(help="Which study; without a name they are listed.", show_default=False)] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A form of a minute or so.")] = False,
    seeds: Annotated[int | None, typer.Option("--seeds", help="How many seeds (default: as the study has them).")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Data in place of the study's own, where it takes some.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="The column of --data to predict.")] = None,
    device: Annotated[str, typer.Option("--device", help="Where networks run: cpu or cuda.")] = "cpu",
    out: OutOption = None,
) -> None:
    """Run an experiment of the field, with tables, figures and a report; the same command goes on after an interruption."""
    from wherefrom.cli.study import run_study

    run_study(name, out, quick, seeds, data, target, device)


def main() -> None:
    """Run; an error that the caller can put right is one sentence and exit code 2, an interruption exit code 130."""
    try:
        if app(sys.argv[1:] or ["--help"], standalone_mode=False) == INTERRUPTED:  # typer turns Ctrl-C into a return value
            raise KeyboardInterrupt
    except UsageError as error:
        _fail(str(error))
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _fail("Interrupted; what was written before is whole. Run the same command to start again.", INTERRUPTED)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        _fail(f"Could not write {error.filename2 or error.filename or 'the results'} ({error.strerror}); free some space or give another --out.")
    except Exception as error:
        if not hasattr(error, "format_message"):  # click's own errors about arguments
            raise
        _fail(str(error.format_message()))  # type: ignore[attr-defined]


def _fail(sentence: str, code: int = 2) -> None:
    print(f"Error: {sentence}", file=sys.stderr)
    sys.exit(code)
