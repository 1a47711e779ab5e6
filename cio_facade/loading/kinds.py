"""What the rows of a table may become: a kind is the builder of a message, with what the spec says of what it makes.

Arguments come from the builders' signatures, names of properties from the spec: nothing of either is listed here.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache, cached_property
from importlib.resources import files
from inspect import Parameter, get_annotations, signature
from typing import TYPE_CHECKING, Any, Final

import attrs
import orjson
from cio_pipelines import constants

from cio_facade import deliveries, devices, messages, objects, people
from cio_facade.errors import ValidationError
from cio_facade.events import customerio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from cio_facade.messages import Message

__all__ = [
    "Argument",
    "Kind",
    "Member",
    "Path",
    "closest",
    "did_you_mean",
    "gdpr_events",
    "kind_of",
    "kinds",
    "normal",
    "removes",
]

Path = tuple[str, ...]
"""Where a value goes: an argument of the builder, and names inside of it."""

_VERBS: Final[Mapping[str, Callable[..., Message]]] = {
    "identify": messages.identify,
    "track": messages.track,
    "page": messages.page,
    "screen": messages.screen,
    "group": messages.group,
    "alias": messages.alias,
    "delete": people.delete,
    "suppress": people.suppress,
    "unsuppress": people.unsuppress,
    "device": devices.register,
    "object": objects.create,
    "relationship": objects.relate,
}
# Events that act inside Customer.io are made by these, and by some of the above; all others by `messages.track`.
_ACTIONS: Final = (devices.delete, objects.delete, objects.unrelate, deliveries.report, deliveries.report_content)
_FIELDS = re.compile(r"Unpack\[(\w+)\]")


def normal(name: str) -> str:
    """Give what names have in common that differ in case, spaces, dashes and the like.

    Examples
    --------
    >>> normal("userId") == normal("USER_ID") == normal("user id")
    True
    """
    return re.sub(r"[\W_]+", "", name).casefold()


def closest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Find the known name that is most like this one, if any is."""
    names = {normal(one): one for one in known}
    return next((names[close] for close in get_close_matches(normal(name), names, n=1, cutoff=cutoff)), None)


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Give the end of an error: the known name that is most like this one, else something else.

    Examples
    --------
    >>> did_you_mean("user-idd", ["email", "user_id"])
    "; did you mean 'user_id'?"
    """
    close = closest(name, known)
    return otherwise if close is None else f"; did you mean {close!r}?"


@attrs.frozen
class Argument:
    """An argument of a builder.

    Attributes
    ----------
    name : str
        Its name.
    annotation : str
        Its type, as written.
    required : bool
        Whether a message cannot be built without it.
    """

    name: str
    annotation: str
    required: bool

    @property
    def is_id(self) -> bool:
        """Whether it says who or what: a whole number is sent as its digits."""
        named = self.name == "message_id" or self.annotation == "str"  # which the token of a device is
        return named or "Id" in re.findall(r"\w+", self.annotation)

    @property
    def is_time(self) -> bool:
        """Whether it is a point in time."""
        return "datetime" in self.annotation

    @property
    def is_object(self) -> bool:
        """Whether it is a JSON object, which columns may be put into."""
        return "Object" in self.annotation or "Mapping" in self.annotation


@attrs.frozen
class Member:
    """What the spec names inside of a call.

    Attributes
    ----------
    path : tuple of str
        Where it goes.
    type : str or None
        Its type in JSON; None: of several, or of any.
    required : bool
        Whether the spec asks for it.
    """

    path: Path
    type: str | None
    required: bool = False


@attrs.frozen(kw_only=True, slots=False, eq=False)
class Kind:
    """What a row becomes.

    Attributes
    ----------
    name : str
        What it is called: ``"identify"``, ``"device"``, ``"Order Completed"``.
    build : callable
        Makes the message.
    event : str or None
        The semantic event's name, where `build` does not know it.

    Examples
    --------
    >>> kind_of("device").rest, [argument.name for argument in kind_of("device").required]
    ('attributes', ['user_id', 'token'])
    >>> kind_of("OrderCompleted").event
    'Order Completed'
    """

    name: str
    build: Callable[..., Message] = attrs.field(repr=False)
    event: str | None = None

    @cached_property
    def arguments(self) -> Mapping[str, Argument]:
        """What columns may become, by name; not the event's name where it is known."""
        found = {argument.name: argument for argument in _arguments(self.build)}
        if self.event is not None:
            del found["event"]
        return found

    @property
    def required(self) -> tuple[Argument, ...]:
        """Arguments without which no message can be built."""
        return tuple(argument for argument in self.arguments.values() if argument.required)

    @cached_property
    def rest(self) -> str | None:
        """The argument that takes all columns without a target of their own: traits, properties or attributes."""
        own = [name for name in signature(self.build).parameters if name in self.arguments]
        return next((name for name in own if self.arguments[name].is_object), None)

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """What the spec names among those, and in what a semantic event adds to the context."""
        if self.rest is None:
            return ()
        if self.event is not None:
            schema = _schemas()[constants.SEMANTIC_EVENTS[self.event][1]]
            adds = schema["x-semantic-event"].get("context", {})
            return (*_members(schema, (self.rest,)), *_leaves(adds, ("context",)))
        place = _place_of(self._probe(**{self.rest: {"": _HERE}}), ())
        body: Any = _body(self.type)
        for name in place[:-1]:
            body = _resolved(_resolved(body).get("properties", {}).get(name, {}))
        return tuple(_members(body, (self.rest,)))

    @property
    def strict(self) -> bool:
        """Whether a column must be one that the spec names, or be sent elsewhere by hand."""
        return self.name not in _VERBS

    @property
    def is_state(self) -> bool:
        """Whether it says what somebody or something is, not what happens: then to say the same again says nothing."""
        return not self.strict and self.rest in ("traits", "attributes")

    @property
    def plain(self) -> bool:
        """Whether the builder puts values in their places whatever they are: then one call serves as a form for all."""
        return self.build.__module__ == messages.__name__

    @property
    def type(self) -> str:
        """The type of the call: identify, track, page, screen, group or alias."""
        return self._probe().type

    @property
    def fixed_event(self) -> str | None:
        """The event's name that every such call has."""
        if self.event is not None:
            return self.event
        name = self._probe().call.get("event")
        return name if isinstance(name, str) else None

    @property
    def is_gdpr(self) -> bool:
        """Whether it removes people."""
        return self.fixed_event in gdpr_events()

    @cached_property
    def positional(self) -> tuple[str, ...]:
        """Arguments that the builder has no defaults for, in order."""
        parameters = signature(self.build).parameters.values()
        return tuple(
            one.name
            for one in parameters
            if one.default is Parameter.empty and one.kind is Parameter.POSITIONAL_OR_KEYWORD
        )

    @cached_property
    def identities(self) -> tuple[Path, ...]:
        """What may say who it is about, of which one must; none where what is required says so."""
        call = self._probe().call
        alternatives = constants.IDENTITIES[self.type]
        if self.fixed_event in constants.EVENTS_WITHOUT_IDENTITY or any(path in call for path in alternatives):
            return ()
        named = {normal(name): name for name in self.arguments}
        paths = (path.split(".") for path in alternatives)
        return tuple((named[normal(first)], *more) for first, *more in paths if normal(first) in named)

    def _probe(self, **given: Any) -> Message:
        """Build one of nothing but what must be given."""
        filled: dict[str, Any] = dict.fromkeys(self.positional)
        filled |= {argument.name: _HERE for argument in self.required}
        if self.event is not None:
            filled["event"] = self.event
        return self.build(**{**filled, **given})


