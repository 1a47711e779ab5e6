import json
import signal
import socket

import httpx
import pytest

from cio_facade import CustomerIO


def url_of(process) -> str:
    return process.stdout.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sandbox_prints_its_url_answers_and_stops_on_a_signal(start, number):
    process = start("sandbox", "--port", "0")
    url = url_of(process)
    with CustomerIO("any", base_url=url) as cio:
        assert cio.identify("u1").status == 200
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert not err


def test_sandbox_keeps_what_arrives_in_the_file_it_is_given(start, tmp_path):
    file = str(tmp_path / "calls.sqlite")
    for name in ("u1", "u2"):
        process = start("sandbox", "--port", "0", "--db", file)
        with CustomerIO("any", base_url=url_of(process)) as cio:
            cio.identify(name)
        process.terminate()
        process.wait(20)
    from cio_facade.sandbox import Sandbox

    with Sandbox(file) as sandbox:
        assert [call["userId"] for call in sandbox.calls()] == ["u1", "u2"]


def test_sandbox_takes_only_the_keys_it_is_told(start):
    url = url_of(start("sandbox", "--port", "0", "--api-key", "right"))
    call = json.dumps({"userId": "u1"}).encode()
    statuses = [
        httpx.post(f"{url}/identify", auth=(key, ""), content=call, headers={"X-Strict-Mode": "1"}).status_code
        for key in ("right", "wrong")
    ]
    assert statuses == [200, 401]


def test_a_port_that_is_taken_is_one_clear_line(run, one_line):
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = run("sandbox", "--port", str(other.getsockname()[1]))
    assert done.returncode == 2
    assert "in use" in done.stderr
    assert one_line(done.stderr)


def test_a_file_that_is_no_sandbox_is_one_clear_line_and_stays_as_it_is(run, one_line, tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("user_id\nu1\n" * 100)
    done = run("sandbox", "--port", "0", "--db", str(file))
    assert done.returncode == 2
    assert one_line(done.stderr)
    assert file.read_text() == "user_id\nu1\n" * 100
