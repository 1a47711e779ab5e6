"""What reading the loading once more found wrong: each of these failed."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cio_facade import (
    AsyncCustomerIO,
    AuthenticationError,
    CustomerIO,
    CustomerIOError,
    Limits,
    LoadReport,
    ValidationError,
    load,
)
from cio_facade.loading.connections import told
from cio_facade.loading.journal import LoadJournal
from cio_facade.loading.marks import Marks
from cio_facade.testing import FakeClock, RecordingTransport

duckdb = pytest.importorskip("duckdb")


def loaded(source: Any, as_: str, state: Path, transport: RecordingTransport | None = None, **how: Any) -> LoadReport:
    transport = transport or RecordingTransport()
    with CustomerIO("key", transport=transport, clock=FakeClock(), limits=Limits(batch_calls=100)) as cio:
        return load(source, as_, client=cio, state=state, **how)


def report_of(refused: pytest.ExceptionInfo[BaseException]) -> LoadReport:
    report = getattr(refused.value, "report", None)
    assert isinstance(report, LoadReport)
    return report


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text("user_id,email\nu1,a@example.com\n,b@example.com\n")
    return path


@pytest.mark.parametrize("name", ["a\nb", "a\r\nb", "a\rb"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_break_in_the_name_of_a_column_costs_no_rows(tmp_path: Path, name: str, end: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(f'user_id,"{name}"{end}u1,x{end}u2,y{end}'.encode())
    transport = RecordingTransport()
    assert loaded(path, "identify", tmp_path / "state", transport).delivered == 2
    assert sorted(call["traits"][name] for call in transport.calls) == ["x", "y"]


def test_rejected_rows_that_cannot_be_written_down_do_not_take_the_account_with_them(
    people: Path, tmp_path: Path
) -> None:
    (tmp_path / "people.identify.rejected.csv").mkdir()
    with pytest.raises(ValidationError, match=r"people\.identify\.rejected\.csv: cannot be written") as refused:
        loaded(people, "identify", tmp_path / "state")
    assert report_of(refused).delivered == 1
    (tmp_path / "people.identify.rejected.csv").rmdir()
    transport = RecordingTransport()
    report = loaded(people, "identify", tmp_path / "state", transport)  # what was not written then is now
    assert report.rejected_path is not None
    assert report.rejected_path.is_file()
    assert not transport.requests


def test_they_do_not_hide_why_delivery_stopped(people: Path, tmp_path: Path) -> None:
    (tmp_path / "people.identify.rejected.csv").mkdir()
    with pytest.raises(AuthenticationError) as refused:
        loaded(people, "identify", tmp_path / "state", RecordingTransport(lambda _: 401))
    assert report_of(refused).balanced


def test_the_rejected_rows_of_a_long_query_have_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sql = f"SELECT NULL::VARCHAR AS user_id, '{'x' * 300}' AS note"
    report = loaded(sql, "identify", tmp_path / "state")
    assert report.rejected_path == Path("load.identify.rejected.parquet")


def test_the_file_of_rejected_rows_is_beside_a_source_of_the_home_folder(
    people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    report = loaded("~/people.csv", "identify", tmp_path / "state")
    assert report.rejected_path == people.with_name("people.identify.rejected.csv")


def test_a_pattern_does_not_mean_the_rejected_rows_of_the_load_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    duckdb.execute("COPY (SELECT unnest(['u1', NULL]) AS user_id) TO 'people.parquet'")
    first = loaded("*.parquet", "identify", tmp_path / "state")
    assert first.rejected_path == Path("load.identify.rejected.parquet")
    assert loaded("*.parquet", "identify", tmp_path / "state").state == "finished"
    assert loaded("*.rejected.parquet", "identify", tmp_path / "state").rows == 1


@pytest.mark.parametrize("kind", ["delete", "suppress", "unsuppress", "track", "Order Completed"])
def test_what_happens_is_never_taken_for_unchanged(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "people.csv"
    path.write_text("user_id,event\nu1,Login\n" if kind == "track" else "user_id\nu1\n")
    with pytest.raises(ValidationError, match="changed_only: leaves out what was said before"):
        loaded(path, kind, tmp_path / "state", changed_only=True)


def test_a_dry_run_without_time_balances(people: Path) -> None:
    report = load(people, "identify", dry_run=True, timeout=0)
    assert report.balanced
    assert (report.rejected, report.pending) == (1, 1)


def test_an_asynchronous_client_is_refused_before_anything_happens(people: Path, tmp_path: Path) -> None:
    async def with_one() -> None:
        async with AsyncCustomerIO("key", transport=RecordingTransport()) as cio:
            one: Any = cio
            with pytest.raises(ValidationError, match="client: is an AsyncCustomerIO"):
                load(people, "identify", client=one, state=tmp_path / "state")

    asyncio.run(with_one())
    assert not (tmp_path / "state").exists()


def test_a_run_that_settled_nothing_has_no_say_in_what_the_next_one_loads(tmp_path: Path) -> None:
    source = tmp_path / "people.parquet"
    sql, state = f"FROM '{source}'", tmp_path / "state"
    duckdb.execute(f"COPY (SELECT 'u1' AS user_id) TO '{source}'")
    with pytest.raises(AuthenticationError):
        loaded(sql, "identify", state, RecordingTransport(lambda _: 401))
    assert not list(state.rglob("snapshot*"))
    duckdb.execute(f"COPY (SELECT 'u2' AS user_id) TO '{source}'")
    transport = RecordingTransport()
    loaded(sql, "identify", state, transport)
    assert [call["userId"] for call in transport.calls] == ["u2"]


def test_an_interrupt_while_rows_are_noted_does_not_damage_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "people.csv"
    path.write_text("user_id,email\n" + "u1,nonsense\n" * 3 + "u2,b@example.com\n")
    own, interrupts = Marks._few, iter([True])  # pyright: ignore[reportPrivateUsage]

    def interrupted(self: Marks, indexes: Any, mark: int) -> Any:
        fresh = own(self, indexes, mark)
        if next(interrupts, False):
            signal.raise_signal(signal.SIGINT)
        return fresh

    monkeypatch.setattr(Marks, "_few", interrupted)
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            loaded(path, "identify", tmp_path / "state")
    finally:
        signal.signal(signal.SIGINT, former)
    report = loaded(path, "identify", tmp_path / "state")
    assert (report.delivered, report.rejected) == (1, 3)
    assert report.rejected_path is not None
    assert len(report.rejected_path.read_text().splitlines()) == 4


def test_rows_that_come_while_it_is_loaded_are_no_fault_of_the_program(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    path.write_text("".join(f'{{"user_id": "u{n}", "note": "{"x" * 200}"}}\n' for n in range(40_000)))

    def grow(_: object) -> int:
        with path.open("a") as file:
            file.write('{"user_id": "late"}\n')
        return 200

    transport = RecordingTransport(grow)
    with pytest.raises(CustomerIOError, match=r"people\.jsonl was written to while it was loaded") as stopped:
        loaded(path, "identify", tmp_path / "state", transport)
    assert report_of(stopped).balanced
    assert "late" not in {call["userId"] for call in transport.calls}


@pytest.mark.parametrize("becomes", [None, b"user_id,email\nann@example.com,\xff\n"], ids=["gone", "spoilt"])
def test_a_source_that_goes_while_it_is_loaded_leaves_the_account(people: Path, tmp_path: Path, becomes: Any) -> None:
    def go(_: object) -> int:
        people.unlink() if becomes is None else people.write_bytes(becomes)
        return 200

    with pytest.raises(ValidationError) as stopped:
        loaded(people, "identify", tmp_path / "state", RecordingTransport(go))
    assert "ann@example.com" not in str(stopped.value)
    assert report_of(stopped).delivered == 1


def test_a_full_disk_leaves_the_account(people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: LoadJournal) -> None:
        raise CustomerIOError("the disk is full")

    monkeypatch.setattr(LoadJournal, "sync", full)
    with pytest.raises(CustomerIOError, match="the disk is full") as stopped:
        loaded(people, "identify", tmp_path / "state")
    assert report_of(stopped).balanced


def test_what_duckdb_says_of_a_full_disk_is_said_in_one_line() -> None:
    said = 'Async write failed for range: {"exception_message":"Could not write \\"x\\": No space left on device"}'
    assert told(duckdb.IOException(said)) == "the disk is full"


def test_an_interrupt_that_meets_duckdb_is_one(tmp_path: Path) -> None:
    code = (
        "import threading, signal, time; from cio_facade import load\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "threading.Thread(target=lambda: (time.sleep(0.5), signal.raise_signal(signal.SIGINT)), daemon=True).start()\n"
        "sql = 'SELECT sum(a.i * b.i)::VARCHAR AS user_id FROM range(1000000) a(i), range(1000000) b(i)'\n"
        "try: load(sql, 'identify', dry_run=True)\n"
        "except KeyboardInterrupt: print('interrupted')\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.stdout == "interrupted\n", done.stderr


def test_what_is_written_is_never_for_all_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "people.parquet"
    duckdb.execute(f"COPY (SELECT NULL::VARCHAR AS user_id FROM range(3)) TO '{source}'")
    seen: list[tuple[str, int]] = []
    own = Path.chmod

    def look(path: Path, mode: int, **how: Any) -> None:
        seen.extend((one.name, one.stat().st_mode & 0o077) for one in path.parent.iterdir() if "part" in one.name)
        own(path, mode, **how)

    monkeypatch.setattr(Path, "chmod", look)
    loaded(f"FROM '{source}'", "identify", tmp_path / "state", rejected=tmp_path / "rejected.csv")
    names = {name for name, _ in seen}
    assert names == {"snapshot.part.parquet", "rejected.part.csv"}
    assert {mode for _, mode in seen} == {0}
