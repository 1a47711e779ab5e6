"""Loading, from the outside: files and frames go in, calls and an account come out."""

import csv
import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from cio_facade import AuthenticationError, CustomerIO, Limits, LoadReport, ValidationError, load
from cio_facade.testing import FakeClock, RecordingTransport

pd = pytest.importorskip("pandas")


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(
        "user_id,email,plan\nu1,a@example.com,pro\nu2,b@example.com,\n,c@example.com,pro\nu4,nonsense,pro\n"
    )
    return path


@pytest.fixture
def many(tmp_path: Path) -> Path:
    path = tmp_path / "many.csv"
    path.write_text("user_id,n\n" + "".join(f"u{n},{n}\n" for n in range(2_000)))
    return path


def loaded(source: Any, as_: str, transport: RecordingTransport, state: Path, **how: Any) -> LoadReport:
    limits, clock = how.pop("limits", Limits()), FakeClock(how.pop("start", 0.0))
    with CustomerIO("key", transport=transport, clock=clock, limits=limits) as cio:
        return load(source, as_, client=cio, state=state, **how)


def small_bodies(calls: int = 100) -> Limits:
    return Limits(batch_calls=calls, in_flight=2)


def refusing_after(requests: int) -> Callable[[httpx.Request], int]:
    """Answer so many requests, and refuse the key from then on."""
    left = iter(range(requests))
    return lambda _: 200 if next(left, None) is not None else 401


def test_each_row_becomes_a_call_or_is_rejected_with_its_reason(people: Path, tmp_path: Path) -> None:
    transport = RecordingTransport()
    report = loaded(people, "identify", transport, tmp_path / "state")
    calls = sorted(transport.calls, key=lambda call: call["userId"])
    assert [(call["userId"], call["traits"]) for call in calls] == [
        ("u1", {"email": "a@example.com", "plan": "pro"}),
        ("u2", {"email": "b@example.com"}),
    ]
    assert all(call["type"] == "identify" and call["timestamp"] and call["messageId"] for call in calls)
    assert (report.rows, report.delivered, report.rejected, report.pending) == (4, 2, 2, 0)
    assert report.balanced
    assert not report.complete
    assert report.reasons == {"user_id is empty": 1, "traits.email: must have the form of an e-mail address": 1}


def test_rejected_rows_are_in_a_file_of_the_same_format_that_loads_when_mended(people: Path, tmp_path: Path) -> None:
    report = loaded(people, "identify", RecordingTransport(), tmp_path / "state")
    assert report.rejected_path == people.with_name("people.identify.rejected.csv")
    with report.rejected_path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["cio_row"], row["cio_reason"]) for row in rows] == [
        ("3", "user_id is empty"),
        ("4", "traits.email: must have the form of an e-mail address"),
    ]
    mended = report.rejected_path.read_text().replace(",c@", "u3,c@", 1).replace("nonsense", "d@example.com")
    report.rejected_path.write_text(mended)
    transport = RecordingTransport()
    assert loaded(report.rejected_path, "identify", transport, tmp_path / "state").complete
    assert sorted(call["userId"] for call in transport.calls) == ["u3", "u4"]
    assert all(set(call["traits"]) == {"email", "plan"} for call in transport.calls)


def test_a_load_that_was_stopped_goes_on_where_it_was(many: Path, tmp_path: Path) -> None:
    first, second = RecordingTransport(refusing_after(5)), RecordingTransport()
    with pytest.raises(AuthenticationError) as stopped:
        loaded(many, "identify", first, tmp_path / "state", limits=small_bodies())
    broken_off: LoadReport = stopped.value.report  # type: ignore[attr-defined]
    taken = {call["messageId"] for request in first.requests[:5] for call in json.loads(request.content)["batch"]}
    assert broken_off.delivered == len(taken) > 0
    assert broken_off.balanced
    report = loaded(many, "identify", second, tmp_path / "state", limits=small_bodies())
    assert (report.state, report.earlier, report.delivered) == ("resumed", len(taken), 2_000)
    again = {call["messageId"] for call in second.calls}
    assert len(again) == 2_000 - len(taken)
    assert not taken & again


