"""Time and memory of all figures at the size of Places-LT: 36,500 known and 6,600 unknown pictures, 365 classes.

    nox -s bench -- openlt evaluation_speed

Logits are drawn at random, and scored and thrown away batch by batch as an evaluation does; then every figure and the
threshold sweep are computed from what is kept. The limits are 5 s and 1 GiB.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from records import write_csv
from scipy.special import log_softmax

from hr_common import device as devices
from openlt.metrics.figures import figures, threshold_sweep
from openlt.openset import DETECTORS

CLASSES, KNOWN, UNKNOWN, BATCH = 365, 36_500, 6_600, 128
NAMES = ("msp", "max-logit", "energy", "entropy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, default=Path(__file__).with_name("evaluation_speed.csv"))
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    rng = np.random.default_rng(arguments.seed)
    labels = np.concatenate([np.arange(KNOWN) % CLASSES, np.full(UNKNOWN, -1)])
    counts = np.maximum(5, (4980 / np.arange(1, CLASSES + 1) ** 1.2)).astype(np.int64)
    detectors = {name: DETECTORS[name]() for name in NAMES}
    drawn, spent = 0.0, time.process_time()
    predictions, scores = [], {name: [] for name in NAMES}
    for start in range(0, len(labels), BATCH):
        began = time.process_time()
        own = labels[start : start + BATCH]
        logits = rng.standard_normal((len(own), CLASSES), dtype=np.float32)
        logits[np.flatnonzero(own >= 0), own[own >= 0]] += 2
        drawn += time.process_time() - began
        predictions.append(log_softmax(logits, axis=1).argmax(axis=1))
        for name, detector in detectors.items():
            scores[name].append(detector.score(logits, logits))
    predicted = np.concatenate(predictions)
    rows = [
        figures(predicted, np.concatenate(scores[name]), labels, counts, split="test", detector=name) for name in NAMES
    ]
    sweep = threshold_sweep(predicted, np.concatenate(scores["msp"]), labels)
    seconds = time.process_time() - spent - drawn
    peak = devices.memory(torch.device("cpu")).peak / 2**30
    row = {
        "pictures": len(labels),
        "classes": CLASSES,
        "detectors": len(rows),
        "thresholds": len(sweep),
        "cpu_seconds": round(seconds, 2),
        "peak_gibibytes": round(peak, 3),
        "seed": arguments.seed,
    }
    write_csv(arguments.csv, [row])
    print(
        f"{len(labels):,} x {CLASSES} logits, {len(rows)} detectors, {len(sweep)} thresholds: {seconds:.2f} s of one "
        f"core, at most {peak:.2f} GiB resident (torch is most of it); wrote {arguments.csv}"
    )


if __name__ == "__main__":
    main()
