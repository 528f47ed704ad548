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


def compile_loops(*, reorder: bool = False) -> Callable[[F], F]:
    """Compile a function to machine code on its first call and keep it on disk; do nothing if numba is missing.

    What is compiled lies in the user's cache folder, or in that of ``NUMBA_CACHE_DIR``.

    Args:
        reorder: Allow sums in another order than written, and multiplication and addition in one step: faster, and
            equal to the fallback within rounding only. Infinities and NaN keep their meaning. Otherwise results agree
            to the last bit.
    """
    loose = {"reassoc", "contract", "nsz"} if reorder else False

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
            compiled: Any = numba.njit(cache=True, nogil=True, fastmath=loose)(plain)
        except (OSError, RuntimeError):  # the folder cannot be written
            compiled = numba.njit(nogil=True, fastmath=loose)(plain)
        finally:
            settings.CACHE_DIR = previous
        return cast(F, compiled)

    return decorate


def _do_nothing(address: Any) -> None:
    pass


prefetch: Callable[[Any], None] = _do_nothing
"""In a compiled loop, ask for a place in memory ahead of its use, so that it is not waited for.

A place is an address (``array.ctypes.data`` and a number of bytes); one that does not exist does no harm.
"""

if HAS_NUMBA:
    from llvmlite import ir  # type: ignore[import-untyped]
    from numba import types
    from numba.extending import intrinsic

    def _prefetch(_: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
            function = builder.module.declare_intrinsic(
                "llvm.prefetch", [byte], ir.FunctionType(ir.VoidType(), [byte, number, number, number])
            )
            # To read; used more than once; data, not code.
            builder.call(function, [builder.inttoptr(values[0], byte), number(0), number(3), number(1)])
            return context.get_dummy_value()

        return types.void(types.uintp), generate

    make_intrinsic: Any = intrinsic
    prefetch = make_intrinsic(inspect.unwrap(_prefetch))
