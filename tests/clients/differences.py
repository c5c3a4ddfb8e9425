"""Commands whose outcome is another one than with the real Glance, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DIFFERENCES: Final[Mapping[str, str]] = dict.fromkeys(
    ("glance location-update", "glance location-delete"),
    # Glance reads whichever it likes, so that downloads differ.
    "What location-add named has other bytes than the image, and was taken out again.",
)
"""How a command begins → reason."""
