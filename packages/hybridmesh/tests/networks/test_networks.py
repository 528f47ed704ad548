from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from hr_common.errors import InputError
from hybridmesh.config import INPUTS, Input, NetworkConfig
from hybridmesh.networks.encoders import ConvEncoder, ResNet
from hybridmesh.networks.hybrid_network import HybridNetwork
from hybridmesh.networks.parameters import mean_body, mean_parameters, pose_numbers, split_parameters
from hybridmesh.networks.regressors import DirectRegressor, IterativeRegressor
from hybridmesh.priors import mean_pose
from hybridmesh.rotations import axis_angle_to_matrix, interleaved_to_sixd, matrix_to_sixd

SMALL = NetworkConfig(
    size=32, encoder="conv", auxiliary="conv", width=8, auxiliary_width=8, cells=2, feature=16, hidden=12
)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def small(**changes: object) -> NetworkConfig:
    return NetworkConfig(**{**SMALL.__dict__, **changes})  # type: ignore[arg-type]


def crops(size: int = 32, batch: int = 2) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {kind: torch.rand(batch, 3, size, size, generator=generator) for kind in ("image", "iuv", "segment")}


def test_residual_networks_have_as_many_numbers_as_torchvision_s_without_their_classifiers() -> None:
    # 11,689,512 and 25,557,032 with them, which are 512 · 1000 + 1000 and 2048 · 1000 + 1000.
    assert count(ResNet(3, depth=18)) == 11_689_512 - 513_000
    assert count(ResNet(3, depth=50)) == 25_557_032 - 2_049_000


def test_the_small_encoder_has_the_numbers_counted_by_hand() -> None:
    convolutions = 9 * (3 * 8 + 8 * 16 + 16 * 32 + 32 * 64)
    norms = 2 * (8 + 16 + 32 + 64)
    assert count(ConvEncoder(3, width=8)) == convolutions + norms


@pytest.mark.parametrize(("size", "cells", "numbers"), [(32, 2, 256), (48, 2, 256), (48, 3, 576), (40, 1, 64)])
def test_the_small_encoder_averages_over_cells_at_any_size(size: int, cells: int, numbers: int) -> None:
    encoder = ConvEncoder(3, width=8, cells=cells)
    assert encoder(torch.rand(2, 3, size, size)).shape == (2, numbers)
    assert encoder.size == numbers


def test_a_residual_network_takes_any_size() -> None:
    encoder = ResNet(3, depth=18).eval()
    assert encoder(torch.rand(1, 3, 40, 56)).shape == (1, 512)


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("pose", ["axis_angle", "rot6d"])
def test_every_input_gives_bodies_near_the_mean_before_training(kind: Input, pose: str) -> None:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        found = HybridNetwork(small(input=kind, pose=pose))(crops())
    assert found.pose.shape == (2, 24, 3, 3)
    assert found.betas.shape == (2, 10)
    torch.testing.assert_close(found.pose @ found.pose.mT, torch.eye(3).expand(2, 24, 3, 3), atol=1e-5, rtol=0)
    mean = mean_body(2, 10)
    torch.testing.assert_close(found.pose, mean.pose, atol=0.1, rtol=0)
    torch.testing.assert_close(found.camera, mean.camera, atol=0.1, rtol=0)


@pytest.mark.parametrize("kind", ["image+iuv", "image+segment"])
def test_each_of_two_branches_looks_at_its_own_input_only(kind: Input) -> None:
    network = HybridNetwork(small(input=kind))
    for branch, own in zip(network.branches, kind.split("+"), strict=True):
        batch = {name: value.requires_grad_() for name, value in crops().items()}
        branch(batch).sum().backward()
        assert [name for name, value in batch.items() if value.grad is not None] == [own]
    assert network.regressor.layers[1].in_features == 2 * SMALL.feature
    first, second = (dict(branch.named_parameters()) for branch in network.branches)
    assert all(first[name] is not second[name] for name in first)


def test_the_paper_s_numbers_come_out_as_85() -> None:
    assert len(mean_parameters("axis_angle", 10)) == 85
    network = HybridNetwork(small(pose="axis_angle"))
    assert network.regressor(torch.zeros(1, 16)).shape == (1, 85)


