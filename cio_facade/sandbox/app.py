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
from cio_facade.sandbox.connections import Closed, CutShort, Reset, pause
from cio_facade.sandbox.examine import Examiner
from cio_facade.sandbox.faultrules import CLOSE_MIDWAY, DROP_RESPONSE, RESET
from cio_facade.sandbox.faults import NO_FAULT, Faults, Strike
from cio_facade.sandbox.guard import LOOKING, may_cross, opened
from cio_facade.sandbox.keys import Keys
from cio_facade.sandbox.live import Hub
from cio_facade.sandbox.rate import Window
from cio_facade.sandbox.records import Outcome, Problem, Refusal, RequestRecord
from cio_facade.sandbox.regions import REDIRECT, Regions
from cio_facade.sandbox.rules import Rules
from cio_facade.sandbox.storage import Storage

__all__ = ["Intake", "build"]

_logger = logging.getLogger(__name__)

# Paths and headers are the sender's to choose: what is kept of one has an end.
_LONGEST_TEXT = 200
# Of a body that cannot be read, enough to see what it is instead.
_LONGEST_UNREAD = 2000
_LARGEST_INTEGER = 2**63 - 1


class Intake:
    """Take in requests: who calls, how often, how much, with what; keep it; answer.

    From body to commit all runs in one go on the event loop: requests are kept in the order of their answers.

    Parameters
    ----------
    rules : Rules
    keys : Keys
    regions : Regions
    examiner : Examiner
    storage : Storage
        The parts that decide and keep.
    faults : Faults
        Says which requests go wrong on demand.
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
        regions: Regions,
        examiner: Examiner,
        storage: Storage,
        faults: Faults,
        window: Window | None,
        hub: Hub,
        refuse_gzip: int | None = None,
    ) -> None:
        self._rules = rules
        self._keys = keys
        self._regions = regions
        self._examiner = examiner
        self._storage = storage
        self._faults = faults
        self._window = window
        self._hub = hub
        self._refuse_gzip = refuse_gzip

    async def receive(self, request: Request) -> Response:
        """Deal with a call or a batch."""
        record = self._open(request)
        strike = self._faults.strike()
        record.fault = strike.name
        try:
            outcome = _struck(strike) or await self._examine(request, record)
        except Refusal as refusal:
            outcome = Outcome(problems=list(refusal.problems))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is left to read it, and nothing arrived whole
        answer = opened(request, self._close(record, outcome, strike))
        if strike.delay:
            await pause(request, strike.delay)
        return _spoilt(answer, strike)

    async def ask(self, request: Request) -> Response:
        """Answer a browser that asks whether a page elsewhere may call the API."""
        if (answer := may_cross(request)) is None:
            raise HTTPException(405)
        return answer

    async def turn_away(self, request: Request, error: Exception) -> Response:
        """Answer what has no endpoint: another path, another method."""
        status = error.status_code if isinstance(error, HTTPException) else 404
        methods = _methods(error) if status == 405 else None
        problem = Problem(status, "endpoint", f"the path takes only {methods}" if methods else "there is no such path")
        path: str = request.scope["path"]
        if request.method in LOOKING and not path.startswith(self._rules.prefix):
            # Somebody looks for a page that is not there, such as a browser for its icon. Calls are not sent so.
            answer: Response = JSONResponse(answers.body(status, [problem]), status)
        else:
            answer = opened(request, self._close(self._open(request), Outcome(problems=[problem])))
        if methods:
            answer.headers["Allow"] = methods
        return answer

    async def apologise(self, request: Request, error: Exception) -> Response:
        """Answer for a store that fails, such as on a full disk: nothing was kept, and a retry may help."""
        _logger.error("the sandbox's store failed", exc_info=error)
        return opened(request, JSONResponse({"meta": {"error": "the sandbox's store failed"}}, 500))

    async def _examine(self, request: Request, record: RequestRecord) -> Outcome:
        caller = self._keys.read(request.headers.get("authorization"))
        self._regions.check(caller.region)
        record.key = self._keys.admit(caller)
        if self._window is not None and not self._window.admit(record.key, time.monotonic()):
            raise Refusal(Problem(429, "rate", "too many requests"))
        path = record.path.removeprefix(self._rules.prefix)
        is_batch = path == self._rules.batch_path
        limit = self._rules.batch_bytes if is_batch else self._rules.call_bytes
        encoding = request.headers.get("content-encoding", "")
        if encoding and self._refuse_gzip is not None:
            raise Refusal(Problem(self._refuse_gzip, "encoding", "compressed bodies are not read here"))
        body = await bodies.read(request.stream(), encoding, limit, record.bytes)
        record.bytes = len(body)
        try:
            return self._examiner.batch(body) if is_batch else self._examiner.single(self._rules.types[path], body)
        except Refusal:
            record.unread = body[:_LONGEST_UNREAD].decode(errors="replace")
            raise

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

    def _close(self, record: RequestRecord, outcome: Outcome, strike: Strike = NO_FAULT) -> Response:
        made = strike.rule.status if strike.rule else 0
        record.status = made or answers.status(outcome.problems, strict=record.strict)
        record.problems = tuple(outcome.problems)
        record.lost = outcome.faulty if record.status == 200 else 0
        self._storage.record(record, outcome.calls, outcome.more)
        self._hub.announce()
        return JSONResponse(
            answers.body(record.status, outcome.problems), record.status or 500, self._headers(record, strike)
        )

    def _headers(self, record: RequestRecord, strike: Strike) -> dict[str, str]:
        headers: dict[str, str] = {}
        if record.status == REDIRECT:
            headers["Location"] = self._regions.location(record.path.removeprefix(self._rules.prefix))
        if strike.rule is not None and strike.rule.retry_after is not None:
            headers["Retry-After"] = str(strike.rule.retry_after)
        return headers


def _methods(error: Exception) -> str:
    """List the methods that a path takes; without a list it is one of the API's."""
    told = (error.headers or {}).get("Allow", "POST") if isinstance(error, HTTPException) else "POST"
    return ", ".join(sorted(told.split(", ")))


def _struck(strike: Strike) -> Outcome | None:
    """Give what a request comes to that fails before anybody looks at it."""
    rule = strike.rule
    if rule is None or not (rule.status or rule.kind == RESET):
        return None
    return Outcome(problems=[Problem(rule.status, "fault", f"a fault on demand: {rule.name}")])


def _spoilt(answer: Response, strike: Strike) -> Response:
    """Make of the answer what becomes of it on the way."""
    if strike.kind == RESET:
        return Reset()
    if strike.kind == DROP_RESPONSE:
        return Closed()
    return CutShort(answer) if strike.kind == CLOSE_MIDWAY else answer


def build(intake: Intake, rules: Rules, beside: Sequence[BaseRoute] = ()) -> Starlette:
    """Put an intake behind the paths of the specification, and other routes beside it."""
    paths = [rules.prefix + path for path in (*rules.types, rules.batch_path)]
    calls = [Route(path, intake.receive, methods=["POST"]) for path in paths]
    asked = [Route(path, intake.ask, methods=["OPTIONS"]) for path in paths]
    app = Starlette(
        routes=[*calls, *asked, *beside],
        exception_handlers={HTTPException: intake.turn_away, sqlite3.Error: intake.apologise},
    )
    app.router.redirect_slashes = False
    return app
