"""Beam search: what it finds is of the style, wearable and unlike, and it finds what there is."""

import itertools

import numpy as np
import pytest
from skimage.color import hsv2rgb, rgb2lab

from graphfit.colour.palette import Palette
from graphfit.colour.schemes import STYLES, label_sets, swatches
from graphfit.colour.wheels import to_hsv
from graphfit.composition import Composer, Wardrobe, Wish, missing
from graphfit.config import ColourConfig, ComposeConfig
from graphfit.plans import SlotPlans, is_wearable

PLANS = [("bottoms", "shoes"), ("bottoms", "shoes", "bags"), ("bottoms", "shoes", "bags", "jewellery")]


class PairScorer:
    """Mean dot product of random vectors: cheap, exact, and indifferent to order."""

    def __init__(self, count, seed=0):
        self.vectors = np.random.default_rng(seed).normal(size=(count, 6))

    def logits(self, sets):
        return np.array([self._one(list(members)) for members in sets])

    def candidate_logits(self, partial, candidates):
        return self.logits([[*partial, int(one)] for one in candidates])

    def completed_logits(self, partials, candidates):
        return [self.candidate_logits(*each) for each in zip(partials, candidates, strict=True)]

    def style_log_probabilities(self, sets):
        return np.full((len(sets), len(STYLES)), np.log(1 / 6))

    def _one(self, members):
        own = self.vectors[members]
        return ((own.sum(0) ** 2).sum() - (own**2).sum()) / max(len(members) * (len(members) - 1), 1)


class Everything:
    def shortlist(self, partial, category, allowed, count):
        return allowed

    def shortlists(self, partials, categories, allowed, counts):
        return allowed


def palette(colour):
    """A saturated colour by its angle on the painters' wheel, or a grey by its name."""
    if isinstance(colour, str):
        return Palette(np.array([{"black": [5.0, 0, 0], "white": [97.0, 0, 0]}[colour]]), np.ones(1))
    hsv = np.array([[[to_hsv(np.array(float(colour))) / 360, 0.9, 0.8]]])
    return Palette(rgb2lab(hsv2rgb(hsv))[0], np.ones(1))


def wardrobe(stock, usable=None):
    """A wardrobe from a list of category and colour."""
    categories = tuple(category for category, _ in stock)
    garments = swatches([palette(colour) for _, colour in stock], categories)
    fine = tuple(f"{category} {place}" for place, (category, _) in enumerate(stock))
    return Wardrobe(categories, fine, garments, np.ones(len(stock), bool) if usable is None else usable)


def random_stock(seed, each=7):
    generator = np.random.default_rng(seed)
    colours = [*range(0, 360, 15), "black", "white"]
    stock = [("tops", 0)]
    for category in ("bottoms", "shoes", "bags", "jewellery"):
        stock += [(category, colours[place]) for place in generator.integers(0, len(colours), each)]
    return stock


def every_outfit(stock, plans):
    for plan in plans:
        places = [[place for place, (category, _) in enumerate(stock) if category == slot] for slot in plan]
        yield from ((0, *rest) for rest in itertools.product(*places))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("seed", range(4))
def test_the_search_finds_the_style_exactly_where_it_exists(style, seed):
    stock = random_stock(seed)
    chosen, scorer = wardrobe(stock), PairScorer(len(stock), seed)
    found = Composer(scorer, chosen, Everything()).compose(Wish((0,), style), PLANS)
    labels = {}
    for size in {len(plan) for plan in PLANS}:
        sets = [one for one in every_outfit(stock, PLANS) if len(one) == size + 1]
        labels |= dict(zip(sets, label_sets(chosen.garments.sets(np.array(sets))).tolist(), strict=True))
    real = [one for one, label in labels.items() if STYLES[label] == style]
    assert bool(found) == bool(real)
    assert all(STYLES[labels[one.members]] == style for one in found)
    if real:
        assert found[0].logit >= np.quantile(scorer.logits(real), 0.9) - 1e-9


@pytest.mark.parametrize("tempting", ["black", 30])
def test_a_triad_is_found_round_a_garment_without_hue_though_others_score_higher(tempting):
    # Nearly everything that is offered leads away from the triad, and the scorer likes just that.
    stock = [("tops", "white")]
    for category, hue in (("bottoms", 0), ("shoes", 120), ("bags", 240)):
        stock += [(category, hue), *[(category, tempting)] * 30]

    class Tempted(PairScorer):
        def logits(self, sets):
            return np.array([sum(stock[item][1] == tempting for item in one) for one in sets], float)

    scorer = Tempted(len(stock), 0)
    config = ComposeConfig(beam=4)
    wish = Wish((0,), "triadic", count=1)
    (found,) = Composer(scorer, wardrobe(stock), Everything(), config=config).compose(
        wish, [("bottoms", "shoes", "bags")]
    )
    assert {stock[item][1] for item in found.members} == {"white", 0, 120, 240}


