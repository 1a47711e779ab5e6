"""A process of the storm: it puts messages into a durable outbox until its standard input ends, or it is killed.

What was put safely is written to a file at once, one id a line: that is what must arrive, whatever happens next.

    python storm_sender.py URL OUTBOX ACKNOWLEDGED NAME
"""

from __future__ import annotations

import os
import sys
import threading
from itertools import count

from cio_facade import CustomerIO, Limits, Outbox, Retry, messages
from cio_facade.messages import Message

_KEY = "sk_us_0123456789abcdef"
_LIMITS = Limits(call_bytes=2_000, batch_bytes=20_000, in_flight=8)
_PATIENT = Retry(base=0.01, cap=0.2, budget=600)
_SECONDS_TO_DRAIN = 600


def main(url: str, path: str, acknowledged: str, name: str) -> None:
    """Put messages until told to stop, then deliver what is left."""
    client = CustomerIO(_KEY, base_url=url, limits=_LIMITS, retry=_PATIENT, timeout=2.0)
    log = os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    enough = threading.Event()

    with Outbox(client, path, flush_interval=0.05) as outbox:

        def one_by_one(thread: int) -> None:
            """As the threads of a web server do."""
            for number in count():
                if enough.is_set():
                    return
                message_id = f"{name}-{thread}-{number}"
                assert outbox.put(_message(message_id, number))
                os.write(log, f"{message_id}\n".encode())

        def in_bulk() -> None:
            for bulk in count():
                if enough.is_set():
                    return
                ids = [f"{name}-bulk{bulk}-{number}" for number in range(100)]
                assert outbox.put_many(_message(message_id, bulk) for message_id in ids) == len(ids)
                os.write(log, ("\n".join(ids) + "\n").encode())

        threads = [threading.Thread(target=one_by_one, args=(number,)) for number in range(3)]
        threads.append(threading.Thread(target=in_bulk))
        for thread in threads:
            thread.start()
        sys.stdin.read()
        enough.set()
        for thread in threads:
            thread.join()
        report = outbox.close(timeout=_SECONDS_TO_DRAIN)
        assert report.balanced
    client.close()


def _message(message_id: str, number: int) -> Message:
    return messages.track(f"u{number % 97}", "Seen", {"text": "x" * 150}, message_id=message_id)


if __name__ == "__main__":
    main(*sys.argv[1:])
