from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler

from hr_common import image
from hr_common.errors import InputError
from hybridmesh.body import BodyModel, WrongBodyError
from hybridmesh.config import AugmentConfig
from hybridmesh.data.batches import PeopleDataset, encode_image, encode_map, surface_points
from hybridmesh.data.people import PeopleSet
from hybridmesh.joints import KEYPOINTS, SMPL24, flip_permutation
from hybridmesh.rotations import mirror_pose

from ..conftest import smpl_like

STRONG = AugmentConfig(rotation=30.0, scale=0.25, gain=0.4)


def reprojection(batch: dict[str, torch.Tensor], body: BodyModel) -> tuple[float, float]:
    """How far keypoints and dense points are from those of the labelled body, under the camera that fits best."""
    vertices = body(batch["betas"], batch["pose"]).vertices.double()
    points = body.keypoints(vertices.float(), "keypoints25").double().numpy()
    worst = [0.0, 0.0]
    for row in range(len(vertices)):
        target = batch["keypoints"][row, :, :2].double().numpy()
        table = np.zeros((2 * len(KEYPOINTS), 3))
        table[0::2, 0], table[1::2, 0], table[0::2, 1], table[1::2, 2] = points[row, :, 0], points[row, :, 1], 1, 1
        scale, *shift = np.linalg.lstsq(table, target.ravel(), rcond=None)[0]
        worst[0] = max(worst[0], np.abs(points[row, :, :2] * scale + shift - target).max())
        corners = vertices[row][batch["dense_vertex"][row]] * batch["dense_bary"][row][..., None]
        seen = corners.sum(1)[:, :2].numpy() * scale + shift
        valid = batch["dense_valid"][row].numpy()
        worst[1] = max(worst[1], np.abs(seen - batch["dense_xy"][row].numpy())[valid].max(initial=0))
    return worst[0], worst[1]


def test_augmented_labels_all_belong_to_one_body(wild: PeopleSet, lo: BodyModel) -> None:
    data = PeopleDataset(wild, lo, size=48, inputs="iuv", augment=STRONG, dense_points=40)
    plain = PeopleDataset(wild, lo, size=48, inputs="iuv", dense_points=40)
    batch = data.batch(range(8))
    keypoints, dense = reprojection(batch, lo)
    assert keypoints < 1e-5
    assert dense < 1e-5
    assert not torch.allclose(batch["keypoints"], plain.batch(range(8))["keypoints"], atol=0.05)
    joints = lo(batch["betas"], batch["pose"]).joints
    torch.testing.assert_close(batch["joints3d"], joints - joints[:, :1], atol=1e-5, rtol=0)


def test_the_map_moves_with_the_labels(wild: PeopleSet, lo: BodyModel) -> None:
    batch = PeopleDataset(wild, lo, size=96, inputs="segment", augment=STRONG).batch(range(8))
    charts = lo.require_charts()
    chart_of = {tuple(sorted(face)): int(index) for face, index in zip(lo.faces.tolist(), charts.index, strict=True)}
    index = torch.round((batch["segment"][:, 0] + 1) * 12)
    right = total = 0
    for row in range(8):
        for point in torch.nonzero(batch["dense_valid"][row])[:, 0].tolist():
            x, y = ((batch["dense_xy"][row, point] + 1) * 48).int().tolist()
            if 0 <= x < 96 and 0 <= y < 96:
                total += 1
                right += int(index[row, y, x]) == chart_of[tuple(sorted(batch["dense_vertex"][row, point].tolist()))]
    assert total > 200
    assert right / total > 0.97


def test_a_flip_mirrors_everything_and_two_are_none(wild: PeopleSet, lo: BodyModel) -> None:
    plain = PeopleDataset(wild, lo, size=48, inputs="image+iuv").batch(range(8))
    flipped = PeopleDataset(wild, lo, size=48, inputs="image+iuv", augment=AugmentConfig(flip=1.0)).batch(range(8))
    torch.testing.assert_close(flipped["image"], plain["image"].flip(3))
    torch.testing.assert_close(flipped["pose"], mirror_pose(plain["pose"]))
    sides = torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(flipped["keypoints"], plain["keypoints"][:, flip_permutation(KEYPOINTS)] * sides)
    torch.testing.assert_close(flipped["dense_xy"], plain["dense_xy"] * sides[:2])
    joints = plain["joints3d"][:, flip_permutation(SMPL24)] * sides
    torch.testing.assert_close(flipped["joints3d"], joints, atol=1e-6, rtol=0)
    torch.testing.assert_close(mirror_pose(flipped["pose"]), plain["pose"])
    assert lo.mirror is not None
    mirror = torch.from_numpy(lo.mirror[0])
    assert torch.equal(
        mirror[flipped["dense_vertex"]][flipped["dense_valid"]], plain["dense_vertex"][plain["dense_valid"]]
    )
    keypoints, dense = reprojection(flipped, lo)
    assert keypoints < 1e-5
    assert dense < 1e-5


