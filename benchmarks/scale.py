"""How much is measured."""

from __future__ import annotations

import attrs

__all__ = ["Scale"]


@attrs.frozen(kw_only=True)
class Scale:
    """How much is measured: about twenty minutes by default.

    Attributes
    ----------
    rounds : int
        Alternating rounds, of which the medians are given.
    few : int
        The same for what takes long.
    events : int
        Events of a stream of small events, of which slow contenders get their share; of large events a quarter.
    delays : tuple of int
        Milliseconds that a server far away takes for an answer.
    answers : int
        Times that a contender waits for a server that is far away.
    handed : int
        Events that are handed to queues which cannot hold them.
    long, endless : int
        Events of the stream whose memory is watched, and of the one whose pace is.
    splits : tuple of int
        Messages that are made into bodies, to see whether the cost of each stays the same.
    steps : int
        Events for each step of the profile.
    singles : int
        Single calls of each kind in a round.
    kept : int
        Calls that a sandbox is sent in batches.
    imports : int
        Rounds of imports: short ones, and noisier than the rest.
    """

    rounds: int = 5
    few: int = 3
    events: int = 640_000
    delays: tuple[int, ...] = (50, 10, 200)
    answers: int = 40
    handed: int = 30_000
    long: int = 1_000_000
    endless: int = 10_000_000
    splits: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    steps: int = 300_000
    singles: int = 2_000
    kept: int = 100_000
    imports: int = 25

    @classmethod
    def quick(cls) -> Scale:
        """Hardly anything: to see that it works, not how fast."""
        return cls(
            rounds=1,
            few=1,
            events=3_000,
            delays=(10,),
            answers=2,
            handed=300,
            long=5_000,
            endless=10_000,
            splits=(10, 1_000),
            steps=1_000,
            singles=20,
            kept=1_000,
            imports=1,
        )
