"""Fetch what a URL given by a user stands for: the one way in which the service ever does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from urllib.parse import urldefrag, urljoin

from aiohttp import ClientResponse

from imagestore.backends.base import Blocks
from imagestore.backends.errors import InvalidLocation, Unavailable, Unusable
from imagestore.backends.http.connections import Connections
from imagestore.backends.http.faults import while_fetching
from imagestore.backends.http.guard import Guard
from imagestore.backends.http.head import Head, read_head
from imagestore.backends.http.reading import Reading, range_header
from imagestore.backends.http.target import Target, shown
from imagestore.backends.least_rate import LeastRate

_REDIRECTING = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An object that is being read. ``head.size`` is None if the server does not tell it."""

    head: Head
    blocks: Blocks


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Reads URLs that the guard lets pass, and every redirect likewise.

    Errors are ``InvalidLocation`` for what may not be fetched, ``NotFound`` (404, 410),
    ``Unusable`` for what is refused, encoded or has no end, and ``Unavailable`` for the rest;
    they name ``store``. No message holds an address, the target of a redirect, or a credential.
    """

    guard: Guard
    connections: Connections
    _: KW_ONLY
    store: str = ""
    answer_timeout: float = 60.0
    """Seconds until the head of an answer is there, from the look-up of the name on."""
    progress_timeout: float = 60.0
    """Seconds within which more data has to come."""
    least: LeastRate = field(default_factory=LeastRate)
    """What has to come on the whole, over all connections."""
    redirects: int = 5
    headers: Mapping[str, str] = field(default_factory=dict)
    """Go with every request, to wherever it is redirected: who sends a secret has to follow no
    ``redirects``."""

    async def head(self, url: str) -> Head:
        """What the server says of the object, without its data."""
        with while_fetching(self.store, shown(url)):
            async with self._answer("HEAD", url, {}) as response:
                # A signed URL may be good for GET alone, and some servers know no HEAD.
                if response.status in (200, 404, 410):
                    with contextlib.suppress(Unavailable, Unusable):
                        head = read_head("HEAD", response.status, response.headers)
                        if head.size is not None:
                            return head
            async with self._answer("GET", url, range_header(0, 1)) as response:
                return read_head("GET", response.status, response.headers)

    @contextlib.asynccontextmanager
    async def open(
        self,
        url: str,
        offset: int = 0,
        length: int | None = None,
        *,
        most: int | None = None,
        resumes: int = 0,
    ) -> AsyncIterator[Fetched]:
        """Read ``length`` bytes from ``offset``, to the end if ``None``.

        An object of more than ``most`` bytes is ``WrongSize``, at once if the server tells
        its size. A connection that breaks is made anew up to ``resumes`` times where the server
        can go on in the middle of the very same object; else it is ``Unavailable``.
        """
        async with contextlib.AsyncExitStack() as stack:
            reading = Reading(
                self._answer,
                url,
                offset,
                length,
                store=self.store,
                most=most,
                resumes=resumes,
                progress_timeout=self.progress_timeout,
                least=self.least,
            )
            stack.push_async_callback(reading.close)
            head = await reading.begin()
            blocks = await stack.enter_async_context(contextlib.aclosing(reading.blocks()))
            yield Fetched(head, blocks)

    @contextlib.asynccontextmanager
    async def _answer(
        self, method: str, url: str, headers: dict[str, str]
    ) -> AsyncIterator[ClientResponse]:
        """The answer that the redirects lead to, whatever its status."""
        target = self.guard.check(url)
        for _ in range(self.redirects + 1):
            async with contextlib.AsyncExitStack() as stack:
                async with asyncio.timeout(self.answer_timeout):
                    response = await stack.enter_async_context(
                        self.connections.request(method, target, {**self.headers, **headers})
                    )
                if response.status not in _REDIRECTING:
                    yield response
                    return
                target = self._redirected(target, response.headers.get("Location", ""))
        if not self.redirects:
            raise Unavailable("the server redirects, which is not allowed here")
        raise Unavailable(f"the server redirects more than {self.redirects} times")

    def _redirected(self, target: Target, location: str) -> Target:
        if not location:
            raise Unavailable("the server redirects and does not say where to")
        try:
            new = self.guard.check(urldefrag(urljoin(str(target.url), location)).url)
        except InvalidLocation as error:
            raise InvalidLocation(f"the server redirects elsewhere: {error.message}") from error
        except ValueError as error:
            raise InvalidLocation("the server redirects to what is no URL") from error
        if target.scheme == "https" and new.scheme != "https":
            raise InvalidLocation("the server redirects from https to http")
        return new
