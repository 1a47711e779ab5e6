"""``python -m benchmarks [RUN ...] [--quick] [--json FILE]``: measures, and prints what came out."""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path

import attrs

from benchmarks import imports, singles, sinks, streams
from benchmarks.report import Figure, Target, as_json, as_text, machine
from benchmarks.scale import Scale

_RUNS = {
    "small": partial(streams.streams, "small"),
    "large": partial(streams.streams, "large"),
    "far": streams.far_streams,
    "long": streams.long_stream,
    "single": singles.singles,
    "imports": imports.imports,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("runs", nargs="*", metavar="RUN", help=f"of {', '.join(_RUNS)}; all when none is named")
    parser.add_argument("--quick", action="store_true", help="hardly anything: to see that it works, not how fast")
    parser.add_argument("--rounds", type=int, help="alternating rounds, of which medians are given")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there too")
    chosen = parser.parse_args()
    if unknown := set(chosen.runs) - set(_RUNS):
        parser.error(f"no such run: {', '.join(sorted(unknown))}")
    scale = Scale.quick() if chosen.quick else Scale()
    if chosen.rounds:
        scale = attrs.evolve(scale, rounds=chosen.rounds)
    figures: list[Figure] = []
    targets: list[Target] = []
    with sinks.running() as sink:
        for name in chosen.runs or _RUNS:
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            more, wanted = _RUNS[name](scale, sink)
            figures += more
            targets += wanted
    about = machine()
    print(", ".join(f"{name} {value}" for name, value in about.items()), f"; sink: {sink.kind}", sep="")
    print(f"\n{as_text(figures, targets)}")
    if chosen.json:
        content = as_json(figures, targets, machine=about, sink=sink.kind, scale=attrs.asdict(scale))
        chosen.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
