"""The house itself: sizes, mirrors, lint, types, imports, names."""

import ast
import re
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import wherefrom as wf

LONGEST_FILE, LONGEST_FUNCTION = 300, 40
MOST_ANY = 21  # in public signatures; to be lowered, never raised
HELP_SECONDS = 0.5
HEAVY = ("torch", "numpy", "scipy", "pandas", "sklearn", "altair", "zarr", "rich")
TESTED_ELSEWHERE = {
    "__main__.py": "cli/test_app.py",
    "data/batches.py": "test_problem.py",
    "checkpoints/callbacks.py": "checkpoints/test_lightning_file.py",
    "checkpoints/files.py": "checkpoints/test_checkpoint.py",
    "checkpoints/recorder.py": "checkpoints/test_checkpoint.py",
    "methods/trajectory/moments.py": "methods/trajectory/test_tracin.py",
    "cli/query_rows.py": "cli/test_app.py",
    "cli/case.py": "cli/test_app.py",
    "cli/comparison.py": "cli/test_compare.py",
    "cli/comparison_report.py": "cli/test_compare.py",
    "cli/comparison_setup.py": "cli/test_compare.py",
    "cli/encoded_table.py": "cli/test_app.py",
    "cli/explain.py": "cli/test_app.py",
    "cli/user_code.py": "cli/test_app.py",
    "cli/explanation.py": "cli/test_app.py",
    "cli/language_report.py": "cli/test_language.py",
    "cli/show.py": "cli/test_app.py",
    "cli/tables.py": "cli/test_app.py",
    "cli/training.py": "cli/test_app.py",
    "cli/write.py": "cli/test_app.py",
    "curvature/eigenbasis.py": "curvature/test_kronecker.py",
    "curvature/eigen_inverse.py": "solvers/test_eigen.py",
    "gradients/operations/affine.py": "gradients/operations/test_rule.py",
    "gradients/operations/attention.py": "gradients/operations/test_rule.py",
    "gradients/operations/convolution.py": "gradients/operations/test_rule.py",
    "gradients/operations/copies.py": "gradients/operations/test_rule.py",
    "gradients/operations/lookup.py": "gradients/operations/test_rule.py",
    "gradients/operations/norms.py": "gradients/operations/test_rule.py",
    "gradients/origins.py": "gradients/test_owners.py",
    "gradients/owner_algebra.py": "gradients/test_owners.py",
    "retraining/train/shares.py": "retraining/train/test_trainer_callbacks.py",
    "select.py": "selection/test_divine.py",
    "gradients/passes.py": "gradients/test_recorder.py",
    "gradients/uses.py": "gradients/operations/test_rule.py",
    "types.py": "test_house.py",
    "trees/boosted.py": "trees/test_replay.py",
    "trees/forms.py": "test_house.py",
    "trees/forest.py": "trees/methods/test_forest_kernel.py",
    "trees/leaf_features.py": "trees/test_read.py",
    "trees/methods/axil.py": "trees/methods/test_boosting_methods.py",
    "trees/methods/boostin.py": "trees/methods/test_boosting_methods.py",
    "trees/methods/leaf_influence.py": "trees/readers/test_gradient_boosting.py",
    "trees/methods/leaf_refit.py": "trees/test_train.py",
    "trees/methods/table_method.py": "trees/test_read.py",
    "trees/methods/tree_sim.py": "trees/methods/test_boosting_methods.py",
    "trees/methods/trees_without.py": "trees/methods/test_forest_kernel.py",
    "trees/proof.py": "trees/test_replay.py",
    "trees/reverse.py": "trees/test_replay.py",
    "trees/targets.py": "trees/test_table.py",
    "trees/tree_problem.py": "trees/test_read.py",
}
OWN = Path(__file__).parent.parent
SOURCES = sorted((OWN / "src" / "wherefrom").rglob("*.py"))


def project_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=OWN, capture_output=True, text=True)
    if listed.returncode:  # a copy without its history
        skipped = {".venv", ".venv-bench", ".venv-lowest", ".venv-newest", "site", "__pycache__", ".git", ".pytest_cache", ".ruff_cache"}
        return [path for path in OWN.rglob("*") if path.is_file() and not skipped & set(path.relative_to(OWN).parts)]
    return [OWN / name for name in listed.stdout.splitlines() if (OWN / name).is_file()]


def test_files_and_functions_are_short() -> None:
    long = []
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        if len(text.splitlines()) > LONGEST_FILE:
            long.append(f"{path.name}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION:
                long.append(f"{path.name}:{node.name}: {node.end_lineno - node.lineno + 1} lines")
    assert not long


def test_every_module_has_its_tests() -> None:
    missing = []
    for path in SOURCES:
        place = path.relative_to(OWN / "src" / "wherefrom")
        mirrored = TESTED_ELSEWHERE.get(place.as_posix(), (place.parent / f"test_{place.name}").as_posix())
        if place.name != "__init__.py" and not (OWN / "tests" / mirrored).exists():
            missing.append(place.as_posix())
    assert not missing


def test_every_module_opens_with_a_sentence() -> None:
    for path in SOURCES:
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert said and said.split("\n\n")[0].rstrip().endswith((".", ":")), path


def test_public_names_exist_and_say_what_they_are() -> None:
    for name in wf.__all__:
        assert getattr(wf, name).__doc__, name


@pytest.mark.parametrize(
    "tool",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["pyright"], ["lint-imports", "--no-cache"]],
    ids=lambda tool: " ".join(tool),
)
def test_lint_types_and_import_rules(tool: list[str]) -> None:
    done = subprocess.run([Path(sys.executable).parent / tool[0], *tool[1:]], cwd=OWN, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_no_file_names_the_machine_it_was_written_on() -> None:
    machine = re.compile(r"/(home|root|Users|work)/\w|/tmp/\w")
    found = []
    for path in project_files():
        if path.suffix in (".py", ".md", ".toml", ".yml", ".txt", ".css", ".j2", "") and path != Path(__file__):
            text = path.read_text(encoding="utf-8", errors="ignore")
            found += [f"{path.relative_to(OWN)}: {match[0]}" for match in machine.finditer(text)]
    assert not found


def public_signatures(body: list[ast.stmt]) -> Iterator[ast.FunctionDef]:
    """The functions of a module and the methods of its classes whose names have no leading underscore."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_signatures(node.body)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node


def test_public_signatures_have_types() -> None:
    found = []
    for path in SOURCES:
        for function in public_signatures(ast.parse(path.read_text(encoding="utf-8")).body):
            a = function.args
            hints = [given.annotation for given in (*a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs, a.kwarg) if given is not None]
            for hint in filter(None, (*hints, function.returns)):
                written = ast.unparse(hint)
                found += [f"{path.relative_to(OWN)}: {function.name}: {written}"] * len(re.findall(r"\bAny\b", written))
    assert len(found) <= MOST_ANY, "\n".join(found)


def processor_seconds(command: list[str]) -> float:
    """The processor time of a command, which a busy machine does not change."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["explain", "--help"], ["compare", "--help"], ["study", "--help"]], ids=" ".join)
def test_help_waits_for_no_library(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "wherefrom", *arguments]
    first, *seconds = (processor_seconds(command) for _ in range(6))
    assert statistics.median(seconds) < HELP_SECONDS, (first, seconds)
    code = f"""
import sys
from wherefrom.cli import main
sys.argv = ["wherefrom", *{arguments}]
try:
    main()
finally:
    print("imported:", *({{name.partition(".")[0] for name in sys.modules}} & set({HEAVY})), file=sys.stderr)
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr == "imported:\n"
