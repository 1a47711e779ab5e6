"""How an API's documents are to be read: what only people can tell, kept as data beside the overlay."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.importer.document import Json, SourceError, is_object
from scripts.importer.syntax import load


@dataclass(frozen=True, slots=True)
class LimitText:
    """Where the vendor's text states a limit, and in which unit.

    Attributes
    ----------
    pattern : re.Pattern
        Its groups are named as the limits (``x-limits``; a double underscore leads one level down).
    unit : int
        What one of the text's units is in ours.
    """

    pattern: re.Pattern[str]
    unit: int = 1


@dataclass(frozen=True, slots=True)
class Reading:
    """What the passes need to know of an API besides its document.

    Attributes
    ----------
    event, properties, context : str
        Members of a call: the event's name, what is known about it, and its circumstances.
    identity : tuple of str
        Members of which a call needs one.
    shared : tuple of str
        Members of the call that an event has which is a whole call itself.
    family : str
        Family of events that no heading and no table puts into another.
    families : dict of str to str
        Families by what the vendor calls them, in lower case.
    limits : tuple of LimitText
        Limits that are stated in sentences.
    """

    event: str = "event"
    properties: str = "properties"
    context: str = "context"
    identity: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    family: str = ""
    families: dict[str, str] = field(default_factory=dict[str, str])
    limits: tuple[LimitText, ...] = ()

    @classmethod
    def read(cls, path: Path) -> "Reading":
        """Read the settings from a YAML file.

        Raises
        ------
        SourceError
            It is not laid out as it should be. The message names the place, and not the file.
        """
        data = load(path)
        families: Json = _at(data, "families", kind=dict)
        limits: list[Any] = _at(data, "limits", kind=list)
        return cls(
            event=_at(data, "call", "event", kind=str),
            properties=_at(data, "call", "properties", kind=str),
            context=_at(data, "call", "context", kind=str),
            identity=tuple(map(str, _at(data, "call", "identity", kind=list))),
            shared=tuple(map(str, _at(data, "call", "shared", kind=list))),
            family=_at(data, "family", kind=str),
            families={name.lower(): str(family) for name, family in families.items()},
            limits=tuple(_limit(entry, number) for number, entry in enumerate(limits, 1)),
        )


def _at(data: Any, *path: str, kind: type) -> Any:
    found = data
    for key in path:
        found = found.get(key) if is_object(found) else None
    if not isinstance(found, kind):
        raise SourceError(f"{'.'.join(path)}: must be a {kind.__name__}")
    return found


def _limit(entry: Any, number: int) -> LimitText:
    text = _at(entry, "text", kind=str) if is_object(entry) else None
    unit = entry.get("unit", 1) if is_object(entry) else None
    try:
        pattern = re.compile(text or "", re.IGNORECASE)
    except re.error as error:
        raise SourceError(f"limits {number}: its text is no pattern: {error}") from error
    if not pattern.groupindex or not isinstance(unit, int):
        raise SourceError(f"limits {number}: must have a text with named groups, and a whole unit")
    return LimitText(pattern, unit)
