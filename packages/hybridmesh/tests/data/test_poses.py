import numpy as np
from scipy.spatial.transform import Rotation

from hybridmesh.data.poses import PoseSource, joint_limits
from hybridmesh.joints import SMPL24
from hybridmesh.priors import mean_pose


def test_limits_of_the_two_sides_mirror_each_other() -> None:
    limits = joint_limits()
    left, right = limits[SMPL24.index("left_elbow")], limits[SMPL24.index("right_elbow")]
    np.testing.assert_allclose(right[0], left[0])
    np.testing.assert_allclose(right[1:], -left[1:, ::-1])
    assert (limits[..., 0] <= limits[..., 1]).all()


def test_random_poses_stay_inside_the_limits() -> None:
    source, limits = PoseSource([], jittered=0.0, jitter=0.1), joint_limits()
    rng = np.random.default_rng(0)
    for _ in range(20):
        angles = Rotation.from_matrix(source.draw(rng)).as_rotvec()
        assert (angles >= limits[..., 0] - 1e-9).all()
        assert (angles <= limits[..., 1] + 1e-9).all()
    assert (angles[SMPL24.index("left_knee"), 0]) > 0  # never bent forwards


def test_without_variance_everybody_stands_in_the_mean_pose() -> None:
    pose = PoseSource([], jittered=1.0, jitter=0.0).draw(np.random.default_rng(1), variance=0.0)
    np.testing.assert_allclose(Rotation.from_matrix(pose).as_rotvec(), mean_pose(), atol=1e-9)
