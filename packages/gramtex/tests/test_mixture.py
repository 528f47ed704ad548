import math

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture

from gramtex.mixture import Mixture, fit_mixture, from_scikit
from hr_common.errors import InputError


def three_clouds(seed: int, count: int = 300) -> torch.Tensor:
    draw = np.random.default_rng(seed)
    centres = np.array([[6.0, 0.0, 0.0], [-6.0, 0.0, 0.0], [0.0, 6.0, 0.0]])
    return torch.from_numpy(centres[np.arange(count) % 3] + draw.standard_normal((count, 3))).float()


@pytest.mark.parametrize("kind", ["full", "diag"])
def test_the_log_likelihood_is_that_of_scikit_learn(kind: str) -> None:
    codes = three_clouds(0)
    fitted = GaussianMixture(3, covariance_type=kind, random_state=0).fit(codes.double().numpy())
    mixture = from_scikit(fitted, codes, scores={})
    assert mixture.log_likelihood(codes) == pytest.approx(fitted.score(codes.double().numpy()), abs=1e-3)
    assert mixture.responsible(codes).tolist() == fitted.predict(codes.double().numpy()).tolist()


def test_the_number_of_components_is_that_of_the_clouds_by_held_out_likelihood() -> None:
    mixture = fit_mixture(three_clouds(0), three_clouds(1, 90), components=(1, 3, 20))
    assert len(mixture) == 3
    assert set(mixture.scores) == {f"{count} {kind}" for count in (1, 3, 20) for kind in ("full", "diag")}
    assert max(mixture.scores, key=lambda name: mixture.scores[name]).startswith("3 ")


def test_samples_have_the_moments_of_the_mixture() -> None:
    mixture = fit_mixture(three_clouds(0), three_clouds(1, 90), components=(3,), truncation=1.0)
    drawn, _ = mixture.sample(4000, generator=np.random.default_rng(0), truncated=False)
    mean = (mixture.weights[:, None] * mixture.means).sum(0)
    torch.testing.assert_close(drawn.mean(0), mean, atol=0.3, rtol=0)
    assert mixture.log_likelihood(drawn) == pytest.approx(mixture.log_likelihood(three_clouds(2)), abs=0.2)


def test_temperature_scales_the_spread_and_a_component_can_be_chosen() -> None:
    mixture = fit_mixture(three_clouds(0), three_clouds(1, 90), components=(3,))
    cold, chosen = mixture.sample(500, generator=np.random.default_rng(0), temperature=0.5, component=1)
    assert chosen.tolist() == [1] * 500
    torch.testing.assert_close(cold.mean(0), mixture.means[1], atol=0.15, rtol=0)
    torch.testing.assert_close(cold.var(0).sum(), mixture.covariances[1].trace() / 4, atol=0.15, rtol=0)
    with pytest.raises(InputError, match="components 0 to 2"):
        mixture.sample(1, generator=np.random.default_rng(0), component=3)


def test_truncated_draws_lie_no_farther_out_than_the_codes() -> None:
    codes = three_clouds(0)
    mixture = fit_mixture(codes, three_clouds(1, 90), components=(3,), truncation=0.9)
    drawn, chosen = mixture.sample(300, generator=np.random.default_rng(0), temperature=3.0)
    own = mixture.mahalanobis(drawn).gather(1, chosen[:, None])[:, 0]
    assert bool((own <= mixture.limits[chosen] * 1.001).all())
    assert float(own.max()) > 0.5 * float(mixture.limits.min())


def test_the_same_seed_draws_the_same_codes() -> None:
    mixture = fit_mixture(three_clouds(0), three_clouds(1, 90), components=(3,))
    first, second = (mixture.sample(9, generator=np.random.default_rng(4))[0] for _ in range(2))
    assert torch.equal(first, second)


def test_a_density_worked_by_hand() -> None:
    one = Mixture(torch.ones(1), torch.zeros(1, 2), torch.eye(2)[None], torch.full((1,), math.inf), "full", {})
    # log N(0; 0, I) = -log 2π, and at (1, 1) one less.
    expected = [-math.log(2 * math.pi), -math.log(2 * math.pi) - 1]
    assert one.log_probabilities(torch.tensor([[0.0, 0.0], [1.0, 1.0]]))[:, 0].tolist() == pytest.approx(expected)


def test_too_few_codes_are_refused() -> None:
    with pytest.raises(InputError, match="more codes than 2"):
        fit_mixture(torch.zeros(2, 3), torch.zeros(1, 3))
