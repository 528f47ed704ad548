"""What the commands of all packages have in common: how they end, what they log, and the options for both."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from hr_common.errors import InputError
from hr_common.interrupts import ended_by_sigterm

_DEBUG, _VERBOSE, _QUIET = "hr_common.debug", "hr_common.verbose", "hr_common.quiet"
_OTHERS = ("matplotlib", "numba", "PIL", "libav", "trimesh")


class CommandGroup(click.Group):
    """A click group whose commands end with one line and an exit code, never with a traceback.

    The code is 2 after an :class:`InputError` or wrong usage, 1 after an error of the system (disk, permissions) or a
    mistake of the program, 130 after Ctrl-C, 143 after SIGTERM; where the reader of a pipe has gone it is 1, without a
    line. Three options before the command's name are added: ``--verbose`` and ``--quiet`` set what is logged to
    standard error, ``--debug`` lets the traceback of an unexpected error through.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [
            _option("-v", "--verbose", key=_VERBOSE, count=True, help="Say more about the work."),
            _option("-q", "--quiet", key=_QUIET, is_flag=True, help="Say nothing but errors."),
            _option("--debug", key=_DEBUG, is_flag=True, help="Show tracebacks."),
        ]

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the group's own options; a callback of theirs may raise :class:`InputError` too."""
        with _one_line(debug=False):
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command and turn whatever goes wrong into a line and an exit code."""
        _log(ctx.meta.get(_VERBOSE, 0), bool(ctx.meta.get(_QUIET)))
        with _one_line(debug=bool(ctx.meta.get(_DEBUG))), ended_by_sigterm():
            return super().invoke(ctx)


def _option(*names: str, key: str, **settings: Any) -> click.Option:
    def remember(ctx: click.Context, _: click.Parameter, value: int) -> None:
        # A group inside a group must not take back what was said to the outer one.
        ctx.meta[key] = value or ctx.meta.get(key, 0)

    return click.Option(names, expose_value=False, callback=remember, **settings)


def _log(verbose: int, quiet: bool) -> None:
    """Log to standard error: warnings, or only errors, or what is done, or every detail of it."""
    level = logging.ERROR if quiet else logging.DEBUG if verbose > 1 else logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s: %(message)s")
    # A group that was called before in this process has set the handler up already, and a training's own log file has
    # its own level: what is shown here does not follow it.
    for handler in logging.getLogger().handlers:
        handler.setLevel(level)
    # Of other people's libraries only errors are of interest, whatever our own level.
    for name in _OTHERS:
        logging.getLogger(name).setLevel(logging.ERROR)


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
        raise click.UsageError(str(error) if error.keep_lines else " ".join(str(error).splitlines())) from error
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
