import subprocess
import sys

import pytest

from cio_facade import __version__

WITHOUT = """
import sys
sys.modules.update(dict.fromkeys({absent!r}))
from cio_facade.cli import main
main()
"""


def without(*absent: str, command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command where these packages are not installed."""
    program = [sys.executable, "-c", WITHOUT.format(absent=absent), command]
    return subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)


def test_version(run):
    assert run("--version").stdout == f"cio-facade {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands(run, arguments):
    done = run(*arguments)
    assert done.returncode == 0
    for command in ("demo", "events", "sandbox", "send"):
        assert f"\n  {command} " in done.stdout


def test_an_unknown_command_is_one_line_with_a_hint(run, one_line):
    done = run("dmo")
    assert done.returncode == 2
    assert "dmo" in done.stderr
    assert "--help" in done.stderr
    assert one_line(done.stderr)


def test_an_unknown_option_is_one_line_with_a_hint(run, one_line):
    done = run("demo", "--lvie")
    assert done.returncode == 2
    assert "cio-facade demo --help" in done.stderr
    assert one_line(done.stderr)


def test_help_imports_no_server_and_no_progress_bars():
    program = (
        "import sys\n"
        "from cio_facade.cli.root import root\n"
        "root(['--help'], standalone_mode=False)\n"
        "print('loaded', [name for name in ('starlette', 'uvicorn', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("loaded []\n")


@pytest.mark.parametrize(
    ("absent", "command", "extra"),
    [
        (["click"], "demo", "cio-facade[cli]"),
        (["rich", "rich.console"], "demo", "cio-facade[cli,sandbox]"),
        (["starlette", "starlette.applications"], "demo", "cio-facade[cli,sandbox]"),
        (["uvicorn"], "sandbox", "cio-facade[sandbox]"),
        (["jsonschema_rs"], "sandbox", "cio-facade[sandbox]"),
    ],
)
def test_a_missing_extra_is_one_line_with_the_command_that_installs_it(absent, command, extra, one_line):
    done = without(*absent, command=command)
    assert done.returncode == 2
    assert f"pip install '{extra}'" in done.stderr
    assert absent[0] in done.stderr
    assert one_line(done.stderr)
