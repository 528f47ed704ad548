import io
import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hr_common.audio import read, replace, write
from hr_common.flac import carry_metadata

PICTURE = (
    (3).to_bytes(4, "big")  # front cover
    + (9).to_bytes(4, "big") + b"image/png"
    + (0).to_bytes(4, "big")
    + (1).to_bytes(4, "big") * 2 + (24).to_bytes(4, "big") + (0).to_bytes(4, "big")
    + (5_000).to_bytes(4, "big") + bytes(range(250)) * 20
)  # fmt: skip


def comments(*entries: str) -> bytes:
    texts = [b"some encoder", *(entry.encode() for entry in entries)]
    sized = [len(text).to_bytes(4, "little") + text for text in texts]
    return sized[0] + len(entries).to_bytes(4, "little") + b"".join(sized[1:])


EXTRA = [
    (4, comments("TITLE=Étude", "REPLAYGAIN_TRACK_GAIN=-3.20 dB", "MY OWN TAG=kept")),
    (6, PICTURE),
    (2, b"riff" + b"an application's own"),
    (1, bytes(100)),
]


def blocks(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Walk through the blocks as the format's description says; what remains is the sound."""
    assert data[:4] == b"fLaC"
    found, at, is_last = [], 4, False
    while not is_last:
        is_last, size = data[at] >= 0x80, int.from_bytes(data[at + 1 : at + 4], "big")
        found.append((data[at] & 0x7F, data[at + 4 : at + 4 + size]))
        at += 4 + size
    return found, data[at:]


def joined(parts: list[tuple[int, bytes]], sound: bytes) -> bytes:
    result = b"fLaC"
    for number, (kind, content) in enumerate(parts, start=1):
        result += bytes([kind | (0x80 if number == len(parts) else 0)]) + len(content).to_bytes(3, "big") + content
    return result + sound


def make(path: Path, extra: list[tuple[int, bytes]], frames: int = 3_000) -> np.ndarray:
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (frames, 2))
    write(path, samples, 44_100, subtype="PCM_16")
    found, sound = blocks(path.read_bytes())
    path.write_bytes(joined([found[0], *extra], sound))
    return read(path, dtype="int16")[0]


def test_pictures_tags_and_application_blocks_stay(tmp_path: Path) -> None:
    before = make(tmp_path / "a.flac", EXTRA)
    replace(tmp_path / "a.flac", tmp_path / "b.flac", [(100, np.zeros((50, 2)))])
    found, _ = blocks((tmp_path / "b.flac").read_bytes())
    assert found[0][0] == 0
    assert [block for block in found if block[0] not in (0, 1, 3)] == EXTRA[:3]
    after = read(tmp_path / "b.flac", dtype="int16")[0]
    np.testing.assert_array_equal(np.flatnonzero((after != before).any(axis=1)), np.arange(100, 150))
    with soundfile.SoundFile(tmp_path / "b.flac") as file:
        assert file.title == "Étude"


def test_a_file_replaced_by_itself_keeps_its_picture(tmp_path: Path) -> None:
    make(tmp_path / "a.flac", EXTRA)
    for _ in range(2):
        replace(tmp_path / "a.flac", tmp_path / "a.flac", [(0, np.zeros((5, 2)))])
    found, _ = blocks((tmp_path / "a.flac").read_bytes())
    assert [content for kind, content in found if kind == 6] == [PICTURE]
    assert [path.name for path in tmp_path.iterdir()] == ["a.flac"]


def test_how_the_sound_is_encoded_stays_that_of_the_target(tmp_path: Path) -> None:
    make(tmp_path / "a.flac", EXTRA, frames=100)
    make(tmp_path / "b.flac", [(3, bytes(18))], frames=3_000)
    info, sound = blocks((tmp_path / "b.flac").read_bytes())
    assert carry_metadata(tmp_path / "a.flac", tmp_path / "b.flac")
    found, sound_after = blocks((tmp_path / "b.flac").read_bytes())
    assert found[0] == info[0]
    assert (3, bytes(18)) in found
    assert sound_after == sound


def test_without_metadata_nothing_is_invented(tmp_path: Path) -> None:
    make(tmp_path / "a.flac", [])
    replace(tmp_path / "a.flac", tmp_path / "b.flac", [])
    found, _ = blocks((tmp_path / "b.flac").read_bytes())
    assert {kind for kind, _ in found} <= {0, 1, 3, 4}


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:60],  # ends inside a block
        lambda data: data[:42] + b"\x06\xff\xff\xff" + data[46:],  # a block longer than the file
        lambda data: data[:42] + b"\x7f" + data[43:],  # a kind that is forbidden
        lambda data: b"ID3\x04" + data,
        lambda data: data[:4] + b"\x04" + data[5:],  # does not begin with the description of the stream
        lambda data: data[:6],
        lambda data: b"",
    ],
    ids=["cut short", "too long a block", "forbidden kind", "other beginning", "no description", "no block", "empty"],
)
def test_damaged_blocks_leave_the_target_as_it_is(
    tmp_path: Path, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(damage)
    make(tmp_path / "a.flac", EXTRA)
    make(tmp_path / "b.flac", [])
    before = (tmp_path / "b.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(damage((tmp_path / "a.flac").read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert not carry_metadata(tmp_path / "a.flac", tmp_path / "b.flac")
    assert "damaged" in caplog.text
    assert (tmp_path / "b.flac").read_bytes() == before
    soundfile.read(io.BytesIO(before))
