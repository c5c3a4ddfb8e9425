"""Copies that an S3 server makes between its buckets."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from imagestore.backends import errors
from imagestore.backends.s3 import copying
from imagestore.backends.testing.contract import MIB, CopyContract, Pair, cut
from tests.services.radosgw import RadosGW

from .servers import SMALLEST, Server, service


class TestContract(CopyContract):
    part = SMALLEST * MIB

    @pytest.fixture(params=["whole", "parts"])
    async def pair(
        self, request: pytest.FixtureRequest, plain_server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[Pair]:
        if request.param == "parts":
            monkeypatch.setattr(copying, "_WHOLE", 0)
            monkeypatch.setattr(copying, "_PART", self.part)
        # Copies send no bytes: TLS changes nothing about them.
        async with service(plain_server) as origin, service(plain_server) as target:
            yield origin, target


async def test_another_server(ceph_http: Server, swift_server: Server) -> None:
    async with service(ceph_http) as origin, service(swift_server) as target:
        stored = await origin.store.add("image", cut(b"data"))
        with pytest.raises(errors.CannotCopy):
            await target.store.copy("image", origin.store, stored.url, 4)
        assert await target.objects() == set()


async def test_a_source_that_may_not_be_read(gateway: RadosGW, ceph_http: Server) -> None:
    """The users of two stores need not be the same. Then the bytes are sent."""
    stranger = f"u{uuid.uuid4().hex}"
    gateway.make_user(stranger, "secret")
    other = replace(ceph_http, access=stranger, secret="secret")
    async with service(ceph_http) as origin, service(other) as target:
        stored = await origin.store.add("image", cut(b"data"))
        with pytest.raises(errors.CannotCopy):
            await target.store.copy("image", origin.store, stored.url, 4)
        assert await target.objects() == set()
