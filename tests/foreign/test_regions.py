"""A key in the wrong region, with clients that nobody here wrote: what they follow, and what they keep back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import customerio.analytics
import customerio.analytics.request
import httpx
import pytest

from cio_facade.sandbox import Sandbox

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")

Run = Callable[..., Any]

KEY = "sk_eu_1234"
CALL = {"userId": "u1", "event": "Seen"}


class Regions(NamedTuple):
    """A sandbox of the one region that sends keys of the other where they belong, and the sandbox there."""

    us: Sandbox
    eu: Sandbox


@pytest.fixture
def regions() -> Iterator[Regions]:
    with Sandbox(region="eu") as eu, Sandbox(region="us", elsewhere=eu.url) as us:
        yield Regions(us, eu)


def test_a_post_stays_a_post_with_its_body(regions: Regions) -> None:
    with httpx.Client(headers={"Authorization": f"Bearer {KEY}", "X-Strict-Mode": "1"}, verify=False) as client:
        answer = client.post(f"{regions.us.url}/track", json=CALL)
        assert (answer.status_code, answer.headers["location"]) == (307, f"{regions.eu.url}/track")
        # A client that is told that it may follow with its key: another port is another origin.
        assert client.post(answer.headers["location"], json=CALL).status_code == 200
    (turned,) = regions.us.requests()
    assert (turned.status, turned.verdict, regions.us.calls()) == (307, "refused", [])
    assert regions.eu.calls() == [{**CALL, "type": "track"}]


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "permissive"])
def test_the_vendors_python_client_follows_without_its_key(
    strict: bool, regions: Regions, monkeypatch: pytest.MonkeyPatch
) -> None:
    if strict:
        monkeypatch.setitem(customerio.analytics.request._session.headers, "X-Strict-Mode", "1")
    client = customerio.analytics.Client(KEY, host=regions.us.url.removesuffix("/v1"), sync_mode=True)
    if strict:
        with pytest.raises(KeyError, match="code"):
            client.track("u1", "Seen")
    else:
        client.track("u1", "Seen")  # it hears nothing of it
    (arrived,) = regions.eu.requests()
    assert (arrived.path, arrived.key, arrived.status) == ("/v1/batch", None, 401 if strict else 200)
    assert arrived.problems[0].reason == "authentication"
    assert arrived.verdict == ("refused" if strict else "lost")
    assert regions.eu.calls() == []


def test_the_vendors_node_client_follows_without_its_key(regions: Regions, run_node: Run) -> None:
    (error,) = run_node("customerio-node", url=regions.us.url, key=KEY, strict=True, calls=[("track", CALL)])
    (arrived,) = regions.eu.requests()
    assert (arrived.path, arrived.key, arrived.status) == ("/v1/track", None, 401)
    assert (error["status"], error["message"]) == (401, "the Authorization header is missing")
