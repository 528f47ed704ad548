import json
from pathlib import Path

import numpy as np
import pytest

from hr_common import audio
from viai.demo import GAP_SECONDS, DemoResult, run_demo
from viai.inpainting import Inpainter


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


def test_a_picture_of_another_moment_is_used_only_on_demand(result: DemoResult) -> None:
    samples, rate = audio.read(result.damaged)
    inpainter = Inpainter.from_pretrained(device="cpu")
    late = {"video": result.repaired_video, "offset_seconds": 0.4}
    believed, *_ = inpainter.inpaint(samples, rate, [GAP_SECONDS], video=result.repaired_video).report.gaps
    doubted, *_ = inpainter.inpaint(samples, rate, [GAP_SECONDS], **late).report.gaps
    ordered, *_ = inpainter.inpaint(samples, rate, [GAP_SECONDS], method="viai-av", **late).report.gaps
    assert [gap.method for gap in (believed, doubted, ordered)] == ["viai-av", "viai-a", "viai-av"]
    assert believed.agreement is not None
    assert doubted.agreement is not None
    assert believed.agreement > 0.4 > 0.1 > doubted.agreement
    assert "does not go with the sound around the gap" in doubted.note
