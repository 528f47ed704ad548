import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hybridmesh.body import BodyModel, load_body
from hybridmesh.body.derivatives import Derivatives

STEP = 1e-6


@pytest.fixture(params=["free-lo", "smpl"])
def body(request: pytest.FixtureRequest) -> BodyModel:
    name = "free-lo" if request.param == "free-lo" else str(request.getfixturevalue("smpl_file"))
    loaded = load_body(name)
    assert isinstance(loaded, BodyModel)
    return loaded.double()


def test_every_derivative_is_the_slope_of_the_skinned_body(body: BodyModel) -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, body.num_vertices, 40)
    pose = Rotation.from_rotvec(rng.normal(size=(24, 3)) * 0.4).as_matrix()
    betas = rng.normal(size=10)

    def skin(turns: np.ndarray, shape: np.ndarray) -> np.ndarray:
        moved = pose @ Rotation.from_rotvec(turns).as_matrix()
        moved[0] = Rotation.from_rotvec(turns[0]).as_matrix() @ pose[0]
        out = body(torch.from_numpy(shape)[None], torch.from_numpy(moved)[None], vertex_ids=torch.from_numpy(ids)[None])
        return np.asarray(out.vertices[0].numpy())

    vertices, slopes = Derivatives(body, ids)(pose, betas, np.arange(82))
    assert slopes.shape == (82, 40, 3)
    # The shipped body is stored in single precision; both sides read the same numbers.
    np.testing.assert_allclose(vertices, skin(np.zeros((24, 3)), betas), atol=1e-12)
    for number in range(82):
        move = np.zeros(82)
        move[number] = STEP
        turns = move[:72].reshape(24, 3)
        slope = (skin(turns, betas + move[72:]) - skin(-turns, betas - move[72:])) / (2 * STEP)
        np.testing.assert_allclose(slopes[number], slope, atol=1e-8, err_msg=f"number {number}")


def test_asking_for_a_few_numbers_gives_the_same_as_asking_for_all(body: BodyModel) -> None:
    rng = np.random.default_rng(1)
    derivatives = Derivatives(body, rng.integers(0, body.num_vertices, 40))
    pose, betas = Rotation.from_rotvec(rng.normal(size=(24, 3)) * 0.4).as_matrix(), rng.normal(size=10)
    some = np.array([1, 4, 5, 50, 71, 72, 80])
    np.testing.assert_array_equal(derivatives(pose, betas, some)[1], derivatives(pose, betas, np.arange(82))[1][some])
    assert derivatives(pose, betas, np.zeros(0, int))[1].shape == (0, 40, 3)
