"""The verdict on one call: the specification's schemas, compiled once, and the lengths that they do not state."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import orjson
from jsonschema_rs import Draft202012, Draft202012Validator, Registry, Validator

from cio_facade.sandbox.records import Problem
from cio_facade.sandbox.rules import Document, Rules
from cio_facade.sandbox.wording import describe

__all__ = ["Checks", "Json", "said"]

Json = Mapping[str, Any]

_ADDRESS = "urn:sandbox:specification"
# Problems told of one call: enough to mend it by, and a call of garbage has no end of them.
_PROBLEMS_A_CALL = 5


@dataclass(frozen=True, slots=True)
class _Event:
    name: str
    validator: Validator
    whole_call: bool


class Checks:
    """The compiled checks of one specification.

    Parameters
    ----------
    document : mapping
        The OpenAPI document.
    rules : Rules
        What `Rules.read` made of it.
    """

    def __init__(self, document: Document, rules: Rules) -> None:
        registry = Registry([(_ADDRESS, _without_items(document, rules))], draft=Draft202012)

        def compiled(schema: str) -> Validator:
            reference = {"$ref": f"{_ADDRESS}#/components/schemas/{schema}"}
            return Draft202012Validator(reference, registry=registry, validate_formats=True, offline=True)

        schemas: Mapping[str, Document] = document["components"]["schemas"]
        self._calls = {type_: compiled(rules.schemas[path]) for path, type_ in rules.types.items()}
        self._envelope = compiled(rules.schemas[rules.batch_path])
        self._lengths = {
            type_: tuple(
                (name, limit)
                for name, limit in rules.lengths.items()
                if name in schemas[rules.schemas[path]]["properties"]
            )
            for path, type_ in rules.types.items()
        }
        marks = {name: schemas[name]["x-semantic-event"] for name in set(rules.acting.values())}
        events = {
            name: _Event(mark["name"], compiled(name), mark["shape"] == "envelope") for name, mark in marks.items()
        }
        self._events = {spelling: events[name] for spelling, name in rules.acting.items()}

    def call(self, type_: str, call: Json) -> list[Problem]:
        """List what is wrong with a call of this type, as `said` gives it; nothing when it is right."""
        return _broken(self._calls[type_], call) or self._too_long(type_, call) or self._broken_event(type_, call)

    def envelope(self, batch: Json) -> list[Problem]:
        """List what is wrong with a batch, as `said` gives it, apart from its items."""
        return _broken(self._envelope, batch)

    def _too_long(self, type_: str, call: Json) -> list[Problem]:
        return [
            Problem(400, "length", f"must not be over {limit} bytes", name)
            for name, limit in self._lengths[type_]
            if isinstance(value := call.get(name), str) and len(value.encode()) > limit
        ]

    def _broken_event(self, type_: str, call: Json) -> list[Problem]:
        if type_ != "track" or (event := self._events.get(call.get("event", ""))) is None:
            return []
        if event.whole_call:  # the schema knows the event by its name, not by its aliases
            return _broken(event.validator, {**call, "event": event.name})
        found = _broken(event.validator, call.get("properties", {}))
        return [replace(problem, field=f"properties.{problem.field}".rstrip(".")) for problem in found]


def said(call: Json) -> Json:
    """Leave out members that are null: they count as absent, since the vendor's own Python library sends them so."""
    if None in call.values():
        return {name: value for name, value in call.items() if value is not None}
    return call


def _broken(validator: Validator, instance: Json) -> list[Problem]:
    if validator.is_valid(instance):
        return []
    return [describe(error) for error in islice(validator.iter_errors(instance), _PROBLEMS_A_CALL)]


def _without_items(document: Document, rules: Rules) -> dict[str, Any]:
    """Copy the document with a batch of anything: items are checked one by one, each by its own type alone."""
    copy: dict[str, Any] = orjson.loads(orjson.dumps(document))
    copy["components"]["schemas"][rules.schemas[rules.batch_path]]["properties"]["batch"].pop("items", None)
    return copy
