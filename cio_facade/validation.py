"""Whether a call is fit to be sent. Pure: a call goes in, the call to send comes out, or an error that names the field.

The rules about required fields and identities are the spec's; the rules about values are the traps that other clients
fell into: ``nan``, ``True`` and ``1.0`` are no ids, a time without a zone is no point in time.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast
from uuid import UUID

import attrs
from cio_pipelines import constants

from cio_facade import columns
from cio_facade.errors import ValidationError
from cio_facade.misfits import misfit
from cio_facade.values import step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cio_facade.config import Limits, NaivePolicy

__all__ = ["Alike", "Keys", "Validator"]

Keys: TypeAlias = "str | tuple[str, ...]"
"""Whom and what a call is about; a single one may go without a tuple around it."""

_IDS = ("userId", "anonymousId", "groupId", "previousId")
_NAMES = ("name", "category")
_SIMPLE = (("userId",), ("anonymousId",))
_OBJECTS = ("traits", "properties", "context", "integrations")
_TIMES = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
_ISO_WITH_OFFSET = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*")
_MOST_OUTLINES = 1_000


@attrs.frozen(kw_only=True)
class _Outline:
    """What follows from a call's type and the names of its fields, whatever their values.

    The calls of a stream hardly differ in it, so it is worked out once. The values are checked in half the time then.

    Attributes
    ----------
    texts : tuple of (str, int, callable)
        Ids and names: the field, how many characters fit whatever they are, and what checks all others.
    objects, times, ids : tuple of str
        Fields.
    missing : str or None
        A required field that is not there.
    simple : bool
        Whether nothing is missing, and one id alone says who it is.
    """

    kind: str
    texts: tuple[tuple[str, int, Callable[[str, Any], Any]], ...]
    objects: tuple[str, ...]
    times: tuple[str, ...]
    ids: tuple[str, ...]
    missing: str | None
    simple: bool


class Alike(NamedTuple):
    """Calls that are fit to be sent and have the same fields.

    Attributes
    ----------
    places : sequence of int
        Where each stands in what was given.
    calls : list of mapping
        The calls as they are to be sent.
    keys : list of str or tuple of str
        Whom and what each is about.
    """

    places: Sequence[int]
    calls: Sequence[Mapping[str, Any]]
    keys: Sequence[Keys]


class Validator:
    """The rules, with the limits in force.

    Parameters
    ----------
    limits : Limits
        Lengths of ids and event names.
    naive : {"refuse", "utc", "local"}
        What a datetime without a time zone means.
    """

    def __init__(self, limits: Limits, naive: NaivePolicy = "refuse") -> None:
        self._id_bytes = limits.id_bytes
        self._event_bytes = limits.event_name_bytes
        self._naive: NaivePolicy = naive
        self._texts = {
            **dict.fromkeys((*_IDS, "messageId"), (_surely_fit(limits.id_bytes), self._id)),
            "event": (_surely_fit(limits.event_name_bytes), self._event),
            **dict.fromkeys(_NAMES, (sys.maxsize, self._name)),
        }
        self._columns: dict[str, Callable[[columns.Column], columns.Column | None]] = {
            **dict.fromkeys((*_IDS, "messageId"), partial(columns.ids, most=limits.id_bytes)),
            **dict.fromkeys(("type", "event"), partial(columns.texts, most=limits.event_name_bytes)),
            **dict.fromkeys(_NAMES, partial(columns.texts, most=None)),
            **dict.fromkeys(_OBJECTS, columns.objects),
            **dict.fromkeys(_TIMES, partial(columns.times, form=_ISO_WITH_OFFSET)),
        }
        self._outlines: dict[tuple[str, ...], _Outline] = {}

    def check(self, call: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        """Give the call as it is to be sent, and whom and what it is about: calls that share one of these keep order.

        The call is the same object unless a value had to be brought to its form.

        Raises
        ------
        ValidationError
            Names the field and the way out, never the value.
        """
        try:
            outline = self._outlines.get((call["type"], *call))
        except (KeyError, TypeError):
            outline = None  # and not here: an error within would show the call's values as its context
        if outline is None:
            outline = self._outline(call)
        for field, fit, check in outline.texts:
            value = call[field]
            if type(value) is not str or not 0 < len(value) <= fit or value.isspace():
                call = _with(call, field, check(field, value))
        for field in outline.objects:
            if type(call[field]) is not dict:
                _object(field, call[field])
        for field in outline.times:
            call = _with(call, field, self._time(field, call[field]))
        if outline.simple and call.get("event") not in constants.EVENT_REQUIRED:
            return call, (call[outline.ids[0]],)
        return self._as_a_whole(call, outline)

    def check_many(self, calls: Sequence[Mapping[str, Any]]) -> tuple[list[Alike], list[tuple[int, ValidationError]]]:
        """Do what `check` does for each, but field by field for those that look alike: that takes half the time.

        Gives what is fit, by its look, and what is not: its place, and why.
        """
        alike: list[Alike] = []
        refused: list[tuple[int, ValidationError]] = []
        for places, some, given in columns.looks_of(calls):
            checked = None if given is None else self._by_columns(some, given)
            if checked is not None:
                alike.append(Alike(places, *checked))
            elif fit := self._one_by_one(places, some, refused):
                alike.append(Alike(*zip(*fit, strict=True)))
        return alike, refused

    def _by_columns(
        self, calls: Sequence[columns.Call], given: columns.Columns
    ) -> tuple[Sequence[columns.Call], Sequence[Keys]] | None:
        """Check calls of one look. None: it takes more to tell whether all are fit."""
        for field, column in given.items():
            checked = self._columns[field](column) if field in self._columns else column
            if checked is None:
                return None
            if checked is not column:
                given[field] = checked
                calls = [{**call, field: value} for call, value in zip(calls, checked, strict=True)]
        if given["type"][0] not in constants.REQUIRED:
            return None
        outline = self._outlines.get((given["type"][0], *given)) or self._outline(calls[0])
        if not _surely_whole(given, outline):
            return None
        ids = [given[field] for field in outline.ids]
        return calls, list(zip(*ids, strict=True)) if len(ids) > 1 else ids[0]

    def _one_by_one(
        self, places: Sequence[int], calls: Sequence[columns.Call], refused: list[tuple[int, ValidationError]]
    ) -> list[tuple[int, Mapping[str, Any], Keys]]:
        fit: list[tuple[int, Mapping[str, Any], Keys]] = []
        for place, call in zip(places, calls, strict=True):
            try:
                checked, keys = self.check(call)
            except ValidationError as error:
                refused.append((place, error.with_traceback(None)))  # which would hold the call
            else:
                fit.append((place, checked, keys[0] if len(keys) == 1 else keys))
        return fit

    def _outline(self, call: Mapping[str, Any]) -> _Outline:
        kind = call.get("type")
        if not isinstance(kind, str) or kind not in constants.REQUIRED:
            raise ValidationError(field="type", problem=f"must be one of {', '.join(sorted(constants.PATHS))}")
        ids = tuple(field for field in _IDS if field in call)
        missing = next((field for field in constants.REQUIRED[kind] if field not in call), None)
        outline = _Outline(
            kind=kind,
            texts=tuple((field, *self._texts[field]) for field in call if field in self._texts),
            objects=tuple(field for field in call if field in _OBJECTS),
            times=tuple(field for field in call if field in _TIMES),
            ids=ids,
            missing=missing,
            simple=ids in _SIMPLE and missing is None and not (kind == "identify" and "traits" in call),
        )
        if len(self._outlines) < _MOST_OUTLINES:
            self._outlines[kind, *call] = outline
        return outline

    def _as_a_whole(self, call: Mapping[str, Any], outline: _Outline) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        """Check what depends on several fields, and on the values of more than one level."""
        kind = outline.kind
        if outline.missing is not None:
            raise ValidationError(field=outline.missing, problem=f"is required for {kind}")
        if kind == "track" and call["event"] in constants.EVENT_REQUIRED:
            call = self._action(call, call["event"])
        if "userId" not in call and "anonymousId" not in call:
            _identified(call, kind)
        if kind == "identify" and "traits" in call:
            _email(call["traits"].get("email"))
        return call, _order_keys(call, outline)

    def _id(self, field: str, value: Any) -> Any:
        text = _id_text(field, value)
        _fits(field, text, self._id_bytes, "id_bytes")
        return text

    def _event(self, field: str, value: Any) -> Any:
        if not isinstance(value, str) or not value.strip():
            raise ValidationError(field=field, problem="must be an event's name, not empty")
        _fits(field, value, self._event_bytes, "event_name_bytes")
        return value if type(value) is str else str.__str__(value)

    def _name(self, field: str, value: Any) -> Any:
        """Check the name or the category of a view: as null, it would be gone and nobody would know."""
        text = value if isinstance(value, (str, int, float)) else step(value, self._naive, field)
        if not isinstance(text, str):
            raise ValidationError(field=field, problem="must be text; leave it out when there is none")
        return text if type(text) is str else str.__str__(text)

    def _time(self, field: str, value: Any) -> Any:
        if isinstance(value, datetime):
            text = step(value, self._naive, field)
            if text is None:
                raise ValidationError(field=field, problem="is not a time; leave it out when there is none")
            return text
        if not (isinstance(value, str) and _ISO_WITH_OFFSET.fullmatch(value) and _is_time(value)):
            raise ValidationError(
                field=field,
                problem="must be a datetime with a time zone, or ISO 8601 text such as 2026-01-31T12:00:00Z",
            )
        return value

    def _action(self, call: Mapping[str, Any], event: str) -> Mapping[str, Any]:
        """Check what an event that acts inside Customer.io cannot do without, and bring its ids to text.

        They may be longer than the ids of people: push tokens often are.
        """
        for path in constants.EVENT_REQUIRED[event]:
            value = _dig(call, path)
            if value is None or (isinstance(value, str) and not value):
                raise ValidationError(field=path, problem=f"is required for {event!r}")
            if path in constants.EVENT_IDS.get(event, ()) and (text := _id_text(path, value)) is not value:
                call = _replaced(call, path.split("."), text)
        return call


def _surely_fit(most: int | None) -> int:
    """Give the number of characters that fit whatever they are: each takes at most 4 bytes."""
    return sys.maxsize if most is None else most // 4


def _surely_whole(given: Mapping[str, columns.Column], outline: _Outline) -> bool:
    """Whether calls are fit in what depends on several fields, as far as columns show it."""
    if outline.missing is not None or not {"userId", "anonymousId"}.intersection(outline.ids):
        return False
    if not constants.EVENT_REQUIRED.keys().isdisjoint(given.get("event", ())):
        return False
    if outline.kind == "identify" and "traits" in given:
        return columns.addresses((traits.get("email") for traits in given["traits"]), _EMAIL)
    return True


def _with(call: Mapping[str, Any], field: str, value: Any) -> Mapping[str, Any]:
    return call if call[field] is value else {**call, field: value}


def _order_keys(call: Mapping[str, Any], outline: _Outline) -> tuple[str, ...]:
    keys = [call[field] for field in outline.ids]
    for path in constants.EVENT_IDS.get(call["event"], ()) if outline.kind == "track" else ():
        if (value := _dig(call, path)) is not None and value not in keys:
            keys.append(value)
    if not keys:  # an identity that is no id: an e-mail address
        keys = [value for path in constants.IDENTITIES[outline.kind] if (value := _dig(call, path)) is not None]
    return tuple(keys)


def _id_text(field: str, value: Any) -> str:
    """Give an id's text. Booleans, floats and the like are refused: their text names nobody, or the wrong one."""
    if isinstance(value, str):
        if not value or value.isspace():
            raise ValidationError(field=field, problem="is empty; leave it out when there is none")
        return value if type(value) is str else str.__str__(value)  # a subclass, such as a member of a StrEnum
    if isinstance(value, UUID):
        return str(value)
    if not isinstance(value, bool) and isinstance(value, Integral):  # numpy's integers too
        with suppress(ValueError):  # of so many digits that Python does not write them
            return str(int(value))
    raise ValidationError(field=field, problem="must be text, a whole number or a UUID")


