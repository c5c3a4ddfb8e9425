"""What the code at hand is doing it for: facts that follow a request, for the logs."""

from __future__ import annotations

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="-")
"""The id of the request being answered (``req-<uuid>``); ``-`` outside any request."""