def test_gain_changes_colours_only(wild: PeopleSet, lo: BodyModel) -> None:
    plain = PeopleDataset(wild, lo, size=48, inputs="image+iuv").batch([0])
    data = PeopleDataset(wild, lo, size=48, inputs="image+iuv", augment=AugmentConfig(flip=0.0, gain=0.4))
    batch = data.batch([0])
    assert torch.equal(batch["iuv"], plain["iuv"])
    assert not torch.equal(batch["image"], plain["image"])
    dark = plain["image"] < 0  # far from white, where a factor is not cut off
    factor = (batch["image"] + 1) / (plain["image"] + 1).clamp(min=0.2)
    for channel in range(3):
        known = factor[0, channel][dark[0, channel] & (plain["image"][0, channel] > -0.7)]
        assert known.std() < 0.02
        assert 0.6 <= known.mean() <= 1.4


def test_samples_depend_on_seed_epoch_and_row_only(wild: PeopleSet, lo: BodyModel) -> None:
    data = PeopleDataset(wild, lo, size=48, inputs="image", augment=STRONG, dense_points=20, seed=3)
    data.set_epoch(2)
    batch, single = data.batch([5, 1, 7]), data[7]
    assert set(batch) == set(single)
    for name, value in single.items():
        assert torch.equal(batch[name][2], value), name
    again = PeopleDataset(wild, lo, size=48, inputs="image", augment=STRONG, dense_points=20, seed=3)
    assert not torch.equal(again[7]["image"], single["image"])
    again.set_epoch(2)
    assert torch.equal(again[7]["image"], single["image"])
    assert torch.equal(again[7]["dense_xy"], single["dense_xy"])


def test_dense_points_are_padded_drawn_and_dropped(wild: PeopleSet, lo: BodyModel) -> None:
    counts = wild.dense_counts
    batch = PeopleDataset(wild, lo, size=48, inputs="iuv").batch(range(8))
    assert batch["dense_valid"].shape == (8, 400)
    np.testing.assert_array_equal(batch["dense_valid"].sum(1), counts)
    assert not batch["dense_xy"][~batch["dense_valid"]].any()
    few = PeopleDataset(wild, lo, size=48, inputs="iuv", dense_points=20).batch([0])
    every = {tuple(point) for point in batch["dense_xy"][0][batch["dense_valid"][0]].tolist()}
    drawn = [tuple(point) for point in few["dense_xy"][0].tolist()]
    assert few["dense_valid"].all()
    assert len(set(drawn)) == 20
    assert set(drawn) <= every
    columns = dict(wild.take(np.array([0])).columns)
    columns["dp_ptr"] = np.array([0, 9])
    columns |= {name: columns[name][:9] for name in ("dp_xy", "dp_face", "dp_bary")}
    nine = PeopleDataset(PeopleSet(columns=columns), lo, size=48, inputs="iuv").batch([0])
    assert not nine["dense_valid"].any()
    assert nine["has_dense"].tolist() == [0.0]


def test_networks_see_what_the_paper_describes() -> None:
    maps = np.zeros((1, 2, 2, 3), np.uint8)
    maps[0, 0, 1] = (24, 255, 51)
    channels = encode_map(maps, "iuv")
    assert (channels[0, :, 0, 0] == -1).all()
    torch.testing.assert_close(channels[0, :, 0, 1], torch.tensor([1.0, 1.0, -0.6]))
    segment = encode_map(maps, "segment")
    assert (segment[0, :, 0, 1] == 1).all()
    assert (segment[0, :, 1, 1] == -1).all()
    torch.testing.assert_close(encode_image(np.full((1, 1, 1, 3), 255, np.uint8)).flatten(), torch.ones(3))


