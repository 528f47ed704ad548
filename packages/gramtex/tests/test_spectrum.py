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


@pytest.mark.parametrize("reach", [0.0, 0.5])
def test_the_noise_is_the_same_wherever_the_optimiser_moves(reach: float) -> None:
    wanted = Colours.usual()
    plain = torch.randn((3, 32, 32), generator=torch.Generator().manual_seed(0))
    space = SpectralImage((32, 32), wanted, exponent=0.8, device=CPU, reach=reach)
    image = space.render(space.noise(torch.Generator().manual_seed(0), 0.5))
    shaped = torch.fft.irfft2(torch.fft.rfft2(plain) * space.decay, s=(32, 32))
    expected = 0.5 + 0.5 * torch.einsum("ij,jhw->ihw", wanted.root(), shaped)
    torch.testing.assert_close(image, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("exponent", [0.5, 0.8])
def test_amplitudes_of_the_noise_fall_with_the_wanted_exponent(exponent: float) -> None:
    space = SpectralImage((128, 128), colours(), exponent=exponent, device=CPU)
    image = space.render(space.noise(torch.Generator().manual_seed(0), 1.0))
    power = torch.fft.rfft2(image - image.mean(dim=(1, 2), keepdim=True)).abs().square().mean(dim=0)
    vertical, horizontal = torch.fft.fftfreq(128)[:, None], torch.fft.rfftfreq(128)
    frequency = (vertical**2 + horizontal**2).sqrt()
    bands = [power[(frequency > 0.9 * each) & (frequency < 1.1 * each)].mean() for each in (0.08, 0.32)]
    assert float(bands[0] / bands[1]) == pytest.approx(4 ** (2 * exponent), rel=0.15)


def test_a_step_of_the_optimiser_reaches_farther_for_fine_detail_than_the_noise() -> None:
    step = torch.randn(3, 128, 128, generator=torch.Generator().manual_seed(0))
    shares = []
    for reach in (0.5, 0.8):
        space = SpectralImage((128, 128), Colours.usual(), exponent=0.8, device=CPU, reach=reach)
        power = torch.fft.rfft2(space.render(step) - space.mean).abs().mean(dim=0)
        shares.append(float(power[60:64, 60:64].mean() / power[1:4, 1:4].mean()))
    assert shares[0] > 2 * shares[1]


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
