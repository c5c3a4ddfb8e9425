"""``imagestore policy``: what is in force, and for whom."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from imagestore.identity.rules import RULES
from tests.cli.test_commands import run
from tests.services.keystone import PROJECTS, Keystone


@pytest.fixture
def config(tmp_path: Path) -> list[str]:
    """Arguments for a configuration with a policy file and one in policy.d."""
    (tmp_path / "policy.yaml").write_text(
        '"publicize_image": "role:publisher"\n"copy_image": "role:first"\n"own": "role:\'x\'"\n'
    )
    (tmp_path / "policy.d").mkdir()
    (tmp_path / "policy.d" / "10.yaml").write_text('"copy_image": "role:second or rule:own"\n')
    (tmp_path / "my.conf").write_text("")
    return ["--config-file", str(tmp_path / "my.conf")]


def test_list_says_what_is_in_force_and_where_it_comes_from(
    config: list[str], tmp_path: Path
) -> None:
    shown = run("policy", "list", *config).stdout
    blocks = {
        block.splitlines()[-1].lstrip("#").partition(":")[0].strip('"'): block
        for block in shown.strip().split("\n\n")
    }
    assert blocks.keys() == {rule.name for rule in RULES} | {"own"}
    assert f"# from {tmp_path}/policy.yaml\n" in blocks["publicize_image"]
    assert f"# from {tmp_path}/policy.d/10.yaml\n" in blocks["copy_image"]
    assert "# from the built-in rules\n" in blocks["add_image"]
    assert "# POST  /v2/images\n" in blocks["add_image"]
    assert yaml.safe_load(shown) == {
        "publicize_image": "role:publisher",
        "copy_image": "(role:second or rule:own)",
        "own": "role:'x'",
    }


def test_check(config: list[str]) -> None:
    caller = ["--role", "Member", "--project", "p", "--user", "u"]
    answer = run("policy", "check", *config, *caller, "--rule", "add_image")
    assert answer.returncode == 0
    assert "\nallowed  add_image  rule:context_is_admin or " in answer.stdout

    answer = run("policy", "check", *config, *caller, "--rule", "add_image", "--target", "owner=q")
    assert answer.returncode == 3
    assert "\nrefused  add_image  " in answer.stdout

    answer = run(
        "policy", "check", *config, "--role", "second", "--rule", "copy_image",
        "--rule", "publicize_image",
    )  # fmt: skip
    assert answer.returncode == 3
    assert [line.split()[0] for line in answer.stdout.splitlines()[1:]] == ["allowed", "refused"]

    everything = run("policy", "check", *config, "--role", "admin", "--project", "p")
    assert everything.returncode == 0
    assert len(everything.stdout.splitlines()) == 1 + len(RULES) + 1
    for_a_domain = run(
        "policy", "check", *config, "--role", "admin", "--domain", "d", "--rule", "get_images"
    )
    assert for_a_domain.returncode == 3


def test_what_cannot_be_asked(config: list[str], tmp_path: Path) -> None:
    answer = run("policy", "check", *config, "--rule", "get_imaeg")
    assert answer.returncode == 2
    assert "get_imaeg" in answer.stderr
    answer = run("policy", "check", *config, "--target", "owner")
    assert answer.returncode == 2
    assert "NAME=VALUE" in answer.stderr
    answer = run("policy", "check", *config, "--token", str(tmp_path / "none"))
    assert answer.returncode == 78
    (tmp_path / "policy.yaml").write_text("copy_image: role admin\n")
    answer = run("policy", "list", *config)
    assert answer.returncode == 78
    assert "copy_image" in answer.stderr


def test_check_for_whom_a_token_is(keystone: Keystone, tmp_path: Path) -> None:
    config, token = tmp_path / "my.conf", tmp_path / "token"
    config.write_text(
        "[paste_deploy]\nflavor = keystone\n[keystone_authtoken]\nauth_type = password\n"
        f"auth_url = {keystone.url}\nusername = glance\npassword = glancepw\n"
        "user_domain_id = default\nproject_name = service\nproject_domain_id = default\n"
    )
    asked = [
        "policy", "check", "--config-file", str(config), "--token", str(token),
        "--rule", "delete_image", "--target",
    ]  # fmt: skip
    token.write_text(keystone.token("member") + "\n")
    assert run(*asked, f"owner={PROJECTS['demo']}").returncode == 0
    assert run(*asked, f"owner={PROJECTS['other']}").returncode == 3
    token.write_text("nobody-issued-this")
    assert run(*asked, "owner=x").returncode == 1

    presented = keystone.token("other")
    described = keystone.session("glance").get(
        f"{keystone.url}/auth/tokens", headers={"X-Subject-Token": presented}
    )
    token.write_text(described.text)
    assert run(*asked, f"owner={PROJECTS['other']}").returncode == 0
    assert run(*asked, f"owner={PROJECTS['demo']}").returncode == 3
