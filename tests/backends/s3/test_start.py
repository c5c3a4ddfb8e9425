"""What can be wrong when a store starts: the message names the option."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Any

import botocore.auth
import pytest

from imagestore.backends import errors
from imagestore.backends.s3.store import S3Store
from imagestore.backends.testing.contract import cut, new_id

from .servers import S3Service, Server, service


async def refusal(server: Server, **options: Any) -> str:
    store = S3Store("s3", server.settings(**options))
    with pytest.raises(errors.Misconfigured) as caught:
        await store.start()
    assert caught.value.store == "s3"
    with pytest.raises(errors.Unavailable):
        await store.exists("s3://x/y/z")
    return caught.value.message


async def test_wrong_secret(server: Server) -> None:
    message = await refusal(server, s3_store_secret_key="wrong")
    assert message.startswith("s3_store_secret_key: ")
    assert "SignatureDoesNotMatch" in message
    assert "StringToSign" not in message


async def test_unknown_access_key(ceph_http: Server) -> None:
    message = await refusal(ceph_http, s3_store_access_key="nobody")
    assert message.startswith("s3_store_access_key: ")


async def test_missing_bucket(server: Server) -> None:
    message = await refusal(server, s3_store_create_bucket_on_put=False)
    assert message.startswith("s3_store_bucket: ")


async def test_region_that_the_server_does_not_have(server: Server) -> None:
    message = await refusal(server, s3_store_region_name="eu-nowhere-1")
    assert message.startswith("s3_store_region_name: ")


async def test_bucket_of_somebody_else(ceph_http: Server, gateway: Any) -> None:
    async with service(ceph_http) as made:
        access = f"other-{new_id()}"
        gateway.make_user(access, "other")
        message = await refusal(
            ceph_http,
            s3_store_access_key=access,
            s3_store_secret_key="other",
            s3_store_bucket=made.bucket,
            s3_store_create_bucket_on_put=False,
        )
    assert message.startswith("s3_store_access_key: ")
    assert "AccessDenied" in message


async def test_certificate_that_is_not_trusted(ceph_https: Server) -> None:
    message = await refusal(ceph_https, s3_store_cacert="")
    assert message.startswith("s3_store_cacert: ")


async def test_authorities_that_are_missing(ceph_https: Server) -> None:
    message = await refusal(ceph_https, s3_store_cacert="/nowhere.pem")
    assert message.startswith("s3_store_cacert: ")


async def test_half_a_pair_of_keys(ceph_http: Server) -> None:
    assert (await refusal(ceph_http, s3_store_secret_key=None)).startswith("s3_store_secret_key")
    assert (await refusal(ceph_http, s3_store_access_key="")).startswith("s3_store_access_key")


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment in which the SDK finds no credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return monkeypatch


async def test_no_keys_anywhere(ceph_http: Server, no_keys: pytest.MonkeyPatch) -> None:
    message = await refusal(ceph_http, s3_store_access_key=None, s3_store_secret_key=None)
    assert message.startswith("s3_store_access_key")


@pytest.mark.parametrize("kind", ["environment", "file"])
async def test_keys_where_the_sdk_finds_them(
    ceph_http: Server, no_keys: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    if kind == "environment":
        no_keys.setenv("AWS_ACCESS_KEY_ID", ceph_http.access)
        no_keys.setenv("AWS_SECRET_ACCESS_KEY", ceph_http.secret)
    else:
        (tmp_path / "credentials").write_text(
            f"[default]\naws_access_key_id = {ceph_http.access}\n"
            f"aws_secret_access_key = {ceph_http.secret}\n"
        )
    async with service(ceph_http, s3_store_access_key=None, s3_store_secret_key=None) as made:
        stored = await made.store.add(new_id(), cut(b"x"))
        assert await made.store.size(stored.url) == 1


async def test_nobody_answers(ceph_http: Server) -> None:
    store = S3Store("s3", ceph_http.settings(s3_store_host="http://127.0.0.1:1"))
    with pytest.raises(errors.Unavailable):
        await store.start()


async def test_clocks_that_differ(ceph_http: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    now = botocore.auth.get_current_datetime

    def later(*arguments: Any, **options: Any) -> datetime.datetime:
        return now(*arguments, **options) + datetime.timedelta(hours=1)

    monkeypatch.setattr(botocore.auth, "get_current_datetime", later)
    store = S3Store("s3", ceph_http.settings())
    with pytest.raises(errors.Unavailable, match="clocks"):
        await store.start()


async def test_without_the_sdk(ceph_http: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.startswith(("imagestore.backends.s3.", "aiobotocore")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "aiobotocore", None)
    message = await refusal(ceph_http)
    assert "imagestore[s3]" in message


async def test_bucket_is_made_once(server: Server) -> None:
    async with service(server) as made:
        stored = await made.store.add(new_id(), cut(b"x"))
        again = S3Store("s3", made.settings)
        await again.start()
        assert await again.exists(stored.url)
        await again.stop()


async def test_crc32_of_each_part(swift_server: Server) -> None:
    """Swift checks it; Ceph 16 does not know it."""
    async with service(
        swift_server,
        s3_store_enable_data_integrity_protection=True,
        s3_store_request_checksum_calculation="when_supported",
        s3_store_response_checksum_validation="when_supported",
    ) as made:
        await _there_and_back(made)


async def test_crc32_in_place_of_the_md5(swift_server: Server) -> None:
    async with service(
        swift_server,
        s3_store_md5=False,
        s3_store_enable_data_integrity_protection=True,
        s3_store_request_checksum_calculation="when_supported",
    ) as made:
        await _there_and_back(made)


async def test_without_md5_where_tls_protects(ceph_https: Server, ceph_http: Server) -> None:
    async with service(ceph_https, s3_store_md5=False) as made:
        await _there_and_back(made)
    with pytest.raises(errors.Misconfigured, match="s3_store_md5"):
        await S3Store("s3", ceph_http.settings(s3_store_md5=False)).start()


@pytest.mark.parametrize("style", ["auto", "path"])
async def test_where_the_bucket_is_named(ceph_http: Server, style: str) -> None:
    async with service(ceph_http, s3_store_bucket_url_format=style) as made:
        await _there_and_back(made)


async def _there_and_back(made: S3Service) -> None:
    for size in (10, 6 << 20):
        stored = await made.store.add(new_id(), cut(bytes(size)))
        async with made.store.open(stored.url) as blocks:
            assert sum([len(block) async for block in blocks]) == size


def test_details_are_those_of_glance(ceph_http: Server) -> None:
    assert S3Store("s3", ceph_http.settings()).details() == {
        "s3_store_large_object_size": 5,
        "s3_store_large_object_chunk_size": 5,
        "s3_store_thread_pools": 4,
    }
