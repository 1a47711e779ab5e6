"""What people were last sent: "unchanged" is only said of what the server has, whatever was killed on the way."""

import random
import resource
import sqlite3
import stat
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cio_facade.errors import CustomerIOError
from cio_facade.loading import changes as module
from cio_facade.loading import records
from cio_facade.loading.changes import Changes, marks_of
from cio_facade.loading.records import GONE, Layers, RecordFile

LEAST, MOST = -(1 << 63), (1 << 63) - 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "changes.db"


@pytest.fixture
def changes(path: Path) -> Iterator[Changes]:
    changes = Changes(path)
    yield changes
    changes.close()


def said(changes: Changes, *rows: tuple[int, int]) -> list[bool]:
    """Ask for rows, a key and a content each."""
    answer = changes.unchanged([key for key, _ in rows], [content for _, content in rows])
    return [False] * len(rows) if answer is None else answer.tolist()


def send(changes: Changes, *rows: tuple[int, int]) -> list[bool]:
    """Ask for rows, and have those delivered that are not unchanged."""
    same = said(changes, *rows)
    for (key, content), one in zip(rows, same, strict=True):
        if not one:
            changes.delivered([key], [content])
    return same


# Marks ---------------------------------------------------------------------------------------------------------------


def signed(text: bytes) -> int:
    return int.from_bytes(md5(text).digest()[:8], "big", signed=True)


@pytest.mark.parametrize(
    ("call", "identity"),
    [
        (b'{"userId":"u1","anonymousId":"a1","traits":{"email":"e"}', b"u1"),
        (b'{"anonymousId":"a1","traits":{"email":"e"}', b"a1"),
        (b'{"userId":"","traits":{"email":"ann@example.com"}', b"ann@example.com"),
        (b'{"userId":"\xc3\xa9"', "é".encode()),
        (b'{"userId":"\\u00e9"', "é".encode()),
        (b'{"groupId":"g"', b""),
        (b'{"traits":[1]', b""),
    ],
)
def test_marks_are_halves_of_md5(call: bytes, identity: bytes) -> None:
    tail = b',"timestamp":"2026-01-31T00:00:00.000Z","messageId":"1"}'
    assert marks_of(call + tail, len(tail)) == (signed(identity), signed(call))


# What is remembered --------------------------------------------------------------------------------------------------


def test_what_was_delivered_is_unchanged_until_it_differs(path: Path, changes: Changes) -> None:
    assert send(changes, (1, 10), (2, 20), (3, 30)) == [False] * 3
    assert send(changes, (1, 10), (2, 21), (4, 40)) == [True, False, False]
    changes.sync()
    changes.close()
    changes = Changes(path)
    assert said(changes, (3, 30), (2, 20), (1, 10), (4, 40)) == [True, False, True, True]
    changes.close()


def test_what_was_not_delivered_is_not_remembered(changes: Changes) -> None:
    said(changes, (1, 10))
    changes.dropped([1])
    assert send(changes, (1, 10)) == [False]
    assert said(changes, (1, 10)) == [True]


def test_what_differs_is_forgotten_before_it_is_sent(path: Path, changes: Changes) -> None:
    send(changes, (1, 10))
    assert said(changes, (1, 11)) == [False]
    changes.close()  # killed on the way: nobody knows whether it arrived
    changes = Changes(path)
    assert said(changes, (1, 10)) == [False]
    changes.close()


def test_what_is_forgotten_survives_a_power_cut_and_what_is_remembered_need_not(changes: Changes) -> None:
    def synchronous() -> int:
        with changes._store.reading() as database:
            return database.execute("PRAGMA synchronous").fetchone()[0]

    send(changes, (1, 10), (2, 20))
    assert said(changes, (1, 10)) == [True]
    assert synchronous() == 1, "NORMAL"
    assert said(changes, (1, 11)) == [False]
    assert synchronous() == 2, "FULL"
    assert said(changes, (2, 20)) == [True]
    changes.delivered([1], [11])
    changes.sync()
    assert synchronous() == 1


def test_rows_of_a_person_that_differ_are_all_sent(changes: Changes) -> None:
    send(changes, (1, 10))
    assert said(changes, (1, 10), (1, 11), (1, 10)) == [False, False, False]
    changes.delivered([1], [10])
    changes.delivered([1], [11])
    assert said(changes, (1, 11)) == [False], "another one is on the way"
    changes.delivered([1], [10])
    changes.delivered([1], [11])
    assert said(changes, (1, 10)) == [False]
    changes.delivered([1], [10])
    assert said(changes, (1, 10)) == [True]