def test_an_event_with_a_time_of_its_own_has_the_same_id_whenever_it_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("user_id,event,timestamp\nu1,Seen,2026-01-01T00:00:00Z\nu2,Seen,\n")
    ids: list[dict[str, str]] = []
    for _ in range(2):
        transport = RecordingTransport()
        assert loaded(path, "track", transport, tmp_path / "state", again=True, start=len(ids)).delivered == 2
        ids.append({call["userId"]: call["messageId"] for call in transport.calls})
    assert ids[0]["u1"] == ids[1]["u1"]
    assert ids[0]["u2"] != ids[1]["u2"]


def test_a_load_that_is_done_says_so_and_sends_nothing(people: Path, tmp_path: Path) -> None:
    first = loaded(people, "identify", RecordingTransport(), tmp_path / "state")
    transport = RecordingTransport()
    report = loaded(people, "identify", transport, tmp_path / "state")
    assert report.state == "finished"
    assert not transport.requests
    assert (report.rows, report.delivered, report.rejected) == (first.rows, first.delivered, first.rejected)
    assert any("loaded already" in note for note in report.notes)


def test_another_content_is_another_load(people: Path, tmp_path: Path) -> None:
    loaded(people, "identify", RecordingTransport(), tmp_path / "state")
    people.write_text("user_id,email,plan\nu9,i@example.com,pro\n")
    transport = RecordingTransport()
    assert loaded(people, "identify", transport, tmp_path / "state").state == "loaded"
    assert [call["userId"] for call in transport.calls] == ["u9"]


def test_a_source_that_changed_since_it_was_interrupted_is_refused(many: Path, tmp_path: Path) -> None:
    with pytest.raises(AuthenticationError):
        loaded(many, "identify", RecordingTransport(refusing_after(3)), tmp_path / "state", limits=small_bodies())
    many.write_text("user_id,n\nu1,1\n")
    transport = RecordingTransport()
    with pytest.raises(ValidationError, match=r"changed.*--again"):
        loaded(many, "identify", transport, tmp_path / "state")
    assert not transport.requests
    assert loaded(many, "identify", transport, tmp_path / "state", again=True).delivered == 1


def test_a_dry_run_sends_nothing_and_says_what_would_be_sent(people: Path, tmp_path: Path) -> None:
    report = load(people, "identify", dry_run=True)
    assert (report.state, report.pending, report.delivered, report.rejected) == ("dry run", 2, 0, 2)
    assert report.balanced
    trial = report.dry_run
    assert trial is not None
    assert trial.calls == {"identify": 2}
    assert [json.loads(call)["userId"] for call in trial.samples] == ["u1", "u2"]
    assert [row for row, _ in trial.rejected] == [3, 4]
    assert trial.requests == 1
    assert trial.bytes > sum(map(len, trial.samples))
    assert list(tmp_path.iterdir()) == [people]  # and leaves nothing behind


def test_a_dry_run_knows_how_long_the_rate_limit_takes(many: Path) -> None:
    limits = Limits(batch_calls=10, window_requests=5, window_seconds=2)
    with CustomerIO("key", transport=RecordingTransport(), limits=limits) as cio:
        report = load(many, "identify", client=cio, dry_run=True)
    assert report.dry_run is not None
    assert report.dry_run.requests >= 200
    assert report.dry_run.seconds == report.dry_run.requests / 5 * 2


def test_a_finished_load_does_not_keep_a_dry_run_from_looking(people: Path, tmp_path: Path) -> None:
    loaded(people, "identify", RecordingTransport(), tmp_path / "state")
    assert load(people, "identify", dry_run=True).state == "dry run"


