"""A load takes the same memory, however many rows there are: under 300 MB at five million (`make test-faults`).

What is counted here is the process's own. The files of Python, DuckDB and Arrow that it maps come on top: 105 MB, or
150 when they were installed a moment ago, since the kernel then maps them in larger pieces.
"""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from length import times

duckdb = pytest.importorskip("duckdb")

_ROWS = times(300_000, 5_000_000)
_MOST = 190e6  # bytes: 300 MB less what is mapped

_WIDE = f"""
SELECT 'u' || n AS user_id, 'g' || n % 1000 AS team, 'ann.' || n || '@example.com' AS email, n,
       (n % 100000)::DECIMAL(12, 2) / 100 AS balance, n * 0.37 AS score, n % 2 = 0 AS active,
       DATE '2020-01-01' + (n % 2000)::INTEGER AS born, TIMESTAMP '2026-01-01' + INTERVAL (n) SECOND AS timestamp,
       'plan ' || n % 7 AS plan, repeat('words of a note ', 5) AS note,
       CASE WHEN n % 3 = 0 THEN 'sometimes' END AS maybe
FROM range({_ROWS}) AS rows(n)
"""

_SCRIPT = """
    import re, sys
    from pathlib import Path
    from threading import Lock
    import httpx
    from cio_facade import CustomerIO, load

    class Sink(httpx.BaseTransport):
        taken, lock = 0, Lock()

        def handle_request(self, request):
            found = request.read().count(b'"messageId"')
            with Sink.lock:
                Sink.taken += found
            return httpx.Response(200)

    source, as_, state = sys.argv[1:]
    with CustomerIO("key", transport=Sink()) as cio:
        report = load(source, as_, client=cio, state=state, event="Seen" if as_ == "track" else None,
                      mapping={"team": "group_id"} if as_ == "group" else None)
    status = Path("/proc/self/status").read_text()
    most, mapped = (int(re.search(name + r":\\s+(\\d+) kB", status)[1]) for name in ("VmHWM", "RssFile"))
    print(report.way, report.rows, report.delivered, report.rejected, Sink.taken, most - mapped)
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same rows in several formats."""
    folder = tmp_path_factory.mktemp("wide")
    forms = {"rows.parquet": "", "rows.csv": "", "rows.jsonl": "(TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%SZ')"}
    for name, form in forms.items():
        duckdb.connect().execute(f"COPY ({_WIDE}) TO '{folder / name}' {form}")
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="how much memory a process has had, Linux says")
@pytest.mark.parametrize(
    ("source", "as_", "way"),
    [
        ("{}/rows.parquet", "identify", "vectorised"),
        ("{}/rows.csv", "identify", "vectorised"),
        ("FROM '{}/rows.parquet' WHERE n >= 0", "track", "vectorised"),
        ("{}/rows.parquet", "group", "messages"),
        ("{}/rows.jsonl", "group", "messages"),
    ],
    ids=["Parquet", "CSV", "query", "Parquet by messages", "JSON lines by messages"],
)
def test_the_memory_of_a_load_is_bounded(files: Path, tmp_path: Path, source: str, as_: str, way: str) -> None:
    command = [sys.executable, "-c", textwrap.dedent(_SCRIPT), source.format(files), as_, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=times(120, 1_500), check=False)
    assert run.returncode == 0, run.stderr
    found, rows, delivered, rejected, taken, peak = run.stdout.split()
    assert (found, int(rows), int(delivered), int(rejected), int(taken)) == (way, _ROWS, _ROWS, 0, _ROWS)
    assert int(peak) * 1024 < _MOST


@pytest.mark.skipif(sys.platform != "linux", reason="how much memory a process has had, Linux says")
def test_the_memory_of_a_load_whose_rows_are_all_rejected_is_bounded(files: Path, tmp_path: Path) -> None:
    source = f"SELECT * REPLACE ('nobody' AS email) FROM '{files}/rows.parquet'"
    command = [sys.executable, "-c", textwrap.dedent(_SCRIPT), source, "identify", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=times(120, 1_500), check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    _, rows, delivered, rejected, taken, peak = run.stdout.split()
    assert (int(rows), int(delivered), int(rejected), int(taken)) == (_ROWS, 0, _ROWS, 0)
    assert int(peak) * 1024 < _MOST
    [written] = tmp_path.glob("*rejected.parquet")
    assert duckdb.sql(f"SELECT count(*), count(cio_reason), max(cio_row) FROM '{written}'").fetchall() == [(_ROWS,) * 3]
