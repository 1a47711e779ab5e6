"""Who may look at the page and who may change the sandbox; what browsers are told about both, and about the API."""

import socket
import warnings
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.guard import Guard, is_loopback

CALL = {"userId": "u1", "event": "E"}
OWN_NAMES = ["localhost", "localhost:8080", "LOCALHOST:80", "127.0.0.1:8080", "127.0.0.2", "[::1]:8080", "[::1]"]
STRANGE_NAMES = ["", "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "[::1"]
OWN_NETWORK = "192.0.2.7"


def scope(
    method: str = "GET", peer: str | None = "127.0.0.1", host: str | None = "localhost:8080", **headers: str
) -> Scope:
    named = {**headers} if host is None else {"host": host, **headers}
    return {
        "type": "http",
        "method": method,
        "client": (peer, 50_000) if peer else None,
        "headers": [(name.replace("_", "-").encode(), text.encode("latin-1")) for name, text in named.items()],
    }


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_these_are_this_machine(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["", "0.0.0.0", "::", "192.0.2.7", "::ffff:192.0.2.7", "localhost.", "example.com"])
def test_these_may_be_others(address: str) -> None:
    assert not is_loopback(address)


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("host", OWN_NAMES)
def test_requests_that_name_this_machine_are_let_through(host: str, local: bool) -> None:
    assert Guard("127.0.0.1").objection(scope(host=host), local=local) is None


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("host", [None, *STRANGE_NAMES])
def test_a_name_of_another_host_that_leads_here_is_refused(host: str | None, local: bool) -> None:
    assert Guard("127.0.0.1").objection(scope(host=host), local=local) == "the Host header names another host"


def test_the_page_of_a_sandbox_that_others_reach_has_any_name_and_the_admin_has_not() -> None:
    guard = Guard("0.0.0.0")
    asked = scope(peer=OWN_NETWORK, host="box.lan:8080")
    assert guard.objection(asked, local=False) is None
    assert guard.objection(asked, local=True) == "this is for clients on the same machine"
    assert guard.objection(scope(host="box.lan:8080"), local=True) == "the Host header names another host"
    assert guard.objection(scope(host="0.0.0.0:8080"), local=True) is None


@pytest.mark.parametrize("peer", [None, OWN_NETWORK, "::ffff:192.0.2.7", "testclient"])
def test_what_changes_something_is_for_this_machine(peer: str | None) -> None:
    for guard in (Guard("127.0.0.1"), Guard("0.0.0.0")):
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert guard.objection(scope(method, peer), local=False) == "this is for clients on the same machine"
        assert guard.objection(scope("GET", peer), local=True) == "this is for clients on the same machine"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://localhost:3000"},
        {"origin": "http://localhost"},
        {"origin": "http://[::1"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site", "origin": "http://localhost:8080"},
        {"sec_fetch_site": "same-origin", "origin": "https://evil.example"},
    ],
)
def test_the_page_of_another_site_changes_nothing(headers: dict[str, str]) -> None:
    expected = "the request comes from another site's page"
    assert Guard("127.0.0.1").objection(scope("POST", **headers), local=False) == expected
    assert Guard("127.0.0.1").objection(scope("GET", **headers), local=True) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost:8080"},
        {"origin": "http://localhost:8080", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
    ],
)
def test_its_own_page_may(headers: dict[str, str]) -> None:
    assert Guard("127.0.0.1").objection(scope("POST", **headers), local=True) is None


def test_a_link_to_the_page_may_be_followed_from_anywhere() -> None:
    headers = {"sec_fetch_site": "cross-site", "referer": "https://example.com/"}
    assert Guard("127.0.0.1").objection(scope(**headers), local=False) is None


@given(host=st.text(st.characters(max_codepoint=255), max_size=30), origin=st.text(max_size=20) | st.none())
def test_no_header_makes_the_guard_fail(host: str, origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin.encode("utf-8", "replace").decode("latin-1")}
    Guard("127.0.0.1").objection(scope("POST", host=host, **headers), local=True)


# Over sockets ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exposed() -> Iterator[Sandbox]:
    """A sandbox that listens on all addresses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Sandbox(host="0.0.0.0") as sandbox:
            yield sandbox


def own_address() -> str:
    """An address of this machine's that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            pytest.skip("this machine has no network")
        address: str = probe.getsockname()[0]
    if is_loopback(address):
        pytest.skip("this machine has no network")
    return address


def test_the_page_and_the_admin_say_what_browsers_may_do_with_them(sandbox: Sandbox) -> None:
    for path in ("", "_sandbox/counts"):
        headers = httpx.get(sandbox.page + path, verify=False).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("path", ["", "_sandbox/counts", "_sandbox/faults"])
def test_a_rebound_name_reads_nothing(path: str, sandbox: Sandbox) -> None:
    answer = httpx.get(sandbox.page + path, headers={"Host": "evil.example"}, verify=False)
    assert (answer.status_code, answer.json()) == (403, {"error": "the Host header names another host"})
    assert "Content-Security-Policy" in answer.headers