_HERE: Final = object()


def kind_of(as_: str) -> Kind:
    """Find what is meant by a name, in whatever case: a verb, or a semantic event or its class.

    Raises
    ------
    ValidationError
        There is no such kind.

    Examples
    --------
    >>> kind_of("Order Completed") is kind_of("orderCompleted")
    True
    >>> kind_of("Oder Completed")
    Traceback (most recent call last):
    ...
    cio_facade.errors.ValidationError: as: there is no kind 'Oder Completed'; did you mean 'Order Completed'?
    """
    found = _known().get(normal(as_))
    if found is None:
        hint = did_you_mean(as_, kinds(), f"; there are {', '.join(_VERBS)} and the semantic events")
        raise ValidationError(field="as", problem=f"there is no kind {as_!r}{hint}")
    return found


def kinds() -> tuple[str, ...]:
    """List what rows may become: the verbs, then the semantic events."""
    return (*_VERBS, *constants.SEMANTIC_EVENTS)


def gdpr_events() -> frozenset[str]:
    """List the events that remove people."""
    return frozenset((customerio.UserDeleted.event_name, customerio.UserSuppressed.event_name))


def removes(event: str) -> bool:
    """Whether an event of this name removes people; in whatever case, since nobody knows whom the server hears.

    Examples
    --------
    >>> removes(" user deleted"), removes("Seen")
    (True, False)
    """
    return event.strip().lower() in {name.lower() for name in gdpr_events()}


