"""What an accepted call does to the workspace: people, devices, objects. Within the transaction that keeps the call.

Nothing is remembered here between two calls: what a transaction takes back, it takes back whole.
"""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, Final

from cio_facade.sandbox.effects import Effect
from cio_facade.sandbox.identities import whose
from cio_facade.sandbox.profiles import alias, identify
from cio_facade.sandbox.records import Call
from cio_facade.sandbox.removals import delete, suppress, unsuppress
from cio_facade.sandbox.reports import report_content, report_delivery
from cio_facade.sandbox.things import delete_device, delete_object, group, register_device, unrelate

__all__ = ["Effect", "Workspace"]

_Deed = Callable[[sqlite3.Connection, Mapping[str, Any], str], Effect]

# What calls do by their type; the others only tell what somebody did.
_BY_TYPE: Final[Mapping[str, _Deed]] = {"identify": identify, "group": group, "alias": alias}
# What tracked events do that act inside Customer.io, by the name of their schema.
_BY_SCHEMA: Final[Mapping[str, _Deed]] = {
    "DeviceCreatedOrUpdated": register_device,
    "DeviceDeleted": delete_device,
    "ObjectDeleted": delete_object,
    "RelationshipDeleted": unrelate,
    "ReportContentEvent": report_content,
    "ReportDeliveryEvent": report_delivery,
    "UserDeleted": delete,
    "UserSuppressed": suppress,
    "UserUnsuppressed": unsuppress,
}


class Workspace:
    """The small model of a workspace.

    Parameters
    ----------
    acting : mapping of str to str
        Name of the schema of each event that acts inside Customer.io, by every spelling of the event's name. An event
        of a schema that is not known here is like any other.
    """

    def __init__(self, acting: Mapping[str, str]) -> None:
        self._acting = {event: _BY_SCHEMA[schema] for event, schema in acting.items() if schema in _BY_SCHEMA}

    def apply(self, db: sqlite3.Connection, call: Call, time: str) -> Effect:
        """Carry out an accepted call that came at `time`, ISO 8601 in UTC."""
        said = call.said
        is_event = call.type == "track"
        deed = self._acting.get(said["event"], whose) if is_event else _BY_TYPE.get(call.type or "", whose)
        return deed(db, said, time)
