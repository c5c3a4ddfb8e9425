"""Records the real Glance: ``python -m tests.conformance.record`` rewrites the recording."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.conformance import runner, table
from tests.conformance.servers import OPTIONS
from tests.services import glance

RECORDING = Path(__file__).parent / "recorded" / "glance-33.json"


def recorded(group: str) -> runner.Results:
    """What was recorded of one part of the API."""
    everything: runner.Results = json.loads(RECORDING.read_text())
    return {case: everything[case] for case in everything if case.startswith(f"{group}/")}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="glance-") as directory:
        peer = glance.start(Path(directory), options=OPTIONS)
        try:
            scenes = [scene for group in table.GROUPS for scene in table.scenes(group)]
            results = runner.run(peer.url, "token", scenes, parallel=2)
        finally:
            peer.stop()
    failed = {
        case: records[0]["setup"] for case, records in results.items() if "setup" in records[0]
    }
    if failed:
        raise SystemExit(f"setups failed: {json.dumps(failed, indent=1)}")
    RECORDING.parent.mkdir(exist_ok=True)
    RECORDING.write_text(runner.dump(results))
    print(f"{RECORDING}: {len(results)} cases, {sum(map(len, results.values()))} requests")


if __name__ == "__main__":
    main()
