"""All commands alike: each has ``--json``, and nothing that is printed is cut."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import Connection, update

from imagestore.cli import output
from imagestore.cli.main import commands
from imagestore.database import images, jobs, pending_deletes, schema
from imagestore.model.clock import now
from imagestore.model.image import ImageStatus, Location
from imagestore.model.job import JobDraft, JobState
from tests.cli.test_commands import Answer, run
from tests.database import samples
from tests.served import configure

OWN_TESTS = {"site compare", "site livecopy", "site dump", "site load", "site size"}
"""They need another service; :mod:`tests.sites` reads what they print with ``--json``."""
WITHOUT = {"serve"}
"""It answers nothing, and runs on; its log is JSON by an option."""
ELSEWHERE = {"version", "config sample", "commands list", "commands install"}
"""Whose configuration matters nothing."""
WIDE = {"config show", "config sample", "policy list"}
"""What they print are files, not tables."""
GONE, KEPT = (f"0a0a0a0a-{part}{str(uuid.uuid4())[13:]}" for part in ("1111", "2222"))


def leaves(command: Any = None, *names: str) -> Iterator[tuple[str, Any]]:
    """Every command that help shows, by its words."""
    command = command or typer.main.get_command(commands(None))
    if not hasattr(command, "commands"):
        yield " ".join(names), command
    for name, below in getattr(command, "commands", {}).items():
        if not below.hidden:
            yield from leaves(below, *names, name)


class Commands:
    """The commands on a database in which there is one of nearly everything."""

    def __init__(self, directory: Path) -> None:
        options = (
            "[DEFAULT]\ndelayed_delete = true\nscrub_time = 3600\n"
            f"image_cache_dir = {directory}/cache\n[replication:all]\nstores = file2\n"
        )
        config, _ = configure(directory, options=options)
        self._where = ["--config-file", str(config), "--data-dir", str(directory)]
        self._database = f"sqlite:///{directory}/imagestore.sqlite"
        self._links = str(directory / "links")
        self._metadefs = str(directory / "metadefs")
        assert self("db", "upgrade").returncode == 0
        self.job = asyncio.run(self._fill())

    def __call__(self, *words: str) -> Answer:
        given = [] if " ".join(words[:2]).removesuffix(" --json") in ELSEWHERE else self._where
        answer = run(*words, *given)
        assert "Traceback" not in answer.stderr, answer.stderr
        return answer

    def lines(self) -> Iterator[tuple[str, list[str]]]:
        """All commands, and with what each is run; first those with arguments, in this order."""
        arguments = {
            "db upgrade": [],
            "job list": [],
            "job show": [self.job[:8]],
            "scrub list": [],
            "image restore": [GONE[:13]],
            "job retry": [self.job],
            "job cancel": [self.job],
            "commands install": [self._links],
            "db relocate": ["/nowhere/a", "/nowhere/b"],
            "db export-metadefs": ["--path", self._metadefs],
            "patrol run": [KEPT[:13]],
            "policy check": ["--role", "admin", "--rule", "publicize_image"],
            "cache queue": [KEPT[:13]],
            "cache list": [],
            "cache delete": ["--all"],
            "cache pin": [KEPT[:13]],
            "cache unpin": [KEPT],
        }
        for name in (*arguments, *sorted(dict(leaves()).keys() - arguments - OWN_TESTS - WITHOUT)):
            yield name, [*name.split(), *arguments.get(name, [])]

    async def _fill(self) -> str:
        def fill(conn: Connection) -> str:
            for image_id in (GONE, KEPT):
                there = (Location(f"file:///nowhere/a/{image_id}", {"store": "file1"}),)
                image = samples.image(
                    id=image_id, status=ImageStatus.ACTIVE, locations=there, size=3 << 30
                )
                images.insert(conn, image)
            pending_deletes.delay(conn, GONE, now(), {image.status})
            job_id, _ = jobs.enqueue(conn, JobDraft("none", {}, KEPT), samples.MOMENT)
            conn.execute(update(schema.jobs).values(state=JobState.FAILED))
            return job_id

        async with samples.opened(self._database, upgrade=False) as database:
            return await database.write(fill)


@pytest.fixture
def imagestore(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


def test_every_command_has_json() -> None:
    found = dict(leaves())
    assert len(found) > 40
    options = {name: {o for each in one.params for o in each.opts} for name, one in found.items()}
    assert {name for name in options if "--json" not in options[name]} == WITHOUT


def test_every_command_prints_one_document(imagestore: Commands) -> None:
    for name, words in imagestore.lines():
        answer = imagestore(*words, "--json")
        assert answer.stdout, (name, answer)
        assert isinstance(json.loads(answer.stdout), dict | list)
        # A copy is nowhere.
        allowed = {0, 1} if name in ("store check", "patrol list", "scrub run") else {0}
        assert answer.returncode in allowed, (name, answer)


@pytest.mark.parametrize("columns", [0, 80])
def test_nothing_is_cut(
    imagestore: Commands, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """0: in a pipe."""
    monkeypatch.setattr(output, "_terminal_width", lambda: columns)
    for name, words in imagestore.lines():
        told = imagestore(*words).stdout
        if name not in WIDE:
            assert not set(told) & set("…│┃─━┏┌"), name
            for line in told.splitlines() if columns else ():
                # A word alone, or a sentence with an id or a path, is as long as it is.
                assert len(line) <= columns or "  " not in line.strip(), (name, line)
        for part, whole in ((GONE, "scrub list"), (imagestore.job, "job list")):
            assert name != whole or part in told


def test_the_beginning_of_an_id_is_enough_where_it_is_of_one(imagestore: Commands) -> None:
    [job] = json.loads(imagestore("job", "list", "--image", KEPT[:10], "--json").stdout)
    assert job["id"] == imagestore.job
    assert imagestore("job", "show", imagestore.job[:6]).returncode == 0
    for words in (["image", "restore"], ["cache", "pin"], ["patrol", "run"]):
        refused = imagestore(*words, KEPT[:8])
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == f"imagestore: Several ids begin with 0a0a0a0a: {GONE}, {KEPT}\n"
    assert imagestore("image", "restore", "0b").stderr.startswith("imagestore: ")
    assert GONE in imagestore("image", "restore", GONE[:10]).stdout
