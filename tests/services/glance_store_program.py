"""Calls of glance_store, each in a process of its own: run by the Python of its environment.

``python glance_store_program.py [PATH ...]``: further directories of modules. A request is a line
of JSON on the input, its answer one on the output. The parent has imported what all of them need,
and forks: an import for each would take longer than all that is asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from importlib import metadata
from typing import Any

from glance_store import multi_backend
from oslo_config import cfg, types


def call(request: dict[str, Any]) -> dict[str, Any]:
    conf = cfg.CONF  # glance_store looks there too, whatever it is handed
    conf.register_opt(cfg.Opt("enabled_backends", type=types.Dict(types.String())))
    conf([], default_config_files=[request["configuration"]], project="glance")
    multi_backend.register_store_opts(conf)
    multi_backend.create_multi_stores(conf)
    store = request["store"]
    match request["action"]:
        case "add":
            with open(request["path"], "rb") as data:
                url, size, *_ = multi_backend.add_with_multihash(
                    conf, request["image_id"], data, request["size"], store, "sha512"
                )
            return {"url": url, "size": size}
        case "get":
            blocks, _ = multi_backend.get(request["url"], store)
            with open(request["path"], "wb") as target:
                target.writelines(blocks)
            return {}
        case "size":
            size = multi_backend.get_size_from_uri_and_backend(request["url"], store)
            return {"size": size}
        case "delete":
            multi_backend.delete(request["url"], store)
            return {}
    raise ValueError(request["action"])


def answer(line: str, output: int) -> None:
    request = json.loads(line)
    try:
        found = call(request)
    except Exception as error:
        found = {"error": type(error).__name__, "message": str(error)}
    os.write(output, json.dumps(found).encode() + b"\n")


def main() -> None:
    sys.path.extend(sys.argv[1:])
    for driver in metadata.entry_points(group="glance_store.drivers"):
        with contextlib.suppress(ImportError):
            driver.load()
    # What drivers print must not be taken for an answer.
    output = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        if not (child := os.fork()):
            try:
                answer(line, output)
            finally:
                sys.stdout.flush()
                os._exit(0)
        if os.waitpid(child, 0)[1]:
            os.write(output, b'{"error": "Died", "message": "by a signal"}\n')


main()
