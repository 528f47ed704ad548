"""Fill lost stretches of a recording, guided by the video of the same scene.

A rebuild of "Vision-Infused Deep Audio Inpainting" (Zhou, Liu, Xu, Luo and Wang, ICCV 2019): VIAI-A paints the
missing part of a mel spectrogram from the sound around it, VIAI-AV also looks at the picture, and a WaveNet turns the
painting into sound. ``viai inpaint in.wav video.mp4`` does it for a file; :class:`Inpainter` and :func:`inpaint` do it
for arrays.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from viai.detection import detect_file, detect_gaps
    from viai.gaps import Gap
    from viai.inpainting import Inpainter, InpaintResult, inpaint

__all__ = ["Gap", "InpaintResult", "Inpainter", "detect_file", "detect_gaps", "inpaint"]

_HOMES = {
    "Gap": "viai.gaps",
    "InpaintResult": "viai.inpainting",
    "Inpainter": "viai.inpainting",
    "detect_file": "viai.detection",
    "detect_gaps": "viai.detection",
    "inpaint": "viai.inpainting",
}


def __getattr__(name: str) -> Any:
    # Names are looked up on first use: torch takes seconds to import, `viai --help` must not.
    if name not in _HOMES:
        raise AttributeError(f"module 'viai' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
