"""One call of glance_store: run by the Python of its environment, told by JSON on its input."""

from __future__ import annotations

import json
import sys
from typing import Any


def call(request: dict[str, Any]) -> dict[str, Any]:
    sys.path.extend(request["paths"])
    from glance_store import multi_backend
    from oslo_config import cfg, types

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


try:
    print(json.dumps(call(json.load(sys.stdin))))
except Exception as error:
    print(json.dumps({"error": type(error).__name__, "message": str(error)}))
