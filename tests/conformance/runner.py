"""Asks a server everything in the table: ``python -m tests.conformance.runner URL``.

Two ways to say who asks: ``token`` (``X-Auth-Token: user:project:roles``, the filter of
:mod:`tests.services.glance`) and ``headers`` (as an authenticating proxy sets them).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from tests.conformance import table
from tests.conformance.client import Client
from tests.conformance.entry import ABSENT, CALLERS, Request, Scene
from tests.conformance.normalise import Answer, Names, Record

Identity = Literal["token", "headers"]
Results = dict[str, list[Record]]
"""Case name → the answer to each of its requests."""

NAME = re.compile(r"<([a-z][a-z0-9-]*)>")
SEEN_BY_ALL = ("public", "community")
ADMIN = "admin"


class Stage:
    """One scene being played: the strings that its names stand for, and its connection."""

    def __init__(self, client: Client, identity: Identity) -> None:
        self._client = client
        self._identity = identity
        self._prefix = uuid.uuid4().hex[:8]
        self._images: dict[str, str] = {}
        self._fixed = {"nonce": uuid.uuid4().hex}
        for caller in CALLERS.values():
            if caller and caller.project:
                self._fixed.setdefault(caller.project, uuid.uuid4().hex)
        self._crowd = False

    def ask(self, request: Request) -> Answer:
        """Send ``request`` as its caller."""
        headers = {"Accept": "*/*", **self._credentials(request.caller)}
        body = request.body
        if request.json is not ABSENT:
            text = json.dumps(request.json, ensure_ascii=False)
            body = self._fill(text).encode("utf-8", "surrogatepass")
            headers["Content-Type"] = "application/json"
            self._crowd |= any(f'"{visibility}"' in text for visibility in SEEN_BY_ALL)
        headers |= {name: self._fill(value) for name, value in request.headers.items()}
        headers = {name: value for name, value in headers.items() if value != "<omit>"}
        path = self._fill(request.path)
        answer = self._client.ask(request.method, path, headers, body, chunked=request.chunked)
        if request.label and answer.status < 300:
            self._images[request.label] = json.loads(answer.body)["id"]
        return answer

    def record(self, request: Request, answer: Answer) -> Record:
        """``answer`` in comparable form."""
        if request.status_only:
            return {"status": answer.status}
        known = {raw: f"<{name}>" for name, raw in (self._images | self._fixed).items()}
        return Names(self._client.host, known, request.prose).record(answer)

    def clear(self) -> None:
        """Remove what every other scene would see in its lists."""
        if not self._crowd:
            return
        patch = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
        unprotect = [{"op": "replace", "path": "/protected", "value": False}]
        for label in self._images:
            path = f"/v2/images/<{label}>"
            if self.ask(Request("DELETE", path, ADMIN)).status == 403:
                self.ask(Request("PATCH", path, ADMIN, json=unprotect, headers=patch))
                self.ask(Request("DELETE", path, ADMIN))

    def _fill(self, text: str) -> str:
        return NAME.sub(lambda match: self._stands_for(match[1]) or match[0], text)

    def _stands_for(self, name: str) -> str | None:
        if name == "omit":
            return None
        if name in self._fixed:
            return self._fixed[name]
        if name not in self._images:
            ordinal = len(self._images) + 1
            self._images[name] = f"{self._prefix}-0000-4000-8000-{ordinal:012x}"
        return self._images[name]

    def _credentials(self, name: str) -> dict[str, str]:
        caller = CALLERS[name]
        if caller is None:
            if name == "anonymous":
                return {}
            invalid = {
                "token": ("X-Auth-Token", "refused"),
                "headers": ("X-Identity-Status", "Invalid"),
            }
            return dict([invalid[self._identity]])
        project = self._fixed.get(caller.project, "")
        user = f"{name}-user"
        if self._identity == "token":
            return {"X-Auth-Token": f"{user}:{project}:{caller.roles}"}
        found = {
            "X-Identity-Status": "Confirmed",
            "X-User-Id": user,
            "X-Project-Id": project,
            "X-Roles": caller.roles,
        }
        return {header: value for header, value in found.items() if value}


def play(client: Client, identity: Identity, scene: Scene) -> Results:
    """All cases of one scene. A failed setup is recorded in place of the answers."""
    stage = Stage(client, identity)
    try:
        for request in scene.setup:
            answer = stage.ask(request)
            if answer.status >= 300:
                text = answer.body.decode(errors="replace")
                failed = {"setup": f"{request.method} {request.path}: {answer.status} {text}"}
                return {case.name: [failed] for case in scene.cases}
        return {
            case.name: [stage.record(request, stage.ask(request)) for request in case.requests]
            for case in scene.cases
        }
    finally:
        stage.clear()


def run(url: str, identity: Identity, scenes: Iterable[Scene], *, parallel: int = 1) -> Results:
    """Ask the server at ``url`` all ``scenes``, ``parallel`` of them at once."""

    def one(scene: Scene) -> Results:
        with Client(url) as client:
            return play(client, identity, scene)

    results: Results = {}
    with ThreadPoolExecutor(parallel) as pool:
        for found in pool.map(one, scenes):
            results |= found
    return results


def dump(results: Results) -> str:
    """Results as JSON text that compares well: cases in order, each answer on one line."""
    cases = []
    for case, records in sorted(results.items()):
        lines = [json.dumps(record, sort_keys=True, ensure_ascii=False) for record in records]
        cases.append(json.dumps(case) + ": [\n " + ",\n ".join(lines) + "\n]")
    return "{\n" + ",\n".join(cases) + "\n}\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.runner", description=__doc__)
    parser.add_argument("url", help="where the server answers, such as http://127.0.0.1:9292")
    parser.add_argument("--identity", choices=["token", "headers"], default="token")
    parser.add_argument("-o", "--output", type=Path, help="a JSON file; default is the output")
    parser.add_argument("-g", "--group", action="append", choices=list(table.GROUPS))
    parser.add_argument("-j", "--parallel", type=int, default=1, help="scenes at once")
    given = parser.parse_args()
    groups = given.group or list(table.GROUPS)
    scenes = [scene for group in groups for scene in table.scenes(group)]
    results = run(given.url, given.identity, scenes, parallel=given.parallel)
    if given.output:
        given.output.write_text(dump(results))
    else:
        sys.stdout.write(dump(results))
    asked = sum(len(records) for records in results.values())
    print(f"{len(results)} cases, {asked} requests", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
