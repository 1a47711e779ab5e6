"""Encoded calls wait in shards by person; a body is cut late, from shards of which nothing is travelling.

That gives three things at once. Order: of one shard at most one body travels, so a person's calls arrive as they were
given. Full bodies: many shards share one. And a depth in flight that nobody sets: a fast server gets few full bodies
one after the other, a slow one as many at once as the round trip is long.

A call that names two identities or an object belongs to several shards. They become one until its calls are cut, so
that it follows all that came before it in any of them and precedes all that comes after.

A call of a type that no batch takes waits with its person like any other, and is then cut alone, for its own endpoint.

Pure: no clock, no I/O, no threads.
"""

from __future__ import annotations

from itertools import accumulate, count, islice, takewhile
from operator import add, itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Self

__all__ = ["BATCH_HEAD", "BATCH_TAIL", "Packing", "Parcel"]

BATCH_HEAD, BATCH_TAIL = b'{"batch":[', b"]}"
_ENVELOPE = len(BATCH_HEAD) + len(BATCH_TAIL)
_COMMA = 1


class Parcel:
    """Encoded calls that travel in one request.

    Whoever cuts bodies makes these: `Packing`, a bulk loader, an outbox row, a single call.

    Parameters
    ----------
    body : bytes
        The bytes of the request: one call, or several in the envelope of a batch, as `of` makes it.
    sizes : sequence of int
        The bytes of each call.
    index : sequence of int
        Each call's place in what the caller gave.
    path : str
        Where it is posted.
    runs : sequence of (int, int)
        The shards in order, each as a bit mask with its number of calls. Without runs it holds nobody back.
    batch : bool
        Whether the body is a batch or the one call itself.
    """

    __slots__ = (
        *("attempts", "before", "left", "plain", "request_id", "since", "then"),
        *("_body", "_ends", "batch", "index", "path", "runs", "sizes"),
    )

    def __init__(
        self,
        body: bytes,
        sizes: Sequence[int],
        index: Sequence[int],
        path: str,
        runs: Sequence[tuple[int, int]] = (),
        *,
        batch: bool = True,
    ) -> None:
        self._body, self.sizes, self.index, self.path, self.runs, self.batch = body, sizes, index, path, runs, batch
        self._ends: Sequence[int] | None = None
        self.attempts = 0
        self.since = self.before = self.left = 0.0  # when it travelled first, last but one, and last
        self.plain = False  # whether it is not to be compressed, since the server refused it so
        self.request_id: str | None = None
        self.then: Parcel | None = None  # what must follow it before its shards are home again

    @classmethod
    def of(cls, calls: Sequence[bytes], index: Sequence[int], path: str, runs: Sequence[tuple[int, int]] = ()) -> Self:
        """Make a batch of calls."""
        # Joined with the envelope at once: to copy half a megabyte takes as long as to put its calls with their people.
        pieces = list(calls)
        pieces[0] = BATCH_HEAD + pieces[0]
        pieces[-1] += BATCH_TAIL
        return cls(b",".join(pieces), list(map(len, calls)), index, path, runs)

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def mask(self) -> int:
        """The shards it holds, a bit each."""
        mask = 0
        for bits, _ in self.runs:
            mask |= bits
        return mask

    @property
    def data(self) -> bytes:
        """The calls, joined by commas."""
        return self._body[len(BATCH_HEAD) : -len(BATCH_TAIL)] if self.batch else self._body

    def body(self) -> bytes:
        """Give the bytes of the request."""
        return self._body

    def call(self, position: int) -> bytes:
        """One call, as it was encoded."""
        end = self._end(position)
        return self._body[end - self.sizes[position] : end]

    def halves(self) -> list[Parcel]:
        """Two parcels of about half the calls: those that may travel now; the other hangs on the first by `then`.

        Cut between two shards where there are several: then both may travel. Inside a shard the second half waits.
        """
        counts = list(accumulate(number for _, number in self.runs))
        middle = len(self) // 2
        if len(self.runs) > 1:
            at = min(range(len(counts) - 1), key=lambda i: abs(counts[i] - middle))
            middle, left, right = counts[at], self.runs[: at + 1], self.runs[at + 1 :]
        else:
            left = [(bits, middle) for bits, _ in self.runs]
            right = [(bits, len(self) - middle) for bits, _ in self.runs]
        first, second = self._part(0, middle, left), self._part(middle, len(self), right)
        if len(self.runs) != 1:
            return [first, second]
        first.then, second.then = second, self.then
        return [first]

    def _part(self, start: int, stop: int, runs: Sequence[tuple[int, int]]) -> Parcel:
        calls = [self.call(position) for position in range(start, stop)]
        return Parcel.of(calls, self.index[start:stop], self.path, runs)

    def _end(self, position: int) -> int:
        """Where a call ends. Worked out only when something went wrong: most parcels are never asked."""
        if self._ends is None:
            first = len(BATCH_HEAD) if self.batch else 0
            self._ends = list(map(add, accumulate(self.sizes), count(first, _COMMA)))
        return self._ends[position]


