"""Facts that the vendor states wrongly or not at all, as data: an OpenAPI Overlay, each of whose actions must apply."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from jsonpath import CompoundJSONPath, JSONPath, JSONPathEnvironment, JSONPathError
from jsonpath.lex import Lexer

from scripts.importer.document import Json, SourceError, is_array, is_object
from scripts.importer.syntax import brief, load

__all__ = ["Action", "Overlay"]

VERSION = re.compile(r"1\.0\.[0-9]+")

Key = str | int


@dataclass(frozen=True, slots=True)
class Action:
    """One change: what to change, why, and the update; or the removal of it."""

    number: int
    """Its place in the file, counted from 1."""

    target: str
    reason: str
    path: JSONPath | CompoundJSONPath = field(repr=False, compare=False)
    update: Any = None
    remove: bool = False

    def __str__(self) -> str:
        return f"overlay action {self.number} ({brief(self.target)}: {' '.join(self.reason.split())})"

    def apply(self, document: Json) -> Json:
        """Return a changed document; the same one when it says all that already.

        Raises
        ------
        SourceError
            The target selects nothing, or nothing that can be changed so.
        """
        try:
            places = list(dict.fromkeys(match.parts for match in self.path.finditer(document)))
        except JSONPathError as error:
            raise SourceError(f"{self}: {_said(error)}") from error
        if not places:
            raise SourceError(f"{self}: matches nothing")
        try:
            if self.remove:
                return _without(document, places)
            # A parent before what is in it, as the update may reach there too.
            for place in sorted(places, key=len):
                document = _changed(document, place, partial(_updated, self.update))
        except _UnfitError as error:
            raise SourceError(f"{self}: {error}") from error
        return document


@dataclass(frozen=True, slots=True)
class Overlay:
    """Actions in order, by the rules of OpenAPI Overlay 1.0 as 1.1 words them.

    An object is merged into an object, member by member and all the way down; a primitive takes the place of a
    primitive; what is given for an array is appended to it (each entry of an array, or the one value). Values of
    different kinds do not merge, and a primitive cannot be selected: its object can.

    Two rules are ours. An action that matches nothing fails, since its fact may have moved elsewhere. And an entry
    that is in an array already is not appended again, so that applying updates twice is like applying them once.
    """

    actions: tuple[Action, ...]

    @classmethod
    def read(cls, path: Path) -> "Overlay":
        """Read an overlay from a YAML or JSON file.

        Raises
        ------
        SourceError
            It is none, or one of its actions is not sound. The message does not name the file.
        """
        overlay = load(path)
        if not is_object(overlay) or not VERSION.fullmatch(str(overlay.get("overlay"))):
            raise SourceError("is no OpenAPI Overlay 1.0")
        if unknown := overlay.keys() - {"overlay", "info", "extends", "actions"}:
            raise SourceError(f"unknown keys: {_listed(unknown)}")
        if not is_object(info := overlay.get("info")) or not {"title", "version"} <= info.keys():
            raise SourceError("info: must have a title and a version")
        if not is_array(actions := overlay.get("actions")) or not actions:
            raise SourceError("actions: must be an array of at least one")
        return cls(tuple(_action(number, action) for number, action in enumerate(actions, 1)))

    def apply(self, document: Json, *, strict: bool = True) -> Json:
        """Return a document to which every action was applied, one after the other.

        Parameters
        ----------
        document : dict
            Stays as it is.
        strict : bool
            Whether an action that cannot be applied fails, rather than being passed over.

        Raises
        ------
        SourceError
            An action matches nothing, or does not fit what it matches.
        """
        for action in self.actions:
            try:
                document = action.apply(document)
            except SourceError:
                if strict:
                    raise
        return document

    def idle(self, document: Json) -> list[Action]:
        """Return the actions that change nothing when all are applied: the document states those facts itself.

        One that does not apply to the document is passed over.
        """
        found: list[Action] = []
        for action in self.actions:
            try:
                changed = action.apply(document)
            except SourceError:
                continue
            if changed is document:
                found.append(action)
            document = changed
        return found


class _UnfitError(Exception):
    pass


class _Lexer(Lexer):
    # Strict as it is, the library takes $.x-limits, which other tools do not: it must be $['x-limits'].
    key_pattern = r"[\u0080-\uD7FF\uE000-\U0010FFFFa-zA-Z_][\u0080-\uD7FF\uE000-\U0010FFFFa-zA-Z0-9_]*"


class _Environment(JSONPathEnvironment):
    lexer_class = _Lexer


ENVIRONMENT = _Environment(strict=True)
"""RFC 9535 without the library's additions."""


