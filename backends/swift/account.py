"""Requests to one account of Swift, with a token that is renewed when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import InitVar, dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from imagestore.backends.errors import Misconfigured, Unavailable
from imagestore.backends.swift.authentication import Access, Authentication, Refused
from imagestore.backends.swift.credentials import Credentials
from imagestore.backends.swift.faults import Purpose, meaning
from imagestore.backends.swift.settings import SwiftSettings

_READ_BUFFER = 1 << 20
"""Bytes that a connection may hold for us; with aiohttp's 64 KiB it stops and starts too often."""


class Body(Protocol):
    """What a request sends, and whether some of it is gone, so that it cannot be sent again."""

    begun: bool

    def send(self, deadline: asyncio.Timeout, seconds: float) -> AsyncIterator[bytes | memoryview]:
        """The blocks; ``deadline`` is moved so that each may take ``seconds``."""


@dataclass(frozen=True, slots=True)
class ContainerEntry:
    """A line of the listing of an account; ``bytes`` are minutes behind."""

    name: str
    bytes: int


@dataclass(eq=False)
class Account:
    """Who we are to Swift. The account's own URL is known after the first request."""

    store: str
    credentials: InitVar[Credentials]
    settings: SwiftSettings
    session: aiohttp.ClientSession
    threads: ThreadPoolExecutor

    def __post_init__(self, credentials: Credentials) -> None:
        self._authentication = Authentication(self.store, credentials, self.settings)
        self._access: Access | None = None
        self._renewal = asyncio.Lock()

    async def access(self, refused: str | None = None) -> Access:
        """A token that is good for a while, and is not the one that was ``refused``.

        Raises :class:`Refused`, or what :meth:`Authentication.access` does.
        """
        async with self._renewal:  # many requests meet one 401, and one of them asks for a token
            if not self._is_good(refused):
                loop = asyncio.get_running_loop()
                self._access = await loop.run_in_executor(self.threads, self._authentication.access)
            assert self._access is not None
            return self._access

    def _is_good(self, refused: str | None) -> bool:
        access = self._access
        if access is None or access.token == refused:
            return False
        margin = self.settings.swift_store_expire_soon_interval
        return access.expires is None or time.monotonic() < access.expires - margin

    @contextlib.asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        purpose: Purpose,
        *,
        base: str | None = None,
        headers: Mapping[str, str] | None = None,
        data: bytes | memoryview | None = None,
        body: Body | None = None,
        accept: tuple[int, ...] = (),
        location: str = "",
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer to a request for ``path``, quoted, below the URL of the account.

        ``base`` is the URL of another account. Statuses from 300 on are errors (see
        :func:`meaning`) but those in ``accept``. The token is renewed once on a 401. All of
        it must be over in ``swift_store_timeout`` seconds, each block of ``body`` counting anew;
        else it is :class:`Unavailable`.
        """
        seconds = self.settings.swift_store_timeout
        refused: str | None = None
        try:
            async with asyncio.timeout(seconds) as deadline:
                while True:
                    access = await self._granted(refused)
                    async with self.session.request(
                        method,
                        URL((base or access.account_url) + path, encoded=True),
                        headers={"X-Auth-Token": access.token, **(headers or {})},
                        data=data if body is None else body.send(deadline, seconds),
                        # A refusal comes before the source has lost a byte.
                        expect100=body is not None,
                        allow_redirects=False,
                    ) as response:
                        again = refused is None and not (body is not None and body.begun)
                        if response.status == 401 and again:
                            refused = access.token
                            continue
                        if response.status >= 300 and response.status not in accept:
                            raise meaning(
                                response.status,
                                purpose,
                                f"to {method}",
                                store=self.store,
                                url=location,
                            )
                        yield response
                        return
        except TimeoutError as error:
            raise Unavailable(
                f"Swift did not answer within {seconds:g} s", store=self.store, url=location
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(
                f"Swift does not answer: {error}", store=self.store, url=location
            ) from error

    async def head(self, base: str | None = None) -> Mapping[str, str]:
        """Headers of the account; ``NotFound`` if there is none."""
        async with self.request("HEAD", "", Purpose.READ, base=base) as response:
            return response.headers

    async def containers(
        self, prefix: str, base: str | None = None
    ) -> AsyncGenerator[list[ContainerEntry], None]:
        """Containers whose name begins so, a page a request; ``NotFound``: there is no account."""
        async for lines in self.listed("", prefix, base):
            yield [ContainerEntry(each["name"], each["bytes"]) for each in lines]

    async def listed(
        self, path: str, prefix: str, base: str | None
    ) -> AsyncGenerator[list[Any], None]:
        """The lines of a listing whose name begins with ``prefix``, a page a request."""
        marker = ""
        while True:
            query = urlencode({"format": "json", "prefix": prefix, "marker": marker})
            async with self.request("GET", f"{path}?{query}", Purpose.READ, base=base) as response:
                lines = await response.json(content_type=None) if response.status == 200 else []
            if not lines:
                return
            yield lines
            marker = lines[-1].get("name", "")

    async def _granted(self, refused: str | None) -> Access:
        try:
            return await self.access(refused)
        except (Refused, Misconfigured) as error:
            # It was right when we started: someone is changing passwords or the catalogue.
            raise Unavailable(str(error), store=self.store) from error


def connections(store: str, settings: SwiftSettings) -> aiohttp.ClientSession:
    """The connections of a store. They are not counted: uploads that wait hold theirs.

    Raises :class:`Misconfigured` if the certificates cannot be read.
    """
    try:
        certificates = _certificates(settings)
    except OSError as error:
        raise Misconfigured(f"swift_store_cacert: {error}", store=store) from error
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=certificates),
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=settings.swift_store_connect_timeout
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=_READ_BUFFER,
        auto_decompress=False,
        skip_auto_headers=["Content-Type", "Accept-Encoding"],
    )


def _certificates(settings: SwiftSettings) -> ssl.SSLContext | bool:
    if settings.swift_store_auth_insecure:
        return False
    if settings.swift_store_cacert:
        return ssl.create_default_context(cafile=settings.swift_store_cacert)
    return True
