"""Nothing gets through, for a while or for good: the error says so, the account says what is left, and it can be sent
again.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import trustme
from drivers import KEY, Account, Driver
from length import LONG, times
from proxy import GOOD, Exchange, Fault, FaultProxy, each, every, said

from cio_facade import (
    AuthenticationError,
    CustomerIOError,
    NetworkError,
    RateLimitError,
    RefusedError,
    Retry,
    ServerError,
)
from cio_facade.messages import Message

# Soon over, and yet more than one attempt.
IMPATIENT = Retry(base=0.01, cap=0.05, budget=0.2)


def _nothing_went(account: Account, driver: Driver, error: type[CustomerIOError]) -> None:
    report = account.report
    assert report.balanced
    assert report.delivered == report.rejected == 0
    assert report.failed + report.pending == report.accepted > 0
    if driver.raises:
        assert isinstance(account.error, error)
    assert KEY not in f"{account.error!r} {report.reasons}"


def _left(account: Account, given: Sequence[Message]) -> list[Message]:
    return [message for message in given if message.call["messageId"] not in account.delivered]


# Names ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """All of ``.example`` is this machine, once the exceptions in this list are used up; ``.invalid`` is nowhere."""
    failures: list[BaseException] = []
    resolve = socket.getaddrinfo

    def lookup(host: Any, *args: Any, **more: Any) -> Any:
        text = host.decode() if isinstance(host, bytes) else host
        if isinstance(text, str) and text.endswith(".invalid") and not LONG:  # a resolver may take its time
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if not (isinstance(text, str) and text.endswith(".example")):
            return resolve(host, *args, **more)
        if failures:
            raise failures.pop()
        return resolve("127.0.0.1", *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return failures


@pytest.mark.usefixtures("names")
def test_a_name_that_nobody_has(driver: Driver, given: Any) -> None:
    account = driver.deliver(given(8), base_url="http://cdp.invalid/v1", retry=IMPATIENT)
    _nothing_went(account, driver, NetworkError)


def test_names_that_are_not_found_for_a_while(
    driver: Driver, sandbox: Any, network: Any, given: Any, check: Any, names: list[BaseException]
) -> None:
    names += [socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")] * 5
    stream = given(60)
    with network(sandbox, each(Fault(close=True))) as net:
        account = net.deliver(driver, stream, base_url=net.proxy.url.replace("127.0.0.1", "cdp.example"))
    assert check(account, driver, stream, net.proxy, sandbox) == 0
    assert account.report.complete
    assert not names


# TLS -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _certified(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine trusts the authority."""
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))


def _learns_nothing(driver: Driver, given: Sequence[Message], proxy: FaultProxy, url: str) -> None:
    account = driver.deliver(given, base_url=url, retry=IMPATIENT)
    _nothing_went(account, driver, NetworkError)
    assert proxy.exchanges == []


def test_a_certificate_that_nobody_vouches_for(driver: Driver, sandbox: Any, given: Any, authority: trustme.CA) -> None:
    with FaultProxy(sandbox.url, tls=_certified(authority, "127.0.0.1")) as proxy:
        _learns_nothing(driver, given(8), proxy, proxy.url)


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_another(driver: Driver, sandbox: Any, given: Any, authority: trustme.CA) -> None:
    with FaultProxy(sandbox.url, tls=_certified(authority, "other.example")) as proxy:
        _learns_nothing(driver, given(8), proxy, proxy.url)


def test_a_server_that_speaks_no_tls(driver: Driver, sandbox: Any, given: Any) -> None:
    with FaultProxy(sandbox.url) as proxy:
        _learns_nothing(driver, given(8), proxy, proxy.url.replace("http:", "https:"))


@pytest.mark.usefixtures("trusted")
def test_tls_that_breaks_off(
    driver: Driver, sandbox: Any, network: Any, given: Any, check: Any, authority: trustme.CA
) -> None:
    faults = [Fault("cut", cut_answer=0), Fault("cut", cut_answer=20), Fault("cut", cut_request=300)]
    stream = given(200 if driver.batches else 40)
    with network(sandbox, every(3, *faults), tls=_certified(authority, "127.0.0.1")) as net:
        account = net.deliver(driver, stream)
    assert check(account, driver, stream, net.proxy, sandbox) > 0
    assert account.report.complete


