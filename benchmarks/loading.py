"""A Parquet file of small events on its way to a server: by ``load``, and by what people write otherwise.

``python -m benchmarks.loading WHO ROWS KIND ORIGIN`` is one of them, in a fresh process, and prints a JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.report import Figure, Target
from benchmarks.rounds import ROOT, in_turn, medians, ratio, run_module
from benchmarks.rows import EVENT, small, stream
from benchmarks.sinks import Sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.report import Outcome
    from benchmarks.scale import Scale

__all__ = ["loading"]

_RATE = "rows_per_second"
_KEY = "benchmark-key"
_VECTORISED, _MESSAGES = "load, vectorised", "load, over messages"
_READY, _BUILT = "send_many, ready messages", "send_many, messages built of rows"
_LOOP = "pandas loop, customerio-cdp-analytics"
_GROUP = 50_000  # rows of a group of the file
_WARM_UP = 1_000  # rows


def loading(scale: Scale, sink: Sink) -> Outcome:
    """Rows a second, from the file to the last answer."""
    of = {
        _VECTORISED: 2 * scale.events,
        _MESSAGES: scale.events,
        _READY: scale.events,
        _BUILT: scale.events,
        _LOOP: scale.events // 40,
    }
    results = in_turn(of, scale.rounds, lambda who: run_module("loading", who, max(100, of[who]), *sink))
    against = {"ready messages": results.get(_READY), "built ones": results.get(_BUILT), "the loop": results.get(_LOOP)}
    figures = [
        Figure(
            run="loading",
            who=who,
            values={"rows": of[who], **medians(values)},
            ratios={name: ratio(values, theirs, _RATE) for name, theirs in against.items() if theirs},
        )
        for who, values in results.items()
    ]
    wanted = (
        (_VECTORISED, _READY, "send_many of ready messages", 1),
        (_VECTORISED, _LOOP, "the loop", 20),
        (_MESSAGES, _BUILT, "send_many of messages that are built of rows", 0.5),
        (_MESSAGES, _READY, "send_many of ready messages", 0.5),
    )
    targets = [
        Target(f"loading: {who}, times {name}", least, ratio(results[who], results[whom], _RATE))
        for who, whom, name, least in wanted
        if who in results and whom in results
    ]
    lost = sum(values["lost"] for values in results[_VECTORISED] + results[_MESSAGES] if values["lost"] is not None)
    return figures, [*targets, Target("loading: rows that load lost", 0, lost, most=True)]


def _file(rows: int, folder: Path) -> Path:
    import pyarrow as pa
    from pyarrow import parquet

    path, writer, source = folder / "events.parquet", None, stream(rows)
    while group := list(islice(source, _GROUP)):
        table = pa.Table.from_pylist([{"user_id": row[0], **small(row)} for row in group])
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    return path


def _by_load(path: Path, _: int, origin: str) -> Callable[[], object]:
    from cio_facade import CustomerIO, load

    cio = CustomerIO(_KEY, base_url=f"{origin}/v1")
    return lambda: load(path, "track", event=EVENT, client=cio, state=path.parent / "state")


def _by_messages(path: Path, rows: int, origin: str) -> Callable[[], object]:
    """The same rows on the way that others take, which the engine cannot make JSON of."""
    from cio_facade.loading import expressions

    expressions.query = lambda *_, **__: None  # type: ignore[assignment]
    return _by_load(path, rows, origin)


def _by_send_many(_: Path, rows: int, origin: str, *, ready: bool) -> Callable[[], object]:
    from cio_facade import CustomerIO, messages

    cio = CustomerIO(_KEY, base_url=f"{origin}/v1")
    built = (messages.track(row[0], EVENT, small(row)) for row in stream(rows))
    given = list(built) if ready else built
    return lambda: cio.send_many(given)


def _by_loop(path: Path, rows: int, origin: str) -> Callable[[], object]:
    """What everybody writes; with room in the queue for all of it, so that nothing is dropped."""
    import pandas as pd
    from customerio.analytics import Client

    client = Client(_KEY, host=origin, max_queue_size=rows)

    def deliver() -> None:
        for _, row in pd.read_parquet(path).iterrows():
            client.track(row["user_id"], EVENT, row.drop("user_id").to_dict())
        client.flush()

    return deliver


_WAYS = {
    _VECTORISED: _by_load,
    _MESSAGES: _by_messages,
    _READY: partial(_by_send_many, ready=True),
    _BUILT: partial(_by_send_many, ready=False),
    _LOOP: _by_loop,
}


def _round(who: str, rows: int, sink: Sink) -> dict[str, Any]:
    (ROOT / "build").mkdir(exist_ok=True)
    with TemporaryDirectory(dir=ROOT / "build", prefix="bench-") as name:
        for some, folder in ((_WARM_UP, Path(name) / "few"), (rows, Path(name) / "all")):
            folder.mkdir()
            deliver = _WAYS[who](_file(some, folder), some, sink.origin)
            if some != rows:
                deliver()
        sink.reset()
        before, begun = sink.counts(), time.perf_counter()
        deliver()
        seconds = time.perf_counter() - begun
        counts, now = sink.counts(), time.perf_counter()
        if who == _LOOP and counts is not None:  # its flush goes on waiting for more after the last answer
            seconds = now - counts.quiet - begun
    known = before is not None and counts is not None and not counts.unread
    return {
        _RATE: rows / seconds,
        "lost": rows - (counts.events - before.events) if known else None,
    }


if __name__ == "__main__":
    try:
        print(json.dumps(_round(sys.argv[1], int(sys.argv[2]), Sink(sys.argv[3], sys.argv[4]))))
    except ImportError as error:
        print(json.dumps({"missing": str(error)}))
