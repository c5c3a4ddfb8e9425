"""Tests that pass on the real Glance and not here, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DIFFERENCES: Final[Mapping[str, str]] = {}
"""How the name of a test begins → reason."""
