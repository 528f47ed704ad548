import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gramtex.networks.gram_transform import FcDecoder, FcEncoder, GramDecoder, GramEncoder


def symmetric(count: int, channels: int) -> torch.Tensor:
    values = torch.randn(count, channels, channels)
    return values + values.mT


def test_the_vector_of_a_gram_matrix_is_that_of_projected_features() -> None:
    encoder = GramEncoder(6, 3, 4)
    features = torch.randn(1, 6, 50)
    projected = torch.einsum("cr,bcm->brm", encoder.basis, features)  # a 1x1 convolution
    torch.testing.assert_close(
        encoder.project(features @ features.mT), GramEncoder.project(_identity(3), projected @ projected.mT)
    )


def _identity(rank: int) -> GramEncoder:
    encoder = GramEncoder(rank, rank, 1)
    encoder.basis.data.copy_(torch.eye(rank))
    return encoder


@given(st.integers(0, 2**32 - 1))
def test_channel_order_moves_into_the_basis(seed: int) -> None:
    torch.manual_seed(seed)
    encoder, decoder, values = GramEncoder(5, 2, 3), GramDecoder(5, 2, 3), symmetric(2, 5)
    order = torch.randperm(5)
    before = encoder(values)
    made = decoder(before)
    encoder.basis.data, decoder.basis.data = encoder.basis.data[order], decoder.basis.data[order]
    torch.testing.assert_close(encoder(values[:, order][:, :, order]), before)
    torch.testing.assert_close(decoder(before), made[:, order][:, :, order])


@pytest.mark.parametrize("decoder", [GramDecoder(6, 3, 4), FcDecoder(6, 4)])
def test_decoded_matrices_are_symmetric(decoder: GramDecoder | FcDecoder) -> None:
    made = decoder(torch.randn(3, 4))
    assert torch.equal(made, made.mT) or torch.allclose(made, made.mT, atol=1e-6)


def test_a_full_basis_loses_nothing() -> None:
    encoder, decoder, values = GramEncoder(4, 4, 10), GramDecoder(4, 4, 10), symmetric(2, 4)
    decoder.basis.data = encoder.basis.data
    for layer in (encoder.linear, decoder.linear):
        torch.nn.init.eye_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    torch.testing.assert_close(decoder(encoder(values)), values, atol=1e-5, rtol=1e-4)


def test_fully_connected_layers_see_every_entry() -> None:
    encoder = FcEncoder(3, 2)
    values = symmetric(1, 3).requires_grad_()
    encoder(values).sum().backward()
    assert values.grad is not None
    assert bool((values.grad != 0).all())
