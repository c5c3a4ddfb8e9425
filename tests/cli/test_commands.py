"""The command line as its users meet it: what it prints, how it ends.

A process of its own is started where that is the subject; else the commands run in this one.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

import imagestore
from imagestore.cli.main import main
from tests.services import process


@dataclass(frozen=True)
class Answer:
    returncode: int
    stdout: str
    stderr: str


def run(*args: str, program: str = "imagestore", **environ: str) -> Answer:
    """Run ``imagestore``, by a name, with arguments and variables of the environment."""
    out, err = io.StringIO(), io.StringIO()
    given = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    given |= {"COLUMNS": "120", "NO_COLOR": "1"} | environ
    # A former name of a command may set more of them; none is left.
    with pytest.MonkeyPatch.context() as patch, mock.patch.dict(os.environ, given, clear=True):
        patch.setattr("sys.argv", [program, *args])
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
            main()
    assert end.value.code is None or isinstance(end.value.code, int)
    return Answer(end.value.code or 0, out.getvalue(), err.getvalue())


def in_a_process(*args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    return subprocess.run(
        [sys.executable, "-m", "imagestore", *args],
        capture_output=True,
        text=True,
        timeout=process.PATIENCE,
        env=inherited | environ | {"COLUMNS": "120", "NO_COLOR": "1"},
    )


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], ["serve", "db", "config", "store", "policy", "version", "127.0.0.1:9292"]),
        (["serve", "-h"], ["--workers", "--config-file", "SIGHUP", "bind_port"]),
        (["db", "--help"], ["upgrade", "check", "version"]),
        (["config", "--help"], ["show", "sample", "check"]),
        (["store", "list", "--help"], ["--config-file", "--data-dir"]),
        (["store", "check", "--help"], ["NAME", "--config-file"]),
    ],
)
def test_help(args: list[str], words: list[str]) -> None:
    answer = run(*args)
    for word in words:
        assert word in answer.stdout + answer.stderr
    assert "worker " not in answer.stdout.replace("worker processes", "")


@pytest.mark.parametrize("command", ["--help", "version", "--version"])
def test_what_is_wanted_at_once_waits_for_no_import(command: str) -> None:
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "imagestore", command],
        capture_output=True,
        text=True,
        timeout=process.PATIENCE,
    )
    imported = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}
    assert "imagestore.cli.main" in imported
    slow = {"aiohttp", "alembic", "asyncio", "jsonschema", "oslo_config", "oslo_policy"}
    assert imported & {*slow, "sqlalchemy", "imagestore.config.settings"} == set()
    assert not {name for name in imported if name.startswith("imagestore.cli.site")}
    if command != "--help":
        assert told.stdout == f"{imagestore.__version__}\n"
        assert imported & {"rich", "imagestore.cli.serve"} == set()


def test_a_shell_is_told_what_could_follow() -> None:
    answer = in_a_process(
        _IMAGESTORE_COMPLETE="complete_bash", COMP_WORDS="imagestore db ver", COMP_CWORD="2"
    )
    assert answer.stdout.split() == ["version"]


def test_the_database(tmp_path: Path) -> None:
    data = ["--data-dir", str(tmp_path)]
    assert run("db", "version", *data).stdout == "none\n"
    answer = run("db", "check", *data)
    assert answer.returncode == 3
    assert "imagestore db upgrade" in answer.stdout
    for _ in range(2):
        answer = run("db", "upgrade", *data)
        assert answer.returncode == 0, answer.stderr
    revision = run("db", "version", *data).stdout.strip()
    assert revision in answer.stdout
    assert run("db", "check", *data).returncode == 0


def test_a_database_that_is_away_is_one_line_and_a_code_of_its_own() -> None:
    answer = run(
        "db", "check",
        OS_DATABASE__CONNECTION="mysql://glance:hidden@127.0.0.1:1/glance",
        OS_DATABASE__MAX_RETRIES="0",
    )  # fmt: skip
    assert answer.returncode == 69
    assert answer.stderr.splitlines()[-1].startswith("imagestore: ")
    assert "Traceback" not in answer.stderr
    assert "hidden" not in answer.stderr


def test_config_show_hides_secrets_and_says_where_from(tmp_path: Path) -> None:
    config = tmp_path / "my.conf"
    config.write_text("[database]\nconnection = mysql://glance:hidden@db/glance\n")
    answer = run(
        "config", "show", "--config-file", str(config), "--data-dir", "/d",
        OS_DEFAULT__WORKERS="3",
    )  # fmt: skip
    assert answer.stdout == (
        "# Data directory: /d\n# Database: mysql://glance:***@db/glance\n\n"
        "[DEFAULT]\n# from the environment (OS_DEFAULT__WORKERS)\nworkers = 3\n\n"
        f"[database]\n# from {config}\nconnection = mysql://glance:***@db/glance\n\n"
        "[imagestore]\n# from the command line\ndata_dir = /d\n"
    )
    every = run("config", "show", "--config-file", str(config), "--all").stdout
    assert "# from the defaults\nbind_host = 127.0.0.1\n" in every
    assert "filesystem_store_thread_pool_size = 10" in every


def test_config_check_tells_what_has_no_effect(tmp_path: Path) -> None:
    config = tmp_path / "my.conf"
    config.write_text("[profiler]\nenabled = true\n")
    answer = run("config", "check", "--config-file", str(config), "--data-dir", str(tmp_path))
    assert answer.returncode == 0
    assert "warning: " in answer.stdout
    assert "[profiler] enabled" in answer.stdout

    config.write_text("[DEFAULT]\nbind_port = high\n")
    answer = run("config", "check", "--config-file", str(config))
    assert answer.returncode == 78
    assert answer.stderr.count("\n") == 1
    assert answer.stderr.startswith(f"imagestore: [DEFAULT] bind_port in {config}: ")


def test_config_check_says_what_keystone_needs(tmp_path: Path) -> None:
    config = tmp_path / "my.conf"
    section = "[paste_deploy]\nflavor = keystone\n[keystone_authtoken]\n"
    for text, missing in (("", "auth_type"), ("auth_type = password\nusername = x", "auth_url")):
        config.write_text(section + text)
        answer = run("config", "check", "--config-file", str(config), "--data-dir", str(tmp_path))
        assert answer.returncode == 78
        assert f"[keystone_authtoken] {missing}" in answer.stderr

    account = (
        "auth_type = password\nauth_url = http://127.0.0.1:1/v3\nusername = glance\n"
        "password = hidden\nproject_name = service\nuser_domain_id = default\n"
        "project_domain_id = default\n"
    )
    config.write_text(section + account)
    arguments = ["--config-file", str(config), "--data-dir", str(tmp_path)]
    assert run("config", "check", *arguments).returncode == 0
    shown = run("config", "show", *arguments).stdout
    assert "username = glance" in shown
    assert "password = ***" in shown
    assert "hidden" not in shown


def test_config_sample_can_be_used(tmp_path: Path) -> None:
    sample = tmp_path / "sample.conf"
    sample.write_text(run("config", "sample").stdout)
    answer = run("config", "check", "--config-file", str(sample), "--data-dir", str(tmp_path))
    assert answer.returncode == 0
    assert answer.stdout == (
        "warning: [paste_deploy] flavor is empty: every caller is an administrator.\n"
        "The configuration can be used.\n"
    )


def test_store_list(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    config = tmp_path / "my.conf"
    config.write_text(
        "[DEFAULT]\nenabled_backends = fast:file, bad:file\n"
        "[glance_store]\ndefault_backend = fast\n"
        f"[fast]\nfilesystem_store_datadir = {tmp_path}/fast\nstore_description = flash\n"
        f"[bad]\nfilesystem_store_datadir = {tmp_path}/file\n"
    )
    answer = run("store", "list", "--config-file", str(config), "--data-dir", str(tmp_path))
    assert answer.returncode == 0, answer.stderr
    fast, bad = (line for line in answer.stdout.splitlines() if " file " in line)
    assert fast.split()[:3] == ["fast", "file", "yes"]
    assert "ready" in fast
    assert "flash" in fast
    assert "ready" not in bad


def test_store_check(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    config = tmp_path / "my.conf"
    config.write_text(
        "[DEFAULT]\nenabled_backends = fast:file, bad:file, old:file\n"
        "[glance_store]\ndefault_backend = fast\n"
        f"[fast]\nfilesystem_store_datadir = {tmp_path}/fast\n"
        f"[bad]\nfilesystem_store_datadir = {tmp_path}/file\n"
        f"[old]\nfilesystem_store_datadir = {tmp_path}/old\nread_only = true\n"
    )
    given = ["--config-file", str(config), "--data-dir", str(tmp_path)]
    answer = run("store", "check", *given)
    assert answer.returncode == 1, answer.stderr
    fast, bad, old = (re.split(" {2,}", line) for line in answer.stdout.splitlines()[1:])
    assert (fast[0], fast[-1]) == ("fast", "good")
    assert all(float(cell.replace(",", "").removesuffix(" ms")) > 0 for cell in fast[1:-1])
    assert bad[1:-1] == ["-"] * 5
    assert bad[-1].startswith("connect: filesystem_store_datadir")
    assert float(old[1].removesuffix(" ms")) > 0
    assert old[2:] == ["-", "-", "-", "-", "good"]
    assert os.listdir(tmp_path / "fast") == []

    answer = run("store", "check", "fast", "old", *given)
    assert answer.returncode == 0, answer.stdout
    assert "bad" not in answer.stdout
    answer = run("store", "check", "none", *given)
    assert answer.returncode == 2
    assert "There is no store 'none'" in answer.stderr


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    answer = in_a_process("serve", "--data-dir", str(tmp_path / "file/x"))
    assert answer.returncode == 78
    assert answer.stderr.startswith("imagestore: [imagestore] data_dir: ")
    assert answer.stderr.count("\n") == 1
