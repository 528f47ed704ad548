import pytest
import torch

from gramtex.blocks import blockwise_grams, gram_energy
from gramtex.encoders import Encoder, load_encoder
from gramtex.encoders.encoder import Padding

CASES = [("vgg16-hed", (128, 160)), ("enlite0", (144, 160)), ("random-wide", (96, 80))]


@pytest.mark.parametrize("padding", ["reflect", "circular"])
@pytest.mark.parametrize(("name", "size"), CASES)
def test_blocks_give_the_energy_and_the_gradient_of_the_whole(
    name: str, size: tuple[int, int], padding: Padding
) -> None:
    encoder = load_encoder(name)
    targets = encoder.gram_set(torch.rand(3, 64, 64)).matrices
    found = []
    for block in (None, 48):
        image = torch.rand(3, *size, generator=torch.Generator().manual_seed(3)).requires_grad_()
        energy = gram_energy(encoder, image, targets, padding=padding, block=block)
        energy.backward()
        assert image.grad is not None
        found.append((energy.detach(), image.grad))
    (whole, gradient), (pieces, pieced) = found
    torch.testing.assert_close(pieces, whole, rtol=1e-5, atol=0)
    assert float((pieced - gradient).norm() / gradient.norm()) < 1e-4


@pytest.mark.parametrize("size", [(97, 131), (65, 200)])
def test_sides_that_are_no_multiples_are_cut_up_rightly(vgg: Encoder, size: tuple[int, int]) -> None:
    image = torch.rand(3, *size)
    pieces = blockwise_grams(vgg, image, padding="reflect", block=40)
    for piece, whole in zip(pieces, vgg.gram_set(image).matrices, strict=True):
        torch.testing.assert_close(piece, whole, rtol=1e-4, atol=1e-3)


def test_the_energy_is_the_mean_of_relative_errors(quick_encoder: Encoder) -> None:
    image = torch.rand(3, 32, 32)
    targets = [2 * matrix for matrix in quick_encoder.gram_set(image).matrices]
    # ‖G − 2G‖² / ‖2G‖² = 1/4 in each level.
    energy = gram_energy(quick_encoder, image, targets, padding="reflect")
    assert float(energy) == pytest.approx(0.25, rel=1e-5)
    weighted = gram_energy(quick_encoder, image, targets, padding="reflect", weights=[2.0, 0.0])
    assert float(weighted) == pytest.approx(0.25, rel=1e-5)
