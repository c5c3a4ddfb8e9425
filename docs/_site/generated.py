"""What the site has beside docs/*.md: the reference of the commands, and the samples."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import click
import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from typer.cli import get_docs_for_click
from typer.core import MARKUP_MODE_KEY

from imagestore.cli.main import commands

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[([^\]]*)\]\(\.\./([^)#]*)\)")
COMMANDS = "commands.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    files.append(File.generated(config, COMMANDS, content=command_reference()))
    for sample in sorted(ROOT.joinpath("conf").rglob("*")):
        if sample.is_file():
            # As text, whatever it is called: to be read in a browser.
            name = f"{sample.relative_to(ROOT)}.txt"
            files.append(File.generated(config, name, content=sample.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Page, files: Files, **_: object) -> str:
    """Links to files of the repository lead to the samples, or are names of source files."""

    def replaced(match: re.Match[str]) -> str:
        text, path = match.groups()
        path = posixpath.normpath(path)
        if files.get_file_from_path(f"{path}.txt"):
            return f"[{text}]({path}.txt)"
        return text if "`" in text else f"{text} (`{path}`)"

    return LINK.sub(replaced, markdown)


def command_reference() -> str:
    """All commands that help shows, with their options, as Markdown."""
    top = typer.main.get_command(commands(None))
    forget_hidden(top)
    context = typer.Context(top, info_name="imagestore", obj={MARKUP_MODE_KEY: "rich"})
    told = get_docs_for_click(obj=top, ctx=context, name="imagestore", title="Commands")
    return told.replace("`\\[", "`[")


def forget_hidden(command: click.Command) -> None:
    for name, below in list(getattr(command, "commands", {}).items()):
        if below.hidden:
            del command.commands[name]
        else:
            forget_hidden(below)
