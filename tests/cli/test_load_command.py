import io
import json
import re
import shlex
import sys
import types
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from cio_facade.cli import accounting
from cio_facade.cli.commands import load as loading_command
from cio_facade.cli.loading import Bar, Display, JsonLines, Lines, clock_time, display_for
from cio_facade.cli.root import root
from cio_facade.errors import AuthenticationError, CustomerIOError, NetworkError, ValidationError
from cio_facade.loading.report import DryRun, LoadReport, Progress

LOADED = LoadReport(state="loaded", source="people.csv", rows=1_200, delivered=1_200, requests=2, seconds=1.5)
SOME_REJECTED = LoadReport(
    state="loaded",
    source="people.csv",
    rows=1_200,
    delivered=1_188,
    rejected=12,
    requests=3,
    retries=1,
    seconds=65.2,
    reasons={f"reason {number}": 1 for number in range(11)} | {"user_id is empty": 1},
    rejected_path=Path("people.rejected.csv"),
    notes=("there is no column of times: calls carry the time of the load",),
)
TRIED = LoadReport(
    state="dry run",
    source="people.csv",
    rows=1_200,
    pending=1_199,
    rejected=1,
    reasons={"user_id is empty": 1},
    dry_run=DryRun(
        samples=('{"type":"identify","userId":"u1","traits":{"score":1.10}}',),
        calls={"identify": 1_199},
        requests=3,
        bytes=90_000,
        largest=120,
        seconds=0.003,
        rejected=((17, "user_id is empty"),),
    ),
)
PROGRESS = Progress(
    rows=2_000, settled=500, delivered=499, rejected=1, failed=0, requests=4, seconds=2, rate=250.4, left=75.2
)


class FakeLoad:
    """Stands where `load` is, and remembers how it was called."""

    def __init__(self) -> None:
        self.outcome: LoadReport | BaseException = LOADED
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.run: Callable[..., object] = lambda **_: None

    def __call__(self, source: str, as_: str, **options: Any) -> LoadReport:
        self.calls.append((source, as_, options))
        self.run(**options)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    @property
    def options(self) -> dict[str, Any]:
        """What was said, beyond what every call has."""
        ((_, _, options),) = self.calls
        return {name: value for name, value in options.items() if name not in {"client", "on_progress", "confirm"}}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeLoad:
    fake = FakeLoad()
    module = types.ModuleType("cio_facade.loading.load")
    module.load = fake
    monkeypatch.setitem(sys.modules, "cio_facade.loading.load", module)
    for name in ("CIO_REGION", "CIO_BASE_URL", "CIO_STATE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CIO_API_KEY", "a-secret")
    return fake


