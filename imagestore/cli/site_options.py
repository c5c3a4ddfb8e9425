"""The options of ``imagestore site``, as dataclasses that its commands put together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from imagestore.sites.client import Client
    from imagestore.sites.rules import Match, SiteRules

_SITE = "SERVER"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Token:
    token: Annotated[
        str | None,
        typer.Option("--token", "-t", help="A token that both sites take.", envvar="OS_TOKEN"),
    ] = None


@dataclass(frozen=True)
class From(Token):
    from_argument: Annotated[str | None, typer.Argument(metavar="FROM", show_default=False)] = None
    source: Annotated[str | None, typer.Option("--from", help="The source.", metavar=_SITE)] = None
    mastertoken: Annotated[
        str | None, typer.Option("--mastertoken", "-M", help="A token for the source.")
    ] = None

    @property
    def source_token(self) -> str | None:
        return self.mastertoken or self.token


@dataclass(frozen=True)
class To(Token):
    to_argument: Annotated[str | None, typer.Argument(metavar="TO", show_default=False)] = None
    target: Annotated[str | None, typer.Option("--to", help="The target.", metavar=_SITE)] = None
    slavetoken: Annotated[
        str | None, typer.Option("--slavetoken", "-S", help="A token for the target.")
    ] = None

    @property
    def target_token(self) -> str | None:
        return self.slavetoken or self.token


@dataclass(frozen=True)
class InDirectory:
    path: Annotated[Path | None, typer.Argument(metavar="PATH", show_default=False)] = None

    def place_and_path(
        self, argument: str | None, option: str | None, name: str
    ) -> tuple[str, Path]:
        """The server, given as an argument or with the option of that name; the directory."""
        if option is not None and self.path is None and argument is not None:
            return option, Path(argument)
        place = option or argument
        if place is None or self.path is None:
            raise typer.BadParameter(f"Name the server (or {name}) and the directory.")
        return place, self.path


@dataclass(frozen=True)
class Matching:
    match: Annotated[
        list[str] | None,
        typer.Option(
            "--match",
            metavar="NAME=VALUE",
            help="Only images with this attribute, property or tag. May be repeated; all have to "
            "hold.",
            show_default=False,
        ),
    ] = None

    def matches(self) -> Match:
        from imagestore.sites.rules import parse_match

        return parse_match(self.match or ())


@dataclass(frozen=True)
class What(Matching):
    dontreplicate: Annotated[
        str,
        typer.Option(
            "--dontreplicate",
            "-D",
            metavar="FIELDS",
            help="Names of attributes and properties, with blanks or commas between them, that "
            "stay as they are at the target; owner, for sites whose projects differ.",
        ),
    ] = ""
    metaonly: Annotated[bool, typer.Option("--metaonly", "-m", help="Carry over no data.")] = False
    members: Annotated[
        bool, typer.Option("--members", help="Also the projects that images are shared with.")
    ] = False
    conflict: Annotated[
        str,
        typer.Option(
            "--conflict",
            metavar="RULE",
            help="Whose metadata count where an image differs: source, target, or newer.",
        ),
    ] = "source"

    def rules(self, *, delete: bool = False) -> SiteRules:
        from imagestore.sites.rules import Conflict, SiteRules

        if self.conflict not in set(Conflict):
            raise typer.BadParameter("--conflict is source, target or newer.")
        names = frozenset(self.dontreplicate.replace(",", " ").split())
        return SiteRules(
            self.matches(), names, Conflict(self.conflict), self.members, delete, not self.metaonly
        )


@dataclass(frozen=True)
class Deleting:
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove at the target what the source does not have.")
    ] = False


@dataclass(frozen=True)
class Moving:
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False
    transfers: Annotated[int, typer.Option(min=1, max=64, help="Images at a time.")] = 2

    def how(self) -> dict[str, Any]:
        return {"dry_run": self.dry_run, "transfers": self.transfers}


@dataclass(frozen=True)
class Sending(Moving):
    chunksize: Annotated[
        int, typer.Option("--chunksize", "-c", min=1, help="Bytes that are sent at once.")
    ] = _BLOCK

    def how(self) -> dict[str, Any]:
        return super().how() | {"block": self.chunksize}


@dataclass(frozen=True)
class Between(To, From):
    def clients(self) -> tuple[Client, Client]:
        """Of the two sites, which may be given as arguments or as options."""
        given = [place for place in (self.from_argument, self.to_argument) if place is not None]
        start = self.source or (given.pop(0) if given else None)
        end = self.target or (given.pop(0) if given else None)
        if start is None or end is None or given:
            raise typer.BadParameter("Name two sites: FROM TO, or --from and --to.")
        return client(start, self.source_token), client(end, self.target_token)


def client(place: str, token: str | None) -> Client:
    """Of a URL, ``host:port`` or the name of a cloud in ``clouds.yaml``."""
    from imagestore.sites import places

    return places.client(place, token)
