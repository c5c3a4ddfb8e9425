"""The whole document: every route of the application with its description."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from imagestore import __version__
from imagestore.api.openapi import cache, discovery, images, imports, metadefs, v1
from imagestore.api.openapi.components import components
from imagestore.api.openapi.operation import Body, Operation, Parameter, Schema

OPERATIONS: Final[Mapping[str, Operation]] = {
    **images.OPERATIONS,
    **imports.OPERATIONS,
    **cache.OPERATIONS,
    **metadefs.OPERATIONS,
    **discovery.OPERATIONS,
    **v1.OPERATIONS,
}
"""``METHOD path`` → description."""

_EVERY = (400, 401, 403, 503)
"""Of every operation of a version: the request is malformed, who asks is not known or may not,
the database or Keystone does not answer."""
_WITH_BODY = (408, 413)
_ERROR_TYPES = ("application/json", "text/html", "text/plain")
_PARAMETER = re.compile(r"\{(\w+)\}")
_REQUEST_ID: Schema = {"description": "Id of the request.", "schema": {"type": "string"}}


def document(routes: Iterable[web.AbstractRoute], schemas: Mapping[str, Schema]) -> Schema:
    """The description; ``schemas`` are those under ``/v2/schemas``.

    A route that nobody has described is there with its path alone. Version 1 is left out where
    it is not served.
    """
    paths: dict[str, Any] = {}
    served = set(named(routes))
    described = {
        name: operation
        for name, operation in OPERATIONS.items()
        if operation.tag != "v1" or name in served
    }
    undescribed = {
        name: Operation("other", "", {}) for name in sorted(served) if name not in OPERATIONS
    }
    for name, operation in {**described, **undescribed}.items():
        method, _, path = name.partition(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "imagestore: the OpenStack Images API",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": components(schemas),
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}
            },
        },
    }


def named(routes: Iterable[web.AbstractRoute]) -> Iterator[str]:
    """The routes as descriptions are named, those of load balancers apart."""
    for route in routes:
        if route.resource is not None and route.method not in ("*", "HEAD"):
            yield f"{route.method} {route.resource.canonical}"


def statuses(method: str, path: str, operation: Operation) -> set[int]:
    """All that may be answered."""
    found = {*operation.answers, *operation.errors}
    if not operation.public:
        found |= {*_EVERY}
    if "{" in path:
        found |= {404}
    if operation.body is not None:
        found |= {*_WITH_BODY}
    return found


def _operation(method: str, path: str, operation: Operation) -> Schema:
    said: Schema = {
        "operationId": _identifier(method, path),
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": {
            str(status): _response(status, operation)
            for status in sorted(statuses(method, path, operation))
        },
        "security": [] if operation.public else [{"token": []}],
    }
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": operation.paths.get(name, {"type": "string", "minLength": 1}),
        }
        for name in _PARAMETER.findall(path)
    ]
    parameters += [_parameter(parameter, "query") for parameter in operation.query]
    parameters += [_parameter(parameter, "header") for parameter in operation.headers]
    if parameters:
        said["parameters"] = parameters
    if operation.body is not None:
        said["requestBody"] = {
            "required": operation.body.required,
            "content": _content(operation.body),
        }
    return said


def _identifier(method: str, path: str) -> str:
    return "_".join([method.lower(), *re.findall(r"\w+", path)])


def _parameter(parameter: Parameter, place: str) -> Schema:
    return {
        "name": parameter.name,
        "in": place,
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _response(status: int, operation: Operation) -> Schema:
    said: Schema = {"description": HTTPStatus(status).phrase}
    if status not in operation.answers:
        said["content"] = {kind: _error_schema(kind) for kind in _ERROR_TYPES}
        return said
    body = operation.answers[status]
    if body is not None:
        said["content"] = _content(body)
    if not operation.public:
        headers = {"X-Openstack-Request-Id": _REQUEST_ID}
        for name in operation.answer_headers:
            headers[name] = {"schema": {"type": "string"}}
        said["headers"] = headers
    if operation.links and status == min(operation.answers):
        said["links"] = operation.links
    return said


def _error_schema(kind: str) -> Schema:
    if kind == "application/json":
        return {"schema": {"$ref": "#/components/schemas/Error"}}
    return {"schema": {"type": "string"}}


def _content(body: Body) -> Schema:
    schema = body.schema
    if isinstance(schema, str):
        schema = {"$ref": f"#/components/schemas/{schema}"}
    return {kind: {"schema": schema} for kind in body.media_types}
