"""Ratios, limits and verdicts of the benchmark's table."""

from __future__ import annotations

import pytest

from benchmarks.report.row import Row, Target, digests_cpu, upload_limit
from benchmarks.report.rows import ROWS
from benchmarks.report.table import verdicts
from benchmarks.results import Results


def measured() -> Results:
    results = Results()
    results.add("md5", "machine", {"rate": 700, "cpu": 1.5})
    results.add("sha512", "machine", {"rate": 500, "cpu": 2.0})
    results.add("upload-1", "nginx", {"rate": 900, "cpu": 0.4, "client_cpu": 0.1})
    return results


def test_the_limit_of_uploads_is_the_slower_digest_while_cores_suffice() -> None:
    assert digests_cpu(measured()) == 3.5
    # 2 cores / 4.0 s per GiB = 512 MiB/s, more than sha512 alone
    assert upload_limit(1)(measured()) == 500


def test_the_limit_of_uploads_is_the_cores_where_they_are_dear() -> None:
    results = measured()
    results.add("upload-4", "nginx", {"cpu": 4.0, "client_cpu": 0.5})
    assert upload_limit(4)(results) == pytest.approx(2 / 8.0 * 1024)


def test_no_limit_without_all_its_parts() -> None:
    assert upload_limit(4)(measured()) is None


def test_medians_count_for_rates_and_the_largest_for_memory() -> None:
    results = Results()
    for rate, memory in ((1.0, 5.0), (9.0, 7.0), (2.0, 6.0)):
        results.add("show-1", "imagestore", {"rate": rate, "memory": memory})
    assert results.get("show-1", "imagestore") == 2.0
    assert results.get("show-1", "imagestore", "memory") == 7.0


def test_a_target_is_judged_on_the_ratio_in_its_own_direction() -> None:
    row = Row(
        "images",
        "show",
        "show-1",
        "p99",
        "ms",
        1000,
        targets=(Target("glance", "≤", 0.25), Target("value", "<", 50), Target("limit", "≥", 1)),
        less_is_better=True,
    )
    results = Results()
    results.add("show-1", "imagestore", {"p99": 0.060})
    results.add("show-1", "glance", {"p99": 0.240})
    assert verdicts(row, results) == [True, False, None]


def test_each_row_is_there_once() -> None:
    identities = [(row.key, row.metric, row.own) for row in ROWS]
    assert len(identities) == len(set(identities))


def test_the_disk_is_a_limit_of_uploads_where_it_was_measured() -> None:
    results = measured()
    results.add("disk", "machine", {"rate": 400})
    assert upload_limit(1)(results) == 400


def test_a_target_against_the_tuned_peer_and_another_configuration_of_ours() -> None:
    row = Row(
        "upload",
        "4 streams",
        "upload-4",
        "rate",
        "MiB/s",
        targets=(Target("glance", "≥", 3), Target("tuned", "≥", 1.2)),
        own="imagestore-sha256",
    )
    results = Results()
    rates = {"imagestore": 200, "imagestore-sha256": 610, "glance": 200, "glance-1m": 600}
    for name, rate in rates.items():
        results.add("upload-4", name, {"rate": rate})
    assert verdicts(row, results) == [True, False]
