"""Encoded calls wait by person; bodies are cut late, within the limits, from people of whom nothing is travelling."""

from collections.abc import Iterable

import pytest

from cio_facade.packing import Packing, Parcel

ENVELOPE = len('{"batch":[]}')


def packing(most_bytes: int = 112, most_calls: int | None = None, **settings: int) -> Packing:
    return Packing("/batch", most_bytes, most_calls, **settings)


def parcel(calls: Iterable[str], runs: Iterable[tuple[int, int]] = ()) -> Parcel:
    data = [call.encode() for call in calls]
    return Parcel.of(data, list(range(len(data))), "/batch", list(runs))


def texts(part: Parcel) -> list[str]:
    return [part.call(position).decode() for position in range(len(part))]


def cut_all(packed: Packing) -> list[Parcel]:
    parcels = []
    while (found := packed.cut(0, everything=True)) is not None:
        parcels.append(found)
    return parcels


# Limits --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("excess", [0, 1])
def test_a_body_may_be_as_large_as_the_limit_and_no_byte_larger(excess: int) -> None:
    packed = packing(most_bytes=100)
    fitting = 100 - ENVELOPE - 1 - 40  # two calls and the comma between them
    packed.feed(("u1",), b"a" * 40, 0)
    packed.feed(("u1",), b"b" * (fitting + excess), 1)
    bodies = [part.body() for part in cut_all(packed)]
    assert [len(body) for body in bodies] == ([100] if not excess else [ENVELOPE + 40, ENVELOPE + fitting + 1])


def test_a_call_that_fills_a_body_alone_is_cut() -> None:
    packed = packing(most_bytes=100)
    assert packed.feed(("u1",), b"a" * (100 - ENVELOPE), 0)
    found = packed.cut(0)
    assert found is not None
    assert len(found.body()) == 100


def test_a_body_holds_no_more_calls_than_the_limit() -> None:
    packed = packing(most_bytes=10_000, most_calls=3)
    told = [packed.feed((f"u{number}",), b"{}", number) for number in range(7)]
    assert told == [False, False, True, True, True, True, True]
    assert [len(part) for part in cut_all(packed)] == [3, 3, 1]


def test_nothing_is_cut_before_a_body_is_full_unless_the_stream_has_ended() -> None:
    packed = packing(most_bytes=1000)
    assert not packed.feed(("u1",), b"{}", 0)
    assert packed.cut(0) is None
    found = packed.cut(0, everything=True)
    assert found is not None
    assert found.body() == b'{"batch":[{}]}'
    assert packed.cut(0, everything=True) is None


@pytest.mark.parametrize("size", [10, 37, 99, 400])
def test_bodies_are_full_to_less_than_one_more_call(size: int) -> None:
    packed = packing(most_bytes=1000)
    for number in range(400):
        if packed.feed((f"u{number % 50}",), b"x" * size, number):
            while (found := packed.cut(0)) is not None:
                assert 1000 - size - 1 < len(found.body()) <= 1000


def test_while_most_of_what_waits_is_under_way_it_is_not_looked_at_for_each_call() -> None:
    packed = packing(most_bytes=1000)
    (ann, ben, _), (of_ann, _, _) = strangers(packed)
    number = 0
    while not packed.feed((ann,), b"x" * 99, number):
        number += 1
    assert packed.cut(of_ann) is None
    assert not packed.feed((ann,), b"x" * 99, number)
    packed.look_again()  # a shard has come home
    assert packed.feed((ben,), b"x" * 99, number)


def test_the_stream_is_to_pause_when_many_bodies_wait() -> None:
    packed = packing(most_bytes=100, hold=2)
    fed = 0
    while not packed.full:
        packed.feed(("u1",), b"x" * 50, fed)
        fed += 1
    assert fed == 4  # 51 bytes each, of 200
    assert packed.cut(0) is not None
    assert not packed.full


def test_what_waits_can_be_named() -> None:
    packed = packing()
    for number, keys in enumerate([("u1",), ("u2",), ("u1", "u2"), ()]):
        packed.feed(keys, b"%d" % number, number)
    assert sorted(packed.waiting()) == [(number, b"%d" % number) for number in range(4)]


# Order ---------------------------------------------------------------------------------------------------------------


