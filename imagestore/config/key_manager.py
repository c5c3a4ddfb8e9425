"""``[key_manager]``: where the certificates of signed images are, read by castellan itself."""

from __future__ import annotations

import re

from imagestore.config.option import declared
from imagestore.config.settings import Signatures
from imagestore.config.source import ConfigSource

SECTION = "key_manager"

_SECTIONS = re.compile(r"^\s*\[(key_manager|barbican|barbican_service_user|vault)\]", re.M)


def read(source: ConfigSource, signatures: Signatures, warnings: list[str]) -> Signatures:
    """``signatures`` with the files that castellan is to read; its options become known."""
    if any(_SECTIONS.search(file.read_text(errors="replace")) for file in source.files):
        try:
            _register(source)
        except ImportError:
            warnings.append(
                f"[{SECTION}]: signed images are refused until castellan is installed; "
                "pip install 'imagestore[signatures]'."
            )
    return Signatures(signatures.backend, tuple(source.files))


def _register(source: ConfigSource) -> None:
    # Only here: a service without signatures does without the library.
    from castellan import options

    ours = {option.opt.dest for option in declared(Signatures, SECTION)}
    for section, opts in options.list_opts():
        named = section or "DEFAULT"
        source.register(named, [opt for opt in opts if named != SECTION or opt.dest not in ours])
