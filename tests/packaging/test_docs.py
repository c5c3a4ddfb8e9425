"""The documentation as a site: every link leads somewhere, every command is in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from imagestore.cli.main import commands
from tests.packaging.conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", place]
    told = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
    return place


def test_it_has_an_index_and_can_be_searched(site: Path) -> None:
    assert "installing.html" in (site / "index.html").read_text()
    found = json.loads((site / "search/search_index.json").read_text())["docs"]
    pages = {entry["location"].partition("#")[0] for entry in found}
    assert {f"{path.stem}.html" for path in ROOT.glob("docs/*.md")} == pages - {"commands.html"}
    assert (site / "conf/nginx-load-balancer.conf.sample.txt").is_file()


def test_every_command_is_in_the_reference(site: Path) -> None:
    text = (site / "commands.html").read_text()
    top = typer.main.get_command(commands(None))
    shown = 0
    for name, command in top.commands.items():  # type: ignore[attr-defined]
        for below, one in getattr(command, "commands", {"": command}).items():
            if not command.hidden and not one.hidden:
                assert f"<code>{f'imagestore {name} {below}'.strip()}</code>" in text
                shown += 1
    assert shown > 40
    assert "imagestore worker" not in text
