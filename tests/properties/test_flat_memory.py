"""A stream of any length takes no more memory than a short one."""

import subprocess
import sys
import textwrap


def test_memory_stays_flat_over_300_000_messages() -> None:
    script = """
        import resource, sys
        import httpx
        from cio_facade import CustomerIO, messages

        class Sink(httpx.BaseTransport):
            def handle_request(self, request):
                return httpx.Response(200)

        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        with CustomerIO("key", transport=Sink()) as cio:
            cio.send_many(messages.track(f"u{n}", "Seen", {"n": n}) for n in range(60_000))
            before = peak()
            report = cio.send_many(messages.track(f"u{n}", "Seen", {"n": n}) for n in range(300_000))
        assert report.delivered == 300_000
        print(peak() - before)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert int(run.stdout) < 12_000  # KB; all of it would be 50 MB and more
