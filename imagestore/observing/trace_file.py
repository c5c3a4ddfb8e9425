"""Spans in a file, one JSON object a line, for a look without a collector."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from imagestore.backends import private
from imagestore.model.errors import ConfigurationError


class FileExporter(SpanExporter):
    """Appends, a write for each batch, so that the lines of several processes stay whole."""

    def __init__(self, path: Path) -> None:
        """Raises :class:`ConfigurationError` if the file cannot be written."""
        try:
            private.make_file(path)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            raise ConfigurationError(
                f"[tracing] file: {path} cannot be written: {error.strerror}."
            ) from error

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        lines = "".join(span.to_json(indent=None) + "\n" for span in spans)
        try:
            os.write(self._file, lines.encode())
        except OSError:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        os.close(self._file)
