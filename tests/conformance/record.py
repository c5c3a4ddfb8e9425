"""Records the real Glance: ``python -m tests.conformance.record`` rewrites the recording.

``--group`` asks for some parts alone and leaves the others as they are.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.conformance import runner, table
from tests.conformance.servers import OPTIONS, start_equipped_glance
from tests.services import glance

RECORDING = Path(__file__).parent / "recorded" / "glance-33.json"


def recorded(group: str) -> runner.Results:
    """What was recorded of one part of the API."""
    everything: runner.Results = json.loads(RECORDING.read_text())
    return {case: everything[case] for case in everything if case.startswith(f"{group}/")}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.record", description=__doc__)
    parser.add_argument("-g", "--group", action="append", choices=list(table.GROUPS))
    groups = parser.parse_args().group or list(table.GROUPS)
    results: runner.Results = {}
    for start, chosen in (
        (_start, [group for group in groups if group not in table.EQUIPPED]),
        (start_equipped_glance, [group for group in groups if group in table.EQUIPPED]),
    ):
        if chosen:
            results |= _ask(start, chosen)
    failed = {
        case: records[0]["setup"] for case, records in results.items() if "setup" in records[0]
    }
    if failed:
        raise SystemExit(f"setups failed: {json.dumps(failed, indent=1)}")
    RECORDING.parent.mkdir(exist_ok=True)
    if len(groups) < len(table.GROUPS):
        results = _others(groups) | results
    RECORDING.write_text(runner.dump(results))
    print(f"{RECORDING}: {len(results)} cases, {sum(map(len, results.values()))} requests")


def _start(directory: Path) -> glance.Glance:
    return glance.start(directory, options=OPTIONS)


def _ask(start: Callable[[Path], glance.Glance], groups: list[str]) -> runner.Results:
    with tempfile.TemporaryDirectory(prefix="glance-") as directory:
        peer = start(Path(directory))
        try:
            scenes = [scene for group in groups for scene in table.scenes(group)]
            return runner.run(peer.url, "token", scenes, parallel=2)
        finally:
            peer.stop()


def _others(groups: list[str]) -> runner.Results:
    """What was recorded before of the other parts."""
    everything: runner.Results = json.loads(RECORDING.read_text())
    kept = table.GROUPS.keys() - set(groups)
    return {case: records for case, records in everything.items() if case.partition("/")[0] in kept}


if __name__ == "__main__":
    main()
