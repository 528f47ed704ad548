from pathlib import Path

import numpy as np
import pytest
import torch

from hybridmesh.body import BodyArrays, BodyModel, load_body
from hybridmesh.body.smpl_files import write_smpl
from hybridmesh.correspondence import Correspondence
from hybridmesh.demo import synthetic_person

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def free() -> BodyModel:
    body = load_body("free")
    assert isinstance(body, BodyModel)
    return body


@pytest.fixture(scope="session")
def lo() -> BodyModel:
    body = load_body("free-lo")
    assert isinstance(body, BodyModel)
    return body


@pytest.fixture(scope="session")
def phi(free: BodyModel) -> Correspondence:
    return Correspondence(free.require_charts(), free.faces)


def smpl_like(vertices: int = 300, seed: int = 0) -> BodyArrays:
    """A body in SMPL's form with pose directions, of random numbers."""
    rng = np.random.default_rng(seed)
    weights = rng.random((vertices, 24)) * (rng.random((vertices, 24)) < 0.15) + 1e-3
    regressor = rng.random((24, vertices)) * (rng.random((24, vertices)) < 0.1) + 1e-3
    template = rng.normal(size=(vertices, 3)) * 0.4
    shape = rng.normal(size=(vertices, 3, 10)) * 0.02
    regressor /= regressor.sum(1, keepdims=True)
    return BodyArrays(
        name="synthetic",
        license="none",
        template=template,
        shape_directions=shape,
        pose_directions=rng.normal(size=(vertices, 3, 207)) * 0.005,
        weights=weights / weights.sum(1, keepdims=True),
        faces=rng.integers(0, vertices, (2 * vertices, 3)),
        joint_template=regressor @ template,
        joint_directions=np.einsum("jv,vab->jab", regressor, shape),
        regressors={"smpl24": regressor},
    )


@pytest.fixture(scope="session")
def smpl_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("smpl") / "SMPL_NEUTRAL.npz"
    write_smpl(path, smpl_like(6890))  # smplx picks vertices by their number in SMPL
    return path


@pytest.fixture(scope="session")
def scene(lo: BodyModel):  # type: ignore[no-untyped-def]
    """Picture, keypoints, dense map, truth of a rendered person."""
    return synthetic_person(lo, np.random.default_rng(0))
