"""Whether what one schema takes, another one takes too."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.importer.callers import Side, values_of
from scripts.importer.comparable import in_json
from scripts.importer.document import Json, is_array, is_object

__all__ = ["Fit"]


def _same(old: Any, new: Any) -> bool:
    return bool(old == new)


def _same_or_gone(old: Any, new: Any) -> bool:
    return new is None or _same(old, new)


def _not_higher(old: Any, new: Any) -> bool:
    return new is None or (old is not None and new <= old)


def _not_lower(old: Any, new: Any) -> bool:
    return new is None or (old is not None and new >= old)


WIDENS: Mapping[str, Callable[[Any, Any], bool]] = {
    "type": lambda old, new: _same_or_gone(old, new) or (old, new) == ("integer", "number"),
    "pattern": _same_or_gone,
    "required": lambda old, new: {*(new or ())} <= {*(old or ())},
    "readOnly": lambda old, new: bool(old) or not new,
    # These are compared for themselves.
    **dict.fromkeys(("default", "deprecated"), lambda _old, _new: True),
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), _not_higher),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), _not_lower),
}
"""When a keyword's new value (None: absent) lets pass whatever the old one did.

Any other must be the same: a format too, which decides the type in Python, so that no format is wider than another.
"""

SAID = {"type", "format", "const", "enum", "anyOf", "items", "additionalProperties", "$ref", "default", "deprecated"}
"""Keywords that the words for a type speak of, or a line of their own."""


@dataclass(frozen=True)
class Fit:
    """Compares schemas of two documents as callers in Python see them."""

    old: Side
    new: Side

    def differences(self, old: Json, new: Json, *, of: str) -> Iterator[tuple[str, str, str]]:
        """Yield what differs between two schemas `of` something: the sort of change, and both in words."""
        if type_difference := self._type_difference(old, new):
            relation, before, after = type_difference
            yield f"{of} {relation}", before, after
        was, is_now = ("deprecated" if each.get("deprecated") else "not deprecated" for each in (old, new))
        if was != is_now:
            yield f"{of} deprecated", was, is_now
        yield from self.defaults(old, new)

    def defaults(self, old: Json, new: Json) -> Iterator[tuple[str, str, str]]:
        """Yield how defaults differ; of a list's items or of alternatives they mean nothing to the client."""
        was, is_now = (in_json(each["default"]) if "default" in each else "" for each in (old, new))
        if was != is_now:
            yield "default changed" if was and is_now else "default stated" if is_now else "default gone", was, is_now

    def _type_difference(self, old: Json, new: Json) -> tuple[str, str, str] | None:
        """Return how the new schema relates to the old one, and both in words; None when they take the same."""
        wider, narrower = self._fits(old, new), Fit(self.new, self.old)._fits(new, old)
        if wider and narrower:
            return None
        relation = "wider" if wider else "narrower" if narrower else "other"
        unsaid = sorted(key for key in (old.keys() | new.keys()) - SAID if old.get(key) != new.get(key))
        before, after = (
            ", ".join([side.text(each), *(f"{key} {in_json(each[key])}" for key in unsaid if key in each)])
            for side, each in ((self.old, old), (self.new, new))
        )
        # What differs deep inside is not in the words.
        return (relation, before, after) if before != after else (relation, in_json(old), in_json(new))

    def _fits(self, old: Json, new: Json, under: frozenset[str] = frozenset()) -> bool:
        # A mapping may hold itself: what is being asked already holds unless something else speaks against it.
        if old == new or (question := in_json([old, new])) in under:
            return True
        under |= {question}
        old, new = self.old.classless(old), self.new.classless(new)
        olds, news = _alternatives(old), _alternatives(new)
        if len(olds) > 1 or len(news) > 1 or "anyOf" in old or "anyOf" in new:
            return all(any(self._fits(one, other, under) for other in news) for one in olds)
        values, wanted = values_of(old), values_of(new)
        if wanted is not None and not (values is not None and {*map(in_json, values)} <= {*map(in_json, wanted)}):
            return False
        keys = (old.keys() | new.keys()) - {"const", "enum"}
        return all(self._keyword_fits(key, old.get(key), new.get(key), under) for key in keys)

    def _keyword_fits(self, key: str, old: Any, new: Any, under: frozenset[str]) -> bool:
        if key not in {"items", "additionalProperties"}:
            return WIDENS.get(key, _same)(old, new)
        # What an array or a mapping holds is a schema, nothing (False), or anything.
        if old is False or new is False:
            return old is False
        return self._fits(old if is_object(old) else {}, new if is_object(new) else {}, under)


def _alternatives(schema: Json) -> list[Json]:
    if "anyOf" in schema:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return [{**rest, **branch} for branch in schema["anyOf"]]
    if is_array(types := schema.get("type")):
        return [{**schema, "type": one} for one in types]
    return [schema]
