"""Compressed bodies over a real socket, to a sandbox that reads them and to one that does not."""

from typing import Any

import pytest
from server import Reply, Request, ScriptedServer

from cio_facade import Limits, messages
from cio_facade.sandbox import Sandbox

TEXT = {"text": "x" * 2_000}
FEW = Limits(call_bytes=4_000, batch_bytes=10_000)


@pytest.mark.parametrize("refuse_gzip", [None, 415, 400])
def test_all_arrive_once_whether_they_are_read_compressed_or_not(refuse_gzip: int | None, connect: Any) -> None:
    with Sandbox(refuse_gzip=refuse_gzip) as sandbox:
        client = connect(sandbox.url, gzip=True, limits=FEW)
        client.send(messages.track("u0", "Sent", TEXT))
        report = client.send_many(messages.track(f"u{n}", "Streamed", {**TEXT, "n": n}) for n in range(200))
        assert report.complete
        assert sandbox.counts().accepted == 201
        assert sandbox.counts().repeats == 0
        refused = [record for record in sandbox.requests() if record.status != 200]
        assert len(refused) == (0 if refuse_gzip is None else 1)


@pytest.mark.parametrize("refuse_gzip", [None, 415, 400])
def test_one_bad_message_costs_one_message(refuse_gzip: int | None, connect: Any) -> None:
    with Sandbox(refuse_gzip=refuse_gzip) as sandbox:
        client = connect(sandbox.url, gzip=True)
        # What acts inside Customer.io is checked by the server alone.
        bad = messages.track("u3", "Report Delivery Event", {**TEXT, "deliveryId": "d1", "metric": "nonsense"})
        good = [messages.track(f"u{n}", "Streamed", TEXT) for n in range(10)]
        report = client.send_many([*good[:5], bad, *good[5:]])
        assert (report.delivered, report.rejected) == (10, 1)
        assert report.dead_letters[0].status == 400
        assert report.balanced
        assert sandbox.counts().accepted == 10


@pytest.mark.parametrize("status", [415, 400])
def test_the_account_balances_when_all_that_are_under_way_are_refused_at_once(status: int, connect: Any) -> None:
    def answer(request: Request) -> Reply:
        return Reply(status, hold=True) if request.headers.get("content-encoding") == "gzip" else Reply()

    # Bodies of five messages hold five of the 64 shards at most, so that eight always find theirs.
    limits = Limits(call_bytes=4_000, batch_bytes=10_000, in_flight=8)
    with ScriptedServer(answer) as server:
        server.release_at(limits.in_flight)
        report = connect(server.url, gzip=True, limits=limits).send_many(
            messages.track(f"u{n}", "Streamed", {**TEXT, "n": n}) for n in range(400)
        )
        plain = [request for request in server.requests if "content-encoding" not in request.headers]
        assert report.complete
        assert report.balanced
        assert report.retries == len(server.requests) - len(plain) == limits.in_flight
        assert sorted(call["properties"]["n"] for request in plain for call in request.calls) == list(range(400))