@pytest.mark.parametrize("number", [LEAST, LEAST + 1, -1, 0, 1, MOST])
def test_any_number_of_64_bits_is_a_key_and_a_content(changes: Changes, number: int) -> None:
    assert send(changes, (number, number)) == [False]
    assert said(changes, (number, number)) == [True]
    assert said(changes, (number, 5)) == [False]


def test_nothing_is_asked(changes: Changes) -> None:
    assert changes.unchanged([], []) is None
    changes.delivered([], [])
    changes.dropped([])
    changes.sync()


class World:
    """A server, a source of a few people, and a process that is killed now and then."""

    def __init__(self, path: Path, chance: random.Random) -> None:
        self.path, self.chance = path, chance
        self.changes = Changes(path)
        self.server: dict[int, int] = {}
        self.on_the_way: dict[int, list[int]] = {}
        self.skipped = 0

    def ask(self, rows: list[tuple[int, int]]) -> None:
        for (key, content), same in zip(rows, said(self.changes, *rows), strict=True):
            if same:
                assert self.server[key] == content, "left out, and the server has something else"
                assert not self.on_the_way.get(key), "left out, and something else comes after"
                self.skipped += 1
            else:
                self.on_the_way.setdefault(key, []).append(content)

    def step(self) -> None:
        """Do the next thing."""
        match self.chance.choice(["ask", "ask", "ask", "settle", "settle", "sync", "kill"]):
            case "ask":
                number = self.chance.randint(1, 4)
                self.ask([(self.chance.randrange(3), self.chance.randrange(2)) for _ in range(number)])
            case "settle":
                for key in range(3):
                    for _ in range(self.chance.randrange(4)):
                        self.settle(key)
            case "sync":
                self.changes.sync()
            case _ if self.chance.random() < 0.5:
                self.kill()

    def settle(self, key: int) -> None:
        """The next call of a person arrives, is refused, or nobody knows."""
        if not self.on_the_way.get(key):
            return
        content = self.on_the_way[key].pop(0)
        what = self.chance.choice(["delivered", "delivered", "delivered", "refused", "arrived, and the answer did not"])
        if what != "refused":
            self.server[key] = content
        if what == "delivered":
            self.changes.delivered([key], [content])
        else:
            self.changes.dropped([key])

    def kill(self) -> None:
        """All that is on the way arrives or not, and what was not synced is gone."""
        self.changes.close()
        for key, contents in self.on_the_way.items():
            for content in contents[: self.chance.randint(0, len(contents))]:
                self.server[key] = content
        self.on_the_way.clear()
        self.changes = Changes(self.path)


def test_nothing_that_differs_is_ever_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skipped = 0
    for seed in range(30):
        chance = random.Random(seed)
        monkeypatch.setattr(module, "_NEW", chance.choice([1, 3, 1_000]))
        world = World(tmp_path / f"changes-{seed}.db", chance)
        for _ in range(60):
            world.step()
        world.changes.close()
        skipped += world.skipped
    assert skipped > 60, "much is left out"


