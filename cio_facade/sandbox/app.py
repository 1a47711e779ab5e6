"""The HTTP side: from a request to its record and its answer. What is answered 200 has been committed before."""

import logging
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from cio_facade.sandbox import answers, bodies
from cio_facade.sandbox.examine import Examiner
from cio_facade.sandbox.keys import Keys
from cio_facade.sandbox.live import Hub
from cio_facade.sandbox.rate import Window
from cio_facade.sandbox.records import Outcome, Problem, Refusal, RequestRecord
from cio_facade.sandbox.rules import Rules
from cio_facade.sandbox.storage import Storage

__all__ = ["Intake", "build"]

_logger = logging.getLogger(__name__)

# Paths and headers are the sender's to choose: what is kept of one has an end.
_LONGEST_TEXT = 200
_LARGEST_INTEGER = 2**63 - 1
_NO_ENDPOINT = {404: "there is no such path", 405: "the path takes only POST"}


class Intake:
    """Take in requests: who calls, how often, how much, with what; keep it; answer.

    From body to commit all runs in one go on the event loop: requests are kept in the order of their answers.

    Parameters
    ----------
    rules : Rules
    keys : Keys
    examiner : Examiner
    storage : Storage
        The parts that decide and keep.
    window : Window or None
        The rate limit; None for none.
    hub : Hub
        Is told of every request that was kept.
    refuse_gzip : int or None
        What compressed bodies are answered; None where they are read.
    """

    def __init__(
        self,
        rules: Rules,
        keys: Keys,
        examiner: Examiner,
        storage: Storage,
        window: Window | None,
        hub: Hub,
        refuse_gzip: int | None = None,
    ) -> None:
        self._rules = rules
        self._keys = keys
        self._examiner = examiner
        self._storage = storage
        self._window = window
        self._hub = hub
        self._refuse_gzip = refuse_gzip

    async def receive(self, request: Request) -> Response:
        """Deal with a call or a batch."""
        record = self._open(request)
        try:
            outcome = await self._examine(request, record)
        except Refusal as refusal:
            outcome = Outcome(problems=list(refusal.problems))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is left to read it, and nothing arrived whole
        return self._close(record, outcome)

    async def turn_away(self, request: Request, error: Exception) -> Response:
        """Answer what has no endpoint: another path, another method."""
        status = error.status_code if isinstance(error, HTTPException) else 404
        problem = Problem(status, "endpoint", _NO_ENDPOINT.get(status, "the request has no endpoint"))
        return self._close(self._open(request), Outcome(problems=[problem]))

    async def apologise(self, request: Request, error: Exception) -> Response:  # noqa: ARG002 - Starlette's signature
        """Answer for a store that fails, such as on a full disk: nothing was kept, and a retry may help."""
        _logger.error("a request could not be stored", exc_info=error)
        return JSONResponse({"meta": {"error": "the request could not be stored"}}, 500)

    async def _examine(self, request: Request, record: RequestRecord) -> Outcome:
        record.key = self._keys.check(request.headers.get("authorization"))
        if self._window is not None and not self._window.admit(record.key, time.monotonic()):
            raise Refusal(Problem(429, "rate", "too many requests"))
        path = record.path.removeprefix(self._rules.prefix)
        is_batch = path == self._rules.batch_path
        limit = self._rules.batch_bytes if is_batch else self._rules.call_bytes
        encoding = request.headers.get("content-encoding", "")
        if encoding and self._refuse_gzip is not None:
            raise Refusal(Problem(self._refuse_gzip, "encoding", "compressed bodies are not read here"))
        body = await bodies.read(request.stream(), encoding, limit)
        record.bytes = len(body)
        return self._examiner.batch(body) if is_batch else self._examiner.single(self._rules.types[path], body)

    def _open(self, request: Request) -> RequestRecord:
        headers = request.headers
        retry_count = headers.get("x-retry-count", "")
        return RequestRecord(
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            path=request.scope["path"][:_LONGEST_TEXT],
            strict=headers.get(self._rules.strict_header) == "1",
            request_id=headers.get("x-request-id", "")[:_LONGEST_TEXT] or None,
            retry_count=int(retry_count) if retry_count.isdecimal() and len(retry_count) < 10 else None,
            bytes=min(int(headers.get("content-length", 0)), _LARGEST_INTEGER),
        )

    def _close(self, record: RequestRecord, outcome: Outcome) -> Response:
        record.status = answers.status(outcome.problems, strict=record.strict)
        record.problems = tuple(outcome.problems)
        record.lost = outcome.faulty if record.status == 200 else 0
        self._storage.record(record, outcome.calls)
        self._hub.announce()
        allow = {"Allow": "POST"} if record.status == 405 else None
        return JSONResponse(answers.body(record.status, outcome.problems), record.status, allow)


def build(intake: Intake, rules: Rules, beside: Sequence[BaseRoute] = ()) -> Starlette:
    """Put an intake behind the paths of the specification, and other routes beside it."""
    paths = (*rules.types, rules.batch_path)
    calls = [Route(rules.prefix + path, intake.receive, methods=["POST"]) for path in paths]
    app = Starlette(
        routes=[*calls, *beside],
        exception_handlers={HTTPException: intake.turn_away, sqlite3.Error: intake.apologise},
    )
    app.router.redirect_slashes = False
    return app
