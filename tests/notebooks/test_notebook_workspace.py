"""What notebooks open: the sandbox, or the workspace of a key, with tables, and an end that leaves nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pandas as pd
import pytest

from cio_facade import Outbox, deliveries, devices, load, messages, objects, people
from cio_facade.errors import CustomerIOError, RefusedError
from cio_facade.retrying import Retry
from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.notebook import Table, Workspace, open_workspace

_LEFT = ("people", "objects", "devices", "relationships", "suppressed")


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A sandbox of its own."""
    monkeypatch.delenv("CIO_API_KEY", raising=False)
    workspace = open_workspace()
    yield workspace
    workspace.close()


@pytest.fixture
def server() -> Iterator[Sandbox]:
    """A sandbox that stands for a real workspace."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def real(server: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace of which a notebook has the key."""
    monkeypatch.setenv("CIO_API_KEY", "a-key-of-mine")
    monkeypatch.setenv("CIO_BASE_URL", server.url)
    monkeypatch.delenv("CIO_REGION", raising=False)
    workspace = open_workspace()
    yield workspace
    workspace.close()


def left(server: Sandbox) -> dict[str, list[dict[str, object]]]:
    tables = {table: server.sql(f"SELECT * FROM {table}") for table in _LEFT}
    return {table: rows for table, rows in tables.items() if rows}


def fill(workspace: Workspace) -> None:
    """One of everything."""
    ann, acme = workspace.id("u1"), workspace.id("acme")
    workspace.client.identify(ann, {"email": workspace.email("ann"), "plan": "<b>pro</b>"}, anonymous_id="a1")
    workspace.client.send_many(
        [
            devices.register(ann, workspace.id("token"), "ios", {"app_version": "4.1"}),
            objects.create(ann, acme, {"name": "Acme"}, object_type_id=2),
            objects.relate(ann, acme, {"role": "owner"}, object_type_id=2),
            deliveries.report("d-1", "opened", recipient=workspace.email("ann")),
            people.suppress(workspace.id("u2")),
            messages.identify(None, {"email": workspace.email("ben")}),
            messages.identify(workspace.id("lead"), {"plan": "free"}),
            messages.alias(ann, workspace.id("lead")),
        ]
    )


# The sandbox ----------------------------------------------------------------------------------------------------------


def test_names_stay_as_they_are_in_the_sandbox(own: Workspace) -> None:
    assert (own.id("u1"), own.email("ann"), own.live) == ("u1", "ann@example.com", False)
    assert own.page
    assert own.page in own._repr_html_()
    assert httpx.get(own.page).status_code == 200
    assert own.base_url in repr(own)


def test_tables_show_what_arrived_and_what_it_made(own: Workspace) -> None:
    fill(own)
    assert [row["type"] for row in own.received("group")] == ["group", "group"]
    assert own.received(user_id="u2")[0]["what"] == "User Suppressed"
    assert {row["is"]: row["value"] for row in own.person("u1")} == {
        "traits.email": "ann@example.com",
        "traits.plan": "<b>pro</b>",
        "anonymous id": "a1",
        "merged id": "lead",
        "device": {"token": "token", "type": "ios", "app_version": "4.1"},
        "related to": {"object": "acme", "type": "2", "role": "owner"},
    }
    assert [row["email"] for row in own.people()] == ["ann@example.com", "ben@example.com"]
    assert own.objects()[0]["attributes"] == {"name": "Acme"}
    assert own.relationships()[0]["attributes"] == {"role": "owner"}
    assert own.devices()[0]["token"] == "token"
    assert own.suppressed() == [{"user_id": "u2"}]
    assert own.deliveries()[0]["metric"] == "opened"
    assert own.sql("SELECT count(*) AS n FROM people WHERE user_id = ?", ["u1"]) == [{"n": 1}]
    assert "&lt;b&gt;pro" in own.person("u1")._repr_html_()
    assert "<b>" not in own.people()._repr_html_()


def test_a_table_is_data_too(own: Workspace) -> None:
    fill(own)
    frame = pd.DataFrame(own.requests())
    assert frame["bytes"].sum() > 0
    assert repr(own.suppressed()) == "<Table: 1 row of user_id>"
    assert repr(Table()) == "<Table: 0 rows>"
    assert "ann@example.com" not in repr(own.people())


def test_somebody_who_is_not_there_is_explained(own: Workspace) -> None:
    fill(own)
    assert "suppressed" in own.person("u2")._repr_html_()
    assert "merged into" in own.person("lead")._repr_html_()
    assert own.person("u9") == []


def test_faults_and_refusals_are_shown(own: Workspace) -> None:
    own.faults("503@1")
    own.client.identify("u1")
    with pytest.raises(RefusedError):
        own.client.send(devices.register("u1", "t", "toaster"))  # type: ignore[arg-type]
    assert [row["fault"] for row in own.requests()] == ["503", None, None]
    assert [(row["status"], row["field"]) for row in own.refusals()] == [(503, ""), (400, "context.device.type")]
    own.faults()
    assert own.devices() == []