def test_people_are_removed_only_when_that_is_confirmed(tmp_path: Path) -> None:
    ids = tmp_path / "ids.csv"
    ids.write_text("id\nu1\nu2\n")
    transport, asked = RecordingTransport(), []

    def no(about: Any) -> bool:
        asked.append((about.kind, about.rows))
        return False

    with pytest.raises(ValidationError, match="nothing was sent"):
        loaded(ids, "delete", transport, tmp_path / "state", confirm=no)
    assert asked == [("delete", 2)]
    assert not transport.requests
    report = loaded(ids, "delete", transport, tmp_path / "state", confirm=lambda _: True)
    assert report.delivered == 2
    assert report.audit_path == tmp_path / "ids.delete.audit.jsonl"
    lines = [json.loads(line) for line in report.audit_path.read_text().splitlines()]
    assert sorted(str(line) for line in lines if "u1" in str(line))
    assert sum("u2" in str(line) for line in lines) == 1


def test_only_what_changed_is_sent(tmp_path: Path) -> None:
    path, state = tmp_path / "people.csv", tmp_path / "state"
    rows = {f"u{n}": "free" for n in range(300)}

    def run() -> tuple[LoadReport, set[str]]:
        path.write_text("user_id,plan\n" + "".join(f"{user},{plan}\n" for user, plan in rows.items()))
        transport = RecordingTransport()
        report = loaded(path, "identify", transport, state, changed_only=True)
        return report, {call["userId"] for call in transport.calls}

    assert run()[1] == set(rows)
    rows |= {"u7": "pro", "u300": "free"}
    report, sent = run()
    assert sent == {"u7", "u300"}
    assert (report.unchanged, report.delivered, report.rows) == (299, 2, 301)
    assert report.balanced
    del rows["u7"]
    assert run()[1] == set()


def test_only_what_changed_is_sent_by_the_path_over_messages_too(tmp_path: Path) -> None:
    frame = pd.DataFrame({"user_id": ["a", "b"], "group_id": ["g", "g"], "seats": [1, 2]})
    sent = []
    for seats in (2, 3):
        frame.loc[1, "seats"] = seats
        transport = RecordingTransport()
        report = loaded(frame, "group", transport, tmp_path / "state", name="seats", changed_only=True, again=True)
        sent.append(sorted(call["userId"] for call in transport.calls))
    assert report.way == "messages"
    assert sent == [["a", "b"], ["b"]]


@pytest.mark.parametrize("as_", ["identify", "group"])
def test_time_is_bounded(many: Path, tmp_path: Path, as_: str) -> None:
    mapping = {"n": "group_id"} if as_ == "group" else None
    transport = RecordingTransport()
    limits = Limits(batch_calls=10, window_requests=1, window_seconds=1, in_flight=1)
    report = loaded(many, as_, transport, tmp_path / "state", mapping=mapping, timeout=5, limits=limits)
    assert 0 < report.delivered < 2_000
    assert report.pending == 2_000 - report.delivered
    rest = loaded(many, as_, RecordingTransport(), tmp_path / "state", mapping=mapping)
    assert (rest.state, rest.delivered) == ("resumed", 2_000)


def test_progress_is_told(many: Path, tmp_path: Path) -> None:
    seen = []
    loaded(many, "identify", RecordingTransport(), tmp_path / "state", limits=small_bodies(), on_progress=seen.append)
    assert [one.settled for one in seen] == sorted(one.settled for one in seen)
    assert (seen[-1].rows, seen[-1].settled, seen[-1].delivered) == (2_000, 2_000, 2_000)
    assert seen[-1].requests >= 20


