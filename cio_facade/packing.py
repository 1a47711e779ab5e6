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

from itertools import accumulate, count
from operator import add, itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

__all__ = ["BATCH_HEAD", "BATCH_TAIL", "Packing", "Parcel"]

BATCH_HEAD, BATCH_TAIL = b'{"batch":[', b"]}"
_ENVELOPE = len(BATCH_HEAD) + len(BATCH_TAIL)
_COMMA = 1


class Parcel:
    """Encoded calls that travel in one request.

    Whoever cuts bodies makes these: `Packing`, a bulk loader, an outbox row, a single call.

    Parameters
    ----------
    data : bytes
        The calls, joined by commas.
    ends : sequence of int
        Where each call ends in `data`.
    index : sequence of int
        Each call's place in what the caller gave.
    path : str
        Where it is posted.
    runs : sequence of (int, int)
        The shards in order, each as a bit mask with its number of calls. Without runs it holds nobody back.
    batch : bool
        Whether the body is a batch or the one call itself.
    """

    __slots__ = ("attempts", "batch", "data", "ends", "index", "path", "request_id", "runs", "since", "then")

    def __init__(
        self,
        data: bytes,
        ends: Sequence[int],
        index: Sequence[int],
        path: str,
        runs: Sequence[tuple[int, int]] = (),
        *,
        batch: bool = True,
    ) -> None:
        self.data, self.ends, self.index, self.path, self.runs, self.batch = data, ends, index, path, runs, batch
        self.attempts = 0
        self.since = 0.0  # when it first travelled
        self.request_id: str | None = None
        self.then: Parcel | None = None  # what must follow it before its shards are home again

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def mask(self) -> int:
        """The shards it holds, a bit each."""
        mask = 0
        for bits, _ in self.runs:
            mask |= bits
        return mask

    def body(self) -> bytes:
        """Give the bytes of the request."""
        return b"".join((BATCH_HEAD, self.data, BATCH_TAIL)) if self.batch else self.data

    def call(self, position: int) -> bytes:
        """One call, as it was encoded."""
        return self.data[self.ends[position - 1] + _COMMA if position else 0 : self.ends[position]]

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
        skip = self.ends[start - 1] + _COMMA if start else 0
        ends = [end - skip for end in self.ends[start:stop]]
        data = self.data[skip : self.ends[stop - 1]]
        return Parcel(data, ends, self.index[start:stop], self.path, runs, batch=self.batch)


class _Shard:
    """Calls that must keep their order among themselves."""

    __slots__ = ("calls", "index", "mask", "size")

    def __init__(self, mask: int) -> None:
        self.mask = mask
        self.calls: list[bytes] = []
        self.index: list[int] = []
        self.size = 0  # bytes, with a comma each


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
        self._size = 0

    @property
    def full(self) -> bool:
        """Whether the stream should pause until something has travelled."""
        return self._size >= self._hold

    def feed(self, keys: Sequence[str], data: bytes, index: int, path: str | None = None) -> bool:
        """Put a call with its person; with a `path`, it is to travel alone. True when it may be time to cut a body."""
        of = self._of
        if len(keys) == 1:
            shard = of[hash(keys[0]) % len(of)]
        else:
            # Without a key the call is nobody's: it goes where it keeps no one waiting.
            shard = self._joined({hash(key) % len(of) for key in keys} or {index % len(of)})
        shard.calls.append(data)
        shard.index.append(index)
        size = len(data) + _COMMA
        shard.size += size
        self._size += size
        self._calls += 1
        if path is not None:
            self._alone[index] = path
            return True
        return self._size >= self._look_at or self._calls >= self._most_calls

    def cut(self, away: int, *, everything: bool = False) -> Parcel | None:
        """Cut a body from the shards not `away` (a bit each): a full one, or with `everything` what there is."""
        home = [shard for shard in self._all if shard.calls and not away & shard.mask]
        for shard in home if self._alone else ():
            if (path := self._alone.pop(shard.index[0], None)) is not None:
                return self._single(shard, path)
        full = sum(shard.size for shard in home) >= self._room or sum(len(s.calls) for s in home) >= self._most_calls
        if not home or not (everything or full):
            self._look_at = self._size + self._room // 4  # most of what waits is away: look again a little later
            return None
        # The fullest first: fewer shards to a body leave more of them at home for the next. But before them the one
        # that has waited longest, or a person of few calls would wait for the end of the stream.
        oldest = min(home, key=lambda shard: shard.index[0])
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
        call, index = shard.calls[0], shard.index[0]
        self._take(shard, 1, len(call) + _COMMA)
        return Parcel(call, [len(call)], [index], path, [(shard.mask, 1)], batch=False)

    def _parcel(self, home: Iterable[_Shard]) -> Parcel:
        calls: list[bytes] = []
        index: list[int] = []
        runs: list[tuple[int, int]] = []
        room, left = self._room, self._most_calls
        for shard in home:
            number, size = _prefix(shard, room, left, self._alone)
            if number:
                calls += shard.calls[:number]
                index += shard.index[:number]
                runs.append((shard.mask, number))
                room, left = room - size, left - number
                self._take(shard, number, size)
        ends = list(map(add, accumulate(map(len, calls)), count()))  # with a comma before each but the first
        return Parcel(b",".join(calls), ends, index, self._path, runs)

    def _take(self, shard: _Shard, number: int, size: int) -> None:
        del shard.calls[:number], shard.index[:number]
        shard.size -= size
        self._size -= size
        self._calls -= number
        if not shard.calls and shard.mask & (shard.mask - 1):
            self._part(shard)

    def _joined(self, numbers: set[int]) -> _Shard:
        """Make one shard of several, from now until its calls are cut."""
        shards = {id(shard): shard for shard in (self._of[number] for number in sorted(numbers))}
        if len(shards) == 1:
            return next(iter(shards.values()))
        joined = _Shard(0)
        waiting: list[tuple[int, bytes]] = []
        for shard in shards.values():
            joined.mask |= shard.mask
            joined.size += shard.size
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
    number = size = 0
    for index, call in zip(shard.index, shard.calls, strict=True):
        if size + len(call) + _COMMA > room or number == left or index in alone:
            break
        size += len(call) + _COMMA
        number += 1
    return number, size
