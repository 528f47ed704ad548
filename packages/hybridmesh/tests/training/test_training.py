import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from hr_common import weights
from hr_common.errors import InputError
from hybridmesh.body import BodyModel
from hybridmesh.camera import mirror_camera
from hybridmesh.config import LEARNING_PRESETS, SUPERVISIONS, LearningConfig, Supervision, load_learning, load_synth
from hybridmesh.data.people import PeopleSet
from hybridmesh.data.synthetic import synthesize
from hybridmesh.networks.parameters import Parameters, mean_body
from hybridmesh.rotations import axis_angle_to_matrix
from hybridmesh.training.batches import KeptBatches, ReadBatches
from hybridmesh.training.loop import Training
from hybridmesh.training.objective import Objective, count_annotated, total_loss
from hybridmesh.training.start import build_network, train
from hybridmesh.training.supervision import Flags, dense_weight, epoch_order

SCRIPT = Path(__file__).with_name("two_processes.py")
TINY = LEARNING_PRESETS["tiny"]


@pytest.fixture(scope="module")
def sets(lo: BodyModel) -> list[PeopleSet]:
    config = load_synth("tiny")
    return [
        synthesize(lo, [], config, count=count, domain=domain, seed=0)  # type: ignore[arg-type]
        for domain, count in (("studio", 12), ("wild", 20))
    ]


