"""What is loaded for lists at size has the skew that it says, and the verdict is the target's."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from benchmarks import databases
from benchmarks.results import Results
from benchmarks.scale import load, measure, report
from benchmarks.scale.lists import lists
from imagestore.database.schema import indexes_for
from imagestore.model.query import SORT_KEYS
from tests.services.databases import tables_in_a_file

NUMBER = 2000


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("scale") / "images.sqlite"
    file.write_bytes(tables_in_a_file())
    return f"sqlite:///{file}"


@pytest.fixture(scope="module")
def filled(url: str) -> str:
    loaded = load.fill(url, NUMBER, place="/somewhere")
    assert 0 < loaded.indexing < loaded.seconds
    return url


def one(url: str, sql: str) -> int:
    return int(databases.run(url, lambda conn: conn.execute(text(sql)).scalar()) or 0)


@pytest.mark.parametrize(
    ("number", "of"),
    [
        (NUMBER, "images"),
        (NUMBER // 10, "images WHERE owner = 'big'"),
        (NUMBER // 100, "images WHERE visibility = 'public'"),
        (NUMBER // 40, "images WHERE size IS NULL"),
        (50, "images WHERE created_at = '2025-01-01 00:00:07.000000'"),
        (load.PROPERTIES * NUMBER, "image_properties"),
        (NUMBER // 10, "image_tags WHERE value = 'tag-3'"),
        (NUMBER // 100, "image_tags WHERE value = 'public-only'"),
        (
            NUMBER // 100,
            "image_tags AS t JOIN images AS i ON i.id = t.image_id "
            "WHERE t.value = 'public-only' AND i.visibility = 'public'",
        ),
        (NUMBER, "image_locations WHERE value = 'file:///somewhere/' || image_id"),
        (NUMBER // 5, "image_members AS m JOIN images AS i ON i.id = m.image_id "
         "WHERE i.visibility = 'shared' AND m.member = 'friend'"),
    ],
)  # fmt: skip
def test_the_skew(filled: str, number: int, of: str) -> None:
    assert one(filled, f"SELECT count(*) FROM {of}") == number


def test_our_indexes_are_there_again_and_their_size_is_told(filled: str) -> None:
    names = ", ".join(f"'{index.name}'" for index in indexes_for("sqlite"))
    assert one(filled, f"SELECT count(*) FROM sqlite_master WHERE name IN ({names})") == len(
        indexes_for("sqlite")
    )
    everything, own = measure.sizes(filled)
    assert 0 < own < everything


def test_every_order_is_asked_for() -> None:
    asked = lists(NUMBER, "x")
    assert {f"sort={key}:{way}" for key in SORT_KEYS for way in ("asc", "desc")} <= {
        each.query for each in asked
    }
    assert len({each.title for each in asked}) == len(asked)


@pytest.mark.parametrize(
    ("first", "last", "longest", "holds"),
    [
        (0.010, 0.090, 0.5, True),
        (0.010, 0.110, 0.5, False),
        (0.060, 0.110, 0.5, True),
        (0.060, 0.110, 1.5, False),
    ],
)
def test_a_list_is_flat(first: float, last: float, longest: float, *, holds: bool) -> None:
    results = Results(facts={"sizes": [10_000, 1_000_000], "kinds": ["mariadb"]})
    results.add("plain", "mariadb-10000", {"p50": first, "p99": first, "max": first})
    results.add("plain", "mariadb-1000000", {"p50": last, "p99": last, "max": longest})
    assert report.holds(results, "plain", ["mariadb-10000", "mariadb-1000000"]) is holds