def load(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(root, ["load", *arguments], input=answer)


def with_report(error: BaseException, report: LoadReport) -> BaseException:
    error.report = report
    return error


# What is handed on ---------------------------------------------------------------------------------------------------


def test_only_what_was_said_is_handed_on(fake):
    assert load("people.csv", "--as", "identify").exit_code == 0
    ((source, as_, options),) = fake.calls
    assert (source, as_) == ("people.csv", "identify")
    assert options["client"] is not None
    assert fake.options == {}


def test_all_options_are_handed_on(fake, tmp_path):
    (tmp_path / "map.yaml").write_text("map: {}\n")
    said = (
        f"--map nr=user_id --map tarif=traits.plan --map a=b=traits.c --map notes= --mapping {tmp_path}/map.yaml"
        " --only x --only y --identify-by email --event Looked --nulls send --type zip=VARCHAR"
        " --type price=DECIMAL(9,2) --encoding latin-1 --name nightly --state s --again --changed-only"
        " --rejected r.csv --audit a.jsonl --timeout 9.5 --gzip"
    )
    assert load("people.csv", "--as", "track", *said.split()).exit_code == 0
    assert fake.options == {
        "mapping": [
            f"{tmp_path}/map.yaml",
            *("nr=user_id", "tarif=traits.plan", "a=b=traits.c", "notes="),
        ],
        "only": ["x", "y"],
        "identify_by": "email",
        "event": "Looked",
        "nulls": "send",
        "types": {"zip": "VARCHAR", "price": "DECIMAL(9,2)"},
        "encoding": "latin-1",
        "name": "nightly",
        "state": "s",
        "again": True,
        "changed_only": True,
        "rejected": "r.csv",
        "audit": "a.jsonl",
        "timeout": 9.5,
    }


def test_only_the_mapped_columns(fake):
    assert load("people.csv", "--as", "identify", "--map", "nr=user_id", "--only-mapped").exit_code == 0
    assert fake.options == {"mapping": ["nr=user_id"], "only": True}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["people.csv"], "--as"),
        (["--as", "identify"], "SOURCE"),
        (["people.csv", "--as", "identify", "--map", "nr"], "is not COL=TARGET"),
        (["people.csv", "--as", "identify", "--map", "=user_id"], "is not COL=TARGET"),
        (["people.csv", "--as", "identify", "--map", "a=b", "--map", "a=c"], "twice"),
        (["people.csv", "--as", "identify", "--type", "zip"], "is not COL=TYPE"),
        (["people.csv", "--as", "identify", "--only", "a", "--only-mapped"], "exclude each other"),
        (["people.csv", "--as", "identify", "--nulls", "maybe"], "skip"),
        (["people.csv", "--as", "identify", "--mapping", "nowhere.yaml"], "nowhere.yaml"),
        (["people.csv", "--as", "identify", "--timeout", "0"], "--timeout"),
    ],
)
def test_a_wrong_call_is_one_line(fake, one_line, arguments, words):
    done = load(*arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert "cio-facade load --help" in done.stderr or "root load --help" in done.stderr
    assert one_line(done.stderr)
    assert not fake.calls


def test_a_dry_run_needs_no_key(fake, monkeypatch):
    monkeypatch.delenv("CIO_API_KEY")
    fake.outcome = TRIED
    assert load("people.csv", "--as", "identify", "--dry-run").exit_code == 3
    assert fake.calls[0][2]["client"] is None
    assert fake.options == {"dry_run": True}


def test_anything_else_does(fake, monkeypatch, one_line):
    monkeypatch.delenv("CIO_API_KEY")
    done = load("people.csv", "--as", "identify")
    assert done.exit_code == 2
    assert "CIO_API_KEY" in done.stderr
    assert one_line(done.stderr)


# The account ---------------------------------------------------------------------------------------------------------


def test_all_delivered(fake):
    done = load("people.csv", "--as", "identify")
    assert done.exit_code == 0
    assert done.stdout == ("people.csv: loaded\n  rows       1,200\n  delivered  1,200\n  requests   2, in 0:02\n")
    assert not done.stderr


def test_some_rejected(fake, one_line):
    fake.outcome = SOME_REJECTED
    done = load("people.csv", "--as", "identify")
    assert done.exit_code == 3
    assert "  rejected   12\n" in done.stdout
    assert "  requests   3, 1 of them repeated, in 1:05\n" in done.stdout
    assert "          1  reason 0\n" in done.stdout
    assert "          2  for other reasons\n" in done.stdout
    assert "note: there is no column of times" in done.stdout
    assert "people.rejected.csv" in done.stdout
    assert done.stderr == "cio-facade: 12 rows rejected\n"


def test_the_command_that_loads_the_mended_rows(fake, tmp_path):
    fake.outcome = SOME_REJECTED
    (tmp_path / "a map.yaml").write_text("map: {}\n")
    (tmp_path / ".env").write_text("CIO_API_KEY=x\n")
    said = ["--map", "the nr=user_id", "--mapping", f"{tmp_path}/a map.yaml", "--only", "x", "--nulls", "send"]
    said += ["--event", "Looked", "--identify-by", "email", "--type", "zip=VARCHAR", "--state", "s"]
    said += ["--changed-only", "--gzip", "--dotenv", f"{tmp_path}/.env"]
    gone = ["--name", "n", "--encoding", "latin-1", "--again", "--rejected", "r", "--audit", "a", "--yes", "--quiet"]
    done = load("people.csv", "--as", "Order Done", *said, *gone)
    line = next(line for line in done.stdout.splitlines() if line.startswith("to load them when they are mended: "))
    words = shlex.split(line.partition(": ")[2])
    assert words[1:3] == ["load", "people.rejected.csv"]
    fake.calls.clear()
    fake.outcome = LOADED
    assert load(*words[2:]).exit_code == 0
    assert fake.calls[0][:2] == ("people.rejected.csv", "Order Done")
    assert fake.options == {
        "mapping": [f"{tmp_path}/a map.yaml", "the nr=user_id"],
        "only": ["x"],
        "nulls": "send",
        "event": "Looked",
        "identify_by": "email",
        "types": {"zip": "VARCHAR"},
        "state": "s",
        "changed_only": True,
    }


def test_resumed_and_finished_are_told(fake):
    fake.outcome = LoadReport(state="resumed", source="p.csv", rows=9, delivered=9, earlier=4, requests=1)
    assert "4 of them settled by earlier runs" in load("p.csv", "--as", "identify").stdout
    fake.outcome = LoadReport(state="finished", source="p.csv", rows=9, delivered=9, earlier=9)
    done = load("p.csv", "--as", "identify")
    assert done.exit_code == 0
    assert "finished before; nothing was sent (--again" in done.stdout


def test_failed_and_left(fake, one_line):
    fake.outcome = LoadReport(state="loaded", source="p.csv", rows=9, delivered=6, failed=1, pending=1, rejected=1)
    done = load("p.csv", "--as", "identify")
    assert done.exit_code == 4
    assert "  failed     1\n  left       1\n" in done.stdout
    assert done.stderr == "cio-facade: 2 rows not delivered; the same command goes on with them\n"


def test_quiet_is_quiet_when_all_is_well(fake):
    done = load("people.csv", "--as", "identify", "--quiet")
    assert (done.stdout, done.stderr) == ("", "")
    fake.outcome = SOME_REJECTED
    assert "rejected   12" in load("people.csv", "--as", "identify", "--quiet").stdout


def test_a_dry_run(fake):
    fake.outcome = TRIED
    done = load("people.csv", "--as", "identify", "--dry-run")
    assert done.exit_code == 3
    assert '"userId": "u1"' in done.stdout
    assert '"score": 1.10' in done.stdout  # as many digits as are sent
    assert "people.csv: dry run, nothing was sent" in done.stdout
    assert "  to send    1,199\n" in done.stdout
    assert "  requests   3, 0:00 at the rate limit\n  bytes      90,000, 120 in the largest call\n" in done.stdout
    assert "      1,199  identify\n" in done.stdout
    assert "  row 17       user_id is empty\n" in done.stdout
    assert done.stderr == "cio-facade: 1 row would be rejected\n"


# How it ends otherwise -----------------------------------------------------------------------------------------------


def test_refused_before_sending(fake, one_line):
    fake.outcome = ValidationError(field="mapping", problem="there is no column 'nr'; did you mean 'no'?")
    done = load("people.csv", "--as", "identify")
    assert done.exit_code == 5
    assert done.stderr == "cio-facade: mapping: there is no column 'nr'; did you mean 'no'? (nothing was sent)\n"


def test_a_column_that_is_called_as_a_setting_is_no_setting(fake):
    fake.outcome = ValidationError(field="region", problem="there is no such column")
    assert load("people.csv", "--as", "identify").exit_code == 5


def test_another_process_loads_it(fake):
    fake.outcome = CustomerIOError("another process loads this")
    assert load("people.csv", "--as", "identify").exit_code == 5


def test_a_file_that_may_not_be_read(fake, one_line):
    fake.outcome = PermissionError(13, "Permission denied", "people.csv")
    done = load("people.csv", "--as", "identify")
    assert done.exit_code == 5
    assert done.stderr == "cio-facade: people.csv: Permission denied (nothing was sent)\n"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AuthenticationError("the API key was not accepted (401)"), "cio-facade doctor"),
        (NetworkError("no answer: ConnectError"), "no answer"),
        (OSError(28, "No space left on device", "journal.db"), "journal.db: No space left on device"),
    ],
)
def test_delivery_had_to_stop(fake, one_line, error, words):
    report = LoadReport(state="loaded", source="people.csv", rows=9, delivered=3, pending=6)
    fake.outcome = with_report(error, report)
    done = load("people.csv", "--as", "identify")
    assert done.exit_code == 4
    assert "  left       6\n" in done.stdout
    assert words in done.stderr
    assert "6 rows not delivered; the same command goes on with them" in done.stderr
    assert one_line(done.stderr)


