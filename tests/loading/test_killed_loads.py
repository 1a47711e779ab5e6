"""A load that is killed, interrupted, repeated, or changed on the way: nothing is lost, and little comes twice."""

import random
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any

import pytest
from faults.proxy import GOOD, Fault, FaultProxy, each
from killed_runs import Series, slow_network
from length import times
from load_runs import Ended, run_load, start_load

from cio_facade.sandbox import Sandbox

duckdb = pytest.importorskip("duckdb")

_IN_FLIGHT = 16  # of a client that is told nothing else


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "sandbox.db") as running:
        yield running


def write_rows(path: Path, number: int, text: int, *, bad: bool = False, timed: bool = False) -> Path:
    """Rows of 997 people, each with a number and so many characters, in a file of the kind that its name says.

    Of bad ones, each 500th has no id, and there are three more at the end that cannot be read. Timed ones have times.
    """
    time = ", strftime(TIMESTAMP '2026-01-01' + INTERVAL (n) SECOND, '%Y-%m-%dT%H:%M:%SZ') AS timestamp"
    query = f"""
        SELECT CASE WHEN n % 500 <> 7 OR NOT {bad} THEN 'u' || n % 997 END AS user_id, 'g' || n % 97 AS team, n,
               repeat(chr((97 + n % 26)::INTEGER), {text}) AS words{time if timed else ""}
        FROM range({number}) AS rows(n)
    """
    duckdb.connect().execute(f"COPY ({query}) TO '{path}'")
    if bad:
        with path.open("ab") as file:
            file.write(b"{a line, that, is, no, row\n" * 3)
    return path


def good_rows(number: int, *, bad: bool = False) -> set[int]:
    """The rows that can be delivered."""
    return {n for n in range(number) if not bad or n % 500 != 7}


def number_of(call: dict[str, Any]) -> int:
    """The row that a call is of."""
    number: int = (call.get("properties") or call.get("traits"))["n"]
    return number


def check_all_there(sandbox: Sandbox, rows: Set[int], loads: int = 1) -> None:
    """Each row is there at least once, always with the same id in one load, and of each person they came in order."""
    ids: dict[int, list[str]] = {}
    last: dict[str, int] = {}
    for call in sandbox.calls():
        number, known = number_of(call), ids.setdefault(number_of(call), [])
        if not known:
            assert last.get(call["userId"], -1) < number, "out of order"
            last[call["userId"]] = number
        if call["messageId"] not in known:
            known.append(call["messageId"])
    assert ids.keys() == rows
    assert {len(known) for known in ids.values()} <= {*range(1, loads + 1)}, "a repeat had another id"
    assert len({one for known in ids.values() for one in known}) == sum(map(len, ids.values())), "rows share an id"


def kill_and_restart(series: Series, kills: int, requests: int) -> Ended:
    """Kill at random: a few runs while they start, most on the way; and let the last one end."""
    chance = random.Random(5)
    for _ in range(kills):
        if chance.random() < 0.25:
            series.kill(seconds=chance.random())
        else:
            series.kill(requests=chance.randint(1, requests), seconds=chance.random() / 20)
    return series.run()


