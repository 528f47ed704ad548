"""SMPL's own files, pickles or archives, as bodies. They have to be the user's: none may be shipped or downloaded."""

from pathlib import Path
from typing import Any

import numpy as np

from hr_common.errors import InputError, reader
from hybridmesh.body.arrays import JOINTS, BodyArrays, Charts, read_archive
from hybridmesh.body.unpickling import read_arrays
from hybridmesh.joints import SMPL24, SMPL_PARENTS

LICENSE_PAGE = "https://smpl.is.tue.mpg.de"
_LICENSE = f"SMPL model licence, non-commercial, not to be redistributed ({LICENSE_PAGE})"
_BETAS = 10
_SYMMETRIC = 5e-3  # metres between a vertex and the mirror image of its partner


@reader
def read_smpl(path: Path, *, name: str = "smpl") -> BodyArrays:
    """Read a SMPL file with 24 joints.

    Raises:
        InputError: The file is damaged, holds anything but arrays, or lacks an array; the message names it.
    """
    content = read_archive(path) if path.suffix == ".npz" else read_arrays(path)
    template = _array(content, "v_template", (None, 3), path)
    count = len(template)
    joints = _array(content, "J_regressor", (None, count), path)
    if len(joints) != JOINTS:
        raise InputError(
            f"{path} has {len(joints)} joints, SMPL has {JOINTS}; read SMPL-H and SMPL-X files with --body smplx:FILE"
        )
    shape = _array(content, "shapedirs", (count, 3, None), path)[..., :_BETAS]
    tree = _array(content, "kintree_table", (2, JOINTS), path).astype(np.int64)
    if not np.array_equal(tree[0, 1:], SMPL_PARENTS[1:]):
        raise InputError(f"{path}: kintree_table is not SMPL's tree of {len(SMPL24)} joints")
    regressors = {"smpl24": joints}
    if "cocoplus_regressor" in content:
        regressors["cocoplus19"] = _array(content, "cocoplus_regressor", (19, count), path)
    mirror = np.asarray(content["vert_sym_idxs"]).astype(int) if "vert_sym_idxs" in content else _find_mirror(template)
    return BodyArrays(
        name=name,
        license=_LICENSE,
        provenance=path.name,
        template=template,
        shape_directions=shape,
        weights=_array(content, "weights", (count, JOINTS), path),
        faces=_array(content, "f", (None, 3), path).astype(int),
        joint_template=joints @ template,
        joint_directions=np.einsum("jv,vab->jab", joints, shape),
        pose_directions=_array(content, "posedirs", (count, 3, 9 * (JOINTS - 1)), path),
        mirror=mirror,
        regressors=regressors,
    )


def write_smpl(path: Path, body: BodyArrays) -> None:
    """Write SMPL's arrays as a plain archive that :func:`read_smpl` and smplx read."""
    from hr_common.files import atomic_path

    parents = np.array([2**32 - 1, *SMPL_PARENTS[1:]], np.uint32)
    arrays: dict[str, Any] = {
        "v_template": body.template, "shapedirs": body.shape_directions, "posedirs": body.pose_directions,
        "J_regressor": body.regressors["smpl24"], "weights": body.weights, "f": body.faces.astype(np.uint32),
        "kintree_table": np.stack([parents, np.arange(JOINTS, dtype=np.uint32)]),
    }  # fmt: skip
    if arrays["posedirs"] is None:
        arrays["posedirs"] = np.zeros((*body.template.shape, 9 * (JOINTS - 1)), np.float32)
    if "cocoplus19" in body.regressors:
        arrays["cocoplus_regressor"] = body.regressors["cocoplus19"]
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **arrays)


