"""The real Glance's own programs and database code, run on a database of a test."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CALL = """\
import json, sys
from glance.common import config
from glance.context import RequestContext
from glance.db.sqlalchemy import api
config.parse_args(["--config-file", sys.argv[1]])
admin = RequestContext(is_admin=True, project_id="admin", roles=["admin"])
answers = [getattr(api, name)(admin, **arguments)
           for name, arguments in json.loads(sys.stdin.read())]
json.dump(answers, sys.stdout, default=lambda rows: [r.to_dict() for r in rows]
          if isinstance(rows, list) else rows.to_dict() if hasattr(rows, "to_dict") else str(rows))
"""


@dataclass(frozen=True)
class Peer:
    """Glance 33 with its configuration pointing at one database."""

    venv: Path
    config: Path

    @classmethod
    def on(cls, venv: Path, directory: Path, connection: str) -> Peer:
        config = directory / "glance-api.conf"
        config.write_text(
            "[DEFAULT]\nenabled_backends = files:file\n"
            f"[database]\nconnection = {connection}\n"
            f"[files]\nfilesystem_store_datadir = {directory}\n"
            "[glance_store]\ndefault_backend = files\n"
        )
        return cls(venv, config)

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``glance-manage``, whatever it exits with."""
        command = [str(self.venv / "bin/glance-manage"), "--config-file", str(self.config)]
        return subprocess.run([*command, *arguments], capture_output=True, text=True)

    def sync(self) -> str:
        done = self.manage("db", "sync")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def call(self, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
        """Functions, each with its arguments, of Glance's module for database access."""
        done = subprocess.run(
            [self.venv / "bin/python", "-c", CALL, self.config],
            input=json.dumps(calls),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        answers: list[Any] = json.loads(done.stdout)
        return answers