def test_interrupted(fake, one_line):
    report = LoadReport(state="loaded", source="people.csv", rows=9, delivered=3, pending=6)
    fake.outcome = with_report(KeyboardInterrupt(), report)
    done = load("people.csv", "--as", "identify")
    assert done.exit_code == 130
    assert "  left       6\n" in done.stdout
    assert done.stderr == "cio-facade: interrupted; the same command goes on where it stopped\n"


def test_interrupted_before_anything_was_sent(fake):
    fake.outcome = KeyboardInterrupt()
    done = load("people.csv", "--as", "identify")
    assert done.exit_code == 130
    assert done.stderr == "cio-facade: interrupted; nothing was sent\n"


def test_the_end_of_a_task_is_an_interrupt(fake):
    def told_to_end(**_: object) -> None:
        import signal

        signal.raise_signal(signal.SIGTERM)

    fake.run = told_to_end
    assert load("people.csv", "--as", "identify").exit_code == 130


def test_a_missing_package_names_the_extra(fake, one_line):
    fake.outcome = ModuleNotFoundError("No module named 'duckdb'", name="duckdb")
    done = load("people.csv", "--as", "identify")
    assert done.exit_code == 2
    assert "pip install 'cio-facade[load]'" in done.stderr
    assert one_line(done.stderr)


