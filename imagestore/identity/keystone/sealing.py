"""Tokens of callers that have to wait in the database, readable for this service alone.

The key comes from the password of the service's own account, which every node has in its
configuration and the database has not: whoever reads the database, or a dump of it, cannot
use the tokens in it. Fernet, of the library cryptography, encrypts and authenticates.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken

from imagestore.config.settings import Keystone

_SALT = b"imagestore: tokens of callers in jobs"
"""No secret: it keeps the key apart from others that are made of the same password."""


class NotSealedHere(ValueError):
    """It was sealed with the password of another account, or is not what was sealed."""


class Seal:
    """Seals tokens, and opens them on every node that has the same account at Keystone."""

    def __init__(self, settings: Keystone) -> None:
        self._secret = settings.secret
        self._fernet: Fernet | None = None

    async def seal(self, token: str) -> str:
        """The token as it may be written down, in ASCII."""
        return (await self._key()).encrypt(token.encode()).decode()

    async def open(self, sealed: str) -> str:
        """The token. Raises :class:`NotSealedHere`."""
        try:
            return (await self._key()).decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise NotSealedHere from error

    async def _key(self) -> Fernet:
        if self._fernet is None:
            # Slow on purpose: passwords can be guessed.
            key = await asyncio.to_thread(
                hashlib.scrypt, self._secret.encode(), salt=_SALT, n=1 << 14, r=8, p=1, dklen=32
            )
            self._fernet = Fernet(base64.urlsafe_b64encode(key))
        return self._fernet
