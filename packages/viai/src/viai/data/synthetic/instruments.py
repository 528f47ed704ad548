"""Sound of the synthetic clips: a General MIDI sound font played from a list of notes, in a small room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from hr_common.errors import InputError
from viai.data.synthetic.scores import Manner, Note

SAMPLE_RATE = 44_100
"""Rate of the sound tracks in Hz."""

SOUNDFONT_FOLDERS = (
    Path("/usr/share/sounds/sf2"),
    Path("/usr/share/sounds/sf3"),
    Path("/usr/share/soundfonts"),
    Path("/usr/local/share/soundfonts"),
    Path("/opt/homebrew/share/soundfonts"),
    Path("~/.local/share/soundfonts"),
)
"""Where sound fonts are looked for, first hit wins."""

SOUNDFONT_NAMES = (
    "FluidR3_GM.sf2",
    "FluidR3_GM2-2.sf2",
    "MuseScore_General.sf3",
    "MuseScore_General.sf2",
    "default.sf2",
)


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """One preset of a General MIDI sound font and the keys it is played in."""

    name: str
    preset: int
    """Program number from 0; for drums and congas the number of the kit."""
    low: int = 0
    """Lowest MIDI key."""
    high: int = 127
    """Highest MIDI key."""
    bank: int = 0
    """Bank of the preset; 128 holds the percussion kits."""


@dataclass(frozen=True, kw_only=True)
class InstrumentClass:
    """What one label of the data set can sound like."""

    instruments: tuple[Instrument, ...]
    manner: Manner


def _pitched(name: str, preset: int, low: int, high: int) -> Instrument:
    return Instrument(name=name, preset=preset, low=low, high=high)


def _kits(name: str, *presets: int) -> tuple[Instrument, ...]:
    return tuple(Instrument(name=f"{name}-{preset}", preset=preset, bank=128) for preset in presets)


CLASSES: dict[str, InstrumentClass] = {
    "accordion": InstrumentClass(
        instruments=(_pitched("accordion", 21, 57, 84), _pitched("bandoneon", 23, 55, 81)),
        manner=Manner(note_seconds=(0.18, 0.55), breath=0.2, second_voice=0.45),
    ),
    "cello": InstrumentClass(
        instruments=(_pitched("cello", 42, 36, 64),),
        manner=Manner(note_seconds=(0.28, 0.8), slur=0.12, shortest=0.12),
    ),
    "congas": InstrumentClass(instruments=_kits("congas", 0, 8, 32), manner=Manner(note_seconds=(0.15, 0.4))),
    "drums": InstrumentClass(instruments=_kits("kit", 0, 8, 16, 32, 40), manner=Manner(note_seconds=(0.15, 0.4))),
    "flute": InstrumentClass(
        instruments=(_pitched("flute", 73, 62, 91), _pitched("recorder", 74, 67, 91)),
        manner=Manner(note_seconds=(0.18, 0.6), slur=0.15, breath=0.3),
    ),
    "guitar": InstrumentClass(
        instruments=(
            _pitched("nylon-guitar", 24, 43, 74),
            _pitched("steel-guitar", 25, 43, 74),
            _pitched("jazz-guitar", 26, 43, 76),
            _pitched("clean-guitar", 27, 43, 76),
        ),
        manner=Manner(note_seconds=(0.18, 0.6), second_voice=0.35),
    ),
    "saxophone": InstrumentClass(
        instruments=(
            _pitched("alto-saxophone", 65, 50, 79),
            _pitched("tenor-saxophone", 66, 46, 74),
            _pitched("soprano-saxophone", 64, 58, 84),
            _pitched("baritone-saxophone", 67, 39, 66),
        ),
        manner=Manner(note_seconds=(0.2, 0.65), slur=0.15, breath=0.3),
    ),
    "trumpet": InstrumentClass(
        instruments=(_pitched("trumpet", 56, 55, 82), _pitched("muted-trumpet", 59, 57, 80)),
        manner=Manner(note_seconds=(0.2, 0.6), slur=0.08, breath=0.3),
    ),
    "tuba": InstrumentClass(
        instruments=(_pitched("tuba", 58, 31, 55),),
        manner=Manner(note_seconds=(0.25, 0.7), breath=0.3, shortest=0.13),
    ),
    "violin": InstrumentClass(
        instruments=(_pitched("violin", 40, 55, 86),),
        manner=Manner(note_seconds=(0.2, 0.65), slur=0.12),
    ),
    "xylophone": InstrumentClass(
        instruments=(
            _pitched("xylophone", 13, 65, 93),
            _pitched("marimba", 12, 53, 84),
            _pitched("vibraphone", 11, 55, 86),
            _pitched("glockenspiel", 9, 77, 103),
        ),
        manner=Manner(note_seconds=(0.18, 0.6), second_voice=0.3),
    ),
}
"""The nine classes of MUSICES, and two of percussion, in the order that numbers them."""


def find_soundfont(path: Path | str | None = None) -> Path:
    """Find a General MIDI sound font.

    Args:
        path: A file to use, or None to look in the usual folders of Debian, Fedora, Homebrew and the user.

    Returns:
        The file.

    Raises:
        InputError: The file does not exist, or none was found.
    """
    if path is not None:
        chosen = Path(path).expanduser()
        if not chosen.is_file():
            raise InputError(f"no sound font at {chosen}: give an .sf2 or .sf3 file")
        return chosen
    found = available_soundfonts()
    if not found:
        raise InputError(
            "no General MIDI sound font found: install one (Debian and Ubuntu: apt install fluid-soundfont-gm; "
            "Fedora: dnf install fluid-soundfont-gm), put FluidR3_GM.sf2 into ~/.local/share/soundfonts, "
            "or name any .sf2 or .sf3 file with --soundfont FILE"
        )
    return found[0]


def available_soundfonts() -> list[Path]:
    """List the sound fonts in the usual folders, the preferred one first and each file once."""
    listed: dict[Path, Path] = {}
    for folder in SOUNDFONT_FOLDERS:
        here = folder.expanduser()
        for name in SOUNDFONT_NAMES:
            if (here / name).is_file():
                listed.setdefault((here / name).resolve(), here / name)
    ranks = {name: rank for rank, name in enumerate(SOUNDFONT_NAMES)}
    return sorted(listed.values(), key=lambda path: ranks[path.name])


class Sampler:
    """Plays notes with the presets of one sound font; the file is loaded once."""

    def __init__(self, path: Path) -> None:
        """Load a sound font.

        Args:
            path: An .sf2 or .sf3 file.

        Raises:
            InputError: tinysoundfont is missing or cannot read the file.
        """
        try:
            import tinysoundfont
        except ModuleNotFoundError as error:
            raise InputError(
                "tinysoundfont is not installed: pip install --no-deps tinysoundfont "
                "(what it asks for serves live playing only)"
            ) from error
        self.path = path
        self._delays: dict[Instrument, tuple[list[int], list[float]]] = {}
        self._synth: Any = tinysoundfont.Synth(samplerate=SAMPLE_RATE)
        try:
            self._font = self._synth.sfload(str(path))
        except Exception as error:
            raise InputError(f"{path} is not a sound font that can be read: give an .sf2 or .sf3 file") from error

    def has(self, instrument: Instrument) -> bool:
        """Whether the font holds the preset of an instrument."""
        return self._synth.sfpreset_name(self._font, instrument.bank, instrument.preset) is not None

    def delay(self, instrument: Instrument, pitch: int) -> float:
        """Seconds from the start of a sample until it is heard: it comes within 13 dB of the attack's peak.

        Some presets of bowed and blown instruments swell for 50 to 100 ms. Musicians begin such notes early, and so
        does :meth:`play`.

        Args:
            instrument: A preset of the font.
            pitch: MIDI key; between the five keys that are measured the delay is interpolated.

        Returns:
            The delay, 0 for percussion.
        """
        if instrument.bank == 128:
            return 0.0
        if instrument not in self._delays:
            keys = [round(key) for key in np.linspace(instrument.low, instrument.high, 5)]
            self._delays[instrument] = (keys, [self._measure_delay(instrument, key) for key in keys])
        return float(np.interp(pitch, *self._delays[instrument]))

    def _measure_delay(self, instrument: Instrument, pitch: int) -> float:
        self._prepare(instrument)
        self._synth.noteon(0, pitch, 90)
        sound = np.frombuffer(self._synth.generate(SAMPLE_RATE // 4), np.float32).reshape(-1, 2)
        step = SAMPLE_RATE // 500
        energy = (sound[: len(sound) // step * step].astype(np.float64) ** 2).reshape(-1, 2 * step).sum(axis=1)
        return float(np.argmax(energy >= 0.05 * energy.max())) * step / SAMPLE_RATE

    def _prepare(self, instrument: Instrument, tuning: float = 0.0) -> None:
        synth = self._synth
        synth.sounds_off()
        # What was played before rings out here, so that a clip does not depend on the one before.
        synth.generate(SAMPLE_RATE // 2)
        synth.program_select(0, self._font, instrument.bank, instrument.preset)
        synth.set_tuning(0, tuning)

    def play(
        self, notes: Sequence[Note], instrument: Instrument, *, seconds: float, tuning: float = 0.0
    ) -> Float[np.ndarray, "time 2"]:
        """Sound a list of notes; each is heard at its onset, so begins earlier by the :meth:`delay` of its sample.

        Args:
            notes: Any order.
            instrument: Preset to play them with.
            seconds: Length of the sound; what rings longer is cut.
            tuning: Detuning of the whole instrument in semitones.

        Returns:
            Dry stereo sound, at the level the font gives.

        Raises:
            InputError: The font lacks the preset.
        """
        if not self.has(instrument):
            raise InputError(
                f"{self.path.name} has no preset {instrument.bank}:{instrument.preset} ({instrument.name})"
            )
        starts = [max(0.0, note.onset - self.delay(instrument, note.pitch)) for note in notes]
        self._prepare(instrument, tuning)
        synth = self._synth
        events = [(round(start * SAMPLE_RATE), 1, n.pitch, n.velocity) for n, start in zip(notes, starts, strict=True)]
        events += [(round((note.onset + note.duration) * SAMPLE_RATE), 0, note.pitch, 0) for note in notes]
        total = round(seconds * SAMPLE_RATE)
        sound = np.zeros((total, 2), np.float32)
        done = 0
        for moment, is_onset, pitch, velocity in sorted(events):
            moment = min(moment, total)
            if moment > done:
                sound[done:moment] = np.frombuffer(synth.generate(moment - done), np.float32).reshape(-1, 2)
                done = moment
            if is_onset:
                synth.noteon(0, pitch, velocity)
            else:
                synth.noteoff(0, pitch)
        if total > done:
            sound[done:] = np.frombuffer(synth.generate(total - done), np.float32).reshape(-1, 2)
        return sound


@dataclass(frozen=True, kw_only=True)
class Room:
    """What lies between an instrument and the recording."""

    peak_db: float
    """Peak of the recording in dB below full scale."""
    reverb_seconds: float
    """Time in which the reverberation falls by 60 dB."""
    reverb_share: float
    """Energy of the reverberation against the direct sound."""
    tilt_db: float
    """Change of level per octave, around 1 kHz."""
    noise_db: float
    """Level of the background noise against the peak."""
    is_mono: bool

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Room:
        """Choose a room at random."""
        return cls(
            peak_db=-float(rng.uniform(1.5, 11.0)),
            reverb_seconds=float(rng.uniform(0.15, 0.9)),
            reverb_share=float(np.exp(rng.uniform(np.log(0.003), np.log(0.12)))),
            tilt_db=float(rng.uniform(-1.5, 1.0)),
            noise_db=float(rng.uniform(-75, -45)),
            is_mono=bool(rng.random() < 0.3),
        )


def record(dry: Float[np.ndarray, "time 2"], room: Room, rng: np.random.Generator) -> Float[np.ndarray, "time channel"]:
    """Add reverberation, colour and background noise, and set the level.

    The direct sound is not delayed, so onsets stay where they are.

    Args:
        dry: Sound of the instrument.
        room: How it is recorded.
        rng: Source of the reverberation's fine structure and of the noise.

    Returns:
        float32 sound with a peak of ``room.peak_db``; one channel if the room says so.
    """
    from scipy import fft

    if room.is_mono:
        dry = dry.mean(axis=1, keepdims=True)
    time, channels = dry.shape
    length = int(room.reverb_seconds * SAMPLE_RATE)
    size = fft.next_fast_len(time + length, real=True)
    tail = rng.standard_normal((length, channels), dtype=np.float32)
    tail *= np.exp(-6.9 * np.arange(length, dtype=np.float32) / length)[:, None]
    tail[: int(0.004 * SAMPLE_RATE)] = 0
    tail *= np.sqrt(room.reverb_share / np.sum(tail**2, axis=0, keepdims=True))
    tail[0] += 1
    frequencies = fft.rfftfreq(size, 1 / SAMPLE_RATE).astype(np.float32)
    octaves = np.log2(np.clip(frequencies, 60, 12_000) / 1000)
    colour = (10 ** (room.tilt_db * octaves / 20)).astype(np.float32)[:, None]
    spectrum = fft.rfft(dry, size, axis=0) * fft.rfft(tail, size, axis=0) * colour
    wet = fft.irfft(spectrum, size, axis=0)[:time]
    wet *= 10 ** (room.peak_db / 20) / max(float(np.abs(wet).max()), 1e-9)
    hiss = rng.standard_normal((time, channels), dtype=np.float32)
    hum = np.repeat(rng.standard_normal((time // 16 + 1, channels), dtype=np.float32), 16, axis=0)[:time]
    wet += (hiss + hum) * 10 ** ((room.peak_db + room.noise_db - 12) / 20)
    return np.ascontiguousarray(wet, np.float32)
