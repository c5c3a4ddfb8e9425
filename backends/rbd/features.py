"""The features that new images have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from imagestore.backends.errors import Misconfigured

_NEEDS = {
    "layering": None,
    "exclusive-lock": None,
    "object-map": "exclusive-lock",
    "fast-diff": "object-map",
    "deep-flatten": None,
    "journaling": "exclusive-lock",
}
"""By the name that the ``rbd`` command has, and what RBD refuses to do it without."""


def bits(rbd: Any, names: Iterable[str], *, store: str) -> int:
    """What librbd calls them. Layering is always among them, or nothing could be cloned.

    ``Misconfigured`` for a name that is not known, or goes only with another one.
    """
    wanted = {"layering", *names}
    for name in sorted(wanted):
        if name not in _NEEDS:
            raise Misconfigured(
                f"rbd_store_features: {name} is none of {', '.join(_NEEDS)}", store=store
            )
        needed = _NEEDS[name]
        if needed is not None and needed not in wanted:
            raise Misconfigured(f"rbd_store_features: {name} needs {needed}", store=store)
    found = 0
    for name in wanted:
        found |= getattr(rbd, f"RBD_FEATURE_{name.upper().replace('-', '_')}")
    return found
