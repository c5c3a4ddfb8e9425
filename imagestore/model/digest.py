"""A digest of an image's bytes: the algorithm, and what it came to."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from typing import Protocol

from imagestore.model.errors import Invalid
from imagestore.model.image import Image

CHECKSUM = "md5"
"""The algorithm of an image's ``checksum``; that of ``os_hash_value`` is a setting."""


class Described(Protocol):
    """An image as this service or another one describes it."""

    @property
    def checksum(self) -> str | None: ...
    @property
    def os_hash_algo(self) -> str | None: ...
    @property
    def os_hash_value(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Digest:
    """``value`` in hexadecimal, in small letters from the moment it is made.

    Raises :class:`Invalid` for what no computation on this machine could come to.
    """

    algorithm: str
    value: str

    def __post_init__(self) -> None:
        if not is_computable(self.algorithm):
            raise Invalid(f"Hashes by {self.algorithm} are not known here.")
        digits = 2 * hashlib.new(self.algorithm, usedforsecurity=False).digest_size
        value = self.value.lower()
        if len(value) != digits or not set(value) <= set("0123456789abcdef"):
            raise Invalid(f"A hash by {self.algorithm} has {digits} hexadecimal digits.")
        object.__setattr__(self, "value", value)


def is_computable(algorithm: str) -> bool:
    """Whether it is an algorithm of this machine whose digests have one length."""
    # The SHAKEs have none of their own.
    return algorithm in hashlib.algorithms_available and not algorithm.startswith("shake")


@dataclass(frozen=True, slots=True)
class Expected:
    """What data has to be: its ``size`` in bytes, if that is known, and each of the digests."""

    size: int | None = None
    digests: tuple[Digest, ...] = ()


def known(*said: tuple[object, object]) -> tuple[Digest, ...]:
    """The digests among pairs of algorithm and value, as far as they can be computed here."""
    found = []
    for algorithm, value in said:
        if isinstance(algorithm, str) and isinstance(value, str):
            with contextlib.suppress(Invalid):
                found.append(Digest(algorithm, value))
    return tuple(found)


def recorded(image: Described) -> tuple[Digest, ...]:
    """The digests of the image that can be computed here, the strongest first.

    What another service has recorded in a way that is none counts as not recorded.
    """
    return known((image.os_hash_algo, image.os_hash_value), (CHECKSUM, image.checksum))


def comparable(image: Image) -> Expected | None:
    """The size and the strongest digest of the image; None if that does not tell its bytes."""
    digests = recorded(image)[:1]
    return None if image.size is None or not digests else Expected(image.size, digests)