def _action(number: int, action: Any) -> Action:
    place = f"action {number}"
    if not is_object(action) or not isinstance(target := action.get("target"), str):
        raise SourceError(f"{place}: must have a target")
    place = f"{place} ({brief(target)})"
    reason, remove = action.get("description"), action.get("remove", False)
    if unknown := action.keys() - {"target", "description", "update", "remove"}:
        raise SourceError(f"{place}: unknown keys: {_listed(unknown)}")
    if not isinstance(reason, str) or not reason.strip():
        raise SourceError(f"{place}: must have a description, which is its reason")
    if not isinstance(remove, bool) or ("update" in action) == remove:
        raise SourceError(f"{place}: must have either an update or remove: true")
    try:
        path = ENVIRONMENT.compile(target)
    except JSONPathError as error:
        raise SourceError(f"{place}: the target is no JSONPath: {_said(error)}") from error
    return Action(number, target, reason, path, action.get("update"), remove)


def _said(error: JSONPathError) -> str:
    # str(error) draws a picture of several lines.
    return " ".join(str(next(iter(error.args), "")).split())


def _listed(keys: set[str]) -> str:
    return ", ".join(brief(key) for key in sorted(keys))


def _changed(node: Any, place: tuple[Key, ...], change: Callable[[Any], Any]) -> Any:
    """Return a node with a change at a place inside it; the node itself when the change makes none."""
    if not place:
        return change(node)
    key, *rest = place
    before = node[key]
    after = _changed(before, tuple(rest), change)
    if after is before:
        return node
    copy = node.copy()
    copy[key] = after
    return copy


def _without(document: Json, places: list[tuple[Key, ...]]) -> Json:
    if not all(places):
        raise _UnfitError("the whole document cannot be removed")
    # The last ones first: removing an entry moves those behind it.
    for *container, key in sorted(places, reverse=True):
        document = _changed(document, tuple(container), partial(_less, key))
    return document


def _less(key: Key, node: Any) -> Any:
    copy = node.copy()
    del copy[key]
    return copy


def _updated(update: Any, node: Any) -> Any:
    if is_array(node):
        return _extended(node, update if is_array(update) else [update])
    if not is_object(node):
        raise _UnfitError("selects a primitive; select the object that has it, and update that")
    if not is_object(update):
        raise _UnfitError("an object can be updated with an object only")
    return _merged(node, update)


def _merged(old: Any, new: Any, where: str = "") -> Any:
    """Return a value that says what both say; the old one itself when the new one adds nothing."""
    if is_object(old) and is_object(new):
        changes = dict(_differences(old, new, where))
        return {**old, **changes} if changes else old
    if is_array(old) and is_array(new):
        return _extended(old, new)
    if any(is_object(value) or is_array(value) for value in (old, new)):
        raise _UnfitError(f"{brief(where)}: values of different kinds do not merge; remove the old one first")
    return old if _same(old, new) else new


def _differences(old: Json, new: Json, where: str) -> Iterator[tuple[str, Any]]:
    for key, value in new.items():
        if key not in old:
            yield key, value
        elif (merged := _merged(old[key], value, f"{where}.{key}" if where else key)) is not old[key]:
            yield key, merged


def _extended(old: list[Any], new: list[Any]) -> list[Any]:
    found = list(old)
    for entry in new:
        if not any(_same(entry, other) for other in found):
            found.append(entry)
    return found if len(found) > len(old) else old


def _same(one: Any, other: Any) -> bool:
    """Tell whether two values are the same JSON, where true is not 1."""
    return one == other and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
