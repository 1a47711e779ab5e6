"""A process that forks while it has a journal open. It says what happens on its output, and waits for its input."""

import os
import signal
import sys
import threading

from cio_facade.errors import OutboxError
from cio_facade.journal import Journal


def say(*words: object) -> None:
    os.write(1, " ".join(map(str, words)).encode() + b"\n")


def hear() -> None:
    os.read(0, 1)


def opened(path: str) -> Journal:
    journal = Journal(path)
    os.register_at_fork(before=journal.before_fork, after_in_parent=journal.after_fork, after_in_child=journal.abandon)
    return journal


def leader(path: str) -> None:
    """Lead, and fork; the child outlives its parent, then opens the file itself."""
    journal = opened(path)
    journal.append([b"parent"])
    assert journal.lead()
    if os.fork():
        say("parent", os.getpid())
        signal.pause()
    say("child", os.getpid())
    hear()
    own = Journal(path)
    own.append([b"child"])
    say("led" if own.lead() else "followed")
    own.close()


def preload(path: str) -> None:
    """Open before forking, as servers do that load once and fork their workers; the first to close is the parent."""
    journal = opened(path)
    journal.append([b"parent"])
    until, go = os.pipe()
    if os.fork():
        hear()
        journal.close()
        os.write(go, b"closed")
        signal.pause()
    own = opened(path)
    own.append([b"child"])
    say("child", os.getpid())
    os.read(until, 6)
    own.append([b"child, later"])
    say("put")
    signal.pause()


def surprised(path: str) -> None:
    """Fork in the middle of a write."""
    journal = Journal(path)
    os.register_at_fork(after_in_child=journal.abandon)
    journal.append([b"parent"])
    child = os.fork()
    if not child:
        try:
            Journal(path)
        except OutboxError as error:
            say(error)
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
    journal.append([b"parent"])
    journal.close()


def ending(path: str) -> None:
    """Fork children that end as processes end, with all that the interpreter does then."""
    journal = opened(path)
    journal.append([b"parent"])
    assert journal.lead()
    for n in range(3):
        child = os.fork()
        if not child:
            if n:
                journal.close()
            if n > 1:
                own = Journal(path)
                own.append([b"child"])
                assert not own.lead()
                assert own.read(0, 1_000)
            sys.exit()
        assert os.waitpid(child, 0)[1] == 0
        journal.append([b"parent"])
        say("others lead" if Journal(path).lead() else "leads")
    assert [call for group in journal.read(0, 1_000) for call in group.calls].count(b"child") == 1
    assert len(journal.read(0, 1_000)) == 5
    journal.close()
    say("done")


def busy(path: str) -> None:
    """Fork while threads append and settle; each child uses the file at once."""
    journal = opened(path)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            journal.settle(journal.append([b"x" * 500] * 20)[:19], "delivered")
            journal.read(0, 10_000)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(int(sys.argv[3])):
        child = os.fork()
        if not child:
            own = Journal(path)
            own.append([b"child"])
            own.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    stop.set()
    for thread in threads:
        thread.join()
    totals = journal.totals()
    journal.close()
    say("done", totals.pending)


if __name__ == "__main__":
    {"leader": leader, "preload": preload, "surprised": surprised, "ending": ending, "busy": busy}[sys.argv[1]](
        sys.argv[2]
    )