def test_the_api_takes_calls_under_any_name(sandbox: Sandbox) -> None:
    answer = httpx.post(
        f"{sandbox.url}/track", json=CALL, auth=("k", ""), headers={"Host": "sandbox.lan"}, verify=False
    )
    assert (answer.status_code, sandbox.counts().accepted) == (200, 1)
    assert not [name for name in answer.headers if name.startswith(("access-control", "content-security"))]


def test_from_another_machine_the_page_can_be_seen_and_nothing_changed(exposed: Sandbox) -> None:
    address = own_address()
    there = exposed.page.replace("0.0.0.0", address)
    assert httpx.get(there, verify=False).status_code == 200
    api = exposed.url.replace("0.0.0.0", address)
    assert httpx.post(f"{api}/track", json=CALL, auth=("k", ""), verify=False).status_code == 200
    for method, path in (("GET", "counts"), ("PUT", "faults"), ("POST", "clear"), ("POST", "sql")):
        answer = httpx.request(method, f"{there}_sandbox/{path}", json={}, verify=False)
        assert (answer.status_code, answer.json()) == (403, {"error": "this is for clients on the same machine"})
    here = exposed.page.replace("0.0.0.0", "127.0.0.1")
    assert httpx.get(f"{here}_sandbox/counts", verify=False).json()["accepted"] == 1


def test_an_address_that_others_may_reach_warns_that_they_may_read_all() -> None:
    with pytest.warns(UserWarning, match="read all that it holds"), Sandbox(host="0.0.0.0"):
        pass


# The API and pages in browsers ----------------------------------------------------------------------------------------

ORIGIN = {"Origin": "http://localhost:3000"}


def test_a_page_elsewhere_may_call_the_api_as_it_may_call_the_service(sandbox: Sandbox, strict: httpx.Client) -> None:
    asked = {
        **ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = strict.options("/track", headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "POST"
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization,content-type"
    assert sandbox.counts().requests == 0, "to ask is no request"


@pytest.mark.parametrize(("call", "status"), [(CALL, 200), ({}, 400)])
def test_it_may_read_every_answer(call: object, status: int, sandbox: Sandbox, strict: httpx.Client) -> None:
    answer = strict.post("/track", json=call, headers=ORIGIN)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, "*")
    sandbox.faults.set("429:retry-after=2s")
    answer = strict.post("/track", json=call, headers=ORIGIN)
    sandbox.faults.clear()
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (429, "*")
    assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"


def test_options_that_no_browser_asks_are_405_as_before(sandbox: Sandbox, strict: httpx.Client) -> None:
    answer = strict.options("/track")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert sandbox.requests()[0].status == 405


def test_what_a_browser_looks_for_and_is_not_there_is_no_call(sandbox: Sandbox, strict: httpx.Client) -> None:
    assert strict.get(f"{sandbox.page}nothing.png").status_code == 404
    assert sandbox.counts().requests == 0
    assert strict.get("/nothing").status_code == 404
    assert sandbox.counts().requests == 1, "below the API's prefix it is"


# The page that sets the faults ----------------------------------------------------------------------------------------


@pytest.fixture
def faults_page(sandbox: Sandbox) -> Iterator[str]:
    sandbox.faults.clear()
    yield f"{sandbox.page}faults"
    sandbox.faults.clear()


def test_a_person_sets_the_faults_and_sees_them(faults_page: str, sandbox: Sandbox, strict: httpx.Client) -> None:
    form = {"rules": "429:5%@9-\r\n\r\n500@1\r\n", "seed": "7"}
    answer = httpx.post(faults_page, data=form, verify=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/faults")
    assert (list(sandbox.faults), sandbox.faults.seed) == (["429:5%@9-", "500@1"], 7)
    strict.post("/track", json=CALL)
    text = httpx.get(faults_page, verify=False).text
    assert "429:5%@9-\n500@1" in text
    assert "/requests/1" in text


@pytest.mark.parametrize("form", [{"rules": "<script>"}, {"rules": "500", "seed": "x"}])
def test_what_is_no_rule_is_told_escaped_and_changes_nothing(
    form: dict[str, str], faults_page: str, sandbox: Sandbox
) -> None:
    sandbox.faults.set("503@9")
    answer = httpx.post(faults_page, data=form, verify=False)
    assert (answer.status_code, list(sandbox.faults)) == (400, ["503@9"])
    assert 'role="alert"' in answer.text
    assert "<script>" not in answer.text


def test_a_form_of_another_site_or_without_bounds_is_refused(faults_page: str, sandbox: Sandbox) -> None:
    stranger = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert httpx.post(faults_page, data={"rules": "500"}, headers=stranger, verify=False).status_code == 403
    assert httpx.post(faults_page, data={"rules": "5" * 100_000}, verify=False).status_code == 400
    assert list(sandbox.faults) == []
