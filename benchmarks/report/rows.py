"""All rows of the table in their order, with the targets that must hold."""

from __future__ import annotations

from benchmarks.measures import crowd
from benchmarks.report.row import (
    Against,
    Row,
    Target,
    digests_cpu,
    nginx,
    single_digest_limit,
    upload_limit,
)
from benchmarks.results import Results

STREAMS = ((1, "1 stream"), (4, "4 streams"))
VALUE: Against = "value"


def _over(bound: float, against: Against = "glance") -> Target:
    return Target(against, "≥", bound)


def _under(bound: float, against: Against = "value") -> Target:
    return Target(against, "≤", bound)


def _uploads() -> list[Row]:
    rows = []
    over_glance = {1: (_over(2.5),), 4: (_over(1.6), _over(1.2, "tuned"))}
    for streams, name in STREAMS:
        key, limit = f"upload-{streams}", upload_limit(streams)
        full = (_over(0.9, "limit"),) if streams == 1 else ()
        rows += [
            Row(
                "upload",
                name,
                key,
                "rate",
                "MiB/s",
                targets=(*over_glance[streams], *full),
                limit=limit,
            ),
            Row("upload", f"{name}, on the disk", key, "durable_rate", "MiB/s", limit=limit),
            Row("upload", f"{name}, chunked", f"chunked-{key}", "rate", "MiB/s", limit=limit),
            Row(
                "upload",
                f"{name}, server CPU",
                key,
                "cpu",
                "s/GiB",
                targets=(_under(1.25, "limit"),),
                limit=digests_cpu,
                less_is_better=True,
            ),
        ]
    for streams, name in STREAMS:
        rows.append(
            Row(
                "upload",
                f"{name}, sha256 and no MD5",
                f"upload-{streams}",
                "rate",
                "MiB/s",
                targets=(_over(0.9, "limit"),) if streams == 1 else (_over(3),),
                limit=single_digest_limit if streams == 1 else None,
                own="imagestore-sha256",
            )
        )
    return rows


def _downloads() -> list[Row]:
    rows = []
    for streams, name in STREAMS:
        key = f"download-{streams}"
        rows += [
            Row(
                "download",
                name,
                key,
                "rate",
                "MiB/s",
                targets=(_over(0.9, "limit"),),
                limit=nginx(key),
            ),
            Row(
                "download",
                f"{name}, server CPU",
                key,
                "cpu",
                "s/GiB",
                targets=(_under(0.6, "glance"),),
                limit=nginx(key, "cpu"),
                less_is_better=True,
            ),
        ]
    for clients, name in ((1, "1 client"), (4, "4 clients")):
        key = f"range-{clients}"
        rows.append(
            Row("download", f"range of 1 MiB, {name}", key, "rate", "req/s", limit=nginx(key))
        )
    return rows


def _small(
    section: str, title: str, key: str, *targets: Target, limited: bool = False
) -> list[Row]:
    """Small requests: how many a second, and what each costs."""
    limit = nginx(key) if limited else None
    return [
        Row(section, title, key, "rate", "req/s", targets=targets, limit=limit),
        Row(
            section,
            f"{title}, CPU",
            key,
            "sum",
            "ms",
            1000,
            less_is_better=True,
            parts=("cpu", "database_cpu"),
        ),
    ]


def _images() -> list[Row]:
    return [
        *_small("images", "show, 1 client", "show-1", _over(6), limited=True),
        *_small("images", "show, 16 clients", "show-16", _over(6), limited=True),
        *_small("images", "create, bare", "create-bare", _over(8)),
        *_small("images", "create, 5 properties, 2 tags", "create-rich", _over(8)),
        *_small("images", "patch", "patch", _over(10)),
        *_small("images", "delete", "delete"),
        *_small("images", "create and upload 64 KiB", "small-upload"),
    ]


def _lists() -> list[Row]:
    kinds = {
        "plain": ("25, newest first", 12),
        "deep": ("25 from the middle", 12),
        "name": ("25 by name", 12),
        "property": ("25 by a property that many have", 20),
        "rare": ("25 by a property that one has", 40),
        "tag": ("25 by a tag that many have", 20),
        "size": ("25 sorted by size", 12),
        "1000": ("1,000 a page", 10),
    }
    return [
        row
        for kind, (title, bound) in kinds.items()
        for clients in (1, 16)
        for row in _small(
            "list of 10,000",
            f"{title}, {clients} client{'s' if clients > 1 else ''}",
            f"list-{kind}-{clients}",
            _over(bound),
        )
    ]


