"""Objects, such as companies or courses, and people's relationships to them, as messages to send.

An object is known by its type and its id. Types are numbers that the workspace gives; the first is 1.
"""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

from cio_facade.events import customerio
from cio_facade.messages import group, merged, track

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Unpack

    from cio_facade.messages import CallFields, Id, Message

__all__ = ["create", "delete", "relate", "unrelate", "update"]


def create(
    user_id: Id | None,
    object_id: Id,
    attributes: Mapping[str, Any] | None = None,
    object_type_id: int | str = 1,
    **fields: Unpack[CallFields],
) -> Message:
    """Add an object, or update it, and relate a person to it.

    Parameters
    ----------
    user_id : str, int, UUID or None
        The person; None needs an ``anonymous_id``.
    object_id : str, int or UUID
        The object's id within its type.
    attributes : mapping, optional
        Attributes of the object.
    object_type_id : int or str
        The object's type. It travels as text among the traits; at the call's top level it would be ignored.
    **fields
        See `messages.CallFields`.

    Examples
    --------
    >>> create("u1", "acme", {"name": "Acme"}, object_type_id=2).to_dict()["traits"]
    {'name': 'Acme', 'object_type_id': '2'}
    """
    return group(user_id, object_id, merged(attributes, {"object_type_id": _text(object_type_id)}), **fields)


update = create
"""The same call: an existing object is updated."""


def delete(object_id: Id, object_type_id: int | str = 1, **fields: Unpack[CallFields]) -> Message:
    """Remove an object with its relationships.

    Parameters
    ----------
    object_id : str, int or UUID
        The object's id within its type.
    object_type_id : int or str
        The object's type.
    **fields
        See `messages.CallFields`. The API asks for an ``anonymous_id`` here; the object's id serves when there is none.

    Examples
    --------
    >>> delete("acme").to_dict()["properties"]
    {'objectId': 'acme', 'objectTypeId': 1}
    """
    if fields.get("anonymous_id") is None:
        fields["anonymous_id"] = object_id
    return track(None, customerio.ObjectDeleted.event_name, _reference(object_id, object_type_id), **fields)


def relate(
    user_id: Id | None,
    object_id: Id,
    attributes: Mapping[str, Any] | None = None,
    object_type_id: int | str = 1,
    **fields: Unpack[CallFields],
) -> Message:
    """Relate a person to an object, which is added if it is not known.

    Parameters
    ----------
    user_id : str, int, UUID or None
        The person; None needs an ``anonymous_id``.
    object_id : str, int or UUID
        The object's id within its type.
    attributes : mapping, optional
        Attributes of the relationship, such as a role.
    object_type_id : int or str
        The object's type.
    **fields
        See `messages.CallFields`.

    Examples
    --------
    >>> relate("u1", "acme", {"role": "admin"}).to_dict()["traits"]
    {'object_type_id': '1', 'relationshipAttributes': {'role': 'admin'}}
    """
    traits: dict[str, Any] = {"object_type_id": _text(object_type_id)}
    if attributes is not None:
        traits["relationshipAttributes"] = merged(attributes, {})  # a copy
    return group(user_id, object_id, traits, **fields)


def unrelate(user_id: Id, object_id: Id, object_type_id: int | str = 1, **fields: Unpack[CallFields]) -> Message:
    """End a person's relationship to an object.

    Parameters
    ----------
    user_id : str, int or UUID
        The person.
    object_id : str, int or UUID
        The object's id within its type.
    object_type_id : int or str
        The object's type.
    **fields
        See `messages.CallFields`.

    Examples
    --------
    >>> unrelate("u1", "acme")
    <Message track 'Relationship Deleted'>
    """
    return track(user_id, customerio.RelationshipDeleted.event_name, _reference(object_id, object_type_id), **fields)


def _reference(object_id: Id, object_type_id: int | str) -> dict[str, Any]:
    """Name an object in an event: here the API wants its type as a number, among a group's traits as text."""
    number = int(object_type_id) if isinstance(object_type_id, str) and object_type_id.isdecimal() else object_type_id
    return {"objectId": object_id, "objectTypeId": number}


def _text(object_type_id: Any) -> Any:
    whole = not isinstance(object_type_id, bool) and isinstance(object_type_id, Integral)  # numpy's integers too
    return str(int(object_type_id)) if whole else object_type_id
