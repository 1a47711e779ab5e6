"""How commands fail: one line that says what to do, and an exit code that a script can act on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import click

from cio_facade.errors import AuthenticationError, CustomerIOError, OutboxError, RefusedError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["Failure", "Interrupted", "Invalid", "Misused", "Refused", "Undelivered", "extra", "one_line"]

_SETTINGS = ("CIO_API_KEY", "api_key", "region", "base_url", "dotenv")


class Failure(click.ClickException):
    """Ends a command with one line on standard error. By itself: not all went well, as the output says."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the line."""
        click.echo(f"cio-facade: {self.message}", file=file, err=file is None)


class Misused(Failure):
    """The command was called wrongly, or something that it needs is missing."""

    exit_code = 2


class Refused(Failure):
    """The server refuses; the same again will not help."""

    exit_code = 3


class Undelivered(Failure):
    """The call may not have arrived; the same again may help."""

    exit_code = 4


class Invalid(Failure):
    """Refused here, before anything was sent."""

    exit_code = 5


class Interrupted(Failure):
    """Ctrl-C."""

    exit_code = 130


@contextmanager
def one_line() -> Generator[None]:
    """Turn what can be expected to go wrong into a `Failure`."""
    try:
        yield
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "cio-facade"
        raise Misused(f"{error.format_message().rstrip('.')} (see {command} --help)") from error
    except CustomerIOError as error:
        raise _told(error) from error
    except ImportError as error:
        if error.name is not None:
            raise
        raise Misused(str(error)) from error  # the library names the extra to install
    except BrokenPipeError:
        raise  # click ends quietly when nobody reads on
    except OSError as error:
        raise Misused(f"{error.filename or 'system'}: {error.strerror or error}") from error
    except KeyboardInterrupt:
        raise Interrupted("interrupted") from None


@contextmanager
def extra(name: str) -> Generator[None]:
    """Name the extra to install when an import inside the block fails."""
    try:
        yield
    except ImportError as missing:
        if missing.name is None or missing.name.partition(".")[0] in {"cio_facade", "cio_pipelines"}:
            raise
        raise Misused(f"this command needs {missing.name}: pip install 'cio-facade[{name}]'") from missing


def _told(error: CustomerIOError) -> Failure:
    """Say what went wrong and what helps."""
    match error:
        case ValidationError(field=field) if field in _SETTINGS:
            return Misused(f"{error} (settings come from CIO_API_KEY, CIO_REGION and CIO_BASE_URL; see .env.example)")
        case ValidationError():
            return Invalid(f"{error} (nothing was sent)")
        case AuthenticationError():
            return Refused(f"{error} (is CIO_API_KEY right, and of this region?)")
        case RefusedError():
            return Refused(f"{error} (repeating the call will not help)")
        case OutboxError():
            return Undelivered(str(error))  # it says what helps
        case _:
            return Undelivered(f"{error} (trying again may help)")
