"""Traces: where the time of a request or a job goes, as spans of OpenTelemetry.

Off, nothing of the library is loaded, and none of the places that make spans is there: they are
put in when the parts of the service are built, one for each floor. Spans begin with a request or
a job; what nobody asked for, as the looks at the queue, makes none. Context comes in and goes
out as W3C Trace Context has it (``traceparent``).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from imagestore import __version__
from imagestore.config.settings import Tracing
from imagestore.model.errors import ConfigurationError, ImagestoreError, Unavailable

if TYPE_CHECKING:
    from aiohttp import TraceConfig
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

LONGEST_STATEMENT = 2000
"""Characters of a statement that a span has."""
NOT_INSTALLED = "[tracing] exporter: traces need OpenTelemetry: pip install 'imagestore[tracing]'."
_SPAN = "imagestore_span"
_NOTHING: AbstractContextManager[None] = nullcontext()


class Tracer:
    """Makes the spans of this process and has them exported, from a thread of its own."""

    def __init__(self, settings: Tracing, exporter: SpanExporter | None = None) -> None:
        """``exporter``: in place of the one that the settings mean, and at once.

        Raises :class:`ConfigurationError` if the library is not installed.
        """
        preload(settings)
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        target = exporter or _exporter(settings)
        named = {"service.name": settings.service_name, "service.version": __version__}
        self._provider = TracerProvider(
            ParentBased(TraceIdRatioBased(settings.sample_ratio)),
            Resource.create(named),
            shutdown_on_exit=False,
        )
        processor = SimpleSpanProcessor if exporter is not None else BatchSpanProcessor
        self._provider.add_span_processor(processor(target))
        self._tracer = self._provider.get_tracer("imagestore", __version__)
        self._trace = trace
        # Alone: the baggage of a client is nobody else's.
        self._propagator = TraceContextTextMapPropagator()

    def close(self) -> None:
        """Export what is left; blocks for some seconds at the most."""
        self._provider.shutdown()

    def headers(self) -> dict[str, str]:
        """What a request to another service takes along."""
        headers: dict[str, str] = {}
        self._propagator.inject(headers)
        return headers

    def ids(self) -> dict[str, str]:
        """The trace and the span that the code at hand is in, for the log."""
        found = self._trace.get_current_span().get_span_context()
        if not found.is_valid:
            return {}
        return {"trace_id": f"{found.trace_id:032x}", "span_id": f"{found.span_id:016x}"}

    def root(self, name: str, caller: Mapping[str, str]) -> AbstractContextManager[Span]:
        """The span of a request with these headers; what is done in it is below it."""
        parent = self._propagator.extract(caller)
        return self._entered(self._tracer.start_span(name, parent, self._trace.SpanKind.SERVER))

    def job(self, name: str, queued_in: str | None) -> AbstractContextManager[Span]:
        """The span of a job, with a link to the span that queued it."""
        found = self._propagator.extract({"traceparent": queued_in or ""})
        queueing = self._trace.get_current_span(found).get_span_context()
        links = [self._trace.Link(queueing)] if queueing.is_valid else []
        kind = self._trace.SpanKind.CONSUMER
        return self._entered(self._tracer.start_span(name, kind=kind, links=links))

    @contextmanager
    def leaf(self, name: str, **attributes: Any) -> Iterator[Span | None]:
        """A span with nothing below it; None where nobody is traced."""
        if not self._is_recording():
            yield None
            return
        span = self.begin(name, attributes)
        try:
            yield span
        except Exception as error:
            _blame(span, error)
            raise
        finally:
            span.end()

    @staticmethod
    def answered(span: Span, status: int) -> None:
        """A request came to this status; from 500 on it is the service that has failed."""
        from opentelemetry.trace import Status, StatusCode

        span.set_attribute("http.response.status_code", status)
        if status >= 500:
            span.set_attribute("error.type", str(status))
            span.set_status(Status(StatusCode.ERROR))

    def begin(self, name: str, attributes: Mapping[str, Any]) -> Span:
        return self._tracer.start_span(
            name, kind=self._trace.SpanKind.CLIENT, attributes=dict(attributes)
        )

    def operations(self, catalog: object) -> None:
        """Have each operation of the catalogue, of whichever resource, be a span."""
        for resource, part in vars(catalog).items():
            for name, _ in inspect.getmembers(type(part), inspect.iscoroutinefunction):
                if not name.startswith("_"):
                    setattr(part, name, self._traced(f"{resource}.{name}", getattr(part, name)))

    def _traced(self, name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(operation)
        async def traced(*args: Any, **kwargs: Any) -> Any:
            if not self._is_recording():
                return await operation(*args, **kwargs)
            with self._entered(self._tracer.start_span(name)):
                return await operation(*args, **kwargs)

        return traced

    def statements(self) -> None:
        """Have each statement that is sent to the database be a span."""
        from sqlalchemy import Engine, event

        event.listen(Engine, "before_cursor_execute", self._sent)
        event.listen(Engine, "after_cursor_execute", self._answered)
        event.listen(Engine, "handle_error", self._failed)

    def _sent(self, conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if self._is_recording():
            attributes = {
                "db.system.name": conn.dialect.name,
                "db.query.text": statement[:LONGEST_STATEMENT],
            }
            conn.info[_SPAN] = self.begin(statement.split(None, 1)[0], attributes)

    def _answered(self, conn: Any, *_: Any) -> None:
        if (span := conn.info.pop(_SPAN, None)) is not None:
            span.end()

    def _failed(self, failure: Any) -> None:
        conn = failure.connection
        if conn is None or conn.invalidated:
            return
        if (span := conn.info.pop(_SPAN, None)) is not None:
            _blame(span, failure.original_exception)
            span.end()

    def outgoing(self) -> TraceConfig:
        """For a session with another service of ours: each of its requests is a span there, too."""
        from aiohttp import TraceConfig

        async def start(_: Any, context: Any, sent: Any) -> None:
            context.span = None
            if self._is_recording():
                attributes = {"http.request.method": sent.method, "server.address": sent.url.host}
                context.span = self.begin(sent.method, {**attributes, "url.path": sent.url.path})
                below = self._trace.set_span_in_context(context.span)
                self._propagator.inject(sent.headers, below)

        async def end(_: Any, context: Any, got: Any) -> None:
            if context.span is not None:
                self.answered(context.span, got.response.status)
                context.span.end()

        async def fail(_: Any, context: Any, got: Any) -> None:
            if context.span is not None:
                _blame(context.span, got.exception)
                context.span.end()

        config = TraceConfig()
        config.on_request_start.append(start)
        config.on_request_end.append(end)
        config.on_request_exception.append(fail)
        return config

    def _is_recording(self) -> bool:
        return self._trace.get_current_span().is_recording()

    @contextmanager
    def _entered(self, span: Span) -> Iterator[Span]:
        with self._trace.use_span(
            span, end_on_exit=True, record_exception=False, set_status_on_exception=False
        ):
            try:
                yield span
            except Exception as error:
                _blame(span, error)
                raise


_active: Tracer | None = None


def start(settings: Tracing, exporter: SpanExporter | None = None) -> Tracer | None:
    """The tracer of this process from now on, or None where the settings want none."""
    global _active
    if settings.exporter != "none" or exporter is not None:
        _active = Tracer(settings, exporter)
        _active.statements()
    return _active


def active() -> Tracer | None:
    return _active


def stop() -> None:
    """Export what is left, and make no more spans; blocks for some seconds at the most."""
    global _active
    if (ended := _active) is None:
        return
    from sqlalchemy import Engine, event

    _active = None
    event.remove(Engine, "before_cursor_execute", ended._sent)
    event.remove(Engine, "after_cursor_execute", ended._answered)
    event.remove(Engine, "handle_error", ended._failed)
    ended.close()


def job(name: str, queued_in: str | None) -> AbstractContextManager[Any]:
    """The span of a job, where there are any."""
    return _NOTHING if _active is None else _active.job(name, queued_in)


def headers() -> dict[str, str]:
    """What a request to another service takes along."""
    return {} if _active is None else _active.headers()


def outgoing() -> list[TraceConfig]:
    """For a session of aiohttp with another service of ours."""
    return [] if _active is None else [_active.outgoing()]


def ids() -> dict[str, str]:
    """The trace and the span that the code at hand is in."""
    return {} if _active is None else _active.ids()


def preload(settings: Tracing) -> None:
    """Import what is needed, for processes that are forked afterwards; no thread is started.

    Raises :class:`ConfigurationError` if it is not installed.
    """
    if settings.exporter != "none":
        try:
            import opentelemetry.exporter.otlp.proto.http.trace_exporter
            import opentelemetry.sdk.trace.export  # noqa: F401
        except ImportError as error:
            raise ConfigurationError(NOT_INSTALLED) from error


def _exporter(settings: Tracing) -> SpanExporter:
    if settings.exporter == "file":
        from imagestore.observing.trace_file import FileExporter

        if settings.file is None:
            raise ConfigurationError("[tracing] file: needed by exporter = file, not set.")
        return FileExporter(settings.file)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    endpoint = settings.endpoint and settings.endpoint.rstrip("/") + "/v1/traces"
    return OTLPSpanExporter(endpoint, timeout=settings.timeout)


def _blame(span: Span, error: BaseException) -> None:
    """Tell what went wrong; that a caller is refused is no fault."""
    from opentelemetry.trace import Status, StatusCode

    span.set_attribute("error.type", type(error).__name__)
    if not isinstance(error, ImagestoreError) or isinstance(error, Unavailable):
        span.set_status(Status(StatusCode.ERROR, type(error).__name__))
