"""``[key_manager]``: where the certificates of signed images are, read by castellan itself."""

from __future__ import annotations

import re

from oslo_config import cfg

from imagestore.config.option import Option, fill
from imagestore.config.settings import Signatures
from imagestore.config.source import ConfigSource

SECTION = "key_manager"

OPTIONS: tuple[Option, ...] = (
    fill(
        Signatures, SECTION, "backend", cfg.StrOpt,
        "Where certificates of signed images are: barbican, vault, or another driver of "
        "castellan, whose own sections of options are read too.",
        formerly=((SECTION, "api_class"),),
    ),
)  # fmt: skip

_SECTIONS = re.compile(r"^\s*\[(key_manager|barbican|barbican_service_user|vault)\]", re.M)


def read(source: ConfigSource, signatures: Signatures) -> Signatures:
    """``signatures`` with the files that castellan is to read; its options become known."""
    if any(_SECTIONS.search(file.read_text(errors="replace")) for file in source.files):
        _register(source)
    return Signatures(signatures.backend, tuple(source.files))


def _register(source: ConfigSource) -> None:
    try:
        # Only here: a service without signatures does without the library.
        from castellan import options
    except ImportError:
        return
    ours = {option.opt.dest for option in OPTIONS}
    for section, opts in options.list_opts():
        named = section or "DEFAULT"
        source.register(named, [opt for opt in opts if named != SECTION or opt.dest not in ours])
