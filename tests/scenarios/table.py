"""The table of scenarios: what a server does, and what each way of sending makes of it. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from server import Reply, json_reply

from cio_facade import (
    AuthenticationError,
    CustomerIOError,
    NetworkError,
    RateLimitError,
    RefusedError,
    Retry,
    ServerError,
    messages,
)

KEY = "sk_us_0123456789abcdef"
EMAIL = "ann@example.com"
CALLS = [messages.track(f"u{n}", "Signed Up", {"email": EMAIL}) for n in range(3)]

_SENT = {"delivered": 3}
_ONCE = Retry(budget=0)
_HTML = b"<html><body>502 Bad Gateway</body></html>\xff"


@dataclass(frozen=True)
class Scenario:
    """What a server does, and what must come of it.

    Attributes
    ----------
    name
        What happens.
    script, rest
        The server's replies, and what follows when they are used up.
    error, status, reasons
        What ``send`` raises, with these attributes; without an error it gives a receipt.
    attempts
        Requests that ``send`` makes; None where chance has a say.
    many
        What the report of ``send_many`` counts for three calls of three people.
    stops
        Whether ``send_many`` raises the error too, with the report.
    slept
        The pauses before the attempts, where the server names them.
    settings
        Of the client.
    """

    name: str
    script: tuple[Reply, ...] = ()
    rest: Reply = field(default_factory=Reply)
    error: type[CustomerIOError] | None = None
    status: int | None = 200
    reasons: tuple[str, ...] | None = None
    attempts: int | None = 1
    many: Mapping[str, int] = field(default_factory=_SENT.copy)
    stops: bool = False
    slept: tuple[float, ...] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def _delivered(name: str, *script: Reply, **more: Any) -> Scenario:
    """Delivered, by as many attempts as there are replies in the script."""
    return Scenario(name, script, **{"attempts": len(script), **more})


def _refused(name: str, reply: Reply, *reasons: str, **more: Any) -> Scenario:
    """The content is refused: ``send`` raises, ``send_many`` counts and goes on."""
    return Scenario(
        name, rest=reply, error=RefusedError, status=reply.status, reasons=reasons, many={"rejected": 3}, **more
    )


def _given_up(name: str, reply: Reply, error: type[CustomerIOError], *, attempts: int | None, **more: Any) -> Scenario:
    """No more is sent: both ways of sending raise."""
    status = None if error is NetworkError else reply.status
    return Scenario(
        name,
        rest=reply,
        error=error,
        status=status,
        attempts=attempts,
        **{"many": {"failed": 3}, "stops": True, **more},
    )


_OUT_OF_ENCODING = {"Content-Encoding": "gzip"}
_RETRY_AFTER_7 = {"Retry-After": "7"}
_NOTHING = Reply(body=b"")

SCENARIOS = [
    # The server takes the call.
    _delivered("200", Reply()),
    _delivered("200 without a body", _NOTHING),
    _delivered("200 with garbage in the body", Reply(body=_HTML)),
    _delivered("200 with a body that is not what its encoding says", Reply(headers=_OUT_OF_ENCODING, body=_HTML)),
    _delivered(
        "200 with a body that never ends", Reply(headers={"Content-Length": "1" + "0" * 15}, endless=b"x" * 9999)
    ),
    _delivered("200 in chunks", Reply(headers={"Transfer-Encoding": "chunked"}, body=b"2\r\n{}\r\n0\r\n\r\n")),
    _delivered("200 after answers in between", Reply(raw=b"HTTP/1.1 103 Early Hints\r\n\r\n" + Reply().wire())),
    _delivered("202", Reply(202), status=202),
    _delivered("204", Reply(204, body=b""), status=204),
    _delivered("slow", Reply(pause=0.1)),
    _delivered("200 and the connection is closed", Reply(close=True)),
    # The content is refused.
    _refused("400, a list of reasons", json_reply(400, {"meta": {"errors": ["one", "two"]}}), "one", "two"),
    _refused("400, a reason", json_reply(400, {"meta": {"error": "one"}}), "one"),
    _refused(
        "400, reasons by field",
        json_reply(400, {"errors": [{"reason": "type", "field": "traits.age", "message": "is no number"}]}),
        "traits.age: is no number (type)",
    ),
    _refused(
        "400, which repeats call and key", json_reply(400, {"meta": {"error": f"{EMAIL} of {KEY}"}}), "[...] of [key]"
    ),
    _refused("400 without a body", Reply(400, body=b"")),
    _refused("400 with garbage in the body", Reply(400, body=_HTML)),
    _refused("400 with a body that is no object", Reply(400, body=b"[null, 1, true]")),
    _refused("400 with a body a thousand levels deep", Reply(400, body=b'{"meta":' * 1000 + b"1" + b"}" * 1000)),
    _refused("400 with a body that is not what its encoding says", Reply(400, headers=_OUT_OF_ENCODING, body=_HTML)),
    _refused("413", json_reply(413, {"meta": {"error": "too large"}}), "too large"),
    _refused("413 before the body was read", Reply(413, unread=True, body=b"")),
    _refused("422", Reply(422)),
    # Key or server are wrong: no other call will fare better.
    _given_up("401", json_reply(401, {"meta": {"error": "no"}}), AuthenticationError, attempts=1, reasons=("no",)),
    _given_up("401 with garbage in the body", Reply(401, body=_HTML), AuthenticationError, attempts=1, reasons=()),
    _given_up("403", Reply(403), AuthenticationError, attempts=1),
    _given_up("404", Reply(404), RefusedError, attempts=1),
    _given_up("405 as a redirect would have made it", Reply(405), RefusedError, attempts=1),
    _given_up("304", Reply(304, body=b""), RefusedError, attempts=1),
    _given_up("302 to nowhere", Reply(302), RefusedError, attempts=1),
    # Too fast.
    _delivered("429, then 200", Reply(429), Reply()),
    _delivered("429 with Retry-After, then 200", Reply(429, headers=_RETRY_AFTER_7), Reply(), slept=(7.0,)),
    _delivered(
        "429 with a Retry-After date, then 200",
        Reply(429, headers={"Retry-After": "Thu, 01 Jan 2026 00:00:07 GMT"}),  # the clock stands at midnight
        Reply(),
        slept=(7.0,),
    ),
    _delivered("429 with Retry-After 0, then 200", Reply(429, headers={"Retry-After": "0"}), Reply()),
    _delivered("429 with a Retry-After that is none", Reply(429, headers={"Retry-After": "soon"}), Reply()),
    _given_up("429 for ever", Reply(429), RateLimitError, attempts=None),
    _given_up("429 for ever, at once", Reply(429, headers={"Retry-After": "0"}), RateLimitError, attempts=None),
    _given_up("429 for longer than the budget", Reply(429, headers={"Retry-After": "99"}), RateLimitError, attempts=1),
    # The server fails.
    _delivered("500, then 200", Reply(500), Reply()),
    _delivered("500 twice, then 200", Reply(500), Reply(502, body=_HTML), Reply()),
    _delivered("503 with Retry-After, then 200", Reply(503, headers=_RETRY_AFTER_7), Reply(), slept=(7.0,)),
    _delivered("408, then 200", Reply(408), Reply()),
    _given_up("500 for ever", Reply(500), ServerError, attempts=None),
    _given_up("502 with garbage for ever", Reply(502, body=_HTML), ServerError, attempts=None, reasons=()),
    # No answer.
    _delivered("reset before the answer, then 200", Reply(cut=0, reset=True), Reply()),
    _delivered("reset in the middle of the answer's head, then 200", Reply(cut=20, reset=True), Reply()),
    _delivered(
        "reset in the middle of the answer's body, then 200",
        Reply(headers={"Content-Length": "99"}, reset=True),
        Reply(),
    ),
    _delivered("reset in the middle of the request, then 200", Reply(cut=0, unread=True, reset=True), Reply()),
    _delivered(
        "chunks that are none, then 200",
        Reply(headers={"Transfer-Encoding": "chunked"}, body=b"what\r\n", close=True),
        Reply(),
    ),
    _delivered("closed before the answer, then 200", Reply(cut=0, close=True), Reply()),
    _delivered("no HTTP, then 200", Reply(raw=b"\x00\x16 what\r\n\r\n", close=True), Reply()),
    _given_up("reset for ever", Reply(cut=20, reset=True), NetworkError, attempts=None),
    _given_up("no HTTP for ever", Reply(raw=b"\x00\x16 what\r\n\r\n", close=True), NetworkError, attempts=None),
    _given_up(
        "headers without end",
        Reply(raw=b"HTTP/1.1 200 OK\r\n", endless=b"X-More: of it\r\n" * 99),
        NetworkError,
        attempts=1,
        settings={"retry": _ONCE},
    ),
    _given_up(
        "timeout",
        Reply(hold=True),
        NetworkError,
        attempts=1,
        settings={"retry": _ONCE, "timeout": 0.2},
    ),
    Scenario("timeout, then 200", (Reply(hold=True),), attempts=None, settings={"timeout": 0.5}),
    # No second try where none is wanted.
    _given_up("500, and nothing is to be repeated", Reply(500), ServerError, attempts=1, settings={"retry": _ONCE}),
    _delivered("permissive 200", Reply(), settings={"strict": False}),
]
