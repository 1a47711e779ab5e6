"""A sandbox of one region: keys of another are sent where they belong, or refused."""

import base64
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from driving import AsyncDriven

from cio_facade import AuthenticationError, CustomerIO, RefusedError, messages
from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.rules import published

CALL = {"userId": "u1", "event": "E"}
HOME, OTHER, *_ = [server["x-region"] for server in published()["servers"]]
OWN_KEY, OTHER_KEY = f"pk_{HOME}_0123abcd", f"sk_{OTHER}_0123abcd"
STRICT = {"X-Strict-Mode": "1"}


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Sandbox, Sandbox]]:
    """A sandbox of one region that sends keys of others to the second."""
    with Sandbox(region=OTHER) as other, Sandbox(region=HOME, elsewhere=other.url) as home:
        yield home, other


@pytest.fixture
def pair(servers: tuple[Sandbox, Sandbox]) -> tuple[Sandbox, Sandbox]:
    for sandbox in servers:
        sandbox.clear()
    return servers


def post(
    sandbox: Sandbox, key: str, *, basic: bool = False, strict: bool = True, path: str = "/track"
) -> httpx.Response:
    credentials = base64.b64encode(f"{key}:".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}" if basic else f"Bearer {key}"}
    return httpx.post(f"{sandbox.url}{path}", json=CALL, headers=headers | (STRICT if strict else {}), verify=False)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("basic", [True, False])
def test_a_key_of_another_region_is_sent_there_and_nothing_is_kept(
    basic: bool, strict: bool, pair: tuple[Sandbox, Sandbox]
) -> None:
    home, other = pair
    answer = post(home, OTHER_KEY, basic=basic, strict=strict)
    assert (answer.status_code, answer.headers["Location"]) == (307, f"{other.url}/track")
    (request,) = home.requests()
    assert (request.verdict, request.key, request.accepted, request.lost) == ("refused", None, 0, 0)
    assert request.reason == f"the key belongs to the region {OTHER}: sent there"
    assert home.calls() == []


def test_every_endpoint_is_sent_to_the_same_one_there(pair: tuple[Sandbox, Sandbox]) -> None:
    home, other = pair
    for path in published()["paths"]:
        assert post(home, OTHER_KEY, path=path).headers["Location"] == other.url + path


def test_a_key_of_its_own_region_and_one_without_a_region_are_taken(pair: tuple[Sandbox, Sandbox]) -> None:
    home, other = pair
    assert post(home, OWN_KEY).status_code == 200
    assert post(home, "0123abcd", basic=True).status_code == 200
    assert post(other, OTHER_KEY).status_code == 200


def test_without_another_place_such_a_key_is_refused_as_the_mode_has_it(pair: tuple[Sandbox, Sandbox]) -> None:
    _, other = pair
    assert (post(other, OWN_KEY).status_code, post(other, OWN_KEY, strict=False).status_code) == (401, 200)
    assert [request.verdict for request in other.requests()] == ["refused", "lost"]
    assert other.requests()[0].reason == "the key belongs to another region"


def test_a_region_that_nobody_knows_is_sent_nowhere(pair: tuple[Sandbox, Sandbox]) -> None:
    assert post(pair[0], "pk_nowhere_0123abcd").status_code == 401


def test_a_sandbox_without_a_region_takes_the_keys_of_all(sandbox: Sandbox) -> None:
    assert [post(sandbox, key).status_code for key in (OWN_KEY, OTHER_KEY)] == [200, 200]


def test_a_key_is_sent_away_whether_it_is_known_here_or_not(pair: tuple[Sandbox, Sandbox]) -> None:
    with Sandbox(region=HOME, elsewhere=pair[1].url, api_keys=[OWN_KEY]) as sandbox:
        assert post(sandbox, OTHER_KEY).status_code == 307
        assert post(sandbox, OWN_KEY).status_code == 200
        assert post(sandbox, f"{OWN_KEY}9").status_code == 401


def test_keys_that_are_sent_away_do_not_count_against_the_rate(pair: tuple[Sandbox, Sandbox]) -> None:
    document = {**published(), "x-limits": {**published()["x-limits"], "window": {"requests": 1, "seconds": 60}}}
    with Sandbox(region=HOME, elsewhere=pair[1].url, document=document) as sandbox:
        assert [post(sandbox, OTHER_KEY).status_code for _ in range(3)] == [307] * 3
        assert [post(sandbox, OWN_KEY).status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize("client", [CustomerIO, AsyncDriven])
@pytest.mark.parametrize("way", ["send", "send_many"])
def test_the_client_of_this_house_follows_with_its_key(client: Any, way: str, pair: tuple[Sandbox, Sandbox]) -> None:
    home, other = pair
    calls = [messages.track(f"u{n}", "Seen", message_id=f"m{n}") for n in range(10)]
    with client(OTHER_KEY, base_url=home.url) as cio:
        if way == "send_many":
            assert cio.send_many(calls).delivered == 10
        else:
            for call in calls:
                cio.send(call)
    assert sorted(call["messageId"] for call in other.calls()) == [call.message_id for call in calls]
    assert home.counts().accepted == 0
    assert {request.verdict for request in other.requests()} == {"accepted"}


def test_it_does_not_follow_where_there_is_nothing_to_follow(pair: tuple[Sandbox, Sandbox]) -> None:
    with CustomerIO(OWN_KEY, base_url=pair[1].url) as cio, pytest.raises(AuthenticationError):
        cio.send(messages.track("u1", "Seen"))


def test_two_sandboxes_that_each_send_to_the_other_end_in_a_refusal(pair: tuple[Sandbox, Sandbox]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = f"http://127.0.0.1:{port}/v1"
    with Sandbox(region=OTHER, elsewhere=home) as astray, Sandbox(port=port, region=OTHER, elsewhere=astray.url):
        with CustomerIO(OWN_KEY, base_url=home) as cio, pytest.raises(RefusedError):
            cio.send(messages.track("u1", "Seen"))
        assert astray.counts().accepted == 0


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"region": "mars"}, f"the region 'mars' is not one of the specification's: {HOME}, {OTHER}"),
        ({"region": ""}, "the region '' is not one"),
        ({"elsewhere": "http://127.0.0.1:1/v1"}, "name its region"),
        *(
            ({"region": HOME, "elsewhere": text}, "is no URL such as")
            for text in ("", "127.0.0.1:1/v1", "/v1", "ftp://127.0.0.1/v1", "http://127.0.0.1:x/v1", "http:///v1")
        ),
        *(
            ({"region": HOME, "elsewhere": f"http://127.0.0.1/{text}"}, "is no URL such as")
            for text in ("v1?a=b", "v1#a", "v 1", "v1\r\nSet-Cookie: a=b", "\u00e4")
        ),
    ],
)
def test_settings_that_make_no_sense_are_told_at_once(options: dict[str, str], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        Sandbox(**options)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_a_slash_at_the_end_of_the_other_place_is_left_out(pair: tuple[Sandbox, Sandbox]) -> None:
    with Sandbox(region=HOME, elsewhere=f"{pair[1].url}/") as sandbox:
        assert post(sandbox, OTHER_KEY).headers["Location"] == f"{pair[1].url}/track"
