import numpy as np
import pytest
import torch

from hybridmesh.body import BodyModel
from hybridmesh.correspondence import Correspondence
from hybridmesh.data.mirroring import IUVMirror
from hybridmesh.data.people import PeopleSet
from hybridmesh.rasteriser import rasterise
from hybridmesh.rendering import iuv_map
from hybridmesh.rotations import axis_angle_to_matrix, mirror_pose


@pytest.fixture(scope="module")
def mirror(lo: BodyModel) -> IUVMirror:
    assert lo.mirror is not None
    return IUVMirror(Correspondence(lo.require_charts(), lo.faces), lo.mirror[0])


def test_a_mirrored_map_is_the_map_of_the_mirrored_body(wild: PeopleSet, lo: BodyModel, mirror: IUVMirror) -> None:
    pose = axis_angle_to_matrix(torch.from_numpy(wild["pose"]).reshape(-1, 24, 3))
    size, betas = 128, torch.from_numpy(wild["shape"])
    maps = []
    for side in (pose, mirror_pose(pose)):
        vertices = lo(betas, side).vertices.double().numpy()
        screens = vertices * np.array([50.0, 50.0, 50.0]) + np.array([size / 2, size / 2, 0])
        rasters = [rasterise(screen, lo.faces, size, size) for screen in screens]
        maps.append(np.stack([iuv_map(raster, lo.require_charts()).as_picture() for raster in rasters]))
    flipped = mirror(maps[0])
    person = (flipped[..., 0] > 0) | (maps[1][..., 0] > 0)
    same = flipped[..., 0] == maps[1][..., 0]
    assert same[person].mean() > 0.99
    away = np.abs(flipped[..., 1:].astype(int) - maps[1][..., 1:])[person & same].max(1)
    assert (away <= 2).mean() > 0.99


def test_mirroring_twice_changes_nothing_but_the_rounding(wild: PeopleSet, mirror: IUVMirror) -> None:
    picture = wild["iuv_crops"]
    twice = mirror(mirror(picture))
    np.testing.assert_array_equal(twice[..., 0], picture[..., 0])
    limbs = picture[..., 0] > 2
    np.testing.assert_array_equal(twice[limbs], picture[limbs])
    away = np.abs(twice.astype(int) - picture).max(-1)[picture[..., 0] > 0]
    assert np.quantile(away, 0.99) <= 2
