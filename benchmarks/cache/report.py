"""The tables of the cache's benchmark."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.cache.measure import MIB, STREAMS, Fill
from benchmarks.report.row import CORES

SLOWEST = 1.2
"""How much later than a single client the last of many may end."""
HIT = 0.9
"""The least that a hit may reach of the file store's rate."""
_WORK = {
    "loop": "event loops",
    "digests": "digests",
    "other": "other threads",
    "database": "database",
    "store": "store",
    "line": "line",
    "clients": "clients",
}


def show(
    console: Console,
    size: int,
    rate: int,
    fills: Mapping[str, tuple[Fill, Fill]],
    hits: Mapping[str, list[float]],
) -> None:
    """Print what was measured, by service. ``hits`` has each service and its file store."""
    image = f"{size // MIB} MiB, from S3 at {rate // MIB} MiB/s"
    table = _table(
        f"An image of {image}",
        ("service", "clients", "first, s", "last, s", "last / one", "store read", "compared"),
    )
    for name, (one, many) in fills.items():
        for fill in (one, many):
            ratio = fill.last / one.last
            table.add_row(
                name,
                str(fill.clients),
                f"{fill.first:.1f}",
                f"{fill.last:.1f}",
                "" if fill is one else f"{ratio:.2f}{_mark(ratio <= SLOWEST, name)}",
                f"{fill.times_read:.2f} ×",
                f"{fill.compared:.1f} ×",
            )
    console.print(table)

    table = _table(
        f"Seconds of CPU until the last had it, of {CORES} cores",
        ("service", "clients", *_WORK.values(), "sum", "busy"),
    )
    for name, both in fills.items():
        for fill in both:
            total = sum(fill.cpu.values())
            cells = [f"{fill.cpu[work]:.1f}" for work in _WORK]
            busy = f"{total / CORES / fill.last:.0%}"
            table.add_row(name, str(fill.clients), *cells, f"{total:.1f}", busy)
    console.print(table)

    table = _table(
        "Hits, MiB/s, and of the file store's rate",
        ("service", *(f"{streams} streams" if streams > 1 else "1 stream" for streams in STREAMS)),
    )
    for name, rates in hits.items():
        beside = hits.get(f"{name}: file store")
        cells = [f"{value:,.0f}" for value in rates]
        if beside is not None:
            shares = [one / other for one, other in zip(rates, beside, strict=True)]
            cells = [
                f"{cell}  {share:.2f}{_mark(share >= HIT, name)}"
                for cell, share in zip(cells, shares, strict=True)
            ]
        table.add_row(name.replace("glance: ", "imagestore: "), *cells)
    console.print(table)


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=title)
    table.add_column(columns[0])
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def _mark(met: bool, name: str) -> str:
    """The targets are imagestore's."""
    return "" if name != "imagestore" else " ✓" if met else " ✗"