@reader
def read_densepose_charts(path: Path, faces: np.ndarray) -> Charts:
    """Read ``UV_Processed.mat`` of DensePose for a SMPL mesh.

    Its faces number a list of vertices that is doubled along the seams, from 1; two triangles, one at each big toe, are
    missing there and get the chart and coordinates of a neighbour.

    Raises:
        InputError: The file is no MATLAB file, is of MATLAB's version 7.3, lacks an array, or belongs to another mesh.
    """
    content = _read_matlab(path)
    names = ("All_vertices", "All_Faces", "All_FaceIndices", "All_U_norm", "All_V_norm")
    if missing_arrays := [name for name in names if name not in content]:
        raise InputError(f"{path} is not DensePose's UV_Processed.mat: it holds no {', '.join(missing_arrays)}")
    vertices, own, index, u, v = (_array(content, name, (None, None), path) for name in names)
    doubled, own, index = vertices.ravel().astype(int) - 1, own.astype(int) - 1, index.ravel().astype(int)
    uv = np.stack([u.ravel(), v.ravel()], 1) if u.size == v.size else np.zeros((0, 2))
    if len(uv) != len(doubled) or len(index) != len(own) or own.min() < 0 or own.max() >= len(doubled):
        raise InputError(f"{path} is not DensePose's UV_Processed.mat: its arrays do not fit each other")
    if doubled.max() > faces.max():
        raise InputError(f"{path} belongs to a mesh of {doubled.max() + 1} vertices; this body has {faces.max() + 1}")
    place = {tuple(sorted(face)): row for row, face in enumerate(doubled[own].tolist())}
    charts, corners = np.zeros(len(faces), int), np.zeros((len(faces), 3, 2))
    missing = []
    for number, face in enumerate(faces.tolist()):
        row = place.get(tuple(sorted(face)))
        if row is None:
            missing.append(number)
            continue
        order = [doubled[own[row]].tolist().index(vertex) for vertex in face]
        charts[number], corners[number] = index[row], uv[own[row]][order]
    if len(missing) > len(faces) // 100:
        raise InputError(f"{path} lacks {len(missing)} of the body's {len(faces)} faces; it belongs to another mesh")
    for number in missing:
        shared = np.isin(faces, faces[number]).sum(1)
        shared[missing] = 0
        neighbour = int(shared.argmax())
        known = {vertex: corners[neighbour, k] for k, vertex in enumerate(faces[neighbour].tolist())}
        middle = corners[neighbour].mean(0)
        charts[number] = charts[neighbour]
        corners[number] = [known.get(vertex, middle) for vertex in faces[number].tolist()]
    return Charts("densepose", charts, corners.clip(0, 1))


def _read_matlab(path: Path) -> dict[str, Any]:
    """Read a MATLAB file of up to version 7.2."""
    from scipy.io import loadmat

    if not path.is_file():
        raise InputError(f"there is no file {path}")
    try:
        return dict(loadmat(path))
    except NotImplementedError:
        # SciPy's word for MATLAB 7.3, which is HDF5. DensePose's own file is of version 5.
        raise InputError(f"{path} was saved as MATLAB 7.3; save it again with -v7") from None
    except Exception as error:  # SciPy and zlib raise many kinds for damaged bytes
        raise InputError(f"{path} is not DensePose's UV_Processed.mat, or damaged: {error}") from error


def _array(content: dict[str, Any], name: str, shape: tuple[int | None, ...], path: Path) -> np.ndarray:
    if name not in content:
        raise InputError(f"{path} holds no {name!r} (found: {', '.join(sorted(content)[:12])}); is it a SMPL file?")
    try:
        array = np.asarray(content[name]).astype(np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{path}: {name} is no array of numbers") from None
    if array.ndim != len(shape) or any(want not in (None, have) for want, have in zip(shape, array.shape, strict=True)):
        wanted = "×".join("…" if each is None else str(each) for each in shape)
        raise InputError(f"{path}: {name} has the shape {array.shape}, expected {wanted}")
    return array


def _find_mirror(template: np.ndarray) -> np.ndarray | None:
    """Pair each vertex with the one nearest to its mirror image, if that is a pairing."""
    from scipy.spatial import cKDTree

    if not np.isfinite(template).all():
        return None
    distance, partner = cKDTree(template).query(template * np.array([-1.0, 1.0, 1.0]))
    paired = np.array_equal(partner[partner], np.arange(len(template)))
    return partner if paired and distance.max() < _SYMMETRIC else None
