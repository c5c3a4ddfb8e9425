"""An option is a field of a settings class, and declared there, once.

    interval: float = option(300.0, group="imagestore", minimum=1, help="Seconds …")

What reads a file, checks it, shows it and makes the sample is derived from that; so it is for
what drivers declare (:func:`imagestore.backends.base.option`, which this extends).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_type_hints

from oslo_config import cfg, types

from imagestore.backends import base
from imagestore.config.source import ConfigSource
from imagestore.config.value_types import HostPort, Numbers, Pairs, Ports, Quantity, Words

T = TypeVar("T")

_THE_SAME = object()
_KINDS: dict[Any, type[types.ConfigType]] = {
    bool: types.Boolean,
    str: types.String,
    Path: types.String,
    tuple[str, ...]: Words,
    tuple[int, ...]: Ports,
    tuple[str, int]: HostPort,
    Mapping[str, str]: Pairs,
    Mapping[str, int]: Numbers,
}
"""What a file has for a field of that type; numbers have bounds."""


def option(
    default: Any,
    *,
    help: str,
    group: str = "",
    name: str = "",
    kind: types.ConfigType | None = None,
    multiple: bool = False,
    formerly: tuple[tuple[str, str], ...] = (),
    unset: Any = _THE_SAME,
    secret: bool = False,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str = "",
) -> Any:
    """A field of a settings class that is an option of the service, as an operator sets it.

    ``group`` and ``name``: where it stands in a file, if not in the section of its class under
    the name of the field. ``kind``: how its text is read, if the type of the field does not say
    that. ``multiple``: it may be given several times. ``formerly``: sections and names that it
    had, which are understood and warned of. ``unset``: what it is in a file that does not set
    it, if that is not yet the default of the field. ``unit``: what a plain number counts, one of
    those that :class:`imagestore.config.value_types.Quantity` knows; the text may name another.
    """
    return base.option(
        default, help=help, name=name, secret=secret, minimum=minimum, maximum=maximum,
        choices=choices, unit=unit, group=group, kind=kind, multiple=multiple, formerly=formerly,
        unset=unset,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Option:
    """``opt`` stands in ``[group]`` and fills ``attribute`` of the settings class ``into``."""

    group: str
    opt: cfg.Opt
    into: type[Any]
    attribute: str


def declared(into: type[Any], section: str, prefix: str = "") -> Iterator[Option]:
    """The options among the fields of a settings class; ``prefix``: of all their names."""
    hints = get_type_hints(into)
    for spec in fields(into):
        if "option" in spec.metadata:
            group = spec.metadata.get("group") or section
            yield Option(group, opt(spec, hints[spec.name], prefix), into, spec.name)


def build(source: ConfigSource, into: type[T], options: Iterable[Option], **given: Any) -> T:
    """The settings with every field that is one of ``options``, and those that are ``given``."""
    hints = get_type_hints(into)
    values = {
        each.attribute: _typed(source.value(each.group, each.opt.dest), hints[each.attribute])
        for each in options
        if each.into is into
    }
    return into(**values, **given)


def opt(spec: Field[Any], hint: Any, prefix: str = "") -> cfg.Opt:
    """The option of oslo.config that a field declares; ``hint``: its type."""
    meta = spec.metadata
    name = prefix + (meta["option"] or spec.name)
    former = [
        cfg.DeprecatedOpt(old_name, group=old_group)
        for old_group, old_name in meta.get("formerly", ())
    ]
    keywords = {
        "help": meta["help"],
        "secret": meta["secret"],
        "default": _default(spec),
        "deprecated_opts": former,
    }
    if meta.get("multiple"):
        return cfg.MultiStrOpt(name, **keywords)
    return cfg.Opt(name, type=meta.get("kind") or _kind(hint, meta), **keywords)


def plain(hint: Any) -> Any:
    """The type of a field that may be None as well."""
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    return kinds[0] if NoneType in get_args(hint) and len(kinds) == 1 else hint


def _kind(hint: Any, meta: Mapping[str, Any]) -> types.ConfigType:
    kind = plain(hint)
    if kind in (int, float):
        unit = meta.get("unit", "")
        return Quantity(kind, unit=unit, min=meta["minimum"], max=meta["maximum"])
    if kind not in _KINDS:
        raise TypeError(f"option {meta['option']} has a type that no option can have: {hint}")
    if meta["choices"]:
        return types.String(choices=meta["choices"])
    return _KINDS[kind]()


def _default(spec: Field[Any]) -> Any:
    """The default in the form in which a file has it."""
    value = spec.metadata.get("unset", _THE_SAME)
    if value is not _THE_SAME:
        return value
    value = spec.default if spec.default_factory is MISSING else spec.default_factory()
    if value is MISSING:
        return None
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value


def _typed(value: Any, hint: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if plain(hint) is Path:
        return Path(value).expanduser() if value else None
    return value
