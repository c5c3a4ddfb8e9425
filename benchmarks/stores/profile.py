"""Where the processors' time goes in each transfer, and so what bounds its rate."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.report.row import CORES, MIB_PER_GIB
from benchmarks.results import Results
from benchmarks.stores.measure import STREAMS
from benchmarks.stores.places import STORES

_PARTS = ("loop_cpu", "digests_cpu", "other_cpu", "store_cpu", "client_cpu")
_TITLES = ("event loop", "digests", "other threads", "store", "client")


def show(results: Results, console: Console) -> None:
    """Print a line for each store, direction, number of streams and contender."""
    table = Table(
        box=box.SIMPLE_HEAD, title=f"CPU of each transfer in s/GiB, and what {CORES} cores allow"
    )
    for title in ("transfer", "through"):
        table.add_column(title)
    for title in (*_TITLES, "sum", "allows, MiB/s", "reached", "busy"):
        table.add_column(title, justify="right")
    for store in STORES:
        for action in ("put", "get"):
            for streams in STREAMS:
                table.add_section()
                for contender in ("imagestore", "glance", "tool"):
                    key = f"{store}-{action}-{streams}"
                    if results.get(key, contender) is not None:
                        name = f"{store} {action.upper()} {streams}"
                        table.add_row(name, contender, *_cells(results, key, contender))
    console.print(table)


def _cells(results: Results, key: str, contender: str) -> list[str]:
    rate = results.get(key, contender) or 0.0
    parts = [results.get(key, contender, part) for part in _PARTS]
    if contender == "glance":  # which does not tell its work apart by threads
        parts[:3] = None, None, results.get(key, contender, "cpu")
    total = sum(part or 0.0 for part in parts)
    allowed = CORES / total * MIB_PER_GIB if total else 0.0
    cells = ["" if part is None else f"{part:.2f}" for part in parts]
    share = f"{rate / allowed:.0%}" if allowed else ""
    return [*cells, f"{total:.2f}", f"{allowed:,.0f}", f"{rate:,.0f}", share]
