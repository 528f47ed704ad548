from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hr_common.errors import InputError
from viai.config import TINY, SpectrogramConfig
from viai.data.clips import ClipMeta, write_clip, write_split
from viai.data.windows import (
    BatchLoader,
    EvaluationDataset,
    EvaluationItem,
    WindowBatch,
    WindowDataset,
    fixed_gaps,
    read_gaps,
    write_gaps,
)

CONFIG = replace(TINY, picture=replace(TINY.picture, size=16))
CLIPS, FRAMES = 7, 80


def make_clip(root: Path, source: str, audio: np.ndarray, frames: int = FRAMES) -> None:
    """Picture ``j`` is grey ``j``, and so is its flow."""
    levels = np.arange(frames, dtype=np.uint8)[:, None, None, None]
    meta = ClipMeta(
        source=source,
        label="bell",
        start=0.0,
        duration=frames * 0.08,
        sample_rate=16_000,
        frame_rate=12.5,
        frames=frames,
        size=16,
        box=(0.0, 0.0, 1.0, 1.0),
        flow="dis",
        flow_size=64,
        flow_limit=20.0,
        file_hash="0" * 64,
    )
    write_clip(
        root / f"{source}_000",
        audio=audio,
        frames=np.broadcast_to(levels, (frames, 16, 16, 3)),
        flow=np.broadcast_to(levels, (frames, 2, 16, 16)),
        meta=meta,
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips whose sound is loud noise that says which picture it belongs to by its level."""
    root = tmp_path_factory.mktemp("clips")
    sources = [f"bell/{number}" for number in range(CLIPS)]
    for number, source in enumerate(sources):
        rng = np.random.default_rng(number)
        level = (1 + np.repeat(np.arange(FRAMES), 1_280)) / 100
        make_clip(root, source, (level * rng.choice([-1, 1], FRAMES * 1_280)).astype(np.float32))
    table = {source: [f"{source}_000"] for source in sources}
    write_split(root, {"train": table})
    return root


def equal(first: WindowBatch, second: WindowBatch) -> bool:
    return all(torch.equal(getattr(first, field.name), getattr(second, field.name)) for field in fields(WindowBatch))


def test_sound_and_picture_of_a_window_belong_together(root: Path) -> None:
    dataset = WindowDataset(root, "train", CONFIG, seed=0, picture=True, augment=False)
    for index in range(CLIPS):
        window = dataset[3, index]
        assert window.samples.shape == (1, 64_000)
        assert window.frames.shape == (1, 50, 3, 16, 16)
        assert window.flow.shape == (1, 50, 2, 16, 16)
        # Level (1 + j) / 100 and grey j, up to the gain of the window.
        loudness = window.samples[0].view(50, 1_280).abs().mean(dim=1)
        numbers = window.frames[0, :, 0, 0, 0]
        assert torch.equal(numbers, window.flow[0, :, 1, 5, 5])
        torch.testing.assert_close(loudness / loudness[0], (1.0 + numbers) / (1.0 + numbers[0]))


def test_the_peak_outside_the_gap_settles_the_level(root: Path) -> None:
    plain = WindowDataset(root, "train", CONFIG, seed=1, picture=False, augment=False)
    varied = WindowDataset(root, "train", CONFIG, seed=1, picture=False)
    softest = 1.0
    for epoch in range(5):
        for index in range(CLIPS):
            peaks = []
            for dataset in (plain, varied):
                window = dataset[epoch, index]
                start, stop = window.gap[0].tolist()
                known = torch.cat([window.samples[0, :start], window.samples[0, stop:]])
                peaks.append(known.abs().max().item())
            assert peaks[0] == pytest.approx(0.999, abs=1e-6)
            assert 0.999 * 10 ** (-6 / 20) - 1e-6 <= peaks[1] <= 0.999 + 1e-6
            softest = min(softest, peaks[1])
    assert softest < 0.7


def test_gaps_lie_on_the_grid_and_within_their_bounds(root: Path) -> None:
    for picture, grid in ((False, 320), (True, 1_280)):
        dataset = WindowDataset(root, "train", CONFIG, seed=2, picture=picture)
        gaps = torch.cat([dataset[epoch, index].gap for epoch in range(40) for index in range(CLIPS)])
        lengths = gaps[:, 1] - gaps[:, 0]
        assert (gaps[:, 0] % grid == 0).all()
        assert (lengths % 320 == 0).all()
        assert [lengths.min().item(), lengths.max().item()] == [20 * 320, 50 * 320]
        assert gaps.min() >= 0
        assert gaps.max() <= 64_000
        # Everywhere in the window, at both ends too.
        assert gaps[:, 0].min() < 5_000
        assert gaps[:, 1].max() > 59_000
        assert (gaps[:, 1] % 1_280 != 0).any()


@given(st.integers(0, 63_999), st.integers(1, 30_000))
def test_unknown_frames_are_those_whose_window_touches_the_gap(start: int, length: int) -> None:
    stop = min(64_000, start + length)
    nothing = torch.empty(1, 0, 3, 2, 2, dtype=torch.uint8)
    batch = WindowBatch(
        torch.zeros(1, 64_000), nothing, nothing[:, :, :2], torch.tensor([[start, stop]]), torch.zeros(1).long()
    )
    missing = np.zeros(64_000 + 960, bool)
    missing[start:stop] = True
    expected = [missing[320 * k : 320 * k + 1_280].any() for k in range(200)]
    assert batch.unknown_frames(SpectrogramConfig())[0].tolist() == expected


def test_an_item_depends_on_seed_epoch_and_index_alone(root: Path) -> None:
    first = WindowDataset(root, "train", CONFIG, seed=5, picture=True)
    second = WindowDataset(root, "train", CONFIG, seed=5, picture=True)
    late = [second[2, index] for index in reversed(range(CLIPS))][::-1]
    assert all(equal(first[2, index], late[index]) for index in range(CLIPS))
    assert equal(first[3], first[0, 3])
    assert not equal(first[0, 3], first[1, 3])
    other = WindowDataset(root, "train", CONFIG, seed=6, picture=True)
    assert not equal(first[0, 3], other[0, 3])
    with pytest.raises(IndexError):
        first[CLIPS]


def test_workers_change_nothing(root: Path) -> None:
    dataset = WindowDataset(root, "train", CONFIG, seed=7, picture=True)
    here, there = BatchLoader(dataset, 4), BatchLoader(dataset, 4, workers=2)
    for step in (0, 1, 2, 3):
        assert equal(here(step), there(step))


def test_a_run_that_is_resumed_sees_what_it_would_have_seen(root: Path) -> None:
    dataset = WindowDataset(root, "train", CONFIG, seed=8, picture=False)
    whole, resumed = BatchLoader(dataset, 4), BatchLoader(dataset, 4)
    batches = [whole(step) for step in range(6)]
    for step in (3, 4, 5, 0):
        assert equal(resumed(step), batches[step])


def test_every_epoch_takes_every_clip_once_in_another_order(root: Path) -> None:
    loader = BatchLoader(WindowDataset(root, "train", CONFIG, seed=9, picture=False), 2)
    members = [member for step in range(CLIPS) for member in loader.members(step)]
    assert [epoch for epoch, _ in members] == [0] * CLIPS + [1] * CLIPS
    first, second = [index for _, index in members[:CLIPS]], [index for _, index in members[CLIPS:]]
    assert sorted(first) == sorted(second) == list(range(CLIPS))
    assert first != second


def test_processes_of_a_group_share_the_batch(root: Path) -> None:
    dataset = WindowDataset(root, "train", CONFIG, seed=10, picture=False)
    whole = BatchLoader(dataset, 6)
    parts = [BatchLoader(dataset, 6, rank=rank, world_size=2) for rank in range(2)]
    shared = parts[0].members(4) + parts[1].members(4)
    assert sorted(shared) == sorted(whole.members(4))
    assert len(set(shared)) == 6
    with pytest.raises(InputError, match="batch of 7 windows cannot be shared by 2 processes"):
        BatchLoader(dataset, 7, world_size=2)


def test_the_picture_of_a_window_is_varied_as_a_whole(tmp_path: Path) -> None:
    """One bright column moving to the right: x flow is 137 where it is, and 117 once it is mirrored."""
    make_clip(tmp_path, "bell/a", np.ones(FRAMES * 1_280, np.float32))
    frames = np.full((FRAMES, 16, 16, 3), 100, np.uint8)
    frames[:, 6:10, 5] = 200
    flow = np.full((FRAMES, 2, 16, 16), 127, np.uint8)
    flow[:, 0, 6:10, 5] = 137
    flow[:, 1, 6:10, 5] = 147
    np.save(tmp_path / "bell/a_000/frames.npy", frames)
    np.save(tmp_path / "bell/a_000/flow.npy", flow)
    write_split(tmp_path, {"train": {"bell/a": ["bell/a_000"]}})
    dataset = WindowDataset(tmp_path, "train", CONFIG, seed=0, picture=True)
    sides, places, greys = set(), set(), set()
    for epoch in range(40):
        window = dataset[epoch, 0]
        pictures, motion = window.frames[0].numpy(), window.flow[0].numpy()
        assert (pictures == pictures[:1]).all()
        assert (motion == motion[:1]).all()
        column = int(pictures[0, 0, 8].argmax())
        value = int(motion[0, 0, 8, column])
        assert (motion[0, 1] == 147).sum() == 4
        assert value == (137 if abs(column - 5) <= 1 else 117)
        assert abs(column - (5 if value == 137 else 10)) <= 1
        sides.add(value)
        places.add(column)
        greys.add(int(pictures[0, 0, 8, 8]))
    assert sides == {137, 117}
    assert places == {4, 5, 6, 9, 10, 11}
    assert len(greys) > 10


def test_without_picture_there_are_no_pictures_and_none_are_read(root: Path) -> None:
    window = WindowDataset(root, "train", replace(CONFIG, picture=TINY.picture), seed=0, picture=False)[0]
    assert window.frames.shape == (1, 0, 3, 32, 32)
    assert window.flow.shape == (1, 0, 2, 32, 32)


def test_clips_prepared_with_other_settings_are_refused(root: Path) -> None:
    with pytest.raises(InputError, match="has pictures of size 16, the configuration says 32"):
        WindowDataset(root, "train", TINY, seed=0, picture=True)
    other = replace(CONFIG, spectrogram=replace(CONFIG.spectrogram, sample_rate=32_000))
    with pytest.raises(InputError, match="sound at 16000, the configuration says 32000"):
        WindowDataset(root, "train", other, seed=0, picture=False)


def test_clips_shorter_than_a_window_are_refused(tmp_path: Path) -> None:
    make_clip(tmp_path, "bell/a", np.ones(49 * 1_280, np.float32), frames=49)
    write_split(tmp_path, {"train": {"bell/a": ["bell/a_000"]}})
    with pytest.raises(InputError, match=r"'bell/a_000' of .* has 49 pictures; a window needs 50"):
        WindowDataset(tmp_path, "train", CONFIG, seed=0, picture=False)


def test_a_fixed_list_of_gaps_is_the_same_every_time_and_survives_the_file(root: Path, tmp_path: Path) -> None:
    items = fixed_gaps(root, "train", 1, 3)
    assert len(items) == 3 * CLIPS
    assert items == fixed_gaps(root, "train", 1, 3)
    assert items != fixed_gaps(root, "train", 2, 3)
    write_gaps(tmp_path / "gaps.json", items)
    assert read_gaps(tmp_path / "gaps.json") == items
    assert all(item.gap_start % 1_280 == 0 and item.window_start_samples % 1_280 == 0 for item in items)
    forty = fixed_gaps(root, "train", 1, 3, gap_frames=(40, 40))
    assert {item.gap_stop - item.gap_start for item in forty} == {12_800}


def test_no_gap_of_the_list_is_silent(tmp_path: Path) -> None:
    # Sound in the first half only; the second half is 54 dB below it.
    rng = np.random.default_rng(0)
    audio = rng.choice([-1.0, 1.0], FRAMES * 1_280).astype(np.float32)
    audio[FRAMES * 640 :] *= 0.002
    make_clip(tmp_path, "bell/half", audio)
    make_clip(tmp_path, "bell/none", np.zeros(FRAMES * 1_280, np.float32))
    write_split(tmp_path, {"val": {name: [f"{name}_000"] for name in ("bell/half", "bell/none")}})
    items = fixed_gaps(tmp_path, "val", 0, 40)
    assert {item.clip for item in items} == {"bell/half_000"}
    assert len(items) == 40
    assert all(item.window_start_samples + item.gap_start < FRAMES * 640 for item in items)


def test_evaluation_windows_are_those_of_the_list(root: Path) -> None:
    item = EvaluationItem("bell/2_000", 12_800, 25_600, 38_400)
    dataset = EvaluationDataset(root, "train", [item], CONFIG, picture=True)
    window = dataset[0]
    assert len(dataset) == 1
    assert window.gap.tolist() == [[25_600, 38_400]]
    assert window.clip.tolist() == [2]
    assert dataset.clips[2].name == item.clip
    assert window.frames[0, :, 0, 0, 0].tolist() == list(range(10, 60))
    audio = torch.from_numpy(np.load(root / "bell/2_000/audio.npy"))[12_800:76_800]
    torch.testing.assert_close(window.samples[0], audio * (0.999 / audio.abs().max()))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (EvaluationItem("bell/9_000", 0, 0, 10), "'bell/9_000', which is not in split 'train'"),
        (EvaluationItem("bell/1_000", 100, 0, 10), "expected a multiple of 1280 up to 38400"),
        (EvaluationItem("bell/1_000", 39_680, 0, 10), "expected a multiple of 1280 up to 38400"),
        (EvaluationItem("bell/1_000", 0, 63_000, 64_001), "gap 63000:64001 .* outside its window of 64000"),
        (EvaluationItem("bell/1_000", 0, 10, 10), "gap 10:10"),
    ],
)
def test_gaps_that_do_not_fit_the_clips_are_refused(root: Path, item: EvaluationItem, message: str) -> None:
    with pytest.raises(InputError, match=message):
        EvaluationDataset(root, "train", [item], CONFIG, picture=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "no list of gaps"),
        ('{"gaps": [{"clip": "a", "window_start_samples": 0, "gap_start": 0}]}', "gap 1: gap_stop is None"),
        (
            '{"gaps": [{"clip": "a", "window_start_samples": -1, "gap_start": 0, "gap_stop": 1}]}',
            "window_start_samples is -1",
        ),
        ('{"gaps": [3]}', "gap 1: expected an object with clip"),
    ],
)
def test_a_malformed_list_of_gaps_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "gaps.json").write_text(text)
    with pytest.raises(InputError, match=message):
        read_gaps(tmp_path / "gaps.json")
