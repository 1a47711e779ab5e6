"""People's devices, for push messages, as messages to send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cio_facade.events import customerio
from cio_facade.messages import merged, track

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Unpack

    from cio_facade.messages import CallFields, Id, Message

__all__ = ["delete", "register", "update"]


def register(
    user_id: Id,
    token: str,
    platform: customerio.DevicePlatform | None = None,
    attributes: Mapping[str, Any] | None = None,
    **fields: Unpack[CallFields],
) -> Message:
    """Add a person's device, or update it: the token decides.

    Parameters
    ----------
    user_id : str, int or UUID
        Whose device it is.
    token : str
        The device's push token.
    platform : {"ios", "android"}, optional
        Needed for push messages to arrive.
    attributes : mapping, optional
        Attributes of the device, such as ``app_version``. They travel as the event's properties.
    **fields
        See `messages.CallFields`.

    Examples
    --------
    >>> register("u1", "token-1", "ios").to_dict()["context"]
    {'device': {'token': 'token-1', 'type': 'ios'}}
    """
    name = customerio.DeviceCreatedOrUpdated.event_name
    return _about(user_id, name, token, platform, fields, attributes)


update = register
"""The same call: an existing token is updated."""


def delete(
    user_id: Id,
    token: str,
    platform: customerio.DevicePlatform | None = None,
    attributes: Mapping[str, Any] | None = None,
    **fields: Unpack[CallFields],
) -> Message:
    """Remove a device from a person.

    Parameters
    ----------
    user_id : str, int or UUID
        Whose device it is.
    token : str
        The device's push token.
    platform : {"ios", "android"}, optional
        The device's platform.
    attributes : mapping, optional
        What is to be known of the event; it travels as the event's properties.
    **fields
        See `messages.CallFields`.

    Examples
    --------
    >>> delete("u1", "token-1")
    <Message track 'Device Deleted'>
    """
    return _about(user_id, customerio.DeviceDeleted.event_name, token, platform, fields, attributes)


def _about(
    user_id: Id,
    event: str,
    token: str,
    platform: customerio.DevicePlatform | None,
    fields: CallFields,
    attributes: Mapping[str, Any] | None = None,
) -> Message:
    """Name the device in the context, beside what the caller says of it there."""
    device: dict[str, Any] = {"token": token} if platform is None else {"token": token, "type": platform}
    fields["context"] = merged(fields.get("context"), {"device": device})
    return track(user_id, event, attributes, **fields)
