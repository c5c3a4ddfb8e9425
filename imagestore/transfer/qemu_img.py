"""qemu-img, which reads what strangers have made: one process a call, under limits, on open files.

It is told the format and never guesses it, gets no path that it could confuse with another,
and what refers to other files never comes so far as to be converted: oslo.utils' inspector is
asked before (:mod:`imagestore.transfer.conversion`), and here qemu-img's own reading of the
head, which opens nothing else. Its limits are set before it runs, by prlimit of util-linux; it
dies with the process that started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import signal
from asyncio import StreamReader
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from imagestore.model.errors import OverLimit, Unavailable, Unsupported

log = logging.getLogger(__name__)

T = TypeVar("T")

FORMATS: Mapping[str, str] = {
    "raw": "raw", "qcow2": "qcow2", "vmdk": "vmdk", "vdi": "vdi", "vhd": "vpc", "vhdx": "vhdx",
}  # fmt: skip
"""What qemu-img calls the disk formats that it can convert."""

_LOOK_SECONDS = 60.0
_LOOK_PROCESSOR = 10
"""Seconds of processor time for a look at a head, which takes milliseconds."""
_STACK = 2 << 20
_ARENAS = {"MALLOC_ARENA_MAX": "2"}
"""It starts up to 64 threads. With the stacks and heaps that they reserve by default, of which they
use next to nothing, these alone would not fit into the memory that it may take."""
_ANSWER = 1 << 20
_COMPLAINT = 4 << 10
"""Bytes of its output and of its complaints that are kept."""
_LEAKS, _NO_CHECK = 3, 63
"""Statuses of a check that found nothing wrong: space is lost, or the format knows no checks."""
_EXTENT = re.compile(rb'"length": (?P<length>\d+),.*"data": true,.*"offset": (?P<offset>\d+)')
_NOT_HERE = "Images cannot be converted here: qemu-img is missing."


@dataclass(frozen=True, slots=True, kw_only=True)
class QemuImg:
    """``timeout``: seconds that a conversion may take; ``memory``: bytes of address space."""

    timeout: float
    memory: int

    async def virtual_size(self, file: int, disk_format: str) -> int:
        """Bytes of the disk inside of an open file of that format.

        :class:`Unsupported` for what is damaged, encrypted, or refers to other files.
        """
        arguments = ("info", "-f", FORMATS[disk_format], "--output=json", _path(file))
        answer, _ = await self._run(arguments, (file,), _answer, looks=True)
        try:
            head: dict[str, Any] = json.loads(answer)
            _require_alone(head, _path(file))
            size = int(head["virtual-size"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unsupported(f"The {disk_format} image is damaged.") from error
        return size

    async def require_whole(self, file: int, disk_format: str) -> None:
        """Raise :class:`Unsupported` if an open file of that format is damaged, or cut short.

        What is missing at the end would be read as zeros.
        """
        size = os.fstat(file).st_size
        name, path = FORMATS[disk_format], _path(file)
        if name == "raw":
            return
        damage = f"The {disk_format} image is damaged, or its end is missing."
        arguments = ("check", "-f", name, "--output=json", path)
        answer, status = await self._run(
            arguments, (file,), _answer, accepted=(0, _LEAKS, _NO_CHECK), complaint=damage
        )
        # A table that is cut off in the last cluster loses what it refers to. But a whole image
        # may end within that cluster: where the last data is compressed, it does.
        if status == _LEAKS:
            found = re.search(rb'"image-end-offset": (\d+)', answer)
            if found is None or int(found[1]) > size:
                raise Unsupported(damage)
        arguments = ("map", "-f", name, "--output=json", path)
        end, _ = await self._run(arguments, (file,), _end_of_data, complaint=damage)
        # Of a VHDX the map tells no offsets, and the check takes the rest of a sector for granted.
        if end > size or (name == "vhdx" and size % 512):
            raise Unsupported(damage)

    async def convert(
        self, source: int, source_format: str, target: int, target_format: str, *, most: int
    ) -> None:
        """Write what is in the open file ``source`` to ``target``, of at most ``most`` bytes.

        :class:`Unsupported` if it cannot be done, or takes too long; :class:`OverLimit` if it
        comes out too large, or there is no room; :class:`Unavailable` if qemu-img was killed.
        """
        arguments = (
            *("convert", "-q", "-f", FORMATS[source_format], "-O", FORMATS[target_format]),
            *(_path(source), _path(target)),
        )
        await self._run(arguments, (source, target), _answer, largest=most)

    async def _run(
        self,
        arguments: tuple[str, ...],
        files: tuple[int, ...],
        reads: Callable[[StreamReader], Awaitable[T]],
        *,
        looks: bool = False,
        largest: int = _ANSWER,
        accepted: Collection[int] = (0,),
        complaint: str = "The image cannot be converted.",
    ) -> tuple[T, int]:
        """What ``reads`` makes of the output, and the status, which is one of ``accepted``.

        ``complaint``: what is said of any other of which no more is known.
        """
        seconds = _LOOK_SECONDS if looks else self.timeout
        processor = _LOOK_PROCESSOR if looks else int(self.timeout) + 1
        command = (
            *("setpriv", "--pdeathsig", "KILL", "nice", "-n", "10"),
            *("prlimit", f"--as={self.memory}", f"--cpu={processor}", f"--fsize={largest}"),
            *(f"--stack={_STACK}", "--core=0", "--", "qemu-img", *arguments),
        )
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env={**os.environ, **_ARENAS},
                pass_fds=files,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except FileNotFoundError as error:
            log.error("qemu-img cannot be started: %s is missing", command[0])
            raise Unsupported(_NOT_HERE) from error
        except OSError as error:
            log.error("qemu-img cannot be started: %s", error)
            raise Unavailable("Images cannot be converted at the moment.") from error
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            async with asyncio.timeout(seconds):
                answer, said, status = await asyncio.gather(
                    reads(process.stdout), _kept(process.stderr, _COMPLAINT), process.wait()
                )
        except TimeoutError as error:
            raise Unsupported(f"The conversion took longer than {seconds:.0f} s.") from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await asyncio.shield(process.wait())
        if status not in accepted:
            text = said.decode(errors="replace")
            log.warning("qemu-img %s: status %d: %s", arguments[0], status, text)
            raise _failure(status, text, complaint)
        return answer, status


def _path(file: int) -> str:
    """An open file by a name that qemu-img cannot take for a protocol or for options."""
    return f"/proc/self/fd/{file}"


async def _answer(stream: StreamReader) -> bytes:
    return await _kept(stream, _ANSWER)


async def _end_of_data(stream: StreamReader) -> int:
    """The offset in the file where the last of the data in a map ends that has one."""
    end = 0
    async for line in stream:  # one extent each, however many there are
        if extent := _EXTENT.search(line):
            end = max(end, int(extent["offset"]) + int(extent["length"]))
    return end


async def _kept(stream: StreamReader, most: int) -> bytes:
    """The beginning of a stream that is read to its end."""
    kept = bytearray()
    while piece := await stream.read(64 << 10):
        kept += piece[: most - len(kept)]
    return bytes(kept)


def _require_alone(head: Mapping[str, Any], path: str) -> None:
    """Raise if the image has its data, or part of it, in other files, or hides it."""
    details = (head.get("format-specific") or {}).get("data") or {}
    extents = [extent.get("filename") for extent in details.get("extents") or ()]
    if (
        any("backing" in name for name in head)
        or "data-file" in details
        or any(name != path for name in extents)
    ):
        raise Unsupported("The image refers to other files.")
    if head.get("encrypted"):
        raise Unsupported("The image is encrypted.")


def _failure(status: int, complaint: str, otherwise: str) -> Exception:
    # Complaints name files, and hold what somebody wrote into the image: they stay in the log.
    if status == -signal.SIGXFSZ or "File too large" in complaint:
        return OverLimit("The converted image would have more bytes than it may.")
    if "No space left" in complaint or "quota exceeded" in complaint:
        return OverLimit("There is no room to convert the image.")
    if status == -signal.SIGXCPU:
        return Unsupported("The conversion takes too much time.")
    if "allocate memory" in complaint or "qemu_thread_create" in complaint:
        return Unsupported("The conversion takes too much memory.")
    if status == -signal.SIGKILL:
        return Unavailable("The conversion was interrupted.")
    if status in (126, 127) and not complaint.startswith("qemu-img:"):
        return Unsupported(_NOT_HERE)
    return Unsupported(otherwise)
