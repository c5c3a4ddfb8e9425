"""Property protections: who may create, read, update and delete which custom properties.

The file is Glance's ``property_protection_file``: each section is a regular expression that
is searched for in the name, the first that is found counts, and a name that none of them
fits is for nobody. Each of the four operations names roles (format ``roles``) or one
policy rule (format ``policies``); ``@`` is everyone, ``!`` nobody.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from imagestore.identity.caller import Caller
from imagestore.identity.policy import Policy
from imagestore.model.errors import ConfigurationError

Operation = Literal["create", "read", "update", "delete"]
OPERATIONS: tuple[Operation, ...] = ("create", "read", "update", "delete")

_OURS = re.compile(r"\Aos_glance")
"""Names that the service keeps for itself; the schema refuses them to callers."""


@dataclass(frozen=True, slots=True)
class _Section:
    pattern: re.Pattern[str]
    permitted: Mapping[Operation, frozenset[str]]


class Protections:
    """The rules of one file, or none."""

    def __init__(self, path: Path | None, form: str, policy: Policy) -> None:
        """Raises :class:`ConfigurationError` that names what is wrong in the file."""
        self._by_policy = form == "policies"
        self._policy = policy
        self._sections = _read(path, self._by_policy) if path is not None else ()
        self.in_force = path is not None
        if self._by_policy:
            self._require_rules(path)

    def allows(self, operation: Operation, name: str, caller: Caller) -> bool:
        """Whether the caller may do that to custom properties of that name."""
        if not self.in_force or _OURS.match(name):
            return True
        found = next((each for each in self._sections if each.pattern.search(name)), None)
        permitted = found.permitted[operation] if found else frozenset()
        if "!" in permitted:
            return False
        if "@" in permitted:
            return True
        if self._by_policy:
            return any(self._policy.allows(rule, caller, {}) for rule in permitted)
        return bool(permitted & (caller.roles | caller.service_roles))

    def readable(self, properties: Mapping[str, str], caller: Caller) -> dict[str, str]:
        """The properties that the caller may see."""
        return {
            name: value for name, value in properties.items() if self.allows("read", name, caller)
        }

    def _require_rules(self, path: Path | None) -> None:
        known = {rule.name for rule in self._policy.in_force()}
        for section in self._sections:
            for rules in section.permitted.values():
                for rule in rules - {"@", "!"} - known:
                    raise ConfigurationError(
                        f"[DEFAULT] property_protection_file {path}: [{section.pattern.pattern}] "
                        f"names the policy rule {rule!r}, which does not exist."
                    )


def _read(path: Path, by_policy: bool) -> tuple[_Section, ...]:
    where = f"[DEFAULT] property_protection_file {path}"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_file(file)
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise ConfigurationError(f"{where} cannot be read: {error}") from error
    sections = []
    for name in parser.sections():
        try:
            pattern = re.compile(name)
        except re.error as error:
            raise ConfigurationError(
                f"{where}: [{name}] is not a regular expression: {error}"
            ) from error
        permitted: dict[Operation, frozenset[str]] = {}
        for operation in OPERATIONS:
            value = parser.get(name, operation, fallback=None)
            if value is None:
                raise ConfigurationError(f"{where}: [{name}] has no {operation}.")
            permitted[operation] = _permitted(value, by_policy, f"{where}: [{name}] {operation}")
        sections.append(_Section(pattern, permitted))
    return tuple(sections)


def _permitted(value: str, by_policy: bool, where: str) -> frozenset[str]:
    if by_policy and "," in value:
        raise ConfigurationError(f"{where}: one policy rule is named, not {value!r}.")
    names = {name for part in value.split(",") if (name := part.strip())}
    if {"@", "!"} <= names:
        raise ConfigurationError(f"{where}: everyone (@) and nobody (!) exclude each other.")
    return frozenset(names) if by_policy else frozenset(name.lower() for name in names)
