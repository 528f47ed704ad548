import json
import re
from pathlib import Path

import numpy as np
import pytest

from hr_common import audio
from hr_common.errors import InputError
from viai.evaluation.listening import Trial, excerpt, write_listening_test

RATE = 16_000


def trials(count: int = 3) -> list[Trial]:
    rng = np.random.default_rng(0)
    names = ("zero", "viai-a", "viai-av")
    return [
        Trial(
            f"bell/{number}",
            (1.0, 1.5),
            0.1 * rng.standard_normal(2_000),
            {name: 0.1 * rng.standard_normal(2_000) for name in names},
        )
        for number in range(count)
    ]


def test_the_key_tells_which_sound_is_which(tmp_path: Path) -> None:
    given = trials()
    write_listening_test(tmp_path / "test", given, RATE, seed=1)
    key = json.loads((tmp_path / "test/key.json").read_text())["trials"]
    assert len(key) == len(given)
    for entry, trial in zip(key, given, strict=True):
        assert sorted(entry["files"].values()) == ["reference", "viai-a", "viai-av", "zero"]
        sounds = {"reference": trial.reference, **trial.filled}
        for file, name in entry["files"].items():
            samples, rate = audio.read(tmp_path / "test" / file)
            assert rate == RATE
            # Half a step of 16 bits.
            np.testing.assert_allclose(samples[:, 0], sounds[name], atol=2**-15)
        compared = entry["abx"]
        assert {compared["A"], compared["B"]} == {"viai-a", "viai-av"}
        assert compared["X"] == compared[compared["answer"]]


def test_the_page_plays_every_sound_and_names_none(tmp_path: Path) -> None:
    write_listening_test(tmp_path / "test", trials(), RATE, seed=1)
    page = (tmp_path / "test/index.html").read_text()
    played = set(re.findall(r'src="([^"]*)"', page))
    assert played == {path.name for path in (tmp_path / "test").glob("*.wav")}
    for name in ("viai", "zero", "bell", "key.json"):
        assert name not in page


def test_neither_names_nor_order_repeat_and_both_follow_the_seed(tmp_path: Path) -> None:
    keys = []
    for folder, seed in (("one", 1), ("same", 1), ("other", 2)):
        write_listening_test(tmp_path / folder, trials(12), RATE, seed=seed)
        keys.append(json.loads((tmp_path / folder / "key.json").read_text())["trials"])
    assert keys[0] == keys[1] != keys[2]
    orders = {tuple(entry["files"].values()) for entry in keys[0]}
    assert len(orders) > 6
    assert {entry["abx"]["answer"] for entry in keys[0]} == {"A", "B"}


def test_without_both_networks_there_is_no_comparison(tmp_path: Path) -> None:
    only = [Trial("bell/1", (0.1, 0.2), np.zeros(100), {"ar": np.ones(100)})]
    write_listening_test(tmp_path / "test", only, RATE, seed=0)
    assert "abx" not in json.loads((tmp_path / "test/key.json").read_text())["trials"][0]


def test_loud_sound_is_clipped_and_does_not_wrap(tmp_path: Path) -> None:
    loud = [Trial("bell/1", (0.1, 0.2), np.array([1.5, -1.5, 0.5]), {})]
    write_listening_test(tmp_path / "test", loud, RATE, seed=0)
    samples, _ = audio.read(tmp_path / "test/trial-01-reference.wav")
    assert samples[:, 0] == pytest.approx([1, -1, 0.5], abs=1e-4)


def test_a_folder_with_something_in_it_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(InputError, match="is there already; give a new folder"):
        write_listening_test(tmp_path, trials(), RATE, seed=0)
    with pytest.raises(InputError, match="does not exist; create it first"):
        write_listening_test(tmp_path / "no/such", trials(), RATE, seed=0)


def test_an_excerpt_has_a_second_on_either_side() -> None:
    assert excerpt((20_000, 30_000), 64_000, RATE) == slice(4_000, 46_000)
    assert excerpt((1_000, 60_000), 64_000, RATE) == slice(0, 64_000)
