from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hr_common.errors import InputError
from viai.checkpoints import build_network
from viai.config import TINY
from viai.data.gap_lists import EvaluationItem
from viai.data.windows import EvaluationDataset
from viai.evaluation.cases import Case, read_cases
from viai.evaluation.painters import AudioPainter, AudioVisualPainter, Oracle, hear, look
from viai.networks.inpainters import AudioInpainter, AudioVisualInpainter
from viai.spectrogram import MelSpectrogram

CPU = torch.device("cpu")


@pytest.fixture
def cases(clips_folder: Path) -> list[Case]:
    """Ten gaps: more than a batch of the networks; every third longer than any in training."""
    items = [
        EvaluationItem("bell/six_000", 1_280 * number, 12_800, 12_800 + (24_000 if number % 3 == 2 else 8_000))
        for number in range(10)
    ]
    dataset = EvaluationDataset(clips_folder, "test", items, TINY, picture=True)
    return read_cases(dataset, range(10), MelSpectrogram())


def networks() -> tuple[AudioInpainter, AudioVisualInpainter]:
    audio, both = build_network("viai-a", TINY).eval(), build_network("viai-av", TINY).eval()
    assert isinstance(audio, AudioInpainter)
    assert isinstance(both, AudioVisualInpainter)
    return audio, both


def test_scenes_hold_nothing_of_the_gap(cases: list[Case]) -> None:
    for case in cases:
        start, stop = case.scene.gap
        assert not case.scene.samples[start:stop].any()
        assert case.intact[start:stop].any()
        outside = np.r_[0:start, stop : len(case.intact)]
        assert (case.scene.samples[outside] == case.intact[outside]).all()
        known = ~case.scene.unknown
        assert (case.scene.mel[:, known] == case.target[:, known]).all()


def test_known_frames_come_through_and_batches_change_nothing(cases: list[Case]) -> None:
    scenes, targets = [case.scene for case in cases], [case.target for case in cases]
    audio, both = networks()
    for painter in (AudioPainter(audio, CPU), AudioVisualPainter(both, CPU)):
        together = painter.paint(scenes)
        for scene, painted in zip(scenes, together, strict=True):
            assert (painted[:, ~scene.unknown] == scene.mel[:, ~scene.unknown]).all()
            np.testing.assert_allclose(painter.paint([scene])[0], painted, atol=1e-5)
    oracle = Oracle(both, CPU)
    alone = [oracle.paint([scene], [target])[0] for scene, target in zip(scenes, targets, strict=True)]
    np.testing.assert_allclose(np.stack(alone), np.stack(oracle.paint(scenes, targets)), atol=1e-5)


def test_the_order_of_scenes_is_kept(cases: list[Case]) -> None:
    scenes = [case.scene for case in cases]
    painter = AudioVisualPainter(networks()[1], CPU)
    turned = painter.paint(scenes[::-1])[::-1]
    np.testing.assert_allclose(np.stack(painter.paint(scenes)), np.stack(turned), atol=1e-5)


def test_a_painting_follows_its_own_picture_and_the_oracle_its_own_answer(cases: list[Case]) -> None:
    scenes, targets = [case.scene for case in cases[:3]], [case.target for case in cases[:3]]
    both = networks()[1]
    painter, oracle = AudioVisualPainter(both, CPU), Oracle(both, CPU)
    before = painter.paint(scenes)
    changed = [scenes[0], replace(scenes[1], frames=scenes[0].frames, flow=scenes[0].flow), scenes[2]]
    after = painter.paint(changed)
    same = [np.allclose(first, second, atol=1e-6) for first, second in zip(before, after, strict=True)]
    assert same == [True, False, True]
    told = oracle.paint(scenes, targets)
    other = oracle.paint(scenes, [targets[0], 1 - targets[1], targets[2]])
    same = [np.allclose(first, second, atol=1e-6) for first, second in zip(told, other, strict=True)]
    assert same == [True, False, True]


def test_codes_of_picture_and_sound_have_one_shape(cases: list[Case]) -> None:
    both = networks()[1]
    seen, _ = look(both, [case.scene for case in cases], CPU)
    heard = hear(both, [case.target for case in cases], CPU)
    assert seen.shape == heard.shape == (10, TINY.network.audio_channels[-1], 1, 13)


def test_without_a_picture_there_is_nothing_to_look_at(cases: list[Case]) -> None:
    blind = [cases[0].scene, replace(cases[1].scene, frames=None, flow=None)]
    with pytest.raises(InputError, match="viai-av needs the picture of every window"):
        AudioVisualPainter(networks()[1], CPU).paint(blind)
