"""The demo's verdict: right when all is right, and wrong for whatever a client or a server could get wrong."""

import copy
from collections.abc import Callable

import attrs
import pytest

from cio_facade.demo.embedded import Arrival, conclude
from cio_facade.demo.sample import folder, odd_lines


def changed(arrival: Arrival, change: Callable[[list[dict]], object]) -> Arrival:
    calls = copy.deepcopy(arrival.calls)
    change(calls)
    return attrs.evolve(arrival, calls=calls)


def first(calls: list[dict], event: str) -> dict:
    return next(call for call in calls if event in (call["type"], call.get("event")))


def test_the_sample_arrives_as_the_files_say(arrival, screen):
    assert conclude(arrival, screen.display), screen.text
    assert "NO" not in screen.text


def test_the_account_balances_and_counts_every_row(arrival):
    account = arrival.account
    assert account.balanced
    assert account.delivered == len(arrival.calls)
    refused = [field for part in arrival.loaded for field in odd_lines(part.table.file).values() if field is not None]
    assert account.rejected == len(refused) > 10
    assert (account.failed, account.pending) == (0, 0)


def test_every_refused_row_is_named_with_line_and_field(arrival, screen):
    conclude(arrival, screen.display)
    for words in ("people.csv line 113", "traits.email", "orders.jsonl line 76", "devices.csv line 62"):
        assert words in screen.text


def test_output_that_is_no_terminal_is_plain_lines(arrival, screen):
    conclude(arrival, screen.display)
    assert "\x1b" not in screen.text
    assert "\r" not in screen.text


@pytest.mark.parametrize(
    "change",
    [
        lambda calls: calls.pop(),
        lambda calls: calls.pop(0),
        lambda calls: calls.append(calls[0]),
        lambda calls: calls.append({**calls[0], "messageId": "from/somewhere:1"}),
        lambda calls: calls[0].update(messageId=calls[1]["messageId"]),
        lambda calls: first(calls, "identify")["traits"].update(email="other@example.com"),
        lambda calls: first(calls, "identify")["traits"].update(createdAt="2020-01-01T00:00:00Z"),
        lambda calls: first(calls, "identify").pop("traits"),
        lambda calls: first(calls, "group").update(groupId="another"),
        lambda calls: first(calls, "Order Completed")["properties"].update(total=1),
        lambda calls: first(calls, "Order Completed")["properties"]["products"].pop(),
        lambda calls: first(calls, "Order Completed").update(userId="c-1"),
        lambda calls: first(calls, "Product Viewed").update(timestamp="2020-01-01T00:00:00Z"),
        lambda calls: first(calls, "Device Created or Updated")["context"]["device"].update(type="other"),
        lambda calls: first(calls, "User Suppressed").update(event="User Deleted"),
    ],
    ids=[
        "last call lost",
        "first call lost",
        "call doubled",
        "stranger's call",
        "two calls of one id",
        "address",
        "time of joining",
        "no traits",
        "company",
        "total",
        "product lost",
        "buyer",
        "time of a view",
        "platform",
        "what was asked",
    ],
)
def test_a_sandbox_that_disagrees_fails_the_demo(arrival, screen, change):
    assert not conclude(changed(arrival, change), screen.display)
    assert "NO" in screen.text


def test_an_account_that_does_not_balance_fails_the_demo(arrival, screen):
    part = arrival.loaded[0]
    short = attrs.evolve(part, report=attrs.evolve(part.report, accepted=part.report.accepted + 1))
    assert not conclude(attrs.evolve(arrival, loaded=(short, *arrival.loaded[1:])), screen.display)


def test_a_spoilt_row_that_was_not_refused_fails_the_demo(arrival, screen):
    part = arrival.loaded[0]
    lenient = attrs.evolve(part, refusals=part.refusals[1:])
    assert not conclude(attrs.evolve(arrival, loaded=(lenient, *arrival.loaded[1:])), screen.display)


def test_a_row_refused_for_another_fault_fails_the_demo(arrival, screen):
    part = arrival.loaded[0]
    refusals = (part.refusals[0]._replace(reason="sentAt: is not a time"), *part.refusals[1:])
    assert not conclude(
        attrs.evolve(arrival, loaded=(attrs.evolve(part, refusals=refusals), *arrival.loaded[1:])), screen.display
    )


def test_ids_lead_back_to_the_line_of_the_file(arrival):
    places = {call["messageId"]: call for call in arrival.calls}
    file = (folder() / "orders.jsonl").read_text(encoding="utf-8").splitlines()
    order = places[f"{arrival.name}/orders.jsonl:1000"]
    assert order["properties"]["order_id"] in file[1000 - 1]
