"""One container: its objects by name, without a thought of images."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import aiohttp

from imagestore.backends.errors import Misconfigured, NotFound, Unavailable
from imagestore.backends.swift.account import Account, Body
from imagestore.backends.swift.authentication import Refused
from imagestore.backends.swift.faults import Purpose


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

    def beside(self, name: str) -> Container:
        """Another container of the same account."""
        return self if name == self.name else Container(self._account, name, self._base)

    async def account_url(self) -> str:
        """The URL of the account."""
        return self._base or (await self._account.access()).account_url

    async def is_near(self, other: Container) -> bool:
        """Whether the other one is in the same Swift. ``Unavailable`` if there is no token."""
        try:
            mine, others = await self.account_url(), await other.account_url()
        except (Refused, Misconfigured) as error:
            raise Unavailable(str(error), store=self.store) from error
        return mine.rpartition("/")[0] == others.rpartition("/")[0]

    async def head_account(self) -> Mapping[str, str]:
        """Headers of the account; ``NotFound`` if there is none."""
        return await self._account.head(self._base)

    async def head(self) -> Mapping[str, str]:
        """Headers of the container; ``NotFound`` if there is none."""
        async with self._request("HEAD", None, Purpose.READ) as response:
            return response.headers

    async def create(self, headers: Mapping[str, str] | None = None) -> None:
        """Make it, unless it is there."""
        async with self._request("PUT", None, Purpose.WRITE, headers=headers, data=b""):
            pass

    async def remove(self) -> None:
        """Remove it unless objects are in it; it need not be there."""
        async with self._request("DELETE", None, Purpose.REMOVE, accept=(404, 409)):
            pass

    async def entries(self, prefix: str) -> AsyncIterator[Entry]:
        """What has a name that begins with ``prefix``, in order; ``NotFound`` if it is missing."""
        async for page in self.pages(prefix):
            for entry in page:
                yield entry

    async def pages(self, prefix: str = "") -> AsyncGenerator[list[Entry], None]:
        """The same, a page a request."""
        marker = ""
        while True:
            query = urlencode({"format": "json", "prefix": prefix, "marker": marker})
            async with self._request("GET", None, Purpose.READ, query=query) as response:
                page = await response.json(content_type=None)
            if not page:
                return
            # Another line is a common prefix, which nobody asked for.
            yield [
                Entry(line["name"], int(line["bytes"]), line["hash"])
                for line in page
                if "name" in line
            ]
            marker = page[-1].get("name", "")

    async def find(self, name: str, location: str = "") -> Mapping[str, str]:
        """Headers of an object; ``NotFound`` if there is none."""
        async with self._request("HEAD", name, Purpose.READ, location=location) as response:
            return response.headers

    async def read(
        self, name: str, offset: int, length: int, *, etag: str | None = None, location: str = ""
    ) -> bytes:
        """Exactly ``length`` bytes from ``offset`` of the object, while it has this ``etag``."""
        headers = {"Range": f"bytes={offset}-{offset + length - 1}"}
        if etag is not None:
            headers["If-Match"] = f'"{etag}"'
        async with self._request(
            "GET", name, Purpose.READ, headers=headers, location=location, accept=(412,)
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
            name,
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
            "PUT", name, Purpose.WRITE, headers=headers, data=b"", location=location
        ) as response:
            return response.headers.get("Etag", "").strip('"')

    async def delete(self, name: str, *, query: str = "", location: str = "") -> None:
        """Remove an object; ``NotFound`` if there is none."""
        async with self._request("DELETE", name, Purpose.REMOVE, query=query, location=location):
            pass

    async def discard(self, name: str) -> bool:
        """Remove an object if it is there; whether it was."""
        with contextlib.suppress(NotFound):
            await self.delete(name)
            return True
        return False

    def _request(
        self,
        method: str,
        name: str | None,
        purpose: Purpose,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        data: bytes | memoryview | None = None,
        body: Body | None = None,
        accept: tuple[int, ...] = (),
        location: str = "",
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        path = f"/{quote(self.name, safe='')}"
        if name is not None:
            path += f"/{quote(name)}"
        if query:
            path += f"?{query}"
        return self._account.request(
            method,
            path,
            purpose,
            base=self._base,
            headers=headers,
            data=data,
            body=body,
            accept=accept,
            location=location,
        )