def shards_of(packed: Packing, *people: str) -> list[int]:
    """The bit of each person, which must differ for what follows to mean anything."""
    masks = []
    for person in people:
        packed.feed((person,), b"{}", 0)
        found = packed.cut(0, everything=True)
        assert found is not None
        masks.append(found.mask)
    assert len(set(masks)) == len(people), "two people in a shard: take others"
    return masks


def strangers(packed: Packing, number: int = 3) -> tuple[list[str], list[int]]:
    """People in shards of their own; hashes differ from run to run, so they are looked for."""
    people: list[str] = []
    masks: list[int] = []
    for candidate in range(1000):
        (mask,) = shards_of(packed, f"u{candidate}")
        if mask not in masks:
            people.append(f"u{candidate}")
            masks.append(mask)
        if len(people) == number:
            return people, masks
    raise AssertionError("all in one shard")


def test_of_a_person_under_way_nothing_more_is_cut() -> None:
    packed = packing()
    (ann, ben, _), (away, _, _) = strangers(packed)
    packed.feed((ann,), b"1", 1)
    packed.feed((ben,), b"2", 2)
    found = packed.cut(away, everything=True)
    assert found is not None
    assert texts(found) == ["2"]
    assert packed.cut(away, everything=True) is None
    found = packed.cut(0, everything=True)
    assert found is not None
    assert texts(found) == ["1"]


def test_a_call_with_two_identities_follows_what_came_before_and_precedes_what_comes_after() -> None:
    packed = packing()
    (ann, ben, _), (of_ann, of_ben, _) = strangers(packed)
    for number, keys in enumerate([(ann,), (ben,), (ann,), (ben, ann), (ben,), (ann,)]):
        packed.feed(keys, b"%d" % number, number)
    # All of it is one order now: either person under way holds it back.
    assert packed.cut(of_ann, everything=True) is None
    assert packed.cut(of_ben, everything=True) is None
    found = packed.cut(0, everything=True)
    assert found is not None
    assert texts(found) == ["0", "1", "2", "3", "4", "5"]
    assert found.runs == [(of_ann | of_ben, 6)]


def test_two_people_part_again_when_the_call_that_joined_them_is_cut() -> None:
    packed = packing()
    (ann, ben, _), (of_ann, of_ben, _) = strangers(packed)
    packed.feed((ann, ben), b"0", 0)
    assert packed.cut(0, everything=True) is not None
    packed.feed((ann,), b"1", 1)
    packed.feed((ben,), b"2", 2)
    found = packed.cut(of_ann, everything=True)
    assert found is not None
    assert (texts(found), found.mask) == (["2"], of_ben)


def test_joining_spreads_from_person_to_person() -> None:
    packed = packing()
    (ann, ben, cid), masks = strangers(packed)
    packed.feed((ann, ben), b"0", 0)
    packed.feed((ben, cid), b"1", 1)
    packed.feed((ann,), b"2", 2)
    for away in masks:
        assert packed.cut(away, everything=True) is None
    found = packed.cut(0, everything=True)
    assert found is not None
    assert texts(found) == ["0", "1", "2"]


def test_people_stay_joined_while_a_call_of_theirs_waits() -> None:
    packed = packing(most_bytes=ENVELOPE + 21)
    (ann, ben, _), (of_ann, of_ben, _) = strangers(packed)
    for number, keys in enumerate([(ann,), (ann, ben), (ben,)]):
        packed.feed(keys, b"%d" % number * 10, number)
    first = packed.cut(0)
    assert first is not None
    assert texts(first) == ["0" * 10, "1" * 10]
    assert packed.cut(of_ann, everything=True) is None
    last = packed.cut(0, everything=True)
    assert last is not None
    assert last.mask == of_ann | of_ben


def test_a_call_of_nobody_keeps_nobody_waiting() -> None:
    packed = packing(shards=4)
    for number in range(4):
        packed.feed((), b"%d" % number, number)
    found = packed.cut(0b0100, everything=True)
    assert found is not None
    assert sorted(texts(found)) == ["0", "1", "3"]


def test_a_person_of_few_calls_does_not_wait_for_the_end_of_the_stream() -> None:
    packed = packing(most_bytes=10_000)
    people, _ = strangers(packed, 5)
    quiet, *busy = people
    packed.feed((quiet,), b"x" * 99, 0)
    found = None
    for number in range(1, 1000):
        if packed.feed((busy[number % 4],), b"x" * 99, number) and (found := packed.cut(0)) is not None:
            break
    assert found is not None
    assert 0 in found.index


