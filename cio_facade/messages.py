"""Messages: immutable values, each one call to make that is not yet made, and the pure functions that build them.

Builders check nothing that depends on data, so that one bad row cannot stop a stream; a message is validated when it is
accepted for delivery. ``None`` means "not given": the field is left out of the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, TypedDict, TypeGuard

import attrs

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Unpack
    from uuid import UUID

__all__ = [
    "CallFields",
    "CallModel",
    "Id",
    "Message",
    "Object",
    "PageFields",
    "SemanticEvent",
    "TrackFields",
    "alias",
    "group",
    "identify",
    "page",
    "screen",
    "track",
]

Id: TypeAlias = "str | int | UUID"
"""An id: text; a whole number is sent as its digits, a UUID in its usual form."""


class CallModel(Protocol):
    """Anything that gives a call in wire form, such as the generated ``models.Track``."""

    def to_dict(self) -> dict[str, Any]:
        """Give the call (or the object inside one) as it goes on the wire."""
        ...


class SemanticEvent(CallModel, Protocol):
    """A typed event, as generated from the spec: ``events.ecommerce.OrderCompleted``."""

    event_name: ClassVar[str]
    event_shape: ClassVar[str]
    event_adds_context: ClassVar[bool]


Object: TypeAlias = Mapping[str, Any] | CallModel
"""A JSON object: a mapping, or a generated model such as ``models.IdentifyTraits``."""


class CallFields(TypedDict, total=False):
    """What every call takes beside its own fields, as keyword arguments.

    Attributes
    ----------
    anonymous_id : str, int or UUID
        Who, when there is no user id yet; with both, the two are joined.
    timestamp : datetime or str
        When it happened: a datetime with a time zone, or ISO 8601 text with an offset. Absent: the server's own time.
    context : mapping
        Circumstances: ``ip``, ``locale``, ``userAgent``, ``device`` and so on.
    integrations : mapping
        Destinations by name to booleans; ``{"All": False}`` turns all others off.
    message_id : str
        Identifies the call in every retry. One is made when it is absent.
    """

    anonymous_id: Id | None
    timestamp: datetime | str | None
    context: Object | None
    integrations: Mapping[str, Any] | None
    message_id: str | None


class TrackFields(CallFields, total=False):
    """What ``track`` takes besides: ``group_id``, the object that the event is about."""

    group_id: Id | None


class PageFields(CallFields, total=False):
    """What ``page`` and ``screen`` take besides: ``category``."""

    category: str | None


_WIRE = {
    "anonymous_id": "anonymousId",
    "group_id": "groupId",
    "category": "category",
    "timestamp": "timestamp",
    "context": "context",
    "integrations": "integrations",
    "message_id": "messageId",
}
_MERGED = frozenset({"context", "integrations"})


@attrs.frozen(repr=False, hash=False, init=False)
class Message:
    """One call, not yet made. Compare by content; hand it over as often as you like: each time makes one call.

    Attributes
    ----------
    call : mapping
        The call in the names of the wire, such as ``{"type": "track", "userId": "u1", "event": "Signed Up"}``.

    Examples
    --------
    >>> track("u1", "Signed Up") == track("u1", "Signed Up")
    True
    >>> track("u1", "Signed Up", {"plan": "pro"})
    <Message track 'Signed Up'>
    """

    call: Mapping[str, Any]

    def __init__(self, call: Mapping[str, Any]) -> None:
        _put(self, call)  # what attrs would write takes twice as long

    @property
    def type(self) -> str:
        """The call's type: identify, track, page, screen, group or alias."""
        return str(self.call["type"])

    @property
    def message_id(self) -> str | None:
        """The call's ``messageId``, when it was given one."""
        return self.call.get("messageId")

    def to_dict(self) -> dict[str, Any]:
        """Give the call in wire form, as a new dict: a message is a call model too."""
        return dict(self.call)

    def __repr__(self) -> str:
        event = self.call.get("event")
        return f"<Message {self.type}{f' {event!r}' if isinstance(event, str) else ''}>"

    def _repr_html_(self) -> str:
        """Show the call in a notebook, with its values: `repr` has none."""
        from cio_facade import displaying  # noqa: PLC0415  only notebooks ask for it

        return displaying.message(self.call)


