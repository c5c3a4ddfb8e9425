"""Removing many objects at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from imagestore.backends.swift.container import Container

_PARALLEL = 8


async def remove_all(container: Container, names: Iterable[str]) -> int:
    """Remove the objects, those that are there, and return how many were.

    An error does not keep the others from being removed; the first one is raised at the end.
    """
    turns = asyncio.Semaphore(_PARALLEL)

    async def remove(name: str) -> bool:
        async with turns:
            return await container.discard(name)

    results = await asyncio.gather(*map(remove, names), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return sum(result is True for result in results)
