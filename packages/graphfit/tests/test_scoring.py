import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from graphfit.data.items import Catalogue
from graphfit.features import Features
from graphfit.scoring import OutfitScorer, WornCatalogue
from hr_common.errors import InputError


@pytest.fixture(scope="module")
def scorer(run: Path) -> OutfitScorer:
    return OutfitScorer.from_pretrained(run)


@pytest.fixture(scope="module")
def worn(scorer: OutfitScorer, wardrobe: Catalogue, features: Features) -> WornCatalogue:
    return scorer.wear(wardrobe, features)


sets = st.lists(st.integers(0, 119), min_size=1, max_size=20, unique=True)


@given(one=sets, others=st.lists(sets, max_size=5), data=st.data())
def test_order_and_batch_mates_change_no_score(
    worn: WornCatalogue, one: list[int], others: list[list[int]], data: st.DataObject
) -> None:
    mixed = data.draw(st.permutations(one))
    alone = worn.logits([one])[0]
    assert worn.logits([*others, mixed])[-1] == pytest.approx(alone, abs=1e-5)
    together = worn.style_log_probabilities([*others, mixed])[-1]
    np.testing.assert_allclose(together, worn.style_log_probabilities([one])[0], atol=1e-5)


@given(partial=st.lists(st.integers(0, 119), min_size=0, max_size=6, unique=True))
def test_candidates_are_scored_as_completed_sets_are(worn: WornCatalogue, partial: list[int]) -> None:
    candidates = np.setdiff1d(np.arange(0, 120, 7), partial)
    expected = worn.logits([[*partial, int(candidate)] for candidate in candidates])
    np.testing.assert_allclose(worn.candidate_logits(partial, candidates, batch=5), expected, atol=1e-5)


def test_blame_is_what_the_score_gains_without_an_item(worn: WornCatalogue) -> None:
    one = [3, 40, 77, 100]
    logit = worn.logits([one])[0]
    expected = [worn.logits([[i for i in one if i != left]])[0] - logit for left in one]
    np.testing.assert_allclose(worn.blame(one), expected, atol=1e-5)
    assert worn.blame([5]).tolist() == [0.0]


def test_the_item_of_another_taste_is_blamed_most(worn: WornCatalogue, wardrobe: Catalogue) -> None:
    hits = []
    for taste, other in itertools.permutations(range(4), 2):
        for number in range(6):
            rest = [f"{kind}-{taste}-{number}" for kind in ("tops", "bottoms", "shoes")]
            outfit = [wardrobe.index(name) for name in (*rest, f"bags-{other}-{number}")]
            hits.append(int(worn.blame(outfit).argmax()) == 3)
    # One in four by chance: 0.25 and three standard errors are 0.40.
    assert np.mean(hits) > 0.6


def test_sensitivity_is_the_slope_of_the_score(worn: WornCatalogue) -> None:
    one = [3, 40, 77]
    moved = WornCatalogue(worn.model, worn.catalogue, worn.nodes.double())
    moved.model.double()
    norms = moved.sensitivity(one)
    step, slopes = 1e-5, []
    for axis in range(moved.nodes.shape[1]):
        around = []
        for sign in (step, -step):
            nodes = moved.nodes.clone()
            nodes[3, axis] += sign
            around.append(WornCatalogue(moved.model, worn.catalogue, nodes).logits([one])[0])
        slopes.append((around[0] - around[1]) / (2 * step))
    moved.model.float()
    assert norms.shape == (3,)
    assert norms[0] == pytest.approx(np.linalg.norm(slopes), rel=1e-3)


def test_scores_are_calibrated_and_come_with_percentiles(scorer: OutfitScorer, worn: WornCatalogue) -> None:
    (good,) = scorer.score_worn(worn, [[worn.catalogue.index(n) for n in ("tops-1-0", "bottoms-1-1", "shoes-1-2")]])
    (bad,) = scorer.score_worn(worn, [[worn.catalogue.index(n) for n in ("tops-1-0", "bottoms-2-1", "shoes-3-2")]])
    assert 0 <= bad.score < good.score <= 1
    assert good.percentile_corrupted > bad.percentile_corrupted
    assert good.score == pytest.approx(scorer.calibrate(good.logit))
    assert sum(good.styles.values()) == pytest.approx(1)
    assert not good.undetermined


def test_a_single_item_is_undetermined_and_has_a_score(scorer: OutfitScorer, worn: WornCatalogue) -> None:
    (one,) = scorer.score_worn(worn, [[4]])
    assert one.undetermined
    assert np.isfinite(one.logit)
    assert one.blame == (0.0,)


def test_an_empty_outfit_is_refused(worn: WornCatalogue) -> None:
    with pytest.raises(InputError, match="outfit 2 is empty"):
        worn.logits([[1], []])


def test_features_of_another_encoder_or_size_are_refused(
    scorer: OutfitScorer, wardrobe: Catalogue, features: Features
) -> None:
    with pytest.raises(InputError, match="made by encoder other"):
        scorer.wear(wardrobe, replace(features, encoder="other"))
    with pytest.raises(InputError, match="trained on features of 24 numbers, but these have 5"):
        scorer.wear(wardrobe, replace(features, values=features.values[:, :5].copy()))


def test_the_shipped_weights_score_pictures_in_any_order(tmp_path: Path) -> None:
    names = []
    for name, colour in {"top": (200, 30, 40), "skirt": (20, 20, 20), "shoes": (240, 240, 230)}.items():
        canvas = np.full((90, 60, 3), 245, dtype=np.uint8)
        canvas[20:70, 15:45] = colour
        Image.fromarray(canvas).save(tmp_path / f"{name}.png")
        names.append(str(tmp_path / f"{name}.png"))
    shipped = OutfitScorer.from_pretrained()
    (one,) = shipped.score(names)
    (other,) = shipped.score([names[::-1]])
    assert one.logit == pytest.approx(other.logit, abs=1e-5)
    assert one.items == tuple(names)
    assert 0 <= one.percentile_real <= 100


def test_pictures_given_twice_and_unknown_categories_are_refused() -> None:
    shipped = OutfitScorer.from_pretrained()
    with pytest.raises(InputError, match=r"outfit 1 has a.png twice"):
        shipped.score(["a.png", "a.png"])
    with pytest.raises(InputError, match=r"unknown category 'toys'; choose one of tops"):
        shipped.score(["a.png", "b.png"], categories={"a.png": "toys"})
