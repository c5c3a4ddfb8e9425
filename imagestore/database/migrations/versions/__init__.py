"""The revisions, in the order of their numbers.

0001 to 0007 make what is missing of the tables of the release that runs them. Nobody has older
tables of ours, and in a new database 0001 makes them all, so for these that is enough.

A later one stands for ever, so it does not look at the living schema, which goes on changing:
it writes out its tables and columns as they are on its day (``sa.Table`` in a ``MetaData`` of its
own, ``op.add_column``), and imports nothing of imagestore. It makes only what is missing, since
0001 has made it in a new database: ``table.create(conn, checkfirst=True)``, and for a column
a look into ``inspect(conn).get_columns(…)``. That the tables of 0007, once
upgraded, are those of a new database is what ``tests/database/test_frozen.py`` compares.

Nodes of two releases share the tables while they are upgraded one after the other, and those of
the older one may be started again. So a revision only adds what the code of the release before
does without: no column that has to be given; an index that is not needed any more goes into
:mod:`..replaced`. One that has to break this has a number that begins with the next digit: releases
before it refuse such tables, and serve on all others (:class:`..State`).
``tests/e2e/test_upgrade.py`` has both releases do each other's work.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def known() -> tuple[str, ...]:
    """All revisions, oldest first: the numbers in the names of their files."""
    return tuple(
        sorted(file.name.partition("_")[0] for file in Path(__path__[0]).glob("[0-9]*.py"))
    )
