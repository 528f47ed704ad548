from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hr_common import video
from hr_common.errors import InputError
from viai.data.synthetic.dataset import (
    ClipRecord,
    Manifest,
    SyntheticConfig,
    check_splits,
    make_dataset,
    plan,
    split_of,
)
from viai.data.synthetic.instruments import CLASSES, SAMPLE_RATE, Room, Sampler, find_soundfont, record
from viai.data.synthetic.scores import Note
from viai.data.synthetic.tunes import Tune, TuneNote


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def sine_font(presets: list[tuple[int, int]]) -> bytes:
    """A sound font (SoundFont 2.01) in which every preset is one second of a 440 Hz sine without an attack."""
    sine = (20_000 * np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)).astype("<i2").tobytes() + b"\0" * 92

    def name(text: str) -> bytes:
        return text.encode().ljust(20, b"\0")

    headers = [(f"p{bank}-{number}", number, bank) for bank, number in presets]
    phdr = b"".join(name(t) + struct.pack("<HHHIII", n, b, i, 0, 0, 0) for i, (t, n, b) in enumerate(headers))
    phdr += name("EOP") + struct.pack("<HHHIII", 0, 0, len(presets), 0, 0, 0)
    pbag = b"".join(struct.pack("<HH", i, 0) for i in range(len(presets) + 1))
    pgen = struct.pack("<HH", 41, 0) * len(presets) + bytes(4)
    inst = name("sine") + struct.pack("<H", 0) + name("EOI") + struct.pack("<H", 1)
    ibag = struct.pack("<HHHH", 0, 0, 2, 0)
    igen = struct.pack("<HHHH", 54, 1, 53, 0) + bytes(4)  # loop, sample 0
    shdr = name("sine") + struct.pack("<IIIIIBbHH", 0, 44_100, 441, 44_000, 44_100, 69, 0, 0, 1)
    shdr += name("EOS") + struct.pack("<IIIIIBbHH", 0, 0, 0, 0, 0, 0, 0, 0, 0)
    info = chunk(b"ifil", struct.pack("<HH", 2, 1)) + chunk(b"isng", b"EMU8000\0") + chunk(b"INAM", b"sine\0\0")
    parts = {"phdr": phdr, "pbag": pbag, "pmod": bytes(10), "pgen": pgen, "inst": inst, "ibag": ibag, "imod": bytes(10)}
    parts |= {"igen": igen, "shdr": shdr}
    pdta = b"".join(chunk(key.encode(), value) for key, value in parts.items())
    lists = (
        chunk(b"LIST", b"INFO" + info) + chunk(b"LIST", b"sdta" + chunk(b"smpl", sine)) + chunk(b"LIST", b"pdta" + pdta)
    )
    return chunk(b"RIFF", b"sfbk" + lists)


@pytest.fixture(scope="module")
def font(tmp_path_factory) -> Path:
    presets = [(i.bank, i.preset) for each in CLASSES.values() for i in each.instruments]
    path = tmp_path_factory.mktemp("font") / "sine.sf2"
    path.write_bytes(sine_font(sorted(set(presets))))
    return path


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """Twenty different melodies."""
    folder = tmp_path_factory.mktemp("tunes")
    for number, rng in enumerate(np.random.default_rng(0).spawn(20)):
        bars = "|".join("".join(rng.choice(list("CDEFGABc"), 8)) for _ in range(4))
        (folder / f"tune{number}.abc").write_text(f"X:1\nL:1/8\nK:C\n{bars}|\n")
    return folder


def melodies(count: int = 40) -> list[Tune]:
    steps = np.random.default_rng(5).integers(-3, 4, (count, 20))
    return [
        Tune(f"t{n}", tuple(TuneNote(i / 2, 0.5, int(60 + p), False) for i, p in enumerate(row.cumsum())))
        for n, row in enumerate(steps)
    ]


def planned(config: SyntheticConfig, fonts: list[str]) -> list[ClipRecord]:
    return [task.record for task in plan(config, melodies(), [Path(font) for font in fonts])]


@pytest.mark.parametrize("fonts", [["a.sf2"], ["a.sf2", "b.sf2"]])
def test_a_planned_data_set_shares_nothing_between_splits(fonts):
    records = planned(SyntheticConfig(clips=1100), fonts)
    check_splits(Manifest(config=SyntheticConfig(), clips=tuple(records)))
    shares = {split: sum(clip.split == split for clip in records) / len(records) for split in ("train", "val", "test")}
    assert shares == pytest.approx({"train": 0.8, "val": 0.1, "test": 0.1}, abs=0.02)


def test_a_clip_does_not_depend_on_how_many_are_made():
    few = planned(SyntheticConfig(clips=22), ["a.sf2"])
    many = {clip.id: clip for clip in planned(SyntheticConfig(clips=110), ["a.sf2"])}
    assert [many[clip.id] for clip in few] == few


