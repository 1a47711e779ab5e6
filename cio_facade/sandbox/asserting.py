"""A sandbox for tests: it asserts what has arrived, waits for it, and says what did instead."""

import time
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack, cast

import orjson

from cio_facade.sandbox import Sandbox
from cio_facade.sandbox.effects import counted
from cio_facade.sandbox.expecting import Arrived, Expected, as_told, grouped, last

if TYPE_CHECKING:
    from cio_facade.sandbox.options import Options

__all__ = ["CioSandbox", "ClientSettings"]

_KEY: Final = "cio-sandbox"
_STEP: Final = 0.005  # seconds between two looks
_STOOD_STILL: Final = 0.25  # seconds that nothing but the machine can have taken between them
_MOST_SEEN: Final = 20

_SELECT_ALL: Final = "SELECT type, body, verdict, reason, effect FROM received ORDER BY id"
_SELECT_LAST: Final = "SELECT type, body, verdict, reason, effect FROM received ORDER BY id DESC LIMIT ?"
_COUNT: Final = "SELECT count(*) FROM received"
# Asked again and again: without looking at the calls.
_ACCEPTED: Final = "SELECT coalesce(sum(calls), 0) FROM totals WHERE verdict = 'accepted'"
_SELECT_FITTING: Final = """
SELECT type, body, verdict, reason, effect FROM calls
WHERE type = :type AND (:who IS NULL OR :who = coalesce(nullif(user_id, ''), anonymous_id))
ORDER BY id
"""


class ClientSettings(TypedDict):
    """What a client is told to send to a sandbox."""

    api_key: str
    base_url: str


