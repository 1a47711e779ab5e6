"""What delivery promises, for any stream of messages and any sequence of answers, in any order.

The machine is driven directly, with a simulated server and clock; a smaller number of runs goes through both clients.
"""

import copy
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from driving import BOTH, connected
from hypothesis import given, settings
from hypothesis import strategies as st

from cio_facade import CustomerIOError, Limits, Report, Retry, messages
from cio_facade.answers import Answer
from cio_facade.delivery import Delivery, Send, Wait
from cio_facade.messages import Message
from cio_facade.pacing import Pace
from cio_facade.packing import Packing, Parcel
from cio_facade.retrying import Verdict
from cio_facade.testing import Answering, RecordingTransport

BATCH, ALONE = "/batch", "/alias"
PATIENT = Retry(budget=1e9)
FEWER = settings(max_examples=max(10, settings().max_examples // 4))


@dataclass(frozen=True)
class Call:
    """A call to feed: whom it is about, how big it is, and what becomes of it."""

    people: tuple[str, ...]
    padding: int = 0
    bad: bool = False  # the server refuses it
    alone: bool = False  # no batch takes it
    unfit: bool = False  # it is refused before it is fed


PEOPLE = st.sampled_from([f"p{number}" for number in range(8)])
CALLS = st.lists(
    st.builds(
        Call,
        # One person mostly; an alias, a group or an identify with both ids have two and more; some events have nobody.
        people=st.one_of(st.tuples(PEOPLE), st.lists(PEOPLE, max_size=3, unique=True).map(tuple)),
        padding=st.integers(0, 250),
        bad=st.sampled_from([False] * 9 + [True]),
        alone=st.sampled_from([False] * 9 + [True]),
        unfit=st.sampled_from([False] * 9 + [True]),
    ),
    max_size=80,
)


@dataclass
class World:
    """A server, a clock and the driver of one delivery; every promise is checked at every step."""

    calls: Sequence[Call]
    chance: random.Random
    retry: Retry = PATIENT
    most_bytes: int = 900
    most_calls: int | None = None
    in_flight: int = 4
    server_bytes: int = 700  # what the server really takes: less than it says
    window: tuple[int, float] = (40, 1.0)
    answers: Sequence[str] = ("200",) * 12 + ("429", "429 later", "500", "503 later", "lost", "lost after taking")
    shards: int = 8

    now: float = 0.0
    fed: int = 0
    encoded: dict[int, bytes] = field(default_factory=dict)
    taken: list[int] = field(default_factory=list)  # by the server, in order
    doubtful: Counter[int] = field(default_factory=Counter)  # taken, but the answer was lost
    settled: dict[int, str] = field(default_factory=dict)
    flying: dict[int, Parcel] = field(default_factory=dict)
    not_before: dict[int, float] = field(default_factory=dict)
    departures: list[float] = field(default_factory=list)
    gave_up: bool = False

    def __post_init__(self) -> None:
        self.delivery = Delivery(
            Packing(BATCH, self.most_bytes, self.most_calls, shards=self.shards, hold=3),
            Pace(*self.window),
            self.retry,
            self.chance.random,
            in_flight=self.in_flight,
        )

    def run(self) -> Report:
        for steps in itertools.count():
            assert steps < 10_000, "delivery comes to no end"
            if self.fed < len(self.calls) and not self.delivery.full and not self.delivery.closed:
                self.feed(self.chance.choice((1, 1, 5, 30)))
            step = self.next()
            if step is None and (self.fed == len(self.calls) or self.delivery.closed):
                break
            assert step is not None or not self.delivery.full, "nothing to do, and no more may be fed"
            self.go_on(step)
            if self.chance.random() < 0.05:
                self.check_account()
        return self.check_account()

    def feed(self, number: int) -> None:
        for call in self.calls[self.fed : self.fed + number]:
            index = self.fed
            self.fed += 1
            if call.unfit:
                self.settled[index] = "rejected"
                self.delivery.refuse("unfit", f"m{index}")
            else:
                body = {"messageId": f"m{index}", "i": index, "padding": "é" * call.padding}
                data = self.encoded[index] = orjson.dumps(body)
                self.delivery.feed(call.people, data, ALONE if call.alone else None)
        if self.fed == len(self.calls):
            self.delivery.finish()

    def next(self) -> Wait | None:
        """Send what is to be sent; sometimes the driver is busy elsewhere and comes late, or not at all."""
        while isinstance(step := self.delivery.next(self.now), Send):
            self.depart(step)
            if self.chance.random() < 0.1:
                self.now += self.chance.random() * 0.2
        return step

    def depart(self, step: Send) -> None:
        parcel, body = step.parcel, step.parcel.body()
        for index in parcel.index:
            assert self.not_before.get(index, 0.0) <= self.now, "the pause was cut short"
        # Measured bytes are sent bytes, and each repetition carries the same messageId.
        assert [parcel.call(position) for position in range(len(parcel))] == [self.encoded[i] for i in parcel.index]
        alone = [self.calls[index].alone for index in parcel.index]
        if parcel.batch:
            assert parcel.path == BATCH
            assert not any(alone)
            assert body == b'{"batch":[' + b",".join(self.encoded[i] for i in parcel.index) + b"]}"
            assert len(body) <= self.most_bytes
            assert len(parcel) <= (self.most_calls or len(parcel))
        else:
            assert parcel.path == ALONE
            assert alone == [True]
            assert body == self.encoded[parcel.index[0]]
        assert len(parcel) > 0
        assert not self.gave_up, "sent after delivery had stopped"
        people = self.people(parcel)
        for other in self.flying.values():
            assert not people & self.people(other), "a person in two requests"
        self.flying[step.ticket] = parcel
        assert len(self.flying) <= self.in_flight
        self.departures.append(self.now)
        most, seconds = self.window
        if len(self.departures) > most:
            assert self.departures[-1] - self.departures[-1 - most] > seconds, "more than the limit in a window"

    def people(self, parcel: Parcel) -> set[str]:
        return {person for index in parcel.index for person in self.calls[index].people}

    def go_on(self, step: Wait | None) -> None:
        """Let an answer come, or time pass."""
        until = step.until if step is not None else None
        if self.flying and (until is None or self.chance.random() < 0.7):
            self.now += self.chance.random() * 0.05
            self.answer(self.chance.choice(list(self.flying)))
        elif until is not None:
            late = self.chance.random() if self.chance.random() < 0.2 else 0.0
            self.now = max(self.now, until) + late

    def answer(self, ticket: int) -> None:
        parcel = self.flying.pop(ticket)
        answer = self.served(parcel)
        match self.delivery.completed(ticket, answer, self.now):
            case Verdict.DONE:
                self.settle(parcel, "delivered")
            case Verdict.REJECT:
                self.settle(parcel, "rejected")
            case Verdict.GIVE_UP:
                self.settle(parcel, "failed")
                self.gave_up = True
            case Verdict.AGAIN if answer.retry_after:
                self.not_before |= dict.fromkeys(parcel.index, self.now + answer.retry_after)
            case _:
                pass

    def served(self, parcel: Parcel) -> Answer:
        match self.chance.choice(self.answers):
            case "429":
                return Answer(429)
            case "429 later":
                return Answer(429, retry_after=0.3)
            case "500":
                return Answer(500)
            case "503 later":
                return Answer(503, retry_after=0.2)
            case "401":
                return Answer(401)
            case "lost":
                return Answer(0)
            case "lost after taking":
                if not self.refuses(parcel):
                    self.taken += parcel.index
                    self.doubtful.update(parcel.index)
                return Answer(0)
        if refusal := self.refuses(parcel):
            return Answer(refusal, ("no",))
        self.taken += parcel.index
        return Answer(200)

    def refuses(self, parcel: Parcel) -> int:
        if len(parcel.body()) > self.server_bytes:
            return 413
        return 400 if any(self.calls[index].bad for index in parcel.index) else 0

    def settle(self, parcel: Parcel, how: str) -> None:
        for index in parcel.index:
            assert index not in self.settled, "settled twice"
            self.settled[index] = how

    def check_account(self) -> Report:
        """The account as it stands, from a copy: closing is the end of a delivery."""
        report = copy.deepcopy(self.delivery).close()
        counted = Counter(self.settled.values())
        assert report.accepted == self.fed
        assert report.balanced
        assert (report.delivered, report.rejected, report.failed) == tuple(
            counted[how] for how in ("delivered", "rejected", "failed")
        )
        # Each message that was not delivered has its one letter, with its own id and a reason.
        expected = {i for i in range(self.fed) if self.settled.get(i) != "delivered"}
        assert [letter.index for letter in report.dead_letters] == sorted(expected)
        assert all(letter.message_id == f"m{letter.index}" and letter.reason for letter in report.dead_letters)
        assert sum(report.reasons.values()) == len(expected)
        assert report.requests == len(self.departures)
        return report

    def check_order(self) -> None:
        """What the server first saw of each person came as it was given."""
        seen: set[int] = set()
        last: dict[str, int] = defaultdict(lambda: -1)
        for index in self.taken:
            if index in seen:
                continue
            seen.add(index)
            for person in self.calls[index].people:
                assert last[person] < index, "out of order"
                last[person] = index

    def check_doubles(self) -> None:
        """Only what was lost after the server had it is there more than once."""
        for index, times in Counter(self.taken).items():
            assert times <= 1 + self.doubtful[index]

    def culprits(self) -> set[int]:
        return {
            index
            for index, call in enumerate(self.calls)
            if call.unfit
            or call.bad
            or len(self.encoded[index]) + (0 if call.alone else len('{"batch":[]}')) > self.server_bytes
        }


LIMITS = {
    "seed": st.integers(0, 2**32),
    "most_calls": st.sampled_from([None, 1, 3, 20]),
    "in_flight": st.integers(1, 6),
    "shards": st.sampled_from([1, 2, 8, 64]),
}


@given(calls=CALLS, window=st.sampled_from([(1, 0.5), (3, 1.0), (150, 1.0)]), **LIMITS)
def test_everything_but_the_culprits_arrives_once_and_in_order(
    calls: list[Call], seed: int, window: tuple[int, float], **limits: int
) -> None:
    world = World(calls, random.Random(seed), window=window, **limits)
    report = world.run()
    culprits = world.culprits()
    assert {letter.index for letter in report.dead_letters} == culprits
    assert (report.rejected, report.delivered) == (len(culprits), len(calls) - len(culprits))
    assert set(world.taken) == set(range(len(calls))) - culprits
    world.check_order()
    world.check_doubles()


@given(
    calls=CALLS,
    budget=st.sampled_from([0.0, 0.1, 1.0]),
    answers=st.lists(st.sampled_from(["200", "401", "429 later", "500", "lost", "lost after taking"]), min_size=1),
    **LIMITS,
)
def test_when_delivery_gives_up_every_message_is_still_accounted_for(
    calls: list[Call], seed: int, budget: float, answers: list[str], **limits: int
) -> None:
    world = World(calls, random.Random(seed), retry=Retry(budget=budget), answers=(*answers, "200", "200"), **limits)
    report = world.run()
    assert report.pending == 0 or world.gave_up
    assert (report.failed > 0) == world.gave_up
    delivered = {index for index, how in world.settled.items() if how == "delivered"}
    assert delivered <= set(world.taken)
    world.check_order()
    world.check_doubles()


@given(calls=CALLS, **LIMITS)
def test_without_faults_nothing_is_ever_repeated(calls: list[Call], seed: int, **limits: int) -> None:
    good = [Call(call.people, call.padding, alone=call.alone) for call in calls]
    world = World(good, random.Random(seed), answers=("200",), server_bytes=10**6, **limits)
    report = world.run()
    assert report.complete
    assert report.retries == 0
    assert sorted(world.taken) == list(range(len(calls)))
    world.check_order()


@given(
    parcels=st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3)), max_size=3), max_size=12),
    seed=st.integers(0, 2**32),
    in_flight=st.integers(1, 4),
)
def test_parcels_that_others_have_cut_keep_the_order_of_their_shards(
    parcels: list[list[tuple[int, int]]], seed: int, in_flight: int
) -> None:
    """`put` takes bodies of the loader's or the outbox's making; those that share a shard wait for each other."""
    chance, places = random.Random(seed), itertools.count()
    delivery = Delivery(None, Pace(10_000, 1), PATIENT, chance.random, in_flight=in_flight)
    shard_of: dict[int, int | None] = {}
    for shards in parcels:
        runs = [(1 << shard, number) for shard, number in dict(shards).items()]
        owners = [shard for shard, number in dict(shards).items() for _ in range(number)] or [None]
        index = [next(places) for _ in owners]
        shard_of |= zip(index, owners, strict=True)
        data = [b'{"i":%d}' % place for place in index]
        delivery.put(Parcel.of(data, index, BATCH, runs))
    now, flying, taken = 0.0, {}, []
    while (step := delivery.next(now)) is not None:
        if isinstance(step, Send):
            shards = {shard_of[i] for i in step.parcel.index} - {None}
            assert not any(shards & {shard_of[i] for i in other.index} for other in flying.values())
            flying[step.ticket] = step.parcel
        elif flying:
            ticket = chance.choice(list(flying))
            parcel = flying.pop(ticket)
            status = chance.choice([200, 200, 503, 400 if len(parcel) > 1 else 200])
            taken += parcel.index if status == 200 else []
            delivery.completed(ticket, Answer(status), now)
        elif step.until is not None:
            now = step.until
    assert sorted(taken) == sorted(shard_of)
    for shard in range(6):
        mine = [index for index in taken if shard_of[index] == shard]
        assert mine == sorted(mine)
    assert delivery.close().complete


