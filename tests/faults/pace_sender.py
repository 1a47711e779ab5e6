"""A process that sends as fast as it may: settings as JSON in the arguments, a number of seconds a line on stdin."""

import asyncio
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from cio_facade import AsyncCustomerIO, CustomerIO, Limits
from cio_facade.leases import RedisPace


def settings(how):
    pace = RedisPace(how["redis"], fallback_share=how["fallback"]) if how["redis"] else None
    limits = Limits(window_requests=how["requests"], window_seconds=how["seconds"], share=how["share"])
    return {"api_key": "key", "base_url": how["url"], "limits": limits, "pace": pace}


def in_threads(how):
    with CustomerIO(**settings(how)) as cio, ThreadPoolExecutor(how["senders"]) as threads:
        cio.track("u1", "Connected")

        def send(until):
            while time.monotonic() < until:
                cio.track("u1", "Seen")

        def phase(seconds):
            until = time.monotonic() + seconds
            for done in [threads.submit(send, until) for _ in range(how["senders"])]:
                done.result()

        yield phase


def in_tasks(how):
    with asyncio.Runner() as runner:
        cio = AsyncCustomerIO(**settings(how))
        runner.run(cio.track("u1", "Connected"))

        async def send(until):
            while time.monotonic() < until:
                await cio.track("u1", "Seen")

        async def phase(seconds):
            until = time.monotonic() + seconds
            await asyncio.gather(*(send(until) for _ in range(how["senders"])))

        yield lambda seconds: runner.run(phase(seconds))
        runner.run(cio.close())


def in_forks(how):
    """One client, made and used before it is inherited by two children."""
    with CustomerIO(**settings(how)) as cio:
        cio.track("u1", "Seen")

        def phase(seconds):
            children = [pid for _ in range(2) if not (pid := os.fork()) or True]
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                cio.track("u1", "Seen")
            if 0 in children:
                os._exit(0)
            assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)

        yield phase


def main():
    how = json.loads(sys.argv[1])
    for phase in {"threads": in_threads, "tasks": in_tasks, "forks": in_forks}[how["kind"]](how):
        print("ready", flush=True)
        for line in sys.stdin:
            before = time.process_time()
            phase(float(line))
            print(time.process_time() - before, flush=True)


if __name__ == "__main__":
    main()
