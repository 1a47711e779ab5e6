"""Says what of a vendor's document is not in the canonical one made from it, or is asked for in that one alone."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from scripts.importer.comparison import MORE, Comparison, Loss, Rule, Walk
from scripts.importer.document import MARK, Json, schemas_of
from scripts.importer.source_reader import Reader, operations

__all__ = ["Fidelity", "Loss", "Rule", "Source"]

_OF_CALLS = frozenset(("context", "event", "properties"))
"""Members that tell a schema of a whole track call from one of an event's properties."""


@dataclass(frozen=True)
class Fidelity:
    """What a comparison came to."""

    losses: tuple[Loss, ...]
    explained: Mapping[Rule, int]
    compared: Mapping[str, int]


class Source:
    """A vendor's document, read once for all documents that it is compared with."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self._reader = Reader(document)

    def compare(self, canonical: Json, event_sources: Mapping[str, str]) -> Fidelity:
        """Compare it with a canonical document made from it.

        Parameters
        ----------
        event_sources
            For each event, by the canonical name of its component, the name of the source's component.
        """
        comparison = Comparison(self._reader, Reader(canonical))
        ours = operations(canonical)
        for (path, method), theirs in operations(self._document).items():
            _Operation(comparison, f"{method.upper()} {path}").compare(theirs, ours.get((path, method)))
        for event, key in sorted(event_sources.items()):
            _compare_event(comparison, event, key)
        return Fidelity(
            tuple(sorted(comparison.found)),
            dict(Counter(rule for rule, _, _ in comparison.explained)),
            dict(comparison.compared),
        )


@dataclass(frozen=True)
class _Operation:
    """Compares what a method of a path takes and answers."""

    comparison: Comparison
    where: str

    def compare(self, theirs: Json, ours: Json | None) -> None:
        self.comparison.compared["operations"] += 1
        if ours is None:
            self.comparison.lost(self.where, "", "operation")
            return
        self._parameters(theirs, ours)
        self._body(theirs, ours)
        self._responses(theirs, ours)

    def _parameters(self, theirs: Json, ours: Json) -> None:
        there, here = _parameters(self.comparison.source, theirs), _parameters(self.comparison.canonical, ours)
        for (place, name), parameter in there.items():
            self.comparison.compared["parameters"] += 1
            path = f"{place} {name}"
            own = here.get((place, name))
            if own is None:
                self.comparison.lost(self.where, path, "parameter")
                continue
            self._required(self.where, path, parameter, own)
            views = (
                self.comparison.source.view(parameter.get("schema")),
                self.comparison.canonical.view(own.get("schema")),
            )
            Walk(self.comparison, self.where, in_header=place == "header").compare(*views, (path,))
        for (place, name), own in here.items():
            if (place, name) not in there:
                self._required(self.where, f"{place} {name}", {}, own)

    def _required(self, where: str, path: str, theirs: Json, ours: Json) -> None:
        asked, asks = theirs.get("required") is True, ours.get("required") is True
        if asked != asks:
            self.comparison.lost(where, path, "required" if asked else MORE)

    def _body(self, theirs: Json, ours: Json) -> None:
        where = f"{self.where} request"
        body = self.comparison.source.resolved(theirs.get("requestBody"))
        own = self.comparison.canonical.resolved(ours.get("requestBody"))
        if "requestBody" in theirs and not own:
            self.comparison.lost(self.where, "", "request body")
            return
        self._required(where, "", body, own)
        self._contents(where, body, own)

    def _responses(self, theirs: Json, ours: Json) -> None:
        here = {str(status): response for status, response in ours.get("responses", {}).items()}
        for key, response in theirs.get("responses", {}).items():
            self.comparison.compared["responses"] += 1
            status = str(key)
            if status in here:
                own = self.comparison.canonical.resolved(here[status])
                self._contents(f"{self.where} {status}", self.comparison.source.resolved(response), own)
            elif not status[:3].isdigit() or len(status) > 3:
                self.comparison.explained.add((Rule.NO_STATUS, self.where, status))
            else:
                self.comparison.lost(self.where, status, "response")

    def _contents(self, where: str, theirs: Json, ours: Json) -> None:
        here = ours.get("content", {})
        for media, content in theirs.get("content", {}).items():
            self.comparison.compared["bodies"] += 1
            if media not in here:
                self.comparison.lost(where, media, "content")
            elif "schema" in content:
                views = (
                    self.comparison.source.view(content["schema"]),
                    self.comparison.canonical.view(here[media].get("schema")),
                )
                Walk(self.comparison, where).compare(*views)


def _compare_event(comparison: Comparison, name: str, key: str) -> None:
    """Compare an event's component with the source's, both as the whole call."""
    theirs = schemas_of(comparison.source.document).get(key)
    if theirs is None:
        return
    comparison.compared["events"] += 1
    where = f"event {name}"
    if MARK not in schemas_of(comparison.canonical.document).get(name, {}):
        comparison.lost(where, "", "event", key)
        return
    whole = comparison.source.view(theirs)
    if not whole.steps.keys() & _OF_CALLS:
        whole = comparison.source.view({"type": "object", "properties": {"properties": theirs}})
    ours = comparison.events[name]
    Walk(comparison, where, repeated=comparison.repeated(whole, ours)).compare(whole, ours)


def _parameters(reader: Reader, operation: Json) -> dict[tuple[str, str], Json]:
    resolved = map(reader.resolved, operation["parameters"])
    return {(str(parameter.get("in")), str(parameter.get("name"))): parameter for parameter in resolved}
