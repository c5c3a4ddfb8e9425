"""The table of a run of :mod:`benchmarks.scale`, and its chart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.databases import TITLES
from benchmarks.report.table import QUIET
from benchmarks.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FLAT, FREE, LONGEST = 2.0, 0.1, 1.0
"""A list among the most images may take so many times its p50 among the fewest, or so many
seconds, whichever is more; and no answer more than the last."""
_OF_WRITING = ("loading", "create", "create, without own indexes")
_LABELLED, _SPACING = 6, 1.15
"""So many lists are named in the chart, of each database the slowest, and so far apart."""


def show(results: Results, console: Console) -> None:
    """Print the tables and what has to be known to read them."""
    sizes, kinds = _sizes(results), _kinds(results)
    table = Table(box=box.SIMPLE_HEAD, title="lists: p50 in ms, and p99 among the most images")
    table.add_column("list of 25")
    for kind in kinds:
        for size in sizes:
            table.add_column(f"{TITLES[kind]} {_short(size)}", justify="right")
        table.add_column("p99", justify="right", style="dim")
        table.add_column("")
    glance = [size for size in sizes if _asked(results, f"glance-{size}")]
    for size in glance:
        table.add_column(f"Glance {_short(size)}", justify="right")
    for title in results.values:
        if title in _OF_WRITING:
            continue
        cells = [title]
        for kind in kinds:
            names = [f"{kind}-{size}" for size in sizes]
            cells += [_ms(results.get(title, name, "p50")) for name in names]
            cells += [_ms(results.get(title, names[-1], "p99")), _mark(results, title, names)]
        table.add_row(
            *cells, *(_ms(results.get(title, f"glance-{size}", "p50")) for size in glance)
        )
    console.print(table)
    console.print(_of_writing(results, kinds, sizes))
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


def draw(results: Results, path: Path) -> None:
    """Write the chart: p50 of every list against the number of images, a panel a database."""
    mpl.rcParams.update({"font.size": 9, "font.family": "DejaVu Sans"})
    sizes, kinds = _sizes(results), _kinds(results)
    figure = Figure(figsize=(6 * len(kinds) + 1, 6.5), layout="constrained")
    figure.suptitle("Lists of 25: p50 against the number of images", fontweight="bold", fontsize=13)
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    for axes, kind in zip(panels, kinds, strict=True):
        asked = kind == "mariadb" and any(_asked(results, f"glance-{size}") for size in sizes)
        title = TITLES[kind] + ("; dashed: Glance" if asked else "")
        axes.set_title(title, loc="left", fontweight="bold")
        _panel(axes, results, kind, sizes)
        if kind == "mariadb":
            _lines(axes, results, "glance", sizes, "#c53030", "--")
    panels[0].set_ylabel("milliseconds")
    figure.savefig(path, dpi=130)


def _panel(axes: Axes, results: Results, kind: str, sizes: Sequence[int]) -> None:
    drawn = _lines(axes, results, kind, sizes, "#5a7fa8", "-")
    place = 0.0
    for value, title in sorted(sorted(drawn)[-_LABELLED:]):
        place = max(value, place * _SPACING)  # no label on top of another
        axes.text(sizes[-1] * 1.1, place, title, fontsize=7, va="center")
    axes.axhline(1000 * FREE, color="black", lw=1, ls=":")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(sizes, [_short(size) for size in sizes])
    axes.set_xlim(sizes[0] / 1.2, sizes[-1] * 12)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(axis="y", color="#e2e8f0")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _lines(
    axes: Axes, results: Results, who: str, sizes: Sequence[int], colour: str, style: str
) -> list[tuple[float, str]]:
    """A line for each list; their ends in milliseconds, with the titles."""
    ends = []
    for title in results.values:
        if title in _OF_WRITING:
            continue
        points = [
            (size, 1000 * found)
            for size in sizes
            if (found := results.get(title, f"{who}-{size}", "p50")) is not None
        ]
        if points:
            axes.plot(*zip(*points, strict=True), style, color=colour, lw=1, marker=".", alpha=0.7)
            ends.append((points[-1][1], title))
    return ends


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
            created = [results.get(row, name, "rate") for row in _OF_WRITING[1:]]
            cost = [results.get(row, name, "sum") for row in _OF_WRITING[1:]]
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


def _asked(results: Results, contender: str) -> bool:
    return any(contender in row for row in results.values.values())


def _sizes(results: Results) -> list[int]:
    return [int(size) for size in results.facts["sizes"]]


def _kinds(results: Results) -> list[str]:
    return list(results.facts["kinds"])


def _short(size: int) -> str:
    return f"{size // 1_000_000}M" if size >= 1_000_000 else f"{size // 1000}k"


def _ms(value: float | None) -> str:
    return _number(None if value is None else 1000 * value)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.{0 if value >= 100 else 1}f}"
