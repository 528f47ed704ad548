"""Synchronised training clips made from scores, a sound font and drawn players.

Every clip shows a person playing the very notes that are heard: public-domain tunes or rhythm patterns, played with
sampled instruments, filmed by a drawn camera. Start with :func:`make_dataset`.
"""

from __future__ import annotations

from viai.data.synthetic.clips import Cast, Clip, render_clip
from viai.data.synthetic.dataset import ClipRecord, Manifest, SyntheticConfig, check_splits, make_dataset
from viai.data.synthetic.instruments import CLASSES, Sampler, find_soundfont
from viai.data.synthetic.scores import Note
from viai.data.synthetic.tunes import Tune, load_tunes

__all__ = [
    "CLASSES",
    "Cast",
    "Clip",
    "ClipRecord",
    "Manifest",
    "Note",
    "Sampler",
    "SyntheticConfig",
    "Tune",
    "check_splits",
    "find_soundfont",
    "load_tunes",
    "make_dataset",
    "render_clip",
]
