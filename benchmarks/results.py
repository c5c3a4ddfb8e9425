"""What a run found: every figure of every round, and the medians that are shown."""

from __future__ import annotations

import csv
import json
import os
import platform
import statistics
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_LARGEST = frozenset({"memory"})
"""Metrics of which the largest value counts, not the median."""


@dataclass(slots=True)
class Results:
    """Figures by row, contender and metric, one value a round. Units are the metric's:

    ``rate`` MiB/s or units/s, ``cpu`` seconds per GiB or per unit, ``p50`` and ``p99``
    seconds, ``memory`` MiB.
    """

    values: dict[str, dict[str, dict[str, list[float]]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    )
    notes: list[str] = field(default_factory=list)
    """What went wrong, one sentence each."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Of the machine and the run."""

    def add(self, row: str, contender: str, figures: Mapping[str, float]) -> None:
        """Keep what one run of one measure found."""
        for metric, value in figures.items():
            self.values[row][contender][metric].append(value)

    def get(self, row: str, contender: str, metric: str = "rate") -> float | None:
        """The value that counts; None if there is none."""
        found = self.values.get(row, {}).get(contender, {}).get(metric)
        if not found:
            return None
        return max(found) if metric in _LARGEST else statistics.median(found)

    def write_json(self, path: Path) -> None:
        """Everything, with each round's value."""
        document = {"facts": self.facts, "notes": self.notes, "rows": self.values}
        path.write_text(json.dumps(document, indent=1) + "\n")

    @classmethod
    def read_json(cls, path: Path) -> Results:
        """What :meth:`write_json` wrote."""
        document = json.loads(path.read_text())
        return cls(document["rows"], document["notes"], document["facts"])

    def write_csv(self, path: Path) -> None:
        """A line for each row, contender and metric, with the value that counts."""
        with path.open("w", newline="") as target:
            writer = csv.writer(target)
            writer.writerow(("row", "contender", "metric", "value", "rounds"))
            for row, contenders in self.values.items():
                for contender, metrics in contenders.items():
                    for metric, values in metrics.items():
                        value = self.get(row, contender, metric)
                        writer.writerow((row, contender, metric, value, len(values)))


def facts_of_machine() -> dict[str, Any]:
    """What the figures depend on besides the programs."""
    processor = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            processor = line.partition(":")[2].strip()
            break
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "processor": processor,
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }
