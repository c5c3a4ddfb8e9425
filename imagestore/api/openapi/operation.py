"""What is written down of one operation; what all have in common is added to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request or an answer: a schema, in one of some media types.

    ``schema``: the name of a component of :mod:`imagestore.api.openapi.components`, or the
    schema itself.
    """

    schema: str | Schema
    media_types: tuple[str, ...] = ("application/json",)
    required: bool = True
    """Of a request."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """In the query string or a header; a repeated one is an array."""

    name: str
    description: str
    schema: Schema = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path.

    ``answers``: each success with its body, None where it has none. ``errors``: the statuses
    of errors beside those that come from the kind of operation, see ``document``.
    """

    tag: str
    summary: str
    answers: Mapping[int, Body | None]
    errors: tuple[int, ...] = ()
    body: Body | None = None
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    answer_headers: tuple[str, ...] = ()
    """Of successes, beside the request id."""
    links: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """OpenAPI links of the first success: what can be asked next."""
    public: bool = False
    """Whether nobody is asked who he is."""
    paths: Mapping[str, Schema] = field(default_factory=dict)
    """Schemas of parameters in the path, where they are no plain strings."""


def json(schema: str | Schema) -> Body:
    return Body(schema)


def closed(**properties: Any) -> Schema:
    """An object that always has all of these properties."""
    return {"type": "object", "properties": properties, "required": list(properties)}
