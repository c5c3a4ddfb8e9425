"""Tokens that Keystone has been asked about a short while ago, in memory, by their hashes."""

from __future__ import annotations

import hashlib
import time

from cachetools import TLRUCache

from imagestore.config.settings import Keystone
from imagestore.identity.keystone.single_flight import SingleFlight
from imagestore.identity.keystone.token import Token
from imagestore.identity.keystone.validation import Validation

MOST = 20_000
"""Tokens that are remembered at most, of each kind; the one not used for longest goes first."""
REFUSAL_TIME = 5.0
"""Seconds for which a refusal stands: short, as a token may be new and Keystone several nodes."""
LONGEST = 16384
"""Bytes; no token is longer."""

_Key = tuple[bytes, bool]
"""Hash of a token, and whether it may have expired."""


class KnownTokens:
    """Tells what a token is worth, and asks Keystone only when it has to.

    Who asks while Keystone is asked about the same token waits for that answer. Refusals
    are kept apart, so that a flood of invented tokens drives out no good one.
    """

    def __init__(self, validation: Validation, settings: Keystone) -> None:
        self._validation = validation
        self._cache_time = max(settings.token_cache_time, 0)
        self._good: TLRUCache[_Key, Token] = TLRUCache(MOST, self._end_of_good, time.monotonic)
        self._refused: TLRUCache[_Key, bool] = TLRUCache(MOST, self._end_of_refusal, time.monotonic)
        self._flights = SingleFlight[_Key, Token | None]()

    async def get(self, token: str, *, allow_expired: bool = False) -> Token | None:
        """The token, or None if it is not valid. Raises :class:`Unavailable`.

        With ``allow_expired``, one that has expired is valid too.
        """
        if not token.isascii() or not token.isprintable() or len(token) > LONGEST:
            return None  # no header that could be sent on
        digest = hashlib.sha256(token.encode()).digest()
        known = self._good.get((digest, False))
        if known is not None:
            return known
        key = (digest, allow_expired)
        if allow_expired and (known := self._good.get(key)) is not None:
            return known
        if key in self._refused:
            return None
        return await self._flights.run(key, lambda: self._ask(key, token))

    async def close(self) -> None:
        await self._flights.close()
        await self._validation.close()

    async def _ask(self, key: _Key, token: str) -> Token | None:
        digest, allow_expired = key
        found = await self._validation.validate(token, allow_expired=allow_expired)
        if found is None:
            self._refused[key] = True
        else:
            expired = found.expires_at <= time.time()
            self._good[digest, allow_expired and expired] = found
        return found

    def _end_of_good(self, key: _Key, token: Token, now: float) -> float:
        if key[1]:
            return now + self._cache_time
        return now + min(self._cache_time, token.expires_at - time.time())

    def _end_of_refusal(self, _key: _Key, _value: bool, now: float) -> float:
        return now + min(REFUSAL_TIME, self._cache_time)
