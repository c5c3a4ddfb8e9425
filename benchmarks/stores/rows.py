"""The rows of the table of stores, and their targets."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.report.row import Row, Target, upload_limit
from benchmarks.report.table import Layout
from benchmarks.results import Results
from benchmarks.stores.measure import STREAMS
from benchmarks.stores.places import STORES

MEMORY = 96
"""MiB that a transfer may take."""


def rows(store: str) -> list[Row]:
    """Put and get of one store with 1 and 4 streams, and what they cost."""
    found = []
    for action in ("put", "get"):
        for streams in STREAMS:
            key = f"{store}-{action}-{streams}"
            name = f"{action.upper()}, {streams} stream{'s' if streams > 1 else ''}"
            targets = [Target("limit", "≥", 0.8)]
            if action == "get" or streams == 1:
                targets.insert(0, Target("glance", "≥", 1.5))
            limit = _put_limit(key, streams) if action == "put" else _tool(key)
            found += [
                Row(store, name, key, "rate", "MiB/s", targets=targets, limit=limit),
                Row(store, f"{name}, CPU", key, "cpu", "s/GiB", less_is_better=True),
                Row(
                    store,
                    f"{name}, CPU of the store",
                    key,
                    "store_cpu",
                    "s/GiB",
                    less_is_better=True,
                ),
                Row(
                    store,
                    f"{name}, memory each",
                    key,
                    "memory",
                    "MiB",
                    targets=[Target("value", "≤", MEMORY)],
                    less_is_better=True,
                ),
            ]
    return found


def _tool(key: str) -> Callable[[Results], float | None]:
    return lambda results: results.get(key, "tool")


def _put_limit(key: str, streams: int) -> Callable[[Results], float | None]:
    """MiB/s: the lower of the own tool and of what an upload of any kind can reach.

    The latter is the slower digest alone, or what the cores can pay for: the CPU per GiB of both
    digests, of all that the own tool's put costs, the store included, and of what a service
    has to do besides, which is nginx's PUT and its client.
    """

    def limit(results: Results) -> float | None:
        tool, cpu = results.get(key, "tool"), results.get(key, "tool", "cpu")
        upload = upload_limit(streams, besides=cpu)(results)
        return None if tool is None or cpu is None or upload is None else min(tool, upload)

    return limit


TABLE = Layout(
    "remote stores through imagestore, through Glance 33, and by their own tools",
    [row for store in STORES for row in rows(store)],
    (("glance", "Glance"), ("tool", "own tool")),
    (
        "× is imagestore ÷ the other: above 1 is better for rates, below 1 for CPU and memory.",
        "The limit of a PUT is the lowest of the own tool, the slower digest alone, and two cores "
        "÷ the CPU per GiB of both digests, of nginx's PUT with its client, and of all that the "
        "own tool's PUT costs, the store included. The limit of a GET is the own tool, which "
        "computes no digest.",
        "The stores run on the same two cores and keep everything in memory. The own tools are rbd "
        "import and export, boto3's managed transfers, and SwiftService of python-swiftclient.",
        "The CPU of the own tool is that of the tool and the store together.",
    ),
)