# For longer than the budget ------------------------------------------------------------------------------------------


def _good_until(number: int, fault: Fault) -> Any:
    """The first requests are well, and then nothing is."""
    return lambda exchange: GOOD if exchange.number <= number else fault


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("reset", cut_answer=0), NetworkError),
        (Fault("outage", outage=600), NetworkError),
        (Fault("503", answer=said(503)), ServerError),
        (Fault("502 after taking", answer=said(502), taken=True), ServerError),
        (Fault("429", answer=said(429)), RateLimitError),
        (Fault("429 for an hour", answer=said(429, Retry_After="3600")), RateLimitError),
        (Fault("401", answer=said(401)), AuthenticationError),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_what_is_left_can_be_sent_again(
    fault: Fault, error: type[CustomerIOError], driver: Driver, sandbox: Any, network: Any, given: Any, check: Any
) -> None:
    stream = given(200 if driver.batches else 14)
    with network(sandbox, _good_until(6, fault)) as net:
        account = net.deliver(driver, stream, retry=IMPATIENT)
        check(account, driver, stream, net.proxy, sandbox)
        assert 0 < account.report.delivered < len(stream)
        assert account.report.rejected == 0
        if driver.raises:
            assert isinstance(account.error, error)
    rest = _left(account, stream)
    with network(sandbox, each(GOOD)) as later:
        again = later.deliver(driver, rest)
    assert again.report.complete
    later.proxy.lost.update(net.proxy.lost)
    check(again, driver, stream, later.proxy, sandbox)
    assert {call["messageId"] for call in sandbox.calls()} == {message.call["messageId"] for message in stream}


# The wrong region ----------------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere() -> Iterator[Any]:
    """The server of the right region."""
    from cio_facade.sandbox import Sandbox

    with Sandbox(rate=False) as running:
        yield running


def _to(place: str, status: int) -> Any:
    """A redirect to the same path of another server."""

    def plan(exchange: Exchange) -> Fault:
        return Fault("redirect", answer=said(status, b"", Location=f"{place}{exchange.path}"))

    return plan


@pytest.mark.parametrize("status", times([301, 307], [301, 302, 307, 308]))
def test_a_redirect_to_the_right_region_is_followed_with_all_that_was_said(
    status: int, driver: Driver, sandbox: Any, elsewhere: Any, network: Any, given: Any, check: Any
) -> None:
    stream = given(200 if driver.batches else 30)
    with network(sandbox, _to(elsewhere.url.removesuffix("/v1"), status)) as net:
        account = net.deliver(driver, stream)
    assert check(account, driver, stream, net.proxy, elsewhere) == 0
    assert account.report.complete
    assert {request.status for request in elsewhere.requests()} == {200}
    assert {request.strict for request in elsewhere.requests()} == {True}
    assert sandbox.counts().requests == 0


def test_some_requests_are_redirected_and_the_right_region_loses_answers(
    driver: Driver, sandbox: Any, elsewhere: Any, network: Any, given: Any, check: Any
) -> None:
    stream = given(200 if driver.batches else 40)
    with network(elsewhere, every(4, Fault("lost", cut_answer=0))) as right:
        redirect = _to(right.proxy.url.removesuffix("/v1"), 307)
        with network(sandbox, lambda exchange: redirect(exchange) if exchange.number % 3 else GOOD) as net:
            account = net.deliver(driver, stream)
    net.proxy.lost.update(right.proxy.lost)
    assert check(account, driver, stream, net.proxy, sandbox, elsewhere) > 0
    assert account.report.complete


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("status", [301, 308])
def test_a_redirect_to_a_stranger_is_not_followed(
    status: int, driver: Driver, sandbox: Any, elsewhere: Any, network: Any, given: Any
) -> None:
    with FaultProxy(elsewhere.url) as stranger:
        plan = _to(f"http://stranger.example:{stranger.port}", status)
        with network(sandbox, plan) as net:
            account = net.deliver(driver, given(8), retry=IMPATIENT)
        _nothing_went(account, driver, RefusedError)
        assert stranger.connections == 0
    assert sandbox.counts().requests == elsewhere.counts().requests == 0
