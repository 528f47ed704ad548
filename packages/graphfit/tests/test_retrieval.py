"""The index: what pruning keeps of the exact ranking, what is kept on disk, and what is similar."""

from pathlib import Path

import numpy as np
import pytest
import torch

from graphfit.data.items import Catalogue, Item
from graphfit.features import Features
from graphfit.networks.towers import Towers
from graphfit.retrieval import ExactShortlist, Index, build_index, fingerprint, measure_recall, similar
from graphfit.scoring import OutfitScorer, WornCatalogue
from hr_common.errors import InputError


@pytest.fixture(scope="module")
def worn(run: Path, wardrobe: Catalogue, features: Features) -> WornCatalogue:
    return OutfitScorer.from_pretrained(run).wear(wardrobe, features)


@pytest.fixture(scope="module")
def index(worn: WornCatalogue) -> Index:
    return build_index(worn, worn.nodes, worn.catalogue, contexts=100, steps=120, shortlist=12)


def untrained(worn: WornCatalogue, explore: float = 0.0) -> Index:
    torch.manual_seed(0)
    towers = Towers(worn.nodes.shape[1], 16)
    return Index(towers, worn.nodes, [item.id for item in worn.catalogue], explore=explore)


def test_the_exact_shortlist_is_the_exact_ranking(worn: WornCatalogue) -> None:
    shoes = np.array(worn.catalogue.by_category()["shoes"])
    found = ExactShortlist(worn).shortlist([0, 30], "shoes", shoes, 5)
    logits = worn.logits([[0, 30, one] for one in shoes.tolist()])
    assert found.tolist() == shoes[np.argsort(-logits, kind="stable")[:5]].tolist()
    assert ExactShortlist(worn).shortlist([0], "shoes", shoes[:3], 5).tolist() == shoes[:3].tolist()


def test_trained_towers_keep_the_top_of_the_exact_ranking(worn: WornCatalogue, index: Index) -> None:
    # Each kind has 24 items. Half of them hold half of the top by chance.
    trained = measure_recall(worn, index, worn.catalogue, 80, at=5, shortlist=12)
    chance = measure_recall(worn, untrained(worn), worn.catalogue, 80, at=5, shortlist=12)
    assert trained.mean > 0.85 > chance.mean + 0.1
    assert trained.contexts == 80
    assert set(trained.by_category) <= {"tops", "bottoms", "shoes", "bags", "hats"}
    assert index.recall is not None
    assert index.recall.at == 10


def test_nothing_is_measured_where_nothing_is_pruned(worn: WornCatalogue, index: Index) -> None:
    assert measure_recall(worn, index, worn.catalogue, 5, shortlist=200).contexts == 0


def test_a_shortlist_holds_allowed_items_once_and_the_same_ones_each_time(worn: WornCatalogue) -> None:
    allowed = np.array(worn.catalogue.by_category()["bags"])[3:]
    curious = untrained(worn, explore=0.5)
    found = curious.shortlist([0, 50], "bags", allowed, 8)
    assert len(set(found.tolist())) == len(found) == 8
    assert set(found.tolist()) <= set(allowed.tolist())
    assert curious.shortlist([0, 50], "bags", allowed, 8).tolist() == found.tolist()
    strict = untrained(worn).shortlist([0, 50], "bags", allowed, 8)
    assert found[:4].tolist() == strict[:4].tolist()
    assert found[4:].tolist() != strict[4:].tolist()


def test_a_shortlist_is_ordered_by_the_product_of_the_towers(worn: WornCatalogue) -> None:
    plain, allowed = untrained(worn), np.array(worn.catalogue.by_category()["hats"])
    wanted = torch.tensor([8])  # hats
    with torch.inference_mode():
        context = plain.towers(worn.nodes[[0, 50]][None], torch.ones(1, 2, dtype=torch.bool), wanted)[0]
        scores = (plain.towers.embed(worn.nodes[allowed]) @ context).numpy()
    assert plain.shortlist([0, 50], "hats", allowed, 6).tolist() == allowed[np.argsort(-scores)[:6]].tolist()


def test_towers_ignore_order_and_padding() -> None:
    towers = Towers(8, 16).eval()
    nodes, wanted = torch.randn(2, 3, 8), torch.tensor([1, 4])
    whole = torch.ones(2, 3, dtype=torch.bool)
    padded = torch.cat([nodes, torch.full((2, 2, 8), 7.0)], dim=1)
    mask = torch.tensor([[True] * 3 + [False] * 2] * 2)
    expected = towers(nodes, whole, wanted)
    torch.testing.assert_close(towers(nodes[:, [2, 0, 1]], whole, wanted), expected)
    torch.testing.assert_close(towers(padded, mask, wanted), expected)


def test_an_index_comes_back_whole(worn: WornCatalogue, index: Index, tmp_path: Path) -> None:
    index.save(tmp_path / "index", worn.catalogue, {"network": "n"})
    loaded, catalogue, card = Index.load(tmp_path / "index")
    assert catalogue == Catalogue("wardrobe", worn.catalogue.items)
    assert card["network"] == "n"
    assert loaded.recall == index.recall
    np.testing.assert_array_equal(loaded.vectors, index.vectors)


def test_a_folder_that_is_no_index_is_refused(worn: WornCatalogue, index: Index, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no index; make one with `graphfit index`"):
        Index.load(tmp_path)
    from hr_common import weights

    weights.save(tmp_path / "index.safetensors", {"nodes": worn.nodes}, {"format": 0, "class": "Index"})
    with pytest.raises(InputError, match="no index that this version of graphfit reads"):
        Index.load(tmp_path)


def test_a_catalogue_of_one_unknown_category_can_be_indexed(worn: WornCatalogue) -> None:
    items = tuple(Item(item.id) for item in worn.catalogue)
    unknown = WornCatalogue(worn.model, Catalogue("unknown", items), worn.nodes)
    made = build_index(unknown, worn.nodes, unknown.catalogue, contexts=10, steps=2)
    assert len(made.vectors) == len(items)


def test_similar_items_are_those_of_the_smallest_angle() -> None:
    features = np.array([[1, 0], [0, 2], [3, 3], [-1, 0]], np.float32)
    found = similar(features, np.array([2, 0], np.float32), 3)
    assert [place for place, _ in found] == [0, 2, 1]
    assert [cosine for _, cosine in found] == pytest.approx([1, 0.5**0.5, 0])


def test_a_fingerprint_tells_networks_apart() -> None:
    torch.manual_seed(0)
    one, other = Towers(4, 4), Towers(4, 4)
    assert fingerprint(one) != fingerprint(other)
    other.load_state_dict(one.state_dict())
    assert fingerprint(one) == fingerprint(other)