# For programs --------------------------------------------------------------------------------------------------------


def test_json_is_one_object(fake):
    fake.outcome = SOME_REJECTED
    fake.run = lambda on_progress, **_: on_progress(PROGRESS)
    done = load("people.csv", "--as", "identify", "--json")
    assert done.exit_code == 3
    said = json.loads(done.stdout)
    assert (said["rows"], said["delivered"], said["rejected"], said["exit_code"]) == (1_200, 1_188, 12, 3)
    assert said["rejected_path"] == "people.rejected.csv"
    assert said["error"] == "12 rows rejected"
    assert done.stderr == "cio-facade: 12 rows rejected\n"  # the first line of progress would come after seconds


def test_json_when_all_is_well(fake):
    said = json.loads(load("people.csv", "--as", "identify", "--json").stdout)
    assert (said["state"], said["exit_code"], said["error"]) == ("loaded", 0, None)


def test_json_of_a_dry_run_has_the_calls_as_they_would_be_sent(fake):
    fake.outcome = TRIED
    done = load("people.csv", "--as", "identify", "--dry-run", "--json")
    assert json.loads(done.stdout)["dry_run"]["samples"][0]["userId"] == "u1"
    assert '"score":1.10' in done.stdout


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (ValidationError(field="source", problem="there is no such file"), 5),
        (KeyboardInterrupt(), 130),
        (ModuleNotFoundError("No module named 'duckdb'", name="duckdb"), 2),
    ],
)
def test_json_when_nothing_was_sent(fake, outcome, code):
    fake.outcome = outcome
    done = load("people.csv", "--as", "identify", "--json")
    said = json.loads(done.stdout)
    assert done.exit_code == said["exit_code"] == code
    assert said["state"] == "refused"
    assert said["error"] in done.stderr


# Asking first --------------------------------------------------------------------------------------------------------


class About:
    kind, rows, base_url = "delete", 1_200, "https://example.com/v1"


def asking(confirm: Callable[[object], bool] | None, **_: object) -> None:
    assert confirm is not None
    assert confirm(About()) is True


def test_without_a_terminal_a_yes_is_needed(fake, one_line):
    fake.run = asking
    done = load("ids.csv", "--as", "delete")
    assert done.exit_code == 5
    assert "delete up to 1,200 people at https://example.com/v1" in done.stderr
    assert "--yes" in done.stderr
    assert one_line(done.stderr)


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 5), ("\n", 5), ("", 5)])
def test_on_a_terminal_somebody_is_asked(fake, monkeypatch, answer, code):
    paused: list[str] = []

    class Noting(Display):
        @contextmanager
        def paused(self):
            paused.append("begin")
            yield
            paused.append("end")

    monkeypatch.setattr("cio_facade.cli.loading.display_for", lambda *_, **__: Noting())
    monkeypatch.setattr(loading_command, "_somebody_is_there", lambda: True)
    fake.run = asking
    done = load("ids.csv", "--as", "delete", answer=answer)
    assert done.exit_code == code
    assert "This is to delete up to 1,200 people at https://example.com/v1" in done.stderr
    results = done.stdout.removeprefix(f" {answer}")  # an older CliRunner shows what is typed there
    assert results.startswith("people.csv: loaded") is (code == 0)  # the question is not among the results
    assert ("not confirmed; nothing was sent" in done.stderr) is (code == 5)
    assert paused == ["begin", "end"]


