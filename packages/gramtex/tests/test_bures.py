import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gramtex.bures import bures_between, interpolate, transport
from gramtex.descriptors import GramSet
from hr_common.errors import InputError


def positive(channels: int, seed: int) -> torch.Tensor:
    drawn = torch.randn(channels, channels, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return drawn @ drawn.T + 0.1 * torch.eye(channels)


def test_half_way_between_diagonal_matrices_standard_deviations_are_averaged() -> None:
    start, end = torch.diag(torch.tensor([1.0, 4.0])), torch.diag(torch.tensor([9.0, 16.0]))
    # Standard deviations 1, 2 and 3, 4: half way 2 and 3.
    half = bures_between(start.double(), end.double(), 0.5, ridge=0.0)
    torch.testing.assert_close(half, torch.diag(torch.tensor([4.0, 9.0], dtype=torch.float64)))


@given(st.integers(1, 6), st.integers(0, 200))
def test_transport_carries_one_matrix_to_the_other(channels: int, seed: int) -> None:
    start, end = positive(channels, seed), positive(channels, seed + 1)
    way = transport(start, end, ridge=0.0)
    torch.testing.assert_close(way @ start @ way, end, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(way, way.T, rtol=1e-6, atol=1e-6)


@given(st.integers(0, 200), st.floats(0, 1))
def test_every_point_of_the_way_is_positive(seed: int, t: float) -> None:
    between = bures_between(positive(4, seed), positive(4, seed + 1), t)
    assert float(torch.linalg.eigvalsh(between).min()) > -1e-9


def test_matrices_of_low_rank_have_a_way_too() -> None:
    flat = torch.diag(torch.tensor([1.0, 0.0, 0.0]))
    between = bures_between(flat, torch.diag(torch.tensor([1.0, 0.0, 1.0])), 0.5)
    assert bool(torch.isfinite(between).all())


@pytest.mark.parametrize("space", ["gram", "bures"])
def test_both_ends_are_the_sets_themselves(space: str) -> None:
    ends = [GramSet("x", ("a",), "h", (positive(3, seed).float(),)) for seed in (0, 1)]
    for t, end in zip((0.0, 1.0), ends, strict=True):
        assert torch.equal(interpolate(*ends, t, space)["a"], end["a"])  # type: ignore[arg-type]


def test_sets_of_different_encoders_have_nothing_between_them() -> None:
    ends = [GramSet(name, ("a",), "h", (torch.eye(2),)) for name in ("x", "y")]
    with pytest.raises(InputError, match="encoder x against y"):
        interpolate(*ends, 0.5)
