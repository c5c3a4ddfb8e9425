"""``imagestore config check`` says what the start would say, all of it, and starts nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.cli.test_commands import in_a_process, run
from tests.services import process
from tests.services.databases import fresh_url_of, mariadb, postgresql

__all__ = ["mariadb", "postgresql"]


def check(tmp_path: Path, text: str = "", *args: str, **environ: str) -> tuple[int, str, list[str]]:
    """Exit code, what is printed, and what is complained of."""
    config = tmp_path / "imagestore.conf"
    config.write_text(text)
    given = ("--config-file", str(config), "--data-dir", str(tmp_path / "data"))
    answer = run("config", "check", *given, *args, **environ)
    lines = answer.stderr.splitlines()
    assert all(line.startswith("imagestore: ") for line in lines), lines
    return answer.returncode, answer.stdout, [line.removeprefix("imagestore: ") for line in lines]


MANY = """
[DEFAULT]
bind_host = 0.0.0.0
enabled_backends = files:file, bucket:s3
image_cache_dir = {blocked}/cache
[glance_store]
default_backend = files
[files]
filesystem_store_datadir = {blocked}/images
[database]
connection = sqlite:///{blocked}-is-missing/x.sqlite
[oslo_policy]
policy_file = {policy}
[site:elsewhere]
direction = pull
[imagestore]
registry_bind = 0.0.0.0:9191
[paste_deploy]
flavour = keystone
"""


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Another test of this process may have had it.
    for name in ["aiobotocore", *(one for one in sys.modules if one.startswith("aiobotocore."))]:
        monkeypatch.setitem(sys.modules, name, None)
    for name in [name for name in sys.modules if name.startswith("imagestore.backends.s3.")]:
        monkeypatch.delitem(sys.modules, name)
    blocked, policy = tmp_path / "file", tmp_path / "policy.yaml"
    blocked.touch()
    policy.write_text("get_image: [")
    text = MANY.format(blocked=blocked, policy=policy)
    code, out, wrong = check(tmp_path, text)
    assert code == 78
    assert "Did you mean flavor by flavour?" in out
    for told in (
        f"[files]: {blocked} is not a directory",
        f"[DEFAULT] image_cache_dir: {blocked} is not a directory",
        f"[database] connection: {blocked}-is-missing is not a directory",
        "administrator, and 0.0.0.0 can be reached from other machines",
        "[imagestore] registry_bind: whoever",
        "imagestore[s3]",
        str(policy),
        "[site:elsewhere] url",
    ):
        assert sum(told in line for line in wrong) == 1, (told, wrong)
    assert not (tmp_path / "data").exists(), "nothing is made"


@pytest.mark.slow
def test_the_start_says_the_same(tmp_path: Path) -> None:
    blocked, policy = tmp_path / "file", tmp_path / "policy.yaml"
    blocked.touch()
    policy.write_text("get_image: [")
    text = MANY.format(blocked=blocked, policy=policy)
    _, _, wrong = check(tmp_path, text)
    started = in_a_process(
        "serve", "--config-file", str(tmp_path / "imagestore.conf"),
        "--data-dir", str(tmp_path / "data"), "--port", str(process.free_port()),
    )  # fmt: skip
    assert started.returncode == 78
    said = started.stderr.splitlines()[-len(wrong) :]
    assert said == [f"imagestore: {line}" for line in wrong]
    assert len(wrong) >= 4


@pytest.mark.skipif(os.geteuid() != 0, reason="drops the rights of root")
def test_a_directory_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(0o555)
    tmp_path.chmod(0o755)
    assert check_as_nobody(closed)[0] == 0, "root may, and all modules are loaded now"
    os.seteuid(65534)
    try:
        code, _, wrong = check_as_nobody(closed)
    finally:
        os.seteuid(0)
    assert (code, len(wrong)) == (78, 1)
    assert wrong[0].startswith("imagestore: [file]: /")
    assert wrong[0].endswith(" cannot be written to")


def check_as_nobody(closed: Path) -> tuple[int, str, list[str]]:
    answer = run(
        "config", "check", "--data-dir", "/tmp",
        OS_GLANCE_STORE__FILESYSTEM_STORE_DATADIR=str(closed / "images"),
    )  # fmt: skip
    return answer.returncode, answer.stdout, answer.stderr.splitlines()


@pytest.mark.parametrize("kind", ["mariadb", "postgresql"])
def test_what_a_database_server_refuses(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = fresh_url_of(request, kind, tmp_path)
    code, _, wrong = check(tmp_path, OS_DATABASE__CONNECTION=url)
    assert (code, len(wrong)) == (78, 1)
    assert "run 'imagestore db upgrade'" in wrong[0]
    assert check(tmp_path, OS_DATABASE__CONNECTION=url, OS_IMAGESTORE__AUTO_UPGRADE="true")[0] == 0
    other = make_url(url).set(database="wrong").render_as_string(hide_password=False)
    code, _, wrong = check(tmp_path, OS_DATABASE__CONNECTION=other)
    assert (code, len(wrong)) == (78, 1)
    assert wrong[0].startswith("[database] connection: 127.0.0.1:")
    assert "wrong" in wrong[0]


def test_who_does_not_answer_is_waited_for_by_a_start_and_no_fault(tmp_path: Path) -> None:
    port = process.free_port()
    url = f"mysql://glance:hidden@127.0.0.1:{port}/glance"
    named = f"[database] connection: 127.0.0.1:{port} does not answer"
    code, out, wrong = check(tmp_path, OS_DATABASE__CONNECTION=url)
    assert (code, wrong) == (0, [])
    assert f"warning: {named}" in out
    code, _, wrong = check(tmp_path, "", "--connect", OS_DATABASE__CONNECTION=url)
    assert code == 69
    assert wrong[0].startswith(named)


def test_connect_tries_keystone_and_the_stores(tmp_path: Path) -> None:
    port = process.free_port()
    text = (
        "[DEFAULT]\nenabled_backends = bucket:s3\n[glance_store]\ndefault_backend = bucket\n"
        f"[bucket]\ns3_store_host = http://127.0.0.1:{port}\ns3_store_access_key = a\n"
        "s3_store_secret_key = b\ns3_store_bucket = c\ns3_store_timeout = 2s\n"
        "[paste_deploy]\nflavor = keystone\n[keystone_authtoken]\nauth_type = password\n"
        f"auth_url = http://127.0.0.1:{port}/v3\nusername = glance\npassword = hidden\n"
        "project_name = service\nuser_domain_id = default\nproject_domain_id = default\n"
    )
    assert check(tmp_path, text)[0] == 0
    code, _, wrong = check(tmp_path, text, "--connect")
    assert code == 69
    assert [line.partition(" ")[0] for line in wrong] == ["[keystone_authtoken]", "The"]
    assert "bucket" in wrong[1]


def test_tables_of_glance_that_are_not_taken_over_are_told(tmp_path: Path) -> None:
    assert run("db", "upgrade", "--data-dir", str(tmp_path / "data")).returncode == 0
    assert check(tmp_path)[0] == 0
