from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gramtex.baselines.neighbour import neighbour_codes
from gramtex.checkpoints import load_model
from gramtex.config import SamplingConfig
from gramtex.descriptors import GramSet
from gramtex.encoders import Encoder, load_encoder
from gramtex.extraction import GramCache
from gramtex.sampling import Sampler
from hr_common import image
from hr_common.errors import InputError


@pytest.fixture(scope="module")
def sampler(run: Path) -> Sampler:
    return Sampler.from_pretrained(run / "model.safetensors")


@pytest.fixture(scope="module")
def encoder(sampler: Sampler) -> Encoder:
    config = sampler.model.config.model
    return load_encoder(config.encoder, levels=config.levels)


@pytest.fixture(scope="module")
def cloth(encoder: Encoder, cloth_folder: Path) -> GramSet:
    return encoder.gram_set(image.read(cloth_folder / "stripes-0.png"))


def test_samples_are_gram_sets_of_the_models_encoder(sampler: Sampler, encoder: Encoder) -> None:
    drawn = sampler.sample(3, generator=np.random.default_rng(0))
    assert len(drawn) == 3
    for each in drawn:
        encoder.refuse_other(each.gram_set)
        for matrix in each.gram_set.matrices:
            values = torch.linalg.eigvalsh(matrix.double())
            assert values.min() > -1e-5 * values.max()
        assert 0 <= each.nu < 1
        assert each.component is not None
        assert each.novelty > 0


