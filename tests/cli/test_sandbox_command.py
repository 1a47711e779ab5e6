import csv
import json
import os
import pty
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import termios
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from cio_facade import CustomerIO
from cio_facade.sandbox import Sandbox

COMMAND = str(Path(sys.executable).parent / "cio-facade")


def url_of(process) -> str:
    return process.stdout.readline().strip()


def filled(file) -> None:
    """A file of a sandbox: a person, and an event with a name that would do harm on a terminal."""
    with Sandbox(file) as sandbox, CustomerIO("any", base_url=sandbox.url) as cio:
        cio.identify("u1", {"plan": "pro", "story": "long " * 100})
        cio.track("u2", "tab\tand \x1b[31mred", {"total": 1.5})


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("sandbox") / "calls.db"
    filled(path)
    return str(path)


def on_a_terminal(*arguments: str, columns: int = 80, **variables: str) -> "tuple[int, str]":
    """What a command shows on a terminal so wide, and its exit code."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    settings = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | variables
    with subprocess.Popen([COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=settings) as process:
        os.close(theirs)
        shown, end = b"", time.monotonic() + 20
        while select.select([ours], [], [], max(0, end - time.monotonic()))[0]:
            try:
                shown += os.read(ours, 65_536)
            except OSError:  # nobody has the other end any more
                break
        os.close(ours)
        code = process.wait(20)
    return code, shown.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sandbox_prints_its_url_answers_and_stops_on_a_signal(start, number):
    process = start("sandbox", "--port", "0")
    url = url_of(process)
    with CustomerIO("any", base_url=url) as cio:
        assert cio.identify("u1").status == 200
    assert process.stdout.readline() == f"{httpx.URL(url).copy_with(path='/')}\n", "the page, in the second line"
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert not err


def test_sandbox_keeps_what_arrives_in_the_file_it_is_given(start, tmp_path):
    file = str(tmp_path / "calls.sqlite")
    for name in ("u1", "u2"):
        process = start("sandbox", "--port", "0", "--db", file)
        with CustomerIO("any", base_url=url_of(process)) as cio:
            cio.identify(name)
        process.terminate()
        process.wait(20)
    with Sandbox(file) as sandbox:
        assert [call["userId"] for call in sandbox.calls()] == ["u1", "u2"]


def test_sandbox_takes_only_the_keys_it_is_told(start):
    url = url_of(start("sandbox", "--port", "0", "--api-key", "right"))
    call = json.dumps({"userId": "u1"}).encode()
    statuses = [
        httpx.post(f"{url}/identify", auth=(key, ""), content=call, headers={"X-Strict-Mode": "1"}).status_code
        for key in ("right", "wrong")
    ]
    assert statuses == [200, 401]


def test_a_port_that_is_taken_is_one_clear_line(run, one_line):
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = run("sandbox", "--port", str(other.getsockname()[1]))
    assert done.returncode == 2
    assert "in use" in done.stderr
    assert one_line(done.stderr)


def test_a_file_that_is_no_sandbox_is_one_clear_line_and_stays_as_it_is(run, one_line, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("user_id\nu1\n" * 100)
    done = run("sandbox", "--port", "0", "--db", str(file))
    assert done.returncode == 2
    assert one_line(done.stderr)
    assert file.read_text() == "user_id\nu1\n" * 100


def test_trouble_comes_when_it_is_asked_for(start):
    process = start("sandbox", "--port", "0", "--fault", "500@1,503@2", "--fault", "409@3 418@4")
    url = url_of(process)
    with httpx.Client(base_url=url, auth=("any", ""), verify=False) as client:
        statuses = [client.post("/identify", json={"userId": "u1"}).status_code for _ in range(5)]
    assert statuses == [500, 503, 409, 418, 200]


def test_the_same_seed_goes_wrong_the_same_way(start):
    def statuses(seed: str) -> list[int]:
        url = url_of(start("sandbox", "--port", "0", "--no-rate", "--fault", "503:50%", "--seed", seed))
        with httpx.Client(base_url=url, auth=("any", ""), verify=False) as client:
            return [client.post("/identify", json={"userId": "u1"}).status_code for _ in range(30)]

    assert statuses("7") == statuses("7") != statuses("8")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--fault", "429:lots"], "429:lots"),
        (["--region", "atlantis"], "atlantis"),
        (["--elsewhere", "http://127.0.0.1:1/v1"], "region"),
    ],
)
def test_what_the_sandbox_cannot_use_is_one_clear_line(run, one_line, options, word):
    done = run("sandbox", "--port", "0", *options)
    assert done.returncode == 2
    assert word in done.stderr
    assert one_line(done.stderr)


def test_repeats_are_dropped_when_that_is_asked_for(start, run):
    call = json.dumps({"userId": "u1", "messageId": "m1"}).encode()
    url = url_of(start("sandbox", "--port", "0", "--drop-repeats"))
    for _ in range(2):
        assert httpx.post(f"{url}/identify", auth=("any", ""), content=call).status_code == 200
    assert run("sandbox", "sql", "--url", url, "SELECT count(*) AS n FROM calls").stdout == "n\n1\n"


def test_a_sink_says_that_it_keeps_nothing(start, run, one_line):
    url = url_of(start("sandbox", "--port", "0", "--sink"))
    assert httpx.post(f"{url}/identify", auth=("any", ""), content=b"{}").status_code == 200
    for asked in (["sql", "--url", url, "SELECT 1"], ["fault", "--url", url, "500"]):
        done = run("sandbox", *asked)
        assert (done.returncode, done.stdout) == (2, "")
        assert "is a sink" in done.stderr
        assert one_line(done.stderr)


def test_an_address_that_others_may_reach_is_told_in_one_line(start, one_line):
    process = start("sandbox", "--port", "0", "--host", "0.0.0.0")
    url_of(process)
    process.terminate()
    _, err = process.communicate(timeout=20)
    assert err.startswith("cio-facade: the sandbox listens on 0.0.0.0")
    assert one_line(err)


def test_on_a_terminal_it_says_how_to_use_it():
    ours, theirs = pty.openpty()
    with subprocess.Popen([COMMAND, "sandbox", "--port", "0"], stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while b"Ctrl-C" not in shown and select.select([ours], [], [], 20)[0]:
            shown += os.read(ours, 65_536)
        process.terminate()
    os.close(ours)
    url = shown.decode().split()[0]
    assert f"export CIO_BASE_URL={url} CIO_API_KEY=any" in shown.decode()


def test_options_of_the_server_before_another_command_are_one_clear_line(run, one_line, file):
    done = run("sandbox", "--db", file, "sql")
    assert done.returncode == 2
    assert "--db before sql has no effect; put options after it" in done.stderr
    assert one_line(done.stderr)


# Queries -------------------------------------------------------------------------------------------------------------


def test_rows_are_separated_by_tabs_where_no_terminal_is(run, file):
    done = run("sandbox", "sql", "--db", file, "SELECT type, event, user_id, 1.5 AS x FROM calls ORDER BY id")
    assert done.stdout == "type\tevent\tuser_id\tx\nidentify\t\tu1\t1.5\ntrack\ttab\\tand \x1b[31mred\tu2\t1.5\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_rows_as_json_tell_null_and_names_that_come_twice(run, file):
    query = "SELECT event, id, id, x'00ff' AS raw FROM calls ORDER BY id"
    done = run("sandbox", "sql", "--db", file, "--json", query)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"event": None, "id": 1, "id_2": 1, "raw": "X'00ff'"},
        {"event": "tab\tand \x1b[31mred", "id": 2, "id_2": 2, "raw": "X'00ff'"},
    ]


def test_rows_as_csv_are_read_back_whole(run, file):
    query = "SELECT body, event, '\"a\",\nb' AS c FROM calls ORDER BY id"
    done = run("sandbox", "sql", "--db", file, "--csv", query)
    (names, first, second) = csv.reader(done.stdout.splitlines(keepends=True))
    assert names == ["body", "event", "c"]
    assert json.loads(first[0])["traits"]["story"] == "long " * 100
    assert first[1:] == ["", '"a",\nb']
    assert second[1] == "tab\tand \x1b[31mred"


@pytest.mark.parametrize("columns", [200, 80, 40, 10])
def test_a_terminal_shows_a_table_that_fits_and_nothing_that_acts(file, columns):
    query = "SELECT type, event, user_id, NULL AS nil, bytes, body FROM calls ORDER BY id"
    code, shown = on_a_terminal("sandbox", "sql", "--db", file, query, columns=columns, NO_COLOR="1")
    assert code == 0
    assert "\x1b[31m" not in shown
    lines = [plain(line) for line in shown.splitlines()]
    assert len(lines) == 4
    if columns >= 80:
        assert max(map(len, lines)) <= columns
        assert "NULL" in lines[2]
        assert r"\x1b" in lines[3]
    if columns == 200:
        assert lines[3].split()[:4] == ["track", r"tab\tand", r"\x1b[31mred", "u2"]


def plain(line: str) -> str:
    """A line without what only makes it bold or dim."""
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[2m"):
        line = line.replace(code, "")
    return line.rstrip()


def test_a_character_that_the_output_has_no_place_for_is_told_by_its_number(run, file):
    done = run("sandbox", "sql", "--db", file, "SELECT char(233) || char(8364) AS text", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (0, "text\n\\xe9\\u20ac\n")


@pytest.mark.parametrize("words", [["sql"], ["tables"]])
def test_without_a_query_it_lists_tables_and_columns(run, file, words):
    done = run("sandbox", *words, "--db", file)
    names, *rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert names == ["table", "columns"]
    tables = {name: columns.split() for name, columns in rows}
    assert {"calls", "received", "requests", "people"} <= set(tables)
    assert {"user_id", "traits"} <= set(tables["people"])
    assert not [name for name in tables if name.startswith("sqlite")]
    assert {"table", "columns"} == set(json.loads(run("sandbox", *words, "--db", file, "--json").stdout.split("\n")[0]))


def test_a_terminal_shows_all_columns_of_a_table(file):
    _, shown = on_a_terminal("sandbox", "tables", "--db", file, columns=60)
    assert "…" not in shown
    assert "previous_id" in shown


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM received",
        "DROP TABLE people",
        "PRAGMA user_version = 9",
        "ATTACH 'other.db' AS other",
        "SELECT nope FROM calls",
        "SELEC",
        "SELECT 1; SELECT 2",
        "",
    ],
)
def test_a_query_that_is_faulty_or_would_write_is_one_clear_line(run, one_line, file, query):
    before = (Path(file).stat().st_size, rows_in(file))
    done = run("sandbox", "sql", "--db", file, query)
    assert done.returncode == 2
    assert one_line(done.stderr)
    assert not done.stdout
    assert (Path(file).stat().st_size, rows_in(file)) == before


def rows_in(file: str) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT count(*) FROM received").fetchone()[0]


def test_rows_beyond_the_limit_are_told(run, file):
    done = run("sandbox", "sql", "--db", file, "--limit", "1", "SELECT id FROM calls")
    assert (done.stdout, done.returncode) == ("id\n1\n", 0)
    assert done.stderr == "these are the first 1 rows; --limit N gives more\n"
    assert not run("sandbox", "sql", "--db", file, "--limit", "2", "SELECT id FROM calls").stderr


@pytest.mark.parametrize("content", ["", "user_id\nu1\n" * 100])
def test_a_file_that_no_sandbox_wrote_is_not_queried(run, one_line, tmp_path, content):
    file = tmp_path / "people.csv"
    file.write_text(content)
    done = run("sandbox", "sql", "--db", str(file), "SELECT 1")
    assert done.returncode == 2
    assert str(file) in done.stderr
    assert one_line(done.stderr)
    assert file.read_text() == content


def test_a_file_is_read_while_a_sandbox_has_it(start, run, tmp_path):
    file = str(tmp_path / "calls.db")
    with CustomerIO("any", base_url=url_of(start("sandbox", "--port", "0", "--db", file))) as cio:
        for number in range(3):
            cio.identify(f"u{number}")
            assert (
                run("sandbox", "sql", "--db", file, "SELECT count(*) FROM calls").stdout.split()[-1] == f"{number + 1}"
            )


def test_a_sandbox_that_runs_is_asked(start, run, one_line):
    url = url_of(start("sandbox", "--port", "0"))
    with CustomerIO("any", base_url=url) as cio:
        cio.track("u1", "E")
    query = "SELECT user_id, event, group_id FROM calls"
    for words, variables in ((["--url", url], {}), ([], {"CIO_BASE_URL": url})):
        done = run("sandbox", "sql", "--json", *words, query, **variables)
        assert json.loads(done.stdout) == {"user_id": "u1", "event": "E", "group_id": None}
    assert "people\tid user_id" in run("sandbox", "tables", "--url", url).stdout
    done = run("sandbox", "sql", "--url", url, "DELETE FROM received")
    assert done.returncode == 2
    assert one_line(done.stderr)
    assert run("sandbox", "sql", "--url", url, "SELECT count(*) FROM calls").stdout.split()[-1] == "1"


def test_where_no_sandbox_answers_is_one_clear_line(run, one_line):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = run("sandbox", "sql", "--url", f"http://127.0.0.1:{port}", "SELECT 1")
    assert done.returncode == 4
    assert f"http://127.0.0.1:{port}/" in done.stderr
    assert "--url" in done.stderr
    assert one_line(done.stderr)


@pytest.mark.parametrize(
    "url", ["https://example.com/v1", "127.0.0.1", "ftp://127.0.0.1", "http://[", "http://10.0.0.1"]
)
def test_nobody_but_this_machine_is_asked(run, one_line, url):
    done = run("sandbox", "sql", "SELECT 1", CIO_BASE_URL=url)
    assert done.returncode == 2
    assert one_line(done.stderr)


def test_a_server_that_is_no_sandbox_is_one_clear_line(run, one_line):
    from http.server import HTTPServer, SimpleHTTPRequestHandler
    from threading import Thread

    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        done = run("sandbox", "sql", "--url", f"http://127.0.0.1:{server.server_port}", "SELECT 1")
        server.shutdown()
    assert done.returncode == 2
    assert "is no sandbox" in done.stderr
    assert one_line(done.stderr)


# Trouble while it runs -----------------------------------------------------------------------------------------------


def test_trouble_is_set_and_ended_while_it_runs(start, run, one_line):
    url = url_of(start("sandbox", "--port", "0"))

    def status() -> int:
        return httpx.post(f"{url}/identify", auth=("any", ""), json={"userId": "u1"}).status_code

    assert run("sandbox", "fault", "--url", url).stdout == ""
    assert run("sandbox", "fault", "--url", url, "503@1-2,slow:1ms").stdout == "503@1-2\nslow:1ms\n"
    assert [status() for _ in range(3)] == [503, 503, 200]
    assert run("sandbox", "fault", "--url", url).stdout == "503@1-2\nslow:1ms\n"
    assert run("sandbox", "fault", "--url", url, "500", "--seed", "3").stdout == "500\n"
    assert run("sandbox", "fault", "--url", url, "--seed", "4").stdout == "500\n", "the rules stay"
    assert status() == 500
    done = run("sandbox", "fault", "--url", url, "500:lots")
    assert done.returncode == 2
    assert one_line(done.stderr)
    assert status() == 500, "a bad rule changes nothing"
    assert run("sandbox", "fault", "--url", url, "--clear").stdout == ""
    assert status() == 200


def test_to_clear_and_to_set_at_once_is_one_clear_line(run, one_line):
    done = run("sandbox", "fault", "--clear", "500")
    assert done.returncode == 2
    assert one_line(done.stderr)
