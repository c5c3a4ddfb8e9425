"""The commands of Glance: each answers under its old name, by the one table."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from imagestore.cli.formerly import PROGRAMS, TABLE, Former, markdown, translate
from tests.cli.test_commands import run
from tests.services import process

DOCUMENTED = process.CHECKOUT / "docs/migrating-from-glance.md"


@pytest.mark.parametrize("one", TABLE, ids=lambda one: f"{one.program} {one.old}".strip())
def test_every_old_command_answers(one: Former) -> None:
    words = [*one.old.split(), *(["an-id"] if one.old == "--restore" else []), "--help"]
    answer = run(*words, program=f"/usr/bin/{one.program}")
    if one.new is None:
        assert (answer.returncode, answer.stdout) == (1, "")
        assert answer.stderr.count("\n") == 1
        assert one.note in answer.stderr
        return
    assert answer.returncode == 0, answer.stderr
    new = [word for word in one.new.split() if not word.startswith("-")]
    also = {"upgrade": ("sync", "version_control", "expand"), "check": ("migrate",)}
    usage = next(line for line in answer.stdout.splitlines() if "Usage:" in line).split()
    said = usage[usage.index("imagestore") + 1 :][: len(new)]
    said = [word.replace("_", "-") if word not in also["upgrade"] else word for word in said]
    assert said[:-1] == new[:-1]
    assert said[-1] == new[-1] or said[-1] in also[new[-1]]


def test_the_table_is_documented() -> None:
    assert "\n".join(markdown()) in DOCUMENTED.read_text()
    answer = run("commands", "list", COLUMNS="200")
    for one in TABLE:
        assert f"imagestore {one.new}" in answer.stdout or one.new is None
        assert one.program in answer.stdout


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("list-cached", "imagestore cache list"),
        ("cache queue-image an-id", "imagestore cache queue"),
        ("glance-manage db sync", "imagestore db upgrade"),
        ("db_load_metadefs", "imagestore db load-metadefs"),
        ("glance-control api start", "systemctl start"),
        ("glance-registry", "set registry_bind where something still asks it"),
    ],
)
def test_no_such_command_says_what_to_type(typed: str, told: str) -> None:
    answer = run(*typed.split(), COLUMNS="300")
    assert answer.returncode == 2
    assert "No such command" in answer.stderr
    assert told in answer.stderr
    assert "In place of" not in run("nonsense").stderr


@pytest.mark.slow
def test_links_are_installed_and_run(tmp_path: Path) -> None:
    taken = tmp_path / "glance-api"
    taken.write_text("another program")
    answer = run("commands", "install", str(tmp_path))
    assert answer.returncode == 1
    assert "glance-api is there already" in answer.stderr
    assert taken.read_text() == "another program"
    taken.unlink()
    for _ in range(2):  # may be repeated
        assert run("commands", "install", str(tmp_path)).returncode == 0
    assert sorted(os.listdir(tmp_path)) == sorted(PROGRAMS)
    environ = os.environ | {"IMAGESTORE_DATA_DIR": str(tmp_path / "data")}
    told = subprocess.run(
        [tmp_path / "glance-manage", "db", "sync"], capture_output=True, text=True, env=environ
    )
    assert told.returncode == 0, told.stderr
    assert "The tables are at" in told.stdout


def test_glance_manage(tmp_path: Path) -> None:
    config = tmp_path / "glance-api.conf"
    config.write_text(f"[database]\nconnection = sqlite:///{tmp_path}/glance.sqlite\n")

    def manage(*words: str) -> int:
        given = ["--config-file", str(config), "--log-file", str(tmp_path / "log"), "--debug"]
        return run(*given, *words, program="glance-manage").returncode

    assert manage("db", "check") == 3
    assert manage("db", "migrate") == 3
    assert manage("db_sync", "head") == 0
    for action in ("sync", "upgrade", "expand", "migrate", "contract", "check", "version"):
        assert manage("db", action) == 0
    assert manage("db", "sync", "--version", "2024_1_expand01") == 0
    assert manage("db", "purge", "--age_in_days", "1", "--max_rows", "-1") == 0
    assert manage("db", "purge_images_table", "--age_in_days", "1") == 0
    assert manage("db", "load_metadefs") == 0
    assert manage("db", "export_metadefs", "--path", str(tmp_path / "out")) == 0
    (file, *_) = sorted((tmp_path / "out").iterdir())
    assert manage("db_unload_metadefs") == 0
    assert manage("db_load_metadefs", str(file), "True", "False", "True") == 0
    assert (tmp_path / "log").exists()


def test_glance_status(tmp_path: Path) -> None:
    config = tmp_path / "glance-api.conf"
    config.write_text(f"[database]\nconnection = sqlite:///{tmp_path}/glance.sqlite\n")
    check = ["upgrade", "check", "--config-file", str(config)]
    assert run(*check, program="glance-status").returncode == 2
    run("db", "upgrade", "--config-file", str(config))
    assert run(*check, program="glance-status").returncode == 0
    config.write_text(f"{config.read_text()}[profiler]\nenabled = true\n")
    answer = run(*check, "--json", program="glance-status")
    assert answer.returncode == 1
    assert "profiler" in answer.stdout
    config.write_text("[DEFAULT]\nbind_port = high\n")
    assert run(*check, program="glance-status").returncode == 255


def test_the_cache_of_this_node(tmp_path: Path) -> None:
    config = tmp_path / "glance-cache.conf"
    config.write_text(
        f"[DEFAULT]\nimage_cache_dir = {tmp_path}/cache\n[paste_deploy]\nflavor = caching\n"
        f"[database]\nconnection = sqlite:///{tmp_path}/glance.sqlite\n"
    )
    run("db", "upgrade", "--config-file", str(config))
    given = ["--config-file", str(config)]
    for words in (["list-cached"], ["-f", "delete-all-queued-images"], ["list-queued"]):
        answer = run(*words, *given, program="glance-cache-manage")
        assert answer.returncode == 0, answer.stderr
    for program in ("glance-cache-pruner", "glance-cache-cleaner", "glance-cache-prefetcher"):
        assert run(*given, program=program).returncode == 0
    elsewhere = run("-H", "node2", "list-cached", program="glance-cache-manage")
    assert elsewhere.returncode == 1
    assert "run it on node2" in elsewhere.stderr


def test_options_that_stood_before_the_command_of_the_replicator() -> None:
    given = "-m -D owner -c 65536 -t T -S U --debug livecopy one:9292 two:9292"
    call = translate("glance-replicator", given.split())
    said = "site livecopy -c 65536 -D owner -m -t T -S U one:9292 two:9292"
    assert " ".join(call.words) == said
    assert call.environ == {"OS_DEFAULT__DEBUG": "true"}
    call = translate("glance-replicator", ["size", "-c", "65536", "-t", "T", "one:9292"])
    assert " ".join(call.words) == "site size -t T one:9292"
