import numpy as np
import pytest

from graphfit.calibration import Calibration
from graphfit.metrics import expected_calibration_error


def drawn(scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are too sure by a factor."""
    generator = np.random.default_rng(0)
    true = generator.normal(0, 2, 4000)
    labels = (generator.random(4000) < 1 / (1 + np.exp(-true))).astype(np.int64)
    return scale * true, labels


def test_the_slope_undoes_overconfidence() -> None:
    logits, labels = drawn(3.0)
    calibration = Calibration.fit(logits, labels)
    assert calibration.slope == pytest.approx(1 / 3, rel=0.1)
    assert calibration.intercept == pytest.approx(0, abs=0.1)
    assert expected_calibration_error(calibration.probability(logits), labels) < 0.02
    assert expected_calibration_error(Calibration().probability(logits), labels) > 0.1


def test_calibration_keeps_the_order_even_of_useless_logits() -> None:
    logits = np.array([0.0, 1.0, 2.0, 3.0])
    assert Calibration.fit(logits, np.array([1, 1, 0, 0])).slope > 0


def test_separable_data_have_a_finite_slope() -> None:
    calibration = Calibration.fit(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0, 0, 1, 1]))
    assert np.isfinite(calibration.slope)
    assert 0.5 < calibration.probability(np.array(2.0)) < 1


def test_percentiles_count_held_out_outfits() -> None:
    logits = np.concatenate([np.arange(100.0), np.arange(100.0) - 50])
    calibration = Calibration.fit(logits, np.repeat([1, 0], 100))
    assert calibration.percentile(49.5, "real") == pytest.approx(50, abs=1)
    assert calibration.percentile(49.5, "corrupted") == 100
    assert np.isnan(Calibration().percentile(0.0, "real"))


def test_it_comes_back_from_a_card() -> None:
    calibration = Calibration.fit(*drawn(2.0))
    assert Calibration.from_dict(calibration.as_dict()) == calibration
