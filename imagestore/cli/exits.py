"""Exit codes: those of ``sysexits.h``, so that a service manager can tell them apart."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from imagestore.model.errors import ConfigurationError, ImagestoreError, Unavailable

FAILED = 1
UNAVAILABLE = 69
"""Something outside does not answer; the same command may succeed later."""
MISCONFIGURED = 78
"""The same command will fail again until someone changes the configuration."""


def exit_code(error: BaseException) -> int:
    if isinstance(error, ConfigurationError):
        return MISCONFIGURED
    return UNAVAILABLE if isinstance(error, Unavailable) else FAILED


def complain(message: str, warnings: Iterable[str] = ()) -> None:
    """Tell the terminal, each line as one of this program; ``warnings`` before it."""
    for warning in warnings:
        typer.echo(f"imagestore: warning: {warning}", err=True)
    for line in message.split("\n"):
        typer.echo(f"imagestore: {line}", err=True)


def sentence(error: BaseException) -> str:
    """The error in one line for whoever sits at the terminal."""
    if isinstance(error, ImagestoreError):
        return error.message
    return " ".join(f"{type(error).__name__}: {error}".split())
