from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gramtex.descriptors import GramSet, gram_matrix, unvech, vech
from hr_common.errors import InputError


def symmetric(channels: int, seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    drawn = torch.randn(channels, channels, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return drawn + drawn.T


def gram_set(scale: float = 1.0, *, name: str = "vgg16-hed", digest: str = "abc") -> GramSet:
    return GramSet(name, ("fine", "coarse"), digest, (scale * torch.eye(2), scale * symmetric(3, 0)))


def test_the_case_of_the_paper_worked_by_hand() -> None:
    # F = [[1, 2, 3], [0, 1, 0]]: 1 + 4 + 9 = 14, 2 · 1 = 2, 1 · 1 = 1, each over 3 positions.
    features = torch.tensor([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]], dtype=torch.float64).view(1, 2, 1, 3)
    gram = gram_matrix(features)[0]
    torch.testing.assert_close(gram, torch.tensor([[14 / 3, 2 / 3], [2 / 3, 1 / 3]], dtype=torch.float64))
    torch.testing.assert_close(vech(gram), torch.tensor([14 / 3, 2 / 3, 1 / 3], dtype=torch.float64))


@given(st.integers(1, 6), st.integers(1, 30), st.integers(0, 1000))
def test_a_gram_matrix_ignores_where_things_are(channels: int, positions: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(1, channels, 1, positions, generator=generator)
    shuffled = features[..., torch.randperm(positions, generator=generator)]
    torch.testing.assert_close(gram_matrix(shuffled), gram_matrix(features))


def test_a_gram_matrix_does_not_depend_on_the_size_of_the_picture() -> None:
    features = torch.randn(1, 5, 6, 7)
    torch.testing.assert_close(gram_matrix(features.repeat(1, 1, 3, 2)), gram_matrix(features))


def test_many_positions_are_added_up_in_double_precision() -> None:
    features = 100 + torch.randn(1, 2, 1, 300_000)
    exact = (features.double().flatten(2) @ features.double().flatten(2).mT / 300_000).float()
    torch.testing.assert_close(gram_matrix(features), exact, rtol=1e-6, atol=0)


def test_the_gradient_of_a_gram_matrix_is_right() -> None:
    features = torch.randn(2, 3, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gram_matrix, (features,))


@given(st.integers(1, 40), st.integers(0, 1000))
def test_the_plain_vector_gives_the_matrix_back_to_the_bit(channels: int, seed: int) -> None:
    matrix = symmetric(channels, seed)
    assert torch.equal(unvech(vech(matrix)), matrix)


@given(st.integers(1, 40), st.integers(0, 1000))
def test_the_isometric_vector_keeps_distances(channels: int, seed: int) -> None:
    one, other = symmetric(channels, seed, torch.float64), symmetric(channels, seed + 1, torch.float64)
    apart = vech(one, isometric=True) - vech(other, isometric=True)
    torch.testing.assert_close(apart.norm(), (one - other).norm())
    torch.testing.assert_close(unvech(vech(one, isometric=True), isometric=True), one, rtol=5e-16, atol=0)


@pytest.mark.parametrize(("channels", "length"), [(64, 2_080), (128, 8_256), (256, 32_896), (512, 131_328)])
def test_vectors_have_one_number_for_each_pair_of_channels(channels: int, length: int) -> None:
    assert vech(torch.zeros(channels, channels)).shape == (length,)


def test_leading_dimensions_pass_through_vectors() -> None:
    batch = torch.stack([symmetric(4, seed) for seed in range(6)]).view(2, 3, 4, 4)
    assert torch.equal(unvech(vech(batch)), batch)


def test_a_vector_that_is_no_triangle_is_refused() -> None:
    with pytest.raises(ValueError, match="5 entries are no upper triangle"):
        unvech(torch.zeros(5))


def test_a_set_comes_back_from_its_file(tmp_path: Path) -> None:
    gram_set(0.5).save(tmp_path / "a.npz")
    back = GramSet.load(tmp_path / "a.npz")
    assert (back.encoder, back.levels, back.weights_hash) == ("vgg16-hed", ("fine", "coarse"), "abc")
    for own, other in zip(back.matrices, gram_set(0.5).matrices, strict=True):
        assert torch.equal(own, other)
    assert torch.equal(back["fine"], 0.5 * torch.eye(2))


def test_errors_are_relative_to_the_target() -> None:
    # ‖2A − A‖² / ‖A‖² = 1 for both levels.
    assert gram_set(2.0).relative_error(gram_set()) == pytest.approx(1.0)
    assert gram_set(2.0).distance(gram_set()) == pytest.approx(gram_set().distance(gram_set(2.0)))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (gram_set(name="enlite0"), "encoder vgg16-hed against enlite0"),
        (gram_set(digest="def"), "weights_hash abc against def"),
        (GramSet("vgg16-hed", ("fine",), "abc", (torch.eye(2),)), "levels fine, coarse against fine"),
    ],
)
def test_sets_of_different_encoders_are_not_compared(other: GramSet, message: str) -> None:
    with pytest.raises(InputError, match=message):
        gram_set().relative_error(other)


def test_a_set_with_nan_is_refused() -> None:
    with pytest.raises(InputError, match="the Gram matrix of fine holds NaN"):
        GramSet("x", ("fine",), "abc", (torch.full((2, 2), torch.nan),))


def test_files_that_are_no_sets_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(InputError, match=r"is no whole archive of plain arrays .*Python objects, which are not read"):
        GramSet.load(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(InputError, match="holds no encoder, levels, weights_hash"):
        GramSet.load(tmp_path / "other.npz")


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", encoder=np.array([object()], dtype=object))
    with pytest.raises(InputError, match=r"is no whole archive of plain arrays .*Python objects, which are not read"):
        GramSet.load(tmp_path / "bad.npz")
