"""``/v2/events``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from imagestore.api.openapi.operation import Body, Operation, Parameter, Schema

_NUMBER: Schema = {"type": "string", "pattern": "^[0-9]{1,18}$"}

OPERATIONS: Final[Mapping[str, Operation]] = {
    "GET /v2/events": Operation(
        "events", "What happens to images and jobs, as server-sent events, without end",
        {200: Body({"type": "string"}, ("text/event-stream",))},
        query=(
            Parameter("image", "Events of this image alone."),
            Parameter("last_event_id", "As Last-Event-ID.", _NUMBER),
        ),
        headers=(Parameter("Last-Event-ID", "Go on after the event of this id.", _NUMBER),),
        answer_headers=("Cache-Control", "X-Accel-Buffering"),
    ),
}  # fmt: skip
