"""The chart of a run of :mod:`benchmarks.scale`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from benchmarks.databases import TITLES
from benchmarks.results import Results
from benchmarks.scale import report
from benchmarks.scale.report import FREE, OF_WRITING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABELLED, _SPACING = 6, 1.15
"""So many lists are named in the chart, of each database the slowest, and so far apart."""


def draw(results: Results, path: Path) -> None:
    """Write the chart: p50 of every list against the number of images, a panel a database."""
    mpl.rcParams.update({"font.size": 9, "font.family": "DejaVu Sans"})
    sizes, kinds = report.sizes(results), report.kinds(results)
    figure = Figure(figsize=(6 * len(kinds) + 1, 6.5), layout="constrained")
    figure.suptitle("Lists of 25: p50 against the number of images", fontweight="bold", fontsize=13)
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    for axes, kind in zip(panels, kinds, strict=True):
        asked = kind == "mariadb" and any(report.asked(results, f"glance-{size}") for size in sizes)
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
    axes.set_xticks(sizes, [report.short(size) for size in sizes])
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
        if title in OF_WRITING:
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
