"""An answer as it compares: without what differs between any two runs.

Ids become their names, times ``<time>``, the server's address ``<host>``. Of an error
only the status line's words and the shape of the body are kept: its text is free. A
request id is kept only where it is not a fresh ``req-<uuid>``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Record = dict[str, Any]
"""What is kept of an answer: ``status``, ``type`` (of a body, if any), ``headers``, ``body``."""

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
STORE_IDS = "openstack-image-store-ids"
PLAIN_HEADERS = (
    "location",
    "openstack-image-import-methods",
    STORE_IDS,
    "content-range",
    "content-md5",
    "content-disposition",
    "etag",
    "accept-ranges",
    "last-modified",
)
LONGEST = 300
SET_HEADERS = ("allow", "accept-patch")
SORTED_LISTS = ("tags", "enum", "required")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer off the wire; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Names:
    """What stands for what in this scene: raw string → ``<name>``."""

    host: str
    known: Mapping[str, str]
    prose: bool = False

    def record(self, answer: Answer) -> Record:
        """``answer`` in comparable form."""
        media = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        record: Record = {"status": answer.status, "headers": self._headers(answer, media)}
        if answer.body:
            record["type"] = media
            record["body"] = self._body(answer, media)
        return record

    def _headers(self, answer: Answer, media: str) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name in PLAIN_HEADERS:
            if name in answer.headers:
                kept[name] = self._text(answer.headers[name])
        if STORE_IDS in kept:
            # Glance names its reserved stores too, once a background thread has met them.
            stores = kept[STORE_IDS].split(",")
            kept[STORE_IDS] = ",".join(s for s in stores if not s.startswith("os_glance_"))
        for name in SET_HEADERS:
            if name in answer.headers:
                kept[name] = sorted(part.strip() for part in answer.headers[name].split(","))
        if "GET" in kept.get("allow", ()):
            # HEAD is nothing of its own; that Glance has none is told by the cases that ask.
            kept["allow"] = [method for method in kept["allow"] if method != "HEAD"]
        if media == "application/octet-stream" and answer.status in (200, 206):
            kept["content-length"] = answer.headers.get("content-length")
        request_id = self._text(answer.headers.get("x-openstack-request-id", "absent"))
        if request_id != "req-<uuid>":
            kept["x-openstack-request-id"] = request_id
        return kept

    def _body(self, answer: Answer, media: str) -> Any:
        if media == "application/json":
            try:
                parsed = json.loads(answer.body)
            except ValueError:
                return {"malformed JSON": answer.body.decode(errors="replace")[:200]}
            if answer.status >= 400 and isinstance(parsed, dict) and "message" in parsed:
                parsed["message"] = "<text>"
            return self._value(parsed)
        if media == "application/octet-stream":
            digest = hashlib.sha256(answer.body).hexdigest()
            return {"length": len(answer.body), "sha256": digest[:16]}
        text = answer.body.decode(errors="replace")
        if media == "text/html":
            title = re.search(r"<title>\s*(.*?)\s*</title>", text, re.DOTALL | re.IGNORECASE)
            return {"title": title.group(1) if title else None}
        return {"first line": self._text(text.partition("\n")[0].strip())}

    def _value(self, value: Any, key: str = "") -> Any:
        if isinstance(value, str):
            if key == "data_dir":
                return f"<directory>/{value.rpartition('/')[2]}"
            if self.prose and key == "description":
                return "<text>"
            if key in ("first", "next") and value.startswith("/"):
                return self._link(value)
            return self._text(value)
        if isinstance(value, dict):
            return {self._text(name): self._value(item, name) for name, item in value.items()}
        if isinstance(value, list):
            items = [self._value(item) for item in value]
            if key == "images":
                return [item for item in items if not self._foreign(item)]
            if key == "resource_types":  # all that there ever were, those of other scenes too
                return [item for item in items if "<nonce>" in str(item)]
            if key == "versions":  # Glance's order follows from how its list is put together
                return sorted(items, key=lambda item: str(item.get("id")))
            if key == "members" or (key in SORTED_LISTS and _flat(items)):
                return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
            return items
        return value

    def _foreign(self, item: Any) -> bool:
        """Whether a listed image belongs to another scene."""
        return isinstance(item, dict) and item.get("id") == "<uuid>"

    def _link(self, value: str) -> dict[str, Any]:
        parts = urlsplit(value)
        query = parse_qsl(parts.query, keep_blank_values=True)
        return {
            "path": self._text(parts.path),
            "query": sorted([name, self._text(item)] for name, item in query),
        }

    def _text(self, text: str) -> str:
        for raw, name in self.known.items():
            text = text.replace(raw, name)
        text = text.replace(self.host, "<host>")
        text = UUID.sub("<uuid>", TIME.sub("<time>", text))
        return text if len(text) <= LONGEST else f"{text[:20]}… {len(text)} characters"


def _flat(items: list[Any]) -> bool:
    return all(item is None or isinstance(item, str) for item in items)
