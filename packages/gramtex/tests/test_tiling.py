import numpy as np
import pytest

from gramtex.config import SynthesisConfig
from gramtex.data.procedural import draw
from gramtex.encoders import Encoder
from gramtex.seam import seam_score
from gramtex.synthesis import Synthesizer
from gramtex.tiling import TiledPicture, make_tileable
from hr_common.errors import InputError

PICTURE = draw("floral", (67, 85), seed=3)[3:67, 5:]


@pytest.fixture(scope="module")
def made(vgg: Encoder) -> TiledPicture:
    return make_tileable(Synthesizer(vgg, SynthesisConfig()), PICTURE, iterations=15)


def test_the_border_closes(made: TiledPicture) -> None:
    assert made.before.worst > 3
    assert made.after.worst < 3
    assert made.after == seam_score(made.image)


def test_the_middle_stays_as_it_is(made: TiledPicture) -> None:
    assert made.image.shape == (64, 80, 3)
    same = (made.image == PICTURE).all(axis=2)
    assert made.kept == pytest.approx(same.mean())
    assert made.kept >= 0.5
    assert same[9:-9, 12:-12].all()


def test_the_new_border_is_of_the_same_cloth(made: TiledPicture) -> None:
    assert made.relative_error < 0.1


def test_what_the_stride_leaves_over_is_cut_off_evenly(vgg: Encoder) -> None:
    made = make_tileable(Synthesizer(vgg), draw("dots", (44, 41)), iterations=1)
    assert made.image.shape == (40, 40, 3)
    assert (made.image[20, 20] == draw("dots", (44, 41))[22, 20]).all()


def test_a_small_picture_is_refused(vgg: Encoder) -> None:
    with pytest.raises(InputError, match="20 x 40 pixels are too small"):
        make_tileable(Synthesizer(vgg), np.zeros((40, 20, 3), np.uint8))
