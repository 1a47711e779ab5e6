import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cio_facade import __version__
from cio_facade.cli.root import root

WITHOUT = """
import sys
sys.modules.update(dict.fromkeys({absent!r}))
from cio_facade.cli import main
main()
"""


def without(*absent: str, command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command where these packages are not installed."""
    program = [sys.executable, "-c", WITHOUT.format(absent=absent), *command.split()]
    return subprocess.run(
        program, capture_output=True, text=True, timeout=60, check=False, cwd=Path(__file__).parents[2]
    )


def test_version(run):
    assert run("--version").stdout == f"cio-facade {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands(run, arguments):
    done = run(*arguments)
    assert done.returncode == 0
    for command in ("completion", "demo", "doctor", "events", "load", "outbox", "sandbox", "send"):
        assert f"\n  {command} " in done.stdout


def test_an_unknown_command_is_one_line_with_a_hint(run, one_line):
    done = run("dmo")
    assert done.returncode == 2
    assert "dmo" in done.stderr
    assert "--help" in done.stderr
    assert one_line(done.stderr)


@pytest.mark.parametrize(
    ("words", "meant"), [(["dcotor"], "doctor"), (["send", "identfy"], "identify"), (["outbox", "drian"], "drain")]
)
def test_a_mistyped_command_is_guessed(run, one_line, words, meant):
    done = run(*words)
    assert done.returncode == 2
    assert f"did you mean '{meant}'?" in done.stderr
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
        (["duckdb"], "load people.csv --as identify --dry-run", "cio-facade[load]"),
        (["pyarrow"], "load people.csv --as identify --dry-run", "cio-facade[load]"),
        (["yaml"], "load people.csv --as identify --dry-run --mapping pyproject.toml", "cio-facade[load]"),
        (["rich", "rich.console"], "load people.csv --as identify", "cio-facade[load]"),
    ],
)
def test_a_missing_extra_is_one_line_with_the_command_that_installs_it(absent, command, extra, one_line):
    done = without(*absent, command=command)
    assert done.returncode == 2
    assert f"pip install '{extra}'" in done.stderr
    assert absent[0] in done.stderr
    assert one_line(done.stderr)


def every_command() -> list[list[str]]:
    """The words of all commands, those within groups too."""

    def within(group: click.Group, words: list[str]) -> Iterator[list[str]]:
        context = click.Context(group)
        for name in group.list_commands(context):
            yield [*words, name]
            if isinstance(command := group.get_command(context, name), click.Group):
                yield from within(command, [*words, name])

    return list(within(root, []))


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_option_says_what_it_does(words):
    command: click.Command = root
    for word in words:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command.help
    assert command.short_help or command.help.count("\n") == 0
    for param in command.params:
        assert not isinstance(param, click.Option) or param.help, param.name