def test_what_the_server_refuses_is_rejected_and_the_rest_delivered(many: Path, tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        batch = json.loads(request.content)["batch"]
        bad = any(call["userId"] in {"u17", "u1999"} for call in batch)
        return httpx.Response(400, json={"error": "unwanted"}) if bad else httpx.Response(200, json={})

    report = loaded(many, "identify", RecordingTransport(answer), tmp_path / "state")
    assert (report.delivered, report.rejected) == (1_998, 2)
    assert report.rejected_path is not None
    rows = list(csv.DictReader(report.rejected_path.read_text().splitlines()))
    assert [(row["user_id"], row["cio_row"]) for row in rows] == [("u17", "18"), ("u1999", "2000")]


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow", "reader", "dicts", "generator", "sql", "parquet"])
def test_every_kind_of_source_gives_the_same_calls(kind: str, tmp_path: Path) -> None:
    rows = [{"user_id": f"u{n}", "n": n, "score": n / 2} for n in range(50)]
    transport = RecordingTransport()
    report = loaded(source_of(kind, rows, tmp_path), "identify", transport, tmp_path / "state")
    assert report.complete
    found = sorted((call["userId"], call["traits"]["n"], call["traits"]["score"]) for call in transport.calls)
    assert found == sorted((row["user_id"], row["n"], row["score"]) for row in rows)


def source_of(kind: str, rows: list[dict[str, Any]], folder: Path) -> Any:
    import polars as pl
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.Table.from_pylist(rows)
    path = folder / "rows.parquet"
    parquet.write_table(table, path)
    return {
        "pandas": lambda: pd.DataFrame(rows),
        "polars": lambda: pl.DataFrame(rows),
        "arrow": lambda: table,
        "reader": table.to_reader,
        "dicts": lambda: rows,
        "generator": lambda: (row for row in rows),
        "sql": lambda: f"SELECT * FROM '{path}' WHERE n >= 0 ORDER BY n",
        "parquet": lambda: path,
    }[kind]()


def test_a_client_is_needed_to_send(people: Path) -> None:
    with pytest.raises(ValidationError, match="client"):
        load(people, "identify")


def test_calls_about_one_person_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("user_id,event,n\n" + "".join(f"u{n % 7},Seen,{n}\n" for n in range(3_000)))
    transport = RecordingTransport()
    loaded(path, "track", transport, tmp_path / "state", limits=small_bodies(50))
    seen: dict[str, list[int]] = {}
    for call in transport.calls:
        seen.setdefault(call["userId"], []).append(call["properties"]["n"])
    assert len(transport.calls) == 3_000
    assert all(numbers == sorted(numbers) for numbers in seen.values())


def test_a_mended_file_is_not_written_over(people: Path, tmp_path: Path) -> None:
    found: list[str] = []
    source: Any = people
    for _ in range(3):
        before = Path(source).read_text()
        report = loaded(source, "identify", RecordingTransport(), tmp_path / "state")
        assert Path(source).read_text() == before
        source = report.rejected_path
        found.append(source.name)
    assert found == [f"people.identify.rejected{number}.csv" for number in ("", "-2", "-3")]


@pytest.mark.parametrize("missing", ["duckdb", "numpy", "pyarrow"])
def test_without_the_extra_it_is_named(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None\nfrom cio_facade import load"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"ImportError: loading tables needs {missing}: pip install 'cio-facade[load]'" in done.stderr


def test_rows_may_be_as_wide_as_calls(tmp_path: Path) -> None:
    """DuckDB works at 2048 of them together, so it needs more memory than it has for others."""
    path, state = tmp_path / "wide.parquet", tmp_path / "state"
    rows = "SELECT if(i % 7 = 0, '', 'u' || i) AS id, repeat(md5(i::VARCHAR), 900) AS note FROM range(2100) t(i)"
    duckdb.execute(f"COPY ({rows}) TO '{path}'")
    server = httpx.MockTransport(lambda request: httpx.Response(200, json={}))
    with CustomerIO("key", transport=server) as cio:
        sources = (path, f"FROM '{path}'")
        found = [load(one, "identify", client=cio, state=state, rejected=tmp_path / "no.parquet") for one in sources]
    assert [(report.delivered, report.reasons) for report in found] == [(1_800, {"user_id is empty": 300})] * 2


def test_what_was_not_confirmed_was_not_begun(tmp_path: Path) -> None:
    ids = tmp_path / "ids.csv"
    ids.write_text("user_id\nu1\n")
    with pytest.raises(ValidationError):
        loaded(ids, "suppress", RecordingTransport(), tmp_path / "state", confirm=lambda _: False)
    report = loaded(ids, "suppress", RecordingTransport(), tmp_path / "state", confirm=lambda _: True)
    assert (report.state, report.notes) == ("loaded", ())
    report = loaded(ids, "suppress", RecordingTransport(), tmp_path / "state", confirm=lambda _: pytest.fail("again"))
    assert report.state == "finished"


def test_what_was_written_down_of_a_source_is_kept_no_longer_than_it_is_needed(many: Path, tmp_path: Path) -> None:
    state, query = tmp_path / "state", f"FROM read_csv('{many}', all_varchar = true)"
    with pytest.raises(AuthenticationError):
        loaded(query, "identify", RecordingTransport(refusing_after(3)), state, limits=small_bodies())
    assert list(state.rglob("snapshot*"))
    many.unlink()  # it goes on with what was there
    assert loaded(query, "identify", RecordingTransport(), state).complete
    assert not list(state.rglob("snapshot*"))
    many.write_text("user_id,n\nu1,1\n")
    for _ in range(2):
        loaded(query, "identify", RecordingTransport(), state)
        assert not list(state.rglob("snapshot*"))


def test_only_what_changed_needs_a_name(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"changed_only: needs a name"):
        loaded([{"id": 1}], "identify", RecordingTransport(), tmp_path, changed_only=True)


@pytest.mark.parametrize("more", ["", ", 'v' AS anonymous_id"], ids=["vectorised", "over messages"])
def test_events_that_remove_people_are_rejected_however_they_are_written(more: str, tmp_path: Path) -> None:
    names = ["Seen", "User Deleted", "user deleted", " USER SUPPRESSED\t", None]
    rows = [
        {"user_id": f"u{n}", "event": name, **({"anonymous_id": "v"} if more else {})} for n, name in enumerate(names)
    ]
    transport = RecordingTransport()
    report = loaded(rows, "track", transport, tmp_path, rejected=tmp_path / "no.parquet")
    assert report.way == ("messages" if more else "vectorised")
    assert [call["event"] for call in transport.calls] == ["Seen"]
    assert (report.delivered, report.rejected) == (1, 4)


def test_an_event_that_removes_people_is_confirmed_however_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="confirm"):
        loaded([{"user_id": "u1"}], "track", RecordingTransport(), tmp_path, event="user deleted", confirm=lambda _: 0)


# By the engine's own JSON, and row by row, which what is nested, or has a NaN, needs.
@pytest.mark.parametrize(
    "columns",
    [
        "i AS n",
        "'2026-01-31'::TIMESTAMP + INTERVAL (i * 1.5) SECOND AS timestamp, ['2026-01-31 12:00:00.5'::TIMESTAMP] AS a",
        "{'day': '2026-01-31'::DATE, 'at': ['2026-01-31'::TIMESTAMP]} AS last, MAP {'a': '2026-01-31'::TIMESTAMP} AS b",
        "'12:00:00'::TIME AS at, ['nan'::DOUBLE] AS list, if(i = 1, 'nan'::DOUBLE, i) AS n, 1.5::DECIMAL(9, 2) AS d",
    ],
)
def test_a_load_does_not_import_pandas(tmp_path: Path, columns: str) -> None:
    """Arrow would, where it is installed, for nothing: 45 MB and a third of a second."""
    path = tmp_path / "people.parquet"
    query = f"SELECT if(i % 3 = 0, '', 'u' || i) AS user_id, {columns} FROM range(99) t(i)"
    duckdb.execute(f"COPY ({query}) TO '{path}'")
    code = f"""
        import sys
        from cio_facade import CustomerIO, load
        from cio_facade.testing import RecordingTransport
        with CustomerIO("key", transport=RecordingTransport()) as cio:
            report = load({str(path)!r}, "identify", client=cio, state={str(tmp_path)!r})
        print(report.delivered, report.rejected, "pandas" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["66", "33", "False"]
