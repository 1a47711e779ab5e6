"""The six verbs of a client, written once for both kinds: each builds a message and sends it.

What a verb takes is said here as it is said of its builder, since editors show what stands in the source; a test holds
the two together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from cio_facade import messages

if TYPE_CHECKING:
    from typing import Unpack

    from cio_facade.messages import CallFields, CallModel, Id, Object, PageFields, SemanticEvent, TrackFields

__all__ = ["Verbs"]

Sent_co = TypeVar("Sent_co", covariant=True)
"""What sending gives: a receipt, or an awaitable of one."""


class Verbs(ABC, Generic[Sent_co]):
    """What to say; how it is sent is the client's."""

    @abstractmethod
    def send(self, message: CallModel) -> Sent_co:
        """Send one message."""

    def identify(self, user_id: Id | None, traits: Object | None = None, **fields: Unpack[CallFields]) -> Sent_co:
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

        Returns
        -------
        Receipt
            The server has taken the call. With `AsyncCustomerIO` it is to be awaited.

        Raises
        ------
        ValidationError
            Before anything is sent; it names the field.
        AuthenticationError, RateLimitError, NetworkError, RefusedError, ServerError
            The call was refused, or the retry budget is spent.

        Examples
        --------
        >>> cio.identify("u1", {"email": "ann@example.com"})
        Receipt(message_id='...', status=200, attempts=1)
        """
        return self.send(messages.identify(user_id, traits, **fields))

    def track(
        self,
        user_id: Id | None,
        event: str | SemanticEvent,
        properties: Object | None = None,
        **fields: Unpack[TrackFields],
    ) -> Sent_co:
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

        Returns
        -------
        Receipt
            The server has taken the call. With `AsyncCustomerIO` it is to be awaited.

        Raises
        ------
        ValidationError
            Before anything is sent; it names the field.
        AuthenticationError, RateLimitError, NetworkError, RefusedError, ServerError
            The call was refused, or the retry budget is spent.

        Examples
        --------
        >>> cio.track("u1", "Signed Up", {"plan": "pro"})
        Receipt(message_id='...', status=200, attempts=1)
        """
        return self.send(messages.track(user_id, event, properties, **fields))

    def page(
        self,
        user_id: Id | None,
        name: str | None = None,
        properties: Object | None = None,
        **fields: Unpack[PageFields],
    ) -> Sent_co:
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

        Returns
        -------
        Receipt
            The server has taken the call. With `AsyncCustomerIO` it is to be awaited.

        Raises
        ------
        ValidationError
            Before anything is sent; it names the field.
        AuthenticationError, RateLimitError, NetworkError, RefusedError, ServerError
            The call was refused, or the retry budget is spent.

        Examples
        --------
        >>> cio.page("u1", "Pricing", {"url": "https://example.com/pricing"})
        Receipt(message_id='...', status=200, attempts=1)
        """
        return self.send(messages.page(user_id, name, properties, **fields))

    def screen(
        self,
        user_id: Id | None,
        name: str | None = None,
        properties: Object | None = None,
        **fields: Unpack[PageFields],
    ) -> Sent_co:
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

        Returns
        -------
        Receipt
            The server has taken the call. With `AsyncCustomerIO` it is to be awaited.

        Raises
        ------
        ValidationError
            Before anything is sent; it names the field.
        AuthenticationError, RateLimitError, NetworkError, RefusedError, ServerError
            The call was refused, or the retry budget is spent.

        Examples
        --------
        >>> cio.screen(None, "Home", anonymous_id="a1")
        Receipt(message_id='...', status=200, attempts=1)
        """
        return self.send(messages.screen(user_id, name, properties, **fields))

    def group(
        self, user_id: Id | None, group_id: Id, traits: Object | None = None, **fields: Unpack[CallFields]
    ) -> Sent_co:
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

        Returns
        -------
        Receipt
            The server has taken the call. With `AsyncCustomerIO` it is to be awaited.

        Raises
        ------
        ValidationError
            Before anything is sent; it names the field.
        AuthenticationError, RateLimitError, NetworkError, RefusedError, ServerError
            The call was refused, or the retry budget is spent.

        Examples
        --------
        >>> cio.group("u1", "acme", {"name": "Acme"})
        Receipt(message_id='...', status=200, attempts=1)
        """
        return self.send(messages.group(user_id, group_id, traits, **fields))

    def alias(self, user_id: Id, previous_id: Id, **fields: Unpack[CallFields]) -> Sent_co:
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

        Returns
        -------
        Receipt
            The server has taken the call. With `AsyncCustomerIO` it is to be awaited.

        Raises
        ------
        ValidationError
            Before anything is sent; it names the field.
        AuthenticationError, RateLimitError, NetworkError, RefusedError, ServerError
            The call was refused, or the retry budget is spent.

        Examples
        --------
        >>> cio.alias("u1", "a1")
        Receipt(message_id='...', status=200, attempts=1)
        """
        return self.send(messages.alias(user_id, previous_id, **fields))
