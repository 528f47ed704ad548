from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gramtex.baselines.distgan import DistGan, DistGanConfig
from gramtex.baselines.interface import Baseline, load_baseline, random_crops, save_baseline
from gramtex.baselines.psgan import NoiseTensor, Psgan, PsganConfig
from gramtex.baselines.registry import build_baseline
from gramtex.baselines.texturegan import TextureGan, TextureGanConfig
from gramtex.data.procedural import draw
from gramtex.encoders.encoder import image_tensor
from gramtex.networks.gram_autoencoder import count_parameters
from hr_common.errors import InputError

SMALL = {
    "psgan": Psgan(PsganConfig(local=4, globals_=4, waves=1, widths=(16, 8), field=4, batch=6)),
    "distgan": DistGan(DistGanConfig(latent=8, width=8, size=16, batch=8)),
    "texturegan": TextureGan(TextureGanConfig(size=32, patch=16, local=16, width=4, blocks=1, batch=4)),
}


@pytest.fixture(scope="module")
def cloth() -> torch.Tensor:
    return torch.stack([image_tensor(draw("stripes", (48, 48), seed=seed)) for seed in range(6)])


@pytest.mark.parametrize("name", sorted(SMALL))
def test_training_moves_the_generator_towards_the_colours_of_the_cloth(name: str, cloth: torch.Tensor) -> None:
    baseline: Baseline = SMALL[name]
    red = torch.zeros_like(cloth[:, :, :, :])
    red[:, 0] = 0.9
    first = next(iter(baseline.fit(red, steps=1, seed=0)))
    assert all(torch.isfinite(torch.tensor(value)) for value in first.values())
    before = baseline.generate(4, seed=1, exemplars=red)
    steps = 12 if name == "texturegan" else 60
    for _ in baseline.fit(red, steps=steps, seed=0):
        pass
    after = baseline.generate(4, seed=1, exemplars=red)
    aim = red[:4, :, : after.shape[2], : after.shape[3]]
    assert (after - aim).square().mean() < (before - aim).square().mean()
    assert after.min() >= 0
    assert after.max() <= 1


@pytest.mark.parametrize("name", sorted(SMALL))
def test_the_same_seed_trains_and_draws_the_same(name: str, cloth: torch.Tensor, tmp_path: Path) -> None:
    baseline: Baseline = SMALL[name]
    drawn = []
    for _ in range(2):
        for _ in baseline.fit(cloth, steps=2, seed=3):
            pass
        drawn.append(baseline.generate(2, seed=5, exemplars=cloth))
    assert torch.equal(drawn[0], drawn[1])
    assert drawn[0].shape == (2, 3, baseline.crop, baseline.crop)
    path = tmp_path / "weights.safetensors"
    save_baseline(path, baseline, card={"steps": 2})
    again = load_baseline(path)
    for each in again.modules.values():
        each.eval()
    assert torch.equal(again.generate(2, seed=5, exemplars=cloth), drawn[0])


def test_the_released_psgan_makes_161_pixels_from_six_positions() -> None:
    model = build_baseline("psgan", "paper")
    assert model.crop == 161
    assert Psgan(PsganConfig(widths=(8, 8, 8), field=5)).crop == 65


def test_the_noise_of_psgan_has_its_three_parts() -> None:
    config = PsganConfig(local=2, globals_=3, waves=2)
    noise = NoiseTensor(config)(5, 4, 7, torch.Generator().manual_seed(0))
    assert noise.shape == (5, 2 + 3 + 4, 4, 7)
    assert noise[:, 2:5].var((2, 3)).max() < 1e-12
    assert noise[:, 5:7].var(2).max() < 1e-10
    assert noise[:, 7:].var(3).max() < 1e-10
    assert noise[:, 5:7].var(3).min() > 1e-4


def test_distgan_weighs_codes_by_the_root_of_the_dimensions(cloth: torch.Tensor) -> None:
    model = SMALL["distgan"]
    assert isinstance(model, DistGan)
    real, noise = cloth[:4, :, :16, :16] * 2 - 1, torch.rand(4, 8) * 2 - 1
    with torch.no_grad():
        far = DistGan(replace(model.config, distance=0.0))
        far.modules = model.modules
        plain = far._autoencoder_loss(real, noise)
        codes = model.modules["encoder"](real)[0]
        rebuilt = model.modules["discriminator"](model.modules["generator"](codes))[1]
        fake = model.modules["discriminator"](model.modules["generator"](noise))[1]
        apart = (rebuilt - fake).mean() - (8 / rebuilt.shape[1]) ** 0.5 * (codes - noise).mean()
        torch.testing.assert_close(model._autoencoder_loss(real, noise), plain + apart.square())


def test_texturegan_sees_one_patch_and_an_empty_sketch(cloth: torch.Tensor) -> None:
    model = SMALL["texturegan"]
    assert isinstance(model, TextureGan)
    given = model.given(cloth[:2, :, :32, :32], torch.tensor([[0.0, 0.0], [16.0, 8.0]]))
    assert given.shape == (2, 5, 32, 32)
    assert not given[:, 0].any()
    assert given[:, 4].sum((1, 2)).tolist() == [256.0, 256.0]
    assert given[1, 4, 16:, 8:24].all()
    assert not given[0, 1:4, 16:].any()
    with pytest.raises(ValueError, match="give exemplars"):
        model.generate(1, seed=0)


def test_crops_of_small_pictures_are_refused() -> None:
    with pytest.raises(InputError, match="the pictures are 40 x 30; this baseline needs 64 pixels"):
        random_crops(torch.zeros(2, 3, 30, 40), 1, 64, torch.Generator())


def test_unknown_baselines_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown baseline 'gan'; choose one of psgan, distgan, texturegan"):
        build_baseline("gan")
    with pytest.raises(InputError, match="unknown preset 'big'"):
        build_baseline("psgan", "big")
    path = tmp_path / "x.safetensors"
    save_baseline(path, SMALL["psgan"], card={})
    assert count_parameters(load_baseline(path).modules) == count_parameters(SMALL["psgan"].modules)
    (tmp_path / "y.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"y\.safetensors"):
        load_baseline(tmp_path / "y.safetensors")
