"""Both ways of sending a key, and what is none."""

import base64
from pathlib import Path

import httpx
import pytest

from cio_facade.sandbox import Sandbox

CALL = {"userId": "u1", "event": "E"}


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


ACCEPTED = [
    basic("0123abcd:"),
    basic("pk_us_0123abcd:"),
    basic("0123abcd:").replace("Basic", "basic"),
    "Bearer pk_us_0123abcd",
    "Bearer sk_eu_0123abcd",
    "bearer sk_eu_0123abcd",
]
REFUSED = [
    "",
    "Basic",
    "Basic !!!!",
    "Basic \u00e4",
    "Basic " + base64.b64encode(b"\xff\xfe:").decode(),
    basic("0123abcd"),
    basic(":"),
    basic("0123abcd:password"),
    basic("0123abcd\n:"),
    basic("01 23:"),
    "Bearer",
    "Bearer 0123abcd",
    "Bearer pk_us_01 23",
    "Digest 0123abcd",
    "0123abcd",
]


def post(client: httpx.Client, authorization: str | None) -> httpx.Response:
    request = client.build_request("POST", "track", json=CALL)
    if authorization is not None:
        request.headers["Authorization"] = authorization.encode("latin-1").decode("latin-1")
    return client.send(request, auth=None)


@pytest.mark.parametrize("authorization", ACCEPTED)
def test_a_key_is_accepted(authorization: str, strict: httpx.Client) -> None:
    assert post(strict, authorization).status_code == 200


@pytest.mark.parametrize("authorization", [None, *REFUSED])
def test_strict_mode_refuses_what_is_no_key_with_401(
    authorization: str | None, strict: httpx.Client, sandbox: Sandbox
) -> None:
    answer = post(strict, authorization)
    assert answer.status_code == 401
    assert list(answer.json()["meta"]) == ["error"]
    assert (sandbox.requests()[0].key, sandbox.calls()) == (None, [])


def test_permissive_mode_loses_a_call_without_a_key(permissive: httpx.Client, sandbox: Sandbox) -> None:
    assert post(permissive, None).status_code == 200
    assert (sandbox.requests()[0].verdict, sandbox.counts().lost, sandbox.calls()) == ("lost", 1, [])


def test_a_sandbox_with_keys_refuses_all_others() -> None:
    with (
        Sandbox(api_keys=["mine", "pk_us_mine"]) as sandbox,
        httpx.Client(base_url=sandbox.url, headers={"X-Strict-Mode": "1"}, verify=False) as client,
    ):
        answers = [
            post(client, header).status_code for header in (basic("mine:"), "Bearer pk_us_mine", basic("other:"))
        ]
    assert answers == [200, 200, 401]


def test_one_text_is_no_list_of_keys() -> None:
    with pytest.raises(ValueError, match="list of keys"):
        Sandbox(api_keys="mine")


def test_a_key_is_stored_only_as_its_hash(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "sandbox.db") as sandbox:
        for key in ("0123abcd", "0123abcd", "4567efab"):
            httpx.post(f"{sandbox.url}/track", json=CALL, auth=(key, ""), verify=False)
        hashes = [request.key for request in sandbox.requests()]
        stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert hashes[0] == hashes[1] != hashes[2]
    assert b"0123abcd" not in stored
