"""How what is said of somebody changes what was known. Pure: no database, no clock."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast

import orjson

from cio_facade.sandbox.effects import named, together

__all__ = ["PREFERENCES", "Change", "changed", "email_of", "filled"]

Traits = Mapping[str, Any]

# The one trait of which a part may be named by a path, with dots between: a topic or a channel.
PREFERENCES: Final = "cio_subscription_preferences"


class Change(NamedTuple):
    """What is known after something was said.

    Attributes
    ----------
    after : dict
        All that is known now.
    text : str or None
        The names that were set and removed; None where nothing changed.
    """

    after: dict[str, Any]
    text: str | None


def changed(before: Traits, said: Traits, *, empty_removes: bool = False) -> Change:
    """Take in what is said: a member replaces what was there, whole, and null removes it.

    Parameters
    ----------
    before : mapping
        What was known.
    said : mapping
        What is said now.
    empty_removes : bool
        Whether an empty text removes as null does: it does so for objects and relationships.

    Returns
    -------
    Change
        What is known now, and the names of what differs.

    Examples
    --------
    >>> changed({"plan": "free", "city": "Ulm"}, {"plan": "pro", "city": None})
    Change(after={'plan': 'pro'}, text='set plan; removed city')
    """
    after = dict(before)
    touched: dict[str, None] = {}
    for name, value in said.items():
        path = _path(name, value)
        touched[path[0]] = None
        if len(path) > 1:
            after[path[0]] = _placed(after.get(path[0]), path[1:], value)
        elif value is None or (empty_removes and value == ""):
            after.pop(name, None)
        else:
            after[name] = value
    was_set = [name for name in touched if name in after and not _same(after, before, name)]
    removed = [name for name in touched if name not in after and name in before]
    return Change(after, together(named("set", was_set), named("removed", removed)))


def filled(own: Traits, other: Traits) -> dict[str, Any]:
    """Keep one's own and take from another what is not known, or empty.

    Examples
    --------
    >>> filled({"plan": "pro", "city": ""}, {"plan": "free", "city": "Ulm"})
    {'plan': 'pro', 'city': 'Ulm'}
    """
    return {**own, **{name: value for name, value in other.items() if own.get(name, "") == ""}}


def email_of(traits: Traits) -> str | None:
    """Read the address that identifies somebody; None where there is none."""
    email = traits.get("email")
    return email if isinstance(email, str) and email else None


def _path(name: str, value: Any) -> list[str]:
    """Split the dotted name of one preference. Only a yes, a no or a null has one: that is what preferences are."""
    if name.startswith(f"{PREFERENCES}.") and (value is None or isinstance(value, bool)):
        path = name.split(".", 2)
        if len(path) == 3 and all(path):
            return path
    return [name]


def _placed(known: Any, path: list[str], value: Any) -> dict[str, Any]:
    inside: dict[str, Any] = dict(cast("Traits", known)) if isinstance(known, Mapping) else {}
    if len(path) > 1:
        inside[path[0]] = _placed(inside.get(path[0]), path[1:], value)
    elif value is None:
        inside.pop(path[0], None)
    else:
        inside[path[0]] = value
    return inside


def _same(after: Traits, before: Traits, name: str) -> bool:
    """Compare as JSON does, where 1 is not true; what is unequal to Python is not written out for it."""
    if name not in before or after[name] != before[name]:
        return False
    return orjson.dumps(after[name]) == orjson.dumps(before[name])
