"""The life of images, and sharing, through openstacksdk as other programs use it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openstack
import openstack.exceptions
import pytest
from openstack.connection import Connection

from tests.images import converted


@pytest.fixture
def connect(guarded_url: str) -> Callable[[str], Connection]:
    def connection(token: str) -> Connection:
        return openstack.connect(
            auth_type="admin_token",
            auth={"endpoint": guarded_url, "token": token},
            image_endpoint_override=guarded_url,
            load_yaml_config=False,
            load_envvars=False,
        )

    return connection


def test_create_verify_share_and_delete(
    connect: Callable[[str], Connection], tmp_path: Path
) -> None:
    alice, bob = connect("token-of-alice").image, connect("token-of-bob").image
    source = converted(tmp_path, "vhdx")
    image = alice.create_image(
        "from the sdk", filename=str(source), disk_format="vhdx", container_format="bare",
        wait=True, tags=["sdk"], meta={"os_distro": "debian"},
    )  # fmt: skip
    image = alice.get_image(image.id)
    assert (image.status, image.size) == ("active", source.stat().st_size)
    assert image.os_distro == "debian"
    assert [found.id for found in alice.images(tag="sdk")] == [image.id]

    alice.add_member(image, member_id="blue")
    bob.update_member("blue", image.id, status="accepted")
    assert [member.status for member in alice.members(image)] == ["accepted"]
    saved = tmp_path / "saved"
    bob.download_image(image.id, stream=False, output=str(saved))
    assert saved.read_bytes() == source.read_bytes()

    alice.update_image(image, name="renamed", min_disk=3)
    assert bob.get_image(image.id).name == "renamed"
    alice.deactivate_image(image)
    with pytest.raises(openstack.exceptions.SDKException):
        bob.download_image(image.id, stream=False, output=str(tmp_path / "no"))
    alice.reactivate_image(image)
    with pytest.raises(openstack.exceptions.HttpException):
        bob.delete_image(image.id)
    alice.delete_image(image)
    with pytest.raises(openstack.exceptions.NotFoundException):
        alice.get_image(image.id)
