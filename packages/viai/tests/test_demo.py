import json
from pathlib import Path

import numpy as np
import pytest

from hr_common import audio
from viai.demo import GAP_SECONDS, DemoResult, run_demo


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    return run_demo(tmp_path_factory.mktemp("demo"), device="cpu")


def test_the_demo_looks_at_the_picture_and_leaves_everything_it_names(result: DemoResult) -> None:
    assert result.method == "viai-av"
    for path in (result.original, result.damaged, result.repaired, result.repaired_video, result.picture, result.page):
        assert path.stat().st_size > 1_000
    gap = json.loads(result.report.read_text())["gaps"][0]
    assert gap["method"] == "viai-av"
    assert gap["reference"]["psnr_gap"] == pytest.approx(result.psnr_gap, abs=0.5)
    assert result.page.read_text(encoding="utf-8").count("<audio") == 3


def test_the_demo_changes_nothing_outside_its_gap(result: DemoResult) -> None:
    damaged, rate = audio.read(result.damaged)
    repaired, _ = audio.read(result.repaired)
    start, stop = (round(edge * rate) for edge in GAP_SECONDS)
    np.testing.assert_array_equal(np.delete(repaired, np.s_[start:stop], 0), np.delete(damaged, np.s_[start:stop], 0))
    assert not damaged[start:stop].any()
    assert np.abs(repaired[start:stop]).max() > 0.01


def test_the_demo_says_where_its_files_are(result: DemoResult) -> None:
    text = "\n".join(result.lines())
    for path in (result.damaged, result.repaired, result.picture):
        assert str(Path(path)) in text
