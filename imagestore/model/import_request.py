"""What somebody wants imported: the body of a request to import, understood. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from imagestore.model.digest import CHECKSUM, Digest


class Method(StrEnum):
    """Where the bytes come from. Names are those of the Images API."""

    GLANCE_DIRECT = "glance-direct"
    """From what was staged before."""
    WEB_DOWNLOAD = "web-download"
    """From a URL."""
    GLANCE_DOWNLOAD = "glance-download"
    """From an image of another region of the same cloud."""
    COPY_IMAGE = "copy-image"
    """From a store that has them, into others."""


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """``source``: what the method needs to know (``uri``, …), as it came and unchecked.

    ``stores``: ids as asked for; None for the default. ``body``: all of it, for the record.
    ``size`` in bytes and ``checksum``, an MD5: what the data has to be, where that was said.
    ``kills``: an import that fails leaves the image ``killed``, not waiting for its data.
    """

    method: Method
    source: Mapping[str, Any] = field(default_factory=dict)
    stores: tuple[str, ...] | None = None
    all_stores: bool = False
    all_must_succeed: bool = True
    body: Mapping[str, Any] = field(default_factory=dict)
    size: int | None = None
    checksum: Digest | None = None
    kills: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """The payload of an import job: all that its handler has to know.

    ``stores``: where the bytes are to go, in this order. ``made_image``: the task has made the
    image, which goes if the import fails. ``host``: of the node that has the staged bytes, the
    part of the job's kind that stands for it. ``roles``: those of the caller. ``size``,
    ``checksum`` and ``kills`` as in the request. ``token``: the caller's, sealed, where the
    source has to be asked with it; it goes when the job ends.
    """

    task: str
    method: Method
    stores: tuple[str, ...]
    source: Mapping[str, Any] = field(default_factory=dict)
    all_must_succeed: bool = True
    made_image: bool = False
    host: str = ""
    roles: tuple[str, ...] = ()
    size: int | None = None
    checksum: Digest | None = None
    kills: bool = False
    token: str = field(default="", repr=False)

    def payload(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "method": self.method.value,
            "stores": list(self.stores),
            "source": dict(self.source),
            "roles": list(self.roles),
            "checksum": self.checksum and self.checksum.value,
        }

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Order:
        """What :meth:`payload` has made."""
        said = payload.get("checksum")
        return cls(
            **{
                **payload,
                "method": Method(payload["method"]),
                "stores": tuple(payload["stores"]),
                "roles": tuple(payload["roles"]),
                "checksum": said and Digest(CHECKSUM, said),
            }
        )
