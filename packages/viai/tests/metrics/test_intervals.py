import numpy as np
import pytest

from viai.metrics.intervals import mean_interval


def test_the_interval_of_two_sources_by_hand() -> None:
    # Two sources are drawn twice: both the first, both the second, or one each, with 1/4, 1/4 and 1/2.
    interval = mean_interval(np.array([0.0, 0.0, 1.0, 1.0]), ["a", "a", "b", "b"])
    assert (interval.mean, interval.low, interval.high) == (0.5, 0.0, 1.0)


def test_the_interval_holds_the_true_mean_nineteen_times_of_twenty() -> None:
    rng = np.random.default_rng(6)
    covered = 0
    for trial in range(400):
        interval = mean_interval(rng.normal(3.0, 2.0, 40), draws=400, seed=trial)
        covered += interval.low <= 3.0 <= interval.high
    # 95 % less the known optimism of the bootstrap at 40 items (1 %), within three standard errors (1.1 % each).
    assert 0.90 <= covered / 400 <= 0.98


def test_alike_windows_of_a_source_do_not_narrow_the_interval() -> None:
    values = np.random.default_rng(7).standard_normal(12)
    single = mean_interval(values)
    repeated, groups = np.repeat(values, 10), [f"source {index // 10:02d}" for index in range(120)]
    grouped, alone = mean_interval(repeated, groups), mean_interval(repeated)
    assert grouped.high - grouped.low == pytest.approx(single.high - single.low)
    assert alone.high - alone.low < 0.5 * (grouped.high - grouped.low)


def test_the_interval_depends_on_nothing_but_its_seed() -> None:
    values = np.random.default_rng(8).standard_normal(20)
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)
