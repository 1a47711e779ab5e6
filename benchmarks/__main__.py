"""``python -m benchmarks [RUN ...] [--quick] [--json FILE] [--docs FOLDER]``: measures, and prints what came out."""

from __future__ import annotations

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path

import attrs

from benchmarks import (
    compressors,
    concurrent_singles,
    documents,
    imports,
    loading,
    long,
    profile,
    sandbox,
    singles,
    sinks,
    splitting,
    streams,
)
from benchmarks.report import Figure, Target, as_json, as_text, machine, words
from benchmarks.scale import Scale

_RUNS = {
    "small": partial(streams.streams, "small"),
    "large": partial(streams.streams, "large"),
    "far": streams.far_streams,
    "defaults": streams.overrun_queues,
    "long": long.long_stream,
    "endless": long.endless_stream,
    "splitting": splitting.splitting,
    "loading": loading.loading,
    "profile": profile.profile,
    "single": singles.singles,
    "concurrent": concurrent_singles.concurrent_singles,
    "compressors": compressors.compressors,
    "sandbox": sandbox.sandbox,
    "imports": imports.imports,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("runs", nargs="*", metavar="RUN", help=f"of {', '.join(_RUNS)}; all when none is named")
    parser.add_argument("--quick", action="store_true", help="hardly anything: to see that it works, not how fast")
    parser.add_argument("--rounds", type=int, help="alternating rounds, of which medians are given")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there too")
    parser.add_argument("--docs", type=Path, metavar="FOLDER", help="put tables and plot into its performance.md too")
    chosen = parser.parse_args()
    if unknown := set(chosen.runs) - set(_RUNS):
        parser.error(f"no such run: {', '.join(sorted(unknown))}")
    if chosen.docs and (chosen.runs or chosen.quick):
        parser.error("the figures of the documentation are those of one whole run")
    scale = Scale.quick() if chosen.quick else Scale()
    if chosen.rounds:
        scale = attrs.evolve(scale, rounds=chosen.rounds, few=min(scale.few, chosen.rounds))
    figures: list[Figure] = []
    targets: list[Target] = []
    with sinks.running() as sink:
        for name in chosen.runs or _RUNS:
            begun = time.monotonic()
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            more, wanted = _RUNS[name](scale, sink)
            figures += more
            targets += wanted
            print(f"measured {name} in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    about = machine()
    print(f"{words(about, sink.kind)}\n\n{as_text(figures, targets)}")
    if chosen.json:
        content = as_json(figures, targets, machine=about, sink=sink.kind, scale=attrs.asdict(scale))
        chosen.json.write_text(json.dumps(content, indent=2) + "\n")
    if chosen.docs:
        odd = documents.write(chosen.docs, figures, targets, words(about, sink.kind))
        if odd:
            sys.exit(f"page and run do not have the same blocks: {', '.join(odd)}")


if __name__ == "__main__":
    main()
