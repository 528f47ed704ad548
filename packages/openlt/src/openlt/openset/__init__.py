"""Detectors of the unknown with one interface, and thresholds for them.

All of them score higher what looks more known; :data:`DETECTORS` has them by name. ODIN, which needs the network and
the picture, is a function of its own: :func:`openlt.openset.odin.odin_scores`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from openlt.openset.activations import ReAct, VirtualLogit
from openlt.openset.confidence import Energy, Entropy, KLMatching, MaxLogit, MaxProbability, PriorCorrected
from openlt.openset.distances import Mahalanobis, MetaNorm, NearestNeighbours, Reachability, RelativeMahalanobis
from openlt.openset.interface import Detector
from openlt.openset.openmax import OpenMax
from openlt.openset.thresholds import threshold_at_best_f, threshold_at_tpr

DETECTORS: Mapping[str, Callable[[], Detector]] = MappingProxyType(
    {
        "msp": MaxProbability,
        "max-logit": MaxLogit,
        "energy": Energy,
        "entropy": Entropy,
        "msp-prior": lambda: PriorCorrected(MaxProbability()),
        "max-logit-prior": lambda: PriorCorrected(MaxLogit()),
        "energy-prior": lambda: PriorCorrected(Energy()),
        "kl-matching": KLMatching,
        "mahalanobis": Mahalanobis,
        "relative-mahalanobis": RelativeMahalanobis,
        "knn": NearestNeighbours,
        "vim": VirtualLogit,
        "react": ReAct,
        "openmax": OpenMax,
        "reachability": Reachability,
        "meta-norm": MetaNorm,
    }
)
"""How to make each detector with its usual settings."""

__all__ = [
    "DETECTORS",
    "Detector",
    "Energy",
    "Entropy",
    "KLMatching",
    "Mahalanobis",
    "MaxLogit",
    "MaxProbability",
    "MetaNorm",
    "NearestNeighbours",
    "OpenMax",
    "PriorCorrected",
    "ReAct",
    "Reachability",
    "RelativeMahalanobis",
    "VirtualLogit",
    "threshold_at_best_f",
    "threshold_at_tpr",
]
