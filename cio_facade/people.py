"""What is done to people, as messages to send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cio_facade.events import customerio
from cio_facade.messages import alias, identify, track

if TYPE_CHECKING:
    from typing import Unpack

    from cio_facade.messages import CallFields, Id, Message

__all__ = ["delete", "identify", "merge", "suppress", "unsuppress"]


def delete(user_id: Id, **fields: Unpack[CallFields]) -> Message:
    """Remove a person; a later call with the same id adds them anew.

    Parameters
    ----------
    user_id : str, int or UUID
        The person's id.
    **fields
        See `messages.CallFields`.

    Examples
    --------
    >>> delete("u1")
    <Message track 'User Deleted'>
    """
    return track(user_id, customerio.UserDeleted.event_name, **fields)


def suppress(user_id: Id, **fields: Unpack[CallFields]) -> Message:
    """Remove a person and keep the id from being added again, as data protection laws may ask for.

    The trait ``unsubscribed`` is another thing: it only stops messages to the person.

    Parameters
    ----------
    user_id : str, int or UUID
        The person's id.
    **fields
        See `messages.CallFields`.

    Examples
    --------
    >>> suppress("u1")
    <Message track 'User Suppressed'>
    """
    return track(user_id, customerio.UserSuppressed.event_name, **fields)


def unsuppress(user_id: Id, **fields: Unpack[CallFields]) -> Message:
    """Let a suppressed id be added again. What was known of the person does not come back.

    Parameters
    ----------
    user_id : str, int or UUID
        The person's id.
    **fields
        See `messages.CallFields`.

    Examples
    --------
    >>> unsuppress("u1")
    <Message track 'User Unsuppressed'>
    """
    return track(user_id, customerio.UserUnsuppressed.event_name, **fields)


def merge(primary_id: Id, secondary_id: Id, **fields: Unpack[CallFields]) -> Message:
    """Merge one person into another: `messages.alias`, with names that say which one stays.

    Parameters
    ----------
    primary_id : str, int or UUID
        The id that stays.
    secondary_id : str, int or UUID
        The id that goes.
    **fields
        See `messages.CallFields`.

    Examples
    --------
    >>> merge("u1", "u2") == alias("u1", "u2")
    True
    """
    return alias(primary_id, secondary_id, **fields)
