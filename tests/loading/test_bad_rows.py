"""Rows that cannot be loaded, of every kind and from every format: each costs itself alone, and can be mended."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from load_runs import run_load

from cio_facade import CustomerIO, load
from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.rules import published

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pd = pytest.importorskip("pandas")

_COLUMNS = ("user_id", "email", "age", "timestamp", "plan", "note")
_EMPTY = "user_id is empty"


class Bad(NamedTuple):
    """A row that is bad, and how the reason begins; a row is cells that differ from a good one's, or raw bytes."""

    kind: str
    row: dict[str, Any] | bytes
    reason: str


def good(number: int) -> dict[str, Any]:
    """The cells of a row that is all right."""
    person = f"u{number}"
    cells = (person, f"{person}@example.com", 30, "2026-01-02T03:04:05Z", "pro", 'says "hi",\nand goes')
    return dict(zip(_COLUMNS, cells, strict=True))


_OF_ALL = [
    Bad("no id", {"user_id": None}, _EMPTY),
    Bad("blank id", {"user_id": " \t "}, _EMPTY),
    Bad("long id", {"user_id": "u" * 151}, "userId: is longer than 150 bytes"),
    Bad("bad e-mail", {"email": "nobody"}, "traits.email: must have the form of an e-mail address"),
    Bad("oversize", {"note": "x" * 40_000}, "a call has at most 32768 (limits.call_bytes)"),
    Bad("refused by the server", {"plan": "more than ten characters"}, "traits.plan: must have at most 10 characters"),
]
_OF_TEXT = [
    Bad("no time", {"timestamp": "yesterday"}, "timestamp: must"),
    Bad("time out of range", {"timestamp": "99999-01-01T00:00:00Z"}, "timestamp: must"),
    Bad("wrong type", {"age": "old"}, "column age: not a BIGINT"),
]
_OF_CSV = [
    Bad("too few cells", b"short,short@example.com,30\r\n", "has 3 columns, not 6"),
    Bad("too many cells", b"long,long@example.com,30,,pro,note,more,more\r\n", "has 8 columns, not 6"),
    Bad("broken encoding", b"broken,broken@example.com,30,,pro,M\xfcller\r\n", "is not UTF-8"),
]
_OF_JSON = [
    Bad("empty id", {"user_id": ""}, _EMPTY),
    Bad("missing key", b'{"email": "missing@example.com"}\n', _EMPTY),
    Bad("cut off", b'{"user_id": "cut", "email": "cut@exa\n', "is not JSON"),
    Bad("no object", b'["user_id", "u1"]\n', "is not a JSON object"),
    Bad("NaN id", b'{"user_id": NaN}\n', "is not JSON"),
    Bad("broken encoding", b'{"user_id": "broken", "note": "M\xfcller"}\n', "is not UTF-8"),
    Bad("id of another type", {"user_id": ["u1"]}, "userId: must"),
]
_OF_PARQUET = [
    Bad("empty id", {"user_id": ""}, _EMPTY),
    Bad("time out of range", {"timestamp": 2**62}, "column 'timestamp' is not in the years 1 to 9999"),
]
_OF_PANDAS = [
    Bad("empty id", {"user_id": ""}, _EMPTY),
    Bad("NaN id", {"user_id": float("nan")}, _EMPTY),
    Bad("NA id", {"user_id": pd.NA}, _EMPTY),
    Bad("no time", {"timestamp": "yesterday"}, "timestamp: must"),
]


def rows_of(bad: Sequence[Bad]) -> list[dict[str, Any] | bytes]:
    """A good row, then each bad one with a good one after it."""
    rows: list[dict[str, Any] | bytes] = [good(1)]
    for place, one in enumerate(bad):
        rows += [one.row if isinstance(one.row, bytes) else {**good(2 * place + 2), **one.row}, good(2 * place + 3)]
    return rows


def write_csv(path: Path, rows: Sequence[dict[str, Any] | bytes]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        for row in rows:
            if isinstance(row, bytes):
                file.flush()
                file.buffer.write(row)
            else:
                writer.writerow(row)


def write_jsonl(path: Path, rows: Sequence[dict[str, Any] | bytes]) -> None:
    path.write_bytes(b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows))


