"""The picture: how many times Glance, how near the limit, at what cost; targets marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from benchmarks.report.row import Against, Row
from benchmarks.report.rows import ROWS
from benchmarks.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MET, MISSED, FREE, TUNED = "#2f855a", "#c53030", "#5a7fa8", "#1a202c"
_HEIGHT = 0.3
"""Inches a bar."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A ratio with its target, if it has one."""

    label: str
    ratio: float
    told: str
    """The values behind the ratio."""
    tuned: float | None = None
    """The ratio to Glance with store chunks of 1 MiB."""
    target: float | None = None
    holds: bool | None = None


def draw(results: Results, path: Path) -> bool:
    """Write a PNG; nothing, and False, if there is nothing to compare."""
    speeds = [bar for row in ROWS if not row.less_is_better for bar in _bars(row, results)]
    costs = [bar for row in ROWS if row.less_is_better for bar in _bars(row, results)]
    limits = [bar for row in ROWS for bar in _bars(row, results, "limit") if bar.target]
    limits += [bar for row in ROWS for bar in _bounded(row, results)]
    if not (speeds or costs or limits):
        return False
    mpl.rcParams.update({"font.size": 9, "font.family": "DejaVu Sans"})
    right = len(limits) + len(costs) + 6
    figure = Figure(figsize=(17, max(6.0, _HEIGHT * max(len(speeds), right) + 2.2)))
    grid = figure.add_gridspec(
        2,
        2,
        height_ratios=[max(2, len(limits)) + 1, max(2, len(costs)) + 1],
        left=0.145,
        right=0.985,
        top=1 - 1.15 / figure.get_figheight(),
        bottom=0.95 / figure.get_figheight(),
        wspace=0.44,
        hspace=4.0 / right,
    )
    _panel(figure.add_subplot(grid[:, 0]), speeds, "Speed: times Glance (more is better)", log=True)
    _panel(
        figure.add_subplot(grid[0, 1]),
        limits,
        "Share of the machine's limit, or of a bound",
        log=False,
    )
    _panel(
        figure.add_subplot(grid[1, 1]),
        costs,
        "CPU, waiting and memory: times Glance (less is better)",
        log=True,
    )
    _legend(figure, results)
    figure.savefig(path, dpi=130)
    return True


def _bars(row: Row, results: Results, against: Against = "glance") -> Sequence[Bar]:
    ratio = row.figure(results, against)
    own = row.value(results, row.own)
    bounded = any(target.against == "value" for target in row.targets)
    if not ratio or ratio <= 0 or own is None or bounded:
        return ()
    tuned = row.value(results, "glance-1m") if against == "glance" else None
    target = next((target for target in row.targets if target.against == against), None)
    return (
        Bar(
            label=f"{_SHORT[row.section]} {row.title}" if row.section in _SHORT else row.title,
            ratio=ratio,
            told=f"{_short(own * row.scale)} {row.unit}",
            tuned=own / tuned if tuned else None,
            target=target.bound if target else None,
            holds=target.holds(ratio) if target else None,
        ),
    )


_SHORT = {"upload": "upload,", "download": "download,", "list of 10,000": "list"}
"""Sections whose rows do not say by themselves what they are of."""


def _bounded(row: Row, results: Results) -> Sequence[Bar]:
    """A bar for a row whose target is a fixed value: its share of that."""
    own = row.figure(results, "value")
    return [
        Bar(
            label=row.title,
            ratio=own / target.bound,
            told=f"{_short(own)} {row.unit}, target {target.text('')}",
            target=1.0,
            holds=target.holds(own),
        )
        for target in row.targets
        if target.against == "value" and own is not None
    ]


def _panel(axes: Axes, bars: Sequence[Bar], title: str, *, log: bool) -> None:
    axes.set_title(title, loc="left", fontweight="bold", fontsize=10.5)
    if not bars:
        axes.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    places = range(len(bars))
    colours = [{True: MET, False: MISSED, None: FREE}[bar.holds] for bar in bars]
    ratios = [bar.ratio for bar in bars]
    marks = [mark for bar in bars for mark in (bar.ratio, bar.target, bar.tuned) if mark]
    if log:
        axes.set_xscale("log")
        low, high = min(*marks, 0.9), max(*marks, 1.1)
        axes.set_xlim(low / 1.5, high * (high / low) ** 0.28)
    else:
        axes.set_xlim(0, max(*marks, 1.0) * 1.4)
    # bars grow from the line of equality, so that better and worse part to its two sides
    start = 1.0 if log else 0.0
    widths = [ratio - start for ratio in ratios]
    axes.barh(places, widths, left=start, color=colours, height=0.66, zorder=2)
    for place, bar in zip(places, bars, strict=True):
        if bar.target is not None:
            axes.plot([bar.target] * 2, [place - 0.45, place + 0.45], color="black", lw=2, zorder=4)
        if bar.tuned is not None:
            axes.plot(bar.tuned, place, "D", ms=4.5, mfc="white", mec=TUNED, zorder=5)
        end = max(mark for mark in (bar.ratio, bar.target, bar.tuned, start) if mark)
        axes.annotate(
            f"{_short(bar.ratio)} ×   {bar.told}",
            (end, place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color="#2d3748",
            bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.85},
            zorder=6,
        )
    axes.axvline(1, color="#4a5568", lw=1, zorder=3)
    axes.set_yticks(places, [bar.label for bar in bars])
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(axis="x", color="#e2e8f0", zorder=0)
    axes.tick_params(length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _legend(figure: Figure, results: Results) -> None:
    facts = results.facts
    height = figure.get_figheight()
    figure.text(
        0.015,
        1 - 0.42 / height,
        "imagestore beside OpenStack Glance 33, 2 worker processes each",
        fontsize=15,
        fontweight="bold",
    )
    figure.text(
        0.015,
        1 - 0.68 / height,
        f"{facts.get('cores', '?')} cores ({facts.get('processor', '')}), loopback, "
        f"median of {facts.get('rounds', '?')} round(s), {str(facts.get('when', ''))[:10]}; "
        "both on one MariaDB, Glance under uwsgi; file stores",
        fontsize=9,
        color="#4a5568",
    )
    figure.legend(
        handles=[
            Patch(color=MET, label="target met"),
            Patch(color=MISSED, label="target missed"),
            Patch(color=FREE, label="no target"),
            Line2D([], [], color="black", lw=2, label="target"),
            Line2D(
                [], [], marker="D", ls="", ms=5, mfc="white", mec=TUNED,
                label="beside Glance tuned to 1 MiB store chunks",
            ),
        ],
        loc="lower left",
        bbox_to_anchor=(0.01, 0.0),
        ncols=5,
        frameon=False,
    )  # fmt: skip


def _short(value: float) -> str:
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"
