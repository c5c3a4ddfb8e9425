"""Real clients with a password, through a real Keystone: its catalog says where the images are."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import Request, urlopen

import openstack
import openstack.exceptions
import pytest
from openstack.connection import Connection

from tests.e2e.conftest import Client
from tests.images import converted
from tests.measuring import unmeasured
from tests.served import Served, serve
from tests.services import keystone as keystone_service
from tests.services import programs
from tests.services.keystone import PROJECTS, Keystone
from tests.services.programs import BIN

ACCOUNT = """
[keystone_authtoken]
auth_type = password
auth_url = {url}
www_authenticate_uri = {url}
username = glance
password = glancepw
user_domain_name = Default
project_name = service
project_domain_name = Default
"""


@pytest.fixture(scope="module")
def cloud(
    keystone: Keystone, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Keystone, Served, str]]:
    """Keystone, an imagestore that asks it, and the region in which both are found."""
    options = ACCOUNT.format(url=keystone.url)
    directory = tmp_path_factory.mktemp("cloud")
    with serve(directory, flavor="keystone+cachemanagement", options=options) as served:
        yield keystone, served, keystone.region(served.url)


@pytest.fixture(scope="module")
def openstack_as(cloud: tuple[Keystone, Served, str]) -> Callable[[str], Client]:
    """``openstack`` as one of the users."""
    keystone, _, region = cloud

    def client(user: str) -> Client:
        project = next(project for name, project, _ in keystone_service.USERS if name == user)
        options = {
            "auth-url": keystone.url, "username": user, "password": f"{user}pw",
            "user-domain-id": "default", "project-name": project,
            "project-domain-id": "default", "region-name": region,
            "identity-api-version": "3",
        }  # fmt: skip
        given = [word for name, value in options.items() for word in (f"--os-{name}", value)]
        return Client((str(BIN / "openstack"), *given), ("-f", "json"))

    return client


@pytest.fixture(scope="module")
def connect(cloud: tuple[Keystone, Served, str]) -> Callable[[str], Connection]:
    """openstacksdk as one of the users."""
    keystone, _, region = cloud

    def connection(user: str, **changes: str) -> Connection:
        project = next(project for name, project, _ in keystone_service.USERS if name == user)
        auth = {
            "auth_url": keystone.url, "username": user, "password": f"{user}pw",
            "user_domain_id": "default", "project_name": project,
            "project_domain_id": "default",
        }  # fmt: skip
        return openstack.connect(
            auth=auth | changes, region_name=region, load_yaml_config=False, load_envvars=False
        )

    return connection


def test_the_life_of_a_shared_image(openstack_as: Callable[[str], Client], tmp_path: Path) -> None:
    alice, bob = openstack_as("member"), openstack_as("other")
    source = converted(tmp_path, "qcow2")
    created = alice.json(
        "image", "create", "--disk-format", "qcow2", "--file", str(source), "--shared",
        "--property", "os_distro=debian", "through keystone",
    )  # fmt: skip
    image = created["id"]
    assert (created["status"], created["owner"]) == ("active", PROJECTS["demo"])
    assert image in [row["ID"] for row in alice.json("image", "list")]
    assert alice.json("image", "show", "through keystone")["id"] == image
    alice("image", "set", "--property", "hw_disk_bus=virtio", "--name", "renamed", image)
    assert alice.json("image", "show", image)["properties"]["hw_disk_bus"] == "virtio"

    assert bob.run("image", "show", image).returncode != 0
    assert image not in [row["ID"] for row in bob.json("image", "list")]
    alice("image", "add", "project", image, PROJECTS["other"])
    bob("image", "set", "--accept", image)
    assert image in [row["ID"] for row in bob.json("image", "list")]
    saved = tmp_path / "saved"
    bob("image", "save", "--file", str(saved), image)
    assert saved.read_bytes() == source.read_bytes()
    assert bob.run("image", "delete", image).returncode != 0
    alice("image", "remove", "project", image, PROJECTS["other"])
    assert bob.run("image", "show", image).returncode != 0

    reader = openstack_as("reader")
    assert reader.json("image", "show", image)["name"] == "renamed"
    assert reader.run("image", "save", "--file", str(saved), image).returncode != 0
    assert reader.run("image", "create", "--disk-format", "raw", "no").returncode != 0
    assert alice.run("image", "set", "--public", image).returncode != 0
    alice("image", "delete", image)
    assert alice.run("image", "show", image).returncode != 0


def test_a_wrong_password_is_told_by_keystone(openstack_as: Callable[[str], Client]) -> None:
    refused = openstack_as("member").run("--os-password", "wrong", "image", "list")
    assert refused.returncode != 0
    assert b"401" in refused.stderr


def test_the_sdk(connect: Callable[[str], Connection], tmp_path: Path) -> None:
    alice, bob = connect("member").image, connect("other").image
    source = converted(tmp_path, "vmdk")
    image = alice.create_image(
        "from the sdk", filename=str(source), disk_format="vmdk", container_format="bare",
        wait=True, visibility="shared",
    )  # fmt: skip
    assert alice.get_image(image.id).owner_id == PROJECTS["demo"]
    alice.add_member(image, member_id=PROJECTS["other"])
    bob.update_member(PROJECTS["other"], image.id, status="accepted")
    saved = tmp_path / "saved"
    bob.download_image(image.id, stream=False, output=str(saved))
    assert saved.read_bytes() == source.read_bytes()
    with pytest.raises(openstack.exceptions.HttpException):
        bob.delete_image(image.id)
    alice.delete_image(image)
    with pytest.raises(openstack.exceptions.NotFoundException):
        alice.get_image(image.id)


def test_the_glance_client(cloud: tuple[Keystone, Served, str], tmp_path: Path) -> None:
    keystone, _, region = cloud
    source = converted(tmp_path, "vdi")
    environment = {
        **{name: value for name, value in unmeasured().items() if not name.startswith("OS_")},
        "OS_AUTH_URL": keystone.url, "OS_USERNAME": "member", "OS_PASSWORD": "memberpw",
        "OS_USER_DOMAIN_ID": "default", "OS_PROJECT_NAME": "demo",
        "OS_PROJECT_DOMAIN_ID": "default", "OS_REGION_NAME": region,
    }  # fmt: skip
    command = [
        str(BIN / "glance"), "image-create", "--name", "by glance", "--disk-format", "vdi",
        "--container-format", "bare", "--file", str(source),
    ]  # fmt: skip
    made = programs.run(command, env=environment)
    assert made.returncode == 0, made.stderr
    assert PROJECTS["demo"] in made.stdout.decode()


def test_many_requests_of_one_client_cost_one_validation(
    cloud: tuple[Keystone, Served, str], connect: Callable[[str], Connection]
) -> None:
    keystone, served, _ = cloud
    connection = connect("member")
    token = connection.auth_token
    for _ in range(20):
        list(connection.image.images())
    assert keystone.validations(token) == 1
    assert token not in served.log
    assert "Traceback" not in served.log


def test_a_hundred_connections_at_once_cost_one_validation(
    cloud: tuple[Keystone, Served, str],
) -> None:
    keystone, served, _ = cloud
    token = keystone.token("member")
    together = threading.Barrier(100)

    def ask(_: int) -> int:
        request = Request(f"{served.url}/v2/images", headers={"X-Auth-Token": token})
        together.wait(60)
        with urlopen(request, timeout=60) as answer:
            return int(answer.status)

    with ThreadPoolExecutor(100) as pool:
        assert list(pool.map(ask, range(100))) == [200] * 100
    assert keystone.validations(token) == 1
