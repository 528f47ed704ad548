"""Every method on the same fixed gaps of held-out clips."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from tqdm import tqdm

from hr_common import device as devices
from hr_common.errors import InputError
from viai.baselines.interface import SpectrogramMethod
from viai.data.clips import Split
from viai.data.gap_lists import kept_gaps
from viai.data.windows import EvaluationDataset
from viai.evaluation.cases import Case, read_cases
from viai.evaluation.listening import RATED, TRIALS, Trial, excerpt, require_new_folder, write_listening_test
from viai.evaluation.methods import LineUp, Method, line_up
from viai.evaluation.painters import Oracle
from viai.evaluation.results import Evaluation
from viai.evaluation.scoring import Score, analyse_again, score, vocode
from viai.evaluation.windows import WINDOWS, draw_windows, measure_retrieval
from viai.metrics import Retrieval, frechet_distance
from viai.spectrogram import MelSpectrogram

logger = logging.getLogger(__name__)

BATCH = 64
"""Windows that are given to a method at once: the recurrent ones take as long for one as for all of them."""


def evaluate(
    data: Path,
    split: str,
    gap_list: Path,
    *,
    per_clip: int = 4,
    lengths_seconds: Sequence[float] | None = None,
    weights: Path | None = None,
    baselines: Path | None = None,
    methods: Sequence[str] | None = None,
    sounds: bool = True,
    listening_test: Path | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Evaluation:
    """Score all methods, and the oracle, on a fixed list of gaps.

    Spectrogram methods are scored by what they painted, and by the sound that the phase path makes of it. Methods that
    play sound are scored by that sound as it is, written into the gap, and by its spectrogram.

    Args:
        data: Prepared clips.
        split: ``val`` or ``test``.
        gap_list: Fixed gaps as JSON; drawn once and kept there if the file is missing.
        per_clip: Gaps a clip of a new list; of every length if lengths are given.
        lengths_seconds: Lengths of the gaps of a new list. Default: between the shortest and longest of training.
        weights: Folder with ``viai-a`` and ``viai-av``; the shipped ones by default.
        baselines: Folder with the weights of the recurrent baselines; without it they are left out.
        methods: Rows of the table, see :data:`viai.evaluation.methods.METHODS`; all by default.
        sounds: Turn paintings into sound too, which takes most of the time.
        listening_test: New folder for a blind listening test on some of the gaps.
        seed: Settles the draws of the methods and of the windows for retrieval; not the gaps, which are in the list.
        device: Where to compute.

    Raises:
        InputError: If data, list and weights do not fit together, or all gaps are silent.
    """
    if split not in ("val", "test"):
        raise InputError(f"split '{split}' cannot be evaluated on; choose val or test")
    held_out = cast(Split, split)
    if listening_test is not None:
        require_new_folder(listening_test)
        if not sounds:
            raise InputError("a listening test needs sound; leave out --no-sound or --listening-test")
    where = devices.resolve(device)
    lined = line_up(methods, weights=weights, baselines=baselines, device=where)
    config = lined.config
    gaps = kept_gaps(gap_list, data, held_out, per_clip, config=config, lengths_seconds=lengths_seconds)
    if not gaps:
        raise InputError(f"{gap_list} holds no gaps; delete it to draw new ones")
    items = EvaluationDataset(data, held_out, gaps, config, picture=lined.need_picture)
    front = MelSpectrogram(config.spectrogram).to(where)

    logger.info(
        "%d gaps, %d methods: %s", len(items), len(lined.methods), ", ".join(method.name for method in lined.methods)
    )
    scores: list[Score] = []
    columns: dict[str, list[np.ndarray]] = {method.name: [] for method in lined.methods}
    true_columns: list[np.ndarray] = []
    silent = 0
    trials: list[Trial] = []
    chosen = set(np.linspace(0, len(items) - 1, min(TRIALS, len(items))).round().astype(int).tolist())
    progress = tqdm(total=len(items) * len(lined.methods), desc="evaluate", unit="gap", disable=None)
    for first in range(0, len(items), BATCH):
        cases = read_cases(items, range(first, min(first + BATCH, len(items))), front)
        audible = [case for case in cases if not case.is_silent]
        silent += len(cases) - len(audible)
        if not audible:
            continue
        filled = []
        for method in lined.methods:
            filled.append(fill(method, audible, front, sounds=sounds, seed=seed))
            progress.update(len(cases))
        for number, case in enumerate(audible):
            if listening_test is not None and first + cases.index(case) in chosen:
                filled_by = zip(lined.methods, filled, strict=True)
                trials.append(_trial(case, {method.name: found[number][1] for method, found in filled_by}, front))
            true_columns.append(case.target[:, case.scene.unknown].T)
            for method, fillings in zip(lined.methods, filled, strict=True):
                painted, filling = fillings[number]
                columns[method.name].append(painted[:, case.scene.unknown].T)
                scores.append(score(case, method.name, painted, filling, front))
    progress.close()
    if not scores:
        raise InputError(f"the targets of all {silent} gaps of {gap_list} are silent; draw others with another --gaps")
    if listening_test is not None:
        write_listening_test(listening_test, trials, config.spectrogram.sample_rate, seed=seed)
    truth = np.concatenate(true_columns)
    return Evaluation(
        scores=tuple(scores),
        methods=tuple(method.name for method in lined.methods),
        silent=silent,
        frechet_mel_gap={name: frechet_distance(np.concatenate(found), truth) for name, found in columns.items()},
        retrieval=_retrieval(data, held_out, items, lined, front, seed=seed),
        missing=lined.missing,
    )


def fill(
    method: Method, cases: Sequence[Case], front: MelSpectrogram, *, sounds: bool, seed: int
) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Let a method fill gaps.

    Args:
        method: Knows the scenes only, unless it is the oracle.
        cases: The gaps.
        front: The spectrogram.
        sounds: Turn paintings into sound too.
        seed: Settles the draws.

    Returns:
        For each gap the levels of the whole window, and the samples of the gap where there are any.
    """
    scenes = [case.scene for case in cases]
    if isinstance(method, Oracle):
        paintings = method.paint(scenes, [case.target for case in cases])
    elif isinstance(method, SpectrogramMethod):
        paintings = method.paint(scenes)
    else:
        played = method.play(scenes, seed=seed)
        return [(analyse_again(case, sound, front), sound) for case, sound in zip(cases, played, strict=True)]
    return [
        (painted, vocode(case, painted, front, seed=seed) if sounds else None)
        for case, painted in zip(cases, paintings, strict=True)
    ]


def _trial(case: Case, fillings: Mapping[str, np.ndarray | None], front: MelSpectrogram) -> Trial:
    rate, (start, stop) = front.config.sample_rate, case.scene.gap
    part = excerpt(case.scene.gap, len(case.intact), rate)
    filled = {}
    for name in RATED:
        filling = fillings.get(name)
        if filling is not None:
            repaired = case.scene.samples.astype(np.float64)
            repaired[start:stop] = filling
            filled[name] = repaired[part]
    seconds = ((start - part.start) / rate, (stop - part.start) / rate)
    return Trial(case.clip, seconds, case.intact[part].astype(np.float64), filled)


def _retrieval(
    data: Path, split: Split, items: EvaluationDataset, lined: LineUp, front: MelSpectrogram, *, seed: int
) -> Retrieval | None:
    if lined.audiovisual is None:
        return None
    clips = [(clip.name, clip.frames) for clip in items.clips]
    windows = draw_windows(clips, WINDOWS, lined.config, seed=seed)
    chosen = EvaluationDataset(data, split, windows, lined.config, picture=True)
    return measure_retrieval(lined.audiovisual, chosen, front, front.window.device)
