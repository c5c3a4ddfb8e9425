"""What a row of the table is: a figure, what it is compared with, what must hold of it.

A ratio is imagestore's value divided by another's: more than 1 is better for rates,
less than 1 for costs and times.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.results import Results

CORES = 2
"""The cores that the limit of uploads is computed for, as many as server workers."""
MIB_PER_GIB = 1024

Against = Literal["glance", "tuned", "limit", "value"]
_PEERS = {"glance": "glance", "tuned": "glance-1m"}
_NAMES = {"glance": "Glance", "tuned": "Glance 1 MiB", "limit": "limit"}


@dataclass(frozen=True, slots=True)
class Target:
    """What must hold of a row's ratio to the peer or the limit, or of its own value."""

    against: Against
    sign: Literal["≥", "≤", "<"]
    bound: float

    def holds(self, figure: float) -> bool:
        """Whether a ratio (or value) meets it."""
        compare = {"≥": operator.ge, "≤": operator.le, "<": operator.lt}[self.sign]
        return bool(compare(figure, self.bound))

    def text(self, unit: str) -> str:
        """For people."""
        bound = f"{self.bound:,g}" if self.bound < 1e6 else f"{self.bound:,.0f}"
        if self.against == "value":
            return f"{self.sign} {bound} {unit}".strip()
        return f"{self.sign} {bound} × {_NAMES[self.against]}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a metric of one kind of work."""

    section: str
    title: str
    key: str
    metric: str
    unit: str
    scale: float = 1.0
    """Stored value × scale = shown value."""
    targets: Sequence[Target] = ()
    limit: Callable[[Results], float | None] | None = None
    """The stored value of the limit."""
    less_is_better: bool = False
    own: str = "imagestore"
    """Whose value is compared: imagestore, or imagestore in another configuration."""
    parts: Sequence[str] = ()
    """Metrics that the value is the sum of, shown beside it."""

    def value(self, results: Results, contender: str) -> float | None:
        """As stored."""
        return results.get(self.key, contender, self.metric)

    def figure(self, results: Results, against: Against) -> float | None:
        """What a target of that kind is compared with; None if something is missing."""
        own = self.value(results, self.own)
        if own is None or against == "value":
            return None if own is None else own * self.scale
        other = (
            self.value(results, _PEERS[against])
            if against in _PEERS
            else self.limit(results)
            if self.limit
            else None
        )
        return own / other if other else None


def digests_cpu(results: Results) -> float | None:
    """CPU seconds per GiB of md5 and sha512, each alone."""
    md5, sha512 = results.get("md5", "machine", "cpu"), results.get("sha512", "machine", "cpu")
    return None if md5 is None or sha512 is None else md5 + sha512


def upload_limit(streams: int, *, besides: float | None = 0.0) -> Callable[[Results], float | None]:
    """MiB/s: the lower of the slower digest alone, and what the cores can pay for.

    The latter is the CPU per GiB of both digests, of nginx's PUT and of the client, on
    two cores; and ``besides``, of what else an upload costs. Where it was measured, the disk is
    a limit as well, as an image is flushed to it.
    """

    def limit(results: Results) -> float | None:
        alone = [results.get(digest, "machine") for digest in ("md5", "sha512")]
        row = f"upload-{streams}"
        parts = [
            digests_cpu(results),
            results.get(row, "nginx", "cpu"),
            results.get(row, "nginx", "client_cpu"),
            besides,
        ]
        known = [part for part in parts if part is not None]
        rates = [rate for rate in alone if rate is not None]
        if len(known) < len(parts) or len(rates) < len(alone):
            return None
        if disk := results.get("disk", "machine"):
            rates.append(disk)
        return min(*rates, CORES / sum(known) * MIB_PER_GIB)

    return limit


def single_digest_limit(results: Results) -> float | None:
    """MiB/s: the slower of sha256 alone and the disk, for one stream without an MD5."""
    rates = (results.get("sha256", "machine"), results.get("disk", "machine"))
    return None if None in rates else min(rate for rate in rates if rate is not None)


def nginx(key: str, metric: str = "rate") -> Callable[[Results], float | None]:
    """What nginx reaches in the same row."""
    return lambda results: results.get(key, "nginx", metric)
