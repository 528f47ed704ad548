import pytest
import torch

from gramtex.spectrum import Colours, SpectralImage, resize_periodic

CPU = torch.device("cpu")


def colours() -> Colours:
    return Colours.of(torch.rand(3, 40, 50) ** 2)


@pytest.mark.parametrize("size", [(32, 48), (33, 47)])
def test_a_code_comes_back_from_its_image(size: tuple[int, int]) -> None:
    space = SpectralImage(size, colours(), exponent=0.8, device=CPU)
    code = space.noise(torch.Generator().manual_seed(0), 1.0)
    torch.testing.assert_close(space.invert(space.render(code)), code, rtol=1e-3, atol=1e-3)


def test_white_noise_becomes_an_image_of_the_wanted_colours() -> None:
    wanted = Colours(torch.tensor([0.2, 0.5, 0.7]), torch.diag(torch.tensor([0.04, 0.02, 0.01])))
    space = SpectralImage((256, 256), wanted, exponent=0.8, device=CPU)
    found = Colours.of(space.render(space.noise(torch.Generator().manual_seed(0), 1.0)))
    torch.testing.assert_close(found.covariance.diagonal(), wanted.covariance.diagonal(), rtol=0.2, atol=0)


def test_broad_shapes_are_stronger_than_fine_ones() -> None:
    space = SpectralImage((64, 64), colours(), exponent=0.8, device=CPU)
    image = space.render(space.noise(torch.Generator().manual_seed(0), 1.0))
    power = torch.fft.rfft2(image - image.mean(dim=(1, 2), keepdim=True)).abs().square().mean(dim=0)
    assert float(power[1:4, 1:4].mean()) > 20 * float(power[20:30, 20:30].mean())


def test_the_pixel_level_tells_the_colours() -> None:
    image = torch.rand(3, 30, 30)
    whole = torch.cat([torch.ones(1, 30, 30), image]).flatten(1)
    found, own = Colours.of_pixel_gram(whole @ whole.T / 900), Colours.of(image)
    torch.testing.assert_close(found.mean, own.mean)
    torch.testing.assert_close(found.covariance, own.covariance, rtol=1e-3, atol=1e-5)


def test_the_root_of_a_flat_covariance_can_be_inverted() -> None:
    assert bool(torch.isfinite(torch.linalg.inv(Colours.of(torch.full((3, 8, 8), 0.4)).root())).all())


@pytest.mark.parametrize(("small", "large"), [((16, 24), (32, 48)), ((16, 16), (40, 33)), ((15, 17), (45, 51))])
def test_a_wave_stays_that_wave_when_it_is_enlarged(small: tuple[int, int], large: tuple[int, int]) -> None:
    def wave(size: tuple[int, int]) -> torch.Tensor:
        down = torch.sin(2 * torch.pi * 2 * torch.arange(size[0]) / size[0])
        right = torch.cos(2 * torch.pi * 3 * torch.arange(size[1]) / size[1])
        return (0.5 + down[:, None] * right).expand(3, -1, -1)

    torch.testing.assert_close(resize_periodic(wave(small), large), wave(large), rtol=1e-4, atol=1e-5)
