"""Clients verify what they download by os_hash_value where images have no MD5."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import openstack
import pytest
from openstack.exceptions import SDKException

from tests.e2e.conftest import BIN, Client
from tests.served import Served, serve

DATA = os.urandom(300_000)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    options = "[imagestore]\nmd5_checksum = false\n"
    with serve(tmp_path_factory.mktemp("md5"), flavor="", options=options) as served:
        yield served


def test_what_was_changed_in_the_store_is_found_out(served: Served, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(DATA)
    sdk = openstack.connect(
        auth_type="none", endpoint=served.url, image_endpoint_override=served.url,
        load_yaml_config=False, load_envvars=False,
    ).image  # fmt: skip
    cli = Client((str(BIN / "openstack"), "--os-auth-type", "none", "--os-endpoint", served.url))
    glance = Client((str(BIN / "glance"), "--os-image-url", served.url, "--os-auth-token", "x"))

    image = sdk.create_image(
        "plain", filename=str(source), disk_format="raw", container_format="bare",
        validate_checksum=True,
    )  # fmt: skip
    shown = sdk.get_image(image.id)
    assert (shown.status, shown.checksum, shown.hash_algo) == ("active", None, "sha512")
    saved = tmp_path / "saved"

    def by_sdk() -> bool:
        try:
            sdk.download_image(image.id, stream=False, output=str(saved))
        except SDKException as error:
            assert "checksum mismatch" in str(error)
            return False
        return saved.read_bytes() == DATA

    def by(client: Client, command: str, found_out: str) -> bool:
        answer = client.run(*command.split(), "--file", str(saved), image.id)
        assert answer.returncode == 0 or found_out in answer.stderr.decode(), answer.stderr
        return answer.returncode == 0 and saved.read_bytes() == DATA

    def taken() -> list[bool]:
        return [
            by_sdk(),
            by(cli, "image save", "checksum mismatch"),
            by(glance, "image-download", "Corrupt image download"),
        ]

    assert taken() == [True] * 3
    path = served.stores["file1"] / image.id
    path.chmod(0o600)
    path.write_bytes(DATA[:-1] + bytes([DATA[-1] ^ 1]))
    assert taken() == [False] * 3
