"""One container: its objects by name, without a thought of images."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from imagestore.backends.base import Capacity
from imagestore.backends.errors import Misconfigured, NotFound, Unavailable
from imagestore.backends.swift.account import Account, Body
from imagestore.backends.swift.authentication import Refused
from imagestore.backends.swift.faults import Purpose

_PARALLEL = 8
"""Objects that are removed at a time."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a listing."""

    name: str
    size: int
    etag: str


class Container:
    """A container of an account, or of the account at ``base``, another's that we may use."""

    def __init__(self, account: Account, name: str, base: str | None = None) -> None:
        self.name = name
        self.store = account.store
        self._account = account
        self._base = base
        self._request = partial(account.request, base=base)

    def beside(self, name: str) -> Container:
        """Another container of the same account."""
        return self if name == self.name else Container(self._account, name, self._base)

    async def account_url(self) -> str:
        return self._base or (await self._account.access()).account_url

    async def is_near(self, other: Container) -> bool:
        """Whether the other one is in the same Swift. ``Unavailable`` if there is no token."""
        try:
            mine, others = await self.account_url(), await other.account_url()
        except (Refused, Misconfigured) as error:
            raise Unavailable(str(error), store=self.store) from error
        return mine.rpartition("/")[0] == others.rpartition("/")[0]

    async def capacity(self) -> Capacity:
        """The narrower of its quota and the account's, in bytes: Swift tells of no other limit."""
        limits = [_limit(await self._account.head(self._base), "Account")]
        with contextlib.suppress(NotFound):
            limits.append(_limit(await self.head(), "Container"))
        given = [limit for limit in limits if limit is not None]
        if not given:
            return Capacity(None, None)
        total, free = min(given, key=lambda limit: limit[1])
        return Capacity(total, free)

    async def head(self) -> Mapping[str, str]:
        """Headers of the container; ``NotFound`` if there is none."""
        async with self._request("HEAD", self._path(), Purpose.READ) as response:
            return response.headers

    async def create(self, headers: Mapping[str, str] | None = None) -> None:
        """Make it, unless it is there."""
        async with self._request("PUT", self._path(), Purpose.WRITE, headers=headers, data=b""):
            pass

    async def remove(self) -> None:
        """Remove it unless objects are in it; it need not be there."""
        async with self._request("DELETE", self._path(), Purpose.REMOVE, accept=(404, 409)):
            pass

    async def entries(self, prefix: str) -> AsyncIterator[Entry]:
        """What has a name that begins with ``prefix``, in order; ``NotFound`` if it is missing."""
        async for page in self.pages(prefix):
            for entry in page:
                yield entry

    async def pages(self, prefix: str = "") -> AsyncGenerator[list[Entry], None]:
        """The same, a page a request."""
        async for page in self._account.listed(self._path(), prefix, self._base):
            # Another line is a common prefix, which nobody asked for.
            yield [
                Entry(line["name"], int(line["bytes"]), line["hash"])
                for line in page
                if "name" in line
            ]

    async def find(self, name: str, location: str = "") -> Mapping[str, str]:
        """Headers of an object; ``NotFound`` if there is none."""
        async with self._request(
            "HEAD", self._path(name), Purpose.READ, location=location
        ) as response:
            return response.headers

    async def read(
        self, name: str, offset: int, length: int, *, etag: str | None = None, location: str = ""
    ) -> bytes:
        """Exactly ``length`` bytes from ``offset`` of the object, while it has this ``etag``."""
        headers = {"Range": f"bytes={offset}-{offset + length - 1}"}
        if etag is not None:
            headers["If-Match"] = f'"{etag}"'
        async with self._request(
            "GET",
            self._path(name),
            Purpose.READ,
            headers=headers,
            location=location,
            accept=(412,),
        ) as response:
            if response.status == 412:
                raise NotFound(f"{name} is another object now", store=self.store, url=location)
            data = await response.read()
        if response.status != 206 or len(data) != length:
            raise Unavailable(
                f"{len(data)} bytes came instead of {length}", store=self.store, url=location
            )
        return data

    async def put(
        self,
        name: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: bytes | memoryview | None = None,
        body: Body | None = None,
        location: str = "",
    ) -> str:
        """Store an object and return its ETag; ``Exists`` if there is one of that name.

        ``NotFound`` means the container.
        """
        async with self._request(
            "PUT",
            self._path(name),
            Purpose.WRITE,
            headers={"If-None-Match": "*", **(headers or {})},
            data=data,
            body=body,
            location=location,
        ) as response:
            return response.headers.get("Etag", "").strip('"')

    async def copy(self, name: str, source: str, account: str, location: str = "") -> str:
        """Have Swift store what is at the path ``source`` of that account, or of this one, and
        return its ETag. Replaces what is there: a condition would be one of the source."""
        headers = {"X-Copy-From": source, "X-Fresh-Metadata": "true"}
        if account:
            headers["X-Copy-From-Account"] = account
        async with self._request(
            "PUT", self._path(name), Purpose.WRITE, headers=headers, data=b"", location=location
        ) as response:
            return response.headers.get("Etag", "").strip('"')

    async def delete(self, name: str, *, query: str = "", location: str = "") -> None:
        """Remove an object; ``NotFound`` if there is none."""
        path = self._path(name, query)
        async with self._request("DELETE", path, Purpose.REMOVE, location=location):
            pass

    async def discard(self, name: str) -> bool:
        """Remove an object if it is there; whether it was."""
        with contextlib.suppress(NotFound):
            await self.delete(name)
            return True
        return False

    async def remove_all(self, names: Iterable[str]) -> int:
        """Remove the objects, those that are there, and return how many were.

        An error does not keep the others from being removed; the first one is raised at the end.
        """
        turns = asyncio.Semaphore(_PARALLEL)

        async def remove(name: str) -> bool:
            async with turns:
                return await self.discard(name)

        results = await asyncio.gather(*map(remove, names), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return sum(result is True for result in results)

    def _path(self, name: str | None = None, query: str = "") -> str:
        path = f"/{quote(self.name, safe='')}"
        if name is not None:
            path += f"/{quote(name)}"
        return f"{path}?{query}" if query else path


def _limit(headers: Mapping[str, str], kind: str) -> tuple[int, int] | None:
    """The quota and what is left of it."""
    quota = headers.get(f"X-{kind}-Meta-Quota-Bytes", "")
    if not quota.isdecimal():
        return None
    return int(quota), max(0, int(quota) - int(headers.get(f"X-{kind}-Bytes-Used", 0)))