def test_the_same_seed_draws_the_same(sampler: Sampler) -> None:
    first, second, other = (
        sampler.sample(1, generator=np.random.default_rng(seed))[0].gram_set.matrices[0] for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_draws_off_the_manifold_are_repeated_and_the_best_is_kept(
    sampler: Sampler, caplog: pytest.LogCaptureFixture
) -> None:
    strict = Sampler(sampler.model, replace(SamplingConfig(), max_nu=0.0, min_novelty=0.0, redraws=6))
    loose = Sampler(sampler.model, replace(SamplingConfig(), max_nu=1.0, min_novelty=0.0, redraws=6))
    kept = strict.sample(4, generator=np.random.default_rng(0), temperature=1.0)
    first = loose.sample(4, generator=np.random.default_rng(0), temperature=1.0)
    assert all(each.redraws == 5 for each in kept if each.nu > 0)
    assert all(each.redraws == 0 for each in first)
    assert kept[0].nu <= first[0].nu
    assert "stayed above ν = 0 or below novelty 0 after 6 draws; the best draws were kept" in caplog.text


def test_draws_near_a_training_code_are_repeated(sampler: Sampler) -> None:
    free = Sampler(sampler.model, replace(SamplingConfig(), max_nu=1.0, min_novelty=0.0))
    near = free.sample(12, generator=np.random.default_rng(0), kind="neighbours")
    limit = float(np.median([each.novelty for each in near]))
    far = Sampler(free.model, replace(free.config, min_novelty=limit))
    drawn = far.sample(6, generator=np.random.default_rng(0), kind="neighbours")
    assert all(each.novelty >= limit for each in drawn)
    assert sum(each.redraws for each in drawn) > 0
    for each in drawn:
        assert each.novelty == pytest.approx(far.novelty(each.code))


def test_codes_of_a_low_temperature_lie_nearer_to_the_means(sampler: Sampler) -> None:
    mixture = sampler.model.mixture
    assert mixture is not None
    spreads = []
    for temperature in (0.2, 1.0):
        codes, chosen = sampler.codes(200, generator=np.random.default_rng(0), temperature=temperature)
        spreads.append(float((codes - mixture.means[torch.tensor(chosen)]).norm(dim=1).mean()))
    assert spreads[0] < 0.35 * spreads[1]


def test_the_prior_is_standard_normal_and_neighbours_lie_between_training_codes(sampler: Sampler) -> None:
    prior, components = sampler.codes(2000, generator=np.random.default_rng(0), kind="prior", temperature=1.0)
    assert components == [None] * 2000
    assert float(prior.mean()) == pytest.approx(0, abs=0.05)
    assert float(prior.std()) == pytest.approx(1, abs=0.05)
    between, _ = sampler.codes(50, generator=np.random.default_rng(0), kind="neighbours")
    training = sampler.model.training.codes
    assert (between >= training.amin(0) - 1e-5).all()
    assert (between <= training.amax(0) + 1e-5).all()


def test_a_neighbour_draw_is_a_convex_mixture_of_a_code_and_its_nearest() -> None:
    codes = torch.tensor([[0.0, 0.0], [1.0, 0.0], [100.0, 0.0], [101.0, 0.0]])
    drawn = neighbour_codes(codes, 200, np.random.default_rng(0), nearest=1)
    near = (drawn[:, 0] >= 0) & (drawn[:, 0] <= 1)
    far = (drawn[:, 0] >= 100) & (drawn[:, 0] <= 101)
    assert bool((near ^ far).all())
    assert bool(near.any())
    assert bool(far.any())
    with pytest.raises(ValueError, match="at least two codes, not 1"):
        neighbour_codes(codes[:1], 2, np.random.default_rng(0))


def test_neighbours_are_taken_of_other_sources_where_sources_are_known() -> None:
    codes = torch.tensor([[0.0], [1.0], [10.0], [11.0]])
    groups = np.array([0, 0, 1, 1])
    drawn = neighbour_codes(codes, 300, np.random.default_rng(0), nearest=1, groups=groups)
    assert bool(((drawn > 1) & (drawn < 10)).any())
    alone = neighbour_codes(codes[:2], 20, np.random.default_rng(0), nearest=1, groups=groups[:2])
    assert set(alone[:, 0].tolist()) == {0.0, 1.0}


def test_the_models_own_sampler_is_used_unless_another_is_named(sampler: Sampler) -> None:
    small = Sampler(sampler.model, replace(sampler.config, sampler="neighbours"))
    assert sampler.codes(2, generator=np.random.default_rng(0))[1] != [None, None]
    assert small.codes(2, generator=np.random.default_rng(0))[1] == [None, None]
    assert small.codes(2, generator=np.random.default_rng(0), component=0)[1] == [0, 0]


def test_encode_and_decode_go_through_the_code(sampler: Sampler, cloth: GramSet) -> None:
    code = sampler.encode(cloth)
    assert code.shape == (sampler.model.config.model.latent,)
    made, nu = sampler.decode(code)
    assert made.levels == cloth.levels
    assert nu >= 0
    zero, _ = sampler.decode(torch.full_like(code, 3.0))
    assert made.distance(cloth) < zero.distance(cloth)


def test_near_draws_from_the_component_of_a_picture(sampler: Sampler, cloth: GramSet) -> None:
    mixture = sampler.model.mixture
    assert mixture is not None
    (wanted,) = mixture.responsible(sampler.encode(cloth)[None]).tolist()
    drawn = sampler.sample(3, generator=np.random.default_rng(0), near=cloth)
    assert {each.component for each in drawn} == {wanted}
    with pytest.raises(InputError, match="--near chooses a component"):
        sampler.sample(1, generator=np.random.default_rng(0), near=cloth, component=0)


def test_the_coarse_level_of_a_picture_can_be_kept(sampler: Sampler, cloth: GramSet) -> None:
    drawn = sampler.sample(2, generator=np.random.default_rng(0), keep_coarse=cloth)
    wanted, _ = sampler.decode(sampler.encode(cloth))
    for each in drawn:
        torch.testing.assert_close(each.gram_set.matrices[1], wanted.matrices[1])
    assert not torch.equal(drawn[0].gram_set.matrices[0], drawn[1].gram_set.matrices[0])
    with pytest.raises(InputError, match="keep 1 to 1"):
        sampler.sample(1, generator=np.random.default_rng(0), keep_coarse=cloth, coarse_levels=2)


def test_what_the_model_cannot_do_is_said(sampler: Sampler, encoder: Encoder, cloth: GramSet) -> None:
    with pytest.raises(InputError, match="--component 9: the mixture has components 0 to"):
        sampler.sample(1, generator=np.random.default_rng(0), component=9)
    bare = Sampler(replace(sampler.model, mixture=None))
    with pytest.raises(InputError, match="has no mixture; fit one with gramtex fit-gmm"):
        bare.sample(1, generator=np.random.default_rng(0))
    other = load_encoder("random-wide", levels=("wide3", "wide7")).gram_set(np.zeros((40, 40, 3), np.uint8))
    with pytest.raises(InputError, match=r"has no level wide5|was measured with"):
        sampler.encode(other)
    foreign = GramSet("vgg19", cloth.levels, "0" * 16, cloth.matrices)
    with pytest.raises(InputError, match="the Gram set was measured with vgg19"):
        sampler.encode(foreign)


def test_the_model_that_ships_draws_valid_sets_of_the_default_encoder(vgg: Encoder) -> None:
    sampler = Sampler.from_pretrained()
    (drawn,) = sampler.sample(1, generator=np.random.default_rng(0), kind="neighbours")
    load_encoder(levels=sampler.model.config.model.levels).refuse_other(drawn.gram_set)
    assert vgg.name == drawn.gram_set.encoder
    assert drawn.nu < 0.2


def test_the_codes_of_the_shipped_model_are_those_of_a_wae() -> None:
    model = load_model()
    codes = model.training.codes
    assert 0.7 < float(codes.std(0).mean()) < 1.3
    assert model.mixture is not None
    assert model.card["figures"]["first_mmd"] > 10 * model.card["figures"]["val_mmd"]


def test_novelty_is_measured_against_other_groups(sampler: Sampler, grams: GramCache) -> None:
    assert len(sampler.model.training.codes) == len(grams.select("train", variants=False))
    assert len(np.unique(sampler.model.training.groups)) == 7
