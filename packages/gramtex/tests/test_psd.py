import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from gramtex.psd import clip_eigenvalues


def test_a_negative_eigenvalue_is_clipped_and_counted() -> None:
    # [[1, 2], [2, 1]] has eigenvalues 3 and -1: ν = 1/3, and 3·[½ ½; ½ ½] is left.
    clipped, nu = clip_eigenvalues(torch.tensor([[1.0, 2.0], [2.0, 1.0]]))
    torch.testing.assert_close(clipped, torch.full((2, 2), 1.5))
    assert math.isclose(float(nu), 1 / 3, rel_tol=1e-6)


@given(st.integers(0, 2**32 - 1))
def test_gram_matrices_stay_and_what_is_clipped_is_valid_and_stays_too(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    factor = torch.randn(4, 6, generator=draw)
    gram = factor @ factor.mT
    kept, nu = clip_eigenvalues(gram)
    torch.testing.assert_close(kept, gram)
    assert float(nu) < 1e-6
    symmetric = torch.randn(3, 5, 5, generator=draw)
    once, share = clip_eigenvalues(symmetric + symmetric.mT)
    assert torch.linalg.eigvalsh(once).min() > -1e-4
    assert bool((share >= 0).all())
    torch.testing.assert_close(clip_eigenvalues(once)[0], once, atol=1e-4, rtol=1e-4)


def test_the_zero_matrix_and_a_negative_one_have_a_nu() -> None:
    assert float(clip_eigenvalues(torch.zeros(3, 3))[1]) == 0
    assert math.isinf(float(clip_eigenvalues(-torch.eye(3))[1]))
