"""A database that cannot be used: what a start says of it, and how soon it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.cli.test_commands import in_a_process
from tests.served import serve
from tests.services import process
from tests.services.databases import fresh_url_of, mariadb, postgresql

__all__ = ["mariadb", "postgresql"]


@pytest.fixture(params=["mariadb", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return fresh_url_of(request, request.param, tmp_path)


def start(tmp_path: Path, url: str, **environ: str) -> tuple[int, list[str]]:
    """Exit code and lines of a service that is to fail."""
    port = str(process.free_port())
    done = in_a_process(
        "serve", "--data-dir", str(tmp_path), "--port", port,
        OS_DATABASE__CONNECTION=url, **environ,
    )  # fmt: skip
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("wrong", ["password", "database"])
def test_what_the_server_refuses_ends_the_start_at_once(
    tmp_path: Path, url: str, wrong: str
) -> None:
    at = make_url(url).set(**{wrong: "wrong-one"}).render_as_string(hide_password=False)
    if wrong == "password" and url.startswith("postgresql"):
        # The server of the tests believes everybody; a user that there is not, it does not.
        at = make_url(url).set(username="wrong-one").render_as_string(hide_password=False)
    code, lines = start(tmp_path, at)
    assert code == 78, lines
    told = [line for line in lines if "warning" not in line.lower()]
    assert told[-1].startswith("imagestore: [database] connection: "), lines
    assert not [line for line in lines if "attempt" in line or "Traceback" in line], lines
    assert not [line for line in lines if "sqlalche.me" in line or "Event loop" in line], lines


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_what_does_not_answer_is_tried_again_and_named(tmp_path: Path, kind: str) -> None:
    port = process.free_port()
    code, lines = start(
        tmp_path, f"{kind}://glance:hidden@127.0.0.1:{port}/glance", OS_DATABASE__MAX_RETRIES="1"
    )
    assert code == 69, lines
    named = f"[database] connection: 127.0.0.1:{port} does not answer"
    first = next(line for line in lines if "attempt 1" in line)
    assert named in first
    assert lines[-1].startswith(f"imagestore: {named}: "), lines
    text = "\n".join(lines)
    assert not [
        word for word in ("Traceback", "sqlalche.me", "hidden", "Event loop") if word in text
    ]


@pytest.mark.slow
def test_a_file_that_may_not_be_opened_ends_it_at_once(tmp_path: Path) -> None:
    (tmp_path / "there.sqlite").mkdir()
    code, lines = start(tmp_path, f"sqlite:///{tmp_path}/there.sqlite")
    assert code == 78, lines
    assert str(tmp_path / "there.sqlite") in lines[-1]
    assert "Traceback" not in "\n".join(lines)


def test_a_stop_says_nothing_of_its_own(tmp_path: Path, url: str) -> None:
    """Connections that nobody closed told so in a traceback when the event loop was gone."""
    done = in_a_process("db", "upgrade", OS_DATABASE__CONNECTION=url)
    assert (done.returncode, done.stderr) == (0, "")
    with serve(tmp_path, options=f"[database]\nconnection = {url}\n") as service:
        pass
    assert service.process.returncode == 0
    assert not [word for word in ("Traceback", "Event loop") if word in service.log]


def test_a_start_that_fails_later_closes_its_connections(tmp_path: Path, url: str) -> None:
    wrong = {"OS_GLANCE_STORE__FILESYSTEM_STORE_FILE_PERM": "1"}  # which the store itself finds
    code, lines = start(tmp_path, url, OS_IMAGESTORE__AUTO_UPGRADE="true", **wrong)
    assert code == 78, lines
    assert "filesystem_store_file_perm" in lines[-1]
    assert not [line for line in lines if "Traceback" in line or "Event loop" in line], lines


def test_tables_that_are_missing_are_one_line(tmp_path: Path, url: str) -> None:
    code, lines = start(tmp_path, url)
    assert code == 78, lines
    assert "imagestore db upgrade" in lines[-1]
    assert not [line for line in lines if "Traceback" in line or "Event loop" in line], lines
