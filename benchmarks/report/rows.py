"""The rows of the table: what is compared with what, and the targets that must hold.

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

Against = Literal["glance", "limit", "value"]


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
        bound = f"{self.bound:g}"
        if self.against == "value":
            return f"{self.sign} {bound} {unit}".strip()
        return f"{self.sign} {bound} × {'Glance' if self.against == 'glance' else 'limit'}"


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

    def value(self, results: Results, contender: str) -> float | None:
        """As stored."""
        return results.get(self.key, contender, self.metric)

    def figure(self, results: Results, against: Against) -> float | None:
        """What a target of that kind is compared with; None if something is missing."""
        own = self.value(results, "imagestore")
        if own is None or against == "value":
            return None if own is None else own * self.scale
        other = (
            self.value(results, "glance")
            if against == "glance"
            else self.limit(results)
            if self.limit
            else None
        )
        return own / other if other else None


def digests_cpu(results: Results) -> float | None:
    """CPU seconds per GiB of md5 and sha512, each alone."""
    md5, sha512 = results.get("md5", "machine", "cpu"), results.get("sha512", "machine", "cpu")
    return None if md5 is None or sha512 is None else md5 + sha512


def upload_limit(streams: int) -> Callable[[Results], float | None]:
    """MiB/s: the lower of the slower digest alone, and what the cores can pay for.

    The latter is the CPU per GiB of both digests, of nginx's PUT and of the client, on
    two cores.
    """

    def limit(results: Results) -> float | None:
        alone = [results.get(digest, "machine") for digest in ("md5", "sha512")]
        row = f"upload-{streams}"
        parts = [
            digests_cpu(results),
            results.get(row, "nginx", "cpu"),
            results.get(row, "nginx", "client_cpu"),
        ]
        known = [part for part in parts if part is not None]
        rates = [rate for rate in alone if rate is not None]
        if len(known) < len(parts) or len(rates) < len(alone):
            return None
        return min(*rates, CORES / sum(known) * MIB_PER_GIB)

    return limit


def nginx(key: str, metric: str = "rate") -> Callable[[Results], float | None]:
    """What nginx reaches in the same row."""
    return lambda results: results.get(key, "nginx", metric)


def _over(bound: float, against: Against = "glance") -> Target:
    return Target(against, "≥", bound)


def _transfers() -> list[Row]:
    rows = []
    for streams, name in ((1, "1 stream"), (4, "4 streams")):
        key = f"upload-{streams}"
        limit = upload_limit(streams)
        targets = (_over(2.5 if streams == 1 else 1.5), _over(0.85, "limit"))
        rows.append(
            Row("upload", name, key, "rate", "MiB/s", targets=targets, limit=limit)
        )
        rows.append(
            Row("upload", f"{name}, chunked", f"chunked-{key}", "rate", "MiB/s", limit=limit)
        )
        rows.append(
            Row(
                "upload",
                f"{name}, server CPU",
                key,
                "cpu",
                "s/GiB",
                targets=(Target("limit", "≤", 1.25),),
                limit=digests_cpu,
                less_is_better=True,
            )
        )
    for streams, name in ((1, "1 stream"), (4, "4 streams")):
        key = f"download-{streams}"
        rows.append(
            Row(
                "download",
                name,
                key,
                "rate",
                "MiB/s",
                targets=(_over(0.9, "limit"),),
                limit=nginx(key),
            )
        )
        rows.append(
            Row(
                "download",
                f"{name}, server CPU",
                key,
                "cpu",
                "s/GiB",
                targets=(Target("glance", "≤", 0.6),),
                limit=nginx(key, "cpu"),
                less_is_better=True,
            )
        )
    for clients, name in ((1, "1 client"), (4, "4 clients")):
        key = f"range-{clients}"
        rows.append(
            Row("download", f"range of 1 MiB, {name}", key, "rate", "req/s", limit=nginx(key))
        )
    return rows


def _images() -> list[Row]:
    def row(title: str, key: str, *targets: Target, limited: bool = False) -> list[Row]:
        limit = nginx(key) if limited else None
        return [
            Row("images", title, key, "rate", "req/s", targets=targets, limit=limit),
            Row("images", f"{title}, server CPU", key, "cpu", "ms", 1000, less_is_better=True),
        ]

    return [
        *row("show, 1 client", "show-1", _over(6), limited=True),
        *row("show, 16 clients", "show-16", _over(6), limited=True),
        *row("create, bare", "create-bare", _over(8)),
        *row("create, 5 properties, 2 tags", "create-rich", _over(8)),
        *row("patch", "patch", _over(10)),
        *row("delete", "delete"),
        *row("create and upload 64 KiB", "small-upload"),
    ]


def _lists() -> list[Row]:
    kinds = {
        "plain": ("25, newest first", 20),
        "name": ("25 by name", None),
        "property": ("25 by property", 50),
        "tag": ("25 by tag", 50),
        "deep": ("25 from the middle", None),
        "size": ("25 sorted by size", None),
        "1000": ("1,000 a page", 10),
    }
    return [
        Row(
            "list of 10,000",
            f"{title}, {clients} client{'s' if clients > 1 else ''}",
            f"list-{kind}-{clients}",
            "rate",
            "req/s",
            targets=(_over(bound),) if bound else (),
        )
        for kind, (title, bound) in kinds.items()
        for clients in (1, 16)
    ]


def _under_load() -> list[Row]:
    rows = []
    for kind, name in {
        "alone": "alone",
        "uploads": "beside 4 uploads",
        "downloads": "beside 4 downloads",
    }.items():
        for metric in ("p50", "p99"):
            strict = metric == "p99" and kind == "uploads"
            rows.append(
                Row(
                    "under load",
                    f"show {name}, {metric}",
                    f"latency-{kind}",
                    metric,
                    "ms",
                    1000,
                    targets=(Target("glance", "≤", 0.25),) if strict else (),
                    less_is_better=True,
                )
            )
    value: Against = "value"
    slow, memory = "500 slow downloads", "memory"
    return [
        *rows,
        Row(
            "under load",
            f"{slow}: advancing",
            "slow",
            "advancing",
            "of 500",
            targets=(Target(value, "≥", 500),),
        ),
        Row(
            "under load",
            f"{slow}: GET /versions, p99",
            "slow",
            "p99",
            "ms",
            1000,
            targets=(Target(value, "<", 50),),
            less_is_better=True,
        ),
        Row(
            memory,
            f"{slow}, over idle",
            "slow",
            "memory",
            "MiB",
            targets=(Target(value, "<", 100),),
            less_is_better=True,
        ),
        Row(
            memory,
            "growth in one large upload",
            "memory",
            "memory",
            "MiB",
            targets=(Target(value, "≤", 64),),
            less_is_better=True,
        ),
        Row(memory, "resident, idle", "rss-idle", "memory", "MiB", less_is_better=True),
        Row(memory, "resident, after the run", "rss-after", "memory", "MiB", less_is_better=True),
    ]


ROWS: tuple[Row, ...] = (*_transfers(), *_images(), *_lists(), *_under_load())
