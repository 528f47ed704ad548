import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hr_common.errors import InputError
from openlt.data.samplers import ClassAwareSampler, ProgressiveSampler, Sampler, ShuffleSampler, SquareRootSampler

counts_of_classes = st.lists(st.integers(1, 12), min_size=2, max_size=9)


def labels_of(counts: list[int], seed: int = 0) -> np.ndarray:
    labels = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(seed).permutation(labels)


def all_samplers(labels: np.ndarray, seed: int = 0) -> list[Sampler]:
    return [
        ShuffleSampler(labels, seed),
        ClassAwareSampler(labels, 4, seed),
        SquareRootSampler(labels, seed),
        ProgressiveSampler(labels, 10, seed),
    ]


@given(counts_of_classes, st.integers(0, 20))
def test_blocks_have_one_label_and_rounds_have_every_class_once(counts: list[int], seed: int) -> None:
    labels, classes = labels_of(counts), len(counts)
    stream = ClassAwareSampler(labels, 4, seed).indices(3, 4 * classes * 5)
    blocks = labels[stream].reshape(5, classes, 4)
    assert (blocks == blocks[..., :1]).all()
    assert (np.sort(blocks[..., 0], axis=1) == np.arange(classes)).all()


@given(counts_of_classes, st.integers(1, 200), st.integers(0, 20))
def test_within_a_class_every_picture_comes_as_often_give_or_take_one(counts: list[int], count: int, seed: int) -> None:
    labels = labels_of(counts)
    # Whole blocks only: a stream that is cut within a block is cut within a class.
    shown = np.bincount(ClassAwareSampler(labels, 4, seed).indices(0, 4 * count), minlength=len(labels))
    for label in range(len(counts)):
        mine = shown[labels == label]
        assert mine.max() - mine.min() <= 1


@given(counts_of_classes, st.integers(1, 100), st.integers(1, 4), st.integers(0, 20))
def test_shares_are_whole_blocks_of_equal_number_that_make_up_the_stream(
    counts: list[int], count: int, world: int, seed: int
) -> None:
    for sampler in all_samplers(labels_of(counts), seed):
        stream = sampler.indices(1, count)
        shares = [sampler.share(1, count, rank, world) for rank in range(world)]
        assert len({len(share) for share in shares}) == 1
        together = np.stack([share.reshape(-1, sampler.block) for share in shares], axis=1).reshape(-1)
        assert (together == stream[: len(together)]).all()
        assert len(stream) - len(together) < world * sampler.block


def test_a_stream_depends_on_seed_and_epoch_alone_and_a_longer_one_begins_alike_for_shuffling() -> None:
    labels = labels_of([7, 3, 1])
    for sampler, twin, other in zip(all_samplers(labels), all_samplers(labels), all_samplers(labels, 1), strict=True):
        first = sampler.indices(2, 40)
        assert (first == twin.indices(2, 40)).all()
        assert (first != sampler.indices(3, 40)).any()
        assert (first != other.indices(2, 40)).any()
        assert len(first) == 40


def test_shuffling_shows_every_picture_once_before_any_twice() -> None:
    stream = ShuffleSampler(labels_of([5, 5]), 0).indices(0, 25)
    assert sorted(stream[:10]) == sorted(stream[10:20]) == list(range(10))


def test_shares_of_the_classes_are_those_of_the_formulas() -> None:
    labels = labels_of([90, 9, 1])
    np.testing.assert_allclose(
        SquareRootSampler(labels).class_share(0), np.sqrt([90, 9, 1]) / np.sqrt([90, 9, 1]).sum()
    )
    progressive = ProgressiveSampler(labels, epochs=11)
    np.testing.assert_allclose(progressive.class_share(0), [0.9, 0.09, 0.01])
    np.testing.assert_allclose(progressive.class_share(5), (np.array([0.9, 0.09, 0.01]) + 1 / 3) / 2)
    np.testing.assert_allclose(progressive.class_share(10), [1 / 3] * 3)


def test_drawn_classes_follow_their_shares() -> None:
    labels = labels_of([90, 9, 1])
    drawn = np.bincount(labels[SquareRootSampler(labels).indices(0, 20_000)]) / 20_000
    # Four standard deviations of a share near one half.
    np.testing.assert_allclose(drawn, SquareRootSampler(labels).class_share(0), atol=4 * 0.5 / np.sqrt(20_000))


def test_many_classes_need_memory_for_their_pictures_not_for_classes_times_the_largest() -> None:
    labels = np.repeat(np.arange(4_000), np.r_[5_000, np.full(3_999, 5)])
    sampler = ClassAwareSampler(labels, 4, 0)
    tracemalloc.start()
    sampler.indices(0, len(labels))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * 8 * len(labels)  # the whole cycle would be twenty million indices


def test_gaps_and_wrong_settings_are_refused() -> None:
    with pytest.raises(InputError, match="labels have gaps: no picture of class 1"):
        ShuffleSampler(np.array([0, 2]))
    with pytest.raises(InputError, match="labels from 0 on"):
        ShuffleSampler(np.array([-1, 0]))
    with pytest.raises(InputError, match="per_class=0"):
        ClassAwareSampler(np.array([0, 1]), 0)
    with pytest.raises(InputError, match="epochs=0"):
        ProgressiveSampler(np.array([0, 1]), 0)
