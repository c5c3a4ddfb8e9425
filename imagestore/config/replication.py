"""Rules of replication: sections ``[replication:NAME]`` of the configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from imagestore.config.option import Option, declared, option
from imagestore.config.source import ConfigSource

PREFIX = "replication:"
FIELDS = ("visibility", "tag", "owner", "name", "store")
"""What a condition may ask of an image, beside ``property:NAME``."""
PROPERTY = "property:"

_CONDITION = re.compile(r"\s*(?P<field>[^=!]*?)\s*(?P<operator>!?=)(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """``field=value|value``: one of the patterns fits; with ``negated`` (``!=``) none does.

    ``field`` is one of :data:`FIELDS` or :data:`PROPERTY` and a name.
    """

    field: str
    patterns: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """Which images shall have copies in which stores."""

    name: str
    stores: tuple[str, ...] = option((), help=
        "Ids of the stores of which each shall have a copy.")  # fmt: skip
    match: tuple[tuple[Condition, ...], ...] = option((), multiple=True, help=
        "Conditions on an image, separated by commas, which must all hold: "
        "visibility, tag, owner, name, store or property:NAME, then = or !=, then patterns "
        "(*, ? and [abc]) separated by |. Given several times, one line of them has to hold. "
        "Without it the rule is for every image.")  # fmt: skip
    """In the code a list of conditions for each line."""
    min_copies: int = option(1, minimum=1, help=
        "Copies of such an image, in whatever stores, below which none is removed.")  # fmt: skip


def options(section: str = "replication:NAME") -> list[Option]:
    return list(declared(Rule, section))


def read(source: ConfigSource, stores: Iterable[str], *, multiple: bool) -> tuple[Rule, ...]:
    """The rules in the order of the files. ``stores``: the ids of those that are configured.

    Raises :class:`imagestore.model.errors.ConfigurationError`.
    """
    known = frozenset(stores)
    return tuple(
        _rule(source, section, known, multiple=multiple) for section in source.sections(PREFIX)
    )


def parse(line: str) -> tuple[Condition, ...]:
    """The conditions of one ``match`` line. Raises ``ValueError`` with the reason."""
    return tuple(_condition(part) for part in line.split(",") if part.strip())


def _rule(source: ConfigSource, section: str, known: frozenset[str], *, multiple: bool) -> Rule:
    source.register(section, [option.opt for option in options(section)])
    name = section[len(PREFIX) :].strip()
    if not name:
        raise source.error(section, "stores", "a rule needs a name: [replication:NAME]")
    stores: list[str] = source.value(section, "stores")
    if not multiple:
        raise source.error(section, "stores", "rules need enabled_backends")
    if not stores:
        raise source.error(section, "stores", "is not set")
    if unknown := [store for store in stores if store not in known]:
        raise source.error(section, "stores", f"there is no store {', '.join(unknown)}")
    try:
        match = tuple(parse(line) for line in source.value(section, "match") if line.strip())
    except ValueError as error:
        raise source.error(section, "match", str(error)) from error
    return Rule(name, tuple(dict.fromkeys(stores)), match, source.value(section, "min_copies"))


def _condition(text: str) -> Condition:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text.strip()!r} is not of the form field=value")
    field = found["field"]
    if field not in FIELDS and not (field.startswith(PROPERTY) and field != PROPERTY):
        raise ValueError(f"{field!r} is none of {', '.join(FIELDS)}, {PROPERTY}NAME")
    patterns = tuple(part.strip() for part in found["value"].split("|"))
    if not all(patterns):
        raise ValueError(f"{text.strip()!r} names no value")
    return Condition(field, patterns, found["operator"] == "!=")
