"""Logs: one line an event, as text for people or as JSON, with the request that it belongs to.

Secrets are taken out here, in the formatter, whatever a caller put into its
message: passwords in URLs, tokens, signatures.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

from imagestore.backends import private
from imagestore.config.settings import Logging
from imagestore.model.errors import ConfigurationError
from imagestore.observing import tracing
from imagestore.observing.context import Context, current

MASK = "***"

# Most lines hold no secret. A look for these words costs a tenth of the search by pattern.
_HINTS = ("token", "password", "secret", "signature", "temp_url_sig", "authorization")
_NAMES = r"""(?: \b(?: x-auth-token | x-subject-token | x-service-token | authorization
    | access_token | token | temp_url_sig | x-amz-signature | signature )
    | password | secret(?:_key)? ) ["']? \s*"""
_SCHEME = r"(?: bearer\s+ | basic\s+ )"
_NAMED = re.compile(
    rf"""(?ix) ( {_NAMES} (?:
        (?: [=:] \s* (?P<quote>["']) | = \s* | : (?=\S) ) {_SCHEME}?
      | : \s+ (?: {_SCHEME} | (?! (?: yes | no )\b | [a-z]{{1,14}} [.,]? \s+ [a-z(] ) )
    ) ) (?(quote) [^"']+ | [^\s"',;&}})]+ )"""
)
"""Headers, parameters and options, also as they look in the repr of a mapping.

After a colon and a space there may be prose ("password: Could not connect", "using password:
YES"): a word of letters that another word follows is none of the secrets that people have.

What may stand before a word is not matched: every place in a long word would be a beginning,
and a URL that somebody sends would be searched for seconds.
"""
_IN_URL = re.compile(r"((?:://|,)[^\s/:@,]*:)[^\s/,]+@")
"""``user:password@`` in a URL, of several hosts too; the name stays, it helps."""
_FERNET = re.compile(r"\bgAAAAA[\w=-]{20,}")
"""Keystone's tokens are known by their first bytes, wherever they stand."""

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}
"""How what would end a line, or move the cursor of who reads it, is written."""

_QUIET = ("asyncio", "aiohttp", "aiosqlite", "alembic", "sqlalchemy", "urllib3", "stevedore")
"""Libraries that tell too much even when we debug."""


def redact(text: str) -> str:
    """``text`` without the secrets in it."""
    if "@" in text:
        text = _IN_URL.sub(rf"\g<1>{MASK}@", text)
    if "gAAAAA" in text:
        text = _FERNET.sub(MASK, text)
    lowered = text.lower()
    if any(hint in lowered for hint in _HINTS):
        text = _NAMED.sub(rf"\g<1>{MASK}", text)
    return text


class TextFormatter(logging.Formatter):
    """``2026-01-31 12:00:00.000 1234 INFO imagestore.api [req-… user … project …] message``.

    A message is one line, whatever names of others are in it; only a traceback has more.
    """

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created).isoformat(" ", "milliseconds")
        line = (
            f"{moment} {record.process} {record.levelname} {record.name} "
            f"[{_on_one_line(_worked_for(record))}] {_on_one_line(record.getMessage())}"
        )
        return redact(line + self._trace(record))

    def _trace(self, record: logging.LogRecord) -> str:
        return "\n" + self.formatException(record.exc_info) if record.exc_info else ""


class JsonFormatter(logging.Formatter):
    """One object a line; what is not known is left out.

    ``timestamp`` (ISO 8601, UTC), ``level``, ``logger``, ``process``, ``message``; of a request
    ``request_id``, ``user_id`` and ``project_id``, of a job ``job_id``, ``job_kind`` and
    ``image_id``; ``exception``; and the facts that a line brings along.
    """

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).replace(tzinfo=None)
        entry: dict[str, Any] = {
            "timestamp": f"{moment.isoformat(timespec='milliseconds')}Z",
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": redact(record.getMessage()),
        }
        facts = context.known() if (context := _context(record)) is not None else {}
        facts |= tracing.ids()
        entry |= {name: _plain(value) for name, value in (facts | _facts(record)).items()}
        if record.exc_info:
            entry["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


def setup(settings: Logging) -> None:
    """Send all logs of this process where the settings say, and nowhere else."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    handler = _handler(settings)
    handler.setFormatter(JsonFormatter() if settings.use_json else TextFormatter())
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("imagestore").setLevel(logging.DEBUG if settings.debug else logging.INFO)
    # It tells as its own what a server remarks on statements: that MariaDB needs no name of a key.
    logging.getLogger("asyncmy").setLevel(logging.ERROR)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.INFO if settings.debug else logging.WARNING)
    logging.captureWarnings(True)


def _handler(settings: Logging) -> logging.Handler:
    if settings.log_file is None:
        return logging.StreamHandler(sys.stderr)
    try:
        private.make_file(Path(settings.log_file))
        return WatchedFileHandler(settings.log_file, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"[DEFAULT] log_file: {settings.log_file} cannot be written: {error.strerror}"
        ) from error


def _context(record: logging.LogRecord) -> Context | None:
    # A record made outside the task of its request (the access log) brings it along.
    return getattr(record, "context", None) or current.get()


def _worked_for(record: logging.LogRecord) -> str:
    if (context := _context(record)) is None:
        return "-"
    parts = [
        context.request_id,
        context.job_id and f"job {context.job_kind} {context.job_id}",
        context.image_id and f"image {context.image_id}",
        context.user_id and f"user {context.user_id}",
        context.project_id and f"project {context.project_id}",
    ]
    return " ".join(filter(None, parts)) or "-"


def _on_one_line(text: str) -> str:
    return text if text.isprintable() else text.translate(_CONTROL)


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    facts = getattr(record, "facts", None)
    return facts if isinstance(facts, dict) else {}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    return value if isinstance(value, int | float | bool | None) else redact(str(value))
