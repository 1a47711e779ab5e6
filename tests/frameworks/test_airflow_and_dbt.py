"""docs/how-to/airflow-and-dbt.md: its DAGs, run by a small stand-in for Airflow, and the load after dbt's run.

Airflow and dbt are too large to install for this. The stand-in has what the page imports: it runs a task as Airflow
does, again after a failure, and not after AirflowFailException.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from documents import blocks
from projects import LIMIT, done, environment, made, page, until

duckdb = pytest.importorskip("duckdb", reason="needs the extra [load]")

_PAGE = "airflow-and-dbt.md"
_AIRFLOW = {
    "airflow/exceptions.py": "class AirflowFailException(Exception): pass\n",
    "airflow/sdk.py": """
from functools import wraps
from airflow.exceptions import AirflowFailException

class DAG:
    def __init__(self, dag_id, *, schedule, start_date, catchup): pass
    def __enter__(self): return self
    def __exit__(self, *_): pass

def dag(*, schedule, start_date, catchup):
    return lambda function: function

def tried(run, retries):
    for left in reversed(range(retries + 1)):
        try:
            return run()
        except AirflowFailException:
            raise
        except Exception:
            if not left:
                raise

def task(*, retries):
    def decorated(function):
        @wraps(function)
        def run(*arguments):
            result = tried(lambda: function(*arguments), retries)
            print(json.dumps(result))
            return result
        return run
    return decorated

import json
""",
    "airflow/providers/standard/operators/bash.py": """
import os, subprocess, tempfile
from airflow.sdk import tried

class BashOperator:
    def __init__(self, *, task_id, bash_command, env, append_env, retries):
        assert append_env
        command = bash_command.replace("{{ ds }}", "2026-01-31")
        def run():
            with tempfile.TemporaryDirectory() as folder:
                subprocess.run(["bash", "-c", command], check=True, cwd=folder, env={**os.environ, **env})
        tried(run, retries)
