"""One kind of error for wrong input."""

import csv
import errno
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class InputError(ValueError):
    """The input is wrong: the message says what, where, and how to mend it, in one line.

    Args:
        message: What a user reads.
        keep_lines: Show the message in the lines that it has. Without, whatever breaks a line, such as a library's
            message inside it, is shown as a space.
    """

    def __init__(self, message: str, *, keep_lines: bool = False) -> None:
        super().__init__(message)
        self.keep_lines = keep_lines


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turn the errors that values of an unexpected form cause inside into one :class:`InputError`.

    Args:
        what: The file, or the part of it, that is taken apart inside; the beginning of the message.

    Raises:
        InputError: Something is missing, or of another kind or shape.
    """
    try:
        yield
    except InputError:
        raise
    except (
        *(KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError, csv.Error),
        *(RuntimeError, MemoryError),  # of torch, of brackets too deep, of a size that cannot be meant
    ) as error:
        raise InputError(f"{what} has not the form that is expected ({type(error).__name__}: {error})") from error
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise InputError(f"{what} names a file that cannot exist ({str(error.filename)[:60]}…)") from error


def reader(function: Callable[Concatenate[Path, P], R]) -> Callable[Concatenate[Path, P], R]:
    """Let a function whose first argument is a file refuse it as :func:`refusing` does."""

    @functools.wraps(function)
    def read(path: Path, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with refusing(str(path)):
            return function(path, *args, **kwargs)

    return read
