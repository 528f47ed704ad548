"""One clip: notes, their sound, and a film of a person playing exactly those notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from viai.data.synthetic.instruments import CLASSES, SAMPLE_RATE, Instrument, Room, Sampler, record
from viai.data.synthetic.players import make_player
from viai.data.synthetic.scene import Backdrop, Camera, Canvas, Distractions, Light, draw_style
from viai.data.synthetic.scores import Note, perform_pattern, perform_tune
from viai.data.synthetic.tunes import Tune

RATES = (
    Fraction(25, 2), Fraction(15), Fraction(24), Fraction(25), Fraction(30_000, 1001), Fraction(30),
)  # fmt: skip
"""Frame rates of the clips."""


@dataclass(frozen=True, kw_only=True)
class Cast:
    """Who plays what: all that belongs to one split only."""

    tune: Tune | int
    """A melody, or the number of a rhythm pattern."""
    family: int
    """Style family of the picture."""
    instrument: Instrument


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A rendered clip."""

    frames: UInt8[np.ndarray, "frame height width 3"]
    """RGB pictures; frame ``i`` is shown ``i / rate`` seconds after the start of the sound."""
    rate: Fraction
    sound: Float[np.ndarray, "time channel"]
    """float32 in [-1, 1], one or two channels, without the codec's losses."""
    sound_rate: int
    notes: tuple[Note, ...]
    details: dict[str, Any]
    """Camera, room and film settings, ready for JSON."""


def perform(class_name: str, cast: Cast, *, seconds: float, rng: np.random.Generator) -> list[Note]:
    """Make the notes of a clip.

    Args:
        class_name: One of :data:`CLASSES`.
        cast: Tune or pattern, and the instrument.
        seconds: Length of the clip.
        rng: Source of the performance.

    Returns:
        Notes sorted by onset.
    """
    if isinstance(cast.tune, Tune):
        instrument = cast.instrument
        manner = CLASSES[class_name].manner
        return perform_tune(
            cast.tune, low=instrument.low, high=instrument.high, seconds=seconds, manner=manner, rng=rng
        )
    if class_name == "drums":
        kind = "kit"
    else:
        kind = "congas" if rng.random() < 0.6 else "bongos"
    return perform_pattern(cast.tune, kind=kind, seconds=seconds, rng=rng)


def film(
    class_name: str,
    notes: Sequence[Note],
    *,
    instrument: Instrument,
    family: int,
    seconds: float,
    rate: Fraction,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[UInt8[np.ndarray, "frame height width 3"], dict[str, Any]]:
    """Film a player.

    Each picture is the mean of one to three exposures around its time. The times tremble by a few milliseconds, and in
    some clips a picture now and then repeats the one before, as in recordings of phones and webcams.

    Args:
        class_name: One of :data:`CLASSES`.
        notes: What is played.
        instrument: Decides the shape of the instrument.
        family: Style family.
        seconds: Length of the clip.
        rate: Frames per second.
        size: (height, width) in pixels, even numbers.
        rng: Source of the looks, camera, light and distractions.

    Returns:
        Frames, and the settings of camera and film.
    """
    style = draw_style(family, rng)
    player = make_player(class_name, notes, instrument=instrument, style=style, seconds=seconds, rng=rng)
    backdrop = Backdrop(style, rng, size[0])
    camera = Camera(player.view, size, rng)
    light = Light(size, rng)
    distractions = Distractions(style, player.view, seconds, rng)
    exposures = int(rng.choice([1, 2, 2, 3]))
    shutter = float(rng.uniform(0.2, 0.7)) / float(rate)
    tremble = float(rng.uniform(0.0, 0.004))
    repeats = float(rng.uniform(0.01, 0.06)) if rng.random() < 0.2 else 0.0
    count = int(seconds * rate)
    times = np.arange(count) / float(rate) + np.clip(rng.normal(0, tremble, count), -0.01, 0.01)
    repeated = rng.random(count) < repeats
    frames = np.empty((count, *size, 3), np.uint8)
    sum_of_exposures = np.empty((*size, 3), np.float32)
    for number, time in enumerate(times.tolist()):
        if number and repeated[number]:
            frames[number] = frames[number - 1]
            continue
        background = backdrop.paint(size, camera.matrix(time))
        sum_of_exposures[:] = 0
        for exposure in range(exposures):
            moment = time + shutter * ((exposure + 0.5) / exposures - 0.5)
            picture = background.copy() if exposure + 1 < exposures else background
            canvas = Canvas(picture, camera.matrix(moment))
            distractions.draw_behind(canvas, moment)
            player.draw(canvas, moment)
            distractions.draw_in_front(canvas, moment)
            cv2.accumulateWeighted(picture, sum_of_exposures, 1 / (exposure + 1))
        frames[number] = light.expose(sum_of_exposures, time, number)
    details = {
        "camera": camera.describe(),
        "exposures": exposures,
        "shutter": round(shutter, 5),
        "repeats": round(repeats, 4),
    }
    return frames, details


def render_clip(
    class_name: str,
    cast: Cast,
    *,
    seconds: float,
    size: tuple[int, int],
    sampler: Sampler,
    seed: Sequence[int],
    rate: Fraction | None = None,
) -> Clip:
    """Render one clip.

    Args:
        class_name: One of :data:`CLASSES`.
        cast: Tune, style family and instrument.
        seconds: Length, above 1.
        size: (height, width) of the picture, even numbers.
        sampler: Sound font that plays.
        seed: Numbers that settle everything random; equal seeds give equal notes, pictures and sounds.
        rate: Frames per second, or None for one of :data:`RATES`.

    Returns:
        The clip.
    """
    scoring, sounding, filming = np.random.default_rng(tuple(seed)).spawn(3)
    notes = perform(class_name, cast, seconds=seconds, rng=scoring)
    room = Room.draw(sounding)
    tuning = float(np.clip(sounding.normal(0, 0.12), -0.3, 0.3))
    dry = sampler.play(notes, cast.instrument, seconds=seconds, tuning=tuning)
    sound = record(dry, room, sounding)
    chosen = rate if rate is not None else RATES[int(filming.integers(0, len(RATES)))]
    frames, details = film(
        class_name,
        notes,
        instrument=cast.instrument,
        family=cast.family,
        seconds=seconds,
        rate=chosen,
        size=size,
        rng=filming,
    )
    details["tuning"] = round(tuning, 4)
    details["room"] = {name: round(float(value), 4) for name, value in vars(room).items()}
    return Clip(frames=frames, rate=chosen, sound=sound, sound_rate=SAMPLE_RATE, notes=tuple(notes), details=details)