def test_pictures_from_files_are_those_that_were_packed(wild: PeopleSet, lo: BodyModel, tmp_path: Path) -> None:
    for row in range(2):
        image.write(tmp_path / f"{row}.png", wild["crops"][row])
        image.write(tmp_path / f"{row}_iuv.png", wild["iuv_crops"][row])
    columns = {name: each for name, each in wild.take(np.arange(2)).columns.items() if "crops" not in name}
    columns |= {"imgname": np.array(["0.png", "1.png"]), "iuv": np.array(["0_iuv.png", ""])}
    files = PeopleDataset(PeopleSet(columns=columns, root=tmp_path), lo, size=48, inputs="image+iuv").batch([0, 1])
    packed = PeopleDataset(wild, lo, size=48, inputs="image+iuv").batch([0, 1])
    torch.testing.assert_close(files["image"], packed["image"])
    torch.testing.assert_close(files["iuv"][0], packed["iuv"][0])
    assert (files["iuv"][1] == -1).all()  # nothing is known of the second person


def test_a_loader_gives_the_same_batches(wild: PeopleSet, studio: PeopleSet, lo: BodyModel) -> None:
    people = PeopleSet.concatenate([wild, studio])
    data = PeopleDataset(people, lo, size=48, inputs="segment", augment=AugmentConfig())
    sampler = BatchSampler(SequentialSampler(data), 6, drop_last=False)
    batches = list(DataLoader(data, batch_sampler=sampler, collate_fn=data.collate))
    assert torch.cat([each["index"] for each in batches]).tolist() == list(range(16))
    assert torch.equal(batches[1]["segment"], data.batch(range(6, 12))["segment"])
    assert torch.cat([each["studio"] for each in batches]).tolist() == [0.0] * 8 + [1.0] * 8
    assert torch.cat([each["has_dense"] for each in batches]).tolist() == [1.0] * 8 + [0.0] * 8


def test_dense_points_may_be_given_as_coordinates_of_charts(wild: PeopleSet, lo: BodyModel) -> None:
    charts = lo.require_charts()
    uv = np.einsum("pk,pkc->pc", wild["dp_bary"], charts.corners[wild["dp_face"]])
    columns = {name: each for name, each in wild.columns.items() if name not in ("dp_face", "dp_bary")}
    columns["dp_IUV"] = np.column_stack([charts.index[wild["dp_face"]], uv]).astype(np.float32)
    vertex, weights = surface_points(PeopleSet(columns=columns, manifest=wild.manifest), lo)
    corners, known = surface_points(wild, lo)
    place = np.einsum("pk,pkc->pc", weights, lo.arrays.template[vertex])
    truth = np.einsum("pk,pkc->pc", known, lo.arrays.template[corners])
    # A few faces at the rim of a chart have no extent in it.
    assert (np.linalg.norm(place - truth, axis=1) < 1e-4).mean() > 0.99
    with pytest.raises(WrongBodyError, match="charts of 'densepose'"):
        surface_points(PeopleSet(columns=columns, manifest={"charts": "densepose"}), lo)


def test_what_does_not_fit_is_refused(wild: PeopleSet, lo: BodyModel, free: BodyModel) -> None:
    with pytest.raises(WrongBodyError, match="body 'free-lo', not of 'free'"):
        PeopleDataset(wild, free, size=48)
    bare = {name: each for name, each in wild.columns.items() if name not in ("iuv_crops", "crops")}
    with pytest.raises(InputError, match="no IUV maps"):
        PeopleDataset(PeopleSet(columns=bare), lo, size=48, inputs="iuv")
    with pytest.raises(InputError, match="no pictures"):
        PeopleDataset(PeopleSet(columns=bare), lo, size=48)
    flat = {name: wild[name] for name in ("center", "scale", "crops")}
    with pytest.raises(InputError, match="not symmetric; train without flips"):
        PeopleDataset(PeopleSet(columns=flat), BodyModel(smpl_like(50)), size=48, augment=AugmentConfig())
    beyond = replace(wild, columns=wild.columns | {"dp_face": wild["dp_face"] + 10_000})
    with pytest.raises(WrongBodyError, match="dp_face goes up to"):
        PeopleDataset(beyond, lo, size=48)
