"""The one table: each measure with its ratios to the peer and the limit, and its targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.report.row import Row, digests_cpu
from benchmarks.report.rows import ROWS
from benchmarks.results import Results

LIMITS = (
    ("md5 alone, on one core", "md5", "machine"),
    ("sha256 alone, on one core", "sha256", "machine"),
    ("sha512 alone, on one core", "sha512", "machine"),
    ("md5 and sha512 at once, on two cores", "md5+sha512", "machine"),
    ("nginx PUT, 1 stream, no digest", "upload-1", "nginx"),
    ("nginx PUT, 4 streams, no digest", "upload-4", "nginx"),
    ("write and fsync to this disk", "disk", "machine"),
)
QUIET = 0.2
"""Cores that others may take on average; the kernel's own threads (writing back) are in it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A table: its rows, with whom imagestore stands side by side, and what a reader must know."""

    title: str
    rows: Sequence[Row]
    others: Sequence[tuple[str, str]]
    """Contenders and the titles of their columns; the limit comes after them."""
    notes: Sequence[str]
    also: Sequence[tuple[str, str]] = ()
    """The same of imagestore elsewhere: columns without a ratio, between it and the others."""


def show(results: Results, console: Console, layout: Layout | None = None) -> None:
    """Print the table and what has to be known to read it."""
    layout = layout or SERVERS
    table = Table(box=box.SIMPLE_HEAD, title=layout.title)
    table.add_column("measure")
    table.add_column("unit", style="dim")
    table.add_column("imagestore", justify="right", style="bold")
    for _, title in layout.also:
        table.add_column(title, justify="right")
    for title in (*(title for _, title in layout.others), "limit"):
        table.add_column(title, justify="right")
        table.add_column("×", justify="right")
    table.add_column("target")
    section = ""
    for row in layout.rows:
        if row.key not in results.values:
            continue
        if row.section != section:
            section = row.section
            table.add_section()
            table.add_row(f"[bold]{section}")
        table.add_row(*_cells(row, results, layout))
    _add_limits(table, results, columns=2 * len(layout.others) + len(layout.also) + 1)
    console.print(table)
    others = results.facts.get("others_busy", 0.0)
    if others > QUIET:
        console.print(
            f"[yellow]The machine was not quiet: other processes took {others} of a core.[/] "
            "Measure again before you quote this."
        )
    for note in (*layout.notes, *results.notes):
        console.print(f"• {note}", style="dim", highlight=False)
    missed = [row for row in layout.rows if any(held is False for held in verdicts(row, results))]
    for row in missed:
        console.print(f"[red]✗[/] {row.section}: {row.title}")


def verdicts(row: Row, results: Results) -> list[bool | None]:
    """For each target of a row whether it holds; None if it was not measured."""
    figures = [(target, row.figure(results, target.against)) for target in row.targets]
    return [None if figure is None else target.holds(figure) for target, figure in figures]


NOTES = (
    "× is imagestore ÷ the other: above 1 is better for rates, below 1 for CPU, times and memory.",
    "Targets against Glance are judged by its default store chunk of 64 KiB; the column of 1 MiB "
    "is the same Glance tuned for transfers.",
    "Glance runs under uwsgi's http-socket, which closes each connection: new connections are "
    "part of its figures, as in production.",
    "imagestore and Glance have a database each on the same MariaDB server. CPU is of the server "
    "and of the database together, in brackets each of them; SQLite has no server.",
    "The limit of uploads is the lower of the slower digest alone, and two cores ÷ the CPU per "
    "GiB of both digests, nginx's PUT and the client; or the disk. Only imagestore flushes images "
    'to the disk before it answers; in the rows "on the disk" the others\' files are flushed too, '
    "after their answer.",
)


SERVERS = Layout(
    "imagestore beside Glance 33 on the same MariaDB, and the limits",
    ROWS,
    (("glance", "Glance"), ("glance-1m", "Glance 1 MiB")),
    NOTES,
    also=(("imagestore-sqlite", "SQLite"), ("imagestore-postgresql", "PostgreSQL")),
)


def _cells(row: Row, results: Results, layout: Layout) -> list[str]:
    own = row.value(results, row.own)
    cells = [f"  {row.title}", row.unit, _told(row, results, row.own)]
    cells += [_told(row, results, name) for name, _ in layout.also]
    limit = row.limit(results) if row.limit else None
    for name, _ in layout.others:
        cells += [_told(row, results, name), _ratio(own, row.value(results, name))]
    cells += [_number(limit, row.scale), _ratio(own, limit)]
    marks = [
        f"{target.text(row.unit)} {_MARKS[held]}"
        for target, held in zip(row.targets, verdicts(row, results), strict=True)
    ]
    return [*cells, "\n".join(marks)]


def _told(row: Row, results: Results, contender: str) -> str:
    """A value, and where it has parts, those."""
    told = _number(row.value(results, contender), row.scale)
    parts = [results.get(row.key, contender, metric) for metric in row.parts]
    if None in parts or not parts:
        return told
    return f"{told} ({'+'.join(_number(part, row.scale) for part in parts)})"


_MARKS = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[dim]?[/]"}


def _add_limits(table: Table, results: Results, columns: int) -> None:
    if digests_cpu(results) is None and results.get("disk", "machine") is None:
        return
    table.add_section()
    table.add_row("[bold]the limits by themselves")
    for title, key, contender in LIMITS:
        rate = results.get(key, contender)
        if rate is None:
            continue
        cpu = results.get(key, contender, "cpu")
        told = f"{cpu:.2f} s/GiB" if cpu is not None else ""
        table.add_row(f"  {title}", "MiB/s", *[""] * columns, _number(rate), "", told)


def _number(value: float | None, scale: float = 1.0) -> str:
    if value is None:
        return ""
    shown = value * scale
    digits = 0 if shown >= 100 else 1 if shown >= 10 else 2
    return f"{shown:,.{digits}f}"


def _ratio(own: float | None, other: float | None) -> str:
    if own is None or not other:
        return ""
    return _number(own / other)
