"""What only the async outbox knows: tasks that are cancelled, loops that end, and commits that many tasks share."""

import asyncio
import sqlite3
import threading

import pytest
from boxing import QUICK, Held, ids
from driving import tracked, within

from cio_facade import AsyncCustomerIO, AsyncOutbox, OutboxError
from cio_facade.journal import Journal
from cio_facade.testing import RecordingTransport

PLACES = pytest.mark.parametrize("place", ["memory", "file"])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "outbox"


@pytest.fixture
def where(place, path):
    return path if place == "file" else None


def opened(transport=None, path=None, **settings):
    client = AsyncCustomerIO("key", transport=transport or RecordingTransport(), retry=QUICK)
    return AsyncOutbox(client, path, **{"flush_interval": 0.01, "durability": "relaxed", **settings})


def run(coroutine):
    return within(20, lambda: asyncio.run(coroutine))


def test_a_thousand_puts_at_once_share_commits(path, monkeypatch):
    appends = []
    append = Journal.append
    monkeypatch.setattr(Journal, "append", lambda self, calls: (appends.append(len(calls)), append(self, calls))[1])

    async def main():
        async with opened(path=path) as box:
            await asyncio.gather(*(box.put(tracked(n)) for n in range(1000)))
            return await box.flush(10)

    assert run(main()).delivered == 1000
    assert sum(appends) == 1000
    assert len(appends) < 20


@PLACES
def test_a_put_that_is_cancelled_loses_nothing_of_the_others(place, where):
    transport = RecordingTransport()

    async def main():
        async with opened(transport, where) as box:
            puts = [asyncio.create_task(box.put(tracked(n))) for n in range(50)]
            await asyncio.sleep(0)
            for task in puts[::5]:
                task.cancel()
            done = await asyncio.gather(*puts, return_exceptions=True)
            await box.put(tracked(50))
            report = await box.flush(10)
            assert report.balanced
            return {f"m{n}" for n, one in enumerate(done) if one is True} | {"m50"}

    taken = run(main())
    assert len(taken) >= 41
    assert taken <= set(ids(transport))
    assert len(ids(transport)) == len(set(ids(transport)))


@PLACES
def test_a_flush_that_is_cancelled_changes_nothing(place, where):
    transport = Held()

    async def main():
        async with opened(transport, where) as box:
            for n in range(10):
                await box.put(tracked(n))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(box.flush(), 0.05)
            transport.go.set()
            assert (await box.flush(10)).delivered == 10

    run(main())


@PLACES
def test_an_end_that_is_cancelled_may_be_said_again(place, where):
    transport = Held()

    async def main():
        box = opened(transport, where)
        await box.put(tracked())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(box.close(), 0.05)
        transport.go.set()
        return await box.close(10)

    assert run(main()).complete


@PLACES
def test_two_tasks_that_end_it_get_the_same_account(place, where):
    transport = Held()

    async def main():
        box = opened(transport, where)
        await box.put(tracked())
        reports = await asyncio.gather(box.close(0.05), box.close(0.05))
        transport.go.set()
        return reports

    one, other = run(main())
    assert one.pending == 1
    assert one is other


@PLACES
def test_a_cancelled_put_that_waits_for_room_takes_nothing(place, where):
    transport = Held()

    async def main():
        async with opened(transport, where, max_messages=1) as box:
            await box.put(tracked(0))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(box.put(tracked(1)), 0.05)
            transport.go.set()
            return await box.flush(10)

    assert run(main()).accepted == 1


@PLACES
def test_another_loop_is_told_so(place, where):
    box = opened(None, where)

    async def put(name):
        await box.put(tracked(name))
        return await box.flush(5)

    async def close_elsewhere():
        with pytest.raises(OutboxError, match="another event loop"):
            await box.close(0)

    assert run(put(0)).delivered == 1
    for action in (lambda: put(1), box.flush):
        with pytest.raises(OutboxError, match="another event loop"):
            run(action())
    run(close_elsewhere())
    box._leave()


@PLACES
def test_without_a_loop_there_is_an_error_and_nothing_else(place, where):
    box = opened(None, where)
    with pytest.raises(RuntimeError, match="no running event loop"):
        _ = box.account

    async def main():
        return await box.close(5)

    assert run(main()).accepted == 0


@PLACES
def test_when_all_tasks_are_cancelled_nobody_waits_for_ever(place, where):
    async def main():
        box = opened(Held(), where)
        await box.put(tracked(0))
        await asyncio.sleep(0.02)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0.02)
        with pytest.raises(OutboxError, match="stopped"):
            await box.put(tracked(1))
        return await box.close()

    report = run(main())
    assert (report.pending, report.balanced) == (1, True)


@pytest.mark.parametrize("error", [sqlite3.OperationalError("odd"), MemoryError()])
def test_a_commit_that_fails_oddly_fails_its_puts_and_no_later_ones(path, monkeypatch, error):
    append, broken = Journal.append, threading.Event()

    def failing(self, calls):
        if broken.is_set():
            raise error
        return append(self, calls)

    monkeypatch.setattr(Journal, "append", failing)

    async def main():
        async with opened(path=path) as box:
            broken.set()
            raised = await asyncio.gather(*(box.put(tracked(n)) for n in range(3)), return_exceptions=True)
            assert raised == [error] * 3
            broken.clear()
            assert await box.put(tracked(3))
            return await box.flush(10)

    assert run(main()).delivered == 1


def test_a_commit_that_is_cancelled_hangs_nobody(path, monkeypatch):
    append, go = Journal.append, threading.Event()
    monkeypatch.setattr(Journal, "append", lambda self, calls: (go.wait(10), append(self, calls))[1])

    async def main():
        async with opened(path=path) as box:
            puts = [asyncio.create_task(box.put(tracked(n))) for n in range(3)]
            await asyncio.sleep(0.02)
            (commit,) = [t for t in asyncio.all_tasks() if "_Commits" in repr(t.get_coro())]
            commit.cancel()
            done = await asyncio.gather(*puts, return_exceptions=True)
            assert all(isinstance(one, asyncio.CancelledError) for one in done)
            go.set()
            assert await box.put(tracked(3))
            report = await box.flush(10)
            while report.delivered < 4:  # what was cancelled may be in the file all the same, and later
                await asyncio.sleep(0.005)
                report = await box.flush(10)
            return report

    assert run(main()).pending == 0


def test_the_loop_goes_on_while_a_commit_takes_long(path, monkeypatch):
    append, go = Journal.append, threading.Event()
    monkeypatch.setattr(Journal, "append", lambda self, calls: (go.wait(10), append(self, calls))[1])

    async def main():
        async with opened(path=path) as box:
            put = asyncio.create_task(box.put(tracked()))
            for _ in range(10):
                await asyncio.sleep(0)
            assert not put.done()
            go.set()
            return await put

    assert run(main()) is True
