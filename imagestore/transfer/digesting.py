"""Digests of bytes that lie in a store already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from imagestore.backends.base import Store
from imagestore.backends.errors import WrongSize
from imagestore.transfer.digests import Hasher
from imagestore.transfer.judgement import Judgement


async def digest(
    store: Store,
    url: str,
    size: int,
    algorithms: Iterable[str],
    *,
    judgement: Judgement | None = None,
    on_progress: Callable[[int], object] | None = None,
) -> Mapping[str, str]:
    """Digests of the ``size`` bytes at ``url`` by algorithm, which are judged on the way.

    Raises what the store raises, ``WrongSize`` if there are more or fewer bytes, and
    what the ``judgement`` raises for content that is refused.
    """
    digests = {name: Hasher(name) for name in sorted({*algorithms})}
    lanes = [each.lane for each in digests.values()]
    count = 0
    async with store.open(url) as blocks:
        async for block in blocks:
            count += len(block)
            if count > size:
                break
            for lane in lanes:
                if not lane.offer(block):
                    await lane.put(block)
            if judgement is not None:
                await judgement.show(block)
            if on_progress is not None:
                on_progress(count)
    if count != size:
        raise WrongSize(f"other than the {size} bytes it had", store=store.name, url=url)
    if judgement is not None:
        await judgement.end()
    return {name: await each.value() for name, each in digests.items()}
