"""Read SMPL's pickles without running what is in them.

A pickle may call anything. This reader knows how numpy arrays and SciPy's sparse matrices are rebuilt, and stands in
for chumpy, whose package does not build any more: of its objects only the numbers inside are kept. Every other name
is refused.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

from hr_common.errors import InputError
from hr_common.files import refuse_unreadable

_ARRAYS = {
    ("_reconstruct", "numpy.core.multiarray"), ("_reconstruct", "numpy._core.multiarray"),
    ("scalar", "numpy.core.multiarray"), ("scalar", "numpy._core.multiarray"),
    ("ndarray", "numpy"), ("dtype", "numpy"),
    ("_frombuffer", "numpy.core.numeric"), ("_frombuffer", "numpy._core.numeric"),
}  # fmt: skip
_SPARSE = {"csc_matrix", "csr_matrix", "coo_matrix", "csc_array", "csr_array", "coo_array"}
_PYTHON_2 = {"str": str, "unicode": str, "int": int, "long": int, "float": float, "bool": bool, "complex": complex}


class _Chumpy:
    """Keeps the state of any chumpy object; :func:`_plain` finds the numbers in it."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {"x": state}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (name, module) in _ARRAYS:
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        if name in _SPARSE and module.split(".")[:2] == ["scipy", "sparse"]:
            return getattr(scipy.sparse, name)
        if module.split(".")[0] == "chumpy":
            return _Chumpy
        if (module, name) == ("copy_reg", "_reconstructor") or (module, name) == ("copyreg", "_reconstructor"):
            return _reconstruct
        if (module, name) in (("__builtin__", "object"), ("builtins", "object")):
            return object
        if module in ("__builtin__", "builtins") and name in _PYTHON_2:
            return _PYTHON_2[name]
        if (module, name) == ("_codecs", "encode"):
            return _encode
        if (module, name) in (("collections", "OrderedDict"), ("collections", "defaultdict")):
            return dict
        raise pickle.UnpicklingError(f"it names {module}.{name}, which is neither an array nor a plain value")


def _reconstruct(cls: Any, base: Any, state: Any) -> Any:
    """Make an empty object of a permitted class, as Python 2 pickles its new-style classes."""
    if cls is not _Chumpy:
        raise pickle.UnpicklingError(f"it rebuilds a {getattr(cls, '__name__', cls)!s}, which is no array")
    return _Chumpy()


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """Bytes of a Python 2 string, as protocol 2 of Python 3 writes them."""
    if encoding != "latin1" or not isinstance(text, str):
        raise pickle.UnpicklingError("it encodes text in an unusual way")
    return text.encode("latin1")


def read_arrays(path: str | Path) -> dict[str, Any]:
    """Read a pickled dictionary of arrays and plain values.

    Sparse matrices become dense arrays, chumpy objects their numbers.

    Raises:
        InputError: The file is missing, no pickle, no dictionary, or names anything but arrays.
    """
    content = read_plain(path)
    if not isinstance(content, dict):
        raise InputError(f"{path} holds a {type(content).__name__}, not a dictionary of arrays")
    return content


def read_plain(path: str | Path) -> Any:
    """Read a pickle of arrays and plain values, as they are nested.

    Raises:
        InputError: The file is missing, no pickle, or names anything but arrays.
    """
    refuse_unreadable(path)
    with Path(path).open("rb") as file:
        try:
            content = _Restricted(file, encoding="latin1").load()
        except pickle.UnpicklingError as error:
            raise InputError(f"{path} is not read: {error}") from None
        except (EOFError, ValueError, TypeError, AttributeError, KeyError, IndexError, ImportError) as error:
            raise InputError(f"{path} is no whole pickle: {type(error).__name__}: {error}") from None
    return _plain(content, path)


def _plain(value: Any, path: str | Path) -> Any:
    if isinstance(value, _Chumpy):
        return _numbers(value, path)
    if scipy.sparse.issparse(value):
        return value.toarray()
    if isinstance(value, np.ndarray) and value.dtype == object:
        return np.array([_plain(each, path) for each in value.flat]).reshape(value.shape)
    if isinstance(value, dict):
        return {str(name): _plain(each, path) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, path) for each in value]
    return value


def _numbers(value: _Chumpy, path: str | Path) -> np.ndarray:
    """Find the array inside: ``x`` of ``Ch``; of ``Select`` the entries ``idxs`` of ``a``, in ``preferred_shape``."""
    state = value.state
    if "a" in state and "idxs" in state:
        whole = np.asarray(_plain(state["a"], path)).ravel()
        rows = whole[np.asarray(state["idxs"]).ravel().astype(int)]
        shape = state.get("preferred_shape")
        return np.asarray(rows if shape is None else rows.reshape(tuple(int(each) for each in shape)))
    for name in ("x", "_x"):
        if name in state:
            return np.asarray(_plain(state[name], path))
    raise InputError(f"{path} holds a chumpy object without numbers (it has {', '.join(state) or 'nothing'})")
