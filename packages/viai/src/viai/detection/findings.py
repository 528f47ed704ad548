"""What is looked for, what counts as damage, and what a finding is."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

Kind = Literal["silence", "hold", "repeat", "dropout", "clipping", "click"]
KINDS: tuple[Kind, ...] = get_args(Kind)
RELIABLE: tuple[Kind, ...] = ("silence", "hold", "repeat", "dropout")
"""Kinds that hardly ever occur in undamaged sound; the others are worth a look, not a repair without one."""


@dataclass(frozen=True, order=True)
class Detection:
    """A damaged stretch: the samples ``[start, stop)`` of the file."""

    start: int
    """First damaged sample."""
    stop: int
    """First sample after the damage."""
    kind: Kind
    confidence: float
    """From 0.5, just beyond the threshold, to 1."""


@dataclass(frozen=True, kw_only=True)
class DetectionConfig:
    """What counts as damage. Levels are relative to full scale (dBFS) unless said otherwise."""

    shortest_seconds: float = 0.005
    """Silence, hold and dropout shorter than this are ignored."""
    context_seconds: float = 0.02
    """Sound on either side that is compared with the edges of the damage."""
    edge_seconds: float = 0.001
    """The sound next to silence or a hold by whose peak a fade is told from a cut."""
    quiet_db: float = -70.0
    """An edge below this level is a sound that has ended by itself."""
    fade_db: float = -30.0
    """An edge this far below the peak of its context is a fade."""
    repeat_shortest_seconds: float = 0.003
    """Shortest buffer whose repetition is looked for."""
    repeat_longest_seconds: float = 2.0
    """Longest buffer whose repetition is looked for."""
    repeat_error_db: float = -40.0
    """Largest difference between a buffer and its repetition, relative to the level of the buffer."""
    dropout_fall_db: float = 40.0
    """Depth of a dropout."""
    dropout_edge_seconds: float = 0.005
    """The level has to fall and to return within this time."""
    dropout_longest_seconds: float = 2.5
    """What is quiet for longer is not called a dropout."""
    clipping_samples: int = 4
    """Equal samples in a row at the highest level of the file."""
    click_ratio: float = 16.0
    """Prediction error of a click over the median prediction error around it."""


def amplitude(decibels: float) -> float:
    """Factor of a level."""
    return float(10 ** (decibels / 20))


def confidence(excess_db: float) -> float:
    """Rise from 0.5 at the threshold to 1 at 40 dB beyond it."""
    return float(np.clip(0.5 + excess_db / 80, 0.5, 1.0))
