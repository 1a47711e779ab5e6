"""The shop's files are what their script makes, and what their table says."""

import re
import runpy
from pathlib import Path

import pyarrow.parquet as pq

from scripts.notebooks import FOLDER

DATA = FOLDER / "data"


def test_the_files_are_what_the_script_makes(tmp_path: Path) -> None:
    runpy.run_path(str(DATA / "make_shop.py"))["main"](tmp_path)
    made = {path.name: path for path in tmp_path.iterdir()}
    assert made.keys() == {path.name for path in DATA.iterdir() if path.suffix in {".csv", ".parquet"}}
    for name, path in made.items():
        if path.suffix == ".parquet":  # its bytes are pyarrow's business
            assert pq.read_table(path).equals(pq.read_table(DATA / name))
        else:
            assert path.read_bytes() == (DATA / name).read_bytes(), name


def test_the_table_of_the_files_has_their_rows() -> None:
    said = dict(
        re.findall(r"^\| `([\w.]+)` \| (\d+) \|", (DATA / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    rows = {path.name: len(path.read_text(encoding="utf-8").splitlines()) - 1 for path in DATA.glob("*.csv")}
    rows |= {path.name: pq.read_metadata(path).num_rows for path in DATA.glob("*.parquet")}
    assert {name: int(number) for name, number in said.items()} == rows


def test_all_addresses_are_of_nobody() -> None:
    for path in DATA.glob("*.csv"):
        found = re.findall(r"@([\w.-]+)", path.read_text(encoding="utf-8"))
        assert set(found) <= {"example.com"}, path.name
