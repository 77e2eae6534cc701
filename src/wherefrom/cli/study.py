"""`wherefrom study`: looks for the studies, a package of their own, and hands the command to them."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from wherefrom.errors import UsageError

PACKAGE = "wherefrom_studies"


def study_command() -> ModuleType:
    """Return the studies' side of the command; imported only when it is called, as the library does not know its studies."""
    if find_spec(PACKAGE) is None:
        fix = "run pip install 'wherefrom[studies]', or pip install ./studies in a checkout"
        raise UsageError(f"The studies are a package of their own that is not installed; {fix}.")
    return import_module(f"{PACKAGE}.command")


def run_study(
    name: str | None, out: Path | None, quick: bool, seeds: int | None, data: Path | None, target: str | None, device: str
) -> None:  # fmt: skip
    """List the studies, or run the one of a name into a folder that can be written to."""
    command = study_command()
    if name is None:
        command.list_studies()
        return
    from wherefrom.cli.write import check_folder  # brings torch, which the help can do without

    study = command.study_called(name)(out or Path(f"wherefrom-{name}"), quick, seeds, data, target, device)
    check_folder(study.out)
    command.run_study(study)
