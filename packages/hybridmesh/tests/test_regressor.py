from pathlib import Path

import numpy as np
import pytest
import torch

from hr_common import weights
from hr_common.errors import InputError
from hybridmesh import iuv
from hybridmesh.body import BodyModel
from hybridmesh.camera import Box
from hybridmesh.config import LEARNING_PRESETS
from hybridmesh.data.batches import PeopleDataset
from hybridmesh.data.people import PeopleSet
from hybridmesh.networks.hybrid_network import HybridNetwork
from hybridmesh.recovery import Recoverer
from hybridmesh.regressor import SHIPPED, Regressor, make_card, where_possible

TINY = LEARNING_PRESETS["tiny"].network


@pytest.fixture(scope="module")
def regressor(lo: BodyModel) -> Regressor:
    network = HybridNetwork(TINY)
    return Regressor(network, make_card(network, lo, note="untrained"))


def test_a_saved_regressor_says_the_same_and_knows_what_it_is(regressor: Regressor, tmp_path: Path) -> None:
    batch = {"iuv": torch.rand(3, 3, 32, 32)}
    expected = regressor.predict(batch)
    regressor.save(tmp_path / "model.safetensors")
    found = Regressor.load(tmp_path)
    assert (found.inputs, found.size, found.card["note"]) == ("iuv", 32, "untrained")
    assert torch.equal(found.predict(batch).pose, expected.pose)
    regressor.save(tmp_path / "half.safetensors", half=True)
    torch.testing.assert_close(
        Regressor.load(tmp_path / "half.safetensors").predict(batch).pose, expected.pose, atol=5e-3, rtol=0
    )
    half, whole = ((tmp_path / name).stat().st_size for name in ("half.safetensors", "model.safetensors"))
    assert half < 0.6 * whole


def test_foreign_and_damaged_weights_are_refused(tmp_path: Path) -> None:
    weights.save(tmp_path / "other.safetensors", {"a": torch.zeros(1)}, {"package": "other", "format": 1})
    with pytest.raises(InputError, match="holds no regressor"):
        Regressor.load(tmp_path / "other.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"12345678901")
    with pytest.raises(InputError, match="no whole safetensors file"):
        Regressor.load(tmp_path / "broken.safetensors")


def test_a_body_whose_shape_means_something_else_is_refused(
    regressor: Regressor, lo: BodyModel, free: BodyModel
) -> None:
    regressor.require_body(lo)
    with pytest.raises(InputError, match="trained with body free-lo"):
        regressor.require_body(free)


def test_a_person_of_a_photo_is_seen_as_in_training(  # type: ignore[no-untyped-def]
    regressor: Regressor, lo: BodyModel, scene, tmp_path: Path
) -> None:
    photo, _, dense, _, _ = scene
    box = Box(200.0, 240.0, 480.0)
    state = regressor(photo, box, dense)
    iuv.write(tmp_path / "map.png", dense)
    columns = {"center": np.array([[200.0, 240.0]]), "scale": np.array([2.4]), "iuv": np.array(["map.png"])}
    dataset = PeopleDataset(PeopleSet(columns=columns, root=tmp_path), lo, size=32, inputs="iuv")
    found = regressor.predict(dataset.batch([0]))
    np.testing.assert_allclose(state.pose, found.pose[0].numpy(), atol=1e-6)


def test_without_a_map_a_regressor_of_maps_refuses_or_passes(regressor: Regressor, scene) -> None:  # type: ignore[no-untyped-def]
    box = Box(200.0, 240.0, 480.0)
    with pytest.raises(InputError, match="give an IUV map of each person with --iuv"):
        regressor(scene[0], box, None)
    assert where_possible(regressor)(scene[0], box, None) is None


def test_the_weights_that_ship_fit_both_free_bodies_and_are_small(lo: BodyModel, free: BodyModel) -> None:
    for kind, path in SHIPPED.items():
        assert path.stat().st_size < 6_000_000
        shipped = Regressor.load(path)
        assert shipped.inputs == kind
        shipped.require_body(lo)
        shipped.require_body(free)
        assert "mocap.cs.cmu.edu" in shipped.card["credit"]
        assert "rendered" in shipped.card["limits"]
        assert shipped.card["commands"]


def test_the_weights_that_ship_recover_a_rendered_person(lo: BodyModel, scene) -> None:  # type: ignore[no-untyped-def]
    from hybridmesh.config import load_recovery
    from hybridmesh.fitting import BodyState, pelvis_relative
    from hybridmesh.networks.parameters import mean_body
    from hybridmesh.recovery import pose_body

    photo, seen, dense, truth, _ = scene
    recoverer = Recoverer(lo, load_recovery("tiny"), Regressor.load(SHIPPED["iuv"]))
    person = recoverer.recover(photo, [seen], maps=[dense], fit=False).people[0]
    assert person.fit is None
    assert person.mask_iou is not None
    assert person.mask_iou > 0.5
    mean = mean_body(1, 10)
    guess = BodyState(mean.pose[0].double().numpy(), mean.betas[0].double().numpy(), truth.camera)
    errors = [
        np.linalg.norm(pelvis_relative(*pose_body(lo, state)) - pelvis_relative(*pose_body(lo, truth)), axis=1).mean()
        for state in (person.state, guess)
    ]
    assert errors[0] < errors[1]
