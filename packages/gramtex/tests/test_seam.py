import numpy as np
import pytest

from gramtex.seam import seam_score


def test_a_sine_of_whole_periods_has_no_seam() -> None:
    y, x = np.mgrid[:64, :64] / 64
    assert abs(seam_score(0.5 + 0.4 * np.sin(2 * np.pi * (3 * x + y))).horizontal) < 1
    # Upright, the step across the border is the steepest or the flattest of the wave: π/2 of the mean, or nothing.
    upright = [seam_score(0.5 + 0.4 * np.sin(2 * np.pi * 3 * x + phase)).horizontal for phase in (0, np.pi / 2)]
    assert max(map(abs, upright)) < 2


def test_a_ramp_has_a_great_seam_in_its_direction_alone() -> None:
    ramp = np.tile(np.linspace(0, 1, 64), (64, 1))
    score = seam_score(ramp)
    assert score.horizontal > 100
    assert score.vertical == 0
    assert score.worst == score.horizontal
    assert seam_score(ramp.T).vertical == pytest.approx(score.horizontal)


def test_bytes_and_floats_score_alike() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    assert seam_score(picture).horizontal == pytest.approx(seam_score(picture / 255).horizontal)


def test_the_score_does_not_mind_where_a_tile_is_cut() -> None:
    noise = np.random.default_rng(1).random((64, 64, 3))
    assert seam_score(np.roll(noise, 17, axis=1)).worst < 4


def test_two_columns_are_too_few() -> None:
    with pytest.raises(ValueError, match="sides of 3 pixels or more, not 2 x 9"):
        seam_score(np.zeros((9, 2)))
