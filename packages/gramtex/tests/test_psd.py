import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from gramtex.psd import clip_eigenvalues, negative_share


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
    torch.testing.assert_close(negative_share(symmetric + symmetric.mT), share)
    torch.testing.assert_close(clip_eigenvalues(once)[0], once, atol=1e-4, rtol=1e-4)


def test_the_zero_matrix_and_a_negative_one_have_a_nu() -> None:
    assert float(clip_eigenvalues(torch.zeros(3, 3))[1]) == 0
    assert math.isinf(float(clip_eigenvalues(-torch.eye(3))[1]))


def test_with_the_trace_kept_what_was_added_on_either_side_is_taken_away() -> None:
    # Eigenvalues 4, 1, -1 with trace 4: 0.5 less of the first two gives 3.5 + 0.5 = 4.
    kept, nu = clip_eigenvalues(torch.diag(torch.tensor([4.0, 1.0, -1.0])), keep_trace=True)
    torch.testing.assert_close(kept, torch.diag(torch.tensor([3.5, 0.5, 0.0])))
    assert math.isclose(float(nu), 1 / 5, rel_tol=1e-6)


@given(st.integers(0, 2**32 - 1))
def test_the_projection_keeps_the_trace_and_is_the_nearest(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    symmetric = torch.randn(5, 5, generator=draw) + 2 * torch.eye(5)
    symmetric = symmetric + symmetric.mT
    kept, _ = clip_eigenvalues(symmetric, keep_trace=True)
    if symmetric.trace() > 0.1:
        torch.testing.assert_close(kept.trace(), symmetric.trace(), atol=1e-4, rtol=1e-4)
        # Any other valid matrix of this trace is farther away.
        factor = torch.randn(5, 5, generator=draw)
        other = factor @ factor.mT
        other = other * symmetric.trace() / other.trace()
        assert (kept - symmetric).norm() <= (other - symmetric).norm() + 1e-4
    torch.testing.assert_close(clip_eigenvalues(kept, keep_trace=True)[0], kept, atol=1e-4, rtol=1e-4)


def test_noise_on_a_gram_matrix_of_low_rank_is_taken_away_rather_than_halved() -> None:
    factor = torch.randn(40, 4)
    noise = torch.randn(40, 40) * 0.2
    true = factor @ factor.mT
    disturbed = true + noise + noise.mT
    energy = {
        keep: float(torch.linalg.eigvalsh(clip_eigenvalues(disturbed, keep_trace=keep)[0])[:-4].sum())
        for keep in (False, True)
    }
    assert energy[True] < 0.5 * energy[False]