# For the two builders that streams are made of: a message without the detour through its class, in half the time.
_blank: Callable[[type[Message]], Message] = object.__new__
_put: Callable[[Message, Mapping[str, Any]], None] = vars(Message)["call"].__set__


def identify(user_id: Id | None, traits: Object | None = None, **fields: Unpack[CallFields]) -> Message:
    """Add or update a person.

    Parameters
    ----------
    user_id : str, int, UUID or None
        None needs an ``anonymous_id``, or an ``email`` among the traits.
    traits : mapping, optional
        Attributes of the person; ``email``, ``createdAt``, ``unsubscribed`` and ``cio_subscription_preferences``
        have a meaning of their own.
    **fields
        ``anonymous_id``, ``timestamp`` (a datetime with a zone, or ISO 8601 text), ``context``, ``integrations``,
        ``message_id``: see `CallFields`.

    Examples
    --------
    >>> identify("u1", {"email": "ann@example.com"}).to_dict()
    {'type': 'identify', 'userId': 'u1', 'traits': {'email': 'ann@example.com'}}
    """
    if type(traits) is dict and user_id is not None and not fields:
        message = _blank(Message)
        _put(message, {"type": "identify", "userId": user_id, "traits": traits.copy()})  # pyright: ignore[reportUnknownArgumentType]
        return message
    return _message({"type": "identify", "userId": user_id, "traits": _object(traits)}, fields)


def track(
    user_id: Id | None,
    event: str | SemanticEvent,
    properties: Object | None = None,
    **fields: Unpack[TrackFields],
) -> Message:
    """Record that somebody did something.

    Parameters
    ----------
    user_id : str, int, UUID or None
        None needs an ``anonymous_id``, or a ``group_id`` for an event of an object.
    event : str or SemanticEvent
        A name of your own, at most 100 bytes, or a typed event such as ``events.ecommerce.OrderCompleted(...)``.
    properties : mapping, optional
        What is to be known of the event; beside a typed event, what its class does not name.
    **fields
        ``anonymous_id``, ``timestamp`` (a datetime with a zone, or ISO 8601 text), ``context``, ``integrations``,
        ``message_id``, ``group_id``: see `CallFields` and `TrackFields`.

    Examples
    --------
    >>> from cio_facade.events import ecommerce
    >>> track("u1", ecommerce.OrderCompleted(order_id="o-1", total=99.9)).to_dict()["event"]
    'Order Completed'
    """
    if type(properties) is dict and type(event) is str and user_id is not None and not fields:
        message = _blank(Message)
        _put(message, {"type": "track", "userId": user_id, "event": event, "properties": properties.copy()})
        return message
    if isinstance(event, str) or not hasattr(event, "event_name"):
        call = {"type": "track", "userId": user_id, "event": event, "properties": _object(properties)}
    else:
        call = _typed(user_id, event, _object(properties))
    return _message(call, fields)


def page(
    user_id: Id | None, name: str | None = None, properties: Object | None = None, **fields: Unpack[PageFields]
) -> Message:
    """Record that somebody viewed a page.

    Parameters
    ----------
    user_id : str, int, UUID or None
        None needs an ``anonymous_id``.
    name : str, optional
        The page's name.
    properties : mapping, optional
        ``url``, ``title``, ``referrer``, ``path``, ``search`` and what else you know.
    **fields
        ``anonymous_id``, ``timestamp`` (a datetime with a zone, or ISO 8601 text), ``context``, ``integrations``,
        ``message_id``, ``category``: see `CallFields` and `PageFields`.

    Examples
    --------
    >>> page("u1", "Pricing", {"url": "https://example.com/pricing"})
    <Message page>
    """
    return _message({"type": "page", "userId": user_id, "name": name, "properties": _object(properties)}, fields)


def screen(
    user_id: Id | None, name: str | None = None, properties: Object | None = None, **fields: Unpack[PageFields]
) -> Message:
    """Record that somebody viewed a screen of an app.

    Parameters
    ----------
    user_id : str, int, UUID or None
        None needs an ``anonymous_id``.
    name : str, optional
        The screen's name.
    properties : mapping, optional
        What is to be known of the view.
    **fields
        ``anonymous_id``, ``timestamp`` (a datetime with a zone, or ISO 8601 text), ``context``, ``integrations``,
        ``message_id``, ``category``: see `CallFields` and `PageFields`.

    Examples
    --------
    >>> screen(None, "Home", anonymous_id="a1")
    <Message screen>
    """
    return _message({"type": "screen", "userId": user_id, "name": name, "properties": _object(properties)}, fields)


