"""Values of options as they are set: in files, in the environment, on the command line.

The later of these wins. oslo.config reads the files, converts and checks the
values; each object here has a ``ConfigOpts`` of its own, none is global.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from oslo_config import cfg

from imagestore.config.arguments import Arguments
from imagestore.model.errors import ConfigurationError

P = ParamSpec("P")
T = TypeVar("T")

_DATA_DIR = "IMAGESTORE_DATA_DIR"
"""A shorter name for ``OS_IMAGESTORE__DATA_DIR``."""
_PYTHON = re.compile(
    r"(?:invalid literal for int\(\) with base 10|could not convert string to float): (.*)"
)
"""What options that libraries declare say of a value that is no number."""
_OF_THE_BUS = ("oslo_messaging_rabbit", "oslo_messaging_kafka", "oslo_messaging_amqp")
"""Sections that oslo.messaging reads by itself."""


class ConfigSource:
    """All that was set, by section and option."""

    def __init__(self, arguments: Arguments, environ: Mapping[str, str]) -> None:
        """Raises :class:`ConfigurationError` if a file cannot be parsed."""
        self.files = arguments.files
        self._environ = environ
        self._arguments = arguments.overrides or {}
        self._in_files = [(path, _parse(path)) for path in self.files]
        self._names: dict[tuple[str, str], set[tuple[str, str]]] = {}
        """Sections and names under which an option may stand, by its own."""
        self.registered: list[tuple[str, cfg.Opt]] = []
        """Known options with their sections, in the order of their registration."""
        self._overridden: dict[tuple[str, str], str] = {}
        self._is_whole = True
        self.wrong: list[str] = []
        """What cannot be used, a sentence each, in the order in which it was met."""
        self._conf = cfg.ConfigOpts()
        self._conf(
            args=[],
            prog="imagestore",
            default_config_files=[str(path) for path in self.files],
            default_config_dirs=[],
            use_env=False,
        )

    def register(self, group: str, opts: Iterable[cfg.Opt]) -> None:
        """Make options known. Their values may be asked for from now on."""
        for opt in opts:
            key = _normal(group), opt.dest
            if key in self._names:
                continue
            former = [(old.group or group, old.name or opt.dest) for old in opt.deprecated_opts]
            self._names[key] = {key, *((_normal(section), name) for section, name in former)}
            self.registered.append((group, opt))
            self._conf.register_opt(opt, group=None if group == "DEFAULT" else group)
            self._override(group, opt.dest)

    def attempt(
        self, function: Callable[Concatenate[ConfigSource, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T | None:
        """``function(self, …)``; None if it cannot be used, which is kept in ``wrong``."""
        try:
            return function(self, *args, **kwargs)
        except ConfigurationError as error:
            self._is_whole = False
            self._keep(error)
            return None

    def require_all(self, warnings: Iterable[str]) -> None:
        """Raise :class:`ConfigurationError` with all that is wrong, and ``warnings`` besides, if
        anything is wrong."""
        if self.wrong:
            raise ConfigurationError(*self.wrong, warnings=warnings)

    def value(self, group: str, name: str) -> Any:
        """The typed value, or the default, also of a value that does not fit: see ``wrong``."""
        try:
            return self._conf[name] if group == "DEFAULT" else self._conf[group][name]
        except (cfg.Error, ValueError) as error:
            # oslo.config wraps the reason in a sentence of its own that shows internals.
            reason = error.__context__ if isinstance(error.__context__, ValueError) else error
            self._keep(self.error(group, name, str(reason)))
            return self._default(group, name)

    def is_set(self, group: str, name: str) -> bool:
        """Whether anyone has set the option, under this name or a former one."""
        return bool(self.where(group, name))

    def where(self, group: str, name: str) -> str:
        """The place where the option is set, for a message; empty if it is not."""
        if place := self._overridden.get((_normal(group), name)):
            return place
        names = self._names[_normal(group), name]
        for path, sections in reversed(self._in_files):
            for section, options in sections.items():
                if any((_normal(section), each) in names for each in options):
                    return str(path)
        return ""

    def sections(self, prefix: str) -> list[str]:
        """The sections of the files whose names begin so, each once, in the order of the files."""
        found = {
            _normal(section): section
            for _, sections in self._in_files
            for section in sections
            if _normal(section).startswith(prefix)
        }
        return list(found.values())

    def error(self, group: str, name: str, reason: str) -> ConfigurationError:
        """An error that names section, option and place."""
        place = self.where(group, name)
        reason = _PYTHON.sub(r"\1 is not a number", reason)
        return ConfigurationError(f"[{group}] {name}{f' in {place}' if place else ''}: {reason}")

    def unknown(self) -> list[str]:
        """A sentence for each section that sets options which nobody has registered, with those
        that were perhaps meant."""
        if not self._is_whole:
            return []  # what could not be read has not registered its options
        known = set().union(*self._names.values())
        groups = {_normal(group): group for group, _ in self.registered}
        found = []
        for path, sections in self._in_files:
            for section, options in sections.items():
                if section.startswith(_OF_THE_BUS):
                    continue
                names = [name for name in options if (_normal(section), name) not in known]
                if not names:
                    continue
                told = f"{path}: [{section}] {', '.join(names)}: not known, no effect."
                of_section = [name for group, name in known if group == _normal(section)]
                if not of_section and (near := _near(_normal(section), groups)):
                    told += f" Did you mean [{groups[near]}]?"
                for name in names:
                    if near := _near(name, of_section):
                        told += f" Did you mean {near} by {name}?"
                found.append(told)
        return found

    def _override(self, group: str, name: str) -> None:
        place, value = self._overriding(group, name)
        if value is None:
            return
        self._overridden[_normal(group), name] = place
        try:
            self._conf.set_override(name, value, None if group == "DEFAULT" else group)
        except ValueError as error:
            self._keep(self.error(group, name, str(error)))

    def _keep(self, error: ConfigurationError) -> None:
        if error.message not in self.wrong:
            self.wrong.append(error.message)

    def _default(self, group: str, name: str) -> Any:
        return next(
            opt.default
            for each, opt in self.registered
            if (_normal(each), opt.dest) == (_normal(group), name)
        )

    def _overriding(self, group: str, name: str) -> tuple[str, str | None]:
        if (group, name) in self._arguments:
            return "the command line", self._arguments[group, name]
        variables = [f"OS_{group.upper()}__{name.upper()}"]
        if (group, name) == ("imagestore", "data_dir"):
            variables.append(_DATA_DIR)
        for variable in variables:
            if variable in self._environ:
                return f"the environment ({variable})", self._environ[variable]
        return "", None


def _parse(path: Path) -> dict[str, dict[str, list[str]]]:
    """Sections and options of a file with their raw values, in the order of the file."""
    sections: dict[str, dict[str, list[str]]] = {}
    try:
        cfg.ConfigParser(str(path), sections).parse()
    except cfg.ParseError as error:
        raise ConfigurationError(
            f"{path}, line {error.lineno}: {error.msg}: {error.line.strip()}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"Configuration file {path} cannot be read: {error}") from error
    return sections


def _near(word: str, known: Iterable[str]) -> str | None:
    """The known word that was perhaps meant, if one is near enough."""
    return next(iter(get_close_matches(word, list(known), 1, 0.8)), None)


def _normal(group: str) -> str:
    """Names of sections are the same in any case, as oslo.config has it."""
    return "DEFAULT" if group.upper() == "DEFAULT" else group.lower()
