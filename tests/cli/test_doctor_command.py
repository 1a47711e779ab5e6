import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cio_facade.cli import examining
from cio_facade.cli.examining import Heard
from cio_facade.config import Settings

NOW = 1_800_000_000.0


@contextmanager
def answering(
    status: int, *, date: str | None = None, body: bytes = b"{}", location: str | None = None
) -> "Iterator[ThreadingHTTPServer]":
    """A server that answers everything alike, and remembers what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            read = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.asked.append((self.path, dict(self.headers), read))
            self.send_response_only(status)
            for name, value in (("Date", date), ("Location", location)):
                if value is not None:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def serve() -> "Iterator[Callable[..., tuple[ThreadingHTTPServer, dict[str, str]]]]":
    with ExitStack() as stack:

        def start(status: int, **how: object) -> "tuple[ThreadingHTTPServer, dict[str, str]]":
            server = stack.enter_context(answering(status, **how))
            return server, {"CIO_BASE_URL": f"http://127.0.0.1:{server.server_port}/v1", "CIO_API_KEY": "a-secret"}

        yield start


def verdicts(text: str) -> dict[str, str]:
    return {found["check"]: found["verdict"] for found in json.loads(text)["findings"]}


def test_all_is_well(run, sandbox, settings):
    done = run("doctor", **settings)
    assert done.returncode == 0, done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ")] == [
        *["ok"] * 9,
        "skipped",  # the sandbox does not tell the time
    ]
    assert not done.stderr
    assert "127.0.0.1" in done.stdout


def test_nothing_is_created_by_it(run, sandbox, settings):
    run("doctor", **settings)
    (request,) = sandbox.requests()
    assert (request.path, request.strict, request.status, request.accepted) == ("/v1/identify", True, 400, 0)
    assert not sandbox.calls()


def test_exactly_what_help_says_is_sent(run, serve):
    server, settings = serve(400)
    run("doctor", **settings)
    ((path, headers, body),) = server.asked
    assert (path, headers["X-Strict-Mode"], body) == ("/v1/identify", "1", b"{}")
    text = " ".join(run("doctor", "--help").stdout.split())
    assert "one POST to /identify with your key, in strict mode, whose body is {}" in text


def test_for_programs(run, sandbox, settings):
    found = run("doctor", "--json", **settings)
    assert json.loads(found.stdout)["ok"] is True
    assert set(verdicts(found.stdout)) == {
        *("versions", "extras", "key", "server", "dns", "tcp", "http", "key accepted", "strict mode", "clock")
    }


def test_a_wrong_key(run, sandbox, settings, one_line):
    done = run("doctor", "--json", **{**settings, "CIO_API_KEY": "a-wrong-secret"})
    assert done.returncode == 3
    found = verdicts(done.stdout)
    assert (found["http"], found["key accepted"], found["strict mode"]) == ("ok", "failed", "skipped")
    assert one_line(done.stderr)
    assert "a-wrong-secret" not in done.stdout + done.stderr


def test_a_server_that_repeats_the_key_does_not_have_it_shown(run, serve):
    _, settings = serve(401, body=b'{"meta": {"error": "a-secret is not known"}}')
    done = run("doctor", **settings)
    assert "[key] is not known" in done.stdout
    assert "a-secret" not in done.stdout + done.stderr


def test_a_closed_port(run, one_line):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = run("doctor", CIO_BASE_URL=f"http://127.0.0.1:{port}/v1", CIO_API_KEY="key")
    assert done.returncode == 4
    assert f"tcp           127.0.0.1 port {port}" in done.stdout
    assert "firewall" in done.stdout
    assert one_line(done.stderr)


def test_a_name_that_nobody_has(run):
    done = run("doctor", CIO_BASE_URL="http://nobody.invalid/v1", CIO_API_KEY="key")
    assert done.returncode == 4
    assert "failed  dns           nobody.invalid is not found" in done.stdout


def test_a_server_without_encryption_where_some_is_expected(run, serve):
    _, settings = serve(400)
    settings["CIO_BASE_URL"] = settings["CIO_BASE_URL"].replace("http:", "https:")
    done = run("doctor", "--timeout", "2", **settings)
    assert done.returncode == 4
    assert "failed  tls" in done.stdout


def test_a_server_with_another_time(run, serve):
    _, settings = serve(400, date="Thu, 01 Jan 1998 00:00:00 GMT")
    done = run("doctor", **settings)
    assert done.returncode == 0  # a warning
    assert "warning clock" in done.stdout
    assert "ahead of the server" in done.stdout


def test_a_server_that_does_not_heed_strict_mode(run, serve, one_line):
    _, settings = serve(200, date=formatdate(usegmt=True))
    done = run("doctor", "--json", **settings)
    assert done.returncode == 1
    found = verdicts(done.stdout)
    assert (found["key accepted"], found["strict mode"]) == ("skipped", "failed")
    assert one_line(done.stderr)


def test_a_key_of_another_region_is_told_by_the_redirect(run, serve):
    target, _ = serve(400)
    _, settings = serve(301, location=f"http://localhost:{target.server_port}/v1/identify")
    done = run("doctor", **settings)
    assert done.returncode == 0
    assert "by localhost, to which 127.0.0.1 redirects" in done.stdout
    assert target.asked[0][1]["X-Strict-Mode"] == "1"


@pytest.mark.parametrize(("status", "code"), [(404, 2), (500, 4), (503, 4), (302, 2), (429, 0)])
def test_other_answers(run, serve, status, code):
    server, settings = serve(status)
    done = run("doctor", **settings)
    assert done.returncode == code
    assert str(status) in done.stdout
    assert len(server.asked) == 1  # once: it is to tell how things are, not to get through


def test_no_key(run, one_line, tmp_path):
    done = run("doctor")
    assert done.returncode == 2
    assert "failed  settings      CIO_API_KEY: is not set" in done.stdout
    assert one_line(done.stderr)


def test_a_region_that_contradicts_the_key(run):
    done = run("doctor", CIO_API_KEY="pk_eu_secret", CIO_REGION="us")
    assert done.returncode == 2
    assert "pk_eu_secret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"CIO_API_KEY": "pk_eu_secret"}, ["bearer", "the region eu, from the key"]),
        ({"CIO_API_KEY": "secret"}, ["HTTP Basic", "the region us, since nothing names another"]),
        ({"CIO_API_KEY": "secret", "CIO_REGION": "EU"}, ["the region eu, from CIO_REGION"]),
        ({"CIO_API_KEY": "secret", "CIO_BASE_URL": "http://x/v1"}, ["http://x/v1, from CIO_BASE_URL: no region"]),
    ],
)
def test_offline_it_tells_the_form_of_the_key_and_the_server(run, variables, words):
    done = run("doctor", "--offline", **variables)
    assert done.returncode == 0
    for word in words:
        assert word in done.stdout
    assert "secret" not in done.stdout
    assert "tcp" not in done.stdout


def test_the_settings_may_come_from_a_file(run, tmp_path):
    file = tmp_path / "settings"
    file.write_text("CIO_API_KEY=pk_eu_secret\n")
    done = run("doctor", "--offline", "--dotenv", str(file))
    assert f"CIO_API_KEY is set in {file}" in done.stdout


# The verdicts by themselves ------------------------------------------------------------------------------------------


def test_a_missing_package_is_a_failure():
    found = examining.versions({"cio-facade": "1", "httpx": None})
    assert (found.verdict, found.detail) == ("failed", "cio-facade 1, httpx is missing")


def test_a_file_of_settings_that_nobody_named_is_pointed_at():
    assert "--dotenv .env" in examining.unset("CIO_API_KEY: is not set", nearby=True).hint


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(0, "ok"), (4, "ok"), (-4, "ok"), (6, "warning"), (-6, "warning"), (90_000, "warning")]
)
def test_clocks_that_are_some_seconds_apart(seconds, verdict):
    assert examining.clock(formatdate(NOW + seconds, usegmt=True), NOW).verdict == verdict


def test_a_server_may_leave_out_the_time_or_garble_it():
    assert examining.clock(None, NOW).verdict == examining.clock("noon", NOW).verdict == "skipped"


def test_words_for_no_answer():
    found = list(examining.answers(Heard(status=0, reasons=("timed out",), seconds=1, hosts=("h",))))
    assert [one.verdict for one in found] == ["failed", "skipped", "skipped"]
    assert examining.worst(found) is found[0]


def test_an_extra_is_there_when_all_its_packages_are():
    needs = ["a; extra == 'x'", "b>=1; extra == 'x'", "c; extra == 'y'", *(f"{name}; extra == 'all'" for name in "abc")]
    needs += ["d; extra == 'dev'", "e"]
    assert examining.extras(needs, {"a", "c"}.__contains__).detail == "y; not installed: x"
    assert examining.extras(needs, set("abc").__contains__).hint == ""


def test_the_key_is_not_in_what_is_found():
    settings = Settings.resolve("pk_eu_secret", None, None, strict=True, timeout=1)
    assert "secret" not in repr(examining.key(settings, "here")) + repr(examining.server(settings, {}))
