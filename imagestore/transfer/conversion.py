"""A disk image made anew in another format, by qemu-img, on its way from a source to the stores.

qemu-img has to be able to go back and forth, so what comes is kept in a file meanwhile, and
what is made of it too. What comes is inspected before qemu-img sees any of it, whatever the
operator lets pass elsewhere; what comes out is inspected like any other image.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import IO

from imagestore.backends.base import BLOCK_SIZE, Blocks, Buffer
from imagestore.config.settings import Images
from imagestore.model.errors import OverLimit, Unsupported
from imagestore.transfer.inspection import Inspection
from imagestore.transfer.judgement import Judgement, judged, require_size
from imagestore.transfer.qemu_img import FORMATS, QemuImg
from imagestore.transfer.workspace import Workspace, as_conversion_failure

log = logging.getLogger(__name__)

_OVERHEAD = 64 << 20
"""Bytes that a file may be longer than its image may be: the stores are told the limit."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """Into ``target``, a disk format."""

    target: str
    qemu_img: QemuImg
    workspace: Workspace
    settings: Images

    def is_needed(self, disk_format: str) -> bool:
        """Whether images of that format are converted. CDs stay what they are."""
        return disk_format not in (self.target, "iso")

    def inspected(self, source: Blocks, disk_format: str) -> AsyncGenerator[Buffer, None]:
        """The blocks, which end only if they are of exactly that format, and safe."""
        inspection = Inspection(disk_format, "bare", self.settings, exact=True)
        return judged(source, Judgement(inspection))

    @contextlib.asynccontextmanager
    async def converted(
        self,
        source: Blocks,
        disk_format: str,
        *,
        most: int,
        on_progress: Callable[[int], object],
    ) -> AsyncIterator[tuple[int, AsyncGenerator[Buffer, None]]]:
        """Size and blocks of what is made of ``source``, both of at most ``most`` bytes.

        Raises :class:`Unsupported` for what cannot be converted, or must not be;
        :class:`OverLimit` for what is too large; what ``source`` raises passes through.
        """
        if disk_format not in FORMATS:
            raise Unsupported(f"Images of disk format {disk_format} cannot be converted.")
        async with self.workspace.file() as came, self.workspace.file() as made:
            await _keep(self.inspected(source, disk_format), came, most, on_progress)
            size = await self.qemu_img.virtual_size(came.fileno(), disk_format)
            if self.target == "raw" and size > most:
                raise OverLimit(
                    f"As raw the image would have {size} bytes; it may have {most} at most "
                    "(image_size_cap)."
                )
            async with self.workspace.turn():
                await self.qemu_img.require_whole(came.fileno(), disk_format)
                await self.qemu_img.convert(
                    *(came.fileno(), disk_format, made.fileno(), self.target), most=most + _OVERHEAD
                )
            await asyncio.to_thread(os.ftruncate, came.fileno(), 0)
            blocks = self.inspected(_read(made), self.target)
            async with contextlib.aclosing(blocks):
                yield os.fstat(made.fileno()).st_size, blocks


async def _keep(
    source: AsyncGenerator[Buffer, None],
    file: IO[bytes],
    most: int,
    on_progress: Callable[[int], object],
) -> None:
    size = 0
    async with contextlib.aclosing(source) as blocks:
        async for block in blocks:
            size += len(block)
            require_size(size, most)
            try:
                await asyncio.to_thread(_write, file, block)
            except OSError as error:
                log.error("what is to be converted cannot be kept: %s", error)
                raise as_conversion_failure(error) from error
            on_progress(size)
            del block


def _write(file: IO[bytes], block: Buffer) -> None:
    left = memoryview(block)
    while left:
        left = left[file.write(left) :]


async def _read(file: IO[bytes]) -> AsyncGenerator[bytes, None]:
    position = 0
    while block := await asyncio.to_thread(os.pread, file.fileno(), BLOCK_SIZE, position):
        position += len(block)
        yield block