def test_yes_does_not_ask(fake):
    assert load("ids.csv", "--as", "delete", "--yes").exit_code == 0
    assert fake.calls[0][2]["confirm"] is None


# Progress ------------------------------------------------------------------------------------------------------------


def test_lines_come_every_few_seconds(capsys):
    now = [100.0]
    lines = Lines("people.csv", clock=lambda: now[0])
    for seconds in (1, 3, 2, 1, 5):  # the sums are 1, 4, 6, 7 and 12
        now[0] += seconds
        lines.update(PROGRESS)
    told = capsys.readouterr().err.splitlines()
    assert (
        told
        == [
            "people.csv: 500 of 2,000 rows, 499 delivered, 1 rejected, 250 rows a second, 1:15 left",
        ]
        * 2
    )


def test_json_lines(capsys):
    now = [0.0]
    lines = JsonLines("people.csv", clock=lambda: now[0])
    now[0] = 5.0
    lines.update(PROGRESS)
    said = json.loads(capsys.readouterr().err)
    assert (said["progress"]["settled"], said["progress"]["left"]) == (500, 75.2)


def test_a_bar_on_a_terminal():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    with Bar("people.csv", console) as bar:
        assert "reading" in screen.getvalue()
        bar.update(PROGRESS)
        with bar.paused():
            before = screen.tell()
            assert "people.csv" in screen.getvalue()
        assert screen.tell() >= before
    assert "25%" in screen.getvalue()
    assert "1:15 left" in screen.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_bar_takes_one_line(width):
    screen = io.StringIO()
    with Bar("a long name of a file.parquet", Console(file=screen, force_terminal=True, width=width)) as bar:
        bar.update(attrs.evolve(PROGRESS, rows=50_000_000, settled=20_000_000, delivered=19_999_999))
        bar.update(PROGRESS)
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue()).splitlines()
    assert all(len(line) <= width for line in lines)
    assert all("a long name" in line for line in lines if line.strip())


def test_how_it_is_shown_depends_on_who_looks():
    terminal, file = Console(force_terminal=True, file=io.StringIO()), Console(file=io.StringIO())
    kinds = [
        type(display_for("x", quiet=quiet, as_json=as_json, console=console))
        for console, quiet, as_json in [
            (terminal, False, False),
            (file, False, False),
            (terminal, False, True),
            (terminal, True, True),
        ]
    ]
    assert kinds == [Bar, Lines, JsonLines, Display]


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3_599, "59:59"), (90_000, "25:00:00")])
def test_clock_time(seconds, text):
    assert clock_time(seconds) == text


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ("people.csv", "people.csv"),
        ("data/my people.csv", "my people.csv"),
        ("s3://bucket/x/*.parquet", "*.parquet"),
        ("SELECT * FROM 'data/people.csv'", "query"),
        ("from people", "query"),
    ],
)
def test_what_a_bar_is_headed_by(source, label):
    assert loading_command._label(source) == label


def test_pretty_keeps_digits_and_letters():
    text = '{"a":[1.10,12345678901234567890,"é"],"b":{},"c":[],"d":null,"e":{"f":true}}'
    assert json.loads(accounting.pretty(text)) == json.loads(text)
    assert "1.10" in accounting.pretty(text)
    assert '"é"' in accounting.pretty(text)


# Help ----------------------------------------------------------------------------------------------------------------


def test_help_has_groups_examples_and_exit_codes(run):
    text = run("load", "--help").stdout
    headings = [line for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == [
        *("What rows become:", "Reading:", "Sending:", "Telling:", "Options:", "Examples:", "Exit codes:")
    ]
    assert "cio-facade load people.csv --as identify --dry-run" in text


@pytest.mark.parametrize("line", [line for _, line in loading_command._EXAMPLES])
def test_the_examples_are_understood(fake, line):
    words = shlex.split(line)
    assert words[0] == "cio-facade"
    assert CliRunner().invoke(root, words[1:]).exit_code == 0
    assert len(fake.calls) == 1
