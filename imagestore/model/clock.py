"""The present, as the database keeps it."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present in UTC, without zone."""
    return datetime.now(UTC).replace(tzinfo=None)
