"""Message ids: never twice, whoever asks and from whichever process."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from cio_facade import ids
from cio_facade.ids import MessageIds


def test_ids_never_repeat():
    one, other = MessageIds(), MessageIds()
    assert len({give() for give in (one, other) for _ in range(5000)}) == 10_000


def test_an_id_is_short_plain_text_that_needs_no_escaping():
    give = MessageIds()
    assert all(re.fullmatch(r"[0-9a-f]{24}-[0-9a-f]+", give()) for _ in range(300))
    assert len(give()) < 30


def test_threads_share_one_source_of_ids():
    give = MessageIds()
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda _: [give() for _ in range(500)], range(8)))
    assert len({each for some in given for each in some}) == 4000


def test_a_child_process_draws_a_prefix_of_its_own(monkeypatch):
    give = MessageIds()
    before = give()
    monkeypatch.setattr(ids.os, "getpid", lambda: -1)
    after = [give(), give()]

    assert len({before, *after}) == 3
    assert after[0].split("-")[0] == after[1].split("-")[0] != before.split("-")[0]


FORKED = """
import os
from cio_facade.ids import MessageIds
give = MessageIds()
give()
reader, writer = os.pipe()
if not os.fork():
    os.write(writer, give().encode())
    os._exit(0)
os.wait()
print(give(), os.read(reader, 100).decode())
"""


def test_parent_and_child_of_a_fork_never_give_the_same_id():
    run = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True)
    parent, child = run.stdout.split()
    assert parent != child
    assert parent.split("-")[0] != child.split("-")[0]
