"""``imagestore policy``: who may do what, as it is in force now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagestore.cli.configured import Configuration
from imagestore.cli.group import Group
from imagestore.cli.output import as_json, print_json, print_list, tell
from imagestore.model.errors import ConfigurationError

if TYPE_CHECKING:
    from imagestore.config.settings import Identity
    from imagestore.identity.caller import Caller
    from imagestore.identity.policy import Policy

app = Group()

_REFUSED = 3
"""Exit code of a check whose answer is no."""
_CALLER = "The caller"


@app.command("list")
def list_rules(where: Configuration) -> None:
    """List every rule: its check, the file that sets it, and the calls that it guards.

    The output is a policy file, with the rules that are built in commented out.
    """
    import json

    from imagestore.identity.policy import Policy
    from imagestore.identity.rules import RULES

    known = {rule.name: rule for rule in RULES}
    rules = []
    for rule in Policy(where.load().identity).in_force():
        origin = str(rule.origin) if rule.origin else "the built-in rules"
        told: dict[str, Any] = {"rule": rule.name, "check": rule.check, "from": origin}
        if described := known.get(rule.name):
            calls = [f"{method}  {path}" for method, path in described.operations]
            told |= {"description": described.description, "calls": calls}
            tell("\n".join(f"# {line}" for line in (described.description, *calls)))
        rules.append(told)
        tell(f"# from {origin}")
        mark = "" if rule.origin else "#"
        tell(f"{mark}{json.dumps(rule.name)}: {json.dumps(rule.check)}\n")
    if as_json.get():
        print_json(rules)


@app.command()
def check(
    rule: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Ask about this rule. May be repeated; default: all."),
    ] = None,
    token: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A file (- for standard input) with a token, which Keystone is asked about, "
            "or with what Keystone says of one (JSON). It takes the place of the options below.",
            rich_help_panel=_CALLER,
        ),
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="May be repeated.", rich_help_panel=_CALLER),
    ] = None,
    project: Annotated[str | None, typer.Option(metavar="ID", rich_help_panel=_CALLER)] = None,
    user: Annotated[str | None, typer.Option(metavar="ID", rich_help_panel=_CALLER)] = None,
    domain: Annotated[
        str | None,
        typer.Option(metavar="ID", help="For a token for a domain.", rich_help_panel=_CALLER),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A fact about what is to be done something to, such as owner=ID or "
            "visibility=public. May be repeated. Unless owner is given, it is the caller's.",
        ),
    ] = None,
    *,
    where: Configuration,
) -> None:
    """Say whether a caller passes a rule. Exit code 0 if so (for all rules asked about), else 3."""
    from dataclasses import replace

    from imagestore.identity.caller import Caller
    from imagestore.identity.policy import Policy

    settings = where.load().identity
    policy = Policy(settings)
    if token is not None:
        caller = _caller_of(token, settings, policy)
    else:
        roles = frozenset(name.lower() for name in role or ())
        caller = Caller(user_id=user, project_id=project, roles=roles, domain_id=domain)
        caller = replace(caller, is_admin=policy.is_admin(caller.credentials))
    in_force = {each.name: each for each in policy.in_force()}
    if unknown := set(rule or ()) - in_force.keys():
        raise typer.BadParameter(f"there is no rule {', '.join(sorted(unknown))}")
    facts = _target(target or [], caller)
    verdicts = {name: policy.allows(name, caller, facts) for name in rule or in_force}
    rules = [
        {"verdict": "allowed" if allowed else "refused", "rule": name, "check": check or "@"}
        for name, allowed in verdicts.items()
        for check in [in_force[name].check]
    ]
    print_list(rules, "verdict rule check")
    if rule and not all(verdicts.values()):
        raise typer.Exit(_REFUSED)


def _target(given: list[str], caller: Caller) -> dict[str, str]:
    """What was said of the target, with its owner, which is also its project."""
    facts = {}
    for fact in given:
        name, equals, value = fact.partition("=")
        if not equals:
            raise typer.BadParameter(f"--target {fact}: NAME=VALUE is expected")
        facts[name] = value
    owner = facts.get("owner", caller.project_id)
    if owner is not None:
        facts = {"owner": owner, "project_id": owner, **facts}
    return facts


def _caller_of(file: Path, settings: Identity, policy: Policy) -> Caller:
    """Whoever the token in ``file`` stands for."""
    import asyncio
    import sys

    import orjson

    from imagestore.identity.keystone import token as tokens
    from imagestore.identity.keystone.source import KeystoneTokens, caller

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--token {file}: it cannot be read: {error}") from error
    if text.lstrip().startswith("{"):
        try:
            return caller(tokens.parse(orjson.loads(text)), None, policy)
        except ValueError as error:
            raise ConfigurationError(f"--token {file}: it describes no token: {error}") from error

    async def ask() -> Caller:
        source = KeystoneTokens(settings, policy)
        try:
            return await source.identify({"X-Auth-Token": text.strip()}, "", "")
        finally:
            await source.close()

    return asyncio.run(ask())
