"""``[site:NAME]``: other Images APIs with which images are kept equal."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from oslo_config import cfg

from imagestore.config.keystone_authtoken import of_plugin
from imagestore.config.settings import Site
from imagestore.config.source import ConfigSource
from imagestore.config.value_types import Words

_PREFIX = "site:"


def options() -> list[cfg.Opt]:
    """What such a section may say, besides the options of the plugin of ``auth_type``."""
    return [
        _opt(
            "direction", cfg.StrOpt,
            "pull: images come from the site; push: they go there.", choices=["pull", "push"],
        ),
        _opt("url", cfg.StrOpt, "URL of its Images API. Without it, Keystone's catalogue tells."),
        _opt("cloud", cfg.StrOpt, "Name of the site in clouds.yaml, in place of all credentials."),
        _opt("token", cfg.StrOpt, "A token that the site takes for ever.", secret=True),
        _opt(
            "auth_type", cfg.StrOpt,
            "How to get a token from the site's Keystone: password, v3applicationcredential or "
            "another plugin of keystoneauth, whose options stand here too.",
        ),
        _opt("interface", cfg.StrOpt, "Which endpoint of the catalogue: public, internal, admin."),
        _opt("region_name", cfg.StrOpt, "The region of that endpoint."),
        _opt("cafile", cfg.StrOpt, "Certificates (PEM) of authorities. Default: the system's."),
        _opt("insecure", cfg.BoolOpt, "Believe any certificate."),
        _opt(
            "match", Words(),
            "Only images that fulfil all of these: name=value with an attribute, a property, "
            "or tag.",
        ),
        _opt(
            "skip", Words(),
            "Attributes and properties that stay as they are at the target; owner, say.",
        ),
        _opt(
            "conflict", cfg.StrOpt,
            "Whose metadata count where an image differs.", choices=["source", "target", "newer"],
        ),
        _opt("members", cfg.BoolOpt, "Also the projects that images are shared with."),
        _opt(
            "delete", cfg.BoolOpt,
            "Remove at the target what was carried there and is gone at the source.",
        ),
        _opt("store", cfg.StrOpt, "Store for images that are pulled. Without it the default one."),
        _opt("interval", cfg.FloatOpt, "Seconds from the end of a pass to the next.", min=1),
        _opt(
            "full_interval", cfg.FloatOpt,
            "Seconds after which all images are compared again, not only those that were changed. "
            "With delete or members they always are.", min=0,
        ),
        _opt("transfers", cfg.IntOpt, "Images at a time.", min=1, max=64),
    ]  # fmt: skip


def read(source: ConfigSource) -> tuple[Site, ...]:
    """The sites as configured. Raises :class:`ConfigurationError`."""
    return tuple(_site(source, section) for section in source.sections(_PREFIX))


def _site(source: ConfigSource, section: str) -> Site:
    name = section.removeprefix(_PREFIX)
    if not name or len(name) > 100:
        raise source.error(section, "direction", "a site has a name of at most 100 characters")
    opts = options()
    source.register(section, opts)
    values = {opt.dest: source.value(section, opt.dest) for opt in opts}
    for each in ("match", "skip"):
        values[each] = tuple(values[each] or ())
    if values["cafile"] is not None:
        values["cafile"] = Path(values["cafile"]).expanduser()
    auth_type = values["auth_type"] = values["auth_type"] or ""
    auth = of_plugin(source, section, auth_type) if auth_type else {}
    return Site(name, auth=auth, **values)


def _opt(name: str, kind: Any, help_: str, **more: Any) -> cfg.Opt:
    (default,) = (spec.default for spec in fields(Site) if spec.name == name)
    if isinstance(default, tuple):
        default = list(default)
    keywords = {"help": help_, "default": default or None if default == "" else default, **more}
    if isinstance(kind, Words):
        return cfg.Opt(name, type=kind, **keywords)
    opt: cfg.Opt = kind(name, **keywords)
    return opt
