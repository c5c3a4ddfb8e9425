"""The samples for systemd, containers and Kubernetes, by what those say of them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from imagestore.config import load
from tests.packaging.conftest import ROOT
from tests.services import prometheus_operator
from tests.services.programs import BIN

pytestmark = pytest.mark.slow
CONF = ROOT / "conf"
UNIT = CONF / "systemd/imagestore.service"


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True)


@pytest.fixture(scope="module")
def unit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unit, for the program of this checkout: systemd looks whether it is there."""
    path = tmp_path_factory.mktemp("systemd") / UNIT.name
    text, count = re.subn("/opt/imagestore/bin/", f"{BIN}/", UNIT.read_text())
    assert count == 1
    path.write_text(text)
    return path


def test_the_unit(unit: Path) -> None:
    told = run("systemd-analyze", "verify", "--man=no", unit)
    assert (told.returncode, told.stdout + told.stderr) == (0, "")
    # 0 is safest, 100 worst. A service that nothing confines has 96.
    told = run("systemd-analyze", "security", "--offline=true", "--threshold=20", unit)
    assert told.returncode == 0, told.stdout


def test_the_user_of_the_unit_is_made() -> None:
    told = run("systemd-sysusers", "--dry-run", CONF / "systemd/imagestore.sysusers.conf")
    assert told.returncode == 0, told.stderr
    assert "\nUser=imagestore\nGroup=imagestore\n" in UNIT.read_text()


def test_the_containerfile() -> None:
    """What builds and serves it is make container."""
    told = run(BIN / "hadolint", "--ignore", "DL3008", ROOT / "Containerfile")
    assert (told.returncode, told.stdout) == (0, "")
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Containerfile").read_text(), re.M)
    assert user and int(user[1]) > 0


@pytest.fixture(scope="module")
def manifests() -> dict[str, dict[str, Any]]:
    documents = yaml.safe_load_all((CONF / "kubernetes/imagestore.yaml").read_text())
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in documents}


def test_kubernetes_takes_the_manifests(manifests: dict[str, dict[str, Any]]) -> None:
    for manifest in manifests.values():
        kubernetes_validate.validate(manifest, "1.30", strict=True)
    pods = manifests["Deployment/imagestore"]["spec"]["template"]
    (container,) = pods["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for name in ("Service/imagestore", "Service/imagestore-metrics"):
        spec = manifests[name]["spec"]
        assert spec["selector"] == pods["metadata"]["labels"]
        assert {port["targetPort"] for port in spec["ports"]} <= set(ports)
    disruption = manifests["PodDisruptionBudget/imagestore"]["spec"]
    assert disruption["selector"]["matchLabels"] == pods["metadata"]["labels"]
    assert ports["images"] == 9292


def test_imagestore_takes_the_configuration_of_the_manifests(
    manifests: dict[str, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in manifests["Secret/imagestore"]["stringData"].items():
        monkeypatch.setenv(name, value)
    config = tmp_path / "imagestore.conf"
    config.write_text(manifests["ConfigMap/imagestore"]["data"][config.name])
    settings = load.load(["--config-dir", str(tmp_path)])
    assert list(settings.warnings) == []
    assert "CHANGE-ME" in settings.database.connection


def test_prometheus_takes_the_service_monitor(
    manifests: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    path = CONF / "kubernetes/servicemonitor.yaml"
    assert prometheus_operator.refusal(path) == ""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(path.read_text().replace("interval:", "every:"))
    assert "not known" in prometheus_operator.refusal(wrong)
    selected = yaml.safe_load(path.read_text())["spec"]
    service = manifests["Service/imagestore-metrics"]
    assert selected["selector"]["matchLabels"] == service["metadata"]["labels"]
    assert selected["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