class _Shard:
    """Calls that must keep their order among themselves."""

    __slots__ = ("_weighed", "calls", "index", "mask", "size")

    def __init__(self, mask: int) -> None:
        self.mask = mask
        self.calls: list[bytes] = []
        self.index: list[int] = []
        self.size = 0  # bytes, with a comma each, of those that were weighed
        self._weighed = 0

    def weigh(self) -> None:
        """Bring the size up to date. When a body is due, and not for each call that comes: that takes half the time."""
        if fresh := self.calls[self._weighed :]:
            self.size += sum(map(len, fresh)) + len(fresh) * _COMMA
            self._weighed = len(self.calls)

    def take(self, number: int, size: int) -> tuple[list[bytes], list[int]]:
        """Give the first calls, which have so many bytes, and their places, and let them go."""
        calls, index = self.calls, self.index
        if number == len(calls):
            self.calls, self.index = [], []
        else:
            calls, index = calls[:number], index[:number]
            del self.calls[:number], self.index[:number]
        self.size -= size
        self._weighed -= number
        return calls, index


class Packing:
    """Turns a stream of encoded calls into parcels.

    Parameters
    ----------
    path : str
        Where batches are posted.
    most_bytes : int
        A body's limit in bytes, envelope included.
    most_calls : int or None
        A body's limit in calls.
    shards : int
        How finely people are told apart.
    hold : int
        Bodies' worth of calls that may wait before the stream should pause.
    """

    def __init__(
        self, path: str, most_bytes: int, most_calls: int | None = None, *, shards: int = 64, hold: int = 16
    ) -> None:
        self._path = path
        # A comma is counted for each call, so one more fits than would seem.
        self._room = most_bytes - _ENVELOPE + _COMMA
        self._most_calls = most_calls or self._room
        self._hold = hold * most_bytes
        self._of = [_Shard(1 << number) for number in range(shards)]  # by number; joined ones stand there several times
        self._all = list(self._of)
        self._alone: dict[int, str] = {}  # calls that no batch takes: place and path
        self._look_at = self._room
        self._calls = 0
        self.size = 0
        """Bytes that wait, with a comma for each call."""

    @property
    def full(self) -> bool:
        """Whether the stream should pause until something has travelled."""
        return self.size >= self._hold

    @property
    def ready(self) -> bool:
        """Whether it may be time to cut a body."""
        return self.size >= self._look_at or self._calls >= self._most_calls or bool(self._alone)

    @property
    def oldest(self) -> int | None:
        """The place of what has waited longest; None when nothing waits."""
        return min((shard.index[0] for shard in self._all if shard.index), default=None)

    def waits_after(self, place: int) -> bool:
        """Whether a call waits whose place is after this one."""
        return any(shard.index and shard.index[-1] > place for shard in self._all)

    def feed(self, keys: Sequence[str], data: bytes, index: int, path: str | None = None) -> bool:
        """Put a call with its person; with a `path`, it is to travel alone. True when it may be time to cut a body."""
        shard = self._of[hash(keys[0]) % len(self._of)] if len(keys) == 1 else self._joined(keys, index)
        shard.calls.append(data)
        shard.index.append(index)
        self.size += len(data) + _COMMA
        self._calls += 1
        if path is not None:
            self._alone[index] = path
            return True
        return self.size >= self._look_at or self._calls >= self._most_calls

    def feed_many(
        self,
        data: Sequence[bytes],
        keys: Sequence[str | tuple[str, ...]],
        index: Sequence[int],
        alone: Mapping[int, str] | None = None,
    ) -> None:
        """Put calls with their people, as `feed` does; ask `ready` afterwards.

        Parameters
        ----------
        data : sequence of bytes
            The calls.
        keys : sequence of str or tuple of str
            Whom each is about.
        index : sequence of int
            Each call's place in what the caller gave, rising.
        alone : mapping, optional
            Position in `data` to path, of those that travel alone.
        """
        of, shards = self._of, len(self._of)
        for call, key, place in zip(data, keys, index, strict=True):
            shard = of[hash(key) % shards] if type(key) is str else self._joined(key, place)
            shard.calls.append(call)
            shard.index.append(place)
        self.size += sum(map(len, data)) + len(data) * _COMMA
        self._calls += len(data)
        if alone:
            self._alone.update((index[position], path) for position, path in alone.items())

    def cut(self, away: int, *, everything: bool = False, over: int = -1) -> Parcel | None:
        """Cut a body from the shards not `away` (a bit each).

        A full one; or what there is, with `everything`, or when a call waits there whose place is `over` or before.
        """
        home = [shard for shard in self._all if shard.calls and not away & shard.mask]
        for shard in home:
            shard.weigh()
        for shard in home if self._alone else ():
            if (path := self._alone.pop(shard.index[0], None)) is not None:
                return self._single(shard, path)
        full = sum(shard.size for shard in home) >= self._room or sum(len(s.calls) for s in home) >= self._most_calls
        oldest = min(home, key=lambda shard: shard.index[0], default=None)
        if oldest is None or not (everything or full or oldest.index[0] <= over):
            self._look_at = self.size + self._room // 4  # most of what waits is away: look again a little later
            return None
        # The fullest first: fewer shards to a body leave more of them at home for the next. But before them the one
        # that has waited longest, or a person of few calls would wait for the end of the stream.
        home.sort(key=lambda shard: (shard is not oldest, -shard.size))
        parcel = self._parcel(home)
        self.look_again()
        return parcel

    def look_again(self) -> None:
        """Shards came home, or left: the next call that is fed may make a body full."""
        self._look_at = self._room

    def waiting(self) -> Iterator[tuple[int, bytes]]:
        """Give what has not been cut: place and bytes of each call."""
        for shard in self._all:
            yield from zip(shard.index, shard.calls, strict=True)

    def _single(self, shard: _Shard, path: str) -> Parcel:
        """Cut the first call of a shard alone, for an endpoint of its own."""
        (call,), index = self._take(shard, 1, len(shard.calls[0]) + _COMMA)
        return Parcel(call, [len(call)], index, path, [(shard.mask, 1)], batch=False)

    def _parcel(self, home: Iterable[_Shard]) -> Parcel:
        calls: list[bytes] = []
        index: list[int] = []
        runs: list[tuple[int, int]] = []
        room, left = self._room, self._most_calls
        for shard in home:
            number, size = _prefix(shard, room, left, self._alone)
            if number:
                taken = self._take(shard, number, size)
                calls += taken[0]
                index += taken[1]
                runs.append((shard.mask, number))
                room, left = room - size, left - number
        return Parcel.of(calls, index, self._path, runs)

    def _take(self, shard: _Shard, number: int, size: int) -> tuple[list[bytes], list[int]]:
        self.size -= size
        self._calls -= number
        taken = shard.take(number, size)
        if not shard.calls and shard.mask & (shard.mask - 1):
            self._part(shard)
        return taken

    def _joined(self, keys: Sequence[str], index: int) -> _Shard:
        """Make one shard of those of several keys, from now until its calls are cut."""
        of = self._of
        # Without a key the call is nobody's: it goes where it keeps no one waiting.
        shards = {of[hash(key) % len(of)] for key in keys} or {of[index % len(of)]}
        if len(shards) == 1:
            return shards.pop()
        joined = _Shard(0)
        waiting: list[tuple[int, bytes]] = []
        for shard in shards:
            joined.mask |= shard.mask
            waiting += zip(shard.index, shard.calls, strict=True)
            self._all.remove(shard)
        waiting.sort(key=itemgetter(0))  # as they were given
        joined.index = [index for index, _ in waiting]
        joined.calls = [call for _, call in waiting]
        self._place([joined])
        return joined

    def _part(self, joined: _Shard) -> None:
        """Nothing of a joined shard waits any more: its people need no common order from here on."""
        self._all.remove(joined)
        self._place([_Shard(1 << number) for number in range(len(self._of)) if joined.mask >> number & 1])

    def _place(self, shards: Iterable[_Shard]) -> None:
        for shard in shards:
            self._all.append(shard)
            for number in range(len(self._of)):
                if shard.mask >> number & 1:
                    self._of[number] = shard


def _prefix(shard: _Shard, room: int, left: int, alone: Collection[int]) -> tuple[int, int]:
    """How many calls of a shard fit, up to one that travels alone, and their bytes."""
    if not alone and shard.size <= room and len(shard.calls) <= left:
        return len(shard.calls), shard.size
    if len(shard.calls[0]) >= room:  # before what follows is set up: with much waiting, that is so for most
        return 0, 0
    ends = map(add, accumulate(map(len, shard.calls)), count(_COMMA, _COMMA))
    fitting = list(takewhile(room.__ge__, islice(ends, left)))
    number = next((n for n, index in enumerate(shard.index[: len(fitting)]) if index in alone), len(fitting))
    return number, fitting[number - 1] if number else 0
