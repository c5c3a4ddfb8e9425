"""A digest of an image's bytes: the algorithm, and what it came to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from imagestore.model.errors import Invalid
from imagestore.model.image import Image

CHECKSUM = "md5"
"""The algorithm of an image's ``checksum``; that of ``os_hash_value`` is a setting."""


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


def recorded(image: Image) -> tuple[Digest, ...]:
    """The digests of the image that can be computed here, the strongest first.

    What another service has recorded in a way that is none counts as not recorded.
    """
    said = ((image.os_hash_algo, image.os_hash_value), (CHECKSUM, image.checksum))
    found = []
    for algorithm, value in said:
        if algorithm and value:
            try:
                found.append(Digest(algorithm, value))
            except Invalid:
                continue
    return tuple(found)
