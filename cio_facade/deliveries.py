"""What became of Customer.io's own messages, reported back to it, as messages to send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cio_facade.events import customerio
from cio_facade.messages import track

if TYPE_CHECKING:
    from typing import Any, Unpack

    from cio_facade.messages import CallFields, Id, Message

__all__ = ["report", "report_content"]


def report(
    delivery_id: Id,
    metric: customerio.DeliveryMetric,
    *,
    recipient: str | None = None,
    reason: str | None = None,
    action_value: str | None = None,
    href: str | None = None,
    user_id: Id | None = None,
    **fields: Unpack[CallFields],
) -> Message:
    """Report what became of a message that Customer.io sent.

    Parameters
    ----------
    delivery_id : str
        The delivery's id, as the message carries it (``CIO-Delivery-ID``).
    metric : {"delivered", "opened", "clicked", "converted"}
        What happened.
    recipient : str, optional
        Where it went, such as a device's token.
    reason : str, optional
        Why, when it failed.
    action_value : str, optional
        What was tapped, in an in-app message.
    href : str, optional
        The link that was followed.
    user_id : str, int or UUID, optional
        The person, if known: the report needs none.
    **fields
        See `messages.CallFields`.

    Examples
    --------
    >>> report("dlv-1", "opened").to_dict()["properties"]
    {'deliveryId': 'dlv-1', 'metric': 'opened'}
    """
    properties = {
        "deliveryId": delivery_id,
        "metric": metric,
        "recipient": recipient,
        "reason": reason,
        "actionValue": action_value,
        "href": href,
    }
    return track(user_id, customerio.ReportDeliveryEvent.event_name, _given(properties), **fields)


def report_content(
    action_type: customerio.ContentAction,
    content_id: int,
    template_id: int | None = None,
    *,
    user_id: Id | None = None,
    **fields: Unpack[CallFields],
) -> Message:
    """Report that an anonymous in-app message was seen or clicked.

    Parameters
    ----------
    action_type : {"viewed_content", "clicked_content"}
        What happened.
    content_id : int
        The message's id.
    template_id : int, optional
        The id of its template.
    user_id : str, int or UUID, optional
        The person, if known: the report needs none.
    **fields
        See `messages.CallFields`.

    Examples
    --------
    >>> report_content("viewed_content", 12).to_dict()["properties"]
    {'actionType': 'viewed_content', 'contentId': 12}
    """
    properties = {"actionType": action_type, "contentId": content_id, "templateId": template_id}
    return track(user_id, customerio.ReportContentEvent.event_name, _given(properties), **fields)


def _given(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value is not None}
