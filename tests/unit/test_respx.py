"""Users who mock httpx with respx find the client's requests there, as those of any other code."""

import asyncio
import json

import httpx
import respx

from cio_facade import AsyncCustomerIO, CustomerIO, messages

URL = "https://cdp.customer.io/v1"


@respx.mock
def test_a_call_of_the_sync_client_is_seen_by_respx():
    route = respx.post(f"{URL}/track").mock(return_value=httpx.Response(200, json={}))
    with CustomerIO("key") as cio:
        assert cio.track("u1", "Signed Up").status == 200
    request = route.calls.last.request
    assert json.loads(request.content)["event"] == "Signed Up"
    assert request.headers["X-Strict-Mode"] == "1"


@respx.mock
def test_a_batch_of_the_async_client_is_seen_by_respx():
    route = respx.post(f"{URL}/batch").mock(return_value=httpx.Response(200, json={}))

    async def send():
        async with AsyncCustomerIO("key") as cio:
            return await cio.send_many(messages.track("u1", "Signed Up") for _ in range(3))

    assert asyncio.run(send()).delivered == 3
    assert len(json.loads(route.calls.last.request.content)["batch"]) == 3
