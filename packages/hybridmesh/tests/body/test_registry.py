from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from hr_common.errors import InputError
from hybridmesh.body import BodyModel, MissingAssetError, load_arrays, load_body, require_engine
from hybridmesh.body.arrays import body_from_archive, read_archive, write_body
from hybridmesh.body.smpl_files import read_densepose_charts, read_smpl, write_smpl

from ..conftest import smpl_like


def test_a_body_comes_back_from_its_archive(tmp_path: Path) -> None:
    before = load_arrays("free-lo")
    write_body(tmp_path / "body.npz", before)
    after = body_from_archive(read_archive(tmp_path / "body.npz"), tmp_path / "body.npz")
    assert after.digest == before.digest
    assert after.charts is not None
    np.testing.assert_allclose(after.charts.corners, before.charts.corners)  # type: ignore[union-attr]


def test_smpl_is_found_under_its_usual_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYBRIDMESH_SMPL_DIR", str(tmp_path))
    write_smpl(tmp_path / "SMPL_FEMALE.npz", smpl_like(60))
    body = load_body("smpl", gender="female")
    assert isinstance(body, BodyModel)
    assert body.num_vertices == 60
    with pytest.raises(MissingAssetError, match=r"no male SMPL file.*smpl\.is\.tue\.mpg\.de.*--body free"):
        load_body("smpl", gender="male")


def test_an_unknown_body_names_the_ones_there_are() -> None:
    with pytest.raises(MissingAssetError, match="free, free-lo, smpl"):
        load_body("nobody")


def test_the_second_engine_is_for_posing_only(smpl_file: Path) -> None:
    with pytest.raises(InputError, match="posed and exported only"):
        require_engine(load_body(f"smplx:{smpl_file}"))


def test_an_archive_with_python_objects_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "objects.npz", v_template=np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="no whole archive of plain arrays"):
        read_smpl(tmp_path / "objects.npz")


# Two triangles of a square, each with vertices of its own along the seam.
SQUARE = {
    "All_vertices": np.array([[1, 2, 3, 3, 4, 1]]),
    "All_Faces": np.array([[2, 3, 1], [4, 5, 6]]),
    "All_FaceIndices": np.array([[3], [4]]),
    "All_U_norm": np.array([[0.0, 1.0, 1.0, 0.2, 0.3, 0.4]]).T,
    "All_V_norm": np.array([[0.0, 0.0, 1.0, 0.5, 0.6, 0.7]]).T,
}


def test_densepose_charts_are_put_on_the_faces_of_smpl(tmp_path: Path) -> None:
    savemat(tmp_path / "UV_Processed.mat", SQUARE)
    faces = np.array([[0, 1, 2], [2, 3, 0]])
    charts = read_densepose_charts(tmp_path / "UV_Processed.mat", faces)
    assert charts.family == "densepose"
    np.testing.assert_array_equal(charts.index, [3, 4])
    np.testing.assert_allclose(charts.corners[0], [[0, 0], [1, 0], [1, 1]])
    np.testing.assert_allclose(charts.corners[1], [[0.2, 0.5], [0.3, 0.6], [0.4, 0.7]])


def test_another_matlab_file_is_no_chart(tmp_path: Path) -> None:
    savemat(tmp_path / "other.mat", {"x": np.zeros(3)})
    with pytest.raises(InputError, match="is not DensePose's UV_Processed"):
        read_densepose_charts(tmp_path / "other.mat", np.zeros((1, 3), int))


def test_a_file_of_matlab_7_3_is_told_from_a_wrong_one(tmp_path: Path) -> None:
    path = tmp_path / "new.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file, HDF5 schema 1.00".ljust(124) + b"\x00\x02IM" + bytes(512))
    with pytest.raises(InputError, match=r"saved as MATLAB 7\.3; save it again with -v7"):
        read_densepose_charts(path, np.zeros((1, 3), int))


@pytest.mark.parametrize("damage", ["cut", "empty", "overwritten", "text"])
def test_a_damaged_matlab_file_is_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "UV.mat"
    savemat(path, SQUARE, do_compression=True)
    content = path.read_bytes()
    path.write_bytes(
        {
            "cut": content[:-20],
            "empty": b"",
            "overwritten": content[:140] + bytes(byte ^ 255 for byte in content[140:]),
            "text": b"nothing",
        }[damage]
    )
    with pytest.raises(InputError, match=r"is not DensePose's UV_Processed\.mat"):
        read_densepose_charts(path, np.array([[0, 1, 2], [2, 3, 0]]))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("All_Faces", np.array([[2, 3, 1], [4, 5, 99]]), "its arrays do not fit each other"),
        ("All_V_norm", np.zeros((5, 1)), "its arrays do not fit each other"),
        ("All_FaceIndices", np.array([["head"], ["hand"]], dtype=object), "All_FaceIndices is no array of numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, name: str, value: np.ndarray, words: str) -> None:
    savemat(tmp_path / "UV.mat", {**SQUARE, name: value})
    with pytest.raises(InputError, match=words):
        read_densepose_charts(tmp_path / "UV.mat", np.array([[0, 1, 2], [2, 3, 0]]))


def test_a_missing_matlab_file_is_called_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        read_densepose_charts(tmp_path / "gone.mat", np.zeros((1, 3), int))
