"""Spans of requests and jobs: what is below what, what goes out, and that off is off."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from imagestore.api import keys
from imagestore.backends import errors
from imagestore.catalog.jobs import JobKind, Work
from imagestore.config.settings import Jobs, Tracing
from imagestore.identity.keystone import validation
from imagestore.model.errors import ConfigurationError, NotFound, Unavailable
from imagestore.model.job import JobDraft
from imagestore.observing import tracing
from imagestore.observing.logs import JsonFormatter
from imagestore.sites.client import Client
from imagestore.sites.credentials import Fixed
from imagestore.sites.keystone import by_plugin
from tests.service.conftest import Person, Service, Start

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACED = {"traceparent": f"00-{TRACE}-{CALLER}-01"}


class Spans(InMemorySpanExporter):
    """What has been exported, as it may be asked for."""

    def named(self, name: str) -> ReadableSpan:
        """The only span of that name."""
        (found,) = [span for span in self.get_finished_spans() if span.name == name]
        return found

    def below(self, parent: ReadableSpan) -> set[str]:
        """The names of the spans right below another one."""
        assert parent.context is not None
        return {
            span.name
            for span in self.get_finished_spans()
            if span.parent is not None and span.parent.span_id == parent.context.span_id
        }


@pytest.fixture
def spans() -> Iterator[Spans]:
    exporter = Spans()
    tracing.start(Tracing(), exporter)
    yield exporter
    tracing.stop()


@pytest.fixture
async def alice(spans: Spans, start: Start) -> Person:
    """A client of a service that is traced; no job is worked on."""
    return (await start(jobs=Jobs(workers=0))).person("red")


@pytest.mark.parametrize("url", ["embedded", "pooled"], indirect=True)
async def test_a_request_is_below_its_caller_and_all_it_does_below_it(
    alice: Person, spans: Spans
) -> None:
    image = (await alice.create())["id"]
    spans.clear()
    assert await alice.upload(image, b"data", **TRACED) == 204
    request = spans.named("PUT /v2/images/{image_id}/file")
    assert request.context is not None
    assert f"{request.context.trace_id:032x}" == TRACE
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == CALLER
    told = request.attributes or {}
    assert told["http.response.status_code"] == 204
    assert told["http.route"] == "/v2/images/{image_id}/file"
    assert (told["imagestore.user_id"], told["imagestore.project_id"]) == ("user-of-red", "red")
    assert str(told["imagestore.request_id"]).startswith("req-")

    assert "uploads.upload" in spans.below(request)
    below = spans.below(spans.named("uploads.upload"))
    assert {"store add", "SELECT", "UPDATE", "INSERT"} <= below
    assert (spans.named("store add").attributes or {})["imagestore.store"] == "file1"
    statements = [span for span in spans.get_finished_spans() if span.name == "UPDATE"]
    assert all("?" in str((span.attributes or {})["db.query.text"]) for span in statements)
    assert {span.context.trace_id for span in spans.get_finished_spans() if span.context} == {
        request.context.trace_id
    }


async def test_a_refusal_is_no_fault(alice: Person, spans: Spans) -> None:
    assert (await alice("GET", "/v2/images/none")).status == 404
    for name in ("GET /v2/images/{image_id}", "images.show"):
        assert spans.named(name).status.is_unset
    assert (spans.named("images.show").attributes or {})["error.type"] == NotFound.__name__


async def test_what_has_failed_is_an_error(
    alice: Person, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = (await alice.create())["id"]
    spans.clear()

    async def fail(*_: object, **__: object) -> None:
        raise errors.Unavailable("away")

    store = alice.client.app[keys.stores].driver("file1")  # type: ignore[union-attr,attr-defined]
    monkeypatch.setattr(store, "add", fail)
    assert await alice.upload(image, b"data") == 503
    for name in ("PUT /v2/images/{image_id}/file", "uploads.upload", "store add"):
        assert spans.named(name).status.status_code is StatusCode.ERROR


async def test_who_probes_makes_no_spans_nor_does_what_nobody_asked_for(
    alice: Person, spans: Spans
) -> None:
    spans.clear()
    for path in ("/healthcheck", "/readiness"):
        assert (await alice("GET", path)).status == 200
    catalog = alice.client.app[keys.catalog]  # type: ignore[union-attr,attr-defined]
    await catalog.recovery.renew()
    assert spans.get_finished_spans() == ()


async def test_what_its_caller_does_not_trace_is_not(alice: Person, spans: Spans) -> None:
    spans.clear()
    untraced = {"traceparent": f"00-{TRACE}-{CALLER}-00"}
    assert (await alice("GET", "/v2/images", headers=untraced)).status == 200
    assert spans.get_finished_spans() == ()


async def test_a_job_is_a_trace_of_its_own(
    spans: Spans, start: Start, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caplog.handler, "formatter", JsonFormatter())
    catalog = (await start(jobs=Jobs(workers=1))).client.app[keys.catalog]  # type: ignore[index]

    async def work(work: Work) -> None:
        await work.write(lambda conn: None)
        logging.getLogger("imagestore").warning("at work")

    catalog.jobs.register(JobKind("traced", work))
    job = await catalog.jobs.submit(JobDraft("traced", project="red"))
    async with asyncio.timeout(30):
        while not any(span.name == "job traced" for span in spans.get_finished_spans()):
            await asyncio.sleep(0.01)
    span = spans.named("job traced")
    assert span.parent is None
    assert (span.attributes or {})["imagestore.job_id"] == job.id
    assert {"SELECT", "jobs.complete"} <= spans.below(span)
    (line,) = [json.loads(one) for one in caplog.text.splitlines() if "at work" in one]
    assert span.context is not None
    assert line["trace_id"] == f"{span.context.trace_id:032x}"
    assert line["job_id"] == job.id


async def test_a_job_has_a_link_to_the_request_that_queued_it(spans: Spans, start: Start) -> None:
    alice = (await start(jobs=Jobs(workers=1))).person("red")
    image = (await alice.create())["id"]
    path = f"/v2/images/{image}"
    assert (await alice("PUT", f"{path}/stage", data=b"data")).status == 204
    body = {"method": {"name": "glance-direct"}}
    headers = TRACED | {"tracestate": "theirs=1"}
    assert (await alice("POST", f"{path}/import", json=body, headers=headers)).status == 202
    async with asyncio.timeout(30):
        while not any(span.name == "job import" for span in spans.get_finished_spans()):
            await asyncio.sleep(0.01)
    span = spans.named("job import")
    [link] = span.links
    assert span.parent is None
    assert f"{link.context.trace_id:032x}" == TRACE
    ids = {each.context.span_id for each in spans.get_finished_spans() if each.context}
    assert link.context.span_id in ids  # of the operation that queued it
    catalog = alice.client.app[keys.catalog]  # type: ignore[union-attr,attr-defined]
    [job] = await catalog.jobs.list(kind="import")
    assert job.traceparent == f"00-{TRACE}-{link.context.span_id:016x}-01"
    assert not {"traceparent", "tracestate"} & job.payload.keys()


@pytest.fixture
async def other() -> AsyncIterator[tuple[str, list[dict[str, str]]]]:
    """Another service: its URL, and the headers that it was sent."""
    seen: list[dict[str, str]] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(dict(request.headers))
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", note)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/"), seen


async def test_other_sites_and_keystone_are_told_of_the_trace(
    spans: Spans, other: tuple[str, list[dict[str, str]]]
) -> None:
    url, seen = other
    tracer = tracing.active()
    assert tracer is not None
    with tracer.root("a request", {**TRACED, "baggage": "secret=1"}):
        async with Client("site", Fixed(url, None)) as site:
            await site.get("images")
        context = ssl.create_default_context()
        async with validation.client(context) as keystone, keystone.get(f"{url}/v3/auth/tokens"):
            pass
        # keystoneauth has ways of its own, and a thread.
        auth = {"auth_url": url, "username": "u", "password": "p"}
        account = by_plugin("v3password", {**auth, "user_domain_id": "default"}, name="site")
        with pytest.raises(Unavailable):
            await account.get()
        await account.close()
    ids = [f"{span.context.span_id:016x}" for span in spans.get_finished_spans() if span.context]
    told = [one["traceparent"] for one in seen]
    assert told[:2] == [f"00-{TRACE}-{one}-01" for one in ids[:2]]
    assert len(told) > 2
    assert all(TRACE in one for one in told)
    assert not any("baggage" in one for one in seen)
    first = spans.get_finished_spans()[0].attributes or {}
    assert (first["url.path"], first["http.response.status_code"]) == ("/v2/images", 200)


async def test_off_nothing_is_there(service: Service) -> None:
    assert tracing.active() is None
    assert tracing.outgoing() == []
    assert tracing.headers() == {}
    names = [getattr(one, "__qualname__", "") for one in service.client.app.middlewares]  # type: ignore[union-attr]
    assert not [name for name in names if "trace" in name]
    catalog = service.client.app[keys.catalog]  # type: ignore[index]
    assert "show" not in vars(catalog.images)


def test_a_file_has_a_line_for_each_span(tmp_path: Path) -> None:
    path = tmp_path / "spans"
    tracer = tracing.start(Tracing("file", file=path))
    assert tracer is not None
    with tracer.root("outer", {}), tracer.leaf("inner"):
        pass
    tracing.stop()
    inner, outer = [json.loads(line) for line in path.read_text().splitlines()]
    assert (inner["name"], inner["parent_id"]) == ("inner", outer["context"]["span_id"])
    with pytest.raises(ConfigurationError, match=r"\[tracing\] file"):
        tracing.start(Tracing("file"))
    with pytest.raises(ConfigurationError, match="cannot be written"):
        tracing.start(Tracing("file", file=tmp_path / "no/such/place"))


async def test_a_collector_gets_them_by_otlp() -> None:
    got: list[ExportTraceServiceRequest] = []

    async def take(request: web.Request) -> web.Response:
        got.append(ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response(content_type="application/x-protobuf")

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    async with TestServer(app) as server:
        tracer = tracing.start(Tracing("otlp", str(server.make_url("/")), service_name="here"))
        assert tracer is not None
        with tracer.root("GET /", {}):
            pass
        await asyncio.to_thread(tracing.stop)
    (resource,) = got[0].resource_spans
    assert [one.name for one in resource.scope_spans[0].spans] == ["GET /"]
    named = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert named["service.name"] == "here"


async def test_a_collector_that_is_away_holds_nothing_up() -> None:
    with socket.socket() as taken:  # nobody listens there
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        tracer = tracing.start(Tracing("otlp", url, timeout=0.2))
        assert tracer is not None
        with tracer.root("GET /", {}):
            pass
        async with asyncio.timeout(20):
            await asyncio.to_thread(tracing.stop)
    assert tracing.active() is None
