"""Limits that an operator sets, and what is said where one is reached. Below 0: no limit."""

from __future__ import annotations

from imagestore.model.errors import OverLimit
from imagestore.observing import metrics

MIB = 1 << 20


def require_room(name: str, limit: int, used: int, asked: int, unit: str = "") -> None:
    """Raise :class:`OverLimit` if ``asked`` more than ``used`` is over ``limit``.

    ``name``: as operators know it. Numbers that have the ``unit`` ``bytes`` or ``MiB`` are bytes
    here, and are told in that unit.
    """
    if used + asked <= limit:
        return
    metrics.QUOTA_REFUSALS.labels(name).inc()
    most, used_, more = (_told(number, unit) for number in (limit, used, asked))
    unit = f" {unit}" if unit else ""
    raise OverLimit(
        f"The limit {name} is exceeded: it is {most}{unit}, {used_}{unit} of it used, "
        f"and {more}{unit} more asked for."
    )


def require_within(quota: int, count: int, name: str, *, before: int = 0) -> None:
    """Raise :class:`OverLimit` if ``count`` is over ``quota`` and more than there was.

    An image that was over its quota ``before`` (the quota was lowered) may still
    shrink or stay as it is.
    """
    if quota >= 0 and count > before:
        require_room(name, quota, before, count - before)


def _told(number: int, unit: str) -> str:
    return f"{number / MIB:.6f}".rstrip("0").rstrip(".") if unit == "MiB" else str(number)
