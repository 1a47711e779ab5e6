"""docs/how-to/celery.md: real workers that are ended, replaced and killed, with a broker in a folder."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import pytest
from documents import lines, words
from projects import LIMIT, done, environment, made, page, running, said, until

pytest.importorskip("celery", reason="needs Celery: the extra [frameworks]")

_PAGE = "celery.md"
_CONFIG = """
broker_url = "filesystem://"
broker_transport_options = {"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"}
worker_prefetch_multiplier = 1
worker_hijack_root_logger = False
"""
_READY = r"ready\."


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = made(_PAGE, tmp_path, **{"celeryconfig.py": _CONFIG})
    (folder / "queue").mkdir()
    return folder


def _worker(*options: str) -> list[str]:
    """The page's own command, without gossip that a broker in a folder is too slow for."""
    (line,) = (line for line in lines(page(_PAGE)) if line.startswith("celery"))
    return [*words(line), "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO", *options]


def _call(folder: Path, variables: dict[str, str], module: str, task: str, *calls: tuple[object, ...]) -> list[str]:
    """Have other processes call a task; gives the ids of its calls."""
    script = f"from shop.{module} import {task}\nfor one in {calls!r}: print({task}.delay(*one).id)"
    return done([sys.executable, "-c", script], folder, variables).split()


def _in_memory(folder: Path) -> Path:
    """Have the tasks put into memory, where it waits for the end; gives their module."""
    tasks = folder / "shop" / "tasks.py"
    text = tasks.read_text("utf-8").replace('os.environ.get("CIO_OUTBOX", "outbox.db")', "flush_interval=60")
    tasks.write_text(text, encoding="utf-8")
    return tasks


def _succeeded(folder: Path) -> int:
    return said(folder).count(" succeeded in ")


def test_what_tasks_put_is_delivered_when_the_worker_ends_and_children_are_replaced(shop, cio_sandbox):
    variables = environment(cio_sandbox.environment, shop)
    _call(shop, variables, "tasks", "lesson_watched", *[(f"u{n}", n) for n in range(40)])
    with running(_worker("--max-tasks-per-child", "5"), shop, variables, _READY) as worker:
        until(lambda: _succeeded(shop) == 40, lambda: said(shop))
        worker.send_signal(signal.SIGTERM)
        worker.wait(LIMIT)
    assert len(set(re.findall(r"ForkPoolWorker-(\d+)\] Task", said(shop)))) > 2
    assert {call["userId"] for call in cio_sandbox.calls("track")} == {f"u{n}" for n in range(40)}
    cio_sandbox.assert_delivered(40)
    cio_sandbox.assert_nothing_refused()


@pytest.mark.parametrize("handlers", [True, False])
def test_an_outbox_in_memory_needs_the_handler(shop, cio_sandbox, handlers):
    tasks = _in_memory(shop)
    if not handlers:
        text = tasks.read_text("utf-8")
        tasks.write_text(text.replace("@worker_process_shutdown.connect\n", ""), encoding="utf-8")
    variables = environment(cio_sandbox.environment, shop)
    _call(shop, variables, "tasks", "lesson_watched", *[(f"u{n}", n) for n in range(10)])
    with running(_worker(), shop, variables, _READY) as worker:
        until(lambda: _succeeded(shop) == 10, lambda: said(shop))
        worker.send_signal(signal.SIGTERM)
        worker.wait(LIMIT)
    assert len(cio_sandbox.calls("track")) == (10 if handlers else 0), said(shop)


def test_another_child_delivers_what_a_killed_one_has_put(shop, cio_sandbox):
    tasks = shop / "shop" / "tasks.py"
    text = tasks.read_text("utf-8") + "    if lesson == 7:\n        os.kill(os.getpid(), 9)\n"
    tasks.write_text(text, encoding="utf-8")
    variables = environment(cio_sandbox.environment, shop)
    _call(shop, variables, "tasks", "lesson_watched", *[(f"u{n}", n) for n in range(20)])
    with running(_worker(), shop, variables, _READY) as worker:
        until(lambda: {f"u{n}" for n in range(20)} <= {call["userId"] for call in cio_sandbox.calls("track")})
        worker.send_signal(signal.SIGTERM)
        worker.wait(LIMIT)
    assert "exited with 'signal 9 (SIGKILL)'" in said(shop)


@pytest.mark.cio_sandbox(faults=["503@1"])
def test_a_call_that_is_repeated_by_celery_is_the_same_message(shop, cio_sandbox):
    telling = shop / "shop" / "telling.py"
    telling.write_text(telling.read_text("utf-8").replace("Retry(budget=20)", "Retry(budget=0)"), encoding="utf-8")
    variables = environment(cio_sandbox.environment, shop)
    order = ("u1", "o-1", 99.9, "2026-01-31T12:00:00Z")
    (task_id,) = _call(shop, variables, "telling", "order_completed", order)
    worker = [word.replace("shop.tasks", "shop.telling") for word in _worker()]
    with running(worker, shop, variables, _READY) as process:
        until(lambda: _succeeded(shop) == 1, lambda: said(shop))
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT)
    (call,) = cio_sandbox.calls("track")
    assert call["messageId"] == task_id
    assert call["timestamp"].startswith("2026-01-31T12:00:00")
    assert cio_sandbox.counts().refused == 1


def test_a_call_that_cannot_be_sent_fails_its_task_at_once(shop, cio_sandbox):
    variables = environment(cio_sandbox.environment, shop)
    _call(shop, variables, "telling", "order_completed", ("", "o-1", 99.9, "2026-01-31T12:00:00Z"))
    worker = [word.replace("shop.tasks", "shop.telling") for word in _worker()]
    with running(worker, shop, variables, _READY) as process:
        until(lambda: "raised unexpected: ValidationError" in said(shop), lambda: said(shop))
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT)
    assert cio_sandbox.counts().requests == 0


@pytest.mark.parametrize("pool", ["threads", "solo"])
def test_the_other_pools_deliver_at_the_end_of_the_interpreter(shop, cio_sandbox, pool):
    _in_memory(shop)
    variables = environment(cio_sandbox.environment, shop)
    _call(shop, variables, "tasks", "lesson_watched", *[(f"u{n}", n) for n in range(10)])
    with running(_worker("--pool", pool), shop, variables, _READY) as worker:
        until(lambda: _succeeded(shop) == 10, lambda: said(shop))
        worker.send_signal(signal.SIGTERM)
        worker.wait(LIMIT)
    cio_sandbox.assert_delivered(10)


def test_a_task_that_is_called_as_a_function_needs_no_worker(shop, cio_sandbox):
    variables = environment(cio_sandbox.environment, shop, CIO_OUTBOX=str(shop / "of-a-test.db"))
    script = (
        "from shop.tasks import lesson_watched, outbox\n"
        "lesson_watched('u1', 3)\n"
        "assert outbox.flush(timeout=10).delivered == 1\n"
    )
    done([sys.executable, "-c", script], shop, variables)
    cio_sandbox.assert_tracked("u1", "Lesson Watched", lesson=3)
