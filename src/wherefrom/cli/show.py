"""What a run prints: a table a person can read for each query, then the proof."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wherefrom.cli.case import ExplainedCase
from wherefrom.reporting import Content, ExampleRow, QueryCard

COLUMNS = 4  # names of columns listed for one row


def show(console: Console, case: ExplainedCase, content: Content) -> None:
    """Print notes, queries and proof."""
    for note in content.notes:
        console.print(f"  [dim]{escape(note)}[/dim]")
    for card in content.queries:
        console.print()
        console.print(_query(card, content.said))
    console.print()
    _proof(console, content)
    _trust(console, content)


def _trust(console: Console, content: Content) -> None:
    """A verdict for each query."""
    if content.trust is None:
        console.print(f"No error bars: {escape(content.no_trust)}")
        return
    console.print(f"[bold]Trust[/bold]: {escape(content.trust.summary())}")
    for card, verdict in zip(content.queries, content.trust.verdicts, strict=True):
        console.print(f"  {escape(card.label)}: [bold]{verdict.word}[/bold], {escape(verdict.reason)}")


def _proof(console: Console, content: Content) -> None:
    """The figures of the proof, or why there are none."""
    if content.proof is None:
        console.print(f"Not proved: {escape(content.no_proof)}")
        return
    proof = content.proof
    seconds = "" if proof.seconds is None else f" in {proof.seconds:.1f} s"
    console.print(
        f"[bold]Proof[/bold]: retrained without each of {len(proof.train_ids)} rows{seconds}; "
        f"{content.said} against retrained change over {len(proof.query_ids)} queries:"
    )
    for figure in proof.figures:
        console.print(f"  {escape(str(figure))}")


def _query(card: QueryCard, said: str) -> Table:
    truth = f", truth {card.truth}" if card.truth else ""
    compared = any(row.near or row.far for row in (*card.proponents, *card.opponents))
    proved = any(row.retrained is not None for row in (*card.proponents, *card.opponents))
    table = Table(
        title=escape(f"{card.label}: predicted {card.prediction}{truth}"),
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("", no_wrap=True)
    table.add_column("id", justify="right")
    table.add_column("label")
    ranked = any(row.ranks for row in (*card.proponents, *card.opponents))
    table.add_column(said, justify="right", no_wrap=True)
    if ranked:
        table.add_column("rank", justify="right", no_wrap=True)
    if proved:
        table.add_column("retrained", justify="right", no_wrap=True)
    if compared:
        table.add_column("agrees in", ratio=1)
        table.add_column("differs in", ratio=1)
    for side, colour, rows in (("proponent", "blue", card.proponents), ("opponent", "red", card.opponents)):
        for rank, row in enumerate(rows, 1):
            cells = [f"[{colour}]{side} {rank}[/{colour}]", row.label, escape(row.title), f"{row.score:+.3g}"]
            cells += [row.ranks] * ranked + [_change(row)] * proved + [_listed(row, row.near), _listed(row, row.far)] * compared
            table.add_row(*cells, end_section=rank == len(rows))
    return table


def _change(row: ExampleRow) -> str:
    return "" if row.retrained is None else f"{row.retrained:+.3g}"


def _listed(row: ExampleRow, columns: frozenset[str]) -> str:
    named = [f"{name} {row.values[name]}" for name in row.values if name in columns]
    more = f", {len(named) - COLUMNS} more" if len(named) > COLUMNS else ""
    return escape(", ".join(named[:COLUMNS]) + more)