def test_the_command_killed_20_times_and_restarted_ends_with_each_row_delivered(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    rows = times(45_000, 140_000)
    source = write_rows(tmp_path / "rows.parquet", rows, 3_000)
    with FaultProxy(sandbox.url, slow_network(1, 0.1)) as proxy:
        options = ("--as=track", "--event=Seen")
        series = Series(proxy, lambda: start_load(proxy.url, tmp_path / "state", source, *options))
        end = kill_and_restart(series, times(20, 60), 24)
    report = end.report
    assert (end.code, report["state"], report["way"]) == (0, "resumed", "vectorised"), end
    assert (report["rows"], report["delivered"], report["pending"], report["failed"]) == (rows, rows, 0, 0)
    assert 0 < report["earlier"] < rows
    check_all_there(sandbox, good_rows(rows))
    repeats = series.check_repeats(_IN_FLIGHT)
    assert 0 < repeats == sandbox.counts().repeats
    last = series.taken()[-1]
    assert report["earlier"] == rows - sum(map(len, last)), "the account of earlier runs is wrong"


_SCRIPT = textwrap.dedent(
    """
    import json, sys
    import attrs
    from cio_facade import CustomerIO, Limits, load
    url, state, source, as_ = sys.argv[1:5]
    limits = Limits(call_bytes=4_000, batch_bytes=10_000, in_flight=3)
    with CustomerIO("sandbox", base_url=url, limits=limits) as cio:
        report = load(source, as_, client=cio, state=state, mapping={"team": "group_id"} if as_ == "group" else None)
    print(json.dumps(attrs.asdict(report), default=str))
    """
)


def start_script(url: str, state: Path, source: str | Path, as_: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", _SCRIPT, url, str(state), str(source), as_]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=state.parent)


@pytest.mark.parametrize(
    ("name", "query", "as_", "way"),
    [
        ("rows.jsonl", "{}", "group", "messages"),
        ("rows.csv", "{}", "identify", "vectorised"),
        ("rows.parquet", "FROM '{}' WHERE n >= 0", "identify", "vectorised"),
    ],
    ids=["JSON lines by messages", "CSV", "query"],
)
def test_only_the_requests_of_three_connections_are_repeated_and_no_rejected_row_is_forgotten(
    sandbox: Sandbox, tmp_path: Path, name: str, query: str, as_: str, way: str
) -> None:
    rows, bad = times(12_000, 220_000), name != "rows.parquet"
    source = query.format(write_rows(tmp_path / name, rows, 100, bad=bad))
    with FaultProxy(sandbox.url, slow_network(2, 0.01)) as proxy:
        series = Series(proxy, lambda: start_script(proxy.url, tmp_path / "state", source, as_))
        end = kill_and_restart(series, times(6, 100), 60)
    report, good = end.report, good_rows(rows, bad=bad)
    assert (end.code, report.get("state"), report.get("delivered")) == (0, "resumed", len(good)), end
    assert report["way"] == way
    check_all_there(sandbox, good)
    assert series.check_repeats(3) == sandbox.counts().repeats
    if bad:
        found = duckdb.sql(f"SELECT cio_row FROM '{report['rejected_path']}'").fetchall()
        refused = sorted(n + 1 for n in set(range(rows)) - good)
        assert [row for (row,) in found] == [*refused, rows + 1, rows + 2, rows + 3]
        assert report["rejected"] == len(found) == report["rows"] - len(good)


def test_whatever_is_killed_no_change_is_taken_for_sent(sandbox: Sandbox, tmp_path: Path) -> None:
    people, chance = 4_000, random.Random(6)
    source = tmp_path / "people.csv"

    def write(plans: Sequence[str]) -> None:
        lines = [f"u{n},{plan},{'x' * 2_000}\n" for n, plan in enumerate(plans)]
        source.write_text("user_id,plan,text\n" + "".join(lines))

    plans = ["free"] * people
    with FaultProxy(sandbox.url, slow_network(3, 0.2)) as proxy:
        options = ("--as=identify", "--changed-only")
        series = Series(proxy, lambda: start_load(proxy.url, tmp_path / "state", source, *options))
        for plan in ("free", "pro", "team"):
            changed = set(range(people)) if plan == "free" else set(chance.sample(range(people), people // 2))
            plans = [plan if n in changed else before for n, before in enumerate(plans)]
            write(plans)
            for _ in range(times(2, 20)):
                series.kill(requests=chance.randint(1, 3), seconds=chance.random() / 10)
            end = series.run()
            assert (end.code, end.report["rejected"], end.report["pending"]) == (0, 0, 0), end
            assert end.report["delivered"] + end.report["unchanged"] == people
            held = {call["userId"]: call["traits"]["plan"] for call in sandbox.calls()}
            assert held == {f"u{n}": plan for n, plan in enumerate(plans)}
        end = series.run()
    assert (end.code, end.report["state"], end.report["requests"]) == (0, "finished", 0)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_says_so_and_goes_on(sandbox: Sandbox, tmp_path: Path, by: signal.Signals) -> None:
    rows = 10_000
    source = write_rows(tmp_path / "rows.csv", rows, 2_000)
    with FaultProxy(sandbox.url, slow_network(3, 0.2)) as proxy:
        series = Series(proxy, lambda: start_load(proxy.url, tmp_path / "state", source, "--as=identify"))
        end = series.kill(requests=20, by=by)
        assert (end.code, end.report["exit_code"]) == (130, 130), end
        assert "the same command goes on where it stopped" in end.told
        assert "Traceback" not in end.told
        report = end.report
        assert report["rows"] == rows == report["delivered"] + report["pending"]
        assert report["pending"] > 0
        done = report["delivered"]
        end = series.run()
    assert (end.code, end.report["state"], end.report["delivered"]) == (0, "resumed", rows), end
    assert end.report["earlier"] >= done
    check_all_there(sandbox, good_rows(rows))
    series.check_repeats(_IN_FLIGHT)


@pytest.mark.parametrize("timed", [True, False], ids=["with times of their own", "stamped"])
def test_a_finished_load_says_so_and_sends_nothing_unless_again(sandbox: Sandbox, tmp_path: Path, timed: bool) -> None:
    source, state = write_rows(tmp_path / "rows.jsonl", 500, 10, timed=timed), tmp_path / "state"
    load = ("--as=track", "--event=Seen")
    assert run_load(sandbox.url, state, source, *load).code == 0
    end = run_load(sandbox.url, state, source, *load)
    assert (end.code, end.report["state"], end.report["rows"], end.report["delivered"]) == (0, "finished", 500, 500)
    assert (end.report["requests"], end.report["earlier"]) == (0, 500)
    assert sandbox.counts().accepted == 500
    end = run_load(sandbox.url, state, source, *load, "--again")
    assert (end.code, end.report["state"], end.report["delivered"], end.report["earlier"]) == (0, "loaded", 500, 0)
    # What has no time of its own happened once more; the others are the calls that they were.
    assert (sandbox.counts().accepted, sandbox.counts().repeats) == (1_000, 500 if timed else 0)
    check_all_there(sandbox, good_rows(500), loads=2)


def test_a_source_that_changed_after_the_load_had_finished_is_loaded_anew(sandbox: Sandbox, tmp_path: Path) -> None:
    source, state = write_rows(tmp_path / "rows.csv", 300, 10, timed=True), tmp_path / "state"
    assert run_load(sandbox.url, state, source, "--as=identify").code == 0
    write_rows(source, 400, 10, timed=True)
    end = run_load(sandbox.url, state, source, "--as=identify")
    assert (end.code, end.report["state"], end.report["delivered"]) == (0, "loaded", 400), end
    assert any("changed" in note for note in end.report["notes"])
    assert sandbox.counts().repeats == 300, "what had not changed has the same ids"
    check_all_there(sandbox, good_rows(400))


def test_a_source_that_changed_on_the_way_is_refused_until_it_is_begun_anew(sandbox: Sandbox, tmp_path: Path) -> None:
    source, state = write_rows(tmp_path / "rows.csv", 10_000, 1_000), tmp_path / "state"
    with FaultProxy(sandbox.url, slow_network(4, 0.3)) as proxy:
        series = Series(proxy, lambda: start_load(proxy.url, state, source, "--as=identify"))
        series.kill(requests=19)
        write_rows(source, 10_001, 1_000)
        made = len(proxy.exchanges)
        end = series.run()
        assert (end.code, end.report["state"]) == (5, "refused"), end
        assert "changed" in end.report["error"]
        assert "--again" in end.report["error"]
        assert len(proxy.exchanges) == made
        end = run_load(proxy.url, state, source, "--as=identify", "--again")
    assert (end.code, end.report["delivered"]) == (0, 10_001), end
    check_all_there(sandbox, good_rows(10_001), loads=2)


def test_a_load_is_run_by_one_process_at_a_time(sandbox: Sandbox, tmp_path: Path) -> None:
    source, state = write_rows(tmp_path / "rows.csv", 100, 10), tmp_path / "state"
    with FaultProxy(sandbox.url, each(Fault(silent=True))) as proxy:
        first = start_load(proxy.url, state, source, "--as=identify")
        while not proxy.exchanges:
            assert first.poll() is None
        end = run_load(proxy.url, state, source, "--as=identify")
        first.kill()
        first.communicate()
        assert end.code == 5
        assert "another process" in end.report["error"]
        assert len(proxy.exchanges) == 1
        proxy.plan = each(GOOD)
        assert run_load(proxy.url, state, source, "--as=identify").code == 0
    check_all_there(sandbox, good_rows(100))
