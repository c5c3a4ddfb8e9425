from __future__ import annotations

import logging
import os
import time
import timeit
from datetime import datetime
from pathlib import Path

import pytest

from imagestore.config.settings import Identity
from imagestore.identity import policy as module
from imagestore.identity.caller import Caller
from imagestore.identity.policy import Policy, image_target
from imagestore.model.errors import ConfigurationError, Forbidden
from imagestore.model.image import Image, Visibility

NOW = datetime(2026, 1, 1)
ID = "7f1c1f5e-3f0a-4b6f-9d0c-000000000001"


def image(owner: str | None = "own", visibility: Visibility = Visibility.SHARED) -> Image:
    return Image(ID, NOW, NOW, owner=owner, visibility=visibility)


def caller(*roles: str, project: str | None = "own", **extra: str) -> Caller:
    return Caller(user_id="u", project_id=project, roles=frozenset(roles), credentials=dict(extra))


OWNER = caller("member", "reader")
READER = caller("reader")
STRANGER = caller("member", "reader", project="other")
ADMIN = caller("admin", project="adm")
SERVICE = caller("service", project="svc")

OWNER_RULES = [
    "add_image",
    "modify_image",
    "delete_image",
    "upload_image",
    "communitize_image",
    "deactivate",
    "reactivate",
    "set_image_location",
    "add_member",
    "delete_member",
]
ADMIN_RULES = [
    "publicize_image",
    "copy_image",
    "delete_image_location",
    "manage_image_cache",
    "cache_list",
    "cache_image",
    "cache_delete",
    "cache_clean",
    "cache_prune",
    "list_cached_nodes",
    "tasks_api_access",
    "add_metadef_namespace",
]


@pytest.mark.parametrize("rule", OWNER_RULES)
def test_changing_is_for_members_of_the_owner_and_administrators(rule: str) -> None:
    policy, target = Policy(Identity()), image_target(image())

    assert policy.allows(rule, OWNER, target)
    assert policy.allows(rule, ADMIN, target)
    assert not policy.allows(rule, READER, target)
    assert not policy.allows(rule, STRANGER, target)


@pytest.mark.parametrize("rule", ADMIN_RULES)
def test_what_only_administrators_may(rule: str) -> None:
    policy, target = Policy(Identity()), image_target(image())

    assert policy.allows(rule, ADMIN, target)
    assert not policy.allows(rule, OWNER, target)


@pytest.mark.parametrize(
    ("visibility", "see", "load"),
    [("public", True, True), ("community", True, True), ("shared", True, True), ("private", 0, 0)],
)
def test_strangers(visibility: str, see: bool, load: bool) -> None:
    policy, target = Policy(Identity()), image_target(image(visibility=Visibility(visibility)))

    assert policy.allows("get_image", STRANGER, target) == bool(see)
    assert policy.allows("download_image", STRANGER, target) == bool(load)
    assert not policy.allows("get_image_location", STRANGER, target)


def test_a_reader_sees_but_does_not_download() -> None:
    policy, target = Policy(Identity()), image_target(image())

    assert policy.allows("get_image", READER, target)
    assert policy.allows("get_image_location", READER, target)
    assert not policy.allows("download_image", READER, target)


def test_a_member_without_the_role_reader_reads_nothing() -> None:
    policy, target = Policy(Identity()), image_target(image())

    assert not policy.allows("get_image", caller("member"), target)
    assert not policy.allows("get_images", caller("member"), target)


def test_members_of_a_shared_image() -> None:
    policy = Policy(Identity())
    target = image_target(image(), "other")

    assert policy.allows("get_members", STRANGER, target)
    assert policy.allows("modify_member", STRANGER, target)
    assert not policy.allows("modify_member", OWNER, target)
    assert not policy.allows("get_members", STRANGER, image_target(image()))


def test_calls_for_services() -> None:
    policy, target = Policy(Identity()), image_target(image())

    assert policy.allows("fetch_image_location", SERVICE, target)
    assert policy.allows("stores_info_detail", SERVICE, {})
    assert not policy.allows("fetch_image_location", OWNER, target)


