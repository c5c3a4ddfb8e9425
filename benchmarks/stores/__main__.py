"""The command line: ``python -m benchmarks.stores [STORE...]``."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from benchmarks.measures.base import FULL, MIB, QUICK, Bench
from benchmarks.processes import Strangers
from benchmarks.report import table
from benchmarks.results import Results, facts_of_machine
from benchmarks.stores import profile
from benchmarks.stores.places import STORES
from benchmarks.stores.rows import TABLE
from benchmarks.stores.run import CONTENDERS, Run

RESULTS = Path("results")


def main() -> int:
    """Measure, print, write. 1 if something could not be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stores",
        description="Measure remote stores through imagestore, Glance and their own tools.",
    )
    parser.add_argument("store", nargs="*", help=f"of {', '.join(STORES)}; all by default")
    parser.add_argument("--only", metavar="NAME,...", help=f"of {', '.join(CONTENDERS)}")
    parser.add_argument("--size", type=int, metavar="MIB", help="of each image (default: 1024)")
    parser.add_argument("--rounds", type=int, help="how often; medians are shown")
    parser.add_argument("--quick", action="store_true", help="256 MiB, once")
    parser.add_argument("--memory", type=Path, default=Path("/dev/shm"), help="where Swift keeps")
    parser.add_argument("--output", type=Path, default=RESULTS, help="directory of the results")
    parser.add_argument("--show", type=Path, metavar="JSON", help="only show what was written")
    given = parser.parse_args()
    if unknown := set(given.store) - set(STORES):
        parser.error(f"no such store: {', '.join(sorted(unknown))}; there are {', '.join(STORES)}")

    console = Console(width=None if sys.stdout.isatty() else 160)
    if given.show:
        found = Results.read_json(given.show)
        table.show(found, console, TABLE)
        profile.show(found, console)
        return 0
    scale = QUICK if given.quick or os.environ.get("QUICK", "0") not in ("", "0") else FULL
    scale = dataclasses.replace(
        scale,
        rounds=given.rounds or scale.rounds,
        one_stream=given.size * MIB if given.size else scale.one_stream,
    )
    results = Results(
        facts=facts_of_machine() | {"rounds": scale.rounds, "bytes": scale.one_stream}
    )
    begun, strangers = time.monotonic(), Strangers()
    with (
        tempfile.TemporaryDirectory(prefix="stores-") as directory,
        tempfile.TemporaryDirectory(prefix="stores-", dir=given.memory) as memory,
    ):
        Run(
            Bench(scale, Path(memory)),
            Path(directory),
            given.store or tuple(STORES),
            given.only.split(",") if given.only else CONTENDERS,
            results,
            lambda text: console.print(f"{time.monotonic() - begun:6.1f} s  {text}", style="dim"),
        ).all()
    results.facts["others_busy"] = round(strangers.cores(), 2)
    results.facts["seconds"] = round(time.monotonic() - begun, 1)
    given.output.mkdir(parents=True, exist_ok=True)
    results.write_json(given.output / "stores.json")
    results.write_csv(given.output / "stores.csv")
    table.show(results, console, TABLE)
    profile.show(results, console)
    console.print(f"written to {given.output}/stores.json and .csv")
    return 1 if results.notes else 0


if __name__ == "__main__":
    sys.exit(main())