def frame_of(rows: Sequence[dict[str, Any] | bytes]) -> Any:
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def write_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    times = [row["timestamp"] for row in rows]
    micros = [
        time if isinstance(time, int) else int(datetime.fromisoformat(time).timestamp() * 1_000_000) for time in times
    ]
    columns = {name: [row[name] for row in rows] for name in _COLUMNS}
    columns["timestamp"] = pa.array(micros, pa.timestamp("us", "UTC"))
    pq.write_table(pa.table(columns), path)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A server that finds fault with what the client cannot know of: plans of more than ten characters."""
    document: Any = deepcopy(published())
    document["components"]["schemas"]["IdentifyTraits"]["properties"]["plan"] = {"type": "string", "maxLength": 10}
    with Sandbox(document=document) as running:
        yield running


def check_arrived(sandbox: Sandbox, bad: Sequence[Bad]) -> None:
    """Exactly the good rows are there, as they were."""
    calls = {call["userId"]: call for call in sandbox.calls()}
    assert sandbox.counts().accepted == len(calls)
    assert calls.keys() == {good(2 * place + 1)["user_id"] for place in range(len(bad) + 1)}
    for user_id, call in calls.items():
        row = good(int(user_id[1:]))
        assert call["traits"] == {name: row[name] for name in ("email", "age", "plan", "note")}
        assert call["timestamp"] == "2026-01-02T03:04:05Z"


def check_reasons(found: Sequence[tuple[Any, Any]], bad: Sequence[Bad]) -> None:
    """Each bad row is told with its number and its reason, in order."""
    assert [int(row) for row, _ in found] == [2 * place + 2 for place in range(len(bad))]
    for (row, reason), one in zip(found, bad, strict=True):
        assert one.reason in reason, f"row {row}, {one.kind}"
        assert "example.com" not in reason, "a reason has a value in it"


def mended(row: dict[str, Any], number: int) -> dict[str, Any]:
    """What somebody makes of a rejected row: all is well, and what was added to it is still there."""
    return {**row, **good(number)}


def read_csv(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def mend_csv(path: Path) -> list[dict[str, Any]]:
    rows = read_csv(path)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(mended(row, int(row["cio_row"])) for row in rows)
    return rows


def mend_jsonl(path: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    path.write_text("".join(json.dumps(mended(row, row["cio_row"])) + "\n" for row in rows), "utf-8")
    return rows


def mend_parquet(path: Path) -> list[dict[str, Any]]:
    table = pq.read_table(path)
    rows = table.set_column(3, "timestamp", table["timestamp"].cast(pa.int64())).to_pylist()
    better = [{**mended(row, row["cio_row"]), "timestamp": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)} for row in rows]
    pq.write_table(pa.Table.from_pylist(better, table.schema), path)
    return rows


@pytest.mark.parametrize(
    ("name", "write", "mend", "bad"),
    [
        ("people.csv", write_csv, mend_csv, [*_OF_ALL, *_OF_TEXT, *_OF_CSV]),
        ("people.jsonl", write_jsonl, mend_jsonl, [*_OF_ALL, *_OF_TEXT, *_OF_JSON]),
        ("people.parquet", write_parquet, mend_parquet, [*_OF_ALL, *_OF_PARQUET]),
    ],
)
def test_bad_rows_of_a_file_are_told_by_number_and_reason_and_can_be_mended(
    sandbox: Sandbox,
    tmp_path: Path,
    name: str,
    write: Callable[[Path, Any], None],
    mend: Callable[[Path], list[dict[str, Any]]],
    bad: Sequence[Bad],
) -> None:
    write(tmp_path / name, rows_of(bad))
    options = ["--as=identify", *([] if name.endswith("parquet") else ["--type=age=BIGINT"])]
    end = run_load(sandbox.url, tmp_path / "state", tmp_path / name, *options)
    assert end.code == 3, end
    report = end.report
    number = len(bad)
    assert (report["rows"], report["delivered"], report["rejected"]) == (2 * number + 1, number + 1, number)
    assert (report["failed"], report["pending"]) == (0, 0)
    assert sum(report["reasons"].values()) == number
    check_arrived(sandbox, bad)

    rejected = Path(report["rejected_path"])
    assert rejected.name == name.replace(".", ".identify.rejected.")
    rows = mend(rejected)
    check_reasons([(row["cio_row"], row["cio_reason"]) for row in rows], bad)
    for row, one in zip(rows, bad, strict=True):
        if isinstance(one.row, dict) and row.get("cio_line") is None:
            assert all(str(row[name] or None) == str(cell or None) for name, cell in one.row.items()), one.kind

    end = run_load(sandbox.url, tmp_path / "state", rejected, *options)
    assert (end.code, end.report["delivered"]) == (0, number), end
    assert {call["userId"] for call in sandbox.calls()} == {f"u{row}" for row in range(1, 2 * number + 2)}
    assert all(call["traits"].keys() == {"email", "age", "plan", "note"} for call in sandbox.calls())


def test_bad_rows_of_a_frame_are_told_by_number_and_reason_and_can_be_mended(sandbox: Sandbox, tmp_path: Path) -> None:
    bad = [*_OF_ALL, *_OF_PANDAS]
    rejected = tmp_path / "rejected.parquet"
    with CustomerIO("sandbox", base_url=sandbox.url) as cio:
        report = load(frame_of(rows_of(bad)), "identify", client=cio, rejected=rejected)
        number = len(bad)
        assert (report.rows, report.delivered, report.rejected) == (2 * number + 1, number + 1, number)
        assert report.balanced
        assert report.rejected_path == rejected
        check_arrived(sandbox, bad)
        frame = pd.read_parquet(rejected)
        check_reasons(list(zip(frame["cio_row"], frame["cio_reason"], strict=True)), bad)
        better = pd.DataFrame([mended(row, row["cio_row"]) for row in frame.to_dict("records")])
        report = load(better, "identify", client=cio)
    assert (report.delivered, report.rejected) == (number, 0)
    assert {call["userId"] for call in sandbox.calls()} == {f"u{row}" for row in range(1, 2 * number + 2)}


@pytest.mark.parametrize("kind", ["parquet", "pandas"])
def test_ids_that_became_floats_for_want_of_some_are_whole_again(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    frame = pd.DataFrame({"user_id": [1, None, 3, 2.5, float("inf")], "n": range(5)})
    source: Any = frame
    if kind == "parquet":
        source = tmp_path / "ids.parquet"
        frame.to_parquet(source)
    with CustomerIO("sandbox", base_url=sandbox.url) as cio:
        report = load(source, "identify", client=cio, state=tmp_path, rejected=tmp_path / "rejected.parquet")
    assert [(call["userId"], call["traits"]["n"]) for call in sandbox.calls()] == [("1", 0), ("3", 2)]
    assert (report.delivered, report.rejected) == (2, 3)
    told = pd.read_parquet(tmp_path / "rejected.parquet")
    assert told["cio_row"].tolist() == [2, 4, 5]
    assert told["cio_reason"][0] == _EMPTY
    assert re.search("user_id|userId", told["cio_reason"][1])


def test_a_batch_in_which_the_server_finds_fault_costs_only_those_calls(sandbox: Sandbox, tmp_path: Path) -> None:
    source = tmp_path / "people.csv"
    plans = ["much too long a plan" if n % 100 == 7 else "pro" for n in range(5_000)]
    source.write_text("user_id,plan\n" + "".join(f"u{n},{plan}\n" for n, plan in enumerate(plans)))
    end = run_load(sandbox.url, tmp_path / "state", source, "--as=identify")
    assert (end.code, end.report["delivered"], end.report["rejected"]) == (3, 4_950, 50), end
    assert end.report["way"] == "vectorised"
    rows = read_csv(Path(end.report["rejected_path"]))
    assert [int(row["cio_row"]) for row in rows] == [n + 1 for n, plan in enumerate(plans) if plan != "pro"]
    assert {row["plan"] for row in rows} == {"much too long a plan"}
    assert len(end.report["reasons"]) == 1, "the place in the body is no reason"
    assert sandbox.counts().repeats == 0
