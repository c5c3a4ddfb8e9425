"""Files of metadata definitions: one namespace each, in JSON, as ``glance-manage`` reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

import imagestore
from imagestore.api.texts import PLAIN, Texts
from imagestore.api.v2.metadefs.bodies import read_namespace
from imagestore.model.errors import Invalid
from imagestore.model.metadef import Association, Contents, MetadefObject, Namespace, NamespaceDraft

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
    told = {
        "namespace": namespace.namespace,
        "display_name": namespace.display_name,
        "description": namespace.description,
        "visibility": namespace.visibility,
        "protected": namespace.protected,
        "owner": namespace.owner,
        "resource_type_associations": [_association(one) for one in contents.associations],
        "properties": {one.name: one.definition for one in contents.properties},
        "objects": [_object(one) for one in contents.objects],
        "tags": [{"name": tag.name} for tag in contents.tags],
    }
    return dict(_without_nulls(told))


def _association(association: Association) -> dict[str, Any]:
    return dict(
        _without_nulls(
            {
                "name": association.name,
                "prefix": association.prefix,
                "properties_target": association.properties_target,
            }
        )
    )


def _object(item: MetadefObject) -> dict[str, Any]:
    told = {
        "name": item.name,
        "description": item.description,
        "required": item.required or None,
        "properties": item.properties or {},
    }
    return dict(_without_nulls(told))