def group(user_id: Id | None, group_id: Id, traits: Object | None = None, **fields: Unpack[CallFields]) -> Message:
    """Put a person in a group: relate them to an object such as a company.

    Parameters
    ----------
    user_id : str, int, UUID or None
        None needs an ``anonymous_id``.
    group_id : str, int or UUID
        The object's id.
    traits : mapping, optional
        Attributes of the object; ``object_type_id`` (text) is its type, ``relationshipAttributes`` belong to
        the relation. The functions in ``objects`` put them in place.
    **fields
        ``anonymous_id``, ``timestamp`` (a datetime with a zone, or ISO 8601 text), ``context``, ``integrations``,
        ``message_id``: see `CallFields`.

    Examples
    --------
    >>> group("u1", "acme", {"name": "Acme"}).to_dict()["groupId"]
    'acme'
    """
    return _message({"type": "group", "userId": user_id, "groupId": group_id, "traits": _object(traits)}, fields)


def alias(user_id: Id, previous_id: Id, **fields: Unpack[CallFields]) -> Message:
    """Merge what is known under another id into a person.

    Parameters
    ----------
    user_id : str, int or UUID
        The id that stays.
    previous_id : str, int or UUID
        The id, anonymous or not, that goes.
    **fields
        ``anonymous_id``, ``timestamp`` (a datetime with a zone, or ISO 8601 text), ``context``, ``integrations``,
        ``message_id``: see `CallFields`.

    Examples
    --------
    >>> alias("u1", "a1").to_dict()
    {'type': 'alias', 'userId': 'u1', 'previousId': 'a1'}
    """
    return _message({"type": "alias", "userId": user_id, "previousId": previous_id}, fields)


def _is_object(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def merged(base: Any, over: Any) -> Any:
    """Lay `over` on `base`, object by object. What is no object is left for validation to refuse."""
    base, over = _object(base), _object(over)
    if base is None or over is None:
        return base if over is None else over
    if not (_is_object(base) and _is_object(over)):
        return over if _is_object(base) else base
    both = dict(base)
    for key, value in over.items():
        inner = _is_object(_object(value)) and _is_object(_object(both.get(key)))
        both[key] = merged(both[key], value) if inner else value
    return both


def _message(call: dict[str, Any], fields: Mapping[str, Any]) -> Message:
    """Add the keyword fields that were given, in their wire names, and leave out what was not."""
    for name, value in fields.items():
        wire = _WIRE.get(name)
        if wire is None:
            raise TypeError(f"{call['type']}() got an unexpected keyword argument {name!r}")
        if value is not None:
            call[wire] = merged(call.get(wire), value) if wire in _MERGED else value
    for value in call.values():
        if value is None:
            return Message({field: value for field, value in call.items() if value is not None})
    return Message(call)


def _object(value: Any) -> Any:
    """Copy, so that a dict which the caller goes on filling does not change a message already built."""
    if type(value) is dict:
        return value.copy()  # pyright: ignore[reportUnknownVariableType]
    if hasattr(value, "to_dict"):
        return _written(value)
    return dict(value) if _is_object(value) else value


def _written(model: CallModel) -> Any:
    """Give the object that a model stands for; the model itself, for validation to refuse, if it cannot be written."""
    try:
        return model.to_dict()
    except Exception:  # of whatever kind: a builder stops no stream
        return model


def _typed(user_id: Id | None, event: SemanticEvent, more: Any) -> dict[str, Any]:
    """Make the call of a typed event, which is all of it, or its properties and what it adds to the context."""
    body = _written(event)
    if body is event:
        return {"type": "track", "userId": user_id, "event": event.event_name, "properties": event}
    if event.event_shape == "envelope":
        body = {"type": "track", "event": event.event_name, **body}  # parsed from a call, it may have neither
        body["properties"] = merged(body.get("properties"), more)
        return body if user_id is None else {**body, "userId": user_id}
    call = {"type": "track", "userId": user_id, "event": event.event_name}
    if event.event_adds_context:
        call["context"] = body.pop("context", None)
    call["properties"] = merged(body, more)
    return call
