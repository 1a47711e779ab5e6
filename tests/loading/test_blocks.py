"""Bodies cut from what the engine wrote: whole, within limits, in each person's order, and fit for delivery."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from calling import SMALL, cut, opened
from hypothesis import given, settings
from hypothesis import strategies as st

from cio_facade import Limits, Retry
from cio_facade.answers import Answer
from cio_facade.delivery import Delivery, Send
from cio_facade.loading.changes import marks_of
from cio_facade.pacing import Pace

STAMPED = len(',"timestamp":"2026-01-31T12:00:00Z","messageId":"00000000-0000-5000-8000-000000000000"}')
PEOPLE = (
    "(SELECT 'u' || n % {people} AS user_id, repeat('x', (n * 31 % {width})::INT) AS note FROM range({rows}) AS t (n))"
)


def people(rows: int, people: int = 50, width: int = 300) -> Any:
    return opened(PEOPLE.format(rows=rows, people=people, width=width))


def marks(calls: Sequence[bytes]) -> tuple[list[int], list[int]]:
    found = [marks_of(call, STAMPED) for call in calls]
    return [key for key, _ in found], [content for _, content in found]


def deliver(pieces: Any, refuses: Any = lambda call: False, fails: float = 0.0) -> tuple[Any, list[tuple[int, Any]]]:
    """Put all parcels into a delivery, and be its server; gives its account and what arrived, in this order."""
    dice = random.Random(7)
    machine = Delivery(None, Pace(10**9, 1), Retry(budget=10**6), dice.random, in_flight=9)
    for piece in pieces:
        for parcel in piece.parcels:
            machine.put(parcel)
    machine.finish()
    arrived: list[tuple[int, Any]] = []
    flying: list[Send] = []
    now = 0.0
    while not machine.finished:
        step = machine.next(now)
        if isinstance(step, Send):
            flying.append(step)
            continue
        now += 1.0
        if not flying:
            continue
        send = flying.pop(dice.randrange(len(flying)))
        calls = json.loads(send.parcel.body())["batch"]
        if dice.random() < fails:
            machine.completed(send.ticket, Answer(503), now)
        elif any(map(refuses, calls)):
            machine.completed(send.ticket, Answer(400, ("is not wanted",)), now)
        else:
            arrived += zip(send.parcel.index, calls, strict=True)
            machine.completed(send.ticket, Answer(200), now)
    return machine.close(), arrived


def in_order(arrived: list[tuple[int, Any]]) -> bool:
    of: defaultdict[str, list[int]] = defaultdict(list)
    for index, call in arrived:
        of[call["userId"]].append(index)
    return all(indexes == sorted(indexes) for indexes in of.values())


@settings(max_examples=max(20, settings().max_examples // 10))
@given(
    rows=st.integers(1, 400), number=st.integers(1, 60), width=st.integers(1, 1500), most=st.none() | st.integers(1, 40)
)
def test_every_row_is_in_one_body_and_bodies_keep_the_limits(
    rows: int, number: int, width: int, most: int | None
) -> None:
    limits = Limits(call_bytes=2_000, batch_bytes=4_000, batch_calls=most)
    seen: list[int] = []
    last: dict[str, int] = {}
    lanes: defaultdict[str, set[int]] = defaultdict(set)
    for piece in cut(people(rows, number, width), limits=limits):
        for parcel in piece.parcels:
            calls = json.loads(parcel.body())["batch"]
            assert len(parcel.body()) <= limits.batch_bytes
            assert 0 < len(calls) == len(parcel) <= (most or rows)
            assert [json.loads(parcel.call(place)) for place in range(len(parcel))] == calls
            bits = [bits for bits, number in parcel.runs for _ in range(number)]
            for index, call, bit in zip(parcel.index, calls, bits, strict=True):
                assert type(index) is int
                assert last.get(call["userId"], -1) < index
                last[call["userId"]] = index
                lanes[call["userId"]].add(bit)
            seen += parcel.index
    assert sorted(seen) == list(range(rows))
    assert all(len(bits) == 1 for bits in lanes.values())


def test_full_bodies_end_between_people_and_are_nearly_full() -> None:
    limits = Limits()
    parcels = [parcel for piece in cut(people(9_000, 5_000), limits=limits) for parcel in piece.parcels]
    masks = [parcel.mask for parcel in parcels]
    assert sum(masks) == np.bitwise_or.reduce(np.array(masks, object))  # no two of one group share a lane
    assert all(len(parcel.body()) > limits.batch_bytes * 0.9 for parcel in parcels[:-1])


def test_a_delivery_takes_them_and_keeps_each_persons_order_whatever_fails() -> None:
    report, arrived = deliver(cut(people(1500)), fails=0.3)
    assert report.delivered == report.accepted == len(arrived) == 1500
    assert in_order(arrived)
    assert report.retries > 0


def test_refused_calls_are_found_in_their_bodies_and_the_rest_arrives() -> None:
    report, arrived = deliver(cut(people(600)), lambda call: len(call["traits"]["note"]) % 97 == 5)
    unwanted = [n for n in range(600) if n * 31 % 300 % 97 == 5]
    assert [letter.index for letter in report.dead_letters] == unwanted
    assert all(letter.message_id for letter in report.dead_letters)
    assert sorted(index for index, _ in arrived) == [n for n in range(600) if n not in set(unwanted)]
    assert in_order(arrived)


def test_rows_that_take_python_keep_their_place_among_their_persons() -> None:
    table = opened(
        "(SELECT 'u' || n % 5 AS user_id, CASE WHEN n % 3 = 0 THEN 'ü@b.c' WHEN n % 7 = 0 THEN 'x' END AS email"
        " FROM range(500) AS t (n))"
    )
    pieces = list(cut(table))
    refused = [index for piece in pieces for index, _ in piece.refused]
    assert refused == [n for n in range(500) if n % 3 and n % 7 == 0]
    _, arrived = deliver(pieces)
    assert sorted([*refused, *(index for index, _ in arrived)]) == list(range(500))
    assert in_order(arrived)


def test_settled_rows_are_left_out_and_the_start_is_where_it_is_asked_for() -> None:
    asked: list[tuple[int, int]] = []

    def settled(first: int, number: int) -> Any:
        asked.append((first, number))
        return np.arange(first, first + number) % 2 == 0

    table = opened("(SELECT nullif(n, 7) AS user_id FROM range(5000) AS t (n))")
    pieces = list(cut(table, start=5, settled=settled))
    indexes = sorted(index for piece in pieces for parcel in piece.parcels for index in parcel.index)
    assert indexes == [n for n in range(5, 5000) if n % 2 and n != 7]
    assert [index for piece in pieces for index, _ in piece.refused] == [7]
    assert asked[0][0] == 5
    assert sum(number for _, number in asked) == 4995


def test_nothing_comes_of_rows_that_are_all_settled_or_not_there() -> None:
    assert list(cut(people(3), settled=lambda first, number: np.full(number, True))) == []
    assert list(cut(people(0))) == []


def test_marks_of_the_engine_are_those_of_the_calls() -> None:
    table = opened(
        "(SELECT 'ü' || n AS user_id, CASE WHEN n % 2 = 0 THEN 'ü@b.c' END AS email, n / 7 AS v FROM range(40) AS t(n))"
    )
    told: list[tuple[int, int]] = []

    def unchanged(keys: Any, contents: Any) -> Any:
        told.extend(zip(keys.tolist(), contents.tolist(), strict=True))
        return np.arange(len(keys)) % 4 == 0

    (piece,) = cut(table, changes=True, unchanged=unchanged, marks=marks, limits=Limits())
    calls = {index: parcel.call(place) for parcel in piece.parcels for place, index in enumerate(parcel.index)}
    assert len(calls) == 30
    assert len(piece.unchanged) == 10
    assert calls.keys().isdisjoint(piece.unchanged)
    assert {marks_of(call, STAMPED) for call in calls.values()} < set(told)
    assert len(set(told)) == 40


def test_wide_rows_come_in_small_groups() -> None:
    table = people(9_000, width=2_000)
    table.row_bytes = 2_000
    pieces = list(cut(table, limits=SMALL))
    assert len(pieces) > 3
    assert max(sum(map(len, piece.parcels)) for piece in pieces) <= (1 << 22) // 2_000


def test_marks_and_what_is_unchanged_go_together() -> None:
    with pytest.raises(TypeError, match="go together"):
        list(cut(people(1), unchanged=lambda *_: None))


def test_very_wide_rows_are_read_with_more_memory_from_where_it_stopped() -> None:
    table = opened(
        "(SELECT n AS user_id, repeat('x', CASE WHEN n > 3000 THEN 15000 ELSE 1 END) AS v FROM range(5000) AS t(n))"
    )
    table.connection.execute("SET memory_limit = '60MB'")
    pieces = cut(table, limits=Limits())
    assert sorted(index for piece in pieces for parcel in piece.parcels for index in parcel.index) == list(range(5000))
    assert table.connection.sql("SELECT current_setting('memory_limit')").fetchall() != [("57.2 MiB",)]
