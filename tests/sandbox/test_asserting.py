"""The sandbox that tests have: what it asserts, what it says, how it waits."""

import asyncio
import threading
import time
from types import SimpleNamespace

import httpx
import pytest

from cio_facade import AsyncCustomerIO, CustomerIO, Outbox, messages
from cio_facade.sandbox import asserting
from cio_facade.sandbox.asserting import CioSandbox


def refusal(cio_sandbox: CioSandbox, *, strict: bool = True, path: str = "track", **call: object) -> int:
    headers = {"X-Strict-Mode": "1"} if strict else {}
    with httpx.Client(verify=False, auth=(cio_sandbox.api_key, "")) as client:
        return client.post(f"{cio_sandbox.url}/{path}", json=call, headers=headers).status_code


def test_what_was_tracked_is_given_back(cio_sandbox: CioSandbox, cio_client: CustomerIO) -> None:
    cio_client.track("u1", "Signed Up", {"plan": "pro", "from": {"city": "Rome", "zip": 1}})
    call = cio_sandbox.assert_tracked("u1", "Signed Up", plan="pro", **{"from": {"city": "Rome"}})
    assert call["properties"]["from"]["zip"] == 1
    assert cio_sandbox.assert_tracked(None, "Signed Up") == call


def test_of_several_calls_the_first_that_fits_is_given(cio_sandbox: CioSandbox, cio_client: CustomerIO) -> None:
    for number in range(4):
        cio_client.track("u1", "E", {"even": number % 2 == 0, "number": number})
    assert cio_sandbox.assert_tracked("u1", "E", even=False)["properties"]["number"] == 1


def test_what_was_not_tracked_fails_with_the_nearest(cio_sandbox: CioSandbox, cio_client: CustomerIO) -> None:
    cio_client.track("u1", "Signed Up", {"plan": "free"})
    with pytest.raises(AssertionError, match=r"properties\.plan is 'free', not 'pro'"):
        cio_sandbox.assert_tracked("u1", "Signed Up", plan="pro")


def test_what_is_not_to_be_tracked_fails_when_it_was(cio_sandbox: CioSandbox, cio_client: CustomerIO) -> None:
    cio_client.track("u1", "Signed Up", {"plan": "free"})
    cio_sandbox.assert_not_tracked("u1", "Signed Up", plan="pro")
    cio_sandbox.assert_not_tracked("u2", "Signed Up")
    with pytest.raises(AssertionError, match="track 'Signed Up' of 'u1' has arrived"):
        cio_sandbox.assert_not_tracked("u1", "Signed Up")


def test_any_type_of_call_is_asserted(cio_sandbox: CioSandbox, cio_client: CustomerIO) -> None:
    cio_client.identify("u1", {"plan": "pro"})
    refusal(cio_sandbox, path="group", userId="u1", groupId="acme", traits={"seats": 3})
    cio_sandbox.assert_identified("u1", plan="pro")
    cio_sandbox.assert_arrived("group", "u1", groupId="acme", traits={"seats": 3})
    with pytest.raises(AssertionError, match="no identify of 'u1' with plan='free' has arrived"):
        cio_sandbox.assert_identified("u1", plan="free")


def test_who_has_no_user_id_is_asserted_by_the_anonymous_one(cio_sandbox: CioSandbox) -> None:
    refusal(cio_sandbox, anonymousId="a1", event="E")
    refusal(cio_sandbox, userId="u1", anonymousId="a2", event="E")
    cio_sandbox.assert_tracked("a1", "E")
    cio_sandbox.assert_not_tracked("a2", "E")


def test_what_was_refused_did_not_arrive_and_its_reason_is_told(cio_sandbox: CioSandbox) -> None:
    assert refusal(cio_sandbox, userId="u1", event="e" * 101) == 400
    with pytest.raises(AssertionError, match="refused: event: must not be over 100 bytes"):
        cio_sandbox.assert_tracked("u1", "e" * 101)


def test_nothing_refused_means_neither_refused_nor_lost(cio_sandbox: CioSandbox, cio_client: CustomerIO) -> None:
    cio_client.identify("u1")
    cio_sandbox.assert_nothing_refused()
    assert refusal(cio_sandbox, strict=False, userId="u1") == 200
    with pytest.raises(AssertionError, match="request 2 to /v1/track, lost, 200: event: is required"):
        cio_sandbox.assert_nothing_refused()
    for _ in range(9):
        refusal(cio_sandbox, userId="u1")
    with pytest.raises(AssertionError, match="10 requests refused") as told:
        cio_sandbox.assert_nothing_refused()
    assert "and 5 others" in str(told.value)


