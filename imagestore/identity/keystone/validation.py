"""Asking Keystone what a token is worth."""

from __future__ import annotations

import asyncio
import logging
import ssl

import aiohttp
import orjson

from imagestore.config.settings import Keystone
from imagestore.identity.keystone import token as tokens
from imagestore.identity.keystone.credentials import SECTION, Credentials, Grant
from imagestore.identity.keystone.token import Token
from imagestore.model.errors import ConfigurationError, Unavailable
from imagestore.observing import tracing

log = logging.getLogger(__name__)

CONNECTIONS = 32
"""Most requests to Keystone that are under way at once, for each worker process."""
_NO_TOKEN = frozenset({400, 404, 413, 431})
"""Keystone, or a proxy before it: nobody has issued this, or it is nothing that could be one."""
_PASSING = frozenset({502, 503, 504})
_FIRST_PAUSE = 0.1
"""Seconds before the second attempt; each further pause is twice as long."""
_DOES_NOT_ANSWER = "The identity service does not answer."


class Validation:
    """Validates tokens by ``GET /v3/auth/tokens``, each call anew."""

    def __init__(self, settings: Keystone) -> None:
        """Raises :class:`ConfigurationError`. Nothing is connected to."""
        self._settings = settings
        self._tls = tls(settings)
        self.credentials = Credentials(settings)
        self._session: aiohttp.ClientSession | None = None

    async def validate(self, token: str, *, allow_expired: bool = False) -> Token | None:
        """What Keystone says of ``token``; None if it is not valid.

        ``allow_expired``: nor is one without worth because it has expired. Raises
        :class:`Unavailable` if Keystone does not answer in time, or does not let us ask.
        """
        try:
            async with asyncio.timeout(self._settings.http_connect_timeout):
                return await self._validate(token, allow_expired)
        except TimeoutError as error:
            log.error(
                "Keystone has not answered for %d s (%s http_connect_timeout).",
                self._settings.http_connect_timeout,
                SECTION,
            )
            raise Unavailable(_DOES_NOT_ANSWER) from error

    async def close(self) -> None:
        await self.credentials.close()
        if self._session is not None:
            await self._session.close()

    async def _validate(self, token: str, allow_expired: bool) -> Token | None:
        grant = await self.credentials.get()
        status, body = await self._ask(grant, token, allow_expired)
        if status == 401:
            # It is our own token that has become worthless, before its time.
            self.credentials.refuse(grant)
            grant = await self.credentials.get()
            status, body = await self._ask(grant, token, allow_expired)
        if status == 200:
            return _parsed(body)
        if status in _NO_TOKEN:
            return None
        if status in (401, 403):
            log.error(
                "Keystone does not let the account of %s validate tokens (%d): "
                "does it have the role service, or admin?", SECTION, status,
            )  # fmt: skip
            raise Unavailable("The identity service does not let this service in.")
        log.error("Keystone answers %d to the validation of a token.", status)
        raise Unavailable(_DOES_NOT_ANSWER)

    async def _ask(self, grant: Grant, token: str, allow_expired: bool) -> tuple[int, bytes]:
        """Status and body, after as many attempts as a connection or a proxy needs."""
        pause, attempts = _FIRST_PAUSE, self._settings.http_request_max_retries
        while True:
            attempts -= 1
            try:
                status, body = await self._ask_once(grant, token, allow_expired)
            except aiohttp.ClientError as error:
                if attempts < 0:
                    log.error("Keystone cannot be reached: %s", error)
                    raise Unavailable(_DOES_NOT_ANSWER) from error
            else:
                if status not in _PASSING or attempts < 0:
                    return status, body
            await asyncio.sleep(pause)
            pause *= 2

    async def _ask_once(self, grant: Grant, token: str, allow_expired: bool) -> tuple[int, bytes]:
        if self._session is None:
            self._session = client(self._tls)
        # The catalog is nine tenths of the answer. With the last header Keystone hands out
        # tokens of restricted application credentials too, and relies on us to enforce that.
        query = "?nocatalog&allow_expired=1" if allow_expired else "?nocatalog"
        headers = {
            "X-Subject-Token": token,
            "OpenStack-Identity-Access-Rules": "1",
            **grant.headers,
        }
        async with self._session.get(
            f"{grant.endpoint}/auth/tokens{query}", headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, await answer.read()


def _parsed(body: bytes) -> Token:
    try:
        return tokens.parse(orjson.loads(body))
    except ValueError as error:
        log.error("Keystone describes a token in a way that is not understood: %s", error)
        raise Unavailable("The identity service is not understood.") from error


def client(context: ssl.SSLContext) -> aiohttp.ClientSession:
    """Asks Keystone. Whoever uses it sees to it that it does not take for ever."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=context),
        timeout=aiohttp.ClientTimeout(total=None),
        headers={"Accept": "application/json", "User-Agent": "imagestore"},
        # A token is in a header: no cookie of one caller may meet another's.
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=True,
        trace_configs=tracing.outgoing(),
    )


def tls(settings: Keystone) -> ssl.SSLContext:
    """How Keystone's certificate is checked, and ours is shown."""
    try:
        context = ssl.create_default_context(cafile=settings.cafile)
        if settings.certfile:
            context.load_cert_chain(settings.certfile, settings.keyfile)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"{SECTION} cafile, certfile, keyfile: they cannot be used: {error}"
        ) from error
    if settings.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
