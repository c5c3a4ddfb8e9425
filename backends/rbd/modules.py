"""The modules ``rados`` and ``rbd``, which come with Ceph and not from PyPI."""

from __future__ import annotations

import importlib
import platform
from typing import Any

from imagestore.backends.errors import Misconfigured


def load(store: str) -> tuple[Any, Any]:
    """``rados`` and ``rbd``. ``Misconfigured`` says what to install where they cannot be loaded."""
    try:
        return importlib.import_module("rados"), importlib.import_module("rbd")
    except ImportError as error:
        raise Misconfigured(
            f"a store of type rbd needs Ceph's modules rados and rbd for this Python "
            f"({platform.python_version()}): {error}. Install the packages python3-rados and "
            "python3-rbd of the distribution whose Python this is; into a virtual environment "
            "link them as docs/stores.md says",
            store=store,
        ) from error
