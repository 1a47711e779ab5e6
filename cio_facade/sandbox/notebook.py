"""A workspace for notebooks: the sandbox, or the one of CIO_API_KEY, with tables of what came and what it changed.

A notebook begins with three lines, and ends with ``workspace.close()``, which deletes what the notebook made:

>>> from cio_facade.sandbox.notebook import open_workspace
>>> workspace = open_workspace()
>>> cio = workspace.client
>>> receipt = cio.identify(workspace.id("u1"), {"plan": "pro"})
>>> workspace.close()
<Table: 3 rows of what, deleted>
"""

import atexit
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Unpack

from cio_facade import displaying
from cio_facade.aio import AsyncCustomerIO
from cio_facade.client import CustomerIO
from cio_facade.config import Limits, from_env
from cio_facade.errors import CustomerIOError
from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.traces import Traces

if TYPE_CHECKING:
    from cio_facade.sandbox.objects import Object
    from cio_facade.sandbox.options import Options

__all__ = ["Table", "Workspace", "open_workspace"]

_KEY: Final = "notebook"
_UNHURRIED: Final = Limits(share=0.02)  # a real workspace has other users
_ONLY_SANDBOX: Final = "only the sandbox can show this; without CIO_API_KEY the notebook runs against it"
_SUBJECT: Final = {"identify": None, "track": "event", "page": "name", "screen": "name", "group": "groupId"}


class Table(list[dict[str, Any]]):
    """Rows, as a list of dicts: ``pandas.DataFrame(table)`` takes it, and a notebook shows it as a table.

    Parameters
    ----------
    rows : iterable of mapping
        A value by column name.
    title, note : str
        What is shown above and below.
    columns : sequence of str, optional
        Which columns are shown; all when absent. The rows hold the others too.
    """

    def __init__(
        self,
        rows: Iterable[Mapping[str, Any]] = (),
        *,
        title: str = "",
        note: str = "",
        columns: Sequence[str] | None = None,
    ) -> None:
        super().__init__(dict(row) for row in rows)
        self.title, self.note, self.columns = title, note, columns

    def _repr_html_(self) -> str:
        return displaying.grid(self, self.columns, title=self.title, note=self.note)

    def __repr__(self) -> str:
        names = self.columns or list(dict.fromkeys(name for row in self for name in row))
        rows = f"{len(self):,} row{'' if len(self) == 1 else 's'}"
        return f"<Table: {rows} of {', '.join(names)}>" if names else f"<Table: {rows}>"