def test_a_number_of_calls_is_exact_and_repeats_count_once(cio_sandbox: CioSandbox) -> None:
    for message_id in ("m1", "m2", "m1"):
        refusal(cio_sandbox, path="identify", userId="u1", messageId=message_id)
    cio_sandbox.assert_delivered(2)
    with pytest.raises(AssertionError, match="3 calls expected, 2 accepted, and 1 repeat"):
        cio_sandbox.assert_delivered(3)
    with pytest.raises(AssertionError, match="1 call expected"):
        cio_sandbox.assert_delivered(1)


def test_it_waits_for_what_is_sent_in_the_background(cio_sandbox: CioSandbox, cio_client: CustomerIO) -> None:
    with Outbox(cio_client) as outbox:
        for number in range(3):
            outbox.put(messages.track(f"u{number}", "E"))
        assert len(cio_sandbox.wait_for(calls=3, event="E")) == 3
        outbox.put(messages.identify("u1", {"plan": "pro"}))
        cio_sandbox.wait_until(lambda: cio_sandbox.calls("identify"))


def test_time_in_which_the_machine_stood_still_does_not_count(
    cio_sandbox: CioSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, looks = 0.0, 0

    def sleep(_seconds: float) -> None:
        nonlocal now
        now += 60

    def holds() -> bool:
        nonlocal looks
        looks += 1
        return looks == 4

    # Not the module itself, by which the server's threads go too.
    monkeypatch.setattr(asserting, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: now))
    cio_sandbox.wait_until(holds, timeout=1)
    looks = 100
    with pytest.raises(AssertionError, match="did not come within 1 s"):
        cio_sandbox.wait_until(holds, timeout=1)


def test_it_goes_on_as_soon_as_enough_is_there(cio_sandbox: CioSandbox, cio_client: CustomerIO) -> None:
    sender = threading.Timer(0.05, cio_client.identify, ("u1",))
    sender.start()
    began = time.monotonic()
    assert [call["userId"] for call in cio_sandbox.wait_for(user_id="u1", timeout=20)] == ["u1"]
    assert time.monotonic() - began < 5
    sender.join()


def test_what_does_not_come_is_told_with_what_did(cio_sandbox: CioSandbox, cio_client: CustomerIO) -> None:
    cio_client.identify("u1")
    with pytest.raises(
        AssertionError, match=r"0 calls accepted within 0.02 s, 1 expected, event 'E'\n  identify of 'u1'"
    ):
        cio_sandbox.wait_for(event="E", timeout=0.02)
    with pytest.raises(AssertionError, match=r"did not come within 0.02 s; what arrived:\n  identify of 'u1'"):
        cio_sandbox.wait_until(lambda: False, timeout=0.02)


def test_that_nothing_came_is_told(cio_sandbox: CioSandbox) -> None:
    for wait in (lambda: cio_sandbox.wait_for(timeout=0), lambda: cio_sandbox.wait_until(lambda: False, timeout=0)):
        with pytest.raises(AssertionError, match=r"\n  nothing has arrived$"):
            wait()


def test_asyncio_waits_in_a_thread(cio_sandbox: CioSandbox) -> None:
    async def send() -> None:
        async with AsyncCustomerIO(**cio_sandbox.settings) as cio:
            waiting = asyncio.create_task(asyncio.to_thread(cio_sandbox.wait_for, calls=2))
            await asyncio.gather(cio.identify("u1"), cio.track("u1", "E"))
            assert len(await waiting) == 2

    asyncio.run(send())
    cio_sandbox.assert_tracked("u1", "E")


def test_what_was_seen_is_told_in_order(cio_sandbox: CioSandbox, cio_client: CustomerIO) -> None:
    for number in range(30):
        cio_client.identify(f"u{number}")
    first, earlier, *calls = cio_sandbox.seen().splitlines()
    assert first == "30 requests, 30 calls accepted, 0 lost, 0 requests refused"
    assert earlier == "  after 10 others:"
    assert calls[-1].startswith("  identify of 'u29': ")


@pytest.mark.cio_sandbox(sink=True)
def test_of_a_sink_the_totals_were_seen(cio_sandbox: CioSandbox, cio_client: CustomerIO) -> None:
    cio_client.identify("u1")
    assert cio_sandbox.seen() == "1 request, 1 call accepted, 0 lost, 0 requests refused"


@pytest.mark.cio_sandbox(api_keys=["right"])
def test_the_client_has_a_key_that_is_taken(cio_sandbox: CioSandbox, cio_client: CustomerIO) -> None:
    cio_client.identify("u1")
    cio_sandbox.assert_nothing_refused()
    assert cio_sandbox.api_key == "right"


def test_it_shows_where_it_is(cio_sandbox: CioSandbox) -> None:
    assert repr(cio_sandbox) == f"<CioSandbox {cio_sandbox.url}>"
