import pytest

from gramtex.data.procedural import draw
from gramtex.encoders import Encoder
from gramtex.interpolation import Space, between
from gramtex.synthesis import Synthesizer
from hr_common.errors import InputError


@pytest.mark.parametrize("space", ["gram", "bures"])
def test_the_way_leads_from_one_picture_to_the_other(quick_encoder: Encoder, space: Space) -> None:
    synthesizer = Synthesizer(quick_encoder)
    first, last = draw("dots", (48, 48)), draw("stripes", (40, 56))
    way = between(synthesizer, first, last, steps=5, space=space)
    assert len(way) == 5
    end = synthesizer.measure(last)
    distances = [each.distance(end) for each in way]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] == 0


def test_one_step_is_no_way(quick_encoder: Encoder) -> None:
    with pytest.raises(InputError, match="1 steps are no way"):
        between(Synthesizer(quick_encoder), draw("dots"), draw("dots"), steps=1)
