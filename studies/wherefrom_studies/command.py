"""What `wherefrom study` does where the studies are installed: the list, and one study run, printed and written."""

import time

from rich.console import Console
from rich.markup import escape

import wherefrom as wf
from wherefrom_studies import STUDIES
from wherefrom_studies.findings import Findings
from wherefrom_studies.sentences import FINDINGS, ORIGINALS, REPLACED
from wherefrom_studies.study import Study
from wherefrom_studies.write import bar_lines, file_of, write_findings

LONGEST = 40  # rows of a table that is printed; the files hold all


def study_called(name: str) -> type[Study]:
    """Return the study of a name."""
    if name not in STUDIES:
        raise wf.UsageError(f"There is no study {name!r}.{wf.errors.nearest(name, STUDIES)} wherefrom study lists them: {', '.join(STUDIES)}.")
    return STUDIES[name]


def list_studies() -> None:
    """Print each study, what it asks and how long it takes."""
    console = Console(highlight=False, soft_wrap=True)
    for name, study in STUDIES.items():
        console.print(f"[bold]{name}[/bold]: {escape(study.question)}")
        data = f" --data takes {study.takes}." if study.takes else ""
        console.print(f"  full form {study.times.in_words(False)}, --quick {study.times.in_words(True)}. After {escape(study.paper)}.{data}")


def run_study(study: Study) -> None:
    """Say how long it will take, run, print, write."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]{study.name}[/bold]: {escape(study.question)}")
    console.print(
        f"{'Quick' if study.quick else 'Full'} form, {study.times.in_words(study.quick)}; what is done is kept in {escape(str(study.cache.folder))}."
    )
    start = time.perf_counter()
    findings = study.run()
    report = write_findings(study, findings, time.perf_counter() - start)
    _show(console, study, findings)
    console.print(f"\nReport: [bold]{escape(str(report))}[/bold]")


def _show(console: Console, study: Study, findings: Findings) -> None:
    for name, frame in findings.tables.items():
        console.print(f"\n[bold]{escape(name)}[/bold]")
        if len(frame) > LONGEST:
            console.print(f"  {len(frame):,} rows, in tables/{file_of(name)}.csv")
        else:
            console.print(escape(frame.map(wf.reporting.cell).to_string(index=False)))
    headed = ((FINDINGS, findings.texts()), ("Bars", bar_lines(study, findings)), (ORIGINALS, findings.originals), (REPLACED, findings.replaced))
    for heading, lines in headed:
        if lines:
            console.print(f"\n[bold]{heading}[/bold]")
            for line in lines:
                console.print(f"  {escape(line)}")
