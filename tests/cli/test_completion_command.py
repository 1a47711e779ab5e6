import fcntl
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SHELLS = ("bash", "zsh", "fish")
# How a shell is started bare, and what has it complete: what `completion --help` says, for a shell that is running.
BARE = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"], "fish": ["--no-config", "-i"]}
READY = {
    "bash": 'eval "$(cio-facade completion bash)"; bind "set bell-style none"; PS1=; echo re""ady',
    "zsh": 'autoload -Uz compinit; compinit -u -D; eval "$(cio-facade completion zsh)"; PROMPT=; echo re""ady',
    "fish": 'cio-facade completion fish | source; function fish_prompt; end; echo re""ady',
}


def _take_the_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # fish wants to control the one it is at


class Terminal:
    """A shell on a terminal of its own, at which somebody types."""

    def __init__(self, shell: str, folder: Path) -> None:
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (50, 200))
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._process = subprocess.Popen(
            [shutil.which(shell) or shell, *BARE[shell]],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "PATH": path, "HOME": str(folder), "TERM": "dumb"},
            cwd=folder,
            start_new_session=True,
            preexec_fn=_take_the_terminal,  # noqa: PLW1509  it takes no lock
        )
        os.close(theirs)
        self._terminal = ours
        self._read = ""
        try:
            self.type(READY[shell] + "\r")
            self.until(r"\n(.*\W)?ready")
        except BaseException:
            self.close()
            raise

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def until(self, pattern: str) -> "re.Match[str]":
        """Read until this is there."""
        end = time.monotonic() + 20
        while not (found := re.search(pattern, self._read)):
            assert select.select([self._terminal], [], [], max(0, end - time.monotonic()))[0], self._read
            self._read += os.read(self._terminal, 65_536).decode(errors="replace")
        self._read = self._read[found.end() :]
        return found

    def completed(self, line: str) -> list[str]:
        """Type a line and a tab; what the shell then takes for the words."""
        # Back at the beginning, the line becomes arguments of a command that shows them, each by itself.
        self.type(f"{line}\t\x01printf '<%s>' begin \x05 end\r")
        return re.findall(r"<([^<>]*)>", self.until(r"(?<!')<begin>(.*)<end>")[1])

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)


@pytest.fixture(params=SHELLS)
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    if shutil.which(request.param) is None:
        pytest.skip(f"NOT TESTED: {request.param} is not installed here")
    (tmp_path / "people.csv").write_text("id\n1\n")
    terminal = Terminal(request.param, tmp_path)
    yield terminal
    terminal.close()


@pytest.fixture
def offered(run) -> Callable[..., list[str]]:
    """What bash is offered for the last of these words."""

    def ask(*words: str) -> list[str]:
        done = run(
            _CIO_FACADE_COMPLETE="bash_complete",
            COMP_WORDS=" ".join(["cio-facade", *words]),
            COMP_CWORD=str(len(words)),
        )
        assert not done.stderr
        return done.stdout.split("\n")[:-1]

    return ask


def test_a_shell_completes_commands_options_values_and_files(terminal):
    assert terminal.completed("cio-facade comple")[-1] == "completion"
    assert terminal.completed("cio-facade load --ident")[-1] == "--identify-by"
    assert terminal.completed("cio-facade load people.csv --as unsup")[-1] == "unsuppress"
    assert terminal.completed("cio-facade load peop")[-1] == "people.csv"


def test_a_shell_quotes_what_has_spaces(terminal):
    assert terminal.completed("cio-facade events 'Order Compl")[-1].rstrip() == "Order Completed"


def test_a_shell_quotes_what_has_spaces_where_no_quote_was_typed(terminal):
    assert terminal.completed("cio-facade events Order\\ Compl")[-1] == "Order Completed"
    assert terminal.completed("cio-facade load people.csv --as Checkout\\ St")[-1] == "Checkout St"  # there are several


def test_commands_and_shells(offered):
    assert "plain,load" in offered("")
    assert offered("completion", "") == ["plain,bash", "plain,zsh", "plain,fish"]


def test_commands_beneath_one_that_runs_by_itself(offered):
    assert offered("sandbox", "") == ["plain,fault", "plain,sql", "plain,tables"]
    assert {"plain,--fault", "plain,--port"} <= set(offered("sandbox", "--"))
    assert {"plain,--json", "plain,--db"} <= set(offered("sandbox", "sql", "--"))
    assert offered("sandbox", "sql", "--db", "x") == ["file,x"]


def test_what_rows_become(offered):
    found = offered("load", "x.csv", "--as", "")
    assert {"plain,identify", "plain,relationship", "plain,Order Completed"} <= set(found)
    assert offered("load", "x.csv", "--as", "order\\ co") == ["plain,Order Completed"]


def test_semantic_events(offered):
    assert offered("events", "coupon\\ a") == ["plain,Coupon Applied"]


def test_files(offered):
    assert offered("load", "x") == ["file,x"]
    assert offered("load", "--mapping", "x") == ["file,x"]
    assert offered("load", "x.csv", "--state", "x") == ["dir,x"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_says_how_to_have_it_always(run, shell):
    done = run("completion", shell)
    assert done.returncode == 0
    *_, told, line = done.stdout.splitlines()
    assert told.startswith("# To have it in every shell, in ~/.")
    assert line.removeprefix("#   ") in " ".join(run("completion", "--help").stdout.split())


def test_zsh_finds_its_mark_in_the_first_line(run):
    assert run("completion", "zsh").stdout.startswith("#compdef cio-facade\n")


def test_another_shell_is_one_line(run, one_line):
    done = run("completion", "tcsh")
    assert done.returncode == 2
    assert one_line(done.stderr)
    assert "bash" in done.stderr
