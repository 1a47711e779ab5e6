"""What a test expects, how far a call is from it, and how that is said: without a server."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cio_facade.sandbox.expecting import Arrived, Expected, as_told, grouped, last, unmet

SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
OBJECTS = st.recursive(
    st.dictionaries(st.text(max_size=2), VALUES, max_size=4),
    lambda inner: st.dictionaries(st.text(max_size=2), inner | VALUES, max_size=4),
    max_leaves=8,
)


def tracked(who: str = "u1", event: str = "Order Completed", verdict: str = "accepted", **properties: Any) -> Arrived:
    reason = None if verdict == "accepted" else "traits: bad"
    return Arrived("track", {"userId": who, "event": event, "properties": properties}, verdict, reason)


def expected(who: str | None = "u1", event: str = "Order Completed", **properties: Any) -> Expected:
    return Expected("track", who, {"event": event, "properties": properties})


@given(said=OBJECTS, data=st.data())
def test_what_was_said_meets_any_part_of_itself(said: dict[str, Any], data: st.DataObject) -> None:
    def part(whole: Any) -> Any:
        if not isinstance(whole, dict):
            return whole
        names = data.draw(st.lists(st.sampled_from(sorted(whole)), unique=True)) if whole else []
        return {name: part(whole[name]) for name in names}

    assert list(unmet(part(said), said)) == []


@given(said=OBJECTS, name=st.text(max_size=2), value=VALUES)
def test_another_value_is_told_with_its_place(said: dict[str, Any], name: str, value: Any) -> None:
    other = {**said, name: [value]}
    assert list(unmet({name: value}, other)) == [f"{name} is {[value]!r}, not {value!r}"]
    absent = {key: held for key, held in said.items() if key != name}
    assert list(unmet({name: value}, absent)) == [f"{name} is absent"]


@pytest.mark.parametrize(("expected", "found"), [(True, 1), (0, False), ("1", 1), (None, 0), ({"a": 1}, [1])])
def test_values_of_different_kinds_are_not_equal(expected: Any, found: Any) -> None:
    assert len(list(unmet({"x": expected}, {"x": found}))) == 1


def test_numbers_are_equal_by_value_and_about_equal_where_the_test_says_so() -> None:
    assert not list(unmet({"x": 1.0, "y": pytest.approx(0.3)}, {"x": 1, "y": 0.1 + 0.2}))


def test_null_is_not_absent() -> None:
    assert list(unmet({"plan": None}, {})) == ["plan is absent"]
    assert list(unmet({"plan": None}, {"plan": None})) == []


def test_nothing_that_is_expected_within_a_member_needs_no_such_member() -> None:
    assert not expected().misses(Arrived("track", {"userId": "u1", "event": "Order Completed"}))


def test_whoever_has_no_user_id_is_known_by_the_anonymous_one() -> None:
    anonymous = Arrived("track", {"anonymousId": "a1", "event": "E"})
    both = Arrived("track", {"anonymousId": "a1", "userId": "u1", "event": "E"})
    wanted = Expected("track", "a1", {"event": "E"})
    assert not wanted.misses(anonymous)
    assert wanted.misses(both) == ["somebody else's"]


def test_the_nearest_call_is_told_first_with_what_is_wrong_in_it() -> None:
    calls = [
        Arrived("identify", {"userId": "u1"}),
        tracked("u2", total=99.9),
        tracked(event="Order Refunded", total=99.9),
        tracked(total=9.9, plan="pro"),
    ]
    lines = as_told(expected(total=99.9, plan="pro"), calls).splitlines()
    assert lines[0] == "no track 'Order Completed' of 'u1' with total=99.9, plan='pro' has arrived"
    assert lines[2] == "  track 'Order Completed' of 'u1': properties.total is 9.9, not 99.9"
    assert lines[-1] == "  identify of 'u1': another type of call"


def test_a_near_miss_by_a_typing_error_in_the_event_is_found_among_many() -> None:
    calls = [tracked(event=f"Something {number}") for number in range(500)] + [tracked(event="Order Complete")]
    lines = as_told(expected(), calls).splitlines()
    assert lines[2] == "  track 'Order Complete' of 'u1': event is 'Order Complete', not 'Order Completed'"
    assert lines[-1] == "  and 496 others"
    assert len(lines) == 8


def test_what_was_refused_is_told_with_its_reason() -> None:
    lines = as_told(expected(), [tracked(verdict="refused")]).splitlines()
    assert lines[1:] == [
        "what came and was not accepted:",
        "  track 'Order Completed' of 'u1': refused: traits: bad",
    ]


def test_that_nothing_arrived_is_told() -> None:
    assert as_told(expected(), []).splitlines()[1] == "nothing has"


@given(st.lists(st.builds(tracked, who=st.text(), event=st.text(max_size=300), value=st.text(max_size=999))))
def test_what_is_told_has_an_end(calls: list[Arrived]) -> None:
    told = as_told(expected(value="x" * 9_999), calls)
    assert len(told.splitlines()) <= 9
    assert max(map(len, told.splitlines())) < 500


def test_calls_of_a_kind_are_told_once_with_their_number() -> None:
    calls = [*([tracked()] * 3), tracked("u2")]
    assert list(grouped(calls)) == [
        "  track 'Order Completed' of 'u1': accepted (3 times)",
        "  track 'Order Completed' of 'u2': accepted",
    ]


def test_the_last_calls_are_told_in_order() -> None:
    assert list(last([tracked("u3"), tracked("u4")], others=3)) == [
        "  after 3 others:",
        "  track 'Order Completed' of 'u3': accepted",
        "  track 'Order Completed' of 'u4': accepted",
    ]
