"""Metadata definitions from files and into files, also those of the real glance-manage."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from imagestore.api.v2.metadefs.views import show_namespace
from imagestore.catalog.metadefs import loading
from imagestore.cli.metadef_files import shipped
from tests.cli.test_commands import Answer, run
from tests.database import samples
from tests.database.peer import Peer

FILE: dict[str, Any] = {
    "namespace": "Our::Own",
    "display_name": "Before",
    "description": "é",
    "visibility": "public",
    "protected": True,
    "owner": "red",
    "resource_type_associations": [{"name": "OS::Glance::Image", "prefix": "x_"}],
    "properties": {"p": {"title": "Before", "type": "integer", "minimum": 1, "default": "5"}},
    "objects": [
        {
            "name": "o",
            "description": "Before",
            "required": ["q"],
            "properties": {"q": {"title": "Q", "type": "string", "enum": ["a", "b"]}},
        }
    ],
    "tags": [{"name": "t"}],
}
NEWER: dict[str, Any] = {
    "namespace": "Our::Own",
    "display_name": "After",
    "visibility": "private",
    "resource_type_associations": [
        {"name": "OS::Glance::Image", "prefix": "y_"},
        {"name": "OS::Nova::Flavor"},
    ],
    "properties": {
        "p": {"title": "After", "type": "string"},
        "r": {"title": "R", "type": "string"},
    },
    "objects": [{"name": "o", "properties": {}}, {"name": "o2", "properties": {}}],
    "tags": [{"name": "T"}, {"name": "t2"}],
}


def write(directory: Path, *contents: Any) -> Path:
    directory.mkdir(exist_ok=True)
    for number, content in enumerate(contents):
        text = content if isinstance(content, str) else json.dumps(content)
        (directory / f"{number}.json").write_text(text)
    return directory


def command(place: Path, *arguments: str) -> str:
    """Run ``imagestore db``, which must succeed, on a database in ``place``."""
    answer = run("db", *arguments, "--data-dir", str(place))
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def exported(place: Path) -> dict[str, Any]:
    """All that is in the database, by namespace, as ``export-metadefs`` tells it."""
    command(place, "export-metadefs", "--path", str(place / "exported"))
    files = [json.loads(path.read_text()) for path in (place / "exported").glob("*.json")]
    return {file["namespace"]: file for file in files}


def load(place: Path, content: Any, *options: str) -> str:
    source = write(place / "source", content)
    return command(place, "load-metadefs", "--path", str(source), *options)


def test_the_shipped_set_is_loaded_once(tmp_path: Path) -> None:
    files = {path: json.loads(path.read_text()) for path in shipped().glob("*.json")}
    assert len(files) >= 5
    first = command(tmp_path, "load-metadefs")
    again = command(tmp_path, "load-metadefs")
    assert first.count(": created") == again.count(": left as it is") == len(files)
    found = exported(tmp_path)
    assert found == {
        file["namespace"]: {"owner": "admin", "objects": [], "tags": [], **file}
        for file in files.values()
    }


def test_what_is_exported_is_what_was_loaded(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for place in (first, second):
        place.mkdir()
    load(first, FILE)
    assert exported(first) == {"Our::Own": FILE}
    command(second, "load_metadefs", "--path", str(first / "exported" / "Our-Own.json"))
    assert exported(second) == {"Our::Own": FILE}


def test_skip(tmp_path: Path) -> None:
    load(tmp_path, FILE)
    assert load(tmp_path, NEWER) == "Our::Own: left as it is\n"
    assert exported(tmp_path) == {"Our::Own": FILE}


def test_merge_adds_what_is_missing(tmp_path: Path) -> None:
    load(tmp_path, FILE)
    load(tmp_path, NEWER, "--merge")
    assert exported(tmp_path)["Our::Own"] == FILE | {
        "resource_type_associations": [
            *FILE["resource_type_associations"], {"name": "OS::Nova::Flavor"},
        ],
        "properties": FILE["properties"] | {"r": NEWER["properties"]["r"]},
        "objects": [*FILE["objects"], {"name": "o2", "properties": {}}],
        "tags": [{"name": "t2"}, {"name": "t"}],
    }  # fmt: skip


@pytest.mark.parametrize("spelling", ["--prefer-new", "--prefer_new"])
def test_prefer_new_changes_what_is_there(tmp_path: Path, spelling: str) -> None:
    kept = {"properties": {"old": {"title": "Old", "type": "string"}, **FILE["properties"]}}
    load(tmp_path, FILE | kept)
    load(tmp_path, NEWER, "--merge", spelling)
    assert exported(tmp_path)["Our::Own"] == NEWER | {
        "owner": "admin",
        "protected": False,
        "properties": NEWER["properties"] | {"old": kept["properties"]["old"]},
        "tags": [{"name": "t2"}, {"name": "t"}],
    }


def test_overwrite_makes_it_anew(tmp_path: Path) -> None:
    load(tmp_path, FILE)
    assert load(tmp_path, NEWER, "--merge", "--overwrite") == "Our::Own: overwritten\n"
    assert exported(tmp_path)["Our::Own"] == NEWER | {
        "owner": "admin",
        "protected": False,
        "tags": [{"name": "t2"}, {"name": "T"}],
    }


def test_unload(tmp_path: Path) -> None:
    load(tmp_path, FILE)
    assert command(tmp_path, "unload-metadefs").startswith("1 ")
    assert command(tmp_path, "unload_metadefs").startswith("0 ")
    assert command(tmp_path, "export_metadefs", "--path", str(tmp_path / "none")) == ""
    load(tmp_path, FILE)


def test_a_file_that_cannot_be_used_does_not_keep_the_others_out(tmp_path: Path) -> None:
    bad: list[Any] = [
        "{",
        "[]",
        {"display_name": "x"},
        {"namespace": "n" * 81},
        {"namespace": "a", "properties": {"p": {"title": "T"}}},
        {"namespace": "b", "objects": [{"name": "o"}, {"name": "o"}]},
        {"namespace": "c", "tags": [{"name": "t"}, {"name": "T"}]},
        {"namespace": "d", "created_at": "x"},
        {"namespace": "e", "description": "🎉"},
    ]
    source = write(tmp_path / "source", *bad, FILE)
    answer = run("db", "load-metadefs", "--path", str(source), "--data-dir", str(tmp_path))
    assert answer.returncode == 1
    assert answer.stdout == "Our::Own: created\n"
    told = answer.stderr.splitlines()
    assert len(told) == len(bad)
    for number, line in enumerate(told):
        assert line.startswith(f"{source}/{number}.json: ")
    assert exported(tmp_path).keys() == {"Our::Own"}


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--prefer-new"], 2),
        (["--overwrite"], 2),
        (["--merge", "--prefer-new", "--overwrite"], 2),
        (["--path", "{place}/nowhere"], 1),
        (["--path", "{place}"], 1),
    ],
)
def test_what_cannot_be_done_is_told(tmp_path: Path, options: list[str], code: int) -> None:
    given = [option.format(place=tmp_path) for option in options]
    answer = run("db", "load-metadefs", *given, "--data-dir", str(tmp_path))
    assert answer.returncode == code
    assert answer.stderr.strip()
    assert "Traceback" not in answer.stderr


def test_the_configured_directory(tmp_path: Path) -> None:
    source = write(tmp_path / "source", FILE)
    config = tmp_path / "glance-api.conf"
    config.write_text(f"[DEFAULT]\nmetadata_source_path = {source}\n")
    place = ("--config-file", str(config), "--data-dir", str(tmp_path))
    assert run("db", "load-metadefs", *place).stdout == "Our::Own: created\n"
    assert run("db", "export-metadefs", *place).stdout == f"{source}/Our-Own.json\n"


def test_namespaces_of_like_names_have_files_of_their_own(tmp_path: Path) -> None:
    like = ["a/b", "a:b", "a-b", "../a", "...", "日本"]
    source = write(tmp_path / "source", *({"namespace": name} for name in like))
    command(tmp_path, "load-metadefs", "--path", str(source))
    assert exported(tmp_path).keys() == set(like)
    assert len(list((tmp_path / "exported").iterdir())) == len(like)


def test_files_that_say_nothing_by_null(tmp_path: Path) -> None:
    """As glance-manage exported them while it could."""
    file = {
        "namespace": "a",
        "display_name": "A",
        "description": None,
        "visibility": None,
        "protected": False,
        "resource_type_associations": [{"name": "t", "prefix": None, "properties_target": None}],
        "properties": {"p": {"title": "P", "type": "integer", "default": 5}},
        "objects": [{"name": "o", "description": None, "properties": None}],
        "tags": [],
    }
    load(tmp_path, file)
    found = exported(tmp_path)["a"]
    assert found["visibility"] == "private"
    assert found["resource_type_associations"] == [{"name": "t"}]
    assert found["objects"] == [{"name": "o", "properties": {}}]
    assert found["properties"]["p"]["default"] == "5"


# With the real glance-manage.


@pytest.fixture(scope="module")
def venv() -> Path:
    from tests.services import glance

    return glance.venv()


@pytest.fixture
def peer(venv: Path, tmp_path: Path) -> Peer:
    """Glance on an empty database of its own."""
    from tests.services import glance

    place = tmp_path / "peer"
    place.mkdir()
    glance.copy_tables(place / "images.sqlite")
    return Peer.on(venv, place, samples.url(place))


async def shown(place: Path) -> dict[str, Any]:
    """All definitions in the database there, as the API shows them, but for times."""
    async with samples.opened(samples.url(place)) as database:
        everything = await database.read(loading.dump)
    return {
        namespace.namespace: _timeless(show_namespace(namespace, contents))
        for namespace, contents in everything
    }


def _timeless(view: Any) -> Any:
    if isinstance(view, dict):
        return {
            name: _timeless(value)
            for name, value in view.items()
            if name not in ("created_at", "updated_at")
        }
    if isinstance(view, list):
        # Resource types come in the order in which they were first named, in whatever file.
        return sorted((_timeless(item) for item in view), key=str)
    return view


async def ours(tmp_path: Path) -> Path:
    """A configuration with a database of ours beside that of the peer."""
    place = tmp_path / "ours"
    place.mkdir()
    config = place / "imagestore.conf"
    config.write_text(f"[database]\nconnection = {samples.url(place)}\n")
    return config


async def beside(*args: str) -> Answer:
    """Run the command, which has an event loop of its own."""
    return await asyncio.to_thread(run, *args)


def loaded_by(peer: Peer, *arguments: str) -> None:
    done = peer.manage("db", "load_metadefs", *arguments)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.service
async def test_files_of_glance_are_loaded_as_it_loads_them(
    peer: Peer, venv: Path, tmp_path: Path
) -> None:
    files = venv / "etc" / "glance" / "metadefs"
    config = await ours(tmp_path)
    loaded_by(peer, "--path", str(files))
    answer = await beside("db", "load-metadefs", "--path", str(files), "--config-file", str(config))
    assert answer.returncode == 0, answer.stderr
    theirs, mine = await shown(tmp_path / "peer"), await shown(tmp_path / "ours")
    assert len(theirs) >= 30
    assert mine == theirs


@pytest.mark.service
async def test_glance_loads_what_we_export(peer: Peer, tmp_path: Path) -> None:
    config = await ours(tmp_path)
    source = write(tmp_path / "source", FILE)
    place = ("--config-file", str(config))
    for arguments in (
        ("load-metadefs",),
        ("load-metadefs", "--path", str(source)),
        ("export-metadefs", "--path", str(tmp_path / "exported")),
    ):
        assert (await beside("db", *arguments, *place)).returncode == 0
    loaded_by(peer, "--path", str(tmp_path / "exported"))
    theirs, mine = await shown(tmp_path / "peer"), await shown(tmp_path / "ours")
    # glance-manage reads over the required names of objects.
    mine["Our::Own"]["objects"][0]["required"] = ()
    theirs["Our::Own"]["objects"][0]["required"] = ()
    assert theirs == mine


@pytest.mark.service
async def test_glance_reads_what_we_loaded(peer: Peer, tmp_path: Path) -> None:
    source = write(tmp_path / "source", FILE)
    place = ("--config-file", str(tmp_path / "peer" / "ours.conf"))
    (tmp_path / "peer" / "ours.conf").write_text(
        f"[database]\nconnection = {samples.url(tmp_path / 'peer')}\nauto_upgrade = true\n"
    )
    for path in ((), ("--path", str(source))):
        answer = await beside("db", "load-metadefs", *path, *place)
        assert answer.returncode == 0, answer.stderr
    namespaces, objects, properties, tags, types = peer.call(
        ("metadef_namespace_get_all", {"sort_key": "namespace", "sort_dir": "asc"}),
        ("metadef_object_get_all", {"namespace_name": "Our::Own"}),
        ("metadef_property_get_all", {"namespace_name": "Our::Own"}),
        ("metadef_tag_get_all", {"namespace_name": "Our::Own", "sort_key": "name"}),
        (
            "metadef_resource_type_association_get_all_by_namespace",
            {"namespace_name": "Our::Own"},
        ),
    )
    assert {"Our::Own", "OS::Compute::Watchdog"} <= {one["namespace"] for one in namespaces}
    [item] = objects
    assert (item["required"], item["json_schema"]) == ("q", FILE["objects"][0]["properties"])
    assert [one["json_schema"] for one in properties] == [FILE["properties"]["p"]]
    assert [tag["name"] for tag in tags] == ["t"]
    assert [(one["name"], one["prefix"]) for one in types] == [("OS::Glance::Image", "x_")]
    done = peer.manage("db", "unload_metadefs")
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(tmp_path / "peer" / "images.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM metadef_namespaces").fetchone() == (0,)