@pytest.mark.parametrize("scope", ["system_scope", "domain_id"])
def test_tokens_for_a_domain_or_the_system_are_no_project_tokens(scope: str) -> None:
    policy = Policy(Identity())
    if scope == "domain_id":
        admin = Caller(roles=frozenset({"admin"}), domain_id="d")
    else:
        admin = caller("admin", project=None, system_scope="all")

    assert not policy.allows("get_images", admin, {"project_id": None})
    assert policy.is_admin(admin.credentials)


def test_nobody_changes_an_image_without_owner_but_administrators() -> None:
    policy, target = Policy(Identity()), image_target(image(owner=None))

    assert not policy.allows("modify_image", caller("member", project=None), target)
    assert not policy.allows("get_members", caller("reader", project=None), target)
    assert policy.allows("modify_image", ADMIN, target)


def test_authorize_says_which_rule_refused() -> None:
    policy = Policy(Identity())
    policy.authorize("get_images", OWNER, {"project_id": "own"})

    with pytest.raises(Forbidden, match=r"publicize_image.*making an image public"):
        policy.authorize("publicize_image", OWNER, {}, what="making an image public")


def test_a_rule_that_nobody_wrote_is_a_fault_of_the_program() -> None:
    with pytest.raises(KeyError):
        Policy(Identity()).allows("get_imaeg", OWNER, {})


def test_image_target_shows_attributes_and_properties_under_their_names() -> None:
    subject = image()
    subject.properties = {
        "os_distro": "debian",
        "owner": "forged",
        "project_id": "forged",
        "member_id": "forged",
        "member": "forged",
    }
    target = image_target(subject)

    assert target["os_distro"] == "debian"
    assert target["id"] == target["image_id"] == ID
    assert target["owner"] == target["project_id"] == "own"
    assert "member_id" not in target
    assert "member" not in target


