"""The buffers of transfers: from socket or store through the digests to a store, uncopied."""

from __future__ import annotations

from imagestore.backends.blocks import BlockPool

__all__ = ["BlockPool"]
"""One pool a process is enough: ``take`` a buffer, fill it, pass on a read-only slice."""
