"""How slow a source may be on the whole: a deadline that no trickle of bytes can put off."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from imagestore.backends.base import Buffer
from imagestore.backends.errors import Unavailable

MIN_RATE, GRACE = 128 << 10, 600.0
"""What is asked of a source unless an operator says otherwise: a megabit, after ten minutes."""


@dataclass(frozen=True, slots=True)
class LeastRate:
    """A transfer may take ``grace`` seconds, and one more for each ``rate`` bytes that came.

    With a ``rate`` of 0 it may take as long as it likes.
    """

    rate: int = 0
    grace: float = 0.0

    def left(self, came: int, waited: float) -> float | None:
        """Seconds that may pass until the next bytes; None: any number."""
        return max(0.0, self.grace + came / self.rate - waited) if self.rate else None


async def in_time(
    blocks: AsyncGenerator[Buffer, None], least: LeastRate
) -> AsyncGenerator[Buffer, None]:
    """``blocks``, or ``Unavailable`` once they have taken too long. What the reader takes in
    between counts for nothing: a slow store is not the source's fault."""
    # Only here: options are read where no event loop runs.
    import asyncio

    clock = asyncio.get_running_loop().time
    came, waited = 0, 0.0
    async with contextlib.aclosing(blocks):
        while True:
            begin = clock()
            try:
                async with asyncio.timeout(least.left(came, waited)) as deadline:
                    block = await anext(blocks, None)
            except TimeoutError as error:
                if not deadline.expired():
                    raise
                raise Unavailable(
                    f"{came} bytes came in {waited + clock() - begin:.0f} s, which is less than "
                    f"the {least.rate} a second that are expected"
                ) from error
            if block is None:
                return
            came, waited = came + len(block), waited + clock() - begin
            yield block
            del block  # it may be used again from now on
