"""A configuration file of Glance with every option set: all are used, or named in a warning."""

from __future__ import annotations

import re
from pathlib import Path

from imagestore.config.arguments import unparse
from imagestore.config.load import read

EVERYTHING = Path(__file__).with_name("glance-33.conf")


def options(path: Path) -> list[tuple[str, str]]:
    section, found = "", []
    for line in path.read_text().splitlines():
        if match := re.fullmatch(r"\[(.+)\]", line):
            section = match[1]
        elif match := re.match(r"(\w+) = ?", line):
            found.append((section, match[1]))
    return found


def test_every_option_is_used_or_named(tmp_path: Path) -> None:
    every = options(EVERYTHING)
    assert len(every) > 400

    settings, source = read(unparse([EVERYTHING], data_dir=tmp_path), {})

    known = {(group.lower(), opt.dest) for group, opt in source.registered}
    warnings: dict[str, str] = {}
    for text in settings.warnings:
        if match := re.search(r"\[([^]]+)\] (.*): not known", text):
            warnings[match[1]] = match[2]
    for section, name in every:
        if section.startswith("oslo_messaging_") and section != "oslo_messaging_notifications":
            continue  # oslo.messaging reads them by itself
        used = (section.lower(), name) in known
        named = name in warnings.get(section, "").split(", ")
        assert used != named, f"[{section}] {name}"


def test_what_is_used_has_the_values_of_the_file(tmp_path: Path) -> None:
    settings, _ = read(unparse([EVERYTHING], data_dir=tmp_path), {})

    assert settings.identity.flavor == "keystone"
    assert settings.database.connection == "mysql+pymysql://glance:password@db.example.org/glance"
    assert settings.database.auto_upgrade is False
    assert settings.server.public_endpoint == "http://images.example.org:9292"
    assert settings.stores.sections[0].options["filesystem_store_datadir"] == (
        "/var/lib/glance/images"
    )
