"""A workspace to write to: the real one of ``CIO_API_KEY`` if that is set, else a sandbox that shows what it stored.

What the tests create has an id, and every person an address, that begins with the name of the run. It is all deleted at
the end, also after a failure. People are unsubscribed, so that no campaign writes to them.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest
from driving import AsyncDriven

from cio_facade import CustomerIO, Limits, Message, Receipt, Report, objects, people
from cio_facade.config import from_env

_LIVE = bool(os.environ.get("CIO_API_KEY", "").strip())
_UNHURRIED = Limits(window_requests=60)  # the workspace has other users


class Workspace:
    """Sends by one of the clients, remembers what is to be deleted, and looks things up where that is possible.

    Attributes
    ----------
    name : str
        What all ids of this run begin with.
    live : bool
        Whether it is a real workspace: what it stored cannot be asked then.
    cio : CustomerIO or AsyncCustomerIO
        The client.
    """

    def __init__(self, client: CustomerIO | AsyncDriven, sandbox: Any) -> None:
        self.name = f"cio-facade-test-{secrets.token_hex(5)}"
        self.live = sandbox is None
        self.cio = client.real if isinstance(client, AsyncDriven) else client
        self._client = client
        self._sandbox = sandbox
        self._made = 0
        self._undo: list[Message] = []

    def run(self, sent: Any) -> Any:
        """The outcome, whichever client it comes from."""
        return self._client.run(sent) if isinstance(self._client, AsyncDriven) else sent

    def send(self, message: Any) -> Receipt:
        """Send one message, which is to be taken at the first attempt or a later one."""
        receipt = self._client.send(message)
        assert receipt.status == 200
        return receipt

    def send_many(self, messages: Iterable[Any], **more: Any) -> Report:
        """Send many."""
        report = self._client.send_many(messages, **more)
        assert report.balanced
        return report

    def person(self, *, suppressed: bool = False) -> str:
        """A new person's id, to be deleted; where the test suppresses it, that is taken back first."""
        who = self._new("person")
        self._undo += [people.unsuppress(who)] if suppressed else []
        self.forget(who)
        return who

    def forget(self, who: Any) -> None:
        """Have this person deleted at the end."""
        self._undo.append(people.delete(who))

    def object(self, object_type_id: int = 1) -> str:
        """A new object's id, to be deleted."""
        what = self._new("object")
        self._undo.append(objects.delete(what, object_type_id))
        return what

    def traits(self, who: str, **more: Any) -> dict[str, Any]:
        """Traits of a person whom nobody must write to."""
        return {"email": f"{who}@example.com", "unsubscribed": True, **more}

    def holds(self, receipt: Receipt, call: Mapping[str, Any]) -> None:
        """Check that the call was stored as given, with the receipt's id; where that can be asked."""
        if not self.live:
            assert self.stored(messageId=receipt.message_id) == [{**call, "messageId": receipt.message_id}]

    def stored(self, **fields: Any) -> list[dict[str, Any]]:
        """The stored calls with these fields, in the order they came."""
        calls: list[dict[str, Any]] = self._sandbox.calls()
        return [call for call in calls if all(call.get(name) == value for name, value in fields.items())]

    def tidy(self) -> None:
        """Delete everything that was created."""
        undo, self._undo = self._undo, []
        try:
            assert self.send_many(undo).complete
        except Exception as error:
            error.add_note(f"Not everything could be deleted: look for ids that begin with {self.name}")
            raise

    def _new(self, kind: str) -> str:
        self._made += 1
        return f"{self.name}-{kind}-{self._made}"


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """The sandbox; None where there is a real workspace."""
    if _LIVE:
        yield None
        return
    sandboxes = pytest.importorskip(
        "cio_facade.sandbox.server", exc_type=ImportError, reason="needs CIO_API_KEY, or the extra [sandbox]"
    )
    with sandboxes.Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="session", params=["sync", "async"])
def workspace(request: pytest.FixtureRequest, server: Any) -> Iterator[Workspace]:
    if server is None:
        settings: dict[str, Any] = {**from_env(), "limits": _UNHURRIED}
    else:
        settings = {"api_key": "sk_us_integration", "base_url": server.url}
    kind = CustomerIO if request.param == "sync" else AsyncDriven
    with kind(**settings) as client:
        workspace = Workspace(client, server)
        try:
            yield workspace
        finally:
            workspace.tidy()
