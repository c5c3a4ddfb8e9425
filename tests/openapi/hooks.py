"""Hooks of schemathesis: ids and names that exist, which no generator would guess.

Loaded by schemathesis itself (``SCHEMATHESIS_HOOKS``). Half of the requests go to what is
there; what a request creates is remembered, what one deletes is made again.
"""

from __future__ import annotations

import json
import os
import random
import threading
from collections import deque
from typing import Any

import requests
import schemathesis

SERVICE = "IMAGESTORE_FUZZED"
"""Environment variable with the URL of the service."""
ENOUGH = 6
"""Images that there always are, for whatever is asked of one."""
_KNOWN: dict[str, deque[str]] = {
    "image_id": deque(maxlen=50),
    "namespace": deque(maxlen=20),
    "name": deque(["known"], maxlen=20),
    "member_id": deque(["known"], maxlen=20),
    "store_id": deque(["file1", "file2"], maxlen=2),
    "tag": deque(["known"], maxlen=20),
    "task_id": deque(maxlen=20),
}
_ANSWERED = {"id": "image_id", "namespace": "namespace", "name": "name", "member_id": "member_id"}
"""Key of an answer → what it can be put in place of."""
_lock = threading.Lock()


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> Any:
    """Put something known in the place of what was generated, every other time."""
    if not path_parameters:
        return path_parameters
    # The same for the same input, or a failure could not be reproduced.
    chance = random.Random(repr(sorted(path_parameters.items())))
    chosen = dict(path_parameters)
    with _lock:
        for name in chosen:
            known = _KNOWN.get(name)
            if known and chance.random() < 0.7:
                chosen[name] = known[chance.randrange(len(known))]
    return chosen


@schemathesis.serializer(
    "application/openstack-images-v2.1-json-patch", "application/openstack-images-v2.0-json-patch"
)
def json_patch(context: Any, value: Any) -> bytes:
    return json.dumps(value).encode()


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Remember what was created, forget what is gone."""
    _replace_lost(case, response.status_code)
    if response.status_code not in (200, 201) or case.method not in ("POST", "PUT"):
        return
    try:
        answer = json.loads(response.content)
    except ValueError:
        return
    if not isinstance(answer, dict):
        return
    with _lock:
        for key, name in _ANSWERED.items():
            value = answer.get(key)
            if (key, case.path) == ("id", "/v2/tasks"):
                name = "task_id"
            # Slashes and dots would be other paths.
            harmless = isinstance(value, str) and value and not set(value) & set("/.?#%")
            if harmless and value not in _KNOWN[name]:
                _KNOWN[name].append(value)


def _replace_lost(case: Any, status: int) -> None:
    image = (case.path_parameters or {}).get("image_id")
    images = _KNOWN["image_id"]
    with _lock:
        if image in images and (status == 404 or (case.method, status) == ("DELETE", 204)):
            images.remove(image)
        missing = ENOUGH - len(images)
    for _ in range(missing):
        draft = {
            "disk_format": "raw", "container_format": "bare", "visibility": "shared",
            "tags": ["known"],
        }  # fmt: skip
        made = requests.post(f"{os.environ[SERVICE]}/v2/images", json=draft, timeout=60)
        with _lock:
            images.append(made.json()["id"])
