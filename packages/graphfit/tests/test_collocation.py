"""The main job: outfits of the wanted style, length and price, or the reason why there are none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graphfit.collocation import Collocator
from graphfit.colour.schemes import STYLES
from graphfit.config import ComposeConfig
from graphfit.data.items import Catalogue, Item, Outfit
from graphfit.diversity import measure_collocation
from graphfit.features import Features
from graphfit.looks import HEAD_TO_FOOT
from graphfit.plans import is_wearable
from graphfit.scoring import OutfitScorer
from hr_common.errors import InputError

QUERY = "tops-0-0"
# CIELAB of saturated colours a third of the painters' wheel apart, their opposites, and two greys.
PALETTE = [
    (50.0, 70.0, 45.0), (85.0, -5.0, 80.0), (35.0, 40.0, -90.0), (50.0, -50.0, 40.0), (65.0, 40.0, 65.0), (20.0, 0, 0),
    (95.0, 0, 0),
]  # fmt: skip


@pytest.fixture(scope="module")
def scorer(run: Path) -> OutfitScorer:
    return OutfitScorer.from_pretrained(run)


@pytest.fixture(scope="module")
def shop(wardrobe: Catalogue) -> Catalogue:
    """The made-up wardrobe with prices, each item a kind of its own."""
    items = (replace(item, price=float(n % 50), fine=item.id) for n, item in enumerate(wardrobe))
    return Catalogue("shop", tuple(items))


@pytest.fixture(scope="module")
def coloured(features: Features) -> Features:
    palettes = np.zeros((len(features.ids), 4, 4), np.float32)
    for row in range(len(palettes)):
        palettes[row, 0] = (*PALETTE[(row * 3 + row // 7) % len(PALETTE)], 1.0)
    palettes[0, 0] = (*PALETTE[0], 1.0)
    return replace(features, palettes=palettes)


@pytest.fixture(scope="module")
def collocator(shop: Catalogue, scorer: OutfitScorer, coloured: Features) -> Collocator:
    return Collocator(shop, scorer, features=coloured)


@pytest.mark.parametrize("style", STYLES)
def test_every_outfit_has_the_style_that_was_asked_for(collocator: Collocator, style: str) -> None:
    answer = collocator.compose(QUERY, style=style, length=(3, 5), k=3)
    assert answer.looks, answer.reason
    assert (len(answer.looks) == 3) == (not answer.reason)
    sets = [frozenset(look.ids) for look in answer.looks]
    assert len(set(sets)) == len(sets)
    for look in answer.looks:
        assert look.scheme.style == style
        assert 3 <= len(look.ids) <= 5
        assert look.ids.count(QUERY) == 1
        assert look.query == (QUERY,)
        categories = [item.category for item in look.items]
        assert is_wearable(categories)
        assert categories == sorted(categories, key=HEAD_TO_FOOT.index)
        assert look.rating is not None
        assert look.rating.items == look.ids
    ranked = [look.rating.logit for look in answer.looks if look.rating]
    assert style not in ("any",) or ranked == sorted(ranked, reverse=True)


def test_a_style_that_does_not_exist_is_an_empty_list_with_its_reason(
    shop: Catalogue, scorer: OutfitScorer, coloured: Features
) -> None:
    palettes = coloured.palettes.copy()
    palettes[:, 0, :3] = PALETTE[0]  # everything is red
    red = Collocator(shop, scorer, features=replace(coloured, palettes=palettes))
    for style in ("complementary", "triadic"):
        answer = red.compose(QUERY, style=style)
        assert answer.looks == ()
        assert answer.reason.startswith("no item of hue")
        assert answer.as_dict() == {"style": style, "outfits": [], "reason": answer.reason}
    assert len(red.compose(QUERY, style="same").looks) == 3


def test_the_best_outfit_is_better_than_what_chance_puts_together(collocator: Collocator) -> None:
    best = collocator.compose(QUERY, style="any", length=(3, 4), k=1).looks[0].rating
    stock = collocator.catalogue.by_category()
    generator = np.random.default_rng(0)
    chance = [[0, *(int(generator.choice(stock[slot])) for slot in ("bottoms", "shoes"))] for _ in range(200)]
    assert best is not None
    assert best.logit > np.quantile(collocator.worn.logits(chance), 0.99)


def test_constraints_are_kept(collocator: Collocator) -> None:
    answer = collocator.compose(QUERY, length=(3, 5), k=3, keep=["hats"], exclude=["bags", "shoes-0-1"], max_price=30.0)
    assert answer.looks
    for look in answer.looks:
        categories = {item.category for item in look.items}
        assert "hats" in categories
        assert "bags" not in categories
        assert "shoes-0-1" not in look.ids
        assert all(item.price <= 30 for item in look.items if item.id != QUERY)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"keep": ["scarves"]}, "no item is left in scarves, which every outfit was to have"),
        ({"keep": ["hats"], "max_price": -1.0}, "no item is left in hats under a price of -1"),
        ({"keep": ["shoes", "bags", "hats"], "length": (3, 3)}, "are 4 garments, more than the length of 3"),
        ({"exclude": ["bottoms", "shoes", "bags", "hats"]}, "no wearable outfit of 3–6 garments has tops"),
    ],
)
def test_the_binding_constraint_is_named(collocator: Collocator, asked: dict, reason: str) -> None:
    answer = collocator.compose(QUERY, **asked)
    assert not answer.looks
    assert reason in answer.reason


def test_several_garments_can_be_the_query(collocator: Collocator) -> None:
    query = (QUERY, "shoes-0-2")
    for look in collocator.compose(query, length=(3, 5)).looks:
        assert set(query) <= set(look.ids)
        assert sum(item.category == "shoes" for item in look.items) == 1


def test_drawing_is_settled_by_the_seed(collocator: Collocator) -> None:
    def draw(seed: int) -> list[tuple[str, ...]]:
        return [look.ids for look in collocator.compose(QUERY, temperature=2.0, seed=seed).looks]

    assert draw(3) == draw(3)
    assert len({tuple(draw(seed)) for seed in range(4)}) > 1


def test_an_index_gives_outfits_as_good_as_without(
    collocator: Collocator, scorer: OutfitScorer, tmp_path: Path
) -> None:
    collocator.make_index(tmp_path / "index", contexts=50, steps=60)
    pruned = Collocator.from_index(tmp_path / "index", scorer, config=ComposeConfig(shortlist=12))
    for style in ("any", "triadic"):
        best, found = (one.compose(QUERY, style=style).looks[0].rating.score for one in (collocator, pruned))
        assert found > best - 0.1
    assert [look.scheme.style for look in pruned.compose(QUERY, style="triadic").looks] == ["triadic"] * 3


def test_an_index_of_something_else_is_refused(
    collocator: Collocator, scorer: OutfitScorer, shop: Catalogue, tmp_path: Path
) -> None:
    index = collocator.make_index(tmp_path / "index", contexts=10, steps=1)
    fewer = Catalogue("fewer", shop.items[:-1])
    with pytest.raises(InputError, match="the index is of another catalogue than fewer"):
        Collocator(fewer, scorer, index=index)
    with pytest.raises(InputError, match="was made with another network"):
        Collocator.from_index(tmp_path / "index", OutfitScorer.from_pretrained())


def test_candidates_are_ranked_by_the_score_of_the_whole_outfit(collocator: Collocator) -> None:
    items, candidates = ["tops-1-0", "bottoms-1-1"], ["shoes-0-0", "shoes-1-0", "shoes-2-0", "shoes-3-0"]
    ranked = collocator.complete(items, candidates=candidates, k=4)
    positions = [[collocator.catalogue.index(one) for one in (*items, candidate)] for candidate in candidates]
    logits = dict(zip(candidates, collocator.worn.logits(positions), strict=True))
    assert [one.item.id for one in ranked] == sorted(candidates, key=lambda one: -logits[one])
    assert [one.logit for one in ranked] == pytest.approx(sorted(logits.values(), reverse=True), abs=1e-5)


def test_a_category_can_be_ranked_under_constraints(collocator: Collocator) -> None:
    found = collocator.complete(["tops-1-0"], category="bag", k=30, exclude=["bags-1-0"], max_price=30.0)
    assert found
    assert all(one.item.category == "bags" and one.item.price <= 30 for one in found)
    assert "bags-1-0" not in [one.item.id for one in found]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: c.compose("tops-0-9"), "has no item 'tops-0-9'; the nearest ids are tops-0-"),
        (lambda c: c.compose(QUERY, style="pastel"), "unknown style 'pastel'; choose one of analogous"),
        (lambda c: c.compose(QUERY, length=(6, 3)), "a length of 6-3 cannot be"),
        (lambda c: c.compose(QUERY, k=0), "ask for 1 or more"),
        (lambda c: c.compose(()), "there is no query"),
        (lambda c: c.compose((QUERY, QUERY)), "is given twice"),
        (lambda c: c.compose(QUERY, keep=["socks"]), "unknown category 'socks'; choose one of tops"),
        (lambda c: c.compose(QUERY, exclude=["tops-0-9"]), "the nearest ids are tops-0-"),
        (lambda c: c.complete([QUERY]), "either candidates or a category"),
        (lambda c: c.complete([], category="bags"), "there is nothing to complete"),
        (lambda c: c.complete([QUERY], candidates=[QUERY]), "is in the outfit already"),
        (lambda c: c.complete([QUERY], category="scarves"), "nothing is left to choose from in scarves"),
    ],
)
def test_what_cannot_be_is_refused_in_words(collocator: Collocator, call, words: str) -> None:
    with pytest.raises(InputError, match=words.replace("(", r"\(")):
        call(collocator)


def test_similar_items_do_not_hold_the_item_itself(collocator: Collocator, coloured: Features) -> None:
    found = collocator.similar(QUERY, 5)
    assert len(found) == 5
    assert QUERY not in [item.id for item, _ in found]
    cosines = [value for _, value in found]
    assert cosines == sorted(cosines, reverse=True)
    assert found[0][0].id.split("-")[1] == "0"  # of the same taste, which is what the features show


def test_features_without_palettes_cannot_be_composed_with(
    shop: Catalogue, scorer: OutfitScorer, features: Features
) -> None:
    with pytest.raises(InputError, match="hold no palettes"):
        Collocator(shop, scorer, features=replace(features, palettes=None))


def test_slot_plans_can_come_from_real_outfits(shop: Catalogue, scorer: OutfitScorer, coloured: Features) -> None:
    own = Collocator(shop, scorer, features=coloured)
    own.use_outfits([Outfit("1", ("tops-0-0", "bottoms-0-0", "shoes-0-0", "hats-0-0"))])
    for look in own.compose(QUERY, length=(4, 4)).looks:
        assert {item.category for item in look.items} == {"tops", "bottoms", "shoes", "hats"}


def test_the_figures_of_a_composition_add_up(collocator: Collocator) -> None:
    found = measure_collocation(collocator, [QUERY, "shoes-2-1"], k=2, length=(3, 4))
    assert found.style_accuracy == 1.0
    assert found.duplicates == 0
    assert found.valid == 1.0
    assert found.outfits == sum(found.lengths.values())
    assert set(found.lengths) <= {3, 4}
    assert found.style_coverage == 6 - sum(found.missing.values()) / 2
    assert 0 < found.jaccard_diversity <= 1
    assert isinstance(collocator.catalogue.items[0], Item)
