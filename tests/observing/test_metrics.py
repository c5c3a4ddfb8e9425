"""What docs/metrics.md says is what there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imagestore.observing import metrics

PAGE = Path(__file__).parents[2] / "docs/metrics.md"


def rows() -> Iterator[str]:
    """The lines of the table, made of what the metrics say of themselves."""
    for collector in dict.fromkeys(metrics.REGISTRY._collector_to_names):
        (metric,) = collector.describe()
        name = metric.name + ("_total" if metric.type == "counter" else "")
        labels = ", ".join(collector._labelnames)  # type: ignore[attr-defined]
        yield f"| `{name}` | {metric.type} | {labels} | {metric.documentation} |"


def test_the_page_has_every_metric_as_it_is() -> None:
    found = [line for line in PAGE.read_text().splitlines() if line.startswith("| `imagestore_")]
    assert found == list(rows()), "the table has to be:\n" + "\n".join(rows())
