"""The audit log: who asked for what about whom, and what became of each; on the disk before anybody goes on."""

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cio_facade.errors import CustomerIOError
from cio_facade.loading.audit import Audit
from cio_facade.locks import LockFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_it_says_who_when_what_and_what_became_of_each(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ann")
    monkeypatch.setattr("socket.gethostname", lambda: "etl-1")
    audit = Audit(path, {"job": "j", "as": "suppress", "source": "ids.csv", "fingerprint": "f"}, now=lambda: 0.0)
    audit.note(["u1", "ü2"], "delivered")
    audit.note(iter([None]), "rejected", "user_id is empty")
    audit.note([], "delivered")
    audit.close({"delivered": 2, "rejected": 1})
    audit.close({})
    begun, *people, ended = lines(path)
    start = {"at": "1970-01-01T00:00:00.000Z", "run": begun["run"]}
    header = {"job": "j", "as": "suppress", "source": "ids.csv", "fingerprint": "f"}
    assert begun == {**start, "event": "begun", "user": "ann", "host": "etl-1", **header}
    assert people == [
        {**start, "event": "person", "id": "u1", "outcome": "delivered"},
        {**start, "event": "person", "id": "ü2", "outcome": "delivered"},
        {**start, "event": "person", "id": None, "outcome": "rejected", "reason": "user_id is empty"},
    ]
    assert ended == {**start, "event": "ended", "totals": {"delivered": 2, "rejected": 1}}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_every_group_is_flushed_to_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (flushed.append(os.fstat(file).st_ino), sync(file)))
    audit = Audit(path, {})
    for _ in range(3):
        audit.note(["u1"], "delivered")
    assert flushed.count(path.stat().st_ino) == 4


def test_runs_are_told_apart_and_a_line_that_was_cut_short_is_mended(path: Path) -> None:
    one = Audit(path, {})
    one.note(["u1"], "delivered")
    with path.open("ab") as file:
        file.write(b'{"at":"2026-01-31T00:00:00.000Z","run":"1","id":"u')
    other = Audit(path, {})
    other.note(["u1"], "delivered")
    found = lines(path)
    assert [line.get("event", "torn") for line in found] == ["begun", "person", "torn", "begun", "person"]
    assert len({line["run"] for line in found if "run" in line}) == 2


def test_what_was_noted_survives_a_kill(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from cio_facade.loading.audit import Audit\n"
        "audit, n = Audit(Path(sys.argv[1]), {}), 0\n"
        "while True:\n"
        "    audit.note([str(n), str(n + 1)], 'delivered'); n += 2; print(n, flush=True)\n"
    )
    for _ in range(3):
        worker = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
        assert worker.stdout is not None
        for _ in range(5):
            worker.stdout.readline()
        worker.send_signal(signal.SIGKILL)
        rest, _ = worker.communicate()
        noted = int(rest.split()[-1]) if rest.endswith(b"\n") else 10
        before = {line["id"] for line in lines(path) if line.get("event") == "person"}
        assert {str(n) for n in range(noted)} <= before


def test_threads_do_not_mix_their_lines(path: Path) -> None:
    audit = Audit(path, {})
    threads = [
        threading.Thread(target=lambda n=n: [audit.note([f"{n}.{k}"] * 3, "delivered") for k in range(10)])
        for n in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [line["id"] for line in lines(path)[1:]]
    assert len(ids) == 150
    assert all(ids[at] == ids[at + 1] == ids[at + 2] for at in range(0, 150, 3))


def test_what_cannot_be_logged_is_told(path: Path, tmp_path: Path) -> None:
    with pytest.raises(CustomerIOError, match=r"audit: .*no/audit\.jsonl cannot be written: No such file"):
        Audit(tmp_path / "no" / "audit.jsonl", {})
    with pytest.raises(CustomerIOError, match="cannot be written: Is a directory"):
        Audit(tmp_path, {})
    audit = Audit(path, {})
    size = path.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, before[1]))
    try:
        with pytest.raises(CustomerIOError, match="cannot be written: the disk is full") as error:
            audit.note(["somebody"], "delivered")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "somebody" not in str(error.value)
    assert path.stat().st_size == size, "nothing of it was written"


def test_a_process_that_holds_the_file_for_ever_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = Audit(path, {})
    monkeypatch.setattr("cio_facade.loading.audit._PATIENCE", 0.0)
    lock = LockFile(f"{path}-lock")
    assert lock.take()
    with pytest.raises(CustomerIOError, match="held it for too long; is it stopped"):
        audit.note(["u1"], "delivered")
    lock.close()


def test_a_user_without_a_name_has_a_number(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError

    monkeypatch.setattr("getpass.getuser", nobody)
    Audit(path, {})
    assert lines(path)[0]["user"] == str(os.getuid())
