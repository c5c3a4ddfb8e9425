"""Requests to another Images API, and what its answers mean here."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import aiohttp

from imagestore.model.errors import (
    Conflict,
    Forbidden,
    ImagestoreError,
    Invalid,
    NotFound,
    OverLimit,
    Unauthenticated,
    Unavailable,
)
from imagestore.observing import tracing
from imagestore.sites.credentials import Credentials

_ATTEMPTS = 4
"""Of a request that changes nothing, while the site does not answer."""
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=120)
"""In seconds. A site may be busy for long with the end of an upload."""
_SENTENCE = 300
"""Characters of a site's own words that a message repeats."""
_DOCUMENT = 64 << 20
"""Bytes of an answer that is not data."""
_WINDOW = 1 << 20

_KINDS: Mapping[int, type[ImagestoreError]] = {
    400: Invalid, 401: Unauthenticated, 403: Forbidden, 404: NotFound,
    409: Conflict, 410: Conflict, 413: OverLimit,
}  # fmt: skip
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


class Client:
    """One site. Open only inside ``async with``."""

    def __init__(
        self,
        label: str,
        credentials: Credentials,
        *,
        cafile: str | None = None,
        insecure: bool = False,
    ) -> None:
        self.label = label
        self._credentials = credentials
        self._tls = _tls(cafile, insecure=insecure)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Client:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls),
            timeout=_TIMEOUT,
            # A token must not follow a proxy of the environment that nobody meant for it.
            trust_env=False,
            auto_decompress=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "imagestore"},
            read_bufsize=_WINDOW,
            trace_configs=tracing.outgoing(),
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._session is not None
        await self._session.close()
        await self._credentials.close()

    async def get(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        """The JSON at ``path``, asked for again while the site does not answer."""
        attempt = 0
        while True:
            try:
                return await self._json("GET", path, parameters)
            except Unavailable:
                attempt += 1
                if attempt >= _ATTEMPTS:
                    raise
            await asyncio.sleep(0.2 * 2**attempt)

    async def send(
        self, method: str, path: str, body: Any = None, media_type: str = "application/json"
    ) -> None:
        """A request whose answer tells nothing but that it was done."""
        data = None if body is None else json.dumps(body).encode()
        headers = {} if data is None else {"Content-Type": media_type}
        async with self.stream(method, path, data=data, headers=headers):
            pass

    async def _json(self, method: str, path: str, parameters: Mapping[str, str] | None) -> Any:
        async with self.stream(method, path, parameters=parameters) as answer:
            body = bytearray()
            async for block in answer.content.iter_chunked(_WINDOW):
                body += block
                if len(body) > _DOCUMENT:
                    raise Invalid(f"{self.label} answers {method} {path} without an end.")
            try:
                return json.loads(body)
            except ValueError as error:
                raise Invalid(f"{self.label} does not speak the Images API at {path}.") from error

    @contextlib.asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str] | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """The answer of the site; an error of the tree for any that does not say success.

        An answer that breaks off while it is read is :class:`Unavailable` too. Redirects are
        not followed: they would take the token to another host.
        """
        assert self._session is not None
        repeated = False
        try:
            while True:
                entry = await self._credentials.get()
                async with self._session.request(
                    method,
                    f"{entry.url}/v2/{path}",
                    params=parameters,
                    data=data,
                    headers={**entry.headers, **(headers or {})},
                    allow_redirects=False,
                ) as answer:
                    again = answer.status == 401 and not repeated and _may_repeat(data)
                    if not (again and self._credentials.refuse(entry)):
                        if not 200 <= answer.status < 300:
                            raise await self._refusal(method, path, answer)
                        yield answer
                        return
                repeated = True
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"{self.label} does not answer: {_told(error)}") from error

    async def _refusal(
        self, method: str, path: str, answer: aiohttp.ClientResponse
    ) -> ImagestoreError:
        kind = _KINDS.get(answer.status, Unavailable if answer.status in _PASSING else Invalid)
        said = await answer.content.read(64 << 10)
        words = _sentence(said) or answer.reason or ""
        shown = path.partition("?")[0]
        return kind(f"{self.label} answers {method} {shown} with {answer.status}: {words}")


def _may_repeat(data: Any) -> bool:
    return data is None or isinstance(data, bytes)


def _told(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__} {error}".split())[:_SENTENCE]


def _sentence(said: bytes) -> str:
    """The reason in the answer: Glance sends HTML, or plain text."""
    text = said.decode(errors="replace")
    with contextlib.suppress(ValueError):
        document = json.loads(text)
        if isinstance(document, dict):
            text = str(document.get("message") or document.get("error") or text)
    body = text.partition("<body>")[2].partition("</body>")[0] or text
    without_tags = "".join(part.rpartition(">")[2] + " " for part in body.split("<"))
    printable = "".join(char if char.isprintable() else " " for char in without_tags)
    return " ".join(printable.split())[:_SENTENCE]


def _tls(cafile: str | None, *, insecure: bool) -> ssl.SSLContext | bool:
    if insecure:
        return False
    return ssl.create_default_context(cafile=cafile) if cafile else True