def _object(field: str, value: Any) -> Any:
    if not isinstance(value, Mapping):
        problem = "must be an object: a mapping of names to values"
        raise misfit(value) or ValidationError(field=field, problem=problem)
    return cast("Mapping[str, Any]", value)


def _fits(field: str, text: str, most: int | None, setting: str) -> None:
    if most is not None and len(text.encode(errors="replace")) > most:
        raise ValidationError(field=field, problem=f"is longer than {most} bytes (limits.{setting})")


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _identified(call: Mapping[str, Any], kind: str) -> None:
    alternatives = constants.IDENTITIES[kind]
    if not alternatives or any(_dig(call, path) is not None for path in alternatives):
        return
    if kind == "track" and call["event"] in constants.EVENTS_WITHOUT_IDENTITY:
        return
    raise ValidationError(field=alternatives[0], problem=f"is missing; {kind} needs one of {', '.join(alternatives)}")


def _email(value: Any) -> None:
    if value is not None and not (isinstance(value, str) and _EMAIL.fullmatch(value)):
        raise ValidationError(field="traits.email", problem="must have the form of an e-mail address")


def _dig(call: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(call, Mapping):
            return None
        call = cast("Mapping[str, Any]", call).get(name)
    return call


def _replaced(call: Mapping[str, Any], path: list[str], value: Any) -> Mapping[str, Any]:
    name, *rest = path
    return {**call, name: _replaced(call[name], rest, value) if rest else value}
