"""What a pass needs of its two ends: another Images API, a dump, or this service itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime
from typing import Protocol

from imagestore.backends.base import Buffer
from imagestore.sites.record import Record

Members = Mapping[str, str]
"""The status of each project that an image is offered to, by project id."""


class Data(Protocol):
    """The data of one image on its way, verified as it passes."""

    def blocks(
        self, held: AsyncGenerator[Buffer, None] | None = None
    ) -> AsyncGenerator[Buffer, None]:
        """All of it; with ``held``, what follows those bytes, which the target has already.

        Ends with an error, before the last block, if the whole is not what the source says it is.
        """


class Source(Protocol):
    """Where images come from.

    Everything raises :class:`imagestore.model.errors.Unavailable` while the site does not answer,
    and other errors of the tree for what it refuses.
    """

    label: str
    """The name of the site for messages."""

    def records(self, since: datetime | None = None) -> AsyncGenerator[Record, None]:
        """All images that can be seen there; with ``since``, those changed then or later."""

    async def record(self, image_id: str) -> Record | None:
        """One image; None if there is none that can be seen."""

    def read(self, record: Record, offset: int = 0) -> AsyncGenerator[Buffer, None]:
        """The data from ``offset`` to its end."""

    async def members(self, image_id: str) -> Members: ...


class Target(Source, Protocol):
    """Where they go."""

    async def create(self, record: Record) -> None:
        """Register an image with the id and the fields of ``record``, without data."""

    async def change(self, before: Record, fields: Mapping[str, object]) -> None:
        """Make ``fields`` those of the image that is there as ``before``."""

    async def write(self, record: Record, data: Data) -> None:
        """Give an image without data its data, all of it or none."""

    async def set_members(self, image_id: str, before: Members, after: Members) -> None: ...

    async def switch(self, image_id: str, *, active: bool) -> None:
        """Deactivate or reactivate."""

    async def remove(self, image_id: str) -> None: ...


Moved = Callable[[int], object]
"""Told the number of bytes that came from a source."""
