import pickle
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from hr_common.errors import InputError
from hybridmesh.body.smpl_files import read_smpl
from hybridmesh.body.unpickling import read_arrays

from ..conftest import smpl_like


class Ch:
    """Pickles as chumpy's arrays do."""

    def __init__(self, **state: Any) -> None:
        self.__dict__.update(state)


@pytest.fixture
def chumpy() -> Iterator[type[Ch]]:
    names = ("chumpy", "chumpy.ch", "chumpy.reordering")
    for name in names:
        sys.modules[name] = types.ModuleType(name)
    made = type("Ch", (Ch,), {"__module__": "chumpy.ch"})
    sys.modules["chumpy.ch"].Ch = made  # type: ignore[attr-defined]
    yield made
    for name in names:
        del sys.modules[name]


def contents() -> dict[str, Any]:
    arrays = smpl_like(60)
    parents = np.array([2**32 - 1, *(0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)])
    return {
        "v_template": arrays.template,
        "shapedirs": arrays.shape_directions,
        "posedirs": arrays.pose_directions,
        "J_regressor": scipy.sparse.csc_matrix(arrays.regressors["smpl24"]),
        "weights": arrays.weights,
        "f": arrays.faces.astype(np.uint32),
        "kintree_table": np.stack([parents, np.arange(24)]).astype(np.uint32),
        "bs_style": "lbs",
    }


def dump(path: Path, value: Any, protocol: int = 2) -> Path:
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_file_with_a_sparse_regressor_is_read(tmp_path: Path, protocol: int) -> None:
    body = read_smpl(dump(tmp_path / "model.pkl", contents(), protocol))
    np.testing.assert_allclose(body.template, smpl_like(60).template)
    np.testing.assert_allclose(body.regressors["smpl24"], smpl_like(60).regressors["smpl24"])


def test_a_file_with_chumpy_objects_is_read(tmp_path: Path, chumpy: type[Ch]) -> None:
    content = contents()
    whole = chumpy(x=content["shapedirs"].astype(np.float64))
    content["v_template"] = chumpy(x=content["v_template"])
    # A selection keeps the array it selects from, and which of its numbers.
    content["shapedirs"] = chumpy(a=whole, idxs=np.arange(60 * 30), preferred_shape=(60, 3, 10))
    body = read_smpl(dump(tmp_path / "model.pkl", content))
    np.testing.assert_allclose(body.template, smpl_like(60).template)
    np.testing.assert_allclose(body.shape_directions, smpl_like(60).shape_directions)


def test_a_file_of_python_2_is_read(tmp_path: Path) -> None:
    # What Python 2.7 wrote for {'weights': numpy.arange(3.0), 'name': 'lbs'}, protocol 0: byte strings, numpy.core.
    text = (
        b"(dp0\nS'name'\np1\nS'lbs'\np2\nsS'weights'\np3\ncnumpy.core.multiarray\n_reconstruct\np4\n(cnumpy\nndarray\np5\n"
        b"(I0\ntp6\nS'b'\np7\ntp8\nRp9\n(I1\n(I3\ntp10\ncnumpy\ndtype\np11\n(S'f8'\np12\nI0\nI1\ntp13\nRp14\n(I3\nS'<'\n"
        b"p15\nNNNI-1\nI-1\nI0\ntp16\nbI00\nS'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\xf0?"
        b"\\x00\\x00\\x00\\x00\\x00\\x00\\x00@'\np17\ntp18\nbs."
    )
    (tmp_path / "old.pkl").write_bytes(text)
    content = read_arrays(tmp_path / "old.pkl")
    assert content["name"] == "lbs"
    np.testing.assert_array_equal(content["weights"], [0.0, 1.0, 2.0])


class Evil:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (__import__("os").system, ("touch hacked",), "system"),
        (eval, ("1 + 1",), "eval"),
        (__import__("subprocess").Popen, (["true"],), "Popen"),
        (getattr, (1, "real"), "getattr"),
        (np.load, ("hacked.npy",), "load"),
        (__import__("importlib").import_module, ("os",), "import_module"),
    ],
)
def test_every_other_name_is_refused_before_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: Any, arguments: tuple[Any, ...], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = dump(tmp_path / "evil.pkl", {"v_template": Evil(function, *arguments)})
    with pytest.raises(InputError, match=rf"names .*{name}, which is neither an array"):
        read_arrays(path)
    assert not (tmp_path / "hacked").exists()


def test_methods_of_permitted_modules_are_refused_too(tmp_path: Path) -> None:
    # Protocol 4 can name attributes with dots: numpy's dtype.__class__ and the like must not be reached.
    (tmp_path / "dots.pkl").write_bytes(b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.")
    with pytest.raises(InputError, match=r"ndarray\.tofile"):
        read_arrays(tmp_path / "dots.pkl")


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "empty"), (b"no pickle at all", "not read|no whole pickle"), (pickle.dumps([1, 2]), "holds a list")],
)
def test_what_is_no_dictionary_of_arrays_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "bad.pkl").write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_arrays(tmp_path / "bad.pkl")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": None}, "holds no 'weights'"),
        ({"posedirs": np.zeros((60, 3, 9))}, r"posedirs has the shape \(60, 3, 9\), expected 60×3×207"),
        ({"J_regressor": np.zeros((52, 60))}, "52 joints.*smplx:FILE"),
        ({"weights": np.zeros((60, 24))}, "do not sum to one"),
        ({"v_template": np.full((60, 3), np.nan)}, "not finite"),
        ({"f": np.array([[0, 1, 60]])}, "beyond 59"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    content = {name: value for name, value in (contents() | change).items() if value is not None}
    with pytest.raises(InputError, match=message):
        read_smpl(dump(tmp_path / "model.pkl", content))