class Workspace:
    """Somewhere to send to, and to see what became of it.

    Attributes
    ----------
    client : CustomerIO
        Sends to it.
    sandbox : Sandbox or None
        The sandbox; None for a real workspace, whose tables are empty and say so.
    live : bool
        Whether it is a real workspace.
    prefix : str
        What ids made by `id` begin with: empty in the sandbox, one of its own for each run in a real workspace.
    """

    def __init__(self, **options: "Unpack[Options]") -> None:
        self.live = bool(os.environ.get("CIO_API_KEY", "").strip())
        self.prefix = f"notebook-{secrets.token_hex(4)}-" if self.live else ""
        self.sandbox = None if self.live else Sandbox(**options).__enter__()
        self._traces = Traces(self.prefix)
        self._closed = False
        self.client = self.connect()
        # A kernel that is shut down in the midst of a notebook leaves nothing behind either.
        atexit.register(self._leave)

    def __repr__(self) -> str:
        kind = "real" if self.live else "sandbox"
        return f"<Workspace {kind} {self.base_url}>"

    def _repr_html_(self) -> str:
        if self.sandbox is None:
            note = f"ids begin with {self.prefix}; what is made is deleted by close()"
            return displaying.fields({"workspace": self.base_url}, title="A real workspace", note=note)
        return f"<div>The sandbox; its page: {displaying.link(self.sandbox.page)}</div>"

    # To send --------------------------------------------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        """Where calls go."""
        return self.client.base_url

    @property
    def page(self) -> str | None:
        """The address of the sandbox's page; None for a real workspace."""
        return self.sandbox.page if self.sandbox else None

    def id(self, name: str) -> str:
        """Make an id: the name itself, or in a real workspace one of this run's own."""
        return f"{self.prefix}{name}"

    def email(self, name: str) -> str:
        """Make an address that nobody has: ``ann`` becomes ``ann@example.com``, in a real workspace with the prefix."""
        return f"{self.prefix}{name}@example.com"

    def connect(self, **settings: Any) -> CustomerIO:
        """Make another client with settings of its own, as for `CustomerIO`; what it makes is deleted too."""
        client = CustomerIO(**{**self._settings(), **settings})
        client.api.get_httpx_client().event_hooks = self._traces.hooks
        return client

    def connect_async(self, **settings: Any) -> AsyncCustomerIO:
        """Make an async client with settings as for `AsyncCustomerIO`; what it makes is deleted too."""
        client = AsyncCustomerIO(**{**self._settings(), **settings})
        client.api.get_async_httpx_client().event_hooks = self._traces.async_hooks
        return client

    def faults(self, *rules: str) -> None:
        """Have the sandbox fail on demand, such as ``"503@1"``: the next request. Without a rule all is well again.

        A real workspace is left in peace.
        """
        if self.sandbox is not None:
            self.sandbox.faults.set(*rules)

    def _settings(self) -> dict[str, Any]:
        if self.sandbox is None:
            return {**from_env(), "limits": _UNHURRIED}
        return {"api_key": _KEY, "base_url": self.sandbox.url}

    # To see ---------------------------------------------------------------------------------------------------------

    def received(
        self,
        type: str | None = None,  # noqa: A002 - the API's own word
        user_id: str | None = None,
        event: str | None = None,
    ) -> Table:
        """Show the accepted calls in their order; the arguments narrow the list.

        Each row has ``type``, ``who``, ``what`` (an event, a page, an object, a previous id), ``says`` (traits or
        properties), and ``call``, all of it, which is not shown.
        """
        found = [] if self.sandbox is None else self.sandbox.calls(type, user_id, event)
        return self._table("received", map(_call_row, found), ("type", "who", "what", "says"))

    def requests(self) -> Table:
        """Show the requests: path, status, calls, bytes, retry, verdict and fault; the time is not shown."""
        found = [] if self.sandbox is None else self.sandbox.requests()
        rows = [
            {
                "path": one.path,
                "status": one.status,
                "calls": one.accepted,
                "bytes": one.bytes,
                "retry": one.retry_count,
                "verdict": one.verdict,
                "fault": one.fault,
                "time": one.time,
            }
            for one in found
        ]
        return self._table("requests", rows, ("path", "status", "calls", "bytes", "retry", "verdict", "fault"))

    def refusals(self) -> Table:
        """Show what was refused, or answered 200 and lost: a row for each problem, with its field."""
        found = [] if self.sandbox is None else self.sandbox.requests()
        rows = [
            {
                "path": one.path,
                "status": one.status,
                "verdict": one.verdict,
                "field": problem.place,
                "problem": problem.message,
            }
            for one in found
            for problem in one.problems
        ]
        return self._table("refusals", rows)

    def person(self, user_id: str) -> Table:
        """Show what is known of a person: a row for each trait, id, device and relationship."""
        if self.sandbox is None:
            return self._table(user_id, ())
        try:
            found = self.sandbox.people[user_id]
        except KeyError as error:
            return Table(title=user_id, note=str(error.args[0]))
        rows = [{"is": f"traits.{name}", "value": value} for name, value in found.traits.items()]
        rows += [{"is": "anonymous id", "value": one} for one in found.anonymous_ids]
        rows += [{"is": "merged id", "value": one} for one in found.merged_ids]
        rows += [
            {"is": "device", "value": {"token": one.token, "type": one.type, **one.attributes}} for one in found.devices
        ]
        rows += [
            {"is": "related to", "value": {"object": one.object_id, "type": one.object_type_id, **one.attributes}}
            for one in found.relationships
        ]
        return self._table(user_id, rows, ("is", "value"))

    def people(self) -> Table:
        """Show everybody."""
        found = [] if self.sandbox is None else self.sandbox.people.all()
        rows = [
            {
                "user_id": one.user_id,
                "email": one.email,
                "traits": {name: value for name, value in one.traits.items() if name != "email"},
                "devices": len(one.devices),
                "objects": [related.object_id for related in one.relationships],
            }
            for one in found
        ]
        return self._table("people", rows)

    def objects(self) -> Table:
        """Show the objects, each with who is related to it."""
        found: Iterable[Object] = () if self.sandbox is None else self.sandbox.objects.values()
        rows = [
            {
                "object_id": one.object_id,
                "object_type_id": one.object_type_id,
                "attributes": one.attributes,
                "people": list(one.people),
            }
            for one in found
        ]
        return self._table("objects", rows)

    def relationships(self) -> Table:
        """Show who is related to which object, with what is known of the two together."""
        found: Iterable[Object] = () if self.sandbox is None else self.sandbox.objects.values()
        rows = [
            {
                "user_id": related.user_id,
                "object_id": one.object_id,
                "object_type_id": one.object_type_id,
                "attributes": related.attributes,
            }
            for one in found
            for related in one.relationships
        ]
        return self._table("relationships", rows)

    def devices(self) -> Table:
        """Show the devices of everybody."""
        found = [] if self.sandbox is None else self.sandbox.people.all()
        rows = [
            {"user_id": one.user_id, "token": device.token, "type": device.type, "attributes": device.attributes}
            for one in found
            for device in one.devices
        ]
        return self._table("devices", rows)

    def suppressed(self) -> Table:
        """Show the user ids that may not be added again."""
        found = () if self.sandbox is None else self.sandbox.suppressed
        return self._table("suppressed", [{"user_id": one} for one in sorted(found)])

    def deliveries(self) -> Table:
        """Show the reports of deliveries."""
        found = [] if self.sandbox is None else self.sandbox.deliveries
        names = ("delivery_id", "metric", "recipient", "reason", "action_value", "href")
        return self._table("delivery reports", [{name: getattr(one, name) for name in names} for one in found])

    def sql(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Table:
        """Show the answer to a query over the sandbox's tables; see `Sandbox.sql`."""
        return self._table("", [] if self.sandbox is None else self.sandbox.sql(query, parameters))

    def _table(self, title: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> Table:
        return Table(rows, title=title, columns=columns, note=_ONLY_SANDBOX if self.live else "")

    # To end ---------------------------------------------------------------------------------------------------------

    def close(self) -> Table:
        """Delete what was made: devices, objects, people; then close the client, and end the sandbox.

        In a real workspace only what has this run's prefix is deleted. Closing again does nothing.
        """
        return self._close(at_exit=False)

    def _close(self, *, at_exit: bool) -> Table:
        if self._closed:
            return Table(title="closed before")
        self._closed = True
        atexit.unregister(self._leave)
        try:
            self.faults()
            rows = self._traces.remove(self.client, one_by_one=at_exit)
        except CustomerIOError as error:
            error.add_note(f"not everything could be deleted; what is left begins with {self.prefix!r}")
            raise
        finally:
            self.client.close()
            if self.sandbox is not None:
                self.sandbox.__exit__(None, None, None)
        return Table(rows, title="cleaned up")

    def _leave(self) -> None:
        """Clean up behind a notebook that did not; of a sandbox nothing remains anyway."""
        if self.live:
            self._close(at_exit=True)


def open_workspace(**options: "Unpack[Options]") -> Workspace:
    """Open the workspace of ``CIO_API_KEY``, or start a sandbox where that is not set.

    Parameters
    ----------
    **options
        Of the sandbox, such as ``faults=["503@1"]``; see `Sandbox`. A real workspace takes no notice of them.

    Examples
    --------
    >>> workspace = open_workspace()
    >>> receipt = workspace.client.track("u1", "Signed Up", {"plan": "pro"})
    >>> [(row["who"], row["what"], row["says"]) for row in workspace.received()]
    [('u1', 'Signed Up', {'plan': 'pro'})]
    >>> cleaned = workspace.close()
    """
    return Workspace(**options)


def _call_row(call: dict[str, Any]) -> dict[str, Any]:
    type_ = call["type"]
    what = call.get("previousId") if type_ not in _SUBJECT else call.get(_SUBJECT[type_] or "")
    return {
        "type": type_,
        "who": call.get("userId") or call.get("anonymousId"),
        "what": what,
        "says": call.get("traits") or call.get("properties"),
        "call": call,
    }
