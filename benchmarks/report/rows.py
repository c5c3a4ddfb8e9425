"""All rows of the table in their order, with the targets that must hold."""

from __future__ import annotations

from benchmarks.report.row import Against, Row, Target, digests_cpu, nginx, upload_limit


def _over(bound: float, against: Against = "glance") -> Target:
    return Target(against, "≥", bound)


def _transfers() -> list[Row]:
    rows = []
    for streams, name in ((1, "1 stream"), (4, "4 streams")):
        key = f"upload-{streams}"
        limit = upload_limit(streams)
        targets = (_over(2.5 if streams == 1 else 1.5), _over(0.85, "limit"))
        rows.append(Row("upload", name, key, "rate", "MiB/s", targets=targets, limit=limit))
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
