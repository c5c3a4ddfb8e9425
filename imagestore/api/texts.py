"""Which texts the database can hold.

PostgreSQL has no NUL. Glance's tables in MariaDB and MySQL have three bytes a character, which
end with the Basic Multilingual Plane; four are an option, for databases that hold them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from imagestore.model.errors import Invalid

_LAST_OF_THREE_BYTES = "\uffff"


@dataclass(frozen=True, slots=True)
class Texts:
    """``four_byte``: names and values may have characters of four bytes, such as emoji."""

    four_byte: bool = False

    def is_possible(self, text: str) -> bool:
        """Whether the database can compare it: nothing else is worth looking for."""
        if "\0" in text:
            return False
        return self.four_byte or text.isascii() or max(text) <= _LAST_OF_THREE_BYTES

    def storable(self, text: str, what: str) -> str:
        """``text``, if the database can keep it; else :class:`Invalid`, which calls it ``what``."""
        if "\0" in text:
            raise Invalid(f"{what} must not contain NUL characters.")
        if not self.is_possible(text):
            raise Invalid(f"{what} must not contain 4-byte unicode characters, such as emoji.")
        return text

    def require_storable(self, value: Any) -> None:
        """Raise :class:`Invalid` if a text anywhere in ``value`` cannot be kept."""
        match value:
            case str():
                self.storable(value, "A text")
            case Mapping():
                for name, each in value.items():
                    self.storable(name, "A name")
                    self.require_storable(each)
            case list():
                for each in value:
                    self.require_storable(each)


PLAIN = Texts()
"""What every supported database holds."""

key = web.AppKey("texts", Texts)
