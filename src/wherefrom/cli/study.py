"""`wherefrom study`: looks for the studies, a package of their own, and hands the command to them."""

import importlib
from pathlib import Path
from types import ModuleType

from wherefrom.errors import UsageError

PACKAGE = "wherefrom_studies"


def study_command() -> ModuleType:
    """Return the studies' side of the command; imported only when it is called, as the library does not know its studies."""
    try:
        return importlib.import_module(f"{PACKAGE}.command")
    except ModuleNotFoundError as error:
        if error.name != PACKAGE:
            raise
        fix = "run pip install 'wherefrom[studies]', or pip install ./studies in a checkout"
        raise UsageError(f"The studies are a package of their own that is not installed; {fix}.") from error


def run_study(
    name: str | None, out: Path | None, quick: bool, seeds: int | None, data: Path | None, target: str | None, device: str
) -> None:  # fmt: skip
    """List the studies, or run the one of a name into a folder that can be written to."""
    command = study_command()
    if name is None:
        command.list_studies()
        return
    from wherefrom.cli.write import check_folder  # brings torch, which the list and the help can do without

    study = command.study_called(name)(out or Path(f"wherefrom-{name}"), quick, seeds, data, target, device)
    check_folder(study.out)
    command.run_study(study)
