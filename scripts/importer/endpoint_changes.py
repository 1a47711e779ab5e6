"""What differs between the endpoints of two documents."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from scripts.importer.callers import Endpoint, Side
from scripts.importer.comparable import or_none
from scripts.importer.document import Json
from scripts.importer.fits import Fit
from scripts.importer.rules import READ, SENT, Change, change_of

__all__ = ["endpoint_changes"]


class _Difference(NamedTuple):
    """What differs at an endpoint, and maybe at others in the same way."""

    label: str
    sort: str
    before: str
    after: str
    use: str = SENT


def endpoint_changes(old: Side, new: Side) -> Iterator[Change]:
    """Compare the operations. What is the same difference at several of them is one."""
    for name in old.endpoints.keys() - new.endpoints.keys():
        yield change_of("endpoint removed", name)
    for name in new.endpoints.keys() - old.endpoints.keys():
        yield change_of("endpoint added", name)
    both = sorted(old.endpoints.keys() & new.endpoints.keys())
    found: dict[_Difference, list[str]] = defaultdict(list)
    for name in both:
        for difference in _differences(Fit(old, new), old.endpoints[name], new.endpoints[name]):
            found[difference].append(name)
    for (label, sort, before, after, use), names in found.items():
        where = "every endpoint" if names == both and len(both) > 1 else ", ".join(names)
        yield change_of(sort, f"{where} {label}".rstrip(), before, after, {use})


def _differences(fit: Fit, old: Endpoint, new: Endpoint) -> Iterator[_Difference]:
    if old.function != new.function:
        yield _Difference("", "function renamed", old.function, new.function)
    for key in old.rest.keys() | new.rest.keys():
        before, after = old.rest.get(key), new.rest.get(key)
        if key == "deprecated":
            was, is_now = ("deprecated" if each else "not deprecated" for each in (before, after))
            if was != is_now:
                yield _Difference("", "endpoint deprecated", was, is_now)
        elif before != after:
            yield _Difference(key, "endpoint otherwise", or_none(before), or_none(after))
    yield from _inputs(fit, old.inputs, new.inputs)
    yield from _answers(fit, old.answers, new.answers)


def _inputs(fit: Fit, old: dict[str, tuple[Json, bool]], new: dict[str, tuple[Json, bool]]) -> Iterator[_Difference]:
    for label in old.keys() - new.keys():
        schema, required = old[label]
        yield _Difference(label, "input removed", fit.old.text(schema, required=required), "")
    for label in new.keys() - old.keys():
        schema, required = new[label]
        # Where there is a body, one of another media type is an alternative.
        required = required and not (_is_body(label) and any(map(_is_body, old)))
        sort = "input added, required" if required else "input added"
        yield _Difference(label, sort, "", fit.new.text(schema, required=required))
        yield from (_Difference(label, *found) for found in fit.defaults({}, schema))
    for label in old.keys() & new.keys():
        (before, was), (after, is_now) = old[label], new[label]
        if was != is_now:
            needed, needs = ("required" if each else "optional" for each in (was, is_now))
            yield _Difference(label, f"input now {needs}", needed, needs)
        yield from (_Difference(label, *found) for found in fit.differences(before, after, of="input or answer"))


def _answers(fit: Fit, old: dict[str, Json | None], new: dict[str, Json | None]) -> Iterator[_Difference]:
    for label in old.keys() - new.keys():
        yield _Difference(label, "status removed", fit.old.text(old[label]), "", READ)
    for label in new.keys() - old.keys():
        yield _Difference(label, "status added", "", fit.new.text(new[label]), READ)
    for label in old.keys() & new.keys():
        before, after = old[label], new[label]
        if before is None or after is None:
            if before != after:
                # Nobody reads a body that was not there.
                sort = "input or answer narrower" if before is None else "input or answer other"
                yield _Difference(label, sort, fit.old.text(before), fit.new.text(after), READ)
        else:
            found = fit.differences(before, after, of="input or answer")
            yield from (_Difference(label, *each, READ) for each in found)


def _is_body(label: str) -> bool:
    return label.split(" ", 1)[0] == "body"
