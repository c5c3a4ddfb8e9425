"""The directory for whatever is given no other place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from imagestore.backends import private
from imagestore.config.settings import Settings
from imagestore.model.errors import ConfigurationError


def default(environ: Mapping[str, str] = os.environ) -> Path:
    """Where data goes when nobody says otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/imagestore")
    base = environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local/share") / "imagestore"


def make(settings: Settings) -> None:
    """Create the directory if something is to be written there directly.

    Drivers make the directories of their stores by themselves.
    """
    needed = str(settings.data_dir) in settings.database.connection or settings.server.metrics_bind
    if not needed:
        return
    try:
        private.make_directory(settings.data_dir)
    except OSError as error:
        raise ConfigurationError(
            f"[imagestore] data_dir: {settings.data_dir} cannot be made: {error.strerror}."
        ) from error
