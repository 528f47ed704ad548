import math
from pathlib import Path

import numpy as np
import pytest

from viai.config import TINY
from viai.data.gap_lists import EvaluationItem
from viai.data.windows import EvaluationDataset
from viai.evaluation.cases import Case, read_cases
from viai.evaluation.scoring import METRICS, SOUND, analyse_again, score, vocode
from viai.metrics import sdr_bss, snr_gap
from viai.spectrogram import MelSpectrogram

FRONT = MelSpectrogram()


@pytest.fixture
def case(clips_folder: Path) -> Case:
    items = [EvaluationItem("bell/six_000", 0, 25_600, 32_000)]
    return read_cases(EvaluationDataset(clips_folder, "test", items, TINY, picture=False), [0], FRONT)[0]


def test_the_answer_itself_has_the_best_figures(case: Case) -> None:
    inside = case.intact[slice(*case.scene.gap)]
    again = analyse_again(case, inside, FRONT)
    np.testing.assert_array_equal(again, case.target)
    best = score(case, "answer", again, inside, FRONT)
    assert (best.psnr_gap, best.ssim_gap, best.l1_gap, best.lsd_gap) == pytest.approx((120, 1, 0, 0))
    assert best.snr_gap > 100
    assert best.sdr_bss_around > 60
    assert best.click < 3
    assert (best.gap_start_seconds, best.gap_seconds) == (1.6, 0.4)


def test_a_painting_is_worth_its_sound(case: Case) -> None:
    sound = vocode(case, case.target, FRONT, seed=0)
    assert sound.shape == (6_400,)
    good = score(case, "good", case.target, sound, FRONT)
    flat = np.where(case.scene.unknown, 0.5, case.target).astype(np.float32)
    bad = score(case, "bad", flat, vocode(case, flat, FRONT, seed=0), FRONT)
    assert good.lsd_gap < 3 < bad.lsd_gap
    assert good.snr_gap > bad.snr_gap


def test_a_painting_of_silence_is_silent_but_for_its_joints(case: Case) -> None:
    silent = np.where(case.scene.unknown, 0, case.scene.mel).astype(np.float32)
    sound = vocode(case, silent, FRONT, seed=0)
    # 8 ms at either end belong to the crossfade.
    assert not sound[128:-128].any()
    assert sound[0] != 0


def test_figures_of_sound_are_taken_over_the_regions_in_their_names(case: Case) -> None:
    rng = np.random.default_rng(0)
    start, stop = case.scene.gap
    filling = 0.1 * rng.standard_normal(stop - start)
    found = score(case, "noise", analyse_again(case, filling, FRONT), filling, FRONT)
    assert found.snr_gap == pytest.approx(snr_gap(filling, case.intact[start:stop]))
    repaired = case.intact.astype(np.float64)
    repaired[start:stop] = filling
    region = slice(start - 3_200, stop + 3_200)
    assert found.sdr_bss_around == pytest.approx(sdr_bss(repaired[region], case.intact[region]))


def test_without_sound_there_are_no_figures_of_it(case: Case) -> None:
    found = score(case, "mute", case.scene.mel, None, FRONT)
    assert all(math.isnan(getattr(found, name)) for name in SOUND)
    assert math.isfinite(found.psnr_gap)


def test_onsets_are_either_to_be_found_or_false(case: Case) -> None:
    found = score(case, "line", case.scene.mel, None, FRONT)
    assert math.isnan(found.onset_f1_gap) != math.isnan(found.false_onsets_gap)


def test_every_figure_is_shown_somehow(case: Case) -> None:
    found = score(case, "line", case.scene.mel, None, FRONT)
    assert all(hasattr(found, name) for name in METRICS)