def _beside() -> list[Row]:
    rows = []
    for kind, name in {
        "alone": "alone",
        "uploads": "beside 4 uploads",
        "downloads": "beside 4 downloads",
    }.items():
        key, compared = f"latency-{kind}", kind != "alone"
        title = f"show {name}"
        rows += [
            Row("under load", f"{title}, p50", key, "p50", "ms", 1000, less_is_better=True),
            Row(
                "under load",
                f"{title}, p99; the limit: alone" if compared else f"{title}, p99",
                key,
                "p99",
                "ms",
                1000,
                targets=(_under(0.25, "glance"), _under(3, "limit")) if compared else (),
                limit=_alone if compared else None,
                less_is_better=True,
            ),
        ]
        if compared:
            rows.append(
                Row(
                    "under load",
                    f"these {name.split()[-1]}",
                    key,
                    "transferred",
                    "MiB/s",
                    targets=(_over(1),),
                )
            )
    return rows


def _alone(results: Results) -> float | None:
    return results.get("latency-alone", "imagestore", "p99")


def _crowds() -> list[Row]:
    number = crowd.CLIENTS
    many, slow = f"{number:,} downloads and idle", "500 slow downloads"
    section, versions = "under load", "GET /versions, p99"

    def quick(key: str, name: str) -> Row:
        return Row(
            section,
            f"{name}: {versions}",
            key,
            "p99",
            "ms",
            1000,
            targets=(Target("value", "<", 50),),
            less_is_better=True,
        )

    def count(title: str, metric: str, *targets: Target, of: str | None = None) -> Row:
        limit = (lambda results: results.get("crowd", "imagestore", of)) if of else None
        return Row(section, title, "crowd", metric, "clients", targets=targets, limit=limit)

    return [
        Row(
            section,
            f"{slow}: advancing",
            "slow",
            "advancing",
            "of 500",
            targets=[_over(500, VALUE)],
        ),
        quick("slow", slow),
        count(f"{many}: at once", "connections", _over(2 * number, VALUE)),
        count(f"{many}: advancing", "advancing", _over(1, "limit"), of="downloads"),
        count(f"{many}: kept", "kept", _over(1, "limit"), of="idle"),
        quick("crowd", many),
        Row(
            section,
            f"64 KiB uploads beside {crowd.TRICKLES:,} of 1 KiB/s; limit: alone",
            "trickles",
            "rate",
            "req/s",
            limit=lambda results: results.get("trickles", "imagestore", "alone_rate"),
            targets=[_over(0.8, "limit")],
        ),
    ]


def _memory() -> list[Row]:
    def row(title: str, key: str, metric: str, most: float | None = None, unit: str = "MiB") -> Row:
        targets = (_under(most),) if most else ()
        return Row(
            "memory and start", title, key, metric, unit, targets=targets, less_is_better=True
        )

    return [
        row("supervisor and workers, PSS, idle", "rss-idle", "pss", 150),
        row("supervisor and workers, PSS, as the run ends", "rss-after", "pss"),
        row("supervisor and workers, PSS, 22 s after the run", "rss-rested", "pss", 220),
        row("resident, idle", "rss-idle", "memory"),
        row("resident, as the run ends", "rss-after", "memory"),
        row("500 slow downloads, over idle", "slow", "memory", 100),
        row("each of the crowd's connections, server", "crowd", "each", None, "KiB"),
        row("each of the crowd's connections, kernel", "crowd", "kernel", None, "KiB"),
        row("growth in one large upload", "memory", "memory", 64),
        row("from exec to ready", "start", "ready", 1.5, "s"),
        row("imagestore version", "start", "version", 0.25, "s"),
        row("imagestore --help", "start", "help", 0.4, "s"),
    ]


ROWS: tuple[Row, ...] = (
    *_uploads(),
    *_downloads(),
    *_images(),
    *_lists(),
    *_beside(),
    *_crowds(),
    *_memory(),
)
