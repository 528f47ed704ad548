import numpy as np
import pytest
import torch

from gramtex.data.procedural import draw
from gramtex.encoders.encoder import image_tensor
from gramtex.palette import match_colours, parse_palette, recolour
from gramtex.spectrum import Colours
from hr_common.errors import InputError


def test_a_palette_is_the_mean_and_the_covariance_of_its_colours() -> None:
    colours = parse_palette("#000000, #ff0000")
    torch.testing.assert_close(colours.mean, torch.tensor([0.5, 0.0, 0.0]))
    assert float(colours.covariance[0, 0]) == pytest.approx(0.25)


def test_matched_colours_have_exactly_the_wanted_statistics() -> None:
    wanted = Colours.of(torch.rand(3, 30, 30) * torch.tensor([0.2, 0.5, 0.9]).view(3, 1, 1))
    found = Colours.of(match_colours(torch.rand(3, 20, 20), wanted))
    torch.testing.assert_close(found.mean, wanted.mean, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.covariance, wanted.covariance, rtol=1e-3, atol=1e-5)


def test_a_recoloured_picture_has_the_palette_and_keeps_the_pattern() -> None:
    source = draw("gingham", (64, 64))
    turned = recolour(source, parse_palette("#102080,#a0c0f0"))
    assert turned[..., 2].mean() > turned[..., 0].mean() + 50
    assert abs(np.corrcoef(source.mean(axis=2).ravel(), turned.mean(axis=2).ravel())[0, 1]) > 0.95


def test_a_flat_picture_can_be_recoloured_too() -> None:
    assert torch.isfinite(match_colours(torch.full((3, 8, 8), 0.5), Colours.of(image_tensor(draw("dots"))))).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [("red,#000000", "'red' is no colour"), ("#aabbcc", "two colours or more"), ("#12,#34", "'#12'")],
)
def test_what_is_no_palette_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_palette(text)
