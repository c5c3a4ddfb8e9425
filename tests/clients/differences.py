"""Commands whose outcome is another one than with the real Glance, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DIFFERENCES: Final[Mapping[str, str]] = {}
"""Command → reason."""
