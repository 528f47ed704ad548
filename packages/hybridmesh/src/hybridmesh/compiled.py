"""Compile the few inner loops that need it with numba; without numba they have slower equals in numpy or torch."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from hr_common.files import data_root

F = TypeVar("F", bound=Callable[..., Any])

try:
    import numba
except ImportError:  # no wheel for this Python or machine yet
    HAS_NUMBA = False
else:
    HAS_NUMBA = True


def compile_loops() -> Callable[[F], F]:
    """Compile a function to machine code on its first call and keep it on disk; do nothing if numba is missing.

    What is compiled lies in the user's cache folder, or in that of ``NUMBA_CACHE_DIR``. No fast-math: sums are taken in
    the order in which they are written, so that the fallbacks agree to the last bit.
    """

    def decorate(function: F) -> F:
        if not HAS_NUMBA:
            return function
        # What checks shapes at run time wraps functions; numba wants them as they were written.
        plain = inspect.unwrap(function)
        settings: Any = numba.config
        previous = settings.CACHE_DIR
        # By itself numba would write beside the source. It looks up the folder here, not when the function runs.
        settings.CACHE_DIR = previous or str(data_root("hybridmesh", "numba"))
        try:
            compiled: Any = numba.njit(cache=True, nogil=True)(plain)
        except (OSError, RuntimeError):  # the folder cannot be written
            compiled = numba.njit(nogil=True)(plain)
        finally:
            settings.CACHE_DIR = previous
        return cast(F, compiled)

    return decorate
