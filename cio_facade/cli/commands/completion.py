"""``cio-facade completion``: what has a shell complete commands, options and their values."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, ShellComplete, get_completion_class

from cio_facade.cli.failures import Misused
from cio_facade.cli.helping import Described

__all__ = ["command"]

_NAME = "cio-facade"
_VARIABLE = "_CIO_FACADE_COMPLETE"
"""The variable in which click looks for a shell's question, as it makes it of the name."""

_RC = {
    "bash": ("~/.bashrc", f'eval "$({_NAME} completion bash)"'),
    "zsh": ("~/.zshrc, below compinit", f'eval "$({_NAME} completion zsh)"'),
    "fish": ("~/.config/fish/config.fish", f"{_NAME} completion fish | source"),
}


class _Bash(BashComplete):
    """Click's own, but for names with spaces: they are quoted, unless the word begins with a quote already."""

    source_template = r"""%(complete_func)s() {
    local IFS=$'\n' answer line kind word
    answer=$(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD %(complete_var)s=bash_complete "$1")
    COMPREPLY=()
    for line in $answer; do
        kind=${line%%%%,*} word=${line#*,}
        case $kind in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                [[ ${COMP_WORDS[COMP_CWORD]} == [\"\']* ]] || printf -v word %%q "$word"
                COMPREPLY+=("$word")
                ;;
        esac
    done
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


@click.command(
    cls=Described,
    short_help="Have your shell complete commands and options.",
    examples=[(f"in {file}", line) for file, line in _RC.values()],
)
@click.argument("shell", type=click.Choice(list(_RC)))
@click.pass_context
def command(ctx: click.Context, /, *, shell: str) -> None:
    """Print the script that has SHELL (bash, zsh or fish) complete commands, options and their values.

    It completes what rows become and the names of semantic events too, and files where a command takes one. Bash must
    be 4.4 or newer.
    """
    kind: type[ShellComplete] | None = _Bash if shell == "bash" else get_completion_class(shell)
    if kind is None:
        raise Misused(f"this version of click knows nothing of {shell}")
    file, line = _RC[shell]
    script = kind(ctx.find_root().command, {}, _NAME, _VARIABLE).source()
    # After the script: zsh wants its first line to stay the first.
    click.echo(f"{script.rstrip()}\n\n# To have it in every shell, in {file}:\n#   {line}")
