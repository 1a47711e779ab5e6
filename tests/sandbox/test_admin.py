"""What a running sandbox may be asked over HTTP, and that only this machine may ask."""

import contextlib
import sqlite3
import threading
from typing import Any

import httpx
import pytest

from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.rules import published

CALL = {"userId": "u1", "event": "E"}
LARGEST = published()["x-limits"]["batchBytes"]


@pytest.fixture
def admin(sandbox: Sandbox, connection: httpx.Client) -> Any:
    """Asks, and gives status and JSON."""
    sandbox.faults.clear()

    def ask(method: str, path: str, body: object = None, **options: Any) -> tuple[int, Any]:
        content = {} if body is None else {"json": body}
        answer = connection.request(method, f"{sandbox.page}_sandbox/{path}", **content, **options)
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status_code, answer.json()

    return ask


def test_faults_are_shown_set_and_cleared(admin: Any, sandbox: Sandbox, strict: httpx.Client) -> None:
    rules = ["429:5%@100-", "500@1"]
    assert admin("PUT", "faults", {"rules": rules, "seed": 7}) == (200, {"rules": rules, "seed": 7})
    assert admin("GET", "faults") == (200, {"rules": rules, "seed": 7})
    assert (list(sandbox.faults), sandbox.faults.seed) == (rules, 7)
    assert strict.post("/track", json=CALL).status_code == 500
    assert admin("DELETE", "faults") == (200, {"rules": [], "seed": 7})
    assert strict.post("/track", json=CALL).status_code == 200


def test_the_admin_endpoints_themselves_never_fail_on_demand(admin: Any) -> None:
    admin("PUT", "faults", {"rules": ["reset"]})
    assert admin("GET", "counts")[0] == 200
    assert admin("DELETE", "faults")[0] == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"rules": "429"},
        {"rules": [429]},
        {"rules": ["500", "boom"]},
        {"rules": [], "seed": "1"},
        {"rules": [], "seed": True},
        [],
    ],
)
def test_faults_that_are_none_are_400_in_one_form_and_change_nothing(body: object, admin: Any) -> None:
    admin("PUT", "faults", {"rules": ["503@9"]})
    status, answer = admin("PUT", "faults", body)
    assert (status, list(answer)) == (400, ["error"])
    assert admin("GET", "faults")[1]["rules"] == ["503@9"]
    admin("DELETE", "faults")


def test_counts_are_those_of_the_sandbox(admin: Any, sandbox: Sandbox, strict: httpx.Client) -> None:
    strict.post("/track", json=CALL)
    strict.post("/track", json={})
    status, counts = admin("GET", "counts")
    assert (status, counts["accepted"], counts["refused"], counts["by_event"]) == (200, 1, 1, {"E": 1})
    assert admin("GET", "counts")[1]["requests"] == 2, "admin requests are not counted"


def test_clearing_starts_anew(admin: Any, sandbox: Sandbox, strict: httpx.Client) -> None:
    strict.post("/track", json=CALL)
    assert admin("POST", "clear") == (200, {})
    assert (sandbox.counts().requests, sandbox.calls()) == (0, [])


def test_a_query_gives_columns_and_rows(admin: Any, strict: httpx.Client) -> None:
    strict.post("/track", json=CALL)
    query = "SELECT event, user_id, NULL AS none, 1.5 AS half, x'00ff' AS bytes FROM calls WHERE user_id = ?"
    status, answer = admin("POST", "sql", {"query": query, "parameters": ["u1"]})
    assert (status, answer["rows"]) == (200, [["E", "u1", None, 1.5, "X'00ff'"]])
    assert answer["columns"] == ["event", "user_id", "none", "half", "bytes"]
    assert admin("POST", "sql", {"query": "SELECT :a AS a", "parameters": {"a": 1}})[1]["rows"] == [[1]]
    assert admin("POST", "sql", {"query": "SELECT 1 WHERE 0"})[1] == {"columns": ["1"], "rows": [], "more": False}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": 1},
        {"query": ""},
        {"query": "SELEC"},
        {"query": "SELECT ?"},
        {"query": "SELECT ?", "parameters": "a"},
        {"query": "SELECT ?", "parameters": [[]]},
        {"query": "SELECT 1; SELECT 2"},
        {"query": "DELETE FROM received"},
        {"query": "DROP TABLE received"},
        {"query": "PRAGMA user_version = 9"},
        {"query": "ATTACH ':memory:' AS other"},
        {"query": "SELECT load_extension('x')"},
    ],
)
def test_what_is_no_query_that_reads_is_400(body: object, admin: Any, sandbox: Sandbox) -> None:
    status, answer = admin("POST", "sql", body)
    assert (status, list(answer)) == (400, ["error"])
    assert "\n" not in answer["error"]
    assert sandbox.counts().requests == 0


def test_a_query_that_takes_long_keeps_nobody_waiting(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "sandbox.db"
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    answers: list[httpx.Response] = []
    with Sandbox(file) as slow, httpx.Client(base_url=slow.url, auth=("k", ""), verify=False) as client:

        def ask() -> None:
            with contextlib.suppress(httpx.TransportError):
                answers.append(
                    httpx.post(f"{slow.page}_sandbox/sql", json={"query": endless}, verify=False, timeout=20)
                )

        asking = threading.Thread(target=ask)
        asking.start()
        for _ in range(20):
            assert client.post("/track", json=CALL, timeout=2).status_code == 200
        assert not answers
        assert asking.is_alive()
    asking.join()
    assert not answers, "cut off when the sandbox stopped"
    assert caplog.text == ""


def test_bodies_are_bounded(sandbox: Sandbox, admin: Any) -> None:
    status, answer = admin("POST", "sql", {"query": "x" * LARGEST})
    assert (status, list(answer)) == (413, ["error"])


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff", b"nonsense"])
def test_a_body_that_is_no_json_object_is_400(content: bytes, sandbox: Sandbox) -> None:
    answer = httpx.put(f"{sandbox.page}_sandbox/faults", content=content, verify=False)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


def test_other_paths_and_methods_are_not_there(sandbox: Sandbox) -> None:
    assert httpx.get(f"{sandbox.page}_sandbox/nothing", verify=False).status_code == 404
    for method, path, allowed in [("GET", "_sandbox/sql", "POST"), ("POST", "", "GET, HEAD"), ("PUT", "", "GET, HEAD")]:
        answer = httpx.request(method, f"{sandbox.page}{path}", verify=False)
        assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
        assert answer.json() == {"meta": {"error": f"the path takes only {allowed}"}}


def test_a_store_that_fails_is_500_and_no_text_of_it_is_told(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "sandbox.db"
    with Sandbox(file) as sandbox:
        other = sqlite3.connect(file)
        other.execute("DROP VIEW calls")
        other.execute("DROP TABLE requests")
        other.commit()
        other.close()
        answer = httpx.get(f"{sandbox.page}_sandbox/counts", verify=False)
    assert answer.status_code == 500
    caplog.clear()
