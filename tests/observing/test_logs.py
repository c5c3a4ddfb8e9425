from __future__ import annotations

import json
import logging
import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from imagestore.config.settings import Logging
from imagestore.model.errors import ConfigurationError
from imagestore.observing import logs
from imagestore.observing.context import Context, current

log = logging.getLogger("imagestore.test")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_text_says_which_request(tmp_path: Path) -> None:
    logs.setup(Logging(log_file=tmp_path / "log"))
    token = current.set(Context("req-1"))
    log.info("stored %d bytes", 5)
    current.set(Context("req-1", "u", "p\n"))
    log.info("stored it")
    current.set(Context(project_id="p", job_id="j", job_kind="copy", image_id="i"))
    log.info("copied it")
    current.reset(token)
    log.debug("too much")
    log.warning("odd")

    first, known, job, second = lines(tmp_path / "log")
    assert first.endswith(" INFO imagestore.test [req-1] stored 5 bytes")
    assert known.endswith(" INFO imagestore.test [req-1 user u project p\\n] stored it")
    assert job.endswith(" INFO imagestore.test [job copy j image i project p] copied it")
    assert second.endswith(" WARNING imagestore.test [-] odd")


def test_json_has_the_facts_as_fields(tmp_path: Path) -> None:
    logs.setup(Logging(log_file=tmp_path / "log", use_json=True, debug=True))
    who = Context("req-2", "u", "p")
    log.debug("GET %s", "/v2/images", extra={"context": who, "facts": {"status": 200, "bytes": 9}})
    try:
        raise ValueError("no such thing as ünits")
    except ValueError:
        log.exception("failed")

    first, second = map(json.loads, lines(tmp_path / "log"))
    assert first["message"] == "GET /v2/images"
    assert (first["request_id"], first["status"], first["bytes"]) == ("req-2", 200, 9)
    assert (first["user_id"], first["project_id"]) == ("u", "p")
    assert (first["level"], first["logger"]) == ("DEBUG", "imagestore.test")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["timestamp"])
    written = datetime.fromisoformat(first["timestamp"])
    assert abs(datetime.now(UTC) - written) < timedelta(minutes=5)
    assert second.keys() == {"timestamp", "level", "logger", "process", "message", "exception"}
    assert "no such thing as ünits" in second["exception"]


def test_a_rotated_file_is_opened_anew(tmp_path: Path) -> None:
    logs.setup(Logging(log_file=tmp_path / "log"))
    log.info("one")
    (tmp_path / "log").rename(tmp_path / "log.1")
    log.info("two")
    assert lines(tmp_path / "log")[0].endswith("two")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="log_file"):
        logs.setup(Logging(log_file=tmp_path / "no/such/place/log"))


@pytest.mark.parametrize(
    "text",
    [
        "mysql+pymysql://glance:SECRET@db/glance",
        "mysql+pymysql://glance:p@SECRET@db/glance",
        "rabbit://u:SECRET@h1:1,u2:SECRET@h2",
        "X-Auth-Token: SECRET",
        "{'X-Auth-Token': 'SECRET', 'Accept': '*/*'}",
        '{"x-service-token": "SECRET"}',
        "Authorization: Bearer SECRET",
        "Authorization: Basic SECRET",
        "GET /x?temp_url_sig=SECRET&temp_url_expires=1",
        "GET /x?token=SECRET",
        "s3_store_secret_key = SECRET",
        "admin_password=SECRET",
        "password: SECRET",
        "{'password': 'SECRET SECRET', 'user': 'me'}",
        "token: SECRET1x was refused",
        "the token gAAAAABSECRETSECRETSECRETSECRET== has expired",
    ],
)
@pytest.mark.parametrize("use_json", [False, True])
def test_secrets_do_not_reach_the_log(tmp_path: Path, text: str, use_json: bool) -> None:
    logs.setup(Logging(log_file=tmp_path / "log", use_json=use_json))
    log.info("%s", text, extra={"facts": {"path": text}})
    try:
        raise RuntimeError(text)
    except RuntimeError:
        log.exception("failed")
    written = (tmp_path / "log").read_text()
    assert "SECRET" not in written
    assert logs.MASK in written


@pytest.mark.parametrize("piece", ["-a", "a-", "token:", "bearer ", "://a:", ",a:", "secret_key "])
def test_a_long_line_is_searched_in_time_that_grows_as_it_does(piece: str) -> None:
    """With the square of it, this would take an hour, and a URL of 16 KiB half a minute."""

    def give_up(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    try:
        assert logs.redact("token " + piece * 200_000)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\x1b[2Kb", "a\u2028b", "a\x85b"])
@pytest.mark.parametrize("use_json", [False, True])
def test_a_name_with_a_line_break_makes_no_line(tmp_path: Path, text: str, use_json: bool) -> None:
    logs.setup(Logging(log_file=tmp_path / "log", use_json=use_json))
    log.info("GET %s", text)
    line, end = (tmp_path / "log").read_bytes().decode().split("\n")
    assert not end
    assert (json.loads(line)["message"] == f"GET {text}") if use_json else line.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "GET /v2/images/3fa85f64-5717-4562-b3fc-2c963f66afa6?sort=name:asc&limit=5",
        "http://127.0.0.1:9292/v2/images",
        "The token has expired.",
        "user a@example.org",
        "wrong password: Could not connect to the server",
        "Access denied for user 'glance'@'db' (using password: YES)",
        "token: expired, or not of this service",
        "signature: none, as nobody asked",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert logs.redact(text) == text
