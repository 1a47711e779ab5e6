"""The pace of many processes and hosts, which share a limit over Redis or Valkey. Needs the extra ``redis``.

Places are leased, several at a time and ahead of their use, by a thread: few requests wait for a round trip, and no
event loop is ever blocked. `places` says why no window holds too many, and this room sees to it that it stays so when
Redis goes and comes:

- No place is given further ahead than `_AHEAD`. Who is cut off waits until all places that others may still have are
  past, and goes on by a fixed share.
- Who comes back, and finds that nobody was given anything meanwhile, closes the row for `_CLOSED` seconds, in which
  all others come back too; until it opens, everybody keeps to the fixed share.

What remains: while some reach Redis and some do not, the fixed shares of these come on top.

In Redis there is one small hash for each API key and server, ``cio_facade:pace:`` and a digest, which expires.
"""

from __future__ import annotations

import logging
import math
from functools import partial
from hashlib import blake2b
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from cio_facade.errors import ValidationError
from cio_facade.pacing import LEAST_SHARE, RECOVERY_PER_SECOND, SLOWING_SECONDS, Pace, part
from cio_facade.places import Hand, Terms
from cio_facade.transport import Own

if TYPE_CHECKING:
    from collections.abc import Callable

    from cio_facade.clock import Clock
    from cio_facade.config import Limits, Settings

__all__ = ["RedisPace"]

_AHEAD = 0.5  # seconds; a lease begins no later than this
_CLOSED = 2.0  # seconds; longer than it takes to notice that Redis is back
_RETRY = 0.5  # seconds between attempts to reach it, and for each
_IDLE = 10.0  # seconds after which the thread ends; the next request starts another
_MICRO = 1e6

_log = logging.getLogger(__name__)

# In microseconds of Redis' own time. The state: the next free place; when the row opens; when places were last
# given; the share of the full pace that 429 has left, when that was worked out, and when it was last halved.
_CLOCK = "local clock = redis.call('TIME')\nlocal now = clock[1] * 1000000 + clock[2]\n"
_GRANT = """
local count, step, span = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ahead, closed = tonumber(ARGV[4]), tonumber(ARGV[5])
local slow, cut_off = ARGV[6] == '1', tonumber(ARGV[7])
local recovery, least, slowing = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local state = redis.call('HMGET', KEYS[1], 'next', 'open', 'share', 'seen', 'slowed', 'last')
local next, open = tonumber(state[1]) or 0, tonumber(state[2]) or 0
local share, seen, slowed = tonumber(state[3]) or 1, tonumber(state[4]) or now, tonumber(state[5]) or 0
local last = tonumber(state[6]) or 0

share = math.min(1, share + recovery * math.max(0, now - seen))
if slow and math.abs(now - slowed) >= slowing then
  share = math.max(least, share / 2)
  slowed = now
end
local spacing = math.ceil(step / share)
-- No place lies further ahead than this, unless the clock was set back.
next = math.min(next, now + ahead + span + spacing)
open = math.min(open, now + closed)
if cut_off >= 0 and math.max(last, open) < now - cut_off then
  open = now + closed
  next = math.max(next, open)
end

local start, given, wait = math.max(now, next), 0, 0
if now < open then
  wait = open - now
elseif start > now + ahead then
  wait = start - now - ahead
elseif count > 0 then
  given = math.min(count, math.max(1, math.floor(span / spacing)))
  next = start + given * spacing
  last = now
end
local function text(number) return string.format('%.17g', number) end
redis.call('HSET', KEYS[1], 'next', text(next), 'open', text(open), 'share', text(share), 'seen', text(now),
  'slowed', text(slowed), 'last', text(last))
redis.call('PEXPIRE', KEYS[1], math.ceil((math.max(0, next - now) + 1 / recovery) / 1000) + 1000)
return {given, start - now, spacing, wait, now < open and 1 or 0}
"""


class _Order(NamedTuple):
    places: int
    slow: bool
    cut_off: float  # seconds since Redis failed, or -1


class _Answer(NamedTuple):
    given: int
    start: int  # microseconds from the moment of the answer
    spacing: int
    wait: int
    closed: int


