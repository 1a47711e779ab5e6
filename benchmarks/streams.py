"""Streams through everybody: of small and of large events, and to a server far away; and a long one, for its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.contenders import ASYNC, BY_HAND, CONTENDERS, IDEAL, OFFICIAL, OFFICIAL_800, OURS
from benchmarks.report import Figure, Target
from benchmarks.rounds import medians, ratio, run_module
from benchmarks.sinks import running

if TYPE_CHECKING:
    from benchmarks.scale import Scale
    from benchmarks.sinks import Sink

__all__ = ["far_streams", "long_stream", "streams"]

_AGAINST = {"official": OFFICIAL, "by hand": BY_HAND, "ideal": IDEAL}
_FAR = 50
_RATE = "events_per_second"


def streams(size: str, scale: Scale, sink: Sink) -> tuple[list[Figure], list[Target]]:
    """Events a second of all contenders."""
    share = 1 if size == "small" else 3
    of = {who: (scale.slow_events if who.startswith(OFFICIAL) else scale.events) // share for who in CONTENDERS}
    results = _rounds(of, size, scale.rounds, sink)
    officials = [ratio(results[OURS], rounds, _RATE) for who, rounds in results.items() if who.startswith(OFFICIAL)]
    return _figures(f"{size} events", of, results), [
        Target(f"{size} events: {OURS}, times the official client at its better", 10, min(officials)),
        Target(f"{size} events: {OURS}, times the ideal loop", 0.6, ratio(results[OURS], results[IDEAL], _RATE)),
    ]


def far_streams(scale: Scale, _: Sink) -> tuple[list[Figure], list[Target]]:
    """Events a second when each answer takes its time, as those of a real service do."""
    of = dict.fromkeys((OURS, ASYNC, BY_HAND), scale.events // 3)
    of |= dict.fromkeys((OFFICIAL, OFFICIAL_800), scale.slow_events // 5)
    with running(_FAR) as sink:
        results = _rounds(of, "small", max(1, scale.rounds // 2), sink)
    return _figures(f"{_FAR} ms an answer", of, results), []


def _rounds(of: dict[str, int], size: str, number: int, sink: Sink) -> dict[str, list[dict[str, Any]]]:
    """Everybody's turn, again and again, so that a busy moment of the machine hits all alike."""
    results: dict[str, list[dict[str, Any]]] = {who: [] for who in of}
    for _ in range(number):
        for who, rounds in results.items():
            rounds.append(run_module("measure", who, size, of[who], *sink))
    return results


def _figures(run: str, of: dict[str, int], results: dict[str, list[dict[str, Any]]]) -> list[Figure]:
    against = {name: results[whom] for name, whom in _AGAINST.items() if whom in results}
    return [
        Figure(
            run=run,
            who=who,
            values={"events": of[who], **medians(rounds)},
            ratios={name: ratio(rounds, theirs, _RATE) for name, theirs in against.items() if theirs is not rounds},
        )
        for who, rounds in results.items()
    ]


def long_stream(scale: Scale, sink: Sink) -> tuple[list[Figure], list[Target]]:
    """The most memory that a long stream takes."""
    values = medians([run_module("measure", OURS, "small", scale.long_events, *sink)])
    figure = Figure(run="long stream", who=OURS, values={"events": scale.long_events, **values})
    return [figure], [Target("long stream: memory above the baseline, MB", 60, values["memory_mb"], most=True)]
