"""How good a classifier is.

- :mod:`openlt.metrics.bands`: many, medium and few
- :mod:`openlt.metrics.accuracy`: the right class, over pictures, classes and bands
- :mod:`openlt.metrics.open_set`: the unknown told from the known
- :mod:`openlt.metrics.figures`: all of it for one evaluation

Every figure is named with the rule, the formula and the threshold it was made with.
"""

from openlt.metrics.accuracy import BandAccuracy, band_accuracy, macro_f1, per_class_accuracy
from openlt.metrics.bands import BANDS, BandRule, band_of
from openlt.metrics.figures import Figures, SweepPoint, figures, threshold_sweep
from openlt.metrics.open_set import (
    Curve,
    FVariant,
    aupr,
    auroc,
    decide,
    f_measure,
    fpr_at_tpr,
    oscr,
    oscr_curve,
    roc_curve,
)

__all__ = [
    "BANDS",
    "BandAccuracy",
    "BandRule",
    "Curve",
    "FVariant",
    "Figures",
    "SweepPoint",
    "aupr",
    "auroc",
    "band_accuracy",
    "band_of",
    "decide",
    "f_measure",
    "figures",
    "fpr_at_tpr",
    "macro_f1",
    "oscr",
    "oscr_curve",
    "per_class_accuracy",
    "roc_curve",
    "threshold_sweep",
]
