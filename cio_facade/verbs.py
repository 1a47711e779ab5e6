"""The six verbs of a client, written once for both kinds: each builds a message and sends it."""

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
        """Add or update a person; see `messages.identify`."""
        return self.send(messages.identify(user_id, traits, **fields))

    def track(
        self,
        user_id: Id | None,
        event: str | SemanticEvent,
        properties: Object | None = None,
        **fields: Unpack[TrackFields],
    ) -> Sent_co:
        """Record that somebody did something; see `messages.track`."""
        return self.send(messages.track(user_id, event, properties, **fields))

    def page(
        self,
        user_id: Id | None,
        name: str | None = None,
        properties: Object | None = None,
        **fields: Unpack[PageFields],
    ) -> Sent_co:
        """Record that somebody viewed a page; see `messages.page`."""
        return self.send(messages.page(user_id, name, properties, **fields))

    def screen(
        self,
        user_id: Id | None,
        name: str | None = None,
        properties: Object | None = None,
        **fields: Unpack[PageFields],
    ) -> Sent_co:
        """Record that somebody viewed a screen of an app; see `messages.screen`."""
        return self.send(messages.screen(user_id, name, properties, **fields))

    def group(
        self, user_id: Id | None, group_id: Id, traits: Object | None = None, **fields: Unpack[CallFields]
    ) -> Sent_co:
        """Relate a person to an object; see `messages.group`."""
        return self.send(messages.group(user_id, group_id, traits, **fields))

    def alias(self, user_id: Id, previous_id: Id, **fields: Unpack[CallFields]) -> Sent_co:
        """Merge what is known under another id into a person; see `messages.alias`."""
        return self.send(messages.alias(user_id, previous_id, **fields))