@pytest.mark.parametrize("people", [3, 40, 2000])
def test_no_call_waits_for_many_bodies(people: int) -> None:
    packed = packing(most_bytes=2_000)
    cut, fed_at = 0, {}
    for number in range(20_000):
        person = min(number % people, number * number % 7)  # a few have nearly all
        fed_at[number] = cut
        if packed.feed((f"u{person}",), b"x" * 99, number):
            while (found := packed.cut(0)) is not None:
                cut += 1
                assert all(cut - fed_at.pop(index) <= 66 for index in found.index)


def test_the_fullest_shards_go_first_so_that_others_are_left_for_the_next_body() -> None:
    packed = packing(most_bytes=ENVELOPE + 60)
    (ann, ben, cid), (of_ann, of_ben, _) = strangers(packed)
    packed.feed((ben,), b"b" * 10, 0)  # who has waited longest comes along
    packed.feed((cid,), b"c" * 10, 1)
    packed.feed((ann,), b"a" * 48, 2)
    found = packed.cut(0)
    assert found is not None
    assert found.mask == of_ann | of_ben


def test_what_has_waited_long_enough_takes_the_others_along_and_nothing_else_does() -> None:
    packed = packing()
    (ann, ben, cid), (_, _, of_cid) = strangers(packed)
    for place, person in enumerate((ann, ben, cid), 4):
        packed.feed((person,), b"%d" % place, place)
    assert packed.cut(0, over=3) is None
    found = packed.cut(of_cid, over=4)
    assert found is not None
    assert sorted(texts(found)) == ["4", "5"]
    assert packed.cut(of_cid, over=6) is None
    assert packed.cut(0, over=6) is not None


def test_whether_one_waits_who_came_after_another() -> None:
    packed = packing()
    (ann, ben, _), _ = strangers(packed)
    assert not packed.waits_after(-1)
    for place, person in ((3, ann), (5, ann), (4, ben)):
        packed.feed((person,), b"%d" % place, place)
    assert [packed.waits_after(place) for place in range(2, 7)] == [True, True, True, False, False]
    packed.cut(0, everything=True)
    assert not packed.waits_after(-1)


# Many calls at once --------------------------------------------------------------------------------------------------


def test_calls_that_are_fed_together_wait_with_their_people() -> None:
    packed = packing(most_bytes=1000)
    (ann, ben, _), (of_ann, of_ben, _) = strangers(packed)
    packed.feed_many([b"0", b"1", b"2"], [ann, ben, ann], range(5, 8))
    assert (packed.size, packed.oldest, packed.ready) == (6, 5, False)
    found = packed.cut(of_ben, everything=True)
    assert found is not None
    assert (texts(found), found.index, found.mask) == (["0", "2"], [5, 7], of_ann)
    assert (packed.size, packed.oldest) == (2, 6)
    packed.feed_many([b"3"], [(ann, ben)], [8])
    assert packed.cut(of_ann, everything=True) is None
    assert packed.oldest == 6
    assert packed.cut(0, everything=True) is not None
    assert packed.oldest is None
    assert packed.size == 0


def test_enough_calls_at_once_make_it_ready_and_full() -> None:
    packed = packing(most_bytes=100, hold=2)
    packed.feed_many([b"x" * 49] * 2, ["u1", "u2"], range(2))
    assert packed.ready
    assert not packed.full
    packed.feed_many([b"x" * 49] * 2, ["u1", "u2"], range(2, 4))
    assert packed.full


def test_of_calls_that_are_fed_together_some_may_travel_alone() -> None:
    packed = packing()
    packed.feed_many([b"0", b"1", b"2"], ["u1"] * 3, [3, 5, 8], {1: "/alias"})
    assert packed.ready
    assert [(part.path, texts(part), part.index) for part in cut_all(packed)] == [
        ("/batch", ["0"], [3]),
        ("/alias", ["1"], [5]),
        ("/batch", ["2"], [8]),
    ]
    assert not packed.ready


# Calls that no batch takes -------------------------------------------------------------------------------------------


