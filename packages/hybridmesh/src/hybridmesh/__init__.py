"""Recover a posed 3D human body from one photo and whatever is known of it: keypoints, masks, dense correspondences.

A rebuild of "Delving Deep into Hybrid Annotations for 3D Human Recovery in the Wild" (Rong, Liu, Li, Cao and Loy, ICCV
2019) with a free body model that ships with the package; SMPL is read where the user owns it. ``hybridmesh recover
photo.jpg`` fits the body; :func:`load_body` and :class:`Recoverer` do the same from Python. Everything runs on a CPU
without a graphics library.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from hybridmesh.body import BodyModel, load_body
    from hybridmesh.config import load_recovery
    from hybridmesh.recovery import Recoverer, Recovery, save

__all__ = ["BodyModel", "Recoverer", "Recovery", "load_body", "load_recovery", "save"]

_HOMES = {
    "BodyModel": "hybridmesh.body",
    "load_body": "hybridmesh.body",
    "load_recovery": "hybridmesh.config",
    "Recoverer": "hybridmesh.recovery",
    "Recovery": "hybridmesh.recovery",
    "save": "hybridmesh.recovery",
}


def __getattr__(name: str) -> Any:
    # Names are looked up on first use: torch takes seconds to import, `hybridmesh --help` must not.
    if name not in _HOMES:
        raise AttributeError(f"module 'hybridmesh' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
