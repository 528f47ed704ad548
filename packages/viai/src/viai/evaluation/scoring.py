"""What a filling scores: figures of its spectrogram and of its sound, each with its region in its name."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from viai.evaluation.cases import Case
from viai.joins import click_score, join, match_level
from viai.metrics import (
    around,
    l1_gap,
    log_spectral_distance,
    match_onsets,
    psnr_full,
    psnr_gap,
    sdr_bss,
    si_sdr,
    snr_gap,
    ssim_full,
    ssim_gap,
)
from viai.phase import fill_by_phase
from viai.spectrogram import MelSpectrogram

NOTHING = float("nan")
"""Stands for a figure that a gap does not have; means leave it out."""


@dataclass(frozen=True)
class Metric:
    """How a figure is shown."""

    title: str
    """With unit, and with its region unless that is the gap."""
    digits: int
    higher_is_better: bool = True


METRICS: Mapping[str, Metric] = {
    "psnr_gap": Metric("PSNR dB", 2),
    "ssim_gap": Metric("SSIM", 3),
    "l1_gap": Metric("L1", 4, higher_is_better=False),
    "onset_f1_gap": Metric("onset F1", 3),
    "false_onsets_gap": Metric("false onsets a gap without any", 2, higher_is_better=False),
    "snr_gap": Metric("SNR dB", 2),
    "si_sdr_gap": Metric("SI-SDR dB", 2),
    "sdr_bss_around": Metric("SDR (BSS Eval v3, gap ± 0.2 s) dB", 2),
    "lsd_gap": Metric("log-spectral distance dB", 2, higher_is_better=False),
    "click": Metric("click at the joints", 2, higher_is_better=False),
    "psnr_full": Metric("PSNR of the whole window dB", 2),
    "ssim_full": Metric("SSIM of the whole window", 3),
}
"""Every figure of a gap. Those of the whole window are for comparison with other papers; they rank nothing."""
SPECTROGRAM = ("psnr_gap", "ssim_gap", "l1_gap", "onset_f1_gap", "false_onsets_gap")
SOUND = ("snr_gap", "si_sdr_gap", "sdr_bss_around", "lsd_gap", "click")


@dataclass(frozen=True)
class Score:
    """The figures of one method on one gap; NaN where the gap does not have the figure."""

    clip: str
    label: str
    source: str
    gap_start_seconds: float
    """From the begin of the window."""
    gap_seconds: float
    method: str
    psnr_gap: float
    ssim_gap: float
    l1_gap: float
    onset_f1_gap: float
    """NaN where the target has no onset."""
    false_onsets_gap: float
    """Onsets painted where the target has none; NaN where it has some."""
    snr_gap: float
    si_sdr_gap: float
    sdr_bss_around: float
    lsd_gap: float
    click: float
    """The worse of both joints."""
    psnr_full: float
    ssim_full: float


def vocode(
    case: Case, painted: Float[np.ndarray, "band frame"], front: MelSpectrogram, *, seed: int
) -> Float[np.ndarray, "missing"]:
    """Turn a painting into the samples of the gap as the tool does: phase path, level of the edges, joints."""
    known, (start, stop) = case.scene.samples.astype(np.float64), case.scene.gap
    if painted[:, case.scene.unknown].any():
        filters = front.filters.cpu().numpy()
        filling = fill_by_phase(known, start, stop, painted.astype(np.float64), filters, seed=seed)
    else:
        filling = np.zeros(stop - start)  # level 0 is silence, which has no phases to look for
    rate = front.config.sample_rate
    return join(known, start, stop, match_level(filling, known[:start], known[stop:], rate), rate)


def analyse_again(
    case: Case, filling: Float[np.ndarray, "missing"], front: MelSpectrogram
) -> Float[np.ndarray, "band frame"]:
    """Put a filling into its gap and return the levels of the whole window."""
    repaired = case.scene.samples.copy()
    repaired[slice(*case.scene.gap)] = filling
    levels: torch.Tensor = front(torch.from_numpy(repaired).unsqueeze(0).to(front.window.device))
    return levels[0].cpu().numpy()


def score(
    case: Case,
    method: str,
    painted: Float[np.ndarray, "band frame"],
    filling: Float[np.ndarray, "missing"] | None,
    front: MelSpectrogram,
) -> Score:
    """Score a filling.

    Args:
        case: The gap and its answer.
        method: Who filled it.
        painted: Levels of the whole window with the painting in it, or of the repaired sound.
        filling: The samples of the gap; without them the figures of sound are NaN.
        front: The spectrogram.
    """
    config, (start, stop) = front.config, case.scene.gap
    unknown, target = case.scene.unknown, case.target
    onsets = match_onsets(painted, target, unknown)
    heard = dict.fromkeys(SOUND, NOTHING)
    if filling is not None:
        repaired = case.scene.samples.astype(np.float64)
        repaired[start:stop] = filling
        region = around(case.scene.gap, len(repaired), config.sample_rate)
        again = analyse_again(case, filling, front)
        heard = {
            "snr_gap": snr_gap(repaired[start:stop], case.intact[start:stop]),
            "si_sdr_gap": si_sdr(repaired[start:stop], case.intact[start:stop]),
            "sdr_bss_around": sdr_bss(repaired[region], case.intact[region]),
            "lsd_gap": log_spectral_distance(again, target, unknown, range_db=config.range_db),
            "click": max(click_score(repaired, edge, config.sample_rate) for edge in (start, stop)),
        }
    return Score(
        clip=case.clip,
        label=case.label,
        source=case.source,
        gap_start_seconds=start / config.sample_rate,
        gap_seconds=(stop - start) / config.sample_rate,
        method=method,
        psnr_gap=psnr_gap(painted, target, unknown),
        ssim_gap=ssim_gap(painted, target, unknown),
        l1_gap=l1_gap(painted, target, unknown),
        onset_f1_gap=onsets.f1,
        false_onsets_gap=NOTHING if onsets.expected else float(onsets.predicted),
        psnr_full=psnr_full(painted, target),
        ssim_full=ssim_full(painted, target),
        **heard,
    )
