"""Lock files: one holder at a time, in whatever process; the lock goes with it."""

import os
import stat
import sys
from pathlib import Path

import pytest

from cio_facade.errors import OutboxError
from cio_facade.locks import BusyError, LockFile


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "lock")


def test_one_holds_it_until_it_is_closed(path: str) -> None:
    one, other = LockFile(path), LockFile(path)
    assert one.take()
    assert one.take()
    assert not other.take()
    assert not other.share()
    one.close()
    one.close()
    assert other.take()
    other.close()


def test_several_share_it(path: str) -> None:
    one, other, third = LockFile(path), LockFile(path), LockFile(path)
    assert one.share()
    assert other.share()
    assert not third.take()
    for lock in (one, other):
        lock.close()
    assert third.take()
    assert third.share()
    third.close()


def test_it_is_held_for_a_block(path: str) -> None:
    one, other = LockFile(path), LockFile(path)
    with one.held(0):
        assert not other.take()
    with pytest.raises(ZeroDivisionError), one.held(0):
        _ = 1 / 0
    assert other.take()
    one.close()
    other.close()


def test_who_has_it_is_waited_for_no_longer_than_said(path: str) -> None:
    one, other = LockFile(path), LockFile(path)
    assert one.take()
    with pytest.raises(BusyError, match="stopped"), other.held(0.01):
        raise AssertionError
    one.close()
    with other.held(0):
        pass
    other.close()


def test_a_child_that_abandons_it_leaves_it_to_its_parent(path: str) -> None:
    one, other = LockFile(path), LockFile(path)
    assert one.take()
    child = os.fork()
    if not child:
        one.abandon()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert not other.take()
    one.close()
    assert other.take()
    other.close()


def test_a_child_that_keeps_it_open_cannot_keep_the_lock_of_a_parent_that_closes(path: str) -> None:
    one, other = LockFile(path), LockFile(path)
    assert one.take()
    wait, go = os.pipe()
    child = os.fork()
    if not child:
        os.read(wait, 1)
        os._exit(0)
    one.close()
    assert other.take()
    os.write(go, b".")
    assert os.waitpid(child, 0)[1] == 0
    os.close(wait)
    os.close(go)
    other.close()


def test_a_note_is_for_who_comes_next(path: str) -> None:
    one = LockFile(path)
    assert one.read() == b""
    one.write(b"mind the step")
    one.write(b"mind")
    one.close()
    other = LockFile(path)
    assert other.read() == b"mind"
    other.close()


def test_nobody_else_may_open_it(path: str) -> None:
    before = os.umask(0)
    LockFile(path).close()
    os.umask(before)
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600


def test_a_place_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutboxError, match=r"path: cannot open .*nowhere/lock: No such file"):
        LockFile(str(tmp_path / "nowhere" / "lock"))


def test_a_system_without_flock_is_told(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with pytest.raises(OutboxError, match=r"flock.* leave path out"):
        LockFile(path)
