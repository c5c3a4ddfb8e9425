"""The table of a run of :mod:`benchmarks.scale`."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.databases import TITLES
from benchmarks.report.table import QUIET
from benchmarks.results import Results

FLAT, FREE, LONGEST = 2.0, 0.1, 1.0
"""A list among the most images may take so many times its p50 among the fewest, or so many
seconds, whichever is more; and no answer more than the last."""
OF_WRITING = ("loading", "create", "create, without own indexes")


def show(results: Results, console: Console) -> None:
    """Print the tables and what has to be known to read them."""
    among, databases = sizes(results), kinds(results)
    table = Table(box=box.SIMPLE_HEAD, title="lists: p50 in ms, and p99 among the most images")
    table.add_column("list of 25")
    for kind in databases:
        for size in among:
            table.add_column(f"{TITLES[kind]} {short(size)}", justify="right")
        table.add_column("p99", justify="right", style="dim")
        table.add_column("")
    glance = [size for size in among if asked(results, f"glance-{size}")]
    for size in glance:
        table.add_column(f"Glance {short(size)}", justify="right")
    for title in results.values:
        if title in OF_WRITING:
            continue
        cells = [title]
        for kind in databases:
            names = [f"{kind}-{size}" for size in among]
            cells += [_ms(results.get(title, name, "p50")) for name in names]
            cells += [_ms(results.get(title, names[-1], "p99")), _mark(results, title, names)]
        table.add_row(
            *cells, *(_ms(results.get(title, f"glance-{size}", "p50")) for size in glance)
        )
    console.print(table)
    console.print(_of_writing(results, databases, among))
    console.print(
        f"• ✓: among the most images at most {FLAT:g} times the p50 among the fewest, or "
        f"{1000 * FREE:g} ms, and no answer took more than {LONGEST:g} s.",
        style="dim",
    )
    others = results.facts.get("others_busy", 0.0)
    if others > QUIET:
        console.print(f"[yellow]The machine was not quiet: others took {others} of a core.[/]")
    for note in results.notes:
        console.print(f"• {note}", style="dim", highlight=False)


def holds(results: Results, title: str, names: Sequence[str]) -> bool | None:
    """Whether a list stays flat from the first of ``names`` to the last; None: not measured."""
    first, last = (results.get(title, name, "p50") for name in (names[0], names[-1]))
    longest = results.get(title, names[-1], "max")
    if first is None or last is None or longest is None:
        return None
    return last <= max(FLAT * first, FREE) and longest <= LONGEST


def _of_writing(results: Results, kinds: Sequence[str], sizes: Sequence[int]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="what our own indexes cost")
    for title in ("database", "images"):
        table.add_column(title)
    for title in (
        "loaded in, s",
        "of it our indexes",
        "KiB an image",
        "of it our indexes",
        "creates/s",
        "without our indexes",
        "CPU of one, ms",
        "without",
    ):
        table.add_column(title, justify="right")
    for kind in kinds:
        for size in sizes:
            name = f"{kind}-{size}"
            loading = [
                results.get("loading", name, metric)
                for metric in ("seconds", "indexing", "size", "own_size")
            ]
            created = [results.get(row, name, "rate") for row in OF_WRITING[1:]]
            cost = [results.get(row, name, "sum") for row in OF_WRITING[1:]]
            table.add_row(
                TITLES[kind],
                f"{size:,}",
                *(_number(value) for value in loading[:2]),
                *(_number(value / 1024 if value is not None else None) for value in loading[2:]),
                *(_number(value) for value in created),
                *(_ms(value) for value in cost),
            )
    return table


def _mark(results: Results, title: str, names: Sequence[str]) -> str:
    return {True: "[green]✓[/]", False: "[red]✗[/]", None: ""}[holds(results, title, names)]


def asked(results: Results, contender: str) -> bool:
    return any(contender in row for row in results.values.values())


def sizes(results: Results) -> list[int]:
    return [int(size) for size in results.facts["sizes"]]


def kinds(results: Results) -> list[str]:
    return list(results.facts["kinds"])


def short(size: int) -> str:
    return f"{size // 1_000_000}M" if size >= 1_000_000 else f"{size // 1000}k"


def _ms(value: float | None) -> str:
    return _number(None if value is None else 1000 * value)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.{0 if value >= 100 else 1}f}"