# Pace ----------------------------------------------------------------------------------------------------------------

WINDOWS = st.tuples(
    st.one_of(st.integers(1, 10), st.integers(11, 400), st.just(3000)),
    st.floats(1e-3, 100, allow_nan=False),
)


def check_windows(departures: Sequence[float], requests: int, seconds: float) -> None:
    for first, last in zip(departures, departures[requests:], strict=False):
        assert last - first > seconds, f"more than {requests} in {seconds} s"


@given(
    window=WINDOWS,
    start=st.floats(0, 1e6),
    gaps=st.lists(st.one_of(st.just(0.0), st.floats(0, 2)), max_size=60),
    repeat=st.integers(1, 15),
    told=st.sets(st.integers(0, 60), max_size=3),
)
def test_no_window_holds_more_than_the_limit_wherever_it_begins(
    window: tuple[int, float], start: float, gaps: list[float], repeat: int, told: set[int]
) -> None:
    requests, seconds = window
    pace, now, departures = Pace(requests, seconds), start, []
    for number, gap in enumerate(gaps * repeat):
        now += gap * seconds / requests  # gaps in proportion, or all would be leisure
        if number in told:
            pace.slow_down(now)
        departures.append(pace.reserve(now))
        assert departures[-1] >= now
    assert departures == sorted(departures)
    check_windows(departures, requests, seconds)