class RedisPace:
    """A pace that all processes with one API key share, over Redis 5 or later or Valkey.

    Parameters
    ----------
    redis : str or redis.Redis
        Where it is: ``redis://``, ``rediss://``, ``unix://``, ``valkey://``; or a client that blocks, with a timeout.
        It should be near: an answer that takes longer than a ninetieth of the window's length is of no use.
    lease : int
        Most places to lease at once, 1 or more. Few are leased where few are used.
    fallback_share : float
        The part of the limit with which each process goes on while Redis does not answer, above 0 and at most 1.
        Not more than one divided by the number of processes, or the limit is exceeded meanwhile.

    Raises
    ------
    ImportError
        The extra is not installed.
    ValidationError
        The address is none, or a number is out of range; or the pace is given to clients of several keys.

    Examples
    --------
    >>> from cio_facade import CustomerIO
    >>> cio = CustomerIO("key", pace=RedisPace("redis://localhost:6379/0"))
    """

    def __init__(self, redis: Any, *, lease: int = 25, fallback_share: float = 1 / 16) -> None:
        if lease < 1:
            raise ValidationError(field="lease", problem="must be 1 or more")
        if not 0 < fallback_share <= 1:
            raise ValidationError(field="fallback_share", problem="must be above 0 and at most 1")
        self._connect = _connecting(redis)
        self._lease, self._fallback_share = lease, fallback_share
        self._bound: tuple[object, ...] | None = None

    def bind(self, settings: Settings, limits: Limits, clock: Clock) -> None:
        """Say what is paced: called by the client that the pace is given to, and by each further one."""
        digest = blake2b(f"{settings.api_key} {settings.base_url}".encode(), digest_size=16).hexdigest()
        requests, seconds = part(limits.window_requests, limits.window_seconds, limits.share)
        bound = (digest, requests, seconds, type(clock))
        if self._bound not in (None, bound):
            raise ValidationError(field="pace", problem="belongs to a client with another key, server or limit")
        if self._bound is None:
            self._bound = bound
            self._terms = terms = Terms.of(requests, seconds)
            fallback = partial(Pace, *part(requests, seconds, self._fallback_share))
            name = f"cio_facade:pace:{digest}"
            # A forked child has places, a thread and a connection of its own.
            self._office = Own(lambda: _Office(self._connect, name, terms, self._lease, fallback(), clock))

    @property
    def patience(self) -> float:
        """Seconds after its time that a place may still be used."""
        return self._terms.patience

    @property
    def rate(self) -> float:
        """Requests a second, of all processes together, when this one last heard of it."""
        return self._office.get().rate

    def reserve(self, now: float) -> float | None:
        """Take the next place; gives the time of departure. None: not known yet, ask again."""
        return self._office.get().reserve(now)

    def departed(self, now: float) -> None:
        """Note nothing: a place is either used in time, or lost."""

    def slow_down(self, now: float) -> None:
        """Halve the pace of all processes: the server said 429."""
        self._office.get().slow_down(now)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class _Office:
    """What one process has of the pace: the places at hand, and a thread that fetches more."""

    def __init__(
        self, connect: Callable[[], Any], name: str, terms: Terms, lease: int, fallback: Pace, clock: Clock
    ) -> None:
        self._connect, self._name, self._terms, self._clock = connect, name, terms, clock
        # A lease as long as this, so that nobody waits long for the lease of another to pass.
        self._span = max(terms.patience, terms.step)
        self._hand = Hand(terms, min(lease, int(self._span / terms.step)))
        self._fallback = fallback
        self._turn = Condition()
        self._thread: Thread | None = None
        self._script: Callable[..., Any] | None = None
        self._wanted = self._slow = self._warned = False
        self._not_before = -math.inf
        self._failed = math.inf  # since when Redis has failed
        self._cut_off = math.inf  # since when there is no answer that is of use
        self._alone_until = -math.inf
        self._slowed = -math.inf
        self._why = "no answer yet"
        self.rate = 1 / terms.step

    # For whoever wants to send ---------------------------------------------------------------------------------------

    def reserve(self, now: float) -> float | None:
        with self._turn:
            at = self._hand.take(now)
            if not self._wanted and (at is None or self._hand.low):
                self._wanted = True
                self._call()
            if at is None and self._alone(now) and self._fallback.soonest(now) <= now:
                at = self._fallback.reserve(now)
                self._fallback.departed(at)
            return at

    def slow_down(self, now: float) -> None:
        with self._turn:
            self._fallback.slow_down(now)
            if now - self._slowed >= SLOWING_SECONDS:
                self._slowed, self._slow = now, True
                self._call()

    def _alone(self, now: float) -> bool:
        """Whether to go on by the fixed share: Redis is away, and all places that others may have had are past."""
        return self._cut_off + _AHEAD + self._span + 3 * self._terms.patience <= now < self._alone_until

    def _call(self) -> None:
        self._turn.notify()
        if self._thread is None:
            self._thread = thread = Thread(target=self._work, name="cio_facade pace", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # none is to be had, as while the interpreter ends
                self._thread = None
                self._wanted = self._slow = False
                self._broken(self._clock.monotonic(), "no thread")

    # For the thread --------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (order := self._next_order()) is not None:
            self.fetch(order)

    def _next_order(self) -> _Order | None:
        """Wait for something to do; None when there was nothing for long."""
        with self._turn:
            while (order := self.order()) is None:
                idle = not (self._wanted or self._slow)
                pause = _IDLE if idle else max(0.0, self._not_before - self._clock.monotonic())
                if not self._turn.wait(pause) and idle and not (self._wanted or self._slow):
                    self._thread = None
                    return None
            return order

    def order(self) -> _Order | None:
        """Tell what to ask for now."""
        if not (self._wanted or self._slow) or self._clock.monotonic() < self._not_before:
            return None
        cut_off = max(-1.0, self._clock.monotonic() - self._failed)
        order = _Order(self._hand.wanted() if self._wanted else 0, self._slow, cut_off)
        self._wanted = self._slow = False
        return order if order.places or order.slow else None

    def fetch(self, order: _Order) -> None:
        """Ask Redis, and take what it answers."""
        asked = self._clock.monotonic()
        try:
            self._script = script = self._script or self._connect().register_script(_CLOCK + _GRANT)
            answer = _Answer(*map(int, script(keys=[self._name], args=self._arguments(order))))
        except Exception as error:  # whatever it is, requests go on
            with self._turn:
                self._slow |= order.slow
                self._broken(self._clock.monotonic(), type(error).__name__)
        else:
            with self._turn:
                self._answered(asked, self._clock.monotonic(), answer)
        self._tell()  # not under the lock: whoever reads the log may be slow, or send by this pace

    def _arguments(self, order: _Order) -> list[Any]:
        times = (self._terms.step, self._span, _AHEAD, _CLOSED)
        return [
            order.places,
            *(math.ceil(_MICRO * seconds) for seconds in times),
            int(order.slow),
            math.floor(_MICRO * order.cut_off),
            *_AIMD,
        ]

    def _answered(self, asked: float, came: float, answer: _Answer) -> None:
        wait = answer.wait / _MICRO
        self.rate = _MICRO / answer.spacing
        self._not_before = came + wait
        if answer.closed:
            # The fixed share until all others know that Redis is back; a little less, for what is on its way.
            self._cut_off = min(self._cut_off, came + wait - _CLOSED)
            self._alone_until = asked + wait - 3 * self._terms.patience
        elif came - asked > self._terms.patience:
            self._missed(came, "a late answer")
        else:
            self._came_back()
            if answer.given:
                self._hand.add(asked, came, answer.start / _MICRO, answer.spacing / _MICRO, answer.given)

    def _broken(self, now: float, why: str) -> None:
        self._failed = min(self._failed, now)
        self._not_before = now + _RETRY
        self._missed(now, why)

    def _missed(self, now: float, why: str) -> None:
        """Note that Redis did not answer, or too late."""
        # After a rest it may have been back meanwhile: then it is a new outage, and others may have places.
        self._cut_off = min(self._cut_off, now) if now < self._alone_until else now
        self._alone_until = now + _CLOSED
        self._why = why

    def _came_back(self) -> None:
        self._failed = self._cut_off = math.inf
        self._alone_until = -math.inf

    def _tell(self) -> None:
        """Log once that Redis is away for longer than a moment, and once that it is back."""
        if not self._warned and self._clock.monotonic() >= self._cut_off + _AHEAD:
            self._warned = True
            _log.warning("the shared pace has no answer from Redis (%s): going on with a fixed share", self._why)
        elif self._warned and self._cut_off == math.inf:
            self._warned = False
            _log.info("the shared pace has answers from Redis again")


_AIMD = (f"{RECOVERY_PER_SECOND / _MICRO:.17g}", f"{LEAST_SHARE:.17g}", round(_MICRO * SLOWING_SECONDS))


def _connecting(redis: Any) -> Callable[[], Any]:
    """Give what makes a client: of an address a new one, for each process its own."""
    if not isinstance(redis, str):
        waits = ".asyncio" in type(redis).__module__
        if waits or not callable(getattr(redis, "register_script", None)):
            raise ValidationError(
                field="redis", problem="must be an address such as redis://host:6379/0, or redis.Redis"
            )
        return lambda: redis
    try:
        from redis import Redis  # noqa: PLC0415  an extra, for those who share a pace
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415
    except ImportError:
        raise ImportError("sharing a pace needs redis: pip install 'cio-facade[redis]'") from None
    url = redis.replace("valkey", "redis", 1) if redis.startswith("valkey") else redis
    # A connection that is repaired in secret would hide that Redis was away, and with it the places it knew of.
    settings: dict[str, Any] = {"socket_timeout": _RETRY, "socket_connect_timeout": _RETRY}
    settings["retry"] = Retry(NoBackoff(), 0)
    connect: Callable[..., Any] = Redis.from_url  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    def make() -> Any:
        return connect(url, **settings)

    try:
        make().close()
    except ValueError:  # its text may hold the password
        raise ValidationError(field="redis", problem="must be an address such as redis://host:6379/0") from None
    return make
