"""What a caller may do: the built-in rules, overridden by policy files.

Files are those of oslo.policy: ``policy.yaml`` (or JSON) and the files of
``policy_dirs`` in order of their names, later ones winning. A missing file is
no error. A changed file is read again without a restart.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from oslo_policy import policy as oslo

from imagestore.config.settings import Identity
from imagestore.identity import checks
from imagestore.identity.caller import Caller
from imagestore.identity.rules import RULES
from imagestore.model.errors import ConfigurationError, Forbidden
from imagestore.model.image import Image

log = logging.getLogger(__name__)

LOOK_INTERVAL = 1.0
"""Seconds between two looks at the files."""

_PROJECT_SCOPED = frozenset(rule.name for rule in RULES if rule.project_scoped)
_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class InForce:
    """A rule as it is in force; ``origin`` is the file that sets it, None for a built-in one."""

    name: str
    check: str
    origin: Path | None


@cache
def _built_in() -> dict[str, Any]:
    """The parsed rules; nobody changes what is returned."""
    return {rule.name: oslo.RuleDefault(rule.name, rule.check).check for rule in RULES}


@cache
def _built_in_compiled() -> dict[str, checks.Predicate]:
    """What they come to where no file overrides any: workers inherit it. Nobody changes it."""
    return checks.compile_all(_built_in())


_Fingerprint = tuple[tuple[str, int, int, int], ...]


class Policy:
    """Answers whether a caller passes a rule. Safe to use from several threads."""

    def __init__(self, settings: Identity) -> None:
        """Raises :class:`ConfigurationError` if a policy file cannot be used."""
        self._settings = settings
        self._fingerprint = self._look()
        self._predicates = self._load()
        self._next_look = time.monotonic() + LOOK_INTERVAL

    def allows(self, rule: str, caller: Caller, target: Mapping[str, Any]) -> bool:
        """Whether ``caller`` passes ``rule`` on ``target``. An unknown rule is a KeyError."""
        self._refresh()
        credentials = caller.credentials
        if rule in _PROJECT_SCOPED and (
            credentials.get("domain_id") or credentials.get("system_scope")
        ):
            return False
        return self._predicates[rule](target, credentials)

    def authorize(
        self, rule: str, caller: Caller, target: Mapping[str, Any], what: str = "this"
    ) -> None:
        """Raise :class:`Forbidden` unless ``caller`` passes ``rule`` on ``target``."""
        if not self.allows(rule, caller, target):
            raise Forbidden(f"The policy ({rule}) does not allow {what}.")

    def in_force(self) -> list[InForce]:
        """Every rule: the built-in ones in their order, then those that only files know."""
        self._refresh()
        return list(self._in_force)

    def is_built_in(self, *rules: str) -> bool:
        """Whether no file sets any of ``rules``."""
        self._refresh()
        return self._overridden.isdisjoint(rules)

    def is_admin(self, credentials: Mapping[str, Any]) -> bool:
        """Whether these credentials are an administrator's (rule ``context_is_admin``)."""
        self._refresh()
        return self._predicates["context_is_admin"](credentials, credentials)

    def _refresh(self) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_INTERVAL
        fingerprint = self._look()
        if fingerprint == self._fingerprint:
            return
        self._fingerprint = fingerprint
        try:
            self._predicates = self._load()
        except ConfigurationError as error:
            log.error("The former policy stays in force: %s", error.message)
        else:
            log.info("The policy files have changed and were read again.")

    def _files(self) -> list[Path]:
        files = []
        if self._settings.policy_file is not None and self._settings.policy_file.is_file():
            files.append(self._settings.policy_file)
        for directory in self._settings.policy_dirs:
            if directory.is_dir():
                files += sorted(
                    path
                    for path in directory.iterdir()
                    if path.is_file() and not path.name.startswith(".")
                )
        return files

    def _look(self) -> _Fingerprint:
        """What would be different if a file had been changed, added or removed."""
        try:
            states = [(str(path), path.stat()) for path in self._files()]
        except OSError:  # removed between the two; the next look is a second away
            return ()
        return tuple((path, s.st_mtime_ns, s.st_size, s.st_ino) for path, s in states)

    def _load(self) -> dict[str, checks.Predicate]:
        overrides: dict[str, Any] = {}
        origins: dict[str, Path] = {}
        for path in self._files():
            found = _read(path)
            overrides |= found
            origins |= dict.fromkeys(found, path)
        rules = _built_in() | overrides
        _warn_of_missing(rules)
        try:
            # Without an explicit default a mistyped name must not open a rule to everyone.
            compiled = (
                checks.compile_all(rules, _DEFAULT if _DEFAULT in overrides else None)
                if overrides
                else _built_in_compiled()
            )
        except checks.CycleError as error:
            raise ConfigurationError(
                f"[oslo_policy] policy_file: rules refer to each other in a circle: {error}"
            ) from error
        texts = {rule.name: rule.check for rule in RULES}
        texts |= {name: str(check) for name, check in overrides.items()}
        self._overridden = frozenset(overrides)
        self._in_force = [InForce(name, text, origins.get(name)) for name, text in texts.items()]
        return compiled


def _read(path: Path) -> dict[str, Any]:
    """The parsed rules of one policy file, by name."""
    where = f"[oslo_policy] policy_file {path}"
    try:
        texts = oslo.parse_file_contents(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{where} cannot be read: {error}") from error
    if not isinstance(texts, dict):
        raise ConfigurationError(f"{where} is not a mapping of rule names to checks.")
    for name, text in texts.items():
        if not isinstance(name, str) or not isinstance(text, str | list):
            raise ConfigurationError(f"{where}: rule {name!r} is not a text: {text!r}")
    rules = dict(oslo.Rules.from_dict(texts))
    for name, check in rules.items():
        if checks.is_refusal(check) and str(texts[name]).strip() != "!":
            raise ConfigurationError(f"{where}: rule {name!r} is not understood: {texts[name]!r}")
    return rules


def _warn_of_missing(rules: Mapping[str, Any]) -> None:
    for name, check in rules.items():
        for missing in sorted(checks.references(check) - rules.keys()):
            log.warning("The policy rule %r refers to %r, which does not exist.", name, missing)


def image_target(image: Image, member_id: str | None = None) -> dict[str, Any]:
    """An image as policy rules see it: its attributes and custom properties.

    ``member_id``: the caller's project, if the image is shared with it. An image
    without an owner belongs to no project: it has no ``project_id``.
    """
    target: dict[str, Any] = {
        **image.properties,
        "id": image.id,
        "image_id": image.id,
        "name": image.name,
        "owner": image.owner,
        "status": image.status.value,
        "visibility": image.visibility.value,
        "protected": image.protected,
        "os_hidden": image.os_hidden,
        "checksum": image.checksum,
        "os_hash_algo": image.os_hash_algo,
        "os_hash_value": image.os_hash_value,
        "size": image.size,
        "virtual_size": image.virtual_size,
        "container_format": image.container_format,
        "disk_format": image.disk_format,
        "min_disk": image.min_disk,
        "min_ram": image.min_ram,
        "created_at": image.created_at,
        "updated_at": image.updated_at,
        "tags": image.tags,
    }
    # A custom property of such a name must not stand for what it is not.
    target.pop("project_id", None)
    target.pop("member_id", None)
    target.pop("member", None)
    if image.owner is not None:
        target["project_id"] = image.owner
    if member_id is not None:
        target["member_id"] = target["member"] = member_id
    return target
