"""Digests of bytes that lie in a store already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from imagestore.backends.base import Store
from imagestore.model.digest import Digest, Expected
from imagestore.transfer.judgement import Judgement, judged
from imagestore.transfer.verification import Verified


async def digest(
    store: Store,
    url: str,
    expected: Expected,
    algorithms: Iterable[str],
    *,
    judgement: Judgement | None = None,
    on_progress: Callable[[int], object] = lambda count: None,
) -> Mapping[str, Digest]:
    """Digests of what lies at ``url`` by algorithm; it is judged on the way.

    Raises what the store raises, ``Corrupt`` if it is not what is ``expected``, and what the
    ``judgement`` raises for content that is refused.
    """
    async with store.open(url) as blocks:
        source = blocks if judgement is None else judged(blocks, judgement)
        reading = Verified(source, expected, algorithms=algorithms, on_progress=on_progress)
        await reading.drain()
    return reading.digests
