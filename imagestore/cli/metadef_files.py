"""Files of metadata definitions: one namespace each, in JSON, as ``glance-manage`` reads them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

import imagestore
from imagestore.api.texts import PLAIN, Texts
from imagestore.api.v2.metadefs.bodies import read_namespace
from imagestore.model.errors import Invalid
from imagestore.model.metadef import Contents, Namespace, NamespaceDraft

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_UNFIT = re.compile(r"[^\w.-]+")


def shipped() -> Path:
    """The directory of the definitions that come with this package."""
    package = Path(imagestore.__file__).parent
    installed = package / "conf" / "metadefs"
    return installed if installed.is_dir() else package.parent / "conf" / "metadefs"


def find(path: Path) -> list[Path]:
    """The file, or all ``*.json`` of the directory. Raises :class:`Invalid` if there is none."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise Invalid(f"{path} is neither a file nor a directory.")
    found = sorted(path.glob("*.json"))
    if not found:
        raise Invalid(f"There is no *.json in {path}.")
    return found


def read(path: Path, texts: Texts = PLAIN) -> tuple[NamespaceDraft, Contents]:
    """What is in one file. Raises an :class:`imagestore.model.errors.ImagestoreError`."""
    try:
        body = orjson.loads(path.read_bytes())
    except OSError as error:
        raise Invalid(f"It cannot be read: {error.strerror}.") from error
    except orjson.JSONDecodeError as error:
        raise Invalid(f"It is no JSON: {error}.") from error
    return read_namespace(_told(body), texts)


def write(directory: Path, everything: Iterable[tuple[Namespace, Contents]]) -> list[Path]:
    """Write a file for each namespace, over one of the same name; the files."""
    directory.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for namespace, contents in everything:
        path = _free(directory, namespace.namespace, written)
        text = orjson.dumps(_to_json(namespace, contents), option=orjson.OPT_INDENT_2)
        path.write_bytes(text + b"\n")
        written.append(path)
    return written


def _told(body: Any) -> Any:
    """``body`` without what older files say nothing of by ``null``."""
    if not isinstance(body, dict):
        return body
    told = _without_nulls(body)
    for name in ("resource_type_associations", "objects", "tags"):
        if isinstance(told.get(name), list):
            told[name] = [_without_nulls(item) for item in told[name]]
    return told


def _without_nulls(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return {name: value for name, value in item.items() if value is not None}


def _free(directory: Path, name: str, taken: list[Path]) -> Path:
    """A path that says which namespace it is and that no other has in this run."""
    stem = _UNFIT.sub("-", name).strip("-.") or "namespace"
    path, number = directory / f"{stem}.json", 1
    while path in taken:
        number += 1
        path = directory / f"{stem}-{number}.json"
    return path


def _to_json(namespace: Namespace, contents: Contents) -> dict[str, Any]:
    return _written(namespace) | {
        "resource_type_associations": [_written(one) for one in contents.associations],
        "properties": {one.name: one.definition for one in contents.properties},
        "objects": [{"properties": {}} | _written(one) for one in contents.objects],
        "tags": [_written(tag) for tag in contents.tags],
    }


def _written(record: DataclassInstance) -> dict[str, Any]:
    """What there is to say of it, but for what is another's when it is loaded."""
    return {
        name: value
        for name, value in dataclasses.asdict(record).items()
        if value not in (None, ()) and name not in ("id", "created_at", "updated_at")
    }
