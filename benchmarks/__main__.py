"""The command line: ``python -m benchmarks [MEASURE...]``."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from benchmarks.measures.base import FULL, QUICK
from benchmarks.report import chart, table
from benchmarks.results import Results
from benchmarks.run import CONTENDERS, MEASURES, Places, Selection, run

RESULTS = Path("results")


def main() -> int:
    """Measure, print, write, draw. 1 if something could not be measured."""
    names = [measure.name for measure in MEASURES]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure imagestore beside the real Glance and the limits of this machine.",
        epilog=f"measures: {', '.join(names)}",
    )
    parser.add_argument("measure", nargs="*", help="what to measure; everything by default")
    parser.add_argument("--only", metavar="NAME,...", help=f"of {', '.join(CONTENDERS)}")
    parser.add_argument("--rounds", type=int, help="how often; medians are shown")
    parser.add_argument("--quick", action="store_true", help="small and once, under 4 minutes")
    parser.add_argument("--directory", type=Path, help="where all files lie (default: /tmp)")
    parser.add_argument("--images", type=Path, help="where images lie, as /dev/shm: no disk then")
    parser.add_argument("--output", type=Path, default=RESULTS, help="directory of the results")
    parser.add_argument("--show", type=Path, metavar="JSON", help="only show what was written")
    given = parser.parse_args()
    if unknown := set(given.measure) - set(names):
        parser.error(f"no such measure: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    contenders = given.only.split(",") if given.only else CONTENDERS
    if unknown := set(contenders) - set(CONTENDERS):
        parser.error(f"nobody called {', '.join(sorted(unknown))}: {', '.join(CONTENDERS)}")

    console = Console(width=None if sys.stdout.isatty() else 200)
    if given.show:
        table.show(Results.read_json(given.show), console)
        return 0
    quick = given.quick or os.environ.get("QUICK", "0") not in ("", "0")
    scale = QUICK if quick else FULL
    if given.rounds:
        scale = dataclasses.replace(scale, rounds=given.rounds)
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-", dir=given.directory) as databases,
        tempfile.TemporaryDirectory(prefix="images-", dir=given.images or databases) as images,
    ):
        results = run(
            Places(Path(databases), Path(images)),
            scale,
            Selection(given.measure or names, contenders),
            lambda text: console.print(f"{time.monotonic() - begun:6.1f} s  {text}", style="dim"),
        )
    results.facts["images_on"] = str(given.images or given.directory or tempfile.gettempdir())
    results.facts["seconds"] = round(time.monotonic() - begun, 1)
    given.output.mkdir(parents=True, exist_ok=True)
    results.write_json(given.output / "benchmarks.json")
    results.write_csv(given.output / "benchmarks.csv")
    chart.draw(results, given.output / "benchmarks.png")
    table.show(results, console)
    console.print(f"written to {given.output}/benchmarks.json, .csv and .png")
    return 1 if results.notes else 0


if __name__ == "__main__":
    sys.exit(main())
