"""Files of JSON or YAML as plain JSON values, or one line on what is wrong with them."""

import io
import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from scripts.importer.document import Json, SourceError, is_array, is_object

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_VALUES", "MAX_YAML_BYTES", "brief", "load"]

MAX_BYTES = 64 * 2**20
MAX_YAML_BYTES = 16 * 2**20
"""YAML is read a hundred times slower than JSON."""

MAX_DEPTH = 100
"""Levels of objects and arrays. The passes recurse; the deepest file of the vendor has 35."""

MAX_VALUES = 1_000_000
"""Values in a YAML file with its aliases written out."""

BRIEF = 80
"""Characters of somebody else's text in a message of ours."""

TRUNCATED = "is truncated: it ends in the middle of a value; download it again"
TOO_DEEP = f"is nested deeper than {MAX_DEPTH} levels"


def load(path: Path) -> Any:
    """Read a file as plain JSON values, whether it is written in JSON or in YAML.

    YAML is read by the core schema of version 1.2: ``on``, ``yes`` and dates are text, and so is every key.

    Raises
    ------
    SourceError
        The file cannot be read, or means nothing, or not the same to every reader (such as a key given twice).
    """
    text = _text(path)
    if not text.strip():
        raise SourceError("is empty")
    if text.lstrip().startswith("<"):
        raise SourceError("is markup, such as an HTML page; download the file itself (its raw form)")
    value = _value(text, is_yaml=path.suffix.lower() in {".yaml", ".yml"})
    _check_depth(value)
    if re.search(r"\\u[dD]", text):
        _check_characters(value)
    return value


def brief(text: str) -> str:
    """Return a text as it may stand in a message: printable, short, on one line."""
    shown = json.dumps(text, ensure_ascii=False)[1:-1] if text.isprintable() else json.dumps(text)[1:-1]
    return shown if len(shown) <= BRIEF else f"{shown[:BRIEF]}..."


def _text(path: Path) -> str:
    try:
        if not path.exists():
            raise SourceError("does not exist")
        if not path.is_file():
            raise SourceError("is a folder" if path.is_dir() else "is no regular file")
        if path.stat().st_size > MAX_BYTES:
            raise SourceError(f"is larger than {MAX_BYTES // 2**20} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            raise SourceError(TRUNCATED) from error
        raise SourceError(f"is not UTF-8, from byte {error.start} on; save it as UTF-8") from error


def _value(text: str, *, is_yaml: bool) -> Any:
    if text.lstrip()[0] not in "{[":
        return _yaml(text)
    try:
        return _json(text)
    except _NotJsonError:
        # In a YAML file this may be YAML in braces.
        if is_yaml:
            return _yaml(text)
        raise


def _check_depth(value: Any) -> None:
    level = _containers([value])
    for _ in range(MAX_DEPTH):
        level = [part for node in level for part in _containers(node.values() if is_object(node) else node)]
    if level:
        raise SourceError(TOO_DEEP)


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if is_object(value) or is_array(value)]


def _check_characters(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise SourceError(r"holds half a character: a \ud800 to \udfff that is not one of a pair") from error


# ---- JSON


class _NotJsonError(SourceError):
    pass


CUT = re.compile(r"(-|\.|[eE][+-]?|t(r(u)?)?|f(a(l(s)?)?)?|n(u(l)?)?|u[0-9a-fA-F]{0,4})?\s*")
"""What is left of a token when the file ends within it."""


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_float=_float, parse_constant=_constant)
    except json.JSONDecodeError as error:
        is_cut = error.msg.startswith("Unterminated string") or CUT.fullmatch(text, error.pos)
        if is_cut and error.msg != "Extra data":
            raise _NotJsonError(TRUNCATED) from error
        place = f"line {error.lineno}, column {error.colno}"
        raise _NotJsonError(f"is neither JSON nor YAML: {place}: {error.msg}") from error
    except RecursionError as error:
        raise SourceError(TOO_DEEP) from error
    except ValueError as error:
        raise SourceError("holds a number of too many digits") from error