def test_options_are_the_sandbox_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CIO_API_KEY", raising=False)
    workspace = open_workspace(faults=["503@1"])
    assert workspace.client.identify("u1").attempts == 2
    workspace.close()


def test_the_end_says_what_was_deleted_and_may_come_twice(own: Workspace) -> None:
    fill(own)
    assert own.page
    page = httpx.URL(own.page)
    assert httpx.get(page, verify=False).status_code == 200
    assert [(row["what"], row["deleted"]) for row in own.close()] == [("people", 4), ("objects", 1), ("devices", 1)]
    assert own.close() == []
    with pytest.raises(RuntimeError):
        own.received()
    with pytest.raises(CustomerIOError):
        own.client.identify("u1")
    with pytest.raises(httpx.ConnectError):
        httpx.get(page, verify=False)


# A real workspace -----------------------------------------------------------------------------------------------------


def test_a_real_workspace_gets_names_of_this_run(real: Workspace) -> None:
    assert real.live
    assert real.sandbox is None
    assert real.page is None
    assert real.id("u1").startswith("notebook-")
    assert real.email("ann").endswith("-ann@example.com")
    assert open_workspace().prefix != real.prefix
    assert real.prefix in real._repr_html_()
    assert "a-key-of-mine" not in real._repr_html_() + repr(real) + repr(real.client)


def test_tables_of_a_real_workspace_say_that_they_cannot_show_it(real: Workspace) -> None:
    tables = [
        real.received(), real.requests(), real.refusals(), real.person("u1"), real.people(), real.objects(),
        real.relationships(), real.devices(), real.suppressed(), real.deliveries(), real.sql("SELECT 1"),
    ]  # fmt: skip
    for table in tables:
        assert table == []
        assert "only the sandbox can show this" in table._repr_html_()
    real.faults("503")
    assert real.client.identify(real.id("u1")).attempts == 1


def test_nothing_is_left_of_what_was_made(real: Workspace, server: Sandbox) -> None:
    fill(real)
    assert set(left(server)) == set(_LEFT)
    assert [row["deleted"] for row in real.close()] == [4, 1, 1]
    assert left(server) == {}


def test_nothing_is_left_of_what_others_of_its_clients_made(real: Workspace, server: Sandbox, tmp_path: Path) -> None:
    async def asynchronously() -> None:
        async with real.connect_async() as cio:
            await cio.identify(real.id("async"))

    asyncio.run(asynchronously())
    with real.connect(gzip=True) as cio:
        cio.identify(real.id("zipped"), {"text": "x" * 5_000})
        with Outbox(cio) as outbox:
            outbox.put(messages.group(real.id("put"), real.id("object")))
        load([{"id": real.id(f"row-{n}")} for n in range(20)], "identify", client=cio, state=tmp_path)
    assert server.counts().people == 23
    real.close()
    assert left(server) == {}


def test_what_others_have_is_left_alone(real: Workspace, server: Sandbox) -> None:
    """A notebook that forgot to ask for an id of its own cannot delete a customer."""
    real.client.identify("u1", {"plan": "pro"})
    real.client.group(real.id("u2"), "acme")
    rows = real.close()
    assert [(row["deleted"], row.get("left alone")) for row in rows] == [(1, 1), (0, 1), (0, None)]
    assert [person.user_id for person in server.people.all()] == ["u1"]
    assert list(server.objects) == [("acme", "1")]


def test_what_had_no_answer_is_deleted_too(real: Workspace, server: Sandbox) -> None:
    server.faults.set("drop-response@1-2")
    with real.connect(retry=Retry(budget=0)) as cio, pytest.raises(CustomerIOError):
        cio.identify(real.id("u1"))
    server.faults.clear()
    assert left(server)
    real.close()
    assert left(server) == {}


@pytest.mark.parametrize("fault", ["401", "400"])
def test_an_end_that_does_not_succeed_says_what_to_look_for(real: Workspace, server: Sandbox, fault: str) -> None:
    real.client.identify(real.id("u1"))
    server.faults.set(fault)
    with pytest.raises(CustomerIOError) as caught:
        real.close()
    assert real.prefix in "".join(caught.value.__notes__)
    server.faults.clear()


_UNFINISHED = """
from cio_facade.sandbox.notebook import open_workspace
workspace = open_workspace()
workspace.client.identify(workspace.id("u1"))
workspace.client.group(workspace.id("u1"), workspace.id("acme"))
{end}
"""


@pytest.mark.parametrize("end", ["", "raise SystemExit(3)", "1 / 0"])
def test_an_interpreter_that_ends_before_leaves_nothing_either(server: Sandbox, end: str) -> None:
    environment = {"CIO_API_KEY": "a-key", "CIO_BASE_URL": server.url, "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", _UNFINISHED.format(end=end)],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "atexit" not in done.stderr
    assert server.counts().by_type["group"] == 1
    assert left(server) == {}
