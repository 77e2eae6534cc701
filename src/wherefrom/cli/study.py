"""`wherefrom study`: the list, and one study run, printed and written."""

import time

from rich.console import Console
from rich.markup import escape

from wherefrom.cli.write import check_folder
from wherefrom.errors import UsageError, nearest
from wherefrom.reporting.story import cell
from wherefrom_studies import STUDIES, Found, Study, bar_lines, file_of, write_found

LONGEST = 40  # rows of a table that is printed; the files hold all


def study_called(name: str) -> type[Study]:
    """The study of a name."""
    if name not in STUDIES:
        raise UsageError(f"There is no study {name!r}.{nearest(name, STUDIES)} wherefrom study lists them: {', '.join(STUDIES)}.")
    return STUDIES[name]


def list_studies() -> None:
    """Print each study, what it asks and how long it takes."""
    console = Console(highlight=False, soft_wrap=True)
    for name, study in STUDIES.items():
        console.print(f"[bold]{name}[/bold]: {escape(study.question)}")
        data = f" --data takes {study.takes}." if study.takes else ""
        console.print(f"  full form {study.times.said(False)}, --quick {study.times.said(True)}. After {escape(study.paper)}.{data}")


def run_study(study: Study) -> None:
    """Say how long it will take, run, print, write."""
    check_folder(study.out)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]{study.name}[/bold]: {escape(study.question)}")
    console.print(
        f"{'Quick' if study.quick else 'Full'} form, {study.times.said(study.quick)}; what is done is kept in {escape(str(study.kept.folder))}."
    )
    start = time.perf_counter()
    found = study.run()
    report = write_found(study, found, time.perf_counter() - start)
    _show(console, study, found)
    console.print(f"\nReport: [bold]{escape(str(report))}[/bold]")


def _show(console: Console, study: Study, found: Found) -> None:
    for name, frame in found.tables.items():
        console.print(f"\n[bold]{escape(name)}[/bold]")
        if len(frame) > LONGEST:
            console.print(f"  {len(frame):,} rows, in tables/{file_of(name)}.csv")
        else:
            console.print(escape(frame.map(cell).to_string(index=False)))
    headed = (
        ("Findings", found.told()), ("Bars", bar_lines(study, found)), ("Where the original was wrong", found.originals),
        ("In place of data not at hand", found.replaced),
    )  # fmt: skip
    for heading, lines in headed:
        if lines:
            console.print(f"\n[bold]{heading}[/bold]")
            for line in lines:
                console.print(f"  {escape(line)}")
