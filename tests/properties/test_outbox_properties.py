"""What an outbox's delivery promises: patience through an outage, an end for what the server cannot bear, and order."""

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from cio_facade import Retry
from cio_facade.answers import Answer
from cio_facade.delivery import Delivery, Send, Settled
from cio_facade.pacing import Pace
from cio_facade.packing import Packing

PERSON = st.integers(0, 5)
STEPS = st.lists(
    st.one_of(
        st.lists(PERSON, min_size=1, max_size=12).map(tuple),  # messages of these come in
        st.floats(0.01, 3),  # time passes
        st.just("flush"),
    ),
    max_size=25,
)
LINGER, STEP, ENOUGH = 0.5, 0.05, 400.0


class World:
    """An outbox's delivery and a server that is away for a while and cannot bear some calls."""

    def __init__(self, poison: set[int], down: tuple[float, float], answer: Answer, lanes: int) -> None:
        self.poison, self.down, self.answer = poison, down, answer
        self.now, self.people = 0.0, dict[int, int]()
        self.came: dict[int, float] = {}
        self.left: dict[int, float] = {}  # when a message first went
        self.taken: defaultdict[int, list[int]] = defaultdict(list)
        self.settled: Counter[int] = Counter()
        self.outcomes: dict[int, str] = {}
        retry = Retry(base=0.1, cap=0.5, budget=2)
        self.delivery = Delivery(
            Packing("/batch", 900, shards=4), Pace(10_000, 1), retry, lambda: 1.0,
            in_flight=lanes, linger=LINGER, patient=True, on_settled=self.note,
        )  # fmt: skip

    def note(self, settled: Settled) -> None:
        self.settled.update(settled.parcel.index)
        self.outcomes.update(dict.fromkeys(settled.parcel.index, settled.outcome))

    def feed(self, people: tuple[int, ...]) -> None:
        for person in people:
            number = len(self.people)
            self.people[number], self.came[number] = person, self.now
            self.delivery.feed((f"p{person}",), b'{"messageId":"m%d","n":"%d"}' % (number, number))

    def pass_time(self, until: float) -> None:
        while True:
            step = self.delivery.next(self.now)
            if isinstance(step, Send):
                self.delivery.completed(step.ticket, self.answered(step), self.now)
            elif self.now >= until:
                return
            else:
                soon = until if step is None or step.until is None else step.until
                self.now = min(until, max(soon, self.now + 1e-6))

    def answered(self, send: Send) -> Answer:
        for index in send.parcel.index:
            self.left.setdefault(index, self.now)
        if self.down[0] <= self.now < self.down[1]:
            return self.answer
        if self.poison & set(send.parcel.index):
            return Answer(500)
        for index in send.parcel.index:
            self.taken[self.people[index]].append(index)
        return Answer(200)


@given(
    STEPS,
    st.sets(st.integers(0, 60), max_size=3),
    st.tuples(st.floats(0, 5), st.floats(0, 20)),
    st.sampled_from([Answer(500), Answer(401), Answer(429), Answer(0), Answer(503, retry_after=1.0)]),
    st.integers(1, 4),
)
def test_only_what_the_server_cannot_bear_is_not_delivered(steps, poison, outage, answer, lanes):
    world = World(poison, (outage[0], sum(outage)), answer, lanes)
    for step in steps:
        if isinstance(step, tuple):
            world.feed(step)
            world.pass_time(world.now)
        elif step == "flush":
            world.delivery.flush()
            world.pass_time(world.now)
        else:
            world.pass_time(world.now + step)
    given_up_at = world.now + ENOUGH
    while not world.delivery.finished and world.now < given_up_at:
        world.feed((99,))  # others come, so that it shows whose fault it is
        world.pass_time(world.now + STEP if lanes > 1 else world.now + 5)
        if world.delivery.report().pending <= len(poison) and lanes == 1:
            break
    report = world.delivery.report()
    assert report.balanced
    assert set(world.settled.values()) <= {1}
    failed = {index for index, outcome in world.outcomes.items() if outcome == "failed"}
    assert failed <= poison
    assert "rejected" not in world.outcomes.values()
    for order in world.taken.values():
        assert order == sorted(order)
    if not poison & set(world.people):
        assert report.pending <= len([p for p in world.people.values() if p == 99])


@given(STEPS, st.integers(1, 4))
def test_nobody_waits_for_others_longer_than_was_said(steps, lanes):
    world = World(set(), (0.0, 0.0), Answer(200), lanes)
    for step in steps:
        if isinstance(step, tuple):
            world.feed(step)
        elif step == "flush":
            world.delivery.flush()
            world.pass_time(world.now)
            assert world.delivery.oldest is None
            continue
        world.pass_time(world.now + (step if isinstance(step, float) else 0.0))
    world.pass_time(world.now + LINGER + STEP)
    assert world.delivery.report().complete
    assert all(world.left[index] - came <= LINGER + STEP for index, came in world.came.items())
