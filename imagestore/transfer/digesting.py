"""Digests of bytes that lie in a store already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from imagestore.backends.base import Store
from imagestore.backends.errors import WrongSize
from imagestore.backends.lane import Lane
from imagestore.transfer.digests import Hasher, computing_threads
from imagestore.transfer.inspection import Inspection


async def digest(
    store: Store,
    url: str,
    size: int,
    algorithms: Iterable[str],
    *,
    inspection: Inspection | None = None,
    on_progress: Callable[[int], object] | None = None,
) -> tuple[Mapping[str, str], int | None]:
    """Digests of the ``size`` bytes at ``url`` by algorithm, and the virtual size if inspected.

    Raises what the store raises, ``WrongSize`` if there are more or fewer bytes, and
    ``Unsupported`` for content that the ``inspection`` refuses.
    """
    digests = {name: Hasher(name) for name in sorted({*algorithms})}
    lanes = [each.lane for each in digests.values()]
    inspecting = Lane(computing_threads(), inspection.feed) if inspection else None
    count = 0
    async with store.open(url) as blocks:
        async for block in blocks:
            count += len(block)
            if count > size:
                break
            for lane in lanes:
                if not lane.offer(block):
                    await lane.put(block)
            if inspection and inspecting and inspection.hungry and not inspecting.offer(block):
                await inspecting.put(block)
            if on_progress is not None:
                on_progress(count)
    if count != size:
        raise WrongSize(f"other than the {size} bytes it had", store=store.name, url=url)
    virtual_size = None
    if inspection and inspecting:
        virtual_size = await inspecting.finish(partial(inspection.finish, size))
    return {name: await each.value() for name, each in digests.items()}, virtual_size
