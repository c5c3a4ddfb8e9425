"""How another site is asked: where its Images API is, and with which token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """``url``: of the Images API, without a version and without a slash at its end."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Credentials(Protocol):
    async def get(self) -> Entry:
        """Where to go, with a token that is good. Raises :class:`Unavailable`."""

    def refuse(self, entry: Entry) -> bool:
        """The site does not take that token; whether there may be another one."""

    async def close(self) -> None: ...


class Fixed:
    """A URL, and a token or none."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self._entry = Entry(without_version(url), {"X-Auth-Token": token} if token else {})

    async def get(self) -> Entry:
        return self._entry

    def refuse(self, entry: Entry) -> bool:
        return False

    async def close(self) -> None: ...


def without_version(url: str) -> str:
    base, slash, last = url.rstrip("/").rpartition("/")
    return (
        base
        if slash and last.startswith("v2") and last[2:].strip(".0123456789") == ""
        else (url.rstrip("/"))
    )