""",
    "pendulum.py": "from datetime import datetime as _datetime\ndef datetime(*day, tz): return _datetime(*day)\n",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = made(_PAGE, tmp_path, **_AIRFLOW)
    for name in ("events", "rejected"):
        (folder / "data" / name).mkdir(parents=True)
    for dag in (folder / "dags").glob("*.py"):
        dag.write_text(dag.read_text("utf-8").replace("/data/", f"{folder}/data/"), encoding="utf-8")
    return folder


def _events(folder: Path, number: int) -> None:
    lines = [f"u{n},Lesson Watched,2026-01-31 12:00:00,{n}" for n in range(number)]
    header = "user_id,event,timestamp,lesson"
    path = folder / "data" / "events" / "2026-01-31.csv"
    path.write_text("\n".join([header, *lines, ",Lesson Watched,2026-01-31 12:00:00,0", ""]), encoding="utf-8")


def _warehouse(path: Path, plan: str = "free") -> None:
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as warehouse:
        warehouse.execute("CREATE SCHEMA marts")
        warehouse.execute(
            "CREATE TABLE marts.customers AS SELECT 'u' || n AS id, 'u' || n || '@example.com' AS email,"
            f" CASE n WHEN 0 THEN '{plan}' ELSE 'pro' END AS plan FROM range(20) AS r(n)"
        )


def test_a_command_delivers_the_file_of_the_day_and_rejected_rows_do_not_fail_it(shop, cio_sandbox):
    _events(shop, 50)
    printed = done(["python", "dags/load_events.py"], shop, environment(cio_sandbox.environment, shop))
    assert json.loads(printed.split("cio-facade:")[0])["exit_code"] == 3
    cio_sandbox.assert_delivered(50)
    assert "user_id is empty" in (shop / "data" / "rejected" / "2026-01-31.csv").read_text("utf-8")


@pytest.mark.cio_sandbox(api_keys=["right"])
def test_a_retry_follows_a_code_that_is_worth_one(shop, cio_sandbox):
    _events(shop, 5)
    variables = environment({**cio_sandbox.environment, "CIO_API_KEY": "wrong"}, shop)
    printed = done(["python", "dags/load_events.py"], shop, variables, code=1)
    assert [json.loads(one + "}")["exit_code"] for one in _accounts(printed)] == [4] * 4


def _accounts(printed: str) -> list[str]:
    return [one[one.index("{") :] for one in printed.split("\n}\n") if '"exit_code"' in one]


@pytest.mark.cio_sandbox(faults=["503@2-"], rate=False)
def test_a_try_that_is_ended_is_gone_on_with(shop, cio_sandbox):
    _events(shop, 20_000)
    variables = environment(cio_sandbox.environment, shop)
    command = ["cio-facade", "load", f"{shop}/data/events/2026-01-31.csv", "--as", "track", "--quiet", "--json"]
    with subprocess.Popen(command, cwd=shop, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as first:
        # The second repeat of a body: by then the answer to the one that was taken has long been read.
        until(lambda: any((request.retry_count or 0) > 1 for request in cio_sandbox.requests()))
        first.send_signal(signal.SIGTERM)
        out, err = first.communicate(timeout=LIMIT)
    assert first.returncode == 130, err
    before = json.loads(out)
    assert 0 < before["delivered"] < 20_000
    cio_sandbox.faults.clear()
    second = json.loads(done(command, shop, variables, code=3).split("cio-facade:")[0])
    assert (second["state"], second["earlier"]) == ("resumed", before["delivered"] + before["rejected"])
    assert (second["delivered"], second["rejected"]) == (20_000, 1)
    assert len({call["messageId"] for call in cio_sandbox.calls("track")}) == 20_000


def test_a_task_in_python_gives_the_numbers_and_sends_what_changed(shop, cio_sandbox):
    variables = environment(cio_sandbox.environment, shop)
    dag = ["python", "dags/load_customers.py"]
    _warehouse(shop / "data" / "warehouse.duckdb")
    assert json.loads(done(dag, shop, variables)) == {"delivered": 20, "rejected": 0, "unchanged": 0}
    _warehouse(shop / "data" / "warehouse.duckdb", "pro")
    assert json.loads(done(dag, shop, variables)) == {"delivered": 1, "rejected": 0, "unchanged": 19}
    assert cio_sandbox.people["u0"].traits["plan"] == "pro"


@pytest.mark.cio_sandbox(faults=["503@1"])
def test_a_task_in_python_that_is_tried_again_delivers_each_row_once(shop, cio_sandbox):
    _warehouse(shop / "data" / "warehouse.duckdb")
    dag = shop / "dags" / "load_customers.py"
    patient = dag.read_text("utf-8").replace("from_env()", "from_env(retry=__import__('cio_facade').Retry(budget=0))")
    dag.write_text(patient, encoding="utf-8")
    printed = done([sys.executable, str(dag)], shop, environment(cio_sandbox.environment, shop))
    assert json.loads(printed)["delivered"] == 20
    cio_sandbox.assert_delivered(20)


def test_a_task_in_python_does_not_retry_what_cannot_help(shop, cio_sandbox):
    printed = done(["python", "dags/load_customers.py"], shop, environment(cio_sandbox.environment, shop), code=1)
    assert "AirflowFailException" in printed
    assert cio_sandbox.counts().requests == 0


def test_the_load_after_dbts_run_sends_the_models_table(shop, cio_sandbox):
    (block,) = (block for block in blocks(page(_PAGE)) if block.text.startswith("dbt build"))
    programs = shop / "programs"
    programs.mkdir()
    (programs / "dbt").write_text('#!/bin/sh\n[ "$*" = "build --select customers" ]\n', encoding="utf-8")
    (programs / "dbt").chmod(0o755)
    _warehouse(shop / "warehouse.duckdb")
    variables = environment(cio_sandbox.environment, shop)
    variables["PATH"] = os.pathsep.join([str(programs), variables["PATH"]])
    job = ["sh", "-c", block.text]
    assert json.loads(done(job, shop, variables))["delivered"] == 20
    _warehouse(shop / "warehouse.duckdb", "pro")
    second = json.loads(done(job, shop, variables))
    assert (second["delivered"], second["unchanged"]) == (1, 19)
    cio_sandbox.assert_delivered(21)
