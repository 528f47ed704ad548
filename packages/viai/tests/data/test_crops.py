from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hr_common.errors import InputError
from viai.config import TINY, ViaiConfig
from viai.data.crops import SoundCrops
from viai.data.windows import open_clips


def with_training(**values: int) -> ViaiConfig:
    return replace(TINY, training=replace(TINY.training, **values))


def test_a_crop_lies_in_the_middle_of_its_surroundings(clips_folder: Path) -> None:
    batch = SoundCrops(clips_folder, "train", TINY, seed=0)(0)
    assert batch.samples.shape == (2, 1_600)
    # Eight hops on either side.
    assert batch.lead == 2_560
    assert batch.surroundings.shape == (2, 1_600 + 2 * 2_560)
    assert torch.equal(batch.samples, batch.surroundings[:, 2_560 : 2_560 + 1_600])


def test_a_step_depends_on_nothing_but_its_number_and_the_seed(clips_folder: Path) -> None:
    first, again, other = (SoundCrops(clips_folder, "train", TINY, seed=seed) for seed in (1, 1, 2))
    first(0)
    assert torch.equal(first(5).samples, again(5).samples)
    assert not torch.equal(again(5).samples, again(6).samples)
    assert not torch.equal(again(5).samples, other(5).samples)


def test_processes_share_the_crops_of_a_step(clips_folder: Path) -> None:
    config = with_training(wavenet_batch=4)
    whole = SoundCrops(clips_folder, "train", config, seed=0)(3).surroundings
    shares = [SoundCrops(clips_folder, "train", config, seed=0, rank=rank, world_size=2)(3) for rank in (0, 1)]
    for rank, share in enumerate(shares):
        assert torch.equal(share.surroundings, whole[rank::2])


def test_a_crop_is_a_piece_of_a_clip_at_full_level_or_up_to_ten_decibels_softer(clips_folder: Path) -> None:
    clips = [clip.sound(0, clip.frames * 1_280) for clip in open_clips(clips_folder, "train", TINY, picture=False)]
    full = [samples * (0.999 / np.abs(samples).max()) for samples in clips]
    windows = [np.lib.stride_tricks.sliding_window_view(samples, 64) for samples in full]
    for crop in SoundCrops(clips_folder, "train", with_training(wavenet_batch=6), seed=0)(0).surroundings.numpy():
        # Where the direction of 64 samples is the same as in the crop, the crop was taken.
        best, place, clip = max(
            (float(cosine.max()), int(cosine.argmax()), index)
            for index, view in enumerate(windows)
            for cosine in [view @ crop[:64] / np.linalg.norm(view, axis=1) / np.linalg.norm(crop[:64])]
        )
        assert best == pytest.approx(1, abs=1e-5)
        gain = float(np.linalg.norm(crop) / np.linalg.norm(full[clip][place : place + len(crop)]))
        np.testing.assert_allclose(crop, gain * full[clip][place : place + len(crop)], atol=1e-6)
        assert 10 ** (-10 / 20) - 1e-6 <= gain <= 1 + 1e-6


def test_a_clip_too_short_for_a_crop_is_refused_at_once(clips_folder: Path) -> None:
    # 60 pictures of 1,280 samples.
    with pytest.raises(
        InputError, match=r"has 76800 samples; .* needs 76801; make training.wavenet_crop=71681 smaller"
    ):
        SoundCrops(clips_folder, "train", with_training(wavenet_crop=71_681), seed=0)
    longest = SoundCrops(clips_folder, "train", with_training(wavenet_crop=71_680), seed=0)
    assert longest(0).samples.shape == (2, 71_680)


def test_a_batch_that_cannot_be_shared_is_refused(clips_folder: Path) -> None:
    with pytest.raises(InputError, match=r"wavenet_batch=2 cannot be shared by 3 processes; choose a multiple"):
        SoundCrops(clips_folder, "train", TINY, seed=0, world_size=3)
