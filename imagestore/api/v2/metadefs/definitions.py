"""The definition of one property in the form that it is kept and shown in.

Glance keeps whole numbers only and every default as a text. The form here is what
it can read back from the shared tables, with no more lost than it has to be.
"""

from __future__ import annotations

from typing import Any

from imagestore.model.errors import Invalid
from imagestore.model.metadef import Definition

_NUMBERS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
_ITEM_KEYWORDS = {"type", "enum"}


def settled(definition: Definition) -> Definition:
    """``definition`` with whole numbers as integers, and a plain default as a text."""
    found = dict(definition)
    for name in _NUMBERS:
        value = found.get(name)
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
            found[name] = int(value)
    if isinstance(found.get("default"), int | float):
        found["default"] = str(found["default"])
    return found


def refuse_unreadable(definition: Definition) -> None:
    """Raise :class:`Invalid` for what the schema lets pass and Glance fails on when it reads it."""
    if "required" in definition:
        raise Invalid("'required' belongs to an object; a property has no required keys.")
    default = definition.get("default")
    if isinstance(default, str) and not default.isascii():
        raise Invalid("A default can hold characters of ASCII only.")
    _require_texts("enum", definition.get("enum", ()))
    items = definition.get("items")
    if items is None:
        return
    if "type" not in items or items.keys() - _ITEM_KEYWORDS:
        raise Invalid("'items' has a type, may have an enum, and nothing else.")
    _require_texts("the enum of items", items.get("enum", ()))


def _require_texts(what: str, values: Any) -> None:
    if not all(isinstance(value, str) for value in values):
        raise Invalid(f"The values of {what} must be strings, also those of numbers.")
