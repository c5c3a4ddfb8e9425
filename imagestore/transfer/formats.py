"""Which formats a stream of bytes looks like, found while it passes by.

The knowledge of the formats is oslo.utils'. Its own wrapper shows every byte to every
inspector until the end, which costs as much as a tenth of the digests; here an
inspector sees only what it still waits for.
"""

from __future__ import annotations

import contextlib
from typing import cast

from oslo_utils.imageutils import format_inspector
from oslo_utils.imageutils.format_inspector import FileInspector

HEAD = 1 << 20
"""Bytes that are gathered before any inspector sees them: then it does not matter how
the stream was cut, and all but two formats need no more."""
_TAIL = 1536
"""Bytes at the end of a stream-optimised VMDK that repeat its header."""


class Detector:
    """Show it a stream with ``feed`` while it is ``hungry``, and tell it the end."""

    def __init__(self) -> None:
        self._inspectors: dict[str, FileInspector] = {
            name: kind() for name, kind in format_inspector.ALL_FORMATS.items() if name != "raw"
        }
        self._hungry = list(self._inspectors.values())
        self._head: bytearray | None = bytearray()

    @property
    def hungry(self) -> bool:
        """Whether more of the stream could change what ``matches`` will say."""
        return bool(self._hungry)

    @property
    def wants_the_next(self) -> bool:
        """Whether the next bytes could change it, and not only the last ones."""
        return self._head is not None or not all(map(_keeps_the_end, self._hungry))

    @property
    def examined(self) -> bool:
        """Whether ``matches`` and ``excludes`` know anything yet."""
        return self._head is None

    def feed(self, block: memoryview) -> None:
        """Look at the next bytes of the stream."""
        if self._head is None:
            self._show(block)
        elif not self._head and len(block) >= HEAD:
            self._head = None
            self._show(block)
        else:
            self._head += block
            if len(self._head) >= HEAD:
                self._show_head()

    def skip(self) -> int:
        """Leave out what comes next; so many bytes of the end are still to be fed, at most."""
        self._show_head()
        # The others would take the end for what they wait for.
        self._hungry = [each for each in self._hungry if _keeps_the_end(each)]
        return _TAIL if self._hungry else 0

    def finish(self) -> None:
        """The stream has ended."""
        self._show_head()
        for inspector in self._inspectors.values():
            inspector.finish()
        self._hungry = []

    def matches(self) -> dict[str, FileInspector]:
        """The formats whose signature is there, by name; empty if nothing is recognised."""
        return {name: each for name, each in self._inspectors.items() if _matches(each)}

    def excludes(self, name: str) -> bool:
        """Whether it is certain that the stream is not of that format, however it goes on."""
        inspector = self._inspectors.get(name)
        return inspector is not None and inspector not in self._hungry and not _matches(inspector)

    def _show_head(self) -> None:
        head, self._head = self._head, None
        if head is not None:
            self._show(memoryview(head))

    def _show(self, block: memoryview) -> None:
        self._hungry = [each for each in self._hungry if _wants_more(each, block)]


def _wants_more(inspector: FileInspector, block: memoryview) -> bool:
    """Show the block to the inspector; whether it needs to see the next one."""
    if _keeps_the_end(inspector):
        block = block[-_TAIL:]
    try:
        inspector.eat_chunk(cast(bytes, block))  # any buffer will do
    except Exception:
        return False  # not of this format, or broken
    return not inspector.complete


def _keeps_the_end(inspector: FileInspector) -> bool:
    """Whether it only waits for the last bytes, for which it would copy all others."""
    return inspector.has_region("footer") and inspector.region("descriptor").complete


def _matches(inspector: FileInspector) -> bool:
    # An inspector that gave up half-way may lack what this property looks at.
    with contextlib.suppress(Exception):
        return inspector.format_match
    return False
