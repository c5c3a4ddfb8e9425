"""The alerts and the dashboard in ``conf``: what they ask for exists, and rings when it should."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from imagestore.observing import metrics

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "conf/prometheus-alerts.yaml"
DASHBOARD = ROOT / "conf/grafana-dashboard.json"
RUNBOOK = ROOT / "docs/runbook.md"

NODE = 'instance="n"'
STORE = f'store="s",{NODE}'
OF_METADATA = 'route="/v2/images",method="GET"'
WRONG = {
    "ImagestoreDown": {f'up{{job="imagestore",{NODE}}}': "0x600"},
    "ImagestoreWorkersRestart": {"imagestore_process_start_time_seconds": "0+1x600"},
    "ImagestoreErrors": {
        f'imagestore_requests_total{{status="503",{NODE}}}': "0+3x600",
        f'imagestore_requests_total{{status="200",{NODE}}}': "0+97x600",
    },
    "ImagestoreSlow": {
        f'imagestore_request_seconds_bucket{{{OF_METADATA},le="1",{NODE}}}': "0+9x600",
        f'imagestore_request_seconds_bucket{{{OF_METADATA},le="2.5",{NODE}}}': "0+10x600",
        f'imagestore_request_seconds_bucket{{{OF_METADATA},le="+Inf",{NODE}}}': "0+10x600",
    },
    "ImagestoreEventLoopLate": {
        f'imagestore_event_loop_lag_seconds_bucket{{le="0.25",{NODE}}}': "0+9x600",
        f'imagestore_event_loop_lag_seconds_bucket{{le="+Inf",{NODE}}}': "0+10x600",
        f'imagestore_event_loop_lag_seconds_bucket{{le="0.5",{NODE}}}': "0+10x600",
    },
    "ImagestoreOpenFiles": {
        f"imagestore_process_open_files{{{NODE}}}": "900x600",
        f"imagestore_process_open_files_limit{{{NODE}}}": "1024x600",
    },
    "ImagestoreDatabaseAway": {f"imagestore_database_up{{{NODE}}}": "0x600"},
    "ImagestoreDatabaseSlow": {
        f'imagestore_database_seconds_bucket{{operation="read",le="0.5",{NODE}}}': "0+9x600",
        f'imagestore_database_seconds_bucket{{operation="read",le="1",{NODE}}}': "0+10x600",
        f'imagestore_database_seconds_bucket{{operation="read",le="+Inf",{NODE}}}': "0+10x600",
    },
    "ImagestoreDatabaseBusy": {f"imagestore_database_waiting{{{NODE}}}": "3x600"},
    "ImagestoreStoreAway": {f"imagestore_store_health{{{STORE}}}": "0x600"},
    "ImagestoreStoreErrors": {
        f'imagestore_store_operations_total{{outcome="Unavailable",{STORE}}}': "0+1x600",
        f'imagestore_store_operations_total{{outcome="ok",{STORE}}}': "0+9x600",
    },
    "ImagestoreStoreFull": {
        f"imagestore_store_free_bytes{{{STORE}}}": "4x600",
        f"imagestore_store_capacity_bytes{{{STORE}}}": "100x600",
    },
    "ImagestoreStoreFillsUp": {
        f"imagestore_store_free_bytes{{{STORE}}}": "20000-10x600",
        f"imagestore_store_capacity_bytes{{{STORE}}}": "100000x600",
    },
    "ImagestoreDamagedCopies": {f"imagestore_damaged_copies{{{STORE}}}": "1x600"},
    "ImagestoreNotVerified": {"imagestore_patrol_verified_since_timestamp_seconds": "1x50000"},
    "ImagestoreJobsFailed": {f'imagestore_jobs{{kind="copy",state="failed",{NODE}}}': "1x600"},
    "ImagestoreJobsWait": {f'imagestore_jobs_waiting_seconds{{kind="copy",{NODE}}}': "4000x600"},
    "ImagestoreReplicationBehind": {f'imagestore_replication_missing{{rule="r",{NODE}}}': "2x600"},
    "ImagestoreOrphans": {f"imagestore_orphan_bytes{{{STORE}}}": "200000000000x3000"},
    "ImagestoreNotificationsLost": {
        f'imagestore_notifications_total{{outcome="dropped",{NODE}}}': "0+1x600"
    },
    "ImagestoreVersionsMixed": {
        f'imagestore_build_info{{version="{one}",instance="{one}"}}': "1x1600" for one in ("1", "2")
    },
}
"""What has to make each of them ring, minute by minute."""
LATE = {
    "ImagestoreNotVerified": "31d",
    "ImagestoreOrphans": "49h",
    "ImagestoreVersionsMixed": "25h",
}
"""When they do; the others after ten hours."""
WELL = {
    f'up{{job="imagestore",{NODE}}}': "1x3000",
    f'imagestore_requests_total{{status="503",{NODE}}}': "0+1x3000",
    f'imagestore_requests_total{{status="200",{NODE}}}': "0+99x3000",
    f'imagestore_request_seconds_bucket{{{OF_METADATA},le="1",{NODE}}}': "0+10x3000",
    f'imagestore_request_seconds_bucket{{{OF_METADATA},le="+Inf",{NODE}}}': "0+10x3000",
    f'imagestore_request_seconds_bucket{{route="/v2/images/{{image_id}}/file",le="1",{NODE}}}':
        "0x3000",
    f'imagestore_request_seconds_bucket{{route="/v2/images/{{image_id}}/file",le="+Inf",{NODE}}}':
        "0+99x3000",
    f'imagestore_event_loop_lag_seconds_bucket{{le="0.25",{NODE}}}': "0+10x3000",
    f'imagestore_event_loop_lag_seconds_bucket{{le="+Inf",{NODE}}}': "0+10x3000",
    f"imagestore_process_start_time_seconds{{{NODE}}}": "1x3000",
    f"imagestore_process_open_files{{{NODE}}}": "90x3000",
    f"imagestore_process_open_files_limit{{{NODE}}}": "1024x3000",
    f"imagestore_database_up{{{NODE}}}": "1x3000",
    f'imagestore_database_seconds_bucket{{operation="read",le="0.5",{NODE}}}': "0+10x3000",
    f'imagestore_database_seconds_bucket{{operation="read",le="+Inf",{NODE}}}': "0+10x3000",
    f"imagestore_database_waiting{{{NODE}}}": "3 0x3000",
    f"imagestore_store_health{{{STORE}}}": "1x3000",
    f'imagestore_store_operations_total{{outcome="NotFound",{STORE}}}': "0+9x3000",
    f'imagestore_store_operations_total{{outcome="ok",{STORE}}}': "0+9x3000",
    f"imagestore_store_free_bytes{{{STORE}}}": "90x3000",
    f"imagestore_store_capacity_bytes{{{STORE}}}": "100x3000",
    f"imagestore_damaged_copies{{{STORE}}}": "0x3000",
    "imagestore_patrol_verified_since_timestamp_seconds": "0x3000",
    f'imagestore_jobs{{kind="copy",state="failed",{NODE}}}': "0x3000",
    f'imagestore_jobs{{kind="copy",state="queued",{NODE}}}': "500x3000",
    f'imagestore_jobs_waiting_seconds{{kind="copy",{NODE}}}': "60x3000",
    f'imagestore_replication_missing{{rule="r",{NODE}}}': "2x60 0x3000",
    f"imagestore_orphan_bytes{{{STORE}}}": "1000x3000",
    f'imagestore_notifications_total{{outcome="sent",{NODE}}}': "0+1x3000",
    f'imagestore_build_info{{version="1",{NODE}}}': "1x3000",
}  # fmt: skip
"""A quiet day, at which none rings."""


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def queries() -> Iterator[tuple[str, str]]:
    """Title and expression of all that the dashboard asks for, as Grafana would ask it."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"].replace("$__rate_interval", "1m")
            yield panel["title"], expression.replace("$instance", ".*")


