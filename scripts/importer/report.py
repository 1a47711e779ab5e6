"""How changes are told: in Markdown to people, as JSON to programs, in one word to scripts."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Literal, NamedTuple, get_args

from scripts.importer.document import Json
from scripts.importer.rules import Change, Kind

__all__ = [
    "EXIT_CODES",
    "NO_CHANGE",
    "Section",
    "Verdict",
    "code",
    "listed",
    "render",
    "sections",
    "verdict",
]

Verdict = Literal["none", "compatible", "breaking"]

EXIT_CODES: Mapping[Verdict, int] = {"none": 0, "compatible": 10, "breaking": 20}
"""How ``--check`` ends."""

NO_CHANGE = "No change."

PHRASES: Mapping[tuple[str, str], str] = {
    ("call", "added"): "new call, in batches alone",
    ("call", "removed"): "call removed",
    ("property", "added"): "new property, {after}",
    ("property", "removed"): "property removed, was {before}",
    ("type", "changed"): "type {after}, was {before}",
    ("type", "removed"): "type removed",
    ("default", "added"): "new default {after}",
    ("default", "removed"): "default removed, was {before}",
    ("default", "changed"): "default {after}, was {before}",
    ("required", "added"): "now required",
    ("required", "removed"): "no longer required",
    ("identity", "added"): "may be identified by {after}",
    ("identity", "removed"): "can no longer be identified by {before}",
    ("enum", "added"): "new value {after}",
    ("enum", "removed"): "value {before} removed",
    ("limit", "added"): "now limited to {after}",
    ("limit", "removed"): "no longer limited, was {before}",
}
"""How a line reads, by subject and kind."""

OTHERWISE: Mapping[Kind, str] = {
    "added": "added, {after}",
    "removed": "removed, was {before}",
    "changed": "{after}, was {before}",
    "renamed": "renamed, now {after}",
}

GONE: Mapping[str, str] = {
    **dict.fromkeys(("call", "endpoint", "property", "region", "type"), "gone"),
    "event": "{before} gone",  # the event itself, or one of its aliases
}
"""How a line reads where the vendor's file no longer has something as a whole, by subject."""


class Section(NamedTuple):
    """A heading and the lines of its list."""

    heading: str
    lines: tuple[str, ...]


def verdict(changes: Iterable[Change]) -> Verdict:
    """Say what the vendor's changes mean for callers, whether the spec follows all of them yet or not."""
    found = [*changes]
    return "breaking" if any(change.breaking for change in found) else "compatible" if found else "none"


def sections(changes: Iterable[Change], *, kept: Collection[Change] = frozenset()) -> tuple[Section, ...]:
    """Return the parts of the report that have any lines; whoever has more to say adds sections of its own.

    `kept` is what the vendor's file no longer has and the spec still does.
    """
    made, kept = {*changes} - {*kept}, _gone(kept)
    found = (
        Section("Breaking", _lines(_line, (change for change in made if change.breaking))),
        Section("Compatible", _lines(_line, (change for change in made if not change.breaking))),
        Section("Kept", _lines(_kept, kept)),
    )
    return tuple(section for section in found if section.lines)


def render(parts: Iterable[Section]) -> str:
    """Write sections as Markdown, ready for a changelog or for the text of a pull request."""
    lists = ("\n".join([f"### {heading}", "", *(f"- {line}" for line in lines)]) for heading, lines in parts)
    return ("\n\n".join(lists) or NO_CHANGE) + "\n"


def listed(changes: Iterable[Change], *, kept: Collection[Change] = frozenset()) -> Json:
    """Return the changes for programs. What was kept counts as that alone, but its verdict is the vendor's."""
    made, kept = {*changes} - {*kept}, _gone(kept)
    everything = sorted({*made, *kept})
    kinds = Counter(change.kind for change in made)
    breaking = sum(change.breaking for change in made)
    return {
        "verdict": verdict(everything),
        "counts": {
            "breaking": breaking,
            "compatible": len(made) - breaking,
            "kept": len(everything) - len(made),
            **{kind: kinds[kind] for kind in get_args(Kind)},
        },
        "changes": [
            {
                "kind": change.kind,
                "subject": change.subject,
                "name": change.name,
                "before": change.before,
                "after": change.after,
                "breaking": change.breaking,
                "kept": change in kept,
            }
            for change in everything
        ],
    }


def _gone(kept: Iterable[Change]) -> set[Change]:
    """Return what is kept. Nothing new is, whatever it would be called if less had been kept beside it."""
    return {change for change in kept if change.kind != "added"}


def _lines(line_of: Callable[[Change], str], changes: Iterable[Change]) -> tuple[str, ...]:
    # Shown as code, values that differ in their spaces or quotes may read the same.
    return tuple(dict.fromkeys(map(line_of, sorted(changes))))


def _line(change: Change) -> str:
    line = f"{code(change.name)}: {_phrase(change)}"
    if change.name.startswith("window."):
        return f"{line}; the client paces itself"
    if change.subject == "default" and change.breaking:
        return f"{line}, {'no longer ' if change.kind == 'removed' else ''}sent for whoever leaves it out"
    return line


def _kept(change: Change) -> str:
    gone = GONE.get(change.subject) if change.kind == "removed" else None
    said = f"{_filled(gone, change)} from" if gone else f"{_phrase(change)} in"
    return f"{code(change.name)}: {said} the vendor's file; kept, goes with --prune"


def _phrase(change: Change) -> str:
    return _filled(PHRASES.get((change.subject, change.kind), OTHERWISE[change.kind]), change)


def _filled(phrase: str, change: Change) -> str:
    for place, value in (("before", change.before), ("after", change.after)):
        # Without a value the phrase ends where it would have come.
        phrase = phrase if value else re.sub(rf",[^,]*{{{place}}}", "", phrase)
    return phrase.format(before=_value(change.before), after=_value(change.after))


def _value(value: str) -> str:
    """Show plain words as they are and anything else as code: the vendor's texts are not ours to format with."""
    return value if re.fullmatch(r"[A-Za-z0-9 .,()-]*", value) else code(value)


def code(value: str) -> str:
    """Show a text as code, on one line."""
    return f"`{' '.join(value.replace('`', chr(39)).split())}`"
