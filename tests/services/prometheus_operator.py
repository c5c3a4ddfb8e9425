"""What the Prometheus operator's resources may say, in an environment of its own.

The models bring a plug-in for pytest, which no run of ours shall have.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from tests.services import process, venvs

REQUIREMENTS: Final = ("cloudcoil-models-prometheus-operator>=0.80",)
CODE: Final = """
import sys, yaml
from cloudcoil.models.prometheus_operator.v1 import ServiceMonitor
given = yaml.safe_load(open(sys.argv[1]))
known = ServiceMonitor.model_validate(given)
known = known.model_dump(by_alias=True, exclude_unset=True, mode="json")
assert known == given, f"not known: {given} beside {known}"
"""


def refusal(service_monitor: Path) -> str:
    """What is wrong with the resource in that file; nothing if it is right."""
    path = process.KEPT / "prometheus-operator-venv"
    with process.locked(path.parent / f"{path.name}.lock"):
        if not list(path.glob("lib/*/site-packages/cloudcoil/models/prometheus_operator")):
            venvs.make(path)
            venvs.install(path, *REQUIREMENTS)
    command = [path / "bin/python", "-c", CODE, service_monitor]
    return subprocess.run(command, capture_output=True, text=True).stderr
