"""Options that several commands have: where the configuration is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_PANEL = "Configuration"

ConfigFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--config-file",
        metavar="FILE",
        help="Read this file, in the format of glance-api.conf. May be repeated; the later wins.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
ConfigDirs = Annotated[
    list[Path] | None,
    typer.Option(
        "--config-dir",
        metavar="DIR",
        help="Read all *.conf files of this directory, after the files.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help="Keep the database and the images here, unless they have a place of their own.",
        rich_help_panel=_PANEL,
        show_default=False,
    ),
]
