"""Prints the results in a subunit stream as JSON, ``[[test, status, reason], …]``.

Runs inside tempest's own virtual environment: ``read_subunit.py FILE``. A class whose setup
fails or skips is one result for all its tests, as tempest itself counts.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import subunit
import testtools

STATUS = {"success": "passed", "xfail": "passed", "skip": "skipped"}


def results(path: str) -> list[tuple[str, str, str]]:
    found = []

    def on_test(test: dict[str, Any]) -> None:
        if test["status"] == "exists" or test["id"] == "stdout":
            return
        # Without tempest's own labels: idempotent id and attributes.
        name = re.sub(r"\[(?:id-[^\]]*|[^\]]*,[^\]]*|)\]", "", test["id"])
        texts = [
            content.as_text()
            for kind, content in (test["details"] or {}).items()
            if kind == "reason" or kind.startswith("traceback")
        ]
        lines = "\n".join(texts).strip().splitlines()
        found.append((name, STATUS.get(test["status"], "failed"), lines[-1][:300] if lines else ""))

    with open(path, "rb") as stream:
        case = subunit.ByteStreamToStreamResult(stream, non_subunit_name="stdout")
        result = testtools.StreamToDict(on_test)
        result.startTestRun()
        case.run(result)
        result.stopTestRun()
    return sorted(found)


if __name__ == "__main__":
    json.dump(results(sys.argv[1]), sys.stdout)