@pytest.fixture(scope="module")
def folder(sets: list[PeopleSet], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("people")
    for people, name in zip(sets, ("studio", "wild"), strict=True):
        people.save(out / name)
    return out


def with_supervision(supervision: Supervision) -> LearningConfig:
    return replace(TINY, training=replace(TINY.training, supervision=supervision))


def tensors(run: Path) -> dict[str, Tensor]:
    return weights.load(run / "model.safetensors")[0]


@pytest.mark.parametrize("supervision", SUPERVISIONS)
def test_every_setting_keeps_the_studio_s_3d_and_uses_of_the_wild_what_its_name_says(
    supervision: Supervision, sets: list[PeopleSet]
) -> None:
    people = PeopleSet.concatenate(sets)
    flags = Flags.draw(people, with_supervision(supervision).training, seed=0)
    assert flags.studio.sum() == 12
    assert flags.smpl[:12].all()
    assert flags.keypoints.all()
    assert not flags.dense[:12].any()
    share = {"full": 20, "part3d": 4, "3d_sparse": 20, "dense_sparse": 0, "sparse": 0}[supervision]
    assert flags.smpl[12:].sum() == share
    assert flags.dense[12:].any() == (supervision in ("full", "part3d", "dense_sparse"))
    # Dense points weigh 10 without 3D in the wild and 1 beside it.
    assert dense_weight(with_supervision(supervision).training) == (10 if share == 0 else 1)


def test_whose_3d_is_used_follows_from_the_seed(sets: list[PeopleSet]) -> None:
    people, config = PeopleSet.concatenate(sets), with_supervision("part3d").training
    first, again, other = (Flags.draw(people, config, seed=seed).smpl for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_what_every_setting_has_is_the_studio_s_3d_and_keypoints(sets: list[PeopleSet]) -> None:
    people = PeopleSet.concatenate(sets)
    all_of_it, least = (Flags.draw(people, with_supervision(each).training, seed=0) for each in ("full", "sparse"))
    for name in ("smpl", "dense", "keypoints", "studio"):
        np.testing.assert_array_equal(getattr(all_of_it.common, name), getattr(least, name))
        np.testing.assert_array_equal(getattr(least.common, name), getattr(least, name))


def test_settings_without_the_people_they_need_are_refused(sets: list[PeopleSet]) -> None:
    with pytest.raises(InputError, match="nobody has 10 dense points"):
        Flags.draw(sets[0], with_supervision("full").training, seed=0)
    with pytest.raises(InputError, match="people of a studio"):
        Flags.draw(sets[1], with_supervision("sparse").training, seed=0)


def test_an_epoch_has_everybody_of_the_wild_and_as_many_of_the_studio() -> None:
    studio = np.arange(50) < 40
    order = epoch_order(studio, np.random.default_rng(0))
    assert sorted(order[order >= 40]) == list(range(40, 50))
    assert len(np.unique(order)) == len(order) == 20
    assert len(epoch_order(np.arange(50) < 3, np.random.default_rng(0))) == 50  # capped by what is there


def test_kept_batches_are_those_that_are_read(lo: BodyModel, sets: list[PeopleSet]) -> None:
    rows = [np.array([3, 1, 9])]
    for flip in (0.0, 1.0):
        config = replace(
            TINY,
            augment=replace(TINY.augment, flip=flip),
            training=replace(TINY.training, dense_points=60),  # all that there are
        )
        (kept,) = KeptBatches(sets[1], lo, config, flip=flip, seed=0).epoch(0, rows)
        (read,) = ReadBatches(sets[1], lo, config, seed=0).epoch(0, rows)
        assert kept.keys() == read.keys()
        for name in kept:
            torch.testing.assert_close(kept[name], read[name], atol=1e-3, rtol=0, check_dtype=False)


@pytest.fixture(scope="module")
def batch(lo: BodyModel, sets: list[PeopleSet]) -> dict[str, Tensor]:
    (found,) = KeptBatches(sets[1], lo, TINY, flip=0.0, seed=0).epoch(0, [np.arange(6)])
    return found


def all_flags(count: int, value: float = 1.0) -> dict[str, Tensor]:
    return {name: torch.full((count,), value) for name in ("smpl", "dense", "keypoints")}


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_truth_has_no_loss(lo: BodyModel, sets: list[PeopleSet], mirrored: bool) -> None:
    rows = np.arange(6)
    (batch,) = KeptBatches(sets[1], lo, TINY, flip=float(mirrored), seed=0).epoch(0, [rows])
    camera = torch.from_numpy(sets[1]["camera"][rows])
    found = Parameters(batch["pose"], batch["betas"], mirror_camera(camera) if mirrored else camera)
    losses = Objective(lo, replace(TINY.training, shape_weight=1.0))(found, batch, all_flags(6))
    assert losses.keys() == {"keypoints", "smpl", "dense", "shape", "joints3d"}
    for name in ("smpl", "shape", "joints3d", "keypoints"):
        assert losses[name].max() < 2e-4, name
    # The points are where rays through pixel centres meet the surface.
    assert losses["dense"].max() < 1e-3


def test_people_without_an_annotation_pull_at_nothing(lo: BodyModel, batch: dict[str, Tensor]) -> None:
    mean = mean_body(6, 10)
    leaves = [value.clone().requires_grad_() for value in (mean.pose, mean.betas, mean.camera)]
    flags = all_flags(6)
    for each in flags.values():
        each[2:] = 0
    losses = Objective(lo, TINY.training)(Parameters(*leaves), batch, flags)
    total_loss(losses, count_annotated(flags, shared=False)).backward()  # type: ignore[no-untyped-call]
    for leaf in leaves:
        assert leaf.grad is not None
        assert leaf.grad[:2].abs().amax() > 0
        assert (leaf.grad[2:] == 0).all()


def test_a_loss_is_averaged_over_those_who_have_the_annotation() -> None:
    flags = {"smpl": torch.tensor([1.0, 1, 0, 0]), "keypoints": torch.ones(4), "dense": torch.zeros(4)}
    losses = {"smpl": torch.tensor([3.0, 5, 0, 0]), "keypoints": torch.tensor([1.0, 1, 1, 5]), "dense": torch.zeros(4)}
    total = total_loss(losses, count_annotated(flags, shared=False))
    torch.testing.assert_close(total, torch.tensor(4.0 + 2.0 + 0.0))


def run(folder: Path, out: Path, how: str, *overrides: str, processes: int = 0) -> subprocess.Popen[bytes]:
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes else []
    return subprocess.Popen([sys.executable, *launch, str(SCRIPT), str(folder), str(out), how, *overrides])


def test_a_training_that_was_interrupted_ends_as_one_that_was_not(folder: Path, lo: BodyModel, tmp_path: Path) -> None:
    sets = [PeopleSet.load(folder / name) for name in ("studio", "wild")]
    settings = ("network.input=image+iuv", "network.regressor=iterative3", "training.checkpoint_every=1")
    config = load_learning("tiny", overrides=settings)
    whole = train(sets, lo, tmp_path / "whole", config, device="cpu")
    process = run(folder, tmp_path / "cut", "slow", *settings)
    last = tmp_path / "cut" / "last.pt"
    deadline = time.monotonic() + 60
    while not last.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    with pytest.raises(InputError, match="add --resume to go on"):
        train(sets, lo, tmp_path / "cut", config, device="cpu")
    with pytest.raises(InputError, match=r"seed 0 there, 1 here"):
        train(sets, lo, tmp_path / "cut", config, device="cpu", seed=1, resume=True)
    train(sets, lo, tmp_path / "cut", config, device="cpu", resume=True)
    expected = tensors(tmp_path / "whole")
    for name, value in tensors(tmp_path / "cut").items():
        assert torch.equal(value, expected[name]), name
    logs = [
        [json.loads(line) for line in (tmp_path / each / "metrics.jsonl").read_text().splitlines()]
        for each in ("whole", "cut")
    ]
    for first, second in zip(*logs, strict=True):
        assert {name: first[name] for name in whole.losses} == {name: second[name] for name in whole.losses}
    assert {"smpl_studio", "smpl_wild", "dense_wild", "keypoints_studio"} <= whole.losses.keys()
    assert "dense_studio" not in whole.losses


def test_two_processes_learn_what_one_does(folder: Path, sets: list[PeopleSet], lo: BodyModel, tmp_path: Path) -> None:
    settings = ("training.supervision=part3d",)
    process = run(folder, tmp_path / "two", "fresh", *settings, processes=2)
    train(sets, lo, tmp_path / "one", load_learning("tiny", overrides=settings), device="cpu")
    assert process.wait(120) == 0
    expected = tensors(tmp_path / "one")
    for name, value in tensors(tmp_path / "two").items():
        torch.testing.assert_close(value, expected[name], atol=1e-5, rtol=0)


def test_a_checkpoint_that_is_none_is_refused(sets: list[PeopleSet], lo: BodyModel, tmp_path: Path) -> None:
    (tmp_path / "last.pt").write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match="cannot be read as a checkpoint"):
        train(sets, lo, tmp_path, TINY, device="cpu", resume=True)


def test_a_network_learns_a_handful_of_people(lo: BodyModel, sets: list[PeopleSet]) -> None:
    people = sets[1].take(np.arange(8))
    people = PeopleSet(columns={**people.columns, "source": np.full(8, "studio")}, manifest=people.manifest)
    config = replace(
        TINY,
        training=replace(TINY.training, supervision="sparse", epochs=150, learning_rate=5e-3, shape_weight=2.0),
        augment=replace(TINY.augment, flip=0.0),
    )
    batches = KeptBatches(people, lo, config, flip=0.0, seed=0)
    training = Training(
        build_network(config, 10, 0), lo, batches, Flags.draw(people, config.training, seed=0), config, seed=0,
        device=torch.device("cpu"),
    )  # fmt: skip
    for _ in training.run():
        pass
    (batch,) = batches.epoch(0, [np.arange(8)])
    with torch.no_grad():
        found = training.network.eval()(batch)
    target = axis_angle_to_matrix(torch.from_numpy(people["pose"]).reshape(-1, 24, 3))
    error = (found.pose - target).abs().mean()
    assert error < 0.7 * (mean_body(8, 10).pose - target).abs().mean()
    assert (found.betas - batch["betas"]).abs().mean() < 0.7 * batch["betas"].abs().mean()
