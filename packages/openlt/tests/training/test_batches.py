from dataclasses import replace

import numpy as np
import pytest
import torch

from hr_common.errors import InputError
from openlt.config import StageConfig, load_config
from openlt.data import LongTailData
from openlt.data.samplers import ClassAwareSampler, ProgressiveSampler, ShuffleSampler, SquareRootSampler
from openlt.networks.feature_network import FeatureNetwork
from openlt.training.batches import TrainingBatches, build_sampler, in_order, plain_pictures, training_pictures
from openlt.training.centroids import all_features, class_centroids
from openlt.training.stage import learning_rate_factor

TINY = load_config("tiny")


def batches(data: LongTailData, batch: int = 32, rank: int = 0, world_size: int = 1) -> TrainingBatches:
    sampler = ClassAwareSampler(data.splits["train"].labels, 4, seed=3)
    return TrainingBatches(
        training_pictures(data, TINY, seed=3), sampler, batch=batch, rank=rank, world_size=world_size
    )


def test_an_epoch_has_as_many_steps_as_whole_batches_of_pictures(digits: LongTailData) -> None:
    assert batches(digits).steps == 309 // 32


def test_the_processes_share_every_batch_in_whole_rows_of_a_class(digits: LongTailData) -> None:
    whole = batches(digits).keys(epoch=1)
    parts = [batches(digits, rank=rank, world_size=2).keys(epoch=1) for rank in range(2)]
    for step, keys in enumerate(whole):
        assert parts[0][step] + parts[1][step] == keys
    labels = digits.splits["train"].labels[[index for _, index in parts[1][0]]]
    assert all(len(set(row)) == 1 for row in labels.reshape(-1, 4).tolist())


def test_going_on_in_the_middle_of_an_epoch_gives_the_same_batches(digits: LongTailData) -> None:
    whole = [batch.images for batch in batches(digits).epoch(2)]
    rest = [batch.images for batch in batches(digits).epoch(2, start=7)]
    assert len(rest) == len(whole) - 7
    for one, other in zip(rest, whole[7:], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_picture_that_comes_twice_is_seen_differently(digits: LongTailData) -> None:
    keys = [key for step in batches(digits).keys(0) for key in step]
    # The smallest class has five pictures for far more places.
    assert len({index for _, index in keys}) < len(keys)
    assert len(set(keys)) == len(keys)


def test_reading_draws_nothing_from_the_global_generator(digits: LongTailData) -> None:
    before = torch.get_rng_state()
    next(batches(digits).epoch(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_split_is_shared_without_overlap_or_repetition(digits: LongTailData) -> None:
    pictures = plain_pictures(digits.splits["val"], TINY)
    shares = [
        [int(index) for batch in in_order(pictures, batch=5, rank=rank, world_size=3) for index in batch.indices]
        for rank in range(3)
    ]
    assert sorted(index for share in shares for index in share) == list(range(len(pictures)))


def test_a_batch_that_cannot_be_dealt_is_refused(digits: LongTailData) -> None:
    with pytest.raises(InputError, match=r"training.batch=30 cannot be dealt to 2 processes in rows of 4"):
        batches(digits, batch=30, world_size=2)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("shuffle", ShuffleSampler),
        ("class-aware", ClassAwareSampler),
        ("square-root", SquareRootSampler),
        ("progressive", ProgressiveSampler),
    ],
)
def test_every_sampler_is_found_by_name(name: str, kind: type) -> None:
    stage = StageConfig(sampler=name)  # type: ignore[arg-type]
    assert type(build_sampler(stage, np.array([0, 0, 1], dtype=np.int64), seed=0)) is kind


def test_centroids_are_the_mean_features_of_plain_pictures(digits: LongTailData) -> None:
    network = FeatureNetwork(TINY.network, 16, attention=False, projection=True)
    device, split = torch.device("cpu"), digits.splits["train"]
    made = class_centroids(network, split, digits.num_classes + 1, TINY, device=device)
    features, labels = all_features(network, split, TINY, device=device)
    assert labels.tolist() == split.labels.tolist()
    for label in range(digits.num_classes):
        torch.testing.assert_close(made[label], features[labels == label].mean(dim=0), rtol=1e-4, atol=1e-6)
    assert bool((made[-1] == 0).all())
    assert network.training


def test_the_steps_of_the_schedule_are_those_of_the_recipe() -> None:
    stage = StageConfig(epochs=30, step_epochs=10, gamma=0.1)
    factors = [learning_rate_factor(stage, epoch) for epoch in (0, 9, 10, 19, 20, 29)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_the_cosine_falls_from_one_towards_zero() -> None:
    stage = replace(StageConfig(epochs=4), schedule="cosine")
    assert [learning_rate_factor(stage, epoch) for epoch in (0, 2)] == pytest.approx([1, 0.5])