def test_what_is_asked_for_exists() -> None:
    known = set(metrics.REGISTRY._names_to_collectors)
    asked = [rule["expr"] for rule in rules()] + [query for _, query in queries()]
    names = {name for query in asked for name in re.findall(r"\bimagestore_\w+", query)}
    assert names
    assert not names - known


def test_each_alert_leads_to_its_paragraph() -> None:
    headings = re.findall(r"^### (\w+)$", RUNBOOK.read_text(), re.MULTILINE)
    for rule in rules():
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert page.endswith("/runbook/")
        assert anchor == rule["alert"].lower()
        assert rule["alert"] in headings
        assert {"severity"} == rule["labels"].keys()


def sample(name: str) -> dict[str, Any]:
    return {"labels": f'{{alertname="{name}"}}', "value": 1}


@pytest.mark.service
def test_each_alert_rings_when_it_should_and_not_else(tmp_path: Path) -> None:
    assert [rule["alert"] for rule in rules()] == list(WRONG)
    ringing = 'group by (alertname) (ALERTS{alertstate="firing"})'

    def case(series: dict[str, str], moment: str, *names: str) -> dict[str, Any]:
        return {
            "interval": "1m",
            "input_series": [{"series": name, "values": each} for name, each in series.items()],
            "promql_expr_test": [
                {"expr": ringing, "eval_time": moment, "exp_samples": [*map(sample, names)]}
            ],
        }

    cases = [case(WRONG[name], LATE.get(name, "570m"), name) for name in WRONG]
    cases += [case(WELL, moment) for moment in ("570m", "49h")]
    file = tmp_path / "rules.yaml"
    # As rarely as will do: each time all of them are looked at.
    how = {"rule_files": [str(ALERTS)], "evaluation_interval": "30m", "tests": cases}
    file.write_text(json.dumps(how))
    for command in (["check", "rules", ALERTS], ["test", "rules", file]):
        done = subprocess.run(["promtool", *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
