"""Streams through everybody: of small and of large events, and to a server that is far away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.contenders import (
    ASYNC,
    BY_HAND,
    CONTENDERS,
    DURABLE,
    GZIP,
    IDEAL,
    OFFICIAL,
    OFFICIAL_800,
    OURS,
    OUTBOX,
    POSTHOG,
    RUDDER,
    SEGMENT,
)
from benchmarks.report import Figure, Target
from benchmarks.rounds import in_turn, medians, ratio, run_module
from benchmarks.sinks import running

if TYPE_CHECKING:
    from benchmarks.report import Outcome
    from benchmarks.scale import Scale
    from benchmarks.sinks import Sink

__all__ = ["far_streams", "overrun_queues", "streams"]

_RATE = "events_per_second"
_AGAINST = {"official": OFFICIAL, "by hand": BY_HAND, "ideal": IDEAL}
_LIBRARY = (OURS, ASYNC, GZIP, OUTBOX, DURABLE)
_WANTED = {OURS: 20, GZIP: 13, OUTBOX: 10, DURABLE: 5}  # times the official client
_FAR = 50  # milliseconds; at this distance everybody competes
_AT_OTHERS = (OURS, ASYNC, OUTBOX, DURABLE, OFFICIAL, OFFICIAL_800, BY_HAND)
_AT_LEISURE = ("cpu_seconds_per_100000", "bytes_per_event")  # what waiting says nothing about
_CONNECTIONS = ("connections", "reconnections", "most_in_flight")


def streams(size: str, scale: Scale, sink: Sink) -> Outcome:
    """Events a second of all contenders."""
    most = scale.events if size == "small" else scale.events // 4
    of = {who: max(10, round(most * its.share)) for who, its in CONTENDERS.items()}
    results = in_turn(of, scale.rounds, lambda who: run_module("measure", who, size, of[who], *sink))
    run = f"{size} events"
    targets = [
        Target(f"{run}: {who}, times the official client", wanted, ratio(results[who], results[OFFICIAL], _RATE))
        for who, wanted in _WANTED.items()
        if who in results and OFFICIAL in results
    ]
    if OURS in results and IDEAL in results:
        share = ratio(results[OURS], results[IDEAL], _RATE)
        targets.append(Target(f"{run}: {OURS}, times the ideal loop", 0.7, share))
    targets += _nothing_lost(run, results)
    return _figures(run, of, results, without=_CONNECTIONS), targets


def far_streams(scale: Scale, _: Sink) -> Outcome:
    """Events a second when each answer takes its time, as those of a real service do."""
    figures: list[Figure] = []
    targets: list[Target] = []
    for delay in scale.delays:
        run = f"{delay} ms an answer"
        whom = [who for who in CONTENDERS if delay == _FAR or who in _AT_OTHERS]
        of = {who: min(scale.events, scale.answers * CONTENDERS[who].at_once) for who in whom}
        with running(delay) as sink:
            results = in_turn(of, scale.few, lambda who: run_module("measure", who, "small", of[who], *sink))  # noqa: B023
        figures += _figures(run, of, results, without=_AT_LEISURE)
        if OURS in results and OFFICIAL in results:
            targets += _far_targets(run, results)
    return figures, targets


def _far_targets(run: str, results: dict[str, list[Any]]) -> list[Target]:
    ours = [values for who in _LIBRARY for values in results.get(who, ())]
    worst = {key: max(values[key] for values in ours) for key in ("connections", "reconnections")}
    return [
        Target(f"{run}: {OURS}, times the official client", 30, ratio(results[OURS], results[OFFICIAL], _RATE)),
        Target(f"{run}: connections of this library", 16, worst["connections"], most=True),
        Target(f"{run}: reconnections of this library", 0, worst["reconnections"], most=True),
        *_nothing_lost(run, results),
    ]


def overrun_queues(scale: Scale, _: Sink) -> Outcome:
    """Events that are lost when more are handed over than a queue holds, and the server is far away."""
    whom = (OURS, OUTBOX, OFFICIAL, SEGMENT, RUDDER, POSTHOG)
    of = dict.fromkeys(whom, scale.handed)
    with running(_FAR) as sink:
        results = in_turn(
            whom, scale.few, lambda who: run_module("measure", "--defaults", who, "small", of[who], *sink)
        )
    return _figures("defaults", of, results, without=(*_CONNECTIONS, *_AT_LEISURE, _RATE)), []


def _nothing_lost(run: str, results: dict[str, list[Any]]) -> list[Target]:
    lost = [values["lost"] for who in _LIBRARY for values in results.get(who, ()) if values.get("lost") is not None]
    return [Target(f"{run}: events that this library lost", 0, sum(lost), most=True)] if lost else []


def _figures(run: str, of: dict[str, int], results: dict[str, list[Any]], without: tuple[str, ...]) -> list[Figure]:
    against = {name: results[whom] for name, whom in _AGAINST.items() if whom in results and _RATE not in without}
    return [
        Figure(
            run=run,
            who=who,
            values={"events": events} | {k: v for k, v in medians(results[who]).items() if k not in without},
            ratios={name: ratio(results[who], theirs, _RATE) for name, theirs in against.items()},
        )
        if who in results
        else Figure(run=run, who=f"{who}: not measured", values={})
        for who, events in of.items()
    ]