@given(window=WINDOWS, lateness=st.lists(st.floats(0, 5), min_size=1, max_size=20))
def test_no_window_holds_more_than_the_limit_when_requests_go_later_than_they_might(
    window: tuple[int, float], lateness: list[float]
) -> None:
    """A stream that was promised a place may be held up by its source, and use the place long after."""
    requests, seconds = window
    pace, now, departures = Pace(requests, seconds), 0.0, []
    for number in range(3 * min(requests, 100) + 10):
        late = lateness[number % len(lateness)] if number % 7 == 0 else 0.0
        now = max(now, pace.reserve(now)) + late * seconds
        pace.departed(now)
        departures.append(now)
    check_windows(departures, requests, seconds)


@given(window=WINDOWS)
def test_the_limit_is_used_to_95_percent(window: tuple[int, float]) -> None:
    requests, seconds = window
    pace, windows = Pace(requests, seconds), max(3, 600 // requests)
    departures = [pace.reserve(0.0) for _ in range(windows * requests)]
    assert departures[-1] <= windows * seconds / 0.95


@given(window=WINDOWS, told=st.integers(1, 50))
def test_the_pace_comes_back_after_429(window: tuple[int, float], told: int) -> None:
    requests, seconds = window
    pace = Pace(requests, seconds)
    for second in range(told):
        pace.slow_down(float(second))
    later = told + 25.0
    pace.slow_down(later - 25.0)
    pace.reserve(later)  # 20 s bring it back from nothing
    first = [pace.reserve(later + 2 * seconds) for _ in range(2 * requests)]
    assert first[-1] - first[0] <= 2 * seconds / 0.95
    check_windows(first, requests, seconds)


# Through the clients -------------------------------------------------------------------------------------------------

USERS = st.sampled_from([f"u{number}" for number in range(6)])
MESSAGES = st.lists(
    st.one_of(
        st.builds(lambda user, size: messages.track(user, "Seen", {"x": "x" * size}), USERS, st.integers(0, 400)),
        st.builds(lambda user: messages.track(user, "Bad"), USERS),
        st.builds(messages.alias, USERS, USERS),
        st.builds(messages.group, USERS, st.sampled_from(["g1", "g2"])),
        st.builds(lambda user, anonymous: messages.identify(user, anonymous_id=anonymous), USERS, USERS),
        st.builds(lambda: messages.track("", "Seen")),  # unfit
    ),
    max_size=60,
)
SMALL = Limits(call_bytes=800, batch_bytes=1600, in_flight=3, window_requests=100_000)
_IDS = ("userId", "anonymousId", "groupId", "previousId")


class Server:
    """Answers by chance, refuses what is bad, and keeps what it took."""

    def __init__(self, seed: int, statuses: Sequence[int]) -> None:
        self.chance, self.statuses = random.Random(seed), statuses
        self.taken: list[dict[str, str]] = []

    def __call__(self, request: httpx.Request) -> Answering:
        assert len(request.content) <= SMALL.batch_bytes
        status = self.chance.choice(self.statuses)
        if status == 0:
            return httpx.ReadError("gone")
        batch = orjson.loads(request.content)["batch"]
        if status == 200:
            if any(call.get("event") == "Bad" for call in batch):
                return 400
            self.taken += batch
        return status


def numbered(given: Sequence[Message]) -> Iterator[Message]:
    return (Message({**message.call, "messageId": f"m{place}"}) for place, message in enumerate(given))


def sent_through(kind: Any, given: Sequence[Message], server: Server, retry: Retry) -> Report:
    with connected(kind, RecordingTransport(server), limits=SMALL, retry=retry) as client:
        try:
            return client.send_many(numbered(given))
        except CustomerIOError as error:
            return error.report or Report()


@BOTH
@given(given_=MESSAGES, seed=st.integers(0, 2**32))
@FEWER
def test_a_client_delivers_all_but_the_bad_in_order(kind: Any, given_: list[Message], seed: int) -> None:
    server = Server(seed, (200, 200, 200, 200, 429, 503, 0))
    report = sent_through(kind, given_, server, PATIENT)
    bad = {place for place, m in enumerate(given_) if m.call.get("event") == "Bad" or m.call["userId"] == ""}
    assert {letter.index for letter in report.dead_letters} == bad
    assert (report.accepted, report.rejected, report.pending) == (len(given_), len(bad), 0)
    assert report.balanced
    places = [int(call["messageId"].removeprefix("m")) for call in server.taken]
    assert sorted(places) == sorted(set(range(len(given_))) - bad)
    last: dict[str, int] = {}
    for place, call in zip(places, server.taken, strict=True):
        for who in {call[name] for name in _IDS if name in call}:
            assert last.get(who, -1) < place
            last[who] = place


@BOTH
@given(given_=MESSAGES, seed=st.integers(0, 2**32))
@FEWER
def test_a_client_that_gives_up_still_accounts_for_everything(kind: Any, given_: list[Message], seed: int) -> None:
    server = Server(seed, (200, 200, 401, 503, 429))
    report = sent_through(kind, given_, server, Retry(budget=0.5))
    taken = {call["messageId"] for call in server.taken}
    letters = {letter.index for letter in report.dead_letters}
    assert report.balanced
    assert report.delivered == len(taken)
    assert letters == {place for place in range(report.accepted) if f"m{place}" not in taken}
