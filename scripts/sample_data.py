"""Make ``examples/data/`` again: a slice of TPC-H as people, products, companies and orders, some rows spoilt.

::

    pip install tpchgen-cli
    python scripts/sample_data.py            # writes examples/data/
    python scripts/sample_data.py --check    # fails when the files are not what this script makes

TPC-H is deterministic, and what is added here depends on its keys alone: the files are the same on every machine.
"""

from __future__ import annotations

import argparse
import csv
import filecmp
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.sample.odd_rows import spoil
from scripts.sample.tables import Row, Source, sample

TARGET = Path(__file__).resolve().parents[1] / "examples" / "data"
SCALE = "0.005"
TABLES = ("customer", "nation", "supplier", "part", "orders", "lineitem")


def make(folder: Path) -> None:
    """Write all files of the sample into the folder."""
    files = sample(tpch())
    odd = spoil(files)
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        write = write_csv if name.endswith(".csv") else write_lines
        write(folder / name, rows)
    (folder / "odd_rows.json").write_text(f"{json.dumps(odd, indent=2, ensure_ascii=False)}\n", encoding="utf-8")


def tpch() -> dict[str, list[Source]]:
    """Generate the rows of each TPC-H table."""
    tool = shutil.which("tpchgen-cli", path=str(Path(sys.executable).parent)) or shutil.which("tpchgen-cli")
    if tool is None:
        sys.exit("tpchgen-cli is needed: pip install tpchgen-cli")
    with tempfile.TemporaryDirectory() as name:
        options = ["--scale-factor", SCALE, "--tables", ",".join(TABLES), "--output-dir", name, "--quiet"]
        subprocess.run([tool, "csv", *options], check=True)
        return {table: read_csv(Path(name, f"{table}.csv")) for table in TABLES}


def read_csv(path: Path) -> list[Source]:
    """Read a table."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_csv(path: Path, rows: list[Row]) -> None:
    """Write a table, one line a row, with the columns of its first row."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_lines(path: Path, rows: list[Row]) -> None:
    """Write JSON lines, NaN as pandas and many others write it."""
    texts = [json.dumps(row, ensure_ascii=False, separators=(",", ":"), default=float) for row in rows]
    path.write_text("\n".join([*texts, ""]), encoding="utf-8")


def main() -> None:
    """Write the files, or compare them with those that are there."""
    parser = argparse.ArgumentParser(description="make examples/data again from TPC-H")
    parser.add_argument("--out", type=Path, default=TARGET, help="folder to write to")
    parser.add_argument("--check", action="store_true", help="compare with the folder instead of writing to it")
    arguments = parser.parse_args()
    if not arguments.check:
        make(arguments.out)
        return
    with tempfile.TemporaryDirectory() as fresh:
        make(Path(fresh))
        names = sorted(path.name for path in Path(fresh).iterdir())
        _, differ, missing = filecmp.cmpfiles(fresh, arguments.out, names, shallow=False)
    if differ or missing:
        sys.exit(f"not what the script makes: {', '.join([*differ, *missing])}")


if __name__ == "__main__":
    main()
