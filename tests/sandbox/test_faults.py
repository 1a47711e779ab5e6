"""Which requests go wrong: rules, their shares and periods, and chance that can be repeated. No socket, no clock."""

import itertools
import math
import random
import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cio_facade.sandbox.faultrules import Period, Rule
from cio_facade.sandbox.faults import Faults

KINDS = st.sampled_from(["429", "500", "599", "reset", "drop-response", "close-midway", "slow:200ms", "slow:1.5s"])
SHARES = st.integers(0, 100).map(lambda share: f":{share}%")
PERIODS = st.sampled_from(["", "@1-30", "@7", "@50-", "@-20", "@5s-10s", "@-3s", "@2s-"])
RULES = st.builds("{}{}{}".format, KINDS, SHARES, PERIODS)


class Clock:
    """Seconds that pass when the test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def names(faults: Faults, number: int) -> list[str | None]:
    """What befalls so many requests."""
    return [faults.strike().name for _ in range(number)]


def struck(*rules: str, number: int = 10, seed: int = 0) -> list[int]:
    """The numbers of the requests that go wrong, from 1."""
    faults = Faults(rules, seed)
    return [n for n in range(1, number + 1) if faults.strike().name]


@pytest.mark.parametrize(
    ("text", "kind", "share", "delay", "retry_after"),
    [
        ("429:5%", "429", 0.05, 0, None),
        ("400", "400", 1, 0, None),
        ("599:0.5%", "599", 0.005, 0, None),
        ("503:1%:retry-after=2s", "503", 0.01, 0, 2),
        ("503:retry-after=1200ms:1%", "503", 0.01, 0, 2),
        ("reset:1%", "reset", 0.01, 0, None),
        ("slow:200ms", "slow", 1, 0.2, None),
        ("slow:1.5s:10%", "slow", 0.1, 1.5, None),
        ("slow:10%:2s", "slow", 0.1, 2, None),
        ("drop-response:100%", "drop-response", 1, 0, None),
        (" Close-Midway : 2% ", "close-midway", 0.02, 0, None),
    ],
)
def test_a_rule_is_read(text: str, kind: str, share: float, delay: float, retry_after: int | None) -> None:
    rule = Rule.read(text)
    assert (rule.kind, rule.share, rule.delay, rule.retry_after) == (kind, share, pytest.approx(delay), retry_after)
    assert rule.period == Period()


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("500@1-3", Period(False, 1, 3)),
        ("500@3", Period(False, 3, 3)),
        ("500 @ 3 -", Period(False, 3, math.inf)),
        ("500@-3", Period(False, 0, 3)),
        ("500@5s-10s", Period(True, 5, 10)),
        ("500@500ms-", Period(True, 0.5, math.inf)),
        ("500@-10s", Period(True, 0, 10)),
    ],
)
def test_a_period_is_requests_or_seconds_and_may_be_open(text: str, period: Period) -> None:
    assert Rule.read(text).period == period


@pytest.mark.parametrize(
    "text",
    [
        *("", "@", ":", "399", "600", "200", "42", "4290", "boom", "429:5", "429:%", "429:-1%", "429:101%", "429:1e1%"),
        *("429:5%:5%", "429:200ms", "reset:200ms", "reset:retry-after=2s", "429:retry-after=2", "429:retry-after="),
        *(
            "slow",
            "slow:10%",
            "slow:200",
            "slow:200m",
            "slow:200ms:1s",
            "slow:\u0662s",
            "429:\u0665%",
            "\u0664\u0662\u0669",
        ),
        *(
            "500@",
            "500@-",
            "500@0",
            "500@0-3",
            "500@3-1",
            "500@5s",
            "500@10s-5s",
            "500@5s-10",
            "500@1-2-3",
            "500@1.5-2",
        ),
    ],
)
def test_what_is_no_rule_is_named_and_the_forms_are_shown(text: str) -> None:
    with pytest.raises(ValueError, match="429:5%, 503:1%:retry-after=2s, slow:200ms:10%") as raised:
        Faults([text])
    assert str(raised.value).startswith(f"the fault {text!r} ")
    assert "\n" not in str(raised.value)


@given(st.text(max_size=30))
def test_any_text_is_a_rule_or_a_value_error(text: str) -> None:
    try:
        rule = Rule.read(text)
    except ValueError:
        return
    assert 0 <= rule.share <= 1
    assert rule.period.start <= rule.period.end


@given(RULES)
def test_a_rule_is_told_as_it_was_written(text: str) -> None:
    assert list(Faults([text])) == [text]


def test_a_rule_without_a_share_strikes_every_request() -> None:
    assert names(Faults(["500"]), 3) == ["500"] * 3


def test_nothing_befalls_requests_without_a_rule() -> None:
    assert names(Faults(), 3) == [None] * 3
    assert struck("500:0%", number=1000) == []


class Lots(random.Random):
    """Chance that always draws the same."""

    drawn = 0.0

    def random(self) -> float:
        return self.drawn


@pytest.mark.parametrize(
    ("drawn", "share", "strikes"), [(0.0, 0, False), (0.05, 5, False), (0.049, 5, True), (0.999, 100, True)]
)
def test_a_draw_below_the_share_strikes(drawn: float, share: int, strikes: bool) -> None:
    lots = Lots()
    lots.drawn = drawn
    assert bool(Faults([f"500:{share}%"], chance=lambda _: lots).strike().name) is strikes


def test_a_period_of_requests_includes_both_ends() -> None:
    assert struck("500@2-4") == [2, 3, 4]
    assert struck("500@9-") == [9, 10]
    assert struck("500@-2") == [1, 2]
    assert struck("500@3", "reset@5") == [3, 5]


def test_a_period_of_seconds_includes_its_beginning_alone() -> None:
    clock = Clock()
    faults = Faults(["500@5s-10s"], clock=clock)
    found: dict[float, bool] = {}
    for second in (0, 4.99, 5, 9.99, 10, 1000):
        clock.now = 100 + second
        found[second] = faults.strike().name is not None
    assert found == {0: False, 4.99: False, 5: True, 9.99: True, 10: False, 1000: False}


def test_delays_add_up_and_of_all_else_the_first_rule_holds() -> None:
    strike = Faults(["slow:200ms", "429@2", "slow:1s", "reset"]).strike()
    assert (strike.delay, strike.kind, strike.name) == (pytest.approx(1.2), "reset", "slow:200ms, slow:1s, reset")
    faults = Faults(["429@2", "reset"])
    assert names(faults, 3) == ["reset", "429", "reset"]


@given(share=st.integers(1, 99), seed=st.integers(0, 2**32))
def test_the_share_of_requests_that_go_wrong_is_met(share: int, seed: int) -> None:
    number = 2000
    found = len(struck(f"500:{share}%", number=number, seed=seed))
    expected = number * share / 100
    assert abs(found - expected) < 6 * math.sqrt(expected * (1 - share / 100)) + 1


@given(rules=st.lists(RULES, max_size=5), seed=st.integers())
def test_the_same_seed_gives_the_same_faults(rules: list[str], seed: int) -> None:
    assert names(Faults(rules, seed, clock=Clock()), 50) == names(Faults(rules, seed, clock=Clock()), 50)


def test_another_seed_gives_other_faults() -> None:
    found = [struck("500:50%", number=64, seed=seed) for seed in range(5)]
    assert all(one != other for one, other in itertools.combinations(found, 2))


@given(others=st.lists(st.sampled_from(["slow:1s:50%", "slow:2s", "slow:3s:1%@5-9"]), max_size=4), seed=st.integers())
def test_the_faults_of_a_rule_do_not_depend_on_the_other_rules(others: list[str], seed: int) -> None:
    alone = Faults(["500:50%"], seed)
    among = Faults([*others, "500:50%"], seed)
    assert [alone.strike().kind for _ in range(50)] == [among.strike().kind for _ in range(50)]


def test_a_rule_draws_for_requests_outside_of_its_period_and_for_those_that_another_struck() -> None:
    whole = struck("500:50%", number=60)
    late = Faults(["reset@1-20", "500:50%"])
    found = [n for n in range(1, 61) if late.strike().kind == "500"]
    assert found == [n for n in whole if n > 20]


def test_two_rules_of_one_text_have_a_chance_each() -> None:
    once, twice = struck("500:50%", number=400), struck("500:50%", "500:50%", number=400)
    assert set(once) < set(twice)
    assert 260 < len(twice) < 340, "three in four"


def test_setting_replaces_and_counts_from_then() -> None:
    clock = Clock()
    faults = Faults(["reset"], clock=clock)
    names(faults, 5)
    clock.now += 60
    faults.set("500@1-2", "429@-5s")
    assert names(faults, 3) == ["500", "500", "429"]
    clock.now += 5
    assert names(faults, 1) == [None]


def test_adding_leaves_the_others_counting() -> None:
    faults = Faults(["500@2"])
    names(faults, 1)
    faults.add("reset@1")
    assert list(faults) == ["500@2", "reset@1"]
    assert len(faults) == 2
    assert names(faults, 2) == ["500", None], "the second rule's first request was the first one's second"


def test_clearing_lets_everything_go_well() -> None:
    faults = Faults(["500"])
    faults.clear()
    assert (list(faults), bool(faults), names(faults, 1)) == ([], False, [None])


def test_a_restart_repeats_the_run() -> None:
    faults = Faults(["500:50%", "reset@2"], seed=3)
    first = names(faults, 50)
    faults.restart()
    assert names(faults, 50) == first


@pytest.mark.parametrize("change", ["set", "add"])
def test_a_bad_rule_among_good_ones_changes_nothing(change: str) -> None:
    faults = Faults(["500"], seed=1)
    with pytest.raises(ValueError, match="'boom'"):
        getattr(faults, change)("429", "boom")
    assert (list(faults), faults.seed) == (["500"], 1)


def test_a_seed_is_kept_until_another_is_given() -> None:
    faults = Faults(seed=7)
    faults.set("500:50%")
    assert names(faults, 50) == names(Faults(["500:50%"], seed=7), 50)
    faults.set("500:50%", seed=8)
    assert faults.seed == 8
    assert names(faults, 50) == names(Faults(["500:50%"], seed=8), 50)


def test_rules_may_be_set_by_one_thread_while_others_ask() -> None:
    faults = Faults(["500:50%"])
    seen: Counter[str | None] = Counter()
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            seen[faults.strike().name] += 1

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for thread in asking:
        thread.start()
    for number in range(300):
        faults.set("reset", f"slow:{number}ms")
        faults.add("429")
        faults.clear()
    done.set()
    for thread in asking:
        thread.join()
    assert all(name is None or name == "500" or name.endswith("reset") for name in seen), seen
