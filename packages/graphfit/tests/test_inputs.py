import numpy as np
import pytest
import torch

from graphfit.config import FeatureConfig
from graphfit.data.items import CATEGORIES, Catalogue, Item
from graphfit.features import Features
from graphfit.inputs import by_length, item_inputs


def test_inputs_hold_what_is_known_in_the_order_of_the_catalogue() -> None:
    catalogue = Catalogue("two", (Item("a", category="hats", title="Straw hat", colour="yellow"), Item("b")))
    palettes = np.zeros((2, 4, 4), dtype=np.float32)
    palettes[1, 0] = [80.0, 5.0, 60.0, 1.0]
    features = Features(("b", "a"), np.eye(2, dtype=np.float32), "lite0", palettes=palettes)
    inputs = item_inputs(catalogue, features, FeatureConfig(text_buckets=64))
    assert inputs.features.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert inputs.categories.tolist() == [CATEGORIES.index("hats"), CATEGORIES.index("unknown")]
    np.testing.assert_allclose(inputs.colours[0, :4], [0.8, 0.05, 0.6, 1.0])
    assert not inputs.colours[1].any()
    assert float(inputs.text[0].norm()) == pytest.approx(1)
    assert not inputs.text[1].any()


def test_without_palettes_no_colour_is_known() -> None:
    inputs = item_inputs(
        Catalogue("one", (Item("a"),)), Features(("a",), np.ones((1, 3), np.float32), "x"), FeatureConfig()
    )
    assert not inputs.colours.any()


def test_sets_of_one_size_come_together_and_none_is_lost() -> None:
    sets = [(0, 1), (2,), (3, 4), (5, 6), (7, 8, 9)]
    found = dict[int, list[int]]()
    for numbers, members in by_length(sets, largest=2):
        assert len(numbers) <= 2
        assert members.dtype == torch.int64
        found.update(zip(numbers, members.tolist(), strict=True))
    assert {number: tuple(members) for number, members in found.items()} == dict(enumerate(sets))
