"""What a notebook makes, as its requests say: noted when they are answered, and deleted in the end."""

import gzip
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeGuard, cast

import httpx
import orjson

from cio_facade import devices, objects, people
from cio_facade.client import CustomerIO
from cio_facade.errors import CustomerIOError
from cio_facade.events import customerio
from cio_facade.messages import Message

__all__ = ["Traces"]

_USUAL_TYPE: Final = "1"


class Traces:
    """The people, objects and devices that requests named.

    Parameters
    ----------
    prefix : str
        What ids begin with that may be deleted; others are left alone.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._lock = threading.Lock()
        # By identity, while nobody knows what became of them.
        self._open: dict[int, httpx.Request] = {}
        # Dicts for their order: what was made first is deleted first.
        self._people: dict[str, None] = {}
        self._suppressed: dict[str, None] = {}
        self._devices: dict[tuple[str, str], None] = {}
        self._objects: dict[tuple[str, str], None] = {}

    @property
    def hooks(self) -> dict[str, list[Callable[[Any], Any]]]:
        """Event hooks for an ``httpx.Client``."""
        return {"request": [self._leaves], "response": [self._comes]}

    @property
    def async_hooks(self) -> dict[str, list[Callable[[Any], Any]]]:
        """Event hooks for an ``httpx.AsyncClient``."""

        async def leaves(request: httpx.Request) -> None:
            self._leaves(request)

        async def comes(response: httpx.Response) -> None:
            self._comes(response)

        return {"request": [leaves], "response": [comes]}

    def remove(self, client: CustomerIO, *, one_by_one: bool = False) -> list[dict[str, Any]]:
        """Delete what was noted, and say how much that was.

        Parameters
        ----------
        client : CustomerIO
            Sends the calls.
        one_by_one : bool
            Whether to do without threads, which an interpreter that ends cannot start any more.

        Returns
        -------
        list of dict
            A row each for people, objects and devices: ``deleted``, and where there are any, those
            ``left alone`` for want of the prefix.

        Raises
        ------
        CustomerIOError
            Not everything could be deleted: what is left begins with the prefix.
        """
        with self._lock:
            for request in self._open.values():  # what had no answer may have arrived
                self._note_all(request)
            noted = {
                "people": [*self._people],
                "objects": [object_id for _, object_id in self._objects],
                "devices": [user_id for user_id, _ in self._devices],
            }
            messages = list(self._undoing())
        if one_by_one:
            for message in messages:
                client.send(message)
        elif not (report := client.send_many(messages)).complete:
            raise CustomerIOError(f"{report.accepted - report.delivered} of {report.accepted} calls were not delivered")
        rows: list[dict[str, Any]] = []
        for kind, ids in noted.items():
            own = sum(map(self._is_own, ids))
            rows.append({"what": kind, "deleted": own, **({"left alone": len(ids) - own} if own < len(ids) else {})})
        return rows

    def _leaves(self, request: httpx.Request) -> None:
        with self._lock:
            self._open[id(request)] = request

    def _comes(self, response: httpx.Response) -> None:
        with self._lock:
            request = self._open.pop(id(response.request), None)
            if request is not None and not response.is_client_error:
                self._note_all(request)

    def _note_all(self, request: httpx.Request) -> None:
        said = _read(request)
        calls = said.get("batch")
        for call in calls if _is_list(calls) else [said]:
            self._note(_object(call))

    def _note(self, call: Mapping[str, Any]) -> None:
        traits = _object(call.get("traits"))
        user_id = call.get("userId") or (None if call.get("anonymousId") else traits.get("email"))
        if isinstance(user_id, str):
            self._people[user_id] = None
            if call.get("event") == customerio.UserSuppressed.event_name:
                self._suppressed[user_id] = None
            token = _object(_object(call.get("context")).get("device")).get("token")
            if isinstance(token, str):
                self._devices[user_id, token] = None
        object_id = call.get("groupId")
        if isinstance(object_id, str):
            self._objects[str(traits.get("object_type_id", _USUAL_TYPE)), object_id] = None

    def _undoing(self) -> Iterator[Message]:
        """Make the calls that undo it all: a device while it has its person, people last."""
        yield from map(people.unsuppress, filter(self._is_own, self._suppressed))
        yield from (devices.delete(user_id, token) for user_id, token in self._devices if self._is_own(user_id))
        yield from (objects.delete(object_id, kind) for kind, object_id in self._objects if self._is_own(object_id))
        yield from map(people.delete, filter(self._is_own, self._people))

    def _is_own(self, name: str) -> bool:
        return name.startswith(self._prefix)


def _read(request: httpx.Request) -> dict[str, Any]:
    """Read a request's body; what is no JSON names nothing."""
    body = request.read()
    try:
        said = orjson.loads(gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body)
    except (orjson.JSONDecodeError, OSError):
        return {}
    return _object(said)


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
