"""The command line: ``python -m benchmarks.scale``."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from benchmarks.databases import TITLES
from benchmarks.processes import Strangers
from benchmarks.results import Results, facts_of_machine
from benchmarks.scale import chart, report
from benchmarks.scale.run import Run, Scale

RESULTS = Path("results")
SIZES, QUICK_SIZES = (10_000, 100_000, 1_000_000), (10_000, 100_000)


def main() -> int:
    """Measure, print, write, draw. 1 if something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("kind", nargs="*", help=f"of {', '.join(TITLES)}; all by default")
    parser.add_argument("--sizes", help="numbers of images, as 10000,100000")
    parser.add_argument("--lists", default="", metavar="TEXT", help="those with it in their titles")
    parser.add_argument("--no-glance", action="store_true", help="imagestore alone")
    parser.add_argument("--quick", action="store_true", help="100,000 images at most, fewer times")
    parser.add_argument("--directory", type=Path, help="where all files lie (default: /tmp)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="directory of the results")
    parser.add_argument("--show", type=Path, metavar="JSON", help="only show what was written")
    given = parser.parse_args()
    if unknown := set(given.kind) - set(TITLES):
        parser.error(f"no such database: {', '.join(sorted(unknown))}")
    console = Console(width=None if sys.stdout.isatty() else 200)
    if given.show:
        report.show(Results.read_json(given.show), console)
        return 0
    quick = given.quick or os.environ.get("QUICK", "0") not in ("", "0")
    chosen = [int(size) for size in given.sizes.split(",")] if given.sizes else None
    scale = Scale(
        sizes=sorted(chosen or (QUICK_SIZES if quick else SIZES)),
        kinds=given.kind or tuple(TITLES),
        seconds=0.3 if quick else 2.0,
        glance=not given.no_glance,
        only=given.lists,
    )
    facts = {"sizes": list(scale.sizes), "kinds": list(scale.kinds), "seconds_each": scale.seconds}
    results = Results(facts=facts_of_machine() | facts)
    begun, strangers = time.monotonic(), Strangers()
    given.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="scale-", dir=given.directory) as directory:
        Path(directory).chmod(0o755)  # PostgreSQL runs as another account
        Run(
            scale,
            Path(directory),
            results,
            lambda text: console.print(f"{time.monotonic() - begun:6.1f} s  {text}", style="dim"),
            lambda: results.write_json(given.output / "scale.json"),
        ).all()
    results.facts["others_busy"] = round(strangers.cores(), 2)
    results.facts["seconds"] = round(time.monotonic() - begun, 1)
    results.write_json(given.output / "scale.json")
    results.write_csv(given.output / "scale.csv")
    chart.draw(results, given.output / "scale.png")
    report.show(results, console)
    console.print(f"written to {given.output}/scale.json, .csv and .png")
    return 1 if results.notes else 0


if __name__ == "__main__":
    sys.exit(main())
