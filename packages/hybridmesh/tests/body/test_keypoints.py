import pytest
import torch

from hybridmesh.body import BodyModel
from hybridmesh.body import model as body_model
from hybridmesh.body.keypoints import FoldedKeypoints
from hybridmesh.rotations import axis_angle_to_matrix

from ..conftest import smpl_like


def random_bodies(body: BodyModel, count: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    betas = torch.randn(count, body.num_betas, generator=generator, dtype=body.template.dtype)
    pose = torch.randn(count, 24, 3, generator=generator, dtype=body.template.dtype)
    return betas, axis_angle_to_matrix(pose)


@pytest.mark.parametrize("name", ["keypoints25", "smpl24"])
def test_folded_keypoints_are_those_of_all_vertices(name: str, lo: BodyModel) -> None:
    # The second body has directions of pose too.
    for body in (lo, BodyModel(smpl_like())):
        betas, pose = random_bodies(body)
        out = body(betas, pose)
        folded = FoldedKeypoints(body, name)(betas, pose, out.transforms)
        torch.testing.assert_close(folded, body.keypoints(out.vertices, name), atol=2e-5, rtol=1e-4)


def test_the_compiled_chain_equals_that_in_torch_and_has_its_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    body = BodyModel(smpl_like(40)).double()
    _, pose = random_bodies(body, 2)
    rest = torch.randn(2, 24, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    pose.requires_grad_(), rest.requires_grad_()
    results = []
    for has_numba in (True, False):
        monkeypatch.setattr(body_model, "HAS_NUMBA", has_numba)
        out = body._chain(pose, rest)
        results.append((out, *torch.autograd.grad(out.sin().sum(), (pose, rest))))
    for compiled, plain in zip(*results, strict=True):
        torch.testing.assert_close(compiled, plain, atol=1e-12, rtol=0)
