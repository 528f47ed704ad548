import torch
from hypothesis import given
from hypothesis import strategies as st

from gramtex.coordinates import Standardisation, signed_sqrt, signed_square


def test_signed_roots_worked_by_hand() -> None:
    values = torch.tensor([4.0, -9.0, 0.0])
    assert signed_sqrt(values).tolist() == [2.0, -3.0, 0.0]
    assert signed_square(torch.tensor([2.0, -3.0, 0.0])).tolist() == [4.0, -9.0, 0.0]


@given(st.integers(0, 2**32 - 1))
def test_squares_undo_roots(seed: int) -> None:
    values = torch.randn(5, 5, generator=torch.Generator().manual_seed(seed)) * 100
    torch.testing.assert_close(signed_square(signed_sqrt(values)), values)


def test_standardising_is_undone() -> None:
    standard = Standardisation(3)
    standard.mean.copy_(torch.arange(9.0).reshape(3, 3))
    standard.scale.fill_(4.0)
    values = torch.randn(2, 3, 3)
    torch.testing.assert_close(standard.inverse(standard(values)), values)
    assert not list(standard.parameters())