def test_camera_comes_first_then_six_numbers_a_joint_column_by_column_then_shape() -> None:
    row = torch.zeros(1, 3 + 144 + 10)
    row[0, :3] = torch.tensor([0.7, 0.1, -0.2])
    # Joint 5: a quarter turn about z. Its columns are (0, 1, 0) and (-1, 0, 0).
    sixd = torch.tensor([1.0, 0, 0, 0, 1, 0]).repeat(24, 1)
    sixd[5] = torch.tensor([0.0, 1, 0, -1, 0, 0])
    row[0, 3:147] = sixd.flatten()
    row[0, 147:] = torch.arange(10.0)
    found = split_parameters(row, "rot6d")
    torch.testing.assert_close(found.camera, row[:, :3])
    torch.testing.assert_close(found.betas[0], torch.arange(10.0))
    torch.testing.assert_close(found.pose[0, 5], torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))
    torch.testing.assert_close(found.pose[0, 6], torch.eye(3))
    # SPIN has the same numbers row by row.
    torch.testing.assert_close(interleaved_to_sixd(torch.tensor([0.0, -1, 1, 0, 0, 0])), sixd[5])


@given(st.integers(0, 2**16))
def test_rows_of_either_form_say_the_same_pose(seed: int) -> None:
    angles = torch.from_numpy(np.random.default_rng(seed).normal(size=(24, 3))).float()
    matrices = axis_angle_to_matrix(angles)
    rest = torch.zeros(13)
    rows = {
        "axis_angle": torch.cat([rest[:3], angles.flatten(), rest[3:]]),
        "rot6d": torch.cat([rest[:3], matrix_to_sixd(matrices).flatten(), rest[3:]]),
    }
    for form, row in rows.items():
        assert len(row) == 13 + pose_numbers(form)  # type: ignore[arg-type]
        torch.testing.assert_close(split_parameters(row[None], form).pose[0], matrices, atol=1e-5, rtol=0)  # type: ignore[arg-type]


def test_the_mean_body_faces_the_viewer_with_lowered_arms() -> None:
    mean = mean_body(1, 10)
    torch.testing.assert_close(mean.pose[0, 0], torch.diag(torch.tensor([1.0, -1, -1])), atol=1e-6, rtol=0)
    expected = axis_angle_to_matrix(torch.from_numpy(mean_pose()).float())
    torch.testing.assert_close(mean.pose[0, 1:], expected[1:])


def test_the_iterative_regressor_corrects_three_times_and_the_direct_one_once() -> None:
    mean = torch.tensor([1.0, 2.0])
    for kind, rounds in ((DirectRegressor, 1), (IterativeRegressor, 3)):
        regressor = kind(4, 8, mean).eval()
        last = regressor.layers[-1]
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, 0.5)
        torch.testing.assert_close(regressor(torch.rand(3, 4)), (mean + 0.5 * rounds).expand(3, 2))


def test_weights_of_a_backbone_are_taken_over_and_wrong_ones_refused(tmp_path: Path) -> None:
    source = ResNet(3, depth=18).state_dict()
    save_file({**source, "fc.weight": torch.zeros(2, 2)}, tmp_path / "resnet18.safetensors")
    config = small(encoder="resnet18", backbone_weights=tmp_path / "resnet18.safetensors")
    encoder = HybridNetwork(config).branches[0].encoder
    torch.testing.assert_close(encoder.state_dict()["layer4.1.conv2.weight"], source["layer4.1.conv2.weight"])
    torch.save({"conv1.weight": source["conv1.weight"]}, tmp_path / "half.pt")
    with pytest.raises(InputError, match=r"missing: bn1\.weight"):
        HybridNetwork(small(encoder="resnet18", backbone_weights=tmp_path / "half.pt"))
    (tmp_path / "none.pt").write_bytes(b"nothing")
    with pytest.raises(InputError, match="holds no weights that can be read safely: it is damaged, or holds more"):
        HybridNetwork(small(encoder="resnet18", backbone_weights=tmp_path / "none.pt"))
