"""Upgrades of the tables, with alembic; no file of settings is needed.

Our revisions are counted in a table of our own. The peer's table of versions is
written only where we make the peer's tables, so that the peer finds them complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table

from imagestore.database import schema
from imagestore.database.migrations import replaced, versions
from imagestore.database.migrations.lock import hold
from imagestore.model.errors import ConfigurationError


class State(Enum):
    """What is found in a database, what to do about it, and the exit code that tells so.

    The codes are those of ``glance-manage db check``: 3 is the first step of an upgrade,
    5 the last.
    """

    OK = ("ok", "the tables are what this release needs.", 0)
    EMPTY = ("empty", "the database has no tables yet: run 'imagestore db upgrade'.", 3)
    BEHIND = ("behind", "the tables are of an older release: run 'imagestore db upgrade'.", 3)
    GLANCE = (
        "glance",
        "the tables are those of Glance 33, without what imagestore keeps beside them: run "
        "'imagestore db upgrade', which adds that, and leaves Glance's as they are.",
        3,
    )
    NEWER = ("newer", "the tables are of a newer release, beside which this one can serve.", 0)
    AHEAD = ("ahead", "the tables are of a newer release than this one.", 1)
    FOREIGN = (
        "foreign",
        "the tables are those of Glance, of another release than 33: "
        "run the 'glance-manage db sync' of Glance 33 first.",
        3,
    )
    HALF_WAY = (
        "half-way",
        "the tables are in between two releases of Glance: run 'glance-manage db contract' first.",
        5,
    )

    def __init__(self, word: str, advice: str, exit_code: int) -> None:
        self.word = word
        self.advice = advice
        self.exit_code = exit_code

    def serves(self, *, upgrades: bool) -> bool:
        """Whether a service can start with that. ``upgrades``: it brings tables up to date."""
        return self in (State.OK, State.NEWER) or (
            upgrades and self in (State.EMPTY, State.BEHIND, State.GLANCE)
        )


def upgrade(conn: Connection) -> None:
    """Bring the tables to this release, inside the transaction of the connection."""
    with hold(conn):
        state = check(conn)
        if state in (State.FOREIGN, State.HALF_WAY, State.AHEAD):
            raise ConfigurationError(f"[database] connection: {state.advice}")
        if state in (State.OK, State.NEWER):
            return
        # Only here: what has nothing to upgrade does without alembic, and what that brings along.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
        config.attributes["connection"] = conn
        command.upgrade(config, "head")
        if conn.dialect.name == "sqlite":
            replaced.drop(conn)  # there is no other node


def contract(conn: Connection) -> Sequence[str]:
    """Drop what only nodes of older releases need, inside the transaction of the connection; the
    names. :class:`ConfigurationError` unless the tables are those of this release."""
    with hold(conn):
        if (state := check(conn)) is not State.OK:
            raise ConfigurationError(f"[database] connection: {state.advice}")
        return replaced.drop(conn)


def version(conn: Connection) -> str | None:
    """The revision that the tables stand at; None if there are none of ours."""
    if not inspect(conn).has_table(schema.VERSION_TABLE):
        return None
    return conn.scalar(select(column("version_num")).select_from(table(schema.VERSION_TABLE)))


def check(conn: Connection) -> State:
    """What is in the database. Reads only."""
    tables = set(inspect(conn).get_table_names())
    if schema.images.name in tables:
        peer = _versions_of_peer(conn) if schema.peer_version.name in tables else ()
        if schema.PEER_REVISION not in peer:
            return State.HALF_WAY if schema.PEER_EXPANDED in peer else State.FOREIGN
    elif schema.VERSION_TABLE not in tables:
        return State.EMPTY
    at, known = version(conn), versions.known()
    if at is None:
        return State.BEHIND if schema.VERSION_TABLE in tables else State.GLANCE
    if at == known[-1]:
        return State.OK
    if at in known:
        return State.BEHIND
    return State.NEWER if at[0] == known[-1][0] else State.AHEAD


def _versions_of_peer(conn: Connection) -> Sequence[str]:
    return conn.execute(select(schema.peer_version.c.version_num)).scalars().all()
