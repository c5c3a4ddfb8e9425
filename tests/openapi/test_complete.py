"""Everything that the service serves is described, and the description is OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from jsonschema import Draft202012Validator

from imagestore import app
from imagestore.api.openapi.document import OPERATIONS, named
from imagestore.api.v2.openapi import document_key
from tests.service.conftest import settings_in

WITHOUT_ROUTE = {"GET /", "GET /versions", "GET /healthcheck"}
"""What middleware answers, and the health check, whose route takes all methods."""

REFUSED = {"delete /v2/tasks/{task_id}"}
"""What has a route of its own, and is never allowed."""


@pytest.fixture
def application(tmp_path: Path) -> web.Application:
    return app.create(settings_in(tmp_path))


@pytest.fixture
def document(application: web.Application) -> dict[str, Any]:
    return application[document_key]()


def test_every_route_is_described(application: web.Application) -> None:
    routes = set(named(application.router.routes()))
    assert not routes - OPERATIONS.keys(), "without an entry in imagestore/api/openapi"
    assert not OPERATIONS.keys() - routes - WITHOUT_ROUTE, "described, but not there"


def test_every_described_operation_says_what_it_answers(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            succeeds = any(int(status) < 400 for status in operation["responses"])
            assert succeeds is (where not in REFUSED), where
            assert "500" not in operation["responses"], where
            named_in_path = set(re.findall(r"{(\w+)}", path))
            described = {
                one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"
            }
            assert named_in_path == described, where


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    assert len(set(names)) == len(names)


def test_references_lead_somewhere_and_schemas_are_schemas(document: dict[str, Any]) -> None:
    known = document["components"]["schemas"]
    for reference in _references(document):
        assert reference.removeprefix("#/components/schemas/") in known
    for schema in known.values():
        Draft202012Validator.check_schema(schema)


def test_links_lead_to_operations(document: dict[str, Any]) -> None:
    operations = {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    links = [
        link["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]
    assert links
    assert set(links) <= operations


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        target = value.get("$ref")
        if isinstance(target, str):
            yield target
        for item in value.values():
            yield from _references(item)
