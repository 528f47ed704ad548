"""Recognise images of many classes when most classes have few examples and some images belong to none.

A rebuild of "Large-Scale Long-Tailed Recognition in an Open World" (Liu, Miao, Zhan, Wang, Gong and Yu, CVPR 2019):
a backbone learnt on the long-tailed set, then modulated attention, a memory of class centroids and a cosine classifier
that also tells how far an image is from everything known. ``openlt train --dataset digits-lt`` does it without any
download; :func:`load` opens the folder of a run and predicts.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from openlt.recognition import Prediction, Recogniser, load

__all__ = ["Prediction", "Recogniser", "load"]

_HOMES = {
    "Prediction": "openlt.recognition",
    "Recogniser": "openlt.recognition",
    "load": "openlt.recognition",
}


def __getattr__(name: str) -> Any:
    # Names are looked up on first use: torch takes seconds to import, `openlt --help` must not.
    if name not in _HOMES:
        raise AttributeError(f"module 'openlt' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
