"""One kind of error for wrong input, and a command group that shows it as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click


class InputError(ValueError):
    """The input is wrong: the message says what, where, and how to mend it, in one line."""


class CommandGroup(click.Group):
    """A click group whose commands end with one line and an exit code, never with a traceback.

    The code is 2 after an :class:`InputError` or wrong usage, 1 after an error of the system (disk, permissions) or a
    mistake of the program, 130 after Ctrl-C; where the reader of a pipe has gone it is 1, without a line. The option
    ``--debug``, before the command's name, lets the traceback of an unexpected error through.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        option = click.Option(["--debug"], is_flag=True, expose_value=False, callback=_remember, help="Show tracebacks")
        self.params.append(option)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the group's own options; a callback of theirs may raise :class:`InputError` too."""
        with _one_line(debug=False):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command and turn whatever goes wrong into a line and an exit code."""
        with _one_line(debug=ctx.meta.get(_DEBUG, False)):
            return super().invoke(ctx)


_DEBUG = "hr_common.debug"


def _remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    # A group inside a group must not take back what was said to the outer one.
    ctx.meta[_DEBUG] = value or ctx.meta.get(_DEBUG, False)


@contextmanager
def _one_line(debug: bool) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted.", err=True)
        raise click.exceptions.Exit(130) from None
    except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
        raise  # click knows what to do with these
    except InputError as error:
        # Without a context click shows a UsageError as its message alone, and exits with 2.
        raise click.UsageError(" ".join(str(error).splitlines())) from error
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError):
            reason = error.strerror or str(error) or type(error).__name__
            message = f"{reason}: {error.filename}" if error.filename else reason
        else:
            advice = "this is a mistake of the program; give --debug before the command's name to see the traceback"
            message = f"unexpected {type(error).__name__}: {error} ({advice})"
        raise click.ClickException(" ".join(message.splitlines())) from error