@cache
def _known() -> Mapping[str, Kind]:
    verbs = {name: Kind(name=name, build=build) for name, build in _VERBS.items()}
    acting = {kind.fixed_event: kind for kind in verbs.values() if not kind.plain}
    acting |= {
        event: Kind(name=event, build=build) for build in _ACTIONS if (event := Kind(name="", build=build).fixed_event)
    }
    found = dict(verbs)
    for event, (_, class_name) in constants.SEMANTIC_EVENTS.items():
        kind = acting.get(event) or Kind(name=event, build=messages.track, event=event)
        found[event] = found[class_name] = kind
    return {normal(name): kind for name, kind in found.items()}


def _arguments(build: Callable[..., Message]) -> Iterator[Argument]:
    for one in signature(build).parameters.values():
        if one.kind is not Parameter.VAR_KEYWORD:
            missing = one.default is Parameter.empty and "None" not in one.annotation
            yield Argument(one.name, one.annotation, missing)
        elif match := _FIELDS.fullmatch(one.annotation):
            for name, annotation in get_annotations(getattr(messages, match[1])).items():
                yield Argument(name, annotation.__forward_arg__, required=False)


@cache
def _document() -> Mapping[str, Any]:
    document: Mapping[str, Any] = orjson.loads(files("cio_pipelines").joinpath("openapi.json").read_bytes())
    return document


def _schemas() -> Mapping[str, Any]:
    schemas: Mapping[str, Any] = _document()["components"]["schemas"]
    return schemas


def _body(kind: str) -> Mapping[str, Any]:
    """Find the schema of a call, by its type."""
    content = _document()["paths"][constants.PATHS[kind]]["post"]["requestBody"]["content"]
    return _resolved(content["application/json"]["schema"])


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    return schema if reference is None else _schemas()[reference.rpartition("/")[2]]


def _members(schema: Mapping[str, Any], path: Path) -> Iterator[Member]:
    for name, found in schema.get("properties", {}).items():
        kind = _resolved(found).get("type")
        yield Member((*path, name), kind if isinstance(kind, str) else None, name in schema.get("required", ()))


def _leaves(schema: Mapping[str, Any], path: Path) -> Iterator[Member]:
    """List what is in an object, and in the objects inside of it."""
    schema = _resolved(schema)
    for member in _members(schema, path):
        inner = _resolved(schema["properties"][member.path[-1]])
        if inner.get("properties"):
            yield from _leaves(inner, member.path)
        else:
            yield member


def _place_of(value: Any, path: Path) -> Path:
    """Find where in a call a builder put what it was given."""
    inside = value.call if isinstance(value, messages.Message) else value
    for name, inner in inside.items():
        if inner is _HERE and name == "":
            return (*path, name)
        if isinstance(inner, dict) and (found := _place_of(inner, (*path, name))):
            return found
    return ()
