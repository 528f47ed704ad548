import json
from pathlib import Path

import numpy as np
import pytest

from hr_common import image
from hr_common.errors import InputError
from viai.plots import plot_repair, plot_training, spectrogram_db

RATE = 16_000


def tone() -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(RATE) / RATE)


def test_the_loudest_spot_of_a_tone_is_zero_decibels_at_its_frequency() -> None:
    level = spectrogram_db(tone(), RATE)
    assert level.max() == 0
    assert level.min() == -80
    # Windows of 640 samples: bins of 25 Hz.
    assert level.shape[0] == 321
    assert level[:, level.shape[1] // 2].argmax() == 40


def test_a_click_stands_where_it_sounds() -> None:
    # 80 samples a frame.
    level = spectrogram_db(np.eye(1, RATE, 4_000)[0], RATE)
    assert level.shape[1] == 200
    assert level.sum(axis=0).argmax() == 50


def test_silence_is_dark() -> None:
    assert (spectrogram_db(np.zeros(RATE), RATE) == -80).all()


@pytest.mark.parametrize("known", [True, False])
def test_a_repair_is_drawn_with_a_row_for_each_sound(known: bool, tmp_path: Path) -> None:
    before = tone()
    before[6_000:10_000] = 0
    path = tmp_path / "repair.png"
    reference = tone() if known else None
    plot_repair(
        path, before, tone(), RATE, start_seconds=3.0, gaps=[(3.375, 3.625)], reference=reference, title="a tone"
    )
    picture = image.read(path)
    # 10 inches at 110 dots, and 2.6 inches a row.
    assert picture.shape[1] == 1_100
    assert picture.shape[0] == pytest.approx(110 * (1 + 2.6 * (3 if known else 2)), abs=1)
    assert picture.std() > 20


def write_log(path: Path) -> None:
    lines = [{"step": step, "loss": 1 / step, "seconds_per_step": 0.1} for step in range(1, 20)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + "\n")


def test_a_training_log_is_drawn(tmp_path: Path) -> None:
    log, path = tmp_path / "run.log.jsonl", tmp_path / "curve.png"
    write_log(log)
    plot_training(log, path)
    picture = image.read(path)
    assert picture.shape == (242, 990, 3)
    assert picture.std() > 5


@pytest.mark.parametrize(
    ("content", "message"),
    [("\n", "holds no steps yet"), ('{"step": 1}\nstep 2\n', "is no training log"), (None, "cannot read .*log")],
    ids=["no steps", "no log", "missing"],
)
def test_a_log_without_curves_is_refused(content: str | None, message: str, tmp_path: Path) -> None:
    log = tmp_path / "run.log.jsonl"
    if content is not None:
        log.write_text(content)
    with pytest.raises(InputError, match=message):
        plot_training(log, tmp_path / "curve.png")
    assert not (tmp_path / "curve.png").exists()
