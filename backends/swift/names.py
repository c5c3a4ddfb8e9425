"""Names of the objects that belong to an image.

The object itself is named like the image. What else an upload writes has a name of that
upload alone, so that two uploads of one image never share a segment: one that was thought dead
(a stopped machine) cannot add to the object of the one that took its place, as it could if all
used the prefix ``id-``. Glance finds segments by the manifest, whatever their prefix. The names of
later uploads are greater.
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass

MAX_SEGMENTS = 99_999
"""A dynamic large object is put together in the order of names, which have five digits."""

_OF_AN_UPLOAD = re.compile(r"(?:\.(?P<claim>[0-9a-f]{24})|-(?P<upload>[0-9a-f]{24})-\d{5})")
_OF_GLANCE = re.compile(r"-\d{5,}")


def new_upload() -> str:
    """24 hexadecimal digits: nanoseconds since 1970, then chance."""
    return f"{time.time_ns():016x}{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Names:
    """What one upload of one image writes."""

    image_id: str
    upload: str

    @property
    def claim(self) -> str:
        """An empty object that is there as long as the upload of an unsegmented one lasts."""
        return f"{self.image_id}.{self.upload}"

    @property
    def segments(self) -> str:
        """What the names of the segments begin with."""
        return f"{self.image_id}-{self.upload}-"

    def segment(self, number: int) -> str:
        """Counted from 1, like Glance's."""
        return f"{self.segments}{number:05d}"


def upload_of(image_id: str, name: str) -> str | None:
    """The upload of that image that an object's name tells of."""
    match = _OF_AN_UPLOAD.fullmatch(name.removeprefix(image_id))
    return match and (match["claim"] or match["upload"])


def is_leftover(image_id: str, name: str) -> bool:
    """Whether an object is a claim or segment of that image, written by us or by Glance."""
    rest = name.removeprefix(image_id)
    return bool(_OF_AN_UPLOAD.fullmatch(rest) or _OF_GLANCE.fullmatch(rest))
