"""Turns the rules that oslo.policy has parsed into plain functions.

oslo.policy inspects the signature of every check each time it is asked, which
makes one decision cost as much as the rest of a request. A rule compiled once
gives the same answers in about a microsecond.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

from oslo_config import cfg
from oslo_policy import _checks as kinds
from oslo_policy import policy as oslo

Values = Mapping[str, Any]
Predicate = Callable[[Values, Values], bool]
"""``(target, credentials) -> allowed``."""

_ONE_KEY = re.compile(r"%\(([^()]+)\)s")
_ABSENT = object()


class _Extensions(dict[str, Any]):
    """The kinds of checks that packages bring, each imported when a rule is of that kind.

    oslo.policy imports all of them at the first rule, and with ``http:`` the library requests.
    """

    def __getitem__(self, kind: str) -> Any:
        return super().__getitem__(kind).load()


if kinds.extension_checks is None:
    brought = entry_points(group="oslo.policy.rule_checks")
    kinds.extension_checks = _Extensions({each.name: each for each in brought})


def _type_of(text: str) -> type:
    """The class that oslo.policy parses a check of this form into."""
    return type(oslo.RuleDefault("any", text).check)


_TRUE = _type_of("@")
_FALSE = _type_of("!")
_ROLE = _type_of("role:any")
_GENERIC = _type_of("any:any")


class CycleError(ValueError):
    """A rule refers to itself, directly or through others."""


def compile_all(rules: Mapping[str, Any], missing: str | None = None) -> dict[str, Predicate]:
    """Functions for all parsed ``rules``, by name.

    A reference to a rule that does not exist means the rule ``missing``; refused
    if that is None. Raises :class:`CycleError`.
    """
    return _Compiler(rules, missing).compile_all()


class _Compiler:
    def __init__(self, rules: Mapping[str, Any], missing: str | None) -> None:
        self._rules = rules
        self._missing = missing
        self._done: dict[str, Predicate] = {}
        self._open: list[str] = []

    def compile_all(self) -> dict[str, Predicate]:
        for name in self._rules:
            self._rule(name)
        return self._done

    def _rule(self, name: str) -> Predicate:
        if name in self._done:
            return self._done[name]
        if name in self._open:
            raise CycleError(" -> ".join([*self._open, name]))
        self._open.append(name)
        self._done[name] = self._check(self._rules[name])
        self._open.pop()
        return self._done[name]

    def _check(self, check: Any) -> Predicate:
        if isinstance(check, oslo.OrCheck):
            return _any([self._check(part) for part in check.rules])
        if isinstance(check, oslo.AndCheck):
            return _all([self._check(part) for part in check.rules])
        if isinstance(check, oslo.NotCheck):
            return _not(self._check(check.rule))
        if isinstance(check, oslo.RuleCheck):
            return self._reference(check.match)
        kind = type(check)
        if kind is _TRUE:
            return _always
        if kind is _FALSE:
            return _never
        if kind is _ROLE:
            return _role(check.match)
        if kind is _GENERIC:
            return _generic(check.kind, check.match)
        return _foreign(check)

    def _reference(self, name: str) -> Predicate:
        if name in self._rules:
            return self._rule(name)
        return self._rule(self._missing) if self._missing is not None else _never


def references(check: Any) -> set[str]:
    """The names of the rules that a parsed check refers to."""
    if isinstance(check, oslo.RuleCheck):
        return {check.match}
    parts = [check.rule] if isinstance(check, oslo.NotCheck) else getattr(check, "rules", [])
    return {name for part in parts for name in references(part)}


def is_refusal(check: Any) -> bool:
    """Whether a check refuses always, which is also what an unreadable text is parsed into."""
    return type(check) is _FALSE


def _always(_target: Values, _credentials: Values) -> bool:
    return True


def _never(_target: Values, _credentials: Values) -> bool:
    return False


def _any(parts: list[Predicate]) -> Predicate:
    def any_of(target: Values, credentials: Values) -> bool:
        for part in parts:  # noqa: SIM110 - a generator costs more than the checks
            if part(target, credentials):
                return True
        return False

    return any_of


def _all(parts: list[Predicate]) -> Predicate:
    def all_of(target: Values, credentials: Values) -> bool:
        for part in parts:  # noqa: SIM110
            if not part(target, credentials):
                return False
        return True

    return all_of


def _not(part: Predicate) -> Predicate:
    return lambda target, credentials: not part(target, credentials)


def _role(match: str) -> Predicate:
    if "%" not in match:
        wanted = match.lower()
        return lambda _target, credentials: wanted in credentials.get("roles", ())

    def role(target: Values, credentials: Values) -> bool:
        try:
            return (match % target).lower() in credentials.get("roles", ())
        except KeyError:
            return False

    return role


def _generic(kind: str, match: str) -> Predicate:
    """``kind`` is a literal or the name of a credential; ``match`` may name keys of the target."""
    try:
        literal = str(ast.literal_eval(kind))
    except (ValueError, SyntaxError):
        return _credential(kind, match)
    if found := _ONE_KEY.fullmatch(match):
        key = found[1]
        return lambda target, _credentials: str(target.get(key, _ABSENT)) == literal

    def equals_literal(target: Values, _credentials: Values) -> bool:
        try:
            return match % target == literal
        except KeyError:
            return False

    return equals_literal


def _credential(name: str, match: str) -> Predicate:
    path = name.split(".")
    if len(path) == 1 and (found := _ONE_KEY.fullmatch(match)):
        return _same(name, found[1])

    def equals_credential(target: Values, credentials: Values) -> bool:
        try:
            return _reaches(credentials, path, match % target)
        except KeyError:
            return False

    return equals_credential


def _same(credential: str, key: str) -> Predicate:
    """The commonest check: this credential is that value of the target.

    Nothing equals nothing, but never the text "None", which a caller could send.
    """

    def same(target: Values, credentials: Values) -> bool:
        wanted = target.get(key, _ABSENT)
        has = credentials.get(credential, _ABSENT)
        if wanted is None or has is None:
            return wanted is has
        if wanted is _ABSENT or has is _ABSENT:
            return False
        if isinstance(has, list | tuple | set | frozenset):
            return str(wanted) in map(str, has)
        return str(wanted) == str(has)

    return same


def _reaches(value: Any, path: list[str], wanted: str) -> bool:
    """Whether walking ``path`` into ``value`` arrives at ``wanted``; lists are searched."""
    if isinstance(value, list | tuple | set | frozenset):
        return any(_reaches(item, path, wanted) for item in value)
    if not path:
        return str(value) == wanted
    if not isinstance(value, Mapping) or path[0] not in value:
        return False
    return _reaches(value[path[0]], path[1:], wanted)


def _foreign(check: Any) -> Predicate:
    """A check of another kind (``http:``, or one that a package brings): asked as it is."""
    conf = cfg.ConfigOpts()
    conf([], project="imagestore", default_config_files=[], default_config_dirs=[])
    enforcer = oslo.Enforcer(conf)

    def ask(target: Values, credentials: Values) -> bool:
        plain = {
            key: sorted(value) if isinstance(value, frozenset) else value
            for key, value in credentials.items()
        }
        return bool(check(target, plain, enforcer, str(check)))

    return ask
