"""Locations of RBD images, in the forms that Glance writes and wrote."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

SCHEME = "rbd://"
SNAPSHOT = "snap"
"""The protected snapshot that makes an image whole, and is what others clone."""


@dataclass(frozen=True, slots=True)
class Location:
    """``rbd://fsid/pool/image/snapshot``, each part percent-encoded, or the old ``rbd://image``."""

    image: str
    snapshot: str | None = None
    pool: str = ""
    """Empty where the location names none."""
    fsid: str | None = None

    @classmethod
    def parse(cls, url: str) -> Location:
        """ValueError, saying what is wrong, if ``url`` has neither form."""
        if not url.startswith(SCHEME):
            raise ValueError(f"does not begin with {SCHEME}")
        pieces = url.removeprefix(SCHEME).split("/")
        if len(pieces) == 1:
            # Here Glance decodes nothing.
            parts = pieces
        elif len(pieces) == 4:
            parts = [unquote(piece, errors="strict") for piece in pieces]
        else:
            raise ValueError("is neither rbd://image nor rbd://fsid/pool/image/snapshot")
        if not all(parts):
            raise ValueError("has an empty part")
        if any("\0" in part for part in parts):
            raise ValueError("has a part that cannot be a name")
        if len(parts) == 1:
            return cls(parts[0])
        fsid, pool, image, snapshot = parts
        return cls(image, snapshot, pool, fsid)

    @property
    def url(self) -> str:
        if self.fsid and self.pool and self.snapshot:
            parts = (self.fsid, self.pool, self.image, self.snapshot)
            return SCHEME + "/".join(quote(part, safe="") for part in parts)
        return SCHEME + self.image