def test_a_wide_beam_finds_the_best_outfit():
    stock = random_stock(1)
    scorer = PairScorer(len(stock))
    composer = Composer(scorer, wardrobe(stock), Everything(), config=ComposeConfig(beam=900, diversity=0.0))
    found = composer.compose(Wish((0,), "any", 1), PLANS)
    best = max(scorer.logits(list(every_outfit(stock, PLANS))))
    assert found[0].logit == pytest.approx(best)


def test_outfits_hold_the_query_once_and_share_at_most_one_other_garment():
    stock = random_stock(2)
    for style in STYLES:
        found = Composer(PairScorer(len(stock)), wardrobe(stock), Everything()).compose(Wish((0,), style, 4), PLANS)
        sets = [frozenset(one.members) for one in found]
        assert len(set(sets)) == len(sets)
        for one in found:
            assert one.members.count(0) == 1
            assert len(set(one.members)) == len(one.members)
            assert is_wearable([stock[place][0] for place in one.members])
        assert all(len(one & other) <= 2 for one, other in itertools.combinations(sets, 2))


def test_what_is_excluded_never_appears():
    stock = random_stock(3)
    usable = np.ones(len(stock), bool)
    usable[[2, 3, 9, 10]] = False
    found = Composer(PairScorer(len(stock)), wardrobe(stock, usable), Everything()).compose(Wish((0,), "any", 5), PLANS)
    assert found
    assert not {2, 3, 9, 10} & {place for one in found for place in one.members}


def test_two_layers_are_of_different_kinds():
    stock = [("tops", 0), ("tops", "black"), ("tops", "white"), ("bottoms", "black")]
    chosen = wardrobe(stock)
    same_kind = Wardrobe(chosen.categories, ("shirt", "shirt", "cardigan", "jeans"), chosen.garments, chosen.usable)
    found = Composer(PairScorer(4), same_kind, Everything()).compose(Wish((0,), "any", 3), [("tops", "bottoms")])
    assert [set(one.members) for one in found] == [{0, 2, 3}]


def test_drawing_is_settled_by_the_seed_and_varies_with_it():
    stock = random_stock(5)
    composer = Composer(PairScorer(len(stock)), wardrobe(stock), Everything())

    def draw(seed):
        return composer.compose(Wish((0,), "any"), PLANS, np.random.default_rng(seed), 1.0)

    assert draw(1) == draw(1)
    assert len({tuple(one.members for one in draw(seed)) for seed in range(6)}) > 1


def test_greedy_is_a_beam_of_one():
    stock = random_stock(6)
    scorer = PairScorer(len(stock))
    composer = Composer(scorer, wardrobe(stock), Everything(), config=ComposeConfig(beam=1))
    (found,) = composer.compose(Wish((0,), "any", 1), PLANS[:1])
    members = [0]
    for slot in PLANS[0]:
        places = np.array([place for place, (category, _) in enumerate(stock) if category == slot])
        members.append(int(places[scorer.candidate_logits(members, places).argmax()]))
    assert found.members == tuple(members)


def reason(stock, style, plans=PLANS[:1]):
    chosen = wardrobe(stock)
    wish = Wish((0,), style)
    assert Composer(PairScorer(len(stock)), chosen, Everything()).compose(wish, plans) == []
    return missing(chosen, wish, plans, ColourConfig())


def test_the_reason_names_the_hue_that_is_missing_and_where():
    stock = [("tops", 0), ("bottoms", 10), ("shoes", 350)]
    assert reason(stock, "complementary") == "no item of hue 155–205° in bottoms, shoes"
    assert reason([*stock, ("shoes", 120)], "triadic") == "no item of hue 215–265° in bottoms, shoes"


def test_the_reason_names_a_category_in_which_everything_clashes():
    stock = [("tops", 0), ("bottoms", 90), ("shoes", 5)]
    assert reason(stock, "monochromatic") == "no item of hue 340–20°, nor a black, grey or white one, in bottoms"
    assert "within ΔE00 12 of the query's colour in bottoms" in reason(stock, "same")


def test_a_query_in_two_colours_can_be_the_reason():
    both = np.concatenate([palette(0).colours, palette(180).colours])
    garments = swatches([Palette(both, np.array([0.5, 0.5])), palette("black")], ["tops", "bottoms"])
    chosen = Wardrobe(("tops", "bottoms"), ("", ""), garments, np.ones(2, bool))
    said = missing(chosen, Wish((0,), "analogous"), [("bottoms",)], ColourConfig())
    assert said == "the query's own hues, 0° and 180°, cannot be part of a analogous outfit"


def test_without_a_plan_the_reason_says_so():
    assert "no usual outfit" in missing(wardrobe([("tops", 0)]), Wish((0,), "same"), [], ColourConfig())


def test_usual_plans_can_be_worn():
    assert all(is_wearable(plan) for plan, _ in SlotPlans.usual().counts)
