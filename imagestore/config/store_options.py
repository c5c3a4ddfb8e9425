"""Options of stores: those that every store has, and those that its driver declares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from oslo_config import cfg, types

from imagestore.backends.base import Driver
from imagestore.config.settings import StoreAccess


def common() -> list[cfg.Opt]:
    """What the section of any store may say."""
    return [
        cfg.StrOpt("store_description", help="What callers are told of the store.", default=""),
        cfg.IntOpt(
            "weight",
            help="An image that is in several stores is read from the one that weighs most.",
            default=0,
        ),
        cfg.BoolOpt("read_only", help="Never write to the store or delete from it.", default=False),
        *access(),
    ]


def access() -> list[cfg.Opt]:
    """How a store is used; a field of :class:`StoreAccess` each, under :func:`access_option`."""
    return [
        _access(
            "call_timeout",
            cfg.FloatOpt,
            "Seconds within which the store has to answer anything but a transfer. 0: for ever.",
        ),
        _access(
            "progress_timeout",
            cfg.FloatOpt,
            "Seconds without a block taken or given after which a transfer is given up. 0: never.",
        ),
        _access("max_transfers", cfg.IntOpt, "Transfers at a time; others wait. 0: no limit."),
        _access("max_calls", cfg.IntOpt, "Other calls at a time; others wait. 0: no limit."),
        _access("queue_timeout", cfg.FloatOpt, "Seconds that they wait at most. 0: for ever."),
        _access(
            "retries",
            cfg.IntOpt,
            "How often a call is repeated that failed for a passing reason, within call_timeout.",
        ),
        _access(
            "failures",
            cfg.IntOpt,
            "Failures in a row after which the store counts as away: calls fail at once, and "
            "images are read from other stores, until it answers again. 0: never.",
        ),
        _access(
            "probe_interval",
            cfg.FloatOpt,
            "Seconds after which a store that is away is asked again; doubled up to a minute.",
        ),
    ]


def access_option(field: str) -> str:
    """The name of the option for a field of :class:`StoreAccess`."""
    return f"store_{field}"


def _access(field: str, kind: type[cfg.FloatOpt] | type[cfg.IntOpt], help_: str) -> cfg.Opt:
    (default,) = (spec.default for spec in fields(StoreAccess) if spec.name == field)
    opt: cfg.Opt = kind(access_option(field), help=help_, default=default, min=0)
    return opt


@dataclass(frozen=True, slots=True)
class DriverOption:
    """An option of a driver: the field of its settings, and how a file has it."""

    field: str
    opt: cfg.Opt
    inherits: tuple[str, str] | None = None
    """Section and name of the option that holds where this one is not set."""

    def to_setting(self, value: Any) -> Any:
        """The value of the option as the field of the settings wants it."""
        if isinstance(self.opt, cfg.MultiOpt):
            return tuple(word for line in value for word in line)
        return value

    def inherited(self, value: Any) -> Any:
        """The same of the value of the option that it inherits from, which is one list."""
        return tuple(map(str, value)) if isinstance(self.opt, cfg.MultiOpt) else value


def of(driver: Driver) -> Iterator[DriverOption]:
    """The options of a driver, from the fields of its settings that carry ``option()``."""
    hints = get_type_hints(driver.settings)
    for spec in fields(driver.settings):
        if "option" in spec.metadata:
            yield DriverOption(spec.name, _opt(spec, hints[spec.name]), spec.metadata["inherits"])


def _opt(spec: Field[Any], hint: Any) -> cfg.Opt:
    meta = spec.metadata
    keywords = {
        "help": meta["help"],
        "secret": meta["secret"],
        "default": _default(spec),
    }
    kind = _without_none(hint)
    limits = {"min": meta["minimum"], "max": meta["maximum"]}
    if kind is int:
        return cfg.IntOpt(meta["option"], **limits, **keywords)
    if kind is float:
        return cfg.FloatOpt(meta["option"], **limits, **keywords)
    if kind is bool:
        return cfg.BoolOpt(meta["option"], **keywords)
    if kind is str:
        return cfg.StrOpt(meta["option"], choices=meta["choices"] or None, **keywords)
    if get_origin(kind) is tuple:
        # Several values may be given in one line or in several lines.
        return cfg.MultiOpt(meta["option"], item_type=types.List(), **keywords)
    raise TypeError(f"option {meta['option']} has a type that no option can have: {hint}")


def _without_none(hint: Any) -> Any:
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    return kinds[0] if NoneType in get_args(hint) and len(kinds) == 1 else hint


def _default(spec: Field[Any]) -> Any:
    value = spec.default
    if spec.default_factory is not MISSING:
        value = spec.default_factory()
    if value is MISSING or value is None:
        return None
    if isinstance(value, tuple):
        return [list(value)] if value else []
    return value
