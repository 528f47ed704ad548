from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hr_common.errors import InputError
from openlt.data.cutting import Cut, CutConfig, cut

SMALL = CutConfig(val_per_class=2, test_per_class=3, least=2)


def collection(sizes: list[int]) -> dict[str, list[str]]:
    return {
        f"class{number:02d}": [f"c{number:02d}/{row:03d}.jpg" for row in range(size)]
        for number, size in enumerate(sizes)
    }


def everything(result: Cut) -> list[str]:
    return [path for split in result.members.values() for paths in split.values() for path in paths]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 60), min_size=8, max_size=20), st.integers(0, 30))
def test_no_picture_is_in_two_splits_and_every_class_keeps_its_minimum(sizes: list[int], seed: int) -> None:
    try:
        result = cut(collection(sizes), replace(SMALL, seed=seed))
    except InputError:
        assert sum(size >= 4 for size in sizes) < 4
        return
    names = everything(result)
    assert len(names) == len(set(names))
    assert (result.counts >= SMALL.least).all()
    for name in result.classes:
        assert result.members["val"][name]
        assert result.members["test"][name]
    assert not set(result.classes) & {*result.members["open"], *result.members["open_val"]}
    assert not set(result.members["open"]) & set(result.members["open_val"])


def test_the_same_names_and_seed_give_the_same_cut_in_any_order() -> None:
    pictures = collection([40] * 12)
    reversed_order = {name: pictures[name][::-1] for name in reversed(pictures)}
    assert everything(cut(pictures, SMALL)) == everything(cut(reversed_order, SMALL))
    assert everything(cut(pictures, SMALL)) != everything(cut(pictures, replace(SMALL, seed=1)))


def test_a_cut_of_known_names_never_changes() -> None:
    # Written down once: the lists of a published set must be made again years later.
    result = cut(collection([12] * 5), replace(SMALL, open_fraction=0.2))
    assert result.classes == ("class01", "class02", "class04")
    assert result.counts.tolist() == [7, 2, 2]
    assert result.members["val"][result.classes[0]] == ("c01/004.jpg", "c01/008.jpg")


def test_pareto_counts_follow_the_law() -> None:
    result = cut(collection([107] * 10), replace(SMALL, largest=100, open_fraction=0.0))
    share = (np.arange(10) + 0.5) / 10
    law = share ** (-1 / 6) - 1
    expected = np.maximum(np.rint(100 * law / law[0]), 2)
    assert sorted(result.counts, reverse=True) == expected.tolist()


def test_exponential_step_and_natural_counts() -> None:
    pictures = collection([105] * 5)
    options = replace(SMALL, open_fraction=0.0, order="label", imbalance=16.0)
    assert cut(pictures, replace(options, profile="exp", largest=96)).counts.tolist() == [96, 48, 24, 12, 6]
    assert cut(pictures, replace(options, profile="step", largest=96)).counts.tolist() == [96, 96, 96, 6, 6]
    assert cut(pictures, replace(options, profile="natural")).counts.tolist() == [100] * 5


def test_large_ranks_go_to_classes_that_have_the_pictures() -> None:
    sizes = [200, 15, 15, 15, 15, 15, 15, 15]
    for seed in range(5):
        result = cut(collection(sizes), replace(SMALL, profile="exp", imbalance=50.0, open_fraction=0.0, seed=seed))
        assert result.counts[0] == 195
        assert result.counts[1:].max() <= 10


def test_frequency_does_not_follow_the_order_of_the_names_unless_asked_for() -> None:
    pictures = collection([105] * 20)
    drawn = cut(pictures, replace(SMALL, open_fraction=0.0)).counts
    ordered = cut(pictures, replace(SMALL, open_fraction=0.0, order="label")).counts
    assert (np.diff(ordered) <= 0).all()
    assert abs(np.corrcoef(np.arange(20), drawn)[0, 1]) < 0.6


def test_a_small_class_gets_fewer_validation_and_test_pictures_with_a_note() -> None:
    result = cut(collection([40, 40, 5]), replace(SMALL, open_fraction=0.0))
    assert len(result.members["val"]["class02"]) == 1
    assert len(result.members["test"]["class02"]) == 2
    assert result.counts[2] == 2
    assert any("1 classes have fewer validation or test pictures" in note for note in result.notes)


@pytest.mark.parametrize(("small", "strangers"), [("open", ["class03"]), ("exclude", [])])
def test_a_class_that_is_too_small_is_held_open_or_left_out(small: str, strangers: list[str]) -> None:
    config = replace(SMALL, open_fraction=0.0, small="open" if small == "open" else "exclude")
    result = cut(collection([40, 40, 40, 3]), config)
    assert result.classes == ("class00", "class01", "class02")
    assert list(result.members["open"]) == strangers
    assert any("too few pictures" in note for note in result.notes)


def test_named_classes_are_held_open_and_half_as_many_others_calibrate() -> None:
    result = cut(collection([40] * 10), replace(SMALL, open_classes=("class03", "class07", "class09")))
    assert list(result.members["open"]) == ["class03", "class07", "class09"]
    assert len(result.members["open_val"]) == 2
    assert len(result.classes) == 5


def test_a_separate_test_collection_leaves_the_others_for_training() -> None:
    tests = {name: [f"test/{path}" for path in paths[:4]] for name, paths in collection([9] * 4).items()}
    result = cut(collection([12] * 4), replace(SMALL, open_fraction=0.0, profile="natural"), tests)
    assert result.counts.tolist() == [10] * 4
    assert all(path.startswith("test/") for paths in result.members["test"].values() for path in paths)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alpha": 0.0}, "alpha=0 has to be above 0"),
        ({"imbalance": 0.5}, r"imbalance=0\.5 has to be at least 1"),
        ({"largest": 1}, "max=1 is below the minimum"),
        ({"open_fraction": 1.0}, "open-fraction=1 has to lie"),
        ({"open_classes": ("owl",)}, "no classes owl to hold open; known are class00"),
    ],
)
def test_settings_out_of_range_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        cut(collection([40] * 4), replace(SMALL, **changes))  # type: ignore[arg-type]


def test_too_few_classes_are_refused() -> None:
    with pytest.raises(InputError, match="1 known classes remain of 3"):
        cut(collection([40, 2, 2]), SMALL)