class CioSandbox(Sandbox):
    """A `Sandbox` with what tests need: the fixture ``cio_sandbox`` is one.

    The assertions look at what has been accepted by now: for what is sent in the background, wait first. Values are
    compared as JSON has them: a time is text there. Each fails with an `AssertionError` that names the nearest calls.

    Parameters
    ----------
    db, port, host, **options
        As for `Sandbox`.

    Examples
    --------
    >>> from cio_facade import CustomerIO
    >>> with CioSandbox() as sandbox, CustomerIO(**sandbox.settings) as cio:
    ...     receipt = cio.track("u1", "Signed Up", {"plan": "pro"})
    ...     call = sandbox.assert_tracked("u1", "Signed Up", plan="pro")
    >>> call["properties"]
    {'plan': 'pro'}
    """

    def __init__(
        self,
        db: str | PathLike[str] | None = None,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        **options: "Unpack[Options]",
    ) -> None:
        super().__init__(db, port, host=host, **options)
        self._api_key = next(iter(options.get("api_keys") or ()), _KEY)

    def __repr__(self) -> str:
        return f"<CioSandbox {self.url}>"

    @property
    def api_key(self) -> str:
        """A key that it accepts."""
        return self._api_key

    @property
    def settings(self) -> ClientSettings:
        """The arguments of a client that sends here, such as ``AsyncCustomerIO(**cio_sandbox.settings)``."""
        return ClientSettings(api_key=self.api_key, base_url=self.url)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that have ``CustomerIO.from_env()`` send here, such as for a process of its own."""
        return {"CIO_API_KEY": self.api_key, "CIO_BASE_URL": self.url, "CIO_REGION": ""}

    def assert_tracked(self, who: str | None, event: str, /, **properties: Any) -> dict[str, Any]:
        """Assert that an event was tracked.

        Parameters
        ----------
        who : str or None
            The user id, or the anonymous id of a call without one; None for anybody.
        event : str
            Its name.
        **properties
            What it must have among its properties at least.

        Returns
        -------
        dict
            The first such call.
        """
        __tracebackhide__ = True
        return self.assert_arrived("track", who, event=event, properties=properties)

    def assert_not_tracked(self, who: str | None, event: str, /, **properties: Any) -> None:
        """Assert that no such event was tracked; the parameters are those of `assert_tracked`."""
        __tracebackhide__ = True
        expected = Expected("track", who, {"event": event, "properties": properties})
        if found := self._fitting(expected):
            raise AssertionError("\n".join([f"{expected} has arrived:", *grouped(found)]))

    def assert_identified(self, who: str | None, /, **traits: Any) -> dict[str, Any]:
        """Assert that somebody was identified, with these traits at least; the first such call.

        What the person is by now, after all calls, is in ``people``.
        """
        __tracebackhide__ = True
        return self.assert_arrived("identify", who, traits=traits)

    def assert_arrived(self, type: str, who: str | None = None, /, **members: Any) -> dict[str, Any]:  # noqa: A002
        """Assert that a call of any type was accepted.

        Parameters
        ----------
        type : str
            Such as ``group``.
        who : str or None
            The user id, or the anonymous id of a call without one; None for anybody.
        **members
            What the call must hold at least, such as ``groupId="acme", traits={"plan": "pro"}``. A mapping is met by
            one that holds as much.

        Returns
        -------
        dict
            The first such call.
        """
        __tracebackhide__ = True
        expected = Expected(type, who, members)
        if found := self._fitting(expected):
            return dict(found[0].said)
        raise AssertionError(as_told(expected, self._arrived(_SELECT_ALL)))

    def assert_delivered(self, number: int) -> None:
        """Assert that so many calls were accepted, no more and no fewer; repeats by message id count once."""
        __tracebackhide__ = True
        counts = self.counts()
        if counts.accepted - counts.repeats == number:
            return
        repeats = f", and {counted(counts.repeats, 'repeat')}" if counts.repeats else ""
        first = f"{counted(number, 'call')} expected, {counts.accepted - counts.repeats:,} accepted{repeats}"
        raise AssertionError("\n".join([first, *grouped(self._arrived(_SELECT_ALL))]))

    def assert_nothing_refused(self) -> None:
        """Assert that no request was refused and no call lost, for what was wrong with it; faults on demand aside."""
        __tracebackhide__ = True
        bad = [one for one in self.requests() if (one.status >= 400 or one.lost) and one.fault is None]
        if not bad:
            return
        reasons = [f"  request {one.id} to {one.path}, {one.verdict}, {one.status}: {one.reason}" for one in bad]
        more = [f"  and {counted(len(reasons) - 5, 'other')}"] if len(reasons) > 5 else []
        first = f"{counted(len(bad), 'request')} refused, or with calls that are lost"
        raise AssertionError("\n".join([first, *reasons[:5], *more]))

    def wait_for(
        self,
        calls: int = 1,
        *,
        type: str | None = None,  # noqa: A002 - the API's own word
        user_id: str | None = None,
        event: str | None = None,
        timeout: float = 5.0,
    ) -> list[dict[str, Any]]:
        """Wait until so many calls were accepted, for code that sends in the background.

        Parameters
        ----------
        calls : int
            How many at least.
        type, user_id, event : str or None
            Which, as for `calls`.
        timeout : float
            Seconds after which it is an `AssertionError`.

        Returns
        -------
        list of dict
            The calls, more than asked for where more are there.

        Notes
        -----
        It blocks. Within asyncio, have a thread wait: ``await asyncio.to_thread(cio_sandbox.wait_for, calls=3)``.
        """
        __tracebackhide__ = True
        found: list[dict[str, Any]] = []

        def enough() -> bool:
            if self._storage.read(_ACCEPTED)[0][0] >= calls:
                found[:] = self.calls(type, user_id, event)
            return len(found) >= calls

        if not self._comes(enough, timeout):
            narrowed = "".join(
                f", {name} {value!r}"
                for name, value in (("type", type), ("user id", user_id), ("event", event))
                if value is not None
            )
            number = len(self.calls(type, user_id, event))
            first = f"{counted(number, 'call')} accepted within {timeout:g} s, {calls:,} expected{narrowed}"
            raise AssertionError("\n".join([first, *grouped(self._arrived(_SELECT_ALL))]))
        return found

    def wait_until(self, condition: Callable[[], object], timeout: float = 5.0) -> None:
        """Wait until something holds, such as ``lambda: "u1" in cio_sandbox.people``.

        Parameters
        ----------
        condition : callable
            Asked again and again.
        timeout : float
            Seconds after which it is an `AssertionError`.
        """
        __tracebackhide__ = True
        if not self._comes(condition, timeout):
            first = f"what was waited for did not come within {timeout:g} s; what arrived:"
            raise AssertionError("\n".join([first, *grouped(self._arrived(_SELECT_ALL))]))

    def seen(self) -> str:
        """Say what has arrived, in lines for people: the totals, then the last calls."""
        counts = self.counts()
        totals = (
            f"{counted(counts.requests, 'request')}, {counted(counts.accepted, 'call')} accepted, "
            f"{counts.lost:,} lost, {counted(counts.refused, 'request')} refused"
        )
        if self._counting is not None:
            return totals
        calls = self._arrived(_SELECT_LAST, (_MOST_SEEN,))[::-1]
        ((received,),) = self._storage.read(_COUNT)
        return "\n".join([totals, *last(calls, received - len(calls))])

    def _fitting(self, expected: Expected) -> list[Arrived]:
        found = self._arrived(_SELECT_FITTING, {"type": expected.type, "who": expected.who})
        return [call for call in found if not expected.misses(call)]

    def _arrived(self, query: str, parameters: Mapping[str, Any] | Sequence[Any] = ()) -> list[Arrived]:
        rows = self._storage.read(query, parameters)
        return [Arrived(type_, _parsed(body), *rest) for type_, body, *rest in rows]

    def _comes(self, condition: Callable[[], object], timeout: float) -> bool:
        """Wait until something holds; where the machine stood still meanwhile, that time does not count."""
        waited, last = 0.0, time.monotonic()
        while not condition():
            if waited >= timeout:
                return False
            time.sleep(_STEP)
            now = time.monotonic()
            waited, last = waited + min(now - last, _STOOD_STILL), now
        return True


def _parsed(body: str) -> Mapping[str, Any]:
    """Read what is kept of a call; what cannot be read says nothing."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return cast("Mapping[str, Any]", said) if isinstance(said, dict) else {}