@pytest.mark.parametrize("field", ["melody", "family", "sound"])
def test_a_split_that_shares_something_is_refused(field):
    records = planned(SyntheticConfig(clips=550), ["a.sf2", "b.sf2"])
    donor = next(clip for clip in records if clip.split == "train" and clip.class_name == "violin")
    number = next(n for n, clip in enumerate(records) if clip.split == "test" and clip.class_name == "violin")
    records[number] = replace(records[number], **{field: getattr(donor, field)})
    with pytest.raises(InputError, match=rf"^{field} "):
        check_splits(Manifest(config=SyntheticConfig(), clips=tuple(records)))


def test_about_a_tenth_of_the_keys_falls_to_each_held_out_split():
    splits = [split_of(f"pattern {number}") for number in range(4000)]
    assert 330 < splits.count("val") < 470
    assert 330 < splits.count("test") < 470


def test_jobs_do_not_change_a_clip_and_a_second_run_keeps_it(tmp_path, font, book):
    config = SyntheticConfig(
        clips=2, classes=("xylophone", "drums"), seconds=2.0, height=64, width=80, soundfont=str(font), tunes=str(book)
    )
    first = make_dataset(tmp_path / "one", config)
    second = make_dataset(tmp_path / "two", config, jobs=2)
    assert first.clips == second.clips
    for clip in first.clips:
        one, two = tmp_path / "one" / clip.file, tmp_path / "two" / clip.file
        assert json.loads(one.with_suffix(".json").read_text()) == json.loads(two.with_suffix(".json").read_text())
        times = [0.0, 0.5, 1.0]
        assert np.array_equal(video.read_frames(one, times)[0], video.read_frames(two, times)[0])
        assert np.array_equal(video.read_sound(one)[0], video.read_sound(two)[0])
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "one").rglob("*.mp4")}
    assert make_dataset(tmp_path / "one", config) == first == Manifest.read(tmp_path / "one" / "manifest.json")
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_sound_begins_at_the_onset_and_ends_after_the_release(font):
    instrument = CLASSES["violin"].instruments[0]
    notes = [Note(onset=onset, duration=0.2, pitch=69, velocity=100) for onset in (0.5, 1.3)]
    sampler = Sampler(font)
    sound = sampler.play(notes, instrument, seconds=2.0)
    level = np.abs(sound[:, 0])
    for onset in (0.5, 1.3):
        loud = np.flatnonzero(level[int((onset - 0.1) * SAMPLE_RATE) :] > 0.2 * level.max())[0] / SAMPLE_RATE - 0.1
        assert abs(loud) < 0.01
    assert level[int(1.0 * SAMPLE_RATE) : int(1.25 * SAMPLE_RATE)].max() < 1e-3
    assert np.array_equal(sampler.play(notes, instrument, seconds=2.0), sound)


def test_a_recording_has_the_level_of_its_room_and_does_not_move_the_onset():
    rng = np.random.default_rng(0)
    dry = np.zeros((44_100, 2), np.float32)
    dry[20_000:20_100] = 0.1
    room = replace(Room.draw(rng), peak_db=-6.0, tilt_db=0.0, noise_db=-70.0, reverb_share=0.05, is_mono=True)
    wet = record(dry, room, rng)
    assert wet.shape == (44_100, 1)
    assert 20 * np.log10(np.abs(wet).max()) == pytest.approx(-6.0, abs=0.1)
    assert np.flatnonzero(np.abs(wet[:, 0]) > 0.05)[0] == pytest.approx(20_000, abs=2)


def test_bad_settings_are_refused():
    with pytest.raises(InputError, match="no synthetic class 'banjo': choose from accordion"):
        SyntheticConfig(classes=("banjo",))
    with pytest.raises(InputError, match="31x192 pixels"):
        SyntheticConfig(height=31)
    with pytest.raises(InputError, match=r"1\.0 seconds"):
        SyntheticConfig(seconds=1.0)
    with pytest.raises(InputError, match="leave nothing to train on"):
        SyntheticConfig(val_share=0.5, test_share=0.5)


def test_a_missing_or_broken_sound_font_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no sound font at .*nothing\.sf2"):
        find_soundfont(tmp_path / "nothing.sf2")
    (tmp_path / "bad.sf2").write_bytes(b"not a font")
    with pytest.raises(InputError, match=r"bad\.sf2 is not a sound font"):
        Sampler(tmp_path / "bad.sf2")


def test_no_sound_font_anywhere_says_what_to_install(monkeypatch):
    monkeypatch.setattr("viai.data.synthetic.instruments.SOUNDFONT_FOLDERS", ())
    with pytest.raises(InputError, match="apt install fluid-soundfont-gm"):
        find_soundfont()


def test_a_foreign_file_is_no_manifest(tmp_path):
    (tmp_path / "manifest.json").write_text('{"clips": []}')
    with pytest.raises(InputError, match="is no manifest"):
        Manifest.read(tmp_path / "manifest.json")