def test_of_many_people_what_has_changed_is_found(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NEW", 3_000)
    chance = np.random.default_rng(3)
    keys = chance.integers(LEAST, MOST, 40_000)
    contents = chance.integers(LEAST, MOST, keys.size)
    changes = Changes(path)
    for at in range(0, keys.size, 1_000):
        some = slice(at, at + 1_000)
        assert changes.unchanged(keys[some], contents[some]) is None
        changes.delivered(keys[some], contents[some])
    changes.sync()
    changes.close()

    changes = Changes(path)
    order = chance.permutation(keys.size)
    differs = order % 10 == 0
    for at in range(0, keys.size, 10_000):
        some = order[at : at + 10_000]
        unlike = differs[at : at + 10_000]
        same = changes.unchanged(keys[some], contents[some] ^ unlike)
        assert (same == ~unlike).all()
        changes.delivered(keys[some][unlike], contents[some][unlike] ^ 1)
    assert changes.unchanged(keys, contents ^ (np.arange(keys.size) % 10 == 0)).all()
    changes.close()
    assert len(list(path.parent.glob("*-records-*"))) == 1


# Records -------------------------------------------------------------------------------------------------------------

small = st.integers(-3, 3) | st.integers(LEAST, MOST)
rows_of = st.lists(st.tuples(small, small | st.just(GONE)), max_size=30)


def table(rows: list[tuple[int, int]]) -> "np.ndarray":
    return np.array(rows, np.int64).reshape(-1, 2)


@given(st.lists(rows_of, max_size=6), st.integers(1, 5))
def test_records_are_a_dict(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[int, int]]], chunk: int
) -> None:
    folder = tmp_path_factory.mktemp("records")
    layers, model = Layers(), {}
    RecordFile.write(folder / "0", [], table([]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda file: None)  # it is slow
        patch.setattr(records, "_CHUNK", chunk)
        patch.setattr(records, "_AT_ONCE", chunk)
        patch.setattr(records, "_GAP", 0)
        for number, rows in enumerate(batches, 1):
            layers.add(table(rows))
            model.update(rows)
            news = Layers()
            news.add(table(rows))
            old = RecordFile(folder / str(number - 1))
            RecordFile.write(folder / str(number), old.chunks(), news.whole())
            old.close()
        assert dict(layers.whole().tolist()) == model
        there = {key: content for key, content in model.items() if content != GONE}
        asked = [*model, 0, 7, LEAST, MOST] * 2
        file = RecordFile(folder / str(len(batches)))
        for kept, found in ((model, layers.find(np.array(asked))), (there, file.find(np.array(asked)))):
            assert found[1].tolist() == [key in kept for key in asked]
            assert [key for key, is_there in zip(asked, found[1], strict=True) if is_there] == [
                key for key in asked if key in kept
            ]
            assert found[0][found[1]].tolist() == [kept[key] for key in asked if key in kept]
        assert file.number == len(there)
        file.close()


# Accidents -----------------------------------------------------------------------------------------------------------


def filled(path: Path) -> None:
    """A file with all its parts, closed."""
    changes = Changes(path)
    send(changes, *((key, key) for key in range(100)))
    changes.sync()
    send(changes, (1, 2))
    changes.sync()
    changes.close()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NEW", 100)


@pytest.mark.usefixtures("soon")
def test_everybody_is_forgotten_by_a_load_that_does_not_ask(path: Path) -> None:
    filled(path)
    changes = Changes(path)
    changes.delivered([7], [7])
    changes.forget()
    assert not list(path.parent.glob("*-records-*"))
    assert send(changes, (1, 2), (7, 7)) == [False, False]
    changes.sync()
    changes.close()
    changes = Changes(path)
    assert said(changes, (1, 2), (7, 7), (8, 8)) == [True, True, False]
    changes.close()


@pytest.mark.usefixtures("soon")
def test_what_a_death_left_behind_is_removed(path: Path) -> None:
    filled(path)
    (file,) = path.parent.glob("*-records-*")
    stray = path.with_name("changes.db-records-99")
    stray.write_bytes(file.read_bytes()[:100])
    changes = Changes(path)
    assert not stray.exists()
    assert said(changes, (1, 2), (7, 7), (7, 8)) == [True, False, False]
    changes.close()


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("how", ["cut", "changed", "gone"])
def test_a_damaged_file_of_records_says_what_to_do(path: Path, how: str) -> None:
    filled(path)
    (file,) = path.parent.glob("*-records-*")
    data = file.read_bytes()
    match how:
        case "cut":
            file.write_bytes(data[:-16])
        case "changed":
            file.write_bytes(bytes([data[0] ^ 1]) + data[1:])
        case "gone":
            file.unlink()
    with pytest.raises(CustomerIOError, match=r"is damaged; move it away and begin again"):
        Changes(path)


@pytest.mark.usefixtures("soon")
def test_a_full_disk_forgets_nothing_and_lets_nothing_through(path: Path) -> None:
    filled(path)
    changes = Changes(path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(CustomerIOError, match="the disk is full"):
            said(changes, (5, 6))
        changes.delivered([1_000], [1])
        with pytest.raises(CustomerIOError, match="the disk is full"):
            changes.sync()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    changes.sync()
    assert said(changes, (1_000, 1), (5, 5)) == [True, True]
    changes.close()


@pytest.mark.usefixtures("soon")
def test_only_its_owner_may_read_it_and_one_process_has_it(path: Path) -> None:
    filled(path)
    changes = Changes(path)
    assert {stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()} == {0o600}
    with pytest.raises(CustomerIOError, match="another process has"):
        Changes(path)
    changes.close()


def test_a_journal_is_no_record_of_changes(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA application_id = 7")
    database.close()
    with pytest.raises(CustomerIOError, match="is not the record of what people were sent"):
        Changes(path)