class TestFiles:
    def policy(self, path: Path, *dirs: Path) -> Policy:
        return Policy(Identity(policy_file=path, policy_dirs=dirs))

    def write(self, path: Path, text: str) -> Path:
        path.write_text(text)
        # A clock that is coarser than the test must not hide a change.
        stamp = time.time_ns() + self.writes * 10**9
        self.writes += 1
        os.utime(path, ns=(stamp, stamp))
        return path

    writes = 1

    def test_a_missing_file_is_no_error(self, tmp_path: Path) -> None:
        policy = self.policy(tmp_path / "none.yaml", tmp_path / "policy.d")

        assert policy.allows("modify_image", OWNER, image_target(image()))

    def test_a_rule_of_the_file_replaces_the_default(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "policy.yaml", '"publicize_image": "role:publisher"\n')
        policy = self.policy(path)

        assert policy.allows("publicize_image", caller("publisher"), {})
        assert not policy.allows("publicize_image", ADMIN, {})
        assert policy.allows("modify_image", OWNER, image_target(image()))

    def test_old_files_in_json_with_old_names(self, tmp_path: Path) -> None:
        path = self.write(
            tmp_path / "policy.json",
            '{"admin_required": [["role:admin"], ["is_admin:True"]],'
            ' "owner": "tenant:%(owner)s",'
            ' "delete_image": "rule:admin_required or rule:owner",'
            ' "context_is_admin": "role:boss",'
            ' "default": ""}',
        )
        policy = self.policy(path)

        assert policy.allows("delete_image", OWNER, image_target(image()))
        assert policy.allows("delete_image", Caller(is_admin=True), image_target(image()))
        assert not policy.allows("delete_image", STRANGER, image_target(image()))
        assert policy.is_admin({"roles": ["boss"]})
        assert not policy.is_admin({"roles": ["admin"]})

    def test_files_of_directories_win_in_order_of_their_names(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "policy.yaml", "copy_image: '@'\nadd_task: '!'\n")
        directory = tmp_path / "policy.d"
        directory.mkdir()
        self.write(directory / "20.yaml", "copy_image: role:twenty\n")
        self.write(directory / "10.yaml", "copy_image: role:ten\ncache_list: role:ten\n")
        self.write(directory / ".hidden.yaml", "copy_image: '!'\n")
        policy = self.policy(path, directory)

        assert policy.allows("copy_image", caller("twenty"), {})
        assert not policy.allows("copy_image", caller("ten"), {})
        assert policy.allows("cache_list", caller("ten"), {})
        assert not policy.allows("add_task", ADMIN, {})

    def test_an_empty_file_changes_nothing(self, tmp_path: Path) -> None:
        policy = self.policy(self.write(tmp_path / "policy.yaml", "# nothing\n"))

        assert policy.allows("publicize_image", ADMIN, {})

    @pytest.mark.parametrize(
        ("text", "fault"),
        [
            ("[", "cannot be read"),
            ("- a\n- b\n", "not a mapping"),
            ("copy_image: 5\n", "is not a text"),
            ("copy_image: {a: b}\n", "is not a text"),
            ("copy_image: role admin\n", "not understood"),
            ("copy_image: 'role:a and'\n", "not understood"),
            ("copy_image: rule:copy_image\n", "circle"),
        ],
    )
    def test_a_file_that_cannot_be_used(self, tmp_path: Path, text: str, fault: str) -> None:
        path = self.write(tmp_path / "policy.yaml", text)

        with pytest.raises(ConfigurationError, match=fault) as caught:
            self.policy(path)
        assert "policy_file" in caught.value.message

    def test_a_file_that_is_not_text(self, tmp_path: Path) -> None:
        path = tmp_path / "policy.yaml"
        path.write_bytes(b"\xff\xfe\x00")

        with pytest.raises(ConfigurationError, match="cannot be read"):
            self.policy(path)

    def test_refusing_everyone_is_understood(self, tmp_path: Path) -> None:
        policy = self.policy(self.write(tmp_path / "policy.yaml", "copy_image: '!'\n"))

        assert not policy.allows("copy_image", ADMIN, {})

    def test_a_mistyped_reference_is_named_and_refused(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = self.write(tmp_path / "policy.yaml", "copy_image: rule:contxt_is_admin\n")

        assert not self.policy(path).allows("copy_image", ADMIN, {})
        assert "'contxt_is_admin', which does not exist" in caplog.text

    def test_a_reference_to_nothing_means_the_default_that_the_file_names(
        self, tmp_path: Path
    ) -> None:
        text = "copy_image: rule:gone\ndefault: role:admin\n"
        policy = self.policy(self.write(tmp_path / "policy.yaml", text))

        assert policy.allows("copy_image", ADMIN, {})
        assert not policy.allows("copy_image", OWNER, {})

    def test_a_changed_file_is_in_force_without_a_restart(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "LOOK_INTERVAL", 0.0)
        path = self.write(tmp_path / "policy.yaml", "copy_image: '@'\n")
        policy = self.policy(path)
        assert policy.allows("copy_image", OWNER, {})

        self.write(path, "copy_image: role:admin\n")
        assert not policy.allows("copy_image", OWNER, {})

        self.write(path, "context_is_admin: role:member\n")
        assert policy.allows("copy_image", OWNER, {})
        assert policy.is_admin(OWNER.credentials)

        path.unlink()
        assert not policy.allows("copy_image", OWNER, {})

    def test_a_file_that_appears_is_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "LOOK_INTERVAL", 0.0)
        directory = tmp_path / "policy.d"
        policy = self.policy(tmp_path / "policy.yaml", directory)
        assert not policy.allows("copy_image", OWNER, {})

        directory.mkdir()
        self.write(directory / "new.yaml", "copy_image: '@'\n")
        assert policy.allows("copy_image", OWNER, {})

    def test_a_change_for_the_worse_leaves_the_former_rules_in_force(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(module, "LOOK_INTERVAL", 0.0)
        path = self.write(tmp_path / "policy.yaml", "copy_image: '@'\n")
        policy = self.policy(path)

        self.write(path, "copy_image: [")
        with caplog.at_level(logging.ERROR):
            assert policy.allows("copy_image", OWNER, {})
            assert policy.allows("copy_image", OWNER, {})
        assert caplog.text.count("former policy stays in force") == 1

        self.write(path, "copy_image: '!'\n")
        assert not policy.allows("copy_image", OWNER, {})

    def test_the_files_are_not_looked_at_for_every_decision(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "policy.yaml", "copy_image: '@'\n")
        policy = self.policy(path)
        self.write(path, "copy_image: '!'\n")

        assert policy.allows("copy_image", OWNER, {})


def test_a_decision_costs_no_more_than_a_few_microseconds() -> None:
    policy, target = Policy(Identity()), image_target(image())
    best = min(
        timeit.repeat(lambda: policy.allows("get_image", OWNER, target), number=1000, repeat=5)
    )

    assert best / 1000 < 30e-6
