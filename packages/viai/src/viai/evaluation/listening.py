"""A blind listening test: sounds under random names, a page to rate them on, and a key to be kept from the listeners.

Every trial is one gap with a second of sound on either side. The first part is rated as MUSHRA is (ITU-R BS.1534): an
open reference, and under random names the same again, the methods, and silence in the gap as the low anchor. The second
part is A/B/X: which of two methods is X?
"""

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hr_common import audio
from hr_common.errors import InputError
from hr_common.files import atomic_path, write_json

TRIALS = 12
"""Gaps of a test, spread evenly over the list: what a listener does in half an hour."""
RATED = ("zero", "ar", "interpolation", "bi-visual2sound", "viai-a", "viai-av")
"""Methods that are rated, if they take part; ``zero`` is the anchor."""
COMPARED = ("viai-a", "viai-av")
"""Methods of the A/B/X part."""
_SIDE_SECONDS = 1.0


@dataclass(frozen=True, eq=False)
class Trial:
    """One gap, filled by several methods."""

    clip: str
    gap_seconds: tuple[float, float]
    """Begin and end within the excerpts."""
    reference: Float[np.ndarray, "time"]
    """The intact excerpt, amplitude in [-1, 1]."""
    filled: Mapping[str, Float[np.ndarray, "time"]]
    """The excerpt as each method leaves it."""


def excerpt(gap: tuple[int, int], length: int, rate: int) -> slice:
    """Return a gap and a second on either side of it, as far as the sound goes."""
    reach = round(_SIDE_SECONDS * rate)
    return slice(max(0, gap[0] - reach), min(length, gap[1] + reach))


def require_new_folder(folder: Path) -> None:
    """Refuse a folder that has something in it, before the work.

    Raises:
        InputError: If there is anything at the place, or its parent is missing.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder} is there already; give a new folder for the listening test")
    if not folder.parent.is_dir():
        raise InputError(f"cannot write {folder}: the folder {folder.parent} does not exist; create it first")


def write_listening_test(folder: Path, trials: Sequence[Trial], rate: int, *, seed: int) -> None:
    """Write the sounds, ``index.html`` for the listeners, and ``key.json`` for whoever evaluates their answers.

    Args:
        folder: New folder.
        trials: At least one.
        rate: Of the excerpts, in Hz.
        seed: Settles names and order.

    Raises:
        InputError: See :func:`require_new_folder`.
    """
    require_new_folder(folder)
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    key: list[dict[str, object]] = []
    parts: list[str] = []
    for number, trial in enumerate(trials, start=1):
        open_name = f"trial-{number:02d}-reference.wav"
        audio.write(folder / open_name, _pcm(trial.reference), rate)
        rated = {"reference": trial.reference} | dict(trial.filled)
        # No name and no order tells what is what, and none is used twice.
        order = [list(rated)[place] for place in rng.permutation(len(rated))]
        files = {name: f"trial-{number:02d}-{rng.bytes(4).hex()}.wav" for name in order}
        for name, file in files.items():
            audio.write(folder / file, _pcm(rated[name]), rate)
        entry: dict[str, object] = {"trial": number, "clip": trial.clip, "files": {files[name]: name for name in files}}
        parts.append(_mushra(number, trial, open_name, list(files.values())))
        if set(COMPARED) <= set(trial.filled):
            names = [COMPARED[place] for place in rng.permutation(2)]
            hidden = names[int(rng.integers(2))]
            copies = {letter: f"trial-{number:02d}-{rng.bytes(4).hex()}.wav" for letter in "ABX"}
            for letter, name in zip("ABX", (*names, hidden), strict=True):
                audio.write(folder / copies[letter], _pcm(trial.filled[name]), rate)
            entry["abx"] = {"A": names[0], "B": names[1], "X": hidden, "answer": "AB"[names.index(hidden)]}
            parts.append(_abx(number, copies))
        key.append(entry)
    write_json(folder / "key.json", {"format": 1, "seed": seed, "trials": key})
    with atomic_path(folder / "index.html") as temporary:
        temporary.write_text(_PAGE.replace("TRIALS", "\n".join(parts)), encoding="utf-8")


def _pcm(samples: np.ndarray) -> np.ndarray:
    return np.asarray(np.round(np.clip(samples, -1, 1) * 32_767), dtype=np.int16)


def _player(file: str) -> str:
    return f'<audio controls preload="none" src="{html.escape(file)}"></audio>'


def _mushra(number: int, trial: Trial, open_name: str, files: Sequence[str]) -> str:
    start, stop = trial.gap_seconds
    rows = "\n".join(
        f"<p>{_player(file)} <input type=range min=0 max=100 value=50 data-name={json.dumps(file)}>"
        " <output>50</output></p>"
        for file in files
    )
    return (
        f"<section><h2>Trial {number}</h2>\n<p>Listen from {start:.2f} s to {stop:.2f} s. The reference:</p>\n"
        f"<p>{_player(open_name)}</p>\n<p>How near to it is each of these? 0 is bad, 100 is the same.</p>\n"
        f"{rows}</section>"
    )


def _abx(number: int, copies: Mapping[str, str]) -> str:
    players = " ".join(f"{letter} {_player(file)}" for letter, file in copies.items())
    choices = " ".join(
        f'<label><input type=radio name="abx-{number:02d}" value={letter}> X is {letter}</label>' for letter in "AB"
    )
    return f"<section><h2>Trial {number}, A/B/X</h2>\n<p>{players}</p>\n<p>{choices}</p></section>"


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Listening test</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 56rem; padding: 0 1rem; }
section { border-top: 1px solid #ccc; margin-top: 2rem; }
audio { vertical-align: middle; }
</style>
<h1>Listening test</h1>
<p>Use headphones. In every trial a stretch of the sound was lost and filled in again.</p>
TRIALS
<p><button type=button>Save my answers</button></p>
<script>
for (const slider of document.querySelectorAll("input[type=range]"))
  slider.addEventListener("input", () => { slider.nextElementSibling.value = slider.value; });
document.querySelector("button").addEventListener("click", () => {
  const answers = { ratings: {}, abx: {} };
  for (const slider of document.querySelectorAll("input[type=range]"))
    answers.ratings[slider.dataset.name] = Number(slider.value);
  for (const choice of document.querySelectorAll("input[type=radio]:checked"))
    answers.abx[choice.name] = choice.value;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(answers, null, 2)], { type: "application/json" }));
  link.download = "answers.json";
  link.click();
});
</script>
</html>
"""