def _object(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        key, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise SourceError(f'has an object with the key "{brief(key)}" twice; only one of them can hold')
    return found


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise SourceError(f"holds a number that is too large: {brief(text)}")
    return number


def _constant(text: str) -> float:
    raise SourceError(f"holds {text}, which is no JSON number")


# ---- YAML

CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

TAGS = (None, "!", *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq")))


@dataclass(slots=True)
class _Frame:
    """An object, or an array where ``members`` is None, that is being read."""

    members: Json | None
    items: list[Any]
    anchor: str | None = None
    values: int = 1
    key: str | None = None


def _yaml(text: str) -> Any:
    if len(text) > MAX_YAML_BYTES:
        raise SourceError(f"is larger than {MAX_YAML_BYTES // 2**20} MiB, too large for YAML; save it as JSON")
    builder = _Builder()
    # Built from the parser's events: its own loaders make dates, follow aliases without bounds, and recurse.
    events: Any = YAML(typ="safe", pure=True)
    try:
        for event in events.parse(io.StringIO(text)):
            builder.take(event)
    except YAMLError as error:
        raise SourceError(f"is neither JSON nor YAML: {_problem(error)}") from error
    except (ValueError, OverflowError) as error:
        # chr() of an escape, int() of more digits than Python reads.
        raise SourceError("is no valid YAML: an escape or a number is out of range") from error
    return builder.value


def _problem(error: Any) -> str:
    problem = getattr(error, "problem", None)
    if problem is None:
        return "it holds characters that are not allowed"
    return f"{_place(error.problem_mark)}{brief(' '.join(problem.split()))}"


class _Builder:
    """Makes a value from the events of a YAML file."""

    def __init__(self) -> None:
        self.frames = [_Frame(None, [])]
        self.anchors: dict[str, tuple[Any, int]] = {}

    @property
    def value(self) -> Any:
        """The value of the file; one without any is null."""
        return next(iter(self.frames[0].items), None)

    def take(self, event: Any) -> None:
        """Take the next event."""
        kind = event.__class__
        if kind is DocumentStartEvent and self.frames[0].items:
            raise SourceError("holds several YAML documents; there must be one")
        if kind in (MappingEndEvent, SequenceEndEvent):
            frame = self.frames.pop()
            self._add(frame.items if frame.members is None else frame.members, frame.values, frame.anchor)
        elif kind in (AliasEvent, ScalarEvent, MappingStartEvent, SequenceStartEvent):
            self._take_node(kind, event)

    def _take_node(self, kind: Any, event: Any) -> None:
        frame = self.frames[-1]
        if kind is not AliasEvent and event.tag not in TAGS:
            raise SourceError(f"{_place(event.start_mark)}the tag {brief(str(event.tag))} means nothing in JSON")
        if frame.members is not None and frame.key is None:
            frame.key = self._key(kind, event, frame.members)
        elif kind is AliasEvent:
            if event.anchor not in self.anchors:
                raise SourceError(f"{_place(event.start_mark)}the alias *{brief(event.anchor)} has no anchor before it")
            self._add(*self.anchors[event.anchor])
        elif kind is ScalarEvent:
            self._add(_scalar(event), 1, event.anchor)
        elif len(self.frames) > MAX_DEPTH:
            raise SourceError(TOO_DEEP)
        else:
            self.frames.append(_Frame({} if kind is MappingStartEvent else None, [], event.anchor))

    def _key(self, kind: Any, event: Any, siblings: Json) -> str:
        place = _place(event.start_mark)
        if kind is not ScalarEvent:
            raise SourceError(f"{place}a key must be a text")
        key: str = event.value
        if key == "<<" and event.style is None:
            raise SourceError(f"{place}merge keys (<<) are no part of YAML 1.2; write the members out")
        if key in siblings:
            raise SourceError(f'{place}the key "{brief(key)}" stands twice in one object; only one of them can hold')
        if event.anchor:
            self.anchors[event.anchor] = (key, 1)
        return key

    def _add(self, value: Any, values: int, anchor: str | None = None) -> None:
        frame = self.frames[-1]
        frame.values += values
        # Counted before anything is written out, so that aliases of aliases cost nothing.
        if frame.values > MAX_VALUES:
            raise SourceError(f"holds more than {MAX_VALUES} values when its YAML aliases are written out")
        if anchor:
            self.anchors[anchor] = (value, values)
        if frame.members is None:
            frame.items.append(value)
        elif frame.key is not None:
            frame.members[frame.key] = value
            frame.key = None


def _scalar(event: Any) -> Any:
    text: str = event.value
    if event.style is not None or event.tag in ("!", "tag:yaml.org,2002:str"):
        return text
    if text in CONSTANTS:
        return CONSTANTS[text]
    if INTEGER.fullmatch(text):
        return int(text, 0 if text[:2] in ("0o", "0x") else 10)
    if FLOAT.fullmatch(text):
        return _float(text)
    if NO_NUMBER.fullmatch(text):
        raise SourceError(f"{_place(event.start_mark)}{text} is no JSON number")
    return text


def _place(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
