"""How much is measured."""

from __future__ import annotations

import attrs

__all__ = ["Scale"]


@attrs.frozen(kw_only=True)
class Scale:
    """How much is measured: a few minutes by default.

    Attributes
    ----------
    rounds : int
        Alternating rounds, of which the medians are given.
    events, slow_events : int
        Events of a stream, and for the contenders that would take all day. A third of it when the events are large.
    long_events : int
        Events of the stream whose memory is watched.
    singles : int
        Single calls of each kind in a round.
    imports : int
        Rounds of imports: short ones, and noisier than the rest.
    """

    rounds: int = 5
    events: int = 300_000
    slow_events: int = 60_000
    long_events: int = 1_000_000
    singles: int = 2_000
    imports: int = 25

    @classmethod
    def quick(cls) -> Scale:
        """Hardly anything: to see that it works, not how fast."""
        return cls(rounds=1, events=3_000, slow_events=600, long_events=6_000, singles=20, imports=1)
