"""Schemathesis against the served description: ``python -m tests.openapi.fuzz``.

What fails: an answer of 500 and above, a status, media type or body that is not described.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from imagestore.api.head import ENDLESS
from tests.openapi.hooks import SERVICE
from tests.served import free_port, serve
from tests.services import mariadb, postgresql

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
DATABASES = ("sqlite", "mariadb", "postgresql")
_COUNTED = re.compile(r'^imagestore_requests_total\{.*status="(\d+)"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """``statuses``: how often each was answered, as the service itself counts."""

    faultless: bool
    report: str
    statuses: Counter[int]

    @property
    def requests(self) -> int:
        return self.statuses.total()

    @property
    def server_errors(self) -> int:
        return sum(count for status, count in self.statuses.items() if status >= 500)


def fuzz(
    directory: Path, database: str = "sqlite", *, seconds: int = 60, requests: int = 1
) -> Outcome:
    """Serve an imagestore, ask it for that long, and again until that many requests are made.

    Ends with the first run in which something was found.
    """
    port = free_port()
    options = (
        f"[imagestore]\nmetrics_bind = 127.0.0.1:{port}\nauto_upgrade = true\n"
        f"[DEFAULT]\nimage_cache_dir = {directory / 'cache'}\n"
        "enabled_import_methods = glance-direct,web-download,copy-image\n"
        # Whatever URL is made up, it is not to be fetched from the network.
        "[import_filtering_opts]\nallowed_hosts = 127.0.0.1\n"
    )
    if database != "mariadb":  # whose tables are of three bytes a character, as Glance makes them
        options = options.replace("auto_upgrade", "four_byte_characters = true\nauto_upgrade")
    with ExitStack() as stack:
        if database != "sqlite":
            program = mariadb if database == "mariadb" else postgresql
            server = program.start(directory / database)
            stack.callback(server.stop)
            options += f"[database]\nconnection = {server.url}\n"
        served = stack.enter_context(
            serve(directory / "served", flavor="cachemanagement", options=options)
        )
        while True:
            done = _run(served.url, seconds)
            counted = _counted(f"http://127.0.0.1:{port}/metrics")
            log = "" if "Traceback" not in served.log else served.log[-20_000:]
            outcome = Outcome(not done.returncode and not log, done.stdout + log, counted)
            if not outcome.faultless or outcome.requests >= requests:
                return outcome


def _run(url: str, seconds: int) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "schemathesis"
    return subprocess.run(
        [
            *(program, "run", f"{url}/v2/openapi.json", "--url", url),
            # One: Hypothesis fails in several threads at times, and the report would be of that.
            *("--max-time", str(seconds), "--workers", "1", "--checks", ",".join(CHECKS)),
            *("--continue-on-failure", "--no-shrink", "--no-color", "--warnings", "off"),
            *("--generation-database", "none", "--suppress-health-check", "all"),
            *(option for path in sorted(ENDLESS) for option in ("--exclude-path", path)),
        ],
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.openapi.hooks", SERVICE: url},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
    )


def _counted(url: str) -> Counter[int]:
    with urllib.request.urlopen(url, timeout=30) as answer:
        text = answer.read().decode()
    counted: Counter[int] = Counter()
    for status, count in _COUNTED.findall(text):
        counted[int(status)] += int(float(count))
    return counted


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.openapi.fuzz", description=__doc__)
    parser.add_argument("--database", action="append", choices=DATABASES)
    parser.add_argument("--requests", type=int, default=20_000, help="at least, in all")
    given = parser.parse_args()
    databases = given.database or DATABASES
    total, failed = 0, False
    for database in databases:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as directory:
            outcome = fuzz(Path(directory), database, requests=-(-given.requests // len(databases)))
        total += outcome.requests
        failed |= not outcome.faultless or bool(outcome.server_errors)
        if not outcome.faultless:
            print(outcome.report)
        counts = ", ".join(f"{status}: {n}" for status, n in sorted(outcome.statuses.items()))
        print(f"{database}: {outcome.requests} requests; {counts}", flush=True)
    print(f"{total} requests, {'with faults' if failed else 'no fault'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
