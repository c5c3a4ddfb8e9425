"""What an option is: its place in the file, and the setting that it fills."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from oslo_config import cfg, types


@dataclass(frozen=True, slots=True)
class Option:
    """An option in ``[group]``; ``into`` and ``attribute`` name its settings field, if any."""

    group: str
    opt: cfg.Opt
    into: type[Any] | None = None
    attribute: str = ""


def fill(
    into: type[Any],
    group: str,
    name: str,
    kind: Any,
    help: str,
    *,
    attribute: str = "",
    formerly: tuple[tuple[str, str], ...] = (),
    **limits: Any,
) -> Option:
    """An option that fills a field of a settings class, and takes its default from there."""
    attribute = attribute or name
    return Option(
        group, _opt(name, kind, help, _default(into, attribute), formerly, limits), into, attribute
    )


def also(
    group: str,
    name: str,
    kind: Any,
    help: str,
    default: Any = None,
    *,
    formerly: tuple[tuple[str, str], ...] = (),
    **more: Any,
) -> Option:
    """An option that :mod:`imagestore.config.load` works into the settings by itself."""
    return Option(group, _opt(name, kind, help, default, formerly, more))


def _opt(
    name: str,
    kind: Any,
    help: str,
    default: Any,
    formerly: Iterable[tuple[str, str]],
    more: dict[str, Any],
) -> cfg.Opt:
    old = [cfg.DeprecatedOpt(old_name, group=old_group) for old_group, old_name in formerly]
    keywords = {"help": help, "default": default, "deprecated_opts": old, **more}
    if isinstance(kind, types.ConfigType):
        return cfg.Opt(name, type=kind, **keywords)
    opt: cfg.Opt = kind(name, **keywords)
    return opt


def _default(into: type[Any], attribute: str) -> Any:
    """The default of the settings field in the form in which a file has it."""
    (spec,) = (spec for spec in fields(into) if spec.name == attribute)
    value = spec.default
    if spec.default_factory is not MISSING:
        value = spec.default_factory()
    if value is MISSING:
        raise TypeError(f"{into.__name__}.{attribute} has no plain default")
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path) else value