def test_a_call_that_no_batch_takes_is_cut_alone_between_those_before_and_after_it() -> None:
    packed = packing()
    packed.feed(("u1",), b"0", 0)
    packed.feed(("u1",), b"1", 1)
    assert packed.feed(("u1",), b"2", 2, "/alias")
    packed.feed(("u1",), b"3", 3)
    found = cut_all(packed)
    assert [texts(part) for part in found] == [["0", "1"], ["2"], ["3"]]
    assert [part.path for part in found] == ["/batch", "/alias", "/batch"]
    assert [part.body() for part in found] == [b'{"batch":[0,1]}', b"2", b'{"batch":[3]}']
    assert len({part.mask for part in found}) == 1


def test_a_call_that_travels_alone_does_not_wait_for_a_body_to_fill() -> None:
    packed = packing(most_bytes=10_000)
    packed.feed(("u1",), b"0", 0, "/alias")
    found = packed.cut(0)
    assert found is not None
    assert (found.body(), found.batch) == (b"0", False)


def test_a_call_that_travels_alone_waits_for_its_people() -> None:
    packed = packing()
    (ann, ben, _), (of_ann, of_ben, _) = strangers(packed)
    packed.feed((ann, ben), b"0", 0, "/alias")
    assert packed.cut(of_ann, everything=True) is None
    assert packed.cut(of_ben, everything=True) is None
    found = packed.cut(0)
    assert found is not None
    assert found.mask == of_ann | of_ben


def test_the_order_around_calls_that_travel_alone_survives_joining() -> None:
    packed = packing()
    (ann, ben, _), _ = strangers(packed)
    packed.feed((ann,), b"0", 0, "/alias")
    packed.feed((ben,), b"1", 1)
    packed.feed((ann, ben), b"2", 2, "/alias")
    packed.feed((ben,), b"3", 3)
    assert [texts(part) for part in cut_all(packed)] == [["0"], ["1"], ["2"], ["3"]]


# Parcels -------------------------------------------------------------------------------------------------------------


def test_a_parcel_knows_its_calls_and_its_body() -> None:
    part = parcel(['{"a":1}', "{}", '{"b":22}'], [(1, 2), (4, 1)])
    assert texts(part) == ['{"a":1}', "{}", '{"b":22}']
    assert part.body() == b'{"batch":[{"a":1},{},{"b":22}]}'
    assert (len(part), part.mask) == (3, 5)


def test_a_single_call_is_its_own_body() -> None:
    assert Parcel(b"{}", [2], [0], "/track", batch=False).body() == b"{}"


def test_a_parcel_is_halved_between_its_people_so_that_both_halves_may_travel() -> None:
    part = parcel("abcdef", [(1, 1), (2, 3), (4, 2)])
    first, second = part.halves()
    assert (texts(first), first.runs) == (["a", "b", "c", "d"], [(1, 1), (2, 3)])
    assert (texts(second), second.runs) == (["e", "f"], [(4, 2)])
    assert not first.mask & second.mask
    assert first.then is None
    assert first.index == [0, 1, 2, 3]
    assert second.index == [4, 5]


def test_within_a_person_the_second_half_waits_for_the_first() -> None:
    (first,) = parcel("abcde", [(6, 5)]).halves()
    assert (texts(first), first.runs) == (["a", "b"], [(6, 2)])
    assert first.then is not None
    assert (texts(first.then), first.then.runs) == (["c", "d", "e"], [(6, 3)])


def test_what_was_to_follow_a_halved_parcel_follows_its_second_half() -> None:
    (first,) = parcel("abcd", [(1, 4)]).halves()
    (quarter,) = first.halves()
    order = []
    part: Parcel | None = quarter
    while part is not None:
        order.append("".join(texts(part)))
        part = part.then
    assert order == ["a", "b", "cd"]


def test_a_parcel_that_holds_nobody_back_is_halved_in_two_that_may_travel() -> None:
    assert [texts(part) for part in parcel("abc").halves()] == [["a"], ["b", "c"]]


def test_halving_to_the_end_gives_every_call_once_in_order() -> None:
    todo, found = [parcel([str(number) for number in range(23)], [(1, 5), (2, 1), (4, 17)])], []
    while todo:
        part = todo.pop(0)
        if len(part) == 1:
            found.append(texts(part)[0])
            todo[:0] = [part.then] if part.then is not None else []
        else:
            todo[:0] = part.halves()
    assert found == [str(number) for number in range(23)]
