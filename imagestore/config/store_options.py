"""Options of stores: those that every store has, and those that its driver declares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, dataclass, fields
from typing import Any, get_origin, get_type_hints

from oslo_config import cfg, types

from imagestore.backends.base import Driver
from imagestore.config.option import Option, declared, opt
from imagestore.config.settings import StoreAccess, StoreSection


def common(section: str) -> list[Option]:
    """What the section of any store may say."""
    return [*declared(StoreSection, section), *access(section)]


def access(section: str) -> list[Option]:
    """How a store is used."""
    return list(declared(StoreAccess, section, "store_"))


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
            made = (
                _lines(spec)
                if get_origin(hints[spec.name]) is tuple
                else opt(spec, hints[spec.name])
            )
            yield DriverOption(spec.name, made, spec.metadata["inherits"])


def _lines(spec: Field[Any]) -> cfg.Opt:
    """A list, of which several values may be given in one line or in several lines."""
    made = opt(spec, tuple[str, ...])
    default = [made.default] if made.default else []
    return cfg.MultiOpt(
        made.name, item_type=types.List(), help=made.help, secret=made.secret, default=default
    )
