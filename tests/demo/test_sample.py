"""The files under examples/data: whole, small, and what the script makes."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cio_facade import Limits
from cio_facade.demo import sample
from cio_facade.demo.sample import folder, lines, odd_lines
from cio_facade.demo.tables import tables

ROOT = Path(__file__).parents[2]
TOOL = shutil.which("tpchgen-cli", path=str(Path(sys.executable).parent)) or shutil.which("tpchgen-cli")


def ids(file: str, column: str) -> set[str]:
    odd = odd_lines(file)
    return {line.row[column] for line in lines(file) if line.number not in odd}


def test_the_files_are_a_few_thousand_rows_in_less_than_1_5_megabytes():
    names = [table.file for table in tables()]
    assert sum((folder() / name).stat().st_size for name in [*names, "products.csv", "odd_rows.json"]) < 1_500_000
    assert 3000 < sum(1 for name in names for _ in lines(name)) < 9000


def test_line_numbers_are_those_of_an_editor():
    text = (folder() / "people.csv").read_text(encoding="utf-8").splitlines()
    third = next(line for line in lines("people.csv") if line.number == 3)
    assert text[3 - 1].startswith(third.row["user_id"])


@pytest.mark.parametrize("file", ["memberships.csv", "devices.csv", "views.csv", "orders.jsonl", "privacy.csv"])
def test_every_row_is_about_a_person_of_the_sample(file: str):
    assert ids(file, "user_id") <= ids("people.csv", "user_id")


def test_members_belong_to_companies_and_orders_hold_products_of_the_sample():
    assert ids("memberships.csv", "company_id") <= ids("companies.csv", "company_id")
    bought = {item["product_id"] for line in lines("orders.jsonl") for item in line.row["lines"]}
    assert bought | ids("views.csv", "product_id") <= ids("products.csv", "product_id")


def test_an_order_adds_up():
    odd = odd_lines("orders.jsonl")
    for number, order in lines("orders.jsonl"):
        goods = sum(round(item["price"] * item["quantity"] * 100) for item in order["lines"])
        assert goods == round(order["revenue"] * 100)
        if number not in odd:
            total = order["revenue"] - order["discount"] + order["tax"]
            assert round(total * 100) == round(order["total"] * 100)


def test_some_rows_are_spoilt_and_some_are_odd_but_right():
    reasons = [reason for table in tables() for reason in odd_lines(table.file).values()]
    assert sum(reason is not None for reason in reasons) >= 10
    assert None in reasons


@pytest.mark.parametrize(
    ("limits", "refused"),
    [
        ({"call_bytes": 39_000, "id_bytes": 162}, {335: "message", 446: None, 557: None}),
        ({"call_bytes": 40_000, "id_bytes": 161}, {335: None, 446: "userId", 557: None}),
        ({"call_bytes": 20_000, "id_bytes": None}, {335: "message", 446: None, 557: "message"}),
    ],
)
def test_which_of_the_large_rows_are_too_large_follows_the_limits(limits, refused, monkeypatch):
    before = odd_lines("people.csv")
    monkeypatch.setattr(sample, "Limits", lambda: Limits(**limits))
    assert odd_lines("people.csv") == before | refused


@pytest.mark.skipif(TOOL is None, reason="tpchgen-cli is not installed")
def test_the_script_makes_the_same_files_again():
    command = [sys.executable, str(ROOT / "scripts" / "sample_data.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
