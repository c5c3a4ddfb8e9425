"""The commented sample of a configuration file, generated from the options themselves."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from oslo_config import cfg, types

from imagestore.config import drivers, replication, site_sections, store_options
from imagestore.config.options import OPTIONS, SECTIONS
from imagestore.config.value_types import HostPort, Numbers, Pairs, Quantity

_WIDTH = 96
_HEAD = """\
Configuration of imagestore: every option, with its default.

The format, and the names of sections and options, are those of glance-api.conf. Nothing needs to
be set: without a file, imagestore serves on loopback from SQLite and a directory. Sizes and times
may have a unit: 512 MiB, 10GiB (powers of 1024, as GB too), 90s, 15m, 12h, 30d, 4w.

Every option can also be given in the environment, as OS_<SECTION>__<OPTION>.
"""
_STORES = """\
Options of stores of type '{0}'. They stand here when enabled_backends is not set; otherwise in
the section of the store, [id], or for all stores in [backend_defaults].
"""
_ANY_STORE = """

[backend_defaults]
# What every store of enabled_backends may have in its own section, [id], and here for all.

"""
_RULE = """

#[replication:golden]
# A rule of replication, of which there may be any number: which images shall have copies in which
# stores, such as match = visibility=public, tag=golden and stores = fast, far.

"""

SITES = """\
[site:NAME]

Another Images API with which images are kept equal, as often as there are such sections. The
options, with their defaults:
"""
_OWN = "imagestore."
"""Modules of drivers that come with the package; others are not in the sample."""


def render() -> str:
    """The whole file as text."""
    parts = [_comment(_HEAD)]
    for group, about in SECTIONS.items():
        parts += [f"\n[{group}]\n# {about}\n"]
        parts += [_entry(option.opt) for option in OPTIONS if option.group == group]
        if group == "glance_store":
            parts += _stores()
    parts.append(_RULE.rstrip("\n") + "\n")
    parts += [
        _entry(each.opt).replace("#" + each.opt.name, "# " + each.opt.name)
        for each in replication.options()
    ]
    parts.append(_sites())
    return "\n".join(parts)


def described() -> Iterator[dict[str, str | None]]:
    """Every option by itself: its section, name, kind, default and meaning."""
    stores = (drivers.get(name) for name in drivers.names())
    of_stores = (("glance_store", each.opt) for one in stores for each in store_options.of(one))
    more = (*store_options.common("backend_defaults"), *replication.options())
    others = ((each.group, each.opt) for each in (*OPTIONS, *more, *site_sections.options()))
    for section, opt in (*others, *of_stores):
        yield {
            "section": section,
            "name": opt.name,
            "kind": _kind(opt),
            "default": format_value(opt, opt.default),
            "help": opt.help,
        }


def _sites() -> str:
    """Sections with names that are not known before: as a comment, without values."""
    lines = [_comment(SITES)]
    for opt in (option.opt for option in site_sections.options()):
        default = _value(opt)
        lines.append(_comment(f"{opt.name}{' =' if default else ''}{default}: {opt.help}"))
    return "\n" + "".join(lines)


def _stores() -> Iterator[str]:
    for name in drivers.names():
        driver = drivers.get(name)
        if driver.settings.__module__.startswith(_OWN):
            yield _comment(_STORES.format(name))
            yield from (_entry(option.opt) for option in store_options.of(driver))
    yield _ANY_STORE.rstrip("\n") + "\n"
    yield from (_entry(option.opt) for option in store_options.common("backend_defaults"))


def _entry(opt: cfg.Opt) -> str:
    help_ = f"{opt.help} ({_kind(opt)})"
    return f"{_comment(help_)}#{opt.name} ={_value(opt)}\n"


def _comment(text: str) -> str:
    lines = [
        line
        for paragraph in text.strip().split("\n\n")
        for line in [*textwrap.wrap(" ".join(paragraph.split()), _WIDTH), ""]
    ]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines[:-1])


def _kind(opt: cfg.Opt) -> str:
    type_ = opt.type
    if isinstance(type_, Quantity):
        kind = "whole number" if type_.kind is int else "number"
        kind += f" of {type_.unit}, or with a unit" if type_.unit else ""
        if type_.min is not None and type_.max is not None:
            return f"{kind}, {type_.min} to {type_.max}"
        return f"{kind}, at least {type_.min}" if type_.min is not None else kind
    if choices := getattr(type_, "choices", None):
        return "one of " + ", ".join(str(choice) for choice in choices)
    if isinstance(opt, cfg.MultiOpt):
        return "may be given several times"
    if isinstance(type_, types.Boolean):
        return "true or false"
    if isinstance(type_, Numbers):
        return "name:number, …"
    if isinstance(type_, Pairs):
        return "id:type, …"
    return "list" if isinstance(type_, types.List) else str(type_.type_name.removesuffix(" value"))


def _value(opt: cfg.Opt) -> str:
    text = format_value(opt, opt.default)
    return f" {text}" if text else ""


def format_value(opt: cfg.Opt, value: Any) -> str:
    """A typed value as a file would have it; empty for none."""
    if value is None:
        return ""
    if isinstance(opt.type, HostPort):
        return "{}:{}".format(*value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ", ".join(f"{name}:{item}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(format_value(opt, item) for item in value)
    return str(value)
