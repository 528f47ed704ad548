import numpy as np
import pytest

from gramtex.data.procedural import PATTERNS, draw
from hr_common.errors import InputError


@pytest.mark.parametrize("pattern", list(PATTERNS))
def test_every_pattern_is_cloth_of_its_seed(pattern: str) -> None:
    first, again, other = (draw(pattern, (64, 80), seed=seed) for seed in (0, 0, 1))
    assert first.shape == (64, 80, 3)
    assert (first == again).all()
    assert (first != other).any()
    assert first.std() > 8


def test_gingham_has_three_shades() -> None:
    cloth = draw("gingham", (96, 96)).mean(axis=2)
    shades, counts = np.unique(np.round(cloth / 12), return_counts=True)
    assert len(shades[counts > 300]) >= 3


def test_an_unknown_pattern_is_refused() -> None:
    with pytest.raises(InputError, match="unknown pattern 'tweed'; choose one of stripes"):
        draw("tweed")
