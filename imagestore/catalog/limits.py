"""Quotas on what hangs on one image. A negative quota is no quota."""

from __future__ import annotations

from imagestore.model.errors import OverLimit


def require_within(quota: int, count: int, what: str, *, before: int = 0) -> None:
    """Raise :class:`OverLimit` if ``count`` is over ``quota`` and more than there was.

    An image that was over its quota ``before`` (the quota was lowered) may still
    shrink or stay as it is.
    """
    if 0 <= quota < count and count > before:
        raise OverLimit(
            f"The limit of {quota} {what} per image is exceeded: {count} were asked for."
        )
