"""Groups of commands, whose options may be the fields of dataclasses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

import typer
from typer.core import TyperGroup

from imagestore.cli.output import AsJson, as_json

F = TypeVar("F", bound=Callable[..., Any])
_BY_NAME = inspect.Parameter.KEYWORD_ONLY
_JSON = "as_json"


class _Answering(TyperGroup):
    """Says what is in the place of a command that Glance has."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and self.get_command(ctx, args[0]) is None:
            from imagestore.cli import formerly

            if told := formerly.advice(args) or formerly.advice(args[:1]):
                ctx.fail(f"No such command {args[0]!r}. {told}")
        return super().resolve_command(ctx, args)


class Group(typer.Typer):
    """Commands under one name; it alone shows its help.

    Where a command takes a dataclass, each of its fields is an option of the command; each has
    ``--json`` as well, but for those without an ``answer``.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(cls=_Answering, no_args_is_help=True, **settings)
        self.callback()(lambda: None)  # so that one that is alone keeps its name

    def command(
        self, name: str | None = None, *, answers: bool = True, **settings: Any
    ) -> Callable[[F], F]:
        def add(function: F) -> F:
            super(Group, self).command(name, **settings)(_expanded(function, answers=answers))
            return function

        return add


def _expanded(function: Callable[..., Any], *, answers: bool) -> Callable[..., Any]:
    """``function``, called with the fields of the dataclasses that it takes."""
    hints = get_type_hints(function, include_extras=True)
    records: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}

    def run(**given: Any) -> None:
        as_json.set(given.pop(_JSON, False))
        made = {
            name: record(**{field.name: given.pop(field.name) for field in fields(record)})
            for name, record in records.items()
        }
        function(**made, **given)

    def parameters() -> Iterator[inspect.Parameter]:
        for parameter in inspect.signature(function).parameters.values():
            record = records.get(parameter.name)
            if record is None:
                options = [(parameter.name, parameter.default, hints[parameter.name])]
            else:
                of = get_type_hints(record, include_extras=True)
                options = [(each.name, each.default, of[each.name]) for each in fields(record)]
            for name, default, hint in options:
                yield inspect.Parameter(name, _BY_NAME, default=default, annotation=hint)
        if answers:
            yield inspect.Parameter(_JSON, _BY_NAME, default=False, annotation=AsJson)

    run.__name__, run.__doc__ = function.__name__, function.__doc__
    signature = inspect.Signature(list(parameters()))
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in signature.parameters.values()}
    return run
