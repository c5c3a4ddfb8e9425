"""Digests of data that lies in a store already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from imagestore.backends.base import Store
from imagestore.model.digest import Digest, Expected
from imagestore.transfer.inspection import Inspection, inspected
from imagestore.transfer.verification import Verified


async def digest(
    store: Store,
    url: str,
    expected: Expected,
    algorithms: Iterable[str],
    *,
    inspection: Inspection | None = None,
    on_progress: Callable[[int], object] = lambda count: None,
) -> tuple[Mapping[str, Digest], int | None]:
    """Digests of what lies at ``url`` by algorithm, and the virtual size if inspected.

    Raises what the store raises, ``Corrupt`` if it is not what is ``expected``, and
    ``Unsupported`` for content that the ``inspection`` refuses.
    """
    async with store.open(url) as blocks:
        source = blocks if inspection is None else inspected(blocks, inspection)
        reading = Verified(source, expected, algorithms=algorithms, on_progress=on_progress)
        await reading.drain()
    return reading.digests, inspection.virtual_size if inspection else None
